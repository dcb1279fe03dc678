/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The result store: events in, complete hosts out. A host lives from its first event until
 * every worker part has scanned it, its name is known (when wanted) and its turn has come
 * (when order is wanted); then HOST_FINISHED is published and its slot is used again. Slots
 * never move: they come in chunks and go through a free list, so memory follows the number
 * of hosts under way, not the number of targets. Ports are kept by cells.c.
 */
#include "event/hosts.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "event/cells.h"
#include "event/found.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_HOSTS      32
#define HOSTS_MAX        (1u << 24) /* under way at once */
#define TARGET_NAMES_MAX (1u << 22) /* names the user typed */
#define NAME_LEN_MAX     1023       /* an escaped DNS name */

struct host {
	uint64_t idx, start_ns, end_ns;
	struct addr addr, from;
	char *name;
	struct ev_evidence evidence;
	uint32_t rtt_us, srtt_us, rttvar_us, rto_us;
	uint32_t n_parts_done;
	uint32_t n_detected; /* detectors that are done with it */
	uint32_t next_free;
	uint8_t state, reason, ttl;
	uint8_t port_reason, port_ttl; /* of the first port reply: evidence of life */
	struct mac mac;
	bool has_mac, is_named, is_complete, is_leaving, is_partial, is_timed_out;
	struct cells cells;
	struct found found;
};

struct hosts {
	struct bus *bus;
	const struct scan_info *scan;
	struct cell_plan plan;
	struct host **chunks;
	uint32_t n_chunks, chunks_cap;
	uint32_t free_head; /* MAP64_NONE: none */
	struct map64 by_idx;
	uint32_t n_parts, n_live;
	uint32_t n_held, max_held; /* complete, waiting for their turn */
	uint64_t next_idx;         /* next to leave while is_ordered */
	bool is_ordered, is_releasing;
	int error;
	struct hosts_totals totals;
	struct map64 target_name_of;
	struct arena target_text;
	char **target_names;
	uint32_t n_target_names, target_names_cap;
	/* groups of the host asked about last: every sink asks for the same */
	const struct host *grouped;
	struct host_group groups[HOST_GROUPS_MAX];
	uint32_t n_groups;
};

static struct host *slot_at(const struct hosts *h, uint32_t slot)
{
	return &h->chunks[slot / CHUNK_HOSTS][slot % CHUNK_HOSTS];
}

