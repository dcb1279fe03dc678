/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Receiving. What cannot be an answer passes untouched, at the price of a few compares. Segments to
 * a worker's port prove themselves by their cookie (probe/cookie.h) before anything is kept from
 * the stack; every other kind of answer is recorded and passes on.
 */
#pragma once

#include "pktio/bpf/sweep.h"

/** Not a worker. */
#define NOBODY 0xffffffffu
/** IPv6 next header values that are fragments or options are left to the stack. */
#define ICMP4_ANSWERS (1u << 0 | 1u << 3 | 1u << 11 | 1u << 12 | 1u << 14 | 1u << 18)
/** Attempts a cookie tells apart, doubled: as cookie_attempt(). */
#define COOKIE_SPAN 32

/** A frame from the wire as far as it is needed here. */
struct view {
	struct xdp_md *ctx;
	void *data, *end;
	void *l4;
	uint32_t member;
	uint32_t l4_len;                /* as the IP header claims */
	uint8_t proto, is_v6, is_plain; /* plain: no options, the answer can be made in place */
};

/**
 * Global functions are verified once and not at every call, and what they return is one case, not
 * one for each way through them. It is loading that they make quick: 4 ms against 12 with this one
 * and has_cookie() inline, against 15 with none (2026-11-22).
 */
__noinline uint32_t member_of_port(uint16_t port)
{
	uint32_t found = NOBODY;

	for (uint32_t m = 0; m < XDP_MEMBERS_MAX; m++)
		if (m < n_members && members[m].is_open && port >= members[m].port_lo &&
		    port <= members[m].port_hi)
			found = m;
	return found;
}

/** Copy the frame, at most @p cap bytes of it, into the worker's ring. */
INLINE void record(struct xdp_md *ctx, uint32_t m, const uint32_t cap)
{
	uint64_t len = ctx->data_end - ctx->data;
	void *ring = bpf_map_lookup_elem(&rings, &m);
	struct xdp_record *r = ring ? bpf_ringbuf_reserve(ring, sizeof(*r) + cap, 0) : NULL;

	if (!r) {
		count(m, XDP_N_RING_FULL);
		return;
	}
	r->time_ns = bpf_ktime_get_ns();
	r->if_idx = ctx->ingress_ifindex;
	len = len > cap ? cap : len;
	BOUND_AGAIN(len);
	if (len < ETH_HLEN || len > cap || bpf_xdp_load_bytes(ctx, 0, r->bytes, len)) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return;
	}
	r->len = (uint32_t)len;
	/* a wake-up is an interrupt to our own core, and as dear as the rest of a record */
	const volatile uint8_t *is_waiting = &members[m % XDP_MEMBERS_MAX].is_waiting;
	bpf_ringbuf_submit(r, *is_waiting ? 0 : BPF_RB_NO_WAKEUP);
	count(m, XDP_N_RECORDS);
}

__noinline int record_head(struct xdp_md *ctx, uint32_t m)
{
	record(ctx, m, XDP_HEAD_BYTES);
	return 0;
}

__noinline int record_full(struct xdp_md *ctx, uint32_t m)
{
	record(ctx, m, XDP_FULL_BYTES);
	return 0;
}

__noinline int record_icmp(struct xdp_md *ctx, uint32_t m)
{
	record(ctx, m, XDP_ICMP_BYTES);
	return 0;
}

/** Hand a frame to one worker and to the stack. */
INLINE int record_and_pass(struct view *v, uint32_t m)
{
	if (v->proto == IPPROTO_TCP)
		record_head(v->ctx, m);
	else if (v->proto == IPPROTO_UDP)
		record_full(v->ctx, m);
	else
		record_icmp(v->ctx, m);
	count(m, XDP_N_PASSED);
	return XDP_PASS;
}

/** What proves itself to nobody here (ICMP, ARP) is for every worker to look at. */
INLINE int record_for_all(struct view *v, int is_arp)
{
	for (uint32_t m = 0; m < XDP_MEMBERS_MAX; m++)
		if (m < n_members && members[m].is_open && (!is_arp || members[m].wants_arp))
			record_and_pass(v, m);
	return XDP_PASS;
}

/** The reply's addresses, seen from here. */
INLINE void origin_of(const struct view *v, struct origin *ret)
{
	if (v->is_v6) {
		const struct ipv6hdr *ip = v->data + ETH_HLEN;
		const uint64_t *here = (const void *)&ip->daddr, *there = (const void *)&ip->saddr;

		*ret = (struct origin){.words = {here[0], here[1], there[0], there[1]},
				       .n_words = 4};
	} else {
		const struct iphdr *ip = v->data + ETH_HLEN;

		*ret = (struct origin){.words = {(uint64_t)ip->daddr << 32 | ip->saddr},
				       .n_words = 1};
	}
}

