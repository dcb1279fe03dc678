/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scheduler of one worker: which probe goes next, which answer belongs to which probe, what is
 * sent again and when a host is complete. Both transports (raw packets, kernel connects) use it.
 *
 * Hosts are visited in groups of bounded size (target/space.h); as many groups are live as memory
 * of TRACK_BYTES_MAX holds. Inside a group each stage is a keyed permutation of (host x probe). A
 * probe costs nine bytes: state and attempt, time sent, link of the timer list. Time-outs follow
 * RFC 6298 per host, with the worker's own estimate for hosts not heard yet.
 *
 * Thread: the worker's. All memory is taken when a group of a new size is first opened.
 */
#pragma once

#include "base/ring.h"
#include "engine/coverage.h"
#include "engine/dishonest.h"
#include "engine/flow.h"
#include "engine/pace.h"
#include "engine/rtt.h"
#include "probe/scantype.h"
#include "target/space.h"

#define TRACK_GROUPS_MAX  64u         /* live at a time, if memory allows */
#define TRACK_GROUPS_MIN  8u          /* whatever memory says */
#define TRACK_BYTES_MAX   (96u << 20) /* of all workers' groups */
#define TRACK_TYPES_MAX   4u
#define TRACK_PINGS_MAX   32u
#define TRACK_PARTS_MAX   8u
#define TRACK_WHEEL_SLOTS 1024u
#define TRACK_TICK_US     1000u
#define TRACK_CANARY_SETS 64u
#define TRACK_CANARY_Q    0x80000000u /* track_probe.q from here on: a canary */
#define TRACK_AGAIN_MAX   64u
#define TRACK_AHEAD       16u /* probes whose memory is fetched before their turn */

struct host_slot;
struct lend;
struct restore;
struct restore_group;
struct sweep;
struct swept;

struct track_ping {
	const struct scan_type *type;
	uint16_t port;
};

/** What every host is asked: fixed for the scan. */
struct track_conf {
	const struct space *space;
	const struct port_set *ports;
	const struct scan_type *types[TRACK_TYPES_MAX];
	uint32_t n_types;
	const struct payloads *payloads; /* NULL: no UDP among the types */
	struct track_ping pings[TRACK_PINGS_MAX];
	uint32_t n_pings;
	uint32_t shard, n_shards; /* which worker of how many */
	/** Workers that divide the hosts take group after group from here, whoever is free: cores
	 * are not equally quick. NULL: every group is visited. */
	_Atomic uint64_t *next_shared;
	bool is_sharded_by_port;
	/** Shared by the workers: of the path, and where they divide ports those of each host (by
	 * place in space), one per protocol. NULL: each finds its own rates. */
	struct flow_board *boards;
	/** Workers that divide ports give each other what they have not asked yet. NULL: each keeps
	 * its part. */
	struct lend *lend;
	uint32_t max_retries;
	bool never_abandons; /* dishonest hosts are marked only */
	uint32_t again_max;  /* answered ports asked once more at most, to measure loss */
	uint32_t initial_rto_us, min_rto_us, max_rto_us;
	struct pace_bounds bounds; /* this worker's part */
	uint32_t groups_max;       /* open at a time; 0: as memory allows */
	uint64_t seed;
	struct ring *events;            /* of struct event */
	void (*events_full)(void *ctx); /* make room: pump or wait */
	bool wants_checkpoints;         /* state what a journal must know */
	bool wants_replies;             /* state what datagrams said */
	bool wants_retries;             /* state what is asked again */
	struct restore *restored;       /* what an earlier part of this scan did; NULL: nothing */
	/** Discovery pass before sharding by port: told of each host in place of
	 * EVENT_HOST_SCANNED. NULL otherwise. */
	void (*on_discovered)(void *ctx, const struct host_slot *h);
	/**
	 * Fill path, reason, and pings (mask over conf.pings; 0: up at once). With HOST_IS_SEEDED
	 * set the host's facts are from an earlier pass and are not announced again. @return 0, or
	 * -E_x: down for h->reason.
	 */
	int (*classify)(void *ctx, struct host_slot *h);
	void *ctx;
};

enum {
	HOST_IS_UP = 1,
	HOST_IS_HEARD = 2,
	HOST_HAS_MAC = 4,
	HOST_IS_DONE = 8,
	HOST_IS_USER_SET = 16,
	HOST_IS_SEEDED = 32,
	HOST_IS_GIVEN_UP = 64, /* dishonest: no more probes */
	HOST_IS_TIMED_OUT = 128
};

