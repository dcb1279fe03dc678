/* SPDX-License-Identifier: GPL-3.0-or-later */
/* space.c: every target once, found again where it stands, groups bounded, memory never by target.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "target/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct shape {
	const char *name;
	struct {
		const char *lo, *hi;
	} r[4];
};

static const struct shape shapes[] = {
	{"one", {{"10.0.0.1", "10.0.0.1"}}},
	{"two apart", {{"10.0.0.1", "10.0.0.1"}, {"203.0.113.9", "203.0.113.9"}}},
	{"a /24", {{"10.0.0.0", "10.0.0.255"}}},
	{"odd",
	 {{"10.0.0.3", "10.0.4.1"}, {"10.1.0.0", "10.1.0.6"}, {"172.16.0.1", "172.16.31.7"}}},
	{"a /18", {{"10.0.0.0", "10.0.63.255"}}},
	{"mixed",
	 {{"10.0.0.0", "10.0.2.255"}, {"2001:db8::", "2001:db8::1234"}, {"fe80::1", "fe80::9"}}},
	{"edges",
	 {{"0.0.0.0", "0.0.0.7"},
	  {"255.255.255.250", "255.255.255.255"},
	  {"::", "::5"},
	  {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
};

static const struct {
	uint32_t width, min_groups;
} cuts[] = {{1, 1},     {1, 4},     {3, 2},      {100, 1},   {1000, 3},
	    {65535, 1}, {65536, 8}, {131072, 1}, {262140, 4}};

static struct addr addr_of(const char *s)
{
	struct addr a;

	assert_int_equal(addr_parse(s, strlen(s), &a), 0);
	return a;
}

static void set_of(struct range_set *set, const struct shape *sh)
{
	range_set_init(set);
	for (size_t i = 0; i < ARRAY_LEN(sh->r) && sh->r[i].lo; i++) {
		struct addr lo = addr_of(sh->r[i].lo), hi = addr_of(sh->r[i].hi);
		assert_int_equal(range_set_add(set, &lo, &hi), 0);
	}
	assert_int_equal(range_set_seal(set), 0);
}

static void check_groups(const struct space *s, uint32_t width)
{
	uint64_t per = s->hosts_per_group;

	assert_in_range(per, 1, SPACE_GROUP_HOSTS_MAX);
	assert_true(per == 1 || per * width <= SPACE_GROUP_PROBES_MAX);
	assert_true(s->n_groups * per >= s->n_hosts && (s->n_groups - 1) * per < s->n_hosts);
	assert_int_equal(s->is_permuted, s->n_groups > 1);
}

/** Every ordinal gives another target; the target finds its ordinal. */
static void check_bijection(const struct space *s)
{
	uint8_t *seen = calloc(s->n_hosts, 1);

	for (uint64_t o = 0; o < s->n_hosts; o++) {
		struct addr a, same;
		uint64_t idx = UINT64_MAX, back = UINT64_MAX;

		space_host(s, o, &a, &idx);
		assert_true(idx < s->n_hosts);
		assert_int_equal(seen[idx]++, 0);
		range_set_pick(s->set, idx, &same);
		assert_true(addr_equal(&a, &same));
		assert_true(space_find(s, &a, &back));
		assert_int_equal(back, o);
		if (!s->is_permuted)
			assert_int_equal(idx, o);
	}
	free(seen);
}

static void small_sets(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		for (size_t c = 0; c < ARRAY_LEN(cuts); c++) {
			struct range_set set;
			struct space s;

			set_of(&set, &shapes[i]);
			space_init(&s, &set, cuts[c].width, cuts[c].min_groups, 77 * i + c);
			assert_int_equal(s.n_hosts, set.n_addrs);
			check_groups(&s, cuts[c].width);
			check_bijection(&s);
			range_set_fini(&set);
		}
}

/** Shards of any number take every target once, evenly, whatever their seeds. */
static void shards(void **state)
{
	static const uint32_t ns[] = {1, 2, 3, 4, 7, 64, 300};

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		for (size_t k = 0; k < ARRAY_LEN(ns); k++) {
			struct range_set set;
			set_of(&set, &shapes[i]);
			uint8_t *seen = calloc((size_t)set.n_addrs, 1);
			uint64_t total = 0;
			assert_non_null(seen);
			for (uint32_t sh = 0; sh < ns[k]; sh++) {
				struct space_conf c = {.width = 1000,
						       .min_groups = 1 + sh % 3,
						       .seed = sh * 99,
						       .shard = {sh, ns[k]}};
				struct space s;
				struct addr a;
				uint64_t idx, back;
				space_init_shard(&s, &set, &c);
				assert_true(s.n_hosts - (uint64_t)set.n_addrs / ns[k] <= 1);
				for (uint64_t o = 0; o < s.n_hosts; o++, total++) {
					space_host(&s, o, &a, &idx);
					assert_int_equal(seen[idx]++, 0);
					assert_true(space_find(&s, &a, &back));
					assert_int_equal(back, o);
				}
				uint64_t n_found = 0;
				for (uint64_t t = 0; t < (uint64_t)set.n_addrs; t++)
					n_found += space_ordinal(&s, t, &back);
				assert_int_equal(n_found, s.n_hosts);
			}
			assert_int_equal(total, set.n_addrs);
			free(seen);
			range_set_fini(&set);
		}
}

