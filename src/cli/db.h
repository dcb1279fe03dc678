/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prtip db: what --with-db has stored, listed, searched, written in any format, compared. Thread:
 * main. */
#pragma once

#include "cli/options.h"

/** @param c the command's words in target.specs, and output options. @return exit code; messages
 * written. */
int run_db(const struct config *c);
