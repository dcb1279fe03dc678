/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Longest-prefix match by flattened segments: the whole number line is cut where any prefix begins
 * or ends, each piece remembers its winner, a lookup is one binary search. Pure but for the arrays.
 */
#pragma once

#include "base/compiler.h"

#define LPM_NONE  UINT32_MAX
#define LPM_THROW (UINT32_MAX - 1) /* as a value: leave this stage, ask the next */

/**
 * One prefix. Within a stage the longer prefix wins, between equal ones the lower rank, then the
 * lower value. A lower stage that has any match (not LPM_THROW) wins over every higher one.
 */
struct lpm_prefix {
	u128 base; /* host bits zero */
	uint8_t len;
	uint8_t stage;
	uint64_t rank;
	uint32_t value; /* below LPM_THROW, or LPM_THROW */
};

/** Invariant: starts[0] == 0, ascending; n >= 1. */
struct lpm {
	u128 *starts;
	uint32_t *values;
	uint32_t n;
};

/**
 * @param p sorted in place. @param width bits of an address, 32 or 128.
 * @return 0, -ENOMEM; on success @p ret owns arrays of at most 2n+1 pieces.
 */
int lpm_build(struct lpm_prefix *p, uint32_t n, uint8_t width, struct lpm *ret) MUST_CHECK;
void lpm_fini(struct lpm *l);

/** @return the winner's value or LPM_NONE. Cost: 5-10 ns for a host's table. */
static inline uint32_t lpm_find(const struct lpm *l, u128 key)
{
	const u128 *at = l->starts;

	for (uint32_t n = l->n; n > 1;) {
		uint32_t half = n / 2;

		at = at[half] <= key ? at + half : at;
		n -= half;
	}
	return l->values[at - l->starts];
}
