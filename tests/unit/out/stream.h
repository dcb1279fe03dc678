/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scan that never happened: builds the bus, hosts and sinks and plays events with a fake clock.
 */
#pragma once

#include "base/clock.h"
#include "out/out.h"

#include <stdio.h>
#include <string.h>

#define STREAM_START_NS 1795312605123456789ull

static const struct scan_desc stream_syn = {"syn", "SYN Stealth Scan", PROTO_TCP, PORT_FILTERED};
static const struct scan_desc stream_udp = {"udp", "UDP Scan", PROTO_UDP, PORT_OPEN_FILTERED};

struct stream {
	struct scan_info scan;
	struct port_set ports;
	struct bus bus;
	struct hosts *hosts;
	struct out_conf conf;
	struct outs *outs;
	uint64_t n_sent;
};

static inline const char *stream_service(void *ctx, uint8_t proto, uint16_t port, char out[32])
{
	(void)ctx;
	(void)out;
	switch (port) {
	case 22:
		return "ssh";
	case 53:
		return "domain";
	case 80:
		return "http";
	case 443:
		return proto == PROTO_TCP ? "https" : NULL;
	case 19:
		return "<&>\"/,";
	default:
		return NULL;
	}
}

static inline const char *stream_vendor(void *ctx, const struct mac *mac)
{
	(void)ctx;
	return mac->b[0] == 0x52 ? "Quick & \"Dirty\" <NICs>" : NULL;
}

static inline void stream_ports(struct stream *s, enum port_proto p, uint32_t first, uint32_t last)
{
	for (uint32_t port = first; port <= last; port++)
		port_bits_add(&s->ports.of[p], (uint16_t)port);
	port_bits_seal(&s->ports.of[p]);
}

static inline void stream_init(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->scan = (struct scan_info){.version = "0.1.0",
				     .args = "prtip -sS --open \"<&>\" 10.0.0.0/24",
				     .scan_id = "01234567-89ab-4cde-8f01-23456789abcd",
				     .seed = 42,
				     .start_wall_ns = STREAM_START_NS,
				     .types = {&stream_syn},
				     .n_types = 1,
				     .ports = &s->ports,
				     .silent_attempt = 2};
	s->conf = (struct out_conf){.scan = &s->scan,
				    .service_name = stream_service,
				    .mac_vendor = stream_vendor,
				    .console_fd = 1,
				    .status_fd = 2};
	clock_fake_set(STREAM_START_NS);
}

/** The bus and hosts; sinks are added next, then stream_begin. */
static inline void stream_open(struct stream *s)
{
	bus_init(&s->bus, &s->scan);
	s->hosts = hosts_new(&s->bus, 1, 100);
	s->conf.hosts = s->hosts;
	assert(s->hosts && outs_new(&s->conf, &s->outs) == 0);
}

static inline void stream_put(struct stream *s, struct event ev)
{
	bus_publish(&s->bus, &ev);
}

static inline void stream_begin(struct stream *s)
{
	int rc = outs_start(s->outs, &s->bus);

	assert(rc == 0);
	(void)rc;
	stream_put(s, (struct event){.kind = EVENT_SCAN_STARTED});
	stream_put(s, (struct event){.kind = EVENT_STAGE_CHANGED,
				     .stage = {STAGE_INITIALIZING, STAGE_SCANNING_PORTS}});
}

static inline struct addr stream_addr(const char *text)
{
	struct addr a = {0};
	int rc = addr_parse(text, strlen(text), &a);

	assert(rc == 0);
	(void)rc;
	return a;
}

static inline void stream_up(struct stream *s, uint64_t idx, const char *addr, uint8_t reason,
			     const char *mac)
{
	struct event ev = {.kind = EVENT_HOST_DISCOVERED, .host_idx = idx};

	ev.host = (struct ev_host){.addr = stream_addr(addr),
				   .state = HOST_UP,
				   .reason = reason,
				   .ttl = reason == REASON_ECHO_REPLY ? 63 : 0,
				   .rtt_us = 1234};
	if (mac)
		ev.host.has_mac = sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &ev.host.mac.b[0],
					 &ev.host.mac.b[1], &ev.host.mac.b[2], &ev.host.mac.b[3],
					 &ev.host.mac.b[4], &ev.host.mac.b[5]) == 6;
	stream_put(s, ev);
}

