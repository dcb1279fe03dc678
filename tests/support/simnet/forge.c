/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replies that nobody may believe, one of each kind for a probe: SYN+ACK and RST that acknowledge
 * something else, a SYN+ACK from a port that was not asked, SYN+ACK and RST from a neighbour's
 * address, and an ICMP error about a packet that was never sent. To a datagram: one from another
 * port, one from a neighbour, and the ICMP error.
 */
#include "daemon.h"

#include <string.h>

enum { FORGE_SYNACK, FORGE_RST, FORGE_PORT, FORGE_THIRD_SYNACK, FORGE_THIRD_RST, FORGE_ICMP };

static const struct {
	uint8_t flags, is_ack_wrong, is_port_wrong, is_third, is_for_udp;
} rows[] = {
	[FORGE_SYNACK] = {SIM_SYN | SIM_ACK, 1, 0, 0, 0},
	[FORGE_RST] = {SIM_RST | SIM_ACK, 1, 0, 0, 0},
	[FORGE_PORT] = {SIM_SYN | SIM_ACK, 0, 1, 0, 1},
	[FORGE_THIRD_SYNACK] = {SIM_SYN | SIM_ACK, 0, 0, 1, 1},
	[FORGE_THIRD_RST] = {SIM_RST | SIM_ACK, 0, 0, 1, 0},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) + 1 == SIM_FORGED_KINDS, "a row each, and ICMP");

static void send_forged(struct simnet *s, const uint8_t *frame, uint32_t len)
{
	if (sim_send(s, frame, len, 0))
		s->n.n[SIM_N_forged]++;
}

/** Make the neighbouring address the probe's destination; the checksum above IP follows. */
static void move_to_neighbour(uint8_t *frame, struct sim_probe *p)
{
	uint8_t *last = frame + (p->is_v6 ? 53 : 33);
	uint32_t before = p->addr_sum;
	uint8_t *l4 = frame + (p->is_v6 ? 54 : 34);

	*last ^= 5;
	p->addr_sum = sim_fold((uint64_t)before + (uint16_t) ~(uint16_t)(*last ^ 5) + *last);
	if (p->proto == SIM_UDP && SIM_LD16(l4 + 6)) {
		uint64_t sum = (uint16_t)~SIM_BE16(SIM_LD16(l4 + 6));

		sum += (uint64_t)(uint16_t) ~(uint16_t)(*last ^ 5) + *last;
		SIM_ST16(l4 + 6, SIM_BE16((uint16_t)~sim_fold(sum)));
	}
}

static void forge_reply(struct simnet *s, uint32_t row, uint8_t *frame, uint32_t len,
			struct sim_probe p, struct sim_verdict v)
{
	uint32_t wrong = rows[row].is_ack_wrong ? (uint32_t)sim_random(s) | 0x01000000u : 0;
	int n;

	v.action = p.proto == SIM_TCP ? SIM_ANSWER_TCP : SIM_ANSWER_UDP;
	v.flags = rows[row].flags;
	v.seq = (uint32_t)sim_random(s);
	v.ack = (p.seq + 1) ^ wrong;
	v.window = 8192;
	if (rows[row].is_third)
		move_to_neighbour(frame, &p);
	if (rows[row].is_port_wrong) {
		if (p.proto == SIM_UDP) /* the datagram's checksum is not computed anew */
			SIM_ST16(frame + (p.is_v6 ? 60 : 40), 0);
		p.dport ^= 0x0400;
	}
	if (p.proto == SIM_UDP && p.is_v6 && rows[row].is_port_wrong)
		return; /* IPv6 has no datagram without a checksum */
	n = sim_patch(frame, frame + len, &p, &v);
	if (n > 0)
		send_forged(s, frame, (uint32_t)n);
}

/** About a probe with another sequence number (TCP) or from another port. */
static void forge_icmp(struct simnet *s, uint8_t *frame, uint32_t len, const struct sim_probe *p,
		       struct sim_verdict v)
{
	uint8_t out[SIM_FRAME_MAX];
	uint8_t *l4 = frame + (p->is_v6 ? 54 : 34);

	if (p->proto == SIM_TCP)
		SIM_ST32(l4 + 4, SIM_BE32(p->seq ^ ((uint32_t)sim_random(s) | 0x01000000u)));
	else
		SIM_ST16(l4, SIM_BE16((uint16_t)(p->sport ^ 0x0101)));
	v.action = SIM_ANSWER_ICMP_ERROR;
	v.code = p->is_v6 ? 4 : 3;
	send_forged(s, out, sim_icmp_error(s, frame, len, p, &v, out));
}

void sim_forge(struct simnet *s, const uint8_t *frame, uint32_t len, const struct sim_probe *p,
	       const struct sim_verdict *v)
{
	uint8_t copy[SIM_FRAME_MAX];

	if (p->proto != SIM_TCP && p->proto != SIM_UDP)
		return;
	for (uint32_t i = 0; i < SIM_FORGED_KINDS; i++) {
		if (!(s->conf.forged_kinds >> i & 1))
			continue;
		memcpy(copy, frame, len);
		if (i == FORGE_ICMP)
			forge_icmp(s, copy, len, p, *v);
		else if (p->proto == SIM_TCP || rows[i].is_for_udp)
			forge_reply(s, i, copy, len, *p, *v);
	}
}
