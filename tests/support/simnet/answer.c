/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the daemon does with a frame: count it and draw its loss unless XDP has, judge it as XDP
 * does, and send the answer as often and as late as the configuration says. ICMP errors are built
 * here, as hosts do: half of the hosts quote the header and eight bytes, the others the packet.
 * Sources: RFC 792, RFC 1812 4.3.2.3, RFC 4443 2.4 and 3.1.
 */
#include "daemon.h"

#include <string.h>

#define QUOTE4_MIN 28u
#define QUOTE4_MAX 548u
#define QUOTE6_MAX 1232u

uint64_t sim_random(struct simnet *s)
{
	s->rng += 0x9e3779b97f4a7c15ull;
	return sim_mix(s->rng);
}

bool sim_is_lost(struct simnet *s, enum sim_share way, enum sim_counter counter)
{
	if (!s->conf.share[way] || sim_random(s) >> 32 >= s->conf.share[way])
		return false;
	s->n.n[counter]++;
	return true;
}

static void put16(uint8_t *p, uint32_t v)
{
	SIM_ST16(p, SIM_BE16((uint16_t)v));
}

static uint16_t checksum(const uint8_t *p, uint32_t len, uint64_t sum_be)
{
	uint64_t sum = (uint64_t)sim_sum(p, p + len, len) + SIM_BE16(sim_fold(sum_be));

	return (uint16_t)~sim_fold(sum);
}

static uint32_t quote_len(const struct simnet *s, uint32_t len, const struct sim_probe *p,
			  const struct sim_verdict *v)
{
	uint32_t packet = p->l4_len + (p->is_v6 ? 40u : 20u);
	uint32_t most = p->is_v6 ? QUOTE6_MAX : v->host & 1 ? QUOTE4_MIN : QUOTE4_MAX;

	packet = packet < len - 14 ? packet : len - 14;
	return packet < most ? packet : most;
}

/** Addresses and checksums of an ICMP error from @p from about what @p quoted's sender sent. */
static void icmp_error_headers(uint8_t *n, const uint8_t *from, const uint8_t *quoted,
			       const struct sim_verdict *v, uint32_t m_len)
{
	bool is_v6 = quoted[0] >> 4 == 6;
	uint8_t *m = n + (is_v6 ? 40 : 20);
	uint64_t sum = 0;

	memset(n, 0, is_v6 ? 48 : 28);
	m[0] = is_v6 ? 1 : 3;
	m[1] = v->code;
	if (is_v6) {
		n[0] = 0x60;
		put16(n + 4, m_len);
		n[6] = SIM_ICMP6;
		n[7] = v->ttl;
		memcpy(n + 8, from, 16);
		memcpy(n + 24, quoted + 8, 16);
		for (int i = 8; i < 40; i += 4)
			sum += SIM_BE32(SIM_LD32(n + i));
		sum += m_len + SIM_ICMP6;
	} else {
		n[0] = 0x45;
		put16(n + 2, 20 + m_len);
		n[8] = v->ttl;
		n[9] = SIM_ICMP4;
		memcpy(n + 12, from, 4);
		memcpy(n + 16, quoted + 12, 4);
		SIM_ST16(n + 10, checksum(n, 20, 0));
	}
	SIM_ST16(m + 2, checksum(m, m_len, sum));
}

uint32_t sim_icmp_error(const struct simnet *s, const uint8_t *frame, uint32_t len,
			const struct sim_probe *p, const struct sim_verdict *v, uint8_t *out)
{
	const uint8_t *quoted = frame + 14, *from = quoted + (p->is_v6 ? 24 : 16);
	uint32_t header_len = p->is_v6 ? 48 : 28, n_quoted = quote_len(s, len, p, v);
	struct sim_verdict theirs = *v;

	if (sim_reject_is_routers(v->code, p->is_v6) &&
	    (p->is_v6 ? s->has_router6 : s->has_router4)) {
		from = p->is_v6 ? s->router6 : s->router4;
		theirs.ttl = 64;
	}
	memcpy(out, frame, 14);
	sim_swap_ethernet(out);
	memcpy(out + 14 + header_len, quoted, n_quoted);
	icmp_error_headers(out + 14, from, quoted, &theirs,
			   n_quoted + header_len - (p->is_v6 ? 40 : 20));
	return 14 + header_len + n_quoted;
}

static void count_endpoint(struct simnet *s, const struct sim_probe *p)
{
	uint64_t *word;
	int64_t cell;

	if (!s->conf.counted.n_hosts || p->proto != s->conf.counted.proto)
		return;
	cell = sim_cell(&s->conf, p, (uint32_t)s->port_index[p->dport] - 1);
	if (cell < 0)
		return;
	word = &s->cells[cell >> 3];
	if ((*word >> (cell & 7) * 8 & 0xff) < 0xff)
		__atomic_fetch_add(word, 1ull << (cell & 7) * 8, __ATOMIC_RELAXED);
}

