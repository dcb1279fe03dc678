/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the scheduler (track.c) meets the rates (flow.c): which flow a probe belongs to, what is
 * sent and answered told to it, and probes whose host is limited held in a queue until their turn.
 * The path's flow is that of all hosts not limited themselves; what it loses is not blamed on them.
 */
#include "engine/track_int.h"

enum {
	LOOK_MS = 20,
	DOUBT_ATTEMPT = 4,
	LAST_ATTEMPTS = 2,
	LAST_COST = 2, /* they are asked at half the rate: then each finds an answer left */
	LAST_COST_MAX = 8,
	METERED_MIN = 4
};

struct host_flow *hold_flow(const struct track *t, const struct track_group *g, uint32_t q)
{
	uint32_t host = q / g->width;

	if (!g->flows)
		return NULL;
	if (t->conf.bounds.scan_delay_us)
		return &g->flows[host];
	if (g->stage != GROUP_PORTS)
		return NULL;
	uint32_t type = t->type_of ? t->type_of[q % g->width] : 0;
	return &g->flows[host * t->n_flows + t->flow_of_type[type]];
}

/** What a flow is of does not change in a stage. */
static void flows_name(const struct track *t, struct track_group *g)
{
	for (uint32_t i = 0; i < t->conf.n_types; i++)
		for (uint32_t r = 0; r < g->n_ranks; r++) {
			struct host_flow *hf = &g->flows[r * t->n_flows + t->flow_of_type[i]];
			hf->proto = t->conf.types[i]->proto;
			hf->flow.is_limited_by_rule = hf->proto == PROTO_UDP;
		}
}

void hold_join(struct track *t, struct track_group *g)
{
	if (g->flows && g->stage == GROUP_PORTS && !t->conf.bounds.scan_delay_us)
		flows_name(t, g);
	if (!g->flows || !t->conf.boards || !t->conf.is_sharded_by_port || g->stage != GROUP_PORTS)
		return;
	for (uint32_t r = 0; r < g->n_ranks; r++)
		for (uint32_t k = 0; k < t->n_flows; k++)
			board_join(&g->flows[r * t->n_flows + k].flow,
				   &t->conf.boards[1 + (g->first + g->up[r]) * t->n_flows + k],
				   t->conf.shard);
}

void hold_leave(struct track *t, struct track_group *g, const struct host_slot *h)
{
	for (uint32_t k = 0; g->flows && k < t->n_flows; k++)
		board_leave(&g->flows[h->rank * t->n_flows + k].flow);
}

static enum flow_kind kind_of(const struct track_group *g, uint32_t attempt)
{
	return attempt ? FLOW_AGAIN : g->stage == GROUP_DISCOVERY ? FLOW_PING : FLOW_FIRST;
}

static uint32_t us_of(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

/* --- what the flows are told ------------------------------------------------ */

/** A probe to the host leaves now. */
static void delay_begin(const struct track *t, struct host_slot *h, uint64_t now_ns)
{
	h->delay_until_ns = now_ns + t->conf.bounds.scan_delay_us * NS_PER_US;
}

void hold_sent(struct track *t, struct track_group *g, uint32_t q, uint32_t attempt,
	       uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);
	enum flow_kind kind = kind_of(g, attempt);
	struct host_slot *h = group_host(g, q);

	h->last_attempt = (uint8_t)MAX(h->last_attempt, attempt);
	if (!h->is_begun && g->stage == GROUP_PORTS) {
		h->is_begun = true;
		h->begun_ms = (uint32_t)(now_ns / NS_PER_MS);
	}
	t->last_attempt = (uint8_t)MAX(t->last_attempt, attempt);
	if (hf) {
		flow_sent(&hf->flow, kind, us_of(now_ns));
		delay_begin(t, group_host(g, q), now_ns);
	}
	if (t->path.gap_ns)
		flow_spend(&t->path, 1);
	if (hf && hf->flow.gap_ns)
		return;
	if (flow_is_due(&t->path, us_of(now_ns)))
		hold_path_update(t, now_ns);
	flow_sent(&t->path, kind, us_of(now_ns));
}

