/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From answers to the values of a fingerprint: one function per test, as the book defines them.
 * Source: nmap's book, "Response Tests".
 */
#include "detect/osprobe.h"

#include "detect/osseq.h"
#include "wire/l4.h"

#include <stdio.h>

enum { U1_IP_LEN = 328, U1_IP_ID = 0x1042, OPT_EOL = 0, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACK };
enum { OPT_TS = 8, IE1_CODE = 9 };

static const enum os_test test_of[OS_PROBE_N] = {
	[OS_PROBE_ECN] = OS_ECN, [OS_PROBE_T2] = OS_T2, [OS_PROBE_T3] = OS_T3,
	[OS_PROBE_T4] = OS_T4,   [OS_PROBE_T5] = OS_T5, [OS_PROBE_T6] = OS_T6,
	[OS_PROBE_T7] = OS_T7,
};

/** "M5B4ST11NW7"; "" when an option lies about its length or is none we know. */
static void options_text(const struct os_answer *a, char out[OS_VALUE_CAP])
{
	struct cursor c = cursor_of(a->opts, a->opts_len);
	size_t n = 0;

	out[0] = 0;
	while (cursor_left(&c) && n + 6 < OS_VALUE_CAP) {
		uint8_t kind = cursor_u8(&c);
		if (kind > OPT_NOP)
			cursor_skip(&c, 1);
		switch (kind) {
		case OPT_EOL:
			out[n++] = 'L';
			break;
		case OPT_NOP:
			out[n++] = 'N';
			break;
		case OPT_MSS:
			n += (size_t)snprintf(out + n, 6, "M%X", cursor_u16(&c));
			break;
		case OPT_WSCALE:
			n += (size_t)snprintf(out + n, 6, "W%X", cursor_u8(&c));
			break;
		case OPT_SACK:
			out[n++] = 'S';
			break;
		case OPT_TS:
			out[n++] = 'T';
			out[n++] = cursor_u32(&c) ? '1' : '0';
			out[n++] = cursor_u32(&c) ? '1' : '0';
			break;
		default:
			c.failed = true;
		}
	}
	out[c.failed ? 0 : n] = 0;
}

/** The TTL the answer began with: by the known distance, else the next usual one. */
static void put_ttl(struct os_print *p, enum os_test test, uint8_t ttl, int distance)
{
	if (distance >= 0)
		os_print_set(p, test, "T", "%X", ttl + distance - 1);
	else
		os_print_set(p, test, "TG", "%X", os_ttl_guess(ttl));
}

