/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of the program: wires every part and owns their life. */
#pragma once

#include "cli/options.h"
#include "engine/journal.h"

/**
 * @param args the command line as text. @param resumed takes: the journal to go on from, or NULL.
 * @return the process's exit code. Thread: main.
 */
int run_scan(const struct config *c, const char *args, struct journal *resumed);
/** --iflist on stdout. @return exit code. */
int run_iflist(void);
