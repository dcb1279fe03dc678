/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash, a seeded generator, and an open-addressing map from u64 to u32. */
#pragma once

#include "base/compiler.h"
#include "base/siphash.h"

/** SipHash-2-4 of @p len bytes (Aumasson & Bernstein 2012). Pure. Cost: about 21 ns for 40 bytes.
 */
uint64_t siphash24(const struct siphash_key *key, const void *p, size_t len);
/** SipHash-2-4 of @p n_words 64-bit words taken in host order; same strength, no byte loads. */
uint64_t siphash24_words(const struct siphash_key *key, const uint64_t *w, size_t n_words);

/** xoshiro256** seeded by splitmix64; not for secrets. Thread: owner. */
struct rng {
	uint64_t s[4];
};
void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/** Uniform in [0, n), unbiased; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/** 64 bits from getrandom(2); falls back to the clock when the call is forbidden. */
uint64_t rng_entropy(void);

/** Map u64 -> u32, linear probing, backward-shift deletion. Grows by doubling up to max_n. Thread:
 * owner. */
struct map64 {
	uint64_t *keys;
	uint32_t *vals; /* MAP64_NONE marks a free slot */
	uint32_t cap;   /* power of two or 0 */
	uint32_t n;
	uint32_t max_n;
	uint64_t seed; /* of the slot order, from rng_entropy */
};
#define MAP64_NONE UINT32_MAX
void map64_init(struct map64 *m, uint32_t max_n);
void map64_fini(struct map64 *m);
/** Begin to fetch what map64_get reads for @p key. */
void map64_fetch(const struct map64 *m, uint64_t key);
/** @return the value or MAP64_NONE. */
uint32_t map64_get(const struct map64 *m, uint64_t key);
/** Make room for @p n keys, so that puts up to there allocate nothing. @return 0, -ENOMEM, or
 * -E_FULL beyond max_n. */
int map64_reserve(struct map64 *m, uint32_t n) MUST_CHECK;
/** Insert or replace. @return 0, -ENOMEM, or -E_FULL at max_n. @p val must not be MAP64_NONE. */
int map64_put(struct map64 *m, uint64_t key, uint32_t val) MUST_CHECK;
/** @return the removed value or MAP64_NONE. */
uint32_t map64_del(struct map64 *m, uint64_t key);
