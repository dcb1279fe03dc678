/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ring.c: order, full and empty, index wrap, and two threads passing records. */
#include "base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void full_and_empty(void **state)
{
	struct ring r;

	assert_int_equal(ring_init(&r, 24, 5), 0); /* rounded up to 8 */
	assert_null(ring_peek(&r));
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t *slot = ring_reserve(&r);

		assert_non_null(slot);
		assert_ptr_equal(slot, ring_reserve(&r));
		assert_int_equal(ring_n_used(&r), i);
		*slot = i;
		ring_commit(&r);
	}
	assert_null(ring_reserve(&r));
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(*(const uint64_t *)ring_peek(&r), i);
		ring_pop(&r);
		assert_non_null(ring_reserve(&r));
	}
	assert_null(ring_peek(&r));
	ring_fini(&r);
}

/** What stands behind the oldest is seen as far as the last look found it. */
static void further_on(void **state)
{
	struct ring r;

	assert_int_equal(ring_init(&r, 4, 8), 0);
	atomic_store(&r.head, UINT32_MAX - 2);
	atomic_store(&r.tail, UINT32_MAX - 2);
	r.tail_seen = r.head_seen = UINT32_MAX - 2;
	for (uint32_t i = 0; i < 5; i++) {
		*(uint32_t *)ring_reserve(&r) = i;
		ring_commit(&r);
	}
	assert_null(ring_peek_after(&r, 0)); /* nobody has looked yet */
	assert_non_null(ring_peek(&r));
	for (uint32_t n = 0; n < 5; n++)
		assert_int_equal(*(const uint32_t *)ring_peek_after(&r, n), n);
	assert_null(ring_peek_after(&r, 5));
	ring_pop(&r);
	assert_int_equal(*(const uint32_t *)ring_peek_after(&r, 3), 4);
	assert_null(ring_peek_after(&r, 4));
	ring_fini(&r);
}

static void indices_wrap(void **state)
{
	struct ring r;

	assert_int_equal(ring_init(&r, 4, 4), 0);
	atomic_store(&r.head, UINT32_MAX - 1);
	atomic_store(&r.tail, UINT32_MAX - 1);
	r.tail_seen = r.head_seen = UINT32_MAX - 1;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 4; i++) {
			*(uint32_t *)ring_reserve(&r) = round * 4 + i;
			ring_commit(&r);
		}
		assert_null(ring_reserve(&r));
		assert_int_equal(ring_n_used(&r), 4);
		for (uint32_t i = 0; i < 4; i++) {
			assert_int_equal(*(const uint32_t *)ring_peek(&r), round * 4 + i);
			ring_pop(&r);
		}
		assert_int_equal(ring_n_used(&r), 0);
	}
	ring_fini(&r);
}

static void sizes(void **state)
{
	struct ring r;

	assert_int_equal(ring_init(&r, 8, 0), 0);
	assert_int_equal(r.mask, 0);
	ring_fini(&r);
	assert_int_equal(ring_init(&r, 0, 4), -ENOMEM);
	assert_int_equal(ring_init(&r, 8, UINT32_MAX), -ENOMEM);
	ring_fini(&r);
}

#define N_RECORDS 200000u

static void *produce(void *arg)
{
	struct ring *r = arg;

	for (uint32_t i = 0; i < N_RECORDS;) {
		uint32_t *slot = ring_reserve(r);

		if (!slot) {
			sched_yield();
			continue;
		}
		slot[0] = i;
		slot[15] = ~i;
		ring_commit(r);
		i++;
	}
	return NULL;
}

static void two_threads(void **state)
{
	uint32_t n_wrong = 0;
	struct ring r;
	pthread_t thread;

	assert_int_equal(ring_init(&r, 64, 64), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, &r), 0);
	for (uint32_t i = 0; i < N_RECORDS;) {
		const uint32_t *slot = ring_peek(&r);

		if (!slot) {
			sched_yield();
			continue;
		}
		n_wrong += slot[0] != i || slot[15] != ~i;
		ring_pop(&r);
		i++;
	}
	pthread_join(thread, NULL);
	assert_int_equal(n_wrong, 0);
	assert_null(ring_peek(&r));
	ring_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_and_empty), cmocka_unit_test(further_on),
		cmocka_unit_test(indices_wrap),   cmocka_unit_test(sizes),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
