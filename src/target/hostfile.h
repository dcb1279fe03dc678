/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts file (hosts(5)) in memory, searched by name and by address. */
#pragma once

#include "wire/addr.h"

/** One name of one line. Names are lower case. */
struct hostfile_row {
	struct addr addr;
	const char *name;
	uint32_t order;    /* place in the file: the first mention wins */
	bool is_canonical; /* first name of its line: the answer to a reverse lookup */
};

/** Invariant after load: by_name sorted by name, by_addr holds canonical rows sorted by address. */
struct hostfile {
	char *text; /* names point into it */
	struct hostfile_row *by_name, *by_addr;
	uint32_t n, n_by_addr;
};

#define HOSTFILE_BYTES_MAX (16u << 20)

/** A file that is missing or unreadable is an empty one. @return 0, -ENOMEM, -E_FULL (larger than
 * HOSTFILE_BYTES_MAX). */
int hostfile_load(const char *path, struct hostfile *ret) MUST_CHECK;
/** The same from bytes. Lines that are not hosts(5) are skipped. */
int hostfile_parse(const char *text, size_t len, struct hostfile *ret) MUST_CHECK;
void hostfile_fini(struct hostfile *h);
/** Addresses of @p name (any case) of @p family (ADDR_NONE: both), file order, at most @p cap.
 * @return how many. */
uint32_t hostfile_addrs(const struct hostfile *h, const char *name, uint8_t family,
			struct addr *ret, uint32_t cap);
/** Canonical name of @p a (zone ignored) or NULL; borrowed until fini. */
const char *hostfile_name(const struct hostfile *h, const struct addr *a);
