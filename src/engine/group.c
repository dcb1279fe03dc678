/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups of hosts and their two stages: discovery, then ports of the hosts that are up. Part of the
 * scheduler (track.c). A stage ends when every host in it is complete; the group's arrays are then
 * reused for its next stage or the next group.
 */
#include "base/mem.h"
#include "engine/lend.h"
#include "engine/restore.h"
#include "engine/sweep.h"
#include "engine/track_int.h"

#include <errno.h>
#include <string.h>

struct event *track_event(struct track *t, enum event_kind kind)
{
	struct event *ev;

	while (!(ev = ring_reserve(t->conf.events)))
		t->conf.events_full(t->conf.ctx);
	ev->seq = 0;
	ev->time_ns = 0;
	ev->host_idx = 0; /* rings hold what was there before */
	ev->kind = kind;
	ev->part = t->conf.shard;
	return ev;
}

void track_event_commit(struct track *t)
{
	ring_commit(t->conf.events);
}

/* --- stages ---------------------------------------------------------------- */

void group_free(struct track_group *g)
{
	mem_free(g->hosts);
	mem_free(g->up);
	mem_free(g->state);
	mem_free(g->sent_us);
	mem_free(g->link);
	mem_free(g->flows);
	*g = (struct track_group){.stage = GROUP_FREE};
}

/** @param n_flows of all hosts together; 0: they have too few probes for a rate of their own. */
static int group_reserve(struct track_group *g, uint32_t n_hosts, uint32_t n_probes,
			 uint32_t n_flows)
{
	if (n_hosts <= g->cap_hosts && n_probes <= g->cap_probes && n_flows <= g->cap_flows)
		return 0;
	group_free(g);
	g->flows = n_flows ? mem_alloc(n_flows, sizeof(*g->flows)) : NULL;
	g->hosts = mem_alloc(n_hosts, sizeof(*g->hosts));
	g->up = mem_alloc(n_hosts, sizeof(*g->up));
	g->state = mem_alloc(MAX(n_probes, 1u), 1);
	g->sent_us = mem_alloc(MAX(n_probes, 1u), sizeof(*g->sent_us));
	g->link = mem_alloc(MAX(n_probes, 1u), sizeof(*g->link));
	if (!g->hosts || !g->up || !g->state || !g->sent_us || !g->link || (n_flows && !g->flows)) {
		group_free(g);
		return -ENOMEM;
	}
	g->cap_hosts = n_hosts;
	g->cap_probes = n_probes;
	g->cap_flows = n_flows;
	return 0;
}

/** Start a stage over the hosts listed in g->up. */
static void stage_start(struct track *t, struct track_group *g, enum group_stage stage,
			uint32_t width, uint64_t now_ns)
{
	g->stage = (uint8_t)stage;
	g->is_lending = g->is_sweeping = false;
	g->sweep = NULL;
	g->width = width;
	bool is_lent = stage == GROUP_PORTS && t->conf.lend;
	g->walk_first = is_lent ? t->own_first : 0;
	g->walk_width = is_lent ? t->own_width : width;
	g->n_probes = (uint64_t)g->n_ranks * g->walk_width;
	g->n_picked = g->n_ahead = 0;
	g->n_open = g->n_ranks;
	g->ready_head = g->ready_tail = NO_PROBE;
	g->n_wheel = 0;
	hold_drop_group(t, g);
	if (g->flows)
		memset(g->flows, 0, g->n_ranks * t->n_flows * sizeof(*g->flows));
	hold_join(t, g);
	g->wheel_tick = (uint32_t)(now_ns / (TRACK_TICK_US * NS_PER_US));
	memset(g->wheel, 0xff, sizeof(g->wheel));
	memset(g->state, 0, (size_t)g->n_ranks * width);
	if (g->n_probes)
		permute_init(&g->order, g->n_probes,
			     t->conf.seed ^ (g->first * 8 + stage) * 0x9e3779b97f4a7c15ull);
	for (uint32_t r = 0; r < g->n_ranks; r++) {
		struct host_slot *h = &g->hosts[g->up[r]];
		h->rank = r;
		h->n_pending = width;
	}
}

/** TTL of an answer that only the host itself gives. */
static uint8_t own_ttl(const struct host_slot *h)
{
	bool is_own = h->reason == REASON_ECHO_REPLY || h->reason == REASON_TIMESTAMP_REPLY ||
		      h->reason == REASON_RESET;

	return is_own ? h->ttl : 0;
}

