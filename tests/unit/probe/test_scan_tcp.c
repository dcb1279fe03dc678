/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan_tcp.c: the reply to a probe and nothing else matches; ICMP errors are believed by what they
 * quote. */
#include "bed.h"

static const struct scan_type *const rows[] = {&scan_syn,    &ping_syn,  &ping_ack,
					       &scan_fin,    &scan_null, &scan_xmas,
					       &scan_maimon, &scan_ack,  &scan_window};

/** Every row, family and link, with its own random local side. */
#define EACH_BED(b, r)                                                                             \
	for (uint32_t each = 0; each < ARRAY_LEN(rows) * 4 && bed_nth(&(b), each, &(r)); each++)

static bool bed_nth(struct bed *b, uint32_t n, struct rng *r)
{
	bed_init(b, rows[n / 4], n & 1 ? ADDR_V6 : ADDR_V4, n & 2 ? LINK_ETHERNET : LINK_NONE, r);
	return true;
}

/** Does the reply carry our number as its acknowledgement? */
static bool is_acked(const struct bed *b)
{
	return !(b->t->tcp_flags & TCP_ACK);
}

/** Sequence numbers the probe takes (RFC 9293 3.4). */
static uint32_t seg_len(const struct bed *b)
{
	return (b->t->tcp_flags & (TCP_SYN | TCP_FIN)) != 0;
}

/** The segment a standard stack sends back to the probe with @p value (RFC 9293 3.10.7.1). */
static struct tcp_conf answer(const struct bed *b, const struct endpoint *to, uint32_t value,
			      uint8_t flags)
{
	struct tcp_conf c = {.sport = to->port, .dport = b->m.sport, .flags = flags};

	if (is_acked(b)) {
		c.seq = flags & TCP_SYN ? 0x12345678 : 0;
		c.ack = value + seg_len(b);
	} else {
		c.seq = value;
	}
	return c;
}

static bool answers(const struct bed *b, const struct endpoint *to, const struct tcp_conf *c,
		    struct probe_reply *ret)
{
	struct made p;

	made_tcp(&p, b->path.link, &to->addr, &b->path.src, c);
	return bed_match(b, &p, ret);
}

static void replies(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 21);
	EACH_BED(b, r)
	{
		bool is_syn = b.t->tcp_flags & TCP_SYN;
		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct endpoint to = bed_endpoint(&b, &r);
			struct probe_reply got;
			uint32_t value = bed_ask(&b, &to, attempt);
			struct tcp_conf c =
				answer(&b, &to, value, is_acked(&b) ? TCP_RST | TCP_ACK : TCP_RST);

			assert_true(answers(&b, &to, &c, &got));
			bed_check_reply(&got, &to, &to.addr, REPLY_RST, REASON_RESET, attempt);
			assert_int_equal(got.ttl, 51);
			assert_false(got.has_mac);
			c.ack--; /* stacks that acknowledge the probe's own number in a reset */
			assert_int_equal(answers(&b, &to, &c, &got), !is_acked(&b) || seg_len(&b));
			if (is_acked(&b) && seg_len(&b))
				assert_int_equal(got.attempt, attempt);
			if (!is_syn)
				continue;
			c = answer(&b, &to, value, TCP_SYN | TCP_ACK);
			for (c.window = 0; c.window < 2; c.window++) {
				assert_true(answers(&b, &to, &c, &got));
				bed_check_reply(&got, &to, &to.addr, REPLY_SYN_ACK,
						c.window ? REASON_SYN_ACK : REASON_ZERO_WINDOW,
						attempt);
			}
			c.flags |= TCP_ECE;
			assert_true(answers(&b, &to, &c, &got));
		}
	}
}

