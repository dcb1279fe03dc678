/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program for the driver, run on made frames by BPF_PROG_TEST_RUN: its cookie against
 * cookie_tag(), its verdict on right, wrong and cut segments, the RST that it answers with, and
 * what it leaves in the ring. Needs CAP_BPF, CAP_NET_ADMIN and namespaces; exits 77 without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <net/if.h>
#include <string.h>
#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/hash.h"
#include "pktio/xdp_int.h"
#include "probe/cookie.h"
#include "support/netns.h"
#include "wire/decode.h"
#include "wire/eth.h"
#include "wire/ip.h"
#include "wire/l4.h"

/* generated; knows no types of its own */
#include "pktio/xdp.skel.h"

#define OUR_PORT  41000
#define ROW       1
#define N_TUPLES  2000
#define FRAME_CAP 128

static struct xdp_bpf *skel;
static struct xdp_ring ring;
static struct cookie_key key;
static uint32_t if_idx;

static struct addr random_addr(struct rng *r, bool is_v6)
{
	uint8_t b[16];

	for (int i = 0; i < 16; i++)
		b[i] = (uint8_t)rng_u64(r);
	return is_v6 ? addr_v6(b) : addr_v4((uint32_t)rng_u64(r));
}

struct tuple {
	struct addr here, there;
	uint16_t port; /* theirs */
};

static struct tuple random_tuple(struct rng *r, bool is_v6)
{
	return (struct tuple){random_addr(r, is_v6), random_addr(r, is_v6), (uint16_t)rng_u64(r)};
}

static uint32_t tag_of(const struct tuple *t)
{
	struct endpoint to = {.addr = t->there, .port = t->port, .proto = PROTO_TCP};

	return cookie_tag(&key, ROW, &t->here, OUR_PORT, &to);
}

static uint32_t put_segment(uint8_t *out, const struct tuple *t, uint8_t flags, uint32_t ack)
{
	struct mac here = {{2, 0, 0, 0, 0, 1}}, there = {{2, 0, 0, 0, 0, 2}};
	bool is_v6 = t->here.family == ADDR_V6;
	struct tcp_conf c = {.sport = t->port,
			     .dport = OUR_PORT,
			     .window = 1000,
			     .seq = 77,
			     .ack = ack,
			     .flags = flags,
			     .mss = flags & TCP_SYN ? 1460 : 0};
	uint8_t l4[64];
	struct wcursor b = wcursor_of(l4, sizeof(l4)), w = wcursor_of(out, FRAME_CAP);

	tcp_encode(&b, &c, &t->there, &t->here);
	eth_encode(&w, &here, &there, is_v6 ? ETHTYPE_IPV6 : ETHTYPE_IPV4);
	if (is_v6) {
		struct ipv6_conf ip = {.src = t->there,
				       .dst = t->here,
				       .hop_limit = 60,
				       .next_header = PROTO_TCP,
				       .payload_len = (uint16_t)b.pos};
		ipv6_encode(&w, &ip);
	} else {
		struct ipv4_conf ip = {.src = t->there,
				       .dst = t->here,
				       .ttl = 60,
				       .proto = PROTO_TCP,
				       .payload_len = (uint16_t)b.pos};
		ipv4_encode(&w, &ip);
	}
	wcursor_put(&w, l4, b.pos);
	assert_false(w.failed);
	return (uint32_t)w.pos;
}

/* One pass of the program; @return its verdict, the frame is what it made of it. */
static uint32_t pass(uint8_t *frame, uint32_t *len)
{
	uint8_t out[256];
	struct xdp_md ctx = {.data_end = *len, .ingress_ifindex = if_idx};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = *len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.xdp_main), &o), 0);
	assert_true(o.data_size_out <= FRAME_CAP);
	memcpy(frame, out, o.data_size_out);
	*len = o.data_size_out;
	return o.retval;
}

