/* SPDX-License-Identifier: GPL-3.0-or-later */
/* template.c and every raw row: 10,000 random probes decode to what was asked and carry right
 * checksums. */
#include "bed.h"

enum { CASES = 10000 };

static const struct scan_type *const rows[] = {
	&scan_syn, &ping_syn,  &ping_ack,  &ping_echo,   &ping_timestamp, &ping_mask,
	&scan_fin, &scan_null, &scan_xmas, &scan_maimon, &scan_ack,       &scan_window};

static void check_ethernet(const struct bed *b, const struct mac *dst)
{
	if (b->path.link != LINK_ETHERNET)
		return;
	assert_memory_equal(b->bytes, dst->b, 6);
	assert_memory_equal(b->bytes + 6, bed_mac.b, 6);
}

/** Header sum of IPv4, segment sum of everything, computed the slow way. */
static void check_sums(const struct bed *b)
{
	const uint8_t *l3 = b->bytes + b->tpl.l3_off, *l4 = b->bytes + b->tpl.l4_off;
	size_t n = b->f.len - b->tpl.l4_off;

	if (b->path.src.family == ADDR_V6) {
		assert_int_equal(csum16_segment(l3 + 8, l3 + 24, 16, l3[6], l4, n), 0xffff);
		return;
	}
	assert_int_equal(csum16(0, l3, IPV4_HDR_LEN), 0xffff);
	if (b->t->has_ports)
		assert_int_equal(csum16_segment(l3 + 12, l3 + 16, 4, l3[9], l4, n), 0xffff);
	else
		assert_int_equal(csum16(0, l4, n), 0xffff);
}

static void check_tcp(const struct bed *b, const struct pkt *p, const struct endpoint *to,
		      uint32_t value)
{
	bool is_syn = b->t->tcp_flags == TCP_SYN;
	struct tcp_opts o;

	assert_int_equal(p->sport, b->m.sport);
	assert_int_equal(p->dport, to->port);
	assert_int_equal(p->seq, value);
	assert_int_equal(p->ack, b->t->tcp_flags & TCP_ACK ? value : 0);
	assert_int_equal(p->tcp_flags, b->t->tcp_flags);
	assert_int_equal(p->tcp_hdr_len, is_syn ? 24 : 20);
	assert_int_equal(p->payload_len, 0);
	assert_true(p->window > 1024);
	if (!is_syn)
		return;
	assert_int_equal(tcp_opts_decode(b->bytes + p->l4_off + 20, 4, &o), 0);
	assert_int_equal(o.mss, p->family == ADDR_V6 ? 1440 : 1460);
}

static void check_icmp(const struct bed *b, const struct pkt *p, uint32_t value)
{
	bool is_timestamp = b->t == &ping_timestamp, is_mask = b->t == &ping_mask;

	assert_int_equal(p->icmp_type, is_timestamp           ? 13
				       : is_mask              ? 17
				       : p->family == ADDR_V6 ? 128
							      : 8);
	assert_int_equal(p->icmp_code, 0);
	assert_int_equal((uint32_t)p->icmp_id << 16 | p->icmp_seq, value);
	assert_int_equal(p->l4_len, is_timestamp ? 20 : is_mask ? 12 : 8);
}

static void check_probe(const struct bed *b, const struct endpoint *to, uint32_t value)
{
	struct pkt p;

	assert_int_equal(decode(&b->f, &p), 0);
	assert_true(p.l4_valid);
	assert_int_equal(b->f.link, b->path.link);
	assert_int_equal(b->f.if_idx, 9);
	assert_int_equal(p.l4_off + p.l4_len, b->f.len);
	assert_int_equal(p.ttl, 37);
	assert_true(addr_equal(&p.src, &b->path.src));
	assert_true(addr_equal(&p.dst, &to->addr));
	check_ethernet(b, &bed_hop_mac);
	check_sums(b);
	if (b->t->has_ports)
		check_tcp(b, &p, to, value);
	else
		check_icmp(b, &p, value);
}

static void probes_decode(void **state)
{
	struct rng r;

	rng_init(&r, 11);
	for (uint32_t i = 0; i < CASES; i++) {
		const struct scan_type *t = rows[i % ARRAY_LEN(rows)];
		uint8_t family =
			i / ARRAY_LEN(rows) % 2 && scan_type_fits(t, ADDR_V6) ? ADDR_V6 : ADDR_V4;
		uint8_t link = i / 2 / ARRAY_LEN(rows) % 2 ? LINK_ETHERNET : LINK_NONE;
		struct bed b = {0};

		bed_init(&b, t, family, link, &r);
		for (int k = 0; k < 2; k++) { /* a used frame must not leak into the next probe */
			struct endpoint to = bed_endpoint(&b, &r);
			check_probe(&b, &to, bed_ask(&b, &to, (uint32_t)rng_below(&r, 16)));
		}
		for (size_t n = b.f.len; n < sizeof(b.bytes); n++)
			assert_int_equal(b.bytes[n], 0xaa);
	}
}

