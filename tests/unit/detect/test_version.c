/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Version templates: every helper, what does not apply, and CPE escapes. */
#include "detect/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

#define GROUP(text)                                                                                \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static const struct match_hit hit = {.group = {GROUP("whole"),
					       GROUP("1_2_3"),
					       GROUP("a\0b\x01 C"),
					       GROUP("\x01\x02"),
					       {NULL, 0},
					       GROUP("x:y/(z)"),
					       GROUP("123456789"),
					       GROUP("\xff"
						     "A b\x01")}};

static void expansions(void **state)
{
	static const struct {
		const char *tmpl;
		bool is_cpe;
		const char *want; /* NULL: unknown */
	} rows[] = {
		{"v$1", false, "v1_2_3"},
		{"$1$4$1", false, "1_2_31_2_3"},
		{"$", false, "$"},
		{"a$", false, "a$"},
		{"$P(2)", false, "ab C"},
		{"$SUBST(1,\"_\",\".\")", false, "1.2.3"},
		{"$SUBST(1, \"_2_\", \"\")!", false, "13!"},
		{"$SUBST(4,\"a\",\"b\")", false, ""},
		{"$SUBST(1,\"\",\"b\")", false, "1_2_3"},
		{"$I(3,\">\")", false, "258"},
		{"$I(3,\"<\")", false, "513"},
		{"$I(4,\">\")", false, NULL},
		{"$I(6,\">\")", false, NULL},
		{"$I(3,\"=\")", false, NULL},
		{"$I(3)", false, NULL},
		{"$P(2", false, NULL},
		{"$P(0)", false, NULL},
		{"$SUBST(1,\"_\")", false, NULL},
		{"$SUBST(1,\"_\",\".\",\"x\")", false, NULL},
		{"$SUBST(1,\"_\",\".)", false, NULL},
		{"$X(1)", false, NULL},
		{"$0", false, NULL},
		{"a:b:$1", true, "a:b:1_2_3"},
		{"a:$5", true, "a:x%3ay%2f%28z%29"},
		{"a:$7:$7", true, "a:%ffa_b%01:%ffa_b%01"},
		{"a:busybox:busybox:1.14.0 or later", true, "a:busybox:busybox"},
		{"a:busybox:busybox:1.00-pre7 - 1.14.0", true, "a:busybox:busybox"},
		{"a:x:y:1.2:a b:c", true, "a:x:y:1.2"},
		{"a:Big Corp:y/z%2f:1.2%2b", true, "a:big_corp:y%2fz%2f:1.2%2b"},
		{"a:x:y:$4", true, "a:x:y"},
		{"h:x:y%", true, "h:x:y%25"},
		{"a:x:y:2%2", true, "a:x:y"},
		{"$P(2)", true, "ab_c"},
		{"$0", true, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i].tmpl);
		uint8_t *t = guard_copy(rows[i].tmpl, n);
		struct buf b;

		buf_init(&b, 4096);
		buf_puts(&b, "before");
		int err = version_expand((struct bytes){t, n}, &hit, rows[i].is_cpe, &b);
		assert_int_equal(err, rows[i].want ? 0 : -E_SYNTAX);
		assert_int_equal(strncmp(buf_text(&b), "before", 6), 0);
		assert_string_equal(buf_text(&b) + 6, rows[i].want ? rows[i].want : "");
		for (size_t cut = 1; cut <= n; cut++) {
			buf_reset(&b);
			(void)!version_expand((struct bytes){t + cut, n - cut}, &hit, true, &b);
		}
		buf_fini(&b);
		guard_free(t, n);
	}
}

static void long_fields_are_cut(void **state)
{
	static uint8_t many[4000];
	struct match_hit h = {.group = {{many, 0}, {many, sizeof(many)}}};
	struct buf b;

	(void)state;
	memset(many, ':', sizeof(many));
	buf_init(&b, 1u << 20);
	for (int is_cpe = 0; is_cpe < 2; is_cpe++) {
		buf_reset(&b);
		assert_int_equal(
			version_expand((struct bytes){(const uint8_t *)"$1", 2}, &h, is_cpe, &b),
			0);
		/* no part of an escape */
		assert_int_equal(b.len, VERSION_FIELD_BYTES_MAX - (is_cpe ? 2 : 0));
	}
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expansions),
		cmocka_unit_test(long_fields_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
