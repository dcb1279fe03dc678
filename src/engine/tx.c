/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The send loop: next probe, patch its template, commit, pace. One call sends one batch; the only
 * system calls are the back ends' kicks.
 */
#include "engine/engine_int.h"

#include <string.h>

/** What a packet takes at least: the packets of a batch do not leave at once. */
enum { SEND_NS = 200 };

static struct frame *lane_frame(struct lane *l)
{
	return l && l->n_filled < l->n_reserved ? &l->f[l->n_filled] : NULL;
}

/** @return frames there is room for: a probe that is picked must find one, whichever lane it takes.
 */
static uint32_t lane_reserve(struct lane *l, uint32_t n)
{
	if (!l)
		return n;
	l->n_filled = 0;
	l->n_reserved = l->io->ops->tx_reserve(l->io, l->f, n);
	return l->n_reserved;
}

/** Give everything back, filled frames first, and send. @return 0 or -errno. */
static int lane_send(struct lane *l)
{
	if (!l || !l->n_reserved)
		return 0;
	for (uint32_t i = l->n_filled; i < l->n_reserved; i++)
		l->f[i].len = 0;
	l->io->ops->tx_commit(l->io, l->f, l->n_reserved);
	l->n_reserved = 0;
	int n = l->n_filled ? l->io->ops->tx_kick(l->io) : 0;
	l->n_filled = 0;
	return n < 0 ? n : 0;
}

void trace_packet(struct worker *w, const struct frame *f, bool is_sent, uint64_t now_ns)
{
	uint32_t off = f->link == LINK_ETHERNET && f->len > 14 ? 14 : 0;
	struct event *ev = track_event(&w->track, EVENT_PACKET);

	ev->packet = (struct ev_packet){
		.is_sent = is_sent,
		.is_arp = off && f->bytes[12] == 0x08 && f->bytes[13] == 0x06,
		.cap_len = (uint8_t)MIN(f->len - off, sizeof(ev->packet.head)),
		.len = (uint16_t)(f->len - off),
		.mono_ns = now_ns,
	};
	memcpy(ev->packet.head, f->bytes + off, ev->packet.cap_len);
	track_event_commit(&w->track);
}

/** The template of a probe: Ethernet when the next hop's MAC is known, else the kernel finds the
 * way. */
static const struct template *template_of(const struct worker *w, const struct track_probe *p)
{
	const struct worker_path *path = w->paths[p->host->path];
	uint32_t row = w->row_idx[p->type->row];
	bool knows_mac = path->has_l2 && (!path->wants_host_mac || p->host->flags & HOST_HAS_MAC);

	return knows_mac || p->type->needs & NEED_L2 ? &path->l2[row] : &path->l3[row];
}

/** Patch one probe into its lane's next frame. */
static void fill(struct worker *w, const struct track_probe *p, uint64_t now_ns)
{
	const struct worker_path *path = w->paths[p->host->path];
	const struct template *tpl = template_of(w, p);
	struct lane *lane = tpl->link == LINK_ETHERNET ? w->l2 : w->l3;
	struct frame *f = lane_frame(lane);
	uint16_t sport = p->type->has_ports ? w->sport : 0;

	if (!f || !tpl->len) { /* it will be silent, and the result say why */
		w->stats.n_unfit++;
		return;
	}
	struct probe_ask ask = {
		.to = p->to,
		.tag = cookie_tag(&w->key, p->type->row, &path->route.src, sport, &p->to),
		.attempt = p->attempt,
	};
	p->type->patch(p->type, tpl, &ask, f);
	if (path->wants_host_mac && tpl->link == LINK_ETHERNET && p->host->flags & HOST_HAS_MAC)
		memcpy(f->bytes, p->host->mac.b, sizeof(p->host->mac.b));
	if (w->conf->wants_trace)
		trace_packet(w, f, true, now_ns);
	lane->n_filled++;
	stat_add(&w->stats.n_sent, 1);
	stat_add(&w->stats.n_sent_bytes, f->len - (tpl->link == LINK_ETHERNET ? 14u : 0u));
}

/** What the program sends by itself: a batch of its own. */
static int sweep_batch(struct worker *w, uint64_t now_ns)
{
	if (!w->track.n_sweeping)
		return 0;
	int n = sweep_send(w->sweep, now_ns, pace_budget(&w->pace, now_ns, w->e->sweep_batch));
	if (n > 0)
		pace_spend(&w->pace, now_ns, (uint32_t)n);
	meter_mark(w->meter, PROFILE_SENDING);
	meter_sent(w->meter, n > 0 ? (uint32_t)n : 0);
	return n;
}

int tx_batch(struct worker *w, uint64_t now_ns)
{
	uint32_t n_max = pace_budget(&w->pace, now_ns, w->conf->batch), n = 0;
	struct track_probe p;
	int more = 1;

	if (!n_max)
		return 0;
	n_max = lane_reserve(w->l3, n_max);
	n_max = lane_reserve(w->l2, n_max);
	while (n < n_max && (more = track_next(&w->track, now_ns + n * SEND_NS, &p)) > 0) {
		fill(w, &p, now_ns);
		n++;
	}
	pace_spend(&w->pace, now_ns, n);
	meter_mark(w->meter, PROFILE_BUILDING);
	int err3 = lane_send(w->l3), err2 = lane_send(w->l2);
	meter_mark(w->meter, PROFILE_SENDING);
	meter_sent(w->meter, n);
	if (more < 0 || err3 < 0 || err2 < 0)
		return more < 0 ? more : err3 < 0 ? err3 : err2;
	int swept = more ? 0 : sweep_batch(w, now_ns);
	return swept < 0 ? swept : (int)n + swept;
}
