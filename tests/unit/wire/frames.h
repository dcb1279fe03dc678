/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames that tests of decode.c and pkt.c share: each row builds one and says how many bytes its
 * network and transport headers need, and how its trace line reads.
 */
#pragma once

#include "wire/decode.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

#define FRAME_CAP 512

static const struct mac frame_mac_a = {{0x02, 0, 0, 0, 0, 0x0a}},
			frame_mac_b = {{0x02, 0, 0, 0, 0, 0x0b}};

static inline struct addr frame_v4(int host)
{
	return addr_v4(0xc6336400u + (uint32_t)host); /* 198.51.100.x */
}

static inline struct addr frame_v6(int host)
{
	return addr_from_u128(ADDR_V6, (u128)0x20010db8 << 96 | (uint32_t)host, 0);
}

static inline void put_v4(struct wcursor *w, uint8_t proto, size_t payload_len)
{
	ipv4_encode(w, &(struct ipv4_conf){.src = frame_v4(1),
					   .dst = frame_v4(2),
					   .id = 4660,
					   .ttl = 64,
					   .proto = proto,
					   .payload_len = (uint16_t)payload_len});
}

static inline void put_v6(struct wcursor *w, uint8_t next, uint8_t hop_limit, size_t payload_len)
{
	ipv6_encode(w, &(struct ipv6_conf){.src = frame_v6(1),
					   .dst = frame_v6(2),
					   .hop_limit = hop_limit,
					   .next_header = next,
					   .payload_len = (uint16_t)payload_len});
}

static inline void put_syn_ack(struct wcursor *w, bool is_v6)
{
	const struct tcp_conf c = {.sport = 80,
				   .dport = 40000,
				   .seq = 0xdeadbeef,
				   .ack = 0x01020305,
				   .window = 65535,
				   .flags = TCP_SYN | TCP_ACK,
				   .mss = 1460};
	struct addr src = is_v6 ? frame_v6(1) : frame_v4(1),
		    dst = is_v6 ? frame_v6(2) : frame_v4(2);

	tcp_encode(w, &c, &src, &dst);
}

static inline void build_tcp_v4(struct wcursor *w)
{
	eth_encode(w, &frame_mac_a, &frame_mac_b, ETHTYPE_IPV4);
	put_v4(w, PROTO_TCP, 24);
	put_syn_ack(w, false);
	wcursor_put(w, "\x55\x55", 2); /* Ethernet pads short frames */
}

static inline void build_tcp_v6(struct wcursor *w)
{
	put_v6(w, PROTO_TCP, 60, 24);
	put_syn_ack(w, true);
}

static inline void build_udp_vlan(struct wcursor *w)
{
	struct addr src = frame_v4(1), dst = frame_v4(2);

	eth_encode(w, &frame_mac_a, &frame_mac_b, ETHTYPE_QINQ);
	wcursor_u32(w, 100u << 16 | ETHTYPE_VLAN);
	wcursor_u32(w, 200u << 16 | ETHTYPE_IPV4);
	put_v4(w, PROTO_UDP, 13);
	udp_encode(w, 53, 40000, (struct bytes){(const uint8_t *)"hello", 5}, &src, &dst);
	wcursor_put(w, "\x55\x55\x55", 3);
}

