/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A network in memory for the scheduler: every probe that track_next hands out is sent into it,
 * answers come back after a simulated round trip, some lost, some twice, some held by a host's
 * limit. Time is a number. The loop is that of a raw worker: a batch out, what has arrived in,
 * timers.
 */
#pragma once

#include "base/hash.h"
#include "engine/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NET_BATCH = 32, NET_SEND_NS = 500, NET_FLYING_CAP = 1 << 18 };

/** How the network behaves; all zero: everything answers at once. */
struct net_conf {
	uint32_t n_hosts, n_ports; /* 10.0.0.0 on, ports 1 on */
	uint32_t rtt_us, jitter_us;
	uint32_t far_rtt_us; /* of every fifth host; 0: as the others */
	uint32_t loss_percent, dup_percent;
	uint32_t rst_rate, rst_burst; /* closed ports of one host that answer; 0: all */
	bool is_spent;                /* the burst, before the scan */
	bool is_udp;                  /* its ports; the limit is that of ICMP errors */
	uint32_t fwd_pps, rev_pps; /* a shaper that all hosts are behind, by direction; 0: none */
	uint32_t queue;            /* packets that it holds; more are dropped */
	uint32_t stall_us, stall_percent; /* the network loses all for so long, so often */
	uint32_t late_us;                 /* the scanner's timers are late, at most */
	uint32_t pause_us,
		pause_every;  /* it does nothing for so long at most, every so many turns */
	uint32_t block_after; /* probes, then the host drops all; 0: never */
	uint32_t silent_ports_percent; /* filtered */
	uint32_t down_percent;         /* of hosts */
	uint32_t n_pings;              /* 0: no discovery */
	uint16_t ping_mask;
	uint32_t n_shards;
	bool is_sharded_by_port, is_ping_only;
	uint32_t again_max; /* answered ports asked once more */
	uint32_t max_retries, initial_rto_us, max_rto_us, min_groups;
	uint32_t defer_percent;
	struct pace_bounds bounds;
	uint32_t groups_max, hosts_per_group;
	uint32_t all_open_percent; /* of hosts; they answer on ports that nobody asked, too */
	uint32_t open_percent;     /* of asked ports; 0: every eighth */
	bool never_abandons;
	uint64_t start_ns, seed;
	uint64_t most_ns; /* simulated time allowed */
	/** Told of every event, checkpoints included; NULL: nobody wants checkpoints. */
	void (*on_event)(void *ctx, const struct event *ev);
	void *ctx;
	struct restore *restored;
	struct flow_board *boards; /* of the shards, when they run side by side */
	struct lend *lend;         /* theirs too */
};

/** An answer under way. */
struct net_flying {
	uint64_t due_ns;
	const struct scan_type *type;
	struct probe_reply reply;
};

/** What happened to one (host, port). */
struct net_cell {
	uint16_t n_sent, n_found;
	uint8_t state;
};

/** A shaper's queue: when it will be empty. */
struct net_link {
	uint64_t empty_ns;
	uint64_t n_passed, n_dropped;
};

struct net_host {
	uint32_t n_pings, n_ports_sent, n_canaries, n_scanned, n_partial, n_given_up, n_timed_out,
		n_up;
	struct ev_evidence evidence;
	uint8_t last_state;
	double tokens;
	uint64_t tokens_ns;
};

struct net {
	struct net_conf c;
	struct range_set set;
	struct port_set ports;
	struct space space;
	_Atomic uint64_t next_group;
	struct track t;
	struct ring events;
	struct rng rng;
	uint64_t now_ns;
	struct net_flying *flying; /* heap by due_ns */
	uint32_t n_flying;
	struct net_cell *cells;
	struct net_host *hosts;
	struct net *wire; /* whose links, limits and groups these are: its own, unless shared */
	struct net_link fwd, rev;
	uint64_t n_again, n_sent, n_dup_sent, n_deferred;
	uint8_t max_attempt;
	uint64_t last_host;          /* that a port probe was sent to */
	uint32_t batch;              /* probes a turn */
	uint32_t n_limits, n_lifted; /* EVENT_RATE_LIMIT */
	uint64_t took_ns;
	struct track_stats stats; /* sum over shards */
	struct coverage ports_seen;
	struct coverage_stratum hosts_seen;
};

static const struct scan_type *const net_pings[] = {&ping_echo, &ping_syn, &ping_ack, &ping_arp};

