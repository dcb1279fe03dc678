/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prtip db compare: what differs between two scans, and what kind of difference it is. An answer
 * that says otherwise is a change. Silence is none: the port may not have been asked, its host not
 * seen, its answer lost; each is told as what it is, with the coverage of the scan that is silent.
 */
#include "cli/db_int.h"
#include "out/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum difference { DIFF_NEW, DIFF_GONE, DIFF_CHANGED, DIFF_MISSING, DIFF_UNASKED, DIFF_N };
static const char *const difference_names[] = {"new", "gone", "changed", "missing", "unasked"};
static_assert(ARRAY_LEN(difference_names) == DIFF_N, "a name for every kind");

enum { OLD, NEW, SIDES };

struct compare {
	struct dbcmd *d;
	struct dbscan scan[SIDES];
	sqlite3_stmt *host_of; /* ?1 scan, ?2 address: state, reason, partial */
	uint64_t n[DIFF_N];
	uint64_t n_silent_others; /* answers other than open that one side has not */
};

/** A line about an endpoint or, port 0, a host. */
struct finding {
	enum difference kind;
	const char *what, *address, *proto; /* "port", "host", "service", "certificate" */
	int port;
	const char *text;
};

#define WHY_CAP 400

/* --- what is told ----------------------------------------------------------------------------- */

static void tell(struct compare *c, const struct finding *f)
{
	struct buf *b = &c->d->out;

	c->n[f->kind]++;
	if (c->d->wants_json) {
		buf_printf(b,
			   "{\"schema\":1,\"type\":\"difference\",\"kind\":\"%s\",\"of\":\"%s\","
			   "\"address\":",
			   difference_names[f->kind], f->what);
		text_put_json(b, f->address);
		if (f->port)
			buf_printf(b, ",\"port\":%d", f->port);
		if (f->proto) {
			buf_puts(b, ",\"protocol\":");
			text_put_json(b, f->proto);
		}
		buf_puts(b, ",\"text\":");
		text_put_json(b, f->text);
		buf_puts(b, "}\n");
		return;
	}
	buf_printf(b, "%-8s ", difference_names[f->kind]);
	text_put(b, f->address, TEXT_TERMINAL);
	if (f->port) {
		buf_printf(b, " %d/", f->port);
		text_put(b, f->proto, TEXT_TERMINAL);
	}
	buf_puts(b, ": ");
	text_put(b, f->text, TEXT_TERMINAL);
	buf_putc(b, '\n');
}

/** "coverage 97.10 %, 95 % interval 95.00-98.80 %": what silence in a scan is worth. */
static void put_coverage(const struct dbscan *s, char out[WHY_CAP])
{
	const struct scan_trust *t = s->has_end ? s->summary.completed.trust : NULL;

	if (!s->has_end)
		snprintf(out, WHY_CAP, "the scan was cut off");
	else if (!t || !t->estimate.is_known)
		snprintf(out, WHY_CAP, "coverage unknown");
	else
		snprintf(out, WHY_CAP, "coverage %.2f %%, 95 %% interval %.2f-%.2f %%",
			 100 * t->estimate.estimate, 100 * t->estimate.low, 100 * t->estimate.high);
}

/* --- was it asked, was it seen ------------------------------------------------------------------
 */

static bool has_asked_host(const struct dbscan *s, const char *address)
{
	struct addr a;
	u128 idx;

	return !s->knows_targets ||
	       (dbread_addr(address, &a) && range_set_find(&s->targets, &a, &idx));
}

static bool has_asked_port(const struct dbscan *s, const char *proto, int port)
{
	for (uint32_t p = 0; p < PORT_PROTO_N; p++)
		if (strcmp(proto_name(port_proto_number((enum port_proto)p)), proto) == 0)
			return port_bits_has(&s->ports.of[p], (uint16_t)port);
	return false;
}

