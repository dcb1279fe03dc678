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
#include "engine/flow_int.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/** Logarithms of the chance that answers are missing by luck, for another reason to be looked for:
 * in general, and where limits are the rule. */
#define LUCK_LOG         -8
#define LUCK_BY_RULE_LOG -3.2

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
	BY_RULE_SAVED = 6,     /* ICMP errors, by Linux */
	FINE_EXPECTED_MIN = 8, /* answers */
	WINDOW_WAITS = 4,      /* time-outs that a window lasts at most */
	GAP_MIN_NS = 500,      /* 2,000,000/s: as good as none */
	BURST_NS = 1000000,
	LATE_NS = 1000000, /* a timer's */
	TIRED_ATTEMPT = 5,
	BARREN_MAX = 512,
	RTT_MEMORY = 16, /* answers */
};

static struct flow_phase *phase_back(struct flow *f, uint32_t n)
{
	return &f->phases[(f->newest + FLOW_PHASES - n) % FLOW_PHASES];
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
		f->begun_us = now_us;
		f->win_start_us = f->win_first_us = now_us;
		phase_open(f, now_us);
	}
	f->phases[f->newest].n_sent[kind]++;
	f->n_first += kind == FLOW_FIRST;
	f->last_us = now_us;
	f->n_win_sent++;
	if (f->gap_ns)
		f->n_meter_sent++;
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
	flow_answered_late(f, a->class, a->sent_us + a->rtt_us);
	f->late_rtt_us = MAX(f->late_rtt_us - f->late_rtt_us / RTT_MEMORY, a->rtt_us);
	f->n_recovered += a->attempt > 0;
	if (a->class == FLOW_REFUSED) {
		f->n_refused++;
		f->n_refused_late += a->attempt > 0;
		f->n_refused_second += a->attempt == 1;
		if (f->board)
			board_refuse(f->board, a->attempt > 0);
	}
	f->n_tired += f->gap_ns && a->attempt >= TIRED_ATTEMPT && f->n_tired < UINT8_MAX;
	if (!a->attempt && a->class == FLOW_REFUSED && flow_wants_place(f)) {
		f->last_place = MAX(f->last_place, a->place);
		f->n_placed++;
		if (f->board)
			board_place(f->board, a->place);
	}
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

void flow_answered_late(struct flow *f, enum flow_class class, uint32_t now_us)
{
	if (!f->n_win_answers[0] && !f->n_win_answers[1])
		f->win_first_us = now_us;
	f->win_last_us = now_us;
	if (flow_has_queue(f, f->late_rtt_us))
		f->n_barren = 0;
	f->n_win_answers[class]++;
	f->n_answers++;
	if (f->board && f->gap_ns)
		board_hear(f->board, now_us);
}

/* --- free: shares ----------------------------------------------------------- */

/** What a phase brought against what its probes brought before, for one class of answers. */
struct judgement {
	double expected, variance;        /* of the difference, if there is no limit */
	double n_known, n_known_answered; /* before */
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
		j.n_known += known;
		j.n_known_answered += known * share;
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

/** Limits of ICMP errors are the rule, of datagrams they are not. */
static bool is_by_rule(const struct flow *f, const struct judgement *j)
{
	return f->is_limited_by_rule && j->class == FLOW_REFUSED;
}

/**
 * A few answers among the first probes can be luck, and then deviations say nothing: of all answers
 * so far this phase should have had the part that it has of all probes. Chernoff's bound for its
 * having so few.
 */
static bool may_be_luck(const struct flow *f, const struct judgement *j)
{
	double n = j->n_known_answered + j->n_answered,
	       part = j->n_sent / MAX(j->n_sent + j->n_known, 1.0),
	       had = j->n_answered / MAX(n, 1.0);

	if (had >= part)
		return true;
	double log_chance = (1 - had) * log((1 - part) / (1 - had));
	if (j->n_answered)
		log_chance += had * log(part / had);
	return n * log_chance > (is_by_rule(f, j) ? LUCK_BY_RULE_LOG : LUCK_LOG);
}

/** How sure it is that answers are missing. */
static double certainty(const struct flow *f, const struct judgement *j)
{
	return may_be_luck(f, j) ? 0 : sigmas_squared(j);
}

/** The class that misses the most. */
static struct judgement judge(const struct flow *f, const struct flow_phase *p)
{
	struct judgement worst = judge_class(f, p, 0);

