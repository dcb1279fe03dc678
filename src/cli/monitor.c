/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a scan tells of itself. Everything here is an event: progress and metrics are published
 * when somebody wants them, a pause when the terminal asks for one. SIGTSTP is kept blocked and
 * looked for ten times a second, so that the files are whole and say why before the process stops.
 */
#include "cli/monitor.h"

#include "base/clock.h"
#include "cli/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROGRESS_MS = 250, METRICS_MS = 1000, PAUSE_LOOK_MS = 100 };

/* --- files ------------------------------------------------------------------------------- */

static int open_files(struct monitor *m, struct err_where *w)
{
	const struct eventlog_conf lc = {.path = m->c->out.event_log,
					 .scan = m->bus->scan,
					 .file_max_bytes = m->c->event_log_bytes};
	int err = 0;

	if (m->c->out.metrics) {
		err = metrics_open(m->c->out.metrics, m->bus->scan, &m->metrics, w);
		err = err ? err : metrics_start(m->metrics, m->bus);
	}
	if (!err && m->c->out.profile) {
		err = profile_open(m->c->out.profile, m->bus->scan, m->start_ns, &m->profile, w);
		err = err ? err : profile_start(m->profile, m->bus);
	}
	if (!err && lc.path) {
		err = eventlog_open(&lc, &m->log, w);
		err = err ? err : eventlog_start(m->log, m->bus);
	}
	return err;
}

int monitor_open(struct monitor *m, const struct config *c, const struct hosts *hosts,
		 struct bus *bus, uint64_t start_ns)
{
	struct err_where w = {0};
	sigset_t stop;

	*m = (struct monitor){
		.c = c, .bus = bus, .hosts = hosts, .start_ns = start_ns, .progress_ns = start_ns};
	m->metrics_ns = start_ns;
	int err = open_files(m, &w);
	if (err)
		say_error("output \"%s\": %s", w.token, w.want[0] ? w.want : err_text(err));
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	return err;
}

bool monitor_has_failed(const struct monitor *m)
{
	return eventlog_n_dropped(m->log) || metrics_has_failed(m->metrics);
}

int monitor_close(struct monitor *m)
{
	struct err_where w = {0};
	struct eventlog_totals t = {0};
	int err = eventlog_close(m->log, &t, &w), metrics_err, profile_err;

	if (err)
		say_error("event log \"%s\": %s", w.token, w.want);
	if (t.n_dropped)
		say_error("event log: %llu of %llu events are missing%s",
			  (unsigned long long)t.n_dropped,
			  (unsigned long long)(t.n_dropped + t.n_written),
			  err ? "" : ": it could not be written as fast as they came");
	metrics_err = metrics_close(m->metrics, &w);
	if (metrics_err)
		say_error("--metrics-file \"%s\": %s", w.token, w.want);
	profile_err = profile_close(m->profile, &w);
	if (profile_err)
		say_error("--profile \"%s\": %s", w.token, w.want);
	*m = (struct monitor){0};
	return err ? err : t.n_dropped ? -E_FULL : metrics_err ? metrics_err : profile_err;
}

/* --- the beginning ------------------------------------------------------------------------- */

static void tell_names(struct monitor *m, const struct targets *t)
{
	u128 idx;

	for (uint32_t i = 0; i < t->n_names; i++) {
		struct event ev = {.kind = EVENT_TARGET_NAMED, .named = {.name = t->names[i].name}};
		if (!range_set_find(&t->set, &t->names[i].addr, &idx))
			continue;
		ev.host_idx = (uint64_t)idx;
		bus_publish(m->bus, &ev);
	}
}

void monitor_begin(struct monitor *m, const struct targets *targets)
{
	uint64_t wall_ns = m->bus->scan->start_wall_ns;
	struct event started = {.kind = EVENT_SCAN_STARTED, .time_ns = wall_ns};
	struct event stage = {.kind = EVENT_STAGE_CHANGED,
			      .time_ns = wall_ns,
			      .stage = {STAGE_INITIALIZING, STAGE_RESOLVING_TARGETS}};

	bus_publish(m->bus, &started);
	m->bus->stage = STAGE_RESOLVING_TARGETS; /* done before there was a bus to say it on */
	bus_publish(m->bus, &stage);
	tell_names(m, targets);
}