/** Has the XDP program counted it and let it through? What it reads is a part of what we read. */
static bool is_admitted(const struct simnet *s, const struct sim_probe *p)
{
	return s->link && p->proto != SIM_SCTP && p->l4_len <= SIM_L4_FAST_MAX && !(p->l4_len & 3);
}

/** @return whether the probe gets through to its host. */
static bool admit(struct simnet *s, const struct sim_probe *p, const struct sim_verdict *v)
{
	s->n.n[v->is_established ? SIM_N_established : p->kind]++;
	if (sim_is_probe(p, v))
		count_endpoint(s, p);
	return !sim_is_lost(s, SIM_LOSS_IN, SIM_N_lost_in);
}

static bool is_limited(struct simnet *s, const struct sim_verdict *v)
{
	const struct sim_conf *c = &s->conf;
	uint64_t key = v->is_icmp_limited ? ~v->host : v->host;
	struct sim_limit *l = &s->limits[key & (c->n_limits - 1)];

	if (!v->is_rst_limited && !v->is_icmp_limited)
		return false;
	if (sim_limit_take(l, key, sim_now_ns(),
			   v->is_icmp_limited ? c->icmp_gap_ns : c->rst_gap_ns,
			   v->is_icmp_limited ? c->icmp_burst_ns : c->rst_burst_ns))
		return false;
	s->n.n[v->is_icmp_limited ? SIM_N_icmp_limited : SIM_N_rst_limited]++;
	return true;
}

/** Once, or as a duplicated port does. */
static void send_answer(struct simnet *s, const uint8_t *frame, uint32_t len,
			const struct sim_verdict *v)
{
	const struct sim_conf *c = &s->conf;
	uint32_t n = v->port && sim_has(c, v->port, SIM_DUPLICATED) ? c->n_copies : 1;
	uint32_t delay_us = sim_delay_us(c, v->host, v->port);
	bool is_late = v->port && sim_has(c, v->port, SIM_LATE);

	for (uint32_t i = 0; i < n; i++) {
		if (sim_is_lost(s, SIM_LOSS_OUT, SIM_N_lost_out))
			continue;
		if (!sim_send(s, frame, len, delay_us + (uint64_t)i * c->copy_gap_us))
			continue;
		s->n.n[i ? SIM_N_copies : sim_answer_counter(v)]++;
		s->n.n[SIM_N_late] += is_late;
	}
}

static void answer(struct simnet *s, uint8_t *frame, uint32_t len, const struct sim_probe *p,
		   const struct sim_verdict *v)
{
	uint8_t error[SIM_FRAME_MAX];
	int answer_len;

	if (v->action == SIM_SILENT) {
		s->n.n[SIM_N_silent] += sim_is_probe(p, v);
		return;
	}
	if (is_limited(s, v))
		return;
	if (v->action == SIM_ANSWER_ICMP_ERROR) {
		send_answer(s, error, sim_icmp_error(s, frame, len, p, v, error), v);
		return;
	}
	answer_len = v->action == SIM_ANSWER_SCTP ? (int)sim_sctp_answer(frame, len, p, v)
						  : sim_patch(frame, frame + len, p, v);
	if (answer_len > 0)
		send_answer(s, frame, (uint32_t)answer_len, v);
	else
		s->n.n[SIM_N_silent]++;
}

void sim_frame(struct simnet *s, uint8_t *frame, uint32_t len)
{
	struct sim_probe p = {0};
	struct sim_verdict v;
	int err = sim_read(frame, frame + len, &p);

	if (err == SIM_READ_IP_SUM || err == SIM_READ_L4_SUM) {
		s->n.n[err == SIM_READ_IP_SUM ? SIM_N_bad_ip_sum : SIM_N_bad_l4_sum]++;
		return;
	}
	if (err || p.kind == SIM_N_nd) {
		if (!sim_link_frame(s, frame, len))
			s->n.n[SIM_N_other]++;
		return;
	}
	if (!sim_contains(&s->conf, p.dst_hi, p.dst_lo)) {
		s->n.n[SIM_N_outside]++;
		return;
	}
	if (p.proto == SIM_SCTP && !sim_sctp_is_intact(frame, len, &p)) {
		s->n.n[SIM_N_bad_l4_sum]++;
		return;
	}
	sim_judge(&s->conf, &p, &v);
	if (!is_admitted(s, &p) && !admit(s, &p, &v))
		return;
	if (v.port && sim_is_probe(&p, &v) && sim_has(&s->conf, v.port, SIM_FORGED))
		sim_forge(s, frame, len, &p, &v);
	answer(s, frame, len, &p, &v);
}
