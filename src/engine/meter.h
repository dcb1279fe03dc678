/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --profile inside a worker: marks between the steps of its loop divide its thread's time, one
 * clock reading a step and none a packet. A worker without a meter pays a comparison a step.
 * Thread: the worker's.
 */
#pragma once

#include "base/compiler.h"
#include "base/ring.h"
#include "event/profile.h"

struct meter; /* opaque */

/** @return owned, or NULL without memory. */
struct meter *meter_new(void);
void meter_free(struct meter *m);
/** The thread begins, or ends, to work for this meter; more than once adds up. */
void meter_begin(struct meter *m);
void meter_end(struct meter *m);
/** What took the time since the last mark. */
void meter_part(struct meter *m, enum profile_part part);
/** @p n packets were sent, or received, by one turn. */
void meter_sent(struct meter *m, uint32_t n);
void meter_received(struct meter *m, uint32_t n);
/** Events that wait in the worker's ring. */
void meter_ring(struct meter *m, struct ring *events);
const struct profile_worker *meter_read(const struct meter *m);

/** The same where there may be no meter. */
static inline void meter_mark(struct meter *m, enum profile_part part)
{
	if (m)
		meter_part(m, part);
}