/** Words that make the sum wrap or vanish are where incremental checksums go wrong (RFC 1624 3). */
static void awkward_words(void **state)
{
	static const uint32_t words[] = {0,          1,          0xffff,     0x10000,
					 0xffff0000, 0xffffffff, 0xfffffffe, 0x80008000};
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 12);
	for (size_t i = 0; i < ARRAY_LEN(words) * ARRAY_LEN(words) * ARRAY_LEN(rows) * 2; i++) {
		const struct scan_type *t = rows[i % ARRAY_LEN(rows)];
		size_t k = i / ARRAY_LEN(rows), v = k % ARRAY_LEN(words),
		       a = k / ARRAY_LEN(words) % ARRAY_LEN(words);
		bool is_v6 = k / ARRAY_LEN(words) / ARRAY_LEN(words) && scan_type_fits(t, ADDR_V6);

		bed_init(&b, t, is_v6 ? ADDR_V6 : ADDR_V4, LINK_NONE, &r);
		struct endpoint to = {.proto = t->proto,
				      .port = t->has_ports ? (uint16_t)words[v] : 0};
		to.addr = is_v6 ? addr_from_u128(ADDR_V6, (u128)words[a] << 96 | words[a], 0)
				: addr_v4(words[a]);
		struct probe_ask ask = {.to = to, .tag = words[v]};
		t->patch(t, &b.tpl, &ask, &b.f);
		check_probe(&b, &to, words[v]);
	}
}

static void arp_asks(void **state)
{
	static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,
				       0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0, 0, 0, 1};
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 13);
	for (int i = 0; i < 200; i++) {
		bed_init(&b, &ping_arp, ADDR_V4, LINK_ETHERNET, &r);
		struct endpoint to = bed_endpoint(&b, &r);
		bed_ask(&b, &to, 3);
		assert_int_equal(b.f.len, ETH_HDR_LEN + ARP_LEN);
		assert_int_equal(b.f.link, LINK_ETHERNET);
		assert_int_equal(b.f.if_idx, 9);
		assert_memory_equal(b.bytes, head, sizeof(head));
		assert_memory_equal(b.bytes + 28, b.path.src.b, 4);
		assert_memory_equal(b.bytes + 32, "\0\0\0\0\0\0", 6);
		assert_memory_equal(b.bytes + 38, to.addr.b, 4);
	}
}

static void nd_asks(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 14);
	for (int i = 0; i < 400; i++) {
		bed_init(&b, &ping_nd, ADDR_V6, i & 1 ? LINK_ETHERNET : LINK_NONE, &r);
		struct endpoint to = bed_endpoint(&b, &r);
		struct addr group = addr_solicited_node(&to.addr);
		struct mac mac = mac_of_multicast(&group);
		struct pkt p;

		bed_ask(&b, &to, 0);
		assert_int_equal(decode(&b.f, &p), 0);
		assert_true(addr_equal(&p.src, &b.path.src) && addr_equal(&p.dst, &group));
		assert_int_equal(p.ttl, 255);
		assert_int_equal(p.icmp_type, ICMP6_NS);
		assert_int_equal(p.icmp_code, 0);
		assert_memory_equal(b.bytes + p.l4_off + 8, to.addr.b, 16);
		assert_memory_equal(b.bytes + p.l4_off + 24, "\1\1\2\0\0\0\0\1", 8);
		check_ethernet(&b, &mac);
		check_sums(&b);
	}
}

static void wrong_paths(void **state)
{
	struct probe_path v4 = {.src = addr_v4(0x0a000001), .link = LINK_NONE},
			  v6 = {.src = addr_from_u128(ADDR_V6, 1, 0), .link = LINK_ETHERNET};
	uint8_t big[TEMPLATE_CAP] = {0};
	struct template t;

	assert_int_equal(ping_arp.prepare(&ping_arp, &v4, &t), -E_FAMILY);
	assert_int_equal(ping_arp.prepare(&ping_arp, &v6, &t), -E_FAMILY);
	assert_int_equal(ping_nd.prepare(&ping_nd, &v4, &t), -E_FAMILY);
	assert_int_equal(template_build(&t, &v4, PROTO_UDP, big, TEMPLATE_CAP - 20), 0);
	assert_int_equal(template_build(&t, &v4, PROTO_UDP, big, TEMPLATE_CAP - 19), -E_FULL);
	assert_int_equal(template_build(&t, &v6, PROTO_UDP, big, TEMPLATE_CAP - 54), 0);
	assert_int_equal(template_build(&t, &v6, PROTO_UDP, big, TEMPLATE_CAP - 53), -E_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_decode), cmocka_unit_test(awkward_words),
		cmocka_unit_test(arp_asks),      cmocka_unit_test(nd_asks),
		cmocka_unit_test(wrong_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
