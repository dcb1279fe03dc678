/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts as rows of values, flat and without pointers, on their way to the thread that writes them.
 * A row: table, number of values, values; each a kind and its bytes.
 */
#pragma once

#include "out/dbtable.h"

enum db_value_kind { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };

/** Texts borrow the row's bytes and end with a NUL, which len does not count. */
struct db_value {
	uint8_t kind; /* enum db_value_kind */
	uint32_t len;
	union {
		int64_t i;
		double real;
		const void *p;
	};
};

struct db_key {
	uint64_t seq, host;
	bool has_host;
};

/** Append the row of a root and the rows of its lists. @p of is the struct of roots' field table.
 * Cost: about 0.2 us for a port. */
void dbput(const struct db_tables *t, struct buf *b, enum db_root root, const struct db_key *key,
	   const void *of);
/** The next row's table and number of values. @return false at the end. */
bool dbput_next_row(struct cursor *c, uint32_t *ret_table, uint32_t *ret_n);
void dbput_next_value(struct cursor *c, struct db_value *ret);
