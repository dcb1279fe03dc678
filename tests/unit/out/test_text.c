/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Escaping of hostile names, and numbers as nmap prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "out/text.h"
#include "support/guard.h"

#include <string.h>

static const char *escaped(struct buf *b, const char *s, enum text_kind kind)
{
	/* the NUL ends at a guard page: reading past it crashes */
	size_t len = strlen(s) + 1;
	uint8_t *copy = guard_copy(s, len);

	buf_reset(b);
	text_put(b, (const char *)copy, kind);
	guard_free(copy, len);
	return buf_text(b);
}

static void escapes(void **state)
{
	static const struct {
		const char *in;
		const char *want[TEXT_N]; /* terminal, grepable, XML, comment, JSON */
	} cases[] = {
		{"", {"", "", "", "", ""}},
		{"a.b-c", {"a.b-c", "a.b-c", "a.b-c", "a.b-c", "a.b-c"}},
		{"<&>\"'",
		 {"<&>\"'", "<&>\"'", "&lt;&amp;&gt;&quot;&apos;", "&lt;&amp;&gt;&quot;&apos;",
		  "<&>\\\"'"}},
		{"---", {"---", "---", "---", "-&#45;&#45;", "---"}},
		{"a/b,(c)", {"a/b,(c)", "a|b;[c]", "a/b,(c)", "a/b,(c)", "a/b,(c)"}},
		{"\033[2J\t\n",
		 {"\\x1b[2J\\x09\\x0a", "\\x1b[2J\\x09\\x0a", "\\x1b[2J\\x09\\x0a",
		  "\\x1b[2J\\x09\\x0a", "\\u001b[2J\\u0009\\u000a"}},
		{"\xc3\xa9", {"\\xc3\\xa9", "\\xc3\\xa9", "\xc3\xa9", "\xc3\xa9", "\xc3\xa9"}},
		{"\xff", {"\\xff", "\\xff", "\\xff", "\\xff", "\\\\xff"}},
		{"\xc3", {"\\xc3", "\\xc3", "\\xc3", "\\xc3", "\\\\xc3"}},
		{"\xf0\x9f\x98",
		 {"\\xf0\\x9f\\x98", "\\xf0\\x9f\\x98", "\\xf0\\x9f\\x98", "\\xf0\\x9f\\x98",
		  "\\\\xf0\\\\x9f\\\\x98"}},
		{"\xed\xa0\x80",
		 {"\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80",
		  "\\\\xed\\\\xa0\\\\x80"}},
		{"\xc0\xaf",
		 {"\\xc0\\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\\\xc0\\\\xaf"}},
		{"\xef\xbf\xbf",
		 {"\\xef\\xbf\\xbf", "\\xef\\xbf\\xbf", "\\xef\\xbf\\xbf", "\\xef\\xbf\\xbf",
		  "\\\\xef\\\\xbf\\\\xbf"}},
		{"\xc2\x9b"
		 "1m",
		 {"\\xc2\\x9b1m", "\\xc2\\x9b1m", "\\xc2\\x9b1m", "\\xc2\\x9b1m", "\\u009b1m"}},
		/* right to left: "gpj.exe" would be read */
		{"\xe2\x80\xae"
		 "exe",
		 {"\\xe2\\x80\\xaeexe", "\\xe2\\x80\\xaeexe", "&#x202e;exe", "&#x202e;exe",
		  "\\u202eexe"}},
		/* a tag, beyond 16 bits */
		{"\xf3\xa0\x80\x81",
		 {"\\xf3\\xa0\\x80\\x81", "\\xf3\\xa0\\x80\\x81", "&#xe0001;", "&#xe0001;",
		  "\\udb40\\udc01"}},
		/* letters of all kinds stay */
		{"\xe6\x97\xa5 \xd7\xa9 \xf0\x9f\x98\x80",
		 {"\\xe6\\x97\\xa5 \\xd7\\xa9 \\xf0\\x9f\\x98\\x80",
		  "\\xe6\\x97\\xa5 \\xd7\\xa9 \\xf0\\x9f\\x98\\x80",
		  "\xe6\x97\xa5 \xd7\xa9 \xf0\x9f\x98\x80",
		  "\xe6\x97\xa5 \xd7\xa9 \xf0\x9f\x98\x80",
		  "\xe6\x97\xa5 \xd7\xa9 \xf0\x9f\x98\x80"}},
		{"\x7f\\", {"\\x7f\\", "\\x7f\\", "\\x7f\\", "\\x7f\\", "\\u007f\\\\"}},
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int kind = 0; kind < TEXT_N; kind++)
			assert_string_equal(escaped(&b, cases[i].in, (enum text_kind)kind),
					    cases[i].want[kind]);
	buf_reset(&b);
	text_put(&b, NULL, TEXT_XML);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

/** Longer than the pieces they are put in: characters that stand across a border, and zeros. */
static void raw_bytes(void **state)
{
	static const char *const want[TEXT_N] = {
		[TEXT_TERMINAL] = "\\xc3\\xa9", [TEXT_XML] = "\xc3\xa9", [TEXT_JSON] = "\xc3\xa9"};
	static const char *const zero[TEXT_N] = {
		[TEXT_TERMINAL] = "\\x00", [TEXT_XML] = "\\x00", [TEXT_JSON] = "\\\\x00"};
	uint8_t in[1000];
	struct buf b, all;

	(void)state;
	buf_init(&b, 1 << 16);
	buf_init(&all, 1 << 16);
	for (size_t lead = 0; lead < 600; lead++) {
		for (int kind = 0; kind < TEXT_N; kind++) {
			if (!want[kind])
				continue;
			memset(in, 'a', lead);
			memcpy(in + lead, "\xc3\xa9\0b\0", 5);
			uint8_t *p = guard_copy(in, lead + 5);
			buf_reset(&b);
			buf_reset(&all);
			text_put_bytes(&b, (struct bytes){p, lead + 5}, (enum text_kind)kind);
			guard_free(p, lead + 5);
			buf_put(&all, in, lead);
			buf_puts(&all, want[kind]);
			buf_puts(&all, zero[kind]);
			buf_putc(&all, 'b');
			buf_puts(&all, zero[kind]);
			assert_string_equal(buf_text(&b), buf_text(&all));
		}
	}
	buf_fini(&b);
	buf_fini(&all);
}

/** Whatever bytes come, the output holds nothing the format forbids. */
static void random_bytes_stay_harmless(void **state)
{
	struct rng rng;
	struct buf b;

	(void)state;
	rng_init(&rng, 7);
	buf_init(&b, 1 << 16);
	for (int round = 0; round < 20000; round++) {
		char in[24];
		size_t len = rng_below(&rng, sizeof(in));

		for (size_t i = 0; i < len; i++)
			in[i] = (char)(rng_below(&rng, 3) ? 0x80 + rng_below(&rng, 128)
							  : 1 + rng_below(&rng, 255));
		in[len] = '\0';
		for (int kind = 0; kind < TEXT_N; kind++) {
			const char *out = escaped(&b, in, (enum text_kind)kind);

			assert_int_equal(strlen(out), b.len);
			assert_int_equal(b.error, 0);
			for (size_t i = 0; i < b.len; i++) {
				assert_true((uint8_t)out[i] >= 0x20 && out[i] != 0x7f);
				if (kind == TEXT_TERMINAL || kind == TEXT_GREPABLE)
					assert_true((uint8_t)out[i] < 0x7f);
				if (kind == TEXT_XML || kind == TEXT_COMMENT)
					assert_null(memchr("<>\"'", out[i], 4));
			}
			assert_true(kind != TEXT_COMMENT || !strstr(out, "--"));
		}
	}
	buf_fini(&b);
}

/** Every character of Unicode, one at a time: what comes out is seen, and what was seen comes out.
 */
static void hidden_characters_are_named(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	for (uint32_t c = 0xa0; c <= 0x10ffff; c += c < 0x3100 || c > 0xd7000 ? 1 : 61) {
		uint8_t in[5] = {0};
		size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		uint32_t seen;

		for (size_t i = n; i-- > 1;)
			in[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
		in[0] = (uint8_t)((0xf0u << (4 - n)) | c >> 6 * (n - 1));
		for (int kind = TEXT_XML; kind < TEXT_N; kind++) {
			buf_reset(&b);
			text_put(&b, (const char *)in, (enum text_kind)kind);
			struct bytes left = {b.p, b.len};
			bool is_same = b.len == n && memcmp(b.p, in, n) == 0;
			assert_true(is_same ==
				    (utf8_take((struct bytes){in, n}, &seen) && utf8_is_shown(c)));
			for (size_t k; left.len; left = (struct bytes){left.p + k, left.len - k}) {
				k = utf8_take(left, &seen);
				assert_true(k && utf8_is_shown(seen));
			}
		}
	}
	buf_fini(&b);
}

static void numbers(void **state)
{
	static const struct {
		uint64_t us;
		const char *want;
	} latencies[] = {{5, "0.0000050"}, {10, "0.000010"}, {17, "0.000017"},
			 {99, "0.000099"}, {127, "0.00013"}, {1234, "0.0012"},
			 {250000, "0.25"}, {1200000, "1.2"}, {15000000, "15"}};
	static const struct {
		uint64_t ns;
		unsigned decimals;
		const char *want;
	} seconds[] = {{0, 2, "0.00"},
		       {5000000, 2, "0.01"},
		       {1994999999, 2, "1.99"},
		       {1995000000, 2, "2.00"},
		       {30149999, 4, "0.0301"},
		       {1500000000, 0, "2"},
		       {123456789, 9, "0.123456789"}};
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	for (size_t i = 0; i < ARRAY_LEN(latencies); i++) {
		buf_reset(&b);
		text_put_latency(&b, latencies[i].us);
		assert_string_equal(buf_text(&b), latencies[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		buf_reset(&b);
		text_put_seconds(&b, seconds[i].ns, seconds[i].decimals);
		assert_string_equal(buf_text(&b), seconds[i].want);
	}
	buf_fini(&b);
}

static void times(void **state)
{
	static const char *const want[TEXT_TIME_N] = {"Sun Nov  1 01:56:45 2026",
						      "2026-11-01 01:56 UTC", "01:56"};
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	for (int form = 0; form < TEXT_TIME_N; form++) {
		buf_reset(&b);
		text_put_time(&b, 1793498205999999999ull, (enum text_time)form);
		assert_string_equal(buf_text(&b), want[form]);
	}
	buf_fini(&b);
}

static void reasons(void **state)
{
	struct addr none = {0}, from = addr_v4(0x0a000001);
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	text_put_reason(&b, REASON_RESET, 64, &none);
	assert_string_equal(buf_text(&b), "reset ttl 64");
	buf_reset(&b);
	text_put_reason(&b, REASON_ADMIN_PROHIBITED, 63, &from);
	assert_string_equal(buf_text(&b), "admin-prohibited from 10.0.0.1 ttl 63");
	buf_reset(&b);
	text_put_reason(&b, REASON_NO_RESPONSE, 0, &none);
	assert_string_equal(buf_text(&b), "no-response");
	buf_fini(&b);
}

static void outcomes_are_told_apart(void **state)
{
	struct ev_scan_completed c = {.exit_code = 0};

	(void)state;
	assert_string_equal(text_outcome(&c), "done");
	c.broke_off = true;
	assert_string_equal(text_outcome(&c), "broke off");
	c.interrupted = true;
	assert_string_equal(text_outcome(&c), "interrupted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_are_told_apart),
		cmocka_unit_test(escapes),
		cmocka_unit_test(raw_bytes),
		cmocka_unit_test(random_bytes_stay_harmless),
		cmocka_unit_test(hidden_characters_are_named),
		cmocka_unit_test(numbers),
		cmocka_unit_test(times),
		cmocka_unit_test(reasons),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
