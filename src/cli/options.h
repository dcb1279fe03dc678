/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The option table and everything generated from it: the argv parser (argv.c), help, man page,
 * completions and reference (helptext.c). One row per option in options.c; nothing else names one.
 * Thread: owner.
 */
#pragma once

#include "base/buf.h"
#include "engine/pace.h"
#include "target/ports.h"
#include "target/space.h"
#include "target/spec.h"

/** Index into opt_tx_backends; every name but "auto" is a row of the pktio registry. */
enum tx_backend {
	TX_AUTO,
	TX_RAWIP,
	TX_AFPACKET,
	TX_XDP,
	TX_AFXDP,
	TX_AFXDP_ZC,
	TX_TXRING,
	TX_BACKEND_N
};
enum connect_backend { CONNECT_AUTO, CONNECT_IO_URING, CONNECT_EPOLL, CONNECT_BACKEND_N };
/** -T; the first changes nothing. */
enum timing {
	TIMING_NORMAL,
	TIMING_PARANOID,
	TIMING_SNEAKY,
	TIMING_POLITE,
	TIMING_AGGRESSIVE,
	TIMING_INSANE,
	TIMING_N
};
extern const char *const opt_timings[TIMING_N + 1];
/** --rate: "auto" finds limits, "max" does not. */
extern const char *const opt_rates[];
extern const char *const opt_tx_backends[TX_BACKEND_N + 1];
extern const char *const opt_connect_backends[CONNECT_BACKEND_N + 1];

#define SHARDS_MAX 65536u /* machines that can divide a scan */

/** -n, -R, or neither: names are looked up for hosts that are up. */
enum names_mode { NAMES_UP, NAMES_NEVER, NAMES_ALL };

/** File names as given ("-" is stdout); NULL: not asked for. At most one is stdout, no two are
 * equal. */
struct output_requests {
	const char *normal, *xml, *grepable, *json;
	const char *db;                  /* --with-db; never "-" */
	const char *event_log, *metrics; /* never "-" */
	const char *profile;             /* --profile: a directory */
	const char *all_base; /* -oA: every format, each with its own extension; never "-" */
};

/**
 * What the command line says, checked token by token. Texts borrow argv; the two lists inside
 * target are owned and released by config_fini. ports.wants stays as config_init leaves it: it
 * follows from the scan types.
 */
struct config {
	struct target_conf target;
	struct ports_conf ports;
	struct output_requests out;

	/* Scan types as asked; none: the caller chooses by privilege. At most one of the three
	 * is set. */
	uint8_t tcp_scan;           /* flag letter of a TCP row */
	bool wants_udp, wants_sctp; /* with or without a TCP row */
	bool wants_ping_only, wants_list;
	bool skips_discovery; /* -Pn */

	/* Discovery probes as asked, instead of the usual ones; port lists or NULL. */
	bool pings_echo, pings_timestamp, pings_mask, pings_link;
	const char *pings_syn, *pings_ack, *pings_udp, *pings_sctp;
	bool skips_link_ping; /* --disable-arp-ping */

	bool wants_details;           /* -A: the next, wants_tls and wants_os */
	bool wants_services;          /* -sV */
	bool wants_banners;           /* --banner-grab */
	bool wants_tls;               /* --tls-cert-analysis */
	const char *tls_name;         /* --tls-sni; NULL: what the user typed */
	const char *ca_file;          /* --ca-file; NULL: the system's */
	bool asks_all_ports;          /* --all-ports: also those that the probe file excludes */
	uint32_t version_intensity;   /* rarest probe for ports that it does not list */
	uint32_t version_parallelism; /* connections to one port */
	const char *probe_file;       /* --probe-db; NULL: search */

	bool wants_os;       /* -O */
	bool yields_os;      /* it is wanted by -A alone, which goes on without it */
	bool limits_os;      /* --osscan-limit */
	bool guesses_os;     /* --osscan-guess */
	uint32_t os_tries;   /* --max-os-tries; 0: by the conditions */
	const char *os_file; /* --os-db; NULL: search */

	uint8_t names;             /* enum names_mode */
	const char *services_file; /* --servicedb; NULL: search */
	const char *payload_file;  /* --payload-db; NULL: search */
	const char *stylesheet;    /* NULL: nmap's */
	bool wants_no_stylesheet;
	const char *iface_name;       /* -e; NULL: the route's */
	struct addr source4, source6; /* -S; family ADDR_NONE: the route's */
	uint16_t source_port;         /* -g; 0: a free one */
	uint8_t ttl;                  /* 0: the default */

