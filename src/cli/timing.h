/* SPDX-License-Identifier: GPL-3.0-or-later */
/* -T: what each timing template sets, by nmap's reference guide. Pure. */
#pragma once

#include "cli/options.h"

/**
 * Set the fields of the template @p c->timing that the user has not set.
 * @param was_given whether an option that stores to this field was on the command line.
 */
void timing_apply(struct config *c, bool (*was_given)(const void *ctx, const void *field),
		  const void *ctx);
