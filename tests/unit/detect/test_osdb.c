/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OS fingerprint reader: every directive, every complaint with its place, cut anywhere. */
#include "detect/osdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/guard.h"

static const char file[] = "# comment\r\n"
			   "MatchPoints\n"
			   "SEQ(SP=25%GCD=75)\n"
			   "T1(R=100%DF=20)\n"
			   "\n"
			   "Fingerprint First thing (v1|v2)\n"
			   "Class Maker | Fam | 1.X | router\n"
			   "CPE cpe:/h:maker:first auto\n"
			   "CPE cpe:/o:maker:fam:1\r\n"
			   "Class Maker | embedded || router\n"
			   "SEQ(SP=0-5%GCD=>1|2|<A)\n"
			   "T1(R=Y%DF=)\n"
			   "\n"
			   "Fingerprint Second\n"
			   "Class Other | Other || printer\n"
			   "SEQ(R=N)\n"
			   "T1(R=Y%DF=)\n";

static int parse(const char *text, size_t len, struct osdb **db, struct err_where *w)
{
	return osdb_parse((struct bytes){(const uint8_t *)text, len}, "test", db, w);
}

static bool is(struct bytes b, const char *text)
{
	return b.len == strlen(text) && !memcmp(b.p, text, b.len);
}

static void every_directive(void **state)
{
	struct osdb *db;

	(void)state;
	assert_int_equal(parse(file, sizeof(file) - 1, &db, NULL), 0);
	assert_int_equal(db->points[OS_SEQ][1], 25);
	assert_int_equal(db->points[OS_SEQ][2], 75);
	assert_int_equal(db->points[OS_T1][0], 100);
	assert_int_equal(db->points[OS_T2][0], 0);
	assert_int_equal(db->n_entries, 2);
	const struct os_entry *e = db->entries;
	assert_true(is(e->name, "First thing (v1|v2)"));
	assert_int_equal(e->line, 6);
	assert_int_equal(e->n_classes, 2);
	const struct os_class *c = &db->classes[e->first_class];
	assert_true(is(c[0].vendor, "Maker") && is(c[0].family, "Fam") && is(c[0].gen, "1.X") &&
		    is(c[0].type, "router"));
	assert_int_equal(c[0].n_cpes, 2);
	assert_true(is(db->cpes[c[0].first_cpe], "cpe:/h:maker:first"));
	assert_true(is(db->cpes[c[0].first_cpe + 1], "cpe:/o:maker:fam:1"));
	assert_int_equal(c[1].gen.len, 0);
	assert_int_equal(c[1].n_cpes, 0);
	assert_int_equal(e[1].test_line[OS_IE], OSDB_NO_LINE);
	/* the same line in both entries is one */
	assert_int_equal(e[0].test_line[OS_T1], e[1].test_line[OS_T1]);
	assert_int_equal(db->n_lines, 3);
	assert_int_equal(e[1].first_class, 2);
	osdb_free(db);
}

static void attributes(void **state)
{
	struct bytes left, expr;
	struct osdb *db;

	(void)state;
	assert_int_equal(parse(file, sizeof(file) - 1, &db, NULL), 0);
	left = db->lines[db->entries[0].test_line[OS_SEQ]].text;
	assert_int_equal(os_line_next(OS_SEQ, &left, &expr), 1);
	assert_true(is(expr, "0-5"));
	assert_int_equal(os_line_next(OS_SEQ, &left, &expr), 2);
	assert_true(is(expr, ">1|2|<A"));
	assert_int_equal(os_line_next(OS_SEQ, &left, &expr), -1);
	assert_int_equal(os_line_next(OS_SEQ, &left, &expr), -1);
	osdb_free(db);
}