static inline uint64_t net_mix(uint64_t a, uint64_t b)
{
	struct rng r;

	rng_init(&r, a * 0x9e3779b97f4a7c15ull ^ b);
	return rng_u64(&r);
}

static inline bool net_is_up(const struct net *n, uint64_t host)
{
	return net_mix(n->c.seed + 1, host) % 100 >= n->c.down_percent;
}

static inline bool net_is_all_open(const struct net *n, uint64_t host)
{
	return net_mix(n->c.seed + 3, host) % 100 < n->c.all_open_percent;
}

static inline const struct scan_type *net_type(const struct net *n)
{
	return n->c.is_udp ? &scan_udp : &scan_syn;
}

/** What the port would answer: every eighth is open. */
static inline uint8_t net_kind(const struct net *n, uint64_t host, uint16_t port)
{
	uint8_t open = n->c.is_udp ? REPLY_DATAGRAM : REPLY_SYN_ACK,
		closed = n->c.is_udp ? REPLY_PORT_UNREACH : REPLY_RST;
	uint64_t z = net_mix(n->c.seed + 2, host << 16 | port);

	if (net_is_all_open(n, host))
		return open;
	if (port > n->c.n_ports)
		return closed;
	if (z % 100 < n->c.silent_ports_percent)
		return REPLY_NONE;
	if (n->c.open_percent)
		return z % 100 < n->c.silent_ports_percent + n->c.open_percent ? open : closed;
	return z >> 32 & 7 ? closed : open;
}

static inline struct net_cell *net_cell(const struct net *n, uint64_t host, uint16_t port)
{
	return &n->cells[host * n->c.n_ports + (port - 1u)];
}

/* --- answers under way ------------------------------------------------------- */

static inline void net_push(struct net *n, struct net_flying f)
{
	uint32_t i = n->n_flying++;

	assert_true(i < NET_FLYING_CAP);
	for (; i && n->flying[(i - 1) / 2].due_ns > f.due_ns; i = (i - 1) / 2)
		n->flying[i] = n->flying[(i - 1) / 2];
	n->flying[i] = f;
}

static inline struct net_flying net_pop(struct net *n)
{
	struct net_flying top = n->flying[0], last = n->flying[--n->n_flying];
	uint32_t i = 0, c;

	while ((c = 2 * i + 1) < n->n_flying) {
		c += c + 1 < n->n_flying && n->flying[c + 1].due_ns < n->flying[c].due_ns;
		if (n->flying[c].due_ns >= last.due_ns)
			break;
		n->flying[i] = n->flying[c];
		i = c;
	}
	n->flying[i] = last;
	return top;
}

/** The host's own limit of resets: a token bucket. */
static inline bool net_may_reset(struct net *n, struct net_host *h)
{
	if (!n->c.rst_rate)
		return true;
	if (!h->tokens_ns)
		h->tokens_ns = n->now_ns;
	uint64_t now_ns = MAX(n->now_ns, h->tokens_ns);
	h->tokens += (double)(now_ns - h->tokens_ns) * n->c.rst_rate / 1e9;
	h->tokens = MIN(h->tokens, (double)n->c.rst_burst);
	h->tokens_ns = now_ns;
	if (h->tokens < 1)
		return false;
	h->tokens -= 1;
	return true;
}

/** @return false: dropped; else @p at_ns moves to when the packet is through. */
static inline bool net_pass(const struct net *n, struct net_link *l, uint32_t pps, uint64_t *at_ns)
{
	if (!pps)
		return true;
	uint64_t gap = NS_PER_S / pps, from = MAX(l->empty_ns, *at_ns);
	if (from - *at_ns > gap * n->c.queue) {
		l->n_dropped++;
		return false;
	}
	l->empty_ns = *at_ns = from + gap;
	l->n_passed++;
	return true;
}

static inline uint8_t net_ping_kind(const struct scan_type *type)
{
	return type == &ping_echo ? REPLY_ECHO : type == &ping_arp ? REPLY_ARP : REPLY_RST;
}

/** What has answered is asked again, with an attempt that it has not used. */
static inline uint8_t net_asked_again(const struct net *n, const struct track_probe *p)
{
	uint64_t idx = p->host->idx;

	if (!p->type->flag) {
		assert_true(p->attempt && p->host->flags & HOST_IS_UP);
		return net_ping_kind(p->type);
	}
	const struct net_cell *c = net_cell(n, idx, p->to.port);
	assert_true(c->n_found && p->attempt >= c->n_sent);
	return net_kind(n, idx, p->to.port);
}

