/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decode.c: the facts of every kind of frame, whole; at every cut exactly those the bytes still
 * prove. */
#include "frames.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int decode_named(const char *name, uint8_t *bytes, struct pkt *ret)
{
	struct frame f = frame_build(frame_row_named(name), bytes);

	return decode(&f, ret);
}

static void assert_addr(const struct addr *got, struct addr want)
{
	assert_true(addr_equal(got, &want));
}

static void tcp_facts(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct pkt p;

	assert_int_equal(decode_named("tcp_v4", bytes, &p), 0);
	assert_int_equal(p.family, ADDR_V4);
	assert_int_equal(p.proto, PROTO_TCP);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.ip_id, 4660);
	assert_addr(&p.src, frame_v4(1));
	assert_addr(&p.dst, frame_v4(2));
	assert_memory_equal(&p.src_mac, &frame_mac_b, 6);
	assert_int_equal(p.l3_off, 14);
	assert_int_equal(p.l4_off, 34);
	assert_int_equal(p.l4_len, 24); /* not the padding */
	assert_int_equal(p.payload_off, 58);
	assert_int_equal(p.payload_len, 0);
	assert_true(p.l4_valid && !p.is_arp && !p.is_fragment && !p.quote.valid);
	assert_int_equal(p.sport, 80);
	assert_int_equal(p.dport, 40000);
	assert_int_equal(p.seq, 0xdeadbeef);
	assert_int_equal(p.ack, 0x01020305);
	assert_int_equal(p.window, 65535);
	assert_int_equal(p.tcp_flags, TCP_SYN | TCP_ACK);
	assert_int_equal(p.tcp_hdr_len, 24);
}

static void tcp_behind_extension_headers(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct pkt p;

	assert_int_equal(decode_named("tcp_v6_chain", bytes, &p), 0);
	assert_int_equal(p.family, ADDR_V6);
	assert_int_equal(p.proto, PROTO_TCP);
	assert_int_equal(p.ttl, 60);
	assert_int_equal(p.l4_off, 104);
	assert_int_equal(p.seq, 0xdeadbeef);
	assert_addr(&p.src, frame_v6(1));
	assert_addr(&p.dst, frame_v6(2));
	assert_true(p.l4_valid && !p.is_fragment);
}

static void fragments(void **state)
{
	static const char *const names[] = {"fragment_v4", "fragment_v6"};
	uint8_t bytes[FRAME_CAP];
	struct pkt p;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(decode_named(names[i], bytes, &p), 0);
		assert_true(p.is_fragment && !p.l4_valid);
		assert_int_equal(p.proto, PROTO_TCP);
		assert_int_equal(p.sport, 0);
	}
}

static void udp_and_sctp_facts(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct pkt p;

	assert_int_equal(decode_named("udp_vlan", bytes, &p), 0);
	assert_int_equal(p.sport, 53);
	assert_int_equal(p.dport, 40000);
	assert_int_equal(p.l3_off, 22);
	assert_int_equal(p.payload_len, 5);
	assert_memory_equal(bytes + p.payload_off, "hello", 5);
	assert_int_equal(decode_named("sctp", bytes, &p), 0);
	assert_int_equal(p.sport, 2828);
	assert_int_equal(p.sctp_vtag, 0x12345678);
	assert_int_equal(p.sctp_chunk, 2);
	assert_int_equal(p.sctp_init_tag, 0x0badcafe);
	assert_int_equal(p.payload_off, 32);
	assert_int_equal(p.payload_len, 20);
}

static void icmp_facts(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct pkt p;

	assert_int_equal(decode_named("echo_options", bytes, &p), 0);
	assert_int_equal(p.l4_off, 24);
	assert_int_equal(p.icmp_type, ICMP4_ECHO_REPLY);
	assert_int_equal(p.icmp_id, 1);
	assert_int_equal(p.icmp_seq, 2);
	assert_int_equal(p.payload_len, 6);
	assert_int_equal(decode_named("echo_v6", bytes, &p), 0);
	assert_int_equal(p.icmp_type, ICMP6_ECHO);
	assert_int_equal(p.icmp_id, 3);
	assert_int_equal(p.icmp_seq, 4);
}

