/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tx.c and rx.c over the memory back end: real frames out and in, forged and broken ones among
 * them. */
#include "engine/worker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "support/mempktio.h"
#include "wire/ip.h"
#include "wire/l4.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N_PORTS = 2000, BATCH = 64, SPORT = 40000, TURNS_MAX = 20000, TURN_NS = 200000 };

/** A worker without its engine, and the host it asks: multiples of 7 open, of 5 silent, others
 * closed. */
struct rig {
	struct worker w;
	struct engine_conf conf;
	struct range_set set;
	struct space space;
	struct port_set ports;
	struct worker_path path;
	struct lane *lane;
	struct mempktio mem;
	uint64_t now_ns;
	bool wants_noise;
	uint32_t n_asked[N_PORTS + 1], n_found[N_PORTS + 1], state[N_PORTS + 1], n_scanned,
		n_traced;
};

static void answer(struct mempktio *m, const struct pkt *p, const struct tcp_conf *c)
{
	uint8_t b[64];
	struct wcursor w = wcursor_of(b, sizeof(b));

	ipv4_encode(&w, &(struct ipv4_conf){.src = p->dst,
					    .dst = p->src,
					    .ttl = 60,
					    .proto = PROTO_TCP,
					    .payload_len = TCP_HDR_LEN});
	tcp_encode(&w, c, &p->dst, &p->src);
	assert_false(w.failed);
	mempktio_push(m, b, w.pos);
}

/** With the right cookie, and a checksum that does not fit. */
static void answer_damaged(struct mempktio *m, const struct pkt *p, const struct tcp_conf *c)
{
	struct tcp_conf open = *c;
	uint32_t slot = m->rx_head % MEMPKTIO_FRAMES;

	open.flags = TCP_SYN | TCP_ACK;
	answer(m, p, &open);
	m->rx[slot][m->rx_len[slot] - 6] ^= 1; /* of the window */
}

static void host(void *ctx, struct mempktio *m, const struct frame *sent)
{
	struct rig *g = ctx;
	struct pkt p;

	assert_int_equal(decode(sent, &p), 0);
	assert_int_equal(p.tcp_flags, TCP_SYN);
	assert_int_equal(p.sport, SPORT);
	assert_in_range(p.dport, 1, N_PORTS);
	g->n_asked[p.dport]++;
	struct tcp_conf c = {
		.sport = p.dport, .dport = SPORT, .ack = p.seq + 1, .flags = TCP_RST | TCP_ACK};
	if (p.dport % 7 == 0)
		c.flags = TCP_SYN | TCP_ACK;
	if (g->wants_noise) {
		struct tcp_conf forged = c;
		forged.ack += 0x10000;
		forged.flags = TCP_SYN | TCP_ACK;
		answer(m, &p, &forged);
		mempktio_push(m, "\x45\0\0", 3);
		answer_damaged(m, &p, &c);
	}
	if (p.dport % 5)
		answer(m, &p, &c);
}

static void drain(void *ctx)
{
	struct rig *g = ctx;
	const struct event *ev;

	for (; (ev = ring_peek(&g->w.events)); ring_pop(&g->w.events)) {
		if (ev->kind == EVENT_PORT_FOUND) {
			g->n_found[ev->port.port]++;
			g->state[ev->port.port] = ev->port.state;
		}
		g->n_scanned += ev->kind == EVENT_HOST_SCANNED;
		g->n_traced += ev->kind == EVENT_PACKET;
	}
}

static int classify(void *ctx, struct host_slot *h)
{
	h->flags |= HOST_IS_USER_SET;
	return 0;
}

static void rig_open(struct rig *g)
{
	struct addr target = addr_v4(0x0a000002), me = addr_v4(0x0a000001);

	range_set_init(&g->set);
	assert_int_equal(range_set_add(&g->set, &target, &target), 0);
	assert_int_equal(range_set_seal(&g->set), 0);
	for (uint16_t p = 1; p <= N_PORTS; p++)
		port_bits_add(&g->ports.of[PORT_TCP], p);
	port_bits_seal(&g->ports.of[PORT_TCP]);
	space_init(&g->space, &g->set, N_PORTS, 1, 1);
	g->conf.batch = BATCH;
	g->now_ns = NS_PER_S;
	struct worker *w = &g->w;
	w->conf = &g->conf;
	w->rows[w->n_rows++] = &scan_syn;
	w->sport = SPORT;
	cookie_key_init(&w->key, 1, 2);
	assert_int_equal(ring_init(&w->events, sizeof(struct event), 64), 0);
	struct track_conf tc = {.space = &g->space,
				.ports = &g->ports,
				.types = {&scan_syn},
				.n_types = 1,
				.n_shards = 1,
				.max_retries = 10,
				.initial_rto_us = 200000,
				.min_rto_us = 25000,
				.max_rto_us = 1000000,
				.events = &w->events,
				.events_full = drain,
				.classify = classify,
				.ctx = g};
	assert_int_equal(track_init(&w->track, &tc), 0);
	struct probe_path pp = {.src = me, .link = LINK_NONE, .ttl = 64, .sport = SPORT};
	g->path.route.src = me;
	assert_int_equal(scan_syn.prepare(&scan_syn, &pp, &g->path.l3[0]), 0);
	w->paths[w->n_paths++] = &g->path;
	mempktio_init(&g->mem, host, g);
	g->lane = mem_alloc(1, sizeof(*g->lane) + PKTIO_BATCH_MAX * sizeof(g->lane->f[0]));
	assert_non_null(g->lane);
	g->lane->io = &g->mem.io;
	w->l3 = g->lane;
	w->rx = &g->mem.io;
	w->rx_frames = mem_alloc(WORKER_RX_BATCH, sizeof(*w->rx_frames));
	assert_non_null(w->rx_frames);
	pace_init(&w->pace, g->conf.max_rate_pps, g->now_ns);
}

