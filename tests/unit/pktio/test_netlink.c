/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rtnetlink parsing on recorded messages: fields, cut at every byte, every byte changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <cmocka.h>

#include "pktio/netlink.h"
#include "support/guard.h"
#include "unit/pktio/netlink_bytes.h"

#define MSG_MAX 2048

static const char *const all[] = {
	MSG_LINK_TUN,        MSG_LINK_VETH,      MSG_ADDR_PRIMARY,
	MSG_ADDR_SECONDARY,  MSG_ADDR_PEER,      MSG_ADDR_V6_PERMANENT,
	MSG_ROUTE_CONNECTED, MSG_ROUTE_GATEWAY,  MSG_ROUTE_BLACKHOLE,
	MSG_ROUTE_MULTIPATH, MSG_ROUTE_VIA_V6,   MSG_ROUTE_LOCAL,
	MSG_ROUTE_BROADCAST, MSG_ROUTE6_GATEWAY, MSG_ROUTE6_DEFAULT,
	MSG_RULE_LOCAL,      MSG_RULE_FROM,      MSG_RULE_SUPPRESS,
	MSG_RULE_MAIN,       MSG_RULE6_MAIN,     MSG_RULE_MULTICAST_FAMILY,
	MSG_NEIGH_PERMANENT, MSG_NEIGH_FAILED,   MSG_NEIGH6_STALE,
};

static size_t unhex(const char *hex, uint8_t out[MSG_MAX])
{
	size_t n = strlen(hex) / 2;

	assert_true(n <= MSG_MAX);
	for (size_t i = 0; i < n; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], 0};

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static struct addr literal(const char *s)
{
	struct addr a = {0};

	if (*s)
		assert_int_equal(addr_parse(s, strlen(s), &a), 0);
	return a;
}

/* The one message in @hex; bytes live in @buf. */
static struct nl_msg message(const char *hex, uint8_t buf[MSG_MAX])
{
	struct bytes left = {buf, unhex(hex, buf)};
	struct nl_msg m;

	assert_int_equal(nl_next(&left, &m), 1);
	assert_int_equal(left.len, 0);
	return m;
}

static int parse_any(const struct nl_msg *m)
{
	union {
		struct nl_link link;
		struct nl_addr addr;
		struct nl_route route;
		struct nl_rule rule;
		struct nl_neigh neigh;
	} u;

	switch (m->type) {
	case RTM_NEWLINK:
		return nl_link_parse(m, &u.link);
	case RTM_NEWADDR:
		return nl_addr_parse(m, &u.addr);
	case RTM_NEWROUTE:
		return nl_route_parse(m, &u.route);
	case RTM_NEWRULE:
		return nl_rule_parse(m, &u.rule);
	case RTM_NEWNEIGH:
		return nl_neigh_parse(m, &u.neigh);
	}
	return -E_UNSUPPORTED;
}

static void links_are_read(void **state)
{
	uint8_t buf[MSG_MAX];
	struct nl_link l;
	struct nl_msg m = message(MSG_LINK_VETH, buf);

	assert_int_equal(m.type, RTM_NEWLINK);
	assert_int_equal(nl_link_parse(&m, &l), 0);
	assert_string_equal(l.name, "v0");
	assert_int_equal(l.if_idx, 3);
	assert_int_equal(l.mtu_bytes, 1500);
	assert_int_equal(l.arp_type, 1);
	assert_true(l.has_mac);
	assert_memory_equal(l.mac.b, "\x02\0\0\0\0\x0a", 6);
	assert_false(l.prefers_temporary);
	m = message(MSG_LINK_TUN, buf);
	assert_int_equal(nl_link_parse(&m, &l), 0);
	assert_string_equal(l.name, "t0");
	assert_int_equal(l.arp_type, 65534);
	assert_false(l.has_mac);
}

/* The array of IPv6 settings is found by its eleventh member: set it and look again. */
static void privacy_setting_is_found(void **state)
{
	uint8_t buf[MSG_MAX];
	struct nl_link l;
	struct nl_msg m = message(MSG_LINK_VETH, buf);
	int n_found = 0;

	for (size_t at = 16; at + 4 <= 16 + m.body.len; at += 4) {
		uint32_t was, two = 2;

		memcpy(&was, buf + at, 4);
		memcpy(buf + at, &two, 4);
		if (nl_link_parse(&m, &l) == 0 && l.prefers_temporary)
			n_found++;
		memcpy(buf + at, &was, 4);
	}
	assert_int_equal(n_found, 1);
}

