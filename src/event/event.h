/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The facts the program states, once, as fixed-size records. Workers write them into
 * their rings, the bus stamps a sequence number and hands them to the sinks.
 */
#pragma once

#include "event/coverage.h"
#include "event/facts.h"
#include "event/osfacts.h"
#include "event/tlsfacts.h"
#include "wire/addr.h"
#include "wire/portset.h"

enum port_state {
	PORT_UNKNOWN,
	PORT_OPEN,
	PORT_CLOSED,
	PORT_FILTERED,
	PORT_UNFILTERED,
	PORT_OPEN_FILTERED,
	PORT_CLOSED_FILTERED,
	PORT_STATE_N
};
enum host_state { HOST_UNKNOWN, HOST_UP, HOST_DOWN, HOST_STATE_N };
/** What makes a host's open ports doubtful; of two the greater says more. */
enum host_mark {
	HOST_HONEST,
	HOST_ALL_OPEN,    /* answers "open" whatever is asked */
	HOST_SYN_PROXY,   /* the same, from another distance than the host itself */
	HOST_ZERO_WINDOW, /* accepts connections but no data: a tarpit, or a proxy at work */
	HOST_MARK_N
};

/** Why a state was concluded; names are nmap's. */
// clang-format off
#define REASON_LIST(X) \
	X(REASON_UNKNOWN, "unknown-response") X(REASON_NO_RESPONSE, "no-response") X(REASON_SYN_ACK, "syn-ack") X(REASON_ZERO_WINDOW, "zero-window") \
	X(REASON_RESET, "reset") X(REASON_CONN_REFUSED, "conn-refused") X(REASON_UDP_RESPONSE, "udp-response") \
	X(REASON_INIT_ACK, "init-ack") X(REASON_ABORT, "abort") \
	X(REASON_ECHO_REPLY, "echo-reply") X(REASON_TIMESTAMP_REPLY, "timestamp-reply") X(REASON_MASK_REPLY, "addressmask-reply") \
	X(REASON_ARP_RESPONSE, "arp-response") X(REASON_ND_RESPONSE, "nd-response") X(REASON_NET_UNREACH, "net-unreach") \
	X(REASON_HOST_UNREACH, "host-unreach") X(REASON_PROTO_UNREACH, "proto-unreach") X(REASON_PORT_UNREACH, "port-unreach") \
	X(REASON_DEST_UNREACH, "dest-unreach") X(REASON_NET_PROHIBITED, "net-prohibited") X(REASON_HOST_PROHIBITED, "host-prohibited") \
	X(REASON_ADMIN_PROHIBITED, "admin-prohibited") X(REASON_NO_ROUTE, "no-route") X(REASON_BEYOND_SCOPE, "beyond-scope") \
	X(REASON_REJECT_ROUTE, "reject-route") X(REASON_PARAM_PROBLEM, "param-problem") X(REASON_TIME_EXCEEDED, "time-exceeded") \
	X(REASON_LOCALHOST, "localhost-response") X(REASON_USER_SET, "user-set") X(REASON_PERM_DENIED, "perm-denied")
// clang-format on
#define X(name, text) name,
enum reason { REASON_LIST(X) REASON_N };
#undef X

/** "open|filtered"; never NULL. */
const char *port_state_name(enum port_state s);
const char *host_state_name(enum host_state s);
/** "all-open"; "honest" for HOST_HONEST. */
const char *host_mark_name(enum host_mark m);
const char *reason_name(enum reason r);
/** "tcp", "udp", "sctp", "icmp"; "ip" for others. */
const char *proto_name(uint8_t proto);

enum event_kind {
	EVENT_SCAN_STARTED,
	EVENT_SCAN_COMPLETED,
	EVENT_SCAN_ERROR,
	EVENT_STAGE_CHANGED,
	EVENT_PROGRESS,
	EVENT_HOST_DISCOVERED,
	EVENT_PORT_FOUND,
	EVENT_HOST_SCANNED,
	EVENT_HOST_NAMED,
	EVENT_HOST_FINISHED,
	EVENT_WARNING,
	EVENT_PACKET,
	EVENT_CHECKPOINT,
	EVENT_SERVICE_DETECTED,
	EVENT_BANNER_GRABBED,
	EVENT_HOST_DETECTED,
	EVENT_RATE_LIMIT,
	EVENT_OS_DETECTED,
	EVENT_TLS_FOUND,
	EVENT_CERTIFICATE_FOUND,
	EVENT_TARGET_NAMED,
	EVENT_SCAN_PAUSED,
	EVENT_SCAN_RESUMED,
	EVENT_SCAN_CANCELLED,
	EVENT_RETRY_SCHEDULED,
	EVENT_METRIC,
	EVENT_REPLY_HEARD,
	EVENT_NOTHING_FOUND,
	EVENT_N
};
#define EVENT_BIT(kind) (1u << (kind))

