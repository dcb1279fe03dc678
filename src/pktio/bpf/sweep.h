/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First attempts made here. A live frame takes the next place of its group's order and becomes the
 * probe of that host and port, cookie and checksums included; the RST that answers it leaves one
 * word where the worker finds it. Nothing of either is copied between kernel and worker.
 */
#pragma once

#include "pktio/bpf/kernel.h"

#define TCP_BYTES 20
/** Cycle walks of the order end after one step but for a number in 2^10 or so, and then the next.
 */
#define WALKS_MAX 32

/** Global for the same reasons as record_head(), and because loops are checked once then. */
__noinline uint64_t order_at(const struct permute *p, uint64_t x)
{
	if (!p)
		return ~0ull;
	for (int i = 0; i < WALKS_MAX; i++) {
		x = p->is_small ? feistel_forward(p, x, PERMUTE_ROUNDS_MAX)
				: feistel_forward(p, x, PERMUTE_ROUNDS);
		if (x < p->n)
			return x;
	}
	return ~0ull;
}

__noinline uint64_t order_place(const struct permute *p, uint64_t x)
{
	if (!p)
		return ~0ull;
	for (int i = 0; i < WALKS_MAX; i++) {
		x = p->is_small ? feistel_back(p, x, PERMUTE_ROUNDS_MAX)
				: feistel_back(p, x, PERMUTE_ROUNDS);
		if (x < p->n)
			return x;
	}
	return ~0ull;
}

/** What a cookie is made of, after the word that names ports, protocol and row. */
struct origin {
	uint64_t words[4];
	uint32_t n_words;
};

/** SipHash-2-4 as cookie_tag() makes it. Global: see record_head(). */
__noinline uint32_t tag_of(const struct origin *o, uint32_t m, uint64_t head)
{
	struct sip s;

	if (!o || m >= XDP_MEMBERS_MAX)
		return 0;
	struct siphash_key key = {members[m].key.k0, members[m].key.k1};

	sip_start(&s, &key);
	sip_word(&s, head);
	for (uint32_t i = 0; i < 4; i++)
		if (i < o->n_words)
			sip_word(&s, o->words[i]);
	sip_word(&s, (uint64_t)(o->n_words + 1) << 59);
	return (uint32_t)sip_end(&s);
}

/** The probe at a place: its address in network order and its port. @return false: none. */
INLINE int sweep_target(uint32_t key, uint32_t place, uint32_t *ret_addr, uint32_t *ret_port)
{
	const struct xdp_sweep *s = bpf_map_lookup_elem(&sweeps, &key);

	if (!s || place >= s->n_probes)
		return 0;
	uint64_t q = order_at(&s->order, place);
	uint32_t rank = (uint32_t)(q / plan.n_ports), p = (uint32_t)(q % plan.n_ports);
	if (rank >= plan.hosts_per_group)
		return 0;
	uint32_t at = key * plan.hosts_per_group + rank;
	const uint32_t *addr = word_of(&sweep_addrs, at);
	if (!addr)
		return 0;
	*ret_addr = *addr;
	*ret_port = plan.ports[p % XDP_PORTS_MAX];
	return 1;
}

/** By words: the compiler would copy bytes, not knowing how they lie. */
INLINE void copy_form(uint8_t *f, const struct xdp_form *form)
{
	const uint64_t *from = (const void *)form->bytes;
	uint64_t *to = (void *)f;

	for (uint32_t i = 0; i < XDP_SWEEP_BYTES / 8; i++)
		to[i] = from[i];
	*(uint16_t *)(to + XDP_SWEEP_BYTES / 8) = *(const uint16_t *)(from + XDP_SWEEP_BYTES / 8);
}

/** Write the probe into the frame: as tcp_patch() of probe/scan_tcp.c, attempt 0. */
INLINE void sweep_write(uint8_t *f, const struct xdp_form *form, uint32_t m, uint32_t addr,
			uint32_t port)
{
	uint64_t head =
		((uint64_t)form->sport << 16 | port) << 32 | (uint64_t)IPPROTO_TCP << 8 | form->row;
	struct origin o = {.words = {(uint64_t)form->source << 32 | addr}, .n_words = 1};
	uint32_t value = tag_of(&o, m, head);
	uint16_t ip_id = bpf_htons((uint16_t)(value >> 8 | 1)), be_port = bpf_htons((uint16_t)port);
	uint32_t be_value = bpf_htonl(value);
	struct iphdr *ip = (void *)(f + ETH_HLEN);
	struct tcphdr *t = (void *)(ip + 1);

	copy_form(f, form);
	ip->id = ip_id;
	ip->daddr = addr;
	ip->check = csum_fold(form->l3_sum + addr + ip_id);
	t->dest = be_port;
	t->seq = be_value;
	t->check = csum_fold(form->l4_sum + addr + be_port + be_value);
}

