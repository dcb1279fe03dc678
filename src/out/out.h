/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sinks: what people and programs read of a scan. Each format is a row of struct out_ops;
 * struct outs owns the open ones and gives them the events as one subscriber on the bus,
 * after hosts.c. A sink appends to its buffer; writing happens when 128 KiB have come
 * together, when the coordinator calls outs_flush() (once a second, and at the end), and at
 * close; files are written by a thread while the scan runs. A write error is kept once and reported
 * by outs_close(); the scan goes on. The process must ignore SIGPIPE. Everything here: thread owner
 * (the bus's).
 */
#pragma once

#include "base/buf.h"
#include "event/hosts.h"
#include "out/view.h"
#include "out/writer.h"

/** Bytes that wait at most before they are written; a record may pass it by its own length. */
#define OUT_SPILL_BYTES (128u * 1024)
/** A single record (the ports of one host are many records) stays far below. */
#define OUT_BUF_MAX_BYTES (8u * 1024 * 1024)
#define OUTS_MAX          12

/** What the sinks are told. Borrowed until outs_close. */
struct out_conf {
	const struct scan_info *scan;
	const struct hosts *hosts;
	/** @return the port's name in the services file (may be @p out), or NULL when it has none.
	 * NULL: no names. */
	const char *(*service_name)(void *ctx, uint8_t proto, uint16_t port, char out[32]);
	/** @return the vendor of the address block, or NULL. NULL: no vendors. */
	const char *(*mac_vendor)(void *ctx, const struct mac *mac);
	/** The i-th range of targets. @return false after the last. NULL: not known. */
	bool (*target_range)(void *ctx, uint32_t i, struct addr *ret_first, struct addr *ret_last);
	void *ctx;
	const char *xml_stylesheet; /* href of nmap.xsl, or NULL for no instruction */
	int console_fd;             /* where the interactive report goes: 1 */
	int status_fd;              /* status line and --stats-every: 2 */
	bool is_status_tty;         /* status_fd is a terminal: a line is redrawn in place */
	uint64_t stats_every_ns;    /* 0: no --stats-every lines */
};

struct outs;
struct out;

/** Called with one event of the kind it stands for. */
typedef void out_fn(struct out *o, const struct event *ev);

/** A format. Kinds with a function are wanted; SCAN_STARTED comes first; hosts are read from
 * out_view() at HOST_FINISHED. */
struct out_ops {
	const char *name; /* "xml" */
	const char *help;
	const char *extension; /* of -oA: ".xml"; NULL: not a file format */
	bool closes_last;      /* after the others: its end tells of their failures */
	bool opens_itself;     /* path is for open, which makes no descriptor of it */
	bool sees_all;         /* hosts that are not to be shown too */
	size_t state_len;      /* bytes of the sink's own state, zeroed */
	int (*open)(struct out *o);
	out_fn *on[EVENT_N];          /* by enum event_kind */
	void (*flush)(struct out *o); /* before each outs_flush: make the text so far complete */
	void (*wipe)(struct out *o);  /* take a line drawn in place off the terminal */
	void (*close)(struct out *o); /* the scan is over: end the document */
};

/** One open sink. Sinks append to buf and call out_spill() inside long loops. */
struct out {
	const struct out_ops *ops;
	const struct out_conf *conf;
	struct outs *outs;
	struct buf buf;
	void *state;
	char *path; /* for messages; NULL: console or status line */
	struct writer_lane lane;
	bool owns_fd;
	bool is_console; /* the interactive report: its own first and last lines */
	bool is_begun;   /* has had SCAN_STARTED */
	int error;       /* 0, or the first -errno but for those of writing, which the lane has */
	char why[160];   /* more of an error than its code says; or "" */
};

extern const struct out_ops out_normal, out_grepable, out_xml, out_json, out_sqlite, out_progress;

/** All formats, NULL-terminated: the registry. */
extern const struct out_ops *const out_formats[];

/** @return 0 or -ENOMEM. Borrows @p conf. */
int outs_new(const struct out_conf *conf, struct outs **ret) MUST_CHECK;
/**
 * Open a sink. The file is created or truncated now, so that a wrong path stops the run before the
 * scan.
 * @param path borrowed; "-" is standard output, which one sink only may own.
 * @return 0; -errno of open (token: the path, want: the reason); -EBUSY when stdout is taken;
 * -E_FULL; -ENOMEM.
 */
int outs_add(struct outs *outs, const struct out_ops *ops, const char *path,
	     struct err_where *reterr) MUST_CHECK;
/** -oA: every format with an extension, as BASE + extension. @return as outs_add. */
int outs_add_all(struct outs *outs, const char *base, struct err_where *reterr) MUST_CHECK;
/**
 * The interactive report on console_fd and, when wanted by conf, the status line. Call after the
 * files: a machine format on "-" keeps stdout for itself, and then there is no report. @return 0 or
 * -ENOMEM.
 */
int outs_add_console(struct outs *outs) MUST_CHECK;
/** Subscribe to the bus; after hosts_new and the last outs_add. @return 0 or -E_FULL. */
int outs_start(struct outs *outs, struct bus *bus) MUST_CHECK;
/** Hand what has come together to the kernel. Cheap when there is nothing. */
void outs_flush(struct outs *outs);
/** The same, and wait until it is there: before a pause. */
void outs_sync(struct outs *outs);
/** The same at the end of a scan: on return all is written, or its error known. */
void outs_settle(struct outs *outs);
/** True when no report can be written any more: every sink but the status line has met a write
 * error. */
bool outs_are_broken(const struct outs *outs);
/** True when a write error of any report has been met so far (exit code 3). */
bool outs_have_failed(const struct outs *outs);
/** Wipe the status line before others write to the terminal; the next progress event draws it
 * again. */
void outs_clear_status(struct outs *outs);
/** The reports that could not be written: the file and the reason of each. */
struct outs_failures {
	uint32_t n;
	struct err_where at[OUTS_MAX];
};
/**
 * End every document, write, close, free. Accepts NULL.
 * @return 0, or the first sink's -errno (exit code 3). @param ret filled in either case.
 */
int outs_close(struct outs *outs, struct outs_failures *ret);

/* For sinks */

/** Write when OUT_SPILL_BYTES have come together. Call between records in a loop over ports. */
void out_spill(struct out *o);
/** Write at once. */
void out_write(struct out *o);
/** The host of the HOST_FINISHED event under way, loaded once for all sinks. */
const struct view *out_view(const struct out *o);
/** Scan facts that several formats print at the end. */
struct out_totals {
	uint64_t n_hosts; /* finished hosts, up or not */
	uint64_t max_pps; /* highest rate a progress event named */
	uint64_t start_mono_ns;
};
const struct out_totals *out_totals(const struct out *o);
