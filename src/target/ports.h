/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nmap's port grammar and the services file: "-p 22,80-90,-100,60000-,-,http*,T:..,U:..,S:..,[1-1024]",
 * -F, --top-ports, --port-ratio, --exclude-ports; names and frequencies from nmap-services when installed,
 * else our own table.
 */
#pragma once

#include "base/err.h"
#include "wire/portset.h"

/** Memory-mapped nmap-services, or our own table when the file is missing. */
struct services;
/** @param path explicit file, or NULL: search the usual places. Never fails for a missing default. Cost: one mmap. */
int services_open(const char *path, struct services **ret) MUST_CHECK;
void services_close(struct services *s);
/** Name of a port or NULL; binary search in the mapped file (sorted by port), linear when it is not sorted. @p out[32] filled. */
const char *services_name(struct services *s, uint8_t proto, uint16_t port, char out[32]);
/** Where the names come from: a path, or "built-in". */
const char *services_source(const struct services *s);

struct ports_conf {
	const char *spec;         /* -p, NULL: top 1000 */
	const char *exclude;      /* --exclude-ports */
	uint32_t top_n;           /* --top-ports, -F = 100; 0: not asked */
	double min_ratio;         /* --port-ratio in (0,1); 0: not asked */
	bool wants[PORT_PROTO_N]; /* protocols of the chosen scan types */
};
/**
 * Without prefix a list applies to every wanted protocol. @p ret sealed. A prefix for an unwanted protocol is a
 * warning, returned as count in @p ret_n_unused (may be NULL). Names match whole, with * and ? wildcards; [a-b] keeps
 * only ports named in the services file.
 * @return 0; -E_SYNTAX, -E_RANGE, -E_EMPTY with @p reterr.
 */
int ports_load(const struct ports_conf *c, struct services *s, struct port_set *ret, uint32_t *ret_n_unused,
	       struct err_where *reterr) MUST_CHECK;
