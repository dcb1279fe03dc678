/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --packet-capture between the command line and the back ends. Thread: owner. */
#pragma once

#include "cli/plan.h"

/**
 * Create the file that @p c asks for, if any, and give it to the engine of @p p. @return 0 or an
 * exit code; said.
 */
int packetfile_open(const struct config *c, struct plan *p);
/** After privileges are dropped. @return 0 or an exit code; said. */
int packetfile_start(const struct plan *p);
/** All back ends are closed: end the file, tell what is missing in it. @return the exit code, @p
 * code or worse. */
int packetfile_close(const struct config *c, struct plan *p, int code);
