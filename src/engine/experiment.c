/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The experiments of a limited flow (flow.c): answers a second of phases at the rate and of phases
 * far below it, compared as in PCC (Dong et al., NSDI 2015), and what their ratio, the delay and
 * silence make of the rate. docs/internals/pace.md has the table.
 */
#include "engine/flow_int.h"

#include <math.h>
#include <string.h>

/** With a queue standing at the rate there is no more to be had: at this the rate stays. */
#define QUEUEING_USEFUL 0.87

/** So much of the share answered before a step up says that it led too far. */
#define STEP_BACK_LEFT 0.5

/** Where most of what is left is filtered, asking it once more at the rate of answers takes at most
 * so long. */
#define TIRED_LEFT_NS 3e9

/** Less than so much too fast is no reason. */
#define TIRED_SLOWER 1.5

/** Low phases of a search leave so much of a rate unused that the limit saves it up. */
#define LOWS_LEAVE 2.0

/** A queue is kept from running empty at so much more than what is served. */
#define QUEUE_OVER 1.15

enum {
	UPS_TO_SEARCH = 2,
	UPS_FASTER_MAX = 2,       /* by 4 */
	CLOSED_GAP_NS = 30000000, /* slower limits are the exception where none is the rule */
	SHORTFALL = 3,
	TIRED_ANSWERS = 2,
	TIRED_SHARE = 16,
	SERVED_ANSWERS_MIN = 16,
	BARREN_FASTER_MAX = 64
};

const struct flow_mode_row flow_modes[] = {
	[FLOW_SEARCH] = {4, 2, 0.3, 2, 0.25},
	[FLOW_CRUISE] = {2, 4, 0.08, 1.25, 0.7},
};

/** The share answered at low over that at high, and the variance of its logarithm. */
struct ratio {
	double value, variance;
};

static struct ratio ratio_of(const struct flow *f, double n_low, double n_high)
{
	const struct flow_side *high = &f->sides[FLOW_HIGH], *low = &f->sides[FLOW_LOW];

	n_low += 0.5;
	n_high += 0.5;
	return (struct ratio){n_low / low->n_sent / n_high * high->n_sent, 1 / n_low + 1 / n_high};
}

/** Of all answers, or of the class that clearly is the more in vain. @return false: not known yet.
 */
static bool answer_ratio(const struct flow *f, struct ratio *ret)
{
	const struct flow_side *high = &f->sides[FLOW_HIGH], *low = &f->sides[FLOW_LOW];

	if (!high->n_sent || !low->n_sent)
		return false;
	struct ratio all = ratio_of(f, low->n_answered[0] + low->n_answered[1],
				    high->n_answered[0] + high->n_answered[1]);
	if (all.variance > flow_modes[f->mode].variance_max)
		return false;
	all.value *= exp(-sqrt(all.variance) / 4); /* a cut must be earned */
	*ret = all;
	for (uint32_t c = 0; c < FLOW_CLASSES; c++) {
		struct ratio one = ratio_of(f, low->n_answered[c], high->n_answered[c]);
		if (one.variance < flow_modes[f->mode].variance_max &&
		    one.value * exp(-2 * sqrt(one.variance)) > all.value)
			*ret = one;
	}
	return true;
}

/**
 * Search: the rate goes where the answers are. As long as nothing has been in vain the limit may be
 * a mistake: then what little is known must be clear to cut the rate, and each step up in a row is
 * twice the one before. @return false: more answers are needed.
 */
static bool decide_search(struct flow *f, double useful, double variance)
{
	const struct flow_mode_row *m = &flow_modes[FLOW_SEARCH];
	double sigma = sqrt(variance);
	bool is_sure = f->is_proven || variance < flow_modes[FLOW_CRUISE].variance_max;
	bool is_more = useful * exp(-sigma) > (f->is_proven ? 0.6 : 0.5);

	if (is_sure)
		is_more = useful > QUEUEING_USEFUL && (is_more || !f->is_proven);

	if (is_more && !f->queue_rtt_us) {
		f->n_ups = f->is_proven ? 1 : (uint8_t)MIN(f->n_ups + 1, UPS_FASTER_MAX);
		f->up_shift = f->n_ups;
		flow_set_rate(f, f->rate_gap_ns / (double)(1u << f->n_ups));
		return true;
	}
	if (!is_sure && !f->queue_rtt_us && useful * exp(2 * sigma) > 0.8)
		return false;
	f->n_ups = 0;
	f->is_proven = true;
	f->n_settled += !f->found_gap_ns && useful < 0.5;
	flow_set_rate(f, f->rate_gap_ns / MAX(useful * 1.1, m->step_down_max));
	if (useful > 0.5) {
		f->mode = FLOW_CRUISE;
		flow_set_rate(f, f->rate_gap_ns);
	}
	return true;
}

