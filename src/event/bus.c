/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event bus. Facts flow from the engine's coordinator through the subscribers in order,
 * on one thread, without queues. A subscriber may publish while it handles an event: the
 * event under way is then first given to the subscribers that have not had it yet, so that
 * everybody sees sequence numbers rise, and the publisher still knows on return that its
 * event has been handled (hosts.c reuses a finished host's memory right then).
 */
#include "event/bus.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/** One event on its way; lives on the stack of bus_publish. */
struct bus_frame {
	const struct event *ev;
	uint32_t next; /* subscribers below this index have had it */
};

void bus_init(struct bus *b, const struct scan_info *scan)
{
	memset(b, 0, sizeof(*b));
	b->scan = scan;
}

int bus_subscribe(struct bus *b, uint32_t mask, bus_fn *fn, void *ctx)
{
	if (b->n_subs == BUS_SUBSCRIBERS_MAX)
		return -E_FULL;
	b->subs[b->n_subs++] = (struct bus_sub){.mask = mask, .fn = fn, .ctx = ctx};
	b->mask |= mask;
	return 0;
}

static void deliver_rest(struct bus *b, struct bus_frame *f)
{
	while (f->next < b->n_subs) {
		const struct bus_sub *s = &b->subs[f->next++];

		if (s->mask & EVENT_BIT(f->ev->kind))
			s->fn(s->ctx, f->ev);
	}
}

void bus_publish(struct bus *b, struct event *ev)
{
	struct bus_frame mine = {.ev = ev}, *outer = b->under_way;

	assert(ev->kind < EVENT_N);
	if (outer)
		deliver_rest(b, outer);
	ev->seq = ++b->seq;
	b->n_by_kind[ev->kind]++;
	if (!bus_wants(b, ev->kind))
		return;
	if (ev->time_ns == 0)
		ev->time_ns = clock_wall_ns();
	b->under_way = &mine;
	deliver_rest(b, &mine);
	b->under_way = outer;
}

void bus_control_post(struct bus *b, enum control_kind kind)
{
	atomic_store_explicit(&b->control, (uint32_t)kind, memory_order_release);
}

enum control_kind bus_control_take(struct bus *b)
{
	/* asked between batches: a plain load while nothing is there */
	if (atomic_load_explicit(&b->control, memory_order_relaxed) == CONTROL_NONE)
		return CONTROL_NONE;
	return (enum control_kind)atomic_exchange_explicit(&b->control, CONTROL_NONE,
							   memory_order_acquire);
}

void bus_enter(struct bus *b, enum stage to)
{
	struct event ev = {.kind = EVENT_STAGE_CHANGED, .stage = {(uint8_t)b->stage, (uint8_t)to}};

	if (b->stage == to)
		return;
	b->stage = to;
	bus_publish(b, &ev);
}

void bus_warn(struct bus *b, const char *fmt, ...)
{
	struct event ev = {.kind = EVENT_WARNING};
	va_list ap;

	ev.text.severity = LOG_WARN;
	ev.text.recoverable = true;
	va_start(ap, fmt);
	(void)vsnprintf(ev.text.text, sizeof(ev.text.text), fmt, ap);
	va_end(ap);
	bus_publish(b, &ev);
}