static void rig_run(struct rig *g)
{
	for (uint32_t i = 0; !track_is_done(&g->w.track); i++) {
		assert_true(i < TURNS_MAX);
		clock_fake_set(g->now_ns);
		int n = tx_batch(&g->w, g->now_ns);
		assert_in_range(n, 0, BATCH);
		assert_true(rx_drain(&g->w, 0) >= 0);
		track_expire(&g->w.track, g->now_ns);
		drain(g);
		g->now_ns += TURN_NS;
	}
	clock_fake_set(0);
}

static void rig_check(const struct rig *g)
{
	uint64_t n_asked = 0;

	for (uint32_t p = 1; p <= N_PORTS; p++) {
		bool is_silent = p % 5 == 0;
		assert_int_equal(g->n_asked[p], is_silent ? 2 : 1);
		assert_int_equal(g->n_found[p], !is_silent);
		assert_int_equal(g->state[p], is_silent ? 0 : p % 7 ? PORT_CLOSED : PORT_OPEN);
		n_asked += g->n_asked[p];
	}
	assert_int_equal(g->n_scanned, 1);
	assert_int_equal(g->w.stats.n_sent, n_asked);
	assert_int_equal(g->mem.stats.n_tx_frames, n_asked);
	assert_int_equal(g->w.stats.n_received, N_PORTS * 4 / 5);
	assert_int_equal(g->mem.stats.n_rx_dropped, 0);
}

static void rig_close(struct rig *g)
{
	track_fini(&g->w.track);
	ring_fini(&g->w.events);
	range_set_fini(&g->set);
	mem_free(g->w.rx_frames);
	mem_free(g->lane);
}

static void one_host(void **state)
{
	static struct rig g;

	rig_open(&g);
	rig_run(&g);
	rig_check(&g);
	assert_in_range(g.mem.stats.n_tx_calls, 1, 3 * N_PORTS / BATCH);
	assert_int_equal(g.w.stats.n_forged + g.w.stats.n_malformed, 0);
	rig_close(&g);
}

static void noise(void **state)
{
	static struct rig g;

	g.wants_noise = true;
	rig_open(&g);
	rig_run(&g);
	rig_check(&g);
	assert_int_equal(g.w.stats.n_forged, g.w.stats.n_sent);
	assert_int_equal(g.w.stats.n_malformed, 2 * g.w.stats.n_sent);
	rig_close(&g);
}

/** Each packet is traced once; what cannot be decoded is not. */
static void trace(void **state)
{
	static struct rig g;

	g.conf.wants_trace = true;
	rig_open(&g);
	rig_run(&g);
	rig_check(&g);
	assert_int_equal(g.n_traced, g.w.stats.n_sent + g.w.stats.n_received);
	rig_close(&g);
}

/** --max-rate holds over retransmissions too: 2,400 packets at 5,000 a second take 480 ms. */
static void capped(void **state)
{
	static struct rig g;

	g.conf.max_rate_pps = 5000;
	rig_open(&g);
	rig_run(&g);
	rig_check(&g);
	assert_true(g.now_ns - NS_PER_S >= 470 * NS_PER_MS);
	rig_close(&g);
}

/** Nothing is allocated per packet once the group is open. */
static void allocates_nothing(void **state)
{
	static struct rig g;

	rig_open(&g);
	clock_fake_set(g.now_ns);
	assert_true(tx_batch(&g.w, g.now_ns) > 0);
	uint64_t n_allocs = mem_n_allocs();
	rig_run(&g);
	assert_int_equal(mem_n_allocs(), n_allocs);
	rig_check(&g);
	rig_close(&g);
}

static void broken_device(void **state)
{
	static struct rig g;

	g.wants_noise = false;
	rig_open(&g);
	g.mem.kick_error = -ENETDOWN;
	assert_int_equal(tx_batch(&g.w, g.now_ns), -ENETDOWN);
	assert_int_equal(g.mem.n_reserved, 0);
	rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host),
		cmocka_unit_test(noise),
		cmocka_unit_test(trace),
		cmocka_unit_test(capped),
		cmocka_unit_test(allocates_nothing),
		cmocka_unit_test(broken_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
