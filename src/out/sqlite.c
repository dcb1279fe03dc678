/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --with-db: a scan's facts as rows of an SQLite database, which holds any number of scans. Here
 * they are only flattened; dbwriter.c writes them on a thread of its own. All hosts and ports are
 * kept, whatever --open and -v show.
 */
#include "base/clock.h"
#include "out/dbwriter.h"
#include "out/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK_BYTES = 256 << 10 };
/** Rows that wait; beyond it a slow disk costs rows, never the scan its pace. */
#define QUEUE_MAX_BYTES (256u << 20)

struct sqlite_state {
	struct dbwriter *writer;
	uint64_t n_events; /* in the buffer */
	struct db_summary summary;
	struct scan_trust trust; /* of the summary */
	bool is_done;
};

static void give(struct out *o)
{
	struct sqlite_state *s = o->state;

	if (o->buf.len && s->writer && !o->error)
		dbwriter_give(s->writer, &o->buf, s->n_events);
	buf_reset(&o->buf);
	s->n_events = 0;
	if (!o->error && s->writer)
		o->error = dbwriter_error(s->writer);
}

static void put(struct out *o, enum db_root root, const struct event *ev, bool has_host,
		const void *of)
{
	struct sqlite_state *s = o->state;
	const struct db_key key = {.seq = ev->seq, .host = ev->host_idx, .has_host = has_host};

	if (o->error)
		return;
	dbput(dbwriter_tables(s->writer), &o->buf, root, &key, of);
	s->n_events++;
	if (o->buf.len >= CHUNK_BYTES)
		give(o);
}

/* --- the scan ------------------------------------------------------------------------------ */

static void put_types(struct buf *b, const struct scan_info *scan)
{
	for (uint32_t i = 0; i < scan->n_types; i++)
		buf_printf(b, "%s%s", i ? "," : "", scan->types[i]->name);
}

static void put_scan(struct out *o, const struct event *ev)
{
	const struct scan_info *i = o->conf->scan;
	struct buf types, ports[PORT_PROTO_N];
	const char *asked[PORT_PROTO_N];

	buf_init(&types, 1024);
	put_types(&types, i);
	for (uint32_t p = 0; p < PORT_PROTO_N; p++) {
		buf_init(&ports[p], 1 << 20);
		if (i->ports && i->ports->of[p].n)
			text_put_port_bits(&ports[p], &i->ports->of[p]);
		asked[p] = ports[p].len ? buf_text(&ports[p]) : NULL;
	}
	put(o, DB_SCANS, ev, false,
	    &(struct db_scan){.id = i->scan_id,
			      .version = i->version,
			      .args = i->args,
			      .kind = i->is_list        ? "list"
				      : i->is_ping_only ? "ping"
							: "ports",
			      .types = buf_text(&types),
			      .tcp = asked[PORT_TCP],
			      .udp = asked[PORT_UDP],
			      .sctp = asked[PORT_SCTP],
			      .seed = i->seed,
			      .start_ns = i->start_wall_ns,
			      .n_hosts = i->n_hosts,
			      .targets_sum = i->targets_sum,
			      .shard = i->n_shards ? i->shard_idx + 1 : 0,
			      .n_shards = i->n_shards,
			      .is_by_port = i->is_sharded_by_port,
			      .skips_discovery = i->skips_discovery,
			      .wants_services = i->wants_services,
			      .wants_tls = i->wants_tls,
			      .wants_reason = i->wants_reason,
			      .wants_open_only = i->wants_open_only,
			      .verbosity = (uint8_t)i->verbosity,
			      .debugging = (uint8_t)i->debugging,
			      .silent_attempt = i->silent_attempt});
	buf_fini(&types);
	for (uint32_t p = 0; p < PORT_PROTO_N; p++)
		buf_fini(&ports[p]);
}

static void on_started(struct out *o, const struct event *ev)
{
	struct sqlite_state *s = o->state;
	struct db_target t;
	struct event at = {0};

	put_scan(o, ev);
	for (uint32_t i = 0;
	     o->conf->target_range && o->conf->target_range(o->conf->ctx, i, &t.first, &t.last);
	     i++) {
		const struct db_key key = {.seq = at.seq++};
		dbput(dbwriter_tables(s->writer), &o->buf, DB_TARGETS, &key, &t);
	}
	o->error = dbwriter_start(s->writer, &o->buf, o->why);
	buf_reset(&o->buf);
	s->n_events = 0;
}

