/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prtip db export: a stored scan published once more, each fact in its turn, so that every format
 * writes what it wrote, or would have written. A host is known by its row at the end; what it needs
 * earlier, the time of its first event, is read before.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "cli/db_int.h"
#include "cli/report.h"

#include <errno.h>
#include <string.h>

enum { HOSTS_MAX = 1 << 24 };

/** Tables whose rows are events, by seq. */
static const enum db_root sources[] = {DB_HOSTS,   DB_PORTS, DB_SERVICES, DB_BANNERS,
				       DB_SYSTEMS, DB_TLS,   DB_RATES};

/** The next row of a table. */
struct pending {
	bool is_there;
	struct db_key key;
	struct facts *block;
	union {
		struct db_host host;
		struct ev_port port;
		struct ev_service service;
		struct ev_os os;
		struct ev_tls tls;
		struct ev_rate_limit rate;
	};
};

struct replay {
	struct dbcmd *d;
	struct dbscan scan;
	struct bus bus;
	struct hosts *hosts;
	struct services *services;
	struct report report;
	struct pending next[ARRAY_LEN(sources)];
	struct map64 start_of; /* host -> place in starts_ns */
	uint64_t *starts_ns;
	uint32_t n_starts, starts_cap;
};

/* --- times ----------------------------------------------------------------------------------- */

