/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prtip replay. The log's events are published again, with their times, into the same result store
 * and sinks that the scan had: what follows from events (a host is finished, a port was silent)
 * follows again, so the outputs are those of the scan. A log in several files is followed by the
 * names in their footers.
 */
#include "cli/replay.h"

#include "base/mem.h"
#include "cli/plan.h"
#include "cli/report.h"
#include "event/eventread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_LEN = 4096 };

struct replay {
	const struct config *c;
	struct jsonread *in;
	char path[PATH_MAX_LEN]; /* of the file being read */
	char next[PATH_MAX_LEN]; /* the one after it; "": none */
	uint32_t part;
	struct scan_info info;
	struct facts *info_block, *tls_block; /* what info and tls point to */
	struct facts *end_block;              /* and scan_completed, which sinks keep to the end */
	const struct tls_facts *tls;          /* of the last tls_found: its certificates follow */
	struct bus bus;
	struct hosts *hosts;
	struct services *services;
	struct report report;
	uint64_t last_ns, n_dropped;
	bool has_begun, has_footer;
};

static int refuse(const struct replay *r, int err, const struct err_where *w)
{
	if (w->line)
		say_error("replay: %s line %u, column %u, \"%s\": %s", w->file, w->line, w->column,
			  w->token, w->want);
	else
		say_error("replay: %s: %s", r->path, w->want[0] ? w->want : err_text(err));
	return err;
}

static int complain(const struct replay *r, const char *want)
{
	say_error("replay: %s: %s", r->path, want);
	return -E_UNSUPPORTED;
}

static void keep(struct facts **to, struct facts *block)
{
	facts_free(*to);
	*to = block ? facts_hold(block) : NULL;
}

/* --- the beginning ------------------------------------------------------------------------- */

/** What the scan showed, and what is asked for now. */
static void add_view(struct scan_info *i, const struct config *c)
{
	i->wants_reason |= c->wants_reason;
	i->wants_open_only |= c->wants_open_only;
	i->verbosity = MAX(i->verbosity, (int)c->verbosity);
	i->debugging = MAX(i->debugging, (int)c->debugging);
}

static int begin(struct replay *r, const struct event_record *rec)
{
	struct scan_info *i = &r->info;

	*i = *rec->scan;
	keep(&r->info_block, rec->block);
	add_view(i, r->c);
	bus_init(&r->bus, i);
	r->hosts =
		hosts_new(&r->bus, MAX(i->n_parts, 1u), i->wants_order ? (uint32_t)i->n_hosts : 0);
	if (!r->hosts || services_open(r->c->services_file, &r->services) < 0) {
		say_error("replay: %s",
			  r->hosts ? "no services file can be read" : "out of memory");
		return -ENOMEM;
	}
	if (report_open(&r->report, r->c, r->hosts, r->services, &r->bus) < 0)
		return -EIO;
	r->has_begun = true;
	return 0;
}

/* --- events ----------------------------------------------------------------------------------- */

/** The certificate is one of the endpoint's, told just before. */
static int find_certificate(struct replay *r, struct event *ev)
{
	if (!r->tls || ev->tls.cert_idx >= r->tls->n_certs)
		return complain(r, "a certificate without the tls_found that it belongs to");
	ev->tls.facts = r->tls;
	ev->tls.block = r->tls_block;
	return 0;
}

static void take_tls(struct replay *r, const struct event_record *rec)
{
	keep(&r->tls_block, rec->block);
	r->tls = rec->ev.tls.facts;
}

/** Most are published as they are; what the result store makes itself is not. */
static int publish(struct replay *r, struct event_record *rec)
{
	struct event *ev = &rec->ev;
	int err = 0;

	r->last_ns = ev->time_ns;
	switch ((enum event_kind)ev->kind) {
	case EVENT_HOST_FINISHED: /* by the end of the scan, when nothing here has finished it */
		if (hosts_find(r->hosts, ev->host_idx))
			hosts_finish_all_at(r->hosts, ev->time_ns);
		return 0;
	case EVENT_WARNING:
	case EVENT_SCAN_ERROR:
		outs_clear_status(r->report.outs);
		say_note("%s", ev->text.text);
		return 0;
	case EVENT_TARGET_NAMED:
		return ev->named.name
			       ? hosts_set_target_name(r->hosts, ev->host_idx, ev->named.name)
			       : 0;
	case EVENT_TLS_FOUND:
		take_tls(r, rec);
		break;
	case EVENT_SCAN_COMPLETED:
		keep(&r->end_block, rec->block);
		break;
	case EVENT_CERTIFICATE_FOUND:
		err = find_certificate(r, ev);
		break;
	default:
		break;
	}
	if (!err)
		bus_publish(&r->bus, ev);
	return err;
}

