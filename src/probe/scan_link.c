/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Link-layer discovery rows: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861). Neither
 * protocol can carry a cookie; a reply counts only while the engine waits for that address.
 * A solicitation goes out as an ordinary IPv6 packet to the solicited-node group with hop limit
 * 255.
 */
#include "probe/scantype.h"

#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"

static int arp_prepare(const struct scan_type *t, const struct probe_path *path,
		       struct template *ret)
{
	static const struct mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct wcursor w = wcursor_of(ret->bytes, sizeof(ret->bytes));
	struct arp a = {.op = ARP_REQUEST,
			.sender_mac = path->src_mac,
			.sender = path->src,
			.target = {.family = ADDR_V4}};

	if (path->link != LINK_ETHERNET || path->src.family != ADDR_V4)
		return -E_FAMILY;
	*ret = (struct template){.family = ADDR_V4,
				 .link = LINK_ETHERNET,
				 .if_idx = path->if_idx,
				 .l3_off = ETH_HDR_LEN};
	eth_encode(&w, &broadcast, &path->src_mac, ETHTYPE_ARP);
	arp_encode(&w, &a);
	ret->len = (uint16_t)w.pos;
	return w.failed ? -E_FULL : 0;
}

/** Offset of the target protocol address in an ARP body. */
enum { ARP_TARGET_OFF = 24 };

static void arp_patch(const struct scan_type *t, const struct template *tpl,
		      const struct probe_ask *ask, struct frame *f)
{
	memcpy(f->bytes, tpl->bytes, tpl->len);
	memcpy(f->bytes + tpl->l3_off + ARP_TARGET_OFF, ask->to.addr.b, 4);
	f->len = tpl->len;
	f->link = tpl->link;
	f->if_idx = tpl->if_idx;
}

/**
 * A group's or no address is nobody's (RFC 1812 3.3.2): not put into our frames and not reported.
 * Such probes go by the kernel, whose own ARP may believe it.
 */
static bool is_station(const struct mac *m)
{
	static const struct mac none;

	return !(m->b[0] & 1) && memcmp(m, &none, sizeof(none)) != 0;
}

static bool arp_match(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		      struct probe_reply *ret)
{
	if (!p->is_arp || p->arp_op != ARP_REPLY)
		return false;
	*ret = (struct probe_reply){
		.to = {.addr = p->src, .proto = t->proto},
		.from = p->src,
		.mac = p->src_mac,
		.has_mac = is_station(&p->src_mac),
		.kind = REPLY_ARP,
		.reason = REASON_ARP_RESPONSE,
		.is_attempt_unknown = true,
	};
	return true;
}

static int nd_prepare(const struct scan_type *t, const struct probe_path *path,
		      struct template *ret)
{
	uint8_t l4[64];
	struct wcursor w = wcursor_of(l4, sizeof(l4));
	struct probe_path p = *path;
	struct addr zero = {.family = ADDR_V6};

	if (path->src.family != ADDR_V6)
		return -E_FAMILY;
	p.ttl = 255;
	nd_solicit_encode(&w, &zero, &path->src_mac, &path->src, &zero);
	if (w.failed)
		return -E_FULL;
	memset(l4 + 2, 0, 2);
	return template_build(ret, &p, PROTO_ICMPV6, l4, w.pos);
}

static void nd_patch(const struct scan_type *t, const struct template *tpl,
		     const struct probe_ask *ask, struct frame *f)
{
	struct addr group = addr_solicited_node(&ask->to.addr);
	uint64_t sum;
	uint8_t *l4 = template_start(tpl, &group, 0, f, &sum);

	if (tpl->link == LINK_ETHERNET) {
		struct mac m = mac_of_multicast(&group);
		memcpy(f->bytes, m.b, sizeof(m.b));
	}
	memcpy(l4 + ICMP_HDR_LEN, ask->to.addr.b, 16);
	uint16_t check = csum_finish(csum_add(sum, ask->to.addr.b, 16));
	memcpy(l4 + 2, &check, 2);
}

static bool nd_match(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		     struct probe_reply *ret)
{
	if (!p->l4_valid || p->proto != PROTO_ICMPV6 || p->icmp_type != ICMP6_NA || p->ttl != 255)
		return false;
	if (p->nd_target.family == ADDR_NONE) /* cut short, or an option lies */
		return false;
	*ret = (struct probe_reply){
		.to = {.addr = p->nd_target, .proto = t->proto},
		.from = p->src,
		.mac = p->nd_mac,
		.has_mac = is_station(&p->nd_mac),
		.kind = REPLY_ND,
		.reason = REASON_ND_RESPONSE,
		.is_attempt_unknown = true,
		.ttl = p->ttl,
	};
	return true;
}

const struct scan_type ping_arp = {
	.name = "arp-ping",
	.title = "ARP Ping",
	.row = 8,
	.needs = NEED_RAW | NEED_V4 | NEED_L2,
	.state_if_silent = HOST_DOWN,
	.state_of = {[REPLY_ARP] = HOST_UP},
	.prepare = arp_prepare,
	.patch = arp_patch,
	.match = arp_match,
};

const struct scan_type ping_nd = {
	.name = "nd-ping",
	.title = "ND Ping",
	.row = 9,
	.proto = PROTO_ICMPV6,
	.needs = NEED_RAW | NEED_V6,
	.state_if_silent = HOST_DOWN,
	.state_of = {[REPLY_ND] = HOST_UP},
	.prepare = nd_prepare,
	.patch = nd_patch,
	.match = nd_match,
};