static inline void stream_port(struct stream *s, uint64_t idx, const char *addr, uint8_t proto,
			       uint16_t port, uint8_t state, uint8_t reason, const char *from)
{
	struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = idx};

	ev.port = (struct ev_port){.addr = stream_addr(addr),
				   .port = port,
				   .proto = proto,
				   .state = state,
				   .reason = reason,
				   .ttl = from ? 62 : 64,
				   .rtt_us = 250 + port};
	if (from)
		ev.port.from = stream_addr(from);
	stream_put(s, ev);
}

static inline void stream_done(struct stream *s, uint64_t idx, const char *addr, uint8_t state,
			       uint8_t reason, uint32_t srtt_us)
{
	struct event ev = {.kind = EVENT_HOST_SCANNED, .host_idx = idx};

	ev.done = (struct ev_host_done){.addr = stream_addr(addr),
					.state = state,
					.reason = reason,
					.srtt_us = srtt_us,
					.rttvar_us = srtt_us / 4,
					.rto_us = srtt_us * 8};
	stream_put(s, ev);
}

static inline void stream_name(struct stream *s, uint64_t idx, const char *name)
{
	stream_put(s, (struct event){.kind = EVENT_HOST_NAMED, .host_idx = idx, .named = {name}});
}

static inline void stream_finish(struct stream *s, bool interrupted)
{
	static const struct scan_trust trust = {
		.estimate = {.is_known = true,
			     .estimate = 0.99984,
			     .low = 0.99956,
			     .high = 1,
			     .loss = 0.098,
			     .n_attempts = 3.125,
			     .n_found = 1000,
			     .n_silent = 8},
		.ports = {.n_strata = 2,
			  .strata = {{.is_pooled = true},
				     {.n_hosts = 2,
				      .n_answered = {900, 90, 10},
				      .n_silent = {[2] = 7, [3] = 1},
				      .n_again = 32,
				      .n_again_answered = 29}}},
		.hosts = {.is_pooled = true,
			  .n_hosts = 3,
			  .n_answered = {2},
			  .n_silent = {[1] = 1}},
		.n_late_ports = 1,
		.bottleneck = "the time-outs of ports that never answer: 1.9 of 2.3 s"};
	struct event ev = {.kind = EVENT_SCAN_COMPLETED};
	struct hosts_totals t;

	clock_fake_set(STREAM_START_NS + 2345678901ull);
	hosts_finish_all(s->hosts);
	hosts_totals(s->hosts, &t);
	stream_put(s, (struct event){.kind = EVENT_STAGE_CHANGED,
				     .stage = {STAGE_SCANNING_PORTS, STAGE_COMPLETED}});
	ev.completed = (struct ev_scan_completed){.elapsed_ns = 2345678901ull,
						  .n_sent = 1234,
						  .n_received = 1200,
						  .n_up = t.n_up,
						  .n_down = t.n_down,
						  .n_dishonest = t.n_dishonest,
						  .n_dup = 3,
						  .n_late = 1,
						  .n_local_drops = 2,
						  .n_rx_drops = 2,
						  .trust = s->scan.is_list ? NULL : &trust,
						  .backend = "rawip",
						  .exit_code = interrupted ? 130 : 0,
						  .interrupted = interrupted};
	memcpy(ev.completed.n_ports, t.n_ports, sizeof(t.n_ports));
	stream_put(s, ev);
}

/** @return what outs_close returned; @p reterr the first failure. */
static inline int stream_close(struct stream *s, struct err_where *reterr)
{
	struct outs_failures failed = {0};
	int rc = outs_close(s->outs, &failed);

	assert_int_equal(rc != 0, failed.n != 0);
	*reterr = failed.at[0];
	hosts_free(s->hosts);
	clock_fake_set(0);
	return rc;
}
