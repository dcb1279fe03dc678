/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A record of the frames that go through back ends, as a pcapng file. A tap stands before a back
 * end and copies what passes into a ring of its own; one thread empties the rings into the file.
 * The path of packets never waits: a frame that the ring has no room for is counted as dropped.
 * Without a capture there is no tap, and it costs nothing.
 */
#pragma once

#include "pktio/pktio.h"

struct capture;

struct capture_totals {
	uint64_t n_sent, n_received; /* frames in the file */
	uint64_t n_dropped;          /* frames it had no room for in time */
};

/** Create the file. @param app program and version, for the file. @return 0, -errno or -ENOMEM. */
int capture_open(const char *path, const char *app, struct capture **ret) MUST_CHECK;
/**
 * Put a tap before @p io, which is replaced. Frames count as sent when they are committed.
 * @param c NULL: nothing happens. @return 0, or -ENOMEM with @p io as it was. Thread: owner.
 */
int capture_tap(struct capture *c, struct pktio **io) MUST_CHECK;
/** Start the thread: after privileges are dropped, before the first frame. @return 0 or -errno. */
int capture_start(struct capture *c) MUST_CHECK;
/**
 * Write the rest and the interfaces' statistics, free. All tapped back ends must be closed.
 * @return 0, or the first -errno of a write. Accepts NULL.
 */
int capture_close(struct capture *c, struct capture_totals *ret);
