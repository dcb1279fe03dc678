/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look at the ways to a spread of the targets, before workers, back ends and batches are chosen.
 */
#include "engine/engine_int.h"

enum {
	SURVEY_RANGES_MAX = 4096,
	SURVEY_PER_RANGE = 16,
	UNREACHABLE_MIN = 4096, /* fewer hosts are told one by one */
	UNREACHABLE_RANGES_MAX = 64
};

/** Packets a transmit call, by the way: what leaves at once must fit the queues on it. */
static const uint32_t batch_of_way[ROUTE_KIND_N] = {
	[ROUTE_LOOPBACK] = 250,
	[ROUTE_ONLINK] = 150,
	[ROUTE_GATEWAY] = 100,
	[ROUTE_P2P] = 100,
};

static void survey_addr(struct engine *e, const struct addr *a)
{
	struct survey *s = &e->survey;
	struct route r;
	struct mac mac;

	if (engine_route(e, a, &r) < 0)
		return;
	s->batch = MIN(s->batch, batch_of_way[r.kind]);
	const struct iface *iface = route_iface(e->routes, r.if_idx);
	bool is_ether = iface && iface->is_ether;
	bool is_onlink = r.kind == ROUTE_ONLINK && is_ether;
	bool is_known = is_onlink && !route_neigh(e->routes, r.if_idx, a, &mac);
	if (r.kind == ROUTE_LOOPBACK) {
		s->has_loopback = true;
		return;
	}
	if (is_ether) {
		s->has_many_ether |= s->ether_idx && s->ether_idx != r.if_idx;
		s->ether_idx = s->ether_idx ? s->ether_idx : r.if_idx;
		backend_survey(e, &r, a);
	}
	s->has_ether |= is_ether;
	s->has_other |= !is_ether;
	bool asks_link =
		is_onlink && !e->conf.skips_link_ping && !(is_known && e->conf.skips_discovery);
	s->has_arp |= asks_link && a->family == ADDR_V4;
	s->has_discovery |= asks_link || !e->conf.skips_discovery;
}

/** Does this machine speak the family at all? */
static bool has_family(const struct route_table *t, uint8_t family)
{
	for (uint32_t i = 0; i < route_n_ifaces(t); i++) {
		const struct iface *iface = route_iface_at(t, i);
		for (uint32_t k = 0; k < iface->n_addrs; k++)
			if (iface->addrs[k].addr.family == family)
				return true;
	}
	return false;
}

/** Routes are of prefixes: of a wide scan without any it is known at once. */
static bool is_unreachable(const struct engine *e)
{
	const struct range_set *set = &e->targets->set;

	if (set->n_addrs < UNREACHABLE_MIN || set->n > UNREACHABLE_RANGES_MAX)
		return false;
	for (uint32_t i = 0; i < set->n; i++) {
		const struct range *r = &set->r[i];
		struct addr lo = addr_from_u128(r->family, r->lo, r->zone),
			    hi = addr_from_u128(r->family, r->hi, r->zone);
		if (route_may_reach(e->routes, &lo, &hi, e->conf.if_idx ? e->conf.if_idx : r->zone))
			return false;
	}
	return true;
}

/** Look at a spread of addresses of each range: enough to choose back ends; stragglers are handled
 * when met. */
void survey_targets(struct engine *e)
{
	const struct range_set *set = &e->targets->set;
	uint32_t n = MIN(set->n, (uint32_t)SURVEY_RANGES_MAX);

	e->survey.batch = batch_of_way[ROUTE_LOOPBACK];
	/* sorted by family */
	e->survey.has_v4 = set->r[0].family == ADDR_V4;
	e->survey.has_v6 = set->r[set->n - 1].family == ADDR_V6 &&
			   (!e->survey.has_v4 || has_family(e->routes, ADDR_V6));
	for (uint32_t i = 0; i < n; i++) {
		const struct range *r = &set->r[i];
		u128 len = r->hi - r->lo, step = len / SURVEY_PER_RANGE + 1;
		for (u128 off = 0; off <= len; off += step) {
			struct addr a = addr_from_u128(r->family, r->lo + off, r->zone);
			survey_addr(e, &a);
		}
	}
	e->survey.is_unreachable = is_unreachable(e);
	e->sweep_batch = e->conf.batch ? e->conf.batch : SWEEP_BATCH;
	if (!e->conf.batch)
		e->conf.batch = e->survey.batch;
}
