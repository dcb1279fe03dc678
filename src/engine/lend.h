/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers that divide the ports of the same hosts begin with equal parts, and cores are not equally
 * quick. One that has asked nearly all of its part says so; another then gives it up to LEND_MAX
 * probes that it has never asked. At any time a probe is of exactly one worker, so it is asked and
 * told once. A host stays open in every worker until no worker has probes of it left to give.
 *
 * Thread: any worker's; a box has one taker, and whoever turns it from wanted to filling writes it.
 * No locks, no calls; one look a turn.
 */
#pragma once

#include "engine/track.h"

#include <stdatomic.h>

#define LEND_MAX         1024u
#define LEND_WORKERS_MAX TRACK_PARTS_MAX
#define LEND_POLL_US     200u /* between looks of a worker that has nothing else to do */

enum lend_state { LEND_IDLE, LEND_WANTED, LEND_FILLING, LEND_FULL, LEND_LEFT };

/** What one worker is given: probes as host's place in the group * ports + port's place. */
struct lend_box {
	_Atomic uint32_t state; /* enum lend_state */
	uint32_t n;
	uint64_t first; /* the group's */
	uint32_t probe[LEND_MAX];
};

struct lend {
	uint32_t n_workers;
	_Atomic uint32_t n_wanted; /* boxes that are: givers look here first */
	/** Groups, in the order all workers visit them, of which a worker has nothing left to give.
	 */
	_Atomic uint64_t n_spent[LEND_WORKERS_MAX];
	struct lend_box box[LEND_WORKERS_MAX];
};

/** @param n_workers 2 to LEND_WORKERS_MAX. */
void lend_init(struct lend *l, uint32_t n_workers);
/** A ports stage begins, its arrays cleared: mark what others begin with, and keep hosts open. */
void lend_stage(struct track *t, struct track_group *g);
/** Give, take, and let go of hosts that nobody has anything left of. Every turn. */
void lend_turn(struct track *t);
/** Is something expected from another worker, so that a wait should be short? */
bool lend_is_waiting(const struct track *t);
/** This worker ends: nobody waits for it. */
void lend_leave(struct track *t);
