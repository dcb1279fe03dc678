/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keyed bijection of [0,n) and its inverse: a Feistel network over the next power of two (its two halves
 * may differ by one bit) with cycle walking (Black & Rogaway 2002). No memory, random access. Not a
 * cipher: it spreads probes and hides no secret.
 */
#pragma once

#include "base/compiler.h"

#define PERMUTE_ROUNDS_MAX 8

struct permute {
	uint64_t n;
	uint64_t key[PERMUTE_ROUNDS_MAX]; /* round keys */
	uint32_t low_bits;                /* width of the low half */
	uint32_t low_mask, high_mask;
	bool is_small; /* few bits a half: all rounds are needed to leave no structure */
};

/** @param n 1..2^62. */
void permute_init(struct permute *p, uint64_t n, uint64_t seed);
/** idx < n. Cost: 5 ns in a loop, 14 ns as a dependent chain (at most 2 walks expected). Thread: any. */
uint64_t permute_at(const struct permute *p, uint64_t idx);
/** permute_at(p, permute_inverse(p, x)) == x. */
uint64_t permute_inverse(const struct permute *p, uint64_t x);
