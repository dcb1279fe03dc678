/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cap over all packets of a worker (--max-rate). What the network can carry is found elsewhere
 * (flow.h).
 */
#pragma once

#include "base/compiler.h"

/** How fast the user lets the scan be, beside the cap; 0: no bound. */
struct pace_bounds {
	uint32_t min_rate_pps;         /* over all hosts: found limits do not go below */
	uint32_t scan_delay_us;        /* between two probes to a host, at least */
	uint32_t max_delay_us;         /* a found limit puts no more between probes to a host */
	uint32_t max_tcp_delay_us;     /* the same, unless they are UDP probes */
	uint32_t min_outstanding;      /* found limits hold nothing back below this many */
	uint32_t max_outstanding;      /* probes that wait for answers */
	uint32_t host_timeout_ms;      /* of the port scan of a host */
	uint32_t min_hosts, max_hosts; /* scanned at a time */
	bool is_rate_fixed;            /* no limits are found */
};
/** The part of worker @p i of @p n of what is shared out: rates and outstanding probes. */
struct pace_bounds pace_bounds_share(const struct pace_bounds *b, uint32_t i, uint32_t n);

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