static void quotes(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct pkt p;

	assert_int_equal(decode_named("unreach_tcp_v4", bytes, &p), 0);
	assert_int_equal(p.icmp_type, 3);
	assert_int_equal(p.icmp_code, 13);
	assert_true(p.quote.valid && p.quote.has_ports && p.quote.has_seq);
	assert_int_equal(p.quote.proto, PROTO_TCP);
	assert_int_equal(p.quote.sport, 40000);
	assert_int_equal(p.quote.dport, 23);
	assert_int_equal(p.quote.tag, 0xcafebabe);
	assert_int_equal(p.quote.ip_id, 777);
	assert_addr(&p.quote.src, frame_v4(2));
	assert_addr(&p.quote.dst, frame_v4(9));

	assert_int_equal(decode_named("unreach_echo_v4", bytes, &p), 0);
	assert_true(p.quote.valid && !p.quote.has_ports && p.quote.has_seq);
	assert_int_equal(p.quote.proto, PROTO_ICMP);
	assert_int_equal(p.quote.icmp_type, ICMP4_ECHO);
	assert_int_equal(p.quote.tag, 0x11112222);

	assert_int_equal(decode_named("unreach_udp_v6", bytes, &p), 0);
	assert_true(p.quote.valid && p.quote.has_ports && !p.quote.has_seq);
	assert_int_equal(p.quote.proto, PROTO_UDP);
	assert_int_equal(p.quote.sport, 40001);
	assert_int_equal(p.quote.dport, 161);
	assert_int_equal(p.quote.udp_len, 12);
	assert_addr(&p.quote.src, frame_v6(2));
	assert_addr(&p.quote.dst, frame_v6(9));
}

/* The middle of a packet has no ports, whoever quotes it. */
static void quoted_fragments(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct frame f = frame_build(frame_row_named("unreach_tcp_v4"), bytes);
	struct pkt p;

	put_be16(bytes + 14 + 20 + 8 + 6, 0x2001);
	assert_int_equal(decode(&f, &p), 0);
	assert_true(p.quote.valid && !p.quote.has_ports && !p.quote.has_seq);
	f = frame_build(frame_row_named("unreach_udp_v6"), bytes);
	put_be16(bytes + 40 + 8 + 40 + 8 + 2, 8);
	assert_int_equal(decode(&f, &p), 0);
	assert_true(p.quote.valid && !p.quote.has_ports);
	assert_int_equal(p.quote.proto, PROTO_UDP);
}

static void neighbours(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct frame f;
	struct pkt p;

	assert_int_equal(decode_named("arp", bytes, &p), 0);
	assert_true(p.is_arp && p.family == ADDR_NONE && p.proto == 0 && !p.l4_valid);
	assert_int_equal(p.arp_op, ARP_REPLY);
	assert_addr(&p.src, frame_v4(1));
	assert_addr(&p.dst, frame_v4(2));
	assert_memory_equal(&p.src_mac, &frame_mac_b, 6);

	f = frame_build(frame_row_named("advert"), bytes);
	assert_int_equal(decode(&f, &p), 0);
	assert_addr(&p.nd_target, frame_v6(1));
	assert_memory_equal(&p.nd_mac, &frame_mac_b, 6);
	bytes[7] = 254; /* it came through a router: not a neighbour */
	assert_int_equal(decode(&f, &p), 0);
	assert_true(p.l4_valid);
	assert_int_equal(p.nd_target.family, ADDR_NONE);
}

/* A frame cut at n bytes, its copy ending at a guard page. */
static int decode_cut(const struct frame *whole, size_t n, struct pkt *ret)
{
	uint8_t *p = guard_copy(whole->bytes, n);
	struct frame f = {.bytes = p, .len = (uint32_t)n, .cap = (uint32_t)n, .link = whole->link};
	char text[256];
	int rc;

	memset(ret, 0xff, sizeof(*ret));
	rc = decode(&f, ret);
	pkt_format(&f, ret, text, sizeof(text));
	assert_true(strlen(text) > 10);
	guard_free(p, n);
	return rc;
}

static void every_frame_cut_at_every_byte(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(frame_rows); i++) {
		const struct frame_row *row = &frame_rows[i];
		uint8_t bytes[FRAME_CAP];
		struct frame f = frame_build(row, bytes);

		for (size_t n = 0; n <= f.len; n++) {
			struct pkt p;
			int rc = decode_cut(&f, n, &p);
			bool is_valid = row->l4_len && n >= row->l4_len;

			if (rc != (n >= row->net_len ? 0 : -E_TRUNCATED) || p.l4_valid != is_valid)
				fail_msg("%s cut at %zu: rc %d, l4_valid %d", row->name, n, rc,
					 p.l4_valid);
			assert_true(p.l4_off + p.l4_len <= (int)n);
			assert_true(p.payload_off + p.payload_len <= (int)n);
			assert_true(is_valid || (p.sport == 0 && p.tcp_flags == 0));
		}
	}
}

