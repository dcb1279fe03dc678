/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scheduler among hosts that answer "open" whatever is asked: canaries, verdicts, giving up. */
#include "net.h"

enum { N_HOSTS = 200, N_PORTS = 300 };

static struct net_conf base(uint64_t seed)
{
	return (struct net_conf){.n_hosts = N_HOSTS,
				 .n_ports = N_PORTS,
				 .rtt_us = 200,
				 .jitter_us = 50,
				 .max_retries = 10,
				 .all_open_percent = 30,
				 .seed = seed,
				 .start_ns = NS_PER_S};
}

/** Of each host: found at most once a port, with its state; honest hosts have all. */
static uint32_t check(const struct net *n, bool is_given_up)
{
	uint32_t n_dishonest = 0;

	for (uint64_t h = 0; h < N_HOSTS; h++) {
		const struct net_host *host = &n->hosts[h];
		bool is_all_open = net_is_all_open(n, h);
		uint32_t n_found = 0;

		for (uint32_t p = 1; p <= N_PORTS; p++) {
			const struct net_cell *c = net_cell(n, h, (uint16_t)p);
			assert_in_range(c->n_found, 0, 1);
			if (c->n_found)
				assert_int_equal(c->state,
						 scan_syn.state_of[net_kind(n, h, (uint16_t)p)]);
			n_found += c->n_found;
		}
		assert_int_equal(host->n_scanned, 1);
		assert_int_equal(host->n_partial, 0);
		assert_int_equal(host->n_given_up, is_all_open && is_given_up);
		assert_int_equal(host->evidence.mark, is_all_open ? HOST_ALL_OPEN : HOST_HONEST);
		if (!is_all_open || !is_given_up) {
			assert_int_equal(n_found, N_PORTS);
			assert_int_equal(host->n_ports_sent >= N_PORTS, 1);
		} else {
			assert_in_range(n_found, 16, N_PORTS / 2);
			assert_in_range(host->n_ports_sent, 16, N_PORTS / 2);
			assert_int_equal(host->evidence.n_open, n_found);
		}
		if (is_all_open)
			assert_in_range(host->n_canaries, 7, 8);
		n_dishonest += is_all_open;
	}
	return n_dishonest;
}

static void given_up_early(void **state)
{
	for (uint64_t seed = 0; seed < 5; seed++) {
		struct net_conf c = base(seed);
		struct net n;

		net_run(&n, &c);
		assert_in_range(check(&n, true), 30, 90);
		/* progress reaches its end although ports were dropped */
		assert_int_equal(n.stats.n_concluded, N_HOSTS * N_PORTS);
		assert_int_equal(n.stats.n_hosts_done, N_HOSTS);
		net_fini(&n);
	}
}

static void scanned_on(void **state)
{
	struct net_conf c = base(7);
	struct net n;

	c.never_abandons = true;
	net_run(&n, &c);
	assert_in_range(check(&n, false), 30, 90);
	assert_int_equal(n.stats.n_concluded, N_HOSTS * N_PORTS);
	net_fini(&n);
}

/** Loss on both ways, some probes deferred, more suspects than sets: all are found out. */
static void with_losses(void **state)
{
	for (uint64_t seed = 0; seed < 5; seed++) {
		struct net_conf c = base(seed);
		struct net n;

		c.all_open_percent = 60;
		c.loss_percent = 5;
		c.defer_percent = 5;
		net_run(&n, &c);
		for (uint64_t h = 0; h < N_HOSTS; h++) {
			bool is_all_open = net_is_all_open(&n, h);
			assert_int_equal(n.hosts[h].n_scanned, 1);
			assert_int_equal(n.hosts[h].evidence.mark,
					 is_all_open ? HOST_ALL_OPEN : HOST_HONEST);
		}
		assert_int_equal(n.stats.n_concluded, N_HOSTS * N_PORTS);
		net_fini(&n);
	}
}

/** Exactly the open ports of honest hosts were asked: canaries find that out, and every port has
 * its result. */
static void all_asked_ports_open(void **state)
{
	struct net_conf c = base(9);
	struct net n;
	uint32_t n_asked_canaries = 0;

	c.all_open_percent = 0;
	c.open_percent = 100;
	c.n_hosts = N_HOSTS;
	net_run(&n, &c);
	assert_int_equal(check(&n, true), 0);
	for (uint64_t h = 0; h < N_HOSTS; h++) {
		assert_in_range(n.hosts[h].n_canaries, 0, 8);
		n_asked_canaries += n.hosts[h].n_canaries != 0;
	}
	assert_in_range(n_asked_canaries, TRACK_CANARY_SETS, N_HOSTS);
	net_fini(&n);
}

/** Ordinary hosts get no canaries at all. */
static void ordinary(void **state)
{
	struct net_conf c = base(11);
	struct net n;

	c.all_open_percent = 0;
	c.loss_percent = 2;
	net_run(&n, &c);
	for (uint64_t h = 0; h < N_HOSTS; h++)
		assert_int_equal(n.hosts[h].n_canaries, 0);
	assert_int_equal(net_check(&n), 0);
	net_fini(&n);
}

/** Few ports asked: whatever they answer, nothing is sent beside them. */
static void few_ports(void **state)
{
	struct net_conf c = base(12);
	struct net n;

	c.n_ports = 31;
	c.all_open_percent = 100;
	net_run(&n, &c);
	for (uint64_t h = 0; h < N_HOSTS; h++) {
		assert_int_equal(n.hosts[h].n_canaries, 0);
		assert_int_equal(n.hosts[h].evidence.mark, HOST_HONEST);
	}
	assert_int_equal(net_check(&n), 0);
	net_fini(&n);
}

/** Parts of a host's ports on several workers: each comes to the verdict by itself. */
static void by_shards(void **state)
{
	struct net_conf c = base(13);
	struct net n;

	c.n_hosts = 4;
	c.rtt_us = 5;
	c.jitter_us = 1;
	c.n_shards = 3;
	c.is_sharded_by_port = true;
	c.all_open_percent = 100;
	net_run(&n, &c);
	for (uint64_t h = 0; h < c.n_hosts; h++) {
		assert_int_equal(n.hosts[h].n_scanned, 3);
		assert_int_equal(n.hosts[h].n_given_up, 3);
		assert_int_equal(n.hosts[h].evidence.mark, HOST_ALL_OPEN);
	}
	assert_int_equal(n.stats.n_concluded, c.n_hosts * N_PORTS);
	net_fini(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_up_early), cmocka_unit_test(scanned_on),
		cmocka_unit_test(with_losses),    cmocka_unit_test(all_asked_ports_open),
		cmocka_unit_test(ordinary),       cmocka_unit_test(few_ports),
		cmocka_unit_test(by_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
