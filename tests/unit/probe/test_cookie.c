/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cookie.c: every input counts, exactly 32 echoed values are ours, and the key is not the seed's
 * alone. */
#include "probe/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 2000 };

struct ask {
	uint32_t row;
	struct addr local;
	uint16_t sport;
	struct endpoint to;
};

static uint32_t tag_of(const struct cookie_key *k, const struct ask *a)
{
	return cookie_tag(k, a->row, &a->local, a->sport, &a->to);
}

static struct addr any_addr(struct rng *r, uint8_t family)
{
	u128 n = (u128)rng_u64(r) << 64 | rng_u64(r);

	return family == ADDR_V4 ? addr_v4((uint32_t)n) : addr_from_u128(ADDR_V6, n, 0);
}

static struct ask any_ask(struct rng *r, uint8_t family)
{
	return (struct ask){.row = (uint32_t)rng_below(r, 16),
			    .local = any_addr(r, family),
			    .sport = (uint16_t)rng_u64(r),
			    .to = {.addr = any_addr(r, family),
				   .port = (uint16_t)rng_u64(r),
				   .proto = PROTO_TCP}};
}

/** Flip one bit anywhere in what a tag is made of. */
static void flip(struct ask *a, uint32_t bit, uint32_t addr_bits)
{
	if (bit < 4)
		a->row ^= 1u << bit;
	else if ((bit -= 4) < 16)
		a->sport ^= (uint16_t)(1u << bit);
	else if ((bit -= 16) < 16)
		a->to.port ^= (uint16_t)(1u << bit);
	else if ((bit -= 16) < 8)
		a->to.proto ^= (uint8_t)(1u << bit);
	else if ((bit -= 8) < addr_bits)
		a->local.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	else
		a->to.addr.b[(bit - addr_bits) / 8] ^= (uint8_t)(1u << bit % 8);
}

/** Each single bit of each input changes the tag, and half of the tag's bits on average. */
static void every_input_counts(void **state)
{
	struct rng r;
	struct cookie_key k;

	rng_init(&r, 7);
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t addr_bits = v6 ? 128 : 32, n_bits = 4 + 16 + 16 + 8 + 2 * addr_bits;
		uint64_t n_changed = 0, n_same = 0;

		for (uint32_t i = 0; i < ROUNDS; i++) {
			struct ask a = any_ask(&r, v6 ? ADDR_V6 : ADDR_V4), b = a;
			cookie_key_init(&k, 1, rng_u64(&r));
			flip(&b, i % n_bits, addr_bits);
			uint32_t diff = tag_of(&k, &a) ^ tag_of(&k, &b);
			n_changed += (uint64_t)__builtin_popcount(diff);
			n_same += !diff;
		}
		assert_int_equal(n_same, 0);
		assert_in_range(n_changed, ROUNDS * 31 / 2, ROUNDS * 33 / 2);
	}
}

/** Swapping our side and theirs is another connection. */
static void directions_differ(void **state)
{
	struct rng r;
	struct cookie_key k;

	rng_init(&r, 8);
	cookie_key_init(&k, 1, 2);
	for (int i = 0; i < ROUNDS; i++) {
		struct ask a = any_ask(&r, i & 1 ? ADDR_V6 : ADDR_V4), b = a;
		b.local = a.to.addr;
		b.to.addr = a.local;
		assert_int_not_equal(tag_of(&k, &a), tag_of(&k, &b));
		b = a;
		b.sport = a.to.port;
		b.to.port = a.sport;
		if (a.sport != a.to.port)
			assert_int_not_equal(tag_of(&k, &a), tag_of(&k, &b));
	}
}

static void attempts(void **state)
{
	static const uint32_t tags[] = {0,          1,          12345,      0x7fffffff,
					0x80000000, 0xffffffe0, 0xfffffff0, 0xffffffff};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		uint32_t tag = tags[i];

		for (uint32_t d = 0; d < 32; d++)
			assert_int_equal(cookie_attempt(tag, tag + d), d / 2);
		for (uint32_t a = 0; a < COOKIE_ATTEMPTS_MAX; a++) {
			assert_int_equal(cookie_attempt(tag, cookie_value(tag, a)), a);
			assert_int_equal(cookie_attempt(tag, cookie_value(tag, a) + 1), a);
			assert_int_equal(cookie_attempt_exact(tag, cookie_value(tag, a)), a);
			assert_int_equal(cookie_attempt_exact(tag, cookie_value(tag, a) + 1), -1);
		}
		for (uint32_t d = 32; d < 5000; d++) {
			assert_int_equal(cookie_attempt(tag, tag + d), -1);
			assert_int_equal(cookie_attempt(tag, tag - (d - 31)), -1);
		}
		assert_int_equal(cookie_attempt(tag, tag + 0x80000000u), -1);
	}
}

/** A blind forger hits one of 2^27. */
static void forgeries(void **state)
{
	struct rng r;
	struct cookie_key k;
	uint32_t n_hits = 0;

	rng_init(&r, 9);
	cookie_key_init(&k, 1, 2);
	for (int i = 0; i < 100000; i++) {
		struct ask a = any_ask(&r, i & 1 ? ADDR_V6 : ADDR_V4);
		n_hits += cookie_attempt(tag_of(&k, &a), (uint32_t)rng_u64(&r)) >= 0;
	}
	assert_int_equal(n_hits, 0);
}

/** The seed is printed for users; who knows it must not know the key. */
static void key_needs_the_nonce(void **state)
{
	struct cookie_key a, b;

	cookie_key_init(&a, 42, 1000);
	cookie_key_init(&b, 42, 1000);
	assert_memory_equal(&a, &b, sizeof(a));
	for (uint64_t n = 1; n < 64; n++) {
		cookie_key_init(&b, 42, 1000 ^ (1ull << n));
		assert_int_not_equal(a.sip.k0, b.sip.k0);
		assert_int_not_equal(a.sip.k1, b.sip.k1);
	}
	/* the same xor of seed and nonce must not give the same key */
	cookie_key_init(&b, 42 ^ 5, 1000 ^ 5);
	assert_int_not_equal(a.sip.k0, b.sip.k0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_input_counts),
		cmocka_unit_test(directions_differ),
		cmocka_unit_test(attempts),
		cmocka_unit_test(forgeries),
		cmocka_unit_test(key_needs_the_nonce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
