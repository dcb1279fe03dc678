/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hosts that are dropped: their ports take longer than --host-timeout, or the way to them went.
 * What was found is kept and the host is reported at once, as timed out or partial: ports without a
 * result are unknown, not silent. Part of the scheduler (track.c).
 */
#include "engine/flow_int.h"
#include "engine/track_int.h"

enum {
	LOOK_EVERY_MS = 10,
	WAY_LOST_MAX_MS = 1000, /* routes are replaced by taking the old one away first */
	WAY_LOST_DEFER_US = 100000
};

static uint32_t us_of(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

/** @return probes without an outcome. */
static uint32_t host_drop(struct track *t, struct track_group *g, struct host_slot *h)
{
	uint32_t q0 = h->rank * g->width, n = 0;

	canary_drop(t, h);
	for (uint32_t q = q0; q < q0 + g->width; q++) {
		if ((g->state[q] & PROBE_STATE) == PROBE_DONE)
			continue;
		probe_conclude(t, g, q);
		g->state[q] |= PROBE_MARK; /* not asked to the end: no silence */
		n++;
	}
	if (g->stage == GROUP_PORTS)
		stat_add(&t->stats.n_concluded, n);
	h->n_pending = 0;
	group_host_complete(t, g, h);
	return n;
}

void hosts_time_out(struct track *t, uint64_t now_ns)
{
	uint32_t now_ms = (uint32_t)(now_ns / NS_PER_MS), most_ms = t->conf.bounds.host_timeout_ms;

	if (!most_ms || (int32_t)(now_ms - t->timeouts_ms) < 0)
		return;
	t->timeouts_ms = now_ms + LOOK_EVERY_MS;
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		for (uint32_t r = 0; r < g->n_ranks && g->stage == GROUP_PORTS; r++) {
			struct host_slot *h = &g->hosts[g->up[r]];
			if (h->is_begun && !(h->flags & HOST_IS_DONE) &&
			    now_ms - h->begun_ms >= most_ms) {
				h->flags |= HOST_IS_TIMED_OUT;
				(void)host_drop(t, g, h);
			}
		}
	}
}

uint32_t track_way_lost(struct track *t, const struct track_probe *p, uint64_t now_ns)
{
	struct host_slot *h = p->host;
	uint32_t now_ms = (uint32_t)(now_ns / NS_PER_MS);

	if ((p->group->state[p->q] & PROBE_STATE) == PROBE_DONE)
		return 0;
	if (!h->is_way_lost) {
		h->is_way_lost = true;
		h->way_lost_ms = now_ms;
	}
	if (now_ms - h->way_lost_ms < WAY_LOST_MAX_MS) {
		track_defer(t, p, now_ns, WAY_LOST_DEFER_US);
		return 0;
	}
	h->is_cut_off = true;
	if (p->group->stage == GROUP_DISCOVERY) {
		h->reason = REASON_NO_ROUTE;
		t->stats.n_no_route++;
	}
	return host_drop(t, p->group, h);
}

void track_interrupted(struct track *t, uint64_t now_ns)
{
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		struct track_probe p;
		for (uint32_t q = 0; q < g->n_ranks * g->width; q++) {
			if ((g->state[q] & (PROBE_STATE | PROBE_MARK)) != PROBE_FLIGHT)
				continue;
			probe_fill(t, g, q, &p);
			track_defer(t, &p, now_ns, 0);
		}
		again_forget(t, g);
		for (uint32_t k = 0; g->flows && k < g->n_ranks * t->n_flows; k++)
			if (g->flows[k].flow.n_phases)
				flow_phases_restart(&g->flows[k].flow, us_of(now_ns));
	}
	if (t->path.n_phases)
		flow_phases_restart(&t->path, us_of(now_ns));
}

/* --- telling ----------------------------------------------------------------------- */

void retry_count(struct track *t, const struct host_slot *h, uint32_t attempt, uint32_t waited_us)
{
	struct ev_retry *r = &t->retries.told;

	if (!t->conf.wants_retries)
		return;
	if (!r->n_probes) {
		r->addr = h->addr;
		t->retries.host_idx = h->idx;
	} else if (t->retries.host_idx != h->idx) {
		r->addr = (struct addr){.family = ADDR_NONE};
	}
	r->n_probes++;
	r->attempt = (uint8_t)MAX(r->attempt, attempt);
	r->wait_us = waited_us;
}

void retries_tell(struct track *t)
{
	if (!t->retries.told.n_probes)
		return;
	struct event *ev = track_event(t, EVENT_RETRY_SCHEDULED);
	ev->host_idx = t->retries.host_idx;
	ev->retry = t->retries.told;
	track_event_commit(t);
	t->retries = (struct track_retries){0};
}
