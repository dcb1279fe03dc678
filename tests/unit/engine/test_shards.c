/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dry run: what shards and their threads would ask, together, is what was asked for, each endpoint
 * once. Every probe is answered at once; no network, no clock.
 */
#include "base/mem.h"
#include "engine/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_PORTS = 17 };

static int classify(void *ctx, struct host_slot *h)
{
	h->flags |= HOST_IS_USER_SET;
	return 0;
}

static void events_full(void *ctx)
{
	struct ring *r = ctx;

	while (ring_peek(r))
		ring_pop(r);
}

/** One worker of one shard; counts every endpoint in @p asked. */
static uint64_t dry_run(const struct space *space, const struct port_set *ports,
			const struct track_conf *part, uint8_t *asked)
{
	struct ring events;
	struct track_conf c = *part;
	struct track t;
	struct track_probe p;
	uint64_t n = 0, now_ns = NS_PER_S;

	assert_int_equal(ring_init(&events, sizeof(struct event), 64), 0);
	c.space = space;
	c.ports = ports;
	c.types[c.n_types++] = &scan_syn;
	c.events = &events;
	c.events_full = events_full;
	c.classify = classify;
	c.ctx = &events;
	c.initial_rto_us = c.min_rto_us = c.max_rto_us = 1000000;
	assert_int_equal(track_init(&t, &c), 0);
	while (!track_is_done(&t)) {
		while (track_next(&t, now_ns, &p) > 0) {
			struct probe_reply r = {.to = p.to, .from = p.to.addr, .kind = REPLY_RST};
			asked[p.host->idx * N_PORTS + p.to.port - 1]++;
			track_answer(&t, p.group, p.q, p.type, &r, now_ns);
			n++;
		}
		track_expire(&t, now_ns += NS_PER_MS);
	}
	track_fini(&t);
	ring_fini(&events);
	return n;
}

static void union_is_whole(uint32_t n_hosts, uint32_t n_shards, uint32_t n_workers)
{
	struct addr lo = addr_v4(0x0a000000), hi = addr_v4(0x0a000000 + n_hosts - 1);
	struct port_set ports = {0};
	struct range_set set;
	uint8_t *asked = calloc((size_t)n_hosts * N_PORTS, 1);
	_Atomic uint64_t next_group = 0;
	uint64_t n = 0;

	range_set_init(&set);
	assert_int_equal(range_set_add(&set, &lo, &hi), 0);
	assert_int_equal(range_set_seal(&set), 0);
	for (uint16_t p = 1; p <= N_PORTS; p++)
		port_bits_add(&ports.of[PORT_TCP], p);
	port_bits_seal(&ports.of[PORT_TCP]);
	for (uint32_t k = 0; k < n_shards * n_workers; k++) {
		struct space_conf sc = {.width = N_PORTS,
					.min_groups = n_workers,
					.seed = k / n_workers,
					.shard = {k / n_workers, n_shards}};
		struct space space;
		space_init_shard(&space, &set, &sc);
		bool by_port = space.n_hosts < 32ull * n_workers;
		if (k % n_workers == 0)
			next_group = 0;
		struct track_conf part = {.shard = k % n_workers,
					  .n_shards = n_workers,
					  .is_sharded_by_port = by_port,
					  .next_shared = by_port ? NULL : &next_group,
					  .seed = sc.seed};
		n += dry_run(&space, &ports, &part, asked);
	}
	assert_int_equal(n, n_hosts * N_PORTS);
	for (uint32_t i = 0; i < n_hosts * N_PORTS; i++)
		assert_int_equal(asked[i], 1);
	free(asked);
	range_set_fini(&set);
}

static void every_division(void **state)
{
	static const uint32_t hosts[] = {1, 5, 97, 1000, 20000};

	for (size_t h = 0; h < ARRAY_LEN(hosts); h++)
		for (uint32_t n_shards = 1; n_shards < 8; n_shards++)
			for (uint32_t n_workers = 1; n_workers < 5; n_workers++)
				union_is_whole(hosts[h], n_shards, n_workers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_division)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
