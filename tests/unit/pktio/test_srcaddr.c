/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source address selection: one case per rule of RFC 6724 section 5, and IPv4's scopes and
 * secondaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <cmocka.h>

#include "pktio/srcaddr.h"

#define OURS_MAX 4

struct ours {
	const char *text;
	uint8_t len;
	uint32_t if_idx, flags;
	uint8_t scope;
	bool prefers_temporary;
};

static struct addr literal(const char *s)
{
	struct addr a = {0};

	if (*s)
		assert_int_equal(addr_parse(s, strlen(s), &a), 0);
	return a;
}

static uint32_t load(const struct ours *o, struct src_addr *s)
{
	uint32_t n = 0;

	for (; n < OURS_MAX && o[n].text; n++)
		s[n] = (struct src_addr){.a = {.local = literal(o[n].text),
					       .prefix_len = o[n].len,
					       .if_idx = o[n].if_idx,
					       .flags = o[n].flags,
					       .scope = o[n].scope},
					 .prefers_temporary = o[n].prefers_temporary};
	return n;
}

static void check(const char *name, const struct addr *got, const char *want)
{
	struct addr w = literal(want);

	if (*want ? !got || !addr_equal(got, &w) : got != NULL)
		fail_msg("%s: not %s", name, *want ? want : "none");
}

static void v6_follows_the_rules(void **state)
{
	static const struct row {
		const char *name, *dst, *want;
		struct ours ours[OURS_MAX];
	} rows[] = {
		{"1 same address", "fd00::2", "fd00::2", {{"fd00::1", 64, 1}, {"fd00::2", 64, 2}}},
		{"2 scope reaches",
		 "2001:db8::9",
		 "2001:db8:1::1",
		 {{"fe80::1", 64, 1}, {"2001:db8:1::1", 64, 2}}},
		{"2 link-local stays",
		 "fe80::9",
		 "fe80::1",
		 {{"2001:db8::1", 64, 1}, {"fe80::1", 64, 1}}},
		{"link-local only from its link", "fe80::9", "", {{"fe80::1", 64, 2}}},
		{"3 deprecated last",
		 "2001:db8::9",
		 "2001:db8:ffff::2",
		 {{"2001:db8::1", 64, 1, IFA_F_DEPRECATED}, {"2001:db8:ffff::2", 64, 1}}},
		{"5 outgoing interface",
		 "2001:db8::9",
		 "2001:db8:ffff::2",
		 {{"2001:db8::1", 64, 2}, {"2001:db8:ffff::2", 64, 1}}},
		{"6 label, unique local",
		 "fd00:9::9",
		 "fd99::1",
		 {{"2001:db8::1", 64, 1}, {"fd99::1", 64, 1}}},
		{"6 label before length",
		 "2001:db8::9",
		 "2600::1",
		 {{"2001:0:1::1", 64, 1}, {"2600::1", 64, 1}}},
		{"6 label, 6to4",
		 "2002:1::1",
		 "2002:9::1",
		 {{"2001:db8::1", 64, 1}, {"2002:9::1", 64, 1}}},
		{"7 public by default",
		 "2001:db8::9",
		 "2001:db8::2",
		 {{"2001:db8::1", 64, 1, IFA_F_TEMPORARY}, {"2001:db8::2", 64, 1}}},
		{"7 temporary when asked for",
		 "2001:db8::9",
		 "2001:db8::1",
		 {{"2001:db8::2", 64, 1, 0, 0, true},
		  {"2001:db8::1", 64, 1, IFA_F_TEMPORARY, 0, true}}},
		{"8 longest match",
		 "2001:db8:8::9",
		 "2001:db8:9::1",
		 {{"2001:db8:1::1", 64, 1}, {"2001:db8:9::1", 64, 1}}},
		{"8 no longer than the prefix: first wins",
		 "2001:db8:0:1::9",
		 "2001:db8:0:2::1",
		 {{"2001:db8:0:2::1", 48, 1}, {"2001:db8:0:1::1", 48, 1}}},
		{"tentative never", "2001:db8::9", "", {{"2001:db8::1", 64, 1, IFA_F_TENTATIVE}}},
		{"IPv4 is no candidate", "2001:db8::9", "", {{"192.0.2.1", 24, 1}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct src_addr s[OURS_MAX];
		uint32_t n = load(rows[i].ours, s);
		struct addr dst = literal(rows[i].dst);

		check(rows[i].name, src_pick_v6(s, n, 1, &dst), rows[i].want);
	}
}

static void v4_takes_the_first_that_reaches(void **state)
{
	static const struct row {
		const char *name, *gateway, *want;
		uint8_t route_scope;
		struct ours ours[OURS_MAX];
	} rows[] = {
		{"first primary",
		 "",
		 "10.0.0.1",
		 RT_SCOPE_LINK,
		 {{"10.0.0.1", 24, 1}, {"10.1.0.1", 24, 1}}},
		{"gateway's subnet",
		 "10.1.0.254",
		 "10.1.0.1",
		 RT_SCOPE_UNIVERSE,
		 {{"10.0.0.1", 24, 1}, {"10.1.0.1", 24, 1}}},
		{"gateway in no subnet",
		 "10.9.0.254",
		 "10.0.0.1",
		 RT_SCOPE_UNIVERSE,
		 {{"10.0.0.1", 24, 1}, {"10.1.0.1", 24, 1}}},
		{"secondary never",
		 "10.1.0.254",
		 "10.0.0.1",
		 RT_SCOPE_UNIVERSE,
		 {{"10.0.0.1", 24, 1}, {"10.1.0.1", 24, 1, IFA_F_SECONDARY}}},
		{"host scope does not leave",
		 "",
		 "10.1.0.1",
		 RT_SCOPE_UNIVERSE,
		 {{"10.0.0.1", 32, 1, 0, RT_SCOPE_HOST}, {"10.1.0.1", 24, 1}}},
		{"link scope for a link route",
		 "",
		 "169.254.0.1",
		 RT_SCOPE_LINK,
		 {{"169.254.0.1", 16, 1, 0, RT_SCOPE_LINK}, {"10.1.0.1", 24, 1}}},
		{"unnumbered interface borrows",
		 "",
		 "10.2.0.1",
		 RT_SCOPE_LINK,
		 {{"127.0.0.1", 8, 3, 0, RT_SCOPE_HOST}, {"10.2.0.1", 24, 2}}},
		{"nothing fits", "", "", RT_SCOPE_LINK, {{"127.0.0.1", 8, 3, 0, RT_SCOPE_HOST}}},
		{"a /0 address holds any gateway",
		 "10.9.9.9",
		 "10.0.0.1",
		 RT_SCOPE_UNIVERSE,
		 {{"10.0.0.1", 0, 1}, {"10.9.9.1", 24, 1}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct src_addr s[OURS_MAX];
		uint32_t n = load(rows[i].ours, s);
		struct addr gw = literal(rows[i].gateway);

		check(rows[i].name, src_pick_v4(s, n, 1, &gw, rows[i].route_scope), rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v6_follows_the_rules),
		cmocka_unit_test(v4_takes_the_first_that_reaches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
