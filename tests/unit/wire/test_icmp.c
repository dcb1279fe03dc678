/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icmp.c and eth.c: messages byte for byte, checksums, advertisements and ARP cut anywhere. */
#include "support/csum16.h"
#include "support/guard.h"
#include "wire/eth.h"
#include "wire/icmp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct mac mac_a = {{0x02, 0, 0, 0, 0, 0x0a}}, mac_b = {{0x02, 0, 0, 0, 0, 0x0b}};

static void echo_v4(void **state)
{
	uint8_t out[20];
	struct wcursor w = wcursor_of(memset(out, 0xff, sizeof(out)), sizeof(out)),
		       small = wcursor_of(out, 19);

	icmp4_encode(&small, ICMP4_TIMESTAMP, 0, 1, 2, 12);
	assert_true(small.failed);
	icmp4_encode(&w, ICMP4_TIMESTAMP, 0, 0x1234, 0x5678, 12);
	assert_int_equal(w.pos, 20);
	assert_int_equal(csum16(0, out, 20), 0xffff);
	assert_memory_equal(out, "\x0d\0", 2);
	assert_memory_equal(out + 4, "\x12\x34\x56\x78\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void echo_v6(void **state)
{
	struct addr a = addr_from_u128(ADDR_V6, (u128)0xfe80 << 112 | 1, 2),
		    b = addr_from_u128(ADDR_V6, 7, 0);
	uint8_t out[13];
	struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 12);

	icmp6_echo_encode(&small, 1, 2, 5, &a, &b);
	assert_true(small.failed);
	icmp6_echo_encode(&w, 1, 2, 5, &a, &b);
	assert_int_equal(w.pos, 13);
	assert_int_equal(csum16_segment(a.b, b.b, 16, PROTO_ICMPV6, out, 13), 0xffff);
	assert_memory_equal(out, "\x80\0", 2);
	assert_memory_equal(out + 4, "\0\1\0\2\0\0\0\0\0", 9);
}

static void solicitation(void **state)
{
	struct addr src = addr_from_u128(ADDR_V6, (u128)0xfe80 << 112 | 1, 2);
	struct addr target = addr_from_u128(ADDR_V6, (u128)0xfe80 << 112 | 0x123456, 2),
		    group = addr_solicited_node(&target);
	uint8_t out[32];
	struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 31);

	nd_solicit_encode(&small, &target, &mac_a, &src, &group);
	assert_true(small.failed);
	nd_solicit_encode(&w, &target, &mac_a, &src, &group);
	assert_int_equal(w.pos, 32);
	assert_int_equal(csum16_segment(src.b, group.b, 16, PROTO_ICMPV6, out, 32), 0xffff);
	assert_memory_equal(out, "\x87\0", 2);
	assert_memory_equal(out + 4, "\0\0\0\0", 4);
	assert_memory_equal(out + 8, target.b, 16);
	assert_memory_equal(out + 24, "\1\1\2\0\0\0\0\x0a", 8);
}

static const uint8_t advert[48] = {
	0x88, 0, 0,        0, 0x60, 0, 0, 0, 0xfe, 0x80, [23] = 0x05,
	14,   2, [40] = 2, 1, 0x02, 0, 0, 0, 0,    0x0b, /* an unknown option of 16 bytes, then the
							    link address */
};

static void advertisement(void **state)
{
	for (size_t n = 0; n <= sizeof(advert); n++) {
		uint8_t *p = guard_copy(advert, n);
		struct addr target = {0};
		struct mac mac;
		bool on_border = n == 24 || n == 40 || n == 48;

		assert_int_equal(nd_advert_decode(p, n, &target, &mac),
				 on_border ? 0 : -E_TRUNCATED);
		assert_int_equal(target.family, on_border ? ADDR_V6 : 0);
		if (on_border) {
			assert_memory_equal(target.b, advert + 8, 16);
			assert_memory_equal(mac.b, n == 48 ? mac_b.b : (uint8_t[6]){0}, 6);
		}
		guard_free(p, n);
	}
}

static void advertisement_that_lies(void **state)
{
	uint8_t b[sizeof(advert)];
	struct addr target;
	struct mac mac;

	memcpy(b, advert, sizeof(b));
	b[25] = 0;
	assert_int_equal(nd_advert_decode(b, sizeof(b), &target, &mac), -E_TRUNCATED);
	b[25] = 4;
	assert_int_equal(nd_advert_decode(b, sizeof(b), &target, &mac), -E_TRUNCATED);
	b[25] = 2;
	b[1] = 1;
	assert_int_equal(nd_advert_decode(b, sizeof(b), &target, &mac), -E_UNSUPPORTED);
	b[1] = 0;
	b[0] = ICMP6_NS;
	assert_int_equal(nd_advert_decode(b, sizeof(b), &target, &mac), -E_UNSUPPORTED);
}

static void ethernet_and_arp(void **state)
{
	static const uint8_t want[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
				       0x0a, 0x08, 0x06, 0,    1,    8,    0,  6, 4, 0, 1,
				       2,    0,    0,    0,    0,    0x0a, 10, 0, 0, 2, 0,
				       0,    0,    0,    0,    0,    10,   0,  0, 1};
	const struct mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct arp a = {.op = ARP_REQUEST,
			      .sender_mac = mac_a,
			      .sender = addr_v4(0x0a000002),
			      .target = addr_v4(0x0a000001)};
	uint8_t out[sizeof(want)];
	struct wcursor w = wcursor_of(out, sizeof(out)), small = wcursor_of(out, 13),
		       small_arp = wcursor_of(out, 27);

	eth_encode(&small, &all, &mac_a, ETHTYPE_ARP);
	arp_encode(&small_arp, &a);
	assert_true(small.failed && small_arp.failed);
	eth_encode(&w, &all, &mac_a, ETHTYPE_ARP);
	arp_encode(&w, &a);
	assert_int_equal(w.pos, sizeof(want));
	assert_memory_equal(out, want, sizeof(want));
}

static void arp_replies(void **state)
{
	const struct arp a = {.op = ARP_REPLY,
			      .sender_mac = mac_b,
			      .target_mac = mac_a,
			      .sender = addr_v4(0x0a000001),
			      .target = addr_v4(0x0a000002)};
	static const uint8_t fixed[] = {0, 1, 2,
					3, 4, 5}; /* offsets of what must be Ethernet and IPv4 */
	uint8_t b[ARP_LEN];
	struct wcursor w = wcursor_of(b, sizeof(b));
	struct arp got;

	arp_encode(&w, &a);
	for (size_t n = 0; n <= ARP_LEN; n++) {
		uint8_t *p = guard_copy(b, n);

		assert_int_equal(arp_decode(p, n, &got), n == ARP_LEN ? 0 : -E_TRUNCATED);
		guard_free(p, n);
	}
	assert_int_equal(got.op, ARP_REPLY);
	assert_memory_equal(&got.sender_mac, &mac_b, 6);
	assert_memory_equal(&got.target_mac, &mac_a, 6);
	assert_true(addr_equal(&got.sender, &a.sender) && addr_equal(&got.target, &a.target));
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		b[fixed[i]] ^= 0x40;
		assert_int_equal(arp_decode(b, ARP_LEN, &got), -E_UNSUPPORTED);
		b[fixed[i]] ^= 0x40;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_v4),
		cmocka_unit_test(echo_v6),
		cmocka_unit_test(solicitation),
		cmocka_unit_test(advertisement),
		cmocka_unit_test(advertisement_that_lies),
		cmocka_unit_test(ethernet_and_arp),
		cmocka_unit_test(arp_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
