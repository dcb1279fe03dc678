/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SCTP rows: an INIT chunk whose initiate tag is the cookie. Whatever answers carries it as its
 * verification tag: INIT ACK of a listening port, ABORT of a closed one (RFC 9260 3.3.2, 5.1, 8.4,
 * 8.5.1). An INIT's own verification tag is 0, so a quote proves itself by the initiate tag where
 * it reaches that far (RFC 9260 10), else by the IPv4 id.
 */
#include "probe/scantype.h"

#include "wire/ip.h"
#include "wire/l4.h"

enum { CHUNK_INIT_ACK = 2, CHUNK_ABORT = 6, SCTP_PROBE_LEN = 32 };
/** Within the segment. */
enum { CRC_OFF = 8, INIT_TAG_OFF = 16, TSN_OFF = 28 };

/** Never 0: the kernel would write one of its own (raw(7)). */
static uint16_t ip_id_of(uint32_t value)
{
	return (uint16_t)(value >> 8 | 1);
}

static int sctp_prepare(const struct scan_type *t, const struct probe_path *path,
			struct template *ret)
{
	uint8_t l4[SCTP_PROBE_LEN];
	struct wcursor w = wcursor_of(l4, sizeof(l4));

	sctp_init_encode(&w, path->sport, 0, 0, 0);
	return w.failed ? -E_FULL : template_build(ret, path, PROTO_SCTP, l4, w.pos);
}

static void sctp_patch(const struct scan_type *t, const struct template *tpl,
		       const struct probe_ask *ask, struct frame *f)
{
	uint32_t value = cookie_value(ask->tag, ask->attempt);
	uint64_t sum;
	uint8_t *l4 = template_start(tpl, &ask->to.addr, ip_id_of(value), f, &sum);

	put_be16(l4 + 2, ask->to.port);
	put_be32(l4 + INIT_TAG_OFF, value);
	put_be32(l4 + TSN_OFF, value);
	memset(l4 + CRC_OFF, 0, 4);
	/* low byte first (RFC 9260 appendix A) */
	put_be32(l4 + CRC_OFF, __builtin_bswap32(crc32c(0, l4, SCTP_PROBE_LEN)));
}

/** An error whose quote ends before the initiate tag: which attempt has its id? */
static int attempt_of_id(uint32_t tag, const struct pkt *p)
{
	if (p->family != ADDR_V4)
		return -1;
	for (uint32_t a = 0; a < COOKIE_ATTEMPTS_MAX; a++)
		if (p->quote.ip_id == ip_id_of(cookie_value(tag, a)))
			return (int)a;
	return -1;
}

static bool match_error(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
			struct probe_reply *ret)
{
	const struct pkt_quote *q = &p->quote;

	if (!q->has_ports || q->sport != m->sport || !read_icmp_error(t, p, ret))
		return false;
	uint32_t tag = cookie_tag(m->key, t->row, &q->src, m->sport, &ret->to);
	int attempt = q->has_seq ? cookie_attempt_exact(tag, q->tag) : attempt_of_id(tag, p);
	ret->attempt = (uint8_t)MAX(attempt, 0);
	ret->is_attempt_unknown = !q->has_seq; /* neighbouring attempts may share the id */
	return attempt >= 0;
}

static bool sctp_match(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		       struct probe_reply *ret)
{
	if (p->proto != PROTO_SCTP)
		return match_error(t, m, p, ret);
	bool is_ack = p->sctp_chunk == CHUNK_INIT_ACK;
	if (!p->l4_valid || p->dport != m->sport || (!is_ack && p->sctp_chunk != CHUNK_ABORT))
		return false;
	struct endpoint to = {.addr = p->src, .port = p->sport, .proto = PROTO_SCTP};
	uint32_t tag = cookie_tag(m->key, t->row, &p->dst, m->sport, &to);
	int attempt = cookie_attempt_exact(tag, p->sctp_vtag);
	if (attempt < 0)
		return false;
	*ret = (struct probe_reply){
		.to = to,
		.from = p->src,
		.kind = is_ack ? REPLY_INIT_ACK : REPLY_ABORT,
		.reason = is_ack ? REASON_INIT_ACK : REASON_ABORT,
		.attempt = (uint8_t)attempt,
		.ttl = p->ttl,
	};
	return true;
}

#define SCTP_ROW                                                                                   \
	.proto = PROTO_SCTP, .has_ports = true, .needs = NEED_RAW, .prepare = sctp_prepare,        \
	.patch = sctp_patch, .match = sctp_match

const struct scan_type scan_sctp = {
	.name = "sctpinit",
	.title = "SCTP INIT Scan",
	.flag = 'Y',
	.row = 18,
	SCTP_ROW,
	.state_of = {[REPLY_INIT_ACK] = PORT_OPEN,
		     [REPLY_ABORT] = PORT_CLOSED,
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		     [REPLY_UNREACH] = PORT_FILTERED,
		     [REPLY_PORT_UNREACH] = PORT_FILTERED},
	.state_if_silent = PORT_FILTERED,
	.desc = {"sctpinit", "SCTP INIT Scan", PROTO_SCTP, PORT_FILTERED},
};

const struct scan_type ping_sctp = {
	.name = "sctp-ping",
	.title = "SCTP INIT Ping",
	.row = 19,
	SCTP_ROW,
	.state_of = {[REPLY_INIT_ACK] = HOST_UP,
		     [REPLY_ABORT] = HOST_UP,
		     [REPLY_PORT_UNREACH] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN},
	.state_if_silent = HOST_DOWN,
};
