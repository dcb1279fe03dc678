/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prtip db VERB FILE ...: a table of verbs. What they read is bound to prepared statements as
 * values; no word of the user ever becomes SQL.
 */
#include "cli/db_int.h"

#include "out/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_MAX = 1 << 24, OUT_SPILL = 1 << 16 };

static const struct verb {
	const char *name, *want;
	int (*run)(struct dbcmd *d);
	uint32_t max_words;
	bool writes_formats; /* by report.c, as a scan does */
} verbs[] = {
	{"list", "prtip db list FILE", dblist, 0, false},
	{"query", "prtip db query FILE [KEY=VALUE...]", dbquery, 16, false},
	{"export", "prtip db export FILE [SCAN] [OUTPUT OPTIONS]", dbexport, 1, true},
	{"compare", "prtip db compare FILE [OLD [NEW]]", dbcompare, 2, false},
};

int dbcmd_fail(struct dbcmd *d, int err)
{
	say_error("db: %s: %s", d->path, d->in.why[0] ? d->in.why : err_text(err));
	return EXIT_FATAL;
}

static void write_out(struct dbcmd *d)
{
	const struct buf *b = &d->out;

	if (!d->error)
		d->error = b->error;
	for (size_t done = 0; done < b->len && !d->error;) {
		ssize_t n = write(d->fd, b->p + done, b->len - done);
		if (n < 0 && errno != EINTR)
			d->error = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	buf_reset(&d->out);
}

void dbcmd_spill(struct dbcmd *d)
{
	if (d->out.len >= OUT_SPILL)
		write_out(d);
}

int dbcmd_flush(struct dbcmd *d, int code)
{
	write_out(d);
	if (d->fd != STDOUT_FILENO && close(d->fd) < 0 && !d->error)
		d->error = -errno;
	d->fd = STDOUT_FILENO;
	if (d->error)
		say_error("db: %s: %s", d->wants_json ? d->c->out.json : "standard output",
			  err_text(d->error));
	return d->error ? EXIT_FATAL : code;
}

/* --- scans --------------------------------------------------------------------------------- */

static int find_by(struct dbcmd *d, const char *sql, const char *word, int64_t n, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(d->in.db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(s, 1, n);
		if (word)
			(void)sqlite3_bind_text(s, 2, word, -1, SQLITE_STATIC);
		rc = sqlite3_step(s);
	}
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return rc == SQLITE_ROW;
	return dbfile_error(d->in.db, rc, d->in.why);
}

int dbscan_find(struct dbcmd *d, const char *word, uint32_t nth, int64_t *ret)
{
	char *end = NULL;
	long long number = word ? strtoll(word, &end, 10) : 0;
	bool is_number = word && *word && !*end;
	int n = !word ? find_by(d, "SELECT scan FROM scans ORDER BY scan DESC LIMIT 1 OFFSET ?1",
				NULL, nth, ret)
		: is_number ? find_by(d, "SELECT scan FROM scans WHERE scan=?1", NULL, number, ret)
			    : find_by(d,
				      "SELECT scan FROM scans WHERE length(?2)>3 AND "
				      "substr(id,1,length(?2))=?2 LIMIT ?1",
				      word, 1, ret);
	if (n > 0)
		return 0;
	if (n < 0)
		return dbcmd_fail(d, n);
	if (word)
		say_error("db: %s: no scan \"%s\"; prtip db list %s shows them", d->path, word,
			  d->path);
	else
		say_error("db: %s: holds %s", d->path, nth ? "one scan only" : "no scan");
	return EXIT_USAGE;
}

static int load_types(struct dbscan *s)
{
	const char *at = s->row.types ? s->row.types : "";

	while (*at && s->info.n_types < ARRAY_LEN(s->info.types)) {
		size_t len = strcspn(at, ",");
		uint32_t k = 0;
		while (scan_types[k] &&
		       (strncmp(scan_types[k]->name, at, len) != 0 || scan_types[k]->name[len]))
			k++;
		if (!scan_types[k])
			return -E_UNSUPPORTED;
		s->info.types[s->info.n_types++] = &scan_types[k]->desc;
		at += len + (at[len] == ',');
	}
	return 0;
}

static int load_info(struct dbscan *s)
{
	const struct db_scan *r = &s->row;
	const char *lists[PORT_PROTO_N] = {
		[PORT_TCP] = r->tcp, [PORT_UDP] = r->udp, [PORT_SCTP] = r->sctp};

	for (uint32_t p = 0; p < PORT_PROTO_N; p++)
		if (lists[p] && !port_bits_parse(lists[p], &s->ports.of[p]))
			return -E_SYNTAX;
	s->info = (struct scan_info){.version = r->version ? r->version : "",
				     .args = r->args ? r->args : "",
				     .seed = r->seed,
				     .start_wall_ns = r->start_ns,
				     .ports = &s->ports,
				     .is_list = r->kind && strcmp(r->kind, "list") == 0,
				     .is_ping_only = r->kind && strcmp(r->kind, "ping") == 0,
				     .skips_discovery = r->skips_discovery,
				     .n_hosts = r->n_hosts,
				     .targets_sum = r->targets_sum,
				     .shard_idx = r->shard ? r->shard - 1 : 0,
				     .n_shards = r->n_shards,
				     .is_sharded_by_port = r->is_by_port,
				     .wants_reason = r->wants_reason,
				     .wants_open_only = r->wants_open_only,
				     .verbosity = r->verbosity,
				     .debugging = r->debugging,
				     .wants_services = r->wants_services,
				     .wants_tls = r->wants_tls,
				     .n_parts = 1,
				     .silent_attempt = r->silent_attempt};
	snprintf(s->info.scan_id, sizeof(s->info.scan_id), "%s", r->id ? r->id : "");
	return load_types(s);
}

/** The one row of a root, or the rows of its list of targets. */
static int load_rows(struct dbcmd *d, struct dbscan *s)
{
	struct db_key key;
	struct db_target t = {0};
	int n = dbread_start(&d->in, DB_SCANS, s->number);

	if (!n)
		n = dbread_next(&d->in, DB_SCANS, s->block, &key, &s->row);
	if (n > 0)
		n = dbread_start(&d->in, DB_SUMMARIES, s->number);
	if (!n)
		n = dbread_next(&d->in, DB_SUMMARIES, s->block, &key, &s->summary);
	s->has_end = n > 0;
	if (n >= 0)
		n = dbread_start(&d->in, DB_TARGETS, s->number);
	while (!n && (n = dbread_next(&d->in, DB_TARGETS, s->block, &key, &t)) > 0) {
		s->knows_targets = true;
		n = range_set_add(&s->targets, &t.first, &t.last);
	}
	return n < 0 ? n : range_set_seal(&s->targets);
}

int dbscan_load(struct dbcmd *d, int64_t number, struct dbscan *ret)
{
	*ret = (struct dbscan){.number = number, .block = facts_new(FACTS_HOST_BLOCK_MAX)};
	range_set_init(&ret->targets);
	int err = ret->block ? load_rows(d, ret) : -ENOMEM;

	if (err < 0)
		return dbcmd_fail(d, err);
	err = load_info(ret);
	if (err < 0)
		say_error("db: %s: scan %lld: %s", d->path, (long long)number,
			  err == -E_UNSUPPORTED ? "a scan type that this version does not know"
						: "its ports cannot be read");
	return err < 0 ? EXIT_FATAL : 0;
}

void dbscan_fini(struct dbscan *s)
{
	facts_free(s->block);
	range_set_fini(&s->targets);
}

/* --- list ------------------------------------------------------------------------------------ */

static void list_row(struct dbcmd *d, sqlite3_stmt *s)
{
	struct buf *b = &d->out;
	bool has_end = sqlite3_column_type(s, 4) != SQLITE_NULL;
	bool knows = sqlite3_column_int(s, 8) != 0;

	if (d->wants_json) {
		buf_printf(b, "{\"schema\":1,\"type\":\"stored_scan\",\"scan\":%lld,\"id\":",
			   (long long)sqlite3_column_int64(s, 0));
		text_put_json(b, (const char *)sqlite3_column_text(s, 1));
		buf_puts(b, ",\"args\":");
		text_put_json(b, (const char *)sqlite3_column_text(s, 2));
		buf_puts(b, ",\"start\":");
		text_put_json(b, (const char *)sqlite3_column_text(s, 3));
		buf_puts(b, ",\"end\":");
		text_put_json(b, (const char *)sqlite3_column_text(s, 4));
		buf_printf(b, ",\"up\":%lld,\"open\":%lld,\"coverage\":",
			   (long long)sqlite3_column_int64(s, 5),
			   (long long)sqlite3_column_int64(s, 7));
		if (knows)
			buf_printf(b, "%.8g", sqlite3_column_double(s, 6));
		else
			buf_puts(b, "null");
		if (has_end)
			buf_printf(b, ",\"exit\":%d}\n", sqlite3_column_int(s, 9));
		else
			buf_puts(b, ",\"exit\":null}\n");
		return;
	}
	buf_printf(b, "%4lld  %s  ", (long long)sqlite3_column_int64(s, 0),
		   (const char *)sqlite3_column_text(s, 3));
	buf_printf(b, "%5lld up %6lld open  ", (long long)sqlite3_column_int64(s, 5),
		   (long long)sqlite3_column_int64(s, 7));
	if (!has_end)
		buf_puts(b, "cut off            ");
	else if (knows)
		buf_printf(b, "coverage %6.2f %%  ", 100 * sqlite3_column_double(s, 6));
	else
		buf_puts(b, "coverage unknown   ");
	text_put(b, (const char *)sqlite3_column_text(s, 2), TEXT_TERMINAL);
	buf_putc(b, '\n');
}

int dblist(struct dbcmd *d)
{
	static const char sql[] =
		"SELECT o.scan,o.id,o.args,o.start,o.\"end\",(SELECT count(*) FROM hosts h WHERE "
		"h.scan=o.scan AND h.state='up'),o.coverage,(SELECT count(DISTINCT "
		"p.address||p.protocol||p.port) FROM ports p WHERE p.scan=o.scan AND "
		"p.state='open'),(SELECT e.coverage_estimate_known FROM summaries e WHERE "
		"e.scan=o.scan),o.exit FROM overview o ORDER BY o.scan";
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(d->in.db, sql, -1, &s, NULL);

	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		list_row(d, s);
		dbcmd_spill(d);
	}
	int last = sqlite3_finalize(s);
	if (rc != SQLITE_OK || last != SQLITE_OK)
		return dbcmd_fail(d, dbfile_error(d->in.db, rc ? rc : last, d->in.why));
	return dbcmd_flush(d, EXIT_DONE);
}