/** Cruise: half-way to where the answers are, and a little more, so that nothing is left unused. */
static void decide_cruise(struct flow *f, double useful)
{
	const struct flow_mode_row *m = &flow_modes[FLOW_CRUISE];
	double by = useful > 0.95 ? m->step_up_max : MAX(sqrt(useful * 1.15), m->step_down_max);

	f->n_ups = useful > 0.95 ? (uint8_t)(f->n_ups + 1) : 0;
	if (f->n_ups == UPS_TO_SEARCH || useful < 0.6) {
		f->n_ups = 0;
		f->mode = FLOW_SEARCH;
	}
	flow_set_rate(f, f->rate_gap_ns / by);
}

/**
 * The gap at which the queue is served, by the answers that came from it; what asks for them is
 * answered by a share that the low phases tell. @return 0: not known.
 */
static double served_gap_ns(const struct flow *f)
{
	const struct flow_side *low = &f->sides[FLOW_LOW];
	uint32_t n = f->n_win_answers[0] + f->n_win_answers[1];
	double share = (low->n_answered[0] + low->n_answered[1] + 0.5) / (low->n_sent + 0.5);

	if (n < SERVED_ANSWERS_MIN || !low->n_sent)
		return 0;
	return (f->win_last_us - f->win_first_us) * 1e3 / (n - 1) * MIN(share, 1.0);
}

/** The share answered at the rate. */
static double high_share(const struct flow *f)
{
	const struct flow_side *high = &f->sides[FLOW_HIGH];

	return (high->n_answered[0] + high->n_answered[1] + 0.5) / (high->n_sent + 0.5);
}

/**
 * A step up may lead so far beyond a limit that even the low phases are above it, and then both
 * sides lose the same. But half the share answered before is left: it goes back, at most to where
 * it came from. @return false: it has not.
 */
static bool step_back(struct flow *f)
{
	double left = high_share(f) / f->share_was;

	if (!f->up_shift || left > STEP_BACK_LEFT)
		return false;
	flow_set_rate(f, f->rate_gap_ns / MAX(left * 1.1, 1.0 / (1u << f->up_shift)));
	f->n_ups = f->up_shift = 0;
	return true;
}

/** @return true when the rate was cut by half or more. */
static bool decide(struct flow *f)
{
	uint32_t was_ns = f->rate_gap_ns;
	struct ratio ratio;

	if (!answer_ratio(f, &ratio))
		return false;
	double useful = 1 / ratio.value, share = high_share(f);
	if (f->queue_rtt_us)
		useful = MIN(useful, QUEUEING_USEFUL);
	if (!step_back(f)) {
		f->up_shift = 0;
		if (f->mode == FLOW_CRUISE)
			decide_cruise(f, useful);
		else if (!decide_search(f, useful, ratio.variance))
			return false;
	}
	f->share_was = (float)share;
	if (f->queue_rtt_us) /* more only makes it longer */
		flow_set_rate(f, MAX((double)f->rate_gap_ns, served_gap_ns(f) / QUEUE_OVER));
	flow_window_restart(f, f->last_us);
	memset(f->sides, 0, sizeof(f->sides));
	f->found_gap_ns = f->rate_gap_ns;
	f->barren_max = MAX(f->barren_max, (uint16_t)BARREN_FOUND_MIN);
	return f->rate_gap_ns / 2 >= was_ns;
}

/** At so low a rate silence says that the host has closed itself. */
static bool is_closing(const struct flow *f)
{
	/* slower limits than the first rate where they are the rule show at that too */
	return f->rate_gap_ns > (f->is_limited_by_rule ? flow_by_rule_gap_ns(f) : CLOSED_GAP_NS);
}

/**
 * Nothing was answered, although it should have been. Before the rate was found it is far too high,
 * or the host has closed itself to us. Later there is little left to be answered: try more, within
 * bounds. @return true when the rate was cut by half or more.
 */
static bool find_barren(struct flow *f)
{
	f->n_barren = 0;
	if (f->queue_rtt_us)
		return false;
	if (f->found_gap_ns) {
		flow_set_rate(f, MAX(f->rate_gap_ns / 2.0,
				     f->found_gap_ns / (f->is_proven ? 4.0 : BARREN_FASTER_MAX)));
		return false;
	}
	f->n_settled++;
	f->is_closed = is_closing(f);
	flow_set_rate(f, f->rate_gap_ns * 4.0);
	return true;
}

/**
 * Where limits are the rule, answers are few and attempts soon used up: what came at this rate in
 * vain decides without a comparison. What is left is answered less than what was asked first, by
 * what has been answered already. @return true when the rate was cut by half or more.
 */
