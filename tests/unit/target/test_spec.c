/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Target words: what they stand for, what is refused and how the refusal points at the spot. */
#include "target/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "support/guard.h"

/* "lo-hi lo-hi": zones as numbers, so that the text does not depend on this machine's interfaces.
 */
static void ranges_text(const struct range_set *s, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < s->n && n < cap; i++) {
		struct addr a = addr_from_u128(s->r[i].family, s->r[i].lo, 0);
		struct addr b = addr_from_u128(s->r[i].family, s->r[i].hi, 0);
		char ta[ADDR_TEXT_CAP], tb[ADDR_TEXT_CAP];

		n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? " " : "",
				      addr_format_bare(&a, ta));
		if (n < cap && !addr_equal(&a, &b))
			n += (size_t)snprintf(out + n, cap - n, "-%s", addr_format_bare(&b, tb));
		if (n < cap && s->r[i].zone)
			n += (size_t)snprintf(out + n, cap - n, "%%%u", s->r[i].zone);
	}
}

static const struct {
	const char *spec, *want;
} good[] = {
	{"192.0.2.1", "192.0.2.1"},
	{"10.0.0.0/8", "10.0.0.0-10.255.255.255"},
	{"10.1.2.3/8", "10.0.0.0-10.255.255.255"},
	{"10.0.0.7/32", "10.0.0.7"},
	{"10.0.0.7/31", "10.0.0.6-10.0.0.7"},
	{"0.0.0.0/0", "0.0.0.0-255.255.255.255"},
	{"*.*.*.*", "0.0.0.0-255.255.255.255"},
	{"192.168.1.1-254", "192.168.1.1-192.168.1.254"},
	{"192.168.1.-9", "192.168.1.0-192.168.1.9"},
	{"192.168.1.250-", "192.168.1.250-192.168.1.255"},
	{"192.168.1.-", "192.168.1.0-192.168.1.255"},
	{"192.168.1.*", "192.168.1.0-192.168.1.255"},
	{"10.0-3.1,5.*",
	 "10.0.1.0-10.0.1.255 10.0.5.0-10.0.5.255 10.1.1.0-10.1.1.255 10.1.5.0-10.1.5.255 "
	 "10.2.1.0-10.2.1.255 10.2.5.0-10.2.5.255 10.3.1.0-10.3.1.255 10.3.5.0-10.3.5.255"},
	{"10.0-3.*.*", "10.0.0.0-10.3.255.255"},
	{"10.0.0.3,1,2,9", "10.0.0.1-10.0.0.3 10.0.0.9"},
	{"10.0.0.1,1,1-1", "10.0.0.1"},
	{"10.0,1.255,0.0-255", "10.0.0.0-10.0.0.255 10.0.255.0-10.1.0.255 10.1.255.0-10.1.255.255"},
	{"10.1-3.0.5/24", "10.1.0.0-10.1.0.255 10.2.0.0-10.2.0.255 10.3.0.0-10.3.0.255"},
	{"10.0.0.1,130/25", "10.0.0.0-10.0.0.255"},
	{"10.0.5-6.1/22", "10.0.4.0-10.0.7.255"},
	{"10.0.0.1-10.0.0.20", "10.0.0.1-10.0.0.20"},
	{"10.0.0.250-10.1.0.3", "10.0.0.250-10.1.0.3"},
	{"010.000.0.001", "10.0.0.1"},
	{"255.255.255.255", "255.255.255.255"},
	{"2001:db8::1", "2001:db8::1"},
	{"2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"},
	{"2001:db8::5/127", "2001:db8::4-2001:db8::5"},
	{"::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2001:db8::1-2001:db8::ff", "2001:db8::1-2001:db8::ff"},
	{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
	{"fe80::1%1", "fe80::1%1"},
	{"fe80::1%lo", "fe80::1%1"},
	{"fe80::%lo/64", "fe80::-fe80::ffff:ffff:ffff:ffff%1"},
	{"fe80::1%lo-fe80::9", "fe80::1-fe80::9%1"},
	{"fe80::1%lo-fe80::9%1", "fe80::1-fe80::9%1"},
	{"fe80::1%2147483647", "fe80::1%2147483647"},
};

static void means_what_nmap_means(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct err_where err = {.line = 0};
		char text[1024];
		struct range_set s;

		range_set_init(&s);
		if (target_spec_parse(good[i].spec, strlen(good[i].spec), &s, &err) != 0)
			fail_msg("%s: %s", good[i].spec, err.want);
		ranges_text(&s, text, sizeof(text));
		assert_string_equal(text, good[i].want);
		range_set_fini(&s);
	}
}

