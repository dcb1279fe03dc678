/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One pass of the keyed bijection that orders a scan, inline: one text for target/permute.c and for
 * the program that it loads into the kernel, so that both walk the same order. Source: Black &
 * Rogaway, "Ciphers with Arbitrary Finite Domains", 2002.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PERMUTE_ROUNDS     4
#define PERMUTE_ROUNDS_MAX 8

#define FEISTEL_INLINE static inline __attribute__((always_inline))

/** Invariant: n <= n_rows << low_bits < n + 2^low_bits. */
struct permute {
	uint64_t n;
	uint64_t key[PERMUTE_ROUNDS_MAX]; /* round keys */
	uint32_t n_rows;                  /* values of the high part */
	uint32_t low_bits, low_mask;
	bool is_small; /* few bits a half: all rounds are needed to leave no structure */
};

FEISTEL_INLINE uint32_t feistel_mix(uint32_t half, uint64_t key)
{
	uint64_t z = (half ^ key) * 0xff51afd7ed558ccdull;

	z ^= z >> 32;
	return (uint32_t)((z * 0x9e3779b97f4a7c15ull) >> 32);
}

/** A 32-bit number scaled to [0, n_rows). */
FEISTEL_INLINE uint32_t feistel_scale(uint32_t x, uint32_t n_rows)
{
	return (uint32_t)(((uint64_t)x * n_rows) >> 32);
}

/** @return a number of the rectangle: send it through again until it is below n. */
FEISTEL_INLINE uint64_t feistel_forward(const struct permute *p, uint64_t x, int n_rounds)
{
	uint32_t low = (uint32_t)x & p->low_mask, high = (uint32_t)(x >> p->low_bits);

	for (int i = 0; i < n_rounds; i += 2) {
		high += feistel_scale(feistel_mix(low, p->key[i]), p->n_rows); /* both below 2^31 */
		high = high >= p->n_rows ? high - p->n_rows : high;
		low ^= feistel_mix(high, p->key[i + 1]) & p->low_mask;
	}
	return (uint64_t)high << p->low_bits | low;
}

/** Undoes feistel_forward(). */
FEISTEL_INLINE uint64_t feistel_back(const struct permute *p, uint64_t x, int n_rounds)
{
	uint32_t low = (uint32_t)x & p->low_mask, high = (uint32_t)(x >> p->low_bits);

	for (int i = n_rounds - 2; i >= 0; i -= 2) {
		low ^= feistel_mix(high, p->key[i + 1]) & p->low_mask;
		high += p->n_rows - feistel_scale(feistel_mix(low, p->key[i]), p->n_rows);
		high = high >= p->n_rows ? high - p->n_rows : high;
	}
	return (uint64_t)high << p->low_bits | low;
}
