/* SPDX-License-Identifier: GPL-3.0-or-later */
/* track.c on a network in memory: each probe once, each answer once, each host once, whatever the
 * clock says. */
#include "net.h"

enum { SEEDS = 20 };

/** Starts that bring a wrap of 32-bit microseconds, or of the wheel's ticks, into the run. */
static const uint64_t starts[] = {
	NS_PER_S,         4294967295000ull - 3000000, 4294967295000ull - 300000000,
	4294967296000ull, (1ull << 62) + 12345,       18446744073ull * NS_PER_S / 2,
};

static void each_probe_once(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		for (uint32_t k = 0; k < 8; k++) {
			struct net_conf c = {.n_hosts = 150,
					     .n_ports = k & 1 ? 37 : 3,
					     .rtt_us = 300,
					     .jitter_us = 200,
					     .n_shards = k / 2 + 1,
					     .is_sharded_by_port = seed & 1,
					     .max_retries = 10,
					     .min_groups = seed & 1 ? 1 : 4,
					     .seed = seed,
					     .start_ns = NS_PER_S};
			struct net n;

			net_run(&n, &c);
			assert_int_equal(net_check(&n), 0);
			for (uint32_t i = 0; i < c.n_hosts * c.n_ports; i++)
				assert_int_equal(n.cells[i].n_sent, 1);
			assert_int_equal(n.stats.n_retried, 0);
			assert_int_equal(n.stats.n_picked, c.n_hosts * c.n_ports);
			assert_int_equal(n.stats.n_concluded, c.n_hosts * c.n_ports);
			assert_int_equal(n.stats.n_dup + n.stats.n_late + n.stats.n_unasked +
						 n.stats.n_spurious,
					 0);
			net_fini(&n);
		}
}

/** Many groups: more than are live at a time, with memory of one size. */
static void many_groups(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 61,
				     .n_ports = 12000,
				     .rtt_us = 300,
				     .max_retries = 10,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .n_shards = seed % 3 + 1};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(n.space.n_groups, 7);
		assert_int_equal(net_check(&n), 0);
		assert_int_equal(n.n_sent, 61 * 12000);
		net_fini(&n);
		if (seed == 4)
			break;
	}
	struct net_conf c = {
		.n_hosts = 40, .n_ports = 65535, .rtt_us = 100, .max_retries = 1, .seed = 1};
	struct net n;
	net_run(&n, &c);
	assert_int_equal(n.space.n_groups, 20);
	assert_int_equal(net_check(&n), 0);
	assert_int_equal(n.n_sent, 40 * 65535);
	net_fini(&n);
}

static void silence(void **state)
{
	static const uint32_t retries[] = {0, 1, 10, 15, 99};

	for (uint64_t seed = 0; seed < SEEDS; seed++)
		for (size_t k = 0; k < ARRAY_LEN(retries); k++) {
			struct net_conf c = {.n_hosts = 40,
					     .n_ports = 30,
					     .silent_ports_percent = 100,
					     .seed = seed,
					     .start_ns = NS_PER_S,
					     .max_retries = retries[k],
					     .most_ns = 4 * NS_PER_S};
			struct net n;

			net_run(&n, &c);
			assert_int_equal(net_check(&n), 0);
			for (uint32_t i = 0; i < c.n_hosts * c.n_ports; i++)
				assert_int_equal(n.cells[i].n_sent, 1 + MIN(1u, retries[k]));
			assert_int_equal(n.stats.n_hosts_done, c.n_hosts);
			assert_int_equal(n.stats.n_concluded, c.n_hosts * c.n_ports);
			net_fini(&n);
		}
}

static void duplicates(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 50,
				     .n_ports = 40,
				     .rtt_us = 300,
				     .dup_percent = 40,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .max_retries = 10,
				     .silent_ports_percent = 5};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		assert_true(n.n_dup_sent > 100);
		/* a duplicate that comes after its host or group is complete counts as late */
		assert_int_equal(n.stats.n_dup + n.stats.n_late, n.n_dup_sent);
		assert_true(n.stats.n_dup > n.n_dup_sent / 2);
		assert_int_equal(n.stats.n_unasked, 0);
		net_fini(&n);
	}
}

static struct probe_reply reply_from(uint32_t host, uint16_t port, uint32_t attempt)
{
	struct addr a = addr_v4(0x0a000000 + host);

	return (struct probe_reply){.to = {.addr = a, .port = port, .proto = PROTO_TCP},
				    .from = a,
				    .kind = REPLY_RST,
				    .reason = REASON_RESET,
				    .attempt = (uint8_t)attempt};
}

