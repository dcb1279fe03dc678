/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers that divide ports and give each other what they have not asked: whatever their pace, each
 * port is asked and told once, each worker reports each host once, and nobody waits for ever.
 */
#include "base/mem.h"
#include "engine/lend.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_HOSTS_MAX = 8, N_WORKERS_MAX = 4, TURNS_MAX = 2000000 };

struct part {
	struct lend_net *net;
	struct track track;
	struct ring events;
	uint32_t batch; /* probes a turn: its pace */
	uint64_t n_asked, now_ns;
	uint32_t n_scanned[N_HOSTS_MAX];
	uint64_t n_found;
};

struct lend_net {
	struct range_set set;
	struct port_set ports;
	struct space space;
	struct lend lend;
	uint32_t n_hosts, n_ports, n_workers;
	uint32_t open_host; /* on which every port is open; N_HOSTS_MAX: none */
	uint32_t down_part; /* this worker has no way to host 0 */
	_Atomic uint8_t *asked;
	struct part parts[N_WORKERS_MAX];
};

static int classify(void *ctx, struct host_slot *h)
{
	const struct part *p = ctx;

	if (h->idx == 0 && p == &p->net->parts[p->net->down_part])
		return -E_EMPTY;
	h->flags |= HOST_IS_USER_SET;
	return 0;
}

static void drain(void *ctx)
{
	struct part *p = ctx;
	const struct event *ev;

	while ((ev = ring_peek(&p->events))) {
		if (ev->kind == EVENT_HOST_SCANNED)
			p->n_scanned[ev->host_idx]++;
		p->n_found += ev->kind == EVENT_PORT_FOUND;
		ring_pop(&p->events);
	}
}

static void net_open(struct lend_net *n, uint32_t n_hosts, uint32_t n_ports, uint32_t n_workers)
{
	struct addr lo = addr_v4(0x0a000000), hi = addr_v4(0x0a000000 + n_hosts - 1);

	memset(n, 0, sizeof(*n));
	n->n_hosts = n_hosts;
	n->n_ports = n_ports;
	n->n_workers = n_workers;
	n->open_host = N_HOSTS_MAX;
	n->down_part = N_WORKERS_MAX;
	n->asked = calloc((size_t)n_hosts * n_ports, sizeof(*n->asked));
	range_set_init(&n->set);
	assert_int_equal(range_set_add(&n->set, &lo, &hi), 0);
	assert_int_equal(range_set_seal(&n->set), 0);
	for (uint32_t p = 1; p <= n_ports; p++)
		port_bits_add(&n->ports.of[PORT_TCP], (uint16_t)p);
	port_bits_seal(&n->ports.of[PORT_TCP]);
	space_init(&n->space, &n->set, n_ports, 1, 5);
	lend_init(&n->lend, n_workers);
}

static void part_open(struct lend_net *n, uint32_t i, uint32_t batch)
{
	struct part *p = &n->parts[i];
	struct track_conf c = {.space = &n->space,
			       .ports = &n->ports,
			       .types = {&scan_syn},
			       .n_types = 1,
			       .shard = i,
			       .n_shards = n->n_workers,
			       .is_sharded_by_port = true,
			       .lend = &n->lend,
			       .initial_rto_us = 1000000,
			       .min_rto_us = 1000000,
			       .max_rto_us = 1000000,
			       .seed = 5,
			       .events = &p->events,
			       .events_full = drain,
			       .classify = classify,
			       .ctx = p};

	p->net = n;
	p->batch = batch;
	p->now_ns = NS_PER_S;
	assert_int_equal(ring_init(&p->events, sizeof(struct event), 64), 0);
	assert_int_equal(track_init(&p->track, &c), 0);
}

/** One turn: everything asked is answered at once. */
static void part_turn(struct part *p)
{
	struct lend_net *n = p->net;
	struct track_probe ask;

	for (uint32_t i = 0; i < p->batch && track_next(&p->track, p->now_ns, &ask) > 0; i++) {
		bool is_open = ask.host->idx == n->open_host;
		struct probe_reply r = {.to = ask.to,
					.from = ask.to.addr,
					.kind = is_open ? REPLY_SYN_ACK : REPLY_RST};
		if (ask.q < TRACK_CANARY_Q)
			n->asked[ask.host->idx * n->n_ports + ask.to.port - 1]++;
		p->n_asked++;
		track_answer(&p->track, ask.group, ask.q, ask.type, &r, p->now_ns);
	}
	track_expire(&p->track, p->now_ns += NS_PER_MS);
	drain(p);
}

static bool net_is_done(const struct lend_net *n)
{
	for (uint32_t i = 0; i < n->n_workers; i++)
		if (!track_is_done(&n->parts[i].track))
			return false;
	return true;
}

/** In turns, each worker at its pace, to the end. */
static void net_run(struct lend_net *n, const uint32_t *batches)
{
	for (uint32_t i = 0; i < n->n_workers; i++)
		part_open(n, i, batches[i]);
	for (uint32_t turn = 0; !net_is_done(n); turn++) {
		assert_in_range(turn, 0, TURNS_MAX);
		part_turn(&n->parts[turn % n->n_workers]);
	}
}

static uint64_t sum(const struct lend_net *n, uint64_t (*of)(const struct part *p))
{
	uint64_t s = 0;

	for (uint32_t i = 0; i < n->n_workers; i++)
		s += of(&n->parts[i]);
	return s;
}

