/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ports in the result store: cells against a plain model, states of what nobody mentioned, memory.
 */
#include "hosts_bed.h"

#include "base/hash.h"
#include "base/mem.h"
#include "event/cells.h"

#include <errno.h>
#include <malloc.h>

static const struct scan_desc udp = {"udp", "UDP Scan", PROTO_UDP, PORT_OPEN_FILTERED};

static void silent_ports_are_in_the_silent_state(void **state)
{
	struct world *w = world_new();
	struct host_group g[HOST_GROUPS_MAX];
	const struct host *h;
	struct host_port p;
	uint32_t pos = 0, n = 0, n_groups;

	(void)state;
	w->scan.types[1] = &udp;
	w->scan.n_types = 2;
	add_ports(w, PORT_TCP, 1, 1000);
	add_ports(w, PORT_UDP, 53, 62);
	add_ports(w, PORT_SCTP, 1, 5); /* no scan type asks for these */
	world_start(w, 2, 10);
	discovered(w, 0);
	open_port(w, 0, 80);
	for (uint16_t i = 1; i <= 40; i++)
		closed(w, 0, i);
	port(w, 0,
	     (struct ev_port){.port = 60,
			      .proto = PROTO_UDP,
			      .state = PORT_CLOSED,
			      .reason = REASON_PORT_UNREACH,
			      .ttl = 64});
	h = hosts_find(w->hosts, 0);
	assert_non_null(h);
	n_groups = host_groups(w->hosts, h, g, ARRAY_LEN(g));
	assert_int_equal(n_groups, 5);
	assert_int_equal(g[0].n, 959);
	assert_int_equal(g[0].state, PORT_FILTERED);
	assert_int_equal(g[0].reason, REASON_NO_RESPONSE);
	assert_int_equal(g[1].n, 40);
	assert_int_equal(g[1].state, PORT_CLOSED);
	assert_int_equal(g[2].n, 9);
	assert_int_equal(g[2].proto, PROTO_UDP);
	assert_int_equal(g[2].state, PORT_OPEN_FILTERED);
	while (host_next_port(w->hosts, h, &pos, &p)) {
		n++;
		if (p.proto == PROTO_TCP && p.port == 80) {
			assert_int_equal(p.state, PORT_OPEN);
			assert_int_equal(p.rtt_us, 77);
			assert_int_equal(p.attempt, 2);
			assert_int_equal(p.ttl, 64);
		}
	}
	assert_int_equal(n, 1010);
	assert_false(host_next_port(w->hosts, h, &pos, &p));
	scanned(w, 0, HOST_UP);
	assert_int_equal(w->n_released, 0);
	scanned(w, 0, HOST_UP);
	assert_int_equal(w->n_released, 1);
	assert_int_equal(w->facts.n_by_state[PORT_FILTERED], 959);
	assert_int_equal(w->facts.n_by_state[PORT_OPEN], 1);
	assert_int_equal(w->facts.n_by_state[PORT_CLOSED], 41);
	assert_int_equal(w->facts.n_by_state[PORT_OPEN_FILTERED], 9);
	assert_int_equal(w->facts.n_replied, 42);
	assert_int_equal(w->facts.srtt_us, 100);
	assert_int_equal(w->facts.rtt_us, 120);
	assert_int_equal(w->facts.ttl, 63);
	assert_int_equal(w->facts.start_ns, 5);
	assert_int_equal(w->facts.end_ns, 9);
	assert_null(hosts_find(w->hosts, 0));
	world_free(w);
}

/** A seeded storm of replies against an array that simply keeps everything. */
static void cells_agree_with_a_model(void **state)
{
	static struct ev_port model[65536];
	static bool has[65536];
	struct world *w = world_new();
	const struct host *h;
	struct host_port p;
	struct rng rng;
	uint32_t pos = 0, n = 0, counts[PORT_STATE_N] = {0};
	struct host_facts f;

	(void)state;
	rng_init(&rng, 42);
	add_ports(w, PORT_TCP, 0, 65535);
	world_start(w, 1, 10);
	discovered(w, 3);
	for (int i = 0; i < 60000; i++) {
		static const uint8_t states[] = {PORT_OPEN, PORT_CLOSED, PORT_FILTERED, PORT_CLOSED,
						 PORT_CLOSED};
		struct ev_port e = {.port = (uint16_t)rng_below(&rng, 65536),
				    .proto = PROTO_TCP,
				    .state = states[rng_below(&rng, 5)],
				    .reason = (uint8_t)(1 + rng_below(&rng, 20)),
				    .ttl = (uint8_t)rng_below(&rng, 200)};

		if (rng_below(&rng, 4) == 0)
			e.from = addr_v4(0xc0000200u + (uint32_t)rng_below(&rng, 200));
		port(w, 3, e);
		if (has[e.port] && model[e.port].state == PORT_OPEN && e.state != PORT_OPEN)
			continue;
		has[e.port] = true;
		model[e.port] = e;
	}
	h = hosts_find(w->hosts, 3);
	while (host_next_port(w->hosts, h, &pos, &p)) {
		const struct ev_port *m = &model[n];

		assert_int_equal(p.port, n);
		assert_int_equal(p.state, has[n] ? m->state : PORT_FILTERED);
		assert_int_equal(p.reason, has[n] ? m->reason : REASON_NO_RESPONSE);
		assert_int_equal(p.ttl, has[n] ? m->ttl : 0);
		assert_int_equal(p.from.family, has[n] ? m->from.family : ADDR_NONE);
		if (has[n] && m->from.family)
			assert_true(addr_equal(&p.from, &m->from));
		counts[p.state]++;
		n++;
	}
	assert_int_equal(n, 65536);
	host_facts(w->hosts, h, &f);
	for (uint32_t s = 0; s < PORT_STATE_N; s++)
		assert_int_equal(f.n_by_state[s], counts[s]);
	world_free(w);
}