/** The same rules as the SYN rows' match(): probe/scan_tcp.c. @p ports: local, remote. @return the
 * attempt and one, or 0. */
__noinline int has_cookie(const struct origin *o, uint32_t m, uint64_t ports, uint32_t echoed,
			  uint32_t is_reset)
{
	if (!o || m >= XDP_MEMBERS_MAX)
		return 0;
	for (uint32_t i = 0; i < XDP_ROWS_MAX; i++) {
		if (i >= members[m].n_rows)
			break;
		uint64_t head = ports << 32 | (uint64_t)IPPROTO_TCP << 8 | members[m].rows[i];
		uint32_t diff = echoed - tag_of(o, m, head);

		if (!is_reset && (--diff & 1))
			continue;
		if (diff < COOKIE_SPAN)
			return 1 + (int)(diff >> 1);
	}
	return 0;
}

/** @return the attempt that is answered and one; 0: none of ours. */
INLINE int proven_attempt(const struct view *v, uint32_t m, const struct tcphdr *t)
{
	uint64_t ports = (uint64_t)bpf_ntohs(t->dest) << 16 | bpf_ntohs(t->source);
	struct origin o;

	origin_of(v, &o);
	return has_cookie(&o, m, ports, bpf_ntohl(t->ack_seq), t->rst);
}

INLINE void swap_macs(struct ethhdr *e)
{
	uint8_t mac[ETH_ALEN];

	__builtin_memcpy(mac, e->h_dest, ETH_ALEN);
	__builtin_memcpy(e->h_dest, e->h_source, ETH_ALEN);
	__builtin_memcpy(e->h_source, mac, ETH_ALEN);
}

/** Sum of the pseudo header with addresses swapped in place. */
INLINE uint64_t turn_v4(struct iphdr *ip)
{
	uint32_t a = ip->saddr;
	uint64_t s = 0;
	const uint32_t *w = (const void *)ip;

	ip->saddr = ip->daddr;
	ip->daddr = a;
	ip->tos = 0;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(struct tcphdr));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->check = 0;
	for (int i = 0; i < 5; i++)
		s += w[i];
	ip->check = csum_fold(s);
	return (uint64_t)ip->saddr + ip->daddr;
}

INLINE uint64_t turn_v6(struct ipv6hdr *ip)
{
	struct in6_addr a = ip->saddr;
	uint64_t s = 0;
	const uint32_t *w = (const void *)&ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = a;
	ip->payload_len = bpf_htons(sizeof(struct tcphdr));
	ip->hop_limit = 64;
	for (int i = 0; i < 8; i++)
		s += w[i];
	return s;
}

/** Turn a SYN+ACK into the RST that the stack would send for it (RFC 9293 3.5.2) and send it back.
 */
INLINE int answer_reset(struct view *v)
{
	struct tcphdr *t = v->l4;
	uint16_t port = t->source;
	uint32_t *w = (void *)t;
	uint64_t s = v->is_v6 ? turn_v6(v->data + ETH_HLEN) : turn_v4(v->data + ETH_HLEN);
	int want = ETH_HLEN + (v->is_v6 ? (int)sizeof(struct ipv6hdr) : (int)sizeof(struct iphdr)) +
		   (int)sizeof(*t);

	swap_macs(v->data);
	t->source = t->dest;
	t->dest = port;
	t->seq = t->ack_seq;
	t->ack_seq = 0;
	w[3] = bpf_htonl(5u << 28 | 4u << 16); /* five words, RST, no window */
	w[4] = 0;
	s += bpf_htonl(IPPROTO_TCP) + (uint64_t)bpf_htonl(sizeof(*t));
	for (int i = 0; i < 5; i++)
		s += w[i];
	t->check = csum_fold(s);
	uint64_t have = v->ctx->data_end - v->ctx->data;
	BOUND_AGAIN(have);
	if (bpf_xdp_adjust_tail(v->ctx, want - (int)have))
		return XDP_DROP;
	/* not XDP_TX: a veth leaves such frames lying when its other end has no program */
	return (int)bpf_redirect(v->ctx->ingress_ifindex, 0);
}

/** Does the segment stand whole in the frame, as decode() asks? */
INLINE int is_whole(const struct view *v, const struct tcphdr *t)
{
	if ((const void *)(t + 1) > v->end)
		return 0;
	uint32_t hdr_len = t->doff * 4u;
	return hdr_len >= sizeof(*t) && hdr_len <= v->l4_len && v->l4 + hdr_len <= v->end;
}

