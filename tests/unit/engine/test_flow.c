/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flow.c alone: what limits a flow, what does not, departures, and the wrap of its clock. The rates
 * it finds are in test_flow_net.c. */
#include "engine/flow.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WAIT_US = 25000, STEP_US = 10, RTT_US = STEP_US };

/** Probes of a steady rate. */
struct train {
	uint32_t n, percent; /* answered */
	bool may_begin;
	enum flow_class class;
};

/** Sent one by one from @p now_us on, until there is a limit. @return when the last has left. */
static uint32_t run(struct flow *f, struct rng *r, uint32_t now_us, struct train t)
{
	for (uint32_t i = 0; i < t.n && f->mode == FLOW_FREE; i++, now_us += STEP_US) {
		(void)flow_update(f, now_us, WAIT_US, t.may_begin);
		flow_sent(f, FLOW_FIRST, now_us);
		struct flow_answer a = {
			.kind = FLOW_FIRST, .class = t.class, .sent_us = now_us, .rtt_us = RTT_US};
		if (rng_below(r, 100) < t.percent)
			flow_answered(f, &a);
	}
	return now_us;
}

/** A share that stays is no limit, whatever it is; across the wrap of the clock too. */
static void steady_share(void **state)
{
	static const uint32_t percents[] = {0, 1, 10, 50, 90, 100};

	for (size_t i = 0; i < ARRAY_LEN(percents); i++)
		for (uint32_t seed = 0; seed < 20; seed++) {
			struct flow f = {0};
			struct rng r;

			rng_init(&r, seed);
			run(&f, &r, UINT32_MAX - 50000, (struct train){20000, percents[i], true});
			assert_int_equal(f.mode, FLOW_FREE);
			assert_int_equal(f.gap_ns, 0);
			assert_int_equal(f.n_short, 0);
		}
}

/** One early answer makes a share that never comes again. */
static void begin_luckily(enum flow_class class, bool is_limited_by_rule)
{
	for (uint32_t before = 0; before < 64; before++) {
		struct flow f = {.is_limited_by_rule = is_limited_by_rule};
		struct rng r;

		rng_init(&r, before);
		uint32_t now_us = run(&f, &r, 1000, (struct train){before, 0, true, class});
		now_us = run(&f, &r, now_us, (struct train){1, 100, true, class});
		run(&f, &r, now_us, (struct train){20000, 0, true, class});
		assert_int_equal(f.mode, FLOW_FREE);
		assert_int_equal(f.n_short, 0);
	}
}

/** Of a host that drops nearly everything; where limits are the rule, they are none of datagrams.
 */
static void lucky_beginning(void **state)
{
	begin_luckily(FLOW_REFUSED, false);
	begin_luckily(FLOW_ACCEPTED, false);
	begin_luckily(FLOW_ACCEPTED, true);
}

/** Silence is doubted once, for a second or two; one error more makes it a limit. */
static void doubt(void **state)
{
	for (uint32_t is_answered = 0; is_answered < 2; is_answered++) {
		struct flow f = {.is_limited_by_rule = true};
		struct rng r;
		uint32_t n = 0;

		rng_init(&r, 1);
		uint32_t now_us = run(&f, &r, 1000, (struct train){1000, 0, true, FLOW_REFUSED});
		assert_true(flow_doubt(&f, now_us));
		assert_false(flow_is_limited(&f));
		for (; f.gap_ns && n < 8; n++, now_us += f.gap_ns / NS_PER_US) {
			flow_sent(&f, FLOW_AGAIN, now_us);
			struct flow_answer a = {.kind = FLOW_AGAIN,
						.class = FLOW_REFUSED,
						.sent_us = now_us,
						.rtt_us = RTT_US,
						.attempt = 3};
			if (is_answered && n == 2)
				flow_answered(&f, &a);
			(void)flow_update(&f, now_us + RTT_US, WAIT_US, true);
		}
		assert_int_equal(flow_is_limited(&f), is_answered);
		assert_in_range(n, is_answered ? 8 : 4, 8);
		assert_false(flow_doubt(&f, now_us));
	}
	struct flow told = {.is_limited_by_rule = true, .n_placed = 8, .last_place = 60000};
	assert_false(flow_doubt(&told, 1000));
	told.n_placed = 7; /* may all have been saved up */
	assert_true(flow_doubt(&told, 1000));
}

/** Where limits are not the rule, most refusals must have come to retransmissions. */
static void doubt_elsewhere(void **state)
{
	static const struct {
		uint32_t n_refused, n_late;
		bool is_doubted;
	} rows[] = {{0, 0, false}, {9, 0, false}, {9, 4, false}, {9, 5, true}, {1, 1, true}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow f = {.n_refused = rows[i].n_refused, .n_refused_late = rows[i].n_late};
		assert_int_equal(flow_doubt(&f, 1000), rows[i].is_doubted);
	}
}