/** In the order of a scan; a scan of small groups discovers hosts while it scans ports, and is in
 * the latter stage. */
enum stage {
	STAGE_INITIALIZING,
	STAGE_RESOLVING_TARGETS,
	STAGE_DISCOVERING_HOSTS,
	STAGE_SCANNING_PORTS,
	STAGE_DETECTING_SERVICES, /* ports are known; what is behind them not of all */
	STAGE_FINALIZING,         /* last names, last hosts */
	STAGE_COMPLETED,
	STAGE_N
};
const char *stage_name(enum stage s);

/** One scan type of the run as outputs describe it. Static data. */
struct scan_desc {
	const char *name;     /* XML scaninfo type: "syn", "connect", "ping" */
	const char *title;    /* "SYN Stealth Scan" */
	uint8_t proto;        /* PROTO_*; 0 for ping and list scans */
	uint8_t silent_state; /* enum port_state of a port that never answered */
};

/** What is true for the whole scan. Built by cli before the first event; borrowed by everyone until
 * the bus is gone. */
struct scan_info {
	const char *version;
	const char *args; /* the command line, quoted as needed */
	char scan_id[37]; /* UUID text */
	uint64_t seed;
	uint64_t start_wall_ns;
	const struct scan_desc *types[4];
	uint32_t n_types;
	const struct port_set *ports; /* all ports asked per host; empty for -sn and -sL */
	bool is_list;                 /* -sL */
	bool is_ping_only;            /* -sn */
	bool skips_discovery;         /* -Pn: a silent host counts as up, reason user-set */
	uint64_t n_hosts;             /* saturates at UINT64_MAX */
	uint64_t targets_sum;         /* of all targets, shards of one scan alike */
	uint32_t shard_idx, n_shards; /* --shard, idx from 0; n_shards 0: the whole */
	bool is_sharded_by_port;      /* this shard asks some ports of every host, not some hosts */
	bool wants_reason, wants_open_only, wants_trace;
	int verbosity, debugging;
	bool wants_names;         /* PTR names are looked up: a finished host waits for its name */
	bool wants_down_names;    /* -R: hosts that are down wait for theirs too */
	bool wants_order;         /* finished hosts are released in target order */
	uint32_t n_parts;         /* EVENT_HOST_SCANNED that each host gets; 0 counts as 1 */
	const char *const *specs; /* targets as the user gave them */
	uint32_t n_specs;
	const char *input_file; /* -iL, or NULL */
	bool wants_services;    /* -sV: open ports are asked what they are */
	bool wants_tls;         /* --tls-cert-analysis */
	uint8_t n_detectors;    /* EVENT_HOST_DETECTED that a host up waits for, one of each */
	uint8_t silent_attempt; /* attempt of the last probe to a port that stays silent:
				   retransmissions at most */
};

struct ev_scan_completed {
	uint64_t elapsed_ns;
	uint64_t n_sent, n_received; /* packets (connect scan: attempts, outcomes) */
	uint64_t n_up, n_down, n_dishonest;
	uint64_t n_unseen; /* of n_down: known by number only, never finished as hosts */
	uint64_t n_ports[PORT_STATE_N];
	uint64_t n_dup, n_late, n_forged; /* replies not believed */
	uint64_t n_unproven;              /* nor these: no acknowledgement, so no proof */
	uint64_t n_local_drops;           /* the two below together */
	uint64_t n_rx_drops;              /* replies our socket buffers had no room for */
	uint64_t n_tx_errors;             /* packets the kernel would not send */
	uint64_t n_no_route;              /* hosts that the kernel knows no way to */
	uint64_t n_left_out;              /* hosts not asked for a reason of our own */
	uint64_t n_malformed;             /* packets that could not be read, or with a wrong sum */
	uint64_t n_tx_calls;              /* transmit system calls */
	const char *backend;              /* static text */
	const struct scan_trust *trust;   /* NULL: nothing was asked (-sL) */
	uint8_t exit_code;
	bool interrupted;
	bool broke_off; /* the engine ended with an error: results are partial */
};

struct ev_stage {
	uint8_t from, to; /* enum stage */
};

