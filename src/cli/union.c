/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records in, one result out: facts are collected as they come and sorted once, at the end, where
 * conflicts between results of one port are settled by a table. What leaves are ordinary events, so
 * every output works as on a scan. Silent ports are not kept: the result store knows them.
 */
#include "cli/union.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS_MAX = 1 << 24 };

void union_init(struct unions *u)
{
	*u = (struct unions){0};
	map64_init(&u->by_addr, HOSTS_MAX);
	arena_init(&u->text, 0, 0);
}

void union_fini(struct unions *u)
{
	mem_free(u->hosts);
	mem_free(u->ports);
	mem_free(u->froms);
	union_found_fini(u);
	map64_fini(&u->by_addr);
	arena_fini(&u->text);
}

/** Room for one element more. @return 0 or -ENOMEM. */
int union_grow(void **p, uint64_t n, uint64_t *cap, size_t size)
{
	uint64_t more = *cap ? *cap * 2 : 64;

	if (n < *cap)
		return 0;
	void *grown = mem_resize(*p, more, size);
	if (!grown)
		return -ENOMEM;
	*p = grown;
	*cap = more;
	return 0;
}

/* --- hosts -------------------------------------------------------------------------- */

/** @return whether the host is there; if not, @p ret_key is where it belongs. */
static bool find_host(const struct unions *u, const struct addr *a, uint32_t *ret,
		      uint64_t *ret_key)
{
	const struct siphash_key key = {1, 2};
	uint64_t hash = siphash24(&key, a->b, sizeof(a->b)) ^ a->family;

	while ((*ret = map64_get(&u->by_addr, hash)) != MAP64_NONE &&
	       !addr_equal(&u->hosts[*ret].found.addr, a))
		hash++;
	*ret_key = hash;
	return *ret != MAP64_NONE;
}

int union_host_of(struct unions *u, const struct addr *a, uint32_t *ret)
{
	uint64_t cap = u->hosts_cap, hash;

	if (find_host(u, a, ret, &hash))
		return 0;
	int err = union_grow((void **)&u->hosts, u->n_hosts, &cap, sizeof(*u->hosts));
	u->hosts_cap = (uint32_t)cap;
	if (!err)
		err = map64_put(&u->by_addr, hash, u->n_hosts);
	if (err)
		return err;
	*ret = u->n_hosts++;
	u->hosts[*ret] = (struct union_host){.found.addr = *a, .done.addr = *a};
	return 0;
}

/** The more telling of two reasons: an answer before the user's word before none. */
static uint32_t host_precedence(uint8_t state, uint8_t reason)
{
	uint32_t by_state = state == HOST_UP ? 2 : state == HOST_DOWN;

	return by_state * 4 + (reason == REASON_USER_SET      ? 1
			       : reason == REASON_NO_RESPONSE ? 0
							      : 2);
}

static int copy_text(struct unions *u, const char **to, const char *from)
{
	if (*to || !from)
		return 0;
	*to = arena_strdup(&u->text, from, strlen(from));
	return *to ? 0 : -ENOMEM;
}

static int add_host(struct unions *u, const struct json_host *j)
{
	uint32_t idx;
	int err = union_host_of(u, &j->found.addr, &idx);

	if (err)
		return err;
	struct union_host *h = &u->hosts[idx];
	bool is_first = !h->is_finished;
	bool is_better = host_precedence(j->found.state, j->found.reason) >
			 host_precedence(h->found.state, h->found.reason);
	if (is_first || is_better) {
		h->found.state = h->done.state = j->found.state;
		h->found.reason = h->done.reason = j->found.reason;
		h->found.ttl = j->found.ttl;
	}
	if (j->done.srtt_us && (!h->done.srtt_us || j->done.srtt_us < h->done.srtt_us)) {
		h->done.srtt_us = j->done.srtt_us;
		h->done.rttvar_us = j->done.rttvar_us;
		h->done.rto_us = j->done.rto_us;
	}
	if (j->found.has_mac && !h->found.has_mac) {
		h->found.has_mac = true;
		h->found.mac = j->found.mac;
	}
	if (j->done.evidence.mark > h->done.evidence.mark)
		h->done.evidence = j->done.evidence;
	h->done.is_partial |= j->done.is_partial;
	h->done.is_timed_out |= j->done.is_timed_out;
	h->done.is_detection_timed_out |= j->done.is_detection_timed_out;
	h->is_finished = true;
	h->n_files += j->found.state == HOST_UP;
	h->is_typed |= j->is_typed;
	err = copy_text(u, &h->hostname, j->hostname);
	return err ? err : copy_text(u, &h->ptr, j->ptr);
}

