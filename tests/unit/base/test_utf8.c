/* SPDX-License-Identifier: GPL-3.0-or-later */
/* utf8.c: characters whole, cut and malformed, and which of them are seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/guard.h"

static void characters(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		uint32_t c;
	} cases[] = {
		{"a", 1, 'a'},
		{"\x7f", 1, 0x7f},
		{"\xc2\x80", 2, 0x80},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		/* bytes that begin nothing, too long forms, surrogates, beyond the end */
		{"\x80", 0, 0},
		{"\xff", 0, 0},
		{"\xc0\xaf", 0, 0},
		{"\xc1\xbf", 0, 0},
		{"\xe0\x9f\xbf", 0, 0},
		{"\xed\xa0\x80", 0, 0},
		{"\xf0\x8f\xbf\xbf", 0, 0},
		{"\xf4\x90\x80\x80", 0, 0},
		{"\xf8\x88\x80\x80\x80", 0, 0},
		{"\xe2\x28\xa1", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].in);
		for (size_t cut = 0; cut <= len; cut++) {
			uint8_t *p = guard_copy(cases[i].in, cut);
			uint32_t c = 0;
			size_t want = cut == len ? cases[i].n : 0;
			assert_int_equal(utf8_take((struct bytes){p, cut}, &c), want);
			assert_int_equal(c, want ? cases[i].c : 0);
			guard_free(p, cut);
		}
	}
}

static void hidden_ones(void **state)
{
	static const uint32_t hidden[] = {0,      9,       0x1f,     0x7f,    0x85,     0x9b,
					  0xad,   0x34f,   0x61c,    0x200b,  0x200d,   0x200f,
					  0x2028, 0x202a,  0x202e,   0x2060,  0x2066,   0x2069,
					  0x3164, 0xd800,  0xe000,   0xfe0f,  0xfeff,   0xfffb,
					  0xffff, 0xe0001, 0x10ffff, 0x40000, 0x110000, UINT32_MAX};
	static const uint32_t shown[] = {' ',   '~',    0xa0,   0xe9,   0x301,  0x416,
					 0x5e9, 0x20ac, 0x3042, 0x65e5, 0xfffd, 0x1f600};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		assert_false(utf8_is_shown(hidden[i]));
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		assert_true(utf8_is_shown(shown[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(characters),
					   cmocka_unit_test(hidden_ones)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