struct ev_progress {
	uint8_t stage;
	uint64_t n_done, n_total; /* probes of this stage; n_total saturates */
	uint64_t n_sent;          /* packets so far */
	uint64_t rate_pps;        /* over the last interval */
	uint64_t n_hosts_done, n_hosts;
	uint64_t elapsed_ns, eta_ns; /* eta_ns 0: unknown */
	double percent;              /* of n_total, or of hosts where these are what is counted */
	uint64_t hosts_per_min, rate_bps; /* over the last interval; bits on the wire, 0: unknown */
};

/** scan_paused, scan_resumed, scan_cancelled. */
struct ev_reason {
	const char *reason; /* "SIGINT"; static text */
};

/** retry_scheduled: probes that are sent again because no answer came, many in one record. */
struct ev_retry {
	struct addr addr; /* of the host; family ADDR_NONE: of several */
	uint32_t n_probes;
	uint32_t wait_us; /* how long answers were waited for: of the last of them */
	uint8_t attempt;  /* the highest: 1 is the first retransmission */
};

/** metric_recorded. */
struct ev_metric {
	uint8_t metric; /* enum metric */
	double value;
};

struct ev_host {
	struct addr addr;
	uint8_t state;  /* enum host_state */
	uint8_t reason; /* enum reason */
	uint8_t ttl;    /* of the reply; 0 unknown */
	bool has_mac;
	struct mac mac;
	uint32_t rtt_us;  /* 0 unknown */
	struct addr from; /* who answered when not addr itself, else family ADDR_NONE */
};

struct ev_port {
	struct addr addr;
	uint16_t port;
	uint8_t proto, state, reason, ttl;
	uint8_t attempt; /* 0: answered the first probe */
	uint32_t rtt_us;
	struct addr from; /* sender of an ICMP error when not addr, else ADDR_NONE */
};

/** A piece of the datagram that made a port open: all of them, in order, just before its
 * port_found, from the same part. Written only when services are detected; nobody else wants it. */
struct ev_reply {
	uint16_t port;
	uint16_t off, total_bytes;
#define REPLY_PIECE_MAX 208
	uint16_t n_bytes;
	uint8_t bytes[REPLY_PIECE_MAX];
};

/** A detector has asked and has nothing to tell. For the journal: a resumed scan does not ask
 * again. */
struct ev_nothing {
	struct addr addr;
	uint16_t port; /* 0: of the host */
	uint8_t proto;
	uint8_t of; /* enum event_kind that would have told it */
};

/** Why a host is marked; all zero for an honest one. */
struct ev_evidence {
	uint8_t mark;                        /* enum host_mark */
	uint8_t n_canaries, n_canaries_open; /* random ports that nobody asked for */
	uint8_t ttl_open, ttl_other;         /* of open ports, of other answers; 0 unknown */
	uint32_t n_asked, n_open, n_zero;    /* asked ports; open ones; these with window 0 */
};

/** host_scanned (from the engine) and host_finished (from hosts.c, results complete and named). */
struct ev_host_done {
	struct addr addr;
	uint8_t state;     /* enum host_state */
	uint8_t reason;    /* of the state */
	bool is_partial;   /* broken off: ports not reported are unknown, not silent */
	bool is_given_up;  /* the same, but by decision: dishonest */
	bool is_timed_out; /* the same, for --host-timeout; of host_finished without is_partial:
			      detection was ended by it */
	bool is_detection_timed_out; /* of host_scanned from stored results alone */
	struct ev_evidence evidence;
	uint32_t srtt_us, rttvar_us,
		rto_us; /* 0 unknown; srtt_us is the lowest seen: without our own queues */
};

/** host_detected. */
struct ev_detected {
	bool is_timed_out; /* --host-timeout ended it: what was found stands, there may be more */
};

struct ev_named {
	const char *name; /* borrowed during publish; NULL: no name */
};

/** Why a rate changed. */
enum rate_cause {
	RATE_ANSWERS_MISSING,  /* a smaller share of probes was answered than before */
	RATE_ANSWERS_REPEATED, /* more answers came to retransmissions than to first attempts */
	RATE_LIFTED,           /* the limit is found to limit nothing */
	RATE_CAUSE_N
};
/** "answers_missing"; never NULL. */
const char *rate_cause_name(enum rate_cause c);