/** Why a scan says nothing about an endpoint that the other one knows. Port 0: about a host. */
static enum difference why_silent(struct compare *c, int side, const struct finding *f,
				  char out[WHY_CAP])
{
	const struct dbscan *s = &c->scan[side];
	char coverage[WHY_CAP];

	put_coverage(s, coverage);
	if (!has_asked_host(s, f->address) || (f->port && !has_asked_port(s, f->proto, f->port))) {
		snprintf(out, WHY_CAP, "not asked in scan %lld", (long long)s->number);
		return DIFF_UNASKED;
	}
	(void)sqlite3_reset(c->host_of);
	(void)sqlite3_bind_int64(c->host_of, 1, s->number);
	(void)sqlite3_bind_text(c->host_of, 2, f->address, -1, SQLITE_TRANSIENT);
	bool has_row = sqlite3_step(c->host_of) == SQLITE_ROW;
	const char *state = has_row ? (const char *)sqlite3_column_text(c->host_of, 0) : NULL;
	bool is_up = state && strcmp(state, "up") == 0;
	if (s->row.n_shards && !has_row)
		snprintf(out, WHY_CAP, "not in shard %u/%u, or not seen", s->row.shard,
			 s->row.n_shards);
	else if (!is_up)
		snprintf(out, WHY_CAP, "host not seen; may have been missed (%.200s)", coverage);
	else if (sqlite3_column_int(c->host_of, 2))
		snprintf(out, WHY_CAP, "not seen; the scan of this host was not finished");
	else
		snprintf(out, WHY_CAP, "not seen; may have been missed (%.200s)", coverage);
	return DIFF_MISSING;
}

/* --- statements ---------------------------------------------------------------------------------
 */

static int each(struct compare *c, const char *sql, void (*row)(struct compare *, sqlite3_stmt *))
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(c->d->in.db, sql, -1, &s, NULL);

	(void)sqlite3_bind_int64(s, 1, c->scan[OLD].number);
	(void)sqlite3_bind_int64(s, 2, c->scan[NEW].number);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		row(c, s);
		dbcmd_spill(c->d);
	}
	int last = sqlite3_finalize(s);
	if (rc == SQLITE_OK && last == SQLITE_OK)
		return 0;
	return dbfile_error(c->d->in.db, rc ? rc : last, c->d->in.why);
}

static const char *text_of(sqlite3_stmt *s, int col)
{
	const unsigned char *text = sqlite3_column_text(s, col);

	return text ? (const char *)text : "";
}

static bool is_null(sqlite3_stmt *s, int col)
{
	return sqlite3_column_type(s, col) == SQLITE_NULL;
}

/* --- hosts --------------------------------------------------------------------------------------
 */

static const char select_hosts[] =
	"WITH o AS (SELECT * FROM hosts WHERE scan=?1),n AS (SELECT * FROM hosts WHERE scan=?2) "
	"SELECT coalesce(o.address,n.address),o.state,o.method,n.state,n.method FROM o FULL JOIN n "
	"ON o.address=n.address WHERE (o.state='up') IS NOT (n.state='up') AND "
	"(o.state='up' OR n.state='up') ORDER BY coalesce(o.host,n.host),1";

static void compare_host(struct compare *c, sqlite3_stmt *s)
{
	const char *address = text_of(s, 0);
	bool was_up = strcmp(text_of(s, 1), "up") == 0;
	const char *state = text_of(s, was_up ? 3 : 1), *method = text_of(s, was_up ? 4 : 2);
	bool is_told = strcmp(state, "down") == 0 && strcmp(method, "no-response") != 0 &&
		       strcmp(method, "unknown-response") != 0;
	char why[WHY_CAP], text[WHY_CAP + 40];
	struct finding f = {.what = "host", .address = address, .text = text};

	if (is_told) {
		f.kind = was_up ? DIFF_GONE : DIFF_NEW;
		snprintf(text, sizeof(text),
			 was_up ? "now down (%.60s)" : "now up; was down (%.60s)", method);
	} else if (was_up) {
		f.kind = why_silent(c, NEW, &f, why);
		snprintf(text, sizeof(text), "%.399s", why);
	} else {
		enum difference kind = why_silent(c, OLD, &f, why);
		f.kind = kind == DIFF_UNASKED ? kind : DIFF_NEW;
		snprintf(text, sizeof(text), "now up; then %.399s", why);
	}
	tell(c, &f);
}

