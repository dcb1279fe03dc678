/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's inside: shared by engine.c (life, coordinator) and worker.c (set-up of one worker).
 */
#pragma once

#include "engine/lend.h"
#include "engine/restore.h"
#include "engine/sweep.h"
#include "engine/worker.h"
#include "pktio/choose.h"
#include "pktio/xdp.h"

#include <sched.h>
#include <semaphore.h>

#define DEFAULT_INITIAL_RTO_US 1000000u
#define SMALL_SCAN_PROBES      16384u

/** What a look at the routes of a sample of the targets says about the ways out. */
struct survey {
	bool has_v4, has_v6;
	bool has_loopback, has_ether, has_other;
	uint32_t ether_idx;       /* the first Ethernet interface that targets are behind; 0 none */
	bool has_many_ether;      /* there are more */
	bool has_arp;             /* on-link IPv4 targets whose MAC must be asked for */
	bool has_discovery;       /* some targets need discovery probes */
	bool is_unreachable;      /* many targets, and no route to any of them */
	uint32_t batch;           /* packets per transmit call, by the narrowest of the ways */
	struct pktio_trial trial; /* over that interface */
};

/** What the discovery pass learned of one host; by place in target order. Written by worker 0
 * before the others start. */
struct host_seed {
	bool is_known; /* from a journal: not looked for again */
	uint8_t flags, reason, ttl;
	struct mac mac;
	struct rtt rtt;
	uint64_t delay_until_ns; /* --scan-delay goes on between the passes */
};

struct engine {
	struct engine_conf conf;
	const struct targets *targets;
	const struct port_set *ports;
	struct route_table *routes;
	pthread_mutex_t routes_lock;
	struct bus *bus;
	struct space space;
	struct flow_board *boards;   /* track_conf.boards; NULL: one worker */
	_Atomic uint64_t next_group; /* of space, to be visited by the next worker that is free */
	struct survey survey;
	uint64_t nonce;
	cpu_set_t cores; /* that we may run on; empty: unknown */
	uint32_t width, n_workers;
	uint64_t n_probes; /* at least, without retransmissions */
	bool is_connect, is_sharded_by_port, uses_l2;
	struct xdp_hub *xdp;            /* NULL: not in use */
	struct sweep_plan sweep;        /* n_ports 0: the program makes no first attempts */
	uint32_t sweep_batch;           /* of them in one call */
	const struct pktio_ops *l2_ops; /* worker 0's, when uses_l2 */
	char l2_notes[PKTIO_NOTES_CAP];
	char backend[32]; /* what the workers send by, for people */
	bool is_inline; /* worker 0 runs on the coordinator's thread: small scans, and the discovery
			   pass */
	_Atomic bool is_stopped;
	struct lend *lend;       /* NULL: workers keep the ports they began with */
	struct host_seed *seeds; /* NULL: no discovery pass */
	struct space discovery;  /* the pass's own groups: many hosts, few probes each */
	struct track_stats pass_stats;
	struct coverage_stratum pass_hosts;
	struct scan_trust trust;
	struct machine_state began;
	uint64_t ended_ns; /* the last probe was concluded */
	bool is_seeding;   /* the pass is running */
	uint64_t last_tick_ns;
	sem_t n_ended;            /* workers' threads that have */
	struct restore *restored; /* n_restored of them; NULL: nothing was done before */
	uint32_t n_restored;      /* 1 when workers divide groups, else one a worker */
	struct probe_sports asking[ENGINE_WORKERS_MAX]; /* each worker's, before they start */
	struct worker *workers[ENGINE_WORKERS_MAX];
};

static inline uint32_t engine_n_cores(const struct engine *e)
{
	return MAX((uint32_t)CPU_COUNT(&e->cores), 1u);
}
/** Worth a packet socket, and worth reading what the machine counts. */
static inline bool engine_is_large(const struct engine *e)
{
	return e->n_probes > SMALL_SCAN_PROBES;
}
/** Fill e->survey from the routes to a sample of the targets. */
void survey_targets(struct engine *e);
/** @return owned; @p reterr names what failed. */
int worker_new(struct engine *e, uint32_t idx, struct worker **ret,
	       struct err_where *reterr) MUST_CHECK;
void worker_free(struct worker *w);
/** The scheduler anew, after an earlier part of the scan became known. */
int worker_replan(struct worker *w) MUST_CHECK;
/** Run to the end on the calling thread. */
void worker_run(struct worker *w);
/** Discover every host once for all workers, on the calling thread, filling e->seeds. @return 0 or
 * -errno. */
int worker_discover(struct worker *w) MUST_CHECK;
/** Publish what workers have written. @return how many events. Coordinator only. */
uint32_t engine_pump(struct engine *e);
/** Tick callback and control messages. Coordinator only. */
void engine_tick(struct engine *e);
/** The way to an address, with -S and -e applied. */
int engine_route(struct engine *e, const struct addr *a, struct route *ret) MUST_CHECK;
/**
 * Attach the program to the interface when the scan repays it; e->xdp stays NULL when it does not
 * or cannot, and e->l2_notes says why. Before workers.
 */
void driver_open(struct engine *e);
/** What a worker's back end is told of the program. @p rows storage of XDP_COOKIE_ROWS_MAX. */
void driver_conf(const struct worker *w, struct pktio_conf *pc, uint8_t *rows);
/** Does the program send too, or only receive? */
bool driver_sends(const struct engine *e);
/** Note a target's Ethernet way out for the trial of back ends. */
void backend_survey(struct engine *e, const struct route *r, const struct addr *to);
/** Fill e->backend, when the workers are open, and again when they have ended. */
void backend_name(struct engine *e);
/** Can the targets be reached by the back end asked for? @return 0, -E_UNSUPPORTED with the reason.
 */
int backend_check(const struct engine *e, struct err_where *reterr) MUST_CHECK;
/** Open the Ethernet back end of a worker; worker 0 comes first. @return as pktio_open. */
int backend_open(struct worker *w, struct pktio_conf *pc, struct pktio **ret) MUST_CHECK;
/** Is the cap so low that any back end keeps up with it? */
bool backend_is_slow(const struct engine *e);
