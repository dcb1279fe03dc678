/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One scan from configuration to exit code: plan, bus, result store, sinks, engine; then run, wait
 * for names, close. The order of subscribers is the order of effects: hosts fold first, sinks
 * read what was folded.
 */
#include "cli/run.h"

#include "base/clock.h"
#include "cli/detection.h"
#include "cli/monitor.h"
#include "cli/names.h"
#include "cli/osdetect.h"
#include "cli/packetfile.h"
#include "cli/plan.h"
#include "cli/priv.h"
#include "cli/report.h"
#include "cli/resume.h"
#include "engine/jrecord.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** Less than this found, probably: exit code 3. */
#define COVERAGE_MIN 0.99

enum { FLUSH_MS = 1000, NAMES_WAIT_MS = 4000, LIST_INFLIGHT_MAX = 2048, DETECT_WAIT_MS = 20 };

/** The stop flag: the signal that asked for it, read by the coordinator; 0: none. One of the
 * program's two globals. */
static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
	if (stop_signal)
		_exit(EXIT_INTERRUPTED);
	stop_signal = sig;
}

static void catch_signals(void)
{
	struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* a file at its limit is an error of that file */
}

struct run {
	const struct config *c;
	struct plan plan;
	struct bus bus;
	struct hosts *hosts;
	struct names *names;
	struct detection detection;
	struct osdetect os;
	struct report report;
	struct engine *engine;
	struct monitor monitor;
	uint64_t start_ns, flush_ns;
	bool is_failed;
	struct journal *journal; /* NULL: none is kept */
	bool is_resumed, is_journal_broken;
	struct journal_stamp before; /* of the earlier parts of a resumed scan */
	uint64_t journal_ns;
	struct resume_lines lines;
};

/* --- while it runs ------------------------------------------------------------------- */

/** Hand the journal's events to the kernel; from then on our death cannot lose them. */
static void flush_journal(struct run *r, uint64_t now_ns)
{
	struct engine_progress ep;

	engine_progress(r->engine, &ep);
	struct journal_stamp s = {.time_ns = clock_wall_ns(),
				  .elapsed_ns = now_ns - r->start_ns,
				  .n_sent = r->before.n_sent + ep.n_sent,
				  .n_received = r->before.n_received + ep.n_received};
	int err = journal_flush(r->journal, &s);
	r->journal_ns = now_ns;
	if (!err || r->is_journal_broken)
		return;
	r->is_journal_broken = true;
	bus_warn(&r->bus, "the journal cannot be written any more: %s", err_text(err));
}

static void cancel(struct run *r)
{
	monitor_cancelled(&r->monitor, stop_signal);
	bus_control_post(&r->bus, CONTROL_STOP);
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct run *r = ctx;

	if (stop_signal)
		cancel(r);
	names_poll(r->names, 0);
	detection_pump(&r->detection);
	(void)osdetect_turn(&r->os, now_ns, false);
	if (r->journal && now_ns - r->journal_ns >= JOURNAL_FLUSH_NS)
		flush_journal(r, now_ns);
	monitor_tick(&r->monitor, r->engine, now_ns);
	if (now_ns - r->flush_ns >= FLUSH_MS * NS_PER_MS) {
		outs_flush(r->report.outs);
		r->flush_ns = now_ns;
		if (outs_are_broken(r->report.outs)) /* nobody would ever see the results */
			cancel(r);
	}
}

/** Warnings and errors of the scan reach the person at the terminal. */
static void on_message(void *ctx, const struct event *ev)
{
	struct run *r = ctx;

	outs_clear_status(r->report.outs);
	if (ev->kind == EVENT_SCAN_ERROR)
		say_error("%s", ev->text.text);
	else
		say_note("%s", ev->text.text);
}

/* --- set up ----------------------------------------------------------------------------- */

static void name_targets(struct run *r)
{
	const struct targets *t = &r->plan.targets;
	u128 idx;

	for (uint32_t i = 0; i < t->n_names; i++)
		if (range_set_find(&t->set, &t->names[i].addr, &idx))
			(void)!hosts_set_target_name(r->hosts, (uint64_t)idx, t->names[i].name);
}

/** The result store, names and sinks around an engine of @p n_parts parts per host. @return exit
 * code. */
