/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a scored print to the facts that outputs show. */
#pragma once

#include "detect/osmatch.h"
#include "detect/osprobe.h"
#include "event/osfacts.h"

/** One test of one host, done. Borrows everything. */
struct os_test_result {
	const struct osdb *db;
	const struct os_conf *conf;
	const struct os_print *print;
	const struct os_result *match;
	const struct os_sequence *seq;
	const struct mac *mac; /* NULL: none known */
	const char *version;
	uint64_t wall_ns;
	bool has_udp_answer;
	bool is_direct; /* the host is on our link */
	bool wants_guess;
};

/** Hops by what is known best; 0 this machine, -1 unknown. @p ret_by enum os_distance_by or 0. */
int os_distance(const struct os_test_result *t, char *ret_by);
/** Why the test was not ideal, static text; NULL: it was. */
const char *os_doubt(const struct os_test_result *t);
/** @return facts in the block, or NULL without room. */
const struct os_facts *os_report(const struct os_test_result *t, struct facts *block);
