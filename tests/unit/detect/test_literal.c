/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What patterns demand: runs and heads by hand. That no demand is wrong is shown in test_match.c.
 */
#include "detect/literal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

/** Runs joined by "|", head bytes with "?" for any. */
static void show(const struct literals *l, char *runs, char *head)
{
	uint32_t from = 0, n = 0;

	for (uint32_t r = 0; r < l->n_runs; r++) {
		if (r)
			runs[n++] = '|';
		for (; from < l->run_end[r]; from++)
			runs[n++] = (char)l->bytes[from];
	}
	runs[n] = '\0';
	for (n = 0; n < l->head_len; n++)
		head[n] = l->mask[n] ? (char)l->head[n] : '?';
	head[n] = '\0';
}

static void demands(void **state)
{
	static const struct {
		const char *pattern, *runs, *head;
	} rows[] = {
		{"^SSH-([\\d.]+)-Open", "ssh-|-open", "ssh-"},
		{"^HTTP/1\\.[01] \\d\\d\\d .*\\r\\nServer: x", "http/1.| | |\r\nserver: x",
		 "http/1.? ??? "},
		{"abc", "abc", ""},
		{"^ab*c", "a|c", "a"},
		{"^ab+c", "ab|c", "a"},
		{"^ab?c", "a|c", "a"},
		{"^ab{0}c", "a|c", "a"},
		{"^ab{2,3}c", "ab|c", "a"},
		{"^ab{1}c", "abc", "abc"},
		{"^a{b", "a{b", "a{b"},
		{"^a|b", "", ""},
		{"^a(b|c)d", "a|d", "a"},
		{"^a(?:b)?d", "a|d", "a"},
		{"^a(?=b)d", "a|d", "ad"},
		{"^a(?<=b)d", "a|d", "ad"},
		{"^a(?<!b)d", "a|d", "ad"},
		{"^a(b)d", "abd", "abd"}, /* read through */
		{"^a(?:b(c))d", "abcd", "abcd"},
		{"^a(b(c|d)e)f", "ab|ef", "ab"},
		{"^a(b)+d", "a|d", "a"},
		{"^a(b){0}d", "a|d", "a"},
		{"^*ab", "", ""}, /* "^" need not hold */
		{"^a(b", "", ""},
		{"^a)b", "", ""},
		{"^a(?i)d", "", ""},
		{"^a(?<n>b)d", "", ""},
		{"^a[^]x]d", "a|d", "a?d"},
		{"^a[[:digit:]]d", "", ""},
		{"^\\x41\\0\\r\\e.", "a", "a"}, /* shown up to the NUL */
		{"^a\\bd$", "a|d", "ad"},
		{"^a\\1d", "a|d", "a"},
		{"^a\\Qb\\E", "", ""},
		{"^a\\x{41}", "", ""},
		{"^a\\pLb", "", ""},
		{"^.\\W\\d..abcdefghijklmn", "abcdefghijklmn", "?????abcdefghijk"},
		{"(a", "", ""},
		{"[a", "", ""},
		{"a\\", "", ""},
		{"*a", "", ""},
		{"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i].pattern);
		uint8_t *p = guard_copy(rows[i].pattern, n);
		char runs[LITERAL_BYTES_MAX * 2], head[LITERAL_HEAD + 1];
		struct literals l;

		literals_of((struct bytes){p, n}, &l);
		show(&l, runs, head);
		assert_string_equal(runs, rows[i].runs);
		assert_string_equal(head, rows[i].head);
		for (size_t cut = 0; cut < n; cut++)
			literals_of((struct bytes){p + n - cut, cut}, &l);
		guard_free(p, n);
	}
}

/** How long what matches is. */
static void lengths(void **state)
{
	static const struct {
		const char *pattern;
		uint32_t min, max;
	} rows[] = {
		{"^abc$", 3, 4}, /* a newline may follow */
		{"^abc", 3, UINT32_MAX}, {"abc$", 3, UINT32_MAX},      {"^[a-f]{8}$", 8, 9},
		{"^.{3,5}x?$", 3, 7},    {"^a{2,}$", 2, UINT32_MAX},   {"^a+b*$", 1, UINT32_MAX},
		{"^(a)(?:bc)$", 3, 4},   {"^(a|bc)d$", 1, UINT32_MAX}, {"^(?=abc)d$", 1, 2},
		{"^(ab$)", 2, 3},        {"^a$b", 2, UINT32_MAX},      {"^a|b$", 0, UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct literals l;
		literals_of(
			(struct bytes){(const uint8_t *)rows[i].pattern, strlen(rows[i].pattern)},
			&l);
		if (l.min_len != rows[i].min || l.max_len != rows[i].max)
			fail_msg("%s: %u to %u", rows[i].pattern, l.min_len, l.max_len);
	}
}

/** The key is a gram that no other pattern has shown; reading ends with it, unless what follows may
 * make up for it. */
static void keys(void **state)
{
	static const struct {
		const char *pattern, *key;
		uint32_t n_read;
	} rows[] = {
		{"^HTTP/1\\.1 200 OK", "0 ok", 15},
		{"^HTTP/1\\.1 200 OK", "0 ok", 15},
		{"^HTTP/1\\.1 200 NO, and this is read no more.*x", "more", 41},
		{"^HTTP/1\\.1 200 NO, and.*this.*x", " and", 20},
		{"^abc", "", 3},
		{"^abcdefgh|x", "", 0},
		{"a|b", "", 0},
	};
	static struct literal_census census;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes pattern = {(const uint8_t *)rows[i].pattern, strlen(rows[i].pattern)};
		struct literals l;
		uint32_t gram = 0, want = 0;
		bool has = literals_key(pattern, &census, &l, &gram);
		memcpy(&want, rows[i].key, strlen(rows[i].key));
		assert_int_equal(has, rows[i].key[0] != 0);
		assert_int_equal(gram, want);
		assert_int_equal(l.n_runs ? l.run_end[l.n_runs - 1] : 0, rows[i].n_read);
	}
}

/** Enough is read of a long pattern, unless an alternative follows that lets it match without. */
static void enough(void **state)
{
	char pattern[LITERAL_ENOUGH + 16] = "^";
	struct literals l;

	(void)state;
	memset(pattern + 1, 'a', LITERAL_ENOUGH);
	memcpy(pattern + 1 + LITERAL_ENOUGH, ".bc$", 5);
	literals_of((struct bytes){(const uint8_t *)pattern, strlen(pattern)}, &l);
	assert_int_equal(l.n_runs, 1);
	assert_int_equal(l.run_end[0], LITERAL_ENOUGH);
	assert_int_equal(l.max_len, UINT32_MAX);
	memcpy(pattern + 1 + LITERAL_ENOUGH, ".b|c", 5);
	literals_of((struct bytes){(const uint8_t *)pattern, strlen(pattern)}, &l);
	assert_int_equal(l.n_runs, 0);
	assert_int_equal(l.min_len, 0);
}

static void ceilings(void **state)
{
	uint8_t many[4096];
	struct literals l;

	(void)state;
	memset(many, 'a', sizeof(many));
	literals_of((struct bytes){many, sizeof(many)}, &l);
	assert_int_equal(l.n_runs, 1);
	assert_int_equal(l.run_end[0], LITERAL_BYTES_MAX);
	for (size_t i = 1; i < sizeof(many); i += 2)
		many[i] = '.';
	literals_of((struct bytes){many, sizeof(many)}, &l);
	assert_int_equal(l.n_runs, LITERAL_RUNS_MAX);
}

static void refutes(void **state)
{
	static const struct {
		const char *pattern, *text; /* the text in lower case */
		bool is_refuted;
	} rows[] = {
		{"^SSH-([\\d.]+)-Open", "ssh-2.0-openssh", false},
		{"^SSH-([\\d.]+)-Open", "ssh-2.0-dropbear", true},
		{"^SSH-([\\d.]+)-Open", "ssh", true},
		{"^SSH-", "xssh-", true}, /* anchored */
		{"SSH-", "xssh-", false},
		{"^.{4}$", "abcd", false},
		{"^.{4}$", "abcd\n", false},
		{"^.{4}$", "abcdef", true},
		{"^.{4}$", "abc", true},
		{"^.{4}$|x", "abc", false},
		{"^(a|b)x(y|z)", "cy", true},
		{"^(ab(c)|d)", "zzz", false},
		{"^(ab(c))|z", "zzz", false},   /* the alternative is behind a group read through */
		{"^SSH-|^FTP-", "ftp-", false}, /* the alternative makes up for it */
		{"^SSH-(?:a|b)x", "ftp-", true},
		{"^SSH-[|]x", "ftp-", true},
		{"^SSH-(?i)x|ftp", "ftp-", false},
		{"^SSH-\\Q|\\E", "ftp-", false}, /* not understood */
		{"^SSH-\\|x", "ftp-", true},
		{"one.*two", "two one", true}, /* in this order */
		{"one.*two", "one two", false},
		{"oneone", "one", true},
		{"one.*one", "one", true}, /* not the same one twice */
		{"colou?r", "color", false},
		{"^(?=x)y", "x", true},
		{"", "", false},
		{"^a", "", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static struct literal_subject subject;
		const char *p = rows[i].pattern;
		size_t len = strlen(rows[i].text);

		literal_subject_init(&subject, (const uint8_t *)rows[i].text, len);
		if (literals_refute((struct bytes){(const uint8_t *)p, strlen(p)}, &subject) !=
		    rows[i].is_refuted)
			fail_msg("%s and %s", p, rows[i].text);
		for (size_t n = 0; n < strlen(p); n++) { /* whatever is cut off */
			uint8_t *copy = guard_copy(p, n);
			(void)literals_refute((struct bytes){copy, n}, &subject);
			guard_free(copy, n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(demands), cmocka_unit_test(lengths),  cmocka_unit_test(enough),
		cmocka_unit_test(keys),    cmocka_unit_test(ceilings), cmocka_unit_test(refutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
