/* SPDX-License-Identifier: GPL-3.0-or-later */
/* addr.c: text both ways (RFC 4291, RFC 5952), order, numbers, special blocks, multicast forms. */
#include "support/guard.h"
#include "wire/addr.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	if (addr_parse(text, strlen(text), &a) < 0)
		fail_msg("%s does not parse", text);
	return a;
}

static void good_texts(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.20.130.4", "10.20.130.4"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		/* RFC 5952 section 1 and 4 */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
		{"2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA",
		 "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"},
		{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8::", "2001:db8::"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
		{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"::ffff:192.0.2.128", "::ffff:192.0.2.128"},
		{"::ffff:c000:280", "::ffff:192.0.2.128"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
	};
	char text[ADDR_TEXT_CAP];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = parsed(rows[i].in);

		assert_string_equal(addr_format(&a, text), rows[i].out);
		assert_string_equal(addr_format_bare(&a, text), rows[i].out);
	}
}

static void bad_texts(void **state)
{
	static const char *const rows[] = {
		"",
		".",
		"1",
		"1.2.3",
		"1.2.3.",
		"1.2.3.4.",
		"1.2.3.4.5",
		"256.1.1.1",
		"1.2.3.999",
		"01.2.3.4",
		"1.2.3.04",
		"1..2.3",
		" 1.2.3.4",
		"1.2.3.4 ",
		"0x1.2.3.4",
		"1.2.3.4/8",
		"-1.2.3.4",
		":",
		":::",
		":1",
		"1:",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"12345::",
		"g::",
		"::1%eth0",
		"::1/64",
		"::1.2.3",
		"::256.1.1.1",
		"1.2.3.4::",
		"::1.2.3.4:5",
		"1:2:3:4:5:6:7:1.2.3.4",
		"[::1]",
		"1:::2",
		"fe80::1 ",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = {.zone = 77};

		if (addr_parse(rows[i], strlen(rows[i]), &a) != -E_SYNTAX)
			fail_msg("\"%s\" parses", rows[i]);
		assert_int_equal(a.zone, 77);
	}
	assert_int_equal(addr_parse("1.2.3.4\0", 8, &(struct addr){0}), -E_SYNTAX);
}

/* Every prefix of every text, without a NUL behind it, judged by the C library too. */
static void cut_at_every_byte(void **state)
{
	static const char *const rows[] = {"192.168.100.254", "2001:db8::1:0:0:1",
					   "1:2:3:4:5:6:77.88.99.111", "::ffff:192.0.2.128",
					   "ABCD:EF01:2345:6789:abcd:ef01:2345:6789"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t n = 0; n <= strlen(rows[i]); n++) {
			char *p = (char *)guard_copy(rows[i], n), text[64];
			struct addr a;
			uint8_t b[16];
			bool is_good;

			snprintf(text, sizeof(text), "%.*s", (int)n, rows[i]);
			is_good = inet_pton(AF_INET, text, b) == 1 ||
				  inet_pton(AF_INET6, text, b) == 1;
			assert_int_equal(addr_parse(p, n, &a) == 0, is_good);
			if (is_good)
				assert_memory_equal(a.b, b, a.family == ADDR_V4 ? 4 : 16);
			guard_free((uint8_t *)p, n);
		}
	}
}

static void zones(void **state)
{
	struct addr a = parsed("fe80::1");
	char text[ADDR_TEXT_CAP];

	a.zone = 1; /* the loopback interface is the first of every namespace */
	assert_string_equal(addr_format(&a, text), "fe80::1%lo");
	a.zone = UINT32_MAX;
	assert_string_equal(addr_format(&a, text), "fe80::1%4294967295");
	a.zone = 1000000000;
	assert_string_equal(addr_format(&a, text), "fe80::1%1000000000");
	assert_string_equal(addr_format_bare(&a, text), "fe80::1");
}

static void numbers(void **state)
{
	struct addr v4 = parsed("192.0.2.1"), v6 = parsed("2001:db8::ff00:42:8329"), again;

	assert_int_equal(addr_to_u32(&v4), 0xc0000201);
	assert_int_equal(addr_to_u32(&v6), 0);
	assert_true(addr_to_u128(&v4) == 0xc0000201u);
	assert_true(addr_to_u128(&v6) ==
		    ((u128)0x20010db800000000ull << 64 | 0x0000ff0000428329ull));
	again = addr_v4(0xc0000201);
	assert_true(addr_equal(&v4, &again));
	again = addr_from_u128(ADDR_V6, addr_to_u128(&v6), 3);
	assert_false(addr_equal(&v6, &again));
	again.zone = 0;
	assert_true(addr_equal(&v6, &again));
	again = addr_from_u128(ADDR_V4, addr_to_u128(&v4), 0);
	assert_true(addr_equal(&v4, &again));
}

