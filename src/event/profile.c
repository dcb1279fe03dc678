/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counts by size for --profile: a few hundred bytes hold values of any magnitude with an error of
 * at most a quarter, as HdrHistogram does with more digits.
 */
#include "event/profile.h"

#define X(id, name, help) [id] = {name, help},
const struct profile_part_spec profile_parts[PROFILE_N] = {PROFILE_LIST(X)};
#undef X

enum { STEPS = 4, STEP_BITS = 2 };

static uint32_t bucket_of(uint32_t value)
{
	if (value < STEPS)
		return value;
	uint32_t magnitude = 31 - (uint32_t)__builtin_clz(value);
	return STEPS * (magnitude - STEP_BITS + 1) + (value >> (magnitude - STEP_BITS)) % STEPS;
}

void profile_count(struct profile_hist *h, uint32_t value)
{
	h->n++;
	h->sum += value;
	h->max = MAX(h->max, value);
	h->bucket[bucket_of(value)]++;
}

uint64_t profile_bucket_lo(uint32_t idx)
{
	if (idx < STEPS)
		return idx;
	return (uint64_t)(STEPS + idx % STEPS) << (idx / STEPS - 1);
}

uint64_t profile_quantile(const struct profile_hist *h, double share)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < PROFILE_BUCKETS; i++) {
		n += h->bucket[i];
		if (n && (double)n >= share * (double)h->n)
			return MIN(profile_bucket_lo(i + 1) - 1, (uint64_t)h->max);
	}
	return 0;
}
