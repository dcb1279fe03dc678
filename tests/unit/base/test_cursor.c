/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cursor.h: big-endian values, the first error sticks, nothing is touched beyond the end. */
#include "base/cursor.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0xff};

static void reads(void **state)
{
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_int_equal(cursor_left(&c), 1);
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_u8(&c), 0); /* one byte is there, but the error sticks */
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(c.pos, 7);
}

static void reads_stop_at_the_guard(void **state)
{
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		uint8_t *p = guard_copy(bytes, n);
		struct cursor c = cursor_of(p, n);

		(void)cursor_u8(&c);
		(void)cursor_u16(&c);
		(void)cursor_u32(&c);
		cursor_skip(&c, 1);
		assert_int_equal(c.failed, n < 8);
		c = cursor_of(p, n);
		assert_null(cursor_take(&c, SIZE_MAX));
		guard_free(p, n);
	}
}

static void writes_stop_at_the_guard(void **state)
{
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		static const uint8_t blank[sizeof(bytes)];
		uint8_t *p = guard_copy(blank, n);
		struct wcursor w = wcursor_of(p, n);

		wcursor_u8(&w, 0x01);
		wcursor_u16(&w, 0x0203);
		wcursor_u32(&w, 0x04050607);
		wcursor_put(&w, "\xff", 1);
		assert_int_equal(w.failed, n < 8);
		assert_memory_equal(p, bytes, w.pos);
		for (size_t i = w.pos; i < n; i++)
			assert_int_equal(p[i], 0);
		guard_free(p, n);
	}
}

static void fixed_offsets(void **state)
{
	uint8_t out[9] = {0};

	put_be16(out + 1, 0x1234);
	put_be32(out + 3, 0x56789abc);
	assert_memory_equal(out, "\0\x12\x34\x56\x78\x9a\xbc\0\0", 9);
	assert_int_equal(get_be16(out + 1), 0x1234);
	assert_int_equal(get_be32(out + 3), 0x56789abc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(reads_stop_at_the_guard),
		cmocka_unit_test(writes_stop_at_the_guard),
		cmocka_unit_test(fixed_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
