/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of an event log: headers, footers, rotation, and what became of each record. Internal
 * to eventlog.c. Thread: one at a time. */
#pragma once

#include "out/eventjson.h"

struct logfile {
	const struct scan_info *scan;
	char *path;
	uint64_t max_bytes; /* 0: one file */
	int fd, error;      /* first -errno */
	uint32_t part, n_writes;
	uint64_t file_bytes, total_bytes;
	uint64_t last_seq;
	struct eventjson json;
	struct buf text;             /* records and ends not written yet */
	uint32_t n_waiting[EVENT_N]; /* of these */
	uint64_t n_written[EVENT_N], n_lost[EVENT_N];
};

/** @param path copied. @return 0, -errno, -ENOMEM. */
int logfile_open(struct logfile *f, const char *path, const struct scan_info *scan,
		 uint64_t max_bytes) MUST_CHECK;
/** One record as a line, from the event or from its text; files change between records. */
void logfile_put(struct logfile *f, const struct event *ev, const struct bytes *line);
/** Hand everything to the kernel. */
void logfile_flush(struct logfile *f);
/** The footer, then close. @param n_dropped by kind, before they came here. @return 0 or the first
 * -errno. */
int logfile_close(struct logfile *f, const uint64_t n_dropped[EVENT_N]);