struct host_slot {
	struct addr addr;
	uint64_t idx;       /* place in target order */
	uint32_t rank;      /* among the group's hosts of the running stage */
	uint32_t n_pending; /* probes of this stage not concluded */
	uint16_t path;      /* the transport's */
	uint32_t pings;     /* mask over track_conf.pings */
	uint8_t flags, reason, ttl;
	uint8_t max_attempt;  /* highest attempt that was answered, the excused not counted */
	uint8_t last_attempt; /* highest sent */
	uint8_t n_excused;    /* attempts sent too fast: silence to them is no loss */
	uint8_t n_answers;    /* so far; counted until they say enough about loss */
	uint16_t n_again, n_again_answered; /* ports asked once more */
	bool is_begun;                      /* a port has been asked, at */
	bool is_way_lost, is_cut_off; /* no route since way_lost_ms; so long that it was dropped */
	uint32_t begun_ms, way_lost_ms;
	uint32_t initial_rto_us; /* 0: the scan's */
	uint64_t delay_until_ns; /* --scan-delay: no probe before */
	struct mac mac;
	struct rtt rtt;
	struct dishonest honest;
};

enum held_queue { HELD_FIRST, HELD_AGAIN, HELD_LAST, HELD_QUEUES };

/** One protocol's probes to one host, and those of them that wait for their turn. */
struct host_flow {
	struct flow flow;
	struct track_group *group;
	struct host_slot *host;
	struct host_flow *next; /* in track.held_flows */
	/* queues of probes by group.link: first attempts, retransmissions, taken in turns; last
	 * attempts, when there is nothing else */
	uint32_t head[HELD_QUEUES], tail[HELD_QUEUES], turn;
	uint32_t n_held;     /* in it and still to be sent */
	uint32_t n_released; /* had their turn, in the group's ready list */
	bool is_listed;
	uint8_t proto;
};

enum group_stage { GROUP_FREE, GROUP_DISCOVERY, GROUP_PORTS };

struct track_group {
	uint64_t first;              /* ordinal of slot 0 */
	uint64_t n_probes, n_picked; /* places of the order: to be walked, and walked so far */
	uint64_t n_ahead; /* places up to here are looked up, those from n_picked on in */
	uint32_t ahead[TRACK_AHEAD];
	struct permute order;
	struct host_slot *hosts;
	uint32_t *up;   /* rank -> slot of the running stage */
	uint8_t *state; /* PROBE_* | attempt << 2 | PROBE_ANSWERED */
	uint32_t *sent_us;
	uint32_t *link;          /* next probe in the same list */
	struct host_flow *flows; /* of slot s: from s * track.n_flows on; NULL: hosts have too few
				    probes for a pace of their own */
	uint32_t n_hosts, n_ranks, width;
	uint32_t walk_first, walk_width; /* of a host's probes: those in the order */
	uint32_t n_open;                 /* hosts of the stage that are not complete */
	uint32_t ready_head, ready_tail;
	uint32_t wheel_tick; /* last tick that fired */
	uint32_t n_wheel;    /* probes in wheel lists */
	uint32_t cap_hosts, cap_probes, cap_flows;
	uint8_t stage;
	bool is_sweeping;                     /* first attempts to come are the program's */
	struct swept *sweep;                  /* what the program has sent of it; NULL: nothing */
	bool is_lending;                      /* each host counts one pending more than it has */
	const struct restore_group *restored; /* NULL: nothing of it was done before */
	uint32_t wheel[TRACK_WHEEL_SLOTS];
};

/** A probe that must go out now. */
struct track_probe {
	const struct scan_type *type;
	struct endpoint to;
	struct host_slot *host;
	struct track_group *group;
	uint32_t q; /* probe number within the group's stage */
	uint8_t attempt;
	bool is_again; /* answered before: asked once more to measure loss */
};

/** An answered probe that is asked once more: scheduled, then sent, then counted. */
struct again {
	struct track_group *group;
	uint32_t q;
	uint32_t due_us;
	uint8_t attempt;
	bool is_sent, is_answered;
};

