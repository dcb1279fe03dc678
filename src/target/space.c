/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Targets as a number line: index -> address by the range set, visiting order by the keyed
 * permutation, groups by division. Shards are dealt their hosts by a second permutation, so that
 * none gets, say, all the routers at .1. Nothing here grows with the number of targets.
 */
#include "target/space.h"

/** Groups are not cut smaller than this: hosts of a group are interleaved, few would feel the rate.
 */
enum { HOSTS_PER_GROUP_MIN = 8 };

/** Which host is dealt to which shard must be the same for every seed and every machine. */
#define DEAL_SEED 0x7072746970736864ull

uint64_t space_n_hosts(u128 n_addrs, struct shard shard)
{
	u128 ceiling = (u128)1 << 62;
	uint64_t n = (uint64_t)MIN(n_addrs, ceiling);

	return shard.n > 1 ? (n + shard.n - 1 - shard.idx) / shard.n : n;
}

void space_init_shard(struct space *s, const struct range_set *set, const struct space_conf *c)
{
	uint32_t by_probes = SPACE_GROUP_PROBES_MAX / c->width;

	*s = (struct space){.set = set, .n_addrs = set->n_addrs, .shard = c->shard};
	s->n_hosts = space_n_hosts(set->n_addrs, c->shard);
	s->hosts_per_group = CLAMP(by_probes, 1u, SPACE_GROUP_HOSTS_MAX);
	s->hosts_per_group = MAX(s->hosts_per_group, MIN(c->min_hosts, SPACE_GROUP_HOSTS_MAX));
	if (c->max_hosts)
		s->hosts_per_group = MIN(s->hosts_per_group, c->max_hosts);
	if (c->min_groups > 1 && s->n_hosts >= (uint64_t)c->min_groups * HOSTS_PER_GROUP_MIN) {
		uint64_t fair = (s->n_hosts + c->min_groups - 1) / c->min_groups;
		s->hosts_per_group = (uint32_t)MIN(fair, s->hosts_per_group);
	}
	s->n_groups = (s->n_hosts + s->hosts_per_group - 1) / s->hosts_per_group;
	s->is_permuted = s->n_groups > 1;
	if (s->is_permuted)
		permute_init(&s->order, s->n_hosts, c->seed);
	if (s->shard.n > 1 && s->n_hosts)
		permute_init(&s->deal, space_n_hosts(set->n_addrs, (struct shard){0}), DEAL_SEED);
}

void space_init(struct space *s, const struct range_set *set, uint32_t width, uint32_t min_groups,
		uint64_t seed)
{
	space_init_shard(
		s, set,
		&(struct space_conf){.width = width, .min_groups = min_groups, .seed = seed});
}

void space_host(const struct space *s, uint64_t ordinal, struct addr *ret, uint64_t *ret_idx)
{
	uint64_t idx = s->is_permuted ? permute_at(&s->order, ordinal) : ordinal;

	if (s->shard.n > 1)
		idx = permute_at(&s->deal, idx * s->shard.n + s->shard.idx);
	range_set_pick(s->set, idx, ret);
	*ret_idx = idx;
}

bool space_ordinal(const struct space *s, u128 idx, uint64_t *ret_ordinal)
{
	uint64_t place = (uint64_t)idx;

	if (s->shard.n > 1) {
		if (!s->n_hosts || idx >= s->deal.n)
			return false;
		place = permute_inverse(&s->deal, place);
		if (place % s->shard.n != s->shard.idx)
			return false;
		place /= s->shard.n;
	} else if (idx >= s->n_hosts) {
		return false;
	}
	*ret_ordinal = s->is_permuted ? permute_inverse(&s->order, place) : place;
	return true;
}

bool space_find(const struct space *s, const struct addr *a, uint64_t *ret_ordinal)
{
	u128 idx;

	return range_set_find(s->set, a, &idx) && space_ordinal(s, idx, ret_ordinal);
}
