/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UDP rows: a request the port's service understands (payload.h), else an empty datagram. A
 * datagram has no number that every answer repeats, so the cookie goes into what there is: the
 * source port, drawn per probe from a range that is ours, tells endpoint and attempt; the IPv4 id
 * comes back in quotes; requests with a transaction number carry it there. An answer must fit all
 * that it shows: ports always, id and length in a quote, the transaction number when it speaks the
 * request's protocol (RFC 768, RFC 792, RFC 1122 4.1.3, RFC 4443, RFC 8200 8.1).
 */
#include "probe/scantype.h"

#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

/** Source port of an attempt; with one port all attempts share it. */
static uint16_t sport_of(uint16_t base, uint16_t n_sports, uint32_t tag, uint32_t attempt)
{
	return (uint16_t)(base + ((tag >> 16) + attempt) % n_sports);
}

/** Never 0: the kernel would write one of its own (raw(7)). */
static uint16_t ip_id_of(uint32_t tag, uint32_t attempt)
{
	return (uint16_t)(((tag & 0xffff) + 2 * attempt) | 1);
}

static int udp_prepare(const struct scan_type *t, const struct probe_path *path,
		       struct template *ret)
{
	uint8_t l4[UDP_HDR_LEN] = {0};
	int err = template_build(ret, path, PROTO_UDP, l4, sizeof(l4));

	ret->sport = path->sport;
	ret->n_sports = path->n_sports;
	ret->payloads = path->payloads;
	return err;
}

static void udp_patch(const struct scan_type *t, const struct template *tpl,
		      const struct probe_ask *ask, struct frame *f)
{
	const struct payload *what = payloads_get(tpl->payloads, ask->to.port, ask->attempt);
	uint16_t sport = sport_of(tpl->sport, tpl->n_sports, ask->tag, ask->attempt);
	uint16_t id = ip_id_of(ask->tag, ask->attempt), len = (uint16_t)(UDP_HDR_LEN + what->len);
	uint64_t sum;
	uint8_t *l4 = template_start(tpl, &ask->to.addr, id, f, &sum);

	payload_write(what, cookie_value(ask->tag, ask->attempt), l4 + UDP_HDR_LEN);
	template_extend(tpl, what->len, f, &sum);
	put_be16(l4, sport);
	put_be16(l4 + 2, ask->to.port);
	put_be16(l4 + 4, len);
	sum = csum_add(sum + template_sum16(sport) + template_sum16(ask->to.port) +
			       template_sum16(len),
		       l4 + UDP_HDR_LEN, what->len);
	uint16_t check = csum_finish(sum);
	if (!check) /* 0 would mean none */
		check = UINT16_MAX;
	memcpy(l4 + 6, &check, 2);
}

/** The attempt that went out from our port @p sport: -1 when none did. With one port only,
 * *@p is_told is false. */
static int attempt_of_sport(const struct probe_match *m, uint32_t tag, uint16_t sport,
			    bool *is_told)
{
	uint32_t n = m->n_sports, off = (uint16_t)(sport - m->sport);

	*is_told = n > 1;
	if (off >= n)
		return -1;
	uint32_t attempt = (off + n - (tag >> 16) % n) % n;
	return attempt < COOKIE_ATTEMPTS_MAX ? (int)attempt : -1;
}

/** What the datagram's content says about @p attempt: as payload_check. */
static int content_says(const struct probe_match *m, const struct pkt *p, uint32_t tag,
			uint32_t attempt)
{
	struct bytes answer = {m->frame + p->payload_off, p->payload_len};

	return payload_check(payloads_get(m->payloads, p->sport, attempt),
			     cookie_value(tag, attempt), answer);
}

/** Which attempt a datagram answers. @return -1: forged. */
static int attempt_of_answer(const struct probe_match *m, const struct pkt *p, uint32_t tag,
			     bool *is_told)
{
	int attempt = attempt_of_sport(m, tag, p->dport, is_told), worst = 0;

	if (attempt < 0 || *is_told)
		return attempt < 0 || content_says(m, p, tag, (uint32_t)attempt) < 0 ? -1 : attempt;
	for (uint32_t a = 0; a < COOKIE_ATTEMPTS_MAX; a++) {
		int says = content_says(m, p, tag, a);
		*is_told = says > 0;
		if (says > 0)
			return (int)a;
		worst = MIN(worst, says);
	}
	return worst;
}

/** The id of a quote, as it was sent or with its bytes swapped, as some stacks quote it. */
static bool is_our_id(uint16_t id, uint32_t tag, uint32_t attempt)
{
	uint16_t want = ip_id_of(tag, attempt);

	return id == want || __builtin_bswap16(id) == want;
}