/** Only the window scan looks at the window of a reset; its forgery is refused like any other. */
static void windows(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 29);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		struct tcp_conf c = answer(&b, &to, bed_ask(&b, &to, 1), TCP_RST);
		struct probe_reply got;

		for (uint32_t window = 0; window <= UINT16_MAX; window = window * 3 + 1) {
			c.window = (uint16_t)window;
			assert_true(answers(&b, &to, &c, &got));
			assert_int_equal(got.kind, window && b.t == &scan_window ? REPLY_RST_WINDOW
										 : REPLY_RST);
		}
		c.seq ^= 0x10000;
		c.ack ^= 0x10000;
		assert_false(answers(&b, &to, &c, &got));
	}
}

/** Flags that answer no probe of the row. */
static void other_flags(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 22);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		struct probe_reply got;
		uint32_t value = bed_ask(&b, &to, 0);

		for (uint32_t flags = 0; flags < 256; flags++) {
			struct tcp_conf c = answer(&b, &to, value, (uint8_t)flags);
			bool is_rst = flags & TCP_RST,
			     is_syn_ack = (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
			c.ack = value + seg_len(&b);
			c.seq = value;
			assert_int_equal(answers(&b, &to, &c, &got),
					 is_rst || (is_syn_ack && b.t->tcp_flags & TCP_SYN));
		}
	}
}

static void wrong_numbers(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 23);
	EACH_BED(b, r)
	{
		bool is_exact = is_acked(&b) && !seg_len(&b);
		struct endpoint to = bed_endpoint(&b, &r), other;
		struct probe_reply got;
		uint32_t value = bed_ask(&b, &to, 0);
		struct tcp_conf good = answer(&b, &to, value, TCP_RST | TCP_ACK), c;

		for (uint32_t d = 0; d < 256; d++) {
			c = good;
			*(is_acked(&b) ? &c.ack : &c.seq) = value - 64 + d;
			assert_int_equal(answers(&b, &to, &c, &got),
					 d - 64 < 32 && !(is_exact && d & 1));
		}
		for (int bit = 0; bit < 16; bit++) {
			c = good;
			c.dport ^= (uint16_t)(1u << bit);
			assert_false(answers(&b, &to, &c, &got));
			c = good;
			c.sport ^= (uint16_t)(1u << bit);
			assert_false(answers(&b, &to, &c, &got));
		}
		for (int byte = 0; byte < (b.path.src.family == ADDR_V4 ? 4 : 16); byte++) {
			other = to;
			other.addr.b[byte] ^= 0x40;
			assert_false(answers(&b, &other, &good, &got));
			struct bed moved = b;
			moved.path.src.b[byte] ^= 0x40;
			assert_false(answers(&moved, &to, &good, &got));
		}
		assert_true(answers(&b, &to, &good, &got));
	}
}

/** One row's probe is never taken for another's, even with equal ports and addresses. */
static void other_rows(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 24);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		uint32_t value = bed_ask(&b, &to, 0);
		struct tcp_conf c = answer(&b, &to, value, TCP_RST | TCP_ACK);
		struct probe_reply got;
		struct made quote;

		made_error(&quote, &b, &to.addr, b.path.src.family == ADDR_V4 ? 3 : 1, 1,
			   b.f.len - b.tpl.l3_off);
		for (const struct scan_type *const *t = scan_types; *t; t++) {
			struct bed other = b;
			if (!(*t)->match || (*t)->proto == PROTO_UDP)
				continue;
			other.t = *t;
			assert_int_equal(answers(&other, &to, &c, &got), *t == b.t);
			assert_int_equal(bed_match(&other, &quote, &got), *t == b.t);
		}
	}
}

static void cut_anywhere(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 25);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		struct tcp_conf c = answer(&b, &to, bed_ask(&b, &to, 5), TCP_RST | TCP_ACK);
		struct made p;

		made_tcp(&p, b.path.link, &to.addr, &b.path.src, &c);
		bed_check_cuts(&b, &p, p.len);
	}
}

