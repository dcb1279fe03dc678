/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of a result database as the structs they were made from. The file is foreign: numbers are
 * cut to their members, unknown words become the first, lists end at their ceilings. Thread: owner.
 */
#pragma once

#include "out/dbfile.h"
#include "out/dbput.h"

struct dbread {
	sqlite3 *db;
	struct db_tables tables;
	sqlite3_stmt *selects[DB_TABLES_MAX];
	char why[DB_WHY_CAP]; /* of the last error */
};

/** @return 0, or -code with the reason in why. dbread_close follows in any case. */
int dbread_open(struct dbread *r, const char *path) MUST_CHECK;
void dbread_close(struct dbread *r);
/** Read the rows of @p root that belong to a scan, in order of seq. @return 0 or -code. */
int dbread_start(struct dbread *r, enum db_root root, int64_t scan) MUST_CHECK;
/**
 * The next row and its lists. @param block owns what @p ret, the zeroed struct of the root, points
 * to. @return 1; 0 at the end; -code.
 */
int dbread_next(struct dbread *r, enum db_root root, struct facts *block, struct db_key *ret_key,
		void *ret) MUST_CHECK;
/** An address as the tables have it: with its zone by number. @return false: none. */
bool dbread_addr(const char *text, struct addr *ret);
