/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker's side of sweeps: the plan that is loaded with the program, the windows of a member,
 * and its mail. Memory is shared with the program; a word of mail is taken by writing zero in its
 * place. Sources: as xdp.c.
 */
#include "pktio/xdp_int.h"

#include "base/clock.h"

#include <string.h>

static_assert(SWEEP_RANGES_MAX == XDP_RANGES_MAX && SWEEP_PORTS_MAX == XDP_PORTS_MAX &&
		      SWEEP_FRAME_BYTES == XDP_SWEEP_BYTES && SWEEP_WINDOWS == XDP_WINDOWS &&
		      SWEEP_KICK_MAX == XDP_BATCH_MAX,
	      "one ceiling each");

void xdp_plan_fill(const struct sweep_plan *p, struct xdp_plan *ret)
{
	uint64_t before = 0;

	*ret = (struct xdp_plan){.n_ports = p->n_ports,
				 .n_ranges = p->n_ranges,
				 .hosts_per_group = p->hosts_per_group,
				 .is_permuted = p->order != NULL,
				 .n_hosts = p->n_hosts};
	if (p->order)
		ret->order = *p->order;
	for (uint32_t i = 0; i < p->n_ranges; i++) {
		ret->ranges[i] = (struct xdp_range){p->ranges[i].lo, p->ranges[i].hi, before};
		before += (uint64_t)p->ranges[i].hi - p->ranges[i].lo + 1;
	}
	memcpy(ret->ports, p->ports, sizeof(ret->ports));
}

uint32_t *xdp_sweep_addrs(const struct xdp_port *p, uint32_t window)
{
	const struct xdp_sweeps *s = p->sweeps;

	return s->addrs + (size_t)XDP_SWEEP_KEYS(p->idx, window) * s->n_hosts;
}

static struct xdp_sweep *sweep_of(const struct xdp_port *p, uint32_t window)
{
	return (void *)(p->sweeps->heads + XDP_SWEEP_KEYS(p->idx, window) * p->sweeps->head_size);
}

static uint32_t *mail_of(const struct xdp_port *p, uint32_t window)
{
	const struct xdp_sweeps *s = p->sweeps;

	return s->mail + (size_t)XDP_SWEEP_KEYS(p->idx, window) * s->n_hosts * s->n_ports;
}

void xdp_sweep_open(const struct xdp_port *p, uint32_t window, const struct sweep_group *g)
{
	struct xdp_sweep *s = sweep_of(p, window);

	s->first = g->first;
	s->epoch++;
	s->order = *g->order;
	__atomic_store_n(&s->n_probes, (uint32_t)g->order->n, __ATOMIC_RELEASE);
}

void xdp_sweep_close(const struct xdp_port *p, uint32_t window)
{
	__atomic_store_n(&sweep_of(p, window)->n_probes, 0, __ATOMIC_RELEASE);
}

void xdp_sweep_form(const struct xdp_port *p, const struct sweep_form *f)
{
	struct xdp_form *to = p->form;

	memcpy(to->bytes, f->bytes, XDP_SWEEP_BYTES);
	to->l3_sum = f->l3_sum;
	to->l4_sum = f->l4_sum;
	to->if_idx = f->if_idx;
	to->source = f->source;
	to->sport = f->sport;
	to->row = f->row;
}

/** Mail tells 20 bits of the time: it came within the last second. */
static uint32_t heard_us(uint32_t word, uint32_t now_us)
{
	return now_us - ((now_us - word) & XDP_MAIL_US_MASK);
}

uint32_t xdp_sweep_collect(const struct xdp_port *p, uint32_t window, uint32_t *at,
			   struct sweep_mail *ret, uint32_t n)
{
	uint32_t *mail = mail_of(p, window), n_all = p->sweeps->n_hosts * p->sweeps->n_ports,
		 now_us = (uint32_t)(clock_now_ns() / NS_PER_US), got = 0, i = *at;
	uint32_t epoch = sweep_of(p, window)->epoch & XDP_MAIL_EPOCH_MASK;

	for (; i < n_all && got < n; i++) {
		uint32_t word = __atomic_load_n(&mail[i], __ATOMIC_RELAXED);
		if (!word)
			continue;
		__atomic_store_n(&mail[i], 0, __ATOMIC_RELAXED);
		if ((word >> XDP_MAIL_EPOCH_SHIFT & XDP_MAIL_EPOCH_MASK) != epoch)
			continue; /* written while its window was closed and opened again */
		ret[got++] = (struct sweep_mail){.at = i,
						 .heard_us = heard_us(word, now_us),
						 .ttl = (uint8_t)(word >> XDP_MAIL_TTL_SHIFT)};
	}
	*at = i < n_all ? i : 0;
	return got;
}
