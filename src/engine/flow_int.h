/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by flow.c (phases, judgements of a free flow) and experiment.c (those of a limited one).
 */
#pragma once

#include "engine/flow.h"

/** A verdict on silence wants as many answers due. */
#define BARREN_ANSWERS 6u

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

/** The rate, within its bounds, and what this phase makes of it. */
void flow_set_rate(struct flow *f, double gap_ns);
/** One phase of a limited flow, @p len_us long. @return true when the rate was cut by half or more.
 */
bool flow_judge_limited(struct flow *f, const struct flow_phase *p, uint32_t len_us);
