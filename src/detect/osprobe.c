/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packets of an OS test, and what is kept of their answers. Each probe is a row: port, flags,
 * window, options. An answer is known by the port or echo ID it comes back to, and by its sender.
 * Source: nmap's book, "Probes Sent".
 */
#include "detect/osprobe.h"

#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

enum {
	U1_IP_ID = 0x1042,
	U1_TEXT_LEN = 300,
	U1_TEXT = 'C',
	IE1_CODE = 9,
	IE1_SEQ = 295,
	IE1_LEN = 120,
	IE2_TOS = 4,
	IE2_LEN = 150,
	ECN_URGENT = 0xf7f5,
	ECN_RESERVED = 8,
};

static const uint8_t opts_seq1[] = {3,   3,   10,  1,   2, 4, 5, 0xb4, 8, 10,
				    255, 255, 255, 255, 0, 0, 0, 0,    4, 2};
static const uint8_t opts_seq2[] = {2,  4,   5,   0x78, 3,   3, 0, 4, 2, 8,
				    10, 255, 255, 255,  255, 0, 0, 0, 0, 0};
static const uint8_t opts_seq3[] = {8, 10, 255, 255, 255, 255, 0, 0, 0, 0,
				    1, 1,  3,   3,   5,   1,   2, 4, 2, 0x80};
static const uint8_t opts_seq4[] = {4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 3, 3, 10, 0};
static const uint8_t opts_seq5[] = {2,   4,   2, 24, 4, 2, 8, 10, 255, 255,
				    255, 255, 0, 0,  0, 0, 3, 3,  10,  0};
static const uint8_t opts_seq6[] = {2, 4, 1, 9, 4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0};
static const uint8_t opts_ecn[] = {3, 3, 10, 1, 2, 4, 5, 0xb4, 4, 2, 1, 1};
static const uint8_t opts_late[] = {3,   3,   10,  1,   2, 4, 1, 9, 8, 10,
				    255, 255, 255, 255, 0, 0, 0, 0, 4, 2};
static const uint8_t opts_t7[] = {3,   3,   15,  1,   2, 4, 1, 9, 8, 10,
				  255, 255, 255, 255, 0, 0, 0, 0, 4, 2};

#define OPTS(a)   .opts = (a), .opts_len = sizeof(a)
#define TCP_NASTY (TCP_FIN | TCP_SYN | TCP_PSH | TCP_URG)
#define TCP_XMAS  (TCP_FIN | TCP_PSH | TCP_URG)

/** One TCP probe. */
static const struct tcp_probe {
	uint8_t flags;
	uint16_t window;
	bool has_df, is_to_closed;
	const uint8_t *opts;
	uint8_t opts_len;
} tcp_probes[OS_PROBE_N] = {
	[OS_PROBE_SEQ1] = {TCP_SYN, 1, OPTS(opts_seq1)},
	[OS_PROBE_SEQ1 + 1] = {TCP_SYN, 63, OPTS(opts_seq2)},
	[OS_PROBE_SEQ1 + 2] = {TCP_SYN, 4, OPTS(opts_seq3)},
	[OS_PROBE_SEQ1 + 3] = {TCP_SYN, 4, OPTS(opts_seq4)},
	[OS_PROBE_SEQ1 + 4] = {TCP_SYN, 16, OPTS(opts_seq5)},
	[OS_PROBE_SEQ6] = {TCP_SYN, 512, OPTS(opts_seq6)},
	[OS_PROBE_ECN] = {TCP_SYN | TCP_ECE | TCP_CWR, 3, OPTS(opts_ecn)},
	[OS_PROBE_T2] = {0, 128, .has_df = true, OPTS(opts_late)},
	[OS_PROBE_T3] = {TCP_NASTY, 256, OPTS(opts_late)},
	[OS_PROBE_T4] = {TCP_ACK, 1024, .has_df = true, OPTS(opts_late)},
	[OS_PROBE_T5] = {TCP_SYN, 31337, .is_to_closed = true, OPTS(opts_late)},
	[OS_PROBE_T6] = {TCP_ACK, 32768, .has_df = true, .is_to_closed = true, OPTS(opts_late)},
	[OS_PROBE_T7] = {TCP_XMAS, 65535, .is_to_closed = true, OPTS(opts_t7)},
};

bool os_probe_is_possible(const struct os_conf *c, enum os_probe probe)
{
	if (probe == OS_PROBE_IE1 || probe == OS_PROBE_IE2)
		return true;
	if (probe == OS_PROBE_U1)
		return c->closed_udp != 0;
	return (tcp_probes[probe].is_to_closed ? c->closed_tcp : c->open_tcp) != 0;
}

