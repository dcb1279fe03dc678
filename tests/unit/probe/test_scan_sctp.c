/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan_sctp.c: the INIT on the wire, its answers by verification tag, quotes long and short. */
#include "bed.h"

enum { INIT_ACK = 2, ABORT = 6, SHORT_QUOTE = 8 };

static const struct scan_type *const rows[] = {&scan_sctp, &ping_sctp};

#define EACH_BED(b, r)                                                                             \
	for (uint32_t each = 0; each < ARRAY_LEN(rows) * 4 && bed_nth(&(b), each, &(r)); each++)

static bool bed_nth(struct bed *b, uint32_t n, struct rng *r)
{
	bed_init(b, rows[n / 4], n & 1 ? ADDR_V6 : ADDR_V4, n & 2 ? LINK_ETHERNET : LINK_NONE, r);
	return true;
}

struct answer {
	uint16_t sport, dport;
	uint32_t vtag;
	uint8_t chunk;
};

static void made_sctp(struct made *p, const struct bed *b, const struct addr *from,
		      const struct answer *a)
{
	uint8_t l4[16] = {0};

	put_be16(l4, a->sport);
	put_be16(l4 + 2, a->dport);
	put_be32(l4 + 4, a->vtag);
	l4[12] = a->chunk;
	l4[15] = 4;
	made_l3(p, b->path.link, from, &b->path.src, PROTO_SCTP, 51, l4, sizeof(l4));
}

static bool answers(const struct bed *b, const struct addr *from, const struct answer *a,
		    struct probe_reply *ret)
{
	struct made p;

	made_sctp(&p, b, from, a);
	return bed_match(b, &p, ret);
}

/** CRC32c bit by bit, apart from the table of the code under test (RFC 9260 appendix A). */
static uint32_t slow_crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return ~crc;
}

static void asks(void **state)
{
	struct bed b = {0};
	struct rng r;

	rng_init(&r, 41);
	EACH_BED(b, r)
	{
		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct endpoint to = bed_endpoint(&b, &r);
			uint32_t value = bed_ask(&b, &to, attempt);
			uint8_t copy[32];
			struct pkt p;

			assert_int_equal(decode(&b.f, &p), 0);
			assert_true(p.l4_valid && p.proto == PROTO_SCTP);
			assert_true(addr_equal(&p.src, &b.path.src) &&
				    addr_equal(&p.dst, &to.addr));
			assert_int_equal(p.sport, b.m.sport);
			assert_int_equal(p.dport, to.port);
			assert_int_equal(p.l4_len, 32);
			assert_int_equal(p.ttl, 37);
			assert_int_equal(p.sctp_vtag, 0);
			assert_int_equal(p.sctp_chunk, 1);
			const uint8_t *l4 = b.bytes + p.l4_off;
			assert_int_equal(get_be16(l4 + 14), 20);
			assert_int_equal(get_be32(l4 + 16), value);
			assert_true(get_be32(l4 + 20) >= 1500);
			assert_true(get_be16(l4 + 24) > 0 && get_be16(l4 + 26) > 0);
			memcpy(copy, l4, sizeof(copy));
			memset(copy + 8, 0, 4);
			uint32_t crc = slow_crc32c(copy, sizeof(copy));
			for (int i = 0; i < 4; i++)
				assert_int_equal(l4[8 + i], crc >> 8 * i & 0xff);
			if (p.family == ADDR_V4)
				assert_int_equal(csum16(0, b.bytes + p.l3_off, IPV4_HDR_LEN),
						 0xffff);
		}
	}
}

static void replies(void **state)
{
	struct bed b = {0};
	struct rng r;

	rng_init(&r, 42);
	EACH_BED(b, r)
	{
		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct endpoint to = bed_endpoint(&b, &r);
			struct answer a = {to.port, b.m.sport, bed_ask(&b, &to, attempt), INIT_ACK};
			struct probe_reply got;

			assert_true(answers(&b, &to.addr, &a, &got));
			bed_check_reply(&got, &to, &to.addr, REPLY_INIT_ACK, REASON_INIT_ACK,
					attempt);
			a.chunk = ABORT;
			assert_true(answers(&b, &to.addr, &a, &got));
			bed_check_reply(&got, &to, &to.addr, REPLY_ABORT, REASON_ABORT, attempt);
			assert_false(got.is_attempt_unknown);
		}
	}
}