static void strangers(void **state)
{
	static const char *const not_in[] = {"10.0.0.2", "10.0.4.2",   "10.1.0.7",
					     "::1",      "172.16.0.0", "255.255.255.255"};
	struct range_set set;
	struct space s;
	struct addr zoned = addr_of("fe80::1");
	uint64_t o = 4711;

	set_of(&set, &shapes[3]);
	space_init(&s, &set, 1000, 1, 1);
	for (size_t i = 0; i < ARRAY_LEN(not_in); i++) {
		struct addr a = addr_of(not_in[i]);
		assert_false(space_find(&s, &a, &o));
	}
	range_set_fini(&set);
	zoned.zone = 3;
	set_of(&set, &shapes[5]);
	space_init(&s, &set, 1, 1, 1);
	assert_false(space_find(&s, &zoned, &o));
	assert_int_equal(o, 4711);
	range_set_fini(&set);
}

/** Enough hosts are cut so that each shard gets a fair part; few are left in one piece. */
static void fair_groups(void **state)
{
	static const struct {
		uint32_t n_hosts, min_groups, n_groups;
	} rows[] = {{31, 4, 1}, {32, 4, 4}, {33, 4, 4}, {256, 4, 4},   {64, 8, 8},
		    {63, 8, 1}, {15, 2, 1}, {16, 2, 2}, {10000, 4, 4}, {40000, 4, 5}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr lo = addr_v4(0x0a000000),
			    hi = addr_v4(0x0a000000 + rows[i].n_hosts - 1);
		struct range_set set;
		struct space s;

		range_set_init(&set);
		assert_int_equal(range_set_add(&set, &lo, &hi), 0);
		assert_int_equal(range_set_seal(&set), 0);
		space_init(&s, &set, 1, rows[i].min_groups, 5);
		assert_int_equal(s.n_groups, rows[i].n_groups);
		range_set_fini(&set);
	}
}

/** A group is a random sample: hosts of one /24 are spread over the groups. */
static void groups_mix(void **state)
{
	struct shape sh = {"a /16", {{"10.0.0.0", "10.0.255.255"}}};
	struct range_set set;
	struct space s;
	uint32_t n_low = 0;

	set_of(&set, &sh);
	space_init(&s, &set, 1000, 1, 3);
	for (uint64_t o = 0; o < 6400; o++) {
		struct addr a;
		uint64_t idx;
		space_host(&s, o, &a, &idx);
		n_low += idx < 32768;
	}
	assert_in_range(n_low, 3000, 3400);
	range_set_fini(&set);
}

static void huge_sets(void **state)
{
	static const struct shape huge[] = {
		{"v4", {{"0.0.0.0", "255.255.255.255"}}},
		{"a /32 of v6", {{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}}},
		{"both",
		 {{"0.0.0.0", "255.255.255.255"}, {"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"}}},
		{"all of v6", {{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
	};
	struct rng r;

	rng_init(&r, 51);
	for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
		struct range_set set;
		struct space s;
		uint64_t n_allocs;

		set_of(&set, &huge[i]);
		n_allocs = mem_n_allocs();
		space_init(&s, &set, 1000, 4, 9);
		check_groups(&s, 1000);
		assert_true(s.n_hosts == MIN(set.n_addrs, (u128)1 << 62));
		for (int k = 0; k < 20000; k++) {
			uint64_t o = k == 0   ? 0
				     : k == 1 ? s.n_hosts - 1
					      : rng_below(&r, s.n_hosts),
				 back, idx;
			struct addr a;

			space_host(&s, o, &a, &idx);
			assert_true(space_find(&s, &a, &back));
			assert_int_equal(back, o);
		}
		assert_int_equal(mem_n_allocs(), n_allocs);
		range_set_fini(&set);
	}
}

/** Beyond 2^62 hosts the rest is not visited, so it is not found either. */
static void beyond_the_ceiling(void **state)
{
	struct shape sh = {"v6 /32", {{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}}};
	struct addr in = addr_of("2001:db8::3fff:ffff:ffff:ffff"),
		    out = addr_of("2001:db8::4000:0:0:0");
	struct range_set set;
	struct space s;
	uint64_t o;

	set_of(&set, &sh);
	space_init(&s, &set, 1, 1, 9);
	assert_true(space_find(&s, &in, &o));
	assert_false(space_find(&s, &out, &o));
	range_set_fini(&set);
}

static void empty(void **state)
{
	struct range_set set;
	struct space s;
	struct addr a = addr_v4(1);
	uint64_t o;

	range_set_init(&set);
	assert_int_equal(range_set_seal(&set), 0);
	space_init(&s, &set, 1, 4, 1);
	assert_int_equal(s.n_hosts, 0);
	assert_int_equal(s.n_groups, 0);
	assert_false(space_find(&s, &a, &o));
	range_set_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_sets),         cmocka_unit_test(shards),
		cmocka_unit_test(strangers),          cmocka_unit_test(fair_groups),
		cmocka_unit_test(groups_mix),         cmocka_unit_test(huge_sets),
		cmocka_unit_test(beyond_the_ceiling), cmocka_unit_test(empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
