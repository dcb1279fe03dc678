/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The controller of one flow. Sending is cut into phases; a phase is judged one time-out after its
 * end. While free, the answers of a phase are held against the share answered before. A limit
 * begins from below, at the rate of answers measured (BBR's delivery rate: Cardwell et al., ACM
 * Queue 2016), and from then on each decision is an experiment, as in PCC (Dong et al., NSDI 2015):
 * phases at the rate and phases at a fraction of it take turns, and the ratio of their answers a
 * second tells how much of the rate is in vain. What is asked may change slowly, answers may be
 * lost at random: both sides see the same.
 */
#include "engine/flow.h"

#include <math.h>
#include <string.h>

/** With a queue standing at the rate there is no more to be had: at this the rate stays. */
#define QUEUEING_USEFUL 0.87

enum {
	PHASE_MIN_US = 10000,
	PHASE_SENT_MIN = 16, /* while free */
	UPDATE_EVERY = 16,   /* probes */
	PHASE_PROBES_MIN = 4,
	PHASE_SENT_MAX = 30000,
	SHARE_KNOWN_MIN = 8, /* probes */
	SHARE_LUCKY_MAX = 64,
	SHARE_MEMORY = 256,
	DOUBT_PERCENT = 88, /* answered of what is expected */
	SHORT_PERCENT = 70,
	SHORT_SIGMAS = 5,
	RECOVERED_MIN = 8,
	BY_RULE_SAVED = 6, /* ICMP errors, by Linux */
	BY_RULE_GAP_NS =
		250000000,     /* few answers say little, and cutting is quicker than growing */
	FINE_EXPECTED_MIN = 8, /* answers */
	WINDOW_WAITS = 4,      /* time-outs that a window lasts at most */
	GAP_MIN_NS = 500,      /* 2,000,000/s: as good as none */
	BURST_NS = 1000000,
	LATE_NS = 1000000, /* a timer's */
	UPS_TO_SEARCH = 2,
	QUEUE_RTT_US = 4000,
	CLOSED_GAP_NS = 250000000, /* slower limits than 4 a second show at 4 a second too */
	BARREN_ANSWERS = 6,        /* due */
	BARREN_FOUND_MIN = 64,
	BARREN_MAX = 512
};

/** Of the rate: what the low phases of a mode are sent at; how sure a decision must be. */
static const struct mode {
	uint8_t low_divisor;
	uint8_t cycle;       /* phases, a power of two; the last of them is low */
	double variance_max; /* of the logarithm of the ratio */
	double step_up_max, step_down_max;
} modes[] = {
	[FLOW_SEARCH] = {4, 2, 0.3, 2, 0.25},
	[FLOW_CRUISE] = {2, 4, 0.08, 1.25, 0.7},
};

static struct flow_phase *phase_back(struct flow *f, uint32_t n)
{
	return &f->phases[(f->newest + FLOW_PHASES - n) % FLOW_PHASES];
}

static uint32_t phase_n_sent(const struct flow_phase *p)
{
	return (uint32_t)p->n_sent[FLOW_FIRST] + p->n_sent[FLOW_AGAIN] + p->n_sent[FLOW_PING];
}

static uint32_t phase_n_answered(const struct flow_phase *p, enum flow_class class)
{
	return (uint32_t)p->n_answered[FLOW_FIRST][class] + p->n_answered[FLOW_AGAIN][class] +
	       p->n_answered[FLOW_PING][class];
}

static void phase_open(struct flow *f, uint32_t now_us)
{
	if (f->n_phases == FLOW_PHASES)
		f->n_phases--; /* the oldest, never judged */
	f->newest = (uint8_t)((f->newest + 1) % FLOW_PHASES);
	f->phases[f->newest] = (struct flow_phase){
		.start_us = now_us, .rate_gap_ns = f->rate_gap_ns, .gap_ns = f->gap_ns};
	f->n_phases++;
}

void flow_sent(struct flow *f, enum flow_kind kind, uint32_t now_us)
{
	if (!f->n_phases) {
		f->win_start_us = now_us;
		phase_open(f, now_us);
	}
	f->phases[f->newest].n_sent[kind]++;
	f->last_us = now_us;
	f->n_win_sent++;
	f->n_free_sent += f->mode == FLOW_FREE;
	f->is_due |= f->n_free_sent % UPDATE_EVERY == 0;
}

