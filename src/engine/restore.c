/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Journal events -> what one scheduler need not do again. Groups are opened in order and few are
 * open at a time, so "every group before next_group, but for the open ones" says all. The events
 * may come from a damaged or foreign file: everything is checked against the scheduler's own plan.
 */
#include "engine/restore.h"

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/track_int.h"

#include <errno.h>

static_assert(RESTORE_GROUPS_MAX >= ENGINE_WORKERS_MAX * TRACK_GROUPS_MAX,
	      "what all workers have open can be restored");

static void group_fini(struct restore_group *g)
{
	mem_free(g->hosts);
	mem_free(g->concluded);
}

static struct restore_group *group_of(struct restore *r, uint64_t ordinal)
{
	for (uint32_t i = 0; i < r->n_groups; i++)
		if (ordinal - r->groups[i].first < r->groups[i].n_hosts)
			return &r->groups[i];
	return NULL;
}

/** Note that groups up to @p nth exist. @return 0; -E_SYNTAX: it was opened before, or nothing has
 * so many gaps. */
static int open_nth(struct restore *r, uint64_t nth)
{
	if (nth >= r->next_group) {
		if (nth - r->next_group > RESTORE_GAPS_MAX - r->n_gaps)
			return -E_SYNTAX;
		while (r->next_group < nth)
			r->gaps[r->n_gaps++] = r->next_group++;
		r->next_group++;
		return 0;
	}
	for (uint32_t i = 0; i < r->n_gaps; i++)
		if (r->gaps[i] == nth) {
			r->gaps[i] = r->gaps[--r->n_gaps];
			return 0;
		}
	return -E_SYNTAX;
}

static int group_add(struct restore *r, const struct track *t, uint64_t first)
{
	const struct space *s = t->conf.space;
	struct restore_group g = {.nth = first / s->hosts_per_group, .first = first};

	if (first % s->hosts_per_group || g.nth >= s->n_groups ||
	    r->n_groups == RESTORE_GROUPS_MAX || open_nth(r, g.nth) < 0)
		return -E_SYNTAX;
	g.n_hosts = (uint32_t)MIN((uint64_t)s->hosts_per_group, s->n_hosts - first);
	uint64_t n_probes = (uint64_t)g.n_hosts * t->width;
	g.hosts = mem_alloc(g.n_hosts, sizeof(*g.hosts));
	g.concluded = t->width ? mem_alloc(n_probes / 64 + 1, sizeof(*g.concluded)) : NULL;
	if (!g.hosts || (t->width && !g.concluded)) {
		group_fini(&g);
		return -ENOMEM;
	}
	r->groups[r->n_groups++] = g;
	return 0;
}

static void host_done(struct restore *r, struct restore_group *g, struct restored_host *h)
{
	if (h->flags & HOST_IS_DONE)
		return;
	h->flags |= HOST_IS_DONE;
	r->n_hosts_done++;
	if (++g->n_done < g->n_hosts)
		return;
	group_fini(g);
	*g = r->groups[--r->n_groups];
}

static void probe_done(struct restore_group *g, uint64_t probe)
{
	g->concluded[probe / 64] |= 1ull << probe % 64;
}

static int on_silent(struct restore *r, const struct track *t, const struct ev_checkpoint *cp)
{
	struct restore_group *g = group_of(r, cp->group);

	for (uint32_t i = 0; g && i < cp->n_probes; i++) {
		if (cp->probe[i] >= (uint64_t)g->n_hosts * t->width)
			return -E_SYNTAX;
		probe_done(g, cp->probe[i]);
	}
	return 0; /* without a group: its last host was complete before the checkpoint came */
}

static int on_port(struct restore_group *g, const struct track *t, uint64_t slot,
		   const struct ev_port *ev)
{
	uint32_t p = track_port_probe(t, ev->proto, ev->port);

	if (p == NO_PROBE)
		return -E_SYNTAX;
	probe_done(g, slot * t->width + p);
	return 0;
}

struct restored_host restored_host_of(const struct ev_host *ev)
{
	struct restored_host h = {
		.flags = ev->state == HOST_UP ? HOST_IS_UP : 0,
		.reason = ev->reason,
		.ttl = ev->ttl,
		.mac = ev->mac,
		.rtt_us = ev->rtt_us,
	};

	h.flags |= ev->has_mac ? HOST_HAS_MAC : 0;
	h.flags |= ev->rtt_us || ev->ttl ? HOST_IS_HEARD : 0;
	return h;
}

int restore_event(struct restore *r, const struct track *t, const struct event *ev,
		  uint64_t ordinal)
{
	if (ev->kind == EVENT_CHECKPOINT && ev->checkpoint.what == CHECKPOINT_GROUP)
		return group_add(r, t, ev->checkpoint.group);
	if (ev->kind == EVENT_CHECKPOINT)
		return on_silent(r, t, &ev->checkpoint);
	struct restore_group *g = group_of(r, ordinal);
	if (!g)
		return -E_SYNTAX;
	struct restored_host *h = &g->hosts[ordinal - g->first];
	if (ev->kind == EVENT_PORT_FOUND)
		return on_port(g, t, ordinal - g->first, &ev->port);
	if (ev->kind == EVENT_HOST_SCANNED) {
		r->n_no_route += ev->done.reason == REASON_NO_ROUTE;
		host_done(r, g, h);
	} else {
		h->flags &= HOST_IS_DONE;
		struct restored_host now = restored_host_of(&ev->host);
		now.flags |= h->flags;
		*h = now;
	}
	return 0;
}

void restore_fini(struct restore *r)
{
	for (uint32_t i = 0; i < r->n_groups; i++)
		group_fini(&r->groups[i]);
	r->n_groups = 0;
}
