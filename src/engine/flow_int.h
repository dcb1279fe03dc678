/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by flow.c (phases, judgements of a free flow) and experiment.c (those of a limited one).
 */
#pragma once

#include "engine/flow.h"

/** A verdict on silence wants as many answers due. */
#define BARREN_ANSWERS   6u
#define BARREN_FOUND_MIN 64u
#define QUEUE_RTT_US     4000u

/** Fewer answers to retransmissions, or in a window, say nothing. */
#define FLOW_RECOVERED_MIN 8u

/** Where limits are the rule: few answers say little, and cutting is quicker than growing. */
#define FLOW_BY_RULE_GAP_NS 250000000u

/** Of the rate: what the low phases of a mode are sent at; how sure a decision must be. */
struct flow_mode_row {
	uint8_t low_divisor;
	uint8_t cycle;       /* phases, a power of two; the last of them is low */
	double variance_max; /* of the logarithm of the ratio */
	double step_up_max, step_down_max;
};
extern const struct flow_mode_row flow_modes[]; /* by enum flow_mode; none for FLOW_FREE */

static inline uint32_t phase_n_sent(const struct flow_phase *p)
{
	return (uint32_t)p->n_sent[FLOW_FIRST] + p->n_sent[FLOW_AGAIN] + p->n_sent[FLOW_PING];
}

static inline uint32_t phase_n_answered(const struct flow_phase *p, enum flow_class class)
{
	return (uint32_t)p->n_answered[FLOW_FIRST][class] + p->n_answered[FLOW_AGAIN][class] +
	       p->n_answered[FLOW_PING][class];
}

/** Was there too little to ask for the phase to say anything about the rate? */
static inline bool phase_is_idle(const struct flow_phase *p, uint32_t len_us)
{
	return (uint64_t)phase_n_sent(p) * p->gap_ns * 2 < (uint64_t)len_us * NS_PER_US;
}

/** Do answers that took so long stand in a queue? */
static inline bool flow_has_queue(const struct flow *f, uint32_t rtt_us)
{
	return rtt_us > 2 * f->min_rtt_us + QUEUE_RTT_US;
}

/** The same, of one of those that share it. */
static inline double flow_by_rule_gap_ns(const struct flow *f)
{
	return FLOW_BY_RULE_GAP_NS * (f->board ? MAX(board_n_members(f->board), 1.0) : 1.0);
}

/** Count answers from now on. */
void flow_window_restart(struct flow *f, uint32_t now_us);
/** A limit begins, at a rate still to be set: nothing sent so far counts. */
void flow_limit_begin(struct flow *f, uint32_t now_us);
/**
 * Begin a limit from below: at the rate at which @p n_answers came in this window, if a @p share of
 * what is asked is answered.
 */
void flow_limit(struct flow *f, uint32_t now_us, uint32_t n_answers, double share);
/* doubt.c */
/**
 * Loss at random makes answers rarer with each attempt. Where more come to retransmissions than to
 * first attempts, something else sets their number.
 */
bool flow_is_losing(const struct flow *f);
/** @return what all that share the limit were answered, by one of them, or its own @p n_own. */
uint32_t flow_n_answers_of_all(const struct flow *f, uint32_t n_own);
/** Is doubt over? @return true when it was right: what was sent before is excused. */
bool flow_watch_doubt(struct flow *f, uint32_t now_us);
/** It begins by doubt alone: what was sent so far counts still. */
void flow_doubt_begin(struct flow *f);
/** Judge nothing that was sent before. */
void flow_phases_restart(struct flow *f, uint32_t now_us);
/** Limited: is it time for the next phase, by the clock? */
bool flow_phase_is_over(const struct flow *f, uint32_t now_us);
/** Limited: the next phase, high or, unless @p is_steady, low by its place in the cycle. */
void flow_phase_turn(struct flow *f, uint32_t now_us, uint32_t rate_gap_ns, bool is_steady);

/* board.c: of a flow that has one */
/**
 * Take over what is agreed. @param can_end whether a phase may end now. @return true when another
 * member decides; @p ret_is_news as flow_update's result.
 */
bool board_obeys(struct flow *f, uint32_t now_us, bool can_end, bool *ret_is_news);
/** State what this flow has found, if it leads or the limit is new. */
void board_tell(struct flow *f);

/** The rate, within its bounds, and what this phase makes of it. */
void flow_set_rate(struct flow *f, double gap_ns);
/** Count answers from now on, to know what is served. */
void flow_meter_restart(struct flow *f, uint32_t now_us);
/** Limited: do ports use up their attempts? @return true when the rate was cut for it. */
bool flow_watch_tired(struct flow *f, uint32_t now_us);
/** One phase of a limited flow, @p len_us long. @return true when the rate was cut by half or more.
 */
bool flow_judge_limited(struct flow *f, const struct flow_phase *p, uint32_t len_us);
