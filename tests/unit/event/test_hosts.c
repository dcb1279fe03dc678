/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result store: who leaves when, in which order, and with what. */
#include "hosts_bed.h"

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

static void banner(struct world *w, uint64_t idx, uint16_t n, const char *said)
{
	struct service_facts facts = {.banner = (const uint8_t *)said,
				      .banner_len = (uint32_t)strlen(said)};
	struct event ev = {.kind = EVENT_BANNER_GRABBED, .host_idx = idx};

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
	banner(w, 0, 22, "older");
	banner(w, 0, 22, product);
	product[0] = 'X'; /* lent during the event alone */
	detected(w, 0);
	assert_int_equal(w->n_released, 0);
	const struct host *host = hosts_find(w->hosts, 0);
	assert_string_equal(host_service(host, PROTO_TCP, 22)->product, "OpenSSH");
	struct bytes said = host_banner(host, PROTO_TCP, 22);
	assert_int_equal(said.len, 7);
	assert_memory_equal(said.p, "OpenSSH", 7);
	assert_int_equal(host_banner(host, PROTO_TCP, 23).len, 0);
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

static void detection_may_be_timed_out(void **state)
{
	struct world *w = world_new();
	struct event ev = {.kind = EVENT_HOST_DETECTED, .detected = {.is_timed_out = true}};

	(void)state;
	w->scan.n_detectors = 2;
	add_ports(w, PORT_TCP, 22, 22);
	world_start(w, 1, 4);
	open_port(w, 0, 22);
	scanned(w, 0, HOST_UP);
	assert_false(hosts_has_detection_timed_out(w->hosts));
	bus_publish(&w->bus, &ev);
	assert_int_equal(w->n_released, 0);
	detected(w, 0); /* another detector was done in time */
	assert_int_equal(w->n_released, 1);
	assert_true(w->facts.is_timed_out);
	assert_false(w->facts.is_partial); /* its ports are known */
	assert_true(hosts_has_detection_timed_out(w->hosts));
	open_port(w, 1, 22);
	scanned(w, 1, HOST_UP);
	detected(w, 1);
	detected(w, 1);
	assert_int_equal(w->n_released, 2);
	assert_false(w->facts.is_timed_out);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_target_order),
		cmocka_unit_test(order_is_given_up_at_the_ceiling),
		cmocka_unit_test(hosts_wait_for_their_names),
		cmocka_unit_test(hosts_wait_for_detection),
		cmocka_unit_test(detection_may_be_timed_out),
		cmocka_unit_test(naming_inside_the_bus_keeps_order),
		cmocka_unit_test(target_names_are_kept),
		cmocka_unit_test(stopping_early_leaves_unknown_ports),
		cmocka_unit_test(evidence_of_parts_adds_up),
		cmocka_unit_test(down_hosts_have_no_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
