/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Targets as a number line: index -> address by the range set, visiting order by the keyed
 * permutation, groups by division. Nothing here grows with the number of targets.
 */
#include "target/space.h"

/** Below this many hosts a shard is by port, not by host: too few to divide fairly. */
enum { HOSTS_PER_SHARD_MIN = 32 };

void space_init(struct space *s, const struct range_set *set, uint32_t width, uint32_t min_groups,
		uint64_t seed)
{
	u128 ceiling = (u128)1 << 62;
	uint32_t by_probes = SPACE_GROUP_PROBES_MAX / width;

	*s = (struct space){.set = set, .n_addrs = set->n_addrs};
	s->n_hosts = (uint64_t)MIN(set->n_addrs, ceiling);
	s->hosts_per_group = CLAMP(by_probes, 1u, SPACE_GROUP_HOSTS_MAX);
	if (min_groups > 1 && s->n_hosts >= (uint64_t)min_groups * HOSTS_PER_SHARD_MIN) {
		uint64_t fair = (s->n_hosts + min_groups - 1) / min_groups;
		s->hosts_per_group = (uint32_t)MIN(fair, s->hosts_per_group);
	}
	s->n_groups = (s->n_hosts + s->hosts_per_group - 1) / s->hosts_per_group;
	s->is_permuted = s->n_groups > 1;
	if (s->is_permuted)
		permute_init(&s->order, s->n_hosts, seed);
}

void space_host(const struct space *s, uint64_t ordinal, struct addr *ret, uint64_t *ret_idx)
{
	uint64_t idx = s->is_permuted ? permute_at(&s->order, ordinal) : ordinal;

	range_set_pick(s->set, idx, ret);
	*ret_idx = idx;
}

bool space_find(const struct space *s, const struct addr *a, uint64_t *ret_ordinal)
{
	u128 idx;

	if (!range_set_find(s->set, a, &idx) || idx >= s->n_hosts)
		return false;
	*ret_ordinal = s->is_permuted ? permute_inverse(&s->order, (uint64_t)idx) : (uint64_t)idx;
	return true;
}
