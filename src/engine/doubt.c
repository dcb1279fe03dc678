/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is looked at before silence is believed, where shares of answers have shown no limit: which
 * attempts were answered, and where in the random order those stood that were refused. Where limits
 * are the rule (ICMP errors: RFC 1812 4.3.2.8, RFC 4443 2.4 f) and the answers do not explain the
 * silence, a few more questions are asked slowly: an exhausted limit looks like a filter to all
 * that is asked quickly. Part of the controller of a flow (flow.c).
 */
#include "engine/flow_int.h"

#include <math.h>
#include <stdatomic.h>

/** Chance that answers stand as they do, for another reason to be looked for. */
#define EARLY_CHANCE 0.0001
/** The same, for a few to be asked slowly. */
#define DOUBTFUL_CHANCE 0.05

enum {
	EXPLAINED_MIN = 8, /* ICMP errors: more than Linux has saved up */
	DOUBT_PROBES = 5,
	RANDOM_MIN = 16, /* answers */
};

/** Refusals so far, of all that share the flow's limit. */
static uint32_t n_refused(const struct flow *f, uint32_t *ret_late)
{
	uint32_t all =
		f->board ? atomic_load_explicit(&f->board->refused, memory_order_relaxed) : 0;

	*ret_late = f->board ? (uint16_t)all : f->n_refused_late;
	return f->board ? all >> 16 : f->n_refused;
}

/**
 * Where more than half of all attempts are lost at random, more answers come to all retransmissions
 * than to first attempts, and still fewer to second ones than to first. A limit that lets few first
 * ones through does as well by the second.
 */
static bool is_random(const struct flow *f)
{
	uint32_t n_first = f->n_refused - f->n_refused_late;

	return n_first >= RANDOM_MIN && f->n_refused_second * 5 < n_first * 4;
}

bool flow_is_losing(const struct flow *f)
{
	uint32_t n_late, n = n_refused(f, &n_late);

	if (f->is_limited_by_rule)
		return n_late && n_late * 2 + 1 > n;
	if (f->is_among_lossy || is_random(f))
		return false;
	return (f->n_recovered >= FLOW_RECOVERED_MIN && f->n_recovered * 2 > f->n_answers) ||
	       (n_late >= FLOW_RECOVERED_MIN && n_late * 2 > n);
}

uint32_t flow_n_answers_of_all(const struct flow *f, uint32_t n_own)
{
	uint32_t n_late, n_members = f->board ? MAX(board_n_members(f->board), 1u) : 1;

	return MAX(n_own, (n_refused(f, &n_late) + n_members - 1) / n_members);
}

/**
 * Places in a random order are spread over all of it: that as many answers all come from so small a
 * beginning has this chance.
 */
static bool is_early(uint32_t n, double part, double chance)
{
	return n != UINT8_MAX && pow(part, n) <= chance;
}

/** How many first attempts were refused, in which part of the order. */
static uint32_t n_placed(const struct flow *f, double *ret_part)
{
	uint32_t all = f->board ? atomic_load_explicit(&f->board->placed, memory_order_relaxed)
				: (uint32_t)f->n_placed << 16 | f->last_place;

	*ret_part = ((uint16_t)all + 1.0) / UINT16_MAX;
	return all >> 16;
}

bool flow_look_back(struct flow *f, uint32_t now_us)
{
	double part;
	uint32_t n = n_placed(f, &part);

	if (f->gap_ns || f->n_settled || !is_early(n, part, EARLY_CHANCE))
		return false;
	f->win_start_us = f->win_first_us = f->begun_us;
	flow_limit(f, now_us, flow_n_answers_of_all(f, f->n_answers),
		   MIN(1.0, MAX(f->n_placed, 1u) / (part * f->n_first)));
	if (f->board)
		board_tell(f);
	return true;
}

void flow_doubt_begin(struct flow *f)
{
	uint32_t n_late;

	f->n_settled--;
	f->is_doubt = f->was_doubt = true;
	f->n_refused_was = n_refused(f, &n_late);
}

/** Do answers leave silence unexplained? */
static bool is_unexplained(const struct flow *f)
{
	double part;
	uint32_t n_late, n_all = n_refused(f, &n_late), n = n_placed(f, &part);

	if (f->is_limited_by_rule)
		return n < EXPLAINED_MIN || is_early(n, part, DOUBTFUL_CHANCE);
	return n_late && n_late * 2 + 1 > n_all && !is_random(f);
}

/** The gap between the probes of a doubt, of one of those that share it. */
static double doubt_gap_ns(const struct flow *f, uint32_t now_us)
{
	if (f->is_limited_by_rule)
		return flow_by_rule_gap_ns(f);
	return MIN((now_us - f->begun_us) * 1e3 / MAX(flow_n_answers_of_all(f, 0), 1u),
		   flow_by_rule_gap_ns(f));
}

bool flow_doubt(struct flow *f, uint32_t now_us)
{
	if (f->gap_ns || f->n_settled || f->was_doubt || !is_unexplained(f))
		return false;
	double gap_ns = doubt_gap_ns(f, now_us);
	flow_limit_begin(f, now_us);
	flow_doubt_begin(f);
	flow_set_rate(f, gap_ns);
	f->phases[f->newest].rate_gap_ns = f->rate_gap_ns;
	f->phases[f->newest].gap_ns = f->gap_ns;
	if (f->board)
		board_tell(f);
	return true;
}

bool flow_watch_doubt(struct flow *f, uint32_t now_us)
{
	uint32_t n_late;

	if (!f->is_doubt)
		return false;
	if (n_refused(f, &n_late) > f->n_refused_was) {
		f->is_doubt = false;
		f->n_settled++;
		return true;
	}
	f->is_closed = f->n_meter_sent &&
		       now_us - f->meter_us >= DOUBT_PROBES * (FLOW_BY_RULE_GAP_NS / NS_PER_US);
	return false;
}