	uint32_t max_rate_pps;   /* 0: no limit */
	bool never_abandons;     /* --no-abandon */
	uint32_t max_retries;    /* retransmissions of one probe */
	uint32_t again_max;      /* answered ports asked once more */
	double coverage_min;     /* fraction, below which the exit code is 3; 0: the default */
	uint32_t initial_rto_us; /* min_rto_us <= initial_rto_us <= max_rto_us */
	uint32_t min_rto_us;
	uint32_t max_rto_us;
	uint32_t batch;            /* packets per transmit call; 0: chosen */
	struct pace_bounds bounds; /* --min-rate, --scan-delay, ... */
	uint8_t timing;            /* -T: index into opt_timings */
	uint8_t rate;              /* --rate: index into opt_rates */
	uint32_t n_threads;        /* 0: chosen */
	uint64_t seed;             /* meaningful when has_seed */
	bool has_seed;
	struct shard shard;      /* --shard; n 0: not asked */
	uint8_t tx_backend;      /* enum tx_backend */
	uint8_t connect_backend; /* enum connect_backend */

	uint32_t verbosity; /* -v; never below debugging */
	uint32_t debugging; /* -d */
	bool wants_reason, wants_open_only, wants_trace, wants_iflist;
	bool is_confirmed;              /* --yes */
	uint32_t stats_every_ms;        /* 0: not asked */
	uint64_t event_log_bytes;       /* of one file; 0: all in one */
	bool wants_help, wants_version; /* parsing stopped at them: nothing else is checked */
	const char *help_topic;         /* prtip help TOPIC, or NULL */
	bool wants_merge;               /* prtip merge: target.specs are files */
	bool wants_db;                  /* prtip db: target.specs are a verb, a file, ... */
	bool wants_replay;              /* prtip replay: the same, one file */
	const char *capture_file;       /* --packet-capture, or NULL */
	const char *journal_file;       /* --journal, or NULL */
	const char *resume_file;        /* --resume: everything else comes from it; or NULL */
	const char *const *argv;        /* the words parsed; borrowed */
	uint32_t argc;
};

enum opt_kind {
	OPT_FLAG,     /* no value; stores opt_spec.value */
	OPT_COUNT,    /* -v -vv -v2; stores uint32_t */
	OPT_UINT,     /* decimal, min..max; stores an unsigned field of any size */
	OPT_DURATION, /* 1.5 = seconds, or with ms s m h; stores uint32_t in units of scale_ns */
	OPT_RATIO,    /* double, greater than 0, less than 1 */
	OPT_STRING,   /* any non-empty text */
	OPT_PATH,     /* file name; "-" where is_stdio_ok */
	OPT_LIST,     /* repeatable text: pointer at offset, count at count_offset */
	OPT_CHOICE,   /* one of choices; stores its index as uint8_t */
	OPT_SHARE,    /* "2/5": the second of five, as struct shard (idx from 0); max: of n */
	OPT_ADDR,     /* address literal; v4 at offset, v6 in the struct addr that follows it */
	OPT_KIND_N
};

enum opt_group {
	OPT_TARGETS,
	OPT_DISCOVERY,
	OPT_SCANS,
	OPT_PORTS,
	OPT_DETECTION,
	OPT_PACKETS,
	OPT_TIMING,
	OPT_OUTPUT,
	OPT_MISC,
	OPT_GROUP_N
};

/** Relation to nmap's option of the same name. */
enum opt_nmap { NMAP_SAME, NMAP_EXTENDED, NMAP_OURS, NMAP_LEVEL_N };

/** Rows of one set exclude each other. */
enum opt_excl {
	EXCL_NONE,
	EXCL_SCAN,
	EXCL_PORTS,
	EXCL_FAMILY,
	EXCL_NAMES,
	EXCL_STYLESHEET,
	EXCL_N
};

/** One option. Invariant: long_name or short_name is set; help, group and nmap always; metavar when
 * it takes a value. */
