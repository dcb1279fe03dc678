/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The result store: events in, complete hosts out. A host lives from its first event until
 * every worker part has scanned it, its name is known (when wanted) and its turn has come
 * (when order is wanted); then HOST_FINISHED is published and its slot is used again. Slots
 * never move: they come in chunks and go through a free list, so memory follows the number
 * of hosts under way, not the number of targets. Ports are kept by cells.c, read by hostread.c;
 * hosts leave by hostleave.c.
 */
#include "event/hosts_int.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

#define HOSTS_MAX        (1u << 24) /* under way at once */
#define TARGET_NAMES_MAX (1u << 22) /* names the user typed */
#define NAME_LEN_MAX     1023       /* an escaped DNS name */

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
	chunk = mem_alloc(HOSTS_CHUNK, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	for (uint32_t i = HOSTS_CHUNK; i-- > 0;) {
		chunk[i].next_free = h->free_head;
		h->free_head = h->n_chunks * HOSTS_CHUNK + i;
	}
	h->chunks[h->n_chunks++] = chunk;
	return 0;
}

void hosts_note_error(struct hosts *h, int error)
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
		return hosts_slot(h, slot);
	if (h->is_ordered && ev->host_idx < h->next_idx)
		return NULL;
	if (h->free_head == MAP64_NONE && chunk_add(h) < 0) {
		hosts_note_error(h, -ENOMEM);
		return NULL;
	}
	slot = h->free_head;
	if (map64_put(&h->by_idx, ev->host_idx, slot) < 0) {
		hosts_note_error(h, -ENOMEM);
		return NULL;
	}
	host = hosts_slot(h, slot);
	h->free_head = host->next_free;
	*host = (struct host){.idx = ev->host_idx, .start_ns = ev->time_ns, .addr = *addr};
	h->n_live++;
	return host;
}

void hosts_close(struct hosts *h, struct host *host)
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
		hosts_note_error(h, rc);
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
	host->is_detection_timed_out |= ev->done.is_detection_timed_out;
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
	hosts_try_release(h, host, ev->time_ns);
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
			hosts_note_error(h, -ENOMEM);
	}
	host->is_named = true;
	hosts_try_release(h, host, ev->time_ns);
}

static void on_service(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	int rc = found_put_service(&host->found, &ev->service);
	if (rc < 0)
		hosts_note_error(h, rc);
}

static void on_banner(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving || !ev->service.facts->banner_len)
		return;
	int rc = found_put_banner(&host->found, &ev->service);
	if (rc < 0)
		hosts_note_error(h, rc);
}

static void on_os(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	int rc = found_put_os(&host->found, &ev->os);
	if (rc < 0)
		hosts_note_error(h, rc);
}

static void on_tls(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	int rc = found_put_tls(&host->found, &ev->tls);
	if (rc < 0)
		hosts_note_error(h, rc);
}

static void on_detected(struct hosts *h, const struct event *ev)
{
	struct host *host = (struct host *)(uintptr_t)hosts_find(h, ev->host_idx);

	if (!host || host->is_leaving)
		return;
	host->n_detected++;
	host->is_detection_timed_out |= ev->detected.is_timed_out;
	h->has_detection_timed_out |= ev->detected.is_timed_out;
	hosts_try_release(h, host, ev->time_ns);
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
	case EVENT_BANNER_GRABBED:
		on_banner(h, ev);
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
	const uint8_t *at = (const uint8_t *)hosts_slot(h, slot);
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
				  EVENT_BIT(EVENT_BANNER_GRABBED) | EVENT_BIT(EVENT_HOST_DETECTED) |
				  EVENT_BIT(EVENT_OS_DETECTED) | EVENT_BIT(EVENT_TLS_FOUND),
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
		mem_free(hosts_slot(h, h->by_idx.vals[i])->name);
		cells_clear(&h->plan, &hosts_slot(h, h->by_idx.vals[i])->cells);
		found_clear(&hosts_slot(h, h->by_idx.vals[i])->found);
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
	hosts_release_held(h, true, wall_ns);
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

	return slot == MAP64_NONE ? NULL : hosts_slot(h, slot);
}

void hosts_totals(const struct hosts *h, struct hosts_totals *ret)
{
	*ret = h->totals;
}

int hosts_error(const struct hosts *h)
{
	return h->error;
}