static int open_subscribers(struct run *r, uint32_t n_parts)
{
	struct scan_info *s = &r->plan.scan;

	s->n_parts = n_parts;
	r->hosts = hosts_new(&r->bus, n_parts, s->wants_order ? (uint32_t)s->n_hosts : 0);
	if (!r->hosts) {
		say_error("out of memory");
		return EXIT_FATAL;
	}
	name_targets(r);
	if (s->wants_names && !(r->names = names_new(&r->bus, r->c->names == NAMES_ALL)))
		return EXIT_FATAL;
	if (detection_open(&r->detection, r->c, &r->plan, r->hosts, &r->bus))
		return EXIT_FATAL;
	if (osdetect_open(&r->os, r->c, r->hosts, n_parts, &r->bus))
		return EXIT_FATAL;
	int err = bus_subscribe(&r->bus, EVENT_BIT(EVENT_WARNING) | EVENT_BIT(EVENT_SCAN_ERROR),
				on_message, r);
	r->report.targets = &r->plan.targets.set;
	if (!err)
		err = report_open(&r->report, r->c, r->hosts, r->plan.services, &r->bus);
	if (!err)
		err = monitor_open(&r->monitor, r->c, r->hosts, &r->bus, r->start_ns);
	return err ? EXIT_FATAL : 0;
}

static int open_engine(struct run *r)
{
	struct err_where w = {0};
	struct engine_conf *ec = &r->plan.engine;

	ec->on_tick = on_tick;
	ec->tick_ctx = r;
	ec->wants_checkpoints = r->c->journal_file != NULL;
	ec->wants_profile = r->c->out.profile != NULL;
	int err = engine_new(ec, &r->plan.targets, &r->plan.ports, r->plan.routes, &r->bus,
			     &r->engine, &w);
	if (err) {
		say_error("cannot start the scan (%s): %s", w.token[0] ? w.token : "engine",
			  w.want[0] ? w.want : err_text(err));
		return EXIT_FATAL;
	}
	const char *notes = engine_backend_notes(r->engine);
	if ((r->c->verbosity || r->c->debugging) && notes[0])
		say_note("packets go by %s (%s)", engine_backend(r->engine), notes);
	else if (r->c->debugging)
		say_note("packets go by %s", engine_backend(r->engine));
	return r->is_resumed ? resume_check_shape(r->journal, r->c->journal_file, r->engine) : 0;
}

/* --- one scan ------------------------------------------------------------------------------ */

/** -sL: every target is a host of unknown state. */
static void list_targets(struct run *r)
{
	struct space line;

	space_init_shard(&line, &r->plan.targets.set,
			 &(struct space_conf){.width = 1, .shard = r->plan.engine.shard});
	line.is_permuted = false; /* in target order; a shard's in the order of its deal */
	for (uint64_t i = 0; i < line.n_hosts && !stop_signal && !outs_are_broken(r->report.outs);
	     i++) {
		struct event ev = {.kind = EVENT_HOST_SCANNED, .done = {.state = HOST_UNKNOWN}};
		space_host(&line, i, &ev.done.addr, &ev.host_idx);
		bus_publish(&r->bus, &ev);
		if (i % 256 == 255)
			while (names_poll(r->names, 0) > LIST_INFLIGHT_MAX && !stop_signal)
				names_poll(r->names, 10);
		if (i % 65536 == 65535) {
			outs_flush(r->report.outs);
			monitor_tick(&r->monitor, NULL, clock_now_ns());
		}
	}
}

/* --- journal ------------------------------------------------------------------------------ */

static void on_journal(void *ctx, const struct event *ev)
{
	struct run *r = ctx;

	if (stop_signal && jrecord_is_told(ev->kind))
		return; /* what was cut short is asked again */
	resume_put(&r->lines, r->journal, ev, &r->plan.scan);
}

/** Publish what was found before; of an endpoint its certificates, which go with it. */
static void publish_again(struct run *r, struct event *ev)
{
	if (ev->kind == EVENT_CHECKPOINT)
		return;
	bus_publish(&r->bus, ev);
	if (ev->kind != EVENT_TLS_FOUND)
		return;
	ev->kind = EVENT_CERTIFICATE_FOUND;
	for (uint32_t i = 0; i < ev->tls.facts->n_certs; i++) {
		ev->tls.cert_idx = i;
		bus_publish(&r->bus, ev);
	}
}

