/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compact port results of one host. 65,535 closed ports differ in nothing but their number,
 * so a port costs one byte that names what it has in common with the others; open ports and
 * answers the shared table has no room for get a record with round-trip time and attempt.
 * Ports of all protocols stand in one row of cells: TCP, UDP, SCTP, each ascending.
 */
#include "event/cells.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room is kept for plain facts: a wide scan meets a new router with every /24. */
#define COMBOS_WITH_SENDER_MAX 128
#define COMBOS_MAX             CELL_REC

void cell_plan_init(struct cell_plan *plan, const struct scan_info *scan)
{
	*plan = (struct cell_plan){.ports = scan->ports, .n_combos = 1};
	for (uint32_t i = 0; plan->ports && i < scan->n_types; i++) {
		enum port_proto slot = port_proto_of(scan->types[i]->proto);

		if (slot == PORT_PROTO_N)
			continue;
		plan->is_asked[slot] = plan->ports->of[slot].n > 0;
		plan->silent_state[slot] = scan->types[i]->silent_state;
	}
	for (uint32_t slot = 0; slot < PORT_PROTO_N; slot++) {
		const struct port_bits *b = plan->is_asked[slot] ? &plan->ports->of[slot] : NULL;

		plan->first[slot] = plan->n_cells;
		if (!b)
			continue;
		plan->n_cells += b->n;
		plan->lowest[slot] = port_bits_at(b, 0);
		plan->highest[slot] = port_bits_at(b, b->n - 1);
	}
}

void cell_plan_fini(struct cell_plan *plan)
{
	void *block = plan->free_blocks;

	while (block) {
		void *next;

		memcpy(&next, block, sizeof(next));
		mem_free(block);
		block = next;
	}
	mem_free(plan->combos);
	*plan = (struct cell_plan){0};
}

/** All cells silent, from the inline row, the free list or the heap. */
static uint8_t *cells_open(struct cell_plan *plan, struct cells *c)
{
	if (plan->n_cells <= CELL_INLINE) {
		c->at = c->here;
	} else if (plan->free_blocks) {
		c->at = plan->free_blocks;
		memcpy(&plan->free_blocks, c->at, sizeof(plan->free_blocks));
		memset(c->at, CELL_SILENT, plan->n_cells);
	} else {
		c->at = mem_alloc(plan->n_cells, 1);
	}
	return c->at;
}

static bool combo_is(const struct cell_combo *x, const struct ev_port *ev)
{
	return x->state == ev->state && x->reason == ev->reason && x->ttl == ev->ttl &&
	       x->from.family == ev->from.family &&
	       (x->from.family == ADDR_NONE || addr_equal(&x->from, &ev->from));
}

/** @return the combo's index, or CELL_REC when the table has no place for it. */
static uint8_t combo_of(struct cell_plan *plan, const struct ev_port *ev)
{
	uint32_t max = ev->from.family == ADDR_NONE ? COMBOS_MAX : COMBOS_WITH_SENDER_MAX;

	if (plan->last_combo && combo_is(&plan->combos[plan->last_combo], ev))
		return plan->last_combo;
	for (uint32_t i = 1; i < plan->n_combos; i++)
		if (combo_is(&plan->combos[i], ev))
			return plan->last_combo = (uint8_t)i;
	if (plan->n_combos >= max)
		return CELL_REC;
	if (plan->n_combos >= plan->combos_cap) {
		uint32_t cap =
			MIN(plan->combos_cap ? plan->combos_cap * 2 : 8u, (uint32_t)COMBOS_MAX);
		struct cell_combo *grown = mem_resize(plan->combos, cap, sizeof(*grown));

		if (!grown)
			return CELL_REC;
		plan->combos = grown;
		plan->combos_cap = cap;
	}
	plan->combos[plan->n_combos] = (struct cell_combo){
		.state = ev->state, .reason = ev->reason, .ttl = ev->ttl, .from = ev->from};
	return plan->last_combo = (uint8_t)plan->n_combos++;
}

static uint8_t sender_idx(struct cells *c, const struct addr *from)
{
	if (from->family == ADDR_NONE)
		return 0;
	for (uint8_t i = 0; i < c->n_froms; i++)
		if (addr_equal(&c->froms[i], from))
			return (uint8_t)(i + 1);
	if (c->n_froms == UINT8_MAX)
		return 0;
	if (c->n_froms == c->froms_cap) {
		uint8_t cap = c->froms_cap >= 128 ? UINT8_MAX : (uint8_t)(MAX(c->froms_cap, 1) * 2);
		struct addr *grown = mem_resize(c->froms, cap, sizeof(*grown));

		if (!grown)
			return 0;
		c->froms = grown;
		c->froms_cap = cap;
	}
	c->froms[c->n_froms++] = *from;
	return c->n_froms;
}

