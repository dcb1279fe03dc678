/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulated host against the standards: what each TCP state answers to each segment (RFC 9293
 * 3.10.7), correct checksums by an independent sum, no read behind a cut frame, shares that are
 * what they say, and token buckets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet.h"
#include "support/csum16.h"
#include "support/guard.h"

#define V4_LEN 58u
#define V6_LEN 78u

static uint32_t build(uint8_t *f, bool is_v6, uint16_t port, uint32_t flags, uint32_t ack)
{
	uint8_t *n = f + 14, *t = n + (is_v6 ? 40 : 20);
	uint16_t sum;

	memset(f, 0, V6_LEN);
	memcpy(f, "\2\0\0\0\x99\xfe\2\0\0\0\x99\1", 12);
	memcpy(f + 12, is_v6 ? "\x86\xdd" : "\x08\x00", 2);
	if (is_v6) {
		memcpy(n, "\x60\0\0\0\0\x18\6\x40", 8);
		n[8] = 0xfd;
		n[23] = 1;
		n[24] = 0x20;
		n[25] = 1;
		n[39] = 9;
	} else {
		memcpy(n, "\x45\0\0\x2c\0\0\x40\0\x40\6\0\0\x0a\x63\0\1\xc6\x12\0\x09", 20);
		sum = (uint16_t)~csum16(0, n, 20);
		n[10] = (uint8_t)(sum >> 8);
		n[11] = (uint8_t)sum;
	}
	memcpy(t, "\x9c\x40\0\0\x01\x02\x03\x04", 8);
	t[2] = (uint8_t)(port >> 8);
	t[3] = (uint8_t)port;
	SIM_ST32(t + 8, SIM_BE32(ack));
	t[12] = 0x60;
	t[13] = (uint8_t)flags;
	t[14] = 4;
	memcpy(t + 20, "\2\4\5\xb4", 4);
	sum = (uint16_t)~csum16_segment(is_v6 ? n + 8 : n + 12, is_v6 ? n + 24 : n + 16,
					is_v6 ? 16 : 4, SIM_TCP, t, 24);
	t[16] = (uint8_t)(sum >> 8);
	t[17] = (uint8_t)sum;
	return is_v6 ? V6_LEN : V4_LEN;
}

static struct sim_conf conf_of(uint64_t open, uint64_t closed)
{
	struct sim_conf c = {.seed = 5};

	c.share[SIM_UP] = SIM_ALL;
	c.share[SIM_OPEN] = open;
	c.share[SIM_CLOSED] = closed;
	return c;
}

struct exchange {
	uint64_t open, closed;
	uint32_t flags;
	bool acks_syn_ack; /* acknowledges the SYN+ACK that the port would send */
	uint8_t action, answer_flags;
	uint32_t seq_is_ack, ack; /* ack of the answer less the probe's sequence number; 99: 0 */
};

#define T SIM_ANSWER_TCP
static const struct exchange exchanges[] = {
	{SIM_ALL, 0, SIM_SYN, false, T, SIM_SYN | SIM_ACK, 0, 1},
	{SIM_ALL, 0, SIM_ACK, false, T, SIM_RST, 1, 99},
	{SIM_ALL, 0, SIM_SYN | SIM_ACK, false, T, SIM_RST, 1, 99},
	{SIM_ALL, 0, SIM_FIN, false, SIM_SILENT, 0, 0, 0},
	{SIM_ALL, 0, 0, false, SIM_SILENT, 0, 0, 0},
	{SIM_ALL, 0, SIM_FIN | SIM_PSH | SIM_URG, false, SIM_SILENT, 0, 0, 0},
	{SIM_ALL, 0, SIM_RST, false, SIM_SILENT, 0, 0, 0},
	{SIM_ALL, 0, SIM_ACK, true, SIM_SILENT, 0, 0, 0},
	{SIM_ALL, 0, SIM_ACK | SIM_FIN, true, T, SIM_ACK | SIM_FIN, 1, 1},
	{0, SIM_ALL, SIM_SYN, false, T, SIM_RST | SIM_ACK, 0, 1},
	{0, SIM_ALL, SIM_ACK, false, T, SIM_RST, 1, 99},
	{0, SIM_ALL, SIM_FIN, false, T, SIM_RST | SIM_ACK, 0, 1},
	{0, SIM_ALL, 0, false, T, SIM_RST | SIM_ACK, 0, 0},
	{0, SIM_ALL, SIM_FIN | SIM_PSH | SIM_URG, false, T, SIM_RST | SIM_ACK, 0, 1},
	{0, SIM_ALL, SIM_RST, false, SIM_SILENT, 0, 0, 0},
	{0, 0, SIM_SYN, false, SIM_SILENT, 0, 0, 0},
	{0, 0, SIM_ACK, false, SIM_SILENT, 0, 0, 0},
};

static void check_answer(uint8_t *f, uint32_t len, bool is_v6, const struct exchange *x)
{
	const uint8_t *n = f + 14, *t = n + (is_v6 ? 40 : 20);
	uint32_t t_len = len - (uint32_t)(t - f);

	assert_memory_equal(f, "\2\0\0\0\x99\1\2\0\0\0\x99\xfe", 12);
	assert_int_equal(t[13], x->answer_flags);
	assert_int_equal(t_len, x->answer_flags & SIM_SYN ? 24 : 20);
	assert_int_equal(t[12] >> 4 << 2, t_len);
	assert_int_equal(csum16_segment(is_v6 ? n + 8 : n + 12, is_v6 ? n + 24 : n + 16,
					is_v6 ? 16 : 4, SIM_TCP, t, t_len),
			 0xffff);
	if (is_v6)
		assert_int_equal(n[4] << 8 | n[5], t_len);
	else
		assert_int_equal(csum16(0, n, 20), 0xffff);
	assert_int_equal(SIM_BE32(SIM_LD32(t + 8)), x->ack == 99 ? 0 : 0x01020304u + x->ack);
	if (!(x->answer_flags & SIM_SYN))
		assert_int_equal(SIM_BE32(SIM_LD32(t + 4)), x->seq_is_ack ? 0xabcd1234u : 0);
}

