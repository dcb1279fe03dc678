/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink messages: framing, attributes, and the five objects a way to a target is made of.
 * Bytes come from the kernel but are read as carefully as any others, by copies (alignment) and
 * with every length checked; tests and a fuzz target feed it anything. Sources: linux/rtnetlink.h,
 * rtnetlink(7).
 */
#include "pktio/netlink.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

static int take(struct bytes *left, size_t len)
{
	size_t step = (len + 3) & ~(size_t)3;

	step = MIN(step, left->len); /* the last one needs no padding */
	left->p += step;
	left->len -= step;
	return 1;
}

int nl_next(struct bytes *left, struct nl_msg *ret)
{
	struct nlmsghdr h;

	if (left->len == 0)
		return 0;
	if (left->len < sizeof(h))
		return -E_TRUNCATED;
	memcpy(&h, left->p, sizeof(h));
	if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > left->len)
		return -E_TRUNCATED;
	*ret = (struct nl_msg){.type = h.nlmsg_type,
			       .flags = h.nlmsg_flags,
			       .seq = h.nlmsg_seq,
			       .body = {left->p + sizeof(h), h.nlmsg_len - sizeof(h)}};
	return take(left, h.nlmsg_len);
}

int nl_attr_next(struct bytes *left, struct nl_attr *ret)
{
	struct rtattr a;

	if (left->len == 0)
		return 0;
	if (left->len < sizeof(a))
		return -E_TRUNCATED;
	memcpy(&a, left->p, sizeof(a));
	if (a.rta_len < sizeof(a) || a.rta_len > left->len)
		return -E_TRUNCATED;
	ret->type = (uint16_t)(a.rta_type & 0x3fff); /* NLA_TYPE_MASK */
	ret->val = (struct bytes){left->p + sizeof(a), a.rta_len - sizeof(a)};
	return take(left, a.rta_len);
}

/* Copy the fixed part and leave @ret_attrs at the first attribute. */
static int take_fixed(const struct nl_msg *m, void *fixed, size_t len, struct bytes *ret_attrs)
{
	if (m->body.len < len)
		return -E_TRUNCATED;
	memcpy(fixed, m->body.p, len);
	*ret_attrs = m->body;
	(void)take(ret_attrs, len);
	return 0;
}

static uint32_t val_u32(struct bytes v)
{
	uint32_t x = 0;

	if (v.len >= sizeof(x))
		memcpy(&x, v.p, sizeof(x));
	return x;
}

static struct addr val_addr(int family, struct bytes v)
{
	struct addr a = {0};

	if (family == AF_INET && v.len >= 4) {
		a.family = ADDR_V4;
		memcpy(a.b, v.p, 4);
	} else if (family == AF_INET6 && v.len >= 16) {
		a.family = ADDR_V6;
		memcpy(a.b, v.p, 16);
	}
	return a;
}

static bool val_mac(struct bytes v, struct mac *ret)
{
	if (v.len != sizeof(ret->b))
		return false;
	memcpy(ret->b, v.p, sizeof(ret->b));
	return true;
}

