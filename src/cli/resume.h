/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --journal and --resume as the user sees them: open or begin a journal, judge it, say what is
 * wrong. Thread: owner. */
#pragma once

#include "cli/plan.h"
#include "engine/journal.h"

/**
 * Open a journal to go on from. On failure, and when there is nothing left to do, a message has
 * been written and *@p ret is NULL. @return exit code.
 */
int resume_open(const char *path, struct journal **ret);
/** Take seed, identity and division of the work from the journal; refuse it when this plan is not
 * its scan's. @return 0 or an exit code, message written. */
int resume_adopt(const struct journal *j, const char *path, struct plan *p);
/** Begin a journal for the scan that @p p plans and @p e will run. @return 0 or an exit code. */
int resume_create(const char *path, const struct plan *p, const struct engine *e,
		  const struct config *c, struct journal **ret);
/** The engine must count groups and probes as the journal does. @return 0 or an exit code. */
int resume_check_shape(const struct journal *j, const char *path, const struct engine *e);