static void expressions(void **state)
{
	static const struct {
		const char *expr, *value;
		bool matches;
	} rows[] = {
		{"40", "40", true},
		{"40", "4", false},
		{"", "", true},
		{"", "0", false},
		{"|M5B4", "", true},
		{"M5B4|", "", true},
		{"A|B", "", false},
		{"A|B", "B", true},
		{"A|B", "A|B", false},
		{"FA-104", "FA", true},
		{"FA-104", "104", true},
		{"FA-104", "105", false},
		{"FA-104", "F9", false},
		{"FA-104", "", false},
		{"FA-104", "RD", false},
		{">1F", "20", true},
		{">1F", "1F", false},
		{"<1F", "1E", true},
		{"<1F", "1F", false},
		{"<1F", "I", false},
		{"1-3|9", "9", true},
		{"S-", "S-", true},
		{"S+", "S", false},
		{"0-FFFFFFFF", "100000000", false},
		{"0-FFFFFFFF", "FFFFFFFF", true},
		{"M5B4ST11NWA", "M5B4ST11NW7", false},
		{"as", "AS", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *e = guard_copy(rows[i].expr, strlen(rows[i].expr));
		uint8_t *v = guard_copy(rows[i].value, strlen(rows[i].value));
		assert_int_equal(os_expr_match((struct bytes){e, strlen(rows[i].expr)},
					       (struct bytes){v, strlen(rows[i].value)}),
				 rows[i].matches);
		guard_free(e, strlen(rows[i].expr));
		guard_free(v, strlen(rows[i].value));
	}
}

static void complaints(void **state)
{
#define HEAD "MatchPoints\nT1(R=1)\nFingerprint F\n"
	static const struct {
		const char *text;
		int code;
		uint32_t line, column;
		const char *token;
	} rows[] = {
		{"", -E_SYNTAX, 0, 1, ""},
		{"Fingerprint F\n", -E_SYNTAX, 1, 1, "Fingerprint F"},
		{"Wrong\n", -E_SYNTAX, 1, 1, "Wrong"},
		{"MatchPoints x\n", -E_SYNTAX, 1, 1, "MatchPoints x"},
		{"MatchPoints\nMatchPoints\n", -E_SYNTAX, 2, 1, "MatchPoints"},
		{"MatchPoints\nT9(R=1)\n", -E_SYNTAX, 2, 1, "T9(R=1)"},
		{"MatchPoints\nT1(R=1%SP=1)\n", -E_SYNTAX, 2, 8, "SP=1"},
		{"MatchPoints\nT1(R=x)\n", -E_RANGE, 2, 4, "R=x"},
		{"MatchPoints\nT1(R=)\n", -E_RANGE, 2, 4, "R="},
		{"MatchPoints\nT1(R=10001)\n", -E_RANGE, 2, 4, "R=10001"},
		{"MatchPoints\nFingerprint\n", -E_SYNTAX, 2, 1, "Fingerprint"},
		{"MatchPoints\nClass a | b || c\n", -E_SYNTAX, 2, 1, "Class a | b || c"},
		{HEAD "Class a | b | c\n", -E_SYNTAX, 4, 7, "a | b | c"},
		{HEAD "Class a | b | c | d | e\n", -E_SYNTAX, 4, 7, "a | b | c | d | e"},
		{HEAD "Class | b | c | d\n", -E_SYNTAX, 4, 7, "| b | c | d"},
		{HEAD "CPE cpe:/o:x\n", -E_SYNTAX, 4, 1, "CPE cpe:/o:x"},
		{HEAD "Class a | b || c\nCPE x\n", -E_SYNTAX, 5, 5, "x"},
		{HEAD "T1(R=Y\n", -E_SYNTAX, 4, 1, "T1(R=Y"},
		{HEAD "T1(R=Y)\nT1(R=Y)\n", -E_SYNTAX, 5, 1, "T1(R=Y)"},
		{HEAD "T1(R=Y%XX=1)\n", -E_SYNTAX, 4, 8, "XX=1"},
		{HEAD "T1(R=Y%R=N)\n", -E_SYNTAX, 4, 8, "R=N"},
		{HEAD "T1(R)\n", -E_SYNTAX, 4, 4, "R"},
		{HEAD "T1(TG=1|>x)\n", -E_SYNTAX, 4, 9, ">x"},
		{HEAD "T1(TG=5-3)\n", -E_RANGE, 4, 7, "5-3"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err_where w = {0};
		struct osdb *db = NULL;
		assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &db, &w), rows[i].code);
		assert_null(db);
		assert_int_equal(w.line, rows[i].line);
		assert_int_equal(w.column, rows[i].column);
		assert_string_equal(w.token, rows[i].token);
		assert_string_equal(w.file, "test");
		assert_true(w.want[0]);
	}
}

static void cut_anywhere(void **state)
{
	uint32_t n_read = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(file); len++) {
		uint8_t *p = guard_copy(file, len);
		struct osdb *db = NULL;
		int err = parse((const char *)p, len, &db, NULL);
		assert_true(err <= 0);
		n_read += !err;
		if (!err)
			osdb_free(db);
		guard_free(p, len);
	}
	assert_in_range(n_read, 60, sizeof(file) - 60);
}

/** The installed file of nmap is read to its end, and by few allocations. */
static void installed(void **state)
{
	FILE *f = fopen("/usr/share/nmap/nmap-os-db", "rb");
	size_t cap = 16u << 20, n;
	struct err_where w;
	struct osdb *db;

	(void)state;
	if (!f)
		skip();
	char *text = malloc(cap);
	n = fread(text, 1, cap, f);
	fclose(f);
	uint64_t before = mem_n_allocs();
	assert_int_equal(parse(text, n, &db, &w), 0);
	assert_true(mem_n_allocs() - before < 200);
	assert_true(db->n_entries > 5000);
	assert_true(db->n_lines < 4 * db->n_entries);
	assert_int_equal(db->points[OS_IE][4], 100);
	osdb_free(db);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_directive), cmocka_unit_test(attributes),
		cmocka_unit_test(expressions),     cmocka_unit_test(complaints),
		cmocka_unit_test(cut_anywhere),    cmocka_unit_test(installed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
