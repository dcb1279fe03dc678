/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outputs that a command line asks for, opened and fed by the bus: the same for a scan, for one
 * that is resumed and for results that are read again. Thread: owner. */
#pragma once

#include "cli/options.h"
#include "cli/vendor.h"
#include "out/out.h"
#include "target/services.h"

/** Invariant: zeroed memory is a closed report. */
struct report {
	struct out_conf conf;
	struct outs *outs;
	struct services *services;
	struct vendor *vendor;
	const struct range_set *targets; /* set by the owner before report_open; NULL: not known */
};

/**
 * Open every output and subscribe them. Borrows everything until report_close. @return 0, or -errno
 * with the message written.
 */
int report_open(struct report *r, const struct config *c, const struct hosts *hosts,
		struct services *services, struct bus *bus) MUST_CHECK;
/** End the documents, write, close; a failure is told to the user. Accepts a closed one. @return 0
 * or -errno. */
int report_close(struct report *r);
