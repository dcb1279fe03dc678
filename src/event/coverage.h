/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of the answer can be trusted: the counts behind the estimate, the estimate, and what
 * held the scan up. Filled by the engine, printed by the outputs; the counts are sums over hosts,
 * so strata of two scans (shards, a resumed one) may simply stand side by side.
 */
#pragma once

#include "base/compiler.h"

#define COVERAGE_ATTEMPTS_MAX 16u
#define COVERAGE_STRATA_MAX   40u

/**
 * Endpoints of hosts that lose alike, or of all hosts with few answers (is_pooled). An endpoint is
 * a port, in discovery a host.
 */
struct coverage_stratum {
	uint64_t n_hosts;
	uint64_t n_answered[COVERAGE_ATTEMPTS_MAX]; /* by the attempt that was answered */
	uint64_t n_silent[COVERAGE_ATTEMPTS_MAX];   /* by attempts made, less one */
	uint64_t n_again, n_again_answered; /* answered endpoints that were asked once more */
	bool is_pooled;
};

/** Invariant: strata[0] is the pooled one. */
struct coverage {
	uint32_t n_strata;
	uint16_t keys[COVERAGE_STRATA_MAX];
	struct coverage_stratum strata[COVERAGE_STRATA_MAX];
};

/** What the counts say. Fractions of the responsive endpoints; low and high enclose 95 %. */
struct coverage_estimate {
	bool is_known; /* false: nothing answered, so there is nothing to estimate from */
	double estimate, low, high;
	double of_asked;   /* the estimate of those that were asked to the end */
	double loss;       /* of one attempt, both ways together; over the answered endpoints */
	double n_attempts; /* mean made for an endpoint that stayed silent; 0: none did */
	uint64_t n_found, n_silent;
};

/** Said once, at the end. Owned by the engine. */
struct scan_trust {
	struct coverage_estimate estimate;
	struct coverage ports;         /* the counts it rests on */
	struct coverage_stratum hosts; /* of discovery */
	bool is_of_hosts;              /* the estimate is of hosts (-sn), not of ports */
	uint64_t
		n_late_ports; /* first answers of ports already stated silent: known to be missed */
	/* Ports of hosts that were timed out, given up, or not reached any more: any may be
	 * responsive */
	uint64_t n_unknown_ports;
	char bottleneck[200]; /* what held the scan up: one sentence without full stop */
};