static inline void net_send(struct net *n, const struct track_probe *p)
{
	uint64_t idx = p->host->idx;
	struct net_host *h = &n->hosts[idx];
	uint8_t kind = REPLY_NONE;

	n->n_sent++;
	n->last_host = idx;
	if (p->is_again) {
		n->n_again++;
		kind = net_asked_again(n, p);
	} else {
		n->max_attempt = MAX(n->max_attempt, p->attempt);
		assert_in_range(p->attempt, 0, n->c.max_retries);
	}
	if (p->is_again) {
		/* asked before, and counted there */
	} else if (p->type->flag && p->to.port > n->c.n_ports) {
		assert_true(p->q >= TRACK_CANARY_Q);
		h->n_canaries++;
		kind = net_kind(n, idx, p->to.port);
	} else if (p->type->flag) {
		struct net_cell *c = net_cell(n, idx, p->to.port);
		assert_int_equal(p->attempt == 0, c->n_sent == 0);
		c->n_sent++;
		h->n_ports_sent++;
		kind = net_kind(n, idx, p->to.port);
	} else {
		h->n_pings++;
		kind = net_ping_kind(p->type);
	}
	uint64_t at_ns = n->now_ns;
	if (!net_pass(n, &n->wire->fwd, n->c.fwd_pps, &at_ns))
		return;
	if (n->c.stall_us && net_mix(n->c.seed + 4, n->now_ns / (n->c.stall_us * NS_PER_US)) % 100 <
				     n->c.stall_percent)
		return;
	if (kind == REPLY_NONE || !net_is_up(n, idx) || rng_below(&n->rng, 100) < n->c.loss_percent)
		return;
	if (n->c.block_after && h->n_ports_sent > n->c.block_after)
		return;
	if ((kind == REPLY_RST || kind == REPLY_PORT_UNREACH) && p->type->flag &&
	    !net_may_reset(n, &n->wire->hosts[idx]))
		return;
	if (!net_pass(n, &n->wire->rev, n->c.rev_pps, &at_ns))
		return;
	uint32_t rtt_us = n->c.far_rtt_us && idx % 5 == 4 ? n->c.far_rtt_us : n->c.rtt_us;
	struct net_flying f = {.due_ns = at_ns + rtt_us * NS_PER_US, .type = p->type};
	if (n->c.jitter_us)
		f.due_ns += rng_below(&n->rng, n->c.jitter_us * NS_PER_US);
	f.reply = (struct probe_reply){.to = p->to,
				       .from = p->to.addr,
				       .kind = kind,
				       .reason = kind == REPLY_SYN_ACK ? REASON_SYN_ACK
								       : REASON_RESET,
				       .ttl = 64,
				       .attempt = kind == REPLY_ARP ? 0 : p->attempt,
				       .is_attempt_unknown = kind == REPLY_ARP,
				       .has_mac = kind == REPLY_ARP};
	net_push(n, f);
	if (rng_below(&n->rng, 100) >= n->c.dup_percent)
		return;
	f.due_ns += 1 + rng_below(&n->rng, 2000);
	n->n_dup_sent++;
	net_push(n, f);
}

/* --- what the scheduler states ------------------------------------------------ */

static inline void net_drain(void *ctx)
{
	struct net *n = ctx;
	const struct event *ev;

	while ((ev = ring_peek(&n->events))) {
		struct net_host *h = &n->hosts[ev->host_idx];
		assert_true(ev->host_idx < n->c.n_hosts);
		if (n->c.on_event)
			n->c.on_event(n->c.ctx, ev);
		if (ev->kind == EVENT_PORT_FOUND) {
			struct net_cell *c = net_cell(n, ev->host_idx, ev->port.port);
			c->n_found++;
			c->state = ev->port.state;
			assert_int_equal(addr_to_u32(&ev->port.addr), 0x0a000000 + ev->host_idx);
			assert_int_equal(h->n_scanned && !n->c.is_sharded_by_port, 0);
		} else if (ev->kind == EVENT_HOST_SCANNED) {
			h->n_scanned++;
			h->n_partial += ev->done.is_partial;
			h->n_given_up += ev->done.is_given_up;
			h->n_timed_out += ev->done.is_timed_out;
			h->last_state = ev->done.state;
			h->evidence = ev->done.evidence;
		} else if (ev->kind == EVENT_RATE_LIMIT) {
			bool is_lifted = ev->rate.cause == RATE_LIFTED;
			assert_int_equal(is_lifted, ev->rate.target_pps == 0);
			n->n_lifted += is_lifted;
			n->n_limits += !is_lifted;
		} else if (ev->kind == EVENT_HOST_DISCOVERED) {
			h->n_up++;
		}
		ring_pop(&n->events);
	}
}