/* The next record, decoded; false when there is none. */
static bool next_record(struct pkt *ret)
{
	struct frame f;

	if (!xdp_ring_take(&ring, &f, 1))
		return false;
	assert_int_equal(f.if_idx, if_idx);
	assert_int_equal(decode(&f, ret), 0);
	xdp_ring_give(&ring, 1);
	return true;
}

static void right_cookies_are_proven(void **state)
{
	struct rng r;

	rng_init(&r, 1);
	for (int i = 0; i < N_TUPLES; i++) {
		struct tuple t = random_tuple(&r, i & 1);
		uint8_t f[FRAME_CAP];
		uint32_t attempt = (uint32_t)i % COOKIE_ATTEMPTS_MAX;
		uint32_t ack = cookie_value(tag_of(&t), attempt) + 1;
		uint32_t len = put_segment(f, &t, TCP_RST | TCP_ACK, ack);
		struct pkt p;

		assert_int_equal(pass(f, &len), XDP_DROP);
		assert_true(next_record(&p));
		assert_int_equal(p.ack, ack);
		assert_int_equal(p.ttl, 60);
		assert_true(addr_equal(&p.src, &t.there) && addr_equal(&p.dst, &t.here));
		assert_false(next_record(&p));
	}
}

static void wrong_cookies_pass_unrecorded(void **state)
{
	static const uint32_t off[] = {0u - 1, 32, 33, 1u << 31, 0x12345678};
	struct rng r;

	rng_init(&r, 2);
	for (int i = 0; i < N_TUPLES; i++) {
		struct tuple t = random_tuple(&r, i & 1), other = random_tuple(&r, i & 1);
		uint8_t f[FRAME_CAP];
		uint32_t ack =
			i % 3 ? tag_of(&t) + off[(size_t)i % ARRAY_LEN(off)] : tag_of(&other);
		uint32_t len = put_segment(f, &t, TCP_RST | TCP_ACK, ack);
		struct pkt p;

		assert_int_equal(pass(f, &len), XDP_PASS);
		len = put_segment(f, &t, TCP_SYN | TCP_ACK, tag_of(&t) + 2);
		assert_int_equal(pass(f, &len), XDP_PASS);
		assert_false(next_record(&p));
	}
}

static void an_open_port_is_answered_with_reset(void **state)
{
	struct rng r;

	rng_init(&r, 3);
	for (int i = 0; i < N_TUPLES; i++) {
		struct tuple t = random_tuple(&r, i & 1);
		uint8_t bytes[FRAME_CAP];
		uint32_t ack = cookie_value(tag_of(&t), 3) + 1;
		uint32_t len = put_segment(bytes, &t, TCP_SYN | TCP_ACK, ack);
		struct pkt p;

		assert_int_equal(pass(bytes, &len), XDP_REDIRECT);
		struct frame f = {
			.bytes = bytes, .len = len, .cap = FRAME_CAP, .link = LINK_ETHERNET};
		assert_int_equal(decode(&f, &p), 0);
		assert_true(addr_equal(&p.src, &t.here) && addr_equal(&p.dst, &t.there));
		assert_int_equal(p.sport, OUR_PORT);
		assert_int_equal(p.dport, t.port);
		assert_int_equal(p.tcp_flags, TCP_RST);
		assert_int_equal(p.seq, ack);
		assert_int_equal(p.l4_len, TCP_HDR_LEN);
		assert_int_equal(bytes[0] | bytes[5], 2);
		assert_int_equal(bytes[5], 2);
		assert_int_equal(
			csum_finish(csum_add(csum_pseudo(&p.src, &p.dst, PROTO_TCP, TCP_HDR_LEN),
					     bytes + p.l4_off, TCP_HDR_LEN)),
			0);
		if (p.family == ADDR_V4)
			assert_int_equal(csum_finish(csum_add(0, bytes + p.l3_off, IPV4_HDR_LEN)),
					 0);
		assert_true(next_record(&p));
		assert_int_equal(p.tcp_flags, TCP_SYN | TCP_ACK);
		assert_int_equal(p.sport, t.port);
	}
}

