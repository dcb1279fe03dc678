/* SPDX-License-Identifier: GPL-3.0-or-later */
/* l4.c: headers byte for byte, checksums against a byte-wise sum, CRC32c vectors, options cut
 * anywhere. */
#include "support/csum16.h"
#include "support/guard.h"
#include "wire/l4.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct addr ends_v4[2], ends_v6[2];

static int set_ends(void **state)
{
	ends_v4[0] = addr_v4(0xc6120001);
	ends_v4[1] = addr_v4(0xc6336401);
	ends_v6[0] = addr_from_u128(ADDR_V6, (u128)0x20010db800000001ull << 64 | 1, 0);
	ends_v6[1] = addr_from_u128(ADDR_V6, (u128)0x20010db8ffff0002ull << 64 | 0xffffffffffff, 0);
	return 0;
}

static void tcp_headers(void **state)
{
	static const uint8_t want[] = {0x9c, 0x40, 0x01, 0xbb, 0x01, 0x02, 0x03, 0x04,
				       0x0a, 0x0b, 0x0c, 0x0d, 0x60, 0x12, 0x04, 0x00,
				       0,    0,    0x00, 0x07, 0x02, 0x04, 0x05, 0xb4};
	struct tcp_conf c = {.sport = 40000,
			     .dport = 443,
			     .seq = 0x01020304,
			     .ack = 0x0a0b0c0d,
			     .window = 1024,
			     .urgent = 7,
			     .flags = TCP_SYN | TCP_ACK,
			     .mss = 1460};
	uint8_t out[24];

	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		const struct addr *e = is_v6 ? ends_v6 : ends_v4;
		struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 23);

		tcp_encode(&small, &c, &e[0], &e[1]);
		assert_true(small.failed);
		tcp_encode(&w, &c, &e[0], &e[1]);
		assert_int_equal(w.pos, 24);
		assert_int_equal(csum16_segment(e[0].b, e[1].b, is_v6 ? 16 : 4, PROTO_TCP, out, 24),
				 0xffff);
		put_be16(out + 16, 0);
		assert_memory_equal(out, want, 24);
	}
	c.mss = 0;
	struct wcursor w = wcursor_of(out, sizeof(out));
	tcp_encode(&w, &c, &ends_v4[0], &ends_v4[1]);
	assert_int_equal(w.pos, 20);
	assert_int_equal(out[12], 0x50);
	assert_int_equal(csum16_segment(ends_v4[0].b, ends_v4[1].b, 4, PROTO_TCP, out, 20), 0xffff);
}

static void udp_datagrams(void **state)
{
	const struct addr *e = ends_v6;
	uint8_t out[64], payload[3] = {1, 2, 3};
	struct wcursor w = wcursor_of(out, 11), small = wcursor_of(out, 10);

	udp_encode(&w, 40001, 53, (struct bytes){payload, 3}, &e[0], &e[1]);
	assert_int_equal(w.pos, 11);
	assert_memory_equal(out, "\x9c\x41\0\x35\0\x0b", 6);
	assert_memory_equal(out + 8, payload, 3);
	assert_int_equal(csum16_segment(e[0].b, e[1].b, 16, PROTO_UDP, out, 11), 0xffff);
	udp_encode(&small, 1, 2, (struct bytes){payload, 3}, &e[0], &e[1]);
	assert_true(small.failed);
	w = wcursor_of(out, sizeof(out));
	udp_encode(&w, 1, 2, (struct bytes){NULL, 0}, &e[0], &e[1]);
	assert_int_equal(w.pos, 8);
	w = wcursor_of(out, sizeof(out));
	udp_encode(&w, 1, 2, (struct bytes){payload, 65528}, &e[0], &e[1]);
	assert_true(w.failed);
}

/* Over all two-byte payloads the sum takes every value once: one would be sent as zero. */
static void udp_never_sends_zero(void **state)
{
	uint32_t n_all_ones = 0;

	for (uint32_t v = 0; v < 65536; v++) {
		uint8_t out[10], payload[2] = {(uint8_t)(v >> 8), (uint8_t)v};
		struct wcursor w = wcursor_of(out, sizeof(out));

		udp_encode(&w, 40000, 161, (struct bytes){payload, 2}, &ends_v4[0], &ends_v4[1]);
		assert_int_not_equal(get_be16(out + 6), 0);
		n_all_ones += get_be16(out + 6) == 0xffff;
		assert_int_equal(csum16_segment(ends_v4[0].b, ends_v4[1].b, 4, PROTO_UDP, out, 10),
				 0xffff);
	}
	assert_in_range(n_all_ones, 1, 2);
}

