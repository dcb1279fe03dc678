/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neighbours: ARP requests and neighbour solicitations for the router, and, on link, for every host
 * that is up, each with a hardware address of its own. Frames to any of them are ours.
 * Sources: RFC 826, RFC 4861 4.3, 4.4 and 7.2.
 */
#include "daemon.h"

#include <string.h>

/** 02:5e and 32 bits of the host's hash; the router has the interface's own. */
static bool owner(struct simnet *s, const uint8_t *address, bool is_v6, uint8_t mac[6])
{
	uint64_t hi = 0, lo = 0xffff00000000ull | SIM_BE32(SIM_LD32(address));
	struct sim_host h;

	if (is_v6 ? s->has_router6 && !memcmp(address, s->router6, 16)
		  : s->has_router4 && !memcmp(address, s->router4, 4)) {
		memcpy(mac, s->mac, 6);
		return true;
	}
	if (is_v6) {
		hi = (uint64_t)SIM_BE32(SIM_LD32(address)) << 32 | SIM_BE32(SIM_LD32(address + 4));
		lo = (uint64_t)SIM_BE32(SIM_LD32(address + 8)) << 32 |
		     SIM_BE32(SIM_LD32(address + 12));
	}
	sim_host(&s->conf, hi, lo, &h);
	if (!s->opt.is_on_link || !sim_contains(&s->conf, hi, lo) || !h.is_up)
		return false;
	mac[0] = 0x02;
	mac[1] = 0x5e;
	SIM_ST32(mac + 2, (uint32_t)h.hash);
	return true;
}

static void send_link(struct simnet *s, const uint8_t *frame, uint32_t len)
{
	if (sim_is_lost(s, SIM_LOSS_OUT, SIM_N_lost_out))
		return;
	if (sim_send(s, frame, len, 0))
		s->n.n[SIM_N_answer_link]++;
}

static void arp(struct simnet *s, const uint8_t *a, uint32_t len)
{
	uint8_t out[42], mac[6];

	if (len < 28 || a[7] != 1 || !owner(s, a + 24, false, mac))
		return;
	memcpy(out, a + 8, 6);
	memcpy(out + 6, mac, 6);
	memcpy(out + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02", 10);
	memcpy(out + 22, mac, 6);
	memcpy(out + 28, a + 24, 4);
	memcpy(out + 32, a + 8, 10);
	send_link(s, out, sizeof(out));
}

/** A solicited advertisement that overrides, with the target's hardware address. */
static void neighbour(struct simnet *s, const uint8_t *frame, uint32_t len)
{
	const uint8_t *n = frame + 14, *m = n + 40;
	uint8_t out[86] = {0}, mac[6];
	uint64_t sum = 32 + SIM_ICMP6;

	if (len < 78 || m[0] != 135 || n[7] != 255 || !owner(s, m + 8, true, mac))
		return;
	memcpy(out, frame + 6, 6);
	memcpy(out + 6, mac, 6);
	memcpy(out + 12, "\x86\xdd\x60", 3);
	out[19] = 32;
	out[20] = SIM_ICMP6;
	out[21] = 255;
	memcpy(out + 22, m + 8, 16);
	memcpy(out + 38, n + 8, 16);
	out[54] = 136;
	out[58] = 0x60;
	memcpy(out + 62, m + 8, 16);
	out[78] = 2;
	out[79] = 1;
	memcpy(out + 80, mac, 6);
	for (int i = 22; i < 54; i += 4)
		sum += SIM_BE32(SIM_LD32(out + i));
	sum = SIM_BE16(sim_fold(sum)) + (uint64_t)sim_sum(out + 54, out + 86, 32);
	SIM_ST16(out + 56, (uint16_t)~sim_fold(sum));
	send_link(s, out, sizeof(out));
}

bool sim_link_frame(struct simnet *s, uint8_t *frame, uint32_t len)
{
	if (len >= 42 && SIM_LD16(frame + 12) == SIM_BE16((uint16_t)0x0806)) {
		s->n.n[SIM_N_arp]++;
		if (!sim_is_lost(s, SIM_LOSS_IN, SIM_N_lost_in))
			arp(s, frame + 14, len - 14);
		return true;
	}
	if (len >= 62 && SIM_LD16(frame + 12) == SIM_BE16((uint16_t)0x86dd) &&
	    frame[20] == SIM_ICMP6 && frame[54] - 133u < 5u) {
		s->n.n[SIM_N_nd]++;
		if (!sim_is_lost(s, SIM_LOSS_IN, SIM_N_lost_in))
			neighbour(s, frame, len);
		return true;
	}
	return false;
}
