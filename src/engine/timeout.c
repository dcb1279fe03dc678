/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --host-timeout: a host whose ports take longer is dropped. What was found is kept and the host is
 * reported at once, as timed out: ports without a result are unknown, not silent. Part of the
 * scheduler (track.c).
 */
#include "engine/track_int.h"

enum { LOOK_EVERY_MS = 10 };

static void time_out(struct track *t, struct track_group *g, struct host_slot *h)
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
	stat_add(&t->stats.n_concluded, n);
	h->n_pending = 0;
	h->flags |= HOST_IS_TIMED_OUT;
	group_host_complete(t, g, h);
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
			    now_ms - h->begun_ms >= most_ms)
				time_out(t, g, h);
		}
	}
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
