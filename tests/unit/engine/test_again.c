/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole scans in memory with loss: what the scheduler counts for the coverage estimate, the sample
 * that is asked once more, and whether the interval holds the truth.
 */
#include "net.h"

enum { SEEDS = 100, KEEPS_MIN = 91 /* of 100: two standard errors below 95 */ };

static uint64_t n_responsive(const struct net *n)
{
	uint64_t sum = 0;

	for (uint64_t h = 0; h < n->c.n_hosts; h++)
		for (uint32_t p = 1; p <= n->c.n_ports; p++)
			sum += net_is_up(n, h) && net_kind(n, h, (uint16_t)p) != REPLY_NONE;
	return sum;
}

static uint64_t n_found(const struct net *n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < (uint64_t)n->c.n_hosts * n->c.n_ports; i++)
		sum += n->cells[i].n_found;
	return sum;
}

/** @return does the interval hold the true fraction? */
static bool keeps(const struct net *n, struct coverage_estimate *e)
{
	double truth = (double)n_found(n) / (double)n_responsive(n);

	coverage_estimate(n->c.n_pings ? &n->hosts_seen : NULL, &n->ports_seen,
			  n->stats.n_late_ports, e);
	assert_true(e->is_known);
	assert_int_equal(e->n_found, n_found(n));
	return truth >= e->low - 1e-12 && truth <= e->high + 1e-12;
}

/** Each level of loss, each way; with few retransmissions too, where much is missed. */
static void interval_holds(void **state)
{
	static const struct {
		uint32_t loss_percent, n_hosts, n_ports, silent_percent, max_retries, n_pings;
		double width_max;
		uint32_t down_percent;
	} rows[] = {
		{0, 1, 1000, 98, 10, 0, 0.02},     {2, 1, 1000, 50, 10, 0, 0.01},
		{10, 1, 1000, 50, 10, 0, 0.001},   {19, 1, 1000, 50, 10, 0, 0.001},
		{36, 1, 1000, 50, 10, 0, 0.005},   {10, 32, 64, 50, 10, 0, 0.001},
		{36, 32, 64, 50, 10, 0, 0.002},    {36, 32, 64, 0, 10, 0, 0.002},
		{36, 1, 1000, 50, 1, 0, 0.4},      {19, 1, 1000, 50, 2, 0, 0.1},
		{36, 32, 64, 50, 2, 0, 0.1},       {36, 64, 32, 50, 10, 3, 0.02},
		{2, 256, 60, 40, 10, 0, 0.001},    {19, 512, 1, 50, 10, 0, 0.2},
		{0, 64, 20, 50, 10, 1, 0.1, 88},   {10, 64, 20, 50, 10, 1, 0.5, 88},
		{19, 256, 10, 50, 10, 1, 0.4, 60}, {19, 64, 10, 50, 10, 3, 0.8, 60},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t n_kept = 0;
		double width = 0;

		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct net_conf c = {.n_hosts = rows[i].n_hosts,
					     .n_ports = rows[i].n_ports,
					     .n_pings = rows[i].n_pings,
					     .ping_mask = (uint16_t)((1u << rows[i].n_pings) - 1),
					     .rtt_us = 2000,
					     .jitter_us = 200,
					     .loss_percent = rows[i].loss_percent,
					     .silent_ports_percent = rows[i].silent_percent,
					     .down_percent = rows[i].down_percent,
					     .max_retries = rows[i].max_retries,
					     .again_max = 1000,
					     .seed = seed,
					     .start_ns = NS_PER_S};
			struct coverage_estimate e;
			struct net n;

			net_run(&n, &c);
			n_kept += keeps(&n, &e);
			width += (e.high - e.low) / SEEDS;
			net_fini(&n);
		}
		print_message("loss %u %%, %u x %u, %u %% silent, %u retries: %u of %u kept, mean "
			      "width %.2g\n",
			      rows[i].loss_percent, rows[i].n_hosts, rows[i].n_ports,
			      rows[i].silent_percent, rows[i].max_retries, n_kept, SEEDS, width);
		assert_in_range(n_kept, KEEPS_MIN, SEEDS);
		assert_true(width <= rows[i].width_max);
	}
}

