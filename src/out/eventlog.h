/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --event-log: every event as a JSON line. Events are copied into a bounded queue and become text
 * on a thread of the log's own, so that neither the text nor a slow disk holds the scan up. What
 * the queue has no room for is dropped and counted by kind: in the file's footer, and by
 * eventlog_n_dropped. Functions here: thread owner (the bus's).
 */
#pragma once

#include "event/bus.h"

/** Bytes of events that wait at most: about 280,000 ports. */
#define EVENTLOG_QUEUE_MAX_BYTES (32u << 20)

struct eventlog_conf {
	const char *path;             /* borrowed; a fifo will do */
	const struct scan_info *scan; /* borrowed */
	uint64_t file_max_bytes;      /* then FILE.1, FILE.2, ...; 0: one file */
	uint64_t queue_max_bytes;     /* 0: EVENTLOG_QUEUE_MAX_BYTES */
};

struct eventlog; /* opaque */

/** Create or empty the file. @return 0; -errno with @p reterr; -ENOMEM. Memory: 17 kB until more
 * waits. */
int eventlog_open(const struct eventlog_conf *conf, struct eventlog **ret,
		  struct err_where *reterr) MUST_CHECK;
/** Subscribe; last of all, so that results stand before what follows from them. @return 0 or
 * -E_FULL. */
int eventlog_start(struct eventlog *log, struct bus *bus) MUST_CHECK;
/** Let what waits be written. */
void eventlog_flush(struct eventlog *log);
/** The same, and wait until it is, a second at most. */
void eventlog_sync(struct eventlog *log);
/** Events that the queue had no room for so far. */
uint64_t eventlog_n_dropped(const struct eventlog *log);
struct eventlog_totals {
	uint64_t n_written, n_dropped; /* together: all events published to it */
	uint64_t n_bytes;
	uint32_t n_files, n_writes;
};
/**
 * Write what waits and the footer, close, free. Accepts NULL. @param ret may be NULL.
 * @return 0; the first -errno of writing (@p reterr names the file); n_dropped counts what it lost.
 */
int eventlog_close(struct eventlog *log, struct eventlog_totals *ret, struct err_where *reterr);
