/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connect scan's transport: slots of sockets, what their outcomes mean, how long they may take,
 * and the worker's loop. The scheduler (track.h) says what to ask and when to ask again; here every
 * attempt ends as an answer, as silence, or as a local error, which is no answer and only defers
 * the probe. A socket is made once and reset after each probe (conn_sock.c): half the price of a
 * new one.
 */
#include "engine/conn_int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum {
	KERNEL_RESENDS_US =
		950000, /* a SYN unanswered for 1 s is sent again by the kernel itself */
	GIVE_UP_AGAIN_US = 100000,
	HOLD_US = 2000, /* no new connects after a local error */
	DEFER_US = 5000,
	FAILING_MAX_S = 2,
	GROW_STEP_MIN = 8,
	GROW_STEP_MAX = 8192,
	BOUND_SLOTS_MAX = 512, /* sockets bound to a privileged port, all made at once */
	FULL_WAIT_US = 4000,
	ALL_LOST_MAX_S = 3, /* longer than one host is given, so that others had their turn */
	FINISH_ROUNDS = 100,
	FINISH_WAIT_US = 10000,
	PRIVILEGED_PORTS = 1024,
	URING_PROBES_MIN = 512
}; /* a worker's; see backend_open */

enum { OUTCOME_REFUSED, OUTCOME_CONNECTED };

/** What an outcome says about the port; what is not listed is a local error. */
static const struct outcome {
	int err;
	uint8_t kind, reason;
} outcomes[] = {
	[OUTCOME_REFUSED] = {ECONNREFUSED, REPLY_REFUSED, REASON_CONN_REFUSED},
	[OUTCOME_CONNECTED] = {0, REPLY_CONNECTED, REASON_SYN_ACK},
	/* established, then reset before we looked: the kernel says ECONNREFUSED for a reset of the
	   SYN */
	{ECONNRESET, REPLY_CONNECTED, REASON_SYN_ACK},
	{EPIPE, REPLY_CONNECTED, REASON_SYN_ACK},
	{EHOSTUNREACH, REPLY_UNREACH, REASON_HOST_UNREACH},
	{EHOSTDOWN, REPLY_UNREACH, REASON_HOST_UNREACH},
	{ENETUNREACH, REPLY_UNREACH, REASON_NET_UNREACH},
	{ENOPROTOOPT, REPLY_UNREACH, REASON_PROTO_UNREACH},
	{ENONET, REPLY_UNREACH, REASON_DEST_UNREACH},
	{EOPNOTSUPP, REPLY_UNREACH, REASON_DEST_UNREACH},
	{EPROTO, REPLY_UNREACH, REASON_PARAM_PROBLEM},
	/* ICMPv6 administratively prohibited, or a prohibit route */
	{EACCES, REPLY_UNREACH, REASON_ADMIN_PROHIBITED},
	/* a policy of this machine that asking again will not change */
	{EPERM, REPLY_UNREACH, REASON_PERM_DENIED},
	/* silence: the scheduler's own timer decides */
	{ETIMEDOUT, REPLY_NONE, 0},
	{ECANCELED, REPLY_NONE, 0},
};

/* --- deadlines -------------------------------------------------------------- */

static void timer_start(struct conn *c, struct conn_slot *s, uint64_t due_ns)
{
	uint64_t due_tick = due_ns / CONN_TICK_NS + 1;
	uint64_t ticks = due_tick > c->wheel_tick ? due_tick - c->wheel_tick : 1;
	uint32_t i = (uint32_t)(s - c->slots);

	s->due_ns = due_ns;
	s->bucket = (uint16_t)((c->wheel_tick + MIN(ticks, CONN_WHEEL_SLOTS - 1ull)) %
			       CONN_WHEEL_SLOTS);
	s->prev = CONN_NO_SLOT;
	s->next = c->wheel[s->bucket];
	if (s->next != CONN_NO_SLOT)
		c->slots[s->next].prev = i;
	c->wheel[s->bucket] = i;
	s->is_timed = true;
}