/** Codes from the target and from a router, with the eight bytes of segment RFC 792 promises. */
static void errors(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 26);
	EACH_BED(b, r)
	{
		bool is_v6 = b.path.src.family == ADDR_V6;
		size_t quoted = is_v6 ? IPV6_HDR_LEN + 20 : IPV4_HDR_LEN + 8;

		for (uint32_t n = 0; n < 4 * 18; n++) {
			static const uint8_t types4[] = {3, 11, 12, 4}, types6[] = {1, 3, 4, 2};
			uint8_t type = (is_v6 ? types6 : types4)[n / 18], code = (uint8_t)(n % 18);
			enum reason want = reason_of_icmp(b.path.src.family, type, code);
			struct endpoint to = bed_endpoint(&b, &r);
			struct addr router = bed_addr(&r, b.path.src.family);
			uint32_t attempt = n % COOKIE_ATTEMPTS_MAX;
			struct probe_reply got;
			struct made p;

			bed_ask(&b, &to, attempt);
			made_error(&p, &b, &router, type, code, quoted);
			assert_int_equal(bed_match(&b, &p, &got), want != REASON_UNKNOWN);
			if (want == REASON_UNKNOWN)
				continue;
			bed_check_reply(&got, &to, &router, REPLY_UNREACH, (uint8_t)want, attempt);
			made_error(&p, &b, &to.addr, type, code, quoted);
			assert_true(bed_match(&b, &p, &got));
			bed_check_reply(&got, &to, &to.addr, bed_own_error(want, type, code),
					(uint8_t)want, attempt);
		}
	}
}

static void errors_cut_anywhere(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 27);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		struct addr router = bed_addr(&r, b.path.src.family);
		bool is_v6 = b.path.src.family == ADDR_V6;
		struct made p;

		bed_ask(&b, &to, 15);
		made_error(&p, &b, &router, is_v6 ? 1 : 3, 1, b.f.len - b.tpl.l3_off);
		/* link, outer header, ICMP header, quoted header, eight bytes of segment */
		size_t l3 = is_v6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
		bed_check_cuts(&b, &p,
			       (b.path.link == LINK_ETHERNET ? ETH_HDR_LEN : 0) + l3 +
				       ICMP_HDR_LEN + l3 + 8);
	}
}

/** A quote that differs in anything a probe is known by. */
static void quotes_of_others(void **state)
{
	struct rng r;
	struct bed b = {0};

	rng_init(&r, 28);
	EACH_BED(b, r)
	{
		bool is_v6 = b.path.src.family == ADDR_V6;
		size_t l4 = is_v6 ? IPV6_HDR_LEN : IPV4_HDR_LEN, n = b.tpl.len - b.tpl.l3_off;
		struct endpoint to = bed_endpoint(&b, &r);
		struct probe_reply got;
		struct made p;

		bed_ask(&b, &to, 0);
		for (size_t i = 0; i < l4 + 8; i++) {
			struct bed other = b;
			bool is_addr = is_v6 ? i >= 8 && i < 40 : i >= 12 && i < 20;
			bool is_proto = i == (is_v6 ? 6 : 9);
			/* the low five bits of the number tell attempts apart, so they are left
			 * alone */
			bool is_segment = i >= l4 && i < l4 + 7;

			if (!is_addr && !is_proto && !is_segment)
				continue;
			other.bytes[b.tpl.l3_off + i] ^= 0x40;
			made_error(&p, &other, &to.addr, is_v6 ? 1 : 3, 1, n);
			assert_false(bed_match(&b, &p, &got));
		}
		made_error(&p, &b, &to.addr, is_v6 ? 1 : 3, 1, n);
		assert_true(bed_match(&b, &p, &got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies),          cmocka_unit_test(windows),
		cmocka_unit_test(other_flags),      cmocka_unit_test(wrong_numbers),
		cmocka_unit_test(other_rows),       cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(errors),           cmocka_unit_test(errors_cut_anywhere),
		cmocka_unit_test(quotes_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
