/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scan tells of itself while it runs: progress, metrics, the event log, that it was paused
 * or cancelled. Thread: owner.
 */
#pragma once

#include "cli/options.h"
#include "engine/engine.h"
#include "event/hosts.h"
#include "out/eventlog.h"
#include "out/metrics.h"
#include "out/profile.h"

/** Invariant: zeroed memory is a closed monitor. */
struct monitor {
	const struct config *c;
	struct bus *bus;
	const struct hosts *hosts;
	struct eventlog *log;    /* NULL: none is asked for */
	struct metrics *metrics; /* the same */
	struct profile *profile; /* the same */
	uint64_t start_ns;
	uint64_t progress_ns, metrics_ns, pause_ns; /* when each was last seen to */
	struct engine_progress last;                /* told in a progress event */
	uint64_t rate_pps;
	uint64_t n_warned_drops;
	bool is_cancelled;
};

/** Create the files, subscribe: last of all. @param start_ns when the scan began. @return 0, or
 * -errno with the message written. */
int monitor_open(struct monitor *m, const struct config *c, const struct hosts *hosts,
		 struct bus *bus, uint64_t start_ns) MUST_CHECK;
/** The scan begins: scan_started, and what led to it. @param targets for names that were typed. */
void monitor_begin(struct monitor *m, const struct targets *targets);
/** Every millisecond or so. @param e NULL: no engine runs. */
void monitor_tick(struct monitor *m, const struct engine *e, uint64_t now_ns);
/** Once: the scan will end before its time. @param sig that asked for it; 0: nobody reads its
 * reports. */
void monitor_cancelled(struct monitor *m, int sig);
/** The last metrics, before scan_completed. */
void monitor_end(struct monitor *m, const struct engine *e, uint64_t now_ns);
/** Something that was asked for is not whole: exit code 3. */
bool monitor_has_failed(const struct monitor *m);
/** Write, close; what went wrong is told to the user. Accepts a closed one. @return 0 or -errno. */
int monitor_close(struct monitor *m);
