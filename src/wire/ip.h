/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers and the Internet checksum (RFC 1071, 1624). Pure. */
#pragma once

#include "base/cursor.h"
#include "wire/addr.h"

enum { IPV4_HDR_LEN = 20, IPV6_HDR_LEN = 40 };

/**
 * Add bytes to a running one's-complement sum. Sums are kept unfolded in 64 bits over words as
 * they lie in memory, so equal for any byte order; combine them by plain addition. An odd length
 * is padded with a zero byte: only the last piece of a packet may be odd.
 */
uint64_t csum_add(uint64_t sum, const void *p, size_t len);
/** Pseudo header of TCP, UDP, ICMPv6 and SCTP-less protocols (RFC 9293 3.1, RFC 8200 8.1). @param
 * l4_len bytes of segment. */
uint64_t csum_pseudo(const struct addr *src, const struct addr *dst, uint8_t proto,
		     uint32_t l4_len);
/** Fold and complement: the value to store, already in memory order. */
uint16_t csum_finish(uint64_t sum);

struct ipv4_conf {
	struct addr src, dst;
	uint16_t id; /* host order */
	uint8_t ttl, tos, proto;
	bool dont_fragment;
	uint16_t payload_len; /* bytes after the header */
};
/** 20-byte header with correct checksum. */
void ipv4_encode(struct wcursor *w, const struct ipv4_conf *c);

struct ipv6_conf {
	struct addr src, dst;
	uint8_t hop_limit, traffic_class, next_header;
	uint32_t flow_label; /* 20 bits */
	uint16_t payload_len;
};
void ipv6_encode(struct wcursor *w, const struct ipv6_conf *c);
