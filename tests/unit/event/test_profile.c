/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts by size: every value in its bucket, buckets without gaps, quantiles not below the truth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "event/profile.h"

#include <string.h>

static uint32_t only_bucket(uint32_t value)
{
	struct profile_hist h = {0};
	uint32_t idx = PROFILE_BUCKETS, n = 0;

	profile_count(&h, value);
	for (uint32_t i = 0; i < PROFILE_BUCKETS; i++) {
		n += h.bucket[i];
		idx = h.bucket[i] ? i : idx;
	}
	assert_int_equal(n, 1);
	return idx;
}

static void every_value_has_its_bucket(void **state)
{
	(void)state;
	for (uint32_t shift = 0; shift < 32; shift++)
		for (uint32_t more = 0; more < 4; more++) {
			uint32_t v = (1u << shift) + (uint32_t)((uint64_t)more << shift) / 4;
			uint32_t i = only_bucket(v), below = only_bucket(v - 1);
			assert_true(profile_bucket_lo(i) <= v && v < profile_bucket_lo(i + 1));
			assert_true(below <= i && below + 1 >= i);
		}
	assert_int_equal(only_bucket(UINT32_MAX), PROFILE_BUCKETS - 1);
	assert_true(profile_bucket_lo(PROFILE_BUCKETS) == 1ull << 32);
	for (uint32_t i = 0; i < PROFILE_BUCKETS; i++) {
		uint64_t lo = profile_bucket_lo(i), hi = profile_bucket_lo(i + 1);
		assert_true(lo < hi && (lo < 4 || (hi - lo) * 4 <= lo));
	}
}

static void quantiles(void **state)
{
	struct profile_hist h = {0};

	(void)state;
	assert_int_equal(profile_quantile(&h, 0.5), 0);
	for (uint32_t v = 1; v <= 1000; v++)
		profile_count(&h, v);
	assert_int_equal(h.n, 1000);
	assert_int_equal(h.sum, 500500);
	assert_int_equal(h.max, 1000);
	assert_in_range(profile_quantile(&h, 0.5), 500, 639);
	assert_in_range(profile_quantile(&h, 0.99), 990, 1000);
	assert_int_equal(profile_quantile(&h, 1), 1000);
	assert_int_equal(profile_quantile(&h, 0.001), 1);
}

static void parts_have_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PROFILE_N; i++)
		assert_true(profile_parts[i].name && profile_parts[i].help[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_has_its_bucket),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(parts_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