static inline int net_classify(void *ctx, struct host_slot *h)
{
	struct net *n = ctx;

	h->pings = n->c.n_pings ? n->c.ping_mask : 0;
	if (!h->pings) {
		h->flags |= HOST_IS_USER_SET;
		h->reason = REASON_USER_SET;
	}
	return 0;
}

/* --- runs ------------------------------------------------------------------------ */

static inline void net_init(struct net *n, const struct net_conf *c)
{
	struct addr lo = addr_v4(0x0a000000), hi = addr_v4(0x0a000000 + c->n_hosts - 1);

	memset(n, 0, sizeof(*n));
	coverage_init(&n->ports_seen);
	n->c = *c;
	n->wire = n;
	n->batch = NET_BATCH;
	n->c.n_shards = MAX(c->n_shards, 1u);
	n->c.initial_rto_us = c->initial_rto_us ? c->initial_rto_us : 1000000;
	n->c.most_ns = c->most_ns ? c->most_ns : 600 * NS_PER_S;
	range_set_init(&n->set);
	assert_int_equal(range_set_add(&n->set, &lo, &hi), 0);
	assert_int_equal(range_set_seal(&n->set), 0);
	for (uint32_t p = 1; p <= c->n_ports && !c->is_ping_only; p++)
		port_bits_add(&n->ports.of[c->is_udp ? PORT_UDP : PORT_TCP], (uint16_t)p);
	port_bits_seal(&n->ports.of[c->is_udp ? PORT_UDP : PORT_TCP]);
	space_init(&n->space, &n->set, MAX(c->n_ports, 1u), MAX(c->min_groups, 1u), c->seed);
	if (c->hosts_per_group) {
		n->space.hosts_per_group = c->hosts_per_group;
		n->space.n_groups = (c->n_hosts + c->hosts_per_group - 1) / c->hosts_per_group;
	}
	rng_init(&n->rng, c->seed + 99);
	assert_int_equal(ring_init(&n->events, sizeof(struct event), 64), 0);
	n->flying = calloc(NET_FLYING_CAP, sizeof(*n->flying));
	n->cells = calloc((size_t)c->n_hosts * MAX(c->n_ports, 1u), sizeof(*n->cells));
	n->hosts = calloc(c->n_hosts, sizeof(*n->hosts));
	for (uint32_t i = 0; i < c->n_hosts; i++)
		n->hosts[i].tokens = c->is_spent ? 0 : c->rst_burst;
}

static inline void net_shard_open(struct net *n, uint32_t shard)
{
	struct track_conf tc = {.space = &n->space,
				.ports = &n->ports,
				.types = {net_type(n)},
				.n_types = !n->c.is_ping_only,
				.n_pings = n->c.n_pings,
				.shard = shard,
				.n_shards = n->c.n_shards,
				.next_shared =
					n->c.is_sharded_by_port ? NULL : &n->wire->next_group,
				.is_sharded_by_port = n->c.is_sharded_by_port,
				.boards = n->c.boards,
				.lend = n->c.lend,
				.max_retries = n->c.max_retries,
				.bounds = n->c.bounds,
				.groups_max = n->c.groups_max,
				.never_abandons = n->c.never_abandons,
				.again_max = n->c.again_max,
				.initial_rto_us = n->c.initial_rto_us,
				.min_rto_us = 25000,
				.max_rto_us = n->c.max_rto_us ? n->c.max_rto_us : 10000000,
				.seed = n->c.seed,
				.events = &n->events,
				.events_full = net_drain,
				.classify = net_classify,
				.ctx = n,
				.wants_checkpoints = n->c.on_event != NULL,
				.restored = n->c.restored};

	for (uint32_t i = 0; i < n->c.n_pings; i++)
		tc.pings[i] = (struct track_ping){net_pings[i], net_pings[i]->has_ports ? 80 : 0};
	assert_int_equal(track_init(&n->t, &tc), 0);
	n->now_ns = n->c.start_ns;
	n->n_flying = 0;
}

