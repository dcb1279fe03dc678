/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mem.c: zeroed, aligned, checked for overflow, counted; arenas keep their ceiling. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

static void alloc_zeroes_and_aligns(void **state)
{
	static const size_t sizes[] = {1, 7, 16, 48, 64, 128, 192, 4096};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t *p = mem_alloc(3, sizes[i]);

		assert_non_null(p);
		assert_true(is_zero(p, 3 * sizes[i]));
		assert_int_equal((uintptr_t)p % (sizes[i] % 64 ? 16 : 64), 0);
		memset(p, 0xff, 3 * sizes[i]);
		mem_free(p);
	}
}

static void alloc_refuses(void **state)
{
	volatile size_t half = SIZE_MAX / 2; /* hidden from the compiler, which would warn */
	char *p = mem_alloc(4, 1);

	assert_null(mem_alloc(0, 8));
	assert_null(mem_alloc(8, 0));
	assert_null(mem_alloc(half, 3));
	assert_null(mem_resize(p, half, 3));
	assert_null(mem_resize(p, 0, 1));
	p[3] = 'x'; /* still ours */
	mem_free(p);
	mem_free(NULL);
}

static void counts_allocations(void **state)
{
	uint64_t before = mem_n_allocs();
	CLEANUP(mem_freep) char *copy = mem_strdup("text");
	uint32_t *p = mem_alloc(2, sizeof(*p));

	assert_string_equal(copy, "text");
	assert_null(mem_strdup(NULL));
	p[1] = 7;
	p = mem_resize(p, 1000, sizeof(*p));
	assert_int_equal(p[1], 7);
	assert_int_equal(mem_n_allocs() - before, 3);
	mem_free(p);
}

static void arena_packs_and_frees(void **state)
{
	struct arena a;
	uint8_t *last = NULL, *big;

	arena_init(&a, 256, 0);
	for (size_t n = 0; n < 100; n++) {
		uint8_t *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_ptr_not_equal(p, last);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_true(is_zero(p, n));
		memset(p, 0xff, n);
		last = p;
	}
	big = arena_alloc(&a, 5000);
	assert_true(is_zero(big, 5000));
	memset(big, 0xff, 5000);
	assert_string_equal(arena_strdup(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_strdup(&a, NULL, 0), "");
	arena_fini(&a);
	assert_null(a.head);
}

static void arena_big_piece_keeps_the_open_block(void **state)
{
	struct arena a;
	uint8_t *p, *next;

	arena_init(&a, 256, 0);
	p = arena_alloc(&a, 16);
	assert_non_null(arena_alloc(&a, 1000));
	next = arena_alloc(&a, 16);
	assert_ptr_equal(next, p + 16);
	arena_fini(&a);
}

static void arena_keeps_its_ceiling(void **state)
{
	struct arena a;
	size_t n = 0;

	arena_init(&a, 256, 1000);
	while (arena_alloc(&a, 16))
		n++;
	assert_in_range(n, 58, 62); /* 1000 / 16, less what three block ends lose */
	assert_in_range(a.total_bytes, 990, 1000);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_strdup(&a, "x", SIZE_MAX));
	arena_fini(&a);
	arena_init(&a, 0, 100);
	assert_null(arena_alloc(&a, 101));
	assert_non_null(arena_alloc(&a, 90));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alloc_zeroes_and_aligns),
		cmocka_unit_test(alloc_refuses),
		cmocka_unit_test(counts_allocations),
		cmocka_unit_test(arena_packs_and_frees),
		cmocka_unit_test(arena_big_piece_keeps_the_open_block),
		cmocka_unit_test(arena_keeps_its_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
