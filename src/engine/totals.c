/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scan adds up to: the workers' counts while they run, and at the end with the coverage and
 * the bottleneck. Part of the coordinator (engine.c), on its thread.
 */
#include "base/clock.h"
#include "engine/engine_int.h"

void engine_progress(const struct engine *e, struct engine_progress *ret)
{
	*ret = (struct engine_progress){0};
	for (uint32_t i = 0; i < (e->is_seeding ? 1 : e->n_workers); i++) {
		const struct worker *w = e->workers[i];
		uint64_t total = track_n_total(&w->track);
		ret->n_total = ret->n_total + total < total ? UINT64_MAX : ret->n_total + total;
		ret->n_concluded += stat_read(&w->track.stats.n_concluded);
		ret->n_sent += stat_read(&w->stats.n_sent);
		ret->n_received += stat_read(&w->stats.n_received);
		ret->n_sent_bytes += stat_read(&w->stats.n_sent_bytes);
		ret->n_hosts_done += stat_read(&w->track.stats.n_hosts_done);
	}
}

/** What held the scan up, as far as this machine can tell. */
static void fill_bottleneck(struct engine *e, const struct ev_scan_completed *c)
{
	struct bottleneck_facts f = {.n_cores = engine_n_cores(e),
				     .max_rate_pps = e->conf.max_rate_pps,
				     .n_rx_drops = c->n_rx_drops,
				     .n_tx_errors = c->n_tx_errors,
				     .n_no_route = c->n_sent ? 0 : c->n_no_route};
	struct machine_state m;

	machine_read(&m, engine_is_large(e));
	f.elapsed_ns = m.mono_ns - e->began.mono_ns;
	f.after_ns = m.mono_ns - e->ended_ns;
	f.cpu_ns = m.cpu_ns - e->began.cpu_ns;
	f.n_tracking_drops =
		m.n_tracking_drops - MIN(e->began.n_tracking_drops, m.n_tracking_drops);
	if (m.n_jiffies > e->began.n_jiffies)
		f.stolen = (double)(m.n_stolen - e->began.n_stolen) /
			   (double)(m.n_jiffies - e->began.n_jiffies);
	for (uint32_t i = 0; i < e->n_workers; i++) {
		const struct worker *w = e->workers[i];
		for (uint32_t k = 0; k < SPENT_N; k++)
			f.spent_ns[k] += w->stats.spent_ns[k];
		f.n_socket_errors += w->stats.n_local_errors;
		f.n_result_waits += w->stats.n_full_waits;
		for (uint32_t k = 0; k < ARRAY_LEN(w->io_stats); k++)
			f.n_tx_full += w->io_stats[k].n_tx_retries;
	}
	bottleneck_say(&f, e->trust.bottleneck, sizeof(e->trust.bottleneck));
}

static void fill_trust(struct engine *e)
{
	struct scan_trust *t = &e->trust;

	coverage_init(&t->ports);
	t->hosts = e->pass_hosts;
	for (uint32_t i = 0; i < e->n_workers; i++) {
		coverage_merge(&t->ports, &e->workers[i]->track.ports_seen);
		stratum_merge(&t->hosts, &e->workers[i]->track.hosts_seen);
		t->n_late_ports += e->workers[i]->track.stats.n_late_ports;
		t->n_unknown_ports += e->workers[i]->track.stats.n_unknown_ports;
	}
	t->is_of_hosts = !e->conf.n_types;
	coverage_estimate(&t->hosts, t->is_of_hosts ? NULL : &t->ports, t->n_late_ports,
			  &t->estimate);
	coverage_unknown(&t->estimate, t->n_unknown_ports);
}

uint32_t engine_outages(const struct engine *e, uint64_t *ret_lasted_ns)
{
	uint32_t n = 0;

	*ret_lasted_ns = 0;
	for (uint32_t i = 0; i < e->n_workers; i++) { /* all have met the same ones */
		n = MAX(n, e->workers[i]->outage.n);
		*ret_lasted_ns = MAX(*ret_lasted_ns, e->workers[i]->outage.lasted_ns);
	}
	return n;
}

uint64_t engine_n_silent_limited(const struct engine *e)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < e->n_workers; i++)
		n += e->workers[i]->track.stats.n_silent_limited;
	return n;
}

/** Counts of hosts, over workers: where ports are divided, each has met the same ones. */
static uint64_t hosts_sum(const struct engine *e, uint64_t sum, uint64_t n)
{
	return e->is_sharded_by_port ? MAX(sum, n) : sum + n;
}

void engine_totals(struct engine *e, struct ev_scan_completed *ret)
{
	for (uint32_t i = 0; i < e->n_workers; i++) {
		const struct worker *w = e->workers[i];
		ret->n_sent += w->stats.n_sent;
		ret->n_received += w->stats.n_received;
		ret->n_tx_errors += w->stats.n_unfit;
		ret->n_local_drops += w->stats.n_unfit;
		ret->n_left_out = hosts_sum(e, ret->n_left_out, w->track.stats.n_left_out);
		ret->n_malformed += w->stats.n_malformed;
		ret->n_dup += w->track.stats.n_dup;
		ret->n_late += w->track.stats.n_late;
		ret->n_forged += w->stats.n_forged + w->track.stats.n_unasked;
		ret->n_unproven += w->stats.n_unproven;
		ret->n_no_route =
			hosts_sum(e, ret->n_no_route, e->seeds ? 0 : w->track.stats.n_no_route);
		for (uint32_t k = 0; k < ARRAY_LEN(w->io_stats); k++) {
			ret->n_local_drops +=
				w->io_stats[k].n_rx_dropped + w->io_stats[k].n_tx_errors;
			ret->n_rx_drops += w->io_stats[k].n_rx_dropped;
			ret->n_tx_errors += w->io_stats[k].n_tx_errors;
			ret->n_tx_calls += w->io_stats[k].n_tx_calls;
			ret->n_forged += w->io_stats[k].n_rx_forged;
		}
		ret->n_tx_errors -= MIN(w->outage.n_refused, ret->n_tx_errors);
		ret->n_local_drops -= MIN(w->outage.n_refused, ret->n_local_drops);
	}
	ret->n_no_route += e->pass_stats.n_no_route;
	ret->n_unseen = e->survey.is_unreachable ? e->pass_stats.n_no_route : 0;
	ret->n_left_out += e->pass_stats.n_left_out;
	ret->n_dup += e->pass_stats.n_dup;
	ret->n_late += e->pass_stats.n_late;
	ret->n_forged += e->pass_stats.n_unasked;
	backend_name(e); /* what was done is known now */
	ret->backend = engine_backend(e);
	ret->interrupted = atomic_load(&e->is_stopped);
	fill_trust(e);
	fill_bottleneck(e, ret);
	ret->trust = &e->trust;
}
