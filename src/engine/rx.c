/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The receive loop: decode, find the row whose cookie the packet proves, hand the reply to the
 * scheduler. What proves nothing is counted, never believed.
 */
#include "engine/worker.h"

#include "base/clock.h"
#include "wire/l4.h"
#include "wire/verify.h"

enum {
	RX_ROUNDS_MAX = 16, /* batches per call: the send loop must have its turn */
	RX_ABREAST = 16     /* packets looked at side by side */
};

/**
 * A segment that no row believes. With an acknowledgement it claims to answer, wrongly. A target's
 * RST or SYN without one (RFC 9293 3.10.7.3 drops such a RST, 3.5 would open the connection from
 * both sides) may well be meant as an answer, but proves nothing. A scan of this machine asks its
 * own source ports, too, and hears itself.
 */
static void count_unbelieved(struct worker *w, const struct pkt *p)
{
	uint64_t ordinal;

	if (p->proto == PROTO_UDP && p->l4_valid)
		w->stats.n_forged += (uint16_t)(p->dport - w->sport) < w->n_sports;
	if (p->proto == PROTO_SCTP && p->l4_valid)
		w->stats.n_forged += p->dport == w->sport;
	if (p->proto != PROTO_TCP || !p->l4_valid || p->dport != w->sport ||
	    !(p->tcp_flags & (TCP_RST | TCP_SYN)))
		return;
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && addr_equal(&p->src, &p->dst))
		return;
	if (!(p->tcp_flags & TCP_ACK) && space_find(w->track.conf.space, &p->src, &ordinal))
		w->stats.n_unproven++;
	else
		w->stats.n_forged += (p->tcp_flags & (TCP_RST | TCP_ACK)) != 0;
}

/** Link-local addresses mean something on one link only: the one the packet came by. */
static void set_zones(struct pkt *p, uint32_t if_idx)
{
	struct addr *all[] = {&p->src, &p->dst, &p->nd_target, &p->quote.src, &p->quote.dst};

	for (uint32_t i = 0; i < ARRAY_LEN(all); i++)
		if (addr_is_linklocal(all[i]))
			all[i]->zone = if_idx;
}

/** A reply that a packet proved. */
struct heard {
	const struct scan_type *type;
	struct probe_reply reply;
	struct track_place at;
	uint64_t at_ns; /* when it arrived, as far as that is known: it may have lain there since */
};

/** @return whether the packet proves a reply. */
static bool hear(struct worker *w, const struct frame *f, uint64_t now_ns, struct heard *ret)
{
	struct probe_match m = {.key = &w->key,
				.sport = w->sport,
				.n_sports = w->n_sports,
				.asking = w->asking,
				.n_asking = w->n_asking,
				.payloads = w->conf->payloads,
				.frame = f->bytes};
	struct pkt p;

	if (decode(f, &p) < 0) {
		w->stats.n_malformed++;
		return false;
	}
	if (p.family == ADDR_V6)
		set_zones(&p, f->if_idx);
	if (w->conf->wants_trace)
		trace_packet(w, f, false, now_ns);
	for (uint32_t i = 0; i < w->n_rows; i++) {
		if (!w->rows[i]->match(w->rows[i], &m, &p, &ret->reply))
			continue;
		ret->type = w->rows[i];
		bool holds = pkt_sum_holds(f, &p);
		w->stats.n_malformed += !holds;
		stat_add(&w->stats.n_received, holds);
		return holds;
	}
	count_unbelieved(w, &p);
	return false;
}

/** Some packets, step by step for all of them: see track_find_host(). */
static void receive(struct worker *w, const struct frame *f, uint32_t n, uint64_t now_ns)
{
	struct heard heard[RX_ABREAST];
	uint32_t n_heard = 0;

	for (uint32_t i = 0; i < n; i++)
		if (hear(w, &f[i], now_ns, &heard[n_heard])) {
			heard[n_heard].at_ns = f[i].time_ns ? MIN(f[i].time_ns, now_ns) : now_ns;
			track_find_host(&w->track, &heard[n_heard].reply, &heard[n_heard].at);
			n_heard++;
		}
	for (uint32_t i = 0; i < n_heard; i++)
		track_find_probe(&w->track, heard[i].type, &heard[i].reply, &heard[i].at);
	for (uint32_t i = 0; i < n_heard; i++)
		track_take(&w->track, heard[i].type, &heard[i].reply, &heard[i].at, heard[i].at_ns);
}

int rx_drain(struct worker *w, uint32_t wait_us)
{
	/* the trace tells packets and what they said in turns */
	uint32_t n_abreast = w->conf->wants_trace ? 1 : RX_ABREAST;
	int total = 0;

	for (uint32_t round = 0; round < RX_ROUNDS_MAX; round++) {
		int n = w->rx->ops->rx_acquire(w->rx, w->rx_frames, WORKER_RX_BATCH, wait_us);
		meter_mark(w->meter, wait_us ? PROFILE_WAITING : PROFILE_RECEIVING);
		if (n < 0)
			return n;
		if (!n)
			break;
		uint64_t now_ns = clock_now_ns();
		for (uint32_t i = 0; i < (uint32_t)n; i += n_abreast)
			receive(w, &w->rx_frames[i], MIN((uint32_t)n - i, n_abreast), now_ns);
		w->rx->ops->rx_release(w->rx, w->rx_frames, (uint32_t)n);
		meter_mark(w->meter, PROFILE_MATCHING);
		meter_received(w->meter, (uint32_t)n);
		total += n;
		wait_us = 0;
		if ((uint32_t)n < WORKER_RX_BATCH / 4)
			break;
	}
	return total;
}