void hold_unsent(struct track *t, struct track_group *g, uint32_t q, uint32_t attempt)
{
	struct host_flow *hf = hold_flow(t, g, q);

	if (hf)
		flow_unsent(&hf->flow, kind_of(g, attempt));
	if (!hf || !hf->flow.gap_ns)
		flow_unsent(&t->path, kind_of(g, attempt));
}

/** Where the probe stands in the random order; what another worker gave away comes last. */
static uint16_t place_of(const struct track_group *g, uint32_t q)
{
	uint32_t host = q / g->width, p = q % g->width - g->walk_first;

	if (p >= g->walk_width)
		return UINT16_MAX;
	return (uint16_t)(permute_inverse(&g->order, (uint64_t)host * g->walk_width + p) *
			  UINT16_MAX / g->order.n);
}

void hold_answered(struct track *t, struct track_group *g, uint32_t q,
		   const struct track_heard *heard)
{
	struct host_flow *hf = hold_flow(t, g, q);
	uint32_t last = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK,
		 attempt = heard->attempt;
	bool is_accepted = g->stage == GROUP_PORTS && heard->state == PORT_OPEN;
	struct flow_answer a = {
		.kind = kind_of(g, attempt),
		.class = is_accepted ? FLOW_ACCEPTED : FLOW_REFUSED,
		.sent_us = g->sent_us[q],
		.rtt_us = (uint32_t)MAX((int32_t)(us_of(heard->now_ns) - g->sent_us[q]), 1),
		.place = hf && flow_wants_place(&hf->flow) ? place_of(g, q) : 0,
		.attempt = (uint8_t)attempt,
	};
	struct flow *flows[] = {hf ? &hf->flow : NULL, hf && hf->flow.gap_ns ? NULL : &t->path};

	for (uint32_t i = 0; i < ARRAY_LEN(flows); i++) {
		if (flows[i] && attempt == last)
			flow_answered(flows[i], &a);
		else if (flows[i])
			flow_answered_late(flows[i], a.class, us_of(heard->now_ns));
	}
	if (flows[1] && attempt && t->last_recovered != group_host(g, q)) {
		t->last_recovered = group_host(g, q);
		t->n_recovered_turns++;
	}
}

/* --- the queue --------------------------------------------------------------- */

/** How many probes of a host may leave now, at most @p most: by the rate found, unless the user
 * wants more outstanding, and by the delay that the user wants. */
static uint32_t host_budget(struct track *t, struct host_flow *hf, uint64_t now_ns, uint32_t most)
{
	const struct pace_bounds *b = &t->conf.bounds;
	uint32_t n = flow_budget(&hf->flow, now_ns, most);

	if (t->n_outstanding < b->min_outstanding)
		n = MAX(n, MIN(most, b->min_outstanding - t->n_outstanding));
	if (b->scan_delay_us)
		n = hf->host->delay_until_ns > now_ns || hf->n_released ? 0 : MIN(n, 1u);
	return n;
}

static void host_spend(struct host_flow *hf, uint32_t n)
{
	if (hf->flow.gap_ns)
		flow_spend(&hf->flow, n);
}

static bool is_limited(const struct track *t, const struct host_flow *hf)
{
	return hf->flow.gap_ns || t->conf.bounds.scan_delay_us;
}

/** When to look at a host's queue again. */
static uint64_t host_due_ns(const struct track *t, const struct host_flow *hf, uint64_t now_ns)
{
	uint64_t due_ns = hf->flow.gap_ns ? hf->flow.next_ns : 0;

	if (t->conf.bounds.min_outstanding) /* answers make room at any time */
		due_ns = MIN(due_ns, now_ns + NS_PER_MS);
	if (hf->flow.is_doubt) /* it ends between two probes */
		due_ns = MIN(due_ns, now_ns + LOOK_MS * NS_PER_MS);
	return MAX(due_ns, hf->host->delay_until_ns);
}

/**
 * Silence to a port's last attempts is believed, whoever took what there was to answer with. So
 * they are made when nothing else is asked.
 */
