/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OS fingerprint file: names, classes and the answers that make a system known. Grammar of
 * nmap-os-db (nmap's book, "Understanding an Nmap Fingerprint"), read completely. Read-only after
 * loading, so any thread may look.
 */
#pragma once

#include "base/err.h"
#include "detect/osprint.h"

#define OSDB_FILE_BYTES_MAX (64u << 20)
#define OSDB_NO_LINE        UINT32_MAX

/** One "Class" line; views point into the file's bytes. An absent part is empty. */
struct os_class {
	struct bytes vendor, family, gen, type;
	uint32_t first_cpe, n_cpes; /* of osdb.cpes */
};

struct os_entry {
	struct bytes name;
	uint32_t line; /* of its "Fingerprint" */
	uint32_t first_class, n_classes;
	uint32_t test_line[OS_TEST_N]; /* of osdb.lines; OSDB_NO_LINE: not in the entry */
};

/** The expressions of a test, "SP=0-5%GCD=1|2": each distinct text once, for four of five repeat.
 */
struct os_line {
	struct bytes text;
	uint8_t test; /* enum os_test */
};

struct osdb {
	uint16_t points[OS_TEST_N][OS_ATTRS_MAX]; /* MatchPoints */
	const struct os_entry *entries;           /* file order */
	const struct os_class *classes;
	const struct bytes *cpes; /* "cpe:/o:linux:linux_kernel:5"; "auto" marks cut */
	const struct os_line *lines;
	uint32_t n_entries, n_classes, n_cpes, n_lines;
};

/**
 * @param text borrowed, valid until osdb_free. @param name for messages.
 * @return 0; -E_SYNTAX, -E_RANGE, -E_FULL: @p reterr has file, line, column and the token;
 * -ENOMEM. Cost: about 4 ms a megabyte (2026-11, 2-core EPYC guest). No I/O.
 */
int osdb_parse(struct bytes text, const char *name, struct osdb **ret,
	       struct err_where *reterr) MUST_CHECK;
/**
 * The next attribute of a line. @param left os_line.text at first; moved on.
 * @return its place in the test and the expression, or -1 at the end.
 */
int os_line_next(enum os_test test, struct bytes *left, struct bytes *ret_expr);
/**
 * Does a value fit an expression: alternatives parted by |, each a literal, a range a-b, >a or <a
 * of hexadecimal numbers? Case matters, as in nmap. Pure.
 */
bool os_expr_match(struct bytes expr, struct bytes value);
/** Accepts NULL. */
void osdb_free(struct osdb *db);