static void ports_nobody_asked_are_refused(void **state)
{
	struct world *w = world_new();
	struct cell_plan plan;
	struct cells c = {0};
	struct ev_port e = {.port = 81, .proto = PROTO_TCP, .state = PORT_OPEN};

	(void)state;
	add_ports(w, PORT_TCP, 80, 80);
	add_ports(w, PORT_UDP, 80, 90);
	cell_plan_init(&plan, &w->scan);
	assert_int_equal(plan.n_cells, 1);
	assert_int_equal(cells_put(&plan, &c, &e), -E_RANGE);
	e.proto = PROTO_UDP; /* in the set, but no scan type of this protocol */
	assert_int_equal(cells_put(&plan, &c, &e), -E_RANGE);
	e.proto = PROTO_ICMP;
	assert_int_equal(cells_put(&plan, &c, &e), -E_RANGE);
	assert_int_equal(c.n_replied, 0);
	e = (struct ev_port){.port = 80, .proto = PROTO_TCP, .state = PORT_OPEN};
	assert_int_equal(cells_put(&plan, &c, &e), 0);
	assert_int_equal(c.n_replied, 1);
	cells_clear(&plan, &c);
	cell_plan_fini(&plan);
	free(w);
}

/** Heap in use, as malloc sees it; 0 under a sanitizer that brings its own malloc. */
static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void memory_follows_hosts_under_way(void **state)
{
	struct world *w = world_new();
	uint64_t n_allocs;

	(void)state;
	w->scan.wants_order = true;
	add_ports(w, PORT_TCP, 80, 80);
	world_start(w, 1, 100);
	closed(w, 0, 80); /* the shared table of frequent answers comes with the first */
	scanned(w, 0, HOST_UP);
	n_allocs = mem_n_allocs();
	for (uint64_t i = 1; i <= 131072; i++) {
		if (i & 1)
			open_port(w, i, 80);
		else
			closed(w, i, 80);
		scanned(w, i, HOST_UP);
	}
	assert_int_equal(mem_n_allocs() - n_allocs, 0);
	assert_int_equal(w->n_released, 131073);
	world_free(w);
}

static void ceilings_of_memory(void **state)
{
	static const struct {
		uint32_t n_hosts, n_ports;
		size_t max_bytes;
	} cases[] = {{10000, 1000, 20u << 20}, {1, 65536, 200u << 10}};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct world *w = world_new();
		size_t before, used;

		add_ports(w, PORT_TCP, 0, cases[k].n_ports - 1);
		before = heap_bytes();
		world_start(w, 1, 100);
		for (uint32_t p = 0; p < cases[k].n_ports; p++)
			for (uint64_t h = 0; h < cases[k].n_hosts; h++)
				if (p % 500 == 80)
					open_port(w, h, (uint16_t)p);
				else
					closed(w, h, (uint16_t)p);
		used = heap_bytes() - before;
		if (before + used) {
			assert_true(used > cases[k].n_ports);
			assert_true(used < cases[k].max_bytes);
		}
		print_message("%u hosts x %u ports: %zu bytes\n", cases[k].n_hosts,
			      cases[k].n_ports, used);
		hosts_finish_all(w->hosts);
		assert_int_equal(w->n_released, cases[k].n_hosts);
		assert_int_equal(hosts_error(w->hosts), 0);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_ports_are_in_the_silent_state),
		cmocka_unit_test(cells_agree_with_a_model),
		cmocka_unit_test(ports_nobody_asked_are_refused),
		cmocka_unit_test(memory_follows_hosts_under_way),
		cmocka_unit_test(ceilings_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
