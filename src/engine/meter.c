/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's own profile: a stop watch whose laps are added up by what they were spent on, and the
 * thread's processor time by getrusage(2) at both ends.
 */
#include "engine/meter.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine_int.h"

#include <sys/resource.h>

struct meter {
	struct profile_worker told;
	uint64_t lap_ns;
	uint64_t user_ns, system_ns; /* of the thread, at meter_begin */
};

static uint64_t time_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_usec * NS_PER_US;
}

struct meter *meter_new(void)
{
	return mem_alloc(1, sizeof(struct meter));
}

void meter_free(struct meter *m)
{
	mem_free(m);
}

void meter_begin(struct meter *m)
{
	struct rusage used = {0};

	if (!m)
		return;
	(void)getrusage(RUSAGE_THREAD, &used);
	m->user_ns = time_ns(&used.ru_utime);
	m->system_ns = time_ns(&used.ru_stime);
	m->lap_ns = clock_now_ns();
}

void meter_end(struct meter *m)
{
	struct rusage used = {0};

	if (!m)
		return;
	meter_part(m, PROFILE_CLOSING);
	(void)getrusage(RUSAGE_THREAD, &used);
	m->told.user_ns += time_ns(&used.ru_utime) - m->user_ns;
	m->told.system_ns += time_ns(&used.ru_stime) - m->system_ns;
}

void meter_part(struct meter *m, enum profile_part part)
{
	uint64_t now_ns = clock_now_ns();

	m->told.spent_ns[part] += now_ns - m->lap_ns;
	m->lap_ns = now_ns;
}

void meter_sent(struct meter *m, uint32_t n)
{
	if (m && n)
		profile_count(&m->told.sent_at_once, n);
}

void meter_received(struct meter *m, uint32_t n)
{
	if (m && n)
		profile_count(&m->told.received_at_once, n);
}

void meter_ring(struct meter *m, struct ring *events)
{
	if (!m)
		return;
	m->told.ring_cap = events->mask + 1;
	profile_count(&m->told.ring_used, ring_n_used(events));
}

const struct profile_worker *meter_read(const struct meter *m)
{
	return &m->told;
}

bool engine_profile(const struct engine *e, uint32_t idx, struct profile_worker *ret)
{
	const struct worker *w = idx < e->n_workers ? e->workers[idx] : NULL;

	if (!w || !w->meter)
		return false;
	*ret = *meter_read(w->meter);
	ret->is_main = e->is_inline && idx == 0;
	ret->has_calls = !e->is_connect;
	ret->n_sent = w->stats.n_sent;
	ret->n_received = w->stats.n_received;
	ret->n_ring_full = w->stats.n_full_waits;
	for (uint32_t k = 0; k < ARRAY_LEN(w->io_stats); k++) {
		ret->n_sent_calls += w->io_stats[k].n_tx_calls;
		ret->n_received_calls += w->io_stats[k].n_rx_calls;
	}
	return true;
}
