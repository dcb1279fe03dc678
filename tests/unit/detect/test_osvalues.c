/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every rule by which answers to the OS test become values. */
#include "detect/osprobe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "osanswers.h"
#include "wire/l4.h"

static void is(const struct os_print *p, enum os_test t, const char *attr, const char *want)
{
	const char *got = os_print_get(p, t, attr);

	if (!want) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, want);
}

/** Six SYN answers, seq by seq_step, IDs by id_step, timestamps by ts_step every 100 ms. */
static void syn_answers(struct os_answers *a, uint32_t seq_step, uint16_t id_step, uint32_t ts_step)
{
	sent(a);
	for (uint32_t i = 0; i < OS_SEQ_PROBES; i++) {
		struct os_answer *r = &a->of[i];
		*r = (struct os_answer){.is_there = true,
					.ttl = 60,
					.flags = TCP_SYN | TCP_ACK,
					.window = 0x2000,
					.seq = 5000 + seq_step * i,
					.ip_id = (uint16_t)(100 + id_step * i),
					.ack = conf.seq + 1,
					.opts_len = 12,
					.opts = {1, 1, 8, 10}};
		put_be32(r->opts + 4, 1000 + ts_step * i);
		a->sent_ns[i] = NS_PER_S + i * 100 * NS_PER_MS;
	}
}

static void make(const struct os_answers *a, struct os_print *p, struct os_sequence *s)
{
	os_print_make(&conf, a, p, s);
}

static void sequence_numbers(void **state)
{
	struct os_answers a;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	syn_answers(&a, 0, 0, 0); /* always the same */
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", "0");
	is(&p, OS_SEQ, "ISR", "0");
	is(&p, OS_SEQ, "SP", "0");
	syn_answers(&a, 64000, 0, 0); /* 640,000 a second, evenly: log2 is 19.29 */
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", "FA00");
	is(&p, OS_SEQ, "ISR", "9A");
	is(&p, OS_SEQ, "SP", "0");
	syn_answers(&a, 0u - 64000, 0, 0); /* backwards is the shorter way */
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", "FA00");
	for (uint32_t i = 0; i < 6; i++) /* steps 1 and 3: rates 10 and 30, deviation 10.95 */
		a.of[i].seq = 7 + 2 * i - i % 2;
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", "1");
	is(&p, OS_SEQ, "SP", "1C");
	assert_int_equal(s.index, 0x1c);
	a.of[2].is_there = a.of[3].is_there = false; /* four are enough, three are not */
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", "1");
	is(&p, OS_OPS, "O1", NULL);
	a.of[5].is_there = false;
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", NULL);
	assert_int_equal(s.n, 3);
	syn_answers(&a, 0, 1, 10);
	for (uint32_t i = 0; i < 6; i++) /* none counts, but for the IDs */
		a.of[i].seq = 0;
	make(&a, &p, &s);
	is(&p, OS_SEQ, "GCD", NULL);
	is(&p, OS_SEQ, "ISR", NULL);
	is(&p, OS_SEQ, "SP", NULL);
	is(&p, OS_SEQ, "TS", NULL);
	is(&p, OS_SEQ, "TI", "I");
	assert_int_equal(s.n, 0);
}

