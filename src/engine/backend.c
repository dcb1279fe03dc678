/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which packet back ends a scan uses, between the survey of its targets and the workers' sockets:
 * raw IP always, and for Ethernet one that is forced, or the portable one, or for scans that repay
 * the test the fastest that proves to deliver. Worker 0 decides; a worker that cannot have the same
 * (one queue, one socket) takes the portable one.
 */
#include "engine/engine_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TRIAL_PROBES = 32768, /* opening and testing AF_XDP takes 2 ms: what it saves on these */
	FAST_PPS = 50000, /* any back end keeps up with a cap below, and a trial is no part of it */
	RX_RING_PROBES =
		1 << 17 /* a receive ring takes 10-16 ms to open and saves 0.5 us a reply */
};

/* Fastest first; the last is the portable one. txring is no faster and afxdp-zc needs a driver that
 * nobody has tried: only by name. */
static const struct pktio_ops *const automatic[] = {&pktio_afxdp, &pktio_afpacket, NULL};

void backend_survey(struct engine *e, const struct route *r, const struct addr *to)
{
	struct pktio_trial *t = &e->survey.trial;
	const struct iface *iface = route_iface(e->routes, r->if_idx);
	const struct addr *next = r->next_hop.family == ADDR_NONE ? to : &r->next_hop;

	if (t->if_idx && (t->can_ask || t->if_idx != r->if_idx))
		return;
	*t = (struct pktio_trial){
		.if_idx = r->if_idx, .mac = iface->mac, .src = r->src, .next_hop = *next};
	t->can_ask = next->family == ADDR_V4 && r->src.family == ADDR_V4 && iface->has_arp &&
		     !route_neigh(e->routes, r->if_idx, next, &t->next_hop_mac);
}

int backend_check(const struct engine *e, struct err_where *reterr)
{
	const struct pktio_ops *forced = e->conf.backend;
	const char *why = NULL;

	if (!forced || e->is_connect || !(forced->caps & PKTIO_L2))
		return 0;
	if (!e->survey.has_ether)
		why = "it sends Ethernet frames, and none of these targets is reached over "
		      "Ethernet; rawip reaches them";
	else if (forced == &pktio_xdp && !e->xdp)
		why = e->l2_notes;
	if (why)
		err_at(reterr, -E_UNSUPPORTED, forced->name, strlen(forced->name), 0, "%s", why);
	return why ? -E_UNSUPPORTED : 0;
}

bool backend_is_slow(const struct engine *e)
{
	return e->conf.max_rate_pps && e->conf.max_rate_pps < FAST_PPS;
}

static int open_first(struct worker *w, struct pktio_conf *pc, struct pktio **ret)
{
	struct engine *e = w->e;
	struct pktio_choice choice;

	/* xdp asked for and able to receive only: what sends is chosen as if it were not */
	const struct pktio_ops *forced = e->conf.backend == &pktio_xdp ? NULL : e->conf.backend;
	e->l2_ops = forced ? forced : &pktio_afpacket;
	pc->waits_for_queue = forced != NULL;
	if (forced || e->n_probes < TRIAL_PROBES || backend_is_slow(e))
		return pktio_open(e->l2_ops, pc, ret);
	int err = pktio_choose(automatic, pc, &e->survey.trial, &choice);
	size_t len = strlen(e->l2_notes);
	snprintf(e->l2_notes + len, sizeof(e->l2_notes) - len, "%s%s",
		 len && choice.notes[0] ? "; " : "", choice.notes);
	if (err)
		return err;
	e->l2_ops = choice.io->ops;
	*ret = choice.io;
	return 0;
}

int backend_open(struct worker *w, struct pktio_conf *pc, struct pktio **ret)
{
	struct engine *e = w->e;
	char name[48];

	pc->tx_if_idx = e->survey.trial.if_idx;
	pc->tx_queue = w->idx;
	pc->wants_rx_ring = e->n_probes >= RX_RING_PROBES && !pc->is_tx_only;
	if (w->idx == 0)
		return open_first(w, pc, ret);
	int err = pktio_open(e->l2_ops, pc, ret);
	if (!err || e->l2_ops == &pktio_afpacket)
		return err;
	snprintf(name, sizeof(name), "%s for worker %u", e->l2_ops->name, w->idx + 1);
	pktio_note(e->l2_notes, name, err == -EINVAL ? "no queue left" : err_text(err));
	return pktio_open(&pktio_afpacket, pc, ret);
}

/** Raw IP stands beside what sends Ethernet frames for targets that no Ethernet leads to. */
void backend_name(struct engine *e)
{
	bool has_swept = false;

	bool has_ear = e->workers[0]->has_ear;
	const char *name = e->is_connect        ? conn_backend_name(e->workers[0])
			   : e->xdp && !has_ear ? pktio_xdp.name
			   : e->uses_l2         ? e->l2_ops->name
						: pktio_rawip.name;
	bool is_mixed =
		!e->is_connect && e->uses_l2 && (e->survey.has_loopback || e->survey.has_other);

	for (uint32_t i = 0; i < e->n_workers; i++)
		has_swept |= sweep_was_used(e->workers[i]->sweep);
	snprintf(e->backend, sizeof(e->backend), "%s%s%s%s", name, has_ear ? "+xdp" : "",
		 has_swept ? "+sweep" : "", is_mixed ? "+rawip" : "");
}

const char *engine_backend(const struct engine *e)
{
	return e->backend;
}

const char *engine_backend_notes(const struct engine *e)
{
	return e->l2_notes;
}
