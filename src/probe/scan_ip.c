/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ICMP discovery rows: echo (RFC 792, RFC 4443), timestamp and address mask (RFC 950; IPv4 only).
 * Identifier and sequence number together carry the cookie; the target has no port.
 */
#include "probe/scantype.h"

#include "wire/icmp.h"
#include "wire/ip.h"

/** A timestamp message carries three 32-bit times after the header, an address mask one mask. */
enum { TIMESTAMP_BODY_LEN = 12, MASK_BODY_LEN = 4 };

static int icmp_prepare(const struct scan_type *t, const struct probe_path *path,
			struct template *ret)
{
	uint8_t l4[ICMP_HDR_LEN + TIMESTAMP_BODY_LEN] = {0};
	bool is_v6 = path->src.family == ADDR_V6;
	size_t len = ICMP_HDR_LEN + (size_t)t->icmp.body_len;

	l4[0] = is_v6 ? t->icmp.ask6 : t->icmp.ask4;
	int err = template_build(ret, path, is_v6 ? PROTO_ICMPV6 : PROTO_ICMP, l4, len);
	if (!err && !is_v6)
		ret->l4_sum = csum_add(0, l4, len);
	return err;
}

static void icmp_patch(const struct scan_type *t, const struct template *tpl,
		       const struct probe_ask *ask, struct frame *f)
{
	uint32_t value = cookie_value(ask->tag, ask->attempt);
	uint64_t sum;
	uint8_t *l4 = template_start(tpl, &ask->to.addr, (uint16_t)(value >> 8 | 1), f, &sum);

	if (tpl->family == ADDR_V4)
		sum = tpl->l4_sum;
	put_be32(l4 + 4, value);
	uint16_t check = csum_finish(sum + template_sum32(value));
	memcpy(l4 + 2, &check, 2);
}

static bool icmp_match(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		       struct probe_reply *ret)
{
	bool is_v6 = p->family == ADDR_V6;

	if (!p->l4_valid || p->proto != (is_v6 ? PROTO_ICMPV6 : PROTO_ICMP))
		return false;
	if (p->icmp_type != (is_v6 ? t->icmp.answer6 : t->icmp.answer4))
		return match_icmp_error(t, m, p, ret);
	struct endpoint to = {.addr = p->src, .proto = t->proto};
	uint32_t tag = cookie_tag(m->key, t->row, &p->dst, 0, &to);
	int attempt = cookie_attempt_exact(tag, (uint32_t)p->icmp_id << 16 | p->icmp_seq);
	if (attempt < 0)
		return false;
	*ret = (struct probe_reply){
		.to = to,
		.from = p->src,
		.kind = t->icmp.kind,
		.reason = t->icmp.reason,
		.attempt = (uint8_t)attempt,
		.ttl = p->ttl,
	};
	return true;
}

#define ICMP_ROW                                                                                   \
	.proto = PROTO_ICMP, .prepare = icmp_prepare, .patch = icmp_patch, .match = icmp_match,    \
	.state_if_silent = HOST_DOWN

const struct scan_type ping_echo = {
	.name = "echo-ping",
	.title = "ICMP Echo Ping",
	.row = 6,
	.needs = NEED_RAW,
	ICMP_ROW,
	.icmp = {.ask4 = ICMP4_ECHO,
		 .answer4 = ICMP4_ECHO_REPLY,
		 .ask6 = ICMP6_ECHO,
		 .answer6 = ICMP6_ECHO_REPLY,
		 .kind = REPLY_ECHO,
		 .reason = REASON_ECHO_REPLY},
	.state_of = {[REPLY_ECHO] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN,
		     [REPLY_PORT_UNREACH] = HOST_UP},
};

const struct scan_type ping_timestamp = {
	.name = "timestamp-ping",
	.title = "ICMP Timestamp Ping",
	.row = 7,
	.needs = NEED_RAW | NEED_V4,
	ICMP_ROW,
	.icmp = {.ask4 = ICMP4_TIMESTAMP,
		 .answer4 = ICMP4_TIMESTAMP_REPLY,
		 .body_len = TIMESTAMP_BODY_LEN,
		 .kind = REPLY_TIMESTAMP,
		 .reason = REASON_TIMESTAMP_REPLY},
	.state_of = {[REPLY_TIMESTAMP] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN,
		     [REPLY_PORT_UNREACH] = HOST_UP},
};

const struct scan_type ping_mask = {
	.name = "mask-ping",
	.title = "ICMP Address Mask Ping",
	.row = 20,
	.needs = NEED_RAW | NEED_V4,
	ICMP_ROW,
	.icmp = {.ask4 = ICMP4_MASK,
		 .answer4 = ICMP4_MASK_REPLY,
		 .body_len = MASK_BODY_LEN,
		 .kind = REPLY_MASK,
		 .reason = REASON_MASK_REPLY},
	.state_of = {[REPLY_MASK] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN,
		     [REPLY_PORT_UNREACH] = HOST_UP},
};