enum { UNSORTED_MAX = 64 };

static uint32_t rec_key(const struct cell_rec *r)
{
	return (uint32_t)r->slot << 16 | r->port;
}

static int rec_cmp(const void *a, const void *b)
{
	uint32_t x = rec_key(a), y = rec_key(b);

	return (x > y) - (x < y);
}

/** The newest are looked through one by one: sorting is put off until there are many of them. */
static const struct cell_rec *rec_find(const struct cells *c, uint32_t key)
{
	struct cells *own = (struct cells *)(uintptr_t)c;
	struct cell_rec want = {.slot = (uint8_t)(key >> 16), .port = (uint16_t)key};

	if (c->n_recs - c->n_sorted > UNSORTED_MAX) {
		qsort(own->recs, own->n_recs, sizeof(*own->recs), rec_cmp);
		own->n_sorted = own->n_recs;
	}
	for (uint32_t i = c->n_sorted; i < c->n_recs; i++)
		if (rec_key(&c->recs[i]) == key)
			return &c->recs[i];
	return bsearch(&want, c->recs, c->n_sorted, sizeof(*c->recs), rec_cmp);
}

static struct cell_rec *rec_new(struct cells *c)
{
	if (!c->recs) {
		c->recs = c->recs_here;
		c->recs_cap = CELL_RECS_INLINE;
	}
	if (c->n_recs == c->recs_cap) {
		bool is_here = c->recs == c->recs_here;
		uint32_t cap = c->recs_cap * 2;
		struct cell_rec *grown = mem_resize(is_here ? NULL : c->recs, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		if (is_here)
			memcpy(grown, c->recs_here, sizeof(c->recs_here));
		c->recs = grown;
		c->recs_cap = cap;
	}
	return &c->recs[c->n_recs++];
}

static int rec_put(struct cells *c, uint8_t *cell, uint32_t slot, const struct ev_port *ev)
{
	struct cell_rec *r;

	if (*cell == CELL_REC)
		r = (struct cell_rec *)(uintptr_t)rec_find(c, slot << 16 | ev->port);
	else
		r = rec_new(c);
	if (!r)
		return -ENOMEM;
	*r = (struct cell_rec){.rtt_us = ev->rtt_us,
			       .port = ev->port,
			       .slot = (uint8_t)slot,
			       .state = ev->state,
			       .reason = ev->reason,
			       .ttl = ev->ttl,
			       .attempt = ev->attempt,
			       .from_idx = sender_idx(c, &ev->from)};
	*cell = CELL_REC;
	return 0;
}

static bool is_open_already(const struct cells *c, uint8_t cell, uint32_t key)
{
	const struct cell_rec *r = cell == CELL_REC ? rec_find(c, key) : NULL;

	return r && r->state == PORT_OPEN;
}

int cells_put(struct cell_plan *plan, struct cells *c, const struct ev_port *ev)
{
	enum port_proto slot = port_proto_of(ev->proto);
	uint8_t *cell, combo = CELL_REC;

	if (slot == PORT_PROTO_N || !plan->is_asked[slot] ||
	    !port_bits_has(&plan->ports->of[slot], ev->port))
		return -E_RANGE;
	if (!c->at && !cells_open(plan, c))
		return -ENOMEM;
	cell = &c->at[plan->first[slot] + port_bits_index(&plan->ports->of[slot], ev->port)];
	if (*cell == CELL_SILENT)
		c->n_replied++;
	else if (ev->state != PORT_OPEN &&
		 is_open_already(c, *cell, (uint32_t)slot << 16 | ev->port))
		return 0;
	if (ev->state != PORT_OPEN && *cell != CELL_REC)
		combo = combo_of(plan, ev);
	if (combo == CELL_REC)
		return rec_put(c, cell, slot, ev);
	*cell = combo;
	return 0;
}

/** The next asked port at or above @p port; one there must be. */
static uint32_t port_from(const struct port_bits *b, uint32_t port)
{
	uint32_t word = port >> 6;
	uint64_t bits = b->bits[word] & (UINT64_MAX << (port & 63));

	while (!bits)
		bits = b->bits[++word];
	return word << 6 | (uint32_t)__builtin_ctzll(bits);
}

static void fill_port(const struct cell_plan *plan, const struct cells *c, uint8_t cell,
		      struct host_port *ret)
{
	const struct cell_rec *r;
	uint32_t slot = port_proto_of(ret->proto);

