/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frame in, answer out, in place: sim_read() takes a probe apart, sim_judge() says what the host
 * does, sim_patch() turns the frame into the answer, which is never longer. The XDP program and the
 * daemon run the same three; only loss, limits, delays and ICMP errors are done around them.
 *
 * Every access is checked against the end of the frame, as the kernel's verifier wants to see it.
 * Sources: RFC 9293 3.10.7 (answers of TCP by state), RFC 792, RFC 4443, RFC 768.
 */
#pragma once

#include "behaviour.h"

enum { SIM_FIN = 1, SIM_SYN = 2, SIM_RST = 4, SIM_PSH = 8, SIM_ACK = 16, SIM_URG = 32 };
enum { SIM_ICMP4 = 1, SIM_TCP = 6, SIM_UDP = 17, SIM_ICMP6 = 58, SIM_SCTP = 132 };

/* Longest TCP segment, datagram or ICMP message that the kernel's half reads; whole words only. */
#define SIM_L4_FAST_MAX 64u

/* What is counted. Probes first, then answers, then what became of them. */
/* clang-format off */
#define SIM_COUNTERS(X) \
	X(syn) X(ack) X(fin) X(null) X(xmas) X(tcp_other) X(rst) X(established) X(udp) \
	X(echo) X(timestamp) X(icmp_other) X(sctp) X(arp) X(nd) X(outside) X(other) \
	X(bad_ip_sum) X(bad_l4_sum) X(answer_synack) X(answer_rst) X(answer_ack) \
	X(answer_udp) X(answer_echo) X(answer_timestamp) X(answer_icmp_error) X(answer_sctp) \
	X(answer_link) X(silent) X(lost_in) X(lost_out) X(rst_limited) X(icmp_limited) \
	X(passed_up) X(copies) X(forged) X(late) X(unsent)
/* clang-format on */

enum sim_counter {
#define X(name) SIM_N_##name,
	SIM_COUNTERS(X)
#undef X
		SIM_COUNTER_N
};

struct sim_counters {
	uint64_t n[SIM_COUNTER_N];
};

/** A probe; numbers in host order, addresses as two words (IPv4 as ::ffff:a.b.c.d). */
struct sim_probe {
	uint64_t dst_hi, dst_lo;
	uint32_t addr_sum; /* of both addresses, as the checksum adds big-endian words */
	uint32_t seq, ack;
	uint16_t sport, dport, l4_len;
	uint8_t is_v6, proto, flags, header_len; /* of TCP */
	uint8_t kind;                            /* SIM_N_syn ... */
};

enum sim_action {
	SIM_SILENT,
	SIM_ANSWER_TCP,
	SIM_ANSWER_UDP,
	SIM_ANSWER_ECHO,
	SIM_ANSWER_TIMESTAMP,
	SIM_ANSWER_ICMP_ERROR,
	SIM_ANSWER_SCTP
};

struct sim_verdict {
	uint64_t host, port; /* hashes; port 0 where there is none */
	uint32_t seq, ack;
	uint16_t window;
	uint8_t action, flags, ttl, state;
	uint8_t is_slow, is_rst_limited, is_icmp_limited, is_established;
	uint8_t code; /* of the ICMP error */
};

/* Results of sim_read() besides 0. */
enum { SIM_READ_OTHER = -1, SIM_READ_LONG = -2, SIM_READ_IP_SUM = -3, SIM_READ_L4_SUM = -4 };

#ifdef __bpf__
#define SIM_LD16(p) (*(const uint16_t *)(p))
#define SIM_LD32(p) (*(const uint32_t *)(p))
#define SIM_ST16(p, v)                                                                             \
	do {                                                                                       \
		*(uint16_t *)(p) = (v);                                                            \
	} while (0)
#define SIM_ST32(p, v)                                                                             \
	do {                                                                                       \
		*(uint32_t *)(p) = (v);                                                            \
	} while (0)
