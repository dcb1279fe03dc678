/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From field tables to SQL. A struct is a row; structs in it are columns of the same row; lists of
 * plain values are a text, one a line; lists of structs are rows of a table of their own, which
 * refer to their parent by (scan, seq, up). Numbers of events (seq) are the order of everything.
 */
#include "out/dbtable.h"

#include "event/facttab.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */

/* --- rows --------------------------------------------------------------------------------- */

#define T struct db_scan
static const struct field db_scan_f[] = {
	{"id", NULL, TEXT(id)}, {"version", NULL, TEXT(version)}, {"args", NULL, TEXT(args)}, {"kind", NULL, TEXT(kind)},
	{"types", NULL, TEXT(types)}, {"tcp", NULL, TEXT(tcp)}, {"udp", NULL, TEXT(udp)}, {"sctp", NULL, TEXT(sctp)},
	{"seed", NULL, UINT(seed)}, {"start_ns", NULL, UINT(start_ns)}, {"hosts", NULL, UINT(n_hosts)},
	{"targets_sum", NULL, UINT(targets_sum)}, {"shard", NULL, UINT(shard)}, {"shards", NULL, UINT(n_shards)},
	{"shard_by_port", NULL, BOOL(is_by_port)}, {"no_discovery", NULL, BOOL(skips_discovery)},
	{"with_services", NULL, BOOL(wants_services)}, {"with_tls", NULL, BOOL(wants_tls)},
	{"reason", NULL, BOOL(wants_reason)}, {"open_only", NULL, BOOL(wants_open_only)},
	{"verbosity", NULL, UINT(verbosity)}, {"debugging", NULL, UINT(debugging)}, {"silent_attempt", NULL, UINT(silent_attempt)},
};
#undef T
static const STRUCT_TABLE(db_scan);

#define T struct db_target
static const struct field db_target_f[] = {{"first", NULL, ADDR(first)}, {"last", NULL, ADDR(last)}};
#undef T
static const STRUCT_TABLE(db_target);

#define T struct db_host
static const struct field db_host_f[] = {
	{"found", NULL, STRUCT(found), .of = &fields_ev_host}, {"name", NULL, TEXT(name)}, {"target_name", NULL, TEXT(target_name)},
	{"evidence", NULL, STRUCT(evidence), .of = &fields_ev_evidence},
	{"srtt_us", NULL, KNOWN_UINT(srtt_us)}, {"rttvar_us", NULL, KNOWN_UINT(rttvar_us)}, {"rto_us", NULL, KNOWN_UINT(rto_us)},
	{"start_ns", NULL, UINT(start_ns)}, {"end_ns", NULL, UINT(end_ns)},
	{"partial", NULL, BOOL(is_partial)}, {"timed_out", NULL, BOOL(is_timed_out)},
};
#undef T
static const STRUCT_TABLE(db_host);

#define T struct db_summary
static const struct field db_summary_f[] = {
	{"totals", NULL, STRUCT(completed), .of = &fields_ev_scan_completed},
	{"max_pps", NULL, UINT(max_pps)}, {"end_ns", NULL, UINT(end_ns)}, {"lost", NULL, UINT(n_lost)},
};
#undef T
static const STRUCT_TABLE(db_summary);

/* clang-format on */

static const struct {
	const char *name;
	const struct fields *of;
	bool is_plain;
} roots[] = {
	[DB_SCANS] = {"scans", &fields_db_scan, false},
	[DB_TARGETS] = {"targets", &fields_db_target, false},
	[DB_HOSTS] = {"hosts", &fields_db_host, false},
	[DB_PORTS] = {"ports", &fields_ev_port, false},
	[DB_SERVICES] = {"services", &fields_ev_service, true},
	[DB_BANNERS] = {"banners", &fields_ev_banner, true},
	[DB_SYSTEMS] = {"systems", &fields_ev_os, true},
	[DB_TLS] = {"tls", &fields_ev_tls, true},
	[DB_RATES] = {"rates", &fields_ev_rate_limit, false},
	[DB_SUMMARIES] = {"summaries", &fields_db_summary, false},
};
static_assert(ARRAY_LEN(roots) == DB_ROOT_N, "a table for every kind");

/* --- tables ---------------------------------------------------------------------------- */

bool dbtable_is_inline(const struct field *f)
{
	return f->kind == FIELD_STRUCT || f->kind == FIELD_POINTER;
}

bool dbtable_is_list(const struct field *f)
{
	return (f->kind == FIELD_LIST || f->kind == FIELD_ARRAY) && f->elem == FIELD_STRUCT;
}

bool dbtable_is_column(const struct field *f)
{
	return !dbtable_is_inline(f) && !dbtable_is_list(f);
}

uint32_t dbtable_n_columns(const struct fields *of)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < of->n; i++)
		n += dbtable_is_inline(&of->f[i]) ? dbtable_n_columns(of->f[i].of)
						  : dbtable_is_column(&of->f[i]);
	return n;
}

static void add_children(struct db_tables *t, uint32_t parent, const struct fields *of)
{
	for (uint32_t i = 0; i < of->n; i++) {
		const struct field *f = &of->f[i];
		if (dbtable_is_inline(f))
			add_children(t, parent, f->of);
		if (!dbtable_is_list(f))
			continue;
		assert(t->n < DB_TABLES_MAX);
		struct db_table *child = &t->t[t->n++];
		*child = (struct db_table){.of = f->of, .via = f, .parent = parent};
		char up[sizeof(child->name)];
		memcpy(up, t->t[parent].name, sizeof(up));
		snprintf(child->name, sizeof(child->name), "%.22s_%.24s", up, f->name);
	}
}

