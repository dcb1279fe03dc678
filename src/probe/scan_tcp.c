/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP rows: the scans that differ in flags and states, SYN and ACK discovery probes, and the
 * kernel-connect rows that share their states. The cookie is the sequence number. A probe without
 * ACK gets it back as acknowledgement, plus one for a SYN or FIN that it carried; a probe with ACK
 * carries it as acknowledgement too and gets it back as the sequence number of a RST. A port that
 * listens answers only SYN and ACK (RFC 9293 3.5.2, 3.10.7.1, 3.10.7.2).
 */
#include "probe/scantype.h"

#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

/** As a normal stack on Ethernet: MSS 1460, 1440 over IPv6. */
enum { MSS_V4 = 1460, MSS_V6 = 1440, PROBE_WINDOW = 64240 };

static int tcp_prepare(const struct scan_type *t, const struct probe_path *path,
		       struct template *ret)
{
	uint8_t l4[TCP_HDR_LEN + 4];
	struct wcursor w = wcursor_of(l4, sizeof(l4));
	struct tcp_conf c = {
		.sport = path->sport,
		.window = PROBE_WINDOW,
		.flags = t->tcp_flags,
		.mss = !(t->tcp_flags & TCP_SYN)     ? 0
		       : path->src.family == ADDR_V6 ? MSS_V6
						     : MSS_V4,
	};

	tcp_encode(&w, &c, &path->src, &path->src);
	memset(l4 + 16, 0, 2);
	return template_build(ret, path, PROTO_TCP, l4, w.pos);
}

static void tcp_patch(const struct scan_type *t, const struct template *tpl,
		      const struct probe_ask *ask, struct frame *f)
{
	const struct endpoint *to = &ask->to;
	uint32_t value = cookie_value(ask->tag, ask->attempt);
	uint64_t sum;
	uint8_t *l4 = template_start(tpl, &to->addr, (uint16_t)(value >> 8 | 1), f, &sum);

	put_be16(l4 + 2, to->port);
	put_be32(l4 + 4, value);
	sum += template_sum16(to->port) + template_sum32(value);
	if (t->tcp_flags & TCP_ACK) {
		put_be32(l4 + 8, value);
		sum += template_sum32(value);
	}
	uint16_t check = csum_finish(sum);
	memcpy(l4 + 16, &check, 2);
}

