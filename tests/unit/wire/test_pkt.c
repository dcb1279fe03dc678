/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pkt.c: the trace line of every kind of frame, TCP flags and options, cut texts. */
#include "frames.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void lines(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(frame_rows); i++) {
		uint8_t bytes[FRAME_CAP];
		struct frame f = frame_build(&frame_rows[i], bytes);
		char text[256];
		struct pkt p;

		assert_int_equal(decode(&f, &p), 0);
		assert_ptr_equal(pkt_format(&f, &p, text, sizeof(text)), text);
		assert_string_equal(text, frame_rows[i].text);
	}
}

static void lines_are_cut_at_the_capacity(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct frame f = frame_build(frame_row_named("tcp_v4"), bytes);
	const char *want = frame_row_named("tcp_v4")->text;
	char text[256];
	struct pkt p;

	assert_int_equal(decode(&f, &p), 0);
	for (size_t cap = 0; cap < sizeof(text); cap++) {
		char *out = (char *)guard_copy(text, cap);

		pkt_format(&f, &p, out, cap);
		if (cap) {
			size_t len = strlen(out);

			assert_int_equal(len, MIN(cap - 1, strlen(want)));
			assert_memory_equal(out, want, len);
		}
		guard_free((uint8_t *)out, cap);
	}
}

static void malformed(void **state)
{
	struct frame f = {.bytes = (uint8_t[4]){0x45}, .len = 4, .link = LINK_NONE};
	char text[64];
	struct pkt p;

	assert_int_equal(decode(&f, &p), -E_TRUNCATED);
	assert_string_equal(pkt_format(&f, &p, text, sizeof(text)), "Malformed packet (4 bytes)");
}

static void format_segment(const uint8_t *options, size_t n, uint8_t flags, char text[256])
{
	const struct tcp_conf c = {.sport = 1, .dport = 2, .seq = 3, .window = 4, .flags = flags};
	struct addr src = frame_v4(1), dst = frame_v4(2);
	uint8_t bytes[FRAME_CAP];
	struct wcursor w = wcursor_of(bytes, sizeof(bytes));
	struct frame f = {.link = LINK_NONE};
	struct pkt p;

	put_v4(&w, PROTO_TCP, 20 + n);
	tcp_encode(&w, &c, &src, &dst);
	wcursor_put(&w, options, n);
	bytes[32] = (uint8_t)((20 + n) / 4 << 4);
	f.bytes = guard_copy(bytes, w.pos);
	f.len = (uint32_t)w.pos;
	assert_int_equal(decode(&f, &p), 0);
	assert_true(p.l4_valid);
	pkt_format(&f, &p, text, 256);
	guard_free(f.bytes, f.len);
}

static void options(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *want;
	} rows[] = {
		{"\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\2\1\3\3\7", 20,
		 "<mss 1460,sackOK,timestamp 1 2,nop,wscale 7>"},
		{"\1\1\0\7", 4, "<nop,nop,eol>"},
		{"\2\4\5", 4, "<mss 1280>"},
		{"\1\1\1\2", 4, "<nop,nop,nop,bad opt>"},
		{"\1\1\2\4", 4, "<nop,nop,bad opt>"},
		{"\2\0\0\0", 4, "<bad opt>"},
		{"\3\1\1\1", 4, "<bad opt>"},
		{"\xfe\4\1\2", 4, "<opt-254>"},
		{"\2\3\1\1", 4, "<opt-2,nop>"},
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		format_segment((const uint8_t *)rows[i].bytes, rows[i].n, TCP_SYN, text);
		assert_non_null(strchr(text, '<'));
		assert_string_equal(strchr(text, '<'), rows[i].want);
	}
}

static void flags(void **state)
{
	char text[256];

	format_segment(NULL, 0, 0xff, text);
	assert_non_null(strstr(text, ":2 SFRPAUEC ttl="));
	format_segment(NULL, 0, TCP_RST | TCP_ACK, text);
	assert_non_null(strstr(text, ":2 RA ttl="));
	format_segment(NULL, 0, 0, text);
	assert_string_equal(
		text, "TCP 198.51.100.1:1 > 198.51.100.2:2  ttl=64 id=4660 iplen=40  seq=3 win=4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),     cmocka_unit_test(lines_are_cut_at_the_capacity),
		cmocka_unit_test(malformed), cmocka_unit_test(options),
		cmocka_unit_test(flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
