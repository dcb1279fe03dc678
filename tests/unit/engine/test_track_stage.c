/* SPDX-License-Identifier: GPL-3.0-or-later */
/* group.c: discovery before ports. One answer is enough, hosts that are down are left alone, links
 * cannot lie. */
#include "net.h"

enum { SEEDS = 20 };

static void up_hosts_only(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		for (uint32_t k = 0; k < 4; k++) {
			struct net_conf c = {.n_hosts = 200,
					     .n_ports = 11,
					     .rtt_us = 400,
					     .jitter_us = 500,
					     .max_retries = 10,
					     .n_pings = 3,
					     .ping_mask = 7,
					     .down_percent = 40,
					     .seed = seed,
					     .start_ns = k & 1 ? 4294967295000ull - 200000000
							       : NS_PER_S,
					     .n_shards = 1 + (k >> 1) * 2,
					     .min_groups = 3,
					     .most_ns = 8 * NS_PER_S};
			struct net n;

			net_run(&n, &c);
			assert_int_equal(net_check(&n), 0);
			for (uint32_t h = 0; h < c.n_hosts; h++) {
				bool is_up = net_is_up(&n, h);
				const struct net_host *s = &n.hosts[h];
				assert_int_equal(s->n_up, is_up);
				assert_int_equal(s->last_state, is_up ? HOST_UP : HOST_DOWN);
				assert_int_equal(s->n_ports_sent, is_up ? c.n_ports : 0);
				assert_in_range(s->n_pings, is_up ? 1 : 6, is_up ? 3 : 6);
			}
			assert_int_equal(n.stats.n_hosts_done, c.n_hosts);
			net_fini(&n);
		}
}

static void ping_scan(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 300,
				     .rtt_us = 400,
				     .max_retries = 10,
				     .n_pings = 3,
				     .ping_mask = 7,
				     .down_percent = 50,
				     .is_ping_only = true,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .n_shards = seed % 3 + 1,
				     .min_groups = seed % 3 + 1};
		struct net n;

		net_run(&n, &c);
		assert_int_equal(net_check(&n), 0);
		for (uint32_t h = 0; h < c.n_hosts; h++) {
			assert_int_equal(n.hosts[h].n_up, net_is_up(&n, h));
			assert_int_equal(n.hosts[h].last_state,
					 net_is_up(&n, h) ? HOST_UP : HOST_DOWN);
			assert_int_equal(n.hosts[h].n_ports_sent, 0);
		}
		assert_int_equal(n.stats.n_hosts_done, c.n_hosts);
		net_fini(&n);
	}
}

/** A host told to be up, and nothing to ask it: done when opened. */
static void nothing_to_ask(void **state)
{
	struct net_conf c = {.n_hosts = 20000, .is_ping_only = true, .seed = 1, .max_retries = 1};
	struct net n;

	net_run(&n, &c);
	assert_int_equal(net_check(&n), 0);
	assert_int_equal(n.n_sent, 0);
	assert_int_equal(n.stats.n_hosts_done, 20000);
	net_fini(&n);
}

/** The first answer ends discovery: no other ping of the host leaves afterwards. */
static void others_are_cancelled(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 50,
				     .n_ports = 2,
				     .max_retries = 10,
				     .n_pings = 3,
				     .ping_mask = 7,
				     .seed = seed,
				     .start_ns = NS_PER_S};
		struct net n;
		struct track_probe p;

		net_init(&n, &c);
		net_shard_open(&n, 0);
		for (uint32_t i = 0; i < 50; i++) {
			assert_int_equal(track_next(&n.t, n.now_ns, &p), 1);
			assert_int_equal(p.type->flag, 0);
			assert_int_equal(n.hosts[p.host->idx].n_pings++,
					 0); /* hosts already up are asked no more */
			struct probe_reply r = {.to = p.to,
						.from = p.to.addr,
						.kind = REPLY_RST,
						.reason = REASON_RESET};
			r.kind = p.type == &ping_echo ? REPLY_ECHO : REPLY_RST;
			n.now_ns += 1000;
			track_reply(&n.t, p.type, &r, n.now_ns);
		}
		/* all fifty are up: what comes next is a port */
		track_expire(&n.t, n.now_ns);
		assert_int_equal(track_next(&n.t, n.now_ns, &p), 1);
		assert_int_equal(p.type->flag, 'S');
		net_shard_close(&n);
		net_fini(&n);
	}
}

/** Only pings of the host's mask are sent, and only they are believed. */
static void mask(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 20,
				     .n_ports = 2,
				     .max_retries = 1,
				     .n_pings = 4,
				     .ping_mask = 5,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .down_percent = 100};
		struct net n;
		struct track_probe p;

		net_run(&n, &c);
		assert_int_equal(n.n_sent, 20 * 2 * 2);
		assert_int_equal(net_check(&n), 0);
		net_fini(&n);

		net_init(&n, &c);
		net_shard_open(&n, 0);
		assert_int_equal(track_next(&n.t, n.now_ns, &p), 1);
		/* an ARP reply can be forged by anyone on the link */
		struct probe_reply r = {.to = {.addr = p.to.addr},
					.from = p.to.addr,
					.kind = REPLY_ARP,
					.is_attempt_unknown = true,
					.has_mac = true,
					.mac = {{2, 6, 6, 6, 6, 6}}};
		track_reply(&n.t, &ping_arp, &r, n.now_ns + 1000);
		assert_int_equal(n.t.stats.n_unasked, 0); /* nor does it prove that one was */
		assert_int_equal(p.host->flags & (HOST_IS_UP | HOST_HAS_MAC), 0);
		assert_null(ring_peek(&n.events));
		net_shard_close(&n);
		net_fini(&n);
	}
}