/** The kind of reply a segment would be to a row's probe, before the cookie is checked. */
static enum reply_kind kind_of(const struct scan_type *t, const struct pkt *p)
{
	bool is_syn_ack = (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

	if (p->tcp_flags & TCP_RST)
		return p->window && t->state_of[REPLY_RST_WINDOW] ? REPLY_RST_WINDOW : REPLY_RST;
	return is_syn_ack && t->tcp_flags & TCP_SYN ? REPLY_SYN_ACK : REPLY_NONE;
}

/** The attempt a segment proves to answer, or -1. */
static int attempt_of(const struct scan_type *t, enum reply_kind kind, uint32_t tag,
		      const struct pkt *p)
{
	if (kind == REPLY_SYN_ACK)
		return cookie_attempt_exact(tag, p->ack - 1);
	if (t->tcp_flags & TCP_ACK)
		return cookie_attempt(tag, p->seq);
	/* a reset of a segment that takes no sequence number acknowledges just that number */
	return t->tcp_flags & (TCP_SYN | TCP_FIN) ? cookie_attempt(tag, p->ack)
						  : cookie_attempt_exact(tag, p->ack);
}

static bool tcp_match(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		      struct probe_reply *ret)
{
	if (p->proto != PROTO_TCP)
		return match_icmp_error(t, m, p, ret);
	if (!p->l4_valid || p->dport != m->sport)
		return false;
	enum reply_kind kind = kind_of(t, p);
	if (kind == REPLY_NONE)
		return false;
	struct endpoint to = {.addr = p->src, .port = p->sport, .proto = PROTO_TCP};
	uint32_t tag = cookie_tag(m->key, t->row, &p->dst, m->sport, &to);
	int attempt = attempt_of(t, kind, tag, p);
	if (attempt < 0)
		return false;
	*ret = (struct probe_reply){
		.to = to,
		.from = p->src,
		.kind = (uint8_t)kind,
		.reason = kind != REPLY_SYN_ACK ? REASON_RESET
			  : p->window           ? REASON_SYN_ACK
						: REASON_ZERO_WINDOW,
		.attempt = (uint8_t)attempt,
		.ttl = p->ttl,
	};
	return true;
}

#define TCP_ROW                                                                                    \
	.proto = PROTO_TCP, .has_ports = true, .prepare = tcp_prepare, .patch = tcp_patch,         \
	.match = tcp_match

const struct scan_type scan_syn = {
	.name = "syn",
	.title = "SYN Stealth Scan",
	.flag = 'S',
	.row = 1,
	.tcp_flags = TCP_SYN,
	.needs = NEED_RAW,
	TCP_ROW,
	.state_of = {[REPLY_SYN_ACK] = PORT_OPEN,
		     [REPLY_RST] = PORT_CLOSED,
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		     [REPLY_UNREACH] = PORT_FILTERED,
		     [REPLY_PORT_UNREACH] = PORT_FILTERED},
	.state_if_silent = PORT_FILTERED,
	.desc = {"syn", "SYN Stealth Scan", PROTO_TCP, PORT_FILTERED},
};

/** Rows that a listening port does not answer: a reset says closed (nmap's manual, "Port Scanning
 * Techniques"). */
#define STEALTH_STATES                                                                             \
	.needs = NEED_RAW, .state_if_silent = PORT_OPEN_FILTERED,                                  \
	.state_of = {[REPLY_RST] = PORT_CLOSED,                                                    \
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,                                        \
		     [REPLY_UNREACH] = PORT_FILTERED,                                              \
		     [REPLY_PORT_UNREACH] = PORT_FILTERED}

const struct scan_type scan_fin = {
	.name = "fin",
	.title = "FIN Scan",
	.flag = 'F',
	.row = 10,
	.tcp_flags = TCP_FIN,
	TCP_ROW,
	STEALTH_STATES,
	.desc = {"fin", "FIN Scan", PROTO_TCP, PORT_OPEN_FILTERED},
};

const struct scan_type scan_null = {
	.name = "null",
	.title = "NULL Scan",
	.flag = 'N',
	.row = 11,
	TCP_ROW,
	STEALTH_STATES,
	.desc = {"null", "NULL Scan", PROTO_TCP, PORT_OPEN_FILTERED},
};

const struct scan_type scan_xmas = {
	.name = "xmas",
	.title = "XMAS Scan",
	.flag = 'X',
	.row = 12,
	.tcp_flags = TCP_FIN | TCP_PSH | TCP_URG,
	TCP_ROW,
	STEALTH_STATES,
	.desc = {"xmas", "XMAS Scan", PROTO_TCP, PORT_OPEN_FILTERED},
};

const struct scan_type scan_maimon = {
	.name = "maimon",
	.title = "Maimon Scan",
	.flag = 'M',
	.row = 13,
	.tcp_flags = TCP_FIN | TCP_ACK,
	TCP_ROW,
	STEALTH_STATES,
	.desc = {"maimon", "Maimon Scan", PROTO_TCP, PORT_OPEN_FILTERED},
};

const struct scan_type scan_ack = {
	.name = "ack",
	.title = "ACK Scan",
	.flag = 'A',
	.row = 14,
	.tcp_flags = TCP_ACK,
	.needs = NEED_RAW,
	TCP_ROW,
	.state_of = {[REPLY_RST] = PORT_UNFILTERED,
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		     [REPLY_UNREACH] = PORT_FILTERED,
		     [REPLY_PORT_UNREACH] = PORT_FILTERED},
	.state_if_silent = PORT_FILTERED,
	.desc = {"ack", "ACK Scan", PROTO_TCP, PORT_FILTERED},
};

const struct scan_type scan_window = {
	.name = "window",
	.title = "Window Scan",
	.flag = 'W',
	.row = 15,
	.tcp_flags = TCP_ACK,
	.needs = NEED_RAW,
	TCP_ROW,
	.state_of = {[REPLY_RST] = PORT_CLOSED,
		     [REPLY_RST_WINDOW] = PORT_OPEN,
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		     [REPLY_UNREACH] = PORT_FILTERED,
		     [REPLY_PORT_UNREACH] = PORT_FILTERED},
	.state_if_silent = PORT_FILTERED,
	.desc = {"window", "Window Scan", PROTO_TCP, PORT_FILTERED},
};

const struct scan_type scan_connect = {
	.name = "connect",
	.title = "Connect Scan",
	.flag = 'T',
	.row = 2,
	.proto = PROTO_TCP,
	.has_ports = true,
	.needs = NEED_CONNECT,
	.state_of = {[REPLY_CONNECTED] = PORT_OPEN,
		     [REPLY_REFUSED] = PORT_CLOSED,
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		     [REPLY_UNREACH] = PORT_FILTERED,
		     [REPLY_PORT_UNREACH] = PORT_FILTERED},
	.state_if_silent = PORT_FILTERED,
	.desc = {"connect", "Connect Scan", PROTO_TCP, PORT_FILTERED},
};

const struct scan_type ping_syn = {
	.name = "syn-ping",
	.title = "TCP SYN Ping",
	.row = 3,
	.tcp_flags = TCP_SYN,
	.needs = NEED_RAW,
	TCP_ROW,
	.state_of = {[REPLY_SYN_ACK] = HOST_UP,
		     [REPLY_RST] = HOST_UP,
		     [REPLY_PORT_UNREACH] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN},
	.state_if_silent = HOST_DOWN,
};

const struct scan_type ping_ack = {
	.name = "ack-ping",
	.title = "TCP ACK Ping",
	.row = 4,
	.tcp_flags = TCP_ACK,
	.needs = NEED_RAW,
	TCP_ROW,
	.state_of = {[REPLY_RST] = HOST_UP,
		     [REPLY_PORT_UNREACH] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN},
	.state_if_silent = HOST_DOWN,
};

const struct scan_type ping_connect = {
	.name = "connect-ping",
	.title = "Connect Ping",
	.row = 5,
	.proto = PROTO_TCP,
	.has_ports = true,
	.needs = NEED_CONNECT,
	.state_of = {[REPLY_CONNECTED] = HOST_UP,
		     [REPLY_REFUSED] = HOST_UP,
		     [REPLY_PORT_UNREACH] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN},
	.state_if_silent = HOST_DOWN,
};