/** Everything found before is published again, and not asked again. @return 0 or an exit code. */
static int replay(struct run *r)
{
	struct event ev;
	uint64_t n_events = 0;
	int n;

	while ((n = resume_next(&r->lines, r->journal, &ev)) > 0 && !stop_signal) {
		n = engine_restore(r->engine, &ev);
		if (n < 0)
			break;
		publish_again(r, &ev);
		if (++n_events % 256 == 0)
			while (names_poll(r->names, 0) > LIST_INFLIGHT_MAX && !stop_signal)
				names_poll(r->names, 10);
	}
	if (n < 0) {
		say_error("--resume \"%s\": %s", r->c->journal_file,
			  n == -E_SYNTAX ? "a record in it cannot be of this scan" : err_text(n));
		return EXIT_FATAL;
	}
	r->before = *journal_stamp(r->journal);
	r->start_ns -= r->before.elapsed_ns;
	return 0;
}

/** Before the first packet: take over what an earlier part has done, then write down what this one
 * does. @return 0 or an exit code. */
static int start_journal(struct run *r)
{
	resume_lines_init(&r->lines, r->plan.scan.scan_id);
	int code = r->is_resumed ? replay(r) : 0;

	if (code)
		return code;
	int err = stop_signal ? 0 : journal_append(r->journal);
	if (!err)
		err = bus_subscribe(
			&r->bus,
			EVENT_BIT(EVENT_HOST_DISCOVERED) | EVENT_BIT(EVENT_PORT_FOUND) |
				EVENT_BIT(EVENT_HOST_SCANNED) | EVENT_BIT(EVENT_SERVICE_DETECTED) |
				EVENT_BIT(EVENT_BANNER_GRABBED) | EVENT_BIT(EVENT_OS_DETECTED) |
				EVENT_BIT(EVENT_TLS_FOUND) | EVENT_BIT(EVENT_NOTHING_FOUND) |
				EVENT_BIT(EVENT_CHECKPOINT),
			on_journal, r);
	if (err)
		say_error("journal \"%s\": %s", r->c->journal_file, err_text(err));
	return err ? EXIT_FATAL : 0;
}

/** Outputs are closed: mark the scan as complete, or say how to go on with it. @return exit code.
 */
static int close_journal(struct run *r, int code)
{
	int err = 0;

	if (!r->journal)
		return code;
	if (code == EXIT_DONE)
		err = journal_complete(r->journal);
	int close_err = journal_close(r->journal);
	err = err ? err : close_err;
	if (err && !r->is_journal_broken)
		say_error("journal \"%s\": %s", r->c->journal_file, err_text(err));
	if (code != EXIT_DONE && !err)
		say_note("to go on with this scan: prtip --resume %s", r->c->journal_file);
	return err && code == EXIT_DONE ? EXIT_DEGRADED : code;
}

static void scan_targets(struct run *r)
{
	int err = engine_run(r->engine);
	if (err) {
		struct event ev = {.kind = EVENT_SCAN_ERROR, .text = {.severity = 0}};
		snprintf(ev.text.text, sizeof(ev.text.text), "scan broke off: %s", err_text(err));
		bus_publish(&r->bus, &ev);
		r->is_failed = true;
	}
}

/**
 * More was probably missed than is accepted, and something was seen to be lost: a few answers alone
 * prove little. Or probes never left and ports are silent, given up, or
 * filtered, perhaps by this machine. Replies lost here and recovered by asking again are no fault
 * of the result.
 */
static bool is_degraded(const struct run *r, const struct ev_scan_completed *c)
{
	double least = r->c->coverage_min > 0 ? r->c->coverage_min : COVERAGE_MIN;

	if (!c->trust)
		return false;
	const struct coverage_estimate *e = &c->trust->estimate;
	bool has_lost = e->loss > 0 || c->trust->n_late_ports;
	return c->n_left_out || (e->is_known && has_lost && e->of_asked < least) ||
	       (c->n_tx_errors &&
		(e->n_silent || c->n_ports[PORT_UNKNOWN] || c->n_ports[PORT_FILTERED]));
}

static int exit_code(const struct run *r, const struct ev_scan_completed *c)
{
	if (c->interrupted)
		return EXIT_INTERRUPTED;
	if (r->is_failed)
		return EXIT_FATAL;
	if (hosts_error(r->hosts) || r->is_journal_broken || is_degraded(r, c) ||
	    detection_is_degraded(&r->detection) || hosts_has_detection_timed_out(r->hosts) ||
	    outs_have_failed(r->report.outs) || monitor_has_failed(&r->monitor))
		return EXIT_DEGRADED;
	return EXIT_DONE;
}