static void ip_ids(void **state)
{
	static const struct {
		uint16_t ids[6];
		const char *ti, *words;
	} rows[] = {
		{{0, 0, 0, 0, 0, 0}, "Z", "All zeros"},
		{{7, 7, 7, 7, 7, 7}, "7", "Duplicated ipid (!)"},
		{{1, 2, 11, 12, 13, 14}, "I", "Incremental"},
		{{65530, 65535, 3, 4, 5, 6}, "I", "Incremental"},
		{{1, 2, 12, 13, 14, 15}, NULL, "Busy server or unknown class"},
		{{0, 256, 512, 5632, 5888, 6144}, "BI", "Broken little-endian incremental"},
		{{0, 256, 512, 5888, 6144, 6400}, NULL, "Busy server or unknown class"},
		{{1, 1002, 1003, 1004, 1005, 1006}, "RI", "Random positive increments"},
		{{1, 1001, 1002, 1003, 1004, 1005}, NULL, "Busy server or unknown class"},
		{{256, 5376, 5632, 15872, 0, 0}, "RD", "Randomized"},
		{{0, 20001, 20002, 20003, 20004, 20005}, "RD", "Randomized"},
		{{0, 20000, 20001, 20002, 20003, 20004}, "RI", "Random positive increments"},
	};
	struct os_answers a;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		syn_answers(&a, 1, 0, 0);
		for (int i = 0; i < 6; i++)
			a.of[i].ip_id = rows[r].ids[i];
		make(&a, &p, &s);
		is(&p, OS_SEQ, "TI", rows[r].ti);
		assert_string_equal(s.ip_id_class, rows[r].words);
	}
}

static void more_ids(void **state)
{
	struct os_answers a;
	struct os_conf local = conf;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	syn_answers(&a, 1, 2, 0);
	make(&a, &p, &s);
	is(&p, OS_SEQ, "II", NULL);
	is(&p, OS_SEQ, "CI", NULL);
	for (int i = 0; i < 2; i++) {
		a.of[OS_PROBE_IE1 + i] =
			(struct os_answer){.is_there = true, .ip_id = (uint16_t)(112 + i)};
		a.of[OS_PROBE_T5 + i] =
			(struct os_answer){.is_there = true, .ip_id = (uint16_t)(500 * i)};
	}
	make(&a, &p, &s); /* last 110, pace 2: shared below 116 */
	is(&p, OS_SEQ, "TI", "I");
	is(&p, OS_SEQ, "II", "I");
	is(&p, OS_SEQ, "SS", "S");
	is(&p, OS_SEQ, "CI", NULL);
	a.of[OS_PROBE_IE1].ip_id = 116;
	a.of[OS_PROBE_IE2].ip_id = 117;
	a.of[OS_PROBE_T6].ip_id = 40000; /* two samples are never random */
	make(&a, &p, &s);
	is(&p, OS_SEQ, "SS", "O");
	is(&p, OS_SEQ, "CI", "RI");
	a.of[OS_PROBE_IE1].ip_id = 110; /* counters of two kinds may be one */
	a.of[OS_PROBE_IE2].ip_id = 110 + 256;
	make(&a, &p, &s);
	is(&p, OS_SEQ, "II", "BI");
	is(&p, OS_SEQ, "SS", "S");
	a.of[OS_PROBE_IE1].ip_id = a.of[OS_PROBE_IE2].ip_id = 116;
	make(&a, &p, &s);
	is(&p, OS_SEQ, "II", "74");
	is(&p, OS_SEQ, "SS", NULL);
	local.is_local = true; /* steps of 10 are 9 without our own resets */
	syn_answers(&a, 1, 10, 0);
	os_print_make(&local, &a, &p, &s);
	is(&p, OS_SEQ, "TI", "I");
	make(&a, &p, &s);
	is(&p, OS_SEQ, "TI", NULL);
}

