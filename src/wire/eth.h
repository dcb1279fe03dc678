/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ethernet headers, VLAN tags (802.1Q) and ARP (RFC 826) over Ethernet and IPv4. Pure. */
#pragma once

#include "base/cursor.h"
#include "wire/addr.h"

enum {
	ETH_HDR_LEN = 14,
	ARP_LEN = 28,
	ETHTYPE_IPV4 = 0x0800,
	ETHTYPE_ARP = 0x0806,
	ETHTYPE_VLAN = 0x8100,
	ETHTYPE_QINQ = 0x88a8,
	ETHTYPE_IPV6 = 0x86dd
};

/** Write a 14-byte header. */
void eth_encode(struct wcursor *w, const struct mac *dst, const struct mac *src,
		uint16_t ethertype);

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
struct arp {
	uint16_t op; /* ARP_REQUEST, ARP_REPLY */
	struct mac sender_mac, target_mac;
	struct addr sender, target; /* v4 */
};
void arp_encode(struct wcursor *w, const struct arp *a);
/** @param p the ARP body (after the Ethernet header). @return 0, -E_TRUNCATED, -E_UNSUPPORTED (not
 * Ethernet/IPv4). */
int arp_decode(const uint8_t *p, size_t len, struct arp *ret) MUST_CHECK;
