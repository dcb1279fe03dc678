/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service tables: sorted, unsorted, damaged and our own; names and frequencies. */
#include "target/services.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "support/guard.h"

static const char sorted[] = "# head\n\n"
			     "zero\t0/tcp\t0.1\n"
			     "echo\t7/sctp\t0.000000\n"
			     "echo\t7/tcp\t0.004855\t# x\n"
			     "  spaced   9/udp   0.5\n"
			     "broken\n"
			     "bad/port\t12\n"
			     "ssh\t22/tcp\t0.182286\n"
			     "cut#comment\t23/tcp\n"
			     "ninety\t90/dccp\t0.5\n"
			     "big\t65536/tcp\t1\n"
			     "fraction\t99/tcp\t1/4\n"
			     "alias\t100/tcp\tother names # etc\n"
			     "one\t101/tcp\t1.0\n"
			     "zerodiv\t102/tcp\t1/0\n"
			     "a-name-that-is-longer-than-thirty-one-characters\t200/tcp\t0\n"
			     "last\t65535/udp\t0.25";

static const struct {
	uint8_t proto;
	uint16_t port;
	const char *want;
} names[] = {
	{PROTO_TCP, 0, "zero"},      {PROTO_SCTP, 7, "echo"},
	{PROTO_TCP, 7, "echo"},      {PROTO_UDP, 7, NULL},
	{PROTO_UDP, 9, "spaced"},    {PROTO_TCP, 9, NULL},
	{PROTO_TCP, 12, NULL},       {PROTO_TCP, 22, "ssh"},
	{PROTO_TCP, 23, NULL},       {PROTO_TCP, 90, NULL},
	{PROTO_TCP, 99, "fraction"}, {PROTO_TCP, 100, "alias"},
	{PROTO_UDP, 65535, "last"},  {PROTO_TCP, 65535, NULL},
	{PROTO_ICMP, 7, NULL},       {PROTO_TCP, 200, "a-name-that-is-longer-than-thir"},
};

static void names_of_ports(void **state)
{
	struct services *s = NULL;
	char out[32];

	(void)state;
	/* twice: before and after the first miss has had the order checked */
	assert_int_equal(services_open_bytes(sorted, sizeof(sorted) - 1, &s), 0);
	for (size_t i = 0; i < 2 * ARRAY_LEN(names); i++) {
		size_t k = i % ARRAY_LEN(names);
		const char *got = services_name(s, names[k].proto, names[k].port, out);

		if (!names[k].want)
			assert_null(got);
		else
			assert_string_equal(got, names[k].want);
	}
	services_close(s);
}

static void frequencies(void **state)
{
	static const struct {
		uint16_t port;
		uint32_t frequency;
	} want[] = {{0, 100000000},  {7, 0},          {7, 4855000},      {9, 500000000},
		    {22, 182286000}, {99, 250000000}, {100, 0},          {101, 1000000000},
		    {102, 0},        {200, 0},        {65535, 250000000}};
	struct services *s = NULL;
	struct service_row row;
	size_t pos = 0, n = 0;

	(void)state;
	assert_int_equal(services_open_bytes(sorted, sizeof(sorted) - 1, &s), 0);
	for (; services_next(s, &pos, &row); n++) {
		assert_true(n < ARRAY_LEN(want));
		assert_int_equal(row.port, want[n].port);
		assert_int_equal(row.frequency, want[n].frequency);
	}
	assert_int_equal(n, ARRAY_LEN(want));
	services_close(s);
}

/* Any order of lines answers the same. */
static void unsorted_files_are_searched_whole(void **state)
{
	enum { N = 300 };
	struct rng r;

	(void)state;
	rng_init(&r, 9);
	for (int round = 0; round < 20; round++) {
		static char text[N * 32];
		uint16_t ports[N];
		struct services *s = NULL;
		size_t len = 0;
		char out[32], want[32];

		for (int i = 0; i < N; i++)
			ports[i] = (uint16_t)(i * 200 + 1);
		for (int i = N - 1; i > 0; i--) { /* round 0 stays sorted */
			int k = round ? (int)rng_below(&r, (uint64_t)i + 1) : i;
			uint16_t t = ports[i];

			ports[i] = ports[k];
			ports[k] = t;
		}
		for (int i = 0; i < N; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"n%u\t%u/tcp\t0.1\n", ports[i], ports[i]);
		assert_int_equal(services_open_bytes(text, len, &s), 0);
		for (int i = 0; i < N; i++) {
			(void)snprintf(want, sizeof(want), "n%u", i * 200 + 1);
			assert_string_equal(
				services_name(s, PROTO_TCP, (uint16_t)(i * 200 + 1), out), want);
			assert_null(services_name(s, PROTO_TCP, (uint16_t)(i * 200 + 2), out));
		}
		services_close(s);
	}
}

static void reads_no_byte_too_far(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(sorted); cut++) {
		uint8_t *p = guard_copy(sorted, cut);
		struct services *s = NULL;
		struct service_row row;
		char out[32];

		assert_int_equal(services_open_bytes((char *)p, cut, &s), 0);
		for (size_t pos = 0; services_next(s, &pos, &row);)
			assert_true(row.name_len > 0);
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			(void)services_name(s, names[i].proto, names[i].port, out);
		services_close(s);
		guard_free(p, cut);
	}
}

static void opening(void **state)
{
	char path[] = "/tmp/prtip-services-XXXXXX", out[32];
	int fd = mkstemp(path);
	struct services *s = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(services_open("/nonexistent/file", &s), -ENOENT);
	assert_int_equal(services_open("/tmp", &s), -EISDIR);
	assert_int_equal(services_open("/dev/null", &s), -E_UNSUPPORTED);
	assert_int_equal(services_open(path, &s), -E_TRUNCATED); /* empty */
	assert_null(s);
	assert_int_equal(write(fd, sorted, sizeof(sorted) - 1), sizeof(sorted) - 1);
	close(fd);
	assert_int_equal(services_open(path, &s), 0);
	assert_true(services_has_frequencies(s));
	assert_string_equal(services_name(s, PROTO_TCP, 22, out), "ssh");
	services_close(s);
	unlink(path);
	s = NULL;
	assert_int_equal(services_open(NULL, &s), 0); /* whatever is installed */
	assert_string_equal(services_name(s, PROTO_TCP, 22, out), "ssh");
	services_close(s);
	services_close(NULL);
}

static void own_table(void **state)
{
	struct services *s = NULL;
	char out[32];

	(void)state;
	assert_int_equal(services_open_builtin(&s), 0);
	assert_false(services_has_frequencies(s));
	assert_string_equal(services_name(s, PROTO_TCP, 443, out), "https");
	assert_string_equal(services_name(s, PROTO_UDP, 53, out), "domain");
	assert_string_equal(services_name(s, PROTO_SCTP, 2905, out), "m3ua");
	assert_null(services_name(s, PROTO_SCTP, 53, out));
	for (int p = 0; p < PORT_PROTO_N; p++)
		for (uint32_t i = 0; i < services_builtin_n[p]; i++) {
			const char *name = services_builtin[p][i].name;

			assert_true(name[0] && !strpbrk(name, " \t#/"));
		}
	services_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_ports),
		cmocka_unit_test(frequencies),
		cmocka_unit_test(unsorted_files_are_searched_whole),
		cmocka_unit_test(reads_no_byte_too_far),
		cmocka_unit_test(opening),
		cmocka_unit_test(own_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
