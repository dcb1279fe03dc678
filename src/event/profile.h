/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scan measures of itself for --profile: where workers' time went, how full batches and
 * rings were. Filled by the engine, written by out/profile.c.
 */
#pragma once

#include "base/compiler.h"

/** What a worker's thread does; its time is divided among these without rest. */
// clang-format off
#define PROFILE_LIST(X) \
	X(PROFILE_STARTING, "starting", "until its way in hears") \
	X(PROFILE_PUBLISHING, "publishing", "events to outputs, where the worker does it itself") \
	X(PROFILE_BUILDING, "building", "probes chosen and frames patched") \
	X(PROFILE_SENDING, "sending", "frames handed to the kernel; connect scan: connections begun") \
	X(PROFILE_WAITING, "waiting", "for answers, time-outs or the cap") \
	X(PROFILE_RECEIVING, "receiving", "answers taken from the kernel; connect scan: outcomes, and what they mean") \
	X(PROFILE_MATCHING, "matching", "answers decoded and matched") \
	X(PROFILE_TIMERS, "timers", "time-outs of probes") \
	X(PROFILE_CLOSING, "closing", "sockets and what was left")
// clang-format on
#define X(id, ...) id,
enum profile_part { PROFILE_LIST(X) PROFILE_N };
#undef X

struct profile_part_spec {
	const char *name, *help;
};
extern const struct profile_part_spec profile_parts[PROFILE_N];

/** Counts by size: exact below 4, then four steps for each doubling. */
#define PROFILE_BUCKETS 124u
struct profile_hist {
	uint64_t n, sum;
	uint32_t max;
	uint32_t bucket[PROFILE_BUCKETS];
};
void profile_count(struct profile_hist *h, uint32_t value);
/** The smallest value of a bucket; of PROFILE_BUCKETS: one more than the largest. */
uint64_t profile_bucket_lo(uint32_t idx);
/** Below which @p share of the values lie: the upper end of that bucket, at most the largest value;
 * 0 without values. */
uint64_t profile_quantile(const struct profile_hist *h, double share);

/** One worker. Times are of its own thread. */
struct profile_worker {
	bool is_main;   /* it ran on the thread that publishes */
	bool has_calls; /* n_*_calls are counted: packets, not connects */
	uint64_t user_ns, system_ns;
	uint64_t spent_ns[PROFILE_N];
	uint64_t n_sent, n_received; /* packets; connect scan: attempts and outcomes */
	uint64_t n_sent_calls, n_received_calls;
	struct profile_hist sent_at_once, received_at_once; /* of turns with any */
	struct profile_hist ring_used;                      /* events waiting, once a turn */
	uint32_t ring_cap;
	uint64_t n_ring_full; /* waits for room in it */
};