/* --- ports --------------------------------------------------------------------------------------
 */

#define LATEST(scan)                                                                               \
	"(SELECT address,protocol,port,host,state,reason,"                                         \
	"max((state='open')*4611686018427387904+seq) FROM ports WHERE scan=" scan                  \
	" GROUP BY address,protocol,port)"

static const char select_ports[] = "WITH o AS " LATEST("?1") ",n AS " LATEST(
	"?2") " SELECT coalesce(o.address,n.address),coalesce(o.protocol,n.protocol),"
	      "coalesce(o.port,n.port),o.state,o.reason,n.state,n.reason FROM o FULL JOIN n "
	      "ON o.address=n.address AND o.protocol=n.protocol AND o.port=n.port "
	      "WHERE o.state IS NOT n.state ORDER BY coalesce(o.host,n.host),1,2,3";

/** Both sides have an answer: no doubt about the difference. */
static void compare_answers(struct compare *c, sqlite3_stmt *s, struct finding *f)
{
	const char *was = text_of(s, 3), *is = text_of(s, 5);
	char text[200];

	f->kind = strcmp(is, "open") == 0    ? DIFF_NEW
		  : strcmp(was, "open") == 0 ? DIFF_GONE
					     : DIFF_CHANGED;
	snprintf(text, sizeof(text), "now %.30s (%.40s); was %.30s (%.40s)", is, text_of(s, 6), was,
		 text_of(s, 4));
	f->text = text;
	tell(c, f);
}

static void compare_port(struct compare *c, sqlite3_stmt *s)
{
	struct finding f = {.what = "port",
			    .address = text_of(s, 0),
			    .proto = text_of(s, 1),
			    .port = sqlite3_column_int(s, 2)};
	int silent = is_null(s, 3) ? OLD : NEW, known = silent == OLD ? 5 : 3;
	char why[WHY_CAP], text[WHY_CAP + 80];

	if (!is_null(s, 3) && !is_null(s, 5)) {
		compare_answers(c, s, &f);
		return;
	}
	if (strcmp(text_of(s, known), "open") != 0) {
		c->n_silent_others++;
		return;
	}
	f.kind = why_silent(c, silent, &f, why);
	f.text = text;
	if (silent == NEW) {
		snprintf(text, sizeof(text), "was open; %.399s", why);
	} else {
		snprintf(text, sizeof(text), "now open; then %.399s", why);
		f.kind = f.kind == DIFF_UNASKED ? f.kind : DIFF_NEW;
	}
	tell(c, &f);
}

/* --- services -----------------------------------------------------------------------------------
 */

#define SERVICES(scan)                                                                             \
	"(SELECT address,protocol,port,host,trim(coalesce(name,'')||' '||coalesce(product,'')||' " \
	"'||coalesce(version,'')) AS said,max(seq) FROM services WHERE scan=" scan                 \
	" GROUP BY address,protocol,port)"
#define LEAVES(scan)                                                                               \
	"(SELECT t.address,t.protocol,t.port,t.host,c.sha256 AS said,max(t.seq) FROM tls t JOIN "  \
	"tls_certificates c ON c.scan=t.scan AND c.seq=t.seq AND c.idx=0 WHERE t.scan=" scan       \
	" GROUP BY t.address,t.protocol,t.port)"