#else
SIM_INLINE uint16_t SIM_LD16(const void *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

SIM_INLINE uint32_t SIM_LD32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

SIM_INLINE void SIM_ST16(void *p, uint16_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

SIM_INLINE void SIM_ST32(void *p, uint32_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}
#endif

#define SIM_BE16(v) __builtin_bswap16(v)
#define SIM_BE32(v) __builtin_bswap32(v)

SIM_INLINE uint16_t sim_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

#ifdef __bpf__
/** Sum of a segment of at most SIM_L4_FAST_MAX bytes, as it lies in memory. @return -1 when cut */
SIM_INLINE int64_t sim_sum(const uint8_t *p, const uint8_t *end, uint32_t len)
{
	uint64_t sum = 0;

	if (len & 3)
		return -1;
	for (uint32_t i = 0; i < SIM_L4_FAST_MAX && i < len; i += 4, p += 4) {
		/* Or clang turns the checks round, into arithmetic on the end, which is refused. */
		__asm__ volatile("" : "+r"(p), "+r"(i));
		if (p + 4 > end)
			return -1;
		sum += SIM_LD32(p);
	}
	return (int64_t)sum;
}
#else
/** The same for any length. */
SIM_INLINE int64_t sim_sum(const uint8_t *p, const uint8_t *end, uint32_t len)
{
	uint64_t sum = 0;

	if (len > (uint64_t)(end - p))
		return -1;
	for (; len >= 2; len -= 2, p += 2)
		sum += SIM_LD16(p);
	return (int64_t)(sum + (len ? *p : 0));
}
#endif

SIM_INLINE int sim_read_ip4(const uint8_t *n, const uint8_t *end, struct sim_probe *ret)
{
	uint64_t sum = 0;

	if (n + 20 > end)
		return SIM_READ_OTHER;
	if (n[0] != 0x45 || (SIM_LD16(n + 6) & SIM_BE16((uint16_t)0x3fff)))
		return SIM_READ_OTHER;
	for (int i = 0; i < 20; i += 4)
		sum += SIM_LD32(n + i);
	if (sim_fold(sum) != 0xffff)
		return SIM_READ_IP_SUM;
	ret->dst_hi = 0;
	ret->dst_lo = 0xffff00000000ull | SIM_BE32(SIM_LD32(n + 16));
	sum = (uint64_t)SIM_LD32(n + 12) + SIM_LD32(n + 16);
	ret->addr_sum = SIM_BE16(sim_fold(sum));
	ret->proto = n[9];
	ret->l4_len = (uint16_t)(SIM_BE16(SIM_LD16(n + 2)) - 20);
	return 0;
}

SIM_INLINE int sim_read_ip6(const uint8_t *n, const uint8_t *end, struct sim_probe *ret)
{
	uint64_t sum = 0;

	if (n + 40 > end)
		return SIM_READ_OTHER;
	if (n[0] >> 4 != 6)
		return SIM_READ_OTHER;
	for (int i = 8; i < 40; i += 4)
		sum += SIM_LD32(n + i);
	ret->addr_sum = SIM_BE16(sim_fold(sum));
	ret->dst_hi = (uint64_t)SIM_BE32(SIM_LD32(n + 24)) << 32 | SIM_BE32(SIM_LD32(n + 28));
	ret->dst_lo = (uint64_t)SIM_BE32(SIM_LD32(n + 32)) << 32 | SIM_BE32(SIM_LD32(n + 36));
	ret->proto = n[6];
	ret->l4_len = SIM_BE16(SIM_LD16(n + 4));
	return 0;
}

SIM_INLINE uint8_t sim_tcp_kind(uint32_t flags)
{
	if (flags & SIM_RST)
		return SIM_N_rst;
	switch (flags & 0x3f) {
	case SIM_SYN:
		return SIM_N_syn;
	case SIM_ACK:
		return SIM_N_ack;
	case SIM_FIN:
		return SIM_N_fin;
	case 0:
		return SIM_N_null;
	case SIM_FIN | SIM_PSH | SIM_URG:
		return SIM_N_xmas;
	default:
		return SIM_N_tcp_other;
	}
}

/** Ports, flags and kind of the layer above IP; its checksum was verified. */
SIM_INLINE int sim_read_l4(const uint8_t *p, const uint8_t *end, struct sim_probe *ret)
{
	if (p + 8 > end || ret->l4_len < 8)
		return SIM_READ_OTHER;
	ret->sport = SIM_BE16(SIM_LD16(p));
	ret->dport = SIM_BE16(SIM_LD16(p + 2));
	switch (ret->proto) {
	case SIM_TCP:
		if (p + 20 > end || ret->l4_len < 20)
			return SIM_READ_OTHER;
		ret->header_len = (uint8_t)(p[12] >> 4 << 2);
		if (ret->header_len < 20 || ret->header_len > ret->l4_len)
			return SIM_READ_OTHER;
		ret->seq = SIM_BE32(SIM_LD32(p + 4));
		ret->ack = SIM_BE32(SIM_LD32(p + 8));
		ret->flags = p[13];
		ret->kind = sim_tcp_kind(p[13]);
		return 0;
	case SIM_UDP:
		ret->kind = SIM_N_udp;
		return SIM_BE16(SIM_LD16(p + 4)) == ret->l4_len ? 0 : SIM_READ_OTHER;
	case SIM_SCTP:
		ret->kind = SIM_N_sctp;
		return 0;
	default: /* ICMP has no ports */
		ret->sport = ret->dport = 0;
		ret->kind = p[0] == (ret->is_v6 ? 128 : 8)   ? SIM_N_echo
			    : p[0] == 13 && !ret->is_v6      ? SIM_N_timestamp
			    : ret->is_v6 && p[0] - 133u < 5u ? SIM_N_nd
							     : SIM_N_icmp_other;
		return 0;
	}
}

/**
 * Take a frame apart and verify its checksums.
 * @return 0; SIM_READ_OTHER: nothing this network understands; SIM_READ_LONG: more than the
 * kernel's half reads (never in user space); SIM_READ_IP_SUM, SIM_READ_L4_SUM: damaged.
 */
SIM_INLINE int sim_read(const uint8_t *frame, const uint8_t *end, struct sim_probe *ret)
{
	const uint8_t *l4;
	int64_t sum;
	int err;

	if (frame + 34 > end)
		return SIM_READ_OTHER;
	if (SIM_LD16(frame + 12) == SIM_BE16((uint16_t)0x0800)) {
		ret->is_v6 = 0;
		err = sim_read_ip4(frame + 14, end, ret);
		l4 = frame + 34;
	} else if (SIM_LD16(frame + 12) == SIM_BE16((uint16_t)0x86dd)) {
		ret->is_v6 = 1;
		err = sim_read_ip6(frame + 14, end, ret);
		l4 = frame + 54;
	} else {
		return SIM_READ_OTHER;
	}
	if (err)
		return err;
	if (ret->proto != SIM_TCP && ret->proto != SIM_UDP && ret->proto != SIM_SCTP &&
	    ret->proto != (ret->is_v6 ? SIM_ICMP6 : SIM_ICMP4))
		return SIM_READ_OTHER;
#ifdef __bpf__
	if (ret->l4_len > SIM_L4_FAST_MAX || (ret->l4_len & 3) || ret->proto == SIM_SCTP)
		return SIM_READ_LONG;
#endif
	sum = sim_sum(l4, end, ret->l4_len);
	if (sum < 0)
		return SIM_READ_OTHER;
	err = sim_read_l4(l4, end, ret);
	if (err || ret->proto == SIM_SCTP) /* its CRC is user space's business */
		return err;
	if (ret->proto != SIM_ICMP4)
		sum += SIM_BE16((uint16_t)ret->addr_sum) + (uint64_t)SIM_BE16(ret->l4_len) +
		       ((uint64_t)ret->proto << 8);
	if (sim_fold((uint64_t)sum) != 0xffff &&
	    !(ret->proto == SIM_UDP && !ret->is_v6 && l4 + 8 <= end && SIM_LD16(l4 + 6) == 0))
		return SIM_READ_L4_SUM;
	return 0;
}

/** Is it a question, rather than a sign of a connection that was offered? */
SIM_INLINE uint32_t sim_is_probe(const struct sim_probe *p, const struct sim_verdict *v)
{
	return !v->is_established && p->kind <= SIM_N_sctp && p->kind != SIM_N_rst;
}

SIM_INLINE void sim_tcp_segment(struct sim_verdict *v, uint32_t seq, uint32_t ack, uint32_t flags)
{
	v->action = SIM_ANSWER_TCP;
	v->seq = seq;
	v->ack = ack;
	v->flags = (uint8_t)flags;
}

/** A segment that acknowledges our SYN+ACK (@p v->seq is its number): the connection is made. */
SIM_INLINE void sim_judge_established(const struct sim_host *h, const struct sim_probe *p,
				      struct sim_verdict *v)
{
	uint32_t len = (uint32_t)p->l4_len - p->header_len;
	uint32_t is_fin = p->flags & SIM_FIN;

	if (h->is_syn_proxy) { /* it finds nobody behind itself */
		if (sim_draw(v->host, SIM_ASK_PROXY) & 1)
			sim_tcp_segment(v, p->ack, 0, SIM_RST);
		return;
	}
	if (p->ack == v->seq + 1 && (len || is_fin))
		sim_tcp_segment(v, p->ack, p->seq + len + !!is_fin, SIM_ACK | is_fin);
}

SIM_INLINE void sim_judge_tcp(const volatile struct sim_conf *c, const struct sim_host *h,
			      const struct sim_probe *p, struct sim_verdict *v)
{
	uint32_t len = (uint32_t)p->l4_len - p->header_len;

	if (p->flags & SIM_RST)
		return;
	if (v->state == SIM_STATE_OPEN) {
		uint32_t isn = sim_isn(v->port);

		v->seq = isn;
		v->window = sim_has(c, v->host, SIM_ZERO_WINDOW) ? 0
			    : h->is_syn_proxy                    ? 4096
								 : 64240;
		v->is_established = (p->flags & SIM_ACK) && p->ack - isn - 1 <= 1;
		if (v->is_established)
			sim_judge_established(h, p, v);
		else if (h->is_syn_proxy && p->flags != SIM_SYN)
			return;
		else if (p->flags & SIM_ACK) {
			v->window = sim_has(c, v->host, SIM_RST_WINDOW) ? 4128 : 0;
			sim_tcp_segment(v, p->ack, 0, SIM_RST);
		} else if (p->flags & SIM_SYN) {
			sim_tcp_segment(v, isn, p->seq + 1 + len, SIM_SYN | SIM_ACK);
		}
	} else if (p->flags & SIM_ACK) {
		sim_tcp_segment(v, p->ack, 0, SIM_RST);
	} else {
		sim_tcp_segment(v, 0,
				p->seq + len + !!(p->flags & SIM_SYN) + !!(p->flags & SIM_FIN),
				SIM_RST | SIM_ACK);
	}
	v->is_rst_limited = (uint8_t)((v->flags & SIM_RST) && sim_has(c, v->host, SIM_RST_LIMITED));
}

/** What the host does about a probe that arrived. */
SIM_INLINE void sim_judge(const volatile struct sim_conf *c, const struct sim_probe *p,
			  struct sim_verdict *v)
{
	int has_ports = p->proto == SIM_TCP || p->proto == SIM_UDP || p->proto == SIM_SCTP;
	struct sim_host h;

	__builtin_memset(v, 0, sizeof(*v));
	sim_host(c, p->dst_hi, p->dst_lo, &h);
	v->host = h.hash;
	v->ttl = h.ttl;
	if (has_ports)
		v->port = sim_port_hash(h.hash, p->proto, p->dport);
	v->state = (uint8_t)sim_state(c, &h, v->port, p->proto);
	v->is_slow = (uint8_t)sim_is_slow(c, v->host, v->port);
	if (!has_ports) {
		if (h.is_dark)
			v->state = SIM_STATE_REJECTED;
		else if (h.is_up && sim_has(c, v->host, SIM_ECHO))
			v->action = p->kind == SIM_N_echo        ? SIM_ANSWER_ECHO
				    : p->kind == SIM_N_timestamp ? SIM_ANSWER_TIMESTAMP
								 : SIM_SILENT;
		if (!h.is_dark || (p->kind != SIM_N_echo && p->kind != SIM_N_timestamp))
			return;
	}
	if (v->state == SIM_STATE_REJECTED && p->kind != SIM_N_rst) {
		v->action = SIM_ANSWER_ICMP_ERROR;
		v->code = (uint8_t)sim_reject_code(&h, v->port, p->proto, p->is_v6);
	} else if (v->state == SIM_STATE_OPEN || v->state == SIM_STATE_CLOSED) {
		if (p->proto == SIM_TCP)
			sim_judge_tcp(c, &h, p, v);
		else if (p->proto == SIM_SCTP)
			v->action = SIM_ANSWER_SCTP;
		else if (v->state == SIM_STATE_OPEN)
			v->action = SIM_ANSWER_UDP;
		else {
			v->action = SIM_ANSWER_ICMP_ERROR;
			v->code = p->is_v6 ? 4 : 3;
		}
	}
	if (v->action == SIM_ANSWER_ICMP_ERROR)
		v->is_icmp_limited = (uint8_t)sim_has(c, v->host, SIM_ICMP_LIMITED);
}

SIM_INLINE void sim_swap_ethernet(uint8_t *frame)
{
	uint32_t dst_high = SIM_LD32(frame), src_high = SIM_LD32(frame + 6);
	uint16_t dst_low = SIM_LD16(frame + 4), src_low = SIM_LD16(frame + 10);

	SIM_ST32(frame, src_high);
	SIM_ST16(frame + 4, src_low);
	SIM_ST32(frame + 6, dst_high);
	SIM_ST16(frame + 10, dst_low);
}

/** Turn the IP header at @p n round for a payload of @p l4_len bytes. @return 0, or -1 when cut. */
SIM_INLINE int sim_patch_ip(uint8_t *n, const uint8_t *end, const struct sim_probe *p,
			    const struct sim_verdict *v, uint32_t l4_len)
{
	uint32_t swapped;

	if (p->is_v6) {
		if (n + 40 > end)
			return -1;
		for (int i = 8; i < 24; i += 4) {
			swapped = SIM_LD32(n + i);
			SIM_ST32(n + i, SIM_LD32(n + 16 + i));
			SIM_ST32(n + 16 + i, swapped);
		}
		SIM_ST16(n + 4, SIM_BE16((uint16_t)l4_len));
		n[7] = v->ttl;
		return 0;
	}
	if (n + 20 > end)
		return -1;
	swapped = SIM_LD32(n + 12);
	SIM_ST32(n + 12, SIM_LD32(n + 16));
	SIM_ST32(n + 16, swapped);
	SIM_ST16(n + 2, SIM_BE16((uint16_t)(20 + l4_len)));
	SIM_ST32(n + 4, SIM_BE32(0x00004000u)); /* identification 0, do not fragment */
	n[8] = v->ttl;
	SIM_ST16(n + 10,
		 SIM_BE16((uint16_t)~sim_fold(0x4500ull + 20 + l4_len + 0x4000 + p->addr_sum +
					      ((uint32_t)v->ttl << 8 | p->proto))));
	return 0;
}

SIM_INLINE int sim_patch_tcp(uint8_t *t, const uint8_t *end, const struct sim_probe *p,
			     const struct sim_verdict *v)
{
	/* An MSS option where the probe leaves room for it. */
	uint32_t len = (v->flags & SIM_SYN) && p->header_len >= 24 ? 24 : 20;
	uint64_t sum = (uint64_t)p->addr_sum + SIM_TCP + len + p->sport + p->dport + v->seq +
		       v->ack + (len << 10 | v->flags) + v->window;

	if (t + len > end)
		return -1;
	SIM_ST16(t, SIM_BE16(p->dport));
	SIM_ST16(t + 2, SIM_BE16(p->sport));
	SIM_ST32(t + 4, SIM_BE32(v->seq));
	SIM_ST32(t + 8, SIM_BE32(v->ack));
	SIM_ST16(t + 12, SIM_BE16((uint16_t)(len << 10 | v->flags)));
	SIM_ST16(t + 14, SIM_BE16(v->window));
	if (len == 24) {
		if (t + 24 > end)
			return -1;
		SIM_ST32(t + 20, SIM_BE32(0x020405b4u));
		sum += 0x020405b4u;
	}
	SIM_ST32(t + 16, SIM_BE32((uint32_t)(uint16_t)~sim_fold(sum) << 16));
	return (int)len;
}

/** Echo and timestamp: the type changes, and the checksum by the difference (RFC 1624). */
SIM_INLINE int sim_patch_icmp(uint8_t *m, const uint8_t *end, const struct sim_probe *p)
{
	uint16_t before, after;
	uint64_t sum;

	if (m + 4 > end)
		return -1;
	before = SIM_LD16(m);
	m[0] = p->is_v6 ? 129 : p->kind == SIM_N_echo ? 0 : 14;
	after = SIM_LD16(m);
	sum = (uint64_t)(uint16_t)~SIM_LD16(m + 2) + (uint16_t)~before + after;
	SIM_ST16(m + 2, (uint16_t)~sim_fold(sum));
	return p->l4_len;
}

/**
 * Turn the frame into the answer: TCP, echo, timestamp, or the datagram sent back.
 * @return its length, at most the probe's; -1 when the frame is cut.
 */
SIM_INLINE int sim_patch(uint8_t *frame, const uint8_t *end, const struct sim_probe *p,
			 const struct sim_verdict *v)
{
	uint8_t *l4 = frame + (p->is_v6 ? 54 : 34);
	int len;

	if (l4 + 8 > end)
		return -1;
	if (v->action == SIM_ANSWER_TCP) {
		len = sim_patch_tcp(l4, end, p, v);
	} else if (v->action == SIM_ANSWER_UDP) {
		SIM_ST16(l4, SIM_BE16(p->dport));
		SIM_ST16(l4 + 2, SIM_BE16(p->sport));
		len = p->l4_len;
	} else {
		len = sim_patch_icmp(l4, end, p);
	}
	if (len < 0)
		return -1;
	sim_swap_ethernet(frame);
	if (sim_patch_ip(frame + 14, end, p, v, (uint32_t)len))
		return -1;
	return (int)(l4 - frame) + len;
}

/** The counter of an answer. */
SIM_INLINE enum sim_counter sim_answer_counter(const struct sim_verdict *v)
{
	switch (v->action) {
	case SIM_ANSWER_TCP:
		return v->flags & SIM_SYN   ? SIM_N_answer_synack
		       : v->flags & SIM_RST ? SIM_N_answer_rst
					    : SIM_N_answer_ack;
	case SIM_ANSWER_UDP:
		return SIM_N_answer_udp;
	case SIM_ANSWER_ECHO:
		return SIM_N_answer_echo;
	case SIM_ANSWER_TIMESTAMP:
		return SIM_N_answer_timestamp;
	case SIM_ANSWER_ICMP_ERROR:
		return SIM_N_answer_icmp_error;
	case SIM_ANSWER_SCTP:
		return SIM_N_answer_sctp;
	default:
		return SIM_N_silent;
	}
}

/** A token bucket as the time at which it would be full again (GCRA). */
struct sim_limit {
	uint64_t key, full_ns;
};

/** May one more leave? Takes the token. Hosts that share a slot share nothing: the last one owns
 * it. */
SIM_INLINE int sim_limit_take(struct sim_limit *l, uint64_t key, uint64_t now_ns, uint64_t gap_ns,
			      uint64_t burst_ns)
{
	uint64_t full_ns = l->key == key && l->full_ns > now_ns ? l->full_ns : now_ns;

	if (full_ns + gap_ns - now_ns > burst_ns)
		return 0;
	l->key = key;
	l->full_ns = full_ns + gap_ns;
	return 1;
}

/** Cell of an endpoint's counter, or -1. @param port_idx place of the port among those counted */
SIM_INLINE int64_t sim_cell(const volatile struct sim_conf *c, const struct sim_probe *p,
			    uint32_t port_idx)
{
	uint64_t host = p->dst_lo - c->counted.lo;

	if (p->dst_hi != c->counted.hi || p->dst_lo < c->counted.lo || host >= c->counted.n_hosts ||
	    port_idx >= c->counted.n_ports)
		return -1;
	return (int64_t)(host * c->counted.n_ports + port_idx);
}