static void emit_scanned(struct track *t, struct host_slot *h, bool is_up, bool is_partial)
{
	if (t->conf.on_discovered) {
		t->conf.on_discovered(t->conf.ctx, h);
		h->flags |= HOST_IS_DONE;
		stat_add(&t->stats.n_concluded, 1);
		return;
	}
	struct event *ev = track_event(t, EVENT_HOST_SCANNED);
	ev->host_idx = h->idx;
	ev->done = (struct ev_host_done){
		.addr = h->addr,
		.state = is_up ? HOST_UP : HOST_DOWN,
		.reason = h->reason,
		.is_partial = is_partial || h->is_cut_off,
		.is_given_up = h->flags & HOST_IS_GIVEN_UP,
		.is_timed_out = h->flags & HOST_IS_TIMED_OUT,
		.evidence = dishonest_evidence(&h->honest, own_ttl(h)),
		.srtt_us = h->rtt.min_us,
		.rttvar_us = h->rtt.rttvar_us,
		.rto_us = h->rtt.srtt_us ? track_rto_us(t, h, 0) : 0,
	};
	track_event_commit(t);
	h->flags |= HOST_IS_DONE;
	if (is_partial)
		return;
	stat_add(&t->stats.n_hosts_done, 1);
	if (!is_up || !t->width)
		stat_add(&t->stats.n_concluded, t->conf.n_types ? t->own_width : 1);
}

static void emit_up(struct track *t, struct host_slot *h, const struct addr *from)
{
	struct event *ev = track_event(t, EVENT_HOST_DISCOVERED);

	ev->host_idx = h->idx;
	ev->host = (struct ev_host){
		.addr = h->addr,
		.state = HOST_UP,
		.reason = h->reason,
		.ttl = h->ttl,
		.has_mac = h->flags & HOST_HAS_MAC,
		.mac = h->mac,
		.rtt_us = h->rtt.min_us,
	};
	if (from && !addr_equal(from, &h->addr))
		ev->host.from = *from;
	track_event_commit(t);
}

void host_ping_answered(struct track *t, struct track_group *g, struct host_slot *h, uint8_t state,
			const struct probe_reply *r, uint32_t attempt)
{
	if (state != HOST_UP) {
		h->reason = r->reason;
		return;
	}
	if (h->flags & HOST_IS_UP)
		return;
	h->flags |= HOST_IS_UP;
	tally_host(t, g, h, attempt, true);
	h->reason = r->reason;
	h->ttl = r->ttl;
	emit_up(t, h, &r->from);
	uint32_t running = 0, q0 = h->rank * g->width;
	for (uint32_t q = q0; q < q0 + g->width; q++) {
		if ((g->state[q] & PROBE_STATE) == PROBE_DONE)
			continue;
		if ((g->state[q] & PROBE_STATE) == PROBE_NEW)
			g->state[q] |= PROBE_MARK;
		probe_conclude(t, g, q);
		running++;
	}
	h->n_pending -= MIN(running, h->n_pending);
	if (h->n_pending == 0)
		group_host_complete(t, g, h);
}

void host_convicted(struct track *t, struct track_group *g, struct host_slot *h)
{
	uint32_t n = 0, q0 = h->rank * g->width;

	if (t->conf.never_abandons)
		return;
	for (uint32_t q = q0; q < q0 + g->width; q++) {
		uint8_t state = g->state[q] & (PROBE_STATE | PROBE_MARK);
		if ((state & PROBE_STATE) == PROBE_DONE || state == PROBE_FLIGHT)
			continue;
		probe_conclude(t, g, q);
		g->state[q] |= PROBE_MARK; /* not asked to the end: no silence */
		n++;
	}
	h->n_pending -= n;
	h->flags |= n ? HOST_IS_GIVEN_UP : 0;
	stat_add(&t->stats.n_concluded, n);
}

void group_host_complete(struct track *t, struct track_group *g, struct host_slot *h)
{
	bool is_up = h->flags & HOST_IS_UP;

	g->n_open--;
	if (g->stage == GROUP_PORTS) {
		hold_leave(t, g, h);
		tally_ports(t, g, h);
	} else if (!is_up) {
		tally_host(t, g, h, 0, false);
	}
	if (g->stage == GROUP_PORTS || !is_up || !t->width)
		emit_scanned(t, h, is_up, false);
}

