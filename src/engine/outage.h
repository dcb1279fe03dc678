/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way out is down for a while: a cable, a switch's port, an interface that is set down and up.
 * What was under way then is lost, and no target's silence. Internal to engine/. Thread: the
 * worker's.
 */
#pragma once

#include "base/compiler.h"

#define OUTAGE_NAP_US     10000u
#define OUTAGE_PATIENCE_S 10u
#define OUTAGE_IFACES_MAX 8u /* that are looked at; others show by what sending says */

struct worker;

/** Zeroed: nothing has happened. */
struct outage {
	int fd; /* for questions about interfaces; 0: none asked yet */
	uint32_t if_idx[OUTAGE_IFACES_MAX], n_ifaces;
	uint32_t n_paths;       /* of the worker when the list was made */
	uint64_t look_ns;       /* when to look at them next */
	uint64_t since_ns;      /* it is down since; 0: it is not */
	bool is_back;           /* the interfaces are; the next packet tells */
	int error;              /* what it was known by */
	uint64_t n_refused_was; /* packets that the kernel has refused, at the last good look */
	uint64_t n_refused;     /* of them those that were asked again */
	uint32_t n;             /* outages so far */
	uint64_t lasted_ns;     /* all of them */
};

/**
 * May the worker send? Looks at its interfaces now and then; when they are back, what was under way
 * is to be asked again, as the same attempts.
 * @return 1; 0: not now; -errno: down for OUTAGE_PATIENCE_S.
 */
int outage_pass(struct worker *w, uint64_t now_ns) MUST_CHECK;
/** Sending or receiving failed. @return 0 when that may pass, else @p err. */
int outage_begin(struct outage *o, uint64_t now_ns, int err) MUST_CHECK;
/** Packets left: it is over, if there was one. */
void outage_end(struct outage *o, uint64_t now_ns);
void outage_close(struct outage *o);