/** The first link address stays: a second answer, true or forged, does not move the host. */
static void first_mac_stays(void **state)
{
	struct net_conf c = {
		.n_hosts = 1, .n_ports = 5, .max_retries = 1, .n_pings = 4, .ping_mask = 9};
	struct probe_reply r = {.to = {.addr = addr_v4(0x0a000000)},
				.kind = REPLY_ARP,
				.is_attempt_unknown = true,
				.has_mac = true,
				.mac = {{2, 1}}};
	struct net n;
	struct track_probe p = {0};

	net_init(&n, &c);
	net_shard_open(&n, 0);
	while (p.type != &ping_arp)
		assert_int_equal(track_next(&n.t, n.now_ns, &p), 1);
	r.from = r.to.addr;
	track_reply(&n.t, &ping_arp, &r, 1000);
	assert_true(p.host->flags & HOST_HAS_MAC);
	r.mac.b[1] = 66;
	track_reply(&n.t, &ping_arp, &r, 2000);
	assert_int_equal(p.host->mac.b[1], 1);
	assert_int_equal(n.t.stats.n_dup, 1);
	net_shard_close(&n);
	net_fini(&n);
}

/** ARP replies do not tell which request they answer: lost ones must not read as time-outs too
 * short. */
static void arp_under_loss(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = {.n_hosts = 256,
				     .n_ports = 1,
				     .rtt_us = 300,
				     .jitter_us = 100,
				     .max_retries = 10,
				     .n_pings = 4,
				     .ping_mask = 8,
				     .loss_percent = 30,
				     .seed = seed,
				     .start_ns = NS_PER_S,
				     .initial_rto_us = 300000};
		struct net n;

		net_init(&n, &c);
		net_shard_open(&n, 0);
		while (!track_is_done(&n.t)) {
			assert_true(n.now_ns < 20 * NS_PER_S);
			net_turn(&n);
		}
		assert_int_equal(n.t.stats.n_spurious, 0);
		assert_int_equal(n.t.min_rto_us, 25000);
		assert_in_range(n.t.rtt.srtt_us, 250, 2500);
		net_shard_close(&n);
		net_fini(&n);
	}
}

/** One answer after two requests: no round trip can be told from it (Karn). */
static void arp_after_retransmission(void **state)
{
	struct net_conf c = {
		.n_hosts = 1, .n_ports = 1, .max_retries = 1, .n_pings = 4, .ping_mask = 8};
	struct net n;
	struct track_probe p;

	net_init(&n, &c);
	net_shard_open(&n, 0);
	assert_int_equal(track_next(&n.t, 0, &p), 1);
	for (uint64_t now_ns = 0; track_next(&n.t, now_ns, &p) == 0; now_ns += NS_PER_MS) {
		assert_true(now_ns < 2 * NS_PER_S);
		track_expire(&n.t, now_ns);
		n.now_ns = now_ns;
	}
	assert_int_equal(p.attempt, 1);
	struct probe_reply r = {.to = p.to,
				.from = p.to.addr,
				.kind = REPLY_ARP,
				.is_attempt_unknown = true,
				.has_mac = true};
	track_reply(&n.t, &ping_arp, &r, n.now_ns + 2 * NS_PER_MS);
	assert_true(p.host->flags & HOST_IS_UP);
	assert_int_equal(n.t.rtt.srtt_us, 0);
	assert_int_equal(p.host->rtt.srtt_us, 0);
	assert_int_equal(n.t.stats.n_answered[1], 1);
	net_shard_close(&n);
	net_fini(&n);
}

/** An error from a router says down, an answer from another probe wins. */
static void unreachable_then_up(void **state)
{
	struct net_conf c = {
		.n_hosts = 1, .n_ports = 1, .max_retries = 1, .n_pings = 2, .ping_mask = 3};
	struct net n;
	struct track_probe p[2];

	for (int answers = 0; answers < 2; answers++) {
		net_init(&n, &c);
		net_shard_open(&n, 0);
		for (int i = 0; i < 2; i++)
			assert_int_equal(track_next(&n.t, n.now_ns, &p[i]), 1);
		struct probe_reply r = {.to = p[0].to,
					.from = addr_v4(0x01020304),
					.kind = REPLY_UNREACH,
					.reason = REASON_HOST_UNREACH};
		track_reply(&n.t, p[0].type, &r, 1000);
		assert_null(ring_peek(&n.events));
		r.to = p[1].to;
		if (answers) {
			r.kind = p[1].type == &ping_echo ? REPLY_ECHO : REPLY_RST;
			r.reason = REASON_ECHO_REPLY;
			r.from = r.to.addr;
		}
		track_reply(&n.t, p[1].type, &r, 2000);
		const struct event *ev = ring_peek(&n.events);
		assert_non_null(ev);
		assert_int_equal(ev->kind, answers ? EVENT_HOST_DISCOVERED : EVENT_HOST_SCANNED);
		if (!answers) {
			assert_int_equal(ev->done.state, HOST_DOWN);
			assert_int_equal(ev->done.reason, REASON_HOST_UNREACH);
		}
		net_shard_close(&n);
		net_fini(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_hosts_only),
		cmocka_unit_test(ping_scan),
		cmocka_unit_test(nothing_to_ask),
		cmocka_unit_test(others_are_cancelled),
		cmocka_unit_test(mask),
		cmocka_unit_test(first_mac_stays),
		cmocka_unit_test(arp_under_loss),
		cmocka_unit_test(arp_after_retransmission),
		cmocka_unit_test(unreachable_then_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