/* --- facts ----------------------------------------------------------------------------------- */

static void on_port(struct out *o, const struct event *ev)
{
	put(o, DB_PORTS, ev, true, &ev->port);
}

static void on_service(struct out *o, const struct event *ev)
{
	put(o, ev->kind == EVENT_BANNER_GRABBED ? DB_BANNERS : DB_SERVICES, ev, true, &ev->service);
}

static void on_os(struct out *o, const struct event *ev)
{
	put(o, DB_SYSTEMS, ev, true, &ev->os);
}

/** Its certificates are among its facts. */
static void on_tls(struct out *o, const struct event *ev)
{
	put(o, DB_TLS, ev, true, &ev->tls);
}

static void on_rate_limit(struct out *o, const struct event *ev)
{
	put(o, DB_RATES, ev, false, &ev->rate);
}

static void on_host(struct out *o, const struct event *ev)
{
	const struct host_facts *f = &out_view(o)->facts;

	put(o, DB_HOSTS, ev, true,
	    &(struct db_host){.found = {.addr = f->addr,
					.state = f->state,
					.reason = f->reason,
					.ttl = f->ttl,
					.has_mac = f->has_mac,
					.mac = f->mac,
					.rtt_us = f->rtt_us,
					.from = f->from},
			      .name = f->name,
			      .target_name = f->target_name,
			      .evidence = f->evidence,
			      .srtt_us = f->srtt_us,
			      .rttvar_us = f->rttvar_us,
			      .rto_us = f->rto_us,
			      .start_ns = f->start_ns,
			      .end_ns = f->end_ns,
			      .is_partial = f->is_partial,
			      .is_timed_out = f->is_timed_out});
}

/** Has nothing to write; being wanted, the highest rate is known. */
static void on_progress(struct out *o, const struct event *ev)
{
}

static void on_completed(struct out *o, const struct event *ev)
{
	struct sqlite_state *s = o->state;

	s->summary = (struct db_summary){.completed = ev->completed, .end_ns = ev->time_ns};
	if (ev->completed.trust) {
		s->trust = *ev->completed.trust;
		s->summary.completed.trust = &s->trust;
	}
	s->is_done = true;
}

/* --- life ---------------------------------------------------------------------------------- */

static int sqlite_open(struct out *o)
{
	struct sqlite_state *s = o->state;

	static_assert(sizeof(o->why) == DB_WHY_CAP, "the reason fits");
	return dbwriter_open(o->path, QUEUE_MAX_BYTES, &s->writer, o->why);
}

static void sqlite_close(struct out *o)
{
	struct sqlite_state *s = o->state;
	struct db_summary *sum = &s->summary;

	if (s->is_done && !o->error) {
		bool is_degraded = sum->completed.exit_code == 0 && outs_have_failed(o->outs);
		if (is_degraded)
			sum->completed.exit_code = 3;
		give(o);
		sum->n_lost = dbwriter_n_lost(s->writer);
		sum->max_pps = out_totals(o)->max_pps;
		struct event ev = {.seq = UINT32_MAX};
		put(o, DB_SUMMARIES, &ev, false, sum);
	}
	give(o);
	uint64_t n_lost = dbwriter_n_lost(s->writer);
	int err = dbwriter_close(s->writer, o->why);
	s->writer = NULL;
	if (!o->error)
		o->error = err;
	if (!o->error && n_lost) {
		o->error = -ENOBUFS;
		snprintf(o->why, sizeof(o->why),
			 "%llu results are missing: the disk was too slow for the scan",
			 (unsigned long long)n_lost);
	}
}

const struct out_ops out_sqlite = {
	.name = "sqlite",
	.help = "a database of scans",
	.opens_itself = true,
	.sees_all = true,
	.state_len = sizeof(struct sqlite_state),
	.open = sqlite_open,
	.on = {[EVENT_SCAN_STARTED] = on_started,
	       [EVENT_PORT_FOUND] = on_port,
	       [EVENT_SERVICE_DETECTED] = on_service,
	       [EVENT_BANNER_GRABBED] = on_service,
	       [EVENT_OS_DETECTED] = on_os,
	       [EVENT_TLS_FOUND] = on_tls,
	       [EVENT_RATE_LIMIT] = on_rate_limit,
	       [EVENT_HOST_FINISHED] = on_host,
	       [EVENT_PROGRESS] = on_progress,
	       [EVENT_SCAN_COMPLETED] = on_completed},
	.flush = give,
	.close = sqlite_close,
};
