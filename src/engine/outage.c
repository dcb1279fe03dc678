/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Outages of the way out. Known by what sending says (ENETDOWN; ENETUNREACH for the routes that
 * went with the interface) and, as packets without a carrier vanish silently, by a look at the
 * interfaces every few milliseconds, sooner than a time-out can have fired. Until they are back
 * nothing is sent and no timer fires; then all probes in flight are asked again without counting as
 * attempts.
 */
#include "engine/outage.h"

#include "engine/engine_int.h"
#include "pktio/ifstate.h"

#include <errno.h>
#include <unistd.h>

enum { LOOK_MS = 10 };

/** Interfaces that ran when they were seen first; one that never did says nothing. */
static void list_ifaces(struct outage *o, const struct worker *w)
{
	for (uint32_t i = o->n_paths; i < w->n_paths; i++) {
		const struct route *r = &w->paths[i]->route;
		uint32_t k = 0;
		while (k < o->n_ifaces && o->if_idx[k] != r->if_idx)
			k++;
		if (k == o->n_ifaces && k < OUTAGE_IFACES_MAX && r->kind != ROUTE_LOOPBACK &&
		    ifstate_runs(o->fd, r->if_idx) > 0)
			o->if_idx[o->n_ifaces++] = r->if_idx;
	}
	o->n_paths = w->n_paths;
}

/** @return 0 while all run; -ENETDOWN; -ENODEV: one is gone for good. */
static int look(const struct outage *o)
{
	for (uint32_t i = 0; i < o->n_ifaces; i++) {
		int runs = ifstate_runs(o->fd, o->if_idx[i]);
		if (runs <= 0)
			return runs == -ENODEV ? runs : -ENETDOWN;
	}
	return 0;
}

/** An interface that is set down loses its IPv6 addresses: answers to them find nobody. */
static bool has_sources(const struct worker *w)
{
	const struct engine_conf *c = w->conf;

	for (uint32_t i = 0; i < w->n_paths; i++) {
		const struct route *r = &w->paths[i]->route;
		bool is_chosen = (r->src.family == ADDR_V6 ? c->source6 : c->source4).family != 0;
		if (r->kind != ROUTE_LOOPBACK && !is_chosen && !ifstate_has_addr(&r->src))
			return false;
	}
	return true;
}

static uint64_t n_refused(const struct worker *w)
{
	struct pktio *all[] = {w->l3 ? w->l3->io : NULL, w->l2 ? w->l2->io : NULL};
	struct pktio_stats s;
	uint64_t n = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!all[i])
			continue;
		s = (struct pktio_stats){0};
		all[i]->ops->stats(all[i], &s);
		n += s.n_tx_errors;
	}
	return n;
}

int outage_begin(struct outage *o, uint64_t now_ns, int err)
{
	if (err != -ENETDOWN && err != -ENETUNREACH)
		return err;
	o->n += !o->since_ns;
	o->since_ns = o->since_ns ? o->since_ns : now_ns;
	o->error = err;
	o->is_back = false;
	return 0;
}

void outage_end(struct outage *o, uint64_t now_ns)
{
	if (!o->since_ns)
		return;
	o->lasted_ns += now_ns - o->since_ns;
	o->since_ns = 0;
}

/** Nothing is wrong: look whether that is so. */
static int pass_up(struct worker *w, uint64_t now_ns)
{
	struct outage *o = &w->outage;

	if (!o->fd && (o->fd = ifstate_open()) < 0)
		return 1;
	list_ifaces(o, w);
	int err = look(o);
	if (!err) {
		o->n_refused_was = n_refused(w);
		return 1;
	}
	return outage_begin(o, now_ns, err);
}

/** It was down: is it back? */
static int pass_down(struct worker *w, uint64_t now_ns)
{
	struct outage *o = &w->outage;
	int err = o->fd > 0 ? look(o) : 0;

	if (err == -ENODEV || now_ns - o->since_ns > OUTAGE_PATIENCE_S * NS_PER_S)
		return o->error;
	if (err || !has_sources(w))
		return 0;
	uint64_t n = n_refused(w);
	o->n_refused += n - MIN(o->n_refused_was, n);
	o->n_refused_was = n;
	o->is_back = true;
	track_interrupted(&w->track, now_ns);
	return 1;
}

int outage_pass(struct worker *w, uint64_t now_ns)
{
	struct outage *o = &w->outage;

	if (!o->look_ns)
		o->look_ns = now_ns + LOOK_MS * NS_PER_MS;
	if (now_ns < o->look_ns)
		return !o->since_ns || o->is_back;
	o->look_ns = now_ns + LOOK_MS * NS_PER_MS;
	return o->since_ns && !o->is_back ? pass_down(w, now_ns) : pass_up(w, now_ns);
}

void outage_close(struct outage *o)
{
	if (o->fd > 0)
		close(o->fd);
	o->fd = 0;
}