static const struct {
	const char *spec;
	int code;
	const char *token;
	uint32_t column;
	const char *want; /* part of the accepted form */
} bad[] = {
	{"10.0.0.300", -E_RANGE, "300", 8, "want an octet 0-255"},
	{"10.0.0.1-256", -E_RANGE, "256", 10, "want an octet 0-255"},
	{"10.0.0.99999999999999999999", -E_RANGE, "99999999999999999999", 8, "want an octet 0-255"},
	{"10.0.9-3.1", -E_RANGE, "9-3", 6, "lower to the higher"},
	{"10.0..1", -E_SYNTAX, "", 6, "want an octet"},
	{"10.0.0.1,", -E_SYNTAX, "", 10, "want an octet"},
	{"10.0.0.1-2-3", -E_SYNTAX, "1-2-3", 8, "want an octet"},
	{"10.0.0.1*", -E_SYNTAX, "1*", 8, "want an octet"},
	{"10.0.0", -E_SYNTAX, "10.0.0", 1, "want an IPv4 target"},
	{"10.0.0.1.5", -E_SYNTAX, "10.0.0.1.5", 1, "want an IPv4 target"},
	{"5", -E_SYNTAX, "5", 1, "want an IPv4 target"},
	{"", -E_SYNTAX, "", 1, "want an IPv4 target"},
	{"10.0.0.0/33", -E_RANGE, "33", 10, "0 to 32"},
	{"10.0.0.0/", -E_SYNTAX, "", 10, "0 to 32"},
	{"10.0.0.0/8/8", -E_SYNTAX, "8/8", 10, "0 to 32"},
	{"10.0.0.0/255.0.0.0", -E_SYNTAX, "255.0.0.0", 10, "0 to 32"},
	{"10.0.0.20-10.0.0.1", -E_RANGE, "10.0.0.20-10.0.0.1", 1, "lower to the higher"},
	{"10.0.0.1-10.0.0.256", -E_SYNTAX, "10.0.0.256", 10, "want an IPv4 target"},
	{"1-255.1-255.1,3.1", -E_RANGE, "1-255.1-255.1,3.1", 1, "65536"},
	{"2001:db8::/129", -E_RANGE, "129", 12, "0 to 128"},
	{"2001:db8::g", -E_SYNTAX, "2001:db8::g", 1, "want an IPv6 target"},
	{"10.0.0.1:80", -E_SYNTAX, "10.0.0.1:80", 1, "want an IPv6 target"},
	{"[2001:db8::1]", -E_SYNTAX, "[2001:db8::1]", 1, "want an IPv6 target"},
	{"2001:db8::9-2001:db8::1", -E_RANGE, "2001:db8::9-2001:db8::1", 1, "lower to the higher"},
	{"fe80::1%no-such-if", -E_SYNTAX, "no-such-if", 9, "as zone"},
	{"fe80::1%0", -E_SYNTAX, "0", 9, "as zone"},
	{"fe80::1%", -E_SYNTAX, "", 9, "as zone"},
	{"fe80::1%99999999999999999999", -E_SYNTAX, "99999999999999999999", 9, "as zone"},
	{"2001:db8::1%1", -E_SYNTAX, "1", 13, "link-local"},
	{"fe80::1%1-fe80::2%2", -E_SYNTAX, "fe80::2%2", 11, "one zone"},
	{"host..example", -E_SYNTAX, "host..example", 1, "want a host name"},
	{".example", -E_SYNTAX, ".example", 1, "want a host name"},
	{"-iface", -E_SYNTAX, "-iface", 1, "want a host name"},
	{"ho st", -E_SYNTAX, "ho st", 1, "want a host name"},
	{"/24", -E_SYNTAX, "", 1, "want a host name"},
	{"host.example/129", -E_RANGE, "129", 14, "0 to 128"},
	{"host.example/x", -E_SYNTAX, "x", 14, "0 to 128"},
	{"host.example", -E_NAME, NULL, 0, NULL},
	{"host.example./24", -E_NAME, NULL, 0, NULL},
	{"4chan.example", -E_NAME, NULL, 0, NULL},
	{"_x", -E_NAME, NULL, 0, NULL},
};

