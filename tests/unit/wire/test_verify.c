/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify.c: right, damaged, partial, cut and split segments of both families. */
#include "wire/verify.h"

#include "support/guard.h"
#include "wire/ip.h"
#include "wire/l4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	uint8_t bytes[128];
	struct frame f;
	uint32_t l4_off, sum_at;
};

static void make(struct sample *s, bool is_v6, bool is_tcp, bool is_ether)
{
	struct addr v4[] = {addr_v4(0x0a000001), addr_v4(0x0a000002)};
	struct addr v6[2] = {{.family = ADDR_V6, .b = {0xfd, [15] = 1}},
			     {.family = ADDR_V6, .b = {0xfd, [15] = 2}}};
	const struct addr *a = is_v6 ? v6 : v4;
	uint32_t l2 = is_ether ? 14 : 0;
	uint16_t len = is_tcp ? 24 : 8 + 5;
	struct wcursor w = wcursor_of(s->bytes + l2, sizeof(s->bytes) - l2);

	memset(s, 0, sizeof(*s));
	if (is_ether)
		memcpy(s->bytes + 12, is_v6 ? "\x86\xdd" : "\x08\0", 2);
	if (is_v6)
		ipv6_encode(&w, &(struct ipv6_conf){.src = a[0],
						    .dst = a[1],
						    .hop_limit = 60,
						    .next_header = is_tcp ? PROTO_TCP : PROTO_UDP,
						    .payload_len = len});
	else
		ipv4_encode(&w, &(struct ipv4_conf){.src = a[0],
						    .dst = a[1],
						    .ttl = 60,
						    .proto = is_tcp ? PROTO_TCP : PROTO_UDP,
						    .payload_len = len});
	s->l4_off = l2 + (uint32_t)w.pos;
	s->sum_at = s->l4_off + (is_tcp ? 16 : 6);
	if (is_tcp)
		tcp_encode(&w,
			   &(struct tcp_conf){.sport = 80,
					      .dport = 40000,
					      .ack = 7,
					      .flags = TCP_SYN | TCP_ACK,
					      .mss = 1460},
			   &a[0], &a[1]);
	else
		udp_encode(&w, 53, 40000, (struct bytes){(const uint8_t *)"hello", 5}, &a[0],
			   &a[1]);
	assert_false(w.failed);
	s->f = (struct frame){.bytes = s->bytes,
			      .len = l2 + (uint32_t)w.pos,
			      .cap = sizeof(s->bytes),
			      .link = is_ether ? LINK_ETHERNET : LINK_NONE};
}

static bool holds(const struct sample *s)
{
	struct pkt p;

	assert_int_equal(decode(&s->f, &p), 0);
	assert_true(p.l4_valid);
	return pkt_sum_holds(&s->f, &p);
}

/** Every bit of the segment counts; what the pseudo header covers too. */
static void damaged(void **state)
{
	for (uint32_t kind = 0; kind < 8; kind++) {
		struct sample s;
		bool is_tcp = kind & 2;

		make(&s, kind & 1, is_tcp, kind & 4);
		assert_true(holds(&s));
		for (uint32_t i = s.l4_off; i < s.f.len; i++) {
			bool is_shape = is_tcp ? i - s.l4_off == 12 : i - s.l4_off - 4 < 2;
			for (uint32_t bit = 0; bit < 8 && !is_shape; bit++) {
				s.bytes[i] ^= (uint8_t)(1u << bit);
				assert_false(holds(&s));
				s.bytes[i] ^= (uint8_t)(1u << bit);
			}
		}
		s.bytes[s.l4_off - 1] ^= 1; /* destination */
		assert_false(holds(&s));
	}
}

/** The folded pseudo header alone, as the kernel leaves it for a device. */
static void partial(void **state)
{
	for (uint32_t kind = 0; kind < 4; kind++) {
		struct sample s;
		struct pkt p;

		make(&s, kind & 1, kind & 2, false);
		assert_int_equal(decode(&s.f, &p), 0);
		uint16_t sum =
			(uint16_t)~csum_finish(csum_pseudo(&p.src, &p.dst, p.proto, p.l4_len));
		memcpy(s.bytes + s.sum_at, &sum, 2);
		assert_true(holds(&s));
		s.bytes[s.sum_at] ^= 0x10;
		assert_false(holds(&s));
	}
}

/** What cannot be judged is not refused. */
static void unknown(void **state)
{
	struct sample s;
	struct pkt p = {0};

	make(&s, false, true, false);
	s.bytes[s.l4_off + 4] ^= 1;
	assert_false(holds(&s));
	s.bytes[3]++; /* claims a byte more than is here: cut on the way up */
	assert_true(holds(&s));
	s.bytes[3]--;
	s.bytes[6] |= 0x20; /* more fragments follow */
	assert_true(holds(&s));
	make(&s, false, false, false);
	memset(s.bytes + s.sum_at, 0, 2); /* UDP over IPv4 without checksum */
	assert_true(holds(&s));
	make(&s, true, false, false);
	memset(s.bytes + s.sum_at, 0, 2); /* which IPv6 does not allow */
	assert_false(holds(&s));
	assert_true(pkt_sum_holds(&s.f, &p));
}

/** Nothing is read beyond the bytes that are there, wherever they end. */
static void cut(void **state)
{
	for (uint32_t kind = 0; kind < 8; kind++) {
		struct sample s;
		make(&s, kind & 1, kind & 2, kind & 4);
		for (uint32_t len = 1; len <= s.f.len; len++) {
			uint8_t *g = guard_copy(s.bytes, len);
			struct frame f = s.f;
			struct pkt p;
			f.bytes = g;
			f.len = len;
			if (decode(&f, &p) == 0)
				assert_true(pkt_sum_holds(&f, &p));
			guard_free(g, len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged),
		cmocka_unit_test(partial),
		cmocka_unit_test(unknown),
		cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
