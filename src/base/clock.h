/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time. Monotonic for intervals, wall for stamps; a fake clock for tests. Thread: any. */
#pragma once

#include "base/compiler.h"

/** CLOCK_MONOTONIC in ns, or the fake clock. Cost: about 25 ns. */
uint64_t clock_now_ns(void);
/** CLOCK_REALTIME in ns since 1970. */
uint64_t clock_wall_ns(void);
/** CPU time of the calling thread in ns, or the fake clock. Cost: a system call, about 200 ns. */
uint64_t clock_thread_ns(void);
/** Tests: clock_now_ns and clock_wall_ns return @p ns from now on; 0 returns to the real clock. */
void clock_fake_set(uint64_t ns);
/** "2026-11-22T01:32:45.123456789Z" (RFC 3339, UTC, 30 characters) into @p out[32]; @return @p out.
 */
char *clock_format_rfc3339(uint64_t wall_ns, char out[32]);
