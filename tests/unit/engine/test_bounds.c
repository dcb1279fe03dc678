/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the user says about pace, kept by the scheduler: delays, outstanding probes, lowest rates,
 * hosts at a time, host time-outs. Simulated time, so that five minutes cost nothing. */
#include "net.h"

enum { TIMES_CAP = 4096 };

/** When probes left, as net_turn hands them out. */
struct times {
	uint64_t at_ns[TIMES_CAP];
	uint64_t host[TIMES_CAP];
	uint32_t n, most_outstanding, most_hosts;
};

static uint32_t hosts_under_way(const struct net *n)
{
	uint32_t most = 0;

	for (uint32_t h = 0; h < n->c.n_hosts; h++)
		most += n->hosts[h].n_ports_sent && !n->hosts[h].n_scanned;
	return most;
}

/** One probe a turn, so that each is seen to leave. */
static void watch(struct net *n, const struct net_conf *c, struct times *ret)
{
	uint64_t sent = 0;

	*ret = (struct times){0};
	net_init(n, c);
	net_shard_open(n, 0);
	n->batch = 1;
	while (!track_is_done(&n->t)) {
		assert_true(n->now_ns - c->start_ns < n->c.most_ns);
		uint64_t at_ns = n->now_ns;
		net_turn(n);
		if (n->n_sent > sent && ret->n < TIMES_CAP) {
			ret->host[ret->n] = n->last_host;
			ret->at_ns[ret->n++] = at_ns;
		}
		sent = n->n_sent;
		ret->most_outstanding = MAX(ret->most_outstanding, n->t.n_outstanding);
		ret->most_hosts = MAX(ret->most_hosts, hosts_under_way(n));
	}
	assert_int_equal(n->t.n_outstanding, 0);
	net_shard_close(n);
}

static void check_delay(const struct times *w, uint64_t delay_ns)
{
	for (uint32_t i = 0; i < w->n; i++)
		for (uint32_t k = i; k-- > 0;) {
			if (w->host[k] != w->host[i])
				continue;
			assert_true(w->at_ns[i] - w->at_ns[k] >= delay_ns);
			break;
		}
}

