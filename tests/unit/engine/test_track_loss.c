/* SPDX-License-Identifier: GPL-3.0-or-later */
/* track.c where packets get lost: what is found, how often it is asked, and how long that takes. */
#include "net.h"

enum { SEEDS = 20, MAX_RETRIES = 10 };

/** At most one responsive port of 10,000 is missed, however few of them a host has; attempts stay
 * bounded. */
static void random_loss(void **state)
{
	static const struct {
		uint32_t loss_percent, n_hosts, n_ports, rtt_us;
		double most_per_port;
		uint64_t most_ns;
	} rows[] = {
		{10, 1, 1000, 200, 1.4, 3 * NS_PER_S},  {10, 64, 20, 200, 1.4, 3 * NS_PER_S},
		{10, 8, 250, 40000, 1.4, 8 * NS_PER_S}, {30, 1, 1000, 200, 2.2, 5 * NS_PER_S},
		{30, 64, 20, 200, 2.2, 6 * NS_PER_S},   {30, 8, 250, 40000, 2.2, 15 * NS_PER_S},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t n_missed = 0, n_sent = 0, longest_ns = 0,
			 n_all = (uint64_t)SEEDS * rows[i].n_hosts * rows[i].n_ports;

		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct net_conf c = {.n_hosts = rows[i].n_hosts,
					     .n_ports = rows[i].n_ports,
					     .rtt_us = rows[i].rtt_us,
					     .jitter_us = rows[i].rtt_us / 10,
					     .loss_percent = rows[i].loss_percent,
					     .max_retries = MAX_RETRIES,
					     .seed = seed,
					     .start_ns = NS_PER_S};
			struct net n;

			net_run(&n, &c);
			n_missed += net_check(&n);
			n_sent += n.n_sent;
			longest_ns = MAX(longest_ns, n.took_ns);
			assert_in_range(n.max_attempt, 1, MAX_RETRIES);
			net_fini(&n);
		}
		print_message("loss %u %%, %u x %u, rtt %u us: missed %llu of %llu, %.2f sent a "
			      "port, longest %.2f s\n",
			      rows[i].loss_percent, rows[i].n_hosts, rows[i].n_ports,
			      rows[i].rtt_us, (unsigned long long)n_missed,
			      (unsigned long long)n_all, (double)n_sent / (double)n_all,
			      (double)longest_ns / 1e9);
		assert_true(n_missed * 10000 <= n_all);
		assert_true((double)n_sent / (double)n_all < rows[i].most_per_port);
		assert_true(longest_ns < rows[i].most_ns);
	}
}

/** Ports that filter cost no more for the loss around them than the loss needs. */
static void loss_among_filtered(void **state)
{
	uint64_t n_missed = 0, longest_ns = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 1,
				     .n_ports = 1000,
				     .rtt_us = 20000,
				     .jitter_us = 2000,
				     .loss_percent = 10,
				     .silent_ports_percent = 90,
				     .max_retries = MAX_RETRIES,
				     .seed = seed,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		n_missed += net_check(&n);
		longest_ns = MAX(longest_ns, n.took_ns);
		assert_true(n.n_sent < 6000);
		net_fini(&n);
	}
	print_message("missed %llu, longest %.2f s\n", (unsigned long long)n_missed,
		      (double)longest_ns / 1e9);
	assert_int_equal(n_missed, 0);
	assert_true(longest_ns < 2 * NS_PER_S);
}

/** A host that resets at most 1,000 a second after 100: the pace finds that, wasting a bounded
 * number of probes. */
static void limited_resets(void **state)
{
	uint64_t most_sent = 0, longest_ns = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 1,
				     .n_ports = 1000,
				     .rtt_us = 50,
				     .jitter_us = 10,
				     .rst_rate = 1000,
				     .rst_burst = 100,
				     .max_retries = MAX_RETRIES,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .initial_rto_us = 200000};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		most_sent = MAX(most_sent, n.n_sent);
		longest_ns = MAX(longest_ns, n.took_ns);
		net_fini(&n);
	}
	print_message("limited resets: %llu sent, %.2f s\n", (unsigned long long)most_sent,
		      (double)longest_ns / 1e9);
	assert_true(most_sent < 4000);
	assert_true(longest_ns < 3 * NS_PER_S);
}

/** Loss of the path is not the host's limit: slowing down would only cost time. */
static void path_loss_is_no_brake(void **state)
{
	uint64_t longest_ns = 0, n_missed = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 1,
				     .n_ports = 10000,
				     .rtt_us = 1000,
				     .jitter_us = 100,
				     .loss_percent = 20,
				     .max_retries = MAX_RETRIES,
				     .seed = seed,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		n_missed += net_check(&n);
		longest_ns = MAX(longest_ns, n.took_ns);
		net_fini(&n);
	}
	print_message("path loss 20 %%: missed %llu of 200,000, %.2f s\n",
		      (unsigned long long)n_missed, (double)longest_ns / 1e9);
	assert_true(n_missed <= 2);
	assert_true(longest_ns < 2 * NS_PER_S);
}

/* --- time-outs ----------------------------------------------------------------- */

/** RFC 6298: before a sample the initial value, then srtt + 4 rttvar, doubled per attempt, within
 * its bounds; once only while others are heard and this host is not. The last attempt to a host
 * never heard is waited for as if it were the first. */
