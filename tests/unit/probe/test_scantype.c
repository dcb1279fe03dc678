/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scantype.c: the registry's promises, nmap's states per reply, nmap's reason per ICMP code. */
#include "probe/scantype.h"

#include "wire/icmp.h"
#include "wire/l4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void rows_are_distinct(void **state)
{
	uint32_t n = 0;

	for (const struct scan_type *const *a = scan_types; *a; a++, n++) {
		assert_true((*a)->row != 0);
		assert_non_null((*a)->name);
		assert_non_null((*a)->title);
		for (const struct scan_type *const *b = a + 1; *b; b++) {
			assert_ptr_not_equal(*a, *b);
			assert_int_not_equal((*a)->row, (*b)->row);
			assert_string_not_equal((*a)->name, (*b)->name);
			assert_string_not_equal((*a)->title, (*b)->title);
			if ((*a)->flag)
				assert_int_not_equal((*a)->flag, (*b)->flag);
		}
	}
	assert_int_equal(n, 20);
}

static void rows_are_whole(void **state)
{
	for (const struct scan_type *const *p = scan_types; *p; p++) {
		const struct scan_type *t = *p;
		bool is_raw = t->needs & NEED_RAW;

		assert_int_equal(is_raw, !(t->needs & NEED_CONNECT));
		assert_int_equal(is_raw, t->prepare != NULL);
		assert_int_equal(is_raw, t->patch != NULL);
		assert_int_equal(is_raw, t->match != NULL);
		assert_int_not_equal(t->needs & (NEED_V4 | NEED_V6), NEED_V4 | NEED_V6);
		assert_true(t->state_if_silent != 0);
		assert_int_equal(t->state_of[REPLY_NONE], 0);
		if (t->has_ports)
			assert_int_not_equal(port_proto_of(t->proto), PORT_PROTO_N);
		if (!t->flag)
			continue;
		assert_string_equal(t->desc.name, t->name);
		assert_string_equal(t->desc.title, t->title);
		assert_int_equal(t->desc.proto, t->proto);
		assert_int_equal(t->desc.silent_state, t->state_if_silent);
		assert_ptr_equal(scan_type_of_flag(t->flag), t);
	}
}

static void flags(void **state)
{
	static const struct scan_type *const of['Z'] = {
		['S'] = &scan_syn, ['T'] = &scan_connect, ['A'] = &scan_ack,  ['W'] = &scan_window,
		['F'] = &scan_fin, ['N'] = &scan_null,    ['X'] = &scan_xmas, ['M'] = &scan_maimon,
		['U'] = &scan_udp, ['Y'] = &scan_sctp,
	};

	for (int c = 0; c < 256; c++)
		assert_ptr_equal(scan_type_of_flag((char)c), c < 'Z' ? of[c] : NULL);
}

