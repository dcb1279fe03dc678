/* SPDX-License-Identifier: GPL-3.0-or-later */
/* buf.c: content, growth across every boundary, the ceiling, and the error that sticks. */
#include "base/buf.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>

static void collects_text(void **state)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_string_equal(buf_text(&b), "");
	buf_puts(&b, "port ");
	buf_put_u64(&b, 0);
	buf_putc(&b, '/');
	buf_put_u64(&b, UINT64_MAX);
	buf_put(&b, NULL, 0);
	buf_printf(&b, " %s=%d", "x", -7);
	assert_string_equal(buf_text(&b), "port 0/18446744073709551615 x=-7");
	assert_int_equal(b.len, 32);
	assert_int_equal(b.error, 0);
	buf_fini(&b);
	assert_null(b.p);
}

/** As printf has them, around every change of length and of the way they are made. */
static void digits(void **state)
{
	char want[24];
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10)
		for (int64_t off = -2; off <= 2; off++)
			for (uint64_t times = 1; times < 10; times += 4) {
				uint64_t v = power * times + (uint64_t)off;
				buf_reset(&b);
				buf_put_u64(&b, v);
				snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
				assert_string_equal(buf_text(&b), want);
			}
	for (uint64_t v = (1ull << 32) - 3; v < (1ull << 32) + 3; v++) {
		buf_reset(&b);
		buf_put_u64(&b, v);
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		assert_string_equal(buf_text(&b), want);
	}
	buf_fini(&b);
}

static void grows_by_any_step(void **state)
{
	for (size_t step = 1; step < 700; step += 61) {
		struct buf b;
		size_t n = 0;

		buf_init(&b, 5000);
		for (; n + step <= 5000; n += step) {
			uint8_t *p = buf_reserve(&b, step);

			assert_non_null(p);
			memset(p, (int)(n / step % 251), step);
			buf_advance(&b, step);
			assert_true(b.len <= b.cap && b.cap <= b.max);
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(b.p[i], i / step % 251);
		buf_fini(&b);
	}
}

static void printf_crosses_the_end(void **state)
{
	for (int width = 1; width < 600; width += 13) {
		struct buf b;

		buf_init(&b, 2000);
		buf_puts(&b, "0123456789");
		buf_printf(&b, "%*d", width, 5);
		assert_int_equal(b.len, 10 + width);
		assert_int_equal(buf_text(&b)[b.len - 1], '5');
		assert_int_equal(buf_text(&b)[b.len], '\0');
		buf_fini(&b);
	}
}

static void ceiling_holds_and_sticks(void **state)
{
	struct buf b;

	buf_init(&b, 10);
	buf_puts(&b, "0123456789");
	assert_int_equal(b.error, 0);
	assert_string_equal(buf_text(&b), "0123456789");
	buf_putc(&b, 'x');
	assert_int_equal(b.error, -E_FULL);
	assert_int_equal(b.len, 10);
	assert_string_equal(buf_text(&b), "");
	buf_reset(&b);
	buf_printf(&b, "%s", "01234567890");
	assert_int_equal(b.error, -E_FULL);
	assert_int_equal(b.len, 0);
	buf_puts(&b, "a");
	assert_int_equal(b.len, 0);
	buf_reset(&b);
	buf_printf(&b, "%s", "9876543210");
	assert_string_equal(buf_text(&b), "9876543210");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collects_text),
		cmocka_unit_test(digits),
		cmocka_unit_test(grows_by_any_step),
		cmocka_unit_test(printf_crosses_the_end),
		cmocka_unit_test(ceiling_holds_and_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
