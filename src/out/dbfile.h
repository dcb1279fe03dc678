/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A result database as a file: open it, make its schema, tell what is wrong with it. Internal to
 * the files that know SQLite. */
#pragma once

#include "out/dbtable.h"

#include <sqlite3.h>

#define DB_WHY_CAP 160

/**
 * Open for writing, creating file and schema, or for reading. Others may use it at the same time;
 * they are waited for, 10 s at most. @return 0 or -code with the reason in @p why; *@p ret is then
 * NULL.
 */
int dbfile_open(const char *path, bool wants_write, sqlite3 **ret, char why[DB_WHY_CAP]) MUST_CHECK;
/** What SQLite says, as one of our codes; the text in @p why unless that is NULL. */
int dbfile_error(sqlite3 *db, int rc, char *why);
int dbfile_exec(sqlite3 *db, const char *sql, char *why) MUST_CHECK;
