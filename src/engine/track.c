/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Outstanding probes: groups, answers, time-outs, completion. A probe is in at most one list at a
 * time: a slot of its group's timer wheel (in flight, or waiting for its host's pace) or the
 * group's ready list (due to be sent again). Answered probes stay in their list until it fires:
 * cheaper than unlinking. Retransmission follows RFC 6298; how often is learned, as nmap does: two
 * attempts more than the highest that brought an answer of the host, and what the loss over all
 * hosts asks for where the host has told little or has lost something itself.
 */
#include "engine/track.h"

#include "engine/lend.h"
#include "engine/track_int.h"

#include <string.h>

enum {
	RETRIES_MIN = 1, /* a silent port is asked twice */
	LIMITED_RETRIES = 7,
	BACKOFF_SHIFT_MAX = 3,
	UNHEARD_BACKOFF_SHIFT_MAX = 1,
	GLOBAL_RTO_MIN_US = 100000,
	FAR_WAIT_US = 500000,
	UNHEARD_WAIT = 3,        /* times a first attempt's */
	RTO_MAX_US = 1800000000, /* ages are compared in 31 bits */
	RTT_UNKNOWN_CHECK_US = 25000,
	RIPE_LOOK_NS = 1000000,
	WAITING_MAX = 1 << 16,
	EMPTY_GROUPS_MAX = 1024
};

