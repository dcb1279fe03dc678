/* SPDX-License-Identifier: GPL-3.0-or-later */
/* payload_file.c: nmap-payloads' grammar, its errors with line and column, cut at every byte. */
#include "probe/payload.h"

#include "base/buf.h"
#include "support/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/** Ports from 40000 on, where our own table has nothing. */
static const char good[] = "# a comment with \"quotes\" and udp 1\n"
			   "udp 40000,40010-40012 \"\\x00a\\n\\\"\" # more\n"
			   "  # between\n"
			   "  \"tail\\\\\"\n"
			   "source 500\n"
			   "udp\n40001 \"\\0\\x7F\"\n"
			   "someday 12 more words\n"
			   "udp 40000 \"second\"";

static void reading(void **state)
{
	struct payloads *p;

	assert_int_equal(payloads_open_bytes(good, sizeof(good) - 1, &p, NULL), 0);
	assert_int_equal(payloads_n(p, 40000), 2);
	assert_int_equal(payloads_n(p, 40009), 0);
	assert_int_equal(payloads_n(p, 40010), 1);
	assert_int_equal(payloads_n(p, 40012), 1);
	assert_int_equal(payloads_n(p, 40013), 0);
	const struct payload *pl = payloads_get(p, 40000, 0);
	assert_int_equal(pl->len, 9);
	assert_memory_equal(pl->bytes, "\0a\n\"tail\\", 9);
	assert_memory_equal(payloads_get(p, 40000, 1)->bytes, "second", 6);
	assert_memory_equal(payloads_get(p, 40001, 0)->bytes, "\0\x7f", 2);
	payloads_close(p);
}

static void refusals(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint32_t line, column;
		const char *token, *want;
	} rows[] = {
		{"upd 1 \"x\"", -E_SYNTAX, 1, 1, "upd 1 \"x\"", "want udp"},
		{"\n  tcp 1 \"x\"", -E_SYNTAX, 2, 3, "tcp 1 \"x\"", "want udp"},
		{"udp 1 \"x\"\nupd 2 \"y\"", -E_SYNTAX, 2, 1, "upd 2 \"y\"", "want udp"},
		{"source 500", -E_SYNTAX, 1, 1, "source 500", "want udp"},
		{"\"x\"", -E_SYNTAX, 1, 1, "\"x\"", "want udp"},
		{"udp", -E_SYNTAX, 1, 4, "", "want ports"},
		{"udp 1,,2 \"x\"", -E_SYNTAX, 1, 7, ",2", "want ports"},
		{"udp 1,2-x \"x\"", -E_SYNTAX, 1, 7, "2-x", "want ports"},
		{"udp 9-3 \"x\"", -E_SYNTAX, 1, 5, "9-3", "want ports"},
		{"udp 65536 \"x\"", -E_SYNTAX, 1, 5, "65536", "want ports"},
		{"udp 1, \"x\"", -E_SYNTAX, 1, 7, " ", "want ports"},
		{"udp 5\nudp 6 \"x\"", -E_SYNTAX, 2, 1, "udp", "want the payload"},
		{"udp 5 \"x\n\"", -E_SYNTAX, 1, 7, "\"x", "closing quote"},
		{"udp 5 \"x", -E_SYNTAX, 1, 7, "\"x", "closing quote"},
		{"udp 5 \"ab\\q\"", -E_SYNTAX, 1, 10, "\\q", "want \\xHH"},
		{"udp 5 \"ab\\x4g\"", -E_SYNTAX, 1, 10, "\\x4g", "want \\xHH"},
		{"udp 5 \"\\", -E_SYNTAX, 1, 8, "\\", "want \\xHH"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err_where w = {0};
		struct payloads *p = NULL;
		int rc = payloads_open_bytes(rows[i].text, strlen(rows[i].text), &p, &w);

		if (rc != rows[i].code || w.line != rows[i].line || w.column != rows[i].column ||
		    strcmp(w.token, rows[i].token) != 0 || !strstr(w.want, rows[i].want))
			fail_msg("%s: %d line %u column %u token \"%s\" want \"%s\"", rows[i].text,
				 rc, w.line, w.column, w.token, w.want);
		assert_null(p);
	}
}

static int open_text(const struct buf *b, struct payloads **ret, struct err_where *w)
{
	return payloads_open_bytes((const char *)b->p, b->len, ret, w);
}

/** One payload of @p n bytes, then @p n_more short ones for the same port. */
static void put_entries(struct buf *b, size_t n, uint32_t n_more)
{
	buf_puts(b, "udp 40000 \"");
	for (size_t i = 0; i < n; i++)
		buf_putc(b, 'x');
	buf_puts(b, "\"\n");
	for (uint32_t i = 0; i < n_more; i++)
		buf_puts(b, "udp 39999-40001 \"x\"\n");
}

static void limits(void **state)
{
	static const struct {
		size_t len;
		uint32_t n_more;
		int code;
		uint32_t line;
	} rows[] = {
		{PAYLOAD_LEN_MAX, 0, 0, 0},
		{PAYLOAD_LEN_MAX + 1, 0, -E_RANGE, 1},
		{1, PAYLOADS_PER_PORT_MAX - 1, 0, 0},
		{1, PAYLOADS_PER_PORT_MAX, -E_FULL, PAYLOADS_PER_PORT_MAX + 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err_where w = {0};
		struct payloads *p = NULL;
		struct buf b;

		buf_init(&b, 4096);
		put_entries(&b, rows[i].len, rows[i].n_more);
		assert_int_equal(open_text(&b, &p, &w), rows[i].code);
		assert_int_equal(w.line, rows[i].line);
		if (p)
			assert_int_equal(payloads_n(p, 40000), rows[i].n_more + 1);
		payloads_close(p);
		buf_fini(&b);
	}
}

static void cut_anywhere(void **state)
{
	for (size_t n = 0; n < sizeof(good); n++) {
		uint8_t *copy = guard_copy((const uint8_t *)good, n);
		struct payloads *p = NULL;
		struct err_where w = {0};
		int rc = payloads_open_bytes((const char *)copy, n, &p, &w);

		assert_int_equal(rc == 0, p != NULL);
		assert_true(rc == 0 || (w.line && w.column && w.want[0]));
		payloads_close(p);
		guard_free(copy, n);
	}
}

static void files(void **state)
{
	char path[] = "/tmp/prtip-payload-XXXXXX";
	struct err_where w = {0};
	struct payloads *p;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(payloads_open(path, &p, &w), 0);
	assert_int_equal(payloads_n(p, 40000), 0);
	payloads_close(p);
	assert_int_equal(write(fd, good, sizeof(good) - 1), sizeof(good) - 1);
	assert_int_equal(payloads_open(path, &p, &w), 0);
	assert_int_equal(payloads_n(p, 40000), 2);
	payloads_close(p);
	assert_int_equal(write(fd, "\nudp x", 6), 6);
	assert_int_equal(payloads_open(path, &p, &w), -E_SYNTAX);
	assert_string_equal(w.file, path);
	assert_int_equal(w.line, 10);
	close(fd);
	unlink(path);
	assert_int_equal(payloads_open(path, &p, &w), -ENOENT);
	assert_int_equal(payloads_open("/dev/null", &p, &w), -E_UNSUPPORTED);
	assert_int_equal(setenv("NMAPDIR", "/nonexistent", 1), 0);
	assert_int_equal(payloads_open(NULL, &p, &w), 0);
	payloads_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading), cmocka_unit_test(refusals),
		cmocka_unit_test(limits),  cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