/* Kept from the stack only what decode() reads as a RST with the right cookie. */
static void assert_verdict_is_proven(uint8_t *bytes, uint32_t len)
{
	struct frame f = {.bytes = bytes, .len = len, .cap = FRAME_CAP, .link = LINK_ETHERNET};
	struct frame recorded;
	struct pkt p;
	bool is_sound = decode(&f, &p) == 0 && p.l4_valid && p.proto == PROTO_TCP;
	struct tuple t = {p.dst, p.src, p.sport};
	bool is_proven = is_sound && p.tcp_flags & TCP_RST && p.dport == OUR_PORT &&
			 cookie_attempt(tag_of(&t), p.ack) >= 0;
	uint32_t verdict = pass(bytes, &len);

	assert_true(verdict == XDP_PASS || verdict == XDP_DROP);
	assert_true(verdict == XDP_PASS || is_proven);
	while (xdp_ring_take(&ring, &recorded, 1)) {
		assert_true(recorded.len <= len);
		xdp_ring_give(&ring, 1);
	}
}

/* Cut at every byte, and with every byte of the headers changed: never a verdict without proof. */
static void cut_and_bent_frames_pass(void **state)
{
	struct rng r;
	struct pkt p;

	rng_init(&r, 4);
	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		struct tuple t = random_tuple(&r, is_v6);
		uint8_t whole[FRAME_CAP], f[FRAME_CAP];
		uint32_t full = put_segment(whole, &t, TCP_RST | TCP_ACK, tag_of(&t) + 1);

		for (uint32_t len = 14; len < full; len++) {
			uint32_t n = len;
			memcpy(f, whole, len);
			assert_int_equal(pass(f, &n), XDP_PASS);
			assert_false(next_record(&p));
		}
		for (uint32_t at = 12; at < full; at++)
			for (uint32_t bit = 0; bit < 8; bit++) {
				uint32_t n = full;
				memcpy(f, whole, full);
				f[at] ^= (uint8_t)(1u << bit);
				assert_verdict_is_proven(f, n);
			}
	}
}

static void other_ports_are_nobody_s(void **state)
{
	struct rng r;
	struct pkt p;

	rng_init(&r, 5);
	struct tuple t = random_tuple(&r, false);
	uint8_t f[FRAME_CAP];
	uint32_t len = put_segment(f, &t, TCP_RST | TCP_ACK, tag_of(&t) + 1);
	f[14 + 20 + 3] ^= 1;
	assert_int_equal(pass(f, &len), XDP_PASS);
	assert_false(next_record(&p));
}

static int setup(void **state)
{
	struct xdp_member *m;
	uint32_t zero = 0;

	cookie_key_init(&key, 7, 11);
	skel = xdp_bpf__open_and_load();
	if (!skel || xdp_ring_open(&ring, 1 << 16)) {
		print_message("skipped: the kernel takes no program\n");
		exit(NETNS_SKIP);
	}
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.rings), &zero, &ring.fd, 0), 0);
	m = &skel->bss->members[0];
	*m = (struct xdp_member){.port_lo = OUR_PORT,
				 .port_hi = OUR_PORT,
				 .is_open = 1,
				 .wants_tcp = 1,
				 .n_rows = 1,
				 .rows = {ROW},
				 .may_answer = 1,
				 .key = key.sip};
	return 0;
}

static int teardown(void **state)
{
	xdp_ring_close(&ring);
	xdp_bpf__destroy(skel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_cookies_are_proven),
		cmocka_unit_test(wrong_cookies_pass_unrecorded),
		cmocka_unit_test(an_open_port_is_answered_with_reset),
		cmocka_unit_test(cut_and_bent_frames_pass),
		cmocka_unit_test(other_ports_are_nobody_s),
	};

	(void)netns_pair_open();
	if_idx = if_nametoindex("va");
	return cmocka_run_group_tests(tests, setup, teardown);
}
