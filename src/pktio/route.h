/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel knows of the way to a target: interfaces, addresses, routes and neighbours, by
 * rtnetlink. The tables are read once; a lookup is our own longest-prefix match over flattened
 * segments. With policy rules beyond the three standard ones each lookup asks the kernel instead
 * (small cache).
 */
#pragma once

#include "wire/addr.h"

#define IFACE_NAME_CAP 16

struct iface {
	uint32_t if_idx;
	char name[IFACE_NAME_CAP];
	uint32_t mtu_bytes;
	uint16_t arp_type; /* ARPHRD_* */
	bool is_up, is_loopback, is_ether, is_p2p, has_arp;
	bool prefers_temporary; /* IPv6 privacy addresses first: use_tempaddr >= 2 */
	struct mac mac;
	const struct prefix_addr {
		struct addr addr;
		uint8_t len;
	} * addrs;
	uint32_t n_addrs;
};

enum route_kind {
	ROUTE_NONE,
	ROUTE_LOOPBACK,
	ROUTE_ONLINK,
	ROUTE_GATEWAY,
	ROUTE_P2P,
	ROUTE_KIND_N
};

/**
 * The way to one target. Our own addresses are ROUTE_LOOPBACK over lo, whichever interface they
 * stand on; ROUTE_P2P is every interface without neighbour resolution (tun, NOARP): only rawip can
 * use it.
 */
struct route {
	uint8_t kind; /* enum route_kind */
	uint32_t if_idx;
	struct addr src;      /* the source the kernel would choose */
	struct addr next_hop; /* gateway, or ADDR_NONE when the target itself is the next hop */
	uint32_t mtu_bytes;
};

struct route_table;
/** @return 0, -errno. Cost: see bench; four dumps. Of several next hops the first alive stands for
 * all. */
int route_table_load(struct route_table **ret) MUST_CHECK;
void route_table_free(struct route_table *t);
/**
 * @param dst its zone, when set, restricts as if_idx does.
 * @param if_idx 0, or only routes over this interface (-e).
 * @return 0; -E_NOROUTE (none, unreachable, prohibit, blackhole, interface down, and every
 * multicast, broadcast or unspecified address); -E_FAMILY (no source address of the family);
 * -ENOMEM. Cost: about 20 ns by the flattened table. Thread: owner.
 */
int route_lookup(struct route_table *t, const struct addr *dst, uint32_t if_idx,
		 struct route *ret) MUST_CHECK;
/**
 * May a route lead to any address from @p lo to @p hi (one family)? @return false: none does.
 * @param if_idx as route_lookup's. Cost: a look at each route. Thread: any.
 */
bool route_may_reach(const struct route_table *t, const struct addr *lo, const struct addr *hi,
		     uint32_t if_idx);
uint32_t route_n_ifaces(const struct route_table *t);
const struct iface *route_iface_at(const struct route_table *t, uint32_t i);
const struct iface *route_iface(const struct route_table *t, uint32_t if_idx);
const struct iface *route_iface_named(const struct route_table *t, const char *name);
/**
 * MAC of a neighbour in a usable state (reachable, stale, delay, probe, permanent, noarp). The
 * kernel's table is read at the first call and kept. @return 0, -E_EMPTY.
 */
int route_neigh(struct route_table *t, uint32_t if_idx, const struct addr *a,
		struct mac *ret) MUST_CHECK;
/** Rows for --iflist: call @p fn with text lines. */
void route_describe(const struct route_table *t, void (*fn)(void *ctx, const char *line),
		    void *ctx);
