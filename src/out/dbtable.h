/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of a result database, derived from field tables (event/fields.h): a root for each
 * kind of fact, whose row is a struct, and a table for every list of structs in it. Schema, insert
 * and select follow from the same rows, so they cannot disagree. Knows no SQLite. Pure.
 */
#pragma once

#include "base/buf.h"
#include "event/fields.h"

#define DB_SCHEMA         2
#define DB_APPLICATION_ID 0x70727470 /* "prtp": how a file says whose it is */
#define DB_TABLES_MAX     32u

/** Roots, first in the list and in this order. */
enum db_root {
	DB_SCANS,
	DB_TARGETS,
	DB_HOSTS,
	DB_PORTS,
	DB_SERVICES,
	DB_BANNERS,
	DB_SYSTEMS,
	DB_TLS,
	DB_RATES,
	DB_SUMMARIES,
	DB_ROOT_N
};

/** What was asked, by whom; struct scan_info as a row. Lists are texts with commas. */
struct db_scan {
	const char *id, *version, *args, *kind, *types;
	const char *tcp, *udp, *sctp; /* ports asked */
	uint64_t seed, start_ns, n_hosts, targets_sum;
	uint32_t shard, n_shards; /* shard from 1; 0: the whole */
	bool is_by_port, skips_discovery, wants_services, wants_tls, wants_reason, wants_open_only;
	uint8_t verbosity, debugging, silent_attempt;
};

/** Addresses that were asked. */
struct db_target {
	struct addr first, last;
};

/** A finished host. */
struct db_host {
	struct ev_host found;
	const char *name, *target_name;
	struct ev_evidence evidence;
	uint32_t srtt_us, rttvar_us, rto_us;
	uint64_t start_ns, end_ns;
	bool is_partial, is_timed_out;
};

/** How it ended; n_lost results the database had no room for in time. */
struct db_summary {
	struct ev_scan_completed completed;
	uint64_t max_pps, end_ns, n_lost;
};

struct db_table {
	char name[48];
	const struct fields *of;
	const struct field *via; /* the list in its parent; NULL: a root */
	uint32_t parent;
	bool is_plain; /* what a pointer leads to is what the row is about */
};

struct db_tables {
	struct db_table t[DB_TABLES_MAX];
	uint32_t n;
};

void dbtable_list(struct db_tables *ret);
/** The table of a list in @p parent. */
uint32_t dbtable_child(const struct db_tables *t, uint32_t parent, const struct field *list);
/** Is the member a column? Else it is rows of another table, or a struct whose members are. */
bool dbtable_is_column(const struct field *f);
/** Is it a struct in place or behind a pointer, whose members stand in the same row? */
bool dbtable_is_inline(const struct field *f);
/** Is it a list of structs, which has a table? */
bool dbtable_is_list(const struct field *f);
/** Columns of a struct, of the structs in it too. */
uint32_t dbtable_n_columns(const struct fields *of);

/** CREATE TABLE and CREATE VIEW statements of the whole schema. */
void dbtable_put_schema(const struct db_tables *t, struct buf *b);
/** INSERT with a parameter for every column, those of the key first. */
void dbtable_put_insert(const struct db_tables *t, uint32_t table, struct buf *b);
/** SELECT of the key and all columns: of one scan (?1) in order of seq, of a list's rows of one
 * parent (?1 scan, ?2 seq, ?3 up). */
void dbtable_put_select(const struct db_tables *t, uint32_t table, struct buf *b);
/** Columns of the key: scan, seq, host; or scan, seq, up, idx. */
#define DB_ROOT_KEY  3u
#define DB_CHILD_KEY 4u
static inline uint32_t dbtable_n_key(const struct db_table *t)
{
	return t->via ? DB_CHILD_KEY : DB_ROOT_KEY;
}
