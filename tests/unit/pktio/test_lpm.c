/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flattened longest-prefix match against a search that looks at every prefix, on random tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "base/hash.h"
#include "pktio/lpm.h"

#define PREFIX_MAX 64

static u128 mask_of(uint8_t len, uint8_t width)
{
	u128 all = width == 128 ? ~(u128)0 : ((u128)1 << width) - 1;

	return len == 0 ? 0 : all >> (width - len) << (width - len);
}

static uint32_t best_in_stage(const struct lpm_prefix *p, uint32_t n, uint8_t stage, u128 key,
			      uint8_t width)
{
	const struct lpm_prefix *best = NULL;

	for (uint32_t i = 0; i < n; i++) {
		if (p[i].stage != stage || (key & mask_of(p[i].len, width)) != p[i].base)
			continue;
		if (!best || p[i].len > best->len ||
		    (p[i].len == best->len && p[i].rank < best->rank) ||
		    (p[i].len == best->len && p[i].rank == best->rank && p[i].value < best->value))
			best = &p[i];
	}
	return best ? best->value : LPM_NONE;
}

static uint32_t oracle(const struct lpm_prefix *p, uint32_t n, u128 key, uint8_t width)
{
	for (uint8_t stage = 0; stage < 3; stage++) {
		uint32_t v = best_in_stage(p, n, stage, key, width);

		if (v < LPM_THROW)
			return v;
	}
	return LPM_NONE;
}

static u128 random_key(struct rng *r, uint8_t width)
{
	u128 k = (u128)rng_u64(r) << 64 | rng_u64(r);

	return k & mask_of(width, width);
}

/* Lengths near the ends and bases near each other, so that prefixes nest, touch and repeat. */
static uint32_t random_table(struct rng *r, struct lpm_prefix *p, uint8_t width)
{
	uint32_t n = (uint32_t)rng_below(r, PREFIX_MAX + 1);
	u128 near = random_key(r, width);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t len = (uint8_t)rng_below(r, width + 1u);
		u128 key = rng_below(r, 3) ? near ^ rng_below(r, 64) : random_key(r, width);

		if (rng_below(r, 8) == 0)
			key = mask_of(width, width); /* the far end of the line */
		p[i] = (struct lpm_prefix){.base = key & mask_of(len, width),
					   .len = len,
					   .stage = (uint8_t)rng_below(r, 3),
					   .rank = rng_below(r, 3),
					   .value = rng_below(r, 6) ? i : LPM_THROW};
	}
	return n;
}

static void check_keys(struct rng *r, const struct lpm *l, const struct lpm_prefix *p, uint32_t n,
		       uint8_t width)
{
	u128 all = mask_of(width, width);

	for (uint32_t i = 0; i < n; i++) {
		u128 last = p[i].base | (all & ~mask_of(p[i].len, width));
		u128 keys[] = {p[i].base, (p[i].base - 1) & all, last, (last + 1) & all};

		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			assert_int_equal(lpm_find(l, keys[k]), oracle(p, n, keys[k], width));
	}
	for (int i = 0; i < 50; i++) {
		u128 key = random_key(r, width);

		assert_int_equal(lpm_find(l, key), oracle(p, n, key, width));
	}
	assert_int_equal(lpm_find(l, 0), oracle(p, n, 0, width));
	assert_int_equal(lpm_find(l, all), oracle(p, n, all, width));
}

static void agrees_with_oracle(uint8_t width, uint64_t seed)
{
	struct lpm_prefix p[PREFIX_MAX], sorted[PREFIX_MAX];
	struct rng r;

	rng_init(&r, seed);
	for (int round = 0; round < 400; round++) {
		uint32_t n = random_table(&r, p, width);
		struct lpm l;

		memcpy(sorted, p, sizeof(p));
		assert_int_equal(lpm_build(sorted, n, width, &l), 0);
		assert_true(l.n >= 1 && l.n <= 2 * n + 1);
		check_keys(&r, &l, p, n, width);
		lpm_fini(&l);
	}
}

static void agrees_for_v4(void **state)
{
	agrees_with_oracle(32, 4);
}

static void agrees_for_v6(void **state)
{
	agrees_with_oracle(128, 6);
}

static void pieces_ascend_without_repeats(void **state)
{
	struct lpm_prefix p[PREFIX_MAX];
	struct rng r;

	rng_init(&r, 7);
	for (int round = 0; round < 200; round++) {
		uint32_t n = random_table(&r, p, 32);
		struct lpm l;

		assert_int_equal(lpm_build(p, n, 32, &l), 0);
		assert_true(l.starts[0] == 0);
		for (uint32_t i = 1; i < l.n; i++) {
			assert_true(l.starts[i] > l.starts[i - 1]);
			assert_int_not_equal(l.values[i], l.values[i - 1]);
		}
		lpm_fini(&l);
	}
}

static void empty_table_has_no_way(void **state)
{
	struct lpm l;

	assert_int_equal(lpm_build(NULL, 0, 32, &l), 0);
	assert_int_equal(lpm_find(&l, 0), LPM_NONE);
	assert_int_equal(lpm_find(&l, UINT32_MAX), LPM_NONE);
	lpm_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_for_v4),
		cmocka_unit_test(agrees_for_v6),
		cmocka_unit_test(pieces_ascend_without_repeats),
		cmocka_unit_test(empty_table_has_no_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
