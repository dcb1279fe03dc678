/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP (RFC 792), ICMPv6 (RFC 4443), neighbour discovery (RFC 4861). Pure. */
#pragma once

#include "base/cursor.h"
#include "wire/addr.h"

enum {
	ICMP_HDR_LEN = 8,
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACH = 3,
	ICMP4_QUENCH = 4,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAM_PROBLEM = 12,
	ICMP4_TIMESTAMP = 13,
	ICMP4_TIMESTAMP_REPLY = 14,
	ICMP4_MASK = 17,
	ICMP4_MASK_REPLY = 18,
	ICMP6_UNREACH = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAM_PROBLEM = 4,
	ICMP6_UNKNOWN_HEADER = 1, /* its code for a protocol that is not known (RFC 4443 3.4) */
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_NS = 135,
	ICMP6_NA = 136
};

/** Echo-shaped message (echo, timestamp, mask) with @p body_len zero bytes after the 8-byte header.
 * v4 checksum. */
void icmp4_encode(struct wcursor *w, uint8_t type, uint8_t code, uint16_t id, uint16_t seq,
		  size_t body_len);
/** Echo with @p body_len zero bytes; checksum with pseudo header. */
void icmp6_echo_encode(struct wcursor *w, uint16_t id, uint16_t seq, size_t body_len,
		       const struct addr *src, const struct addr *dst);
/** Neighbour solicitation for @p target with source link-layer option; IPv6 destination must be its
 * solicited-node group. */
void nd_solicit_encode(struct wcursor *w, const struct addr *target, const struct mac *src_mac,
		       const struct addr *src, const struct addr *dst);
/**
 * Read a neighbour advertisement (from the ICMPv6 header on). @p ret_mac is zero without a target
 * link-layer option.
 * @return 0, -E_TRUNCATED (an option that lies refuses the message, RFC 4861 7.1.2), -E_UNSUPPORTED
 * (another type or code).
 */
int nd_advert_decode(const uint8_t *p, size_t len, struct addr *ret_target,
		     struct mac *ret_mac) MUST_CHECK;
