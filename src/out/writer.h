/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files are written on a thread of their own, so that a slow disk does not hold the scan up. The
 * thread begins with the first bytes that are put; who has none to put while the scan runs has no
 * thread. Thread: owner, unless said otherwise.
 */
#pragma once

#include "base/buf.h"

#include <stdatomic.h>

/** Bytes that wait at most; beyond them writer_put waits, for results are never dropped. */
#define WRITER_WAITING_MAX_BYTES (64u << 20)

/** A descriptor. Numbers are the thread's until writer_wait. */
struct writer_lane {
	int fd;
	_Atomic int error; /* the first -errno; what comes later is thrown away. Thread: any */
	uint64_t n_writes, n_bytes;
};

struct writer; /* opaque */

/** @return owned, or NULL without memory. */
struct writer *writer_new(void) MUST_CHECK;
/** Waits for what was put. Accepts NULL. */
void writer_free(struct writer *w);
/** Have the bytes written in the order of these calls. Takes them: @p b is empty afterwards. Keeps
 * @p l until writer_wait. */
void writer_put(struct writer *w, struct writer_lane *l, struct buf *b);
/** Until everything put is with the kernel, or has failed. Cheap when nothing is. */
void writer_wait(struct writer *w);
/** Write here and now; nothing of the lane may wait. */
void writer_write(struct writer_lane *l, const void *p, size_t len);
