/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the verbs of prtip db share. Internal to them. */
#pragma once

#include "cli/db.h"
#include "cli/plan.h"
#include "out/dbread.h"

/** No difference is 0; some are this. */
enum { EXIT_DIFFERENT = 4 };

/** One verb under way. */
struct dbcmd {
	const struct config *c;
	const char *path;
	const char *const *words; /* behind the file */
	uint32_t n_words;
	struct dbread in;
	struct buf out; /* text on its way to fd */
	int fd;         /* standard output, or -oJ's file */
	int error;      /* of the first write that failed */
	bool wants_json;
};

/** A scan as it is stored. Owns everything. */
struct dbscan {
	int64_t number;
	struct facts *block;
	struct db_scan row;
	struct db_summary summary;
	bool has_end; /* summary is known: it was not killed */
	struct port_set ports;
	struct range_set targets;
	bool knows_targets;
	struct scan_info info;
};

/** Tell what SQLite said. @return EXIT_FATAL. */
int dbcmd_fail(struct dbcmd *d, int err);
/** Write when enough has come together: between rows. */
void dbcmd_spill(struct dbcmd *d);
/** Write the rest. @return exit code, @p code when all went well. */
int dbcmd_flush(struct dbcmd *d, int code);
/** The scan of that number or beginning of an id; NULL: @p nth from the end, 0 the last. @return 0
 * or an exit code; said. */
int dbscan_find(struct dbcmd *d, const char *word, uint32_t nth, int64_t *ret);
/** @return 0 or an exit code; said. dbscan_fini in any case. */
int dbscan_load(struct dbcmd *d, int64_t number, struct dbscan *ret);
void dbscan_fini(struct dbscan *s);

int dblist(struct dbcmd *d);
int dbquery(struct dbcmd *d);
int dbexport(struct dbcmd *d);
int dbcompare(struct dbcmd *d);
