/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First attempts made by the program in the driver (pktio/sweep.h): groups of which few ports of
 * many hosts are asked are handed to it one after another. Everything else about a probe is the
 * scheduler's as ever: what the program says of an answer goes the same way as a packet, and what
 * was not answered is waited for and asked again as if it had been sent here.
 */
#pragma once

#include "engine/track.h"
#include "pktio/sweep.h"

/** First attempts in one call, where the user wants no other number: a driver's queue takes as
 * many, and they leave so close together that their times are known. */
#define SWEEP_BATCH 256u

struct engine;
struct worker;
struct sweep;

/**
 * Can the program make this scan's first attempts? One SYN row, IPv4, few ports of hosts in few
 * ranges, and nobody who wants to see packets. Fills @p ret, which borrows from @p e. @return
 * false: no.
 */
bool sweep_fits(const struct engine *e, struct sweep_plan *ret);
/** After the worker's back end is open: sets w->sweep, NULL when it makes none. @return 0 or
 * -ENOMEM.
 */
int sweep_new(struct worker *w) MUST_CHECK;
/** Has the program made a probe? Accepts NULL. Thread: any, when the worker has ended. */
bool sweep_was_used(const struct sweep *s);
/** Accepts NULL. Before the back end closes. */
void sweep_free(struct sweep *s);
/** A group's ports stage begins: may its first attempts be made by the program? Accepts NULL. */
bool sweep_begin(struct sweep *s, struct track *t, struct track_group *g);
/** Send the next stretch, at most @p most. @return probes, 0 when there is none, or -errno. */
int sweep_send(struct sweep *s, uint64_t now_ns, uint32_t most);
/** Take what was answered, and back from the program what had its time. Every turn.
 * @param is_idle there was nothing to send. */
void sweep_turn(struct sweep *s, uint64_t now_ns, bool is_idle);
/** The group's window, before the group goes: whatever is unanswered was asked. */
void sweep_end(struct sweep *s, struct track_group *g, uint64_t now_ns);
/** All windows, at the end of the scan. Accepts NULL. */
void sweep_stop(struct sweep *s);
/** An answer came as a packet to a probe that the program sent: from here on it is like any other.
 */
bool sweep_adopt(struct sweep *s, struct track_group *g, uint32_t q, uint64_t now_ns);
/** Microseconds until sweep_turn has something to do, at most @p most_us. Accepts NULL. */
uint32_t sweep_wait_us(const struct sweep *s, uint32_t most_us);