/* --- out ------------------------------------------------------------------------------- */

static void put_tcp(const struct os_conf *c, enum os_probe probe, struct wcursor *w)
{
	const struct tcp_probe *t = &tcp_probes[probe];
	uint16_t len = (uint16_t)(TCP_HDR_LEN + t->opts_len);
	bool is_ecn = probe == OS_PROBE_ECN;
	uint8_t *p = wcursor_make(w, len);

	if (!p)
		return;
	put_be16(p, (uint16_t)(c->sport + probe));
	put_be16(p + 2, t->is_to_closed ? c->closed_tcp : c->open_tcp);
	put_be32(p + 4, c->seq + (probe <= OS_PROBE_SEQ6 ? (uint32_t)probe : 0));
	put_be32(p + 8, is_ecn ? 0 : c->ack);
	p[12] = (uint8_t)((len / 4) << 4 | (is_ecn ? ECN_RESERVED : 0));
	p[13] = t->flags;
	put_be16(p + 14, t->window);
	put_be16(p + 16, 0);
	put_be16(p + 18, is_ecn ? ECN_URGENT : 0);
	memcpy(p + TCP_HDR_LEN, t->opts, t->opts_len);
	uint16_t sum = csum_finish(csum_add(csum_pseudo(&c->src, &c->dst, PROTO_TCP, len), p, len));
	memcpy(p + 16, &sum, sizeof(sum));
}

static void put_udp(const struct os_conf *c, struct os_answers *a, struct wcursor *w)
{
	uint8_t text[U1_TEXT_LEN];
	size_t at = w->pos;

	memset(text, U1_TEXT, sizeof(text));
	udp_encode(w, (uint16_t)(c->sport + OS_PROBE_U1), c->closed_udp,
		   (struct bytes){text, sizeof(text)}, &c->src, &c->dst);
	if (!w->failed)
		a->udp_csum = get_be16(w->p + at + 6);
}

size_t os_probe_encode(const struct os_conf *c, enum os_probe probe, uint16_t ip_id,
		       struct os_answers *a, uint8_t *p, size_t cap)
{
	struct wcursor w = wcursor_of(p, cap);
	struct ipv4_conf ip = {.src = c->src, .dst = c->dst, .id = ip_id, .ttl = c->ttl};

	switch (probe) {
	case OS_PROBE_IE1:
	case OS_PROBE_IE2:
		ip.proto = PROTO_ICMP;
		ip.dont_fragment = probe == OS_PROBE_IE1;
		ip.tos = probe == OS_PROBE_IE1 ? 0 : IE2_TOS;
		ip.payload_len = ICMP_HDR_LEN + (probe == OS_PROBE_IE1 ? IE1_LEN : IE2_LEN);
		ipv4_encode(&w, &ip);
		icmp4_encode(&w, ICMP4_ECHO, probe == OS_PROBE_IE1 ? IE1_CODE : 0,
			     (uint16_t)(c->icmp_id + (probe - OS_PROBE_IE1)),
			     (uint16_t)(IE1_SEQ + (probe - OS_PROBE_IE1)),
			     ip.payload_len - ICMP_HDR_LEN);
		break;
	case OS_PROBE_U1:
		ip.proto = PROTO_UDP;
		ip.id = U1_IP_ID;
		ip.payload_len = UDP_HDR_LEN + U1_TEXT_LEN;
		ipv4_encode(&w, &ip);
		put_udp(c, a, &w);
		break;
	default:
		ip.proto = PROTO_TCP;
		ip.dont_fragment = tcp_probes[probe].has_df;
		ip.payload_len = (uint16_t)(TCP_HDR_LEN + tcp_probes[probe].opts_len);
		ipv4_encode(&w, &ip);
		put_tcp(c, probe, &w);
		break;
	}
	return w.failed ? 0 : w.pos;
}

/* --- in ---------------------------------------------------------------------------------- */

