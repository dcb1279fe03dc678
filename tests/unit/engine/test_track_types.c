/* SPDX-License-Identifier: GPL-3.0-or-later */
/* track.c with several scan types in one run: each reply finds the probe of its own protocol, UDP
 * ports are asked every request they have, and silence to another request is no loss. */
#include "base/ring.h"
#include "engine/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PROTOS = 3, TURN_NS = 1000000, TURNS_MAX = 60000 };

/** One host, up from the start, and what its probes met. */
struct rig {
	struct range_set set;
	struct port_set ports;
	struct space space;
	struct ring events;
	struct payloads *payloads;
	struct track t;
	uint64_t now_ns;
	uint32_t n_sent[PROTOS][UINT16_MAX + 1];
	uint8_t state[PROTOS][UINT16_MAX + 1];
	/** Makes the answer to a probe. @return false: silence. */
	bool (*answer)(const struct track_probe *p, struct probe_reply *ret);
};

static int classify(void *ctx, struct host_slot *h)
{
	h->flags |= HOST_IS_USER_SET;
	return 0;
}

static void drain(void *ctx)
{
	struct rig *g = ctx;
	const struct event *ev;

	for (; (ev = ring_peek(&g->events)); ring_pop(&g->events))
		if (ev->kind == EVENT_PORT_FOUND)
			g->state[port_proto_of(ev->port.proto)][ev->port.port] = ev->port.state;
}

static void add_ports(struct rig *g, enum port_proto proto, uint16_t first, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		port_bits_add(&g->ports.of[proto], (uint16_t)(first + i));
	port_bits_seal(&g->ports.of[proto]);
}

static void rig_open(struct rig *g, uint32_t shard, uint32_t n_shards)
{
	static const char text[] = "udp 9000 \"a\" udp 9000 \"b\" udp 9000 \"c\" udp 9000 \"d\"";
	struct addr target = addr_v4(0x0a000002);

	memset(g, 0, sizeof(*g));
	range_set_init(&g->set);
	assert_int_equal(range_set_add(&g->set, &target, &target), 0);
	assert_int_equal(range_set_seal(&g->set), 0);
	add_ports(g, PORT_TCP, 80, 4);
	add_ports(g, PORT_UDP, 80, 4);
	add_ports(g, PORT_UDP, 9000, 2);
	add_ports(g, PORT_SCTP, 80, 2);
	space_init(&g->space, &g->set, 12, 1, 1);
	assert_int_equal(payloads_open_bytes(text, sizeof(text) - 1, &g->payloads, NULL), 0);
	assert_int_equal(ring_init(&g->events, sizeof(struct event), 64), 0);
	struct track_conf tc = {.space = &g->space,
				.ports = &g->ports,
				.types = {&scan_syn, &scan_udp, &scan_sctp},
				.n_types = 3,
				.payloads = g->payloads,
				.shard = shard,
				.n_shards = n_shards,
				.is_sharded_by_port = n_shards > 1,
				.max_retries = 10,
				.initial_rto_us = 200000,
				.min_rto_us = 25000,
				.max_rto_us = 1000000,
				.events = &g->events,
				.events_full = drain,
				.classify = classify,
				.ctx = g};
	assert_int_equal(track_init(&g->t, &tc), 0);
	g->now_ns = NS_PER_S;
}

static void rig_close(struct rig *g)
{
	track_fini(&g->t);
	ring_fini(&g->events);
	payloads_close(g->payloads);
	range_set_fini(&g->set);
}

static void rig_run(struct rig *g)
{
	for (uint32_t turn = 0; !track_is_done(&g->t); turn++) {
		struct track_probe p;
		struct probe_reply r;

		assert_true(turn < TURNS_MAX);
		while (track_next(&g->t, g->now_ns, &p) > 0) {
			g->n_sent[port_proto_of(p.type->proto)][p.to.port]++;
			assert_int_equal(p.to.proto, p.type->proto);
			if (g->answer && g->answer(&p, &r))
				track_reply(&g->t, p.type, &r, g->now_ns + 300000);
		}
		g->now_ns += TURN_NS;
		track_expire(&g->t, g->now_ns);
		drain(g);
	}
}

