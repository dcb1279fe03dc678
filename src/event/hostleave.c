/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How hosts leave the result store: when every part has scanned them, every detector is done, their
 * name is known (when wanted) and their turn has come (when order is wanted). Order is given up
 * when too many wait for one.
 */
#include "event/hosts_int.h"

#include <errno.h>
#include <stdlib.h>

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
	hosts_count_states(h, host, n);
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
					.is_timed_out =
						host->is_timed_out || host->is_detection_timed_out,
					.evidence = host->evidence,
					.srtt_us = host->srtt_us,
					.rttvar_us = host->rttvar_us,
					.rto_us = host->rto_us};
	bus_publish(h->bus, &ev);
	hosts_close(h, host);
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void hosts_release_held(struct hosts *h, bool wants_partial, uint64_t time_ns)
{
	uint64_t *idx = h->n_live ? mem_alloc(h->n_live, sizeof(*idx)) : NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; idx && i < h->by_idx.cap; i++) {
		const struct host *host;

		if (h->by_idx.vals[i] == MAP64_NONE)
			continue;
		host = hosts_slot(h, h->by_idx.vals[i]);
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
		hosts_note_error(h, -ENOMEM);
	mem_free(idx);
}

static void release_in_order(struct hosts *h, uint64_t time_ns)
{
	if (h->is_releasing)
		return;
	h->is_releasing = true;
	while (h->is_ordered) {
		uint32_t slot = map64_get(&h->by_idx, h->next_idx);

		if (slot == MAP64_NONE || !hosts_slot(h, slot)->is_complete)
			break;
		h->next_idx++;
		h->n_held--;
		release(h, hosts_slot(h, slot), time_ns);
	}
	h->is_releasing = false;
}

void hosts_try_release(struct hosts *h, struct host *host, uint64_t time_ns)
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
		hosts_release_held(h, false, time_ns);
	}
}