static inline void net_deliver(struct net *n)
{
	while (n->n_flying && n->flying[0].due_ns <= n->now_ns) {
		struct net_flying f = net_pop(n);
		track_reply(&n->t, f.type, &f.reply, n->now_ns);
	}
}

/** One turn of a worker's loop. */
static inline void net_turn(struct net *n)
{
	struct track_probe p;
	uint32_t sent = 0;
	int more = 1;

	while (sent < n->batch && (more = track_next(&n->t, n->now_ns, &p)) > 0) {
		sent++;
		if (n->c.defer_percent && rng_below(&n->rng, 100) < n->c.defer_percent) {
			track_defer(&n->t, &p, n->now_ns, 2000);
			n->n_deferred++;
			continue;
		}
		net_send(n, &p);
		n->now_ns += NET_SEND_NS;
	}
	assert_int_not_equal(more, -12);
	net_deliver(n);
	if (!sent) {
		uint64_t next =
			n->now_ns + MAX(track_wait_us(&n->t, n->now_ns, 20000), 1u) * NS_PER_US;
		if (n->n_flying)
			next = MIN(next, MAX(n->flying[0].due_ns, n->now_ns + 1));
		if (n->c.late_us)
			next += rng_below(&n->rng, n->c.late_us * NS_PER_US);
		n->now_ns = next;
		net_deliver(n);
	}
	if (n->c.pause_us && !rng_below(&n->rng, n->c.pause_every))
		n->now_ns += rng_below(&n->rng, n->c.pause_us * NS_PER_US);
	track_expire(&n->t, n->now_ns);
	net_drain(n);
}

static inline void net_shard_close(struct net *n)
{
	struct track_stats *a = &n->stats, *b = &n->t.stats;

	n->took_ns = MAX(n->took_ns, n->now_ns - n->c.start_ns);
	while (n->n_flying) { /* what comes after the end */
		struct net_flying f = net_pop(n);
		track_reply(&n->t, f.type, &f.reply, MAX(f.due_ns, n->now_ns));
	}
	net_drain(n);
	coverage_merge(&n->ports_seen, &n->t.ports_seen);
	stratum_merge(&n->hosts_seen, &n->t.hosts_seen);
	a->n_late_ports += b->n_late_ports;
	a->n_again += b->n_again;
	a->n_picked += b->n_picked;
	a->n_retried += b->n_retried;
	a->n_concluded += b->n_concluded;
	a->n_dup += b->n_dup;
	a->n_late += b->n_late;
	a->n_unasked += b->n_unasked;
	a->n_spurious += b->n_spurious;
	a->n_hosts_done += b->n_hosts_done;
	for (uint32_t i = 0; i < COOKIE_ATTEMPTS_MAX; i++)
		a->n_answered[i] += b->n_answered[i];
	track_fini(&n->t);
}

static inline void net_run(struct net *n, const struct net_conf *c)
{
	net_init(n, c);
	for (uint32_t s = 0; s < n->c.n_shards; s++) {
		net_shard_open(n, s);
		while (!track_is_done(&n->t)) {
			assert_true(n->now_ns - n->c.start_ns < n->c.most_ns);
			net_turn(n);
		}
		net_shard_close(n);
	}
}

static inline void net_fini(struct net *n)
{
	range_set_fini(&n->set);
	ring_fini(&n->events);
	free(n->flying);
	free(n->cells);
	free(n->hosts);
}

/** Every host that is up reported once for each part; each responsive port found once with its
 * state, no other. @return misses. */
static inline uint64_t net_check(const struct net *n)
{
	uint32_t n_parts = n->c.is_sharded_by_port ? n->c.n_shards : 1;
	uint64_t n_missed = 0;

	for (uint64_t h = 0; h < n->c.n_hosts; h++) {
		assert_int_equal(n->hosts[h].n_scanned, n_parts);
		assert_int_equal(n->hosts[h].n_partial, 0);
		for (uint32_t p = 1; p <= n->c.n_ports && !n->c.is_ping_only; p++) {
			const struct net_cell *c = net_cell(n, h, (uint16_t)p);
			uint8_t kind = net_is_up(n, h) ? net_kind(n, h, (uint16_t)p) : REPLY_NONE;
			uint8_t state = kind == REPLY_NONE ? 0 : net_type(n)->state_of[kind];

			assert_in_range(c->n_found, 0, state != 0);
			assert_true(!c->n_found || c->state == state);
			n_missed += state && !c->n_found;
		}
	}
	return n_missed;
}
