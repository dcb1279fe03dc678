/* SPDX-License-Identifier: GPL-3.0-or-later */
/* -O: the fingerprint file, the test of hosts beside the port scan, and its rest after it. */
#pragma once

#include "base/mapfile.h"
#include "cli/plan.h"
#include "detect/osscan.h"

/** All zero: not asked for. */
struct osdetect {
	struct osdb *db;
	struct mapfile file;
	uint32_t if_idx;            /* -e */
	struct route_table *routes; /* borrowed */
	struct capture *capture;    /* --packet-capture */
	struct osscan *scan;
};

/** Read the file, tell the plan that hosts wait for this. @return 0 or an exit code; said. */
int osdetect_load(const struct config *c, struct plan *p, struct osdetect *ret);
/** Sockets and subscription; behind hosts, before privileges drop. @return 0 or an exit code; said.
 */
int osdetect_open(struct osdetect *d, const struct config *c, const struct hosts *hosts,
		  uint32_t n_parts, struct bus *bus);
/** One turn. @param is_alone the engine is done; answers are waited for, 2 ms at most. @return true
 * while hosts are under test. */
bool osdetect_turn(struct osdetect *d, uint64_t now_ns, bool is_alone);
/** Adds its packets. */
void osdetect_totals(const struct osdetect *d, struct ev_scan_completed *ret);
void osdetect_close(struct osdetect *d);
