/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A result store between a bus and a test that writes down who leaves. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "event/hosts.h"

#include <string.h>

static const struct scan_desc syn = {"syn", "SYN Stealth Scan", PROTO_TCP, PORT_FILTERED};

/** Everything a test needs; the released hosts are written down. */
struct world {
	struct scan_info scan;
	struct port_set ports;
	struct bus bus;
	struct hosts *hosts;
	uint64_t released[4096];
	struct host_facts facts; /* of the last one */
	char name[64];
	uint32_t n_released, n_warnings;
	/* answer HOST_SCANNED with HOST_NAMED from inside the bus */
	bool names_at_once;
};

static inline void on_event(void *ctx, const struct event *ev)
{
	struct world *w = ctx;
	const struct host *host;

	if (ev->kind == EVENT_WARNING)
		w->n_warnings++;
	if (ev->kind == EVENT_HOST_SCANNED && w->names_at_once) {
		struct event named = {.kind = EVENT_HOST_NAMED, .host_idx = ev->host_idx};

		named.named.name = "at.once";
		bus_publish(&w->bus, &named);
	}
	if (ev->kind != EVENT_HOST_FINISHED)
		return;
	host = hosts_find(w->hosts, ev->host_idx);
	assert_non_null(host);
	host_facts(w->hosts, host, &w->facts);
	strncpy(w->name, w->facts.name ? w->facts.name : "", sizeof(w->name) - 1);
	w->released[w->n_released++ % ARRAY_LEN(w->released)] = ev->host_idx;
}

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->scan.types[0] = &syn;
	w->scan.n_types = 1;
	w->scan.ports = &w->ports;
	return w;
}

static inline void add_ports(struct world *w, enum port_proto p, uint32_t first, uint32_t last)
{
	for (uint32_t port = first; port <= last; port++)
		port_bits_add(&w->ports.of[p], (uint16_t)port);
	port_bits_seal(&w->ports.of[p]);
}

static inline void world_start(struct world *w, uint32_t n_parts, uint32_t max_held)
{
	bus_init(&w->bus, &w->scan);
	w->hosts = hosts_new(&w->bus, n_parts, max_held);
	assert_non_null(w->hosts);
	assert_int_equal(bus_subscribe(&w->bus, UINT32_MAX, on_event, w), 0);
}

static inline void world_free(struct world *w)
{
	hosts_free(w->hosts);
	free(w);
}

static inline struct addr addr_of(uint64_t idx)
{
	return addr_v4(0x0a000000u + (uint32_t)idx);
}

static inline void discovered(struct world *w, uint64_t idx)
{
	struct event ev = {.kind = EVENT_HOST_DISCOVERED, .host_idx = idx, .time_ns = 5};

	ev.host = (struct ev_host){.addr = addr_of(idx),
				   .state = HOST_UP,
				   .reason = REASON_ECHO_REPLY,
				   .ttl = 63,
				   .rtt_us = 120};
	bus_publish(&w->bus, &ev);
}

static inline void port(struct world *w, uint64_t idx, struct ev_port p)
{
	struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = idx, .time_ns = 6, .port = p};

	ev.port.addr = addr_of(idx);
	bus_publish(&w->bus, &ev);
}

static inline void closed(struct world *w, uint64_t idx, uint16_t n)
{
	port(w, idx,
	     (struct ev_port){.port = n,
			      .proto = PROTO_TCP,
			      .state = PORT_CLOSED,
			      .reason = REASON_RESET,
			      .ttl = 64,
			      .rtt_us = 50});
}

static inline void open_port(struct world *w, uint64_t idx, uint16_t n)
{
	port(w, idx,
	     (struct ev_port){.port = n,
			      .proto = PROTO_TCP,
			      .state = PORT_OPEN,
			      .reason = REASON_SYN_ACK,
			      .ttl = 64,
			      .rtt_us = 77,
			      .attempt = 2});
}

static inline void scanned(struct world *w, uint64_t idx, uint8_t state)
{
	struct event ev = {.kind = EVENT_HOST_SCANNED, .host_idx = idx, .time_ns = 9};

	ev.done = (struct ev_host_done){.addr = addr_of(idx),
					.state = state,
					.reason = state == HOST_UP ? REASON_ECHO_REPLY
								   : REASON_NO_RESPONSE,
					.srtt_us = 100,
					.rttvar_us = 10,
					.rto_us = 1000};
	bus_publish(&w->bus, &ev);
}

static inline void named(struct world *w, uint64_t idx, const char *name)
{
	struct event ev = {.kind = EVENT_HOST_NAMED, .host_idx = idx};

	ev.named.name = name;
	bus_publish(&w->bus, &ev);
}
