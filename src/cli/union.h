/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The results of several scans as one: hosts by address, each port once. Memory follows the
 * results, not the targets. Thread: owner.
 */
#pragma once

#include "base/hash.h"
#include "base/mem.h"
#include "event/hosts.h"
#include "event/jsonread.h"

struct union_port {
	uint32_t host, rtt_us;
	uint32_t from; /* 1-based index into froms; 0: the host itself */
	uint16_t port;
	uint8_t proto, state, reason, ttl, attempt;
};

struct union_host {
	struct ev_host found;
	struct ev_host_done done;
	const char *hostname, *ptr;
	bool is_typed;
	bool is_finished; /* some file has its host record */
	uint32_t n_files; /* with a host record that says up */
};

struct unions {
	struct union_host *hosts;
	uint32_t n_hosts, hosts_cap;
	struct union_port *ports;
	uint64_t n_ports, ports_cap;
	struct addr *froms;
	uint32_t n_froms, froms_cap;
	struct map64 by_addr; /* hash of an address -> host; collisions go to the next number */
	struct arena text;
};

void union_init(struct unions *u);
void union_fini(struct unions *u);
/** Take one record of JSON_PORT or JSON_HOST; texts are copied. @return 0, -ENOMEM, -E_FULL. */
int union_add(struct unions *u, const struct json_record *rec) MUST_CHECK;
/**
 * Which of two results of one port stands: the higher. Open, then what else the port itself
 * answered, then what others said of it, then silence.
 */
uint32_t union_precedence(uint8_t state, uint8_t reason);
/**
 * Publish everything in the order of addresses: discovery, names, ports, end of each host, with
 * host_idx counted from 0. @return 0 or -ENOMEM.
 */
int union_publish(struct unions *u, struct bus *bus, struct hosts *hosts) MUST_CHECK;
