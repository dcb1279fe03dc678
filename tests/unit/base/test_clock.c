/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock.c: the fake clock holds, the real one moves forward, stamps are RFC 3339. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void fake_and_real(void **state)
{
	uint64_t now = clock_now_ns(), wall = clock_wall_ns();

	assert_true(clock_now_ns() >= now);
	assert_true(wall > 1600000000 * NS_PER_S);
	clock_fake_set(42);
	assert_int_equal(clock_now_ns(), 42);
	assert_int_equal(clock_wall_ns(), 42);
	clock_fake_set(0);
	assert_true(clock_now_ns() >= now);
	assert_true(clock_wall_ns() > 1600000000 * NS_PER_S);
}

static void rfc3339(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000000Z"},
		{951782399999999999ull, "2000-02-28T23:59:59.999999999Z"},
		{951782400000000001ull, "2000-02-29T00:00:00.000000001Z"},
		{1795311165123456789ull, "2026-11-22T01:32:45.123456789Z"},
		{UINT64_MAX, "2554-07-21T23:34:33.709551615Z"},
	};
	char out[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(out, 'x', sizeof(out));
		assert_ptr_equal(clock_format_rfc3339(rows[i].ns, out), out);
		assert_string_equal(out, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fake_and_real),
		cmocka_unit_test(rfc3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
