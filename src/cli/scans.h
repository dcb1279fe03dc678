/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rows a scan uses. Called by plan_make in this order; each writes its message on failure and
 * returns 0 or an exit code. Thread: owner.
 */
#pragma once

#include "cli/plan.h"

/** Scan types; @p p->has_raw is read, @p p->is_raw filled. */
int scans_choose(const struct config *c, struct plan *p);
/** What hosts are asked before their ports: what -P options say, or the usual. Needs services. */
int scans_choose_pings(const struct config *c, struct plan *p);
/** Requests of UDP probes, when any row is UDP. */
int scans_load_payloads(const struct config *c, struct plan *p);
/** Every family among the targets must have a discovery probe. */
int scans_check_families(const struct plan *p);
