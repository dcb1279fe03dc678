/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Advice on other scanners' options: none of them exists here, everything an advice names does, and
 * the parser gives the advice however the option is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/foreign.h"
#include "cli/options.h"

static bool is_option(const char *name, size_t len)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		char text[2][OPT_NAME_CAP] = {"", ""};

		if (o->long_name)
			snprintf(text[0], OPT_NAME_CAP, "--%s", o->long_name);
		if (o->short_name)
			snprintf(text[1], OPT_NAME_CAP, "-%s", o->short_name);
		for (int k = 0; k < 2; k++)
			if (*text[k] && strlen(text[k]) == len && memcmp(text[k], name, len) == 0)
				return true;
	}
	return false;
}

static void rows_are_foreign_and_unique(void **state)
{
	for (uint32_t i = 0; i < foreign_table_n; i++) {
		const char *name = foreign_table[i].name;

		if (is_option(name, strlen(name)))
			fail_msg("%s is an option now: its advice has to go", name);
		assert_ptr_equal(foreign_advice(name), foreign_table[i].advice);
	}
}

static void advice_names_what_there_is(void **state)
{
	static const char letters[] =
		"-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	uint32_t n_named = 0;

	for (uint32_t i = 0; i < foreign_table_n; i++) {
		const char *s = foreign_table[i].advice;

		for (; *s; s++) {
			size_t len = *s == '-' ? strspn(s, letters) : 0;

			if (!len || (s > foreign_table[i].advice && s[-1] != ' '))
				continue;
			if (s[1] == 'v' && len > 2) /* -v2 */
				len = 2;
			if (!is_option(s, len))
				fail_msg("%s: advice names %.*s, which there is not",
					 foreign_table[i].name, (int)len, s);
			n_named++;
			s += len - 1;
		}
	}
	assert_true(n_named > 50);
}

static void refusals_carry_it(void **state)
{
	static const struct {
		const char *word, *named, *words;
	} t[] = {
		{"-sP", "-sP", "-sn"},
		{"-sVC", "-sC", "-sV"},
		{"-P0", "-P0", "-Pn"},
		{"-oL", "-oL", "-oG FILE"},
		{"-DRND:5", "-D", "hides"},
		{"-rH", "-rH", "always"},
		{"-i", "-i", "-e IFACE"},
		{"-P", "-P", "--max-retries"},
		{"--script=http-title", "--script", "no scripts"},
		{"--blocklist-file", "--blocklist-file", "--excludefile FILE"},
		{"--port", "--port", "-p PORTS"},
		{"--bandwidth=10M", "--bandwidth", "--max-rate"},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *argv[] = {"prtip", (char *)t[i].word, "127.0.0.1", NULL}, want[80];
		struct config c;
		struct opt_error e;

		snprintf(want, sizeof(want), "no option %s; ", t[i].named);
		assert_true(options_parse(3, argv, &c, &e) < 0);
		assert_non_null(strstr(e.text, want));
		assert_non_null(strstr(e.text, t[i].words));
		assert_non_null(strstr(e.text, t[i].word));
		config_fini(&c);
	}
	assert_null(foreign_advice("--max-rate"));
	assert_null(foreign_advice("--scrip"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_foreign_and_unique),
		cmocka_unit_test(advice_names_what_there_is),
		cmocka_unit_test(refusals_carry_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
