/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan_udp.c: what goes out, which answers and quotes are believed, and what each forgery lacks. */
#include "bed.h"

static const struct scan_type *const rows[] = {&scan_udp, &ping_udp};
static const uint16_t sports[] = {64, 1};

/** Every row, family, link and width of the port range. */
#define EACH_BED(b, r)                                                                             \
	for (uint32_t each = 0; each < ARRAY_LEN(rows) * 8 && bed_nth(&(b), each, &(r)); each++)

static bool bed_nth(struct bed *b, uint32_t n, struct rng *r)
{
	b->m.n_sports = sports[n >> 2 & 1];
	bed_init(b, rows[n / 8], n & 1 ? ADDR_V6 : ADDR_V4, n & 2 ? LINK_ETHERNET : LINK_NONE, r);
	return true;
}

static void bed_open(struct bed *b)
{
	*b = (struct bed){0};
	assert_int_equal(payloads_open_builtin(&b->payloads), 0);
}

static void bed_close(struct bed *b)
{
	payloads_close(b->payloads);
}

/** The source port of the probe in b->f. */
static uint16_t sport_sent(const struct bed *b)
{
	return get_be16(b->bytes + b->tpl.l4_off);
}

static bool is_narrow(const struct bed *b)
{
	return b->m.n_sports == 1;
}

static bool answers(const struct bed *b, const struct endpoint *to, uint16_t dport,
		    struct bytes content, struct probe_reply *ret)
{
	uint8_t l4[BED_FRAME_CAP - 64];
	struct wcursor w = wcursor_of(l4, sizeof(l4));
	struct made p;

	udp_encode(&w, to->port, dport, content, &to->addr, &b->path.src);
	made_l3(&p, b->path.link, &to->addr, &b->path.src, PROTO_UDP, 51, l4, w.pos);
	return bed_match(b, &p, ret);
}

static const struct bytes some = {(const uint8_t *)"\xffno protocol at all", 19};

static void asks(void **state)
{
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 31);
	EACH_BED(b, r)
	{
		for (uint32_t i = 0; i < 4096; i++) {
			struct endpoint to = bed_endpoint(&b, &r);
			uint32_t attempt = i % COOKIE_ATTEMPTS_MAX;
			struct pkt p;
			if (i & 1)
				to.port = 53;
			uint32_t value = bed_ask(&b, &to, attempt);
			const struct payload *pl = payloads_get(b.payloads, to.port, attempt);
			uint8_t want[PAYLOAD_LEN_MAX];
			payload_write(pl, value, want);
			assert_int_equal(decode(&b.f, &p), 0);
			assert_true(p.l4_valid && p.proto == PROTO_UDP);
			assert_int_equal(p.ttl, 37);
			assert_true(addr_equal(&p.src, &b.path.src) &&
				    addr_equal(&p.dst, &to.addr));
			assert_int_equal(p.dport, to.port);
			assert_in_range(p.sport, b.m.sport, b.m.sport + b.m.n_sports - 1u);
			assert_int_equal(p.l4_off + p.l4_len, b.f.len);
			assert_int_equal(p.payload_len, pl->len);
			assert_memory_equal(b.bytes + p.payload_off, want, pl->len);
			const uint8_t *l3 = b.bytes + p.l3_off, *l4 = b.bytes + p.l4_off;
			bool is_v6 = p.family == ADDR_V6;
			assert_int_equal(csum16_segment(l3 + (is_v6 ? 8 : 12),
							l3 + (is_v6 ? 24 : 16), is_v6 ? 16 : 4,
							PROTO_UDP, l4, p.l4_len),
					 0xffff);
			assert_int_not_equal(get_be16(l4 + 6), 0);
			assert_true(is_v6 || csum16(0, l3, IPV4_HDR_LEN) == 0xffff);
			assert_true(is_v6 || p.ip_id != 0);
		}
	}
	bed_close(&b);
}

