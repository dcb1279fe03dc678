/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SipHash-2-4 for everything a stranger must not be able to predict (cookies), xoshiro256** for
 * everything that only has to be spread, and a map from u64 to u32.
 * Sources: Aumasson & Bernstein, "SipHash: a fast short-input PRF" (2012); Blackman & Vigna,
 * "Scrambled linear pseudorandom number generators" (2021); Lemire, "Fast random integer
 * generation in an interval" (2019); deletion: Knuth, TAOCP 3, 6.4 algorithm R.
 */
#include "base/hash.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static inline uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

uint64_t siphash24(const struct siphash_key *key, const void *p, size_t len)
{
	const uint8_t *in = p;
	struct sip s;
	uint64_t last = (uint64_t)len << 56, m;

	sip_start(&s, key);
	for (size_t i = 0; i < len / 8; i++) {
		memcpy(&m, in + 8 * i, 8);
		sip_word(&s, m);
	}
	for (size_t i = 0; i < len % 8; i++)
		last |= (uint64_t)in[(len & ~(size_t)7) + i] << (8 * i);
	sip_word(&s, last);
	return sip_end(&s);
}

uint64_t siphash24_words(const struct siphash_key *key, const uint64_t *w, size_t n_words)
{
	struct sip s;

	sip_start(&s, key);
	for (size_t i = 0; i < n_words; i++)
		sip_word(&s, w[i]);
	sip_word(&s, (uint64_t)n_words << 59);
	return sip_end(&s);
}

/* The finishing step of splitmix64: a bijection in which every input bit reaches every output bit.
 */
static inline uint64_t mix64(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void rng_init(struct rng *r, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_LEN(r->s); i++) {
		seed += 0x9e3779b97f4a7c15ull;
		r->s[i] = mix64(seed);
	}
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t ret = rotl(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotl(r->s[3], 45);
	return ret;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	u128 m = (u128)rng_u64(r) * n;

	if ((uint64_t)m < n) {
		uint64_t reject_below = -n % n;

		while ((uint64_t)m < reject_below)
			m = (u128)rng_u64(r) * n;
	}
	return (uint64_t)(m >> 64);
}

uint64_t rng_entropy(void)
{
	uint64_t v;

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) == (ssize_t)sizeof(v))
		return v;
	return mix64(clock_now_ns() ^ mix64(clock_wall_ns() ^ (uint64_t)(uintptr_t)&v));
}

#define MAP64_FIRST_CAP 16u
#define MAP64_MAX_CAP   (1u << 31)

void map64_init(struct map64 *m, uint32_t max_n)
{
	/* Seeded, because keys may be made of addresses a stranger chooses. */
	*m = (struct map64){.max_n = MIN(max_n, MAP64_MAX_CAP / 4 * 3), .seed = rng_entropy()};
}

void map64_fini(struct map64 *m)
{
	mem_free(m->keys);
	mem_free(m->vals);
	m->keys = NULL;
	m->vals = NULL;
	m->cap = 0;
	m->n = 0;
}

static inline uint32_t home_of(const struct map64 *m, uint64_t key)
{
	return (uint32_t)mix64(key ^ m->seed) & (m->cap - 1);
}

/* The slot that holds key, or the free one where it would go; a quarter of the slots is free. */
static inline uint32_t find_slot(const struct map64 *m, uint64_t key)
{
	uint32_t i = home_of(m, key);

	while (m->vals[i] != MAP64_NONE && m->keys[i] != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void map64_fetch(const struct map64 *m, uint64_t key)
{
	if (!m->cap)
		return;
	uint32_t i = home_of(m, key);
	PREFETCH(&m->vals[i]);
	PREFETCH(&m->keys[i]);
}

uint32_t map64_get(const struct map64 *m, uint64_t key)
{
	return m->cap ? m->vals[find_slot(m, key)] : MAP64_NONE;
}

static int rehash(struct map64 *m, uint32_t cap)
{
	struct map64 to = *m;

	to.keys = mem_alloc(cap, sizeof(*to.keys));
	to.vals = mem_alloc(cap, sizeof(*to.vals));
	if (!to.keys || !to.vals) {
		mem_free(to.keys);
		mem_free(to.vals);
		return -ENOMEM;
	}
	memset(to.vals, 0xff, (size_t)cap * sizeof(*to.vals));
	to.cap = cap;
	for (uint32_t i = 0; i < m->cap; i++) {
		if (m->vals[i] != MAP64_NONE) {
			uint32_t at = find_slot(&to, m->keys[i]);
			to.keys[at] = m->keys[i];
			to.vals[at] = m->vals[i];
		}
	}
	mem_free(m->keys);
	mem_free(m->vals);
	*m = to;
	return 0;
}

int map64_reserve(struct map64 *m, uint32_t n)
{
	uint32_t cap = MAX(m->cap, MAP64_FIRST_CAP);

	if (n > m->max_n)
		return -E_FULL;
	while (n > cap / 4 * 3)
		cap <<= 1;
	return cap > m->cap ? rehash(m, cap) : 0;
}

int map64_put(struct map64 *m, uint64_t key, uint32_t val)
{
	uint32_t i;

	assert(val != MAP64_NONE);
	if (map64_get(m, key) == MAP64_NONE) {
		int rc = m->n < m->max_n ? map64_reserve(m, m->n + 1) : -E_FULL;
		if (rc < 0)
			return rc;
		m->n++;
	}
	i = find_slot(m, key);
	m->keys[i] = key;
	m->vals[i] = val;
	return 0;
}

uint32_t map64_del(struct map64 *m, uint64_t key)
{
	uint32_t mask = m->cap - 1, hole, val;

	if (!m->cap)
		return MAP64_NONE;
	hole = find_slot(m, key);
	val = m->vals[hole];
	if (val == MAP64_NONE)
		return val;
	m->n--;
	for (uint32_t i = (hole + 1) & mask; m->vals[i] != MAP64_NONE; i = (i + 1) & mask) {
		/* Move back what probed past the hole; leave what starts after it. */
		if (((i - home_of(m, m->keys[i])) & mask) < ((i - hole) & mask))
			continue;
		m->keys[hole] = m->keys[i];
		m->vals[hole] = m->vals[i];
		hole = i;
	}
	m->vals[hole] = MAP64_NONE;
	return val;
}
