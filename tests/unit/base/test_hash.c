/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hash.c: SipHash against the vectors of its authors' reference code (key 00..0f, input 00..len-1),
 * the generator against xoshiro256**'s definition, the map against a plain array.
 */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct siphash_key ref_key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};

static void siphash_reference(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{0, 0x726fdb47dd0e0e31ull},  {1, 0x74f839c593dc67fdull},
		{7, 0xab0200f58b01d137ull},  {8, 0x93f5f5799a932462ull},
		{9, 0x9e0082df0ba9e4b0ull},  {15, 0xa129ca6149be45e5ull},
		{16, 0x3f2acc7f57c29bdbull}, {63, 0x958a324ceb064572ull},
	};
	uint8_t in[64];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *p = guard_copy(in, rows[i].len);

		assert_int_equal(siphash24(&ref_key, p, rows[i].len), rows[i].hash);
		guard_free(p, rows[i].len);
	}
}

static void siphash_words_is_the_same(void **state)
{
	uint64_t words[8];

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		words[i] = 0x0123456789abcdefull * (i + 1);
	for (size_t n = 0; n <= ARRAY_LEN(words); n++)
		assert_int_equal(siphash24_words(&ref_key, words, n),
				 siphash24(&ref_key, words, n * 8));
}

static void generator_reference(void **state)
{
	/* State 1, 2, 3, 4: the sequence the generator's authors' code yields. */
	static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240ull};
	struct rng r = {{1, 2, 3, 4}}, a, b;

	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(rng_u64(&r), want[i]);
	/* Seeding is splitmix64: its first output for seed 0. */
	rng_init(&a, 0);
	assert_int_equal(a.s[0], 0xe220a8397b1dcdafull);
	rng_init(&a, 7);
	rng_init(&b, 7);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rng_u64(&a), rng_u64(&b));
	rng_init(&b, 8);
	assert_int_not_equal(rng_u64(&a), rng_u64(&b));
	assert_int_not_equal(rng_entropy(), rng_entropy());
}

static void below_is_uniform(void **state)
{
	uint32_t n_seen[7] = {0};
	struct rng r;

	rng_init(&r, 1);
	for (int i = 0; i < 70000; i++) {
		uint64_t v = rng_below(&r, 7);

		assert_true(v < 7);
		n_seen[v]++;
	}
	for (size_t i = 0; i < ARRAY_LEN(n_seen); i++)
		assert_in_range(n_seen[i], 9600, 10400);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rng_below(&r, 1), 0);
		assert_true(rng_below(&r, UINT64_MAX / 3 * 2) < UINT64_MAX / 3 * 2);
	}
}

/* Three quarters of 2^64: without rejection every third value would come up twice as often as the
 * others. */
static void below_is_unbiased(void **state)
{
	uint32_t n_third = 0;
	struct rng r;

	rng_init(&r, 2);
	for (int i = 0; i < 30000; i++)
		n_third += rng_below(&r, 3ull << 62) % 3 == 0;
	assert_in_range(n_third, 9600, 10400);
}

#define MODEL_N 600u

static void map_follows_a_model(void **state)
{
	uint32_t model[MODEL_N], n = 0;
	struct map64 m;
	struct rng r;

	memset(model, 0xff, sizeof(model));
	map64_init(&m, MODEL_N);
	rng_init(&r, 3);
	for (int i = 0; i < 40000; i++) {
		uint32_t k = (uint32_t)rng_below(&r, MODEL_N), v = (uint32_t)rng_below(&r, 1000);
		uint64_t key = (uint64_t)k << 32; /* low bits equal: only the mixing spreads them */

		assert_int_equal(map64_get(&m, key), model[k]);
		if (rng_below(&r, 2)) {
			n += model[k] == MAP64_NONE;
			model[k] = v;
			assert_int_equal(map64_put(&m, key, v), 0);
		} else {
			n -= model[k] != MAP64_NONE;
			assert_int_equal(map64_del(&m, key), model[k]);
			model[k] = MAP64_NONE;
		}
		assert_int_equal(m.n, n);
	}
	for (uint32_t k = 0; k < MODEL_N; k++)
		assert_int_equal(map64_get(&m, (uint64_t)k << 32), model[k]);
	map64_fini(&m);
	assert_int_equal(map64_get(&m, 0), MAP64_NONE);
	assert_int_equal(map64_del(&m, 0), MAP64_NONE);
}

static void map_keeps_its_ceiling(void **state)
{
	uint64_t n_allocs;
	struct map64 m;

	map64_init(&m, 100);
	assert_int_equal(map64_reserve(&m, 101), -E_FULL);
	assert_int_equal(map64_reserve(&m, 100), 0);
	n_allocs = mem_n_allocs();
	for (uint64_t k = 0; k < 100; k++)
		assert_int_equal(map64_put(&m, k, 1), 0);
	assert_int_equal(map64_put(&m, 100, 1), -E_FULL);
	assert_int_equal(map64_put(&m, 99, 2), 0);
	assert_int_equal(map64_get(&m, 99), 2);
	assert_int_equal(mem_n_allocs(), n_allocs);
	assert_int_equal(map64_del(&m, 0), 1);
	assert_int_equal(map64_put(&m, 100, 3), 0);
	map64_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_reference),
		cmocka_unit_test(siphash_words_is_the_same),
		cmocka_unit_test(generator_reference),
		cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(below_is_unbiased),
		cmocka_unit_test(map_follows_a_model),
		cmocka_unit_test(map_keeps_its_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
