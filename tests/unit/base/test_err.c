/* SPDX-License-Identifier: GPL-3.0-or-later */
/* err.c: every code has a name and a text; places in user text are cut, cleaned and never overflow.
 */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void texts_and_names(void **state)
{
	assert_string_equal(err_text(-E_NOROUTE), "no route to target");
	assert_string_equal(err_text(E_NOROUTE), "no route to target");
	assert_string_equal(err_name(-E_FAMILY), "E_FAMILY");
	assert_string_equal(err_text(-EACCES), "Permission denied");
	assert_string_equal(err_name(-EACCES), "errno");
	assert_string_equal(err_text(-999999), "unknown error");
	assert_string_equal(err_text(INT32_MIN), "unknown error");
#define X(name, number, text)                                                                      \
	assert_int_equal(name, number);                                                            \
	assert_string_equal(err_name(-(number)), #name);                                           \
	assert_string_equal(err_text(-(number)), text);
	ERR_LIST(X)
#undef X
}

static void place_is_filled(void **state)
{
	struct err_where w;

	memset(&w, 0xff, sizeof(w));
	assert_int_equal(err_at(&w, -E_SYNTAX, "12x,34", 3, 7, "%u-%u", 1, 65535), -E_SYNTAX);
	assert_string_equal(w.token, "12x");
	assert_string_equal(w.want, "1-65535");
	assert_string_equal(w.file, "");
	assert_int_equal(w.line, 0);
	assert_int_equal(w.column, 7);
	assert_int_equal(err_at(NULL, -E_RANGE, "x", 1, 0, "y"), -E_RANGE);
}

static void place_is_cut_and_clean(void **state)
{
	struct err_where w;
	char big[500];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(err_at(&w, -1, big, sizeof(big) - 1, 1, "%s", big), -1);
	assert_int_equal(strlen(w.token), sizeof(w.token) - 1);
	assert_int_equal(strlen(w.want), sizeof(w.want) - 1);
	assert_int_equal(err_at(&w, -1, "a\x1b[2J\x7f\xc3\xa9", 8, 1, "b"), -1);
	assert_string_equal(w.token, "a.[2J.\xc3\xa9");
	assert_int_equal(err_at(&w, -1, NULL, 5, 1, "b"), -1);
	assert_string_equal(w.token, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_and_names),
		cmocka_unit_test(place_is_filled),
		cmocka_unit_test(place_is_cut_and_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
