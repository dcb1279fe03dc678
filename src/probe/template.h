/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prepared frames: everything that is the same for all targets behind one path is built once,
 * with its checksum sums; a probe copies the bytes and patches what differs.
 */
#pragma once

#include "base/cursor.h"
#include "wire/addr.h"
#include "wire/frame.h"

#define TEMPLATE_CAP 128

struct payloads;

/** The local side of one way out. */
struct probe_path {
	struct addr src;
	struct mac src_mac, dst_mac; /* LINK_ETHERNET only; dst_mac may be patched per host */
	uint8_t link;                /* enum link_type */
	uint8_t ttl;
	uint16_t sport;
	uint16_t n_sports; /* UDP: sport and up */
	uint32_t if_idx;
	const struct payloads *payloads; /* UDP; borrowed as long as templates are used */
};

/** Invariant: bytes[0..len) is a complete frame with zero destination, tag and checksums. */
struct template
{
	uint8_t bytes[TEMPLATE_CAP];
	uint16_t len;
	uint8_t family, link;
	uint8_t l3_off, l4_off;
	uint32_t if_idx;
	uint64_t l3_sum;          /* IPv4 header words that stay */
	uint64_t l4_sum;          /* pseudo header and segment words that stay */
	uint16_t sport, n_sports; /* UDP */
	const struct payloads *payloads;
};

/**
 * Build link and network headers for @p proto with an l4 of @p l4_len bytes that the caller has
 * placed in @p l4 (destination fields, tag and checksum zero).
 * @return 0, -E_FULL.
 */
int template_build(struct template *t, const struct probe_path *path, uint8_t proto,
		   const uint8_t *l4, size_t l4_len) MUST_CHECK;
/**
 * Copy the template into @p f and patch destination address and IPv4 id; f->len, link, if_idx set.
 * @return the l4 start in @p f. @p ret_sum: l4_sum plus the destination address, to which the
 * caller adds its own patched words. Cost: a 64-byte copy and a dozen adds. Thread: the frame's.
 */
uint8_t *template_start(const struct template *t, const struct addr *dst, uint16_t ip_id,
			struct frame *f, uint64_t *ret_sum);
/**
 * Count @p n bytes that the caller has put behind the template's into f->len and the network
 * header. @p sum gets the change of the pseudo header's length. Cost: 8 ns (v4).
 */
void template_extend(const struct template *t, uint16_t n, struct frame *f, uint64_t *sum);
/** A 16- or 32-bit value as it adds to a memory-order sum. */
static inline uint64_t template_sum16(uint16_t host)
{
	return __builtin_bswap16(host);
}
static inline uint64_t template_sum32(uint32_t host)
{
	return __builtin_bswap32(host);
}