static void test_exchanges(void **state)
{
	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]) * 2; i++) {
		const struct exchange *x = &exchanges[i / 2];
		struct sim_conf c = conf_of(x->open, x->closed);
		struct sim_probe p = {0};
		struct sim_verdict v;
		uint8_t f[V6_LEN];
		uint32_t len = build(f, i % 2, 80, x->flags, 0xabcd1234u);
		int n;

		assert_int_equal(sim_read(f, f + len, &p), 0);
		sim_judge(&c, &p, &v);
		if (x->acks_syn_ack) {
			len = build(f, i % 2, 80, x->flags, sim_isn(v.port) + 1);
			assert_int_equal(sim_read(f, f + len, &p), 0);
			sim_judge(&c, &p, &v);
			assert_true(v.is_established);
			assert_false(sim_is_probe(&p, &v));
			assert_int_equal(v.action, x->action);
			continue;
		}
		assert_int_equal(v.action, x->action);
		if (v.action == SIM_SILENT)
			continue;
		n = sim_patch(f, f + len, &p, &v);
		assert_true(n > 0 && n <= (int)len);
		check_answer(f, (uint32_t)n, i % 2, x);
	}
}
#undef T

static void test_cut(void **state)
{
	struct sim_probe p;
	uint8_t f[V6_LEN];

	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		uint32_t whole = build(f, is_v6, 443, SIM_SYN, 0);

		for (uint32_t len = 0; len < whole; len++) {
			uint8_t *g = guard_copy(f, len);

			assert_true(sim_read(g, g + len, &p) < 0);
			guard_free(g, len);
		}
	}
}

static void test_damage(void **state)
{
	struct sim_probe p;
	uint8_t f[V6_LEN];
	uint32_t len = build(f, false, 443, SIM_SYN, 0);

	f[14 + 8] ^= 1;
	assert_int_equal(sim_read(f, f + len, &p), SIM_READ_IP_SUM);
	f[14 + 8] ^= 1;
	f[40] ^= 1;
	assert_int_equal(sim_read(f, f + len, &p), SIM_READ_L4_SUM);
}

static void test_shares(void **state)
{
	struct sim_conf c = conf_of(SIM_ALL / 50, SIM_ALL / 2);
	uint32_t n[4] = {0}, n_up = 0;
	struct sim_host h;

	c.share[SIM_UP] = SIM_ALL / 4;
	for (uint32_t host = 0; host < 4000; host++) {
		sim_host(&c, 0, 0xffffc6120000ull + host, &h);
		n_up += h.is_up;
		h.is_up = 1;
		for (uint32_t port = 1; port <= 100; port++)
			n[sim_state(&c, &h, sim_port_hash(h.hash, SIM_TCP, port), SIM_TCP)]++;
	}
	/* Five standard deviations. */
	assert_in_range(n_up, 1000 - 137, 1000 + 137);
	assert_in_range(n[SIM_STATE_OPEN], 8000 - 443, 8000 + 443);
	assert_in_range(n[SIM_STATE_CLOSED], 200000 - 1582, 200000 + 1582);
	assert_int_equal(n[SIM_STATE_REJECTED], 0);
}

static void test_limit(void **state)
{
	struct sim_limit l = {0};
	uint32_t n = 0;

	/* 100 a second, 10 at once; asked every millisecond for two seconds. */
	for (uint64_t ms = 0; ms < 2000; ms++)
		n += (uint32_t)sim_limit_take(&l, 7, 1000000000 + ms * 1000000, 10000000,
					      100000000);
	assert_in_range(n, 208, 211);
	/* Another host in its slot has its own. */
	assert_true(sim_limit_take(&l, 8, 3000000000, 10000000, 100000000));
}

static void test_dishonest(void **state)
{
	struct sim_conf c = conf_of(0, SIM_ALL);
	struct sim_probe p = {0};
	struct sim_verdict v;
	uint8_t f[V6_LEN];
	uint32_t len = build(f, false, 9, SIM_SYN, 0);

	assert_int_equal(sim_read(f, f + len, &p), 0);
	c.share[SIM_SYN_PROXY] = c.share[SIM_ZERO_WINDOW] = SIM_ALL;
	sim_judge(&c, &p, &v);
	assert_int_equal(v.flags, SIM_SYN | SIM_ACK);
	assert_int_equal(v.window, 0);
	assert_int_equal(v.ttl, 250);
	len = build(f, false, 9, SIM_ACK, 77);
	assert_int_equal(sim_read(f, f + len, &p), 0);
	sim_judge(&c, &p, &v);
	assert_int_equal(v.action, SIM_SILENT);
	c.share[SIM_UP] = 0;
	c.share[SIM_DARK] = SIM_ALL;
	sim_judge(&c, &p, &v);
	assert_int_equal(v.action, SIM_ANSWER_ICMP_ERROR);
	assert_int_equal(v.code, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchanges), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damage),    cmocka_unit_test(test_shares),
		cmocka_unit_test(test_limit),     cmocka_unit_test(test_dishonest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
