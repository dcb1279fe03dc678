/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A finished host as outputs see it. The rule for states that are only counted was observed
 * on nmap 7.93 by bisection: more than 25 ports of a state, 50 with -v, 75 with -vv, and 500
 * more for each -d; --open counts every state that cannot be open; open ports are always
 * listed. With --open a host without a listed or counted maybe-open port is left out.
 */
#include "out/view.h"

#include <stdlib.h>

bool view_is_maybe_open(uint8_t state)
{
	return state == PORT_OPEN || state == PORT_OPEN_FILTERED || state == PORT_UNFILTERED;
}

static bool is_counted_only(const struct scan_info *scan, uint8_t state, uint32_t n)
{
	int steps = 1 + scan->verbosity + 20 * scan->debugging;

	if (state == PORT_OPEN || n == 0)
		return false;
	if (scan->wants_open_only && !view_is_maybe_open(state))
		return true;
	return n > (uint32_t)MAX(steps, 1) * VIEW_LISTED_PER_STATE;
}

/** Insertion sort: a handful of groups. */
static void sort_by_state(struct view *v)
{
	const uint32_t *n = v->facts.n_by_state;

	for (uint32_t i = 1; i < v->n_groups; i++) {
		struct host_group g = v->groups[i];
		uint32_t at = i;

		for (; at > 0; at--) {
			const struct host_group *p = &v->groups[at - 1];
			bool is_later = n[p->state] != n[g.state] ? n[p->state] < n[g.state]
								  : p->state > g.state;

			if (!is_later)
				break;
			v->groups[at] = *p;
		}
		v->groups[at] = g;
	}
}

static bool is_shown(const struct view *v)
{
	const struct scan_info *scan = v->scan;

	if (scan->is_list)
		return true;
	if (v->facts.state != HOST_UP && !v->n_ports)
		return v->facts.state == HOST_DOWN && scan->verbosity > 0 && !scan->wants_open_only;
	if (!scan->wants_open_only || scan->is_ping_only)
		return true;
	for (uint32_t s = 0; s < PORT_STATE_N; s++)
		if (v->facts.n_by_state[s] && view_is_maybe_open((uint8_t)s))
			return true;
	return false;
}

bool view_load(struct view *v, const struct scan_info *scan, const struct hosts *hosts,
	       uint64_t host_idx)
{
	v->scan = scan;
	v->hosts = hosts;
	v->host = hosts_find(hosts, host_idx);
	if (!v->host)
		return false;
	host_facts(hosts, v->host, &v->facts);
	v->n_groups = host_groups(hosts, v->host, v->groups, HOST_GROUPS_MAX);
	v->n_ports = v->n_listed = v->n_ignored_states = 0;
	for (uint32_t s = PORT_UNKNOWN + 1; s < PORT_STATE_N; s++) {
		uint32_t n = v->facts.n_by_state[s];

		v->is_ignored[s] = is_counted_only(scan, (uint8_t)s, n);
		v->n_ignored_states += v->is_ignored[s];
		v->n_ports += n;
		v->n_listed += v->is_ignored[s] ? 0 : n;
	}
	sort_by_state(v);
	v->is_shown = is_shown(v);
	v->name = v->facts.target_name ? v->facts.target_name : v->facts.name;
	addr_format_bare(&v->facts.addr, v->addr_bare);
	if (v->facts.addr.zone)
		addr_format(&v->facts.addr, v->addr);
	else
		memcpy(v->addr, v->addr_bare, sizeof(v->addr));
	return true;
}

bool view_next_port(const struct view *v, uint32_t *pos, struct host_port *ret)
{
	if (!v->n_listed)
		return false;
	while (host_next_port(v->hosts, v->host, pos, ret))
		if (!v->is_ignored[ret->state])
			return true;
	return false;
}

static void put_run(struct buf *b, uint32_t first, uint32_t last, bool is_first)
{
	if (!is_first)
		buf_putc(b, ',');
	buf_put_u64(b, first);
	if (last == first)
		return;
	buf_putc(b, '-');
	buf_put_u64(b, last);
}

void view_put_group_ports(const struct view *v, const struct host_group *g, struct buf *b)
{
	struct host_port p;
	uint32_t pos = 0, first = 0, last = 0;
	bool has_run = false, is_first = true;

	while (host_next_port(v->hosts, v->host, &pos, &p)) {
		if (p.proto != g->proto || p.state != g->state || p.reason != g->reason)
			continue;
		if (has_run && p.port == last + 1) {
			last = p.port;
			continue;
		}
		if (has_run) {
			put_run(b, first, last, is_first);
			is_first = false;
		}
		first = last = p.port;
		has_run = true;
	}
	if (has_run)
		put_run(b, first, last, is_first);
}
