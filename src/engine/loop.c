/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The raw loop: send a batch, drain what came back, fire timers. While the way out is down it only
 * listens, and no time-out fires (outage.c).
 */
#include "base/clock.h"
#include "engine/engine_int.h"

/** How long the loop may sleep when it had nothing to send. */
static uint32_t idle_us(const struct worker *w, uint64_t now_ns)
{
	uint64_t pace_us = (pace_wait_ns(&w->pace, now_ns) + NS_PER_US - 1) / NS_PER_US;

	if (pace_us)
		return (uint32_t)MIN(pace_us, (uint64_t)WORKER_IDLE_US);
	return sweep_wait_us(w->sweep, track_wait_us(&w->track, now_ns, WORKER_IDLE_US));
}

/** One turn. @return 0 or -errno. */
static int turn(struct worker *w)
{
	uint64_t now_ns = clock_now_ns();

	meter_mark(w->meter, PROFILE_PUBLISHING);
	int pass = outage_pass(w, now_ns);
	if (pass <= 0) {
		sweep_stop(w->sweep);
		int heard = pass ? 0 : rx_drain(w, OUTAGE_NAP_US);
		return heard < 0 ? outage_begin(&w->outage, now_ns, heard) : pass;
	}
	int n = tx_batch(w, now_ns);
	int got = n < 0 ? n : rx_drain(w, n ? 0 : idle_us(w, now_ns));
	if (got < 0)
		return outage_begin(&w->outage, now_ns, got);
	if (n)
		outage_end(&w->outage, now_ns);
	if (w->sweep)
		sweep_turn(w->sweep, clock_now_ns(), !n);
	track_expire(&w->track, worker_spend(w, now_ns, n));
	meter_mark(w->meter, PROFILE_TIMERS);
	meter_ring(w->meter, &w->events);
	return 0;
}

int loop_run(struct worker *w)
{
	int err = w->rx->ops->rx_acquire(w->rx, w->rx_frames, 0, 0); /* until it hears */

	meter_mark(w->meter, PROFILE_STARTING);
	while (!err && !track_is_done(&w->track) && !worker_turn(w))
		err = turn(w);
	/* what has come meanwhile is counted as late; nothing is waited for */
	int late = err ? 0 : rx_drain(w, 0);
	return err ? err : MIN(late, 0);
}
