/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said to a port behind an answer that proves nothing, by a slow server, and under a name
 * that nobody else may have. */
#include "detect/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char file[] = "Probe TCP NULL q||\n"
			   "match line m|^ERROR\\r\\n| p/Program/ v/1/\n"
			   "match zork m|^zork ([\\d.]+)| p/Zork/ v/$1/\n"
			   "Probe TCP Ask q|ask|\nrarity 1\n"
			   "Probe TCP Nick q|NICK prtip0000 |\nrarity 2\n";

struct bed {
	struct svcdb *db;
	struct service_plan plan;
	struct service s;
	uint64_t now_ns;
};

static void begin(struct bed *b, uint16_t port)
{
	struct bytes text = {(const uint8_t *)file, sizeof(file) - 1};
	const char *name = "probes";
	struct service_port p = {.proto = PROTO_TCP, .port = port};

	*b = (struct bed){.plan = {.intensity = 7, .n_talks = 2}, .now_ns = NS_PER_S};
	assert_int_equal(svcdb_parse(&text, &name, 1, &b->db, NULL), 0);
	assert_int_equal(matcher_new(b->db, &b->plan.matcher), 0);
	b->plan.db = b->db;
	assert_int_equal(service_init(&b->s, &b->plan, &p, b->now_ns), 0);
}

static void end(struct bed *b)
{
	service_fini(&b->s);
	matcher_free(b->plan.matcher);
	svcdb_free(b->db);
}

/** Open the next conversation. @return false: none is asked for. */
static bool next(struct bed *b, uint32_t *ret_talk)
{
	struct service_ask ask;

	(void)service_take_closed(&b->s);
	if (!service_next(&b->s, b->now_ns, &ask))
		return false;
	service_on(&b->s, ask.talk, STREAM_OPEN, (struct bytes){NULL, 0}, 0, b->now_ns);
	*ret_talk = ask.talk;
	return true;
}

static void on(struct bed *b, uint32_t talk, enum stream_event ev, const char *text)
{
	struct bytes heard = {(const uint8_t *)text, strlen(text)};

	service_on(&b->s, talk, ev, heard, 0, b->now_ns);
}

static void questions_go_on_behind_a_stock_phrase(void **state)
{
	struct bed b;
	uint32_t t = 0;

	begin(&b, 1234);
	assert_true(next(&b, &t));
	on(&b, t, STREAM_EOF, "ERROR\r\n");
	assert_string_equal(b.s.result.name, "line");
	assert_null(b.s.result.product);
	assert_null(b.s.result.version);
	assert_int_equal(b.s.result.conf, 5);
	assert_true(next(&b, &t));
	on(&b, t, STREAM_EOF, "zork 3.1");
	assert_false(next(&b, &t));
	assert_string_equal(b.s.result.name, "zork");
	assert_string_equal(b.s.result.version, "3.1");
	assert_int_equal(b.s.result.conf, 10);
	end(&b);
}

/** @return the name under which the port is talked to. */
static void name_at(uint16_t port, char ret[16])
{
	struct bed b;
	uint32_t t = 0;

	begin(&b, port);
	for (ret[0] = '\0'; !ret[0]; on(&b, t, STREAM_EOF, "")) {
		assert_true(next(&b, &t));
		struct bytes said = service_take_send(&b.s, t);
		if (said.len != 15)
			continue;
		assert_memory_equal(said.p, "NICK prtip", 10);
		assert_int_equal(said.p[14], ' ');
		memcpy(ret, said.p + 5, 9);
		ret[9] = '\0';
	}
	for (size_t i = 0; i < 9; i++)
		assert_true((ret[i] >= 'a' && ret[i] <= 'z') || (ret[i] >= '2' && ret[i] <= '7'));
	end(&b);
}

static void two_ports_are_not_rivals_for_a_name(void **state)
{
	char a[16], b[16];

	name_at(6667, a);
	name_at(6697, b);
	assert_string_not_equal(a, b);
}

/** Redis that takes two seconds for each answer: its version comes after all. */
static void who_is_slow_is_waited_for(void **state)
{
	static const char info[] = "$60\r\n# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1.0-18 "
				   "x86_64\r\n              \r\n";
	struct bed b;
	uint32_t l = 0, t = 0;

	begin(&b, 6379);
	assert_true(next(&b, &l));
	b.now_ns = b.s.talks[l].due_ns;
	on(&b, l, STREAM_DEADLINE, ""); /* the head start is over */
	assert_true(next(&b, &t));
	assert_non_null(b.s.talks[t].hello);
	b.now_ns = b.s.talks[t].due_ns;
	on(&b, t, STREAM_DEADLINE, ""); /* INFO is given up, and put on the listener */
	assert_int_equal(service_take_send(&b.s, l).len, 6);
	b.now_ns += 2 * NS_PER_S;
	on(&b, l, STREAM_DATA, "-ERR unknown command 'x'\r\n");
	on(&b, l, STREAM_EOF, "-ERR unknown command 'x'\r\n");
	assert_string_equal(b.s.result.name, "redis");
	assert_null(b.s.result.product);
	do {
		assert_true(next(&b, &t));
	} while (!b.s.talks[t].hello);
	assert_true(b.s.talks[t].due_ns >= b.now_ns + 3 * NS_PER_S);
	b.now_ns += 2 * NS_PER_S;
	on(&b, t, STREAM_EOF, info);
	assert_string_equal(b.s.result.product, "Redis key-value store");
	assert_string_equal(b.s.result.version, "7.0.15");
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_go_on_behind_a_stock_phrase),
		cmocka_unit_test(two_ports_are_not_rivals_for_a_name),
		cmocka_unit_test(who_is_slow_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
