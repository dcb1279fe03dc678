/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan_link.c: ARP replies and neighbour advertisements, whole, cut and from beyond the link. */
#include "bed.h"

static const struct mac host_mac = {{2, 0, 0, 0, 0, 0x33}};

/** Broadcast, multicast, none. */
static const struct mac no_station[] = {
	{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, {{0x01, 0, 0x5e, 0, 0, 1}}, {{0}}};

static void arp_reply(struct made *p, const struct bed *b, uint16_t op, const struct addr *from,
		      const struct mac *mac)
{
	struct wcursor w = wcursor_of(p->b, sizeof(p->b));
	struct arp a = {.op = op,
			.sender_mac = *mac,
			.target_mac = bed_mac,
			.sender = *from,
			.target = b->path.src};

	p->link = LINK_ETHERNET;
	eth_encode(&w, &bed_mac, &host_mac, ETHTYPE_ARP);
	arp_encode(&w, &a);
	p->len = w.pos;
}

/** A solicited advertisement of @p target, with the link address as an option or without. */
static void advert(struct made *p, const struct bed *b, const struct addr *target,
		   uint8_t hop_limit, const struct mac *mac)
{
	uint8_t l4[32] = {ICMP6_NA, 0, 0, 0, 0x60};

	memcpy(l4 + 8, target->b, 16);
	l4[24] = 2;
	l4[25] = 1;
	if (mac)
		memcpy(l4 + 26, mac->b, 6);
	made_l3(p, b->path.link, target, &b->path.src, PROTO_ICMPV6, hop_limit, l4, mac ? 32 : 24);
}

static void arp_replies(void **state)
{
	struct rng r;
	struct bed b = {0};
	struct made p;
	struct probe_reply got;

	rng_init(&r, 41);
	bed_init(&b, &ping_arp, ADDR_V4, LINK_ETHERNET, &r);
	struct endpoint to = bed_endpoint(&b, &r);
	arp_reply(&p, &b, ARP_REPLY, &to.addr, &host_mac);
	assert_true(bed_match(&b, &p, &got));
	bed_check_reply(&got, &to, &to.addr, REPLY_ARP, REASON_ARP_RESPONSE, 0);
	assert_true(got.has_mac);
	assert_memory_equal(&got.mac, &host_mac, 6);
	bed_check_cuts(&b, &p, ETH_HDR_LEN + ARP_LEN);
	for (const struct scan_type *const *t = scan_types; *t; t++) {
		struct bed other = b;
		other.t = *t;
		if ((*t)->match)
			assert_int_equal(bed_match(&other, &p, &got), *t == &ping_arp);
	}
	arp_reply(&p, &b, ARP_REQUEST, &to.addr, &host_mac);
	assert_false(bed_match(&b, &p, &got));
}

static void advertisements(void **state)
{
	struct rng r;
	struct bed b = {0};
	struct made p;
	struct probe_reply got;

	rng_init(&r, 42);
	for (int n = 0; n < 4; n++) {
		bool is_ether = n & 1, has_mac = n & 2;
		bed_init(&b, &ping_nd, ADDR_V6, is_ether ? LINK_ETHERNET : LINK_NONE, &r);
		struct endpoint to = bed_endpoint(&b, &r);
		advert(&p, &b, &to.addr, 255, has_mac ? &host_mac : NULL);
		assert_true(bed_match(&b, &p, &got));
		bed_check_reply(&got, &to, &to.addr, REPLY_ND, REASON_ND_RESPONSE, 0);
		assert_int_equal(got.has_mac, has_mac);
		if (has_mac)
			assert_memory_equal(&got.mac, &host_mac, 6);
		for (const struct scan_type *const *t = scan_types; *t; t++) {
			struct bed other = b;
			other.t = *t;
			if ((*t)->match)
				assert_int_equal(bed_match(&other, &p, &got), *t == &ping_nd);
		}
		/* 254: it came through a router, so not from the target */
		advert(&p, &b, &to.addr, 254, has_mac ? &host_mac : NULL);
		assert_false(bed_match(&b, &p, &got));
	}
}

/** A message cut before its target, or inside an option, proves nothing (RFC 4861 7.1.2). */
static void advertisement_cut(void **state)
{
	struct rng r;
	struct bed b = {0};
	struct made p;
	struct probe_reply got;

	rng_init(&r, 43);
	bed_init(&b, &ping_nd, ADDR_V6, LINK_ETHERNET, &r);
	struct endpoint to = bed_endpoint(&b, &r);
	advert(&p, &b, &to.addr, 255, &host_mac);
	size_t target_end = ETH_HDR_LEN + IPV6_HDR_LEN + 24;
	for (size_t n = 0; n <= p.len; n++)
		assert_int_equal(bed_match_cut(&b, &p, n, &got), n == target_end || n == p.len);
}

/** Somebody is there, but this is no station's address (RFC 1812 3.3.2). */
static void address_of_no_station(void **state)
{
	struct rng r;
	struct bed b = {0};
	struct made p;
	struct probe_reply got;

	rng_init(&r, 44);
	for (size_t i = 0; i < ARRAY_LEN(no_station); i++) {
		bed_init(&b, &ping_arp, ADDR_V4, LINK_ETHERNET, &r);
		struct endpoint to = bed_endpoint(&b, &r);
		arp_reply(&p, &b, ARP_REPLY, &to.addr, &no_station[i]);
		assert_true(bed_match(&b, &p, &got));
		assert_false(got.has_mac);
		bed_init(&b, &ping_nd, ADDR_V6, LINK_ETHERNET, &r);
		to = bed_endpoint(&b, &r);
		advert(&p, &b, &to.addr, 255, &no_station[i]);
		assert_true(bed_match(&b, &p, &got));
		assert_false(got.has_mac);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_replies),
		cmocka_unit_test(advertisements),
		cmocka_unit_test(advertisement_cut),
		cmocka_unit_test(address_of_no_station),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