/** Take over what is known of a host from before: one that was up is not looked for again. */
static void host_restore(struct host_slot *h, const struct restored_host *was)
{
	if (!(was->flags & HOST_IS_UP))
		return;
	h->flags |= was->flags | HOST_IS_SEEDED;
	h->reason = was->reason;
	h->ttl = was->ttl;
	h->mac = was->mac;
	if (was->rtt_us)
		rtt_sample(&h->rtt, was->rtt_us);
	h->pings = 0;
}

/** Classify one host and say what the discovery stage owes it. */
static void host_open(struct track *t, struct track_group *g, uint32_t slot)
{
	struct host_slot *h = &g->hosts[slot];
	const struct restored_host *was = g->restored ? &g->restored->hosts[slot] : NULL;

	memset(h, 0, sizeof(*h));
	space_host(t->conf.space, g->first + slot, &h->addr, &h->idx);
	h->rank = NO_PROBE;
	h->reason = REASON_NO_RESPONSE;
	if (was && was->flags & HOST_IS_DONE) {
		h->flags = HOST_IS_DONE;
		return;
	}
	int err = t->conf.classify(t->conf.ctx, h);
	if (err < 0) {
		bool is_ours = err == -ENOMEM || err == -E_FULL;
		t->stats.n_left_out += is_ours;
		t->stats.n_no_route += !is_ours && h->reason == REASON_NO_ROUTE;
		emit_scanned(t, h, false, false);
		return;
	}
	if (was)
		host_restore(h, was);
	if (h->pings)
		return;
	h->flags |= HOST_IS_UP;
	if (!(h->flags & (HOST_IS_USER_SET | HOST_IS_SEEDED)))
		emit_up(t, h, NULL);
	if (!t->width)
		emit_scanned(t, h, true, false);
}

/** Discovery: conclude at once what a host's mask does not ask for. */
static void discovery_start(struct track *t, struct track_group *g, uint64_t now_ns)
{
	g->n_ranks = 0;
	for (uint32_t s = 0; s < g->n_hosts; s++)
		if (g->hosts[s].pings && !(g->hosts[s].flags & HOST_IS_DONE))
			g->up[g->n_ranks++] = s;
	stage_start(t, g, GROUP_DISCOVERY, t->conf.n_pings, now_ns);
	for (uint32_t r = 0; r < g->n_ranks; r++) {
		struct host_slot *h = &g->hosts[g->up[r]];
		for (uint32_t i = 0; i < g->width; i++) {
			if (h->pings >> i & 1)
				continue;
			g->state[r * g->width + i] = PROBE_DONE | PROBE_MARK;
			h->n_pending--;
		}
	}
}

/** Conclude the probes that an earlier part of the scan has concluded. */
static void ports_restore(struct track *t, struct track_group *g)
{
	for (uint32_t r = 0; r < g->n_ranks; r++) {
		struct host_slot *h = &g->hosts[g->up[r]];
		for (uint32_t p = 0; p < g->width; p++) {
			if (!restore_is_concluded(g->restored, (uint64_t)g->up[r] * g->width + p))
				continue;
			g->state[r * g->width + p] = PROBE_RESTORED;
			h->n_pending--;
			stat_add(&t->stats.n_concluded, 1);
		}
		if (!h->n_pending)
			group_host_complete(t, g, h);
	}
	g->restored = NULL;
}

static void ports_start(struct track *t, struct track_group *g, uint64_t now_ns)
{
	g->n_ranks = 0;
	for (uint32_t s = 0; s < g->n_hosts; s++) {
		struct host_slot *h = &g->hosts[s];
		h->rank = NO_PROBE;
		if ((h->flags & (HOST_IS_UP | HOST_IS_DONE)) == HOST_IS_UP)
			g->up[g->n_ranks++] = s;
	}
	stage_start(t, g, GROUP_PORTS, t->width, now_ns);
	if (t->conf.lend)
		lend_stage(t, g);
	if (g->restored && t->width)
		ports_restore(t, g);
	g->is_sweeping = sweep_begin(t->sweep, t, g);
	t->n_sweeping += g->is_sweeping;
}

