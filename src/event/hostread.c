/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sinks read of a host while it is there: its facts, its ports, what detection found. Groups
 * of the host asked about last are kept, since every sink asks for the same.
 */
#include "event/hosts_int.h"

#include <string.h>

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

void hosts_count_states(const struct hosts *h, const struct host *host,
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
		.is_timed_out = host->is_timed_out || host->is_detection_timed_out,
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
	hosts_count_states(h, host, ret->n_by_state);
}

const struct service_facts *host_service(const struct host *host, uint8_t proto, uint16_t port)
{
	return found_service(&host->found, proto, port);
}

struct bytes host_banner(const struct host *host, uint8_t proto, uint16_t port)
{
	return found_banner(&host->found, proto, port);
}

bool hosts_has_detection_timed_out(const struct hosts *h)
{
	return h->has_detection_timed_out;
}

const struct os_facts *host_os(const struct host *host)
{
	return host->found.os;
}

const struct tls_facts *host_tls(const struct host *host, uint8_t proto, uint16_t port)
{
	return found_tls(&host->found, proto, port);
}