static enum held_queue queue_of(const struct track *t, const struct track_group *g, uint32_t q)
{
	uint32_t attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;

	if (!attempt)
		return HELD_FIRST;
	return attempt + LAST_ATTEMPTS > probe_retries(t, g, q) ? HELD_LAST : HELD_AGAIN;
}

/**
 * What a last attempt costs of the rate. Where limits are the rule too few answers come to find it
 * soon, and it may be far too high: there it is what has been answered.
 */
static uint32_t last_cost(const struct flow *f, uint64_t now_ns)
{
	uint32_t n = f->n_answers - f->n_metered, elapsed_us = us_of(now_ns) - f->meter_us;

	if (!f->is_limited_by_rule || n < METERED_MIN || !f->gap_ns)
		return LAST_COST;
	uint64_t cost = elapsed_us * NS_PER_US / n / f->gap_ns + 1;
	return (uint32_t)CLAMP(cost, (uint64_t)LAST_COST, (uint64_t)LAST_COST_MAX);
}

static void held_push(struct track *t, struct host_flow *hf, uint32_t q, uint64_t now_ns)
{
	struct track_group *g = hf->group;
	enum held_queue i = queue_of(t, g, q);

	g->state[q] = (uint8_t)((g->state[q] & ~PROBE_STATE) | PROBE_WAIT | PROBE_MARK);
	if (!hf->is_listed) {
		hf->is_listed = true;
		for (uint32_t k = 0; k < HELD_QUEUES; k++)
			hf->head[k] = NO_PROBE;
		hf->turn = 0;
		hf->next = t->held_flows;
		t->held_flows = hf;
	}
	/* what a burst asked first was answered if it answers at all: mix it with the rest */
	bool is_front = !hf->turn && q * 2654435761u >> 31;
	g->link[q] = is_front ? hf->head[i] : NO_PROBE;
	if (hf->head[i] == NO_PROBE)
		hf->head[i] = hf->tail[i] = q;
	else if (is_front)
		hf->head[i] = q;
	else
		hf->tail[i] = g->link[hf->tail[i]] = q;
	hf->n_held++;
	t->n_waiting++;
	t->held_due_ns = MIN(t->held_due_ns, host_due_ns(t, hf, now_ns));
}

void hold_forget(struct track *t, struct track_group *g, uint32_t q)
{
	if ((g->state[q] & (PROBE_STATE | PROBE_MARK)) != (PROBE_WAIT | PROBE_MARK))
		return;
	g->state[q] &= (uint8_t)~PROBE_MARK;
	hold_flow(t, g, q)->n_held--;
	t->n_waiting--;
}

/** The queue whose turn it is; HELD_QUEUES: all are empty. */
static enum held_queue queue_next(const struct host_flow *hf)
{
	enum held_queue i = hf->turn & 1;

	if (hf->head[i] == NO_PROBE)
		i = !i;
	if (hf->head[i] == NO_PROBE)
		i = HELD_LAST;
	return hf->head[i] == NO_PROBE ? HELD_QUEUES : i;
}

/** Is more asked of the host than last attempts, here or by other workers? States it to them. */
static bool asks_more(const struct host_flow *hf)
{
	const struct track_group *g = hf->group;
	bool is_asking = (hf->n_held && queue_next(hf) != HELD_LAST) || g->n_picked < g->n_probes;

	return board_others_ask(&hf->flow, is_asking) || is_asking;
}

/** What a probe that is asked once more gives reason for. */
static enum review review_of(const struct host_flow *hf, const struct track_group *g,
			     uint32_t attempt)
{
	if (attempt <= 1 || g->n_picked < g->n_probes)
		return REVIEW_UNDER_WAY;
	return attempt >= DOUBT_ATTEMPT && !hf->flow.is_limited_by_rule ? REVIEW_GIVING_UP
									: REVIEW_ALL_ASKED;
}