	if (cell == CELL_SILENT) {
		ret->state = plan->silent_state[slot];
		ret->reason = REASON_NO_RESPONSE;
	} else if (cell != CELL_REC) {
		const struct cell_combo *x = &plan->combos[cell];

		ret->state = x->state;
		ret->reason = x->reason;
		ret->ttl = x->ttl;
		ret->from = x->from;
	} else if ((r = rec_find(c, slot << 16 | ret->port)) != NULL) {
		ret->state = r->state;
		ret->reason = r->reason;
		ret->ttl = r->ttl;
		ret->attempt = r->attempt;
		ret->rtt_us = r->rtt_us;
		if (r->from_idx)
			ret->from = c->froms[r->from_idx - 1];
	}
}

/** @p pos is the protocol's place << 16 | the port to look at next. */
bool cells_next(const struct cell_plan *plan, const struct cells *c, bool has_silent, uint32_t *pos,
		struct host_port *ret)
{
	uint32_t at = *pos;

	while (at >> 16 < PORT_PROTO_N) {
		uint32_t slot = at >> 16, port = MAX(at & 0xffff, plan->lowest[slot]);
		uint8_t cell = CELL_SILENT;

		if (!plan->is_asked[slot] || port > plan->highest[slot]) {
			at = (slot + 1) << 16;
			continue;
		}
		port = port_from(&plan->ports->of[slot], port);
		if (c->at)
			cell = c->at[plan->first[slot] +
				     port_bits_index(&plan->ports->of[slot], (uint16_t)port)];
		at = (slot << 16 | port) + 1;
		if (cell == CELL_SILENT && !has_silent)
			continue;
		*ret = (struct host_port){.port = (uint16_t)port,
					  .proto = port_proto_number((enum port_proto)slot)};
		fill_port(plan, c, cell, ret);
		*pos = at;
		return true;
	}
	*pos = at;
	return false;
}

static uint32_t group_add(struct host_group *g, uint32_t n, const struct host_group *more)
{
	struct host_group *like = NULL;

	for (uint32_t i = 0; i < n; i++) {
		if (g[i].proto != more->proto || g[i].state != more->state)
			continue;
		if (g[i].reason == more->reason) {
			g[i].n += more->n;
			return n;
		}
		if (!like)
			like = &g[i];
	}
	if (n < HOST_GROUPS_MAX) {
		g[n] = *more;
		return n + 1;
	}
	(like ? like : &g[n - 1])->n += more->n;
	return n;
}

/** Runs of equal cells of one protocol into groups; records are counted by themselves. */
static uint32_t groups_of_slot(const struct cell_plan *plan, const struct cells *c, uint32_t slot,
			       bool has_silent, struct host_group *g)
{
	uint32_t n = 0, left = plan->ports->of[slot].n;
	const uint8_t *at = c->at ? c->at + plan->first[slot] : NULL;
	uint8_t proto = port_proto_number((enum port_proto)slot);

	while (left) {
		uint8_t cell = at ? *at : CELL_SILENT;
		uint32_t run = at ? 1 : left;
		struct host_group more = {.proto = proto};

		while (at && run < left && at[run] == cell)
			run++;
		left -= run;
		if (at)
			at += run;
		if (cell == CELL_REC || (cell == CELL_SILENT && !has_silent))
			continue;
		more.n = run;
		more.state = cell ? plan->combos[cell].state : plan->silent_state[slot];
		more.reason = cell ? plan->combos[cell].reason : (uint8_t)REASON_NO_RESPONSE;
		n = group_add(g, n, &more);
	}
	return n;
}

static int group_cmp(const void *a, const void *b)
{
	const struct host_group *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	return (x->reason > y->reason) - (x->reason < y->reason);
}

uint32_t cells_groups(const struct cell_plan *plan, const struct cells *c, bool has_silent,
		      struct host_group *ret)
{
	struct host_group part[HOST_GROUPS_MAX];
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < PORT_PROTO_N; slot++) {
		uint32_t n_part;

		if (!plan->is_asked[slot])
			continue;
		n_part = groups_of_slot(plan, c, slot, has_silent, part);
		for (uint32_t i = 0; i < n_part; i++)
			n = group_add(ret, n, &part[i]);
	}
	for (uint32_t i = 0; i < c->n_recs; i++) {
		const struct cell_rec *r = &c->recs[i];
		struct host_group more = {.proto = port_proto_number((enum port_proto)r->slot),
					  .state = r->state,
					  .reason = r->reason,
					  .n = 1};

		n = group_add(ret, n, &more);
	}
	if (n > 1)
		qsort(ret, n, sizeof(*ret), group_cmp);
	return n;
}

void cells_clear(struct cell_plan *plan, struct cells *c)
{
	if (c->at && c->at != c->here) {
		memcpy(c->at, &plan->free_blocks, sizeof(plan->free_blocks));
		plan->free_blocks = c->at;
	}
	if (c->recs != c->recs_here)
		mem_free(c->recs);
	mem_free(c->froms);
	memset(c, 0, sizeof(*c));
}