static void timestamps(void **state)
{
	static const struct {
		uint32_t step; /* a tenth of a second */
		const char *ts, *words;
		uint64_t uptime_ms;
	} rows[] = {
		{10, "7", "100HZ", 10000}, {100, "A", "1000HZ", 1000},
		{25, "8", "other", 4000},  {1, "3", "other", 100000},
		{6, "6", "other", 16666},  {0, NULL, "unknown class", 0},
		{15, "7", "other", 6666},  {35, "8", "other", 2857},
		{36, "8", "other", 2777},
	};
	struct os_answers a;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		syn_answers(&a, 1, 1, rows[r].step);
		make(&a, &p, &s);
		is(&p, OS_SEQ, "TS", rows[r].ts);
		assert_string_equal(s.ts_class, rows[r].words);
		assert_int_equal(s.uptime_ns / NS_PER_MS, rows[r].uptime_ms);
		is(&p, OS_OPS, "O1", "NNT10");
	}
	syn_answers(&a, 1, 1, 10);
	memset(a.of[3].opts + 4, 0, 4);
	make(&a, &p, &s);
	is(&p, OS_SEQ, "TS", "0");
	is(&p, OS_OPS, "O4", "NNT00");
	a.of[5].opts_len = 2;
	make(&a, &p, &s);
	is(&p, OS_SEQ, "TS", "U");
	assert_string_equal(s.ts_class, "none returned (unsupported)");
	is(&p, OS_OPS, "O6", "NN");
	is(&p, OS_WIN, "W6", "2000");
	memset(&a.of[0], 0, sizeof(a.of[0]));
	make(&a, &p, &s);
	is(&p, OS_OPS, "O1", NULL);
	is(&p, OS_WIN, "W1", NULL);
	is(&p, OS_T1, "R", "N");
}

static void tcp_values(void **state)
{
	static const struct {
		uint32_t seq, ack;
		uint8_t flags, reserved;
		uint16_t urgent;
		const char *s, *a, *f, *q;
	} rows[] = {
		{0, 0, 0, 0, 0, "Z", "Z", "", ""},
		{0x0a0b0c0d, 0x01020304, 0x3f, 0, 7, "A", "S", "UAPRSF", ""},
		{0x0a0b0c0e, 0x01020305, TCP_RST | TCP_ECE, 8, 7, "A+", "S+", "ER", "RU"},
		{1, 1, TCP_ACK | TCP_RST, 0, 7, "O", "O", "AR", "U"},
	};
	static const char *const cc[] = {"N", "Y", "O", "S"};
	static const uint8_t ecn[] = {0, TCP_ECE, TCP_CWR, TCP_ECE | TCP_CWR};
	struct os_answers a;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		sent(&a);
		a.of[OS_PROBE_T3] = (struct os_answer){.is_there = true,
						       .ttl = 100,
						       .seq = rows[r].seq,
						       .ack = rows[r].ack,
						       .flags = rows[r].flags,
						       .reserved = rows[r].reserved,
						       .urgent = rows[r].urgent,
						       .window = 0xab,
						       .rst_crc = 0xbeef};
		a.of[OS_PROBE_ECN] = (struct os_answer){.is_there = true, .flags = ecn[r]};
		make(&a, &p, &s);
		is(&p, OS_T3, "S", rows[r].s);
		is(&p, OS_T3, "A", rows[r].a);
		is(&p, OS_T3, "F", rows[r].f);
		is(&p, OS_T3, "Q", rows[r].q);
		is(&p, OS_T3, "W", "AB");
		is(&p, OS_T3, "RD", "BEEF");
		is(&p, OS_T3, "TG", "80");
		is(&p, OS_T3, "T", NULL);
		is(&p, OS_ECN, "CC", cc[r]);
		is(&p, OS_ECN, "S", NULL);
		is(&p, OS_T2, "R", "N");
		is(&p, OS_T2, "DF", NULL);
	}
}

static void option_texts(void **state)
{
	static const struct {
		uint8_t len, opts[40];
		const char *text;
	} rows[] = {
		{0, {0}, ""},
		{4, {2, 4, 5, 0xb4}, "M5B4"},
		{8, {1, 3, 3, 10, 4, 2, 0, 0}, "NWASLL"},
		{10, {8, 10, 0, 0, 0, 1, 0, 0, 0, 0}, "T10"},
		{10, {8, 10, 0, 0, 0, 0, 255, 0, 0, 0}, "T01"},
		{4, {2, 4, 5}, "M500"},
		{3, {2, 4, 5}, ""},     /* cut */
		{4, {1, 1, 99, 2}, ""}, /* unknown */
		{40,
		 {2, 4, 255, 255, 2, 4, 255, 255, 2, 4, 255, 255, 2, 4, 255, 255, 2, 4, 255, 255,
		  2, 4, 255, 255, 2, 4, 255, 255, 2, 4, 255, 255, 2, 4, 255, 255, 2, 4, 255, 255},
		 "MFFFFMFFFFMFFFFMFFFFMFFFFMFFFFMFFFFMFFFFMFFFFMFFFF"},
	};
	struct os_answers a;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		sent(&a);
		a.of[OS_PROBE_T4].is_there = true;
		a.of[OS_PROBE_T4].opts_len = rows[r].len;
		memcpy(a.of[OS_PROBE_T4].opts, rows[r].opts, 40);
		make(&a, &p, &s);
		is(&p, OS_T4, "O", rows[r].text);
	}
}

