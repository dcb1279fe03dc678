/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The number line of a scan: hosts in visiting order, cut into groups of bounded size.
 * With more than one group the order of hosts is a keyed permutation, so that a group is a
 * random sample of the targets; with one it is the target order. A shard's line has only its own
 * hosts. Pure after init.
 */
#pragma once

#include "target/permute.h"
#include "target/range.h"

/** Ceilings of one group: what a worker keeps state for at a time. */
#define SPACE_GROUP_HOSTS_MAX  8192u
#define SPACE_GROUP_PROBES_MAX (1u << 17)

/** One of several machines that divide the targets among them. n 0 or 1: everything. */
struct shard {
	uint32_t idx, n; /* idx < n */
};

struct space {
	const struct range_set *set; /* borrowed, sealed */
	u128 n_addrs;
	uint64_t n_hosts; /* visited: the shard's share of n_addrs, which counts to 2^62 */
	uint64_t n_groups;
	uint32_t hosts_per_group;
	bool is_permuted;
	struct permute order;
	struct shard shard;
	struct permute deal; /* place in target order -> turn in which shards take their hosts */
};

/** What a number line is made of. */
struct space_conf {
	uint32_t width;                /* probes per host, at least 1 */
	uint32_t min_groups;           /* cut finer when there are enough hosts (threads) */
	uint32_t min_hosts, max_hosts; /* of a group; 0: by width */
	uint64_t seed;
	struct shard shard;
};

/** A line without shards. */
void space_init(struct space *s, const struct range_set *set, uint32_t width, uint32_t min_groups,
		uint64_t seed);
/**
 * The line of one shard: every n-th host of an order that depends on nothing but the number of
 * hosts, so that shards are disjoint and complete whatever their seeds. n_hosts may be 0.
 */
void space_init_shard(struct space *s, const struct range_set *set, const struct space_conf *c);
/** Hosts that a shard of @p n_addrs addresses visits; shards differ by at most one. */
uint64_t space_n_hosts(u128 n_addrs, struct shard shard);
/** @param ordinal place in visiting order, < n_hosts. @param ret_idx place in target order. */
void space_host(const struct space *s, uint64_t ordinal, struct addr *ret, uint64_t *ret_idx);
/** Inverse: where an address stands in visiting order. @return false when it is no target of this
 * line. */
bool space_find(const struct space *s, const struct addr *a, uint64_t *ret_ordinal);
/** As space_find, by place in target order. */
bool space_ordinal(const struct space *s, u128 idx, uint64_t *ret_ordinal);
