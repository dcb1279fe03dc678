/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of the OS test byte by byte, answers read from packets. */
#include "detect/osprobe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "osanswers.h"
#include "support/guard.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

/** Sequence, port, flags, window, options: as the book lists them. */
static void probes(void **state)
{
	static const struct {
		uint16_t dport, window, urgent;
		uint8_t flags, off, n_opts, first_opt;
		uint32_t seq_add;
		bool has_df, has_ack;
	} want[OS_PROBE_N] = {
		[0] = {80, 1, 0, TCP_SYN, 0xa0, 20, 3, 0, false, true},
		[1] = {80, 63, 0, TCP_SYN, 0xa0, 20, 2, 1, false, true},
		[2] = {80, 4, 0, TCP_SYN, 0xa0, 20, 8, 2, false, true},
		[3] = {80, 4, 0, TCP_SYN, 0x90, 16, 4, 3, false, true},
		[4] = {80, 16, 0, TCP_SYN, 0xa0, 20, 2, 4, false, true},
		[5] = {80, 512, 0, TCP_SYN, 0x90, 16, 2, 5, false, true},
		[OS_PROBE_ECN] = {80, 3, 0xf7f5, 0xc2, 0x88, 12, 3, 0, false, false},
		[OS_PROBE_T2] = {80, 128, 0, 0, 0xa0, 20, 3, 0, true, true},
		[OS_PROBE_T3] = {80, 256, 0, 0x2b, 0xa0, 20, 3, 0, false, true},
		[OS_PROBE_T4] = {80, 1024, 0, TCP_ACK, 0xa0, 20, 3, 0, true, true},
		[OS_PROBE_T5] = {81, 31337, 0, TCP_SYN, 0xa0, 20, 3, 0, false, true},
		[OS_PROBE_T6] = {81, 32768, 0, TCP_ACK, 0xa0, 20, 3, 0, true, true},
		[OS_PROBE_T7] = {81, 65535, 0, 0x29, 0xa0, 20, 3, 0, false, true},
	};
	struct os_answers a = {0};
	uint8_t p[OS_PROBE_CAP];

	(void)state;
	for (int i = 0; i < OS_PROBE_N; i++) {
		if (!want[i].dport)
			continue;
		size_t n = os_probe_encode(&conf, (enum os_probe)i, 77, &a, p, sizeof(p));
		assert_int_equal(n, 40 + want[i].n_opts);
		assert_int_equal(csum_finish(csum_add(0, p, 20)), 0);
		assert_int_equal(csum_finish(csum_add(csum_pseudo(&conf.src, &conf.dst, PROTO_TCP,
								  (uint32_t)n - 20),
						      p + 20, n - 20)),
				 0);
		assert_int_equal(get_be16(p + 4), 77);
		assert_int_equal(p[6] & 0x40, want[i].has_df ? 0x40 : 0);
		assert_int_equal(get_be16(p + 20), 40000 + i);
		assert_int_equal(get_be16(p + 22), want[i].dport);
		assert_int_equal(get_be32(p + 24), conf.seq + want[i].seq_add);
		assert_int_equal(get_be32(p + 28), want[i].has_ack ? conf.ack : 0);
		assert_int_equal(p[32], want[i].off);
		assert_int_equal(p[33], want[i].flags);
		assert_int_equal(get_be16(p + 34), want[i].window);
		assert_int_equal(get_be16(p + 38), want[i].urgent);
		assert_int_equal(p[40], want[i].first_opt);
		assert_int_equal(os_probe_encode(&conf, (enum os_probe)i, 77, &a, p, n - 1), 0);
	}
}

static void probes_without_tcp(void **state)
{
	struct os_answers a = {0};
	uint8_t p[OS_PROBE_CAP];

	(void)state;
	assert_int_equal(os_probe_encode(&conf, OS_PROBE_IE1, 5, &a, p, sizeof(p)), 148);
	assert_int_equal(p[1], 0);
	assert_int_equal(p[6], 0x40);
	assert_memory_equal(p + 20, ((uint8_t[]){8, 9}), 2);
	assert_memory_equal(p + 24, ((uint8_t[]){0x12, 0x34, 1, 39}), 4);
	assert_int_equal(os_probe_encode(&conf, OS_PROBE_IE2, 5, &a, p, sizeof(p)), 178);
	assert_int_equal(p[1], 4);
	assert_int_equal(p[6], 0);
	assert_memory_equal(p + 20, ((uint8_t[]){8, 0}), 2);
	assert_memory_equal(p + 24, ((uint8_t[]){0x12, 0x35, 1, 40}), 4);
	assert_int_equal(csum_finish(csum_add(0, p + 20, 158)), 0);
	assert_int_equal(os_probe_encode(&conf, OS_PROBE_U1, 5, &a, p, sizeof(p)), 328);
	assert_int_equal(get_be16(p + 4), 0x1042);
	assert_int_equal(get_be16(p + 26), a.udp_csum);
	for (int i = 28; i < 328; i++)
		assert_int_equal(p[i], 'C');
}

static void possible(void **state)
{
	struct os_conf c = conf;

	(void)state;
	c.open_tcp = 0;
	assert_false(os_probe_is_possible(&c, OS_PROBE_SEQ1));
	assert_false(os_probe_is_possible(&c, OS_PROBE_T4));
	assert_true(os_probe_is_possible(&c, OS_PROBE_T5));
	c = conf;
	c.closed_tcp = c.closed_udp = 0;
	assert_true(os_probe_is_possible(&c, OS_PROBE_T4));
	assert_false(os_probe_is_possible(&c, OS_PROBE_T5));
	assert_false(os_probe_is_possible(&c, OS_PROBE_U1));
	assert_true(os_probe_is_possible(&c, OS_PROBE_IE2));
}

