/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the scheduler (track.c) meets the rates (flow.c): which flow a probe belongs to, what is
 * sent and answered told to it, and probes whose host is limited held in a queue until their turn.
 * The path's flow is that of all hosts not limited themselves; what it loses is not blamed on them.
 */
#include "engine/track_int.h"

enum {
	PATH_TURNS_MIN = 4,
	VOTES_MIN = 4,
	VOTES_MAX = 64,
	LIMIT_EVENTS_MAX = 64, /* of a worker */
	DOUBT_LOOK_MS = 20
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

/* --- judging --------------------------------------------------------------- */

static uint32_t n_hosts_open(const struct track *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_live; i++)
		n += t->groups[t->live[i]].n_open;
	return n;
}

enum who { SHORT_UNKNOWN, SHORT_OF_FEW, SHORT_OF_MOST };

/** Whose limit is it when a host falls short? If most do, the path's. */
static enum who who_is_short(const struct track *t)
{
	uint32_t n = t->n_fine + t->n_short;

	if (n < MIN(n_hosts_open(t), (uint32_t)VOTES_MIN))
		return SHORT_UNKNOWN;
	return t->n_short >= 3 * t->n_fine ? SHORT_OF_MOST : SHORT_OF_FEW;
}

static void vote(struct track *t, struct flow *f)
{
	t->n_fine += f->n_fine;
	t->n_short += f->n_short;
	f->n_fine = f->n_short = 0;
	if (t->n_fine + t->n_short > VOTES_MAX) {
		t->n_fine /= 2;
		t->n_short /= 2;
	}
}

/** State that a limit began or ended. @param h the host; NULL: the path. */
static void tell_limit(struct track *t, const struct flow *f, const struct host_slot *h,
		       uint8_t proto)
{
	stat_add(&t->stats.n_limits, f->gap_ns != 0);
	if (t->n_limit_events++ >= LIMIT_EVENTS_MAX)
		return;
	struct event *ev = track_event(t, EVENT_RATE_LIMIT);
	ev->rate = (struct ev_rate_limit){
		.cause = !f->gap_ns            ? RATE_LIFTED
			 : f->is_by_recoveries ? RATE_ANSWERS_REPEATED
					       : RATE_ANSWERS_MISSING,
		.current_pps = f->was_pps,
		.target_pps = flow_rate_pps(f),
	};
	if (h) {
		ev->host_idx = h->idx;
		ev->rate.addr = h->addr;
		ev->rate.proto = proto;
	}
	track_event_commit(t);
}

/** When an answer is missing. Not the scheduler's time-out: that grows with what queues did once.
 */
static uint32_t wait_us(const struct track *t, const struct host_slot *h)
{
	const struct rtt *r = h && h->rtt.srtt_us ? &h->rtt : &t->rtt;

	return r->srtt_us ? MAX(rtt_rto_us(r), t->conf.min_rto_us) : t->conf.initial_rto_us;
}

/** The longest gap that a found limit may have, for @p n_hosts that share the lowest rate. */
static uint32_t most_gap_ns(const struct pace_bounds *b, uint32_t n_hosts, uint32_t delay_us)
{
	uint64_t ns = delay_us ? delay_us * NS_PER_US : UINT64_MAX;

	if (b->min_rate_pps)
		ns = MIN(ns, (uint64_t)n_hosts * NS_PER_S / b->min_rate_pps);
	return ns > FLOW_GAP_MAX_NS ? 0 : (uint32_t)MAX(ns, 1ull);
}

static uint32_t most_delay_us(const struct pace_bounds *b, uint8_t proto)
{
	uint32_t us = b->max_delay_us;

	if (proto != PROTO_UDP && b->max_tcp_delay_us)
		us = us ? MIN(us, b->max_tcp_delay_us) : b->max_tcp_delay_us;
	return us;
}

enum review { REVIEW_UNDER_WAY, REVIEW_ALL_ASKED, REVIEW_GIVING_UP };