static void refusals_name_the_spot(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err_where err = {.line = 0};
		struct range_set s;
		int rc;

		range_set_init(&s);
		rc = target_spec_parse(bad[i].spec, strlen(bad[i].spec), &s, &err);
		if (rc != bad[i].code)
			fail_msg("%s: %d, want %d", bad[i].spec, rc, bad[i].code);
		assert_int_equal(s.n, 0);
		if (bad[i].token) {
			assert_string_equal(err.token, bad[i].token);
			if (!strstr(err.want, bad[i].want))
				fail_msg("%s: %s", bad[i].spec, err.want);
			assert_int_equal(err.column, bad[i].column);
		}
		assert_int_equal(target_spec_parse(bad[i].spec, strlen(bad[i].spec), &s, NULL), rc);
		range_set_fini(&s);
	}
}

static void reads_no_byte_too_far(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
		const char *spec =
			i < ARRAY_LEN(good) ? good[i].spec : bad[i - ARRAY_LEN(good)].spec;

		for (size_t cut = 0; cut <= strlen(spec); cut++) {
			uint8_t *p = guard_copy(spec, cut);
			struct range_set s;
			int rc;

			range_set_init(&s);
			rc = target_spec_parse((char *)p, cut, &s, NULL);
			assert_true(rc == 0 ? s.n > 0 : s.n == 0);
			range_set_fini(&s);
			guard_free(p, cut);
		}
	}
}

static size_t random_octet(struct rng *r, bool has[256], char *out, size_t cap)
{
	size_t n = 0, items = 1 + rng_below(r, 3);

	memset(has, 0, 256);
	for (size_t k = 0; k < items; k++) {
		unsigned lo = (unsigned)rng_below(r, 8) * 36,
			 hi = lo + (unsigned)rng_below(r, 256 - lo) % 6;

		n += (size_t)snprintf(out + n, cap - n, "%s%u-%u", k ? "," : "", lo, hi);
		for (unsigned v = lo; v <= hi; v++)
			has[v] = true;
	}
	return n;
}

/* Every address whose octets are members, and no other, against membership worked out by the
 * letter. */
static void octet_lists_equal_a_naive_product(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (int round = 0; round < 200; round++) {
		uint32_t bits = rng_below(&r, 2) ? 32 : 24 + (uint32_t)rng_below(&r, 9),
			 block = 1u << (32 - bits);
		bool has[2][256];
		char spec[256];
		size_t n = (size_t)snprintf(spec, sizeof(spec), "10.0.");
		struct range_set s;

		n += random_octet(&r, has[0], spec + n, sizeof(spec) - n - 1);
		spec[n++] = '.';
		n += random_octet(&r, has[1], spec + n, sizeof(spec) - n - 1);
		n += (size_t)snprintf(spec + n, sizeof(spec) - n, "/%u", bits);
		range_set_init(&s);
		assert_int_equal(target_spec_parse(spec, n, &s, NULL), 0);
		for (uint32_t i = 1; i < s.n; i++) /* ascending and apart */
			assert_true(s.r[i].lo > s.r[i - 1].hi + 1);
		assert_int_equal(range_set_seal(&s), 0);
		for (uint32_t v = 0; v < 65536; v++) {
			struct addr a = addr_v4(0x0a000000 + v);
			bool is_in = false;

			for (uint32_t k = (v & 255) / block * block;
			     k < (v & 255) / block * block + block; k++)
				is_in |= has[0][v >> 8] && has[1][k];
			if (range_set_find(&s, &a, NULL) != is_in)
				fail_msg("%s: 10.0.%u.%u", spec, v >> 8, v & 255);
		}
		range_set_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means_what_nmap_means),
		cmocka_unit_test(refusals_name_the_spot),
		cmocka_unit_test(reads_no_byte_too_far),
		cmocka_unit_test(octet_lists_equal_a_naive_product),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