/** Measured of the scan, told about once a second and at its end. */
// clang-format off
#define METRIC_LIST(X) \
	X(METRIC_SENT, "sent_packets", "packets", true, "Probes sent, retransmissions included; connect scan: attempts") \
	X(METRIC_RECEIVED, "received_packets", "packets", true, "Answers received; connect scan: outcomes") \
	X(METRIC_SENT_BYTES, "sent_bytes", "bytes", true, "Bytes of probes from the network header on; 0 for connect scans") \
	X(METRIC_CONCLUDED, "concluded_probes", "probes", true, "Probes answered or given up") \
	X(METRIC_HOSTS_DONE, "finished_hosts", "hosts", true, "Hosts whose results are complete") \
	X(METRIC_OPEN, "open_ports", "ports", true, "Open ports of finished hosts") \
	X(METRIC_EVENTS, "published_events", "events", true, "Events published on the bus") \
	X(METRIC_DROPPED, "dropped_events", "events", true, "Events that the event log had no room for") \
	X(METRIC_RATE, "rate_packets_per_second", "packets_per_second", false, "Packets sent a second, lately") \
	X(METRIC_ELAPSED, "elapsed_seconds", "seconds", false, "Time since the scan began") \
	X(METRIC_MEMORY, "resident_memory_bytes", "bytes", false, "Resident set of the process")
// clang-format on
#define X(id, ...) id,
enum metric { METRIC_LIST(X) METRIC_N };
#undef X
/** One of them; its name ends in its unit. */
struct metric_spec {
	const char *name, *unit, *help;
	bool is_counter; /* never falls */
};
extern const struct metric_spec metric_specs[METRIC_N];

/** rate_limit_triggered: what the scan found out about how fast it may ask. A bounded number a
 * scan. */
struct ev_rate_limit {
	struct addr addr;                 /* of the host; family ADDR_NONE: the path of all hosts */
	uint8_t proto;                    /* of the probes, when addr is set */
	uint8_t cause;                    /* enum rate_cause */
	uint32_t current_pps, target_pps; /* sent at lately; from now on, 0: no limit */
};

/** service_detected, banner_grabbed. */
struct ev_service {
	struct addr addr;
	uint16_t port;
	uint8_t proto;
	const struct service_facts *facts; /* borrowed during publish */
};

/** os_detected. */
struct ev_os {
	struct addr addr;
	const struct os_facts *facts; /* borrowed during publish */
};

/** tls_found, certificate_found. */
struct ev_tls {
	struct addr addr;
	uint16_t port;
	uint8_t proto;
	uint32_t cert_idx;             /* certificate_found: which of facts->certs */
	const struct tls_facts *facts; /* borrowed during publish, unless the block is held */
	struct facts *block;           /* owns facts */
};

struct ev_text {
	uint8_t severity; /* enum log_level */
	bool recoverable;
	char text[92];
};

/** --packet-trace: the head of one packet from the network header on. */
struct ev_packet {
	bool is_sent;
	bool is_arp;     /* head is an ARP body */
	uint8_t cap_len; /* bytes kept */
	uint16_t len;    /* bytes on the wire, network layer on */
	uint64_t mono_ns;
	uint8_t head[84];
};

enum checkpoint {
	CHECKPOINT_GROUP,  /* a group of hosts was opened */
	CHECKPOINT_SILENT, /* probes of a group ended without an answer */
	CHECKPOINT_DOWN,   /* the discovery pass found no life in host_idx; group unused */
	CHECKPOINT_N
};

/** What a journal must know beyond results, so that a resumed scan repeats nothing. Written only
 * when there is a journal; nobody else wants it. */
struct ev_checkpoint {
	uint8_t what; /* enum checkpoint */
	uint8_t n_probes;
	uint64_t group; /* ordinal of the group's first host */
#define CHECKPOINT_PROBES_MAX 38
	uint32_t probe[CHECKPOINT_PROBES_MAX]; /* host's place in the group * port probes a host +
						  probe */
};

struct event {
	uint64_t seq;      /* from 1, set by bus_publish */
	uint64_t time_ns;  /* wall clock, set by the producer, 0: set by bus_publish */
	uint64_t host_idx; /* host's place in target order: key of hosts.c; valid for host, port,
			      done, named, service, reply, retry of one host, and for host_detected,
			      which has no more */
	uint32_t kind;     /* enum event_kind */
	uint32_t part;     /* worker that wrote it */
	union {
		struct ev_scan_completed completed;
		struct ev_stage stage;
		struct ev_progress progress;
		struct ev_host host;
		struct ev_port port;
		struct ev_host_done done;
		struct ev_named named;
		struct ev_detected detected;
		struct ev_service service;
		struct ev_os os;
		struct ev_tls tls;
		struct ev_text text;
		struct ev_packet packet;
		struct ev_rate_limit rate;
		struct ev_checkpoint checkpoint;
		struct ev_reason reason;
		struct ev_retry retry;
		struct ev_metric metric;
		struct ev_reply reply;
		struct ev_nothing nothing;
	};
};
static_assert(sizeof(struct event) <= 256, "event records stay small");