static bool quote_fits(const struct probe_match *m, const struct pkt *p, uint32_t tag,
		       uint32_t attempt)
{
	const struct pkt_quote *q = &p->quote;
	uint32_t len = UDP_HDR_LEN + payloads_get(m->payloads, q->dport, attempt)->len;

	return (p->family == ADDR_V6 || is_our_id(q->ip_id, tag, attempt)) &&
	       (!q->udp_len || q->udp_len == len);
}

/** Which attempt an ICMP error quotes. @return -1: forged. */
static int attempt_of_quote(const struct probe_match *m, const struct pkt *p, uint32_t tag,
			    bool *is_told)
{
	int attempt = attempt_of_sport(m, tag, p->quote.sport, is_told);

	if (attempt < 0 || *is_told)
		return attempt < 0 || !quote_fits(m, p, tag, (uint32_t)attempt) ? -1 : attempt;
	for (uint32_t a = 0; a < COOKIE_ATTEMPTS_MAX; a++) {
		if (!quote_fits(m, p, tag, a))
			continue;
		*is_told = p->family == ADDR_V4;
		return (int)a;
	}
	return -1;
}

static bool match_error(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
			struct probe_reply *ret)
{
	bool is_told;

	if (!p->quote.has_ports || !read_icmp_error(t, p, ret))
		return false;
	uint32_t tag = cookie_tag(m->key, t->row, &p->quote.src, m->sport, &ret->to);
	int attempt = attempt_of_quote(m, p, tag, &is_told);
	ret->attempt = (uint8_t)MAX(attempt, 0);
	ret->is_attempt_unknown = !is_told;
	return attempt >= 0;
}

/**
 * On the loopback interface probes come in too, from a worker's ports to the ports of any: what
 * they ask of another worker's port would be an answer that this worker waits for.
 */
static bool is_own_probe(const struct probe_match *m, const struct pkt *p)
{
	if (!addr_equal(&p->src, &p->dst) && !addr_is_loopback(&p->src))
		return false;
	for (uint32_t i = 0; i < m->n_asking; i++)
		if ((uint16_t)(p->sport - m->asking[i].first) < m->asking[i].n)
			return true;
	return false;
}

/** Is it a request of ours that came back? */
static bool is_mirror(const struct probe_match *m, uint16_t port, struct bytes answer)
{
	for (uint32_t i = 0; i < payloads_n(m->payloads, port); i++)
		if (payload_is_mirrored(payloads_get(m->payloads, port, i), answer))
			return true;
	return false;
}

static bool udp_match(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		      struct probe_reply *ret)
{
	bool is_told;

	if (p->proto != PROTO_UDP)
		return match_error(t, m, p, ret);
	if (!p->l4_valid || is_own_probe(m, p))
		return false;
	struct endpoint to = {.addr = p->src, .port = p->sport, .proto = PROTO_UDP};
	uint32_t tag = cookie_tag(m->key, t->row, &p->dst, m->sport, &to);
	int attempt = attempt_of_answer(m, p, tag, &is_told);
	if (attempt < 0)
		return false;
	uint32_t n_requests = MAX(payloads_n(m->payloads, p->sport), 1u);
	*ret = (struct probe_reply){
		.to = to,
		.from = p->src,
		.n_other = (uint8_t)((uint32_t)attempt - (uint32_t)attempt / n_requests),
		.kind = REPLY_DATAGRAM,
		.reason = REASON_UDP_RESPONSE,
		.attempt = (uint8_t)attempt,
		.is_attempt_unknown = !is_told,
		.ttl = p->ttl,
	};
	struct bytes answer = {m->frame + p->payload_off, p->payload_len};
	if (!is_mirror(m, p->sport, answer))
		ret->said = answer;
	return true;
}

#define UDP_ROW                                                                                    \
	.proto = PROTO_UDP, .has_ports = true, .needs = NEED_RAW, .prepare = udp_prepare,          \
	.patch = udp_patch, .match = udp_match

const struct scan_type scan_udp = {
	.name = "udp",
	.title = "UDP Scan",
	.flag = 'U',
	.row = 16,
	UDP_ROW,
	.state_of = {[REPLY_DATAGRAM] = PORT_OPEN,
		     [REPLY_PORT_UNREACH] = PORT_CLOSED,
		     [REPLY_PROTO_UNREACH] = PORT_FILTERED,
		     [REPLY_UNREACH] = PORT_FILTERED},
	.state_if_silent = PORT_OPEN_FILTERED,
	.desc = {"udp", "UDP Scan", PROTO_UDP, PORT_OPEN_FILTERED},
};

const struct scan_type ping_udp = {
	.name = "udp-ping",
	.title = "UDP Ping",
	.row = 17,
	UDP_ROW,
	.state_of = {[REPLY_DATAGRAM] = HOST_UP,
		     [REPLY_PORT_UNREACH] = HOST_UP,
		     [REPLY_PROTO_UNREACH] = HOST_UP,
		     [REPLY_UNREACH] = HOST_DOWN},
	.state_if_silent = HOST_DOWN,
};
