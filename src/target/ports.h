/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nmap's port grammar: "-p 22,80-90,-100,60000-,-,http*,T:..,U:..,S:..,[1-1024]", -F, --top-ports,
 * --port-ratio, --exclude-ports, by the services file (services.h).
 */
#pragma once

#include "target/services.h"
#include "wire/portset.h"

struct ports_conf {
	const char *spec;         /* -p; goes before top_n and min_ratio. NULL: top 1000 */
	const char *exclude;      /* --exclude-ports */
	uint32_t top_n;           /* --top-ports, -F = 100; 0: not asked */
	double min_ratio;         /* --port-ratio in (0,1); 0: not asked; with top_n both hold */
	bool wants[PORT_PROTO_N]; /* protocols of the chosen scan types */
};
/**
 * Without prefix a list applies to every wanted protocol; a prefix holds until the next. @p ret
 * sealed, empty for protocols not wanted; undefined on failure. A prefix for an unwanted protocol
 * is a warning, returned as count in @p ret_n_unused (may be NULL). Names match whole and in any
 * case, with * and ? wildcards; [a-b] keeps only ports named in the services file. The most popular
 * ports are counted per protocol, excluded ones not among them.
 * @return 0; -E_SYNTAX, -E_RANGE, -E_EMPTY with @p reterr; -E_UNSUPPORTED for min_ratio without a
 * services file. Cost: literal ports read no file; a name, [..] or the top N one pass (2 ms).
 */
int ports_load(const struct ports_conf *c, struct services *s, struct port_set *ret,
	       uint32_t *ret_n_unused, struct err_where *reterr) MUST_CHECK;
