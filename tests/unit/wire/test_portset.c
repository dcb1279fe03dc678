/* SPDX-License-Identifier: GPL-3.0-or-later */
/* portset.c: index and port are inverse for every member; text as nmap lists services. */
#include "base/hash.h"
#include "wire/portset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check_inverse(struct port_bits *b)
{
	uint32_t idx = 0;

	port_bits_seal(b);
	for (uint32_t port = 0; port < 65536; port++) {
		if (!port_bits_has(b, (uint16_t)port))
			continue;
		assert_int_equal(port_bits_index(b, (uint16_t)port), idx);
		assert_int_equal(port_bits_at(b, idx), port);
		idx++;
	}
	assert_int_equal(b->n, idx);
}

static void index_and_port_are_inverse(void **state)
{
	static struct port_bits b;
	struct rng r;

	check_inverse(&b);
	port_bits_add(&b, 0);
	check_inverse(&b);
	port_bits_add(&b, 65535);
	check_inverse(&b);
	rng_init(&r, 5);
	for (int i = 0; i < 1000; i++)
		port_bits_add(&b, (uint16_t)rng_u64(&r));
	check_inverse(&b);
	for (uint32_t port = 0; port < 65536; port++)
		port_bits_add(&b, (uint16_t)port);
	check_inverse(&b);
	assert_int_equal(b.n, 65536);
	port_bits_del(&b, 63);
	port_bits_del(&b, 64);
	check_inverse(&b);
	assert_int_equal(b.n, 65534);
}

static void text(void **state)
{
	static const struct {
		uint16_t ranges[4][2];
		size_t n;
		const char *want;
	} rows[] = {
		{{{0}}, 0, ""},
		{{{0, 0}}, 1, "0"},
		{{{80, 80}}, 1, "80"},
		{{{22, 23}}, 1, "22-23"},
		{{{1, 3}, {80, 80}, {443, 443}}, 3, "1-3,80,443"},
		{{{63, 64}, {127, 192}, {65535, 65535}}, 3, "63-64,127-192,65535"},
		{{{0, 65535}}, 1, "0-65535"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct port_bits b = {0};
		char out[64];
		size_t need = strlen(rows[i].want);

		for (size_t k = 0; k < rows[i].n; k++) {
			for (uint32_t port = rows[i].ranges[k][0]; port <= rows[i].ranges[k][1];
			     port++)
				port_bits_add(&b, (uint16_t)port);
		}
		for (size_t cap = 0; cap < sizeof(out); cap++) {
			memset(out, '#', sizeof(out));
			assert_int_equal(port_bits_format(&b, out, cap), need);
			if (cap) {
				assert_int_equal(strlen(out), MIN(need, cap - 1));
				assert_memory_equal(out, rows[i].want, MIN(need, cap - 1));
			}
			assert_int_equal(out[cap], '#');
		}
	}
}

static void protocols(void **state)
{
	assert_int_equal(port_proto_of(PROTO_TCP), PORT_TCP);
	assert_int_equal(port_proto_of(PROTO_UDP), PORT_UDP);
	assert_int_equal(port_proto_of(PROTO_SCTP), PORT_SCTP);
	assert_int_equal(port_proto_of(PROTO_ICMP), PORT_PROTO_N);
	for (int p = 0; p < PORT_PROTO_N; p++)
		assert_int_equal(port_proto_of(port_proto_number((enum port_proto)p)), p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_and_port_are_inverse),
		cmocka_unit_test(text),
		cmocka_unit_test(protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