void flow_unsent(struct flow *f, enum flow_kind kind)
{
	if (f->n_phases && f->phases[f->newest].n_sent[kind])
		f->phases[f->newest].n_sent[kind]--;
}

void flow_answered(struct flow *f, const struct flow_answer *a)
{
	flow_answered_late(f, a->class);
	f->n_recovered += a->is_recovered;
	f->min_rtt_us = f->min_rtt_us ? MIN(f->min_rtt_us, a->rtt_us) : a->rtt_us;
	for (uint32_t i = 0; i < f->n_phases; i++) {
		struct flow_phase *p = phase_back(f, i);
		if ((int32_t)(a->sent_us - p->start_us) >= 0) {
			p->n_answered[a->kind][a->class]++;
			p->rtt_us = p->rtt_us ? (p->rtt_us * 3 + a->rtt_us) / 4 : a->rtt_us;
			return;
		}
	}
}

void flow_answered_late(struct flow *f, enum flow_class class)
{
	f->n_win_answers[class]++;
	f->n_answers++;
}

/* --- free: shares ----------------------------------------------------------- */

/** What a phase brought against what its probes brought before, for one class of answers. */
struct judgement {
	double expected, variance; /* of the difference, if there is no limit */
	uint32_t n_sent, n_answered;
	enum flow_class class;
};

/** What is asked again is a poorer choice each time: its share says nothing. */
static bool counts(const struct flow *f, enum flow_kind k)
{
	return k != FLOW_AGAIN && f->n_share[k] >= SHARE_KNOWN_MIN;
}

static struct judgement judge_class(const struct flow *f, const struct flow_phase *p,
				    enum flow_class class)
{
	struct judgement j = {.variance = 0.5, .class = class};

	for (uint32_t k = 0; k < FLOW_KINDS; k++) {
		double n = p->n_sent[k], a = p->n_answered[k][class], known = f->n_share[k];
		if (!counts(f, k))
			continue;
		double share = f->share[k][class] / (double)UINT16_MAX;
		double pooled = MIN(1.0, (share * known + a) / (known + n));
		j.expected += n * share;
		j.variance += n * pooled * (1 - pooled) * (1 + n / known);
		j.n_sent += p->n_sent[k];
		j.n_answered += p->n_answered[k][class];
	}
	return j;
}

static double sigmas_squared(const struct judgement *j)
{
	double missing = j->expected - j->n_answered;

	return missing * fabs(missing) / j->variance;
}

/** The class that misses the most. */
static struct judgement judge(const struct flow *f, const struct flow_phase *p)
{
	struct judgement worst = judge_class(f, p, 0);

	for (uint32_t c = 1; c < FLOW_CLASSES; c++) {
		struct judgement j = judge_class(f, p, c);
		if (sigmas_squared(&j) > sigmas_squared(&worst))
			worst = j;
	}
	return worst;
}

static bool is_below(const struct judgement *j, uint32_t percent)
{
	return j->n_answered * 100.0 < j->expected * percent;
}

/** A phase and those before it that decided nothing. */
static struct flow_phase phase_sum(const struct flow_phase *p, const struct flow_phase *carry)
{
	struct flow_phase sum = *p;

	if (phase_n_sent(p) + phase_n_sent(carry) > UINT16_MAX)
		return sum;
	for (uint32_t k = 0; k < FLOW_KINDS; k++) {
		sum.n_sent[k] = (uint16_t)(sum.n_sent[k] + carry->n_sent[k]);
		for (uint32_t c = 0; c < FLOW_CLASSES; c++)
			sum.n_answered[k][c] =
				(uint16_t)(sum.n_answered[k][c] + carry->n_answered[k][c]);
	}
	return sum;
}