static void families(void **state)
{
	static const struct {
		const struct scan_type *t;
		bool v4, v6;
	} rows[] = {
		{&scan_syn, true, true},     {&scan_connect, true, true},
		{&ping_syn, true, true},     {&ping_ack, true, true},
		{&ping_echo, true, true},    {&ping_timestamp, true, false},
		{&ping_arp, true, false},    {&ping_nd, false, true},
		{&ping_connect, true, true}, {&scan_fin, true, true},
		{&scan_null, true, true},    {&scan_xmas, true, true},
		{&scan_maimon, true, true},  {&scan_ack, true, true},
		{&scan_window, true, true},  {&scan_udp, true, true},
		{&ping_udp, true, true},     {&scan_sctp, true, true},
		{&ping_sctp, true, true},    {&ping_mask, true, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(scan_type_fits(rows[i].t, ADDR_V4), rows[i].v4);
		assert_int_equal(scan_type_fits(rows[i].t, ADDR_V6), rows[i].v6);
	}
}

#define UNREACH_FILTERED                                                                           \
	[REPLY_PORT_UNREACH] = PORT_FILTERED, [REPLY_PROTO_UNREACH] = PORT_FILTERED,               \
	[REPLY_UNREACH] = PORT_FILTERED

/** nmap's manual, "Port Scanning Techniques" and "Host Discovery": what each answer means. */
static void states(void **state)
{
	static const struct {
		const struct scan_type *t;
		uint8_t silent, of[REPLY_N];
	} rows[] = {
		{&scan_syn,
		 PORT_FILTERED,
		 {[REPLY_SYN_ACK] = PORT_OPEN,
		  [REPLY_RST] = PORT_CLOSED,
		  [REPLY_PORT_UNREACH] = PORT_FILTERED,
		  [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		  [REPLY_UNREACH] = PORT_FILTERED}},
		{&scan_connect,
		 PORT_FILTERED,
		 {[REPLY_CONNECTED] = PORT_OPEN,
		  [REPLY_REFUSED] = PORT_CLOSED,
		  [REPLY_PORT_UNREACH] = PORT_FILTERED,
		  [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		  [REPLY_UNREACH] = PORT_FILTERED}},
		{&scan_fin, PORT_OPEN_FILTERED, {[REPLY_RST] = PORT_CLOSED, UNREACH_FILTERED}},
		{&scan_null, PORT_OPEN_FILTERED, {[REPLY_RST] = PORT_CLOSED, UNREACH_FILTERED}},
		{&scan_xmas, PORT_OPEN_FILTERED, {[REPLY_RST] = PORT_CLOSED, UNREACH_FILTERED}},
		{&scan_maimon, PORT_OPEN_FILTERED, {[REPLY_RST] = PORT_CLOSED, UNREACH_FILTERED}},
		{&scan_ack, PORT_FILTERED, {[REPLY_RST] = PORT_UNFILTERED, UNREACH_FILTERED}},
		{&scan_window,
		 PORT_FILTERED,
		 {[REPLY_RST] = PORT_CLOSED, [REPLY_RST_WINDOW] = PORT_OPEN, UNREACH_FILTERED}},
		{&scan_udp,
		 PORT_OPEN_FILTERED,
		 {[REPLY_DATAGRAM] = PORT_OPEN,
		  [REPLY_PORT_UNREACH] = PORT_CLOSED,
		  [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		  [REPLY_UNREACH] = PORT_FILTERED}},
		{&scan_sctp,
		 PORT_FILTERED,
		 {[REPLY_INIT_ACK] = PORT_OPEN, [REPLY_ABORT] = PORT_CLOSED, UNREACH_FILTERED}},
		{&ping_sctp,
		 HOST_DOWN,
		 {[REPLY_INIT_ACK] = HOST_UP,
		  [REPLY_ABORT] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_mask,
		 HOST_DOWN,
		 {[REPLY_MASK] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_udp,
		 HOST_DOWN,
		 {[REPLY_DATAGRAM] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_syn,
		 HOST_DOWN,
		 {[REPLY_SYN_ACK] = HOST_UP,
		  [REPLY_RST] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_ack,
		 HOST_DOWN,
		 {[REPLY_RST] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_echo,
		 HOST_DOWN,
		 {[REPLY_ECHO] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_timestamp,
		 HOST_DOWN,
		 {[REPLY_TIMESTAMP] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
		{&ping_arp, HOST_DOWN, {[REPLY_ARP] = HOST_UP}},
		{&ping_nd, HOST_DOWN, {[REPLY_ND] = HOST_UP}},
		{&ping_connect,
		 HOST_DOWN,
		 {[REPLY_CONNECTED] = HOST_UP,
		  [REPLY_REFUSED] = HOST_UP,
		  [REPLY_PORT_UNREACH] = HOST_UP,
		  [REPLY_PROTO_UNREACH] = HOST_UP,
		  [REPLY_UNREACH] = HOST_DOWN}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(rows[i].t->state_if_silent, rows[i].silent);
		assert_memory_equal(rows[i].t->state_of, rows[i].of, REPLY_N);
	}
}

static enum reason expected_v4(uint8_t type, uint8_t code)
{
	static const uint8_t unreach[256] = {
		[0] = REASON_NET_UNREACH,       [1] = REASON_HOST_UNREACH,
		[2] = REASON_PROTO_UNREACH,     [3] = REASON_PORT_UNREACH,
		[9] = REASON_NET_PROHIBITED,    [10] = REASON_HOST_PROHIBITED,
		[13] = REASON_ADMIN_PROHIBITED,
	};

	switch (type) {
	case 3:
		return unreach[code] ? unreach[code] : REASON_DEST_UNREACH;
	case 11:
		return REASON_TIME_EXCEEDED;
	case 12:
		return REASON_PARAM_PROBLEM;
	default:
		return REASON_UNKNOWN;
	}
}

static enum reason expected_v6(uint8_t type, uint8_t code)
{
	static const uint8_t unreach[] = {REASON_NO_ROUTE,     REASON_ADMIN_PROHIBITED,
					  REASON_BEYOND_SCOPE, REASON_HOST_UNREACH,
					  REASON_PORT_UNREACH, REASON_ADMIN_PROHIBITED,
					  REASON_REJECT_ROUTE};

	switch (type) {
	case 1:
		return code < ARRAY_LEN(unreach) ? unreach[code] : REASON_DEST_UNREACH;
	case 3:
		return REASON_TIME_EXCEEDED;
	case 4:
		return REASON_PARAM_PROBLEM;
	default:
		return REASON_UNKNOWN;
	}
}

static void reasons(void **state)
{
	for (int type = 0; type < 256; type++)
		for (int code = 0; code < 256; code++) {
			uint8_t t = (uint8_t)type, c = (uint8_t)code;
			assert_int_equal(reason_of_icmp(ADDR_V4, t, c), expected_v4(t, c));
			assert_int_equal(reason_of_icmp(ADDR_V6, t, c), expected_v6(t, c));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_distinct),
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(flags),
		cmocka_unit_test(families),
		cmocka_unit_test(states),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