static void every_request(void **state)
{
	static struct rig g;

	rig_open(&g, 0, 1);
	rig_run(&g);
	for (uint16_t p = 80; p < 84; p++) {
		assert_int_equal(g.n_sent[PORT_TCP][p], 2);
		assert_int_equal(g.n_sent[PORT_UDP][p], 2);
		assert_int_equal(g.n_sent[PORT_SCTP][p], p < 82 ? 2 : 0);
	}
	assert_int_equal(g.n_sent[PORT_UDP][9000], 4);
	assert_int_equal(g.n_sent[PORT_UDP][9001], 2);
	rig_close(&g);
	rig_open(&g, 0, 1);
	g.t.conf.max_retries = 2;
	rig_run(&g);
	assert_int_equal(g.n_sent[PORT_UDP][9000], 3);
	rig_close(&g);
}

/** Port 9000 understands its last request only; TCP answers at once, so the host is known. */
static bool last_request(const struct track_probe *p, struct probe_reply *ret)
{
	bool is_udp = p->type == &scan_udp;

	*ret = (struct probe_reply){.to = p->to,
				    .from = p->to.addr,
				    .kind = is_udp ? REPLY_DATAGRAM : REPLY_RST,
				    .attempt = p->attempt,
				    .n_other = is_udp ? 3 : 0};
	return p->type == &scan_syn || (p->to.port == 9000 && p->attempt == 3);
}

static void silence_to_another_request(void **state)
{
	static struct rig g;

	rig_open(&g, 0, 1);
	g.answer = last_request;
	rig_run(&g);
	assert_int_equal(g.n_sent[PORT_UDP][9000], 4);
	assert_int_equal(g.state[PORT_UDP][9000], PORT_OPEN);
	assert_int_equal(g.n_sent[PORT_UDP][9001], 2);
	assert_int_equal(g.n_sent[PORT_TCP][80], 1);
	assert_int_equal(g.t.stats.n_answered[0], 5);
	assert_int_equal(g.t.stats.n_unasked + g.t.stats.n_late + g.t.stats.n_dup, 0);
	rig_close(&g);
}

/** Every port of every protocol gets the state of its own answer. */
static bool by_protocol(const struct track_probe *p, struct probe_reply *ret)
{
	static const uint8_t kinds[PROTOS] = {REPLY_RST, REPLY_DATAGRAM, REPLY_INIT_ACK};

	*ret = (struct probe_reply){.to = p->to,
				    .from = p->to.addr,
				    .kind = kinds[port_proto_of(p->type->proto)],
				    .attempt = p->attempt};
	return true;
}

static void by_their_protocol(void **state)
{
	static struct rig g;

	for (uint32_t n_shards = 1; n_shards <= 3; n_shards++) {
		uint32_t n[PROTOS] = {0};

		for (uint32_t shard = 0; shard < n_shards; shard++) {
			rig_open(&g, shard, n_shards);
			g.answer = by_protocol;
			rig_run(&g);
			for (uint32_t proto = 0; proto < PROTOS; proto++)
				for (uint32_t port = 0; port <= UINT16_MAX; port++) {
					assert_true(g.n_sent[proto][port] <= 1);
					assert_int_equal(g.state[proto][port],
							 !g.n_sent[proto][port] ? 0
							 : proto == PORT_TCP    ? PORT_CLOSED
										: PORT_OPEN);
					n[proto] += g.n_sent[proto][port];
				}
			rig_close(&g);
		}
		assert_int_equal(n[PORT_TCP], 4);
		assert_int_equal(n[PORT_UDP], 6);
		assert_int_equal(n[PORT_SCTP], 2);
	}
}

/** An answer of one protocol for a port asked in another only: nobody asked. */
static bool wrong_protocol(const struct track_probe *p, struct probe_reply *ret)
{
	*ret = (struct probe_reply){
		.to = p->to, .from = p->to.addr, .kind = REPLY_DATAGRAM, .attempt = p->attempt};
	ret->to.port = 7000;
	return p->type == &scan_udp;
}

static void unasked(void **state)
{
	static struct rig g;

	rig_open(&g, 0, 1);
	g.answer = wrong_protocol;
	rig_run(&g);
	assert_int_equal(g.t.stats.n_answered[0], 0);
	assert_true(g.t.stats.n_late + g.t.stats.n_unasked > 0);
	assert_int_equal(g.state[PORT_UDP][7000], 0);
	rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request),
		cmocka_unit_test(silence_to_another_request),
		cmocka_unit_test(by_their_protocol),
		cmocka_unit_test(unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