static void learn_shares(struct flow *f, const struct flow_phase *p)
{
	for (uint32_t k = 0; k < FLOW_KINDS; k++) {
		uint32_t n = p->n_sent[k], known = f->n_share[k];
		if (n < SHARE_KNOWN_MIN)
			continue;
		for (uint32_t c = 0; c < FLOW_CLASSES; c++) {
			double q = MIN(1.0, p->n_answered[k][c] / (double)n), was = f->share[k][c];
			f->share[k][c] = (uint16_t)(was + (q * UINT16_MAX - was) * n / (n + known));
		}
		f->n_share[k] = (uint16_t)MIN(known + n, (uint32_t)SHARE_MEMORY);
	}
}

/* --- limits ------------------------------------------------------------------- */

static void set_rate(struct flow *f, double gap_ns)
{
	uint32_t most_ns = f->most_gap_ns ? f->most_gap_ns : FLOW_GAP_MAX_NS;
	uint64_t divisor = f->is_low ? modes[f->mode].low_divisor : 1u;

	f->rate_gap_ns = (uint32_t)CLAMP(gap_ns, (double)MIN((uint32_t)GAP_MIN_NS, most_ns),
					 (double)most_ns);
	f->gap_ns = (uint32_t)MIN(f->rate_gap_ns * divisor,
				  MAX((uint64_t)most_ns, (uint64_t)f->rate_gap_ns));
	if (!f->most_gap_ns)
		f->gap_ns = (uint32_t)MIN(f->rate_gap_ns * divisor, (uint64_t)UINT32_MAX);
}

static void window_restart(struct flow *f, uint32_t now_us)
{
	f->win_start_us = now_us;
	memset(f->n_win_answers, 0, sizeof(f->n_win_answers));
	f->n_win_sent = 0;
}

static void phases_restart(struct flow *f, uint32_t now_us)
{
	f->n_phases = 0;
	f->carry = (struct flow_phase){0};
	memset(f->sides, 0, sizeof(f->sides));
	phase_open(f, now_us);
	window_restart(f, now_us);
}

void flow_restart(struct flow *f, uint32_t now_us)
{
	f->mode = FLOW_FREE;
	f->gap_ns = f->rate_gap_ns = 0;
	f->n_free_sent = 0;
	if (f->is_closed)
		memset(f->n_share, 0, sizeof(f->n_share));
	f->is_closed = false;
	phases_restart(f, now_us);
}

/**
 * Begin a limit from below: at the rate at which @p n_answers came in this window, if a @p share of
 * what is asked is answered.
 */
static void limit(struct flow *f, uint32_t now_us, uint32_t n_answers, double share)
{
	double elapsed_ns = (double)(now_us - f->win_start_us) * NS_PER_US;

	f->was_pps = (uint32_t)MIN(f->n_win_sent * 1e9 / MAX(elapsed_ns, 1.0), 1.0 * UINT32_MAX);
	f->is_by_recoveries = false;
	f->mode = FLOW_SEARCH;
	f->is_low = false;
	f->shift = 0; /* a phase of the clock begins with the next probe */
	f->n_ups = 0;
	f->n_barren = 0;
	f->barren_max =
		(uint16_t)CLAMP(BARREN_ANSWERS / share, 1.0 * BARREN_ANSWERS, 1.0 * BARREN_MAX);
	f->found_gap_ns = 0;
	f->n_settled++;
	if (f->is_limited_by_rule) /* what had been saved up is no rate */
		n_answers -= MIN(n_answers - MIN(n_answers, 1u), (uint32_t)BY_RULE_SAVED);
	double gap_ns = elapsed_ns / MAX(n_answers, 1u) * share;
	set_rate(f, f->is_limited_by_rule ? MIN(gap_ns, (double)BY_RULE_GAP_NS) : gap_ns);
	f->next_ns = 0;
	phases_restart(f, now_us);
}

static double short_sigmas(const struct flow *f)
{
	return f->is_limited_by_rule ? 2.4 : SHORT_SIGMAS;
}