static int add_start(struct replay *r, uint64_t host, uint64_t start_ns)
{
	if (r->n_starts == r->starts_cap) {
		uint32_t cap = r->starts_cap ? 2 * r->starts_cap : 256;
		uint64_t *grown = mem_resize(r->starts_ns, cap, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		r->starts_ns = grown;
		r->starts_cap = cap;
	}
	r->starts_ns[r->n_starts] = start_ns;
	return map64_put(&r->start_of, host, r->n_starts++);
}

static int load_starts(struct replay *r)
{
	static const char sql[] = "SELECT host,start_ns FROM hosts WHERE scan=?1";
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(r->d->in.db, sql, -1, &s, NULL), err = 0;

	(void)sqlite3_bind_int64(s, 1, r->scan.number);
	while (!err && rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		err = add_start(r, (uint64_t)sqlite3_column_int64(s, 0),
				(uint64_t)sqlite3_column_int64(s, 1));
	int last = sqlite3_finalize(s);
	if (!err && (rc != SQLITE_OK || last != SQLITE_OK))
		err = dbfile_error(r->d->in.db, rc ? rc : last, r->d->in.why);
	return err;
}

/* --- events ---------------------------------------------------------------------------------- */

static int publish_host(struct replay *r, struct event *ev, const struct db_host *h)
{
	struct event named = {.kind = EVENT_HOST_NAMED,
			      .host_idx = ev->host_idx,
			      .time_ns = h->end_ns,
			      .named = {.name = h->name}};
	struct event done = {.kind = EVENT_HOST_SCANNED,
			     .host_idx = ev->host_idx,
			     .time_ns = h->end_ns,
			     .done = {.addr = h->found.addr,
				      .state = h->found.state,
				      .reason = h->found.reason,
				      .is_partial = h->is_partial,
				      .is_timed_out = h->is_timed_out && h->is_partial,
				      .is_detection_timed_out = h->is_timed_out && !h->is_partial,
				      .evidence = h->evidence,
				      .srtt_us = h->srtt_us,
				      .rttvar_us = h->rttvar_us,
				      .rto_us = h->rto_us}};

	if (h->target_name && hosts_set_target_name(r->hosts, ev->host_idx, h->target_name) < 0)
		return -ENOMEM;
	ev->kind = EVENT_HOST_DISCOVERED;
	ev->host = h->found;
	bus_publish(&r->bus, ev);
	if (h->name)
		bus_publish(&r->bus, &named);
	bus_publish(&r->bus, &done);
	return 0;
}

static void publish_tls(struct replay *r, struct event *ev, struct pending *p)
{
	ev->kind = EVENT_TLS_FOUND;
	ev->tls = p->tls;
	ev->tls.block = p->block;
	if (!p->tls.facts)
		return;
	bus_publish(&r->bus, ev);
	for (uint32_t i = 0; i < p->tls.facts->n_certs; i++) {
		struct event cert = *ev;
		cert.kind = EVENT_CERTIFICATE_FOUND;
		cert.seq = 0;
		cert.tls.cert_idx = i;
		bus_publish(&r->bus, &cert);
	}
}

static int publish(struct replay *r, enum db_root root, struct pending *p)
{
	struct event ev = {.host_idx = p->key.host};
	uint32_t at = p->key.has_host ? map64_get(&r->start_of, p->key.host) : MAP64_NONE;

	ev.time_ns = at == MAP64_NONE ? r->scan.info.start_wall_ns : r->starts_ns[at];
	switch (root) {
	case DB_HOSTS:
		return publish_host(r, &ev, &p->host);
	case DB_PORTS:
		ev.kind = EVENT_PORT_FOUND;
		ev.port = p->port;
		break;
	case DB_SERVICES:
	case DB_BANNERS:
		ev.kind = root == DB_SERVICES ? EVENT_SERVICE_DETECTED : EVENT_BANNER_GRABBED;
		ev.service = p->service;
		if (!p->service.facts)
			return 0;
		break;
	case DB_SYSTEMS:
		ev.kind = EVENT_OS_DETECTED;
		ev.os = p->os;
		if (!p->os.facts)
			return 0;
		break;
	case DB_TLS:
		publish_tls(r, &ev, p);
		return 0;
	default:
		ev.kind = EVENT_RATE_LIMIT;
		ev.rate = p->rate;
	}
	bus_publish(&r->bus, &ev);
	return 0;
}

/** Read the next row of a table. */
static int fetch(struct replay *r, uint32_t i)
{
	struct pending *p = &r->next[i];

	facts_free(p->block);
	*p = (struct pending){.block = facts_new(FACTS_HOST_BLOCK_MAX)};
	if (!p->block)
		return -ENOMEM;
	int n = dbread_next(&r->d->in, sources[i], p->block, &p->key, &p->host);
	p->is_there = n > 0;
	return MIN(n, 0);
}

static struct pending *first_of(struct replay *r, uint32_t *ret_i)
{
	struct pending *first = NULL;

	for (uint32_t i = 0; i < ARRAY_LEN(sources); i++) {
		struct pending *p = &r->next[i];
		if (!p->is_there || (first && first->key.seq <= p->key.seq))
			continue;
		first = p;
		*ret_i = i;
	}
	return first;
}

static int publish_all(struct replay *r)
{
	struct pending *p;
	uint32_t i = 0;
	int err = 0;

	for (uint32_t k = 0; k < ARRAY_LEN(sources) && !err; k++) {
		err = dbread_start(&r->d->in, sources[k], r->scan.number);
		if (!err)
			err = fetch(r, k);
	}
	while (!err && (p = first_of(r, &i))) {
		err = publish(r, sources[i], p);
		if (!err)
			err = fetch(r, i);
	}
	return err;
}

/** How it ended; a scan that was killed has no end, and its documents say so. */
static void publish_end(struct replay *r)
{
	struct event rate = {.kind = EVENT_PROGRESS,
			     .progress = {.rate_pps = r->scan.summary.max_pps}};
	struct event ev = {.kind = EVENT_SCAN_COMPLETED,
			   .time_ns = r->scan.summary.end_ns,
			   .completed = r->scan.summary.completed};

	hosts_finish_all(r->hosts);
	if (!r->scan.has_end) {
		say_note("db export: scan %lld was cut off before its summary",
			 (long long)r->scan.number);
		return;
	}
	if (!ev.completed.backend)
		ev.completed.backend = "none";
	bus_publish(&r->bus, &rate);
	bus_publish(&r->bus, &ev);
}

/* --- one scan -------------------------------------------------------------------------------- */

static int replay(struct replay *r)
{
	const struct config *c = r->d->c;
	struct event started = {.kind = EVENT_SCAN_STARTED, .time_ns = r->scan.info.start_wall_ns};

	r->scan.info.wants_reason |= c->wants_reason;
	r->scan.info.wants_open_only |= c->wants_open_only;
	r->scan.info.verbosity = MAX(r->scan.info.verbosity, (int)c->verbosity);
	r->scan.info.debugging = MAX(r->scan.info.debugging, (int)c->debugging);
	bus_init(&r->bus, &r->scan.info);
	r->hosts = hosts_new(&r->bus, 1, 0);
	if (!r->hosts || services_open(c->services_file, &r->services) < 0) {
		say_error("db export: %s",
			  r->hosts ? "--servicedb cannot be read" : "out of memory");
		return EXIT_FATAL;
	}
	if (report_open(&r->report, c, r->hosts, r->services, &r->bus) < 0)
		return EXIT_FATAL;
	int err = load_starts(r);
	bus_publish(&r->bus, &started);
	if (!err)
		err = publish_all(r);
	if (err)
		return dbcmd_fail(r->d, err);
	publish_end(r);
	return r->scan.has_end ? EXIT_DONE : EXIT_DEGRADED;
}

int dbexport(struct dbcmd *d)
{
	struct replay r = {.d = d};
	int64_t number = 0;
	int code = dbscan_find(d, d->n_words ? d->words[0] : NULL, 0, &number);

	if (code)
		return code;
	map64_init(&r.start_of, HOSTS_MAX);
	code = dbscan_load(d, number, &r.scan);
	if (!code)
		code = replay(&r);
	if (report_close(&r.report) < 0 && code == EXIT_DONE)
		code = EXIT_DEGRADED;
	hosts_free(r.hosts);
	services_close(r.services);
	for (uint32_t i = 0; i < ARRAY_LEN(sources); i++)
		facts_free(r.next[i].block);
	map64_fini(&r.start_of);
	mem_free(r.starts_ns);
	dbscan_fini(&r.scan);
	return code;
}