static int take_event(struct replay *r, struct event_record *rec)
{
	bool is_start = rec->ev.kind == EVENT_SCAN_STARTED;

	if (is_start == r->has_begun)
		return complain(r, is_start ? "a second scan begins in it"
					    : "its first event is not scan_started");
	int err = is_start ? begin(r, rec) : 0;
	return err ? err : publish(r, rec);
}

/* --- files ---------------------------------------------------------------------------------------
 */

static int take_header(struct replay *r, const struct event_record *rec, bool is_first)
{
	if (!is_first || rec->part != r->part)
		return complain(r, "a header that does not belong there");
	if (r->has_begun && strcmp(rec->scan_id, r->info.scan_id) != 0)
		return complain(r, "of another scan than the file before it");
	return 0;
}

/** The file that goes on stands beside the first. */
static int take_footer(struct replay *r, const struct event_record *rec)
{
	const char *slash = strrchr(r->path, '/');
	int dir_len = slash ? (int)(slash - r->path) + 1 : 0;

	r->has_footer = true;
	r->n_dropped = rec->n_dropped;
	if (!rec->next)
		return 0;
	if (strchr(rec->next, '/') || !*rec->next)
		return complain(r, "\"next\" of the footer is not a file beside it");
	int n = snprintf(r->next, sizeof(r->next), "%.*s%s", dir_len, r->path, rec->next);
	return n < (int)sizeof(r->next) ? 0 : -ENAMETOOLONG;
}

static int take_record(struct replay *r, struct event_record *rec, bool is_first)
{
	if (rec->kind == EVENTREAD_HEADER)
		return take_header(r, rec, is_first);
	if (is_first || r->has_footer)
		return complain(r, is_first ? "does not begin with a header: no event log of prtip"
					    : "goes on behind its footer");
	if (rec->kind == EVENTREAD_FOOTER)
		return take_footer(r, rec);
	return rec->kind == EVENTREAD_EVENT ? take_event(r, rec) : 0;
}

static int read_file(struct replay *r)
{
	struct err_where w = {0};
	struct event_record rec;
	bool is_first = true;
	int err = jsonread_open(r->in, r->path), n = 0;

	if (err)
		return refuse(r, err, &w);
	r->has_footer = false;
	r->next[0] = '\0';
	while (!err && (n = eventread_next(r->in, &rec, &w)) > 0) {
		err = take_record(r, &rec, is_first);
		is_first = false;
	}
	if (n < 0)
		return refuse(r, n, &w);
	if (!err && is_first)
		return complain(r, "empty; want an event log of prtip");
	return err;
}

static int read_all(struct replay *r)
{
	int err = read_file(r);

	while (!err && r->next[0]) {
		memcpy(r->path, r->next, sizeof(r->path));
		r->part++;
		err = read_file(r);
	}
	return err;
}

/** @return the exit code. */
static int conclude(struct replay *r)
{
	int code = EXIT_DONE;

	hosts_finish_all_at(r->hosts, r->last_ns);
	if (!r->has_footer) {
		say_note("replay: %s: cut off before its footer; what it has is used", r->path);
		code = EXIT_DEGRADED;
	}
	if (r->n_dropped) {
		say_note("replay: %llu events are missing from the log: the result is not whole",
			 (unsigned long long)r->n_dropped);
		code = EXIT_DEGRADED;
	}
	return hosts_error(r->hosts) ? EXIT_DEGRADED : code;
}

int run_replay(const struct config *c)
{
	struct replay r = {.c = c, .in = jsonread_new()};
	int n = snprintf(r.path, sizeof(r.path), "%s", c->target.specs[0]);
	int code = EXIT_FATAL;

	if (n >= (int)sizeof(r.path))
		say_error("replay: %s", err_text(ENAMETOOLONG));
	else if (r.in && read_all(&r) == 0 && r.has_begun)
		code = conclude(&r);
	if (report_close(&r.report) < 0 && code == EXIT_DONE)
		code = EXIT_DEGRADED;
	hosts_free(r.hosts);
	services_close(r.services);
	facts_free(r.end_block);
	facts_free(r.tls_block);
	facts_free(r.info_block);
	jsonread_free(r.in);
	return code;
}
