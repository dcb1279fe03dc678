/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keyed bijection of [0,n) and its inverse: a balanced Feistel network over the next even power of two
 * with cycle walking (Black & Rogaway 2002), rounds of a multiply-xor mix. No memory, random access.
 */
#pragma once

#include "base/compiler.h"

struct permute {
	uint64_t n;
	uint64_t key[4];   /* round keys */
	uint32_t half_bits;
	uint32_t half_mask;
};

/** @param n 1..2^62. */
void permute_init(struct permute *p, uint64_t n, uint64_t seed);
/** idx < n. Cost: about 5-10 ns (fewer than 4 walks expected). Thread: any. */
uint64_t permute_at(const struct permute *p, uint64_t idx);
/** permute_at(p, permute_inverse(p, x)) == x. */
uint64_t permute_inverse(const struct permute *p, uint64_t x);
