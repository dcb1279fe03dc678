/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rtt.h against RFC 6298 2 in floating point, and at the ends of its range. */
#include "base/hash.h"
#include "engine/rtt.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void first_sample(void **state)
{
	static const uint32_t samples[] = {1, 2, 3, 50, 1000, 25000, 1000000, 60000000};

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct rtt r = {0};

		rtt_sample(&r, samples[i]);
		assert_int_equal(r.srtt_us, samples[i]);
		assert_int_equal(r.rttvar_us, samples[i] / 2);
		assert_int_equal(rtt_rto_us(&r), samples[i] + 4 * (samples[i] / 2));
	}
}

/** Integer division costs a few microseconds at most. */
static void follows_the_rfc(void **state)
{
	struct rng g;

	rng_init(&g, 61);
	for (int seed = 0; seed < 20; seed++) {
		uint32_t base = 20u << rng_below(&g, 16);
		struct rtt r = {0};
		double srtt = 0, var = 0;

		for (int i = 0; i < 2000; i++) {
			uint32_t us = base + (uint32_t)rng_below(&g, base);
			rtt_sample(&r, us);
			var = i ? 0.75 * var + 0.25 * fabs(srtt - us) : us / 2.0;
			srtt = i ? 0.875 * srtt + 0.125 * us : us;
			assert_true(fabs(srtt - r.srtt_us) <= 10);
			assert_true(fabs(var - r.rttvar_us) <= 12);
		}
	}
}

static void never_zero(void **state)
{
	struct rtt r = {0};

	rtt_sample(&r, 0);
	assert_int_equal(r.srtt_us, 1);
	for (int i = 0; i < 100; i++) {
		rtt_sample(&r, 0);
		assert_true(r.srtt_us >= 1);
	}
	rtt_sample(&r, 10000000);
	for (int i = 0; i < 1000; i++)
		rtt_sample(&r, 0);
	assert_in_range(r.srtt_us, 1, 8);
	assert_in_range(r.rttvar_us, 0, 8);
}

/** An answer that comes an hour late must not make the next time-out short. */
static void absurd_samples(void **state)
{
	struct rtt r = {0};

	rtt_sample(&r, 4000000000u);
	assert_true(rtt_rto_us(&r) >= RTT_SAMPLE_MAX_US / 2);
	rtt_sample(&r, 1);
	assert_true(rtt_rto_us(&r) >= RTT_SAMPLE_MAX_US / 2);
	rtt_sample(&r, UINT32_MAX);
	assert_true(rtt_rto_us(&r) >= RTT_SAMPLE_MAX_US / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_sample),
		cmocka_unit_test(follows_the_rfc),
		cmocka_unit_test(never_zero),
		cmocka_unit_test(absurd_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