/** RFC 768: a checksum that comes out as 0 is sent as 0xffff. One port in 65,536 must hit it. */
static void no_zero_checksum(void **state)
{
	uint32_t n_ffff = 0;
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 32);
	for (uint32_t family = 0; family < 2; family++) {
		b.m.n_sports = 1;
		bed_init(&b, &scan_udp, family ? ADDR_V6 : ADDR_V4, LINK_NONE, &r);
		struct endpoint to = bed_endpoint(&b, &r);
		for (uint32_t port = 0; port <= UINT16_MAX; port++) {
			to.port = (uint16_t)port;
			bed_ask(&b, &to, 0);
			uint16_t check = get_be16(b.bytes + b.tpl.l4_off + 6);
			assert_int_not_equal(check, 0);
			n_ffff += check == UINT16_MAX;
		}
	}
	assert_true(n_ffff >= 2);
	bed_close(&b);
}

static void replies(void **state)
{
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 33);
	EACH_BED(b, r)
	{
		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct endpoint to = bed_endpoint(&b, &r);
			struct probe_reply got;

			bed_ask(&b, &to, attempt);
			assert_true(answers(&b, &to, sport_sent(&b), some, &got));
			assert_int_equal(got.said.len, some.len);
			assert_true(
				answers(&b, &to, sport_sent(&b), (struct bytes){some.p, 0}, &got));
			bed_check_reply(&got, &to, &to.addr, REPLY_DATAGRAM, REASON_UDP_RESPONSE,
					is_narrow(&b) ? 0 : attempt);
			assert_int_equal(got.is_attempt_unknown, is_narrow(&b));
			assert_int_equal(got.ttl, 51);
		}
	}
	bed_close(&b);
}

/** Ports of the range that no attempt of this endpoint left from, and those around it. */
static void wrong_ports(void **state)
{
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 34);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		uint32_t n_believed = 0;
		struct probe_reply got;

		for (int32_t off = -500; off <= 500; off++) {
			uint32_t port = (uint16_t)(b.m.sport + off);
			bool is_believed = answers(&b, &to, (uint16_t)port, some, &got);
			n_believed += is_believed;
			if (is_believed)
				assert_in_range(port, b.m.sport, b.m.sport + b.m.n_sports - 1u);
		}
		assert_int_equal(n_believed, is_narrow(&b) ? 1 : COOKIE_ATTEMPTS_MAX);
	}
	bed_close(&b);
}

/** A DNS answer proves itself by its id; with a wrong one it is refused, whatever else fits. */
static void contents(void **state)
{
	uint8_t dns[12] = {[2] = 0x80};
	struct bytes content = {dns, sizeof(dns)};
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 35);
	EACH_BED(b, r)
	{
		for (uint32_t attempt = 0; attempt < COOKIE_ATTEMPTS_MAX; attempt++) {
			struct endpoint to = bed_endpoint(&b, &r);
			struct probe_reply got;

			to.port = 53;
			uint32_t value = bed_ask(&b, &to, attempt);
			put_be16(dns, (uint16_t)value);
			struct bytes asked = {b.f.bytes + b.f.len - 17, 17};
			assert_true(answers(&b, &to, sport_sent(&b), asked, &got));
			assert_int_equal(got.said.len, 0); /* a mirror says nothing */
			assert_true(answers(&b, &to, sport_sent(&b), content, &got));
			assert_int_equal(got.said.len, content.len);
			bed_check_reply(&got, &to, &to.addr, REPLY_DATAGRAM, REASON_UDP_RESPONSE,
					attempt);
			assert_false(got.is_attempt_unknown);
			put_be16(dns, (uint16_t)(value ^ 0x4000));
			assert_false(answers(&b, &to, sport_sent(&b), content, &got));
			put_be16(dns, (uint16_t)(value + 1));
			assert_false(answers(&b, &to, sport_sent(&b), content, &got));
		}
	}
	bed_close(&b);
}

