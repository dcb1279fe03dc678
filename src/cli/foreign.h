/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options that people know from nmap, masscan and zmap and that prtip spells otherwise or does not
 * have: what a refusal says about them. Used by argv.c. Thread: any.
 */
#pragma once

#include "base/compiler.h"

#include <stdint.h>

struct foreign {
	const char *name;   /* "-sP", "--blocklist-file": dashes included, without a value */
	const char *advice; /* what to write in its place, or why there is nothing */
};
/** No row is an option of ours, and every option that an advice names is: a test holds both. */
extern const struct foreign foreign_table[];
extern const uint32_t foreign_table_n;

/** @param word as typed; from a '=' on it does not count. @return the advice, static, or NULL. */
const char *foreign_advice(const char *word);