/** @return what becomes of the live frame that has come to order[@p i]. */
INLINE int sweep_transmit(struct xdp_md *ctx, uint32_t m, struct xdp_lane *lane, uint32_t i)
{
	uint32_t addr, port;

	if (m >= XDP_MEMBERS_MAX || i >= XDP_BATCH_MAX)
		return XDP_DROP;
	uint64_t have = ctx->data_end - ctx->data;
	if (!sweep_target(lane->sweep, lane->first_place + lane->order[i], &addr, &port) ||
	    (have != XDP_SWEEP_BYTES && bpf_xdp_adjust_tail(ctx, XDP_SWEEP_BYTES - (int)have)))
		return XDP_DROP;
	uint8_t *f = (void *)(long)ctx->data;
	if (f + XDP_SWEEP_BYTES > (uint8_t *)(long)ctx->data_end)
		return XDP_DROP;
	sweep_write(f, &forms[m], m, addr, port);
	lane->n_pending++;
	return (int)bpf_redirect(forms[m].if_idx, 0);
}

/** Does the segment's checksum hold, all of it? What a device was to complete is left to the
 * worker. */
INLINE int sum_is_right(const struct iphdr *ip, const struct tcphdr *t)
{
	const uint32_t *w = (const void *)t;
	uint64_t s =
		(uint64_t)ip->saddr + ip->daddr + bpf_htonl(IPPROTO_TCP) + bpf_htonl(TCP_BYTES);

	for (int i = 0; i < TCP_BYTES / 4; i++)
		s += w[i];
	return csum_fold(s) == 0;
}

/** Word by word: the compiler takes a constant for what it was before loading, unless it is read as
 * volatile. */
INLINE void plan_order(struct permute *ret)
{
	const volatile uint64_t *from = (const volatile void *)&plan.order;
	uint64_t *to = (void *)ret;

	for (uint32_t i = 0; i < sizeof(*ret) / sizeof(*to); i++)
		to[i] = from[i];
}

/** Where in the order of hosts an address stands; plan.n_hosts: nowhere. */
INLINE uint64_t sweep_host(uint32_t addr)
{
	for (uint32_t i = 0; i < XDP_RANGES_MAX; i++) {
		if (i >= plan.n_ranges || addr < plan.ranges[i].lo || addr > plan.ranges[i].hi)
			continue;
		uint64_t idx = plan.ranges[i].before + (addr - plan.ranges[i].lo);
		if (!plan.is_permuted || idx >= plan.n_hosts)
			return idx;
		struct permute order;
		plan_order(&order);
		return order_place(&order, idx);
	}
	return plan.n_hosts;
}

/** The word for the answer of one port; NULL: its group has no window. */
__noinline uint64_t mail_key(uint32_t m, uint32_t addr, uint32_t port)
{
	uint64_t host = sweep_host(addr), nth = host / plan.hosts_per_group;
	uint32_t key = XDP_SWEEP_KEYS(m, (uint32_t)(nth % XDP_WINDOWS)), p = 0;
	const struct xdp_sweep *s = bpf_map_lookup_elem(&sweeps, &key);

	if (host >= plan.n_hosts || !s || !s->n_probes || s->first != nth * plan.hosts_per_group)
		return ~0ull;
	while (p < XDP_PORTS_MAX && p < plan.n_ports && plan.ports[p] != port)
		p++;
	if (p >= plan.n_ports)
		return ~0ull;
	uint64_t at = (key * plan.hosts_per_group + host % plan.hosts_per_group) * plan.n_ports + p;
	return (uint64_t)(s->epoch & XDP_MAIL_EPOCH_MASK) << 32 | (uint32_t)at;
}

/**
 * Leave a word for a proven RST to a first attempt. @return false: the worker must see the packet.
 */
INLINE int sweep_receive(const struct iphdr *ip, const struct tcphdr *t, uint32_t m)
{
	if (t->doff != TCP_BYTES / 4 || bpf_ntohs(ip->tot_len) != sizeof(*ip) + TCP_BYTES ||
	    !ip->ttl || !sum_is_right(ip, t))
		return 0;
	uint64_t key = mail_key(m, bpf_ntohl(ip->saddr), bpf_ntohs(t->source));
	if (key == ~0ull)
		return 0;
	uint32_t *mail = word_of(&sweep_mail, (uint32_t)key);
	if (!mail || *mail)
		return 0;
	*mail = (uint32_t)ip->ttl << XDP_MAIL_TTL_SHIFT |
		(uint32_t)(key >> 32) << XDP_MAIL_EPOCH_SHIFT |
		((uint32_t)(bpf_ktime_get_ns() / 1000) & XDP_MAIL_US_MASK);
	return 1;
}
