/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ICMP and ICMPv6 messages a scanner sends, and the neighbour advertisement that answers one.
 * Everything else that arrives is read in decode.c.
 * Sources: RFC 792, RFC 950 (mask), RFC 4443 2.3 and 4.1, RFC 4861 4.3, 4.4, 4.6.1 and 7.1.2.
 */
#include "wire/icmp.h"

#include "wire/ip.h"

enum { ND_SOLICIT_LEN = 32, ND_ADVERT_LEN = 24, ND_OPT_SOURCE_LINK = 1, ND_OPT_TARGET_LINK = 2 };

/* An echo-shaped message without its checksum; NULL when it does not fit. */
static uint8_t *put_echo(struct wcursor *w, uint8_t type, uint8_t code, uint16_t id, uint16_t seq,
			 size_t body_len)
{
	uint8_t *p = body_len <= UINT16_MAX ? wcursor_make(w, ICMP_HDR_LEN + body_len) : NULL;

	if (!p) {
		w->failed = true;
		return NULL;
	}
	p[0] = type;
	p[1] = code;
	put_be16(p + 2, 0);
	put_be16(p + 4, id);
	put_be16(p + 6, seq);
	memset(p + ICMP_HDR_LEN, 0, body_len);
	return p;
}

static void put_csum(uint8_t *p, uint64_t sum, size_t len)
{
	uint16_t csum = csum_finish(csum_add(sum, p, len));

	memcpy(p + 2, &csum, 2);
}

void icmp4_encode(struct wcursor *w, uint8_t type, uint8_t code, uint16_t id, uint16_t seq,
		  size_t body_len)
{
	uint8_t *p = put_echo(w, type, code, id, seq, body_len);

	if (p)
		put_csum(p, 0, ICMP_HDR_LEN + body_len);
}

void icmp6_echo_encode(struct wcursor *w, uint16_t id, uint16_t seq, size_t body_len,
		       const struct addr *src, const struct addr *dst)
{
	size_t len = ICMP_HDR_LEN + body_len;
	uint8_t *p = put_echo(w, ICMP6_ECHO, 0, id, seq, body_len);

	if (p)
		put_csum(p, csum_pseudo(src, dst, PROTO_ICMPV6, (uint32_t)len), len);
}

void nd_solicit_encode(struct wcursor *w, const struct addr *target, const struct mac *src_mac,
		       const struct addr *src, const struct addr *dst)
{
	uint8_t *p = wcursor_make(w, ND_SOLICIT_LEN);

	if (!p)
		return;
	memset(p, 0, 8);
	p[0] = ICMP6_NS;
	memcpy(p + 8, target->b, 16);
	p[24] = ND_OPT_SOURCE_LINK;
	p[25] = 1;
	memcpy(p + 26, src_mac->b, 6);
	put_csum(p, csum_pseudo(src, dst, PROTO_ICMPV6, ND_SOLICIT_LEN), ND_SOLICIT_LEN);
}

int nd_advert_decode(const uint8_t *p, size_t len, struct addr *ret_target, struct mac *ret_mac)
{
	struct mac mac = {0};

	if (len < ND_ADVERT_LEN)
		return -E_TRUNCATED;
	if (p[0] != ICMP6_NA || p[1] != 0)
		return -E_UNSUPPORTED;
	for (size_t i = ND_ADVERT_LEN; i < len;) {
		size_t opt_len = len - i < 2 ? 0 : (size_t)p[i + 1] * 8;

		if (!opt_len || opt_len > len - i)
			return -E_TRUNCATED;
		if (p[i] == ND_OPT_TARGET_LINK && opt_len == 8)
			memcpy(mac.b, p + i + 2, 6);
		i += opt_len;
	}
	*ret_target = addr_v6(p + 8);
	*ret_mac = mac;
	return 0;
}