/* --- reading ----------------------------------------------------------------------------- */

static size_t ip_head(uint8_t *p, uint8_t proto, size_t l4_len)
{
	struct wcursor w = wcursor_of(p, 20);

	ipv4_encode(&w, &(struct ipv4_conf){.src = conf.dst,
					    .dst = conf.src,
					    .id = 0x55aa,
					    .ttl = 60,
					    .proto = proto,
					    .dont_fragment = true,
					    .payload_len = (uint16_t)l4_len});
	return 20 + l4_len;
}

static size_t rst_with_text(uint8_t *p)
{
	static const uint8_t head[] = {0,    80,      0x9c, 0x40, 1, 2, 3, 4, 5, 6, 7, 8,
				       0x68, TCP_RST, 0x10, 0x20, 0, 0, 0, 9, 2, 4, 5, 0xb4};

	memcpy(p + 20, head, sizeof(head));
	memcpy(p + 20 + sizeof(head), "123456789", 9);
	return ip_head(p, PROTO_TCP, sizeof(head) + 9);
}

static void reads_tcp(void **state)
{
	struct os_answers a;
	uint8_t p[128];
	size_t n = rst_with_text(p);

	(void)state;
	sent(&a);
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), OS_PROBE_SEQ1);
	const struct os_answer *r = &a.of[OS_PROBE_SEQ1];
	assert_true(r->is_there && r->has_df);
	assert_int_equal(r->ttl, 60);
	assert_int_equal(r->ip_id, 0x55aa);
	assert_int_equal(r->flags, TCP_RST);
	assert_int_equal(r->reserved, 8);
	assert_int_equal(r->window, 0x1020);
	assert_int_equal(r->urgent, 9);
	assert_int_equal(r->opts_len, 4);
	assert_int_equal(r->rst_crc, 0xcbf43926); /* the check value of CRC-32 */
	p[34] = 0x77;                             /* a second answer changes nothing */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), OS_PROBE_SEQ1);
	assert_int_equal(a.of[OS_PROBE_SEQ1].window, 0x1020);
	a.sent_ns[0] = 0; /* not asked, no answer */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), -1);
	sent(&a);
	p[21] = 81; /* from a port that this probe did not ask */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), -1);
	rst_with_text(p);
	p[15] = 3; /* from another host */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), -1);
	rst_with_text(p);
	p[7] = 1; /* a later fragment */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), -1);
}

/** A port unreachable with the whole of U1, some fields of it changed. */
static size_t unreachable(uint8_t *p, struct os_answers *a)
{
	memset(p, 0, 512);
	size_t n = os_probe_encode(&conf, OS_PROBE_U1, 0, a, p + 28, OS_PROBE_CAP);
	p[20] = 3;
	p[21] = 3;
	return ip_head(p, PROTO_ICMP, 8 + n);
}

static void reads_icmp(void **state)
{
	struct os_answers a;
	uint8_t p[512];

	(void)state;
	sent(&a);
	size_t n = unreachable(p, &a);
	p[28 + 8] = 61; /* TTL on arrival, checksum not updated */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), OS_PROBE_U1);
	const struct os_answer *u = &a.of[OS_PROBE_U1];
	assert_int_equal(u->ip_len, n);
	assert_int_equal(u->q_ip_len, 328);
	assert_int_equal(u->q_ip_id, 0x1042);
	assert_int_equal(u->q_ttl, 61);
	assert_int_equal(u->q_udp_csum, a.udp_csum);
	assert_true(u->is_q_text_good);
	assert_false(u->is_q_ip_csum_good || u->is_q_ip_csum_zero);
	sent(&a);
	n = unreachable(p, &a);
	p[100] = 'x';
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), OS_PROBE_U1);
	assert_true(a.of[OS_PROBE_U1].is_q_ip_csum_good);
	assert_false(a.of[OS_PROBE_U1].is_q_text_good);
	p[21] = 1; /* host unreachable is no answer of the port */
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), -1);
	static const uint8_t echo[] = {0, 7, 0, 0, 0x12, 0x35, 1, 40};
	memcpy(p + 20, echo, 8);
	n = ip_head(p, PROTO_ICMP, 8);
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), OS_PROBE_IE2);
	assert_int_equal(a.of[OS_PROBE_IE2].icmp_code, 7);
	p[25] = 0x36;
	assert_int_equal(os_answer_read(&conf, (struct bytes){p, n}, &a), -1);
}

static void cut_anywhere(void **state)
{
	struct os_answers a;
	uint8_t p[512];

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		sent(&a);
		size_t n = kind ? unreachable(p, &a) : rst_with_text(p);
		for (size_t len = 0; len <= n; len++) {
			uint8_t *cut = guard_copy(p, len);
			sent(&a);
			int got = os_answer_read(&conf, (struct bytes){cut, len}, &a);
			assert_int_equal(got >= 0, len >= (kind ? 56u : 44u));
			guard_free(cut, len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes),     cmocka_unit_test(probes_without_tcp),
		cmocka_unit_test(possible),   cmocka_unit_test(reads_tcp),
		cmocka_unit_test(reads_icmp), cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
