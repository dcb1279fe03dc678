/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The number line of a scan: hosts in visiting order, cut into groups of bounded size.
 * With more than one group the order of hosts is a keyed permutation, so that a group is a
 * random sample of the targets; with one it is the target order. Pure after init.
 */
#pragma once

#include "target/permute.h"
#include "target/range.h"

/** Ceilings of one group: what a worker keeps state for at a time. */
#define SPACE_GROUP_HOSTS_MAX  8192u
#define SPACE_GROUP_PROBES_MAX (1u << 17)

struct space {
	const struct range_set *set; /* borrowed, sealed */
	u128 n_addrs;
	uint64_t n_hosts; /* visited: n_addrs, at most 2^62 */
	uint64_t n_groups;
	uint32_t hosts_per_group;
	bool is_permuted;
	struct permute order;
};

/** @param width probes per host, at least 1. @param min_groups cut finer when there are enough
 * hosts (sharding). */
void space_init(struct space *s, const struct range_set *set, uint32_t width, uint32_t min_groups,
		uint64_t seed);
/** @param ordinal place in visiting order, < n_hosts. @param ret_idx place in target order. */
void space_host(const struct space *s, uint64_t ordinal, struct addr *ret, uint64_t *ret_idx);
/** Inverse: where an address stands in visiting order. @return false when it is no target. */
bool space_find(const struct space *s, const struct addr *a, uint64_t *ret_ordinal);
