/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan_ip.c: echo, timestamp and address mask replies by their cookie, and errors about them. */
#include "bed.h"

static const struct {
	const struct scan_type *t;
	uint8_t family, reply_type, kind, reason;
} rows[] = {
	{&ping_echo, ADDR_V4, 0, REPLY_ECHO, REASON_ECHO_REPLY},
	{&ping_echo, ADDR_V6, 129, REPLY_ECHO, REASON_ECHO_REPLY},
	{&ping_timestamp, ADDR_V4, 14, REPLY_TIMESTAMP, REASON_TIMESTAMP_REPLY},
	{&ping_mask, ADDR_V4, 18, REPLY_MASK, REASON_MASK_REPLY},
};

enum { BEDS = 2 * ARRAY_LEN(rows) };

static void bed_nth(struct bed *b, uint32_t n, struct rng *r)
{
	bed_init(b, rows[n / 2].t, rows[n / 2].family, n & 1 ? LINK_ETHERNET : LINK_NONE, r);
}

static size_t body_len(const struct bed *b)
{
	return b->t == &ping_timestamp ? 12 : b->t == &ping_mask ? 4 : 0;
}

static void reply_to(struct made *p, const struct bed *b, const struct endpoint *to, uint8_t type,
		     uint32_t value)
{
	static const uint8_t times[12] = {1, 2, 3, 4, 5};

	made_icmp(p, b->path.link, &to->addr, &b->path.src, type, 0, value, times, body_len(b));
}

static void replies(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 31);
	for (uint32_t n = 0; n < BEDS; n++)
		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct probe_reply got;
			struct made p;

			bed_nth(&b, n, &r);
			struct endpoint to = bed_endpoint(&b, &r);
			reply_to(&p, &b, &to, rows[n / 2].reply_type, bed_ask(&b, &to, attempt));
			assert_true(bed_match(&b, &p, &got));
			bed_check_reply(&got, &to, &to.addr, rows[n / 2].kind, rows[n / 2].reason,
					attempt);
			assert_int_equal(got.ttl, 51);
		}
}

static void refusals(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 32);
	for (uint32_t n = 0; n < BEDS; n++) {
		struct probe_reply got;
		struct made p;

		bed_nth(&b, n, &r);
		struct endpoint to = bed_endpoint(&b, &r), other = to;
		uint32_t value = bed_ask(&b, &to, 0);
		for (int type = 0; type < 256; type++) {
			reply_to(&p, &b, &to, (uint8_t)type, value);
			assert_int_equal(bed_match(&b, &p, &got), type == rows[n / 2].reply_type);
		}
		for (uint32_t d = 0; d < 256; d++) {
			reply_to(&p, &b, &to, rows[n / 2].reply_type, value - 64 + d);
			assert_int_equal(bed_match(&b, &p, &got), d - 64 < 32 && d % 2 == 0);
		}
		other.addr.b[3] ^= 1;
		reply_to(&p, &b, &other, rows[n / 2].reply_type, value);
		assert_false(bed_match(&b, &p, &got));
		reply_to(&p, &b, &to, rows[n / 2].reply_type, value);
		for (const struct scan_type *const *t = scan_types; *t; t++) {
			struct bed as_other = b;
			if (!(*t)->match)
				continue;
			as_other.t = *t;
			assert_int_equal(bed_match(&as_other, &p, &got), *t == b.t);
		}
	}
}

static void cut_anywhere(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 33);
	for (uint32_t n = 0; n < BEDS; n++) {
		struct made p;

		bed_nth(&b, n, &r);
		struct endpoint to = bed_endpoint(&b, &r);
		reply_to(&p, &b, &to, rows[n / 2].reply_type, bed_ask(&b, &to, 9));
		bed_check_cuts(&b, &p, p.len - body_len(&b));
	}
}

static void errors(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 34);
	for (uint32_t n = 0; n < BEDS; n++)
		for (uint8_t code = 0; code < 16; code++) {
			bool is_v6 = rows[n / 2].family == ADDR_V6;
			struct probe_reply got;
			struct made p;

			bed_nth(&b, n, &r);
			struct endpoint to = bed_endpoint(&b, &r);
			struct addr router = bed_addr(&r, rows[n / 2].family);
			bed_ask(&b, &to, code);
			size_t l3 = is_v6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
			made_error(&p, &b, &router, is_v6 ? 1 : 3, code, l3 + 8);
			assert_true(bed_match(&b, &p, &got));
			bed_check_reply(
				&got, &to, &router, REPLY_UNREACH,
				(uint8_t)reason_of_icmp(rows[n / 2].family, is_v6 ? 1 : 3, code),
				code);
			bed_check_cuts(&b, &p, p.len);
			struct bed other = b;
			other.bytes[b.tpl.l4_off + 4] ^= 0x40;
			made_error(&p, &other, &router, is_v6 ? 1 : 3, code, l3 + 8);
			assert_false(bed_match(&b, &p, &got));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies),
		cmocka_unit_test(refusals),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