static bool watch_shortfall(struct flow *f, uint32_t n_sent, uint32_t n_answered, uint32_t len_us)
{
	double left = (double)f->n_first - f->n_answers,
	       due = MIN(left, f->share_began * (double)f->n_first - f->n_refused);

	f->n_tried += n_sent;
	f->n_told += n_answered;
	f->tried_us += len_us;
	double expected = left > 0 ? f->n_tried * due / left : 0;
	if (expected < BARREN_ANSWERS || f->n_told * SHORTFALL > expected)
		return false;
	double told = MAX(f->n_told, 1u);
	flow_set_rate(f, MAX(f->tried_us * NS_PER_US / told * f->share_began / LOWS_LEAVE,
			     2.0 * f->rate_gap_ns));
	f->n_settled++;
	f->n_tried = f->n_told = f->tried_us = 0;
	memset(f->sides, 0, sizeof(f->sides));
	return true;
}

/**
 * Answers that take long stand in a queue (the delay that TCP Vegas watches: Brakmo and Peterson
 * 1995). A queue that does not drain at a quarter of the rate says that even this is too much,
 * before there are answers enough to count. @return true when the rate was cut.
 */
static bool watch_queue(struct flow *f, const struct flow_phase *p, bool is_low_phase)
{
	bool is_queueing = flow_has_queue(f, p->rtt_us);

	if (!p->rtt_us)
		return false;
	if (!is_low_phase) {
		f->queue_rtt_us = is_queueing ? p->rtt_us : 0;
		return false;
	}
	if (f->mode != FLOW_SEARCH || !is_queueing || !f->queue_rtt_us ||
	    p->rtt_us < f->queue_rtt_us - f->queue_rtt_us / 16)
		return false;
	double gap_ns = served_gap_ns(f);
	if (gap_ns && gap_ns <= f->rate_gap_ns * 1.1)
		return false;
	memset(f->sides, 0, sizeof(f->sides));
	f->n_settled += !f->found_gap_ns;
	flow_set_rate(f, gap_ns ? gap_ns : f->rate_gap_ns * 2.0);
	flow_window_restart(f, f->last_us);
	return true;
}

/**
 * Was a phase answered, or is its silence none? Behind answers that still come from a queue it is
 * none yet. That others are answered says that the rate is not too low, and the limit still there.
 */
static bool is_heard(const struct flow *f, const struct flow_phase *p, uint32_t n_answered)
{
	if (n_answered ||
	    (flow_has_queue(f, f->late_rtt_us) && (int32_t)(f->win_last_us - p->start_us) >= 0))
		return true;
	return f->board && (f->found_gap_ns || is_closing(f)) &&
	       board_has_heard(f->board, p->start_us);
}

bool flow_judge_limited(struct flow *f, const struct flow_phase *p, uint32_t len_us)
{
	uint32_t n_answered = 0, n_sent = phase_n_sent(p);
	bool was_low = p->gap_ns > p->rate_gap_ns;
	struct flow_side *side = &f->sides[was_low ? FLOW_LOW : FLOW_HIGH];

	for (uint32_t c = 0; c < FLOW_CLASSES; c++)
		n_answered += phase_n_answered(p, c);
	if (is_heard(f, p, n_answered))
		f->n_barren = 0;
	if (p->rate_gap_ns != f->rate_gap_ns)
		return false; /* of an earlier rate */
	f->n_barren += is_heard(f, p, n_answered) ? 0 : n_sent;
	if (f->n_barren >= f->barren_max && find_barren(f))
		return true;
	if (phase_is_idle(p, len_us))
		return false;
	if (watch_queue(f, p, was_low))
		return true;
	if (f->is_limited_by_rule && !f->found_gap_ns &&
	    watch_shortfall(f, n_sent, n_answered, len_us))
		return true;
	side->n_sent += n_sent;
	for (uint32_t c = 0; c < FLOW_CLASSES; c++)
		side->n_answered[c] += phase_n_answered(p, c);
	return decide(f);
}

/**
 * Answers to late attempts come where most is lost: at this pace ports use up what they may be
 * asked before enough is known to compare. What has been answered on the whole is what is served:
 * at that rate each attempt counts.
 */
bool flow_watch_tired(struct flow *f, uint32_t now_us)
{
	uint32_t n = f->n_answers - f->n_metered;

	if (f->is_limited_by_rule || f->n_tired < TIRED_ANSWERS || n < BARREN_ANSWERS ||
	    f->n_tired * TIRED_SHARE < n || n * TIRED_SLOWER > f->n_meter_sent)
		return false;
	double gap_ns = (now_us - f->meter_us) * 1e3 / n,
	       left = f->n_first - MIN(f->n_answers, f->n_first) + 1.0;
	flow_meter_restart(f, now_us);
	gap_ns = MIN(gap_ns, TIRED_LEFT_NS / left);
	if (gap_ns < f->rate_gap_ns * TIRED_SLOWER)
		return false;
	f->mode = FLOW_CRUISE;
	f->is_proven = true;
	f->n_ups = f->up_shift = 0;
	flow_set_rate(f, gap_ns);
	f->found_gap_ns = f->rate_gap_ns;
	f->n_settled++;
	memset(f->sides, 0, sizeof(f->sides));
	return true;
}
