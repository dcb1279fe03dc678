/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SQLite files of ours: write-ahead log, so readers and a scan never wait for each other and a
 * killed process leaves whole transactions; application_id says whose file it is, user_version
 * which schema. Sources: sqlite.org/wal.html, sqlite.org/pragma.html.
 */
#include "out/dbfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BUSY_MS = 10000, MODE_TRIES = 500, MODE_PAUSE_MS = 10, SCHEMA_MAX = 64 << 10 };

static const struct {
	int rc, code;
	const char *text; /* NULL: SQLite's own */
} errors[] = {
	{SQLITE_NOTADB, -E_SYNTAX, "not a result database: the file is something else"},
	{SQLITE_CORRUPT, -E_SYNTAX, "the database is damaged"},
	{SQLITE_BUSY, -EBUSY, "locked by another program for more than 10 s"},
	{SQLITE_LOCKED, -EBUSY, "locked by another program"},
	{SQLITE_READONLY, -EROFS, "the database or its directory cannot be written"},
	{SQLITE_FULL, -ENOSPC, "no space left for the database"},
	{SQLITE_IOERR, -EIO, NULL},
	{SQLITE_NOMEM, -ENOMEM, "out of memory"},
	{SQLITE_PERM, -EACCES, NULL},
	{SQLITE_CANTOPEN, -ENOENT, NULL},
};

int dbfile_error(sqlite3 *db, int rc, char *why)
{
	const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
	int code = -EIO, os = db ? sqlite3_system_errno(db) : 0;

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		if (errors[i].rc != (rc & 0xff))
			continue;
		code = errors[i].code;
		text = errors[i].text ? errors[i].text : os > 0 ? err_text(os) : text;
	}
	if (why)
		snprintf(why, DB_WHY_CAP, "%s", text);
	return code;
}

int dbfile_exec(sqlite3 *db, const char *sql, char *why)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : dbfile_error(db, rc, why);
}

static int read_number(sqlite3 *db, const char *sql, int64_t *ret, char *why)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	int err = rc == SQLITE_ROW ? 0 : dbfile_error(db, rc, why);
	*ret = err ? 0 : sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return err;
}

static int create_schema(sqlite3 *db, char *why)
{
	struct db_tables t;
	struct buf b;

	dbtable_list(&t);
	buf_init(&b, SCHEMA_MAX);
	buf_puts(&b, "BEGIN IMMEDIATE;\n");
	dbtable_put_schema(&t, &b);
	buf_puts(&b, "COMMIT;\n");
	int err = b.error ? b.error : dbfile_exec(db, buf_text(&b), why);
	buf_fini(&b);
	return err;
}

/** @return 1: empty, no tables yet; 0: ours; -code. */
static int read_schema(sqlite3 *db, char *why)
{
	int64_t app = 0, version = 0, n_tables = 0;
	int err = read_number(db, "PRAGMA application_id", &app, why);

	if (!err)
		err = read_number(db, "PRAGMA user_version", &version, why);
	if (!err)
		err = read_number(db, "SELECT count(*) FROM sqlite_master", &n_tables, why);
	if (err)
		return err;
	if (!n_tables && !app)
		return 1;
	if (app != DB_APPLICATION_ID) {
		snprintf(why, DB_WHY_CAP, "a database of another program");
		return -E_UNSUPPORTED;
	}
	if (version != DB_SCHEMA) {
		snprintf(why, DB_WHY_CAP, "schema %lld, written by %s prtip; this one knows %d",
			 (long long)version, version > DB_SCHEMA ? "a newer" : "an older",
			 DB_SCHEMA);
		return -E_UNSUPPORTED;
	}
	return 0;
}

/** As read_schema(), of one moment: another scan may be making the tables. */
static int check_schema(sqlite3 *db, char *why)
{
	int err = dbfile_exec(db, "BEGIN", why);

	if (err)
		return err;
	int rc = read_schema(db, why);
	(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return rc;
}

/** The busy handler is not asked when two connections change a new file's mode at once. */
static int set_modes(sqlite3 *db, char *why)
{
	int err = 0;

	for (int i = 0; i < MODE_TRIES; i++) {
		err = dbfile_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", why);
		if (!err || sqlite3_errcode(db) != SQLITE_BUSY)
			break;
		(void)sqlite3_sleep(MODE_PAUSE_MS);
	}
	return err;
}

static int prepare_file(sqlite3 *db, bool wants_write, char *why)
{
	int rc = check_schema(db, why);

	if (rc == 1 && !wants_write) {
		snprintf(why, DB_WHY_CAP, "empty: no result database");
		return -E_EMPTY;
	}
	if (rc >= 0 && wants_write) {
		int err = set_modes(db, why);
		if (err)
			return err;
	}
	if (rc != 1)
		return rc;
	int err = create_schema(db, why);
	if (!err)
		return 0;
	/* another scan may have made it meanwhile */
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	char again[DB_WHY_CAP];
	return check_schema(db, again) == 0 ? 0 : err;
}

int dbfile_open(const char *path, bool wants_write, sqlite3 **ret, char why[DB_WHY_CAP])
{
	int flags = wants_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL), err = 0;

	*ret = NULL;
	if (rc != SQLITE_OK)
		err = dbfile_error(db, rc, why);
	else
		(void)sqlite3_busy_timeout(db, BUSY_MS);
	if (!err && wants_write && sqlite3_db_readonly(db, "main") == 1)
		err = dbfile_error(NULL, SQLITE_READONLY, why);
	if (!err)
		err = prepare_file(db, wants_write, why);
	if (err) {
		(void)sqlite3_close(db);
		return err;
	}
	*ret = db;
	return 0;
}