/** The worker gets it and the stack does not, unless it has to answer. */
INLINE int take_proven(struct view *v, uint32_t m, int is_reset)
{
	record_head(v->ctx, m);
	if (is_reset) {
		count(m, XDP_N_DROPPED);
		return XDP_DROP;
	}
	if (members[m].may_answer && v->is_plain) {
		count(m, XDP_N_RESETS);
		return answer_reset(v);
	}
	count(m, XDP_N_PASSED);
	return XDP_PASS;
}

/** @param proven the attempt and one. @return whether a word says all there is to say. */
INLINE int take_sweep(struct view *v, uint32_t m, int proven)
{
	const struct tcphdr *t = v->l4;

	return plan.n_ports && proven == 1 && t->rst && !v->is_v6 && v->is_plain &&
	       sweep_receive(v->data + ETH_HLEN, t, m);
}

INLINE int receive_tcp(struct view *v)
{
	struct tcphdr *t = v->l4;

	if ((void *)(t + 1) > v->end || !is_whole(v, t))
		return XDP_PASS;
	uint32_t m = member_of_port(bpf_ntohs(t->dest));
	if (m >= XDP_MEMBERS_MAX || !members[m].wants_tcp)
		return XDP_PASS;
	if (members[m].n_rows && !t->rst && !t->syn)
		return XDP_PASS;
	/* without an acknowledgement it proves nothing: the worker knows what to make of it */
	if (!members[m].n_rows || !t->ack)
		return record_and_pass(v, m);
	int proven = proven_attempt(v, m, t);
	if (proven)
		return take_sweep(v, m, proven) ? XDP_DROP : take_proven(v, m, t->rst);
	if (members[m].has_other_rows)
		return record_and_pass(v, m);
	count(m, XDP_N_FORGED);
	return XDP_PASS;
}

/** Datagrams and SCTP: no field for a tag, or one that only the row knows. */
INLINE int receive_ports(struct view *v)
{
	const uint16_t *ports = v->l4;

	if ((void *)(ports + 2) > v->end)
		return XDP_PASS;
	uint32_t m = member_of_port(bpf_ntohs(ports[1]));
	if (m >= XDP_MEMBERS_MAX)
		return XDP_PASS;
	int is_wanted = v->proto == IPPROTO_UDP ? members[m].wants_udp : members[m].wants_sctp;
	return is_wanted ? record_and_pass(v, m) : XDP_PASS;
}

INLINE int receive_icmp(struct view *v)
{
	const uint8_t *type = v->l4;

	if ((void *)(type + 1) > v->end)
		return XDP_PASS;
	int is_answer = v->is_v6 ? (*type >= 1 && *type <= 4) || *type == 129 || *type == 136
				 : *type < 32 && (ICMP4_ANSWERS >> *type & 1);
	return is_answer ? record_for_all(v, 0) : XDP_PASS;
}

INLINE int parse_v4(struct view *v)
{
	const struct iphdr *ip = v->data + ETH_HLEN;

	if ((const void *)(ip + 1) > v->end || ip->version != 4 || ip->ihl < 5 ||
	    (ip->frag_off & bpf_htons(0x1fff)))
		return 0;
	uint32_t hdr_len = ip->ihl * 4u, claim = bpf_ntohs(ip->tot_len);
	if (claim < hdr_len)
		return 0;
	v->l4 = v->data + ETH_HLEN + hdr_len;
	v->l4_len = claim - hdr_len;
	v->proto = ip->protocol;
	v->is_plain = ip->ihl == 5;
	return 1;
}

INLINE int parse_v6(struct view *v)
{
	const struct ipv6hdr *ip = v->data + ETH_HLEN;

	if ((const void *)(ip + 1) > v->end || ip->version != 6)
		return 0;
	v->l4 = (void *)(ip + 1);
	v->l4_len = bpf_ntohs(ip->payload_len);
	v->proto = ip->nexthdr;
	v->is_v6 = v->is_plain = 1;
	return 1;
}

INLINE int receive(struct xdp_md *ctx)
{
	struct view v = {
		.ctx = ctx, .data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end};
	const struct ethhdr *e = v.data;

	if ((const void *)(e + 1) > v.end)
		return XDP_PASS;
	if (e->h_proto == bpf_htons(ETH_P_ARP))
		return record_for_all(&v, 1);
	if (!(e->h_proto == bpf_htons(ETH_P_IP)     ? parse_v4(&v)
	      : e->h_proto == bpf_htons(ETH_P_IPV6) ? parse_v6(&v)
						    : 0))
		return XDP_PASS;
	switch (v.proto) {
	case IPPROTO_TCP:
		return receive_tcp(&v);
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return receive_ports(&v);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return receive_icmp(&v);
	default:
		return XDP_PASS;
	}
}
