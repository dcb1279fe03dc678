/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Range sets against a naive set of numbers, and the edges of both families. */
#include "target/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

enum { UNIVERSE = 256, GROUPS = 4 };

/** The model: one flag an address, for two families and two zones. */
struct model {
	bool has[GROUPS][UNIVERSE];
};

static struct addr group_addr(int g, uint32_t n)
{
	return g == 0 ? addr_v4(0x0a000000 + n)
		      : addr_from_u128(ADDR_V6, ((u128)0xfe80 << 112) + n, (uint32_t)g - 1);
}

static void fill(struct rng *r, struct range_set *s, struct model *m)
{
	uint64_t n = rng_below(r, 12);

	memset(m, 0, sizeof(*m));
	range_set_init(s);
	while (n--) {
		int g = (int)rng_below(r, GROUPS);
		uint32_t lo = (uint32_t)rng_below(r, UNIVERSE),
			 hi = lo + (uint32_t)rng_below(r, MIN(UNIVERSE - lo, 40));
		struct addr a = group_addr(g, lo), b = group_addr(g, hi);

		assert_int_equal(range_set_add(s, &a, &b), 0);
		for (uint32_t i = lo; i <= hi; i++)
			m->has[g][i] = true;
	}
	assert_int_equal(range_set_seal(s), 0);
}

static void check_against(const struct range_set *s, const struct model *m)
{
	uint32_t idx = 0, n_runs = 0;

	for (int g = 0; g < GROUPS; g++)
		for (uint32_t i = 0; i < UNIVERSE; i++) {
			struct addr a = group_addr(g, i), got;
			u128 found = 999;

			assert_int_equal(range_set_find(s, &a, &found), m->has[g][i]);
			if (!m->has[g][i])
				continue;
			n_runs += i == 0 || !m->has[g][i - 1];
			assert_true(found == idx);
			range_set_pick(s, idx++, &got);
			assert_true(addr_equal(&got, &a));
		}
	assert_true(s->n_addrs == idx);
	assert_int_equal(s->n, n_runs); /* nothing that touches stays apart */
}

static void pick_find_subtract_equal_a_naive_set(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (int round = 0; round < 3000; round++) {
		struct range_set a, b;
		struct model ma, mb;

		fill(&r, &a, &ma);
		fill(&r, &b, &mb);
		check_against(&a, &ma);
		assert_int_equal(range_set_subtract(&a, &b), 0);
		for (int g = 0; g < GROUPS; g++)
			for (uint32_t i = 0; i < UNIVERSE; i++)
				ma.has[g][i] &= !mb.has[g][i];
		check_against(&a, &ma);
		range_set_fini(&a);
		range_set_fini(&b);
	}
}

static void refuses_what_is_no_range(void **state)
{
	struct addr one = addr_v4(1), two = addr_v4(2), six = addr_from_u128(ADDR_V6, 3, 0),
		    none = {0};
	struct addr zoned = addr_from_u128(ADDR_V6, 4, 7);
	struct range_set s;

	(void)state;
	range_set_init(&s);
	assert_int_equal(range_set_add(&s, &two, &one), -E_RANGE);
	assert_int_equal(range_set_add(&s, &one, &six), -E_FAMILY);
	assert_int_equal(range_set_add(&s, &six, &zoned), -E_FAMILY);
	assert_int_equal(range_set_add(&s, &none, &none), -E_FAMILY);
	assert_int_equal(s.n, 0);
	assert_int_equal(range_set_seal(&s), 0);
	assert_true(s.n_addrs == 0);
	assert_false(range_set_find(&s, &one, NULL));
	range_set_fini(&s);
}

static void whole_families_are_one_range_each(void **state)
{
	struct addr v4_lo = addr_v4(0), v4_hi = addr_v4(UINT32_MAX), got;
	struct addr v6_lo = addr_from_u128(ADDR_V6, 0, 0),
		    v6_hi = addr_from_u128(ADDR_V6, ~(u128)0, 0);
	struct range_set s, all6;
	u128 idx;

	(void)state;
	range_set_init(&s);
	range_set_init(&all6);
	assert_int_equal(range_set_add(&s, &v6_lo, &v6_hi), 0);
	assert_int_equal(range_set_add(&all6, &v6_lo, &v6_hi), 0);
	assert_int_equal(range_set_add(&s, &v4_lo, &v4_hi), 0);
	assert_int_equal(range_set_seal(&s), 0);
	assert_int_equal(range_set_seal(&all6), 0);
	assert_int_equal(s.n, 2);
	assert_true(s.n_addrs == ~(u128)0); /* capped */
	range_set_pick(&s, ((u128)1 << 32) - 1, &got);
	assert_true(addr_equal(&got, &v4_hi));
	range_set_pick(&s, (u128)1 << 32, &got);
	assert_true(addr_equal(&got, &v6_lo));
	assert_true(range_set_find(&s, &v6_lo, &idx) && idx == (u128)1 << 32);
	assert_int_equal(range_set_subtract(&s, &all6), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.n_addrs == (u128)1 << 32);
	range_set_fini(&s);
	range_set_fini(&all6);
}

static void adding_in_order_costs_no_memory(void **state)
{
	struct range_set s;

	(void)state;
	range_set_init(&s);
	for (uint32_t i = 0; i < 100000; i++) {
		struct addr a = addr_v4(i);

		assert_int_equal(range_set_add(&s, &a, &a), 0);
	}
	assert_int_equal(s.n, 1);
	assert_int_equal(s.cap, 4);
	range_set_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pick_find_subtract_equal_a_naive_set),
		cmocka_unit_test(refuses_what_is_no_range),
		cmocka_unit_test(whole_families_are_one_range_each),
		cmocka_unit_test(adding_in_order_costs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