static void unreach_and_echo(void **state)
{
	static const struct {
		bool df[2];
		uint16_t code[2];
		const char *dfi, *cd;
	} rows[] = {
		{{false, false}, {0, 0}, "N", "Z"},
		{{true, false}, {9, 0}, "S", "S"},
		{{true, true}, {9, 9}, "Y", "9"},
		{{false, true}, {0, 9}, "O", "O"},
	};
	struct os_answers a;
	struct os_print p;
	struct os_sequence s;

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		sent(&a);
		for (int i = 0; i < 2; i++)
			a.of[OS_PROBE_IE1 + i] =
				(struct os_answer){.is_there = true,
						   .has_df = rows[r].df[i],
						   .icmp_code = (uint8_t)rows[r].code[i],
						   .ttl = 250};
		make(&a, &p, &s);
		is(&p, OS_IE, "DFI", rows[r].dfi);
		is(&p, OS_IE, "CD", rows[r].cd);
		is(&p, OS_IE, "TG", "FF");
		is(&p, OS_U1, "R", "N");
		assert_int_equal(s.distance, -1);
		assert_int_equal(s.distance_guess, 5);
	}
	a.of[OS_PROBE_IE2].is_there = false;
	a.udp_csum = 0xc5c5;
	a.of[OS_PROBE_U1] = (struct os_answer){.is_there = true,
					       .ttl = 61,
					       .ip_len = 56,
					       .unused = 0x1234,
					       .q_ttl = 61,
					       .q_ip_len = 328,
					       .q_ip_id = 0x1042,
					       .q_udp_csum = 0xc5c5,
					       .is_q_ip_csum_good = true,
					       .is_q_text_good = true};
	make(&a, &p, &s); /* three routers between: four hops, and 61 was 64 */
	is(&p, OS_IE, "R", "N");
	is(&p, OS_U1, "T", "40");
	is(&p, OS_U1, "TG", NULL);
	is(&p, OS_U1, "IPL", "38");
	is(&p, OS_U1, "UN", "1234");
	is(&p, OS_U1, "RIPL", "G");
	is(&p, OS_U1, "RID", "G");
	is(&p, OS_U1, "RIPCK", "G");
	is(&p, OS_U1, "RUCK", "G");
	is(&p, OS_U1, "RUD", "G");
	assert_int_equal(s.distance, 4);
	struct os_answer *u = &a.of[OS_PROBE_U1];
	u->q_ip_len = 0x134;
	u->q_ip_id = 0x4210;
	u->q_udp_csum = 0;
	u->is_q_ip_csum_good = u->is_q_text_good = false;
	make(&a, &p, &s);
	is(&p, OS_U1, "RIPL", "134");
	is(&p, OS_U1, "RID", "4210");
	is(&p, OS_U1, "RIPCK", "I");
	is(&p, OS_U1, "RUCK", "0");
	is(&p, OS_U1, "RUD", "I");
	u->is_q_ip_csum_zero = true;
	make(&a, &p, &s);
	is(&p, OS_U1, "RIPCK", "Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequence_numbers), cmocka_unit_test(ip_ids),
		cmocka_unit_test(more_ids),         cmocka_unit_test(timestamps),
		cmocka_unit_test(tcp_values),       cmocka_unit_test(option_texts),
		cmocka_unit_test(unreach_and_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