static uint64_t unknown_of(const struct part *p)
{
	return p->track.stats.n_unknown_ports;
}

static uint64_t concluded_of(const struct part *p)
{
	return p->track.stats.n_concluded;
}

static uint64_t total_of(const struct part *p)
{
	return track_n_total(&p->track);
}

static uint64_t found_of(const struct part *p)
{
	return p->n_found;
}

static void assert_each_once(const struct lend_net *n)
{
	for (uint32_t i = 0; i < n->n_hosts * n->n_ports; i++)
		assert_int_equal(n->asked[i], 1);
	assert_int_equal(sum(n, found_of), n->n_hosts * n->n_ports);
	assert_int_equal(sum(n, unknown_of), 0);
	for (uint32_t i = 0; i < n->n_workers; i++)
		for (uint32_t h = 0; h < n->n_hosts; h++)
			assert_int_equal(n->parts[i].n_scanned[h], 1);
}

static void net_close(struct lend_net *n)
{
	for (uint32_t i = 0; i < n->n_workers; i++) {
		track_fini(&n->parts[i].track);
		ring_fini(&n->parts[i].events);
	}
	range_set_fini(&n->set);
	free((void *)n->asked);
}

static void whatever_their_pace(void **state)
{
	static const uint32_t paces[][N_WORKERS_MAX] = {
		{32, 32, 32, 32}, {32, 1, 8, 4}, {1, 32, 1, 1}, {250, 3, 250, 1}};
	struct lend_net n;

	for (uint32_t hosts = 1; hosts <= N_HOSTS_MAX; hosts += 3)
		for (uint32_t workers = 2; workers <= N_WORKERS_MAX; workers++)
			for (size_t i = 0; i < ARRAY_LEN(paces); i++) {
				net_open(&n, hosts, 4001, workers);
				net_run(&n, paces[i]);
				assert_each_once(&n);
				assert_int_equal(sum(&n, concluded_of), hosts * 4001u);
				assert_int_equal(sum(&n, total_of), hosts * 4001u);
				net_close(&n);
			}
}

/** Many groups of one host: a slow worker's last ones go to the quick one as well. */
static void quick_worker_asks_more(void **state)
{
	static const uint32_t paces[] = {64, 16};
	struct lend_net n;

	net_open(&n, 4, 65535, 2);
	net_run(&n, paces);
	assert_each_once(&n);
	/* four to one by pace; what a turn or two hold is left */
	assert_in_range(n.parts[0].n_asked, 4 * 65535 / 2 + 60000, 4 * 65535);
	net_close(&n);
}

/** A host that one worker dropped: what it does not ask is asked by the other or counted unknown.
 */
static void dropped_host_is_accounted_for(void **state)
{
	static const uint32_t paces[] = {64, 4};
	struct lend_net n;
	uint64_t n_asked = 0;

	for (uint32_t dishonest = 0; dishonest < 2; dishonest++) {
		net_open(&n, 2, 5000, 2);
		n.open_host = dishonest ? 1 : N_HOSTS_MAX;
		n.down_part = dishonest ? N_WORKERS_MAX : 0;
		net_run(&n, paces);
		n_asked = 0;
		for (uint32_t i = 0; i < 2 * 5000; i++) {
			assert_in_range(n.asked[i], 0, 1);
			n_asked += n.asked[i];
		}
		/* a host that is down has no unknown ports: it was not up */
		assert_int_equal(n_asked + sum(&n, unknown_of) + (dishonest ? 0 : 2500), 10000);
		assert_int_equal(sum(&n, concluded_of), 10000);
		net_close(&n);
	}
}

/** A worker that ends early keeps nobody waiting. */
static void ended_worker_is_not_waited_for(void **state)
{
	struct lend_net n;

	net_open(&n, 1, 4000, 2);
	part_open(&n, 0, 64);
	part_open(&n, 1, 64);
	part_turn(&n.parts[1]);
	lend_leave(&n.parts[1].track);
	track_abandon(&n.parts[1].track);
	for (uint32_t turn = 0; !track_is_done(&n.parts[0].track); turn++) {
		assert_in_range(turn, 0, TURNS_MAX);
		part_turn(&n.parts[0]);
	}
	drain(&n.parts[1]);
	assert_int_equal(n.parts[0].n_scanned[0] + n.parts[1].n_scanned[0], 2);
	assert_int_equal(sum(&n, found_of) + sum(&n, unknown_of), 4000);
	net_close(&n);
}

static void *run_part(void *arg)
{
	struct part *p = arg;

	while (!track_is_done(&p->track))
		part_turn(p);
	lend_leave(&p->track);
	return NULL;
}

static void on_threads(void **state)
{
	static const uint32_t paces[] = {250, 7, 60};
	struct lend_net n;
	pthread_t threads[3];

	for (uint32_t round = 0; round < 10; round++) {
		net_open(&n, 2, 20000, 3);
		for (uint32_t i = 0; i < 3; i++)
			part_open(&n, i, paces[(i + round) % 3]);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, run_part, &n.parts[i]),
					 0);
		for (uint32_t i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		assert_each_once(&n);
		net_close(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_their_pace),
		cmocka_unit_test(quick_worker_asks_more),
		cmocka_unit_test(dropped_host_is_accounted_for),
		cmocka_unit_test(ended_worker_is_not_waited_for),
		cmocka_unit_test(on_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
