/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The causes, a row each: does it hold, and how to say it. The first that holds is said: losses of
 * this machine's own before what slows without loss, and what a user can change before what only
 * explains. docs/internals/coverage.md lists them.
 */
#include "engine/bottleneck.h"

#include <stdio.h>

#define STEAL_MIN 0.1
#define SHARE_MIN 0.3
#define BUSY_MIN  0.85
#define AFTER_MIN 0.5
enum { FULL_MIN = 10, RESULT_WAITS_MIN = 100 };

static double share_of(const struct bottleneck_facts *f, enum spent what)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < SPENT_N; i++)
		all += f->spent_ns[i];
	return all ? (double)f->spent_ns[what] / (double)all : 0;
}

static double cores_busy(const struct bottleneck_facts *f)
{
	double cores = MAX(f->n_cores, 1u);

	return f->elapsed_ns ? (double)f->cpu_ns / (double)f->elapsed_ns / cores : 0;
}

static double share_after(const struct bottleneck_facts *f)
{
	return f->elapsed_ns ? (double)f->after_ns / (double)f->elapsed_ns : 0;
}

#define SAYS(name, claim, ...)                                                                     \
	static bool is_##name(const struct bottleneck_facts *f)                                    \
	{                                                                                          \
		return claim;                                                                      \
	}                                                                                          \
	static void say_##name(const struct bottleneck_facts *f, char *out, size_t cap)            \
	{                                                                                          \
		snprintf(out, cap, __VA_ARGS__);                                                   \
	}

SAYS(receive, f->n_rx_drops > 0,
     "this machine's receive buffers: %llu replies found no room (lower --max-rate)",
     (unsigned long long)f->n_rx_drops)
SAYS(no_route, f->n_no_route > 0, "routes: from here none leads to any of the %llu targets",
     (unsigned long long)f->n_no_route)
SAYS(tracking, f->n_tracking_drops > 0,
     "this machine's connection tracking: its full table dropped %llu packets",
     (unsigned long long)f->n_tracking_drops)
SAYS(transmit, f->n_tx_full >= FULL_MIN || (f->n_tx_errors && f->n_tx_full),
     "the transmit queue: full %llu times, %llu packets given up", (unsigned long long)f->n_tx_full,
     (unsigned long long)f->n_tx_errors)
SAYS(sockets, f->n_socket_errors > 0,
     "ports and descriptors of this machine: %llu connects had to wait for one",
     (unsigned long long)f->n_socket_errors)
SAYS(stolen, f->stolen >= STEAL_MIN, "the hypervisor: %.0f %% of the CPU time went to other guests",
     f->stolen * 100)
SAYS(cap, f->max_rate_pps &&share_of(f, SPENT_CAP) >= SHARE_MIN,
     "--max-rate: %.0f %% of the time went by waiting for %u packets per second",
     share_of(f, SPENT_CAP) * 100, f->max_rate_pps)
SAYS(delay, share_of(f, SPENT_DELAY) >= SHARE_MIN,
     "the options: %.0f %% of the time went by waiting for the scan delay or for probes "
     "outstanding",
     share_of(f, SPENT_DELAY) * 100)
SAYS(paced, share_of(f, SPENT_PACED) >= SHARE_MIN,
     "the targets or the path to them: %.0f %% of the time went by not asking faster than they "
     "answer",
     share_of(f, SPENT_PACED) * 100)
SAYS(detection, share_after(f) >= AFTER_MIN,
     "detection: %.0f %% of the time went by after the ports were known", share_after(f) * 100)
SAYS(results, f->n_result_waits >= RESULT_WAITS_MIN,
     "the outputs: results had to wait for them %llu times", (unsigned long long)f->n_result_waits)
SAYS(cpu, cores_busy(f) >= BUSY_MIN, "the CPU: %u cores were busy %.0f %% of the time", f->n_cores,
     cores_busy(f) * 100)
SAYS(silent, share_of(f, SPENT_SILENT) >= SHARE_MIN,
     "waiting for answers and for the time-outs of what never answers: %.0f %% of the time",
     share_of(f, SPENT_SILENT) * 100)
SAYS(sending, share_of(f, SPENT_SENDING) >= SHARE_MIN,
     "sending and receiving: %.0f %% of the time of each thread", share_of(f, SPENT_SENDING) * 100)
SAYS(nothing, true, "nothing that was measured, in %.1f ms", (double)f->elapsed_ns / 1e6)

#define ROW(name)                                                                                  \
	{                                                                                          \
		is_##name, say_##name                                                              \
	}

static const struct {
	bool (*is)(const struct bottleneck_facts *f);
	void (*say)(const struct bottleneck_facts *f, char *out, size_t cap);
} causes[] = {
	ROW(no_route), ROW(receive),   ROW(tracking), ROW(transmit), ROW(sockets),
	ROW(stolen),   ROW(detection), ROW(cap),      ROW(delay),    ROW(paced),
	ROW(results),  ROW(cpu),       ROW(silent),   ROW(sending),  ROW(nothing),
};

void bottleneck_say(const struct bottleneck_facts *f, char *out, size_t cap)
{
	size_t i = 0;

	while (!causes[i].is(f))
		i++;
	causes[i].say(f, out, cap);
}