/** A group that was open when the scan broke off, or was passed over then. @return false: none
 * left.
 */
static bool next_restored(struct track *t, uint64_t *ret_nth, const struct restore_group **ret_was)
{
	struct restore *r = t->conf.restored;

	if (!r || atomic_load_explicit(&r->n_taken, memory_order_relaxed) >= restore_n_open(r))
		return false;
	uint32_t i = atomic_fetch_add_explicit(&r->n_taken, 1, memory_order_relaxed);
	if (i >= restore_n_open(r))
		return false;
	*ret_was = i < r->n_groups ? &r->groups[i] : NULL;
	*ret_nth = i < r->n_groups ? r->groups[i].nth : r->gaps[i - r->n_groups];
	return true;
}

static uint64_t next_group(struct track *t)
{
	if (!t->conf.next_shared)
		return t->next_own++;
	return atomic_fetch_add_explicit(t->conf.next_shared, 1, memory_order_relaxed);
}

static void emit_opened(struct track *t, const struct track_group *g)
{
	struct event *ev = track_event(t, EVENT_CHECKPOINT);

	ev->checkpoint = (struct ev_checkpoint){.what = CHECKPOINT_GROUP, .group = g->first};
	track_event_commit(t);
}

/** Make the group's hosts and say whether any must be looked for. */
static bool hosts_open(struct track *t, struct track_group *g)
{
	bool needs_discovery = false;

	for (uint32_t s = 0; s < g->n_hosts; s++) {
		host_open(t, g, s);
		needs_discovery |= g->hosts[s].pings && !(g->hosts[s].flags & HOST_IS_DONE);
	}
	return needs_discovery;
}

int group_open(struct track *t, uint64_t now_ns, struct track_group **ret)
{
	const struct track_conf *c = &t->conf;
	const struct restore_group *was = NULL;
	uint32_t i = 0;
	uint64_t ordinal;
	bool is_restored = next_restored(t, &ordinal, &was);

	if (!is_restored)
		ordinal = next_group(t);
	*ret = NULL;
	if (ordinal >= c->space->n_groups) {
		t->is_exhausted = true;
		return 0;
	}
	while (t->groups[i].stage != GROUP_FREE)
		i++;
	struct track_group *g = &t->groups[i];
	uint64_t first = ordinal * c->space->hosts_per_group;
	uint32_t n = (uint32_t)MIN((uint64_t)c->space->hosts_per_group, c->space->n_hosts - first);
	int err = group_reserve(g, n, n * plan_probes_per_host(t), n * plan_flows_per_host(t));
	if (err)
		return err;
	t->is_exhausted = !is_restored && ordinal + 1 >= c->space->n_groups;
	g->first = first;
	g->n_hosts = n;
	g->restored = was;
	if (c->wants_checkpoints && !was)
		emit_opened(t, g);
	if (hosts_open(t, g))
		discovery_start(t, g, now_ns);
	else
		ports_start(t, g, now_ns);
	t->live[t->n_live++] = (uint8_t)i;
	*ret = g;
	return 0;
}

void groups_advance(struct track *t, uint64_t now_ns)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		if (!g->n_open && g->stage == GROUP_DISCOVERY) {
			again_forget(t, g);
			ports_start(t, g, now_ns);
		}
		if (!g->n_open && g->stage == GROUP_PORTS) {
			sweep_end(t->sweep, g, now_ns);
			again_forget(t, g);
			hold_drop_group(t, g);
			g->stage = GROUP_FREE;
		} else {
			t->live[n++] = t->live[i];
		}
	}
	t->n_live = n;
}

static void abandon_host(struct track *t, const struct track_group *g, struct host_slot *h)
{
	if ((h->flags & (HOST_IS_UP | HOST_IS_DONE)) != HOST_IS_UP)
		return;
	if (g->stage == GROUP_PORTS)
		tally_ports(t, g, h);
	emit_scanned(t, h, true, true);
}

void track_abandon(struct track *t)
{
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		for (uint32_t s = 0; s < g->n_hosts; s++)
			abandon_host(t, g, &g->hosts[s]);
		g->stage = GROUP_FREE;
	}
	board_leave(&t->path);
	t->held_flows = NULL;
	t->n_live = t->n_again = t->n_outstanding = 0;
	t->is_exhausted = true;
}
