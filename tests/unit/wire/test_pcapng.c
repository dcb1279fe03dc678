/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcapng.c: every block read back; none written where it does not fit. */
#include "wire/pcapng.h"

#include "support/guard.h"
#include "support/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t sample[7] = {1, 2, 3, 4, 5, 6, 7};

static void put_all(struct wcursor *w)
{
	pcapng_put_section(w, "prtip 1.2.3");
	pcapng_put_iface(w, LINK_ETHERNET, "eth7");
	pcapng_put_iface(w, LINK_NONE, "any");
	pcapng_put_packet(w, &(struct pcapng_packet){.iface = 1,
						     .wall_ns = 0x1122334455667788ull,
						     .bytes = sample,
						     .len = sizeof(sample),
						     .wire_len = 60,
						     .n_dropped = 3,
						     .is_sent = true});
	pcapng_put_packet(w, &(struct pcapng_packet){.bytes = sample, .len = 4, .wire_len = 4});
	pcapng_put_stats(
		w, &(struct pcapng_stats){
			   .iface = 1, .wall_ns = 5, .n_seen = 9, .n_dropped = 3, .n_lost = 2});
}

static void blocks_come_back(void **state)
{
	uint8_t out[1024];
	struct wcursor w = wcursor_of(out, sizeof(out));
	struct block b = {0};
	uint16_t len;

	put_all(&w);
	assert_false(w.failed);
	struct cursor c = cursor_of(out, w.pos);
	assert_true(next_block(&c, &b));
	assert_int_equal(b.type, 0x0a0d0d0a);
	assert_int_equal(le32(b.body), 0x1a2b3c4d);
	assert_memory_equal(block_option(&b, 16, 4, &len), "prtip 1.2.3", 11);
	static const struct {
		uint16_t link;
		const char *name;
	} ifaces[] = {{1, "eth7"}, {101, "any"}};
	for (size_t i = 0; i < ARRAY_LEN(ifaces); i++) {
		assert_true(next_block(&c, &b));
		assert_int_equal(b.type, 1);
		assert_int_equal(le16(b.body), ifaces[i].link);
		assert_memory_equal(block_option(&b, 8, 2, &len), ifaces[i].name,
				    strlen(ifaces[i].name));
		assert_int_equal(len, strlen(ifaces[i].name));
		assert_int_equal(*block_option(&b, 8, 9, &len), 9);
	}
	assert_true(next_block(&c, &b));
	assert_int_equal(b.type, 6);
	assert_int_equal(le32(b.body), 1);
	assert_int_equal(le32(b.body + 4), 0x11223344);
	assert_int_equal(le32(b.body + 8), 0x55667788);
	assert_int_equal(le32(b.body + 12), 7);
	assert_int_equal(le32(b.body + 16), 60);
	assert_memory_equal(b.body + 20, sample, 7);
	assert_int_equal(le32(block_option(&b, 28, 2, &len)), 2);
	assert_int_equal(le64(block_option(&b, 28, 4, &len)), 3);
	assert_true(next_block(&c, &b));
	assert_int_equal(le32(block_option(&b, 24, 2, &len)), 1);
	assert_null(block_option(&b, 24, 4, &len));
	assert_true(next_block(&c, &b));
	assert_int_equal(b.type, 5);
	assert_int_equal(le64(block_option(&b, 12, 4, &len)), 9);
	assert_int_equal(le64(block_option(&b, 12, 5, &len)), 3);
	assert_int_equal(le64(block_option(&b, 12, 7, &len)), 2);
	assert_int_equal(le64(block_option(&b, 12, 8, &len)), 6);
	assert_false(next_block(&c, &b));
}

static void what_does_not_fit_fails(void **state)
{
	uint8_t whole[1024];
	struct wcursor all = wcursor_of(whole, sizeof(whole));

	put_all(&all);
	for (size_t cap = 0; cap < all.pos; cap++) {
		uint8_t *out = guard_copy(whole, cap);
		struct wcursor w = wcursor_of(out, cap);
		put_all(&w);
		assert_true(w.failed);
		guard_free(out, cap);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_back),
		cmocka_unit_test(what_does_not_fit_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