static void order(void **state)
{
	static const char *const ascending[] = {
		"0.0.0.0", "9.255.255.255", "10.0.0.1",   "255.0.0.0", "::",
		"::1",     "1::",           "2001:db8::", "fe80::1"};

	for (size_t i = 0; i < ARRAY_LEN(ascending); i++) {
		for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
			struct addr a = parsed(ascending[i]), b = parsed(ascending[j]);

			assert_int_equal(addr_cmp(&a, &b), (i > j) - (i < j));
		}
	}
	struct addr a = parsed("fe80::1"), b = a;

	a.zone = 2;
	b.zone = 3;
	assert_int_equal(addr_cmp(&a, &b), -1);
	assert_int_equal(addr_cmp(&b, &a), 1);
}

static void macs(void **state)
{
	static const struct mac m = {{0x00, 0x1b, 0x2c, 0x3d, 0x4e, 0xff}};
	char text[MAC_TEXT_CAP];

	assert_string_equal(mac_format(&m, text), "00:1B:2C:3D:4E:FF");
}

static void special_blocks(void **state)
{
	enum { LOOPBACK = 1, LINKLOCAL = 2, MULTICAST = 4, PRIVATE = 8 };
	static const struct {
		const char *addr;
		int want;
	} rows[] = {
		{"127.0.0.1", LOOPBACK | PRIVATE},
		{"127.255.255.255", LOOPBACK | PRIVATE},
		{"126.255.255.255", 0},
		{"128.0.0.0", 0},
		{"::1", LOOPBACK | PRIVATE},
		{"::2", 0},
		{"169.254.0.0", LINKLOCAL | PRIVATE},
		{"169.255.0.0", 0},
		{"fe80::1", LINKLOCAL | PRIVATE},
		{"febf::", LINKLOCAL | PRIVATE},
		{"fec0::", 0},
		{"224.0.0.1", MULTICAST},
		{"239.255.255.255", MULTICAST},
		{"240.0.0.0", 0},
		{"ff02::1", MULTICAST},
		{"10.0.0.0", PRIVATE},
		{"11.0.0.0", 0},
		{"172.15.255.255", 0},
		{"172.16.0.0", PRIVATE},
		{"172.31.255.255", PRIVATE},
		{"172.32.0.0", 0},
		{"192.168.255.1", PRIVATE},
		{"192.169.0.0", 0},
		{"100.63.255.255", 0},
		{"100.64.0.0", PRIVATE},
		{"100.127.255.255", PRIVATE},
		{"100.128.0.0", 0},
		{"198.18.0.0", PRIVATE},
		{"198.19.255.255", PRIVATE},
		{"198.20.0.0", 0},
		{"192.0.2.255", PRIVATE},
		{"198.51.100.1", PRIVATE},
		{"203.0.113.1", PRIVATE},
		{"8.8.8.8", 0},
		{"fc00::", PRIVATE},
		{"fdff::1", PRIVATE},
		{"fe00::", 0},
		{"2001:db8:ffff::", PRIVATE},
		{"2001:db9::", 0},
		{"2001:2::1", PRIVATE},
		{"2001:2:1::", 0},
		{"3fff:fff::", PRIVATE},
		{"3fff:1000::", 0},
		{"2600::1", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = parsed(rows[i].addr);
		int got = addr_is_loopback(&a) * LOOPBACK | addr_is_linklocal(&a) * LINKLOCAL |
			  addr_is_multicast(&a) * MULTICAST | addr_is_private(&a) * PRIVATE;

		if (got != rows[i].want)
			fail_msg("%s: %d, not %d", rows[i].addr, got, rows[i].want);
	}
}

static void multicast_forms(void **state)
{
	struct addr a = parsed("fe80::2aa:ff:fe28:9c5a"), group;
	char text[ADDR_TEXT_CAP], mac_text[MAC_TEXT_CAP];
	struct mac m;

	a.zone = 4;
	group = addr_solicited_node(
		&a); /* the example of RFC 4291 2.7.1 has this interface identifier */
	assert_string_equal(addr_format_bare(&group, text), "ff02::1:ff28:9c5a");
	assert_int_equal(group.zone, 4);
	m = mac_of_multicast(&group);
	assert_string_equal(mac_format(&m, mac_text), "33:33:FF:28:9C:5A");
	group = parsed("224.129.2.3");
	m = mac_of_multicast(&group);
	assert_string_equal(mac_format(&m, mac_text), "01:00:5E:01:02:03");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts),
		cmocka_unit_test(bad_texts),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(zones),
		cmocka_unit_test(numbers),
		cmocka_unit_test(order),
		cmocka_unit_test(macs),
		cmocka_unit_test(special_blocks),
		cmocka_unit_test(multicast_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
