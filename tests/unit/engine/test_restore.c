/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * restore.c and the scheduler: a scan on the network in memory is killed after any number of turns,
 * its events fed to a new scheduler, and so on; at the end nothing is lost, nothing found twice,
 * and hardly anything asked again.
 */
#include "engine/restore.h"

#include "base/mem.h"
#include "net.h"

enum { EVENTS_MAX = 300000 };

/** All that was ever journaled. */
struct tape {
	struct event *ev;
	uint32_t n;
};

static void record(void *ctx, const struct event *ev)
{
	struct tape *t = ctx;

	assert_true(t->n < EVENTS_MAX);
	if (ev->kind != EVENT_HOST_SCANNED || !ev->done.is_partial)
		t->ev[t->n++] = *ev;
}

static void feed(struct restore *r, const struct net *n, const struct tape *tape)
{
	for (uint32_t i = 0; i < tape->n; i++) {
		uint64_t ordinal;
		assert_true(space_ordinal(&n->space, tape->ev[i].host_idx, &ordinal));
		assert_int_equal(restore_event(r, &n->t, &tape->ev[i], ordinal), 0);
	}
}

/** One life: @p turns at most. @return is the scan done? */
static bool live(struct net *n, struct tape *tape, uint32_t turns)
{
	struct restore *r = mem_alloc(1, sizeof(*r));
	bool is_done;

	assert_non_null(r);
	n->c.restored = NULL;
	net_shard_open(n, 0);
	feed(r, n, tape);
	track_fini(&n->t);
	n->c.restored = r;
	net_shard_open(n, 0);
	for (uint32_t i = 0; i < turns && !track_is_done(&n->t); i++)
		net_turn(n);
	is_done = track_is_done(&n->t);
	n->n_flying = 0;
	while (ring_peek(&n->events)) /* what had not left the ring is lost */
		ring_pop(&n->events);
	track_fini(&n->t);
	restore_fini(r);
	mem_free(r);
	return is_done;
}

/** @return endpoints asked again although their answer had been journaled, which must be none; and
 * counts all that were asked again. */
static uint64_t run_killed(const struct net_conf *c, uint32_t turns, uint64_t *ret_again)
{
	struct tape tape = {.ev = calloc(EVENTS_MAX, sizeof(*tape.ev))};
	struct net n;
	uint64_t n_lives = 0;
	uint32_t grown = turns;

	assert_non_null(tape.ev);
	net_init(&n, c);
	n.c.on_event = record;
	n.c.ctx = &tape;
	*ret_again = 0;
	while (!live(&n, &tape, grown)) {
		n_lives++;
		grown += 1 + turns / 2; /* every life gets further */
		for (uint32_t i = 0; i < c->n_hosts * c->n_ports; i++) {
			*ret_again += n.cells[i].n_sent && !n.cells[i].n_found;
			n.cells[i].n_sent = 0;
		}
	}
	assert_int_equal(net_check(&n), 0);
	for (uint32_t i = 0; i < c->n_hosts; i++)
		assert_int_equal(n.hosts[i].n_scanned, 1);
	net_fini(&n);
	free(tape.ev);
	return n_lives;
}

static void killed_anywhere(void **state)
{
	for (uint32_t k = 0; k < 24; k++) {
		struct net_conf c = {.n_hosts = 33 + k % 30,
				     .n_ports = k % 3 ? 37 : 4000,
				     .rtt_us = 300,
				     .jitter_us = 200,
				     .silent_ports_percent = k % 4 == 3 ? 20 : 0,
				     .hosts_per_group = k % 4 == 3 ? 1 + k % 3 : 0,
				     .max_retries = 3,
				     .initial_rto_us = 50000,
				     .seed = k,
				     .start_ns = NS_PER_S};
		uint64_t n_again;
		uint64_t n_lives = run_killed(&c, 5 + 7 * k % 200, &n_again);

		assert_true(n_lives > 0);
		/* without silent ports only what is under way at a death is asked again */
		if (!c.silent_ports_percent)
			assert_true(n_again <= n_lives * 2048);
	}
}

static void killed_in_discovery(void **state)
{
	for (uint32_t k = 0; k < 16; k++) {
		struct net_conf c = {.n_hosts = 300,
				     .n_ports = 11,
				     .rtt_us = 300,
				     .down_percent = 50,
				     .n_pings = 4,
				     .ping_mask = 7,
				     .is_ping_only = k & 1,
				     .max_retries = 2,
				     .initial_rto_us = 30000,
				     .seed = k,
				     .start_ns = NS_PER_S};
		uint64_t n_again;

		run_killed(&c, 1 + k, &n_again);
	}
}

/** What cannot be of this scan is refused and leaves nothing behind. */
static void foreign_events(void **state)
{
	struct net_conf c = {.n_hosts = 61, .n_ports = 12000, .seed = 1};
	struct restore *r = mem_alloc(1, sizeof(*r));
	struct event ev = {.kind = EVENT_CHECKPOINT}, port = {.kind = EVENT_PORT_FOUND};
	struct net n;

	assert_non_null(r);
	net_init(&n, &c);
	net_shard_open(&n, 0);
	assert_int_equal(restore_event(r, &n.t, &port, 0), -E_SYNTAX);
	ev.checkpoint.group = 1;
	assert_int_equal(restore_event(r, &n.t, &ev, 0), -E_SYNTAX);
	ev.checkpoint.group = 10ull * n.space.n_groups;
	assert_int_equal(restore_event(r, &n.t, &ev, 0), -E_SYNTAX);
	ev.checkpoint.group = 2ull * n.space.hosts_per_group;
	assert_int_equal(restore_event(r, &n.t, &ev, 0), 0);
	assert_int_equal(r->n_gaps, 2);
	assert_int_equal(restore_event(r, &n.t, &ev, 0), -E_SYNTAX);
	ev.checkpoint.group = 0;
	assert_int_equal(restore_event(r, &n.t, &ev, 0), 0);
	assert_int_equal(r->n_gaps, 1);
	ev.checkpoint = (struct ev_checkpoint){.what = CHECKPOINT_SILENT, .n_probes = 1};
	ev.checkpoint.probe[0] = n.space.hosts_per_group * 12000;
	assert_int_equal(restore_event(r, &n.t, &ev, 0), -E_SYNTAX);
	ev.checkpoint.probe[0]--;
	assert_int_equal(restore_event(r, &n.t, &ev, 0), 0);
	assert_true(restore_is_concluded(&r->groups[1], ev.checkpoint.probe[0]));
	port.port = (struct ev_port){.port = 12001, .proto = PROTO_TCP};
	assert_int_equal(restore_event(r, &n.t, &port, 0), -E_SYNTAX);
	port.port.port = 1;
	port.port.proto = PROTO_UDP;
	assert_int_equal(restore_event(r, &n.t, &port, 0), -E_SYNTAX);
	track_fini(&n.t);
	restore_fini(r);
	mem_free(r);
	net_fini(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(killed_in_discovery),
		cmocka_unit_test(foreign_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
