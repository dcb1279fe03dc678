/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IPv4 and IPv6 headers and the Internet checksum.
 * The one idea: a one's-complement sum does not care about byte order or word size, so bytes are
 * added as 32-bit words just as they lie in memory and folded once, at the end.
 * Sources: RFC 791 3.1, RFC 8200 3 and 8.1, RFC 1071 2 (order independence, parallel summation).
 */
#include "wire/ip.h"

uint64_t csum_add(uint64_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t wide;
	uint32_t word;
	uint16_t half;

	for (; len >= 8; len -= 8, b += 8) {
		memcpy(&wide, b, 8);
		sum += (wide & 0xffffffff) + (wide >> 32);
	}
	if (len & 4) {
		memcpy(&word, b, 4);
		sum += word;
		b += 4;
	}
	if (len & 2) {
		memcpy(&half, b, 2);
		sum += half;
		b += 2;
	}
	if (len & 1) {
		const uint8_t padded[2] = {*b, 0};

		memcpy(&half, padded, 2);
		sum += half;
	}
	return sum;
}

uint64_t csum_pseudo(const struct addr *src, const struct addr *dst, uint8_t proto, uint32_t l4_len)
{
	uint64_t sum = (uint64_t)__builtin_bswap32(l4_len) + __builtin_bswap16(proto);

	/* The unused bytes of a v4 address are zero and add nothing. */
	return csum_add(csum_add(sum, src->b, 16), dst->b, 16);
}

uint16_t csum_finish(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

enum { IPV4_DONT_FRAGMENT = 0x4000 };

void ipv4_encode(struct wcursor *w, const struct ipv4_conf *c)
{
	uint8_t *p = wcursor_make(w, IPV4_HDR_LEN);
	uint16_t csum;

	if (!p)
		return;
	p[0] = 0x45;
	p[1] = c->tos;
	put_be16(p + 2, (uint16_t)(IPV4_HDR_LEN + c->payload_len));
	put_be16(p + 4, c->id);
	put_be16(p + 6, c->dont_fragment ? IPV4_DONT_FRAGMENT : 0);
	p[8] = c->ttl;
	p[9] = c->proto;
	put_be16(p + 10, 0);
	memcpy(p + 12, c->src.b, 4);
	memcpy(p + 16, c->dst.b, 4);
	csum = csum_finish(csum_add(0, p, IPV4_HDR_LEN));
	memcpy(p + 10, &csum, 2);
}

void ipv6_encode(struct wcursor *w, const struct ipv6_conf *c)
{
	uint8_t *p = wcursor_make(w, IPV6_HDR_LEN);

	if (!p)
		return;
	put_be32(p, 6u << 28 | (uint32_t)c->traffic_class << 20 | (c->flow_label & 0xfffff));
	put_be16(p + 4, c->payload_len);
	p[6] = c->next_header;
	p[7] = c->hop_limit;
	memcpy(p + 8, c->src.b, 16);
	memcpy(p + 24, c->dst.b, 16);
}