static void crc32c_vectors(void **state)
{
	uint8_t b[32];

	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	/* RFC 3720 B.4 */
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x62a8ab43);
	for (uint8_t i = 0; i < sizeof(b); i++)
		b[i] = i;
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x46dd794e);
	assert_int_equal(crc32c(crc32c(0, b, 13), b + 13, 19), 0x46dd794e);
}

static void sctp_init(void **state)
{
	static const uint8_t want[] = {0x9c, 0x40, 0x0b, 0x0c, 0,    0,    0,    0,    0,    0, 0,
				       0,    1,    0,    0,    20,   0xde, 0xad, 0xbe, 0xef, 0, 1,
				       0,    0,    0,    0x0a, 0xff, 0xff, 1,    2,    3,    4};
	uint8_t out[32], crc[4];
	struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 31);

	sctp_init_encode(&small, 40000, 2828, 0xdeadbeef, 0x01020304);
	assert_true(small.failed);
	sctp_init_encode(&w, 40000, 2828, 0xdeadbeef, 0x01020304);
	assert_int_equal(w.pos, 32);
	memcpy(crc, out + 8, 4);
	memset(out + 8, 0, 4);
	assert_memory_equal(out, want, 32);
	assert_int_equal((uint32_t)crc[3] << 24 | crc[2] << 16 | crc[1] << 8 | crc[0],
			 crc32c(0, want, 32));
}

static void options(void **state)
{
	static const uint8_t linux_syn_ack[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2,
						3, 4, 5,    6,    7, 8, 1, 3,  3, 7};
	struct tcp_opts o;

	for (size_t n = 0; n <= sizeof(linux_syn_ack); n++) {
		uint8_t *p = guard_copy(linux_syn_ack, n);
		bool on_border = n == 0 || n == 4 || n == 6 || n == 16 || n == 17 || n == 20;

		assert_int_equal(tcp_opts_decode(p, n, &o), on_border ? 0 : -E_TRUNCATED);
		assert_int_equal(o.mss, n >= 4 ? 1460 : 0);
		assert_int_equal(o.sack_ok, n >= 6);
		assert_int_equal(o.has_ts, n >= 16);
		assert_int_equal(o.ts_val, n >= 16 ? 0x01020304 : 0);
		assert_int_equal(o.ts_ecr, n >= 16 ? 0x05060708 : 0);
		assert_int_equal(o.wscale, n >= 20 ? 7 : 255);
		guard_free(p, n);
	}
}

static void options_that_lie(void **state)
{
	struct tcp_opts o;

	assert_int_equal(tcp_opts_decode((const uint8_t *)"\2\4\1\2\3\0\7", 7, &o), -E_TRUNCATED);
	assert_int_equal(o.mss, 0x0102);
	assert_int_equal(tcp_opts_decode((const uint8_t *)"\3\1\7", 3, &o), -E_TRUNCATED);
	/* After the end-of-options mark anything may stand. */
	assert_int_equal(tcp_opts_decode((const uint8_t *)"\1\0\2\4\1\2", 6, &o), 0);
	assert_int_equal(o.mss, 0);
	/* A known kind of another length means nothing; the walk goes on. */
	assert_int_equal(tcp_opts_decode((const uint8_t *)"\2\3\7\4\3\7\4\2", 8, &o), 0);
	assert_int_equal(o.mss, 0);
	assert_true(o.sack_ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_headers),
		cmocka_unit_test(udp_datagrams),
		cmocka_unit_test(udp_never_sends_zero),
		cmocka_unit_test(crc32c_vectors),
		cmocka_unit_test(sctp_init),
		cmocka_unit_test(options),
		cmocka_unit_test(options_that_lie),
	};

	return cmocka_run_group_tests(tests, set_ends, NULL);
}