static uint32_t us_of(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

/** Ticks wrap with 32 bits, a multiple of the wheel's slots: no slot is skipped then. */
static uint32_t tick_of(uint64_t ns)
{
	return (uint32_t)(ns / (TRACK_TICK_US * NS_PER_US));
}

struct host_slot *group_host(const struct track_group *g, uint32_t q)
{
	return &g->hosts[g->up[q / g->width]];
}

uint32_t attempts_excused(const struct track *t, const struct host_slot *h)
{
	return MAX(h->n_excused, t->n_excused);
}

uint32_t retries_allowed(const struct track *t, const struct host_slot *h)
{
	uint32_t n = RETRIES_MIN;

	if (h->flags & HOST_IS_GIVEN_UP)
		return 0;
	if (h->max_attempt)
		n = MAX(n, h->max_attempt + 2u);
	if (h->n_answers < OWN_ANSWERS_MIN || h->max_attempt)
		n = MAX(n, t->global_retries);
	return MIN(n + attempts_excused(t, h), t->conf.max_retries);
}

bool probe_is_doubtful(const struct track *t, const struct track_group *g, uint32_t q)
{
	if (g->stage != GROUP_PORTS || !g->flows)
		return false;
	uint32_t i = t->type_of ? t->type_of[q % g->width] : 0;
	return t->conf.types[i]->proto == PROTO_UDP && t->type_n[i] >= FLOW_WIDTH_MIN;
}

/** A limit that was found takes its share of the attempts; until its rate is known nobody knows how
 * much. */
static uint32_t limited_retries(const struct track *t, const struct track_group *g, uint32_t q)
{
	struct host_slot *h = group_host(g, q);

	if (g->stage != GROUP_PORTS || !g->flows || h->flags & HOST_IS_GIVEN_UP)
		return 0;
	const struct flow *f = &hold_flow(t, g, q)->flow;
	if (!f->gap_ns)
		return 0;
	return f->found_gap_ns || f->is_limited_by_rule ? attempts_excused(t, h) + LIMITED_RETRIES
							: t->conf.max_retries;
}

uint32_t probe_retries(const struct track *t, const struct track_group *g, uint32_t q)
{
	uint32_t n = retries_allowed(t, group_host(g, q));

	if (g->stage == GROUP_PORTS && t->requests_of)
		n = MAX(n, t->requests_of[q % g->width] - 1u);
	if (probe_is_doubtful(t, g, q))
		n = MAX(n, (uint32_t)UDP_RETRIES_MIN);
	n = MAX(n, limited_retries(t, g, q)) + probe_is_scout(t, g, q);
	return MIN(n, t->conf.max_retries);
}

/** Up by the user's word (-Pn), never heard. */
static bool is_assumed_up(const struct host_slot *h)
{
	return (h->flags & (HOST_IS_UP | HOST_IS_HEARD)) == HOST_IS_UP;
}

/**
 * How long the last attempt is waited for at least. Quick hosts say when to ask a silent one again,
 * not that it is silent: it may be far, or its router slow to find it. It is waited for as if it
 * were alone, and no longer: there is no next attempt to be spaced from, and the first one is
 * listened for all along. With -Pn, where most hosts may not exist, half a second. A quick host's
 * silent port may be served elsewhere (address translation, proxies).
 */
static uint32_t last_wait_us(const struct track *t, const struct host_slot *h, uint32_t first_us,
			     uint32_t attempt)
{
	if (h->rtt.srtt_us)
		return SLOW_PORT_WAIT_US;
	if (!is_assumed_up(h))
		return first_us;
	/* where nobody answers they may all be as far: once that has been waited for, or near ones
	 * are heard, it is unlikely */
	if (!t->rtt.srtt_us && !t->stats.n_hosts_done && attempt <= RETRIES_MIN)
		return UNHEARD_WAIT * first_us;
	return MIN(first_us, (uint32_t)FAR_WAIT_US);
}

/**
 * A host not heard, where others are: each attempt is a new chance on a path that loses packets,
 * and what is spaced wider than their round trips only takes longer. Congestion is the business of
 * the rate (flow.c), a far host is listened for to the end.
 */
static uint32_t backoff_shift_max(const struct track *t, const struct host_slot *h)
{
	return !h->rtt.srtt_us && t->rtt.srtt_us ? UNHEARD_BACKOFF_SHIFT_MAX : BACKOFF_SHIFT_MAX;
}

uint32_t track_rto_us(const struct track *t, const struct host_slot *h, uint32_t attempt)
{
	uint32_t first_us = track_first_us(t, h);
	uint64_t rto_us = first_us;

	if (h->rtt.srtt_us)
		rto_us = MAX(rtt_rto_us(&h->rtt), t->min_rto_us);
	else if (t->rtt.srtt_us)
		rto_us = CLAMP(rtt_rto_us(&t->rtt), MAX((uint32_t)GLOBAL_RTO_MIN_US, t->min_rto_us),
			       t->conf.initial_rto_us);
	uint32_t counted = attempt - MIN(attempt, attempts_excused(t, h));
	rto_us <<= MIN(counted, backoff_shift_max(t, h));
	if (attempt >= retries_allowed(t, h) && !(h->flags & HOST_IS_GIVEN_UP)) {
		uint64_t most_us = h->rtt.srtt_us ? rto_us : MIN(rto_us, (uint64_t)first_us);
		rto_us = MAX(most_us, (uint64_t)last_wait_us(t, h, first_us, attempt));
	}
	return (uint32_t)MIN(rto_us, (uint64_t)MIN(t->conf.max_rto_us, (uint32_t)RTO_MAX_US));
}

/* --- lists ------------------------------------------------------------- */

static void wheel_add(struct track_group *g, uint32_t q, uint64_t now_ns, uint64_t due_ns)
{
	uint32_t now_tick = tick_of(now_ns);
	uint64_t ticks = due_ns > now_ns ? (due_ns - now_ns) / (TRACK_TICK_US * NS_PER_US) + 1 : 1;
	uint32_t base = (int32_t)(now_tick - g->wheel_tick) > 0 ? now_tick : g->wheel_tick;
	uint32_t slot =
		(base + (uint32_t)MIN(ticks, (uint64_t)TRACK_WHEEL_SLOTS - 1)) % TRACK_WHEEL_SLOTS;

	g->link[q] = g->wheel[slot];
	g->wheel[slot] = q;
	g->n_wheel++;
}

void ready_push(struct track_group *g, uint32_t q)
{
	g->link[q] = NO_PROBE;
	if (g->ready_head == NO_PROBE)
		g->ready_head = q;
	else
		g->link[g->ready_tail] = q;
	g->ready_tail = q;
}

static uint32_t ready_pop(struct track_group *g)
{
	uint32_t q = g->ready_head;

	if (q != NO_PROBE)
		g->ready_head = g->link[q];
	return q;
}

static void group_set(struct track_group *g, uint32_t q, uint8_t what)
{
	g->state[q] = (uint8_t)((g->state[q] & ~PROBE_STATE) | what);
}

void probe_conclude(struct track *t, struct track_group *g, uint32_t q)
{
	hold_forget(t, g, q);
	t->n_outstanding -= (g->state[q] & PROBE_STATE) == PROBE_FLIGHT;
	group_set(g, q, PROBE_DONE);
}

/* --- outcomes ----------------------------------------------------------- */

void host_probe_done(struct track *t, struct track_group *g, struct host_slot *h)
{
	if (g->stage == GROUP_PORTS)
		stat_add(&t->stats.n_concluded, 1);
	if (!--h->n_pending)
		group_host_complete(t, g, h);
}

void track_flush_silent(struct track *t)
{
	struct track_silent *s = &t->silent;

	if (!s->n)
		return;
	struct event *ev = track_event(t, EVENT_CHECKPOINT);
	ev->checkpoint.what = CHECKPOINT_SILENT;
	ev->checkpoint.group = s->group;
	ev->checkpoint.n_probes = (uint8_t)s->n;
	memcpy(ev->checkpoint.probe, s->probe, s->n * sizeof(s->probe[0]));
	track_event_commit(t);
	s->n = 0;
}

/** Answered probes are told by their events, silent ones by nothing else. */
static void note_silent(struct track *t, const struct track_group *g, uint32_t q)
{
	struct track_silent *s = &t->silent;

	if (s->n == CHECKPOINT_PROBES_MAX || s->group != g->first)
		track_flush_silent(t);
	s->group = g->first;
	s->probe[s->n++] = g->up[q / g->width] * g->width + q % g->width;
}

bool probe_is_tested(const struct track *t, const struct track_group *g, uint32_t q)
{
	uint32_t type = t->type_of && g->stage == GROUP_PORTS ? t->type_of[q % g->width] : 0;

	return t->tested && g->stage == GROUP_PORTS && t->conf.types[type] == t->tested;
}

void host_test(struct track *t, struct track_group *g, uint32_t q, bool is_open,
	       const struct probe_reply *r)
{
	struct host_slot *h = group_host(g, q);

	if (!probe_is_tested(t, g, q))
		return;
	switch (dishonest_port(&h->honest, is_open, r ? r->reason : REASON_NO_RESPONSE,
			       r ? r->ttl : 0, t->has_canaries)) {
	case DISHONEST_ASK:
		canary_ask(t, g, h);
		break;
	case DISHONEST_STOP:
		host_convicted(t, g, h);
		break;
	default:
		break;
	}
}

/** A probe ran out of attempts. */
static void probe_silent(struct track *t, struct track_group *g, uint32_t q)
{
	const struct host_flow *hf = hold_flow(t, g, q);

	if (hf && g->stage == GROUP_PORTS && flow_is_limited(&hf->flow))
		t->stats.n_silent_limited++;
	if (t->conf.wants_checkpoints && g->stage == GROUP_PORTS)
		note_silent(t, g, q);
	probe_conclude(t, g, q);
	host_test(t, g, q, false, NULL);
	host_probe_done(t, g, group_host(g, q));
}

/* --- sending ------------------------------------------------------------- */

void probe_fill(const struct track *t, struct track_group *g, uint32_t q, struct track_probe *ret)
{
	uint32_t p = q % g->width;
	struct host_slot *h = group_host(g, q);

	ret->group = g;
	ret->q = q;
	ret->host = h;
	ret->is_again = false;
	ret->attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;
	ret->to.addr = h->addr;
	if (g->stage == GROUP_DISCOVERY) {
		ret->type = t->conf.pings[p].type;
		ret->to.port = t->conf.pings[p].port;
	} else {
		ret->type = t->conf.types[t->type_of ? t->type_of[p] : 0];
		ret->to.port = t->port_of[p];
	}
	ret->to.proto = ret->type->proto;
}

/** A probe in flight since g->sent_us: look at it when its time may be over. */
static void watch(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns,
		  uint64_t sent_ns)
{
	uint64_t check_us =
		probe_rto_us(t, g, q, g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK);

	/* without an RTT the time-out is a guess that the first answers will correct: look again
	 * soon */
	if (!group_host(g, q)->rtt.srtt_us && check_us > RTT_UNKNOWN_CHECK_US)
		check_us = RTT_UNKNOWN_CHECK_US;
	wheel_add(g, q, now_ns, sent_ns + check_us * NS_PER_US);
}

void probe_watch(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	uint32_t age_us = us_of(now_ns) - g->sent_us[q];

	watch(t, g, q, now_ns, now_ns - age_us * NS_PER_US);
}

/** Send @p q now if its host's rate allows. */
static bool probe_send(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns,
		       struct track_probe *ret)
{
	struct host_slot *h = group_host(g, q);

	if (!hold_pass(t, g, q, now_ns))
		return false;
	probe_fill(t, g, q, ret);
	g->state[q] = (uint8_t)((g->state[q] & ~(PROBE_STATE | PROBE_MARK)) | PROBE_FLIGHT);
	g->sent_us[q] = us_of(now_ns);
	watch(t, g, q, now_ns, now_ns);
	t->n_outstanding++;
	hold_sent(t, g, q, ret->attempt, now_ns);
	if (ret->attempt) {
		t->stats.n_retried++;
		return true;
	}
	stat_add(&t->stats.n_picked, 1);
	if (probe_is_tested(t, g, q))
		dishonest_asked(&h->honest);
	return true;
}

static bool next_ready(struct track *t, struct track_group *g, uint64_t now_ns,
		       struct track_probe *ret)
{
	uint32_t q;

	while ((q = ready_pop(g)) != NO_PROBE)
		if ((g->state[q] & PROBE_STATE) != PROBE_DONE && probe_send(t, g, q, now_ns, ret))
			return true;
	return false;
}

/** The next place of the order. Those after it are looked up already: in random order each is a
 * cache miss, and of several under way at once one is waited for. */
static uint32_t next_place(const struct track *t, struct track_group *g)
{
	uint64_t end = MIN(g->n_picked + TRACK_AHEAD, g->n_probes);

	for (; g->n_ahead < end; g->n_ahead++) {
		uint32_t q = probe_at(g, g->n_ahead);
		g->ahead[g->n_ahead % TRACK_AHEAD] = q;
		probe_fetch(t, g, q);
		host_fetch(group_host(g, q));
	}
	return g->ahead[g->n_picked++ % TRACK_AHEAD];
}

static bool next_new(struct track *t, struct track_group *g, uint64_t now_ns,
		     struct track_probe *ret)
{
	while (g->n_picked < g->n_probes && t->n_waiting < WAITING_MAX) {
		uint32_t q = next_place(t, g);
		if ((g->state[q] & PROBE_STATE) == PROBE_NEW && probe_send(t, g, q, now_ns, ret))
			return true;
	}
	return false;
}

static bool can_open(const struct track *t)
{
	return !t->n_sweeping && !t->is_exhausted && t->n_live < t->groups_max;
}

/** Groups before ready_from and new_from are passed over: each of many would cost every probe. */
static bool next_of_live(struct track *t, uint64_t now_ns, struct track_probe *ret)
{
	for (; t->ready_from < t->n_live; t->ready_from++)
		if (next_ready(t, &t->groups[t->live[t->ready_from]], now_ns, ret))
			return true;
	for (; t->new_from < t->n_live; t->new_from++) {
		struct track_group *g = &t->groups[t->live[t->new_from]];
		if (g->is_sweeping)
			continue;
		if (next_new(t, g, now_ns, ret))
			return true;
		if (g->n_picked < g->n_probes)
			break; /* too many wait */
	}
	return false;
}

/** Open groups until one has a probe. Those whose hosts are all done at once, as without a route,
 * make room for the next; not all of many in one turn. */
static int next_of_new_group(struct track *t, uint64_t now_ns, struct track_probe *ret)
{
	for (uint32_t n = 0; n < EMPTY_GROUPS_MAX && can_open(t); n++) {
		struct track_group *g;
		int err = group_open(t, now_ns, &g);
		if (err < 0)
			return err;
		if (g && g->is_sweeping)
			return 0;
		if (g && next_new(t, g, now_ns, ret))
			return 1;
		if (g && !g->n_open)
			groups_advance(t, now_ns);
	}
	return 0;
}

int track_next(struct track *t, uint64_t now_ns, struct track_probe *ret)
{
	if (!hold_path_passes(t, now_ns))
		return 0;
	if (t->n_canaries_todo && canary_next(t, now_ns, ret))
		return 1;
	if (t->n_again && again_next(t, now_ns, ret))
		return 1;
	if (next_of_live(t, now_ns, ret))
		return 1;
	return next_of_new_group(t, now_ns, ret);
}

void track_defer(struct track *t, const struct track_probe *p, uint64_t now_ns, uint32_t delay_us)
{
	struct track_group *g = p->group;

	if (p->q >= TRACK_CANARY_Q) {
		canary_unsent(t, p);
		return;
	}
	uint8_t state = g->state[p->q];

	if (p->is_again) {
		again_unsent(t, p);
		return;
	}
	if ((state & (PROBE_STATE | PROBE_MARK)) != PROBE_FLIGHT ||
	    (state >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK) != p->attempt)
		return; /* answered meanwhile, or its time-out came first */
	/* still linked in the wheel by probe_send: there it will be looked at again */
	g->sent_us[p->q] = us_of(now_ns) + delay_us - track_rto_us(t, p->host, p->attempt);
	g->state[p->q] |= PROBE_MARK;
	if (p->attempt)
		t->stats.n_retried--;
	else
		t->stats.n_picked--;
	if (!p->attempt && probe_is_tested(t, g, p->q))
		dishonest_unasked(&p->host->honest);
	hold_unsent(t, g, p->q, p->attempt);
}

/* --- timers ---------------------------------------------------------------- */

static void flight_expired(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	uint32_t attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;
	uint32_t rto_us = probe_rto_us(t, g, q, attempt), age_us = us_of(now_ns) - g->sent_us[q];

	if ((int32_t)age_us < (int32_t)rto_us) {
		wheel_add(g, q, now_ns, now_ns + (uint64_t)(rto_us - age_us) * NS_PER_US);
		return;
	}
	if (g->state[q] & PROBE_MARK) {
		g->state[q] = (uint8_t)((g->state[q] & ~(PROBE_STATE | PROBE_MARK)) | PROBE_WAIT);
		t->n_outstanding--;
		ready_push(g, q);
		return;
	}
	if (attempt >= probe_retries(t, g, q) && !hold_is_ripe(t, g, q, now_ns)) {
		/* soon, but not so often that many would cost much */
		wheel_add(g, q, now_ns, now_ns + RIPE_LOOK_NS + g->n_wheel * NS_PER_US);
		return;
	}
	if (attempt >= probe_retries(t, g, q) &&
	    (!hold_review(t, g, q, now_ns) || attempt >= probe_retries(t, g, q))) {
		probe_silent(t, g, q);
		return;
	}
	g->state[q] = (uint8_t)(PROBE_WAIT | (attempt + 1) << PROBE_ATTEMPT_SHIFT);
	retry_count(t, group_host(g, q), attempt + 1, age_us);
	t->n_outstanding--;
	ready_push(g, q);
}

static void fire_slot(struct track *t, struct track_group *g, uint32_t slot, uint64_t now_ns)
{
	uint32_t q = g->wheel[slot];

	g->wheel[slot] = NO_PROBE;
	while (q != NO_PROBE) {
		uint32_t next = g->link[q];
		if (next != NO_PROBE) {
			PREFETCH(&g->link[next]);
			PREFETCH(&g->state[next]);
		}
		g->n_wheel--;
		if ((g->state[q] & PROBE_STATE) == PROBE_FLIGHT)
			flight_expired(t, g, q, now_ns);
		q = next;
	}
}

void track_expire(struct track *t, uint64_t now_ns)
{
	uint32_t now_tick = tick_of(now_ns);

	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		uint32_t n = MIN(now_tick - g->wheel_tick, TRACK_WHEEL_SLOTS);
		for (uint32_t tick = now_tick - n + 1; n; tick++, n--) {
			g->wheel_tick = tick;
			fire_slot(t, g, tick % TRACK_WHEEL_SLOTS, now_ns);
		}
	}
	retries_tell(t);
	canary_expire(t, now_ns);
	track_flush_silent(t);
	hosts_time_out(t, now_ns);
	hold_path_update(t, now_ns);
	hold_release(t, now_ns);
	if (t->conf.lend)
		lend_turn(t);
	groups_advance(t, now_ns);
	t->ready_from = t->new_from = 0;
}