static void put_flags(struct os_print *p, enum os_test test, uint8_t flags)
{
	static const struct {
		uint8_t bit;
		char letter;
	} order[] = {{TCP_ECE, 'E'}, {TCP_URG, 'U'}, {TCP_ACK, 'A'}, {TCP_PSH, 'P'},
		     {TCP_RST, 'R'}, {TCP_SYN, 'S'}, {TCP_FIN, 'F'}};
	char text[ARRAY_LEN(order) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (flags & order[i].bit)
			text[n++] = order[i].letter;
	text[n] = 0;
	os_print_set(p, test, "F", "%s", text);
}

/** How a number of the answer relates to one of the probe. */
static void put_relation(struct os_print *p, enum os_test test, const char *attr, uint32_t got,
			 uint32_t asked)
{
	char same = attr[0] == 'S' ? 'A' : 'S';

	if (!got)
		os_print_set(p, test, attr, "Z");
	else if (got == asked)
		os_print_set(p, test, attr, "%c", same);
	else if (got == asked + 1)
		os_print_set(p, test, attr, "%c+", same);
	else
		os_print_set(p, test, attr, "O");
}

/** What all answers by TCP show; sequence numbers and flags but for ECN. */
static void put_tcp(struct os_print *p, enum os_test test, const struct os_answer *a, int distance)
{
	os_print_set(p, test, "R", "Y");
	os_print_set(p, test, "DF", a->has_df ? "Y" : "N");
	put_ttl(p, test, a->ttl, distance);
	os_print_set(p, test, "Q", "%s%s", a->reserved ? "R" : "",
		     a->urgent && !(a->flags & TCP_URG) ? "U" : "");
}

static void put_late(const struct os_conf *c, struct os_print *p, enum os_test test,
		     const struct os_answer *a)
{
	char opts[OS_VALUE_CAP];

	put_relation(p, test, "S", a->seq, c->ack);
	put_relation(p, test, "A", a->ack, c->seq);
	put_flags(p, test, a->flags);
	os_print_set(p, test, "RD", "%X", a->rst_crc);
	if (test == OS_T1)
		return;
	options_text(a, opts);
	os_print_set(p, test, "O", "%s", opts);
	os_print_set(p, test, "W", "%X", a->window);
}

static void put_ecn(struct os_print *p, const struct os_answer *a)
{
	static const char cc[] = {'N', 'Y', 'O', 'S'}; /* neither, echo alone, CWR alone, both */
	char opts[OS_VALUE_CAP];

	options_text(a, opts);
	os_print_set(p, OS_ECN, "W", "%X", a->window);
	os_print_set(p, OS_ECN, "O", "%s", opts);
	os_print_set(p, OS_ECN, "CC", "%c",
		     cc[!!(a->flags & TCP_ECE) + 2 * !!(a->flags & TCP_CWR)]);
}

static void put_echo(struct os_print *p, const struct os_answer *a, int distance)
{
	const struct os_answer *b = a + 1;

	if (!a->is_there || !b->is_there) {
		os_print_set(p, OS_IE, "R", "N");
		return;
	}
	os_print_set(p, OS_IE, "R", "Y");
	os_print_set(p, OS_IE, "DFI", "%c", "NOSY"[2 * a->has_df + b->has_df]);
	put_ttl(p, OS_IE, a->ttl, distance);
	if (!a->icmp_code && !b->icmp_code)
		os_print_set(p, OS_IE, "CD", "Z");
	else if (a->icmp_code == IE1_CODE && !b->icmp_code)
		os_print_set(p, OS_IE, "CD", "S");
	else if (a->icmp_code == b->icmp_code)
		os_print_set(p, OS_IE, "CD", "%X", a->icmp_code);
	else
		os_print_set(p, OS_IE, "CD", "O");
}

/** "G" for what came back as it was sent, else the number. */
static void put_good_or(struct os_print *p, const char *attr, uint32_t got, uint32_t sent)
{
	if (got == sent)
		os_print_set(p, OS_U1, attr, "G");
	else
		os_print_set(p, OS_U1, attr, "%X", got);
}

static void put_unreach(struct os_print *p, const struct os_answer *a, uint16_t udp_csum,
			int distance)
{
	if (!a->is_there) {
		os_print_set(p, OS_U1, "R", "N");
		return;
	}
	os_print_set(p, OS_U1, "R", "Y");
	os_print_set(p, OS_U1, "DF", a->has_df ? "Y" : "N");
	put_ttl(p, OS_U1, a->ttl, distance);
	os_print_set(p, OS_U1, "IPL", "%X", a->ip_len);
	os_print_set(p, OS_U1, "UN", "%X", a->unused);
	put_good_or(p, "RIPL", a->q_ip_len, U1_IP_LEN);
	put_good_or(p, "RID", a->q_ip_id, U1_IP_ID);
	os_print_set(p, OS_U1, "RIPCK", "%c",
		     a->is_q_ip_csum_good   ? 'G'
		     : a->is_q_ip_csum_zero ? 'Z'
					    : 'I');
	put_good_or(p, "RUCK", a->q_udp_csum, udp_csum);
	os_print_set(p, OS_U1, "RUD", "%c", a->is_q_text_good ? 'G' : 'I');
}

/** Options and windows of the six SYN answers: all or nothing. */
static void put_syn_answers(struct os_print *p, const struct os_answers *a)
{
	char opts[OS_VALUE_CAP], name[3] = "O1";

	for (int i = 0; i < OS_SEQ_PROBES; i++)
		if (!os_is_syn_answer(&a->of[i]))
			return;
	for (int i = 0; i < OS_SEQ_PROBES; i++) {
		name[1] = (char)('1' + i);
		name[0] = 'O';
		options_text(&a->of[i], opts);
		os_print_set(p, OS_OPS, name, "%s", opts);
		name[0] = 'W';
		os_print_set(p, OS_WIN, name, "%X", a->of[i].window);
	}
}

void os_print_make(const struct os_conf *c, const struct os_answers *a, struct os_print *ret,
		   struct os_sequence *ret_seq)
{
	memset(ret, 0, sizeof(*ret));
	os_sequence_make(c, a, ret, ret_seq);
	int hops = a->of[OS_PROBE_U1].is_there ? c->ttl - a->of[OS_PROBE_U1].q_ttl + 1 : -1;
	put_syn_answers(ret, a);
	if (c->open_tcp && !a->of[OS_PROBE_SEQ1].is_there)
		os_print_set(ret, OS_T1, "R", "N");
	if (a->of[OS_PROBE_SEQ1].is_there) {
		put_tcp(ret, OS_T1, &a->of[OS_PROBE_SEQ1], hops);
		put_late(c, ret, OS_T1, &a->of[OS_PROBE_SEQ1]);
	}
	for (int i = OS_PROBE_ECN; i < OS_PROBE_N; i++) {
		enum os_test test = test_of[i];
		if (!os_probe_is_possible(c, (enum os_probe)i))
			continue;
		if (!a->of[i].is_there) {
			os_print_set(ret, test, "R", "N");
			continue;
		}
		put_tcp(ret, test, &a->of[i], hops);
		if (test == OS_ECN)
			put_ecn(ret, &a->of[i]);
		else
			put_late(c, ret, test, &a->of[i]);
	}
	put_unreach(ret, &a->of[OS_PROBE_U1], a->udp_csum, hops);
	put_echo(ret, &a->of[OS_PROBE_IE1], hops);
}