/** One phase of a free flow. @return true when it became limited. */
static bool judge_free(struct flow *f, const struct flow_phase *newest, uint32_t now_us,
		       bool may_begin)
{
	struct flow_phase sum = phase_sum(newest, &f->carry);
	struct judgement j = judge(f, &sum);

	/* a first share that only luck made high must not blind for ever */
	bool is_lucky = f->n_share[FLOW_FIRST] < SHARE_LUCKY_MAX &&
			j.n_sent > 4u * f->n_share[FLOW_FIRST] && !is_below(&j, SHORT_PERCENT);
	bool is_doubtful = is_below(&j, DOUBT_PERCENT) && !is_lucky;
	if (!is_doubtful) {
		f->n_fine += j.expected > FINE_EXPECTED_MIN && f->n_fine < UINT8_MAX;
		learn_shares(f, &sum);
		f->carry = (struct flow_phase){0};
		return false;
	}
	f->carry = sum;
	if (!is_below(&j, SHORT_PERCENT) || sigmas_squared(&j) < short_sigmas(f) * short_sigmas(f))
		return false;
	f->n_short += f->n_short < UINT8_MAX;
	if (may_begin)
		limit(f, now_us, f->n_win_answers[j.class], j.expected / j.n_sent);
	return may_begin;
}

static uint32_t recovered_min(const struct flow *f)
{
	return f->is_limited_by_rule ? 1 : RECOVERED_MIN;
}

/**
 * Loss at random makes answers rarer with each attempt. Where more come to retransmissions than to
 * first attempts, something else sets their number.
 */
static bool is_losing(const struct flow *f)
{
	return f->n_recovered >= recovered_min(f) &&
	       f->n_recovered * 2 + f->is_limited_by_rule > f->n_answers;
}

/** A limit that was there from the start shows in no share. @return true when it is one. */
static bool watch_recoveries(struct flow *f, uint32_t now_us, uint32_t wait_us, bool may_begin)
{
	uint32_t len_us = now_us - f->win_start_us,
		 n_answers = f->n_win_answers[0] + f->n_win_answers[1];

	if (may_begin && !f->n_settled && len_us >= wait_us && n_answers >= recovered_min(f) &&
	    is_losing(f)) {
		limit(f, now_us, n_answers, 1);
		f->is_by_recoveries = true;
		return true;
	}
	if (len_us > WINDOW_WAITS * wait_us)
		window_restart(f, now_us);
	return false;
}

/* --- experiments ---------------------------------------------------------------- */

/** Answers a second at low over those at high, and the variance of its logarithm. */
struct ratio {
	double value, variance;
};

static struct ratio ratio_of(const struct flow *f, double n_low, double n_high)
{
	const struct flow_side *high = &f->sides[FLOW_HIGH], *low = &f->sides[FLOW_LOW];

	n_low += 0.5;
	n_high += 0.5;
	return (struct ratio){n_low / (double)low->len_us / n_high * (double)high->len_us,
			      1 / n_low + 1 / n_high};
}

/** Of all answers, or of the class that clearly is the more in vain. @return 0: not known yet. */
static double answer_ratio(const struct flow *f)
{
	const struct flow_side *high = &f->sides[FLOW_HIGH], *low = &f->sides[FLOW_LOW];

	if (!high->len_us || !low->len_us)
		return 0;
	struct ratio all = ratio_of(f, low->n_answered[0] + low->n_answered[1],
				    high->n_answered[0] + high->n_answered[1]);
	if (all.variance > modes[f->mode].variance_max)
		return 0;
	all.value *= exp(-sqrt(all.variance) / 4); /* a cut must be earned */
	for (uint32_t c = 0; c < FLOW_CLASSES; c++) {
		struct ratio one = ratio_of(f, low->n_answered[c], high->n_answered[c]);
		if (one.variance < modes[f->mode].variance_max &&
		    one.value * exp(-2 * sqrt(one.variance)) > all.value)
			return one.value;
	}
	return all.value;
}

/** Search: the rate goes where the answers are. */
static void decide_search(struct flow *f, double useful)
{
	const struct mode *m = &modes[FLOW_SEARCH];

	if (useful > QUEUEING_USEFUL) {
		set_rate(f, f->rate_gap_ns / m->step_up_max);
		return;
	}
	f->n_settled += !f->found_gap_ns && useful < 0.5;
	set_rate(f, f->rate_gap_ns / MAX(useful * 1.1, m->step_down_max));
	if (useful > 0.5) {
		f->mode = FLOW_CRUISE;
		set_rate(f, f->rate_gap_ns);
	}
}