static void forgeries(void **state)
{
	struct bed b = {0};
	struct rng r;

	rng_init(&r, 43);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		const struct answer good = {to.port, b.m.sport, bed_ask(&b, &to, 0), INIT_ACK};
		struct probe_reply got;
		struct answer a = good;

		for (uint32_t chunk = 0; chunk < 256; chunk++) {
			a.chunk = (uint8_t)chunk;
			assert_int_equal(answers(&b, &to.addr, &a, &got),
					 chunk == INIT_ACK || chunk == ABORT);
		}
		for (uint32_t d = 0; d < 256; d++) {
			a = good;
			a.vtag += d - 64;
			assert_int_equal(answers(&b, &to.addr, &a, &got), d - 64 < 32 && !(d & 1));
		}
		a.vtag = 0;
		assert_false(answers(&b, &to.addr, &a, &got));
		for (int bit = 0; bit < 16; bit++) {
			a = good;
			a.sport ^= (uint16_t)(1u << bit);
			assert_false(answers(&b, &to.addr, &a, &got));
			a = good;
			a.dport ^= (uint16_t)(1u << bit);
			assert_false(answers(&b, &to.addr, &a, &got));
		}
		struct addr other = to.addr;
		other.b[1] ^= 4;
		assert_false(answers(&b, &other, &good, &got));
		assert_true(answers(&b, &to.addr, &good, &got));
	}
}

static size_t l3_len(const struct bed *b)
{
	return b->path.src.family == ADDR_V6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
}

/** A long quote shows the initiate tag, a short one only the id, which IPv6 does not have. */
static void errors(void **state)
{
	struct bed b = {0};
	struct rng r;

	rng_init(&r, 44);
	EACH_BED(b, r)
	{
		bool is_v6 = b.path.src.family == ADDR_V6;
		uint8_t type = is_v6 ? 1 : 3;

		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct endpoint to = bed_endpoint(&b, &r);
			struct addr router = bed_addr(&r, b.path.src.family);
			struct probe_reply got;
			struct made p;

			bed_ask(&b, &to, attempt);
			made_error(&p, &b, &router, type, 1, l3_len(&b) + 32);
			assert_true(bed_match(&b, &p, &got));
			bed_check_reply(&got, &to, &router, REPLY_UNREACH,
					reason_of_icmp(b.path.src.family, type, 1), attempt);
			assert_false(got.is_attempt_unknown);
			made_error(&p, &b, &router, type, 1, l3_len(&b) + SHORT_QUOTE);
			assert_int_equal(bed_match(&b, &p, &got), !is_v6);
			if (!is_v6)
				assert_true(got.is_attempt_unknown);
			b.bytes[b.tpl.l4_off + 17] ^= 1; /* of the initiate tag */
			made_error(&p, &b, &router, type, 1, l3_len(&b) + 32);
			assert_false(bed_match(&b, &p, &got));
			if (is_v6)
				continue;
			b.bytes[b.tpl.l3_off + 4] ^= 0x10;
			made_error(&p, &b, &router, type, 1, l3_len(&b) + SHORT_QUOTE);
			assert_false(bed_match(&b, &p, &got));
		}
	}
}

static void cut_anywhere(void **state)
{
	struct bed b = {0};
	struct rng r;

	rng_init(&r, 45);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		struct answer a = {to.port, b.m.sport, bed_ask(&b, &to, 2), ABORT};
		struct made p;

		made_sctp(&p, &b, &to.addr, &a);
		bed_check_cuts(&b, &p, p.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks),         cmocka_unit_test(replies),
		cmocka_unit_test(forgeries),    cmocka_unit_test(errors),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