bool hold_pass(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);
	uint32_t attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;

	if (!hf)
		return true;
	if (g->stage == GROUP_PORTS && (attempt || flow_is_due(&hf->flow, us_of(now_ns))))
		hold_judge(t, hf, group_host(g, q), now_ns, review_of(hf, g, attempt));
	if (!is_limited(t, hf))
		return true;
	hf->host = group_host(g, q);
	hf->group = g;
	bool is_last = hf->flow.gap_ns && queue_of(t, g, q) == HELD_LAST,
	     must_wait = is_last && asks_more(hf);
	if (hf->n_released && !must_wait) {
		hf->n_released--;
		if (hf->host->delay_until_ns <= now_ns)
			return true;
	}
	if (!hf->n_held && !must_wait && host_budget(t, hf, now_ns, 1)) {
		host_spend(hf, is_last ? last_cost(&hf->flow, now_ns) : 1);
		return true;
	}
	held_push(t, hf, q, now_ns);
	return false;
}

bool hold_borrow(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);

	if (hf && group_host(g, q)->delay_until_ns > now_ns)
		return false;
	if (hf) {
		host_spend(hf, 1);
		delay_begin(t, group_host(g, q), now_ns);
	}
	if (t->path.gap_ns)
		flow_spend(&t->path, 1);
	return true;
}

/** Probes have their turn, up to what @p n cost. @return their cost. */
static uint32_t held_pop(struct track *t, struct host_flow *hf, uint32_t n, uint64_t now_ns)
{
	struct track_group *g = hf->group;
	uint32_t n_spent = 0;
	enum held_queue i;

	while (n_spent < n && (i = queue_next(hf)) != HELD_QUEUES) {
		if (i == HELD_LAST && hf->flow.gap_ns && asks_more(hf))
			break;
		uint32_t q = hf->head[i];
		hf->head[i] = g->link[q];
		hf->turn++;
		if ((g->state[q] & PROBE_STATE) != PROBE_WAIT)
			continue; /* answered meanwhile */
		hold_forget(t, g, q);
		ready_push(g, q);
		hf->n_released++;
		n_spent += i == HELD_LAST && hf->flow.gap_ns ? last_cost(&hf->flow, now_ns) : 1;
	}
	return n_spent;
}

static struct host_slot *host_of(const struct host_flow *hf)
{
	return group_host(hf->group, hf->head[queue_next(hf)]);
}

void hold_release(struct track *t, uint64_t now_ns)
{
	struct host_flow **at = &t->held_flows, *hf;
	uint64_t due_ns = UINT64_MAX;

	if (now_ns < t->held_due_ns)
		return;
	while ((hf = *at)) {
		if (hf->n_held && hf->group->stage == GROUP_PORTS)
			hold_judge(t, hf, host_of(hf), now_ns, REVIEW_UNDER_WAY);
		uint32_t n = held_pop(t, hf, host_budget(t, hf, now_ns, hf->n_held), now_ns);
		if (is_limited(t, hf))
			host_spend(hf, n);
		else
			hf->n_released = 0;
		bool is_waiting = asks_more(hf) && hf->n_held && queue_next(hf) == HELD_LAST;
		if (hf->n_held) {
			uint64_t look_ns = is_waiting ? now_ns + LOOK_MS * NS_PER_MS : 0;
			due_ns = MIN(due_ns, MAX(host_due_ns(t, hf, now_ns), look_ns));
			at = &hf->next;
		} else {
			*at = hf->next;
			hf->is_listed = false;
		}
	}
	t->held_due_ns = due_ns;
}

void hold_drop_group(struct track *t, const struct track_group *g)
{
	struct host_flow **at = &t->held_flows;

	while (*at) {
		if ((*at)->group == g)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
}

/* --- the path's turn ------------------------------------------------------------ */

bool hold_is_full(const struct track *t)
{
	return t->conf.bounds.max_outstanding && t->n_outstanding >= t->conf.bounds.max_outstanding;
}

bool hold_path_passes(struct track *t, uint64_t now_ns)
{
	if (hold_is_full(t))
		return false;
	if (!t->path.gap_ns || t->n_outstanding < t->conf.bounds.min_outstanding)
		return true;
	return flow_budget(&t->path, now_ns, 1);
}