/** Answers to what was never asked: other hosts, other ports, probes not sent yet, attempts not
 * made. */
static void unasked(void **state)
{
	struct net_conf c = {.n_hosts = 4,
			     .n_ports = 10,
			     .silent_ports_percent = 100,
			     .max_retries = 3,
			     .start_ns = NS_PER_S};
	struct net n;
	struct track_probe p;
	struct probe_reply r;

	net_init(&n, &c);
	net_shard_open(&n, 0);
	assert_int_equal(track_next(&n.t, n.now_ns, &p), 1);
	uint32_t host = (uint32_t)p.host->idx;
	r = reply_from(99, 1, 0);
	track_reply(&n.t, &scan_syn, &r, n.now_ns);
	assert_int_equal(n.t.stats.n_unasked, 1);
	r = reply_from(host, p.to.port == 1 ? 2 : 1, 0);
	track_reply(&n.t, &scan_syn, &r, n.now_ns);
	assert_int_equal(n.t.stats.n_unasked, 2);
	for (uint32_t attempt = 1; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
		r = reply_from(host, p.to.port, attempt);
		track_reply(&n.t, &scan_syn, &r, n.now_ns);
		assert_int_equal(n.t.stats.n_unasked, 2 + attempt);
	}
	r = reply_from(host, 11, 0);
	track_reply(&n.t, &scan_syn, &r, n.now_ns);
	r = reply_from(host, p.to.port, 0);
	track_reply(&n.t, &ping_syn, &r, n.now_ns);
	r.kind = REPLY_ECHO;
	track_reply(&n.t, &scan_syn, &r, n.now_ns);
	assert_null(ring_peek(&n.events));
	assert_int_equal(n.t.stats.n_unasked + n.t.stats.n_late, 20);
	r = reply_from(host, p.to.port, 0);
	track_reply(&n.t, &scan_syn, &r, n.now_ns + 1000);
	assert_non_null(ring_peek(&n.events));
	net_shard_close(&n);
	net_fini(&n);
}

/** Two answers to one probe, both found before either is taken: the second one is a duplicate. */
static void abreast(void **state)
{
	struct net_conf c = {.n_hosts = 4,
			     .n_ports = 10,
			     .silent_ports_percent = 100,
			     .max_retries = 3,
			     .start_ns = NS_PER_S};
	struct track_place at[3];
	struct net n;
	struct track_probe p;

	net_init(&n, &c);
	net_shard_open(&n, 0);
	assert_int_equal(track_next(&n.t, n.now_ns, &p), 1);
	uint32_t host = (uint32_t)p.host->idx;
	const struct probe_reply r[] = {reply_from(host, p.to.port, 0),
					reply_from(host, p.to.port, 0),
					reply_from(99, p.to.port, 0)};
	for (uint32_t i = 0; i < ARRAY_LEN(r); i++)
		track_find_host(&n.t, &r[i], &at[i]);
	for (uint32_t i = 0; i < ARRAY_LEN(r); i++)
		track_find_probe(&n.t, &scan_syn, &r[i], &at[i]);
	assert_ptr_equal(at[0].host, p.host);
	assert_int_equal(at[1].q, p.q);
	assert_false(at[2].is_target);
	for (uint32_t i = 0; i < ARRAY_LEN(r); i++)
		track_take(&n.t, &scan_syn, &r[i], &at[i], n.now_ns + 1000);
	assert_int_equal(n.t.stats.n_dup, 1);
	assert_int_equal(n.t.stats.n_unasked, 1);
	assert_int_equal(n.t.stats.n_answered[0], 1);
	net_shard_close(&n);
	net_fini(&n);
}

/** A host that is complete, and a group that is gone, take no more answers. */
static void late_answers(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		/* every answer comes after the last time-out */
		struct net_conf c = {.n_hosts = 30,
				     .n_ports = 20,
				     .rtt_us = 9000000,
				     .max_retries = 1,
				     .seed = seed,
				     .initial_rto_us = 300000,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		for (uint32_t i = 0; i < c.n_hosts * c.n_ports; i++)
			assert_int_equal(n.cells[i].n_found, 0);
		assert_int_equal(n.stats.n_late, 2 * c.n_hosts * c.n_ports);
		for (uint32_t h = 0; h < c.n_hosts; h++)
			assert_int_equal(n.hosts[h].n_scanned, 1);
		net_fini(&n);
	}
}

