/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pace.c: the cap over any second, bursts and idle time under jitter. */
#include "base/hash.h"
#include "engine/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SECONDS = 4, LOG_CAP = 5 << 20 };

/** Departures of a simulated run. */
struct log {
	uint64_t *at_ns;
	uint32_t n;
};

/** Polls at most @p most_us apart, each sending all it may, @p batch at a time. */
static void run(struct log *l, uint32_t rate, uint32_t most_us, uint32_t batch, uint64_t start_ns,
		struct rng *r)
{
	uint64_t now = start_ns;
	struct pace p;

	pace_init(&p, rate, now);
	l->n = 0;
	while (now < start_ns + SECONDS * NS_PER_S) {
		uint32_t n = pace_budget(&p, now, batch);
		assert_true(n <= batch);
		assert_int_equal(n == 0, pace_wait_ns(&p, now) != 0);
		pace_spend(&p, now, n);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(l->n < LOG_CAP);
			l->at_ns[l->n++] = now;
		}
		now += 1 + rng_below(r, most_us * NS_PER_US);
	}
}

/** Packets in every window of one second; the ends of the run are left out below. */
static void check_seconds(const struct log *l, uint32_t rate, uint64_t start_ns)
{
	uint64_t most = MAX((uint64_t)rate * 102 / 100, rate + 1ull),
		 least = (uint64_t)rate * 98 / 100;
	uint32_t head = 0;

	least = MIN(least, rate - 1ull);
	for (uint32_t tail = 0; tail < l->n; tail++) {
		while (l->at_ns[tail] - l->at_ns[head] >= NS_PER_S)
			head++;
		assert_in_range(tail - head + 1, 1, most);
	}
	for (uint64_t at = start_ns; at + NS_PER_S <= start_ns + SECONDS * NS_PER_S - NS_PER_MS;
	     at += 97 * NS_PER_MS) {
		uint64_t n = 0;
		for (uint32_t i = 0; i < l->n; i++)
			n += l->at_ns[i] - at < NS_PER_S;
		assert_in_range(n, least, most);
	}
}

/** No instant sees more than 10 ms worth. */
static void check_bursts(const struct log *l, uint32_t rate)
{
	uint32_t together = 1, most = MAX(1u, rate / 100);

	for (uint32_t i = 1; i < l->n; i++) {
		together = l->at_ns[i] == l->at_ns[i - 1] ? together + 1 : 1;
		assert_in_range(together, 1, most);
	}
}

static void exactness(void **state)
{
	static const uint32_t rates[] = {10,     33,     50,     99,     100,    150,   199,
					 200,    333,    1000,   3333,   9999,   10000, 50000,
					 123457, 200000, 500000, 999999, 1000000};
	static const uint32_t jitter_us[] = {10, 200, 999};
	struct log l = {.at_ns = malloc(LOG_CAP * sizeof(uint64_t))};
	struct rng r;

	rng_init(&r, 71);
	for (size_t i = 0; i < ARRAY_LEN(rates); i++)
		for (size_t k = 0; k < ARRAY_LEN(jitter_us); k++) {
			uint64_t start =
				k ? 4294967ull * NS_PER_MS + rng_below(&r, NS_PER_S) : 1ull << 62;
			run(&l, rates[i], jitter_us[k], 1 << 20, start, &r);
			check_seconds(&l, rates[i], start);
			check_bursts(&l, rates[i]);
		}
	free(l.at_ns);
}

/** Polls three milliseconds apart still reach rates whose burst covers it. */
static void slow_polls(void **state)
{
	struct log l = {.at_ns = malloc(LOG_CAP * sizeof(uint64_t))};
	struct rng r;

	rng_init(&r, 72);
	for (uint32_t rate = 1000; rate <= 1000000; rate *= 10) {
		run(&l, rate, 6000, 1 << 20, 5, &r);
		check_seconds(&l, rate, 5);
		check_bursts(&l, rate);
	}
	free(l.at_ns);
}

static void no_hoarding(void **state)
{
	static const uint32_t rates[] = {1, 10, 99, 100, 1000, 54321, 1000000};

	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		uint64_t now = NS_PER_S, burst = MAX(1u, rates[i] / 100), n = 0;
		struct pace p;

		pace_init(&p, rates[i], now);
		uint32_t at_start = pace_budget(&p, now, UINT32_MAX);
		assert_int_equal(at_start, 1);
		pace_spend(&p, now, at_start);
		for (int idle_s = 1; idle_s < 5000; idle_s *= 7) {
			now += (uint64_t)idle_s * NS_PER_S;
			uint32_t got = pace_budget(&p, now, UINT32_MAX);
			assert_int_equal(got, burst);
			pace_spend(&p, now, got);
			assert_int_equal(pace_budget(&p, now, UINT32_MAX), 0);
			n += got;
		}
		assert_true(n > 0);
	}
}

static void no_limit(void **state)
{
	struct pace p;

	pace_init(&p, 0, 123);
	for (uint64_t now = 0; now < 1000; now++) {
		assert_int_equal(pace_budget(&p, now, 1024), 1024);
		pace_spend(&p, now, 1024);
		assert_int_equal(pace_wait_ns(&p, now), 0);
	}
}

/** Sleeping for what pace_wait_ns says is neither too long nor in vain. */
static void wait_is_exact(void **state)
{
	struct rng r;

	rng_init(&r, 73);
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t rate = 10u + (uint32_t)rng_below(&r, 100000), n_sent = 0;
		uint64_t now = rng_u64(&r) >> 2, start = now;
		struct pace p;

		pace_init(&p, rate, now);
		for (uint32_t k = 0; k < 1000; k++) {
			uint32_t n = pace_budget(&p, now, 1);
			pace_spend(&p, now, n);
			n_sent += n;
			uint64_t wait = pace_wait_ns(&p, now);
			if (wait > 1)
				assert_int_equal(pace_budget(&p, now + wait - 1, 1), 0);
			now += wait + 1;
		}
		assert_true(n_sent >= 999);
		uint64_t took = now - start, ideal = 1000 * NS_PER_S / rate;
		assert_in_range(took, ideal * 99 / 100, ideal * 101 / 100 + 2000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactness),     cmocka_unit_test(slow_polls),
		cmocka_unit_test(no_hoarding),   cmocka_unit_test(no_limit),
		cmocka_unit_test(wait_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
