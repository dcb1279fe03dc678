/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --profile DIR: where the scan's own time went, as DIR/profile.json and a page with charts,
 * DIR/profile.html. Stages, round trips and totals come from events, threads from the kernel, what
 * workers measured from the engine. Thread: owner (the bus's).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "event/bus.h"
#include "event/profile.h"

#define PROFILE_WORKERS_MAX 8u
#define PROFILE_THREADS_MAX 32u

/** A thread that was there at the end; a worker's that was not has its own record. */
struct profile_thread {
	char name[20];
	uint64_t cpu_ns;
};

/** All that is told. Times are since the program's start_ns, or of the processor. */
struct profile_told {
	const struct scan_info *scan; /* borrowed */
	const char *backend;          /* borrowed; NULL: the scan did not end */
	uint64_t elapsed_ns, cpu_ns;
	uint64_t n_sent, n_received;
	uint64_t stage_wall_ns[STAGE_N], stage_cpu_ns[STAGE_N];
	struct profile_hist rtt_us; /* of answers whose round trip is known */
	struct profile_worker worker[PROFILE_WORKERS_MAX];
	uint32_t n_workers;
	struct profile_thread thread[PROFILE_THREADS_MAX];
	uint32_t n_threads;
};

struct profile; /* opaque */

/** Make the directory when it is missing, and both files: whoever may not write learns it before
 * the scan. @param start_ns monotonic, when the scan began. @return 0, or -errno with @p reterr. */
int profile_open(const char *dir, const struct scan_info *scan, uint64_t start_ns,
		 struct profile **ret, struct err_where *reterr) MUST_CHECK;
/** Subscribe. @return 0 or -E_FULL. */
int profile_start(struct profile *p, struct bus *bus) MUST_CHECK;
/** One worker's own measurements, before scan_completed. More than PROFILE_WORKERS_MAX are left
 * out. */
void profile_put_worker(struct profile *p, const struct profile_worker *w);
/** Write, close, free. Accepts NULL. @return 0 or the first -errno, with @p reterr. */
int profile_close(struct profile *p, struct err_where *reterr);

/** The two forms. */
void profile_put_json(struct buf *b, const struct profile_told *t);
void profile_put_page(struct buf *b, const struct profile_told *t);