static void timer_stop(struct conn *c, struct conn_slot *s)
{
	if (!s->is_timed)
		return;
	if (s->prev == CONN_NO_SLOT)
		c->wheel[s->bucket] = s->next;
	else
		c->slots[s->prev].next = s->next;
	if (s->next != CONN_NO_SLOT)
		c->slots[s->next].prev = s->prev;
	s->is_timed = false;
}

/**
 * How long after the time-out an answer is still heard, so that a time-out that was too short is
 * noticed: as long again, but not until the kernel repeats the SYN on its own, and not where the
 * retransmission needs the same ports.
 */
static uint32_t grace_us(const struct conn *c, uint32_t rto_us)
{
	if (c->w->conf->source_port || rto_us >= KERNEL_RESENDS_US)
		return 0;
	return MIN(rto_us, KERNEL_RESENDS_US - rto_us);
}

static void slot_overdue(struct conn *c, struct conn_slot *s)
{
	timer_stop(c, s);
	if (s->due_ns > c->now_ns) {
		timer_start(c, s, s->due_ns);
		return;
	}
	uint32_t grace = s->grace_us;
	s->grace_us = 0;
	if (grace && c->n_in_flight <= c->limit / 2) {
		timer_start(c, s, c->now_ns + grace * NS_PER_US);
		return;
	}
	c->ops->give_up(c, s);
	if (s->is_in_flight)
		timer_start(c, s, c->now_ns + GIVE_UP_AGAIN_US * NS_PER_US);
}

static void fire_deadlines(struct conn *c)
{
	uint64_t tick = c->now_ns / CONN_TICK_NS;
	uint64_t n = MIN(tick - c->wheel_tick, (uint64_t)CONN_WHEEL_SLOTS);

	for (uint64_t at = tick - n + 1; n; at++, n--) {
		uint32_t i = c->wheel[at % CONN_WHEEL_SLOTS];
		c->wheel_tick = at;
		while (i != CONN_NO_SLOT) {
			uint32_t next = c->slots[i].next;
			slot_overdue(c, &c->slots[i]);
			i = next;
		}
	}
}

/* --- outcomes ----------------------------------------------------------------- */

/** Groups are recycled; an answer that comes after its stage has ended belongs to nobody. */
static bool is_current(const struct conn_slot *s)
{
	const struct track_group *g = s->probe.group;

	return g->stage == s->stage && g->first == s->group_first;
}

static void report(struct conn *c, const struct conn_slot *s, const struct outcome *o)
{
	const struct track_probe *p = &s->probe;
	struct probe_reply r = {.to = p->to,
				.from = p->to.addr,
				.kind = o->kind,
				.reason = o->reason,
				.attempt = p->attempt};

	stat_add(&c->w->stats.n_received, 1);
	if (is_current(s))
		s->probe.host->is_way_lost = false;
	if (is_current(s))
		track_answer(&c->w->track, p->group, p->q, p->type, &r, c->now_ns);
	else
		c->w->track.stats.n_late++;
}

/** The outcome says nothing about the target: ask again soon. Later than in its own turn track's
 * timer does it. */
static void defer(struct conn *c, const struct conn_slot *s)
{
	if (s->turn == c->turn)
		track_defer(&c->w->track, &s->probe, c->now_ns, DEFER_US);
}

/** Something of this machine is used up: use less of it, and report when it stays so. */
static void local_error(struct conn *c, int err)
{
	c->w->stats.n_local_errors++;
	c->failing_err = err;
	if (!c->failing_since_ns)
		c->failing_since_ns = c->now_ns;
	c->hold_until_ns = c->now_ns + HOLD_US * NS_PER_US;
	c->resets_always |= err == -ECONNABORTED;
	if (err == -EMFILE || err == -ENFILE)
		c->limit = MAX(c->n_in_flight, 1u);
	else if (err != -ECONNABORTED)
		c->limit = MAX(MIN(c->limit, c->n_in_flight + CONN_BATCH) / 2, 1u);
	c->grow_step = MIN(c->grow_step * 2, (uint32_t)GROW_STEP_MAX);
	c->n_to_grow = c->grow_step;
}