/** Cruise: half-way to where the answers are, and a little more, so that nothing is left unused. */
static void decide_cruise(struct flow *f, double useful)
{
	const struct mode *m = &modes[FLOW_CRUISE];
	double by = useful > 0.95 ? m->step_up_max : MAX(sqrt(useful * 1.15), m->step_down_max);

	f->n_ups = useful > 0.95 ? (uint8_t)(f->n_ups + 1) : 0;
	if (f->n_ups == UPS_TO_SEARCH || useful < 0.6) {
		f->n_ups = 0;
		f->mode = FLOW_SEARCH;
	}
	set_rate(f, f->rate_gap_ns / by);
}

/** @return true when the rate was cut by half or more. */
static bool decide(struct flow *f)
{
	double ratio = answer_ratio(f);
	uint32_t was_ns = f->rate_gap_ns;

	if (ratio <= 0)
		return false;
	/* without a limit answers are as the rates are: then this is 1 */
	double useful = 1 / (ratio * modes[f->mode].low_divisor);
	if (f->queue_rtt_us)
		useful = MIN(useful, QUEUEING_USEFUL);
	if (f->mode == FLOW_SEARCH)
		decide_search(f, useful);
	else
		decide_cruise(f, useful);
	memset(f->sides, 0, sizeof(f->sides));
	f->found_gap_ns = f->rate_gap_ns;
	f->barren_max = MAX(f->barren_max, (uint16_t)BARREN_FOUND_MIN);
	return f->rate_gap_ns / 2 >= was_ns;
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
		set_rate(f, MAX(f->rate_gap_ns / 2.0, f->found_gap_ns / 4.0));
		return false;
	}
	f->n_settled++;
	f->is_closed = f->rate_gap_ns > CLOSED_GAP_NS;
	set_rate(f, f->rate_gap_ns * 4.0);
	return true;
}

/**
 * Answers that take long stand in a queue (the delay that TCP Vegas watches: Brakmo and Peterson
 * 1995). A queue that does not drain at a quarter of the rate says that even this is too much,
 * before there are answers enough to count. @return true when the rate was cut.
 */
static bool watch_queue(struct flow *f, const struct flow_phase *p, bool is_low_phase)
{
	bool is_queueing = p->rtt_us > 2 * f->min_rtt_us + QUEUE_RTT_US;

	if (!p->rtt_us)
		return false;
	if (!is_low_phase) {
		f->queue_rtt_us = is_queueing ? p->rtt_us : 0;
		return false;
	}
	if (f->mode != FLOW_SEARCH || !is_queueing || !f->queue_rtt_us ||
	    p->rtt_us < f->queue_rtt_us - f->queue_rtt_us / 16)
		return false;
	memset(f->sides, 0, sizeof(f->sides));
	f->n_settled += !f->found_gap_ns;
	set_rate(f, f->rate_gap_ns * 2.0);
	return true;
}

/** One phase of a limited flow. @return true when the rate was cut by half or more. */
static bool judge_limited(struct flow *f, const struct flow_phase *p, uint32_t len_us)
{
	uint32_t n_answered = 0, n_sent = phase_n_sent(p);
	bool was_low = p->gap_ns > p->rate_gap_ns;
	struct flow_side *side = &f->sides[was_low ? FLOW_LOW : FLOW_HIGH];

	for (uint32_t c = 0; c < FLOW_CLASSES; c++)
		n_answered += phase_n_answered(p, c);
	f->n_barren = n_answered ? 0 : f->n_barren + n_sent;
	if (f->n_barren >= f->barren_max && find_barren(f))
		return true;
	if (p->rate_gap_ns != f->rate_gap_ns)
		return false; /* of an earlier rate */
	/* not enough to do: this says nothing about the rate */
	if ((uint64_t)n_sent * p->gap_ns * 2 < (uint64_t)len_us * NS_PER_US)
		return false;
	if (watch_queue(f, p, was_low))
		return true;
	side->len_us += len_us;
	for (uint32_t c = 0; c < FLOW_CLASSES; c++)
		side->n_answered[c] += phase_n_answered(p, c);
	return decide(f);
}

