/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the coverage estimate is fed with: every completed host's answers and silences by attempt,
 * and a random sample of answered ports that are asked once more at a random time, which measures
 * the loss of one attempt directly. Hosts that discovery found are asked again in the same way, and
 * repeatedly where they are few: else nothing but their first answers would speak for the silence
 * of the others. Nothing is asked again before something had to be
 * retransmitted: where everything answers nothing can be missing, and where something is silent its
 * time-outs are waited for anyway, so the sample costs packets but no time. Part of the scheduler
 * (track.c).
 */
#include "engine/track_int.h"

#include <string.h>

enum {
	SAMPLE_MIN = 32,  /* asked again in any case, while that many answers are there */
	SAMPLE_SHIFT = 7, /* then one answer in 128 */
	THIN_OUT = 8,     /* of many answers a random one in 8 is considered */
	SPAN_US = 200000, /* asked again within this time: last time-outs take 300 ms */
	WAIT_MIN_US = 50000,
	RETRY_US = 1000
};

/** May one more be asked again? Counts it. @p attempt: the first number that it has not used. */
static bool again_take(struct track *t, const struct track_group *g, uint32_t attempt)
{
	bool is_port = g->stage == GROUP_PORTS;
	uint64_t n_wanted = SAMPLE_MIN;

	if (is_port)
		n_wanted = MAX(n_wanted, t->n_heard >> SAMPLE_SHIFT);
	if (attempt >= COOKIE_ATTEMPTS_MAX || (t->conf.bounds.scan_delay_us && !is_port) ||
	    t->n_again_begun[is_port] >= MIN(n_wanted, (uint64_t)t->conf.again_max))
		return false;
	t->n_again_begun[is_port]++;
	return true;
}

static void again_begin(struct track *t, struct again *a, uint32_t attempt, uint64_t now_ns)
{
	a->attempt = (uint8_t)attempt;
	a->due_us = (uint32_t)(now_ns / NS_PER_US) + (uint32_t)rng_below(&t->rng, SPAN_US);
	a->is_sent = a->is_answered = false;
}

void again_consider(struct track *t, struct track_group *g, uint32_t q, uint32_t attempt,
		    uint64_t now_ns)
{
	struct again *a = &t->again[t->n_again];

	if (t->n_again == TRACK_AGAIN_MAX ||
	    (t->n_heard > SAMPLE_MIN * 4 && rng_below(&t->rng, THIN_OUT)) ||
	    !again_take(t, g, attempt))
		return;
	t->n_again++;
	*a = (struct again){.group = g, .q = q};
	again_begin(t, a, attempt, now_ns);
}

static void again_drop(struct track *t, uint32_t i)
{
	t->again[i] = t->again[--t->n_again];
}

/** A host as an endpoint of discovery: asked until the sample is large enough. */
static void again_count_host(struct track *t, uint32_t i, uint64_t now_ns)
{
	struct again *a = &t->again[i];

	t->hosts_seen.n_again++;
	t->hosts_seen.n_again_answered += a->is_answered;
	if (again_take(t, a->group, a->attempt + 1u))
		again_begin(t, a, a->attempt + 1u, now_ns);
	else
		again_drop(t, i);
}

/** Its time is over: one trial more of the host, won or lost; of all hosts, when it is complete. */
static void again_count(struct track *t, uint32_t i, uint64_t now_ns)
{
	struct host_slot *h = group_host(t->again[i].group, t->again[i].q);

	if (t->again[i].group->stage == GROUP_DISCOVERY) {
		again_count_host(t, i, now_ns);
		return;
	}
	if (h->flags & HOST_IS_DONE) {
		t->ports_seen.strata[0].n_again++;
		t->ports_seen.strata[0].n_again_answered += t->again[i].is_answered;
	} else if (h->n_again < UINT16_MAX) {
		h->n_again++;
		h->n_again_answered += t->again[i].is_answered;
	}
	again_drop(t, i);
}