static void succeeded(struct conn *c)
{
	c->failing_since_ns = c->all_lost_since_ns = 0;
	if (c->limit < c->n_slots && !--c->n_to_grow) {
		c->limit++;
		c->n_to_grow = c->grow_step;
	}
}

static const struct outcome *outcome_of(int err)
{
	for (uint32_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (outcomes[i].err == -err)
			return &outcomes[i];
	return NULL;
}

/**
 * Our own network is down, or a route of it gone: no word of the target's, and no reason to ask
 * others more slowly. The scan ends when all ways are gone.
 */
static void way_lost(struct conn *c, const struct conn_slot *s)
{
	if (!c->all_lost_since_ns)
		c->all_lost_since_ns = c->now_ns;
	if (!is_current(s) || s->turn != c->turn)
		return;
	uint32_t n = track_way_lost(&c->w->track, &s->probe, c->now_ns);
	c->n_hosts_lost += n > 0;
	c->w->stats.n_unfit += n;
}

/** Make the socket fit for the next probe, or close it. */
static void settle(struct conn *c, struct conn_slot *s, const struct outcome *o, bool is_connected)
{
	bool is_vain = !o || o->kind == REPLY_NONE;

	if (s->fd >= 0 && (is_connected || c->resets_always))
		conn_socket_reset(s->fd);
	if (o && o->kind == REPLY_UNREACH)
		conn_slot_close(s); /* its queue of ICMP errors with it */
	else if (s->port && is_vain)
		conn_slot_close(s); /* it may still be half open there */
}

void conn_outcome(struct conn *c, struct conn_slot *s, int err)
{
	const struct outcome *o = outcome_of(err);

	timer_stop(c, s);
	s->is_in_flight = false;
	c->n_in_flight--;
	/*
	 * Connected to itself or to another socket of the scan: the target's port is our source
	 * port. The kernel passes over bound ports, and bind() refuses those listened on, so nobody
	 * listens there. Asking again need not end: with -g it is the same.
	 */
	bool is_connected = !err;
	if (o && o->kind == REPLY_CONNECTED && conn_slot_is_ours(c, s))
		o = &outcomes[OUTCOME_REFUSED];
	bool is_lost = err == -ENETUNREACH && !s->is_told && !conn_slot_icmp(s);
	settle(c, s, o, is_connected);
	if (is_lost) {
		way_lost(c, s);
	} else if (!o) {
		local_error(c, err);
		defer(c, s);
	} else {
		succeeded(c);
		if (o->kind != REPLY_NONE)
			report(c, s, o);
	}
	conn_slot_release(c, s);
}

/* --- the loop --------------------------------------------------------------------- */

static void begin(struct conn *c, struct conn_slot *s, const struct track_probe *p)
{
	uint32_t rto_us = track_rto_us(&c->w->track, p->host, p->attempt);

	s->probe = *p;
	s->stage = p->group->stage;
	s->group_first = p->group->first;
	s->grace_us = grace_us(c, rto_us);
	s->is_in_flight = true;
	s->is_restarted = s->is_told = false;
	s->turn = c->turn;
	c->n_in_flight++;
	stat_add(&c->w->stats.n_sent, 1);
	int err = c->ops->begin(c, s);
	if (err == -EINPROGRESS) {
		timer_start(c, s, c->now_ns + rto_us * NS_PER_US);
		return;
	}
	c->now_ns = clock_now_ns();
	conn_outcome(c, s, err);
}

static bool has_room(const struct conn *c)
{
	return c->n_in_flight < c->limit && c->now_ns >= c->hold_until_ns;
}

/** Start what may be started. @return attempts, or -errno. */
static int fill(struct conn *c)
{
	struct worker *w = c->w;
	uint32_t n_max = pace_budget(&w->pace, c->now_ns, CONN_BATCH), n = 0;
	struct track_probe p;
	struct conn_slot *s;
	int more = 1;

	while (n < n_max && has_room(c) && (more = track_next(&w->track, c->now_ns, &p)) > 0) {
		int err = conn_slot_acquire(c, &p, &s);
		if (err) {
			track_defer(&w->track, &p, c->now_ns, DEFER_US);
			local_error(c, err);
			break;
		}
		begin(c, s, &p);
		n++;
	}
	pace_spend(&w->pace, c->now_ns, n);
	return more < 0 ? more : (int)n;
}

static uint32_t wait_us(const struct conn *c)
{
	const struct worker *w = c->w;
	uint64_t pace_us = pace_wait_ns(&w->pace, c->now_ns) / NS_PER_US;

	if (c->now_ns < c->hold_until_ns)
		return (uint32_t)((c->hold_until_ns - c->now_ns) / NS_PER_US + 1);
	if (c->n_in_flight >= c->limit)
		return FULL_WAIT_US;
	if (pace_us)
		return (uint32_t)MIN(pace_us, (uint64_t)WORKER_IDLE_US);
	return track_wait_us(&w->track, c->now_ns, WORKER_IDLE_US);
}

static int turn(struct conn *c)
{
	struct worker *w = c->w;
	uint64_t from_ns = c->now_ns, n_received = w->stats.n_received;

	meter_mark(w->meter, PROFILE_PUBLISHING);
	int n = fill(c);
	if (n < 0)
		return n;
	meter_mark(w->meter, PROFILE_SENDING);
	meter_sent(w->meter, (uint32_t)n);
	int err = c->ops->poll(c, n ? 0 : wait_us(c));
	meter_mark(w->meter, n ? PROFILE_RECEIVING : PROFILE_WAITING);
	meter_received(w->meter, (uint32_t)(w->stats.n_received - n_received));
	if (err)
		return err;
	c->turn++;
	(void)worker_spend(w, from_ns, n);
	fire_deadlines(c);
	track_expire(&w->track, c->now_ns);
	meter_mark(w->meter, PROFILE_TIMERS);
	meter_ring(w->meter, &w->events);
	if (c->n_in_flight)
		c->failing_since_ns = c->all_lost_since_ns = 0;
	if (c->all_lost_since_ns && c->now_ns - c->all_lost_since_ns > ALL_LOST_MAX_S * NS_PER_S)
		return -ENETUNREACH;
	if (c->failing_since_ns && c->now_ns - c->failing_since_ns > FAILING_MAX_S * NS_PER_S)
		return c->failing_err;
	return 0;
}

/** Nothing may be left that could become a connection later. */
static void finish(struct conn *c)
{
	c->turn++;
	for (uint32_t round = 0; c->n_in_flight && round < FINISH_ROUNDS; round++) {
		for (uint32_t i = 0; i < c->n_used; i++)
			if (c->slots[i].is_in_flight)
				c->ops->give_up(c, &c->slots[i]);
		if (c->n_in_flight && c->ops->poll(c, FINISH_WAIT_US))
			break;
	}
}

int conn_run(struct worker *w)
{
	struct conn *c = w->conn;
	int err = c->ops->start(c);

	if (err)
		return err;
	meter_mark(w->meter, PROFILE_STARTING);
	c->now_ns = clock_now_ns();
	c->wheel_tick = c->now_ns / CONN_TICK_NS;
	while (!err && !track_is_done(&w->track) && !worker_turn(w))
		err = turn(c);
	finish(c);
	bool is_all_lost = c->n_hosts_lost && c->n_hosts_lost == w->track.stats.n_hosts_done;
	return !err && is_all_lost ? -ENETUNREACH : err;
}

/* --- life ------------------------------------------------------------------------------ */

static bool has_family(const struct worker *w, uint8_t family)
{
	const struct range_set *set = w->track.conf.space->set;

	/* sorted by family */
	return set->n && (set->r[0].family == family || set->r[set->n - 1].family == family);
}

/**
 * Make sockets while the privileges for it are there: one a family to learn of a wrong source at
 * once, all when their port is privileged.
 */
static int open_early(struct conn *c)
{
	const struct engine_conf *conf = c->w->conf;
	bool is_privileged = conf->source_port && conf->source_port < PRIVILEGED_PORTS;
	uint8_t families[2], n_families = 0;

	if (!conf->source_port && !conf->if_idx && !conf->source4.family && !conf->source6.family)
		return 0;
	for (uint8_t f = ADDR_V4; f <= ADDR_V6; f += ADDR_V6 - ADDR_V4)
		if (has_family(c->w, f))
			families[n_families++] = f;
	if (is_privileged)
		c->n_slots = MIN(c->n_slots, (uint32_t)BOUND_SLOTS_MAX);
	uint32_t n = MIN(is_privileged ? MAX(c->n_slots, n_families) : n_families, c->n_slots);
	for (uint32_t i = 0; i < n; i++) {
		struct conn_slot *s = &c->slots[i];
		int err = conn_slot_open(c, s, families[i % n_families]);
		if (err)
			return err;
		c->n_used++;
		conn_slot_release(c, s);
	}
	return 0;
}

static uint32_t slots_wanted(const struct worker *w)
{
	uint32_t n = conn_socket_max();

	if (w->conf->bounds.max_outstanding)
		n = MIN(n, w->conf->bounds.max_outstanding);
	n = MIN(MAX(n / MAX(w->track.conf.n_shards, 1u), 1u), CONN_SLOTS_MAX);
	return (uint32_t)MIN((uint64_t)n, MAX(track_n_total(&w->track), 1ull));
}

/**
 * CONN_AUTO: io_uring for a worker of 512 probes or more, where the kernel lets us. Whole process
 * on loopback, refused ports, interleaved, 2 cores (AMD EPYC), Linux 6.18, 2026-11-22, epoll
 * against io_uring: 500 ports 7.3 / 7.1 ms, 3,000 ports 30.6 / 28.3 ms, 128,000 on two workers 676
 * / 581 ms. Below 512 the ring's 0.3 ms are not earned back.
 */
static int backend_open(struct conn *c)
{
	uint8_t wanted = c->w->conf->conn_backend;
	int err = -E_UNSUPPORTED;

	if (wanted == CONN_URING ||
	    (wanted == CONN_AUTO && track_n_total(&c->w->track) >= URING_PROBES_MIN)) {
		c->ops = &conn_uring;
		err = c->ops->open(c);
		if (!err || wanted == CONN_URING)
			return err;
	}
	c->ops = &conn_epoll;
	return c->ops->open(c);
}

int conn_open(struct worker *w)
{
	struct conn *c = mem_alloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	w->conn = c;
	c->w = w;
	c->n_slots = slots_wanted(w);
	c->n_holders = conn_slot_n_holders(w);
	c->grow_step = c->n_to_grow = GROW_STEP_MIN;
	memset(c->free, 0xff, sizeof(c->free));
	memset(c->wheel, 0xff, sizeof(c->wheel));
	c->slots = mem_alloc(c->n_slots, sizeof(*c->slots));
	int err = c->slots ? backend_open(c) : -ENOMEM;
	if (!err)
		err = open_early(c);
	if (err) {
		conn_close(w);
		return err;
	}
	c->limit = c->n_slots;
	conn_socket_table(c->n_slots);
	return 0;
}

void conn_close(struct worker *w)
{
	struct conn *c = w->conn;

	if (!c)
		return;
	if (c->ops)
		c->ops->close(c);
	for (uint32_t i = 0; i < c->n_used; i++)
		conn_slot_close(&c->slots[i]);
	mem_free(c->slots);
	mem_free(c);
	w->conn = NULL;
}

const char *conn_backend_name(const struct worker *w)
{
	const struct conn *c = w->conn;

	return c && c->ops ? c->ops->name : "none";
}