#define SAID(of)                                                                                   \
	"SELECT o.address,o.protocol,o.port,o.said,n.said FROM " of("?1") " o JOIN " of(           \
		"?2") " n ON o.address=n.address AND o.protocol=n.protocol AND o.port=n.port "     \
		      "WHERE o.said IS NOT n.said ORDER BY o.host,1,2,3"

static void compare_said(struct compare *c, sqlite3_stmt *s, const char *what)
{
	char text[600];

	snprintf(text, sizeof(text), "%s was \"%.240s\", is \"%.240s\"", what, text_of(s, 3),
		 text_of(s, 4));
	tell(c, &(struct finding){.kind = DIFF_CHANGED,
				  .what = what,
				  .address = text_of(s, 0),
				  .proto = text_of(s, 1),
				  .port = sqlite3_column_int(s, 2),
				  .text = text});
}

static void compare_service(struct compare *c, sqlite3_stmt *s)
{
	compare_said(c, s, "service");
}

static void compare_leaf(struct compare *c, sqlite3_stmt *s)
{
	compare_said(c, s, "certificate");
}

/* --- the command ----------------------------------------------------------------------------- */

static int compare_all(struct compare *c)
{
	static const char host_of[] =
		"SELECT state,method,partial FROM hosts WHERE scan=?1 AND address=?2";
	int rc = sqlite3_prepare_v2(c->d->in.db, host_of, -1, &c->host_of, NULL);
	int err = rc == SQLITE_OK ? 0 : dbfile_error(c->d->in.db, rc, c->d->in.why);

	if (!err)
		err = each(c, select_hosts, compare_host);
	if (!err)
		err = each(c, select_ports, compare_port);
	if (!err)
		err = each(c, SAID(SERVICES), compare_service);
	if (!err)
		err = each(c, SAID(LEAVES), compare_leaf);
	return err;
}

static void put_end(struct compare *c)
{
	char coverage[WHY_CAP];
	uint64_t n_all = 0;
	struct buf *b = &c->d->out;

	for (uint32_t k = 0; k < DIFF_N; k++)
		n_all += c->n[k];
	if (c->d->wants_json)
		return;
	for (int side = OLD; side <= NEW; side++) {
		put_coverage(&c->scan[side], coverage);
		buf_printf(b, "# scan %lld: %s; ", (long long)c->scan[side].number, coverage);
		text_put(b, c->scan[side].info.args, TEXT_TERMINAL);
		buf_putc(b, '\n');
	}
	buf_puts(b, n_all ? "#" : "# no difference");
	for (uint32_t k = 0; k < DIFF_N; k++)
		if (c->n[k])
			buf_printf(b, " %llu %s", (unsigned long long)c->n[k], difference_names[k]);
	if (c->n_silent_others)
		buf_printf(b, "; %llu answers other than open are in one scan only",
			   (unsigned long long)c->n_silent_others);
	buf_putc(b, '\n');
}

int dbcompare(struct dbcmd *d)
{
	struct compare c = {.d = d};
	int64_t old = 0, new = 0;
	int code = dbscan_find(d, d->n_words ? d->words[0] : NULL, 1, &old);

	if (!code)
		code = dbscan_find(d, d->n_words > 1 ? d->words[1] : NULL, 0, &new);
	if (!code)
		code = dbscan_load(d, old, &c.scan[OLD]);
	if (!code)
		code = dbscan_load(d, new, &c.scan[NEW]);
	int err = code ? 0 : compare_all(&c);
	if (err)
		code = dbcmd_fail(d, err);
	sqlite3_finalize(c.host_of);
	if (!code) {
		put_end(&c);
		bool differs = false;
		for (uint32_t k = 0; k < DIFF_N; k++)
			differs |= c.n[k] != 0;
		code = dbcmd_flush(d, differs ? EXIT_DIFFERENT : EXIT_DONE);
	}
	dbscan_fini(&c.scan[OLD]);
	dbscan_fini(&c.scan[NEW]);
	return code;
}