/* Hop-by-hop, destination options, routing, authentication, first fragment, then TCP. */
static inline void build_tcp_v6_chain(struct wcursor *w)
{
	put_v6(w, 0, 60, 8 + 16 + 8 + 24 + 8 + 24);
	wcursor_put(w, "\x3c\0\1\4\0\0\0\0", 8);
	wcursor_put(w, "\x2b\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	wcursor_put(w, "\x33\0\0\0\0\0\0\0", 8);
	wcursor_put(w, "\x2c\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	wcursor_put(w, "\x06\0\0\1\1\2\3\4", 8);
	put_syn_ack(w, true);
}

static inline void build_fragment_v6(struct wcursor *w)
{
	put_v6(w, 44, 60, 8 + 24);
	wcursor_put(w, "\x06\0\0\x08\1\2\3\4", 8);
	put_syn_ack(w, true);
}

static inline void build_fragment_v4(struct wcursor *w)
{
	put_v4(w, PROTO_TCP, 24);
	put_be16(w->p + 6, 0x2000 | 3);
	put_syn_ack(w, false);
}

/* A header of 24 bytes: four of router alert. */
static inline void build_echo_options(struct wcursor *w)
{
	put_v4(w, PROTO_ICMP, 4 + 8 + 6);
	w->p[0] = 0x46;
	wcursor_put(w, "\x94\4\0\0", 4);
	icmp4_encode(w, ICMP4_ECHO_REPLY, 0, 1, 2, 6);
}

static inline void put_icmp_error(struct wcursor *w, uint8_t type, uint8_t code)
{
	wcursor_u8(w, type);
	wcursor_u8(w, code);
	wcursor_u16(w, 0);
	wcursor_u32(w, 0);
}

/* The smallest quote of RFC 792: header and eight bytes, here of a SYN to port 23. */
static inline void build_unreach_tcp_v4(struct wcursor *w)
{
	eth_encode(w, &frame_mac_a, &frame_mac_b, ETHTYPE_IPV4);
	put_v4(w, PROTO_ICMP, 8 + 20 + 8);
	put_icmp_error(w, ICMP4_UNREACH, 13);
	ipv4_encode(w, &(struct ipv4_conf){.src = frame_v4(2),
					   .dst = frame_v4(9),
					   .id = 777,
					   .ttl = 3,
					   .proto = PROTO_TCP,
					   .payload_len = 24});
	wcursor_put(w, "\x9c\x40\0\x17\xca\xfe\xba\xbe", 8);
}

static inline void build_unreach_echo_v4(struct wcursor *w)
{
	put_v4(w, PROTO_ICMP, 8 + 20 + 8);
	put_icmp_error(w, ICMP4_TIME_EXCEEDED, 0);
	ipv4_encode(w, &(struct ipv4_conf){.src = frame_v4(2),
					   .dst = frame_v4(9),
					   .id = 777,
					   .ttl = 1,
					   .proto = PROTO_ICMP,
					   .payload_len = 8});
	icmp4_encode(w, ICMP4_ECHO, 0, 0x1111, 0x2222, 0);
}

static inline void build_unreach_proto_v4(struct wcursor *w)
{
	put_v4(w, PROTO_ICMP, 8 + 20 + 8);
	put_icmp_error(w, ICMP4_UNREACH, 2);
	ipv4_encode(w, &(struct ipv4_conf){.src = frame_v4(2),
					   .dst = frame_v4(9),
					   .ttl = 1,
					   .proto = PROTO_SCTP,
					   .payload_len = 32});
	wcursor_put(w, "\x9c\x40\x0b\x0c\0\0\0\0", 8);
}

static inline void build_unreach_udp_v6(struct wcursor *w)
{
	struct addr src = frame_v6(2), dst = frame_v6(9);

	put_v6(w, PROTO_ICMPV6, 58, 8 + 40 + 8 + 8 + 12);
	put_icmp_error(w, ICMP6_UNREACH, 4);
	ipv6_encode(w, &(struct ipv6_conf){.src = src,
					   .dst = dst,
					   .hop_limit = 5,
					   .next_header = 60,
					   .payload_len = 28});
	wcursor_put(w, "\x2c\0\1\4\0\0\0\0", 8);
	wcursor_put(w, "\x11\0\0\1\1\2\3\4", 8);
	udp_encode(w, 40001, 161, (struct bytes){(const uint8_t *)"abcd", 4}, &src, &dst);
}

static inline void build_arp(struct wcursor *w)
{
	eth_encode(w, &frame_mac_a, &frame_mac_b, ETHTYPE_ARP);
	arp_encode(w, &(struct arp){.op = ARP_REPLY,
				    .sender_mac = frame_mac_b,
				    .target_mac = frame_mac_a,
				    .sender = frame_v4(1),
				    .target = frame_v4(2)});
}

static inline void build_arp_request(struct wcursor *w)
{
	eth_encode(w, &frame_mac_a, &frame_mac_b, ETHTYPE_ARP);
	arp_encode(w, &(struct arp){.op = ARP_REQUEST,
				    .sender_mac = frame_mac_b,
				    .sender = frame_v4(1),
				    .target = frame_v4(2)});
}

/* An INIT ACK is an INIT with another chunk type and a common tag; the CRC is not checked on
 * receipt. */
static inline void build_sctp(struct wcursor *w)
{
	put_v4(w, PROTO_SCTP, 32);
	sctp_init_encode(w, 2828, 40000, 0x0badcafe, 9);
	put_be32(w->p + 24, 0x12345678);
	w->p[32] = 2;
}

static inline void build_advert(struct wcursor *w)
{
	struct addr target = frame_v6(1);

	put_v6(w, PROTO_ICMPV6, 255, 32);
	wcursor_put(w, "\x88\0\0\0\x60\0\0\0", 8);
	wcursor_put(w, target.b, 16);
	wcursor_put(w, "\2\1\2\0\0\0\0\x0b", 8);
}

static inline void build_echo_v6(struct wcursor *w)
{
	struct addr src = frame_v6(1), dst = frame_v6(2);

	put_v6(w, PROTO_ICMPV6, 64, 12);
	icmp6_echo_encode(w, 3, 4, 4, &src, &dst);
}

static inline void build_gre(struct wcursor *w)
{
	put_v4(w, 47, 4);
	wcursor_u32(w, 0);
}

struct frame_row {
	const char *name;
	void (*build)(struct wcursor *w);
	uint8_t link;
	uint16_t net_len; /* bytes decode() needs to succeed */
	uint16_t l4_len;  /* bytes that make l4_valid true; 0: never */
	const char *text;
};

static const struct frame_row frame_rows[] = {
	{"tcp_v4", build_tcp_v4, LINK_ETHERNET, 34, 58,
	 "TCP 198.51.100.1:80 > 198.51.100.2:40000 SA ttl=64 id=4660 iplen=44  seq=3735928559 "
	 "win=65535 <mss 1460>"},
	{"tcp_v6", build_tcp_v6, LINK_NONE, 40, 64,
	 "TCP 2001:db8::1:80 > 2001:db8::2:40000 SA hopl=60 flow=0 payloadlen=24 "
	 "seq=3735928559 win=65535 <mss 1460>"},
	{"udp_vlan", build_udp_vlan, LINK_ETHERNET, 42, 50,
	 "UDP 198.51.100.1:53 > 198.51.100.2:40000 ttl=64 id=4660 iplen=33"},
	{"tcp_v6_chain", build_tcp_v6_chain, LINK_NONE, 40, 128,
	 "TCP 2001:db8::1:80 > 2001:db8::2:40000 SA hopl=60 flow=0 payloadlen=88 "
	 "seq=3735928559 win=65535 <mss 1460>"},
	{"fragment_v6", build_fragment_v6, LINK_NONE, 40, 0,
	 "TCP 2001:db8::1:?? > 2001:db8::2:?? ?? hopl=60 flow=0 payloadlen=32 frag "
	 "(incomplete)"},
	{"fragment_v4", build_fragment_v4, LINK_NONE, 20, 0,
	 "TCP 198.51.100.1:?? > 198.51.100.2:?? ?? ttl=64 id=4660 iplen=44 frag offset=24+ "
	 "(incomplete)"},
	{"echo_options", build_echo_options, LINK_NONE, 24, 32,
	 "ICMP [198.51.100.1 > 198.51.100.2 Echo reply (type=0/code=0) id=1 seq=2] IP [ttl=64 "
	 "id=4660 iplen=38]"},
	{"unreach_tcp_v4", build_unreach_tcp_v4, LINK_ETHERNET, 34, 42,
	 "ICMP [198.51.100.1 > 198.51.100.2 Communication administratively prohibited by filtering "
	 "(type=3/code=13)] "
	 "IP [ttl=64 id=4660 iplen=56]"},
	{"unreach_echo_v4", build_unreach_echo_v4, LINK_NONE, 20, 28,
	 "ICMP [198.51.100.1 > 198.51.100.2 TTL=0 during transit (type=11/code=0)] IP [ttl=64 "
	 "id=4660 iplen=56]"},
	{"unreach_proto_v4", build_unreach_proto_v4, LINK_NONE, 20, 28,
	 "ICMP [198.51.100.1 > 198.51.100.2 Protocol 132 unreachable (type=3/code=2)] IP [ttl=64 "
	 "id=4660 iplen=56]"},
	{"unreach_udp_v6", build_unreach_udp_v6, LINK_NONE, 40, 48,
	 "ICMPv6 [2001:db8::1 > 2001:db8::2 Port unreachable (type=1/code=4)] IPv6 [hopl=58 flow=0 "
	 "payloadlen=76]"},
	{"arp", build_arp, LINK_ETHERNET, 42, 0, "ARP reply 198.51.100.1 is-at 02:00:00:00:00:0B"},
	{"arp_request", build_arp_request, LINK_ETHERNET, 42, 0,
	 "ARP who-has 198.51.100.2 tell 198.51.100.1"},
	{"sctp", build_sctp, LINK_NONE, 20, 32,
	 "SCTP 198.51.100.1:2828 > 198.51.100.2:40000 ttl=64 id=4660 iplen=52"},
	{"advert", build_advert, LINK_NONE, 40, 48,
	 "ICMPv6 [2001:db8::1 > 2001:db8::2 Neighbor advertisement (type=136/code=0)] IPv6 "
	 "[hopl=255 flow=0 payloadlen=32]"},
	{"echo_v6", build_echo_v6, LINK_NONE, 40, 48,
	 "ICMPv6 [2001:db8::1 > 2001:db8::2 Echo request (type=128/code=0) id=3 seq=4] IPv6 "
	 "[hopl=64 flow=0 payloadlen=12]"},
	{"gre", build_gre, LINK_NONE, 20, 0,
	 "Unknown protocol (47) 198.51.100.1 > 198.51.100.2: ttl=64 id=4660 iplen=24"},
};

/** Build one row into @p out[FRAME_CAP]. @return its frame, which borrows @p out. */
static inline struct frame frame_build(const struct frame_row *row, uint8_t *out)
{
	struct wcursor w = wcursor_of(out, FRAME_CAP);

	row->build(&w);
	assert(!w.failed);
	return (struct frame){
		.bytes = out, .len = (uint32_t)w.pos, .cap = FRAME_CAP, .link = row->link};
}

static inline const struct frame_row *frame_row_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(frame_rows); i++) {
		if (strcmp(frame_rows[i].name, name) == 0)
			return &frame_rows[i];
	}
	return NULL;
}
