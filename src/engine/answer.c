/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an answer changes: which probe it belongs to, what it tells of round-trip time and loss, and
 * the event that states it. Part of the scheduler (track.c).
 */
#include "engine/sweep.h"
#include "engine/track_int.h"

#include <string.h>

enum {
	SAMPLES_FOR_LOSS = 64,
	RTO_CEILING_SPURIOUS_US = 1000000,
	SPURIOUS_FORGOTTEN = 32 /* time-outs */
};

#define UNHEARD_MAX 0.00001

static uint32_t us_of(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

/** Attempts needed so that loss at the rate seen so far leaves at most one port in 100,000 unheard.
 */
static void update_global_retries(struct track *t)
{
	double loss = (double)t->n_recovered / (double)MAX(t->n_heard, 1ull), left = loss;
	uint32_t k = 0;
	while (left > UNHEARD_MAX && k < t->conf.max_retries) {
		left *= loss;
		k++;
	}
	t->global_retries = k;
}

/** Attempts of a probe that went out. */
static uint32_t attempts_made(uint8_t state)
{
	uint32_t last = state >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;

	switch (state & PROBE_STATE) {
	case PROBE_NEW:
		return 0;
	case PROBE_WAIT:
		return last;
	case PROBE_FLIGHT:
		return last + !(state & PROBE_MARK);
	default:
		return state & PROBE_MARK ? 0 : last + 1;
	}
}

/** Link replies carry no cookie: they prove nothing and are heard by everyone. */
static bool has_cookie(const struct probe_reply *r)
{
	return r->kind != REPLY_ARP && r->kind != REPLY_ND;
}

/**
 * A time-out was too short: the lowest one grows by a quarter, but once in its own length, since
 * what stands in one queue says the same thing many times. When it has not happened for long, the
 * queue may be gone: it shrinks again.
 */
static void note_spurious(struct track *t, uint64_t now_ns)
{
	if (now_ns < t->spurious_ns + t->min_rto_us * NS_PER_US)
		return;
	t->spurious_ns = now_ns;
	t->min_rto_us = MIN(t->min_rto_us + t->min_rto_us / 4, (uint32_t)RTO_CEILING_SPURIOUS_US);
}

static void forget_spurious(struct track *t, uint64_t now_ns)
{
	if (t->min_rto_us <= t->conf.min_rto_us ||
	    now_ns < t->spurious_ns + SPURIOUS_FORGOTTEN * t->min_rto_us * NS_PER_US)
		return;
	t->spurious_ns = now_ns;
	t->min_rto_us = MAX(t->min_rto_us - t->min_rto_us / 8, t->conf.min_rto_us);
}

/** Is its answer to an attempt before the last the first word of it, or was that as late? */
static bool is_far(const struct track *t, const struct host_slot *h)
{
	return !h->rtt.srtt_us || h->rtt.min_us > track_first_us(t, h);
}

/**
 * The first word of a host comes after its time-out: it is far. When that attempt left is not kept,
 * but those after it were spaced by the time-outs of a host not heard: it took no less.
 */
static void learn_far(struct track *t, const struct track_group *g, uint32_t q, uint32_t attempt,
		      uint64_t now_ns)
{
	struct host_slot *h = group_host(g, q), unheard = *h;
	uint32_t last = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;
	uint64_t us = us_of(now_ns) - g->sent_us[q];

	unheard.rtt = (struct rtt){0};
	/* one that waits to be asked again has the time of the attempt before */
	last -= (g->state[q] & PROBE_STATE) == PROBE_WAIT;
	for (uint32_t a = attempt; a < last; a++)
		us += track_rto_us(t, &unheard, a);
	rtt_sample(&h->rtt, (uint32_t)MIN(us, (uint64_t)RTT_SAMPLE_MAX_US));
}

/** RTT and loss facts from one reply. @return the attempt that it answers. */
static uint32_t learn(struct track *t, struct track_group *g, uint32_t q,
		      const struct probe_reply *r, uint64_t now_ns)
{
	struct host_slot *h = group_host(g, q);
	uint32_t last = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;
	uint32_t attempt = !r->is_attempt_unknown ? r->attempt : attempts_made(g->state[q]) - 1;

	if ((r->is_attempt_unknown && last) || r->is_time_unknown) {
		/* an answer to any of several attempts: no sample (Karn's rule, RFC 6298 3) */
	} else if (attempt == last) {
		/* a batch is stamped a little ahead: an answer can seem to come before */
		uint32_t us = (uint32_t)MAX((int32_t)(us_of(now_ns) - g->sent_us[q]), 1);
		rtt_sample(&h->rtt, us);
		rtt_sample(&t->rtt, us);
	} else if (attempt < last) {
		t->stats.n_spurious += (g->state[q] & PROBE_STATE) != PROBE_WAIT;
		if (is_far(t, h))
			learn_far(t, g, q, attempt, now_ns);
		else if ((g->state[q] & PROBE_STATE) != PROBE_WAIT)
			note_spurious(t, now_ns);
	}
	attempt -= MIN(attempt, r->n_other);
	uint32_t counted = attempt - MIN(attempt, attempts_excused(t, h));
	h->max_attempt = (uint8_t)MAX(h->max_attempt, counted);
	if (counted)
		hold_attempt(t, g, q, counted);
	t->n_recovered += counted > 0;
	forget_spurious(t, now_ns);
	if (h->n_answers < OWN_ANSWERS_MIN)
		h->n_answers++;
	t->stats.n_answered[attempt]++;
	if (!(++t->n_heard % SAMPLES_FOR_LOSS))
		update_global_retries(t);
	return attempt;
}

/** What a datagram said, for those who ask the port next. */
static void emit_reply(struct track *t, const struct host_slot *h, uint16_t port, struct bytes said)
{
	size_t n;

	for (size_t off = 0; off < said.len; off += n) {
		struct event *ev = track_event(t, EVENT_REPLY_HEARD);
		n = MIN(said.len - off, (size_t)REPLY_PIECE_MAX);
		ev->host_idx = h->idx;
		ev->reply = (struct ev_reply){.port = port,
					      .off = (uint16_t)off,
					      .total_bytes = (uint16_t)said.len,
					      .n_bytes = (uint16_t)n};
		memcpy(ev->reply.bytes, said.p + off, n);
		track_event_commit(t);
	}
}

static void emit_port(struct track *t, struct track_group *g, uint32_t q, struct host_slot *h,
		      uint8_t state, const struct probe_reply *r, uint64_t now_ns)
{
	uint32_t last = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;

	if (t->conf.wants_replies)
		emit_reply(t, h, t->port_of[q % g->width], r->said);
	struct event *ev = track_event(t, EVENT_PORT_FOUND);

	ev->host_idx = h->idx;
	ev->port = (struct ev_port){
		.addr = h->addr,
		.port = t->port_of[q % g->width],
		.proto = r->to.proto,
		.state = state,
		.reason = r->reason,
		.ttl = r->ttl,
		.attempt = r->attempt,
		.rtt_us = r->attempt == last && !r->is_time_unknown
				  ? (uint32_t)MAX((int32_t)(us_of(now_ns) - g->sent_us[q]), 1)
				  : h->rtt.srtt_us,
	};
	if (!addr_equal(&r->from, &h->addr))
		ev->port.from = r->from;
	track_event_commit(t);
}

/** A canary's outcome, known by place; its host may have been given up since. */
static void track_canary(struct track *t, uint32_t q, const struct scan_type *type,
			 const struct probe_reply *r)
{
	const struct canary_set *s = &t->canaries[(q - TRACK_CANARY_Q) / DISHONEST_CANARIES];

	t->stats.n_late += !s->host || !addr_equal(&s->host->addr, &r->to.addr) ||
			   !canary_answer(t, s->host, type, r);
}

/** An answer that changes nothing: to a port asked once more, a second one, or one too late. */
static void answer_repeated(struct track *t, struct track_group *g, uint32_t q,
			    const struct probe_reply *r)
{
	if (g->state[q] & PROBE_ANSWERED) {
		t->stats.n_dup += !t->n_again || !again_answered(t, g, q, r);
		return;
	}
	t->stats.n_late++;
	if (g->stage != GROUP_PORTS)
		return;
	t->stats.n_late_ports++;
	g->state[q] |= PROBE_ANSWERED;
}

/** Is a ping of it lost when an attempt at the host is? Several are seldom lost together. */
static bool has_one_ping(const struct host_slot *h)
{
	return !(h->pings & (h->pings - 1u));
}

/** The program may have sent the probe: then it becomes one in flight. @return @p r, or a copy in
 * @p room that tells what is known of it. */
static const struct probe_reply *of_sweep(struct track *t, struct track_group *g, uint32_t q,
					  const struct probe_reply *r, struct probe_reply *room,
					  uint64_t now_ns)
{
	if (!g->sweep || g->state[q])
		return r;
	*room = *r;
	room->is_time_unknown = !sweep_adopt(t->sweep, g, q, now_ns);
	return room;
}

void track_answer(struct track *t, struct track_group *g, uint32_t q, const struct scan_type *type,
		  const struct probe_reply *r, uint64_t now_ns)
{
	if (q >= TRACK_CANARY_Q) {
		track_canary(t, q, type, r);
		return;
	}
	struct host_slot *h = group_host(g, q);
	struct probe_reply known;
	r = of_sweep(t, g, q, r, &known, now_ns);
	uint8_t was = g->state[q], state = type->state_of[r->kind];

	if (state && (was & PROBE_ANSWERED || h->flags & HOST_IS_DONE)) {
		answer_repeated(t, g, q, r);
		return;
	}
	if (!state || (r->is_attempt_unknown ? 0u : r->attempt) >= attempts_made(was)) {
		t->stats.n_unasked += has_cookie(r);
		return;
	}
	uint32_t attempt = learn(t, g, q, r, now_ns);
	struct track_heard heard = {now_ns, attempt, state};
	if (state != type->state_if_silent)
		hold_answered(t, g, q, &heard);
	h->flags |= HOST_IS_HEARD;
	if (r->has_mac) {
		h->mac = r->mac;
		h->flags |= HOST_HAS_MAC;
	}
	g->state[q] |= PROBE_ANSWERED;
	probe_conclude(t, g, q);
	if (g->stage == GROUP_PORTS)
		emit_port(t, g, q, h, state, r, now_ns);
	else
		host_ping_answered(t, g, h, state, r, attempt);
	g->state[q] = (uint8_t)(PROBE_DONE | PROBE_ANSWERED | attempt << PROBE_ATTEMPT_SHIFT);
	/* a datagram answers a payload, and the next attempt has another one */
	if (g->stage == GROUP_DISCOVERY ? state == HOST_UP && has_one_ping(h)
					: r->kind != REPLY_DATAGRAM)
		again_consider(t, g, q, attempts_made(was), now_ns);
	if ((was & PROBE_STATE) == PROBE_DONE)
		return;
	host_test(t, g, q, state == PORT_OPEN, r);
	host_probe_done(t, g, h);
}

/** Place among a host's probes of this port of type @p i; NO_PROBE when another part asks it. */
static uint32_t port_probe(const struct track *t, uint32_t i, uint16_t port)
{
	const struct track_conf *c = &t->conf;
	const struct port_bits *b = &c->ports->of[port_proto_of(c->types[i]->proto)];

	if (!port_bits_has(b, port))
		return NO_PROBE;
	uint32_t k = port_bits_index(b, port), part = 0;
	if (c->is_sharded_by_port) {
		part = k % c->n_shards;
		if (!c->lend && part != c->shard)
			return NO_PROBE;
		k /= c->n_shards;
	}
	return t->type_base[c->lend ? part : 0][i] + k;
}

uint32_t track_port_probe(const struct track *t, uint8_t proto, uint16_t port)
{
	for (uint32_t i = 0; i < t->conf.n_types; i++)
		if (t->conf.types[i]->proto == proto)
			return port_probe(t, i, port);
	return NO_PROBE;
}

/** @return the probe of a host that asked @p r's endpoint, or NO_PROBE. */
static uint32_t probe_of(const struct track *t, const struct track_group *g,
			 const struct host_slot *h, const struct scan_type *type,
			 const struct probe_reply *r)
{
	const struct track_conf *c = &t->conf;

	if (g->stage == GROUP_DISCOVERY) {
		for (uint32_t i = 0; i < c->n_pings; i++)
			if (c->pings[i].type == type && c->pings[i].port == r->to.port)
				return h->rank * g->width + i;
		return NO_PROBE;
	}
	for (uint32_t i = 0; i < c->n_types; i++)
		if (c->types[i] == type) {
			uint32_t p = port_probe(t, i, r->to.port);
			return p == NO_PROBE ? p : h->rank * g->width + p;
		}
	return NO_PROBE;
}

void track_find_host(const struct track *t, const struct probe_reply *r, struct track_place *ret)
{
	uint64_t ordinal;

	*ret = (struct track_place){.q = NO_PROBE};
	if (!space_find(t->conf.space, &r->to.addr, &ordinal))
		return;
	ret->is_target = true;
	for (uint32_t i = 0; i < t->n_live && !ret->group; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		if (ordinal - g->first >= g->n_hosts)
			continue;
		ret->group = g;
		ret->host = &g->hosts[ordinal - g->first];
		host_fetch(ret->host);
	}
}

void track_find_probe(const struct track *t, const struct scan_type *type,
		      const struct probe_reply *r, struct track_place *p)
{
	if (!p->group || p->host->rank == NO_PROBE)
		return;
	p->q = probe_of(t, p->group, p->host, type, r);
	if (p->q != NO_PROBE)
		probe_fetch(t, p->group, p->q);
}

void track_take(struct track *t, const struct scan_type *type, const struct probe_reply *r,
		const struct track_place *p, uint64_t now_ns)
{
	if (p->q != NO_PROBE) {
		track_answer(t, p->group, p->q, type, r, now_ns);
		return;
	}
	if (!p->is_target)
		t->stats.n_unasked += has_cookie(r);
	else if (!p->group || p->host->rank == NO_PROBE || !canary_answer(t, p->host, type, r))
		t->stats.n_late += has_cookie(r);
}

void track_reply(struct track *t, const struct scan_type *type, const struct probe_reply *r,
		 uint64_t now_ns)
{
	struct track_place p;

	track_find_host(t, r, &p);
	track_find_probe(t, type, r, &p);
	track_take(t, type, r, &p, now_ns);
}