/** CRC-32 (ISO 3309), bit by bit: RSTs with a text are rare. */
static uint32_t crc32(struct bytes b)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < b.len; i++) {
		crc ^= b.p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static int read_tcp(const struct os_conf *c, struct bytes l4, struct os_answer *ret)
{
	struct cursor r = cursor_of(l4.p, l4.len);
	uint16_t from = cursor_u16(&r), to = cursor_u16(&r);
	uint16_t probe = (uint16_t)(to - c->sport);

	ret->seq = cursor_u32(&r);
	ret->ack = cursor_u32(&r);
	uint8_t len = cursor_u8(&r);
	ret->flags = cursor_u8(&r);
	ret->window = cursor_u16(&r);
	cursor_skip(&r, 2);
	ret->urgent = cursor_u16(&r);
	if (r.failed || len >> 4 < 5 || probe >= OS_PROBE_N || !tcp_probes[probe].opts)
		return -1;
	if (from != (tcp_probes[probe].is_to_closed ? c->closed_tcp : c->open_tcp))
		return -1;
	ret->reserved = len & 0x0f;
	ret->opts_len = (uint8_t)((len >> 4) * 4 - TCP_HDR_LEN);
	const uint8_t *opts = cursor_take(&r, ret->opts_len);
	if (!opts)
		return -1;
	memcpy(ret->opts, opts, ret->opts_len);
	struct bytes text = {r.p + r.pos, cursor_left(&r)};
	ret->rst_crc = ret->flags & TCP_RST && text.len ? crc32(text) : 0;
	return probe;
}

/** The quote of U1 in a port unreachable: what of it came back as it was sent? */
static int read_quote(const struct os_conf *c, struct cursor r, struct os_answer *ret)
{
	const uint8_t *ip = cursor_take(&r, IPV4_HDR_LEN), *udp = cursor_take(&r, UDP_HDR_LEN);

	if (!udp || ip[0] != 0x45 || ip[9] != PROTO_UDP || memcmp(ip + 16, c->dst.b, 4))
		return -1;
	if (get_be16(udp) != c->sport + OS_PROBE_U1 || get_be16(udp + 2) != c->closed_udp)
		return -1;
	ret->q_ip_len = get_be16(ip + 2);
	ret->q_ip_id = get_be16(ip + 4);
	ret->q_ttl = ip[8];
	ret->is_q_ip_csum_zero = get_be16(ip + 10) == 0;
	ret->is_q_ip_csum_good = csum_finish(csum_add(0, ip, IPV4_HDR_LEN)) == 0;
	ret->q_udp_csum = get_be16(udp + 6);
	ret->is_q_text_good = true;
	for (size_t n = cursor_left(&r); n; n--)
		ret->is_q_text_good &= cursor_u8(&r) == U1_TEXT;
	return OS_PROBE_U1;
}

static int read_icmp(const struct os_conf *c, struct bytes l4, struct os_answer *ret)
{
	struct cursor r = cursor_of(l4.p, l4.len);
	uint8_t type = cursor_u8(&r), code = cursor_u8(&r);

	cursor_skip(&r, 2);
	ret->icmp_code = code;
	if (type == ICMP4_UNREACH && code == 3) {
		ret->unused = cursor_u32(&r);
		return r.failed ? -1 : read_quote(c, r, ret);
	}
	uint16_t nth = (uint16_t)(cursor_u16(&r) - c->icmp_id), seq = cursor_u16(&r);
	if (r.failed || type != ICMP4_ECHO_REPLY || nth > 1 || seq != IE1_SEQ + nth)
		return -1;
	return OS_PROBE_IE1 + nth;
}

/** @return false when it is no whole IPv4 packet of the target. */
static bool read_ip(const struct os_conf *c, struct bytes packet, struct os_answer *ret,
		    uint8_t *ret_proto, struct bytes *ret_l4)
{
	const uint8_t *p = packet.p;

	if (packet.len < IPV4_HDR_LEN || p[0] >> 4 != 4)
		return false;
	size_t head = (p[0] & 0x0fu) * 4;
	ret->ip_len = get_be16(p + 2);
	if (head < IPV4_HDR_LEN || head > packet.len || ret->ip_len < head ||
	    memcmp(p + 12, c->dst.b, 4) || get_be16(p + 6) & 0x1fff)
		return false;
	ret->ip_id = get_be16(p + 4);
	ret->has_df = p[6] & 0x40;
	ret->ttl = p[8];
	*ret_proto = p[9];
	*ret_l4 = (struct bytes){p + head, MIN(packet.len, (size_t)ret->ip_len) - head};
	return true;
}

int os_answer_read(const struct os_conf *c, struct bytes packet, struct os_answers *a)
{
	struct os_answer got = {.is_there = true};
	struct bytes l4;
	uint8_t proto;
	int probe = -1;

	if (!read_ip(c, packet, &got, &proto, &l4))
		return -1;
	if (proto == PROTO_TCP)
		probe = read_tcp(c, l4, &got);
	else if (proto == PROTO_ICMP)
		probe = read_icmp(c, l4, &got);
	if (probe < 0 || !a->sent_ns[probe])
		return -1;
	if (!a->of[probe].is_there)
		a->of[probe] = got;
	return probe;
}
