/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program in the driver, between the decision about workers and their sockets: is it worth its
 * price for this scan, does the interface take it, and which of its two halves can be used. When
 * it only receives, another back end sends: any that was asked for, since sockets are the dearer
 * half of a large scan whatever it sends by. docs/internals/xdp.md has the figures.
 */
#include "engine/engine_int.h"

#include "wire/l4.h"

#include <errno.h>

/** Attaching and detaching take 20 to 30 ms. */
enum { DRIVER_PROBES_MIN = 60000, BUSY_WAIT_ASKED_MS = 1000 };

/** Only what was asked for sends. */
static bool may_send(const struct engine *e)
{
	return !e->conf.backend || e->conf.backend == &pktio_xdp;
}

static bool is_wanted(const struct engine *e)
{
	if (e->is_connect || !e->survey.ether_idx || e->n_workers > XDP_WORKERS_MAX)
		return false;
	if (e->conf.backend == &pktio_xdp)
		return true;
	return e->n_probes >= DRIVER_PROBES_MIN && !e->survey.has_many_ether && !backend_is_slow(e);
}

void driver_open(struct engine *e)
{
	struct xdp_hub_conf hc = {.if_idx = e->survey.ether_idx,
				  .n_members = e->n_workers,
				  .batch = e->conf.batch,
				  .busy_wait_ms = e->conf.backend == &pktio_xdp ? BUSY_WAIT_ASKED_MS
										: XDP_BUSY_WAIT_MS};

	if (!is_wanted(e))
		return;
	/* asked for only: docs/internals/xdp.md says what they cost where paths lose packets */
	if (e->conf.backend == &pktio_xdp && sweep_fits(e, &e->sweep))
		hc.sweep = &e->sweep;
	int err = xdp_hub_open(&hc, &e->xdp);
	if (err)
		pktio_note(e->l2_notes, pktio_xdp.name,
			   err == -EBUSY ? "another program is attached to the interface"
					 : err_text(err));
	else if (may_send(e) && !xdp_hub_can_send(e->xdp))
		pktio_note(e->l2_notes, pktio_xdp.name,
			   "receives only: the driver takes no frames to send");
}

/** Rows whose replies the program can check: those with a SYN. */
static uint8_t provable_rows(const struct worker *w, uint8_t *ret, bool *ret_has_others)
{
	uint8_t n = 0;

	*ret_has_others = false;
	for (uint32_t i = 0; i < w->n_rows; i++) {
		const struct scan_type *t = w->rows[i];
		if (t->proto != PROTO_TCP)
			continue;
		if (t->tcp_flags == TCP_SYN && n < XDP_COOKIE_ROWS_MAX)
			ret[n++] = t->row;
		else
			*ret_has_others = true;
	}
	return n;
}

void driver_conf(const struct worker *w, struct pktio_conf *pc, uint8_t *rows)
{
	pc->xdp = w->e->xdp;
	if (w->conf->wants_trace || w->conf->capture)
		return; /* everything is to be seen here */
	pc->cookie_key = &w->key.sip;
	pc->cookie_rows = rows;
	pc->n_cookie_rows = provable_rows(w, rows, &pc->has_other_rows);
}

bool driver_sends(const struct engine *e)
{
	return e->xdp && may_send(e) && xdp_hub_can_send(e->xdp);
}
