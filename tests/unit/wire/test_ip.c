/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ip.c: RFC 1071's example, sums in pieces against a byte-wise sum, headers byte for byte. */
#include "base/hash.h"
#include "support/csum16.h"
#include "support/guard.h"
#include "wire/ip.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void rfc1071_example(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint16_t csum = csum_finish(csum_add(0, bytes, sizeof(bytes))), want;

	put_be16(&want, (uint16_t)~0xddf2);
	assert_int_equal(csum, want);
	assert_int_equal(csum_finish(0), 0xffff);
}

static void sums_of_every_length(void **state)
{
	uint8_t bytes[96];
	struct rng r;

	rng_init(&r, 1);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint16_t csum, in_pieces;
		uint8_t *p;

		for (size_t i = 0; i < len; i++)
			bytes[i] = len % 3 ? (uint8_t)rng_u64(&r) : 0xff;
		p = guard_copy(bytes, len);
		csum = csum_finish(csum_add(0, p, len));
		assert_int_equal(get_be16(&csum), (uint16_t)~csum16(0, p, len));
		for (size_t cut = 0; cut <= len; cut += 2) {
			in_pieces = csum_finish(csum_add(csum_add(0, p, cut), p + cut, len - cut));
			assert_int_equal(in_pieces, csum);
		}
		guard_free(p, len);
	}
}

static void folding_carries_all_the_way(void **state)
{
	static const uint64_t sums[] = {0xffff,      0x10000,        0x1ffff,    0xffffffff,
					0x1ffffffff, 0xffff0000ffff, UINT64_MAX, UINT64_MAX - 1};

	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		uint64_t want =
			sums[i] %
			0xffff; /* a one's-complement sum is a residue; zero only from zero */

		assert_int_equal(csum_finish(sums[i]), (uint16_t) ~(want ? want : 0xffff));
	}
}

static void pseudo_headers(void **state)
{
	struct addr v4[] = {addr_v4(0xc0a80001), addr_v4(0xffffffff)};
	struct addr v6[] = {addr_from_u128(ADDR_V6, ~(u128)5, 7),
			    addr_from_u128(ADDR_V6, (u128)1 << 100, 0)};
	const uint8_t none[1] = {0};
	uint16_t csum = csum_finish(csum_pseudo(&v4[0], &v4[1], PROTO_TCP, 0x1234)), want;
	uint8_t length[4] = {0, 0, 0x12, 0x34}, proto[2] = {0, PROTO_TCP};

	want = csum16(csum16(csum16(0, v4[0].b, 4), v4[1].b, 4), length, 4);
	assert_int_equal(get_be16(&csum), (uint16_t)~csum16(want, proto, 2));
	csum = csum_finish(csum_pseudo(&v6[0], &v6[1], PROTO_ICMPV6, 0));
	assert_int_equal(get_be16(&csum),
			 (uint16_t)~csum16_segment(v6[0].b, v6[1].b, 16, PROTO_ICMPV6, none, 0));
}

static void v4_header(void **state)
{
	/* A UDP packet of 115 bytes; its checksum field b861 is the textbook one. */
	static const uint8_t want[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
				       0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	const struct ipv4_conf c = {.src = addr_v4(0xc0a80001),
				    .dst = addr_v4(0xc0a800c7),
				    .ttl = 64,
				    .proto = PROTO_UDP,
				    .dont_fragment = true,
				    .payload_len = 0x73 - 20};
	uint8_t out[20];
	struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 19);

	ipv4_encode(&w, &c);
	assert_false(w.failed);
	assert_int_equal(w.pos, 20);
	assert_memory_equal(out, want, 20);
	ipv4_encode(&small, &c);
	assert_true(small.failed);
}

static void v4_fields(void **state)
{
	const struct ipv4_conf c = {.src = addr_v4(1),
				    .dst = addr_v4(2),
				    .id = 0xabcd,
				    .ttl = 1,
				    .tos = 0x10,
				    .proto = 6,
				    .payload_len = 24};
	uint8_t out[20];
	struct wcursor w = wcursor_of(out, sizeof(out));

	ipv4_encode(&w, &c);
	assert_int_equal(out[1], 0x10);
	assert_int_equal(get_be16(out + 2), 44);
	assert_int_equal(get_be16(out + 4), 0xabcd);
	assert_int_equal(get_be16(out + 6), 0);
	assert_int_equal(csum16(0, out, 20), 0xffff);
}

static void v6_header(void **state)
{
	static const uint8_t want[] = {0x6a, 0xb1, 0x23, 0x45, 0x00, 0x18, 0x06, 0x40, 0x20, 0x01,
				       0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,
				       0,    0,    0,    1,    0xff, 0x02, 0,    0,    0,    0,
				       0,    0,    0,    0,    0,    0,    0,    0,    0,    2};
	const struct ipv6_conf c = {.src = addr_v6(want + 8),
				    .dst = addr_v6(want + 24),
				    .hop_limit = 64,
				    .traffic_class = 0xab,
				    .next_header = 6,
				    .flow_label = 0xfff12345,
				    .payload_len = 24};
	uint8_t out[40];
	struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 39);

	ipv6_encode(&w, &c);
	assert_false(w.failed);
	assert_memory_equal(out, want, 40);
	ipv6_encode(&small, &c);
	assert_true(small.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc1071_example),
		cmocka_unit_test(sums_of_every_length),
		cmocka_unit_test(folding_carries_all_the_way),
		cmocka_unit_test(pseudo_headers),
		cmocka_unit_test(v4_header),
		cmocka_unit_test(v4_fields),
		cmocka_unit_test(v6_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
