/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bus: order of subscribers, masks, publishing from inside a subscriber, control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/bus.h"

#include <string.h>

#define SEEN_MAX 64

/** A subscriber that writes down what it sees and may answer one kind with another. */
struct watcher {
	struct bus *bus;
	uint64_t seq[SEEN_MAX];
	uint32_t kind[SEEN_MAX];
	uint32_t n;
	uint32_t answers_kind; /* EVENT_N: never */
	uint32_t answer;
	uint32_t n_delivered_at_return; /* of the last watcher, when publish returned */
	const struct watcher *last;
};

static void watch(void *ctx, const struct event *ev)
{
	struct watcher *w = ctx;

	assert_true(w->n < SEEN_MAX);
	w->seq[w->n] = ev->seq;
	w->kind[w->n++] = ev->kind;
	if (ev->kind == w->answers_kind) {
		struct event more = {.kind = w->answer};

		bus_publish(w->bus, &more);
		w->n_delivered_at_return = w->last->n;
	}
}

static void assert_rising(const struct watcher *w)
{
	for (uint32_t i = 1; i < w->n; i++)
		assert_true(w->seq[i] > w->seq[i - 1]);
}

static void nested_events_keep_order(void **state)
{
	struct bus bus;
	struct watcher w[3] = {0};
	struct event ev = {.kind = EVENT_HOST_SCANNED};

	(void)state;
	bus_init(&bus, NULL);
	for (int i = 0; i < 3; i++) {
		w[i] = (struct watcher){.bus = &bus, .answers_kind = EVENT_N, .last = &w[2]};
		assert_int_equal(bus_subscribe(&bus, UINT32_MAX, watch, &w[i]), 0);
	}
	/* first: scanned -> finished; second: scanned -> warning, finished -> metric-like; three
	 * levels deep */
	w[0].answers_kind = EVENT_HOST_SCANNED;
	w[0].answer = EVENT_HOST_FINISHED;
	w[1].answers_kind = EVENT_HOST_SCANNED;
	w[1].answer = EVENT_WARNING;
	w[2].answers_kind = EVENT_HOST_FINISHED;
	w[2].answer = EVENT_STAGE_CHANGED;
	bus_publish(&bus, &ev);
	assert_int_equal(ev.seq, 1);
	for (int i = 0; i < 3; i++) {
		static const uint32_t want[] = {EVENT_HOST_SCANNED, EVENT_WARNING,
						EVENT_HOST_FINISHED, EVENT_STAGE_CHANGED};

		assert_int_equal(w[i].n, 4);
		assert_rising(&w[i]);
		for (uint32_t k = 0; k < 4; k++) {
			assert_int_equal(w[i].kind[k], want[k]);
			assert_int_equal(w[i].seq[k], k + 1);
		}
	}
	/* on return from publish every subscriber has had the event */
	assert_true(w[0].n_delivered_at_return >= 3);
	assert_int_equal(bus.n_by_kind[EVENT_HOST_FINISHED], 1);
	assert_null(bus.under_way);
}

static void masks_and_stamps(void **state)
{
	struct bus bus;
	struct watcher w = {.answers_kind = EVENT_N};
	struct event ev = {.kind = EVENT_PROGRESS};

	(void)state;
	bus_init(&bus, NULL);
	assert_int_equal(bus_subscribe(&bus, EVENT_BIT(EVENT_WARNING), watch, &w), 0);
	assert_false(bus_wants(&bus, EVENT_PROGRESS));
	assert_true(bus_wants(&bus, EVENT_WARNING));
	bus_publish(&bus, &ev);
	assert_int_equal(w.n, 0);
	assert_int_equal(ev.seq, 1);
	clock_fake_set(1795312605000000123ull);
	ev = (struct event){.kind = EVENT_WARNING};
	bus_publish(&bus, &ev);
	assert_int_equal(ev.time_ns, 1795312605000000123ull);
	ev = (struct event){.kind = EVENT_WARNING, .time_ns = 7};
	bus_publish(&bus, &ev);
	assert_int_equal(ev.time_ns, 7);
	clock_fake_set(0);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.seq[1], 3);
}

static void seats_are_bounded(void **state)
{
	struct bus bus;
	struct watcher w = {.answers_kind = EVENT_N};

	(void)state;
	bus_init(&bus, NULL);
	for (int i = 0; i < BUS_SUBSCRIBERS_MAX; i++)
		assert_int_equal(bus_subscribe(&bus, 1, watch, &w), 0);
	assert_int_equal(bus_subscribe(&bus, 1, watch, &w), -E_FULL);
}

static void control_is_taken_once(void **state)
{
	struct bus bus;

	(void)state;
	bus_init(&bus, NULL);
	assert_int_equal(bus_control_take(&bus), CONTROL_NONE);
	bus_control_post(&bus, CONTROL_STOP);
	bus_control_post(&bus, CONTROL_STOP);
	assert_int_equal(bus_control_take(&bus), CONTROL_STOP);
	assert_int_equal(bus_control_take(&bus), CONTROL_NONE);
}

static void keep_stage(void *ctx, const struct event *ev)
{
	memcpy(ctx, &ev->stage, sizeof(ev->stage));
}

static void stages_follow_each_other(void **state)
{
	struct watcher w = {.answers_kind = EVENT_N};
	struct ev_stage last = {0};
	struct bus bus;

	(void)state;
	bus_init(&bus, NULL);
	assert_int_equal(bus_subscribe(&bus, EVENT_BIT(EVENT_STAGE_CHANGED), watch, &w), 0);
	assert_int_equal(bus_subscribe(&bus, EVENT_BIT(EVENT_STAGE_CHANGED), keep_stage, &last), 0);
	bus_enter(&bus, STAGE_SCANNING_PORTS);
	assert_int_equal(last.from, STAGE_INITIALIZING);
	assert_int_equal(last.to, STAGE_SCANNING_PORTS);
	bus_enter(&bus, STAGE_SCANNING_PORTS);
	assert_int_equal(w.n, 1);
	bus_enter(&bus, STAGE_COMPLETED);
	assert_int_equal(last.from, STAGE_SCANNING_PORTS);
	assert_int_equal(last.to, STAGE_COMPLETED);
	assert_int_equal(w.n, 2);
}

static void keep_text(void *ctx, const struct event *ev)
{
	memcpy(ctx, &ev->text, sizeof(ev->text));
}

static void warnings_are_cut_not_overflowed(void **state)
{
	struct bus bus;
	struct ev_text text = {0};
	char longer[300];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	bus_init(&bus, NULL);
	assert_int_equal(bus_subscribe(&bus, EVENT_BIT(EVENT_WARNING), keep_text, &text), 0);
	bus_warn(&bus, "%d of %s", 3, "4");
	assert_string_equal(text.text, "3 of 4");
	assert_int_equal(text.severity, LOG_WARN);
	bus_warn(&bus, "%s", longer);
	assert_int_equal(strlen(text.text), sizeof(text.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_events_keep_order),
		cmocka_unit_test(masks_and_stamps),
		cmocka_unit_test(seats_are_bounded),
		cmocka_unit_test(control_is_taken_once),
		cmocka_unit_test(stages_follow_each_other),
		cmocka_unit_test(warnings_are_cut_not_overflowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
