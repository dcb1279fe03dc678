/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cap over all packets of a worker (--max-rate). What the network can carry is found elsewhere
 * (flow.h).
 */
#pragma once

#include "base/compiler.h"

/** Departure-time limiter: no credit beyond burst, so no second exceeds the cap by more than it. */
struct pace {
	uint64_t gap_ns_q8;  /* time per packet, 1/256 ns; 0: no limit */
	uint64_t next_ns_q8; /* when the next packet may leave, since base_ns */
	uint64_t base_ns;
	uint32_t burst; /* packets that may leave together: 10 ms worth, at least 1 */
};

/** @param rate_pps 0: no limit. */
void pace_init(struct pace *p, uint32_t rate_pps, uint64_t now_ns);
/** @return how many of @p want packets may leave now. Cost: 3 ns without limit. */
uint32_t pace_budget(struct pace *p, uint64_t now_ns, uint32_t want);
/** Account for @p n packets sent now. */
void pace_spend(struct pace *p, uint64_t now_ns, uint32_t n);
/** Nanoseconds until a worthwhile number of packets may leave (0: now). */
uint64_t pace_wait_ns(const struct pace *p, uint64_t now_ns);