static void addresses_are_read(void **state)
{
	static const struct row {
		const char *hex, *local;
		uint8_t len;
		uint32_t if_idx, flags;
	} rows[] = {
		{MSG_ADDR_PRIMARY, "10.1.0.1", 24, 3, IFA_F_PERMANENT},
		{MSG_ADDR_SECONDARY, "10.1.0.9", 24, 3, IFA_F_PERMANENT | IFA_F_SECONDARY},
		{MSG_ADDR_PEER, "10.9.0.1", 32, 4, IFA_F_PERMANENT},
		{MSG_ADDR_V6_PERMANENT, "fd00:1::1", 64, 3, IFA_F_PERMANENT | IFA_F_NODAD},
	};
	uint8_t buf[MSG_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nl_msg m = message(rows[i].hex, buf);
		struct addr want = literal(rows[i].local);
		struct nl_addr a;

		assert_int_equal(nl_addr_parse(&m, &a), 0);
		assert_true(addr_equal(&a.local, &want));
		assert_int_equal(a.prefix_len, rows[i].len);
		assert_int_equal(a.if_idx, rows[i].if_idx);
		assert_int_equal(a.flags, rows[i].flags);
	}
}

static void routes_are_read(void **state)
{
	static const struct row {
		const char *hex, *dst, *gateway, *src;
		uint8_t len, type;
		uint32_t oif, metric, mtu, table;
	} rows[] = {
		{MSG_ROUTE_CONNECTED, "10.1.0.0", "", "10.1.0.1", 24, RTN_UNICAST, 3, 0, 0, 254},
		{MSG_ROUTE_GATEWAY, "10.2.0.0", "10.1.0.2", "10.1.0.9", 16, RTN_UNICAST, 3, 50,
		 1300, 254},
		{MSG_ROUTE_BLACKHOLE, "10.3.0.0", "", "", 16, RTN_BLACKHOLE, 0, 0, 0, 254},
		{MSG_ROUTE_MULTIPATH, "10.4.0.0", "10.1.0.3", "", 16, RTN_UNICAST, 3, 0, 0, 254},
		{MSG_ROUTE_VIA_V6, "10.5.0.0", "fd00:1::2", "", 16, RTN_UNICAST, 3, 0, 0, 254},
		{MSG_ROUTE_LOCAL, "10.1.0.1", "", "10.1.0.1", 32, RTN_LOCAL, 3, 0, 0, 255},
		{MSG_ROUTE_BROADCAST, "10.1.0.255", "", "10.1.0.1", 32, RTN_BROADCAST, 3, 0, 0,
		 255},
		{MSG_ROUTE6_GATEWAY, "fd00:2::", "fd00:1::2", "", 48, RTN_UNICAST, 3, 77, 0, 254},
		{MSG_ROUTE6_DEFAULT, "::", "fe80::1", "", 0, RTN_UNICAST, 3, 1024, 0, 254},
	};
	uint8_t buf[MSG_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nl_msg m = message(rows[i].hex, buf);
		struct addr dst = literal(rows[i].dst), gw = literal(rows[i].gateway),
			    src = literal(rows[i].src);
		struct nl_route r;

		assert_int_equal(nl_route_parse(&m, &r), 0);
		assert_true(addr_equal(&r.dst, &dst));
		assert_true(addr_equal(&r.gateway, &gw));
		assert_true(addr_equal(&r.prefsrc, &src));
		assert_int_equal(r.dst_len, rows[i].len);
		assert_int_equal(r.type, rows[i].type);
		assert_int_equal(r.oif, rows[i].oif);
		assert_int_equal(r.metric, rows[i].metric);
		assert_int_equal(r.mtu_bytes, rows[i].mtu);
		assert_int_equal(r.table, rows[i].table);
		assert_false(r.is_dead);
	}
	struct nl_msg m = message(MSG_ROUTE6_DEFAULT, buf);
	struct nl_route r;
	assert_int_equal(nl_route_parse(&m, &r), 0);
	assert_int_equal(r.router_pref, 1);
}

/* The first hop marked dead: the second one is taken; both dead: the route is. */
static void dead_hops_are_passed_over(void **state)
{
	uint8_t buf[MSG_MAX];
	struct nl_msg m = message(MSG_ROUTE_MULTIPATH, buf);
	struct addr second = literal("10.1.0.4");
	struct nl_route r;
	uint8_t *hops = buf + 48; /* header 16, rtmsg 12, table 8, dst 8, attribute header 4 */

	hops[2] |= RTNH_F_DEAD;
	assert_int_equal(nl_route_parse(&m, &r), 0);
	assert_true(addr_equal(&r.gateway, &second));
	assert_false(r.is_dead);
	hops[16 + 2] |= RTNH_F_DEAD;
	assert_int_equal(nl_route_parse(&m, &r), 0);
	assert_true(r.is_dead);
}

static void rules_are_read(void **state)
{
	static const struct row {
		const char *hex;
		uint8_t family;
		uint32_t priority, table;
		bool is_plain;
	} rows[] = {
		{MSG_RULE_LOCAL, ADDR_V4, 0, 255, true},
		{MSG_RULE_FROM, ADDR_V4, 1000, 77, false},
		{MSG_RULE_SUPPRESS, ADDR_V4, 1001, 254, false},
		{MSG_RULE_MAIN, ADDR_V4, 32766, 254, true},
		{MSG_RULE6_MAIN, ADDR_V6, 32766, 254, true},
	};
	uint8_t buf[MSG_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nl_msg m = message(rows[i].hex, buf);
		struct nl_rule r;

		assert_int_equal(nl_rule_parse(&m, &r), 0);
		assert_int_equal(r.family, rows[i].family);
		assert_int_equal(r.priority, rows[i].priority);
		assert_int_equal(r.table, rows[i].table);
		assert_int_equal(r.is_plain, rows[i].is_plain);
	}
	struct nl_msg m = message(MSG_RULE_MULTICAST_FAMILY, buf);
	assert_int_equal(parse_any(&m), -E_UNSUPPORTED);
}