static void rto_values(void **state)
{
	struct net_conf c = {.n_hosts = 1, .n_ports = 1, .max_retries = 10};
	struct host_slot h = {0};
	struct net n;
	uint32_t a;

	net_init(&n, &c);
	net_shard_open(&n, 0);
	n.t.global_retries = 10;
	for (a = 0; a < 8; a++)
		assert_int_equal(track_rto_us(&n.t, &h, a), MIN(1000000u << MIN(a, 3u), 10000000u));
	assert_int_equal(track_rto_us(&n.t, &h, 10), 1000000);
	h.initial_rto_us = 300000;
	assert_int_equal(track_rto_us(&n.t, &h, 1), 600000);
	n.t.global_retries = 0;
	assert_int_equal(track_rto_us(&n.t, &h, 1), 300000);
	rtt_sample(&n.t.rtt, 60000); /* another host was heard */
	assert_int_equal(track_rto_us(&n.t, &h, 0), 180000);
	n.t.global_retries = 7;
	for (a = 1; a < 7; a++)
		assert_int_equal(track_rto_us(&n.t, &h, a), 360000);
	n.t.global_retries = 0;
	rtt_sample(&h.rtt, 40000);
	assert_int_equal(track_rto_us(&n.t, &h, 0), 120000);
	assert_int_equal(track_rto_us(&n.t, &h, 2), 480000);
	h.rtt = (struct rtt){.srtt_us = 100};
	assert_int_equal(track_rto_us(&n.t, &h, 0), 25000);
	h.rtt = (struct rtt){.srtt_us = 9000000, .rttvar_us = 4000000};
	assert_int_equal(track_rto_us(&n.t, &h, 0), 10000000);
	n.t.rtt = (struct rtt){.srtt_us = 10};
	h.rtt.srtt_us = 0;
	assert_int_equal(track_rto_us(&n.t, &h, 0), 100000);
	net_shard_close(&n);
	net_fini(&n);
}

/** Times at which a silent probe leaves, beyond what the wheel spans in one turn too. */
static void horizon(void **state)
{
	static const uint32_t rto_us[] = {5000,    25000,   300000,  1000000,
					  1024000, 1500000, 3000000, 5000000};
	static const uint64_t starts[] = {0, 4294967295000ull - 2000000000,
					  4294967295000000ull - 2000000000, 1ull << 62};

	for (size_t s = 0; s < ARRAY_LEN(starts); s++)
		for (size_t i = 0; i < ARRAY_LEN(rto_us); i++) {
			struct net_conf c = {.n_hosts = 1,
					     .n_ports = 1,
					     .silent_ports_percent = 100,
					     .max_retries = 1,
					     .initial_rto_us = rto_us[i],
					     .start_ns = starts[s]};
			uint64_t at_ns[2] = {0}, n_sent = 0;
			struct net n;

			net_init(&n, &c);
			net_shard_open(&n, 0);
			while (!track_is_done(&n.t)) {
				assert_true(n.now_ns - starts[s] < 30 * NS_PER_S);
				net_turn(&n);
				if (n.n_sent != n_sent) {
					assert_true(n_sent < 2);
					at_ns[n_sent++] = n.now_ns;
				}
			}
			assert_int_equal(n_sent, 2);
			assert_in_range(at_ns[1] - at_ns[0], rto_us[i] * NS_PER_US,
					(rto_us[i] + 3000) * NS_PER_US);
			/* nobody has answered: perhaps all are far */
			uint64_t last_ns = MIN(3u * rto_us[i], 10000000u) * NS_PER_US;
			assert_in_range(n.now_ns - at_ns[1], last_ns, last_ns + 6 * NS_PER_MS);
			net_shard_close(&n);
			net_fini(&n);
		}
}

/** The first time-outs correct themselves once any answer has told the round trip. */
static void slow_path_is_not_asked_twice(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 10,
				     .n_ports = 100,
				     .rtt_us = 700000,
				     .jitter_us = 50000,
				     .seed = seed,
				     .max_retries = MAX_RETRIES,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		assert_int_equal(n.stats.n_retried, 0);
		net_fini(&n);
	}
}

/** A round trip longer than the first time-out costs one round of retransmissions at most. */
static void very_slow_path(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 10,
				     .n_ports = 100,
				     .rtt_us = 1600000,
				     .jitter_us = 50000,
				     .seed = seed,
				     .max_retries = MAX_RETRIES,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		assert_in_range(n.n_sent, 1000, 2000);
		net_fini(&n);
	}
}

/** All answers come three seconds late: nobody is heard before the usual time-outs are over. */
static void all_are_far(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 1 + seed % 3,
				     .n_ports = 200,
				     .rtt_us = 3000000,
				     .jitter_us = 50000,
				     .silent_ports_percent = 20,
				     .seed = seed,
				     .max_retries = MAX_RETRIES,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		assert_true(n.took_ns < 10 * NS_PER_S);
		net_fini(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_loss),
		cmocka_unit_test(loss_among_filtered),
		cmocka_unit_test(limited_resets),
		cmocka_unit_test(path_loss_is_no_brake),
		cmocka_unit_test(rto_values),
		cmocka_unit_test(horizon),
		cmocka_unit_test(slow_path_is_not_asked_twice),
		cmocka_unit_test(very_slow_path),
		cmocka_unit_test(all_are_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