static void quote_cut_at_every_byte(void **state)
{
	static const struct {
		const char *name;
		size_t valid, ports, seq; /* bytes that make each true; 0: never */
	} rows[] = {
		{"unreach_tcp_v4", 62, 66, 70},
		{"unreach_echo_v4", 48, 0, 56},
		{"unreach_udp_v6", 88, 108, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[FRAME_CAP];
		struct frame f = frame_build(frame_row_named(rows[i].name), bytes);

		for (size_t n = 0; n <= f.len; n++) {
			struct pkt p;

			(void)!decode_cut(&f, n, &p);
			assert_int_equal(p.quote.valid, n >= rows[i].valid);
			assert_int_equal(p.quote.has_ports, rows[i].ports && n >= rows[i].ports);
			assert_int_equal(p.quote.has_seq, rows[i].seq && n >= rows[i].seq);
			assert_true(p.quote.has_ports || p.quote.dport == 0);
		}
	}
}

/* One changed byte: what decode() then says. */
static void lies(void **state)
{
	static const struct {
		const char *name;
		size_t off;
		uint8_t value;
		int rc;
		bool l4_valid;
	} rows[] = {
		{"tcp_v4", 12, 0x86, -E_UNSUPPORTED, false}, /* EtherType */
		{"tcp_v4", 14, 0x65, -E_UNSUPPORTED, false}, /* version 6 behind the type of v4 */
		{"tcp_v4", 14, 0x44, -E_TRUNCATED, false},   /* header of 16 bytes */
		{"tcp_v4", 14, 0x4f, -E_TRUNCATED, false},   /* header longer than the packet */
		{"tcp_v4", 17, 19, -E_TRUNCATED, false},     /* packet shorter than its header */
		{"tcp_v4", 17, 39, 0, false},                /* room for 19 bytes of TCP */
		{"tcp_v4", 17, 255, 0, true},                /* claim beyond the frame */
		{"tcp_v4", 46, 0x40, 0, false},              /* TCP header of 16 bytes */
		{"tcp_v4", 46, 0xf0, 0, false},              /* TCP header beyond the segment */
		{"tcp_v4", 23, PROTO_ICMPV6, 0, false},      /* ICMPv6 does not live in IPv4 */
		{"udp_vlan", 47, 7, 0, false},               /* datagram shorter than its header */
		{"udp_vlan", 47, 200, 0, true},
		{"udp_vlan", 20, 0x81, -E_UNSUPPORTED, false},
		{"tcp_v6", 0, 0x40, -E_TRUNCATED, false}, /* version 4, header of 0 bytes */
		{"tcp_v6", 0, 0x70, -E_UNSUPPORTED, false},
		{"tcp_v6", 5, 19, 0, false},
		{"tcp_v6", 6, PROTO_ICMP, 0, false}, /* ICMP does not live in IPv6 */
		{"tcp_v6", 6, 59, 0, false},         /* no next header */
		{"tcp_v6_chain", 41, 255, 0,
		 false}, /* an extension header longer than the packet */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[FRAME_CAP];
		struct frame f = frame_build(frame_row_named(rows[i].name), bytes);
		struct pkt p;
		int rc;

		bytes[rows[i].off] = rows[i].value;
		rc = decode_cut(&f, f.len, &p);
		if (rc != rows[i].rc || p.l4_valid != rows[i].l4_valid)
			fail_msg("row %zu: rc %d, l4_valid %d", i, rc, p.l4_valid);
	}
}

static void a_third_vlan_tag_is_refused(void **state)
{
	uint8_t bytes[FRAME_CAP];
	struct frame f = frame_build(frame_row_named("udp_vlan"), bytes);
	struct pkt p;

	put_be16(bytes + 20, ETHTYPE_VLAN);
	assert_int_equal(decode(&f, &p), -E_UNSUPPORTED);
}

/* Eight extension headers are walked, a ninth ends the pass. */
static void chain_is_bounded(void **state)
{
	for (int n_ext = 7; n_ext <= 9; n_ext++) {
		uint8_t bytes[FRAME_CAP];
		struct wcursor w = wcursor_of(bytes, sizeof(bytes));
		struct frame f = {.bytes = bytes, .link = LINK_NONE};
		struct pkt p;

		put_v6(&w, 60, 64, (size_t)n_ext * 8 + 24);
		for (int i = 0; i < n_ext; i++)
			wcursor_put(&w, i == n_ext - 1 ? "\6\0\1\4\0\0\0\0" : "\x3c\0\1\4\0\0\0\0",
				    8);
		put_syn_ack(&w, true);
		f.len = (uint32_t)w.pos;
		assert_int_equal(decode(&f, &p), 0);
		assert_int_equal(p.l4_valid, n_ext <= 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_facts),
		cmocka_unit_test(tcp_behind_extension_headers),
		cmocka_unit_test(fragments),
		cmocka_unit_test(udp_and_sctp_facts),
		cmocka_unit_test(icmp_facts),
		cmocka_unit_test(quotes),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(quoted_fragments),
		cmocka_unit_test(every_frame_cut_at_every_byte),
		cmocka_unit_test(quote_cut_at_every_byte),
		cmocka_unit_test(lies),
		cmocka_unit_test(a_third_vlan_tag_is_refused),
		cmocka_unit_test(chain_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
