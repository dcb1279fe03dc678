/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One pass from a received frame to struct pkt. Every length is a claim until checked;
 * everything after a lie is left unset. Pure; never reads beyond the frame. Fuzzed.
 */
#pragma once

#include "wire/addr.h"
#include "wire/frame.h"

/** The packet an ICMP error quotes, as far as it goes. */
struct pkt_quote {
	bool valid;     /* addresses and protocol are set */
	bool has_ports; /* sport, dport are set (first 4 bytes of the segment were there) */
	bool has_seq;   /* tag is set: TCP sequence number, or ICMP id<<16|seq, or SCTP verification
			   tag, of an INIT its initiate tag */
	uint8_t proto;
	uint8_t icmp_type;
	uint16_t sport, dport;
	uint16_t ip_id;
	uint16_t udp_len; /* length field of a quoted UDP header, 0 otherwise */
	uint32_t tag;
	struct addr src, dst;
};

/**
 * Facts of one packet, host order. Offsets are into the frame. proto is the transport
 * protocol after IPv6 extension headers; l4_len counts the bytes present, not the claim.
 */
struct pkt {
	uint8_t family; /* enum addr_family; ADDR_NONE for ARP */
	uint8_t proto;  /* PROTO_* or any other number; 0 for ARP */
	uint8_t ttl;    /* TTL or hop limit */
	bool is_arp;
	bool is_fragment; /* not the first fragment: no l4 facts */
	bool l4_valid;    /* the fields of this protocol below are set */
	uint16_t ip_id;
	uint16_t l3_off, l4_off, payload_off;
	uint16_t l4_len, payload_len;
	struct addr src, dst;
	struct mac src_mac; /* zero without Ethernet; ARP: sender hardware address */
	uint16_t sport, dport;
	uint8_t tcp_flags, tcp_hdr_len;
	uint16_t window;
	uint32_t seq, ack;
	uint8_t icmp_type, icmp_code;
	uint16_t icmp_id, icmp_seq;
	uint16_t arp_op;
	uint32_t sctp_vtag;
	uint8_t sctp_chunk;     /* first chunk's type */
	uint32_t sctp_init_tag; /* INIT ACK: initiate tag */
	struct addr nd_target;  /* NA: target address */
	struct mac nd_mac;      /* NA: target link-layer option, zero if none */
	struct pkt_quote quote; /* ICMP errors */
};

/**
 * @param f borrowed; link, bytes, len are read.
 * @return 0 when at least the network header (or ARP) is sound; -E_TRUNCATED or -E_UNSUPPORTED
 * otherwise.
 * @p ret always filled (zeroed first). Cost: about 10 ns for a TCP segment. Thread: any.
 */
int decode(const struct frame *f, struct pkt *ret) MUST_CHECK;
/**
 * One line as nmap prints after SENT or RCVD in its --packet-trace: protocol, endpoints, flags,
 * ttl, id, iplen ...
 * @param p what decode() made of @p f (a failed decode prints as malformed). Cut at @p cap. @return
 * @p out. In pkt.c.
 */
char *pkt_format(const struct frame *f, const struct pkt *p, char *out, size_t cap);
