/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of probe rows share: one local side with a key, probes patched from its template,
 * and the packets a target or a router on the way would send back.
 */
#pragma once

#include "base/hash.h"
#include "probe/scantype.h"
#include "support/csum16.h"
#include "support/guard.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BED_FRAME_CAP 1536

static const struct mac bed_mac = {{2, 0, 0, 0, 0, 1}}, bed_hop_mac = {{2, 0, 0, 0, 0, 2}};

/** Invariant: f holds the probe last made by bed_ask. */
struct bed {
	const struct scan_type *t;
	struct cookie_key key;
	struct probe_match m;
	struct probe_path path;
	struct template tpl;
	struct payloads *payloads; /* the test's; NULL for rows without */
	uint8_t bytes[BED_FRAME_CAP];
	struct frame f;
};

/** A packet made by hand. */
struct made {
	uint8_t b[BED_FRAME_CAP];
	size_t len;
	uint8_t link;
};

static inline struct addr bed_addr(struct rng *r, uint8_t family)
{
	u128 n = (u128)rng_u64(r) << 64 | rng_u64(r);

	return family == ADDR_V4 ? addr_v4((uint32_t)n) : addr_from_u128(ADDR_V6, n, 0);
}

/** @p b->payloads and @p b->m.n_sports are read, the rest is made anew. */
static inline void bed_init(struct bed *b, const struct scan_type *t, uint8_t family, uint8_t link,
			    struct rng *r)
{
	struct payloads *payloads = t->proto == PROTO_UDP ? b->payloads : NULL;
	uint16_t n_sports = t->proto == PROTO_UDP ? b->m.n_sports : 1;

	memset(b, 0, sizeof(*b));
	b->payloads = payloads;
	b->t = t;
	cookie_key_init(&b->key, 1, rng_u64(r));
	b->m = (struct probe_match){.key = &b->key,
				    .sport = (uint16_t)(1024 + rng_below(r, 60000)),
				    .n_sports = n_sports,
				    .payloads = payloads};
	b->path = (struct probe_path){.src = bed_addr(r, family),
				      .src_mac = bed_mac,
				      .dst_mac = bed_hop_mac,
				      .link = link,
				      .ttl = 37,
				      .sport = b->m.sport,
				      .n_sports = n_sports,
				      .payloads = payloads,
				      .if_idx = 9};
	assert_int_equal(t->prepare(t, &b->path, &b->tpl), 0);
	b->f = (struct frame){.bytes = b->bytes, .cap = sizeof(b->bytes)};
}

static inline struct endpoint bed_endpoint(const struct bed *b, struct rng *r)
{
	struct endpoint to = {.addr = bed_addr(r, b->path.src.family), .proto = b->t->proto};

	if (b->t->has_ports)
		to.port = (uint16_t)rng_u64(r);
	return to;
}

static inline uint32_t bed_value(const struct bed *b, const struct endpoint *to, uint32_t attempt)
{
	uint16_t sport = b->t->has_ports ? b->m.sport : 0;

	return cookie_value(cookie_tag(&b->key, b->t->row, &b->path.src, sport, to), attempt);
}

/** Make the probe in b->f. @return the value it carries. */
static inline uint32_t bed_ask(struct bed *b, const struct endpoint *to, uint32_t attempt)
{
	uint32_t value = bed_value(b, to, attempt);

	memset(b->bytes, 0xaa, sizeof(b->bytes));
	struct probe_ask ask = {.to = *to, .tag = value - 2 * attempt, .attempt = (uint8_t)attempt};
	b->t->patch(b->t, &b->tpl, &ask, &b->f);
	return value;
}