/** Every probe is counted once: answered by its attempt, or silent by the attempts made. */
static void counts_are_whole(void **state)
{
	struct net_conf c = {.n_hosts = 40,
			     .n_ports = 30,
			     .rtt_us = 500,
			     .loss_percent = 20,
			     .silent_ports_percent = 30,
			     .down_percent = 20,
			     .n_pings = 3,
			     .ping_mask = 7,
			     .dup_percent = 20,
			     .max_retries = 5,
			     .again_max = 100,
			     .seed = 3,
			     .start_ns = NS_PER_S};
	uint64_t n_answered = 0, n_silent = 0, n_up = 0, n_down = 0, n_again = 0;
	struct net n;

	net_run(&n, &c);
	for (uint32_t i = 0; i < n.ports_seen.n_strata; i++)
		for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
			const struct coverage_stratum *s = &n.ports_seen.strata[i];
			n_answered += s->n_answered[a];
			n_silent += s->n_silent[a];
			n_again += a ? 0 : s->n_again;
			assert_true(a <= 5 || !(s->n_answered[a] + s->n_silent[a]));
			assert_true(s->n_again_answered <= s->n_again);
		}
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		n_up += n.hosts_seen.n_answered[a];
		n_down += n.hosts_seen.n_silent[a];
	}
	assert_int_equal(n_up + n_down, c.n_hosts);
	assert_int_equal(n_answered + n_silent, n_up * c.n_ports);
	assert_int_equal(n_answered, n_found(&n));
	assert_in_range(n_again, 1, n.n_again);
	assert_int_equal(n.n_again, n.stats.n_again);
	assert_in_range(n.n_again, 10, 100);
	net_fini(&n);
}

/** The sample keeps its bound, takes no time of its own, and is not taken where nothing is silent.
 */
static void sample_is_bounded(void **state)
{
	static const uint32_t most[] = {0, 5, 1000};
	uint64_t took_ns[ARRAY_LEN(most)];
	struct net n;

	for (size_t i = 0; i < ARRAY_LEN(most); i++) {
		struct net_conf c = {.n_hosts = 1,
				     .n_ports = 2000,
				     .rtt_us = 1000,
				     .silent_ports_percent = 50,
				     .max_retries = 10,
				     .again_max = most[i],
				     .seed = 5,
				     .start_ns = NS_PER_S};
		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		assert_in_range(n.n_again, i ? 3 : 0, MIN(most[i], 32u));
		took_ns[i] = n.took_ns;
		net_fini(&n);
	}
	assert_true(took_ns[2] <= took_ns[0] + 5 * NS_PER_MS);
	struct net_conf c = {.n_hosts = 4,
			     .n_ports = 500,
			     .rtt_us = 1000,
			     .max_retries = 10,
			     .again_max = 1000,
			     .start_ns = NS_PER_S};
	net_run(&n, &c);
	assert_int_equal(n.n_again, 0);
	net_fini(&n);
}

/** A sample that could not be sent is no trial; duplicates of its answers count once. */
static void unsent_and_repeated(void **state)
{
	struct net_conf c = {.n_hosts = 2,
			     .n_ports = 1000,
			     .rtt_us = 1000,
			     .silent_ports_percent = 50,
			     .dup_percent = 100,
			     .defer_percent = 50,
			     .max_retries = 4,
			     .again_max = 1000,
			     .seed = 8,
			     .start_ns = NS_PER_S};
	uint64_t n_again = 0, n_answered = 0;
	struct net n;

	net_run(&n, &c);
	for (uint32_t i = 0; i < n.ports_seen.n_strata; i++) {
		n_again += n.ports_seen.strata[i].n_again;
		n_answered += n.ports_seen.strata[i].n_again_answered;
	}
	assert_true(n_again > 0);
	assert_int_equal(n_again, n_answered); /* nothing is lost here */
	assert_int_equal(n.n_again, n.stats.n_again);
	net_fini(&n);
}

/** An answer after the time-out of the last attempt: its port is corrected while its host is under
 * way; later it is counted as missed. */
static void late_answers(void **state)
{
	uint64_t n_corrected = 0, n_late = 0;

	for (uint64_t seed = 0; seed < 20; seed++) {
		struct net_conf c = {.n_hosts = 4,
				     .n_ports = 50,
				     .rtt_us = 1000,
				     .jitter_us = 1200000,
				     .silent_ports_percent = 20,
				     .max_retries = 1,
				     .initial_rto_us = 100000,
				     .max_rto_us = 400000,
				     .seed = seed,
				     .start_ns = NS_PER_S};
		struct coverage_estimate e;
		struct net n;

		net_run(&n, &c);
		n_corrected += n_found(&n);
		n_late += n.stats.n_late_ports;
		uint64_t n_missed = net_check(&n);
		coverage_estimate(NULL, &n.ports_seen, n.stats.n_late_ports, &e);
		assert_true(n.stats.n_late_ports <= n_missed);
		if (n.stats.n_late_ports)
			assert_true(e.high < 1);
		net_fini(&n);
	}
	assert_true(n_corrected > 0 && n_late > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interval_holds),    cmocka_unit_test(counts_are_whole),
		cmocka_unit_test(sample_is_bounded), cmocka_unit_test(unsent_and_repeated),
		cmocka_unit_test(late_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