	for (uint32_t c = 1; c < FLOW_CLASSES; c++) {
		struct judgement j = judge_class(f, p, c);
		if (certainty(f, &j) > certainty(f, &worst))
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

void flow_set_rate(struct flow *f, double gap_ns)
{
	uint32_t most_ns = f->most_gap_ns ? f->most_gap_ns : FLOW_GAP_MAX_NS;
	uint64_t divisor = f->is_low ? flow_modes[f->mode].low_divisor : 1u;

	f->rate_gap_ns = (uint32_t)CLAMP(gap_ns, (double)MIN((uint32_t)GAP_MIN_NS, most_ns),
					 (double)most_ns);
	f->gap_ns = (uint32_t)MIN(f->rate_gap_ns * divisor,
				  MAX((uint64_t)most_ns, (uint64_t)f->rate_gap_ns));
	if (!f->most_gap_ns)
		f->gap_ns = (uint32_t)MIN(f->rate_gap_ns * divisor, (uint64_t)UINT32_MAX);
}

void flow_window_restart(struct flow *f, uint32_t now_us)
{
	f->win_start_us = f->win_first_us = f->win_last_us = now_us;
	memset(f->n_win_answers, 0, sizeof(f->n_win_answers));
	f->n_win_sent = 0;
}

void flow_meter_restart(struct flow *f, uint32_t now_us)
{
	f->meter_us = now_us;
	f->n_metered = f->n_answers;
	f->n_meter_sent = 0;
	f->n_tired = 0;
}

void flow_phases_restart(struct flow *f, uint32_t now_us)
{
	f->n_phases = 0;
	f->carry = (struct flow_phase){0};
	memset(f->sides, 0, sizeof(f->sides));
	phase_open(f, now_us);
	flow_window_restart(f, now_us);
}

void flow_restart(struct flow *f, uint32_t now_us)
{
	f->mode = FLOW_FREE;
	f->gap_ns = f->rate_gap_ns = 0;
	f->n_free_sent = 0;
	if (f->board)
		board_tell(f);
	if (f->is_closed)
		memset(f->n_share, 0, sizeof(f->n_share));
	f->is_closed = f->is_doubt = false;
	flow_phases_restart(f, now_us);
}

void flow_limit_begin(struct flow *f, uint32_t now_us)
{
	uint32_t window_us = now_us - f->win_start_us;

	f->was_pps = (uint32_t)MIN(f->n_win_sent * 1e6 / MAX(window_us, 1u), 1.0 * UINT32_MAX);
	f->is_by_recoveries = f->is_proven = f->is_idle = false;
	f->mode = FLOW_SEARCH;
	f->is_low = false;
	f->n_ups = f->up_shift = 0;
	f->n_barren = 0;
	f->barren_max = BARREN_FOUND_MIN;
	f->found_gap_ns = 0;
	flow_meter_restart(f, now_us);
	f->share_began = 1;
	f->n_tried = f->n_told = f->tried_us = 0;
	f->n_settled++;
	f->next_ns = 0;
	flow_phases_restart(f, now_us);
}

void flow_limit(struct flow *f, uint32_t now_us, uint32_t n_answers, double share)
{
	/* what was silent before the first answer may have been cut off, not limited; answers that
	 * stood in a queue left it at its rate, even if nothing was sent since; what this machine
	 * has let lie and read all at once came in no less than the time that it took */
	bool is_many = n_answers >= FLOW_RECOVERED_MIN,
	     is_queue_rate = is_many && flow_has_queue(f, f->late_rtt_us);
	uint32_t from_first_us = is_queue_rate ? f->win_last_us - f->win_first_us
					       : now_us - f->win_first_us,
		 at_least_us = is_queue_rate ? f->late_rtt_us - f->min_rtt_us : f->late_rtt_us;
	if (is_many)
		from_first_us = MAX(from_first_us, at_least_us);
	double elapsed_ns = (double)MIN(from_first_us, now_us - f->win_start_us) * NS_PER_US;

	flow_limit_begin(f, now_us);
	f->shift = 0; /* a phase of the clock begins with the next probe */
	f->barren_max =
		(uint16_t)CLAMP(BARREN_ANSWERS / share, 1.0 * BARREN_ANSWERS, 1.0 * BARREN_MAX);
	f->share_began = (float)share;
	if (f->is_limited_by_rule) /* what had been saved up is no rate */
		n_answers -= MIN(n_answers - MIN(n_answers, 1u), (uint32_t)BY_RULE_SAVED);
	double gap_ns = elapsed_ns / MAX(n_answers, 1u) * share;
	flow_set_rate(f, f->is_limited_by_rule ? MIN(gap_ns, flow_by_rule_gap_ns(f)) : gap_ns);
	phase_back(f, 0)->rate_gap_ns = f->rate_gap_ns;
	phase_back(f, 0)->gap_ns = f->gap_ns;
}

static double short_sigmas(const struct flow *f, const struct judgement *j)
{
	return is_by_rule(f, j) ? 2.4 : SHORT_SIGMAS;
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
	if (!is_below(&j, SHORT_PERCENT) ||
	    certainty(f, &j) < short_sigmas(f, &j) * short_sigmas(f, &j))
		return false;
	f->n_short += f->n_short < UINT8_MAX;
	if (may_begin)
		flow_limit(f, now_us, f->n_win_answers[j.class], j.expected / j.n_sent);
	return may_begin;
}

/** A limit that was there from the start shows in no share. @return true when it is one. */
static bool watch_recoveries(struct flow *f, uint32_t now_us, uint32_t wait_us, bool may_begin)
{
	uint32_t len_us = now_us - f->win_start_us,
		 n_answers = f->n_win_answers[0] + f->n_win_answers[1];

	if (may_begin && !f->n_settled && len_us >= wait_us &&
	    (f->is_limited_by_rule || f->board || n_answers >= FLOW_RECOVERED_MIN) &&
	    flow_is_losing(f)) {
		if (f->board) {
			f->win_start_us = f->win_first_us = f->begun_us;
			n_answers = flow_n_answers_of_all(f, n_answers);
		}
		flow_limit(f, now_us, n_answers, 1);
		f->is_by_recoveries = true;
		return true;
	}
	if (len_us > WINDOW_WAITS * wait_us)
		flow_window_restart(f, now_us);
	return false;
}

/* --- phases ------------------------------------------------------------------------ */

static bool is_phase_full(const struct flow *f, const struct flow_phase *p, uint32_t now_us,
			  uint32_t wait_us)
{
	uint32_t n = phase_n_sent(p), len_us = now_us - p->start_us;

	if (f->mode != FLOW_FREE)
		return flow_phase_is_over(f, now_us);
	if (f->n_phases == FLOW_PHASES)
		return n >= PHASE_SENT_MAX;
	return n >= PHASE_SENT_MIN &&
	       (n >= MIN(f->n_free_sent / 2, (uint32_t)PHASE_SENT_MAX) || len_us >= wait_us);
}

bool flow_phase_is_over(const struct flow *f, uint32_t now_us)
{
	return (now_us >> f->shift) != (f->phases[f->newest].start_us >> f->shift);
}

void flow_phase_turn(struct flow *f, uint32_t now_us, uint32_t rate_gap_ns, bool is_steady)
{
	const struct flow_mode_row *m = &flow_modes[f->mode];
	const struct flow_phase *p = phase_back(f, 0);

	f->is_idle = phase_is_idle(p, now_us - p->start_us);
	f->is_low = !is_steady && (now_us >> f->shift) % m->cycle == m->cycle - 1u;
	flow_set_rate(f, rate_gap_ns);
	phase_open(f, now_us);
}

/**
 * The next phase. Where it stands in the cycle is read off the clock, so that workers behind the
 * same bottleneck are high and low together.
 */
static void phase_next(struct flow *f, uint32_t now_us, uint32_t wait_us)
{
	if (f->mode == FLOW_FREE) {
		phase_open(f, now_us);
		return;
	}
	const struct flow_mode_row *m = &flow_modes[f->mode];
	uint64_t probes_us =
		(uint64_t)f->rate_gap_ns * m->low_divisor * PHASE_PROBES_MIN / NS_PER_US;
	uint64_t len_us = MAX(MAX(wait_us / 2, (uint32_t)PHASE_MIN_US), probes_us);
	f->shift = (uint8_t)(64 - __builtin_clzll(len_us - 1));
	/* without answers there is nothing to compare, and no time to lose */
	flow_phase_turn(f, now_us, f->rate_gap_ns, f->n_barren);
}

/** The limit no longer limits. */
static bool is_over(const struct flow *f)
{
	return f->rate_gap_ns <= GAP_MIN_NS || f->is_closed;
}

/** The flow decides for itself. @return as flow_update. */
static bool judge_phases(struct flow *f, uint32_t now_us, uint32_t wait_us, bool may_begin)
{
	bool is_news = false;

	/* what stands in a queue is not missing yet */
	if (f->mode != FLOW_FREE)
		wait_us = MAX(wait_us, f->late_rtt_us + f->late_rtt_us / 4);
	while (f->n_phases > 1) {
		const struct flow_phase *p = phase_back(f, f->n_phases - 1u);
		uint32_t end_us = phase_back(f, f->n_phases - 2u)->start_us;
		if ((int32_t)(now_us - end_us) < (int32_t)wait_us)
			break;
		f->n_phases--;
		if (f->mode != FLOW_FREE)
			is_news |= flow_judge_limited(f, p, end_us - p->start_us);
		else if (judge_free(f, p, now_us, may_begin))
			return true;
	}
	if (f->mode == FLOW_FREE)
		return is_news | watch_recoveries(f, now_us, wait_us, may_begin);
	return is_news | flow_watch_tired(f, now_us);
}

bool flow_update(struct flow *f, uint32_t now_us, uint32_t wait_us, bool may_begin)
{
	bool is_news = false;

	if (!f->n_phases)
		return false;
	/* phases are told apart by time alone: never two in one microsecond */
	bool can_end = (int32_t)(now_us - f->last_us) > 0;
	f->is_due &= !can_end;
	if (f->board && board_obeys(f, now_us, can_end, &is_news))
		return is_news;
	if (can_end && is_phase_full(f, phase_back(f, 0), now_us, wait_us))
		phase_next(f, now_us, wait_us);
	is_news |= judge_phases(f, now_us, wait_us, may_begin);
	is_news |= flow_watch_doubt(f, now_us);
	if (f->mode != FLOW_FREE && is_over(f)) {
		flow_restart(f, now_us);
		return true;
	}
	/* a phase is sent at one rate */
	if (f->mode != FLOW_FREE && can_end && phase_back(f, 0)->rate_gap_ns != f->rate_gap_ns)
		phase_next(f, now_us, wait_us);
	if (f->board)
		board_tell(f);
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

/** Workers that sent in step would find each of a limit's tokens taken by the same one: gaps are
 * even only where a flow is alone. */
void flow_spend(struct flow *f, uint32_t n)
{
	uint64_t ns = (uint64_t)f->gap_ns * n, random = f->next_ns * 0x9e3779b97f4a7c15ull >> 32;

	f->next_ns += f->board ? ns / 2 + (ns * random >> 32) : ns;
}
