/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --host-timeout for what comes behind the port scan: the time that a host's ports took is spent,
 * what is left of it each detector may take, from its first question to the host on. Waiting for
 * other hosts costs nothing. Thread: the bus's.
 */
#pragma once

#include "base/clock.h"
#include "event/hosts.h"

#define BUDGET_ENDLESS UINT64_MAX

/**
 * Nanoseconds that one detector may take for a host. @param scanned_wall_ns when its ports were
 * known; 0: they are still asked for. @param timeout_ms 0: no limit, BUDGET_ENDLESS.
 */
static inline uint64_t budget_left_ns(const struct hosts *hosts, uint64_t host_idx,
				      uint64_t scanned_wall_ns, uint32_t timeout_ms)
{
	const struct host *host = timeout_ms ? hosts_find(hosts, host_idx) : NULL;
	uint64_t until_ns = scanned_wall_ns ? scanned_wall_ns : clock_wall_ns();
	uint64_t total_ns = timeout_ms * (uint64_t)NS_PER_MS;
	struct host_facts f;

	if (!host)
		return BUDGET_ENDLESS;
	host_facts(hosts, host, &f);
	uint64_t spent_ns = until_ns > f.start_ns ? until_ns - f.start_ns : 0;
	return total_ns - MIN(spent_ns, total_ns);
}

/** The same as a time of clock_now_ns(), from now on; 0: never. */
static inline uint64_t budget_deadline(uint64_t left_ns)
{
	return left_ns == BUDGET_ENDLESS ? 0 : clock_now_ns() + left_ns;
}