/* --- progress ------------------------------------------------------------------------------- */

static uint64_t left_ns(uint64_t elapsed_ns, uint64_t n_done, uint64_t n_all)
{
	if (!n_done || n_done >= n_all)
		return 0;
	return (uint64_t)((double)elapsed_ns / (double)n_done * (double)(n_all - n_done));
}

/** What the engine says; a host that its workers divide counts when all are done. */
static struct engine_progress ask_engine(const struct monitor *m, const struct engine *e)
{
	struct engine_progress p = {0};

	if (e)
		engine_progress(e, &p);
	p.n_hosts_done /= MAX(m->bus->scan->n_parts, 1u);
	return p;
}

static void tell_progress(struct monitor *m, const struct engine_progress *p, uint64_t now_ns)
{
	uint64_t since_ns = MAX(now_ns - m->progress_ns, 1ull), elapsed_ns = now_ns - m->start_ns;
	uint64_t n_hosts = m->bus->scan->n_hosts;
	uint64_t n_more_hosts = p->n_hosts_done - MIN(m->last.n_hosts_done, p->n_hosts_done);
	bool is_by_host = p->n_hosts_done && p->n_hosts_done < n_hosts;

	/* over less, a batch would pass for a rate */
	if (since_ns >= PROGRESS_MS * NS_PER_MS)
		m->rate_pps = (p->n_sent - MIN(m->last.n_sent, p->n_sent)) * NS_PER_S / since_ns;
	else if (!m->rate_pps)
		m->rate_pps = p->n_sent * NS_PER_S / MAX(elapsed_ns, 1ull);
	struct event ev = {
		.kind = EVENT_PROGRESS,
		.progress = {
			.stage = (uint8_t)m->bus->stage,
			.n_done = p->n_concluded,
			.n_total = p->n_total,
			.n_sent = p->n_sent,
			.rate_pps = m->rate_pps,
			.rate_bps = p->n_sent ? m->rate_pps * (p->n_sent_bytes * 8 / p->n_sent) : 0,
			.hosts_per_min = n_more_hosts * 60 * NS_PER_S / since_ns,
			.n_hosts_done = p->n_hosts_done,
			.n_hosts = n_hosts,
			.elapsed_ns = elapsed_ns,
			.eta_ns = is_by_host ? left_ns(elapsed_ns, p->n_hosts_done, n_hosts)
					     : left_ns(elapsed_ns, p->n_concluded, p->n_total),
		}};
	if (p->n_total)
		ev.progress.percent = MIN(100.0 * (double)p->n_concluded / (double)p->n_total, 100);
	m->last = *p;
	m->progress_ns = now_ns;
	bus_publish(m->bus, &ev);
}

/* --- metrics -------------------------------------------------------------------------------- */

