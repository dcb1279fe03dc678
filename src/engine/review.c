/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When rates (flow.c) are judged, and whose a limit is: a host's, or the path's where most hosts
 * fall short. Before silence is believed all that is known of the host is looked at, by all workers
 * that ask it: one that believed it early would not know what the others are answered. Part of the
 * scheduler (track.c).
 */
#include "engine/track_int.h"

#include <stdatomic.h>

enum {
	PATH_TURNS_MIN = 4,
	VOTES_MIN = 4,
	VOTES_MAX = 64,
	LIMIT_EVENTS_MAX = 64, /* of a worker */
	LOSSY_SHARE = 16,
	RANDOM_MIN = 64 /* answers */
};

static uint32_t us_of(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

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

/** Silence is about to be believed, or what is silent asked once more: look at all that was. */
static void look_back(const struct track *t, struct flow *f, uint32_t now_us, enum review at)
{
	/* where all hosts lose much, answers to retransmissions are no wonder */
	bool is_lossy = n_hosts_open(t) > 1 && t->n_recovered * LOSSY_SHARE > t->n_heard;

	if (!f->is_limited_by_rule)
		(void)flow_look_back(f, now_us);
	if (at == REVIEW_GIVING_UP && (f->is_limited_by_rule || !is_lossy))
		(void)flow_doubt(f, now_us);
}

/** Do all hosts lose much, each attempt alike? A limit lets second attempts through as well as
 * first ones. */
static bool is_lossy_at_random(const struct track *t)
{
	uint64_t n_first = t->stats.n_answered[0];

	return n_hosts_open(t) > 1 && n_first >= RANDOM_MIN &&
	       t->n_recovered * LOSSY_SHARE > t->n_heard &&
	       t->stats.n_answered[1] * 5 < n_first * 4;
}

void hold_judge(struct track *t, struct host_flow *hf, struct host_slot *h, uint64_t now_ns,
		enum review at)
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
	hf->flow.is_among_lossy = is_lossy_at_random(t);
	(void)flow_update(&hf->flow, us_of(now_ns), wait_us(t, h), may_begin);
	if (at && (may_begin || hf->flow.is_limited_by_rule))
		look_back(t, &hf->flow, us_of(now_ns), at);
	vote(t, &hf->flow);
	if (was_free == flow_is_limited(&hf->flow))
		tell_limit(t, &hf->flow, h, hf->proto);
	if (hf->flow.n_settled != n_settled)
		h->n_excused = (uint8_t)(h->last_attempt + 1);
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
				g->flows[k].flow.n_refused = g->flows[k].flow.n_refused_late = 0;
				g->flows[k].flow.n_refused_second = 0;
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

/** What other workers were answered by the host. @return whether it is more than was known. */
static bool attempts_learn(const struct host_flow *hf, struct host_slot *h)
{
	const struct flow_board *b = hf ? hf->flow.board : NULL;
	uint8_t n = b ? (uint8_t)atomic_load_explicit(&b->max_attempt, memory_order_relaxed) : 0;
	bool is_more = n > h->max_attempt;

	h->max_attempt = MAX(h->max_attempt, n);
	return is_more;
}

bool hold_is_ripe(const struct track *t, const struct track_group *g, uint32_t q, uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);

	return !hf || hf->flow.gap_ns || g->stage != GROUP_PORTS || g->n_picked < g->n_probes ||
	       board_is_ripe(&hf->flow, us_of(now_ns));
}

void hold_attempt(const struct track *t, const struct track_group *g, uint32_t q, uint32_t n)
{
	struct host_flow *hf = hold_flow(t, g, q);

	if (hf && hf->flow.board)
		board_attempt(hf->flow.board, n);
}

bool hold_review(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	struct host_flow *hf = hold_flow(t, g, q);
	struct host_slot *h = group_host(g, q);
	int n_excused = h->n_excused + t->n_excused;
	uint32_t attempt = g->state[q] >> PROBE_ATTEMPT_SHIFT & PROBE_ATTEMPT_MASK;
	bool is_asked = g->stage == GROUP_PORTS && g->n_picked == g->n_probes,
	     may_doubt = hf && attempt < t->conf.max_retries &&
			 (!hf->flow.is_limited_by_rule || probe_is_doubtful(t, g, q)),
	     was_free = hf && !hf->flow.gap_ns, is_news = attempts_learn(hf, h);
	enum review at = !is_asked   ? REVIEW_UNDER_WAY
			 : may_doubt ? REVIEW_GIVING_UP
				     : REVIEW_ALL_ASKED;

	hold_path_update(t, now_ns);
	if (hf)
		hold_judge(t, hf, h, now_ns, at);
	return is_news || h->n_excused + t->n_excused != n_excused || (was_free && hf->flow.gap_ns);
}