static void add_totals(struct run *r, struct ev_scan_completed *ret)
{
	engine_totals(r->engine, ret);
	osdetect_totals(&r->os, ret);
	detection_totals(&r->detection, ret);
	ret->n_sent += r->before.n_sent;
	ret->n_received += r->before.n_received;
	if (r->journal)
		flush_journal(r, clock_now_ns());
}

/** Ports are all known: wait until the open ones have said what they are. */
static void detect_rest(struct run *r)
{
	while (detection_wait(&r->detection, DETECT_WAIT_MS)) {
		bus_enter(&r->bus, STAGE_DETECTING_SERVICES);
		if (stop_signal || outs_are_broken(r->report.outs))
			detection_stop(&r->detection);
		on_tick(r, clock_now_ns());
	}
}

/** Ports are all known: the hosts whose system is not yet. */
static void finish_os(struct run *r)
{
	while (!stop_signal && !outs_are_broken(r->report.outs) &&
	       osdetect_turn(&r->os, clock_now_ns(), true)) {
		bus_enter(&r->bus, STAGE_DETECTING_SERVICES);
		on_tick(r, clock_now_ns());
	}
}

/** The way out was down for a while, and the scan went on. */
static void tell_outages(struct run *r)
{
	uint64_t lasted_ns;

	if (r->engine && !r->is_failed && engine_outages(r->engine, &lasted_ns))
		bus_warn(&r->bus,
			 "the way out was down for %.1f s: what was under way was asked again",
			 (double)lasted_ns / NS_PER_S);
}

/** @return the exit code. */
static int finish(struct run *r)
{
	struct event ev = {.kind = EVENT_SCAN_COMPLETED};
	struct hosts_totals t;

	detect_rest(r);
	if (r->engine)
		finish_os(r);
	uint64_t deadline_ns = clock_now_ns() + NAMES_WAIT_MS * NS_PER_MS;
	bus_enter(&r->bus, STAGE_FINALIZING);
	while (!stop_signal && names_poll(r->names, 50) && clock_now_ns() < deadline_ns)
		;
	hosts_finish_all(r->hosts);
	hosts_totals(r->hosts, &t);
	if (r->engine)
		add_totals(r, &ev.completed);
	else
		ev.completed.backend = "none";
	if (ev.completed.n_no_route)
		bus_warn(&r->bus, "%llu target(s) left out: no route to them from here",
			 (unsigned long long)ev.completed.n_no_route);
	if (ev.completed.n_left_out)
		bus_warn(&r->bus,
			 "%llu target(s) left out: no memory, or more ways out than are kept",
			 (unsigned long long)ev.completed.n_left_out);
	if (ev.completed.n_tx_errors)
		bus_warn(&r->bus,
			 "%llu packets could not be sent: a local firewall, or an interface that "
			 "went down",
			 (unsigned long long)ev.completed.n_tx_errors);
	if (ev.completed.n_rx_drops)
		bus_warn(
			&r->bus,
			"%llu replies were lost in this machine's socket buffers: lower --max-rate",
			(unsigned long long)ev.completed.n_rx_drops);
	if (t.n_dishonest)
		bus_warn(&r->bus, "%llu host(s) answer dishonestly: see their reports",
			 (unsigned long long)t.n_dishonest);
	tell_outages(r);
	uint64_t n_limited = r->engine ? engine_n_silent_limited(r->engine) : 0;
	if (n_limited)
		bus_warn(&r->bus,
			 "%llu silent ports are of hosts that limit their resets or ICMP errors: "
			 "some may be closed",
			 (unsigned long long)n_limited);
	if (ev.completed.n_unproven)
		bus_warn(&r->bus,
			 "%llu RST or SYN without acknowledgement prove nothing: not believed",
			 (unsigned long long)ev.completed.n_unproven);
	ev.completed.interrupted = stop_signal > 0;
	ev.completed.broke_off = r->is_failed;
	ev.completed.elapsed_ns = clock_now_ns() - r->start_ns;
	ev.completed.n_up = t.n_up;
	ev.completed.n_down = t.n_down + ev.completed.n_unseen;
	ev.completed.n_dishonest = t.n_dishonest;
	memcpy(ev.completed.n_ports, t.n_ports, sizeof(t.n_ports));
	if (ev.completed.interrupted)
		monitor_cancelled(&r->monitor, stop_signal);
	monitor_end(&r->monitor, r->engine, clock_now_ns());
	outs_settle(r->report.outs);
	ev.completed.exit_code = (uint8_t)exit_code(r, &ev.completed);
	bus_enter(&r->bus, STAGE_COMPLETED);
	bus_publish(&r->bus, &ev);
	return ev.completed.exit_code;
}