/** proc(5): the second number of statm is the resident set, in pages. */
static double resident_bytes(void)
{
	char text[64] = "";
	unsigned long all, resident = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		(void)!sscanf(text, "%lu %lu", &all, &resident);
	close(fd);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void tell_metrics(struct monitor *m, const struct engine_progress *p, uint64_t now_ns)
{
	struct hosts_totals t;

	hosts_totals(m->hosts, &t);
	const double values[METRIC_N] = {
		[METRIC_SENT] = (double)p->n_sent,
		[METRIC_RECEIVED] = (double)p->n_received,
		[METRIC_SENT_BYTES] = (double)p->n_sent_bytes,
		[METRIC_CONCLUDED] = (double)p->n_concluded,
		[METRIC_HOSTS_DONE] = (double)m->bus->n_by_kind[EVENT_HOST_FINISHED],
		[METRIC_OPEN] = (double)t.n_ports[PORT_OPEN],
		[METRIC_EVENTS] = (double)m->bus->seq,
		[METRIC_DROPPED] = (double)eventlog_n_dropped(m->log),
		[METRIC_RATE] = (double)m->rate_pps,
		[METRIC_ELAPSED] = (double)(now_ns - m->start_ns) / 1e9,
		[METRIC_MEMORY] = resident_bytes(),
	};
	m->metrics_ns = now_ns;
	for (uint32_t i = 0; i < METRIC_N; i++) {
		struct event ev = {.kind = EVENT_METRIC,
				   .metric = {.metric = (uint8_t)i, .value = values[i]}};
		bus_publish(m->bus, &ev);
	}
}

/* --- pause ------------------------------------------------------------------------------------ */

static void tell_reason(struct monitor *m, enum event_kind kind, const char *reason)
{
	struct event ev = {.kind = kind, .reason = {.reason = reason}};

	bus_publish(m->bus, &ev);
}

/** ^Z: say so, then stop; SIGCONT takes the pending signal away. */
static void look_for_pause(struct monitor *m, uint64_t now_ns)
{
	sigset_t waiting;

	m->pause_ns = now_ns;
	if (sigpending(&waiting) < 0 || !sigismember(&waiting, SIGTSTP))
		return;
	tell_reason(m, EVENT_SCAN_PAUSED, "SIGTSTP");
	eventlog_sync(m->log);
	metrics_flush(m->metrics);
	kill(getpid(), SIGSTOP);
	tell_reason(m, EVENT_SCAN_RESUMED, "SIGCONT");
}

void monitor_cancelled(struct monitor *m, int sig)
{
	if (!m->is_cancelled)
		tell_reason(m, EVENT_SCAN_CANCELLED,
			    sig == SIGINT    ? "SIGINT"
			    : sig == SIGTERM ? "SIGTERM"
			    : sig == SIGHUP  ? "SIGHUP"
					     : "no report can be written any more");
	m->is_cancelled = true;
}

/* --- turns ------------------------------------------------------------------------------------ */

/** The log lags behind: say so when it begins, not only at the end. */
static void warn_of_drops(struct monitor *m)
{
	if (m->n_warned_drops || !eventlog_n_dropped(m->log))
		return;
	m->n_warned_drops = eventlog_n_dropped(m->log);
	bus_warn(m->bus, "the event log cannot be written as fast as events come: some are lost");
}

void monitor_tick(struct monitor *m, const struct engine *e, uint64_t now_ns)
{
	bool wants_progress = e && bus_wants(m->bus, EVENT_PROGRESS) &&
			      now_ns - m->progress_ns >= PROGRESS_MS * NS_PER_MS;
	bool wants_metrics =
		bus_wants(m->bus, EVENT_METRIC) && now_ns - m->metrics_ns >= METRICS_MS * NS_PER_MS;

	if (now_ns - m->pause_ns >= PAUSE_LOOK_MS * NS_PER_MS)
		look_for_pause(m, now_ns);
	if (!wants_progress && !wants_metrics)
		return;
	struct engine_progress p = ask_engine(m, e);
	if (wants_progress)
		tell_progress(m, &p, now_ns);
	if (!wants_metrics)
		return;
	tell_metrics(m, &p, now_ns);
	warn_of_drops(m);
	eventlog_flush(m->log);
	metrics_flush(m->metrics);
}

void monitor_end(struct monitor *m, const struct engine *e, uint64_t now_ns)
{
	struct engine_progress p = ask_engine(m, e);
	struct profile_worker w;

	for (uint32_t i = 0; e && m->profile && engine_profile(e, i, &w); i++)
		profile_put_worker(m->profile, &w);
	if (e && bus_wants(m->bus, EVENT_PROGRESS))
		tell_progress(m, &p, now_ns);
	if (bus_wants(m->bus, EVENT_METRIC))
		tell_metrics(m, &p, now_ns);
}
