/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bijection over every small size, inverse at every scale, and an order without visible structure.
 */
#include "target/permute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

static void every_size_to_5000_is_a_bijection(void **state)
{
	static uint8_t seen[5000];

	(void)state;
	for (uint64_t n = 1; n <= 5000; n++) {
		struct permute p;

		permute_init(&p, n, n * 77);
		memset(seen, 0, n);
		for (uint64_t i = 0; i < n; i++) {
			uint64_t x = permute_at(&p, i);

			assert_true(x < n);
			assert_false(seen[x]);
			seen[x] = 1;
			assert_int_equal(permute_inverse(&p, x), i);
		}
	}
}

static void inverse_holds_up_to_2_62(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	for (int bits = 1; bits <= 62; bits++)
		for (int k = 0; k < 50; k++) {
			uint64_t n = (1ull << (bits - 1)) + 1 + rng_below(&r, 1ull << (bits - 1)),
				 i = rng_below(&r, n);
			struct permute p;

			permute_init(&p, n, rng_u64(&r));
			assert_true(permute_at(&p, i) < n);
			assert_int_equal(permute_inverse(&p, permute_at(&p, i)), i);
		}
}

/* A seed is part of a scan's identity (--seed, --resume): the order may never change. */
static void order_is_frozen(void **state)
{
	static const struct {
		uint64_t n, idx, want;
	} rows[] = {
		{1ull, 0ull, 0ull},
		{2ull, 0ull, 0ull},
		{1000ull, 333ull, 864ull},
		{65536ull, 21845ull, 19446ull},
		{5000000000ull, 1666666666ull, 4742729285ull},
		{4611686018427387904ull, 1537228672809129301ull, 2116116455289201565ull},
	};
	struct permute p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		permute_init(&p, rows[i].n, 42);
		assert_int_equal(permute_at(&p, rows[i].idx), rows[i].want);
	}
}

static void seeds_give_different_orders(void **state)
{
	struct permute a, b;
	uint32_t n_same = 0;

	(void)state;
	permute_init(&a, 65536, 1);
	permute_init(&b, 65536, 2);
	for (uint32_t i = 0; i < 65536; i++)
		n_same += permute_at(&a, i) == permute_at(&b, i);
	assert_in_range(n_same, 0, 8); /* one expected */
}

/*
 * For a random order of n values the mean step is n/3 with a standard deviation of about
 * 0.65/sqrt(n) of that, the serial correlation is 0 with 1/sqrt(n). Five deviations are allowed;
 * four one-multiplication rounds miss by 15.
 */
static void check_order(uint64_t n, uint64_t seed)
{
	double mean = (double)(n - 1) / 2, steps = 0, products = 0, corr, step;
	uint64_t last, root = 1;
	struct permute p;

	while (root * root < n)
		root++;
	permute_init(&p, n, seed);
	last = permute_at(&p, 0);
	for (uint64_t i = 1; i < n; i++) {
		uint64_t x = permute_at(&p, i);

		steps += (double)(x > last ? x - last : last - x);
		products += ((double)x - mean) * ((double)last - mean);
		last = x;
	}
	step = steps / (double)(n - 1) / ((double)n / 3) - 1;
	corr = products / (double)(n - 1) / ((double)n * (double)n / 12);
	assert_true(step * (double)root < 3.5 && step * (double)root > -3.5);
	assert_true(corr * (double)root < 5 && corr * (double)root > -5);
}

static void order_looks_random(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		check_order(65536, seed);
		check_order(50000, seed);
		check_order(1000, seed);
	}
}

/* Where index 0 goes and how far index 1 lies from it, over many seeds, by chi-square. */
static void small_orders_vary_with_the_seed(void **state)
{
	enum { N = 20, SEEDS = 20000 };
	uint32_t first[N] = {0}, delta[N] = {0};
	double chi_first = 0, chi_delta = 0;

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct permute p;

		permute_init(&p, N, seed);
		first[permute_at(&p, 0)]++;
		delta[(permute_at(&p, 1) + N - permute_at(&p, 0)) % N]++;
	}
	for (int i = 0; i < N; i++) {
		double e = (double)SEEDS / N, e1 = (double)SEEDS / (N - 1);

		chi_first += (first[i] - e) * (first[i] - e) / e;
		chi_delta += i ? (delta[i] - e1) * (delta[i] - e1) / e1 : 0;
	}
	assert_int_equal(delta[0], 0);
	assert_true(chi_first < 3.0 * (N - 1));
	assert_true(chi_delta < 3.0 * (N - 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_to_5000_is_a_bijection),
		cmocka_unit_test(inverse_holds_up_to_2_62),
		cmocka_unit_test(order_is_frozen),
		cmocka_unit_test(seeds_give_different_orders),
		cmocka_unit_test(order_looks_random),
		cmocka_unit_test(small_orders_vary_with_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