/* --- the command --------------------------------------------------------------------------- */

static const struct verb *find_verb(const struct config *c)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs) && c->target.n_specs; i++)
		if (strcmp(verbs[i].name, c->target.specs[0]) == 0)
			return &verbs[i];
	return NULL;
}

/** Only -oJ says something to a verb that writes no scan. @return 0 or an exit code; said. */
static int check_words(const struct config *c, const struct verb *v)
{
	const struct output_requests *o = &c->out;

	if (!v) {
		say_error("db: want list, query, export or compare, and a file (see prtip db "
			  "--help)");
		return EXIT_USAGE;
	}
	if (c->target.n_specs < 2 || c->target.n_specs > 2 + v->max_words) {
		say_error("db %s: want %s", v->name, v->want);
		return EXIT_USAGE;
	}
	if (o->db || (!v->writes_formats && (o->normal || o->xml || o->grepable || o->all_base))) {
		say_error("db %s: %s", v->name,
			  o->db ? "--with-db: reads a database, and writes none"
				: "-oJ is the only format it has beside text");
		return EXIT_USAGE;
	}
	return 0;
}

/** Where -oJ says; else, and for "-", standard output. @return 0 or an exit code; said. */
static int open_out(struct dbcmd *d)
{
	const char *path = d->c->out.json;

	if (!path || strcmp(path, "-") == 0)
		return 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		say_error("output \"%s\": %s", path, err_text(-errno));
		return EXIT_FATAL;
	}
	d->fd = fd;
	return 0;
}

int run_db(const struct config *c)
{
	const struct verb *v = find_verb(c);
	int code = check_words(c, v);

	if (code)
		return code;
	struct dbcmd d = {.c = c,
			  .path = c->target.specs[1],
			  .words = c->target.specs + 2,
			  .n_words = c->target.n_specs - 2,
			  .fd = STDOUT_FILENO,
			  .wants_json = c->out.json != NULL};
	buf_init(&d.out, OUT_MAX);
	int err = dbread_open(&d.in, d.path);
	code = err ? dbcmd_fail(&d, err) : v->writes_formats ? 0 : open_out(&d);
	if (!code)
		code = v->run(&d);
	dbread_close(&d.in);
	if (d.fd != STDOUT_FILENO)
		close(d.fd);
	buf_fini(&d.out);
	return code;
}