static int chunk_add(struct hosts *h)
{
	struct host *chunk;

	if (h->n_chunks == h->chunks_cap) {
		uint32_t cap = h->chunks_cap ? h->chunks_cap * 2 : 4;
		struct host **grown = mem_resize(h->chunks, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		h->chunks = grown;
		h->chunks_cap = cap;
	}
	chunk = mem_alloc(CHUNK_HOSTS, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	for (uint32_t i = CHUNK_HOSTS; i-- > 0;) {
		chunk[i].next_free = h->free_head;
		h->free_head = h->n_chunks * CHUNK_HOSTS + i;
	}
	h->chunks[h->n_chunks++] = chunk;
	return 0;
}

static void note_error(struct hosts *h, int error)
{
	if (h->error)
		return;
	h->error = error;
	bus_warn(h->bus, "out of memory for results: some hosts or ports are missing");
}

static struct host *host_open(struct hosts *h, const struct event *ev, const struct addr *addr)
{
	uint32_t slot = map64_get(&h->by_idx, ev->host_idx);
	struct host *host;

	if (slot != MAP64_NONE)
		return slot_at(h, slot);
	if (h->is_ordered && ev->host_idx < h->next_idx)
		return NULL;
	if (h->free_head == MAP64_NONE && chunk_add(h) < 0) {
		note_error(h, -ENOMEM);
		return NULL;
	}
	slot = h->free_head;
	if (map64_put(&h->by_idx, ev->host_idx, slot) < 0) {
		note_error(h, -ENOMEM);
		return NULL;
	}
	host = slot_at(h, slot);
	h->free_head = host->next_free;
	*host = (struct host){.idx = ev->host_idx, .start_ns = ev->time_ns, .addr = *addr};
	h->n_live++;
	return host;
}

static void host_close(struct hosts *h, struct host *host)
{
	uint32_t slot = map64_del(&h->by_idx, host->idx);

	cells_clear(&h->plan, &host->cells);
	found_clear(&host->found);
	mem_free(host->name);
	host->name = NULL;
	host->next_free = h->free_head;
	h->free_head = slot;
	h->n_live--;
	if (h->grouped == host)
		h->grouped = NULL;
}

/* Ports */

static bool has_port_results(const struct hosts *h, const struct host *host)
{
	if (!h->plan.n_cells || h->scan->is_list || h->scan->is_ping_only)
		return false;
	return host->state == HOST_UP || host->cells.n_replied > 0 ||
	       (host->state == HOST_UNKNOWN && h->scan->skips_discovery);
}

static void group(struct hosts *h, const struct host *host)
{
	h->n_groups = 0;
	if (has_port_results(h, host))
		h->n_groups = cells_groups(&h->plan, &host->cells, !host->is_partial, h->groups);
	h->grouped = host;
}

bool host_next_port(const struct hosts *h, const struct host *host, uint32_t *pos,
		    struct host_port *ret)
{
	return has_port_results(h, host) &&
	       cells_next(&h->plan, &host->cells, !host->is_partial, pos, ret);
}

uint32_t host_groups(const struct hosts *h, const struct host *host, struct host_group *ret,
		     uint32_t cap)
{
	uint32_t n;

	if (h->grouped != host)
		group((struct hosts *)(uintptr_t)h, host);
	n = MIN(cap, h->n_groups);
	memcpy(ret, h->groups, n * sizeof(*ret));
	return n;
}

static void count_states(const struct hosts *h, const struct host *host,
			 uint32_t n_by_state[PORT_STATE_N])
{
	uint32_t n = 0;

	if (h->grouped != host)
		group((struct hosts *)(uintptr_t)h, host);
	memset(n_by_state, 0, PORT_STATE_N * sizeof(*n_by_state));
	for (uint32_t i = 0; i < h->n_groups; i++) {
		n_by_state[h->groups[i].state] += h->groups[i].n;
		n += h->groups[i].n;
	}
	if (host->is_partial && has_port_results(h, host))
		n_by_state[PORT_UNKNOWN] = h->plan.n_cells - n;
}

void host_facts(const struct hosts *h, const struct host *host, struct host_facts *ret)
{
	uint32_t name = map64_get(&h->target_name_of, host->idx);

	*ret = (struct host_facts){
		.idx = host->idx,
		.addr = host->addr,
		.state = host->state,
		.reason = host->reason,
		.ttl = host->ttl,
		.has_mac = host->has_mac,
		.is_partial = host->is_partial,
		.is_timed_out = host->is_timed_out,
		.mac = host->mac,
		.from = host->from,
		.name = host->name,
		.target_name = name == MAP64_NONE ? NULL : h->target_names[name],
		.evidence = host->evidence,
		.rtt_us = host->rtt_us,
		.srtt_us = host->srtt_us,
		.rttvar_us = host->rttvar_us,
		.rto_us = host->rto_us,
		.start_ns = host->start_ns,
		.end_ns = host->end_ns,
		.n_replied = host->cells.n_replied,
	};
	count_states(h, host, ret->n_by_state);
}

/* Leaving */

/** What the state is when nobody said it: a partial host, or discovery was skipped. */
static void settle_state(const struct hosts *h, struct host *host)
{
	if (host->state != HOST_UNKNOWN || h->scan->is_list)
		return;
	if (host->cells.n_replied) {
		host->state = HOST_UP;
		host->reason =
			h->scan->skips_discovery ? (uint8_t)REASON_USER_SET : host->port_reason;
		host->ttl = h->scan->skips_discovery ? 0 : host->port_ttl;
	} else if (h->scan->skips_discovery) {
		host->state = HOST_UP;
		host->reason = REASON_USER_SET;
	}
}

static void add_totals(struct hosts *h, const struct host *host)
{
	uint32_t n[PORT_STATE_N];

	h->totals.n_up += host->state == HOST_UP;
	h->totals.n_down += host->state == HOST_DOWN;
	h->totals.n_dishonest += host->evidence.mark != HOST_HONEST;
	count_states(h, host, n);
	for (uint32_t s = 0; s < PORT_STATE_N; s++)
		h->totals.n_ports[s] += n[s];
}

static void release(struct hosts *h, struct host *host, uint64_t time_ns)
{
	struct event ev = {.kind = EVENT_HOST_FINISHED, .time_ns = time_ns, .host_idx = host->idx};

	host->is_leaving = true;
	host->end_ns = time_ns;
	settle_state(h, host);
	h->grouped = NULL;
	add_totals(h, host);
	ev.done = (struct ev_host_done){.addr = host->addr,
					.state = host->state,
					.reason = host->reason,
					.is_partial = host->is_partial,
					.is_timed_out = host->is_timed_out,
					.evidence = host->evidence,
					.srtt_us = host->srtt_us,
					.rttvar_us = host->rttvar_us,
					.rto_us = host->rto_us};
	bus_publish(h->bus, &ev);
	host_close(h, host);
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/** Release what is held, lowest index first; with @p wants_partial also what is not complete. */
static void release_held(struct hosts *h, bool wants_partial, uint64_t time_ns)
{
	uint64_t *idx = h->n_live ? mem_alloc(h->n_live, sizeof(*idx)) : NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; idx && i < h->by_idx.cap; i++) {
		const struct host *host;

		if (h->by_idx.vals[i] == MAP64_NONE)
			continue;
		host = slot_at(h, h->by_idx.vals[i]);
		if (!host->is_leaving && (host->is_complete || wants_partial))
			idx[n++] = host->idx;
	}
	if (n)
		qsort(idx, n, sizeof(*idx), u64_cmp);
	for (uint32_t i = 0; i < n; i++) {
		struct host *host = (struct host *)(uintptr_t)hosts_find(h, idx[i]);

		if (!host || host->is_leaving)
			continue;
		host->is_partial |= host->n_parts_done < h->n_parts;
		release(h, host, time_ns);
	}
	if (h->n_live && !idx)
		note_error(h, -ENOMEM);
	mem_free(idx);
}

static void release_in_order(struct hosts *h, uint64_t time_ns)
{
	if (h->is_releasing)
		return;
	h->is_releasing = true;
	while (h->is_ordered) {
		uint32_t slot = map64_get(&h->by_idx, h->next_idx);

		if (slot == MAP64_NONE || !slot_at(h, slot)->is_complete)
			break;
		h->next_idx++;
		h->n_held--;
		release(h, slot_at(h, slot), time_ns);
	}
	h->is_releasing = false;
}

static void try_release(struct hosts *h, struct host *host, uint64_t time_ns)
{
	bool waits_for_name = h->scan->wants_names && !host->is_named &&
			      (host->state != HOST_DOWN || h->scan->wants_down_names);
	bool is_detected = host->state == HOST_DOWN || host->n_detected >= h->scan->n_detectors;

	if (host->is_complete || host->n_parts_done < h->n_parts || waits_for_name || !is_detected)
		return;
	host->is_complete = true;
	if (!h->is_ordered) {
		release(h, host, time_ns);
		return;
	}
	h->n_held++;
	release_in_order(h, time_ns);
	if (h->is_ordered && h->n_held > h->max_held) {
		h->is_ordered = false;
		bus_warn(h->bus, "%u hosts wait for host %llu: target order is given up",
			 (unsigned)h->n_held, (unsigned long long)h->next_idx);
		release_held(h, false, time_ns);
	}
}

/* Events */

static void on_discovered(struct hosts *h, const struct event *ev)
{
	struct host *host = host_open(h, ev, &ev->host.addr);

	if (!host)
		return;
	if (host->state == HOST_UNKNOWN || ev->host.state == HOST_UP) {
		host->state = ev->host.state;
		host->reason = ev->host.reason;
		host->ttl = ev->host.ttl;
		host->from = ev->host.from;
	}
	if (ev->host.rtt_us)
		host->rtt_us = ev->host.rtt_us;
	if (ev->host.has_mac) {
		host->mac = ev->host.mac;
		host->has_mac = true;
	}
}

static void on_port(struct hosts *h, const struct event *ev)
{
	struct host *host = host_open(h, ev, &ev->port.addr);
	int rc;

	if (!host || host->is_complete)
		return;
	if (!host->cells.n_replied) {
		host->port_reason = ev->port.reason;
		host->port_ttl = ev->port.ttl;
		if (!host->rtt_us)
			host->rtt_us = ev->port.rtt_us;
	}
	rc = cells_put(&h->plan, &host->cells, &ev->port);
	if (rc == -ENOMEM)
		note_error(h, rc);
	if (h->grouped == host)
		h->grouped = NULL;
}

/** Parts ask different ports of a host: what they know adds up. */
static void add_evidence(struct ev_evidence *to, const struct ev_evidence *more)
{
	if (!more->mark)
		return;
	to->mark = MAX(to->mark, more->mark);
	to->n_canaries = (uint8_t)(to->n_canaries + more->n_canaries);
	to->n_canaries_open = (uint8_t)(to->n_canaries_open + more->n_canaries_open);
	to->ttl_open = to->ttl_open ? to->ttl_open : more->ttl_open;
	to->ttl_other = to->ttl_other ? to->ttl_other : more->ttl_other;
	to->n_asked += more->n_asked;
	to->n_open += more->n_open;
	to->n_zero += more->n_zero;
}

static void on_scanned(struct hosts *h, const struct event *ev)
{
	struct host *host = host_open(h, ev, &ev->done.addr);

	if (!host || host->is_complete)
		return;
	host->n_parts_done++;
	host->is_timed_out |= ev->done.is_timed_out;
	host->is_partial |= ev->done.is_partial || ev->done.is_given_up || ev->done.is_timed_out;
	add_evidence(&host->evidence, &ev->done.evidence);
	if (host->state == HOST_UNKNOWN ||
	    (host->state == HOST_DOWN && ev->done.state == HOST_UP)) {
		host->state = ev->done.state;
		host->reason = ev->done.reason;
	}
	if (ev->done.srtt_us) {
		host->srtt_us = ev->done.srtt_us;
		host->rttvar_us = ev->done.rttvar_us;
		host->rto_us = ev->done.rto_us;
	}
	try_release(h, host, ev->time_ns);
}

static void on_named(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);
	const char *name = ev->named.name;

	if (!host || host->is_leaving)
		return;
	if (name && *name && strlen(name) <= NAME_LEN_MAX) {
		mem_free(host->name);
		host->name = mem_strdup(name);
		if (!host->name)
			note_error(h, -ENOMEM);
	}
	host->is_named = true;
	try_release(h, host, ev->time_ns);
}

static void on_service(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	int rc = found_put_service(&host->found, &ev->service);
	if (rc < 0)
		note_error(h, rc);
}

static void on_os(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	int rc = found_put_os(&host->found, &ev->os);
	if (rc < 0)
		note_error(h, rc);
}

static void on_tls(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	int rc = found_put_tls(&host->found, &ev->tls);
	if (rc < 0)
		note_error(h, rc);
}

static void on_detected(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	host->n_detected++;
	try_release(h, host, ev->time_ns);
}

static void on_event(void *ctx, const struct event *ev)
{
	struct hosts *h = ctx;

	switch ((enum event_kind)ev->kind) {
	case EVENT_HOST_DISCOVERED:
		on_discovered(h, ev);
		break;
	case EVENT_PORT_FOUND:
		on_port(h, ev);
		break;
	case EVENT_HOST_SCANNED:
		on_scanned(h, ev);
		break;
	case EVENT_HOST_NAMED:
		on_named(h, ev);
		break;
	case EVENT_SERVICE_DETECTED:
		on_service(h, ev);
		break;
	case EVENT_OS_DETECTED:
		on_os(h, ev);
		break;
	case EVENT_TLS_FOUND:
		on_tls(h, ev);
		break;
	case EVENT_HOST_DETECTED:
		on_detected(h, ev);
		break;
	default:
		break;
	}
}

/** A port's or a host's end comes long after the host was used last: its place in the map and then
 * its memory are cache misses. */
static void expect(const void *ctx, const struct event *ev, bool is_near)
{
	const struct hosts *h = ctx;

	if (!is_near) {
		map64_fetch(&h->by_idx, ev->host_idx);
		return;
	}
	uint32_t slot = map64_get(&h->by_idx, ev->host_idx);
	if (slot == MAP64_NONE)
		return;
	const uint8_t *at = (const uint8_t *)slot_at(h, slot);
	for (size_t off = 0; off < sizeof(struct host); off += MEM_LINE_BYTES)
		PREFETCH(at + off);
}

/* Life */

struct hosts *hosts_new(struct bus *bus, uint32_t n_parts, uint32_t max_held)
{
	struct hosts *h = mem_alloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->bus = bus;
	h->scan = bus->scan;
	h->n_parts = n_parts;
	h->max_held = max_held;
	h->is_ordered = bus->scan->wants_order;
	h->free_head = MAP64_NONE;
	map64_init(&h->by_idx, HOSTS_MAX);
	map64_init(&h->target_name_of, TARGET_NAMES_MAX);
	arena_init(&h->target_text, 4096, 0);
	cell_plan_init(&h->plan, bus->scan);
	if (bus_subscribe(bus,
			  EVENT_BIT(EVENT_HOST_DISCOVERED) | EVENT_BIT(EVENT_PORT_FOUND) |
				  EVENT_BIT(EVENT_HOST_SCANNED) | EVENT_BIT(EVENT_HOST_NAMED) |
				  EVENT_BIT(EVENT_SERVICE_DETECTED) |
				  EVENT_BIT(EVENT_HOST_DETECTED) | EVENT_BIT(EVENT_OS_DETECTED) |
				  EVENT_BIT(EVENT_TLS_FOUND),
			  on_event, h) < 0) {
		hosts_free(h);
		return NULL;
	}
	bus_set_expect(bus, expect, h);
	return h;
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; i < h->by_idx.cap; i++) {
		if (h->by_idx.vals[i] == MAP64_NONE)
			continue;
		mem_free(slot_at(h, h->by_idx.vals[i])->name);
		cells_clear(&h->plan, &slot_at(h, h->by_idx.vals[i])->cells);
		found_clear(&slot_at(h, h->by_idx.vals[i])->found);
	}
	for (uint32_t i = 0; i < h->n_chunks; i++)
		mem_free(h->chunks[i]);
	mem_free(h->chunks);
	map64_fini(&h->by_idx);
	map64_fini(&h->target_name_of);
	arena_fini(&h->target_text);
	mem_free(h->target_names);
	cell_plan_fini(&h->plan);
	mem_free(h);
}

