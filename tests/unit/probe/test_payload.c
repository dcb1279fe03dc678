/* SPDX-License-Identifier: GPL-3.0-or-later */
/* payload.c and payload_builtin.c: every request carries its tag where its row says, answers are
 * judged by it, ports find their requests in turn. */
#include "probe/payload.h"

#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static size_t tag_bytes(const struct payload *p)
{
	return p->tag_len * (p->is_tag_hex ? 2u : 1u);
}

static void rows_are_sound(void **state)
{
	for (uint32_t i = 0; i < payload_rows_n; i++) {
		const struct payload_row *row = &payload_rows[i];
		const struct payload *p = &row->p;

		assert_non_null(p->name);
		assert_true(p->len > 0 && p->len <= PAYLOAD_LEN_MAX);
		assert_true(row->ports[0] != 0);
		assert_true(p->tag_len <= 4);
		assert_true(p->tag_at + tag_bytes(p) <= p->len);
		assert_true(p->tag_len || (!p->tag_at && !p->echo_at));
		assert_int_equal(p->shape_is & ~p->shape_mask, 0);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(p->name, payload_rows[k].p.name);
	}
}

/** The tag and nothing else differs between two values; no byte behind len is touched. */
static void writing(void **state)
{
	uint8_t a[PAYLOAD_LEN_MAX + 1], b[PAYLOAD_LEN_MAX + 1];

	for (uint32_t i = 0; i < payload_rows_n; i++) {
		const struct payload *p = &payload_rows[i].p;

		memset(a, 0xaa, sizeof(a));
		memset(b, 0xaa, sizeof(b));
		payload_write(p, 0x12345678, a);
		payload_write(p, 0x9abcdef0, b);
		assert_int_equal(a[p->len], 0xaa);
		for (size_t k = 0; k < p->len; k++) {
			bool is_tag = k >= p->tag_at && k < p->tag_at + tag_bytes(p);
			assert_int_equal(a[k] != b[k], is_tag);
			if (!is_tag)
				assert_int_equal(a[k], p->bytes[k]);
		}
		if (p->is_tag_hex)
			assert_memory_equal(a + p->tag_at, "12345678", 8);
		else if (p->tag_len)
			assert_memory_equal(a + p->tag_at, &"\x12\x34\x56\x78"[4 - p->tag_len],
					    p -> tag_len);
	}
}

/** An answer made of the row's shape and tag: right, wrong by a bit, of another shape, cut. */
static void checking(void **state)
{
	uint32_t value = 0x89abcdef;

	for (uint32_t i = 0; i < payload_rows_n; i++) {
		const struct payload *p = &payload_rows[i].p;
		size_t at = p->echo_at >= 0 ? (size_t)p->echo_at : 70, n = at + tag_bytes(p);
		uint8_t answer[128] = {0}, request[PAYLOAD_LEN_MAX];

		if (!p->tag_len) {
			assert_int_equal(payload_check(p, value, (struct bytes){answer, 128}), 0);
			continue;
		}
		n = MAX(n, p->shape_at + 1u);
		payload_write(p, value, request);
		answer[p->shape_at] = p->shape_is;
		memcpy(answer + at, request + p->tag_at, tag_bytes(p));
		assert_int_equal(answer[p->shape_at] & p->shape_mask, p->shape_is);
		for (size_t cut = 0; cut <= n; cut++) {
			uint8_t *copy = guard_copy(answer, cut);
			int says = payload_check(p, value, (struct bytes){copy, cut});
			bool is_short = p->echo_at >= 0 || cut <= p->shape_at;
			assert_int_equal(says, cut == n ? 1 : is_short ? 0 : -1);
			guard_free(copy, cut);
		}
		answer[at] ^= 1;
		assert_int_equal(payload_check(p, value, (struct bytes){answer, n}), -1);
		answer[at] ^= 1;
		for (int bit = 0; bit < 8 && p->shape_at != at; bit++) {
			answer[p->shape_at] ^= (uint8_t)(1u << bit);
			assert_int_equal(payload_check(p, value, (struct bytes){answer, n}),
					 !(p->shape_mask >> bit & 1));
			answer[p->shape_at] ^= (uint8_t)(1u << bit);
		}
	}
}

static void ports_in_turn(void **state)
{
	static const char text[] = "udp 53,9000-9001 \"x\" udp 9001 \"yy\" udp 9001 \"z\\0z\"";
	struct payloads *own, *p;

	assert_int_equal(payloads_open_builtin(&own), 0);
	assert_int_equal(payloads_open_bytes(text, sizeof(text) - 1, &p, NULL), 0);
	for (uint32_t i = 0; i < payload_rows_n; i++)
		for (uint32_t k = 0; k < ARRAY_LEN(payload_rows[i].ports); k++)
			if (payload_rows[i].ports[k])
				assert_true(payloads_n(own, payload_rows[i].ports[k]) >= 1);
	uint32_t n53 = payloads_n(own, 53);
	assert_int_equal(payloads_n(own, 9001), 0);
	assert_int_equal(payloads_get(own, 9001, 3)->len, 0);
	assert_int_equal(payloads_n(p, 53), n53 + 1);
	assert_int_equal(payloads_n(p, 9000), 1);
	assert_int_equal(payloads_n(p, 9001), 3);
	for (uint32_t a = 0; a < 16; a++) {
		const struct payload *at53 = payloads_get(p, 53, a),
				     *at9001 = payloads_get(p, 9001, a);
		if (a % (n53 + 1) < n53)
			assert_string_equal(at53->name, payloads_get(own, 53, a % (n53 + 1))->name);
		else
			assert_memory_equal(at53->bytes, "x", 1);
		assert_int_equal(at9001->len, 1 + a % 3);
		assert_memory_equal(at9001->bytes,
				    a % 3 == 0   ? "x"
				    : a % 3 == 1 ? "yy"
						 : "z\0z",
				    at9001->len);
	}
	assert_true(payloads_max_len(p) >= 12);
	payloads_close(p);
	payloads_close(own);
	payloads_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(writing),
		cmocka_unit_test(checking),
		cmocka_unit_test(ports_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
