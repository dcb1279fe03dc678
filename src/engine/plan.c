/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A scheduler's plan (track.c): which probes every host gets and how they are numbered, what limits
 * of a host are counted apart, how many groups of hosts may be under way, and the memory for that.
 * Made once, before the first probe.
 */
#include "base/mem.h"
#include "engine/restore.h"
#include "engine/track_int.h"

#include <errno.h>
#include <string.h>

/** Append every @p n_parts th port of a type to the host's probes, from the @p part th on. @return
 * how many probes there are then. */
static uint32_t list_ports(struct track *t, uint32_t type, uint32_t part, uint32_t n_parts,
			   uint32_t n)
{
	const struct port_bits *b = &t->conf.ports->of[port_proto_of(t->conf.types[type]->proto)];
	uint32_t k = 0;

	for (uint32_t word = 0; word < ARRAY_LEN(b->bits); word++)
		for (uint64_t bits = b->bits[word]; bits; bits &= bits - 1, k++)
			if (k % n_parts == part) {
				if (t->type_of)
					t->type_of[n] = (uint8_t)type;
				t->port_of[n++] =
					(uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
			}
	return n;
}

static int ports_reserve(struct track *t, uint32_t n)
{
	t->width = n;
	if (!n)
		return 0;
	t->port_of = mem_alloc(n, sizeof(*t->port_of));
	t->type_of = t->conf.n_types > 1 ? mem_alloc(n, 1) : NULL;
	return t->port_of && (t->type_of || t->conf.n_types == 1) ? 0 : -ENOMEM;
}

/** Number a host's probes: this shard's ports per type, in ascending order; with lending those of
 * every shard, one after the other, so that what a worker begins with lies together. */
static int plan_ports(struct track *t)
{
	const struct track_conf *c = &t->conf;
	uint32_t n_parts = c->is_sharded_by_port ? c->n_shards : 1, n = 0;
	uint32_t own = n_parts > 1 ? c->shard : 0, first = c->lend ? 0 : own,
		 end = c->lend ? n_parts : own + 1;

	for (uint32_t part = first; part < end; part++)
		for (uint32_t i = 0; i < c->n_types; i++)
			n += (c->ports->of[port_proto_of(c->types[i]->proto)].n + n_parts - 1 -
			      part) /
			     n_parts;
	if (ports_reserve(t, n) < 0)
		return -ENOMEM;
	n = 0;
	for (uint32_t part = first; part < end; part++) {
		uint32_t began = n;
		for (uint32_t i = 0; i < c->n_types; i++) {
			uint32_t was = n;
			t->type_base[part - first][i] = was;
			n = list_ports(t, i, part, n_parts, was);
			if (part == own)
				t->type_n[i] = n - was;
		}
		if (part == own) {
			t->own_first = began;
			t->own_width = n - began;
		}
	}
	return 0;
}

/** Whether hosts can be tested for honesty, and how: open ports of TCP, enough of them asked. */
static void plan_test(struct track *t)
{
	uint32_t n = t->conf.ports->of[PORT_TCP].n;

	for (uint32_t i = 0; i < t->conf.n_types && n >= DISHONEST_PORTS_MIN; i++) {
		const struct scan_type *type = t->conf.types[i];
		if (type->state_of[REPLY_SYN_ACK] == PORT_OPEN ||
		    type->state_of[REPLY_CONNECTED] == PORT_OPEN)
			t->tested = type;
	}
	t->has_canaries = n < DISHONEST_PORTS_ALL;
}

/** How many different requests each probe of a host has. */
static int plan_requests(struct track *t)
{
	const struct track_conf *c = &t->conf;

	if (!c->payloads || !t->width)
		return 0;
	t->requests_of = mem_alloc(t->width, 1);
	if (!t->requests_of)
		return -ENOMEM;
	for (uint32_t p = 0; p < t->width; p++) {
		const struct scan_type *type = c->types[t->type_of ? t->type_of[p] : 0];
		uint32_t n = type->proto == PROTO_UDP ? payloads_n(c->payloads, t->port_of[p]) : 1;
		t->requests_of[p] = (uint8_t)MAX(n, 1u);
	}
	return 0;
}

/** A host's limits differ by protocol: resets and ICMP errors are counted apart. */
static void plan_flows(struct track *t)
{
	for (uint32_t i = 0; i < t->conf.n_types; i++) {
		uint32_t k = 0;
		while (k < i && t->conf.types[k]->proto != t->conf.types[i]->proto)
			k++;
		t->flow_of_type[i] = k < i ? t->flow_of_type[k] : (uint8_t)t->n_flows++;
	}
	if (!t->conf.bounds.scan_delay_us)
		return;
	memset(t->flow_of_type, 0, sizeof(t->flow_of_type));
	t->n_flows = 1;
}

uint32_t plan_flows_per_host(const struct track *t)
{
	const struct pace_bounds *b = &t->conf.bounds;

	if (b->scan_delay_us)
		return 1;
	return t->width >= FLOW_WIDTH_MIN && !b->is_rate_fixed ? t->n_flows : 0;
}

uint32_t plan_probes_per_host(const struct track *t)
{
	return MAX(t->width, t->conf.n_pings);
}

/**
 * How many groups may be live: a probe that nobody answers keeps its place for seconds, and what
 * can be asked meanwhile is what there is room for.
 */
static int plan_groups(struct track *t)
{
	const struct track_group *g = NULL;
	const struct track_conf *c = &t->conf;
	uint64_t per_probe = sizeof(*g->state) + sizeof(*g->sent_us) + sizeof(*g->link);
	uint64_t per_host = sizeof(*g->hosts) + sizeof(*g->up) +
			    plan_probes_per_host(t) * per_probe +
			    plan_flows_per_host(t) * sizeof(*g->flows);
	uint64_t n =
		TRACK_BYTES_MAX / MAX(c->n_shards, 1u) / (per_host * c->space->hosts_per_group);

	n = CLAMP(n, (uint64_t)TRACK_GROUPS_MIN, (uint64_t)TRACK_GROUPS_MAX);
	n = c->groups_max ? MIN(n, (uint64_t)c->groups_max) : n;
	t->groups_max = (uint32_t)CLAMP(c->space->n_groups, 1ull, n);
	t->groups = mem_alloc(t->groups_max, sizeof(*t->groups));
	return t->groups ? 0 : -ENOMEM;
}

int track_init(struct track *t, const struct track_conf *conf)
{
	memset(t, 0, sizeof(*t));
	t->conf = *conf;
	t->min_rto_us = conf->min_rto_us;
	rng_init(&t->rng, conf->seed + conf->shard);
	coverage_init(&t->ports_seen);
	t->held_due_ns = UINT64_MAX;
	board_join(&t->path, conf->boards, conf->shard);
	plan_flows(t);
	t->conf.max_retries = MIN(conf->max_retries, COOKIE_ATTEMPTS_MAX - 1);
	plan_test(t);
	int err = plan_ports(t);
	if (!err)
		err = plan_requests(t);
	if (!err)
		err = plan_groups(t);
	if (err || !conf->restored)
		return err;
	const struct restore *r = conf->restored;
	t->next_own = r->next_group;
	if (!conf->is_sharded_by_port && conf->shard)
		return 0; /* shared by all workers: the first accounts for it */
	t->stats.n_hosts_done = r->n_hosts_done;
	t->stats.n_no_route = r->n_no_route;
	t->stats.n_concluded = r->n_hosts_done * MAX(t->width, 1u);
	return 0;
}

void track_fini(struct track *t)
{
	for (uint32_t i = 0; t->groups && i < t->groups_max; i++)
		group_free(&t->groups[i]);
	mem_free(t->groups);
	mem_free(t->port_of);
	mem_free(t->type_of);
	mem_free(t->requests_of);
	t->groups = NULL;
	t->requests_of = NULL;
	t->port_of = NULL;
	t->type_of = NULL;
}

uint64_t track_n_total(const struct track *t)
{
	const struct track_conf *c = &t->conf;
	uint64_t hosts =
		c->is_sharded_by_port ? c->space->n_hosts : c->space->n_hosts / c->n_shards;
	uint64_t total;

	return __builtin_mul_overflow(hosts, MAX(t->own_width, 1u), &total) ? UINT64_MAX : total;
}