/** Half the answers gone, or all: a limit, below the rate that lost them; only when it may. */
static void falling_share(void **state)
{
	static const uint32_t rows[][2] = {{100, 0}, {100, 50}, {50, 20}, {20, 0}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (uint32_t seed = 0; seed < 20; seed++) {
			struct flow f = {0};
			struct rng r;

			rng_init(&r, seed);
			uint32_t now_us = run(&f, &r, UINT32_MAX - 5000,
					      (struct train){6000, rows[i][0], false});
			now_us = run(&f, &r, now_us, (struct train){20000, rows[i][1], false});
			assert_int_equal(f.mode, FLOW_FREE);
			assert_true(f.n_short > 0);
			now_us = run(&f, &r, now_us, (struct train){8000, rows[i][1], true});
			assert_int_not_equal(f.mode, FLOW_FREE);
			assert_true(f.gap_ns > 10000);
			assert_true(f.n_settled >= 1);
		}
}

/** First attempts answered later than retransmissions: a limit from the start. */
static void more_recovered_than_not(void **state)
{
	struct flow f = {0};
	struct flow_answer a = {.kind = FLOW_AGAIN, .rtt_us = RTT_US, .attempt = 1};
	uint32_t now_us = 1000;

	flow_sent(&f, FLOW_FIRST, now_us);
	for (uint32_t i = 0; i < 20; i++, now_us += 4000) {
		flow_sent(&f, FLOW_AGAIN, now_us);
		a.sent_us = now_us;
		a.attempt = i % 4 != 0;
		flow_answered(&f, &a);
		(void)flow_update(&f, now_us + 1, WAIT_US, true);
	}
	assert_int_not_equal(f.mode, FLOW_FREE);
	assert_true(flow_rate_pps(&f) > 0);
}

/** Departures keep the gap over any stretch; idle time is not saved up beyond a millisecond. */
static void departures(void **state)
{
	static const uint32_t gaps_ns[] = {700, 5000, 464000, 1000000, 20000000, 900000000};

	for (size_t i = 0; i < ARRAY_LEN(gaps_ns); i++) {
		struct flow f = {.gap_ns = gaps_ns[i], .rate_gap_ns = gaps_ns[i]};
		uint64_t start_ns = 1ull << 40, now_ns = start_ns, n = 0;
		struct rng r;

		rng_init(&r, i);
		while (now_ns < start_ns + 2 * NS_PER_S) {
			uint32_t got = flow_budget(&f, now_ns, UINT32_MAX);
			assert_true(got <= 2 + 1000000 / gaps_ns[i]);
			assert_int_equal(flow_budget(&f, now_ns, 1), got > 0);
			flow_spend(&f, got);
			n += got;
			now_ns += 1 + rng_below(&r, 200000);
		}
		uint64_t want = 2 * NS_PER_S / gaps_ns[i];
		assert_in_range(n, want * 97 / 100, want * 101 / 100 + 2 + 1000000 / gaps_ns[i]);
		now_ns += 100 * NS_PER_S;
		assert_true(flow_budget(&f, now_ns, UINT32_MAX) <= 2 + 1000000 / gaps_ns[i]);
	}
	struct flow free = {0};
	assert_int_equal(flow_budget(&free, 12345, 77), 77);
}

/** What did not leave counts for nothing; a flow made free keeps what it learned. */
static void takes_back(void **state)
{
	struct flow f = {0};
	struct rng r;

	rng_init(&r, 1);
	uint32_t now_us = run(&f, &r, 1000, (struct train){8000, 100, true});
	for (uint32_t i = 0; i < 5000; i++, now_us += 10) {
		flow_sent(&f, FLOW_FIRST, now_us);
		flow_unsent(&f, FLOW_FIRST);
		(void)flow_update(&f, now_us, WAIT_US, true);
	}
	assert_int_equal(f.mode, FLOW_FREE);
	uint16_t share = f.share[FLOW_FIRST][FLOW_REFUSED];
	assert_int_equal(share, UINT16_MAX);
	flow_restart(&f, now_us);
	assert_int_equal(f.share[FLOW_FIRST][FLOW_REFUSED], share);
	assert_int_equal(f.n_phases, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_share),  cmocka_unit_test(lucky_beginning),
		cmocka_unit_test(doubt),         cmocka_unit_test(doubt_elsewhere),
		cmocka_unit_test(falling_share), cmocka_unit_test(more_recovered_than_not),
		cmocka_unit_test(departures),    cmocka_unit_test(takes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
