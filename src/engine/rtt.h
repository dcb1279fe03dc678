/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Round-trip time estimation (RFC 6298 2), microseconds. Thread: owner. */
#pragma once

#include "base/compiler.h"

/** Invariant: srtt_us == 0 means no sample yet. */
struct rtt {
	uint32_t srtt_us, rttvar_us;
	uint32_t min_us; /* lowest sample: time in our own queues left out, what reports call
			    latency */
};

/** Longest sample believed: what is later answers no time-out, and sums stay within 32 bits. */
#define RTT_SAMPLE_MAX_US 60000000u

static inline void rtt_sample(struct rtt *r, uint32_t us)
{
	us = CLAMP(us, 1u, RTT_SAMPLE_MAX_US);
	r->min_us = r->min_us ? MIN(r->min_us, us) : us;
	if (!r->srtt_us) {
		r->srtt_us = us;
		r->rttvar_us = us / 2;
		return;
	}
	uint32_t err = us > r->srtt_us ? us - r->srtt_us : r->srtt_us - us;
	r->rttvar_us += err / 4 - r->rttvar_us / 4;
	r->srtt_us = (uint32_t)((int64_t)r->srtt_us + ((int64_t)us - r->srtt_us) / 8);
	r->srtt_us = MAX(r->srtt_us, 1u);
}

static inline uint32_t rtt_rto_us(const struct rtt *r)
{
	return r->srtt_us + 4 * r->rttvar_us;
}
