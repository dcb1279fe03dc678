/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of ports of one protocol as a bitmap with ranks, and the set a scan asks of every
 * host: port <-> dense index in constant time, ascending order. Pure.
 */
#pragma once

#include "wire/addr.h"

struct port_bits {
	uint64_t bits[1024];
	uint16_t rank[1024]; /* ports below 64*i; valid after port_bits_seal */
	uint32_t n;          /* set bits; valid after port_bits_seal */
};

enum port_proto { PORT_TCP, PORT_UDP, PORT_SCTP, PORT_PROTO_N };
struct port_set {
	struct port_bits of[PORT_PROTO_N];
};

/** PORT_TCP for PROTO_TCP and so on; PORT_PROTO_N for protocols without ports. */
enum port_proto port_proto_of(uint8_t proto);
uint8_t port_proto_number(enum port_proto p);

static inline void port_bits_add(struct port_bits *b, uint16_t port)
{
	b->bits[port >> 6] |= 1ull << (port & 63);
}
static inline void port_bits_del(struct port_bits *b, uint16_t port)
{
	b->bits[port >> 6] &= ~(1ull << (port & 63));
}
static inline bool port_bits_has(const struct port_bits *b, uint16_t port)
{
	return b->bits[port >> 6] >> (port & 63) & 1;
}
/** Recount ranks and n after changes. */
void port_bits_seal(struct port_bits *b);
/** Dense index of a contained port: its place in ascending order. Cost: 2 ns. */
static inline uint32_t port_bits_index(const struct port_bits *b, uint16_t port)
{
	uint64_t below = b->bits[port >> 6] & ((1ull << (port & 63)) - 1);
	return (uint32_t)b->rank[port >> 6] + (uint32_t)__builtin_popcountll(below);
}
/** The @p idx-th port, idx < n; binary search, 30 ns. */
uint16_t port_bits_at(const struct port_bits *b, uint32_t idx);
/** Add the ports of "1-3,80,443" and seal. @return false: not in that form. */
bool port_bits_parse(const char *s, struct port_bits *bits);
/** "1-3,80,443" (as nmap's services attribute) into @p out, truncated at @p cap. @return bytes
 * needed without NUL. */
size_t port_bits_format(const struct port_bits *b, char *out, size_t cap);