/** How long its answer is waited for; answered hosts have a round-trip time. */
static uint32_t wait_us(const struct track *t, const struct host_slot *h)
{
	uint32_t rto_us = MAX(rtt_rto_us(&h->rtt), t->min_rto_us);

	return CLAMP(2 * rto_us, (uint32_t)WAIT_MIN_US, t->conf.max_rto_us);
}

static bool again_send(struct track *t, struct again *a, uint64_t now_ns, struct track_probe *ret)
{
	struct host_slot *h = group_host(a->group, a->q);

	if (!hold_borrow(t, a->group, a->q, now_ns)) {
		a->due_us += RETRY_US;
		return false;
	}
	probe_fill(t, a->group, a->q, ret);
	ret->attempt = a->attempt;
	ret->is_again = true;
	a->is_sent = true;
	a->due_us = (uint32_t)(now_ns / NS_PER_US) + wait_us(t, h);
	stat_add(&t->stats.n_again, 1);
	return true;
}

bool again_next(struct track *t, uint64_t now_ns, struct track_probe *ret)
{
	uint32_t now_us = (uint32_t)(now_ns / NS_PER_US);

	if (!t->stats.n_retried && t->conf.max_retries)
		return false;
	for (uint32_t i = t->n_again; i-- > 0;) {
		if ((int32_t)(now_us - t->again[i].due_us) < 0)
			continue;
		if (t->again[i].is_sent)
			again_count(t, i, now_ns);
		else if (again_send(t, &t->again[i], now_ns, ret))
			return true;
	}
	return false;
}

static struct again *again_find(struct track *t, const struct track_group *g, uint32_t q)
{
	for (uint32_t i = 0; i < t->n_again; i++) {
		struct again *a = &t->again[i];
		if (a->group == g && a->q == q && a->is_sent)
			return a;
	}
	return NULL;
}

bool again_answered(struct track *t, const struct track_group *g, uint32_t q,
		    const struct probe_reply *r)
{
	struct again *a = again_find(t, g, q);

	if (!a || a->is_answered || (!r->is_attempt_unknown && r->attempt != a->attempt))
		return false;
	a->is_answered = true;
	return true;
}

void again_unsent(struct track *t, const struct track_probe *p)
{
	struct again *a = again_find(t, p->group, p->q);

	if (!a)
		return;
	stat_add(&t->stats.n_again, -1ull);
	again_drop(t, (uint32_t)(a - t->again));
}

void again_forget(struct track *t, const struct track_group *g)
{
	for (uint32_t i = t->n_again; i-- > 0;)
		if (t->again[i].group == g)
			again_drop(t, i);
}

/* --- completed hosts ---------------------------------------------------------------- */

void tally_ports(struct track *t, const struct track_group *g, const struct host_slot *h)
{
	struct coverage_host c = {.n_again = h->n_again, .n_again_answered = h->n_again_answered};
	const uint8_t *state = g->state + (size_t)h->rank * g->width;
	uint32_t n_by_state[256] = {0}, n_told;

	for (uint32_t i = 0; i < g->width; i++)
		n_by_state[state[i]]++;
	n_told = n_by_state[PROBE_RESTORED];
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		c.n_silent[a] = n_by_state[PROBE_DONE | a << PROBE_ATTEMPT_SHIFT];
		c.n_answered[a] =
			n_by_state[PROBE_DONE | PROBE_ANSWERED | a << PROBE_ATTEMPT_SHIFT];
		n_told += c.n_silent[a] + c.n_answered[a];
	}
	stat_add(&t->stats.n_unknown_ports, g->width - n_told);
	coverage_add(&t->ports_seen, &c);
}

void tally_host(struct track *t, const struct track_group *g, const struct host_slot *h,
		uint32_t attempt, bool is_up)
{
	const uint8_t *state = g->state + (size_t)h->rank * g->width;

	for (uint32_t i = 0; i < g->width && !is_up; i++)
		if (!(state[i] & PROBE_MARK))
			attempt =
				MAX(attempt, state[i] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK);
	stratum_add_endpoint(&t->hosts_seen, attempt, is_up);
}
