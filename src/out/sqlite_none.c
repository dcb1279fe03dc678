/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --with-db of a program that was built without SQLite. */
#include "out/out.h"

#include <stdio.h>

static int none_open(struct out *o)
{
	snprintf(o->why, sizeof(o->why), "this prtip was built without SQLite");
	return -E_UNSUPPORTED;
}

const struct out_ops out_sqlite = {
	.name = "sqlite", .help = "a database of scans", .opens_itself = true, .open = none_open};
