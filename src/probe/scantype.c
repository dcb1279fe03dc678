/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The registry of scan types and what all rows share: reading ICMP errors. An error is believed
 * only if the packet it quotes carries our cookie for the endpoint it names (RFC 792, RFC 4443).
 */
#include "probe/scantype.h"

#include "wire/icmp.h"

const struct scan_type *const scan_types[] = {
	&scan_syn,  &scan_connect,   &scan_fin, &scan_null, &scan_xmas,    &scan_maimon,
	&scan_ack,  &scan_window,    &scan_udp, &scan_sctp, &ping_syn,     &ping_ack,
	&ping_echo, &ping_timestamp, &ping_arp, &ping_nd,   &ping_connect, &ping_udp,
	&ping_sctp, &ping_mask,      NULL,
};

const struct scan_type *scan_type_of_flag(char flag)
{
	for (const struct scan_type *const *t = scan_types; *t; t++)
		if ((*t)->flag && (*t)->flag == flag)
			return *t;
	return NULL;
}

static const uint8_t icmp4_unreach_reason[16] = {
	[0] = REASON_NET_UNREACH,       [1] = REASON_HOST_UNREACH,   [2] = REASON_PROTO_UNREACH,
	[3] = REASON_PORT_UNREACH,      [9] = REASON_NET_PROHIBITED, [10] = REASON_HOST_PROHIBITED,
	[13] = REASON_ADMIN_PROHIBITED,
};

static const uint8_t icmp6_unreach_reason[8] = {
	[0] = REASON_NO_ROUTE,     [1] = REASON_ADMIN_PROHIBITED, [2] = REASON_BEYOND_SCOPE,
	[3] = REASON_HOST_UNREACH, [4] = REASON_PORT_UNREACH,     [5] = REASON_ADMIN_PROHIBITED,
	[6] = REASON_REJECT_ROUTE,
};

enum reason reason_of_icmp(uint8_t family, uint8_t type, uint8_t code)
{
	bool is_v6 = family == ADDR_V6;
	enum reason r = REASON_UNKNOWN;

	if (type == (is_v6 ? ICMP6_UNREACH : ICMP4_UNREACH)) {
		if (is_v6 && code < ARRAY_LEN(icmp6_unreach_reason))
			r = icmp6_unreach_reason[code];
		else if (!is_v6 && code < ARRAY_LEN(icmp4_unreach_reason))
			r = icmp4_unreach_reason[code];
		return r == REASON_UNKNOWN ? REASON_DEST_UNREACH : r;
	}
	if (type == (is_v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED))
		return REASON_TIME_EXCEEDED;
	if (type == (is_v6 ? ICMP6_PARAM_PROBLEM : ICMP4_PARAM_PROBLEM))
		return REASON_PARAM_PROBLEM;
	return REASON_UNKNOWN;
}

bool read_icmp_error(const struct scan_type *t, const struct pkt *p, struct probe_reply *ret)
{
	const struct pkt_quote *q = &p->quote;
	uint8_t proto = t->proto == PROTO_ICMP && p->family == ADDR_V6 ? PROTO_ICMPV6 : t->proto;

	if (!q->valid || q->proto != proto)
		return false;
	enum reason reason = reason_of_icmp(p->family, p->icmp_type, p->icmp_code);
	if (reason == REASON_UNKNOWN)
		return false;
	bool is_target = addr_equal(&p->src, &q->dst);
	bool is_proto = p->family == ADDR_V6 ? p->icmp_type == ICMP6_PARAM_PROBLEM &&
						       p->icmp_code == ICMP6_UNKNOWN_HEADER
					     : reason == REASON_PROTO_UNREACH;
	*ret = (struct probe_reply){
		.to = {.addr = q->dst, .port = t->has_ports ? q->dport : 0, .proto = t->proto},
		.from = p->src,
		.kind = is_target && reason == REASON_PORT_UNREACH ? REPLY_PORT_UNREACH
			: is_target && is_proto                    ? REPLY_PROTO_UNREACH
								   : REPLY_UNREACH,
		.reason = (uint8_t)reason,
		.ttl = p->ttl,
	};
	return true;
}

bool match_icmp_error(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		      struct probe_reply *ret)
{
	const struct pkt_quote *q = &p->quote;

	if (!q->has_seq || (t->has_ports && (!q->has_ports || q->sport != m->sport)))
		return false;
	if (!read_icmp_error(t, p, ret))
		return false;
	uint32_t tag = cookie_tag(m->key, t->row, &q->src, t->has_ports ? m->sport : 0, &ret->to);
	int attempt = cookie_attempt_exact(tag, q->tag);
	ret->attempt = (uint8_t)MAX(attempt, 0);
	return attempt >= 0;
}