/* --- ports -------------------------------------------------------------------------- */

uint32_t union_precedence(uint8_t state, uint8_t reason)
{
	static const uint8_t by_state[PORT_STATE_N] = {
		[PORT_OPEN] = 6,     [PORT_CLOSED] = 5,          [PORT_UNFILTERED] = 4,
		[PORT_FILTERED] = 3, [PORT_CLOSED_FILTERED] = 2, [PORT_OPEN_FILTERED] = 1,
	};

	return by_state[state] + (reason == REASON_NO_RESPONSE ? 0u : 8u) * (state != PORT_OPEN) +
	       (state == PORT_OPEN ? 16u : 0u);
}

static int add_from(struct unions *u, const struct addr *from, uint32_t *ret)
{
	uint64_t cap = u->froms_cap;

	*ret = 0;
	if (from->family == ADDR_NONE)
		return 0;
	if (u->n_froms && addr_equal(&u->froms[u->n_froms - 1], from)) {
		*ret = u->n_froms;
		return 0;
	}
	int err = union_grow((void **)&u->froms, u->n_froms, &cap, sizeof(*u->froms));
	u->froms_cap = (uint32_t)cap;
	if (err)
		return err;
	u->froms[u->n_froms++] = *from;
	*ret = u->n_froms;
	return 0;
}

static void count_port(struct unions *u, uint32_t host, uint8_t state)
{
	struct union_host *h = &u->hosts[host];

	if (h->file != u->n_files)
		memset(h->n_seen, 0, sizeof(h->n_seen));
	h->file = u->n_files;
	h->n_seen[state]++;
}

uint64_t union_n_missing(struct unions *u, const struct json_host *j, uint32_t may_be_mute,
			 enum port_state *ret_state)
{
	static const uint32_t none[PORT_STATE_N];
	const uint32_t *n_seen = none;
	uint64_t key;
	uint32_t idx;

	if (find_host(u, &j->found.addr, &idx, &key) && u->hosts[idx].file == u->n_files)
		n_seen = u->hosts[idx].n_seen;
	bool is_mute = n_seen == none && j->found.reason == REASON_USER_SET;
	for (uint32_t s = PORT_UNKNOWN + 1; s < PORT_STATE_N; s++) {
		if (j->n_ports[s] <= n_seen[s] || (is_mute && may_be_mute & 1u << s))
			continue;
		*ret_state = (enum port_state)s;
		return j->n_ports[s] - n_seen[s];
	}
	return 0;
}

static int add_port(struct unions *u, const struct ev_port *p)
{
	struct union_port n = {.rtt_us = p->rtt_us,
			       .port = p->port,
			       .proto = p->proto,
			       .state = p->state,
			       .reason = p->reason,
			       .ttl = p->ttl,
			       .attempt = p->attempt};
	int err = union_host_of(u, &p->addr, &n.host);

	if (!err)
		count_port(u, n.host, p->state);
	if (err || p->reason == REASON_NO_RESPONSE)
		return err;
	err = add_from(u, &p->from, &n.from);
	if (!err)
		err = union_grow((void **)&u->ports, u->n_ports, &u->ports_cap, sizeof(*u->ports));
	if (!err)
		u->ports[u->n_ports++] = n;
	return err;
}

void union_next_file(struct unions *u)
{
	u->n_files++;
}

int union_add(struct unions *u, const struct json_record *rec)
{
	if (rec->kind >= JSON_SERVICE)
		return union_add_found(u, rec);
	return rec->kind == JSON_PORT ? add_port(u, &rec->port) : add_host(u, &rec->host);
}

