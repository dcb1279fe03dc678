/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event bus: one owner thread publishes, subscribers run in order on that thread.
 * Workers never call it; they fill rings that the owner pumps. Control goes the other
 * way through one small queue that the engine reads between batches.
 */
#pragma once

#include "event/event.h"

#include <stdatomic.h>

typedef void bus_fn(void *ctx, const struct event *ev);
/** Begin to fetch what the event will be kept by. @p is_near its turn comes soon: what was begun to
 * be fetched for it before is there. Nothing may change. */
typedef void bus_expect_fn(const void *ctx, const struct event *ev, bool is_near);

#define BUS_SUBSCRIBERS_MAX 16

enum control_kind { CONTROL_NONE, CONTROL_STOP, CONTROL_N };

struct bus_frame;

struct bus {
	const struct scan_info *scan; /* borrowed */
	uint64_t seq;
	struct bus_sub {
		uint32_t mask;
		bus_fn *fn;
		void *ctx;
	} subs[BUS_SUBSCRIBERS_MAX];
	uint32_t n_subs;
	bus_expect_fn *expect; /* of one subscriber; NULL: nobody cares */
	const void *expect_ctx;
	uint32_t mask;               /* union of all masks: producers skip kinds nobody wants */
	struct bus_frame *under_way; /* innermost event being delivered */
	uint64_t n_by_kind[EVENT_N];
	enum stage stage;
	_Atomic uint32_t control; /* mailbox of one message: enum control_kind */
};

void bus_init(struct bus *b, const struct scan_info *scan);
/** Subscribers run in the order of this call. @return 0 or -E_FULL. Thread: owner, before the scan.
 */
int bus_subscribe(struct bus *b, uint32_t mask, bus_fn *fn, void *ctx) MUST_CHECK;
/**
 * Stamp seq (and time when 0) and run the subscribers; all have had the event on return.
 * Re-entrant: a subscriber may publish. The event it is handling then reaches the remaining
 * subscribers first, so each subscriber sees seq rise strictly. Thread: owner.
 */
void bus_publish(struct bus *b, struct event *ev);
/** Who is told of events to come. Thread: owner, before the scan. */
static inline void bus_set_expect(struct bus *b, bus_expect_fn *fn, const void *ctx)
{
	b->expect = fn;
	b->expect_ctx = ctx;
}
static inline void bus_expect(const struct bus *b, const struct event *ev, bool is_near)
{
	if (b->expect)
		b->expect(b->expect_ctx, ev, is_near);
}
static inline bool bus_wants(const struct bus *b, enum event_kind k)
{
	return (b->mask & EVENT_BIT(k)) != 0;
}
/** Latest wins. Async-signal-safe. Thread: any. */
void bus_control_post(struct bus *b, enum control_kind kind);
/** @return the message, once; CONTROL_NONE without one. Thread: engine's coordinator. */
enum control_kind bus_control_take(struct bus *b);

/** EVENT_STAGE_CHANGED from the stage the scan is in; nothing when that is @p to. Thread: owner. */
void bus_enter(struct bus *b, enum stage to);
/** EVENT_WARNING with printf text (truncated), published at once. Thread: owner. */
void bus_warn(struct bus *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
