/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result store: port cells against a plain model, release rules, memory in flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "event/cells.h"
#include "event/hosts.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

static const struct scan_desc syn = {"syn", "SYN Stealth Scan", PROTO_TCP, PORT_FILTERED};
static const struct scan_desc udp = {"udp", "UDP Scan", PROTO_UDP, PORT_OPEN_FILTERED};

/** Everything a test needs; the released hosts are written down. */
struct world {
	struct scan_info scan;
	struct port_set ports;
	struct bus bus;
	struct hosts *hosts;
	uint64_t released[4096];
	struct host_facts facts; /* of the last one */
	char name[64];
	uint32_t n_released, n_warnings;
	/* answer HOST_SCANNED with HOST_NAMED from inside the bus */
	bool names_at_once;
};

static void on_event(void *ctx, const struct event *ev)
{
	struct world *w = ctx;
	const struct host *host;

	if (ev->kind == EVENT_WARNING)
		w->n_warnings++;
	if (ev->kind == EVENT_HOST_SCANNED && w->names_at_once) {
		struct event named = {.kind = EVENT_HOST_NAMED, .host_idx = ev->host_idx};

		named.named.name = "at.once";
		bus_publish(&w->bus, &named);
	}
	if (ev->kind != EVENT_HOST_FINISHED)
		return;
	host = hosts_find(w->hosts, ev->host_idx);
	assert_non_null(host);
	host_facts(w->hosts, host, &w->facts);
	strncpy(w->name, w->facts.name ? w->facts.name : "", sizeof(w->name) - 1);
	w->released[w->n_released++ % ARRAY_LEN(w->released)] = ev->host_idx;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->scan.types[0] = &syn;
	w->scan.n_types = 1;
	w->scan.ports = &w->ports;
	return w;
}

static void add_ports(struct world *w, enum port_proto p, uint32_t first, uint32_t last)
{
	for (uint32_t port = first; port <= last; port++)
		port_bits_add(&w->ports.of[p], (uint16_t)port);
	port_bits_seal(&w->ports.of[p]);
}

static void world_start(struct world *w, uint32_t n_parts, uint32_t max_held)
{
	bus_init(&w->bus, &w->scan);
	w->hosts = hosts_new(&w->bus, n_parts, max_held);
	assert_non_null(w->hosts);
	assert_int_equal(bus_subscribe(&w->bus, UINT32_MAX, on_event, w), 0);
}

static void world_free(struct world *w)
{
	hosts_free(w->hosts);
	free(w);
}

static struct addr addr_of(uint64_t idx)
{
	return addr_v4(0x0a000000u + (uint32_t)idx);
}

static void discovered(struct world *w, uint64_t idx)
{
	struct event ev = {.kind = EVENT_HOST_DISCOVERED, .host_idx = idx, .time_ns = 5};

	ev.host = (struct ev_host){.addr = addr_of(idx),
				   .state = HOST_UP,
				   .reason = REASON_ECHO_REPLY,
				   .ttl = 63,
				   .rtt_us = 120};
	bus_publish(&w->bus, &ev);
}

static void port(struct world *w, uint64_t idx, struct ev_port p)
{
	struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = idx, .time_ns = 6, .port = p};

	ev.port.addr = addr_of(idx);
	bus_publish(&w->bus, &ev);
}

static void closed(struct world *w, uint64_t idx, uint16_t n)
{
	port(w, idx,
	     (struct ev_port){.port = n,
			      .proto = PROTO_TCP,
			      .state = PORT_CLOSED,
			      .reason = REASON_RESET,
			      .ttl = 64,
			      .rtt_us = 50});
}

static void open_port(struct world *w, uint64_t idx, uint16_t n)
{
	port(w, idx,
	     (struct ev_port){.port = n,
			      .proto = PROTO_TCP,
			      .state = PORT_OPEN,
			      .reason = REASON_SYN_ACK,
			      .ttl = 64,
			      .rtt_us = 77,
			      .attempt = 2});
}