void dbtable_list(struct db_tables *ret)
{
	*ret = (struct db_tables){.n = DB_ROOT_N};
	for (uint32_t i = 0; i < DB_ROOT_N; i++) {
		snprintf(ret->t[i].name, sizeof(ret->t[i].name), "%s", roots[i].name);
		ret->t[i].of = roots[i].of;
		ret->t[i].is_plain = roots[i].is_plain;
	}
	for (uint32_t i = 0; i < ret->n; i++)
		add_children(ret, i, ret->t[i].of);
}

uint32_t dbtable_child(const struct db_tables *t, uint32_t parent, const struct field *list)
{
	uint32_t i = DB_ROOT_N;

	while (i < t->n && (t->t[i].parent != parent || t->t[i].via != list))
		i++;
	assert(i < t->n);
	return i;
}

/* --- SQL -------------------------------------------------------------------------------- */

static const char *const sql_types[FIELD_KIND_N] = {
	[FIELD_UINT] = "INTEGER", [FIELD_INT] = "INTEGER",  [FIELD_REAL] = "REAL",
	[FIELD_BOOL] = "INTEGER", [FIELD_TIME] = "INTEGER", [FIELD_BYTES] = "BLOB",
};

struct naming {
	bool has_types; /* as in a definition */
	bool is_plain;  /* what a pointer leads to goes without prefix */
};

/** ,"a","b"... @p prefix of structs in structs. */
static void put_columns(struct buf *b, const struct fields *of, const char *prefix,
			const struct naming *n)
{
	for (uint32_t i = 0; i < of->n; i++) {
		const struct field *f = &of->f[i];
		char deeper[64];
		snprintf(deeper, sizeof(deeper), "%.40s%.20s_", prefix, f->name);
		bool is_plain = i == 0 || (n->is_plain && f->kind == FIELD_POINTER);
		if (dbtable_is_inline(f))
			put_columns(b, f->of, is_plain ? prefix : deeper, n);
		if (!dbtable_is_column(f))
			continue;
		buf_printf(b, ",\"%s%s\"", prefix, f->name);
		if (n->has_types)
			buf_printf(b, " %s", sql_types[f->kind] ? sql_types[f->kind] : "TEXT");
	}
}

static const char *key_of(const struct db_table *t)
{
	return t->via ? "scan,seq,up,idx" : "scan,seq,host";
}

static void put_table(const struct db_table *t, bool is_scans, struct buf *b)
{
	buf_printf(b, "CREATE TABLE %s(", t->name);
	buf_puts(b, is_scans ? "scan INTEGER PRIMARY KEY,seq INTEGER,host INTEGER"
		    : t->via ? "scan INTEGER,seq INTEGER,up INTEGER,idx INTEGER"
			     : "scan INTEGER,seq INTEGER,host INTEGER");
	put_columns(b, t->of, "", &(struct naming){true, t->is_plain});
	buf_puts(b, is_scans ? ");\n"
		    : t->via ? ",PRIMARY KEY(scan,seq,idx))WITHOUT ROWID;\n"
			     : ",PRIMARY KEY(scan,seq))WITHOUT ROWID;\n");
}

void dbtable_put_schema(const struct db_tables *t, struct buf *b)
{
	for (uint32_t i = 0; i < t->n; i++)
		put_table(&t->t[i], i == DB_SCANS, b);
	buf_puts(b, "CREATE VIEW overview AS SELECT s.scan,s.id,s.args,s.seed,"
		    "datetime(s.start_ns/1000000000,'unixepoch') AS start,"
		    "datetime(e.end_ns/1000000000,'unixepoch') AS \"end\","
		    "s.hosts,s.tcp,s.udp,s.sctp,e.up,e.coverage_estimate_estimate AS coverage,"
		    "e.coverage_estimate_low AS coverage_low,e.coverage_estimate_high AS "
		    "coverage_high,e.exit "
		    "FROM scans s LEFT JOIN summaries e USING(scan);\n");
	buf_printf(b, "PRAGMA application_id=%d;\nPRAGMA user_version=%d;\n", DB_APPLICATION_ID,
		   DB_SCHEMA);
}

void dbtable_put_insert(const struct db_tables *t, uint32_t table, struct buf *b)
{
	const struct db_table *of = &t->t[table];
	uint32_t n = dbtable_n_key(of) + dbtable_n_columns(of->of);

	buf_printf(b, "INSERT INTO %s(%s", of->name, key_of(of));
	put_columns(b, of->of, "", &(struct naming){false, of->is_plain});
	buf_puts(b, ")VALUES(?");
	for (uint32_t i = 1; i < n; i++)
		buf_puts(b, ",?");
	buf_putc(b, ')');
}

void dbtable_put_select(const struct db_tables *t, uint32_t table, struct buf *b)
{
	const struct db_table *of = &t->t[table];

	buf_printf(b, "SELECT %s", key_of(of));
	put_columns(b, of->of, "", &(struct naming){false, of->is_plain});
	buf_printf(b, " FROM %s WHERE scan=?1", of->name);
	buf_puts(b, of->via ? " AND seq=?2 AND up=?3 ORDER BY idx" : " ORDER BY seq");
}