void hosts_finish_all_at(struct hosts *h, uint64_t wall_ns)
{
	release_held(h, true, wall_ns);
	h->n_held = 0;
}

void hosts_finish_all(struct hosts *h)
{
	hosts_finish_all_at(h, clock_wall_ns());
}

int hosts_set_target_name(struct hosts *h, uint64_t idx, const char *name)
{
	char *copy = arena_strdup(&h->target_text, name, strnlen(name, NAME_LEN_MAX));
	int rc;

	if (!copy)
		return -ENOMEM;
	if (h->n_target_names == h->target_names_cap) {
		uint32_t cap = h->target_names_cap ? h->target_names_cap * 2 : 4;
		char **grown = mem_resize(h->target_names, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		h->target_names = grown;
		h->target_names_cap = cap;
	}
	rc = map64_put(&h->target_name_of, idx, h->n_target_names);
	if (rc < 0)
		return rc;
	h->target_names[h->n_target_names++] = copy;
	return 0;
}

uint32_t hosts_n_parts(const struct hosts *h)
{
	return h->n_parts;
}

const struct host *hosts_find(const struct hosts *h, uint64_t idx)
{
	uint32_t slot = map64_get(&h->by_idx, idx);

	return slot == MAP64_NONE ? NULL : slot_at(h, slot);
}

const struct service_facts *host_service(const struct host *host, uint8_t proto, uint16_t port)
{
	return found_service(&host->found, proto, port);
}

const struct os_facts *host_os(const struct host *host)
{
	return host->found.os;
}

const struct tls_facts *host_tls(const struct host *host, uint8_t proto, uint16_t port)
{
	return found_tls(&host->found, proto, port);
}

void hosts_totals(const struct hosts *h, struct hosts_totals *ret)
{
	*ret = h->totals;
}

int hosts_error(const struct hosts *h)
{
	return h->error;
}