static size_t l3_len(const struct bed *b)
{
	return b->path.src.family == ADDR_V6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
}

/** What this machine sends to its own ports in the range comes in as if it were an answer,
 * whichever worker sent it. */
static void own_probes(void **state)
{
	enum { OTHER = 80 }; /* ports from one worker's first to the other's */
	struct probe_sports asking[2];
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 40);
	EACH_BED(b, r)
	{
		bool is_v6 = b.path.src.family == ADDR_V6;
		struct addr here[] = {b.path.src,
				      is_v6 ? addr_from_u128(ADDR_V6, 1, 0) : addr_v4(0x7f000009)};

		asking[0] = (struct probe_sports){b.m.sport, b.m.n_sports};
		asking[1] = (struct probe_sports){(uint16_t)(b.m.sport + OTHER), b.m.n_sports};
		b.m.asking = asking;
		b.m.n_asking = ARRAY_LEN(asking);
		for (uint32_t i = 0; i < ARRAY_LEN(here); i++) {
			struct endpoint to = {.addr = here[i], .proto = PROTO_UDP};
			struct probe_reply got;
			for (int32_t off = -70; off < 220; off++) {
				bool is_own = (off >= 0 && off < b.m.n_sports) ||
					      (off >= OTHER && off < OTHER + b.m.n_sports);
				to.port = (uint16_t)(b.m.sport + off);
				bed_ask(&b, &to, 0);
				assert_int_equal(answers(&b, &to, sport_sent(&b), some, &got),
						 !is_own);
			}
		}
	}
	bed_close(&b);
}

static void errors(void **state)
{
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 36);
	EACH_BED(b, r)
	{
		bool is_v6 = b.path.src.family == ADDR_V6;

		for (uint32_t n = 0; n < 3 * 18; n++) {
			static const uint8_t types4[] = {3, 11, 12}, types6[] = {1, 3, 4};
			uint8_t type = (is_v6 ? types6 : types4)[n / 18], code = (uint8_t)(n % 18);
			enum reason want = reason_of_icmp(b.path.src.family, type, code);
			struct endpoint to = bed_endpoint(&b, &r);
			struct addr router = bed_addr(&r, b.path.src.family);
			uint32_t attempt = n % COOKIE_ATTEMPTS_MAX;
			bool is_told = !is_narrow(&b) || !is_v6;
			struct probe_reply got;
			struct made p;

			bed_ask(&b, &to, attempt);
			made_error(&p, &b, &router, type, code, l3_len(&b) + UDP_HDR_LEN);
			assert_int_equal(bed_match(&b, &p, &got), want != REASON_UNKNOWN);
			if (want == REASON_UNKNOWN)
				continue;
			bed_check_reply(&got, &to, &router, REPLY_UNREACH, (uint8_t)want,
					is_told ? attempt : 0);
			assert_int_equal(got.is_attempt_unknown, !is_told);
			made_error(&p, &b, &to.addr, type, code, l3_len(&b) + UDP_HDR_LEN);
			assert_true(bed_match(&b, &p, &got));
			bed_check_reply(&got, &to, &to.addr, bed_own_error(want, type, code),
					(uint8_t)want, is_told ? attempt : 0);
		}
	}
	bed_close(&b);
}

/** A quote that differs in anything the probe is known by; an id with swapped bytes is some
 * stacks' way. */