static void neighbours_are_read(void **state)
{
	uint8_t buf[MSG_MAX];
	struct nl_neigh n;
	struct nl_msg m = message(MSG_NEIGH_PERMANENT, buf);
	struct addr want = literal("10.1.0.2");

	assert_int_equal(nl_neigh_parse(&m, &n), 0);
	assert_true(addr_equal(&n.addr, &want));
	assert_int_equal(n.state, NUD_PERMANENT);
	assert_int_equal(n.if_idx, 3);
	assert_true(n.has_mac);
	assert_int_equal(n.mac.b[5], 0xbb);
	m = message(MSG_NEIGH_FAILED, buf);
	assert_int_equal(nl_neigh_parse(&m, &n), 0);
	assert_false(n.has_mac);
	m = message(MSG_NEIGH6_STALE, buf);
	want = literal("fd00:1::2");
	assert_int_equal(nl_neigh_parse(&m, &n), 0);
	assert_true(addr_equal(&n.addr, &want));
	assert_int_equal(n.state, NUD_STALE);
}

/* Two messages back to back, the second cut at every byte: the first always comes, the second only
 * whole. */
static void datagram_cut_at_every_byte(void **state)
{
	uint8_t two[2 * MSG_MAX];
	size_t first = unhex(MSG_ADDR_PRIMARY, two),
	       n = first + unhex(MSG_ROUTE_GATEWAY, two + first);

	for (size_t cut = first; cut <= n; cut++) {
		uint8_t *p = guard_copy(two, cut);
		struct bytes left = {p, cut};
		struct nl_msg m;

		assert_int_equal(nl_next(&left, &m), 1);
		assert_int_equal(m.type, RTM_NEWADDR);
		assert_int_equal(nl_next(&left, &m), cut == n       ? 1
						     : cut == first ? 0
								    : -E_TRUNCATED);
		guard_free(p, cut);
	}
}

static void body_cut_at_every_byte(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		uint8_t buf[MSG_MAX];
		struct nl_msg m = message(all[i], buf);
		int whole = parse_any(&m);

		for (size_t cut = 0; cut < m.body.len; cut++) {
			uint8_t *p = guard_copy(m.body.p, cut);
			struct nl_msg part = {.type = m.type, .body = {p, cut}};
			int got = parse_any(&part);

			/* Between two attributes a cut is not seen: 0. */
			assert_true(got == 0 || got == -E_TRUNCATED || got == whole);
			if (cut < 8)
				assert_int_equal(got, -E_TRUNCATED);
			guard_free(p, cut);
		}
	}
}

static void any_byte_may_lie(void **state)
{
	static const uint8_t lies[] = {0, 1, 3, 5, 0x7f, 0x80, 0xff};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		uint8_t buf[MSG_MAX];
		struct nl_msg m = message(all[i], buf);
		uint8_t *p = guard_copy(m.body.p, m.body.len);

		for (size_t at = 0; at < m.body.len; at++)
			for (size_t k = 0; k < ARRAY_LEN(lies); k++) {
				struct nl_msg lie = {.type = m.type, .body = {p, m.body.len}};
				int got;

				p[at] = lies[k];
				got = parse_any(&lie);
				assert_true(got == 0 || got == -E_TRUNCATED ||
					    got == -E_UNSUPPORTED);
				p[at] = m.body.p[at];
			}
		guard_free(p, m.body.len);
	}
}

static void errors_are_read(void **state)
{
	static const struct row {
		int32_t code;
		size_t len;
		int want;
	} rows[] = {{-ENETUNREACH, 4, -ENETUNREACH},
		    {0, 4, 0},
		    {0, 3, -E_TRUNCATED},
		    {5, 4, -E_TRUNCATED},
		    {INT32_MIN, 4, -E_TRUNCATED}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *p = guard_copy(&rows[i].code, rows[i].len);
		struct nl_msg m = {.type = NLMSG_ERROR, .body = {p, rows[i].len}};

		assert_int_equal(nl_error_of(&m), rows[i].want);
		guard_free(p, rows[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_read),
		cmocka_unit_test(privacy_setting_is_found),
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(routes_are_read),
		cmocka_unit_test(dead_hops_are_passed_over),
		cmocka_unit_test(rules_are_read),
		cmocka_unit_test(neighbours_are_read),
		cmocka_unit_test(datagram_cut_at_every_byte),
		cmocka_unit_test(body_cut_at_every_byte),
		cmocka_unit_test(any_byte_may_lie),
		cmocka_unit_test(errors_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