/** Engine, journal, outputs: each fails before the next is touched. A journal comes before outputs,
 * for a name taken by mistake must not cost the reports of the scan it belongs to. */
static int open_all(struct run *r, bool has_engine)
{
	bool wants_journal = has_engine && r->c->journal_file && !r->is_resumed;
	int code = has_engine ? packetfile_open(r->c, &r->plan) : 0;

	r->os.capture = r->plan.engine.capture;
	if (!code && has_engine)
		code = open_engine(r);

	if (!code && wants_journal)
		code = resume_create(r->c->journal_file, &r->plan, r->engine, r->c, &r->journal);
	if (code)
		return code;
	code = open_subscribers(r, has_engine ? engine_n_parts(r->engine) : 1);
	if (code && wants_journal) { /* of a scan that never began */
		(void)unlink(r->c->journal_file);
		(void)journal_close(r->journal);
		r->journal = NULL;
	}
	return code;
}

/** Raw scans have all their sockets; a connect scan with -e binds each new one to its device. */
static void drop_privileges(const struct run *r)
{
	bool still_binds = r->c->iface_name && r->plan.scan.n_types &&
			   r->plan.engine.types[0] == &scan_connect;

	if (!still_binds && priv_drop() < 0)
		say_note("privileges could not be dropped");
}

static int scan(struct run *r)
{
	bool is_list = r->plan.scan.is_list, has_engine = !is_list && !r->plan.is_empty;
	int code = open_all(r, has_engine);

	if (code)
		return code;
	if (has_engine)
		drop_privileges(r);
	code = packetfile_start(&r->plan);
	if (code)
		return code;
	r->flush_ns = r->start_ns;
	monitor_begin(&r->monitor, &r->plan.targets);
	if (has_engine && r->journal && (code = start_journal(r)))
		r->is_failed = true;
	else if (is_list)
		list_targets(r);
	else if (has_engine)
		scan_targets(r);
	int done = finish(r);
	return code ? code : done;
}

int run_scan(const struct config *c, const char *args, struct journal *resumed)
{
	struct run r = {.c = c,
			.start_ns = clock_now_ns(),
			.journal = resumed,
			.is_resumed = resumed != NULL};

	catch_signals();
	int code = plan_make(c, args, &r.plan);
	if (!code && resumed)
		code = resume_adopt(resumed, c->journal_file, &r.plan);
	if (!code)
		code = detection_load(c, &r.plan, &r.detection);
	if (!code)
		code = osdetect_load(c, &r.plan, &r.os);
	if (!code && !plan_confirm(c, &r.plan))
		code = EXIT_USAGE;
	if (!code) {
		bus_init(&r.bus, &r.plan.scan);
		code = scan(&r);
	}
	int log_err = monitor_close(&r.monitor), err = report_close(&r.report);
	if ((err || log_err) && code == EXIT_DONE)
		code = EXIT_DEGRADED;
	code = close_journal(&r, code);
	resume_lines_fini(&r.lines);
	osdetect_close(&r.os);
	names_free(r.names);
	detection_close(&r.detection);
	hosts_free(r.hosts);
	engine_free(r.engine);
	code = packetfile_close(c, &r.plan, code);
	plan_fini(&r.plan);
	return code;
}

/* --- --iflist --------------------------------------------------------------------------------- */

static void put_line(void *ctx, const char *line)
{
	fputs(line, ctx);
	fputc('\n', ctx);
}

int run_iflist(void)
{
	struct route_table *t;
	int err = route_table_load(&t);

	if (err) {
		say_error("cannot read the kernel's routes: %s", err_text(err));
		return EXIT_FATAL;
	}
	route_describe(t, put_line, stdout);
	route_table_free(t);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FATAL;
}