/** The canaries of one suspect. */
struct canary_set {
	struct track_group *group;
	struct host_slot *host; /* NULL: free */
	uint16_t port[DISHONEST_CANARIES];
	uint32_t sent_us;      /* when the last one went out */
	uint8_t todo, waiting; /* a bit each: to be sent in this round; not answered */
	uint8_t attempt;
};

/** One writer, and readers on other threads that may see it a little late. */
static inline void stat_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}
static inline uint64_t stat_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct track_stats {
	uint64_t n_picked; /* first attempts */
	uint64_t n_retried;
	uint64_t n_canaries;  /* probes to ports that nobody asked for */
	uint64_t n_again;     /* answered ports asked once more */
	uint64_t n_concluded; /* port probes with an outcome, those of down hosts included; -sn:
				 hosts */
	uint64_t n_answered[COOKIE_ATTEMPTS_MAX];
	uint64_t n_dup, n_late, n_unasked;
	uint64_t n_late_ports;     /* of the late: first answers of ports stated silent */
	uint64_t n_unknown_ports;  /* of hosts that were dropped or broken off: no outcome */
	uint64_t n_limits;         /* that began, of hosts and of the path */
	uint64_t n_silent_limited; /* ports that stayed silent beside a limit of their host's */
	uint64_t n_spurious;       /* retransmitted although the first answer was under way */
	uint64_t n_hosts_done;
	uint64_t n_left_out; /* hosts not asked for want of memory, or of room for their way */
	uint64_t n_no_route; /* hosts that the kernel knows no way to */
};

/** Probes of one group that ended in silence and are not in the journal yet. */
struct track_silent {
	uint64_t group;
	uint32_t n;
	uint32_t probe[CHECKPOINT_PROBES_MAX];
};

/** Probes found due again in this turn, to be told in one event. */
struct track_retries {
	struct ev_retry told;
	uint64_t host_idx;
};

struct track {
	struct track_conf conf;
	struct track_group *groups;     /* groups_max of them */
	uint8_t live[TRACK_GROUPS_MAX]; /* indices of live groups, oldest first */
	uint32_t n_live, groups_max;
	/* of live: those before have nothing ready, nothing new. Set back when timers have fired */
	uint32_t ready_from, new_from;
	uint64_t next_own;    /* group to visit next, without conf.next_shared */
	bool is_exhausted;    /* no more groups to open */
	uint16_t *port_of;    /* probe of a host -> port */
	uint8_t *type_of;     /* probe of a host -> index in conf.types; NULL with one type */
	uint8_t *requests_of; /* probe of a host -> different requests, at least 1; NULL without
				 payloads */
	uint32_t width;       /* port probes per host in this shard; lending: in all of them */
	uint32_t own_first, own_width; /* of these, this shard's to begin with */
	/** Where a part's probes of a type begin; without lending there is one part, our own. */
	uint32_t type_base[TRACK_PARTS_MAX][TRACK_TYPES_MAX];
	uint32_t type_n[TRACK_TYPES_MAX];
	uint32_t n_flows; /* of a host: one per protocol asked */
	uint8_t flow_of_type[TRACK_TYPES_MAX];
	struct flow path;             /* of all hosts that are not limited themselves */
	struct host_flow *held_flows; /* those with probes waiting */
	uint64_t held_due_ns;         /* the earliest turn among them */
	uint32_t n_waiting;           /* probes held back by host flows */
	uint32_t n_outstanding;       /* probes in flight */
	struct sweep *sweep;          /* who has the program make first attempts; NULL: nobody */
	uint32_t n_sweeping;          /* groups with places left for it */
	uint32_t timeouts_ms;         /* when to look for hosts that take too long */
	uint32_t n_fine, n_short;     /* judgements of hosts lately */
	const struct host_slot *last_recovered;
	uint32_t n_limit_events;
	uint32_t n_recovered_turns; /* retransmissions answered by another host than the last */
	uint32_t min_rto_us;        /* grows when a retransmission proves to have been too early */
	uint64_t spurious_ns;       /* when it changed last */
	struct rtt rtt;             /* over all hosts */
	uint8_t last_attempt, n_excused; /* as of one host, by the path */
	uint64_t n_heard,
		n_recovered;     /* answers; those to attempts after the excused and the next */
	uint32_t global_retries; /* from that */
	const struct scan_type *tested; /* row whose open ports are tested; NULL: none */
	bool has_canaries;
	struct canary_set canaries[TRACK_CANARY_SETS];
	uint32_t n_canary_sets, n_canaries_todo;
	struct track_silent silent;
	struct track_retries retries;
	struct track_stats stats;
	struct again again[TRACK_AGAIN_MAX];
	uint32_t n_again;
	uint64_t n_again_begun[2]; /* of discovery, of ports */
	struct rng rng;            /* of the sample */
	struct coverage ports_seen;
	struct coverage_stratum hosts_seen; /* discovery */
};

