/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SCTP as far as a scan asks: INIT is answered by INIT ACK on open ports and by ABORT on closed
 * ones; everything else by silence.
 * Sources: RFC 9260 3.1, 3.3.2, 3.3.3, 3.3.7, 8.4 and appendix A (CRC32c).
 */
#include "daemon.h"

#include <string.h>

static uint32_t crc32c(const uint8_t *p, uint32_t len)
{
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : p[i]; /* the field itself counts as 0 */
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

bool sim_sctp_is_intact(const uint8_t *frame, uint32_t len, const struct sim_probe *p)
{
	const uint8_t *t = frame + (p->is_v6 ? 54 : 34);

	return p->l4_len >= 12 && t + p->l4_len <= frame + len &&
	       SIM_LD32(t + 8) == crc32c(t, p->l4_len); /* sent low byte first */
}

uint32_t sim_sctp_answer(uint8_t *frame, uint32_t len, const struct sim_probe *p,
			 const struct sim_verdict *v)
{
	uint8_t *t = frame + (p->is_v6 ? 54 : 34);
	uint32_t isn = sim_isn(v->port), tag, t_len;

	if (p->l4_len < 32 || t + p->l4_len > frame + len || t[12] != 1)
		return 0;
	tag = SIM_LD32(t + 16);
	SIM_ST16(t, SIM_BE16(p->dport));
	SIM_ST16(t + 2, SIM_BE16(p->sport));
	SIM_ST32(t + 4, tag);
	if (v->state == SIM_STATE_OPEN) {
		t_len = 40;
		SIM_ST32(t + 12, SIM_BE32(0x02000000u + 28));
		SIM_ST32(t + 16, SIM_BE32(isn | 1));
		SIM_ST32(t + 20, SIM_BE32(65536u));
		SIM_ST32(t + 24, SIM_BE32(10u << 16 | 10));
		SIM_ST32(t + 28, SIM_BE32(isn));
		SIM_ST32(t + 32, SIM_BE32(7u << 16 | 8)); /* state cookie */
		SIM_ST32(t + 36, SIM_BE32(~isn));
	} else {
		t_len = 16;
		SIM_ST32(t + 12, SIM_BE32(0x06000000u + 4));
	}
	SIM_ST32(t + 8, crc32c(t, t_len));
	sim_swap_ethernet(frame);
	return sim_patch_ip(frame + 14, frame + len, p, v, t_len) ? 0
								  : (uint32_t)(t - frame) + t_len;
}
