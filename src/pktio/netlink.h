/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink: messages to structs (pure, bounded: every length is a claim), and the one request a
 * table load needs, a dump. Numbers are as the kernel gives them. Sources: netlink(7),
 * rtnetlink(7).
 */
#pragma once

#include "base/cursor.h"
#include "wire/addr.h"

struct nl_msg {
	uint16_t type, flags;
	uint32_t seq;
	struct bytes body;
};
/** Next message of a datagram. @return 1, 0 at the end, -E_TRUNCATED (a length lies). */
int nl_next(struct bytes *left, struct nl_msg *ret) MUST_CHECK;

struct nl_attr {
	uint16_t type; /* without the nested and byte-order flags */
	struct bytes val;
};
/** As nl_next for attributes. */
int nl_attr_next(struct bytes *left, struct nl_attr *ret) MUST_CHECK;

struct nl_link {
	uint32_t if_idx, flags, mtu_bytes;
	uint16_t arp_type;
	bool has_mac;
	bool prefers_temporary; /* IPv6 privacy addresses first: use_tempaddr >= 2 */
	struct mac mac;
	char name[16];
};
struct nl_addr {
	uint32_t if_idx, flags;
	uint8_t prefix_len, scope;
	struct addr local; /* the interface's own address, also on point-to-point links */
};
struct nl_route {
	uint8_t family; /* enum addr_family */
	uint8_t dst_len, tos, type, scope;
	uint8_t router_pref; /* RFC 4191: 1 high, 0 medium, 3 low */
	bool is_dead, is_cloned;
	bool has_src_prefix; /* IPv6 source-specific */
	uint32_t table, metric, oif, mtu_bytes;
	struct addr dst, gateway, prefsrc; /* family ADDR_NONE when absent */
};
struct nl_rule {
	uint8_t family, action;
	uint32_t priority, table;
	bool is_plain; /* matches everything: no selector of any kind */
};
struct nl_neigh {
	uint32_t if_idx;
	uint16_t state;
	struct addr addr;
	bool has_mac;
	struct mac mac;
};

/** Each: @return 0, -E_TRUNCATED, or -E_UNSUPPORTED (a family we do not scan). @p ret zeroed, then
 * filled. */
int nl_link_parse(const struct nl_msg *m, struct nl_link *ret) MUST_CHECK;
int nl_addr_parse(const struct nl_msg *m, struct nl_addr *ret) MUST_CHECK;
int nl_route_parse(const struct nl_msg *m, struct nl_route *ret) MUST_CHECK;
int nl_rule_parse(const struct nl_msg *m, struct nl_rule *ret) MUST_CHECK;
int nl_neigh_parse(const struct nl_msg *m, struct nl_neigh *ret) MUST_CHECK;
/** NLMSG_ERROR: the negative errno it carries, 0 for an acknowledgement, -E_TRUNCATED. */
int nl_error_of(const struct nl_msg *m);

/** One netlink socket and its receive buffer. Thread: owner. */
struct nl_sock {
	int fd;
	uint32_t seq;
	uint8_t *buf;
};
int nl_open(struct nl_sock *s) MUST_CHECK;
void nl_close(struct nl_sock *s);
typedef int (*nl_msg_fn)(void *ctx, const struct nl_msg *m);
/**
 * Ask for everything of one kind (RTM_GETLINK, ...) in all families and call @p fn per message.
 * @return 0; what @p fn returned when not 0; -EAGAIN when the kernel's table changed meanwhile;
 * -errno.
 */
int nl_dump(struct nl_sock *s, uint16_t type, nl_msg_fn fn, void *ctx) MUST_CHECK;
/** Packets that interface @p if_idx has sent since it exists. @return 0, -E_TRUNCATED, -errno. */
int nl_tx_packets(struct nl_sock *s, uint32_t if_idx, uint64_t *ret) MUST_CHECK;
/** Its parser: the 64-bit link counters of a RTM_NEWSTATS message. @return as nl_tx_packets. */
int nl_stats_parse(const struct nl_msg *m, uint64_t *ret_tx_packets) MUST_CHECK;
/** The kernel's own route to @p dst. @return 0, -errno as the kernel answers (-ENETUNREACH, ...).
 */
int nl_route_get(struct nl_sock *s, const struct addr *dst, uint32_t oif,
		 struct nl_route *ret) MUST_CHECK;
