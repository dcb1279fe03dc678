/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of the event schema: every number has its own word, and a wrong number is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "event/event.h"

#include <string.h>

static void words_are_nmaps(void **state)
{
	(void)state;
	assert_string_equal(port_state_name(PORT_OPEN_FILTERED), "open|filtered");
	assert_string_equal(port_state_name(PORT_CLOSED_FILTERED), "closed|filtered");
	assert_string_equal(port_state_name(PORT_UNFILTERED), "unfiltered");
	assert_string_equal(host_state_name(HOST_DOWN), "down");
	assert_string_equal(reason_name(REASON_SYN_ACK), "syn-ack");
	assert_string_equal(reason_name(REASON_ADMIN_PROHIBITED), "admin-prohibited");
	assert_string_equal(reason_name(REASON_LOCALHOST), "localhost-response");
	assert_string_equal(stage_name(STAGE_COMPLETED), "completed");
	assert_string_equal(proto_name(PROTO_TCP), "tcp");
	assert_string_equal(proto_name(PROTO_UDP), "udp");
	assert_string_equal(proto_name(PROTO_SCTP), "sctp");
	assert_string_equal(proto_name(PROTO_ICMPV6), "icmp");
	assert_string_equal(proto_name(47), "ip");
}

static const char *reason_by(unsigned i)
{
	return reason_name((enum reason)i);
}
static const char *stage_by(unsigned i)
{
	return stage_name((enum stage)i);
}
static const char *port_state_by(unsigned i)
{
	return port_state_name((enum port_state)i);
}

static void names_are_distinct(void **state)
{
	static const struct {
		const char *(*name)(unsigned);
		unsigned n;
	} tables[] = {{reason_by, REASON_N}, {stage_by, STAGE_N}, {port_state_by, PORT_STATE_N}};

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (unsigned i = 0; i < tables[t].n; i++) {
			assert_true(strlen(tables[t].name(i)) > 1);
			for (unsigned j = 0; j < i; j++)
				assert_string_not_equal(tables[t].name(i), tables[t].name(j));
		}
}

static void wrong_numbers_have_a_name(void **state)
{
	(void)state;
	assert_string_equal(reason_by(REASON_N), "unknown-response");
	assert_string_equal(reason_by(250), "unknown-response");
	assert_string_equal(port_state_by(PORT_STATE_N), "unknown");
	assert_string_equal(stage_by(99), "unknown");
	assert_string_equal(host_state_name((enum host_state)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_nmaps),
		cmocka_unit_test(names_are_distinct),
		cmocka_unit_test(wrong_numbers_have_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
