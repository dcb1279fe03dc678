/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One decoded packet as a line for --packet-trace, in the words of nmap's own trace so that
 * scripts and eyes trained on it keep working. Reads the frame only where decode() has found
 * something sound; text that does not fit is cut.
 */
#include "base/cursor.h"
#include "wire/decode.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

#include <stdarg.h>
#include <stdio.h>

/** Invariant: len < cap and out[len] is NUL. */
struct line {
	char *out;
	size_t cap;
	size_t len;
};

static void put(struct line *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void put(struct line *l, const char *fmt, ...)
{
	size_t room = l->cap - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->out + l->len, room, fmt, ap);
	va_end(ap);
	l->len += n < 0 ? 0 : MIN((size_t)n, room - 1);
}

static void put_addr(struct line *l, const struct addr *a)
{
	char text[ADDR_TEXT_CAP];

	put(l, "%s", addr_format_bare(a, text));
}

/* Without brackets around IPv6, as nmap: the port is what follows the last colon. */
static void put_ends(struct line *l, const struct pkt *p)
{
	put_addr(l, &p->src);
	put(l, p->l4_valid ? ":%u > " : ":?? > ", p->sport);
	put_addr(l, &p->dst);
	put(l, p->l4_valid ? ":%u" : ":??", p->dport);
}

static void put_ip(struct line *l, const uint8_t *ip, const struct pkt *p)
{
	uint16_t frag;

	if (p->family == ADDR_V6) {
		put(l, "hopl=%u flow=%x payloadlen=%u", p->ttl, get_be32(ip) & 0xfffff,
		    get_be16(ip + 4));
		put(l, "%s", p->is_fragment ? " frag" : "");
		return;
	}
	put(l, "ttl=%u id=%u iplen=%u", p->ttl, p->ip_id, get_be16(ip + 2));
	frag = get_be16(ip + 6);
	if (frag & 0x3fff)
		put(l, " frag offset=%u%s", (frag & 0x1fffu) * 8, frag & 0x2000 ? "+" : "");
}