/* --- the end ------------------------------------------------------------------------- */

static int host_cmp(const void *a, const void *b, void *ctx)
{
	const struct unions *u = ctx;

	return addr_cmp(&u->hosts[*(const uint32_t *)a].found.addr,
			&u->hosts[*(const uint32_t *)b].found.addr);
}

/** By host, protocol and port; of one port what stands comes first. */
static int port_cmp(const void *a, const void *b)
{
	const struct union_port *x = a, *y = b;

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	uint32_t px = union_precedence(x->state, x->reason),
		 py = union_precedence(y->state, y->reason);
	if (px != py)
		return px > py ? -1 : 1;
	return (x->attempt > y->attempt) - (x->attempt < y->attempt);
}

static const struct union_port *first_port(const struct unions *u, uint32_t host)
{
	uint64_t lo = 0, hi = u->n_ports;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (u->ports[mid].host < host)
			lo = mid + 1;
		else
			hi = mid;
	}
	return u->ports + lo;
}

static void publish_ports(const struct unions *u, struct bus *bus, uint32_t host, uint64_t idx)
{
	const struct union_port *last = NULL;

	for (const struct union_port *p = first_port(u, host);
	     p < u->ports + u->n_ports && p->host == host; last = p++) {
		if (last && last->proto == p->proto && last->port == p->port)
			continue;
		struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = idx};
		ev.port = (struct ev_port){.addr = u->hosts[host].found.addr,
					   .port = p->port,
					   .proto = p->proto,
					   .state = p->state,
					   .reason = p->reason,
					   .ttl = p->ttl,
					   .attempt = p->attempt,
					   .rtt_us = p->rtt_us};
		if (p->from)
			ev.port.from = u->froms[p->from - 1];
		bus_publish(bus, &ev);
	}
}

static int publish_host(const struct unions *u, struct bus *bus, struct hosts *hosts, uint32_t host,
			uint64_t idx)
{
	struct union_host *h = &u->hosts[host];
	const char *ptr = h->ptr ? h->ptr : h->is_typed ? NULL : h->hostname;
	struct event found = {.kind = EVENT_HOST_DISCOVERED, .host_idx = idx, .host = h->found};
	struct event named = {.kind = EVENT_HOST_NAMED, .host_idx = idx, .named = {.name = ptr}};
	struct event done = {.kind = EVENT_HOST_SCANNED, .host_idx = idx, .done = h->done};

	if (h->is_typed && h->hostname && hosts_set_target_name(hosts, idx, h->hostname) < 0)
		return -ENOMEM;
	if (h->is_finished && h->found.state != HOST_UNKNOWN)
		bus_publish(bus, &found);
	publish_ports(u, bus, host, idx);
	int err = union_publish_found(u, bus, host, idx);
	if (err)
		return err;
	if (!h->is_finished)
		return 0; /* its file was cut off: hosts_finish_all ends it as partial */
	if (ptr) {
		if (h->found.state == HOST_UNKNOWN) { /* a list: the host is not there yet */
			found.host.state = HOST_UNKNOWN;
			bus_publish(bus, &found);
		}
		bus_publish(bus, &named);
	}
	bus_publish(bus, &done);
	return 0;
}

int union_publish(struct unions *u, struct bus *bus, struct hosts *hosts)
{
	uint32_t *order = mem_alloc(MAX(u->n_hosts, 1u), sizeof(*order));
	int err = order ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < u->n_hosts && !err; i++)
		order[i] = i;
	if (!err && u->n_hosts)
		qsort_r(order, u->n_hosts, sizeof(*order), host_cmp, u);
	if (!err && u->n_ports)
		qsort(u->ports, u->n_ports, sizeof(*u->ports), port_cmp);
	union_sort_found(u);
	for (uint32_t i = 0; i < u->n_hosts && !err; i++)
		err = publish_host(u, bus, hosts, order[i], i);
	mem_free(order);
	return err;
}