static void scanned(struct world *w, uint64_t idx, uint8_t state)
{
	struct event ev = {.kind = EVENT_HOST_SCANNED, .host_idx = idx, .time_ns = 9};

	ev.done = (struct ev_host_done){.addr = addr_of(idx),
					.state = state,
					.reason = state == HOST_UP ? REASON_ECHO_REPLY
								   : REASON_NO_RESPONSE,
					.srtt_us = 100,
					.rttvar_us = 10,
					.rto_us = 1000};
	bus_publish(&w->bus, &ev);
}

static void named(struct world *w, uint64_t idx, const char *name)
{
	struct event ev = {.kind = EVENT_HOST_NAMED, .host_idx = idx};

	ev.named.name = name;
	bus_publish(&w->bus, &ev);
}

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

static void order_is_target_order(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->scan.wants_order = true;
	add_ports(w, PORT_TCP, 80, 80);
	world_start(w, 1, 10);
	scanned(w, 2, HOST_UP);
	scanned(w, 1, HOST_DOWN);
	assert_int_equal(w->n_released, 0);
	scanned(w, 0, HOST_UP);
	assert_int_equal(w->n_released, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(w->released[i], i);
	/* a late event of a host that has left opens no ghost */
	closed(w, 1, 80);
	assert_null(hosts_find(w->hosts, 1));
	assert_int_equal(w->n_warnings, 0);
	world_free(w);
}

static void order_is_given_up_at_the_ceiling(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->scan.wants_order = true;
	add_ports(w, PORT_TCP, 80, 80);
	world_start(w, 1, 4);
	for (uint64_t i = 5; i > 1; i--)
		scanned(w, i, HOST_UP);
	assert_int_equal(w->n_released, 0);
	scanned(w, 6, HOST_UP);
	assert_int_equal(w->n_released, 5);
	assert_int_equal(w->n_warnings, 1);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(w->released[i], i + 2);
	scanned(w, 0, HOST_UP);
	scanned(w, 9, HOST_UP);
	scanned(w, 1, HOST_UP);
	assert_int_equal(w->n_released, 8);
	assert_int_equal(w->released[6], 9);
	assert_int_equal(w->n_warnings, 1);
	world_free(w);
}

static void hosts_wait_for_their_names(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->scan.wants_names = true;
	add_ports(w, PORT_TCP, 80, 80);
	world_start(w, 1, 4);
	named(w, 77, "nobody.asked"); /* opens no host */
	assert_null(hosts_find(w->hosts, 77));
	scanned(w, 0, HOST_UP);
	assert_int_equal(w->n_released, 0);
	named(w, 0, "zero.example");
	assert_int_equal(w->n_released, 1);
	assert_string_equal(w->name, "zero.example");
	open_port(w, 1, 80);
	named(w, 1, NULL);
	assert_int_equal(w->n_released, 1);
	scanned(w, 1, HOST_UP);
	assert_int_equal(w->n_released, 2);
	assert_null(w->facts.name);
	scanned(w, 2, HOST_DOWN); /* has no name to wait for */
	assert_int_equal(w->n_released, 3);
	w->names_at_once = true; /* from inside the bus */
	scanned(w, 3, HOST_UP);
	assert_int_equal(w->n_released, 4);
	assert_string_equal(w->name, "at.once");
	for (uint64_t i = 0; i < 4; i++)
		assert_null(hosts_find(w->hosts, i));
	world_free(w);
}

static void service(struct world *w, uint64_t idx, uint16_t n, const char *product)
{
	struct service_facts facts = {.name = "ssh", .product = product, .conf = 10};
	struct event ev = {.kind = EVENT_SERVICE_DETECTED, .host_idx = idx};

	ev.service = (struct ev_service){addr_of(idx), n, PROTO_TCP, &facts};
	bus_publish(&w->bus, &ev);
}

static void detected(struct world *w, uint64_t idx)
{
	struct event ev = {.kind = EVENT_HOST_DETECTED, .host_idx = idx, .time_ns = 9};

	bus_publish(&w->bus, &ev);
}

static void hosts_wait_for_detection(void **state)
{
	struct world *w = world_new();
	char product[] = "OpenSSH";

	(void)state;
	w->scan.n_detectors = 2;
	add_ports(w, PORT_TCP, 22, 22);
	world_start(w, 1, 4);
	service(w, 7, 22, product); /* of a host nobody mentioned: opens none */
	detected(w, 7);
	assert_null(hosts_find(w->hosts, 7));
	open_port(w, 0, 22);
	scanned(w, 0, HOST_UP);
	service(w, 0, 22, "older");
	service(w, 0, 22, product);
	product[0] = 'X'; /* lent during the event alone */
	detected(w, 0);
	assert_int_equal(w->n_released, 0);
	const struct host *host = hosts_find(w->hosts, 0);
	assert_string_equal(host_service(host, PROTO_TCP, 22)->product, "OpenSSH");
	assert_null(host_service(host, PROTO_UDP, 22));
	assert_null(host_service(host, PROTO_TCP, 23));
	detected(w, 0);
	assert_int_equal(w->n_released, 1);
	scanned(w, 1, HOST_DOWN);
	assert_int_equal(w->n_released, 2);
	open_port(w, 2, 22);
	service(w, 2, 22, "left over");
	scanned(w, 2, HOST_UP);
	hosts_finish_all(w->hosts); /* ^C: what is known is shown, and all ports are */
	assert_int_equal(w->n_released, 3);
	assert_false(w->facts.is_partial);
	open_port(w, 3, 22); /* given to its memory: nothing of the last one */
	assert_null(host_service(hosts_find(w->hosts, 3), PROTO_TCP, 22));
	service(w, 3, 22, "freed with the store");
	world_free(w);
}

static void naming_inside_the_bus_keeps_order(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->scan.wants_names = w->scan.wants_order = w->names_at_once = true;
	add_ports(w, PORT_TCP, 80, 80);
	world_start(w, 1, 400);
	for (uint64_t i = 200; i-- > 0;)
		scanned(w, i, i % 3 ? HOST_UP : HOST_DOWN);
	assert_int_equal(w->n_released, 200);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(w->released[i], i);
	world_free(w);
}

static void target_names_are_kept(void **state)
{
	struct world *w = world_new();
	char text[] = "www.example.org";

	(void)state;
	add_ports(w, PORT_TCP, 80, 80);
	world_start(w, 1, 4);
	assert_int_equal(hosts_set_target_name(w->hosts, 7, text), 0);
	memset(text, 'x', sizeof(text) - 1);
	scanned(w, 7, HOST_UP);
	assert_string_equal(w->facts.target_name, "www.example.org");
	scanned(w, 8, HOST_UP);
	assert_null(w->facts.target_name);
	world_free(w);
}

static void stopping_early_leaves_unknown_ports(void **state)
{
	struct world *w = world_new();
	struct hosts_totals t;

	(void)state;
	w->scan.skips_discovery = true;
	w->scan.wants_order = true;
	add_ports(w, PORT_TCP, 1, 100);
	world_start(w, 2, 4);
	scanned(w, 5, HOST_UP);
	scanned(w, 5, HOST_UP); /* complete, held */
	open_port(w, 1, 80);
	closed(w, 1, 81);
	scanned(w, 1, HOST_UP); /* one part of two */
	scanned(w, 0, HOST_UNKNOWN);
	hosts_finish_all(w->hosts);
	assert_int_equal(w->n_released, 3);
	assert_int_equal(w->released[0], 0);
	assert_int_equal(w->released[1], 1);
	assert_int_equal(w->released[2], 5);
	assert_false(w->facts.is_partial);
	hosts_totals(w->hosts, &t);
	assert_int_equal(t.n_up, 3);
	assert_int_equal(t.n_ports[PORT_OPEN], 1);
	assert_int_equal(t.n_ports[PORT_CLOSED], 1);
	assert_int_equal(t.n_ports[PORT_FILTERED], 100);
	assert_int_equal(t.n_ports[PORT_UNKNOWN], 198);
	for (uint64_t i = 0; i < 8; i++)
		assert_null(hosts_find(w->hosts, i));
	world_free(w);
}

static void dishonest_part(struct world *w, uint64_t idx, struct ev_evidence e)
{
	struct event ev = {.kind = EVENT_HOST_SCANNED, .host_idx = idx, .time_ns = 9};

	ev.done = (struct ev_host_done){.addr = addr_of(idx),
					.state = HOST_UP,
					.reason = REASON_ECHO_REPLY,
					.is_given_up = true,
					.evidence = e};
	bus_publish(&w->bus, &ev);
}

static void evidence_of_parts_adds_up(void **state)
{
	struct world *w = world_new();
	struct hosts_totals t;

	(void)state;
	add_ports(w, PORT_TCP, 1, 100);
	world_start(w, 2, 4);
	open_port(w, 3, 80);
	dishonest_part(w, 3, (struct ev_evidence){HOST_ALL_OPEN, 7, 7, 0, 63, 20, 19, 0});
	dishonest_part(w, 3, (struct ev_evidence){HOST_SYN_PROXY, 8, 7, 57, 0, 40, 38, 2});
	assert_int_equal(w->n_released, 1);
	assert_int_equal(w->facts.evidence.mark, HOST_SYN_PROXY);
	assert_int_equal(w->facts.evidence.n_canaries, 15);
	assert_int_equal(w->facts.evidence.n_canaries_open, 14);
	assert_int_equal(w->facts.evidence.ttl_open, 57);
	assert_int_equal(w->facts.evidence.ttl_other, 63);
	assert_int_equal(w->facts.evidence.n_asked, 60);
	assert_int_equal(w->facts.evidence.n_open, 57);
	assert_int_equal(w->facts.evidence.n_zero, 2);
	/* what was not asked has no state */
	assert_true(w->facts.is_partial);
	scanned(w, 4, HOST_UP);
	scanned(w, 4, HOST_UP);
	assert_int_equal(w->facts.evidence.mark, HOST_HONEST);
	hosts_totals(w->hosts, &t);
	assert_int_equal(t.n_dishonest, 1);
	assert_int_equal(t.n_ports[PORT_OPEN], 1);
	assert_int_equal(t.n_ports[PORT_UNKNOWN], 99);
	assert_int_equal(t.n_ports[PORT_FILTERED], 100);
	world_free(w);
}

static void down_hosts_have_no_ports(void **state)
{
	struct world *w = world_new();
	struct hosts_totals t;

	(void)state;
	add_ports(w, PORT_TCP, 1, 1000);
	world_start(w, 1, 4);
	scanned(w, 0, HOST_DOWN);
	hosts_totals(w->hosts, &t);
	assert_int_equal(t.n_down, 1);
	for (uint32_t s = 0; s < PORT_STATE_N; s++)
		assert_int_equal(t.n_ports[s], 0);
	world_free(w);
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
		cmocka_unit_test(order_is_target_order),
		cmocka_unit_test(order_is_given_up_at_the_ceiling),
		cmocka_unit_test(hosts_wait_for_their_names),
		cmocka_unit_test(hosts_wait_for_detection),
		cmocka_unit_test(naming_inside_the_bus_keeps_order),
		cmocka_unit_test(target_names_are_kept),
		cmocka_unit_test(stopping_early_leaves_unknown_ports),
		cmocka_unit_test(evidence_of_parts_adds_up),
		cmocka_unit_test(down_hosts_have_no_ports),
		cmocka_unit_test(memory_follows_hosts_under_way),
		cmocka_unit_test(ceilings_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
