/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --journal and --resume as the user sees them: open or begin a journal, judge it, say what is
 * wrong. Thread: owner. */
#pragma once

#include "cli/plan.h"
#include "engine/journal.h"
#include "event/jsonread.h"
#include "out/eventjson.h"

/** What detection found on its way into a journal and out of it: as lines of the event log. */
struct resume_lines {
	struct eventjson json;
	struct buf out;
	struct jsonread *in; /* NULL: nothing was read yet */
};

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
void resume_lines_init(struct resume_lines *l, const char *scan_id);
void resume_lines_fini(struct resume_lines *l);
/** Keep an event that journals keep; others are passed over. */
void resume_put(struct resume_lines *l, struct journal *j, const struct event *ev,
		const struct scan_info *scan);
/** The next event, whatever form it is kept in. What it points to is valid until the next. @return
 * as journal_next. */
int resume_next(struct resume_lines *l, struct journal *j, struct event *ret) MUST_CHECK;
/** The engine must count groups and probes as the journal does. @return 0 or an exit code. */
int resume_check_shape(const struct journal *j, const char *path, const struct engine *e);