static inline void made_l3(struct made *p, uint8_t link, const struct addr *src,
			   const struct addr *dst, uint8_t proto, uint8_t ttl, const uint8_t *l4,
			   size_t n)
{
	struct wcursor w = wcursor_of(p->b, sizeof(p->b));

	p->link = link;
	if (link == LINK_ETHERNET)
		eth_encode(&w, &bed_mac, &bed_hop_mac,
			   src->family == ADDR_V6 ? ETHTYPE_IPV6 : ETHTYPE_IPV4);
	if (src->family == ADDR_V6)
		ipv6_encode(&w, &(struct ipv6_conf){.src = *src,
						    .dst = *dst,
						    .hop_limit = ttl,
						    .next_header = proto,
						    .payload_len = (uint16_t)n});
	else
		ipv4_encode(&w, &(struct ipv4_conf){.src = *src,
						    .dst = *dst,
						    .ttl = ttl,
						    .proto = proto,
						    .payload_len = (uint16_t)n});
	wcursor_put(&w, l4, n);
	assert_false(w.failed);
	p->len = w.pos;
}

static inline void made_tcp(struct made *p, uint8_t link, const struct addr *src,
			    const struct addr *dst, const struct tcp_conf *c)
{
	uint8_t l4[24];
	struct wcursor w = wcursor_of(l4, sizeof(l4));

	tcp_encode(&w, c, src, dst);
	made_l3(p, link, src, dst, PROTO_TCP, 51, l4, w.pos);
}

/** An ICMP message with @p n bytes after the eight of the header. */
static inline void made_icmp(struct made *p, uint8_t link, const struct addr *src,
			     const struct addr *dst, uint8_t type, uint8_t code, uint32_t word,
			     const uint8_t *body, size_t n)
{
	uint8_t l4[BED_FRAME_CAP - 64] = {type, code};

	put_be32(l4 + 4, word);
	if (n)
		memcpy(l4 + 8, body, n);
	made_l3(p, link, src, dst, src->family == ADDR_V6 ? PROTO_ICMPV6 : PROTO_ICMP, 51, l4,
		8 + n);
}

/** An ICMP error from @p from that quotes the first @p n bytes of the probe's packet. */
static inline void made_error(struct made *p, const struct bed *b, const struct addr *from,
			      uint8_t type, uint8_t code, size_t n)
{
	made_icmp(p, b->path.link, from, &b->path.src, type, code, 0, b->bytes + b->tpl.l3_off, n);
}

/** Decode and match the first @p len bytes, ending at an unreadable page. */
static inline bool bed_match_cut(const struct bed *b, const struct made *p, size_t len,
				 struct probe_reply *ret)
{
	uint8_t *copy = guard_copy(p->b, len);
	struct frame f = {
		.bytes = copy, .len = (uint32_t)len, .cap = (uint32_t)len, .link = p->link};
	struct pkt pkt;
	struct probe_match m = b->m;
	m.frame = copy;
	bool is_ours = decode(&f, &pkt) == 0 && b->t->match(b->t, &m, &pkt, ret);

	guard_free(copy, len);
	return is_ours;
}

static inline bool bed_match(const struct bed *b, const struct made *p, struct probe_reply *ret)
{
	return bed_match_cut(b, p, p->len, ret);
}

/** No proper prefix shorter than @p needed matches; the whole does. */
static inline void bed_check_cuts(const struct bed *b, const struct made *p, size_t needed)
{
	struct probe_reply got;

	for (size_t n = 0; n <= p->len; n++)
		assert_int_equal(bed_match_cut(b, p, n, &got), n >= needed);
}

/** What an ICMP error means that the target itself sends. */
static inline uint8_t bed_own_error(enum reason reason, uint8_t type, uint8_t code)
{
	bool is_proto = reason == REASON_PROTO_UNREACH || (type == 4 && code == 1);

	if (reason == REASON_PORT_UNREACH)
		return REPLY_PORT_UNREACH;
	return is_proto ? REPLY_PROTO_UNREACH : REPLY_UNREACH;
}

static inline void bed_check_reply(const struct probe_reply *got, const struct endpoint *to,
				   const struct addr *from, uint8_t kind, uint8_t reason,
				   uint32_t attempt)
{
	assert_true(addr_equal(&got->to.addr, &to->addr));
	assert_int_equal(got->to.port, to->port);
	assert_int_equal(got->to.proto, to->proto);
	assert_true(addr_equal(&got->from, from));
	assert_int_equal(got->kind, kind);
	assert_int_equal(got->reason, reason);
	assert_int_equal(got->attempt, attempt);
}
