/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which systems answer as this host does: every entry of the fingerprint file scored against one
 * print. Source: nmap's book, "OS Matching Algorithms", "IPv4 matching".
 */
#pragma once

#include "base/buf.h"
#include "detect/osdb.h"
#include "wire/addr.h"

/** Entries kept, as in nmap. */
#define OS_MATCHES_MAX 36
/** Less like the print than this is no match. */
#define OS_ACCURACY_MIN 0.85
/** What is this much below the best is not worth a word. */
#define OS_ACCURACY_SPAN 0.10

struct os_match {
	const struct os_entry *entry;
	double accuracy; /* points reached / points asked, 0 to 1 */
};

struct os_class_match {
	const struct os_class *class;
	double accuracy; /* of the best entry of the class */
};

/** Best first, in file order among equals; an entry's name stands once. */
struct os_result {
	struct os_match matches[OS_MATCHES_MAX];
	struct os_class_match classes[OS_MATCHES_MAX]; /* only of perfect matches when there are */
	uint32_t n_matches, n_perfect, n_classes;
	bool is_too_many; /* more perfect matches than there is room: none says anything */
};

struct os_matcher;
/** @param db borrowed until os_matcher_free. @return owned, or NULL without memory. Cost: about
 * what osdb_parse costs. */
struct os_matcher *os_matcher_new(const struct osdb *db) MUST_CHECK;
/** Accepts NULL. */
void os_matcher_free(struct os_matcher *m);
/** Fill @p ret; borrows the database. Cost: 0.7 ms with nmap's file (2026-11, 2-core EPYC
 * guest): each distinct expression is judged once. Thread: owner. */
void os_match(struct os_matcher *m, const struct os_print *p, struct os_result *ret);
/** Share of points that one entry reaches; 0 when nothing can be compared. Cost: some us. */
double os_accuracy(const struct osdb *db, const struct os_entry *e, const struct os_print *p);

/** How a distance was found: letters of the SCAN line; 0 not at all. */
enum os_distance_by {
	OS_DISTANCE_LOCAL = 'L',
	OS_DISTANCE_DIRECT = 'D',
	OS_DISTANCE_ICMP = 'I',
};

/** What the SCAN line of a printed fingerprint says. Ports 0: none. */
struct os_scan_line {
	const char *version;
	int month, day;
	uint16_t open_tcp, closed_tcp, closed_udp;
	bool is_private;              /* the target's address */
	int distance, distance_guess; /* hops; -1 unknown */
	char distance_by;             /* enum os_distance_by, or 0 */
	bool is_good;                 /* nothing spoiled the test */
	const struct mac *mac;        /* NULL: none */
	uint64_t time_s;
	const char *platform;
};
/** Append "SCAN(...)SEQ(...)...", wrapped in lines that begin with "OS:" as nmap prints them. */
void os_print_format(const struct os_print *p, const struct os_scan_line *s, struct buf *b);
/**
 * Read a print back: "SEQ(SP=..)..." with or without "OS:" and line ends; SCAN is skipped.
 * @return 0 or -E_SYNTAX with the place.
 */
int os_print_parse(struct bytes text, struct os_print *ret, struct err_where *reterr) MUST_CHECK;
