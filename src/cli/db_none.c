/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prtip db of a program that was built without SQLite. */
#include "cli/db.h"

#include "cli/plan.h"

int run_db(const struct config *c)
{
	say_error("db %s: this prtip was built without SQLite",
		  c->target.n_specs ? c->target.specs[0] : "");
	return EXIT_FATAL;
}