/* --- phases ------------------------------------------------------------------------ */

static bool is_phase_full(const struct flow *f, const struct flow_phase *p, uint32_t now_us,
			  uint32_t wait_us)
{
	uint32_t n = phase_n_sent(p), len_us = now_us - p->start_us;

	if (f->mode != FLOW_FREE)
		return (now_us >> f->shift) != (p->start_us >> f->shift);
	if (f->n_phases == FLOW_PHASES)
		return n >= PHASE_SENT_MAX;
	return n >= PHASE_SENT_MIN &&
	       (n >= MIN(f->n_free_sent / 2, (uint32_t)PHASE_SENT_MAX) || len_us >= wait_us);
}

/**
 * The next phase. Where it stands in the cycle is read off the clock, so that workers behind the
 * same bottleneck are high and low together: otherwise each would take the other's answers.
 */
static void phase_next(struct flow *f, uint32_t now_us, uint32_t wait_us)
{
	if (f->mode != FLOW_FREE) {
		const struct mode *m = &modes[f->mode];
		uint64_t probes_us =
			(uint64_t)f->rate_gap_ns * m->low_divisor * PHASE_PROBES_MIN / NS_PER_US;
		uint64_t len_us = MAX(MAX(wait_us / 2, (uint32_t)PHASE_MIN_US), probes_us);
		f->shift = (uint8_t)(64 - __builtin_clzll(len_us - 1));
		f->is_low = (now_us >> f->shift) % m->cycle == m->cycle - 1u;
		set_rate(f, f->rate_gap_ns);
	}
	phase_open(f, now_us);
}

/** The limit no longer limits. */
static bool is_over(const struct flow *f)
{
	return f->rate_gap_ns <= GAP_MIN_NS || f->is_closed;
}

bool flow_update(struct flow *f, uint32_t now_us, uint32_t wait_us, bool may_begin)
{
	bool is_news = false;

	if (!f->n_phases)
		return false;
	/* phases are told apart by time alone: never two in one microsecond */
	bool can_end = (int32_t)(now_us - f->last_us) > 0;
	f->is_due &= !can_end;
	if (can_end && is_phase_full(f, phase_back(f, 0), now_us, wait_us))
		phase_next(f, now_us, wait_us);
	while (f->n_phases > 1) {
		const struct flow_phase *p = phase_back(f, f->n_phases - 1u);
		uint32_t end_us = phase_back(f, f->n_phases - 2u)->start_us;
		if ((int32_t)(now_us - end_us) < (int32_t)wait_us)
			break;
		f->n_phases--;
		if (f->mode != FLOW_FREE)
			is_news |= judge_limited(f, p, end_us - p->start_us);
		else if (judge_free(f, p, now_us, may_begin))
			return true;
	}
	if (f->mode == FLOW_FREE)
		return is_news | watch_recoveries(f, now_us, wait_us, may_begin);
	if (is_over(f)) {
		flow_restart(f, now_us);
		return true;
	}
	/* a phase is sent at one rate */
	if (can_end && phase_back(f, 0)->rate_gap_ns != f->rate_gap_ns)
		phase_next(f, now_us, wait_us);
	return is_news;
}

/* --- departures ------------------------------------------------------------------ */

uint32_t flow_budget(struct flow *f, uint64_t now_ns, uint32_t most)
{
	if (!f->gap_ns)
		return most;
	uint64_t credit_ns = MAX(MIN((uint64_t)f->gap_ns / 2, (uint64_t)LATE_NS),
				 (uint64_t)BURST_NS / f->gap_ns * f->gap_ns);
	if (f->next_ns + credit_ns < now_ns)
		f->next_ns = now_ns - credit_ns;
	if (f->next_ns > now_ns)
		return 0;
	return (uint32_t)MIN((now_ns - f->next_ns) / f->gap_ns + 1, (uint64_t)most);
}

void flow_spend(struct flow *f, uint32_t n)
{
	f->next_ns += (uint64_t)f->gap_ns * n;
}