struct opt_spec {
	const char *long_name;  /* without dashes, or NULL */
	const char *short_name; /* "p", or a family letter and a member: "sS", "oN"; or NULL */
	const char *metavar;
	const char *help;   /* one or more sentences without the final full stop */
	const char *unit;   /* OPT_UINT, OPT_STRING, OPT_LIST: what the value is, as in "want UNIT";
			       OPT_CHOICE: said after the choices, or NULL */
	const char *absent; /* OPT_STRING: the value may be left out and is then this; it
			       is never the next word */
	const char *zero;   /* what 0 means where 0 is accepted beside min..max, else NULL */
	const char *const *choices; /* OPT_CHOICE, NULL-terminated */
	const char *const *aliases; /* other words for them in the same order, or NULL */
	uint64_t min, max;
	uint64_t dflt;     /* OPT_UINT, OPT_DURATION: applied by config_init, shown in help */
	uint64_t value;    /* OPT_FLAG */
	uint64_t scale_ns; /* OPT_DURATION: unit of the field, of min, max and dflt */
	uint16_t offset, count_offset,
		given_offset; /* given_offset: a bool set when the option appears, 0 none */
	uint8_t size;         /* of the field, in bytes */
	uint8_t kind, group, nmap, excl;
	bool is_once;     /* a second one would silently drop the first: refused */
	bool is_view;     /* says how results are shown: goes with prtip merge too */
	bool is_alone;    /* no other option and no target may stand beside it */
	bool is_stdio_ok; /* OPT_PATH: "-" is stdin or stdout */
};

/** The table, in order of display. */
extern const struct opt_spec opt_table[];
extern const uint32_t opt_table_n;

/** A first word that makes the rest something else than a scan. */
struct cmd_spec {
	const char *name, *syntax; /* "merge", "merge FILE... [OUTPUT OPTIONS]" */
	const char *help;          /* sentences */
	uint16_t offset;           /* of its bool in struct config */
};
extern const struct cmd_spec cmd_table[];
extern const uint32_t cmd_table_n;

/** Group's title ("Target specification"); nmap level's remark ("as in nmap"). Static, never NULL.
 */
const char *opt_group_title(enum opt_group g);
const char *opt_nmap_text(enum opt_nmap level);
bool opt_takes_value(const struct opt_spec *o);
/** "--max-rate", else "-sS": the name messages use. @return @p out. */
#define OPT_NAME_CAP 40
char *opt_name(const struct opt_spec *o, char out[OPT_NAME_CAP]);
/** "packets per second, 1 to 100000000 (0 = no limit)": the accepted form, appended to @p b. */
void opt_put_want(const struct opt_spec *o, struct buf *b);
/** A value of the row's scale as text: "250ms" for durations, digits otherwise. */
void opt_put_number(const struct opt_spec *o, uint64_t v, struct buf *b);

/** Defaults of every row. */
void config_init(struct config *c);
/** Release the lists; accepts a config that options_parse refused. */
void config_fini(struct config *c);

/** One line for the user without the program's name; printable, truncated, never overflowed. */
struct opt_error {
	char text[400];
};

/**
 * Parse a command line as nmap's getopt_long does: options and targets in any order, "--" ends
 * options,
 * --x y and --x=y, unambiguous prefixes, -p22 and -p 22, -sS -Pn -oN FILE, clusters such as -nvv; a
 * full long name after one dash is the long option. "help [TOPIC]" as first word is a command.
 * @param ret initialised here, also on failure (config_fini is then still due); borrows argv.
 * @return 0; -E_SYNTAX (unknown, ambiguous, malformed, missing value), -E_RANGE, -E_EMPTY (no
 * targets), -ENOMEM, each with @p reterr.
 */
int options_parse(int argc, char **argv, struct config *ret, struct opt_error *reterr) MUST_CHECK;

/**
 * Nearest option to @p word (dashes included) by edit distance: a slip in every third letter at
 * most.
 * @return its spelling in @p out, "" when none is that near.
 */
char *options_nearest(const char *word, char out[OPT_NAME_CAP]);

/**
 * Help for the terminal: everything by group, or with @p topic what its text finds in names, groups
 * and texts, in detail. @return options shown; 0: nothing matches, @p b then says so and names the
 * nearest option if one is near.
 */
uint32_t options_help(const char *topic, struct buf *b);
void options_man(struct buf *b);
void options_completion_bash(struct buf *b);
void options_completion_zsh(struct buf *b);
void options_markdown(struct buf *b);
/** Every spelling ("--max-rate", "-sS"), one per line. */
void options_list(struct buf *b);
