/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A reply that proves itself by its cookie may still have been damaged on the way: raw and packet
 * sockets see segments before the kernel has looked at their checksum. RFC 9293 3.1, RFC 768, RFC
 * 8200 8.1.
 */
#include "wire/verify.h"

#include "base/cursor.h"
#include "wire/ip.h"

#include <string.h>

enum { TCP_SUM_AT = 16, UDP_SUM_AT = 6, MORE_FRAGMENTS = 0x2000 };

/** Is all there that the network header claims, and in one piece? */
static bool is_whole(const struct frame *f, const struct pkt *p)
{
	const uint8_t *l3 = f->bytes + p->l3_off;
	uint32_t have = (uint32_t)p->l4_off + p->l4_len - p->l3_off;

	if (p->family == ADDR_V4)
		return get_be16(l3 + 2) == have && !(get_be16(l3 + 6) & MORE_FRAGMENTS);
	return get_be16(l3 + 4) + (uint32_t)IPV6_HDR_LEN == have;
}

bool pkt_sum_holds(const struct frame *f, const struct pkt *p)
{
	const uint8_t *l4 = f->bytes + p->l4_off;
	bool is_tcp = p->proto == PROTO_TCP;
	uint16_t stored;

	if (!p->l4_valid || (!is_tcp && p->proto != PROTO_UDP) || !is_whole(f, p))
		return true;
	memcpy(&stored, l4 + (is_tcp ? TCP_SUM_AT : UDP_SUM_AT), sizeof(stored));
	if (!is_tcp && p->family == ADDR_V4 && !stored)
		return true;
	uint64_t pseudo = csum_pseudo(&p->src, &p->dst, p->proto, p->l4_len);
	uint16_t left = csum_finish(csum_add(pseudo, l4, p->l4_len)), partial = csum_finish(pseudo);
	return left == 0 || (stored ^ partial) == UINT16_MAX;
}
