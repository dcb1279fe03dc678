/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that writes rows into a result database. The owner hands over chunks of rows and never
 * waits: beyond a ceiling of memory chunks are dropped and counted. Internal to sqlite.c.
 */
#pragma once

#include "out/dbfile.h"
#include "out/dbput.h"

struct dbwriter;

/** Open or create the file. @param max_bytes ceiling of the rows that wait. @return 0 or -code with
 * @p why. Thread: owner, as all below. */
int dbwriter_open(const char *path, size_t max_bytes, struct dbwriter **ret,
		  char why[DB_WHY_CAP]) MUST_CHECK;
/** Write the first rows at once: those of the scan and its targets, which give it its number; then
 * start the thread. @return as dbwriter_open. */
int dbwriter_start(struct dbwriter *w, const struct buf *rows, char why[DB_WHY_CAP]) MUST_CHECK;
/** Hand over rows of whole events. Copies. */
void dbwriter_give(struct dbwriter *w, const struct buf *rows, uint64_t n_events);
/** Events that were dropped for want of memory. */
uint64_t dbwriter_n_lost(const struct dbwriter *w);
/** 0, or the first -code of a write; the file stays as it was before the failed transaction. */
int dbwriter_error(struct dbwriter *w);
const struct db_tables *dbwriter_tables(const struct dbwriter *w);
/** Write what waits, close, free. Accepts NULL. @return 0 or the first -code, with @p why. */
int dbwriter_close(struct dbwriter *w, char why[DB_WHY_CAP]);
