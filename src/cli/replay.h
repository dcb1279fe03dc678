/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prtip replay: outputs from an event log. */
#pragma once

#include "cli/options.h"

/** Replay target.specs[0]. @return the process's exit code. Thread: main. */
int run_replay(const struct config *c);
