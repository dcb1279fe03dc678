/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The moving parts as one object: workers (raw packets or kernel connects) that share nothing
 * but read-only configuration, and a coordinator on the caller's thread that pumps their
 * events into the bus. A small raw scan runs its single worker on the caller's thread.
 */
#pragma once

#include "engine/jrecord.h"
#include "engine/pace.h"
#include "event/bus.h"
#include "event/profile.h"
#include "pktio/pktio.h"
#include "pktio/route.h"
#include "probe/scantype.h"
#include "target/space.h"
#include "target/spec.h"

#define ENGINE_PINGS_MAX   30
#define ENGINE_TYPES_MAX   4
#define ENGINE_WORKERS_MAX 8u

enum conn_backend { CONN_AUTO, CONN_URING, CONN_EPOLL, CONN_N };

/** One discovery probe: a row and, for TCP and UDP, its port. */
struct ping_probe {
	const struct scan_type *type;
	uint16_t port;
};

/** Everything the engine is told. Zero means the default unless said otherwise. */
struct engine_conf {
	const struct scan_type *types[ENGINE_TYPES_MAX]; /* port scan rows; none for -sn */
	uint32_t n_types;
	struct ping_probe pings[ENGINE_PINGS_MAX]; /* discovery of targets behind a router */
	uint32_t n_pings;
	bool skips_discovery;      /* -Pn */
	bool skips_link_ping;      /* link targets get the probes of routed ones */
	uint32_t max_rate_pps;     /* 0: no limit */
	bool never_abandons;       /* dishonest hosts are scanned on */
	uint32_t max_retries;      /* retransmissions of one probe at most */
	uint32_t again_max;        /* answered ports asked once more at most, to measure loss */
	uint32_t initial_rto_us;   /* before any RTT is known; default 1 s */
	uint32_t min_rto_us;       /* default 25 ms */
	uint32_t max_rto_us;       /* default 10 s */
	uint32_t batch;            /* packets per transmit call; 0: chosen */
	struct pace_bounds bounds; /* connect scan: max_outstanding 0: from the fd limit */
	uint32_t n_threads;        /* 0: by size of the scan and cores */
	uint64_t seed;             /* order and keys */
	struct shard shard;        /* hosts that are ours; n 0: all */
	uint8_t ttl;               /* 0: 64 */
	const struct payloads *payloads; /* UDP requests; borrowed; needed with UDP rows */
	uint16_t source_port;         /* -g; 0: a free one, reserved in the kernel for the scan */
	struct addr source4, source6; /* -S; family ADDR_NONE: the route's */
	uint32_t if_idx;              /* -e */
	const struct pktio_ops *backend;  /* NULL: chosen */
	uint8_t conn_backend;             /* connect scan: enum conn_backend */
	bool wants_trace;                 /* --packet-trace: EVENT_PACKET for every packet */
	struct capture *capture;          /* --packet-capture; NULL: none */
	bool wants_checkpoints;           /* EVENT_CHECKPOINT for a journal */
	bool wants_replies;               /* EVENT_REPLY_HEARD for service detection */
	bool wants_retries;               /* EVENT_RETRY_SCHEDULED */
	bool wants_profile;               /* workers measure themselves: engine_profile */
	const struct engine_shape *shape; /* divide the work as an earlier part of this scan did */
	/** Called on the coordinator's thread about every millisecond while the scan runs. */
	void (*on_tick)(void *ctx, uint64_t now_ns);
	void *tick_ctx;
};

struct engine;

/**
 * Open sockets, take all memory. Nothing is sent yet; privileges may drop after this.
 * Borrows conf's pointees, targets, ports, routes and bus until engine_free.
 * @return 0; -E_PRIVILEGE (raw rows without CAP_NET_RAW); -E_NOROUTE; -ENOMEM; -errno. @p reterr
 * names the failing thing.
 */
int engine_new(const struct engine_conf *conf, const struct targets *targets,
	       const struct port_set *ports, struct route_table *routes, struct bus *bus,
	       struct engine **ret, struct err_where *reterr) MUST_CHECK;
/** Run to the end or until CONTROL_STOP; publishes on the caller's thread. @return 0, or -errno of
 * a broken device. */
int engine_run(struct engine *e) MUST_CHECK;
/** Progress so far, of the discovery pass while that runs. Thread: coordinator; worker counters are
 * read without synchronisation, so slightly stale. */
struct engine_progress {
	uint64_t n_concluded, n_total, n_sent, n_received, n_hosts_done;
	uint64_t n_sent_bytes; /* from the network header on; 0 for connects */
};
void engine_progress(const struct engine *e, struct engine_progress *ret);
/** How the work is divided. */
void engine_shape(const struct engine *e, struct engine_shape *ret);
/**
 * One event of an earlier part of this scan, between engine_new and engine_run: what it concludes
 * is not asked again. @return 0; -E_SYNTAX: the event cannot be of this scan; -ENOMEM.
 */
int engine_restore(struct engine *e, const struct event *ev) MUST_CHECK;
/** Workers a host is split over: n_parts of hosts_new. */
uint32_t engine_n_parts(const struct engine *e);
/** The back end in use: static text. */
const char *engine_backend(const struct engine *e);
/** Why faster ones are not, "name: reason; ..."; "" when there is nothing to say. Valid until
 * engine_free. */
const char *engine_backend_notes(const struct engine *e);
/** @return ports that stayed silent while their host's answers were limited: more attempts than
 * others had, and still some may have answered none for the limit. After engine_run(). */
uint64_t engine_n_silent_limited(const struct engine *e);
/** How often the way out was down for a while, and for how long in all; what was under way was
 * asked again. After engine_run. */
uint32_t engine_outages(const struct engine *e, uint64_t *ret_lasted_ns);
/** After engine_run: counters for scan_completed; trust is valid until engine_free. Cost: some ms.
 */
void engine_totals(struct engine *e, struct ev_scan_completed *ret);
/** After engine_run: what worker @p idx measured of itself. @return false: there is none of that
 * number, or none was asked to (conf.wants_profile). */
bool engine_profile(const struct engine *e, uint32_t idx, struct profile_worker *ret);
void engine_free(struct engine *e);
