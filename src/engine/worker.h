/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One worker: its scheduler, its pace, its way to the network. Workers share only read-only
 * configuration and the stop flag; results leave through the worker's event ring.
 * Internal to engine/.
 */
#pragma once

#include "base/clock.h"
#include "engine/bottleneck.h"
#include "engine/engine.h"
#include "engine/meter.h"
#include "engine/outage.h"
#include "engine/sport.h"
#include "engine/track.h"

#include <pthread.h>

#define WORKER_PATHS_MAX 1024u
#define WORKER_ROWS_MAX  12u
#define WORKER_RX_BATCH  128u
#define WORKER_IDLE_US   20000u

struct engine;

/** One way out: a route, and each row's template for it. */
struct worker_path {
	struct route route;
	bool has_l2;         /* l2 templates are usable for packets (ARP always is) */
	bool wants_host_mac; /* next hop is the host itself: its own MAC goes into each Ethernet
				frame */
	uint32_t initial_rto_us;
	struct template l3[WORKER_ROWS_MAX],
		l2[WORKER_ROWS_MAX]; /* by index in rows; len 0: row does not fit */
};

/** Frames reserved from one back end and filled so far. */
struct lane {
	struct pktio *io;
	uint32_t n_reserved, n_filled;
	struct frame f[]; /* conf.batch of them */
};

struct worker_stats {
	uint64_t n_sent, n_received; /* packets; connect scan: attempts and outcomes */
	uint64_t n_sent_bytes;       /* from the network header on; 0 for connects */
	uint64_t n_forged;           /* to our port, cookie wrong */
	uint64_t n_unproven;         /* RST or SYN of a target without an acknowledgement */
	uint64_t n_malformed;        /* cut short, contradictory, or a wrong checksum */
	uint64_t n_unfit; /* probes that no way out has a form for, or whose way out went: counted
			     as not sent */
	uint64_t n_full_waits;   /* event ring full */
	uint64_t n_local_errors; /* connect: no ports, no descriptors: tried again */
	uint64_t spent_ns[SPENT_N];
};

struct worker {
	struct engine *e;
	const struct engine_conf *conf;
	uint32_t idx;
	struct track track;
	struct pace pace;
	struct ring events;
	struct worker_stats stats;
	struct meter *meter; /* NULL: no profile is asked for */
	int error;           /* -errno that ended it early */
	pthread_t thread;
	/* raw transport */
	struct cookie_key key;
	const struct scan_type *rows[WORKER_ROWS_MAX];
	uint32_t n_rows;
	uint8_t row_idx[UINT8_MAX + 1]; /* scan_type.row -> index in rows */
	struct sports own_ports;        /* held in the kernel */
	uint16_t sport, n_sports;       /* UDP probes leave from sport and up, others from sport */
	const struct probe_sports *asking; /* UDP ports of every worker: n_asking */
	uint32_t n_asking;
	struct worker_path
		*paths[WORKER_PATHS_MAX]; /* made when the first target behind them turns up */
	uint32_t n_paths;
	struct lane *l3, *l2; /* l2 NULL when not in use */
	struct pktio *rx;
	struct pktio *ear;              /* receives only, beside l2; NULL: l2 or l3 does */
	struct sweep *sweep;            /* NULL: the program makes no first attempts */
	bool has_ear;                   /* it had one */
	struct pktio_stats io_stats[3]; /* l3, l2, ear: their last word before closing */
	struct frame *rx_frames;        /* WORKER_RX_BATCH */
	struct outage outage;
	/* connect transport */
	void *conn;
};

/** Raw transport, on the worker's thread until all is concluded. @return 0 or -errno. */
int loop_run(struct worker *w) MUST_CHECK;

/** Raw transport: one turn of the loop. tx: @return packets sent or -errno. */
int tx_batch(struct worker *w, uint64_t now_ns) MUST_CHECK;
/** Drain what has arrived, wait at most @p wait_us when nothing has. @return packets, or -errno. */
int rx_drain(struct worker *w, uint32_t wait_us) MUST_CHECK;
/** --packet-trace: one packet as an event. */
void trace_packet(struct worker *w, const struct frame *f, bool is_sent, uint64_t now_ns);
/** track_conf.classify of both transports: find the host's path and its discovery probes. @p ctx
 * struct worker. */
int worker_classify(void *ctx, struct host_slot *h);
/** Has the engine been told to stop? Between batches; on the coordinator's thread it also pumps
 * events. */
bool worker_turn(struct worker *w);

/** Does a socket of any worker's connect scan hold this source address and port now? */
bool worker_any_holds(const struct worker *w, const struct endpoint *at);

/** Account for a turn of the loop, from @p from_ns on. @param n what it sent. @return now. */
static inline uint64_t worker_spend(struct worker *w, uint64_t from_ns, int n)
{
	uint64_t now_ns = clock_now_ns();
	enum spent what = n                                    ? SPENT_SENDING
			  : pace_wait_ns(&w->pace, from_ns)    ? SPENT_CAP
			  : track_is_delayed(&w->track)        ? SPENT_DELAY
			  : track_is_paced(&w->track, from_ns) ? SPENT_PACED
							       : SPENT_SILENT;

	w->stats.spent_ns[what] += now_ns - from_ns;
	return now_ns;
}

/** Connect transport (conn.c). Opened before privileges drop, run on the worker's thread. */
int conn_open(struct worker *w) MUST_CHECK;
int conn_run(struct worker *w) MUST_CHECK;
void conn_close(struct worker *w);
const char *conn_backend_name(const struct worker *w);
/** Does a socket of the worker's connect scan hold this source address and port now? Thread: any
 * worker's. */
bool conn_holds(const struct worker *w, const struct endpoint *at);
