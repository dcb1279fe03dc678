/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prtip merge: the JSON lines of several scans of the same targets, such as its shards, as one
 * result in every format. Thread: main. */
#pragma once

#include "cli/options.h"

/** @param c files in target.specs, and output options. @return exit code; messages written. */
int run_merge(const struct config *c);