/** Is there a probe that may leave as soon as the path allows? */
static bool has_work(const struct track *t)
{
	for (uint32_t i = 0; i < t->n_live; i++) {
		const struct track_group *g = &t->groups[t->live[i]];
		if (g->ready_head != NO_PROBE ||
		    (g->n_picked < g->n_probes && t->n_waiting < WAITING_MAX))
			return true;
	}
	return can_open(t);
}

static bool has_ready(const struct track *t)
{
	for (uint32_t i = 0; i < t->n_live; i++)
		if (t->groups[t->live[i]].ready_head != NO_PROBE)
			return true;
	return false;
}

/** Microseconds from @p now_ns to @p due_ns, rounded up. */
static uint32_t us_until(uint64_t due_ns, uint64_t now_ns, uint32_t most_us)
{
	uint64_t us = due_ns > now_ns ? (due_ns - now_ns + NS_PER_US - 1) / NS_PER_US : 0;

	return (uint32_t)MIN(us, (uint64_t)most_us);
}

uint32_t track_wait_us(const struct track *t, uint64_t now_ns, uint32_t most_us)
{
	if (lend_is_waiting(t))
		most_us = MIN(most_us, LEND_POLL_US);
	uint32_t now_tick = tick_of(now_ns), best = us_until(t->held_due_ns, now_ns, most_us);

	if (hold_is_full(t)) {
		/* until an answer or a time-out */
	} else if (t->path.gap_ns && t->path.next_ns > now_ns) {
		if (has_work(t))
			best = us_until(t->path.next_ns, now_ns, best);
	} else if (has_ready(t) || (can_open(t) && !t->n_live)) {
		return 0;
	}
	for (uint32_t i = 0; i < t->n_live; i++) {
		const struct track_group *g = &t->groups[t->live[i]];
		for (uint32_t k = 0;
		     g->n_wheel && k < TRACK_WHEEL_SLOTS && k * TRACK_TICK_US < best; k++)
			if (g->wheel[(now_tick + 1 + k) % TRACK_WHEEL_SLOTS] != NO_PROBE) {
				best = (k + 1) * TRACK_TICK_US -
				       (uint32_t)(now_ns / NS_PER_US % TRACK_TICK_US);
				break;
			}
	}
	return canary_wait_us(t, now_ns, best);
}