static void quotes_of_others(void **state)
{
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 37);
	EACH_BED(b, r)
	{
		bool is_v6 = b.path.src.family == ADDR_V6;
		size_t l4 = l3_len(&b), n = l4 + UDP_HDR_LEN;
		uint32_t n_strangers = 0;
		struct endpoint to = bed_endpoint(&b, &r);
		uint8_t *l3 = b.bytes + b.tpl.l3_off;
		struct probe_reply got;
		struct made p;

		to.port = 53;
		bed_ask(&b, &to, 0);
		for (size_t i = 0; i < l4 + 6; i++) {
			bool is_addr = is_v6 ? i >= 8 && i < 40 : i >= 12 && i < 20;
			bool is_id = !is_v6 && (i == 4 || i == 5);
			bool is_proto = i == (is_v6 ? 6u : 9u);

			/* what the low bits of the source port tell is wrong_ports' business */
			if ((!is_addr && !is_id && !is_proto && i < l4) || i == l4 + 1)
				continue;
			l3[i] ^= 0x80;
			made_error(&p, &b, &to.addr, is_v6 ? 1 : 3, 1, n);
			l3[i] ^= 0x80;
			bool is_believed = bed_match(&b, &p, &got);
			n_strangers += is_believed;
			assert_true(!is_believed || (is_v6 && is_addr));
		}
		/* an IPv6 quote shows nothing keyed but the port: one of 64 per attempt, and with
		 * -g nothing */
		assert_in_range(n_strangers, is_v6 && is_narrow(&b) ? 32 : 0,
				!is_v6          ? 0
				: is_narrow(&b) ? 32
						: 16);
		made_error(&p, &b, &to.addr, is_v6 ? 1 : 3, 1, n);
		assert_true(bed_match(&b, &p, &got));
		if (is_v6)
			continue;
		put_be16(l3 + 4, __builtin_bswap16(get_be16(l3 + 4)));
		made_error(&p, &b, &to.addr, 3, 1, n);
		assert_true(bed_match(&b, &p, &got));
	}
	bed_close(&b);
}

static void cut_anywhere(void **state)
{
	uint8_t dns[40] = {[2] = 0x80}, l4[64];
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 38);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		struct wcursor w = wcursor_of(l4, sizeof(l4));
		size_t head = (b.path.link == LINK_ETHERNET ? ETH_HDR_LEN : 0) + l3_len(&b);
		struct probe_reply got;
		struct made p;

		to.port = 53;
		put_be16(dns, (uint16_t)bed_ask(&b, &to, 3));
		udp_encode(&w, 53, sport_sent(&b), (struct bytes){dns, sizeof(dns)}, &to.addr,
			   &b.path.src);
		made_l3(&p, b.path.link, &to.addr, &b.path.src, PROTO_UDP, 51, l4, w.pos);
		bed_check_cuts(&b, &p, head + UDP_HDR_LEN);
		made_error(&p, &b, &to.addr, b.path.src.family == ADDR_V6 ? 1 : 3, 3,
			   l3_len(&b) + UDP_HDR_LEN);
		bed_check_cuts(&b, &p, head + ICMP_HDR_LEN + l3_len(&b) + 4);
		assert_true(bed_match(&b, &p, &got));
	}
	bed_close(&b);
}

/** Attempts of one endpoint leave from different ports and with different ids. */
static void attempts_differ(void **state)
{
	struct rng r;
	struct bed b;

	bed_open(&b);
	rng_init(&r, 39);
	EACH_BED(b, r)
	{
		struct endpoint to = bed_endpoint(&b, &r);
		uint16_t port[COOKIE_ATTEMPTS_MAX], id[COOKIE_ATTEMPTS_MAX];

		for (uint32_t a = 0; a < COOKIE_ATTEMPTS_MAX; a++) {
			bed_ask(&b, &to, a);
			port[a] = sport_sent(&b);
			id[a] = get_be16(b.bytes + b.tpl.l3_off + 4);
			for (uint32_t k = 0; k < a; k++) {
				assert_int_equal(port[a] == port[k], is_narrow(&b));
				if (b.path.src.family == ADDR_V4)
					assert_int_not_equal(id[a], id[k]);
			}
		}
	}
	bed_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks),
		cmocka_unit_test(no_zero_checksum),
		cmocka_unit_test(replies),
		cmocka_unit_test(wrong_ports),
		cmocka_unit_test(contents),
		cmocka_unit_test(errors),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(quotes_of_others),
		cmocka_unit_test(attempts_differ),
		cmocka_unit_test(own_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
