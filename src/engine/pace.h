/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast: the cap over all packets of a worker (--max-rate), and the pace of one host, found
 * from its own answers. A host is slowed only on evidence that answers are being lost: probes
 * answered on retransmission while fewer answers return than probes go out. Its new pace is
 * the measured rate of answers. If slowing down does not help, the loss is the path's and the pace
 * is lifted again.
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

/** Pace of one host and the window it is judged by. */
struct host_pace {
	uint32_t gap_ns;     /* time between probes; 0: no limit */
	uint32_t bad_gap_ns; /* the pace that lost answers last; 0: unlimited or none yet */
	uint32_t win_start_us;
	uint64_t next_ns; /* earliest next probe */
	uint32_t n_sent, n_replies;
	uint16_t n_recovered; /* replies to retransmissions in this window, saturating */
	uint8_t last_ratio;   /* answered percent before the last cut */
	uint8_t n_useless;    /* cuts that did not help; at HOST_PACE_GIVE_UP pacing ends */
	uint32_t n_wait;      /* probes of this host that wait for their turn */
};
#define HOST_PACE_GIVE_UP 3

/** May a probe of this host leave now? Takes its turn when it may. @p ret_due_ns otherwise: when to
 * ask again. */
bool host_pace_gate(struct host_pace *p, uint64_t now_ns, uint32_t salt, uint64_t *ret_due_ns);
/** A reply came. @param is_recovered to a retransmission. @param window_us judging interval. */
void host_pace_reply(struct host_pace *p, uint32_t now_us, bool is_recovered, uint32_t window_us);
