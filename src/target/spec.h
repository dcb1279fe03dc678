/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nmap's target grammar: literals, CIDR, a.b.c.d-e and octet ranges and lists (10.0-3.1,5.*),
 * a-b between two full addresses, names (with /bits), %zone; -iL files; excludes; reserved blocks.
 * Names are resolved together, in parallel, by c-ares (resolve.c).
 */
#pragma once

#include "target/range.h"

/** A name the user typed and one address it stands for. */
struct target_name {
	struct addr addr;
	char *name; /* owned */
};

struct targets {
	struct range_set set;      /* sealed: what to scan */
	struct range_set excluded; /* sealed: what never to touch, also for discovery */
	struct target_name *names; /* sorted by address, one an address */
	uint32_t n_names;
	u128 n_reserved;             /* addresses left out of wide specs because reserved */
	uint32_t n_unresolved;       /* names nothing is known about; the others are scanned */
	struct err_where unresolved; /* the first of them, for a warning */
};

struct target_conf {
	const char *const *specs; /* command line words */
	uint32_t n_specs;
	const char *input_file;      /* -iL, "-" = stdin, NULL none */
	const char *const *excludes; /* each a comma-separated list of specs */
	uint32_t n_excludes;
	const char *exclude_file;
	uint8_t family; /* ADDR_V4, ADDR_V6: only these; ADDR_NONE: whatever is given, names prefer
			   v4 */
	bool resolve_all;        /* all A and AAAA of a name */
	uint32_t dns_timeout_ms; /* whole resolution of names; 0: 10 s */
	const char *dns_servers; /* as in resolve_conf; NULL: the system's */
	const char *hosts_file;  /* NULL: /etc/hosts */
	uint32_t link_zone; /* zone of link-local targets written without one; 0: they keep none */
};

/**
 * Build the set. A spec repeated or overlapping counts once. Reserved, multicast, broadcast and 0/8
 * are left out of specs wider than /16 (v4) or /112 (v6) and kept in narrower ones that name them;
 * 127/8 is left out of specs wider than itself. Excludes take both families, all addresses of their
 * names, and without a zone hold in every zone. A target name that does not resolve is counted; it
 * is an error only when no target is left. An exclude that does not resolve is always one.
 * @return 0 (the set may be empty when everything is excluded or reserved); -E_SYNTAX, -E_RANGE,
 * -E_FAMILY, -E_NAME with @p reterr (file, line, column, token); -E_FULL, -ENOMEM; -errno for
 * files. Blocks on DNS, but only when a name occurs.
 */
int targets_load(const struct target_conf *c, struct targets *ret,
		 struct err_where *reterr) MUST_CHECK;
void targets_fini(struct targets *t);
/** Name typed for an address, or NULL. */
const char *targets_name_of(const struct targets *t, const struct addr *a);

/**
 * Parse one spec into ranges appended to @p set in ascending order, disjoint, without setting
 * reserved blocks apart. @return 0 when added; -E_NAME when it looks like a host name, perhaps with
 * /bits (nothing added); -E_SYNTAX or -E_RANGE with @p reterr; -ENOMEM, -E_FULL. Fuzzed: at most
 * 65,536 ranges a spec. Reads nothing but @p s, except that a zone's name is looked up among the
 * interfaces.
 */
int target_spec_parse(const char *s, size_t len, struct range_set *set,
		      struct err_where *reterr) MUST_CHECK;
