/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ethernet headers and ARP bodies, written and read.
 * Sources: RFC 826, RFC 894, IEEE 802.3 (header layout).
 */
#include "wire/eth.h"

void eth_encode(struct wcursor *w, const struct mac *dst, const struct mac *src, uint16_t ethertype)
{
	uint8_t *p = wcursor_make(w, ETH_HDR_LEN);

	if (!p)
		return;
	memcpy(p, dst->b, 6);
	memcpy(p + 6, src->b, 6);
	put_be16(p + 12, ethertype);
}

enum { ARP_HTYPE_ETHERNET = 1 };

void arp_encode(struct wcursor *w, const struct arp *a)
{
	uint8_t *p = wcursor_make(w, ARP_LEN);

	if (!p)
		return;
	put_be16(p, ARP_HTYPE_ETHERNET);
	put_be16(p + 2, ETHTYPE_IPV4);
	p[4] = 6;
	p[5] = 4;
	put_be16(p + 6, a->op);
	memcpy(p + 8, a->sender_mac.b, 6);
	memcpy(p + 14, a->sender.b, 4);
	memcpy(p + 18, a->target_mac.b, 6);
	memcpy(p + 24, a->target.b, 4);
}

int arp_decode(const uint8_t *p, size_t len, struct arp *ret)
{
	struct arp a;

	if (len < ARP_LEN)
		return -E_TRUNCATED;
	if (get_be16(p) != ARP_HTYPE_ETHERNET || get_be16(p + 2) != ETHTYPE_IPV4 || p[4] != 6 ||
	    p[5] != 4)
		return -E_UNSUPPORTED;
	a.op = get_be16(p + 6);
	memcpy(a.sender_mac.b, p + 8, 6);
	a.sender = addr_v4(get_be32(p + 14));
	memcpy(a.target_mac.b, p + 18, 6);
	a.target = addr_v4(get_be32(p + 24));
	*ret = a;
	return 0;
}