static void host_flow_review(struct track *t, struct host_flow *hf, struct host_slot *h,
			     uint64_t now_ns, enum review at)
{
	const struct pace_bounds *b = &t->conf.bounds;
	uint8_t n_settled = hf->flow.n_settled;
	bool was_free = !flow_is_limited(&hf->flow);
	bool is_alone = n_hosts_open(t) == 1;

	if (b->is_rate_fixed)
		return;
	hf->flow.most_gap_ns =
		most_gap_ns(b, MAX(n_hosts_open(t), 1u), most_delay_us(b, hf->proto));
	if (!is_alone && t->path.mode == FLOW_SEARCH) {
		/* what is lost now is lost to the path */
		if (hf->flow.n_phases)
			flow_restart(&hf->flow, us_of(now_ns));
		return;
	}
	bool may_begin = is_alone || who_is_short(t) == SHORT_OF_FEW;
	(void)flow_update(&hf->flow, us_of(now_ns), wait_us(t, h), may_begin);
	if (at && may_begin && !hf->flow.is_limited_by_rule)
		(void)flow_look_back(&hf->flow, us_of(now_ns));
	if (at == REVIEW_GIVING_UP)
		(void)flow_doubt(&hf->flow, us_of(now_ns));
	vote(t, &hf->flow);
	if (was_free == flow_is_limited(&hf->flow))
		tell_limit(t, &hf->flow, h, hf->proto);
	if (hf->flow.n_settled != n_settled)
		h->n_excused = (uint8_t)(h->last_attempt + 1);
}

static void host_flow_update(struct track *t, struct host_flow *hf, struct host_slot *h,
			     uint64_t now_ns)
{
	host_flow_review(t, hf, h, now_ns, REVIEW_UNDER_WAY);
}

/** The path has become limited: what it lost was not the hosts' fault. */
static void hosts_restart(struct track *t, uint32_t now_us)
{
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		if (!g->flows || g->stage != GROUP_PORTS)
			continue;
		for (uint32_t k = 0; k < g->n_ranks * t->n_flows; k++)
			if (g->flows[k].flow.n_phases) {
				flow_restart(&g->flows[k].flow, now_us);
				g->flows[k].flow.n_answers = g->flows[k].flow.n_recovered = 0;
			}
	}
	t->n_fine = t->n_short = 0;
}

void hold_path_update(struct track *t, uint64_t now_ns)
{
	struct flow *f = &t->path;
	uint8_t n_settled = f->n_settled;
	bool was_free = !f->gap_ns;

	if (!f->n_phases || t->conf.bounds.is_rate_fixed)
		return;
	f->most_gap_ns = most_gap_ns(&t->conf.bounds, 1, 0);
	bool may_begin = t->n_recovered_turns >= PATH_TURNS_MIN && n_hosts_open(t) > 1 &&
			 who_is_short(t) != SHORT_OF_FEW;
	(void)flow_update(f, us_of(now_ns), wait_us(t, NULL), may_begin);
	if (was_free != !f->gap_ns)
		tell_limit(t, f, NULL, 0);
	if (f->n_settled == n_settled)
		return;
	t->n_excused = (uint8_t)(t->last_attempt + 1);
	t->n_recovered_turns = 0;
	hosts_restart(t, us_of(now_ns));
}

bool hold_review(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);
	struct host_slot *h = group_host(g, q);
	int n_excused = h->n_excused + t->n_excused;
	uint32_t attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;
	bool is_asked = g->stage == GROUP_PORTS && g->n_picked == g->n_probes,
	     may_doubt = probe_is_doubtful(t, g, q) && attempt < t->conf.max_retries,
	     was_free = hf && !hf->flow.gap_ns;
	enum review at = !is_asked   ? REVIEW_UNDER_WAY
			 : may_doubt ? REVIEW_GIVING_UP
				     : REVIEW_ALL_ASKED;

	hold_path_update(t, now_ns);
	if (hf)
		host_flow_review(t, hf, h, now_ns, at);
	return h->n_excused + t->n_excused != n_excused || (was_free && hf->flow.gap_ns);
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
		due_ns = MIN(due_ns, now_ns + DOUBT_LOOK_MS * NS_PER_MS);
	return MAX(due_ns, hf->host->delay_until_ns);
}

