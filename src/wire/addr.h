/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IPv4, IPv6 and MAC addresses and endpoints: values, text, order. Pure. */
#pragma once

#include "base/err.h"

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

/**
 * One address. Bytes are in network order; v4 uses b[0..3] and the rest is zero, so two
 * addresses are equal when family, zone and all 16 bytes are.
 */
struct addr {
	uint8_t family; /* enum addr_family */
	uint32_t zone;  /* interface index of a link-local address, else 0 */
	uint8_t b[16];
};

struct mac {
	uint8_t b[6];
};

/** IP protocol numbers, as they stand in the header. */
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };

struct endpoint {
	struct addr addr;
	uint16_t port; /* host order */
	uint8_t proto; /* PROTO_* */
};

/** Longest text with zone "%4294967295" and NUL. */
#define ADDR_TEXT_CAP 64
#define MAC_TEXT_CAP  18

struct addr addr_v4(uint32_t host_order);
struct addr addr_v6(const uint8_t bytes[16]);
/** v4: the 32-bit number in host order; 0 for v6. */
uint32_t addr_to_u32(const struct addr *a);
/** The address as a number (v4: below 2^32). */
u128 addr_to_u128(const struct addr *a);
struct addr addr_from_u128(enum addr_family family, u128 n, uint32_t zone);
bool addr_equal(const struct addr *a, const struct addr *b);
/** Order: family, then number, then zone. */
int addr_cmp(const struct addr *a, const struct addr *b);

/**
 * Parse one literal, v4 dotted quad (decimal, no leading-zero octal) or v6 (RFC 4291, with embedded
 * v4). No zone, no prefix. @param len bytes of @p s. @return 0, -E_SYNTAX. @p ret written only on
 * success.
 */
int addr_parse(const char *s, size_t len, struct addr *ret) MUST_CHECK;
/** RFC 5952 text, zone as %name when the interface exists, else %number. @return @p out. */
char *addr_format(const struct addr *a, char out[ADDR_TEXT_CAP]);
/** As addr_format but without the zone: what XML and other machine outputs carry. */
char *addr_format_bare(const struct addr *a, char out[ADDR_TEXT_CAP]);
/** Upper case with colons, as nmap prints. */
char *mac_format(const struct mac *m, char out[MAC_TEXT_CAP]);

bool addr_is_loopback(const struct addr *a);
bool addr_is_linklocal(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
/** RFC 1918, fc00::/7, 100.64/10, link-local, loopback, documentation and benchmarking blocks. */
bool addr_is_private(const struct addr *a);
/** 33:33:ff:xx:xx:xx address and ff02::1:ffxx:xxxx group of a v6 address (RFC 4291 2.7.1, RFC 2464
 * 7). */
struct addr addr_solicited_node(const struct addr *a);
struct mac mac_of_multicast(const struct addr *group);