static void put_tcp_flags(struct line *l, uint8_t flags)
{
	static const struct {
		uint8_t bit;
		char letter;
	} order[] = {
		{TCP_SYN, 'S'}, {TCP_FIN, 'F'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'},
		{TCP_ACK, 'A'}, {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'C'},
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (flags & order[i].bit)
			put(l, "%c", order[i].letter);
	}
}

/* One option of a sound length, kind and length byte included. */
static void put_option(struct line *l, const uint8_t *p, size_t len)
{
	static const char *const names[] = {[0] = "eol", [1] = "nop", [4] = "sackOK"};

	if (p[0] == 2 && len == 4)
		put(l, "mss %u", get_be16(p + 2));
	else if (p[0] == 3 && len == 3)
		put(l, "wscale %u", p[2]);
	else if (p[0] == 8 && len == 10)
		put(l, "timestamp %u %u", get_be32(p + 2), get_be32(p + 6));
	else if (p[0] < ARRAY_LEN(names) && names[p[0]])
		put(l, "%s", names[p[0]]);
	else
		put(l, "opt-%u", p[0]);
}

static void put_tcp_options(struct line *l, const uint8_t *p, size_t len)
{
	put(l, " <");
	for (size_t i = 0, n = 1; i < len; i += n) {
		n = p[i] < 2 ? 1 : len - i < 2 ? 0 : p[i + 1];
		put(l, "%s", i ? "," : "");
		if (!n || n > len - i || (p[i] >= 2 && n < 2)) {
			put(l, "bad opt");
			break;
		}
		put_option(l, p + i, n);
		if (p[i] == 0)
			break;
	}
	put(l, ">");
}

static void put_tcp(struct line *l, const uint8_t *frame, const struct pkt *p)
{
	const uint8_t *ip = frame + p->l3_off;

	put(l, "TCP ");
	put_ends(l, p);
	put(l, " ");
	if (!p->l4_valid) {
		put(l, "?? ");
		put_ip(l, ip, p);
		put(l, " (incomplete)");
		return;
	}
	put_tcp_flags(l, p->tcp_flags);
	put(l, " ");
	put_ip(l, ip, p);
	put(l, p->family == ADDR_V4 ? "  seq=%u win=%u" : " seq=%u win=%u", p->seq, p->window);
	if (p->tcp_hdr_len > TCP_HDR_LEN)
		put_tcp_options(l, frame + p->l4_off + TCP_HDR_LEN,
				p->tcp_hdr_len - (size_t)TCP_HDR_LEN);
}

static void put_datagram(struct line *l, const char *name, const uint8_t *frame,
			 const struct pkt *p)
{
	put(l, "%s ", name);
	put_ends(l, p);
	put(l, " ");
	put_ip(l, frame + p->l3_off, p);
	put(l, "%s", p->l4_valid ? "" : " (incomplete)");
}

struct icmp_name {
	uint8_t type;
	int16_t code; /* -1: any */
	const char *text;
};

static const struct icmp_name icmp4_names[] = {
	{ICMP4_ECHO_REPLY, -1, "Echo reply"},
	{ICMP4_UNREACH, 0, "Network unreachable"},
	{ICMP4_UNREACH, 1, "Host unreachable"},
	{ICMP4_UNREACH, 2, "Protocol unreachable"},
	{ICMP4_UNREACH, 3, "Port unreachable"},
	{ICMP4_UNREACH, 4, "Fragmentation required"},
	{ICMP4_UNREACH, 9, "Network administratively prohibited"},
	{ICMP4_UNREACH, 10, "Host administratively prohibited"},
	{ICMP4_UNREACH, 13, "Communication administratively prohibited by filtering"},
	{ICMP4_UNREACH, -1, "Destination unreachable"},
	{ICMP4_QUENCH, -1, "Source quench"},
	{5, -1, "Redirect"},
	{ICMP4_ECHO, -1, "Echo request"},
	{ICMP4_TIME_EXCEEDED, 0, "TTL=0 during transit"},
	{ICMP4_TIME_EXCEEDED, -1, "TTL=0 during reassembly"},
	{ICMP4_PARAM_PROBLEM, -1, "Parameter problem"},
	{ICMP4_TIMESTAMP, -1, "Timestamp request"},
	{ICMP4_TIMESTAMP_REPLY, -1, "Timestamp reply"},
	{ICMP4_MASK, -1, "Address mask request"},
	{ICMP4_MASK_REPLY, -1, "Address mask reply"},
	{0, 0, NULL},
};

static const struct icmp_name icmp6_names[] = {
	{ICMP6_UNREACH, 0, "No route to destination"},
	{ICMP6_UNREACH, 1, "Administratively prohibited"},
	{ICMP6_UNREACH, 2, "Beyond scope of source address"},
	{ICMP6_UNREACH, 3, "Address unreachable"},
	{ICMP6_UNREACH, 4, "Port unreachable"},
	{ICMP6_UNREACH, -1, "Destination unreachable"},
	{ICMP6_TOO_BIG, -1, "Packet too big"},
	{ICMP6_TIME_EXCEEDED, -1, "Time exceeded"},
	{ICMP6_PARAM_PROBLEM, -1, "Parameter problem"},
	{ICMP6_ECHO, -1, "Echo request"},
	{ICMP6_ECHO_REPLY, -1, "Echo reply"},
	{133, -1, "Router solicitation"},
	{134, -1, "Router advertisement"},
	{ICMP6_NS, -1, "Neighbor solicitation"},
	{ICMP6_NA, -1, "Neighbor advertisement"},
	{0, 0, NULL},
};

static const char *icmp_name(const struct pkt *p)
{
	const struct icmp_name *row = p->family == ADDR_V4 ? icmp4_names : icmp6_names;

	for (; row->text; row++) {
		if (row->type == p->icmp_type && (row->code < 0 || row->code == p->icmp_code))
			return row->text;
	}
	return "Unknown type";
}

static bool has_id(const struct pkt *p)
{
	static const uint8_t v4[] = {ICMP4_ECHO_REPLY,      ICMP4_ECHO, ICMP4_TIMESTAMP,
				     ICMP4_TIMESTAMP_REPLY, ICMP4_MASK, ICMP4_MASK_REPLY};

	if (p->family == ADDR_V6)
		return p->icmp_type == ICMP6_ECHO || p->icmp_type == ICMP6_ECHO_REPLY;
	return memchr(v4, p->icmp_type, sizeof(v4)) != NULL;
}

static void put_icmp(struct line *l, const uint8_t *frame, const struct pkt *p)
{
	bool is_v4 = p->family == ADDR_V4;

	put(l, is_v4 ? "ICMP [" : "ICMPv6 [");
	put_addr(l, &p->src);
	put(l, " > ");
	put_addr(l, &p->dst);
	if (!p->l4_valid) {
		put(l, " (incomplete)");
	} else {
		if (is_v4 && p->icmp_type == ICMP4_UNREACH && p->icmp_code == 2 && p->quote.valid)
			put(l, " Protocol %u unreachable", p->quote.proto);
		else
			put(l, " %s", icmp_name(p));
		put(l, " (type=%u/code=%u)", p->icmp_type, p->icmp_code);
		if (has_id(p))
			put(l, " id=%u seq=%u", p->icmp_id, p->icmp_seq);
	}
	put(l, is_v4 ? "] IP [" : "] IPv6 [");
	put_ip(l, frame + p->l3_off, p);
	put(l, "]");
}

static void put_arp(struct line *l, const struct pkt *p)
{
	char src[ADDR_TEXT_CAP], dst[ADDR_TEXT_CAP], mac[MAC_TEXT_CAP];

	addr_format_bare(&p->src, src);
	addr_format_bare(&p->dst, dst);
	if (p->arp_op == ARP_REQUEST)
		put(l, "ARP who-has %s tell %s", dst, src);
	else if (p->arp_op == ARP_REPLY)
		put(l, "ARP reply %s is-at %s", src, mac_format(&p->src_mac, mac));
	else
		put(l, "ARP op=%u %s > %s", p->arp_op, src, dst);
}

static void put_other(struct line *l, const uint8_t *frame, const struct pkt *p)
{
	put(l, "Unknown protocol (%u) ", p->proto);
	put_addr(l, &p->src);
	put(l, " > ");
	put_addr(l, &p->dst);
	put(l, ": ");
	put_ip(l, frame + p->l3_off, p);
}

char *pkt_format(const struct frame *f, const struct pkt *p, char *out, size_t cap)
{
	struct line l = {.out = out, .cap = cap};

	if (!cap)
		return out;
	out[0] = '\0';
	if (p->is_arp)
		put_arp(&l, p);
	else if (p->family == ADDR_NONE)
		put(&l, "Malformed packet (%u bytes)", f->len);
	else if (p->proto == PROTO_TCP)
		put_tcp(&l, f->bytes, p);
	else if (p->proto == PROTO_UDP)
		put_datagram(&l, "UDP", f->bytes, p);
	else if (p->proto == PROTO_SCTP)
		put_datagram(&l, "SCTP", f->bytes, p);
	else if (p->proto == (p->family == ADDR_V4 ? PROTO_ICMP : PROTO_ICMPV6))
		put_icmp(&l, f->bytes, p);
	else
		put_other(&l, f->bytes, p);
	return out;
}