static void held_push(struct track *t, struct host_flow *hf, uint32_t q, uint64_t now_ns)
{
	struct track_group *g = hf->group;
	bool is_again = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;

	g->state[q] = (uint8_t)((g->state[q] & ~PROBE_STATE) | PROBE_WAIT | PROBE_MARK);
	if (!hf->is_listed) {
		hf->is_listed = true;
		hf->head[0] = hf->head[1] = NO_PROBE;
		hf->turn = 0;
		hf->next = t->held_flows;
		t->held_flows = hf;
	}
	/* what a burst asked first was answered if it answers at all: mix it with the rest */
	bool is_front = !hf->turn && q * 2654435761u >> 31;
	g->link[q] = is_front ? hf->head[is_again] : NO_PROBE;
	if (hf->head[is_again] == NO_PROBE)
		hf->head[is_again] = hf->tail[is_again] = q;
	else if (is_front)
		hf->head[is_again] = q;
	else
		hf->tail[is_again] = g->link[hf->tail[is_again]] = q;
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

bool hold_pass(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);
	uint32_t attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;

	if (!hf)
		return true;
	if (g->stage == GROUP_PORTS && (attempt || flow_is_due(&hf->flow, us_of(now_ns))))
		host_flow_review(t, hf, group_host(g, q), now_ns,
				 attempt > 1 && g->n_picked == g->n_probes ? REVIEW_ALL_ASKED
									   : REVIEW_UNDER_WAY);
	if (!is_limited(t, hf))
		return true;
	hf->host = group_host(g, q);
	if (hf->n_released) {
		hf->n_released--;
		if (hf->host->delay_until_ns <= now_ns)
			return true;
	}
	if (!hf->n_held && host_budget(t, hf, now_ns, 1)) {
		host_spend(hf, 1);
		return true;
	}
	hf->group = g;
	held_push(t, hf, q, now_ns);
	return false;
}

static uint32_t queue_pop(struct host_flow *hf)
{
	uint32_t i = hf->turn++ & 1;

	if (hf->head[i] == NO_PROBE)
		i = !i;
	uint32_t q = hf->head[i];
	if (q != NO_PROBE)
		hf->head[i] = hf->group->link[q];
	return q;
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

/** Up to @p n probes have their turn. @return how many there were. */
static uint32_t held_pop(struct track *t, struct host_flow *hf, uint32_t n)
{
	struct track_group *g = hf->group;
	uint32_t n_out = 0, q;

	while (n_out < n && (q = queue_pop(hf)) != NO_PROBE) {
		if ((g->state[q] & PROBE_STATE) != PROBE_WAIT)
			continue; /* answered meanwhile */
		hold_forget(t, g, q);
		ready_push(g, q);
		n_out++;
	}
	return n_out;
}

static struct host_slot *host_of(const struct host_flow *hf)
{
	return group_host(hf->group, hf->head[hf->head[0] == NO_PROBE]);
}

void hold_release(struct track *t, uint64_t now_ns)
{
	struct host_flow **at = &t->held_flows, *hf;
	uint64_t due_ns = UINT64_MAX;

	if (now_ns < t->held_due_ns)
		return;
	while ((hf = *at)) {
		if (hf->n_held && hf->group->stage == GROUP_PORTS)
			host_flow_update(t, hf, host_of(hf), now_ns);
		uint32_t n = held_pop(t, hf, host_budget(t, hf, now_ns, hf->n_held));
		if (is_limited(t, hf)) {
			host_spend(hf, n);
			hf->n_released += n;
		} else {
			hf->n_released = 0;
		}
		if (hf->n_held) {
			due_ns = MIN(due_ns, host_due_ns(t, hf, now_ns));
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
