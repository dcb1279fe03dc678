/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probes change hands between workers that divide ports (lend.h). Part of the scheduler (track.c).
 * A giver takes them from the far end of its order, where it has not been yet; to it they are then
 * as those that were another's from the start. A taker puts them into its group's ready list. The
 * order of the two stores of a giver matters: first the box is full, then the group is spent; who
 * reads them the other way round misses nothing.
 */
#include "engine/lend.h"

#include "engine/track_int.h"

#include <string.h>

enum {
	WANT_BELOW = 256, /* own probes left: a turn or two */
	GIVE_MIN = 64     /* less is sooner asked than given */
};

void lend_init(struct lend *l, uint32_t n_workers)
{
	l->n_workers = n_workers;
	atomic_init(&l->n_wanted, 0);
	for (uint32_t i = 0; i < LEND_WORKERS_MAX; i++) {
		atomic_init(&l->n_spent[i], 0);
		atomic_init(&l->box[i].state, LEND_IDLE);
	}
}

void lend_stage(struct track *t, struct track_group *g)
{
	for (uint32_t r = 0; r < g->n_ranks; r++) {
		uint8_t *state = g->state + (size_t)r * g->width;
		memset(state, PROBE_RESTORED, g->width);
		memset(state + g->walk_first, PROBE_NEW, g->walk_width);
		g->hosts[g->up[r]].n_pending = t->own_width + 1;
	}
	g->is_lending = true;
}

static struct lend_box *own_box(const struct track *t)
{
	return &t->conf.lend->box[t->conf.shard];
}

static uint64_t nth(const struct track *t, const struct track_group *g)
{
	return g->first / t->conf.space->hosts_per_group;
}

/** Probes that are neither asked nor given. */
static uint64_t n_left(const struct track_group *g)
{
	return g->stage == GROUP_PORTS ? g->n_probes - g->n_picked : UINT32_MAX;
}

/* --- giving ------------------------------------------------------------------------- */

static void give(struct track *t, struct track_group *g, struct lend_box *box)
{
	uint32_t want = (uint32_t)MIN(n_left(g) / 2, (uint64_t)LEND_MAX), n = 0;

	while (n < want && g->n_picked < g->n_probes) {
		uint32_t q = probe_at(g, --g->n_probes);
		if (g->state[q] != PROBE_NEW)
			continue;
		g->state[q] = PROBE_RESTORED;
		group_host(g, q)->n_pending--;
		box->probe[n++] = g->up[q / g->width] * g->width + q % g->width;
	}
	box->first = g->first;
	box->n = n;
}

/** @return the oldest group with enough to share, NULL: none. */
static struct track_group *giving_group(struct track *t)
{
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		if (g->stage == GROUP_PORTS && n_left(g) >= 2 * GIVE_MIN)
			return g;
	}
	return NULL;
}

static void give_wanted(struct track *t)
{
	struct lend *l = t->conf.lend;

	for (uint32_t i = 0; i < l->n_workers; i++) {
		uint32_t wanted = LEND_WANTED;
		struct track_group *g = i == t->conf.shard ? NULL : giving_group(t);
		if (!g || !atomic_compare_exchange_strong(&l->box[i].state, &wanted, LEND_FILLING))
			continue;
		atomic_fetch_sub_explicit(&l->n_wanted, 1, memory_order_relaxed);
		give(t, g, &l->box[i]);
		atomic_store_explicit(&l->box[i].state, LEND_FULL, memory_order_release);
	}
}

/* --- taking ------------------------------------------------------------------------- */

static struct track_group *live_group(struct track *t, uint64_t first)
{
	for (uint32_t i = 0; i < t->n_live; i++)
		if (t->groups[t->live[i]].first == first)
			return &t->groups[t->live[i]];
	return NULL;
}

/** A host that has been dropped here takes no more: what it is given has no outcome. */
static void take_probe(struct track *t, struct track_group *g, uint32_t slot, uint32_t p)
{
	struct host_slot *h = g ? &g->hosts[slot] : NULL;

	if (!h || h->rank == NO_PROBE || h->flags & (HOST_IS_DONE | HOST_IS_GIVEN_UP)) {
		stat_add(&t->stats.n_unknown_ports, 1);
		stat_add(&t->stats.n_concluded, 1);
		return;
	}
	uint32_t q = h->rank * g->width + p;
	g->state[q] = PROBE_NEW;
	h->n_pending++;
	ready_push(g, q);
}