/** An answer after its probe was given up, but while its host still runs, is worth having. */
static void late_but_host_open(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 10,
				     .n_ports = 200,
				     .rtt_us = 700,
				     .jitter_us = 90000,
				     .max_retries = 10,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .silent_ports_percent = 30};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		net_fini(&n);
	}
}

/** What quick hosts measured says little about one that is far: to be found it is waited for as if
 * alone, then half a second. */
static void far_among_quick(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {
			.n_hosts = 40,
			.n_ports = 6,
			.rtt_us = 500,
			.far_rtt_us = seed & 1 ? 950000 : 450000, /* with and without discovery */
			.max_retries = seed % 3 ? 10 : 1,
			.n_pings = seed & 1 ? 2 : 0,
			.ping_mask = 3,
			.seed = seed,
			.start_ns = NS_PER_S,
			.most_ns = 8 * NS_PER_S};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		for (uint32_t h = 0; h < c.n_hosts && c.n_pings; h++)
			assert_int_equal(n.hosts[h].n_up, 1);
		net_fini(&n);
	}
}

/** The longest time-outs that the command line takes, doubled, are still longer than a round trip.
 */
static void longest_timeouts(void **state)
{
	struct net_conf c = {.n_hosts = 4,
			     .n_ports = 10,
			     .rtt_us = 400000,
			     .max_retries = 10,
			     .initial_rto_us = 3600000000,
			     .max_rto_us = 3600000000,
			     .start_ns = NS_PER_S};
	struct net n;

	net_run(&n, &c);
	assert_int_equal(net_check(&n), 0);
	assert_int_equal(n.n_sent, c.n_hosts * c.n_ports);
	net_fini(&n);
}

static void deferred(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 30,
				     .n_ports = 40,
				     .rtt_us = 300,
				     .max_retries = 10,
				     .defer_percent = 30,
				     .seed = seed,
				     .start_ns = starts[seed % ARRAY_LEN(starts)],
				     .n_shards = 2};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		assert_true(n.n_deferred > 200);
		for (uint32_t i = 0; i < c.n_hosts * c.n_ports; i++)
			assert_int_equal(n.cells[i].n_sent, 1);
		assert_int_equal(n.max_attempt, 0);
		assert_int_equal(n.stats.n_picked, c.n_hosts * c.n_ports);
		assert_true(n.took_ns < 3 * NS_PER_S);
		net_fini(&n);
	}
}

static void abandoned(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 40,
				     .n_ports = 50,
				     .rtt_us = 300,
				     .silent_ports_percent = 50,
				     .seed = seed,
				     .max_retries = 10,
				     .start_ns = NS_PER_S,
				     .n_pings = seed & 1 ? 2 : 0,
				     .ping_mask = 3};
		struct net n;
		uint32_t n_partial = 0;

		net_init(&n, &c);
		net_shard_open(&n, 0);
		for (uint32_t i = 0; i < 30; i++)
			net_turn(&n);
		assert_false(track_is_done(&n.t));
		track_abandon(&n.t);
		assert_true(track_is_done(&n.t));
		net_shard_close(&n);
		for (uint32_t h = 0; h < c.n_hosts; h++) {
			assert_int_equal(n.hosts[h].n_scanned, !c.n_pings || n.hosts[h].n_up);
			n_partial += n.hosts[h].n_partial;
		}
		assert_true(n_partial > 0);
		net_fini(&n);
	}
}

static void any_clock(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct net_conf c = {.n_hosts = 20,
					     .n_ports = 50,
					     .rtt_us = 30000,
					     .jitter_us = 10000,
					     .max_retries = 10,
					     .seed = seed,
					     .start_ns = starts[i],
					     .silent_ports_percent = 40,
					     .down_percent = 20,
					     .most_ns = 4 * NS_PER_S};
			struct net n;

			net_run(&n, &c);
			assert_int_equal(net_check(&n), 0);
			for (uint32_t k = 0; k < c.n_hosts * c.n_ports; k++)
				assert_int_equal(n.cells[k].n_sent, n.cells[k].n_found ? 1 : 2);
			net_fini(&n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_probe_once), cmocka_unit_test(many_groups),
		cmocka_unit_test(silence),         cmocka_unit_test(duplicates),
		cmocka_unit_test(unasked),         cmocka_unit_test(abreast),
		cmocka_unit_test(late_answers),    cmocka_unit_test(late_but_host_open),
		cmocka_unit_test(far_among_quick), cmocka_unit_test(longest_timeouts),
		cmocka_unit_test(deferred),        cmocka_unit_test(abandoned),
		cmocka_unit_test(any_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