static bool is_ours(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* use_tempaddr of the interface, deep inside: IFLA_AF_SPEC, AF_INET6, IFLA_INET6_CONF, an array of
 * int. */
static bool prefers_temporary(struct bytes spec)
{
	struct nl_attr family, a;

	while (nl_attr_next(&spec, &family) > 0) {
		if (family.type != AF_INET6)
			continue;
		while (nl_attr_next(&family.val, &a) > 0) {
			size_t at = DEVCONF_USE_TEMPADDR * sizeof(int32_t);

			if (a.type != IFLA_INET6_CONF || a.val.len < at + sizeof(int32_t))
				continue;
			return (int32_t)val_u32((struct bytes){a.val.p + at, sizeof(int32_t)}) >= 2;
		}
	}
	return false;
}

int nl_link_parse(const struct nl_msg *m, struct nl_link *ret)
{
	struct ifinfomsg h;
	struct bytes left;
	struct nl_attr a;
	int err = take_fixed(m, &h, sizeof(h), &left);

	*ret = (struct nl_link){0};
	if (err)
		return err;
	ret->if_idx = (uint32_t)h.ifi_index;
	ret->flags = h.ifi_flags;
	ret->arp_type = h.ifi_type;
	while ((err = nl_attr_next(&left, &a)) > 0) {
		if (a.type == IFLA_IFNAME)
			memcpy(ret->name, a.val.p, MIN(a.val.len, sizeof(ret->name) - 1));
		else if (a.type == IFLA_MTU)
			ret->mtu_bytes = val_u32(a.val);
		else if (a.type == IFLA_ADDRESS)
			ret->has_mac = val_mac(a.val, &ret->mac);
		else if (a.type == IFLA_AF_SPEC)
			ret->prefers_temporary = prefers_temporary(a.val);
	}
	return err;
}

int nl_stats_parse(const struct nl_msg *m, uint64_t *ret_tx_packets)
{
	struct if_stats_msg h;
	struct rtnl_link_stats64 st = {0};
	struct bytes left;
	struct nl_attr a;
	int err = take_fixed(m, &h, sizeof(h), &left);

	if (err)
		return err;
	while ((err = nl_attr_next(&left, &a)) > 0) {
		size_t upto = offsetof(struct rtnl_link_stats64, tx_packets) + 8;

		if (a.type != IFLA_STATS_LINK_64 || a.val.len < upto)
			continue;
		memcpy(&st, a.val.p, upto);
		*ret_tx_packets = st.tx_packets;
		return 0;
	}
	return err < 0 ? err : -E_TRUNCATED;
}

int nl_addr_parse(const struct nl_msg *m, struct nl_addr *ret)
{
	struct ifaddrmsg h;
	struct bytes left;
	struct nl_attr a;
	bool has_local = false;
	int err = take_fixed(m, &h, sizeof(h), &left);

	*ret = (struct nl_addr){0};
	if (err)
		return err;
	if (!is_ours(h.ifa_family) || h.ifa_prefixlen > (h.ifa_family == AF_INET ? 32 : 128))
		return -E_UNSUPPORTED;
	ret->if_idx = h.ifa_index;
	ret->flags = h.ifa_flags;
	ret->prefix_len = h.ifa_prefixlen;
	ret->scope = h.ifa_scope;
	while ((err = nl_attr_next(&left, &a)) > 0) {
		if (a.type == IFA_LOCAL || (a.type == IFA_ADDRESS && !has_local))
			ret->local = val_addr(h.ifa_family, a.val);
		has_local = has_local || a.type == IFA_LOCAL;
		if (a.type == IFA_FLAGS)
			ret->flags = val_u32(a.val);
	}
	return err;
}

/* RTA_VIA: a family word and the address, for IPv4 over an IPv6 next hop. */
static struct addr val_via(struct bytes v)
{
	uint16_t family;

	if (v.len < sizeof(family))
		return (struct addr){0};
	memcpy(&family, v.p, sizeof(family));
	return val_addr(family, (struct bytes){v.p + sizeof(family), v.len - sizeof(family)});
}

static uint32_t metrics_mtu(struct bytes left)
{
	struct nl_attr a;

	while (nl_attr_next(&left, &a) > 0)
		if (a.type == RTAX_MTU)
			return val_u32(a.val);
	return 0;
}

static int hop_attrs(struct bytes left, int family, struct nl_route *ret);

/* The first next hop that is alive stands for all. */
static int first_hop(struct bytes left, int family, struct nl_route *ret)
{
	ret->is_dead = true;
	while (left.len >= sizeof(struct rtnexthop)) {
		struct rtnexthop nh;

		memcpy(&nh, left.p, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left.len)
			return -E_TRUNCATED;
		if (!(nh.rtnh_flags & RTNH_F_DEAD)) {
			ret->is_dead = false;
			ret->oif = (uint32_t)nh.rtnh_ifindex;
			return hop_attrs(
				(struct bytes){left.p + sizeof(nh), nh.rtnh_len - sizeof(nh)},
				family, ret);
		}
		(void)take(&left, nh.rtnh_len);
	}
	return 0;
}

static int hop_attrs(struct bytes left, int family, struct nl_route *ret)
{
	struct nl_attr a;
	int err;

	while ((err = nl_attr_next(&left, &a)) > 0) {
		if (a.type == RTA_GATEWAY)
			ret->gateway = val_addr(family, a.val);
		else if (a.type == RTA_VIA)
			ret->gateway = val_via(a.val);
	}
	return err;
}

static int route_attr(const struct nl_attr *a, int family, struct nl_route *ret)
{
	switch (a->type) {
	case RTA_DST:
		ret->dst = val_addr(family, a->val);
		break;
	case RTA_OIF:
		ret->oif = val_u32(a->val);
		break;
	case RTA_GATEWAY:
		ret->gateway = val_addr(family, a->val);
		break;
	case RTA_VIA:
		ret->gateway = val_via(a->val);
		break;
	case RTA_PREFSRC:
		ret->prefsrc = val_addr(family, a->val);
		break;
	case RTA_PRIORITY:
		ret->metric = val_u32(a->val);
		break;
	case RTA_TABLE:
		ret->table = val_u32(a->val);
		break;
	case RTA_PREF:
		ret->router_pref = a->val.len ? a->val.p[0] : 0;
		break;
	case RTA_METRICS:
		ret->mtu_bytes = metrics_mtu(a->val);
		break;
	case RTA_MULTIPATH:
		return first_hop(a->val, family, ret);
	}
	return 0;
}

int nl_route_parse(const struct nl_msg *m, struct nl_route *ret)
{
	struct rtmsg h;
	struct bytes left;
	struct nl_attr a;
	int err = take_fixed(m, &h, sizeof(h), &left);

	*ret = (struct nl_route){0};
	if (err)
		return err;
	if (!is_ours(h.rtm_family) || h.rtm_dst_len > (h.rtm_family == AF_INET ? 32 : 128))
		return -E_UNSUPPORTED;
	ret->family = h.rtm_family == AF_INET ? ADDR_V4 : ADDR_V6;
	ret->dst_len = h.rtm_dst_len;
	ret->tos = h.rtm_tos;
	ret->type = h.rtm_type;
	ret->scope = h.rtm_scope;
	ret->table = h.rtm_table;
	ret->is_dead = h.rtm_flags & RTNH_F_DEAD;
	ret->is_cloned = h.rtm_flags & RTM_F_CLONED;
	ret->has_src_prefix = h.rtm_src_len != 0;
	while ((err = nl_attr_next(&left, &a)) > 0) {
		err = route_attr(&a, h.rtm_family, ret);
		if (err < 0)
			return err;
	}
	if (ret->dst.family == ADDR_NONE) {
		ret->dst.family = ret->family;
		ret->dst_len = 0;
	}
	return err;
}

static bool is_selector(uint16_t type)
{
	static const uint16_t harmless[] = {
		FRA_TABLE, FRA_PRIORITY, FRA_SUPPRESS_PREFIXLEN, FRA_SUPPRESS_IFGROUP, FRA_PROTOCOL,
		FRA_PAD,   FRA_FLOW};

	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (type == harmless[i])
			return false;
	return true;
}

int nl_rule_parse(const struct nl_msg *m, struct nl_rule *ret)
{
	struct fib_rule_hdr h;
	struct bytes left;
	struct nl_attr a;
	int err = take_fixed(m, &h, sizeof(h), &left);

	*ret = (struct nl_rule){0};
	if (err)
		return err;
	if (!is_ours(h.family))
		return -E_UNSUPPORTED;
	ret->family = h.family == AF_INET ? ADDR_V4 : ADDR_V6;
	ret->action = h.action;
	ret->table = h.table;
	ret->is_plain = !h.dst_len && !h.src_len && !h.tos && !(h.flags & FIB_RULE_INVERT);
	while ((err = nl_attr_next(&left, &a)) > 0) {
		if (a.type == FRA_PRIORITY)
			ret->priority = val_u32(a.val);
		else if (a.type == FRA_TABLE)
			ret->table = val_u32(a.val);
		else if (a.type == FRA_SUPPRESS_PREFIXLEN || a.type == FRA_SUPPRESS_IFGROUP)
			ret->is_plain = ret->is_plain && val_u32(a.val) == UINT32_MAX;
		else if (is_selector(a.type))
			ret->is_plain = false;
	}
	return err;
}

int nl_neigh_parse(const struct nl_msg *m, struct nl_neigh *ret)
{
	struct ndmsg h;
	struct bytes left;
	struct nl_attr a;
	int err = take_fixed(m, &h, sizeof(h), &left);

	*ret = (struct nl_neigh){0};
	if (err)
		return err;
	if (!is_ours(h.ndm_family))
		return -E_UNSUPPORTED;
	ret->if_idx = (uint32_t)h.ndm_ifindex;
	ret->state = h.ndm_state;
	while ((err = nl_attr_next(&left, &a)) > 0) {
		if (a.type == NDA_DST)
			ret->addr = val_addr(h.ndm_family, a.val);
		else if (a.type == NDA_LLADDR)
			ret->has_mac = val_mac(a.val, &ret->mac);
	}
	return err;
}

int nl_error_of(const struct nl_msg *m)
{
	int32_t code;

	if (m->body.len < sizeof(code))
		return -E_TRUNCATED;
	memcpy(&code, m->body.p, sizeof(code));
	return code > 0 || code < -4095 ? -E_TRUNCATED : code;
}