static void take(struct track *t)
{
	struct lend_box *box = own_box(t);

	if (atomic_load_explicit(&box->state, memory_order_acquire) != LEND_FULL)
		return;
	struct track_group *g = live_group(t, box->first);
	for (uint32_t i = 0; i < box->n; i++)
		take_probe(t, g, box->probe[i] / t->width, box->probe[i] % t->width);
	atomic_store_explicit(&box->state, LEND_IDLE, memory_order_release);
}

/** Would the group ask what it is given? */
static bool can_take(const struct track_group *g)
{
	for (uint32_t r = 0; r < g->n_ranks && g->is_lending; r++)
		if (!(g->hosts[g->up[r]].flags & (HOST_IS_DONE | HOST_IS_GIVEN_UP)))
			return true;
	return false;
}

static void want(struct track *t)
{
	struct lend_box *box = own_box(t);
	uint64_t n = 0;
	bool has_use = false;

	if (!t->is_exhausted ||
	    atomic_load_explicit(&box->state, memory_order_relaxed) != LEND_IDLE)
		return;
	for (uint32_t i = 0; i < t->n_live; i++) {
		const struct track_group *g = &t->groups[t->live[i]];
		n += n_left(g);
		if (g->ready_head != NO_PROBE)
			return;
		has_use = has_use || can_take(g);
	}
	if (!has_use || n >= WANT_BELOW)
		return;
	atomic_store_explicit(&box->state, LEND_WANTED, memory_order_release);
	atomic_fetch_add_explicit(&t->conf.lend->n_wanted, 1, memory_order_relaxed);
}

/* --- ends --------------------------------------------------------------------------- */

static uint64_t own_spent(const struct track *t)
{
	for (uint32_t i = 0; i < t->n_live; i++)
		if (n_left(&t->groups[t->live[i]]))
			return nth(t, &t->groups[t->live[i]]);
	return t->next_own;
}

/** Groups that nobody has anything left of. */
static uint64_t all_spent(const struct lend *l)
{
	uint64_t n = UINT64_MAX;

	for (uint32_t i = 0; i < l->n_workers; i++)
		n = MIN(n, atomic_load_explicit(&l->n_spent[i], memory_order_acquire));
	return n;
}

static void let_go(struct track *t, struct track_group *g)
{
	g->is_lending = false;
	for (uint32_t r = 0; r < g->n_ranks; r++) {
		struct host_slot *h = &g->hosts[g->up[r]];
		if (!(h->flags & HOST_IS_DONE) && !--h->n_pending)
			group_host_complete(t, g, h);
	}
}

void lend_turn(struct track *t)
{
	struct lend *l = t->conf.lend;
	uint64_t n_spent = all_spent(l); /* before the box is looked into */

	take(t);
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		if (g->is_lending && nth(t, g) < n_spent)
			let_go(t, g);
	}
	if (atomic_load_explicit(&l->n_wanted, memory_order_relaxed))
		give_wanted(t);
	atomic_store_explicit(&l->n_spent[t->conf.shard], own_spent(t), memory_order_release);
	want(t);
}

bool lend_is_waiting(const struct track *t)
{
	for (uint32_t i = 0; t->conf.lend && t->is_exhausted && i < t->n_live; i++)
		if (t->groups[t->live[i]].is_lending)
			return true;
	return false;
}

void lend_leave(struct track *t)
{
	struct lend *l = t->conf.lend;
	uint32_t was;

	if (!l)
		return;
	atomic_store_explicit(&l->n_spent[t->conf.shard], UINT64_MAX, memory_order_release);
	do /* who is filling it is at work */
		was = atomic_load_explicit(&own_box(t)->state, memory_order_acquire);
	while (was == LEND_FILLING ||
	       !atomic_compare_exchange_weak(&own_box(t)->state, &was, LEND_LEFT));
	if (was == LEND_WANTED)
		atomic_fetch_sub_explicit(&l->n_wanted, 1, memory_order_relaxed);
	if (was == LEND_FULL)
		stat_add(&t->stats.n_unknown_ports, own_box(t)->n);
}