/** @return 0 or -ENOMEM. */
int track_init(struct track *t, const struct track_conf *conf) MUST_CHECK;
void track_fini(struct track *t);
/**
 * The next probe to send: due retransmissions first, then new ones. It counts as sent at @p now_us.
 * @return 1, 0 when nothing may leave now, -ENOMEM when a group cannot be opened.
 * Cost: 20-40 ns.
 */
int track_next(struct track *t, uint64_t now_ns, struct track_probe *ret) MUST_CHECK;
/**
 * Put a probe back that could not be sent for a local reason: tried again after @p delay_us, same
 * attempt. Does nothing when the attempt is no longer under way.
 */
void track_defer(struct track *t, const struct track_probe *p, uint64_t now_ns, uint32_t delay_us);
/**
 * The probe could not be sent, because this machine has no way to its host any more: tried again
 * for a second, then the host is dropped; its other ports have no result. A host that is answered
 * has its is_way_lost taken back by the caller.
 * @return probes that the host was dropped with; 0: it was not.
 */
uint32_t track_way_lost(struct track *t, const struct track_probe *p, uint64_t now_ns);
/** The outcome of one probe, known by place (connect scan). */
void track_answer(struct track *t, struct track_group *g, uint32_t q, const struct scan_type *type,
		  const struct probe_reply *r, uint64_t now_ns);
/** A verified reply from the wire: finds its probe. Counts duplicates, late and unasked ones. */
void track_reply(struct track *t, const struct scan_type *type, const struct probe_reply *r,
		 uint64_t now_ns);
/** What a verified reply is about. Valid until timers fire or the next probe is picked. */
struct track_place {
	struct track_group *group; /* NULL: none under way */
	struct host_slot *host;
	uint32_t q;     /* NO_PROBE: none that we asked */
	bool is_target; /* the address is one of the scan's */
};
/**
 * The same in three steps, for many replies at a time: each step begins to fetch the memory that
 * the next one needs, and a cache miss costs more than all else that a reply does.
 */
void track_find_host(const struct track *t, const struct probe_reply *r, struct track_place *ret);
void track_find_probe(const struct track *t, const struct scan_type *type,
		      const struct probe_reply *r, struct track_place *p);
void track_take(struct track *t, const struct scan_type *type, const struct probe_reply *r,
		const struct track_place *p, uint64_t now_ns);
/** Fire timers. */
void track_expire(struct track *t, uint64_t now_ns);
/** Microseconds until something may become due, at most @p most_us; 0: now. */
uint32_t track_wait_us(const struct track *t, uint64_t now_ns, uint32_t most_us);
/** Is the next probe waited for because a host or the path is asked no faster? */
static inline bool track_is_paced(const struct track *t, uint64_t now_ns)
{
	return t->n_waiting || (t->path.gap_ns && t->path.next_ns > now_ns);
}
/** The same, because the user wants it. */
static inline bool track_is_delayed(const struct track *t)
{
	const struct pace_bounds *b = &t->conf.bounds;

	return (b->scan_delay_us && t->n_waiting) ||
	       (b->max_outstanding && t->n_outstanding >= b->max_outstanding);
}
/** Time-out of a probe sent now: what a connect() may take. */
uint32_t track_rto_us(const struct track *t, const struct host_slot *h, uint32_t attempt);
static inline bool track_is_done(const struct track *t)
{
	return t->is_exhausted && !t->n_live;
}
/**
 * Nothing could be sent or heard for a while, until now: whatever is in flight is asked again as
 * the same attempt. Cost: a look at every probe of the open groups.
 */
void track_interrupted(struct track *t, uint64_t now_ns);
/** Stop: every host known to be up and not complete is reported partial. */
void track_abandon(struct track *t);
/** What stats.n_concluded will be at the end; saturates. */
uint64_t track_n_total(const struct track *t);
/** Append an event record; waits for room through conf.events_full. */
struct event *track_event(struct track *t, enum event_kind kind);
void track_event_commit(struct track *t);