/** -T0, -T1, -T2: serial, and a delay to each host; answered, filtered and lossy alike. */
static void serial_templates(void **state)
{
	static const struct {
		uint32_t delay_us, rto_us;
	} rows[] = {{300000000, 300000000}, {15000000, 15000000}, {400000, 1000000}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (uint32_t silent = 0; silent <= 60; silent += 30) {
			struct net_conf c = {
				.n_hosts = 2,
				.n_ports = 12,
				.rtt_us = 1000,
				.silent_ports_percent = silent,
				.loss_percent = silent ? 10 : 0,
				.max_retries = 10,
				.initial_rto_us = rows[i].rto_us,
				.max_rto_us = 300000000,
				.bounds = {.scan_delay_us = rows[i].delay_us, .max_outstanding = 1},
				.start_ns = NS_PER_S,
				.most_ns = 500000 * NS_PER_S};
			struct times w;
			struct net n;

			watch(&n, &c, &w);
			assert_int_equal(net_check(&n), 0);
			assert_int_equal(w.most_outstanding, 1);
			assert_true(w.n >= 24);
			check_delay(&w, rows[i].delay_us * NS_PER_US);
			/* and not much longer where everything answers */
			if (!silent)
				assert_true(n.took_ns <
					    13ull * rows[i].delay_us * NS_PER_US + NS_PER_S);
			net_fini(&n);
		}
}

/** A delay holds in discovery too, and only between probes to the same host. */
static void delay_by_host(void **state)
{
	struct net_conf c = {.n_hosts = 50,
			     .n_ports = 10,
			     .rtt_us = 1000,
			     .down_percent = 20,
			     .n_pings = 3,
			     .ping_mask = 7,
			     .max_retries = 10,
			     .bounds = {.scan_delay_us = 50000},
			     .start_ns = NS_PER_S};
	struct times w;
	struct net n;

	watch(&n, &c, &w);
	assert_int_equal(net_check(&n), 0);
	check_delay(&w, 50 * NS_PER_MS);
	assert_true(n.took_ns < 6 * NS_PER_S);
	net_fini(&n);
}

static void outstanding(void **state)
{
	static const uint32_t most[] = {1, 3, 17, 100};

	for (size_t i = 0; i < ARRAY_LEN(most); i++) {
		struct net_conf c = {.n_hosts = 4,
				     .n_ports = 100,
				     .rtt_us = 5000,
				     .silent_ports_percent = 20,
				     .loss_percent = 10,
				     .defer_percent = 5,
				     .n_pings = 2,
				     .ping_mask = 3,
				     .max_retries = 10,
				     .bounds = {.max_outstanding = most[i]},
				     .start_ns = NS_PER_S};
		struct times w;
		struct net n;

		watch(&n, &c, &w);
		assert_int_equal(net_check(&n), 0);
		assert_int_equal(w.most_outstanding, most[i]);
		net_fini(&n);
	}
}

/** A limit of 50 resets a second is found; what the user asks for holds against it. */
static void lowest_rates(void **state)
{
	static const struct {
		struct pace_bounds bounds;
		uint64_t least_ns, most_ns; /* to ask 2,000 ports */
	} rows[] = {
		{{0}, 20 * NS_PER_S, 200 * NS_PER_S},
		{{.min_rate_pps = 2000}, 0, 15 * NS_PER_S},
		{{.max_delay_us = 1000}, 0, 25 * NS_PER_S},
		{{.max_tcp_delay_us = 1000}, 0, 25 * NS_PER_S},
		{{.min_outstanding = 500}, 0, 15 * NS_PER_S},
		{{.is_rate_fixed = true}, 0, 5 * NS_PER_S},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_conf c = {.n_hosts = 1,
				     .n_ports = 2000,
				     .rtt_us = 100,
				     .rst_rate = 50,
				     .rst_burst = 20,
				     .max_retries = 10,
				     .bounds = rows[i].bounds,
				     .start_ns = NS_PER_S};
		struct net n;

		net_run(&n, &c);
		(void)net_check(&n);
		print_message("bounds %zu: %.2f s\n", i, (double)n.took_ns / 1e9);
		assert_in_range(n.took_ns, rows[i].least_ns, rows[i].most_ns);
		assert_int_equal(n.n_limits > 0, !rows[i].bounds.is_rate_fixed);
		net_fini(&n);
	}
}

static void hosts_at_a_time(void **state)
{
	for (uint32_t per_group = 1; per_group <= 4; per_group += 3) {
		struct net_conf c = {.n_hosts = 40,
				     .n_ports = 20,
				     .rtt_us = 2000,
				     .silent_ports_percent = 10,
				     .max_retries = 3,
				     .hosts_per_group = per_group,
				     .groups_max = 2,
				     .start_ns = NS_PER_S};
		struct times w;
		struct net n;

		watch(&n, &c, &w);
		assert_int_equal(net_check(&n), 0);
		assert_int_equal(w.most_hosts, 2 * per_group);
		net_fini(&n);
	}
}

/**
 * What nobody answers keeps its place until its time-outs are over: with room for a few groups only
 * the wait would be paid once for those few, and again. All of these are waited for at once.
 */
static void silence_is_waited_for_once(void **state)
{
	struct net_conf c = {.n_hosts = 60 * 64,
			     .n_ports = 2,
			     .silent_ports_percent = 100,
			     .max_retries = 10,
			     .hosts_per_group = 64,
			     .start_ns = NS_PER_S};
	struct net n;

	for (uint32_t few = 0; few < 2; few++) {
		c.groups_max = few ? 8 : 0;
		net_run(&n, &c);
		(void)net_check(&n);
		/* a second for each of two attempts, two more once, for all may be far, and the
		 * time of sending */
		assert_in_range(n.took_ns, few ? 18 * NS_PER_S : 4 * NS_PER_S,
				few ? 19 * NS_PER_S : 4100 * NS_PER_MS);
		assert_int_equal(n.n_sent, 2 * 60 * 64 * 2);
		net_fini(&n);
	}
}

/** As many groups as the memory of all workers holds: none grows by another. */
static void groups_by_memory(void **state)
{
	static const struct {
		uint32_t n_hosts, n_ports, n_shards, least, most;
	} rows[] = {
		{1u << 20, 1, 1, 64, 64}, {1u << 20, 1, 4, 16, 32}, {1u << 20, 8, 1, 9, 32},
		{1u << 20, 8, 8, 8, 8},   {20000, 1, 1, 3, 3},      {1, 1000, 1, 1, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_conf c = {.n_hosts = rows[i].n_hosts,
				     .n_ports = rows[i].n_ports,
				     .n_shards = rows[i].n_shards,
				     .silent_ports_percent = 100,
				     .start_ns = NS_PER_S};
		uint64_t per_probe = 1 + 2 * sizeof(uint32_t), per_host, bytes;
		struct net n;

		net_init(&n, &c);
		net_shard_open(&n, 0);
		per_host = sizeof(struct host_slot) + sizeof(uint32_t) + c.n_ports * per_probe;
		per_host += c.n_ports >= 8 ? sizeof(struct host_flow) : 0;
		bytes = n.t.groups_max * n.space.hosts_per_group * per_host;
		assert_in_range(n.t.groups_max, rows[i].least, rows[i].most);
		assert_true(n.t.groups_max == TRACK_GROUPS_MIN ||
			    bytes * c.n_shards <= TRACK_BYTES_MAX);
		track_fini(&n.t);
		net_fini(&n);
	}
}

/** A slow host is reported as timed out, with what it has answered; the others are complete. */
static void host_time_outs(void **state)
{
	struct net_conf c = {.n_hosts = 10,
			     .n_ports = 100,
			     .rtt_us = 1000,
			     .far_rtt_us = 400000,
			     .silent_ports_percent = 10,
			     .max_retries = 10,
			     .initial_rto_us = 3000000,
			     .bounds = {.host_timeout_ms = 350},
			     .start_ns = NS_PER_S};
	struct net n;

	net_init(&n, &c);
	net_shard_open(&n, 0);
	while (!track_is_done(&n.t))
		net_turn(&n);
	assert_int_equal(n.t.n_outstanding, 0);
	net_shard_close(&n);
	for (uint32_t h = 0; h < c.n_hosts; h++) {
		bool is_far = h % 5 == 4;
		assert_int_equal(n.hosts[h].n_scanned, 1);
		assert_int_equal(n.hosts[h].n_timed_out, is_far);
		assert_int_equal(n.hosts[h].n_partial, 0);
		for (uint16_t p = 1; p <= c.n_ports && !is_far; p++)
			assert_int_equal(net_cell(&n, h, p)->n_found,
					 net_kind(&n, h, p) != REPLY_NONE);
	}
	assert_true(n.took_ns < 600 * NS_PER_MS);
	assert_int_equal(n.stats.n_concluded, 1000);
	net_fini(&n);
}

static void shares(void **state)
{
	struct pace_bounds all = {.min_rate_pps = 10, .min_outstanding = 3, .max_outstanding = 7};
	uint32_t rate = 0, least = 0, most = 0;

	for (uint32_t i = 0; i < 3; i++) {
		struct pace_bounds b = pace_bounds_share(&all, i, 3);
		rate += b.min_rate_pps;
		least += b.min_outstanding;
		most += b.max_outstanding;
		assert_true(b.max_outstanding >= 2);
	}
	assert_int_equal(rate, 10);
	assert_int_equal(least, 3);
	assert_int_equal(most, 7);
	struct pace_bounds none = pace_bounds_share(&(struct pace_bounds){0}, 0, 4);
	assert_int_equal(none.max_outstanding + none.min_rate_pps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_templates), cmocka_unit_test(delay_by_host),
		cmocka_unit_test(outstanding),      cmocka_unit_test(lowest_rates),
		cmocka_unit_test(hosts_at_a_time),  cmocka_unit_test(silence_is_waited_for_once),
		cmocka_unit_test(groups_by_memory), cmocka_unit_test(host_time_outs),
		cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
