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
	bool is_finished;              /* some file has its host record */
	uint32_t file;                 /* the one that was read when its ports were counted last */
	uint32_t n_seen[PORT_STATE_N]; /* port records of that file */
	uint32_t n_files;              /* with a host record that says up */
};

/** A finding of detection. */
struct union_found {
	struct facts *block; /* held */
	const void *facts;   /* by kind: service_facts, os_facts, tls_facts, cert_info */
	uint32_t host, rank, file, cert_idx;
	uint16_t port;
	uint8_t proto, kind; /* enum json_kind */
};

struct unions {
	struct union_host *hosts;
	uint32_t n_hosts, hosts_cap;
	struct union_port *ports;
	uint64_t n_ports, ports_cap;
	struct union_found *found;
	uint64_t n_found, found_cap;
	uint32_t n_files;
	struct addr *froms;
	uint32_t n_froms, froms_cap;
	struct map64 by_addr; /* hash of an address -> host; collisions go to the next number */
	struct arena text;
};

void union_init(struct unions *u);
void union_fini(struct unions *u);
/** Records from now on are of another file. */
void union_next_file(struct unions *u);
/**
 * Does the file that is being read lack port records of this host?
 * @param may_be_mute states that a host which never answered has no records of, as bits.
 * @return how many of one state, @p ret_state; 0: none, or the record does not tell.
 */
uint64_t union_n_missing(struct unions *u, const struct json_host *j, uint32_t may_be_mute,
			 enum port_state *ret_state);
/** Take one record of results; texts are copied, blocks held. @return 0, -ENOMEM, -E_FULL. */
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

/* Between union.c and unionfound.c. */
int union_host_of(struct unions *u, const struct addr *a, uint32_t *ret) MUST_CHECK;
int union_grow(void **p, uint64_t n, uint64_t *cap, size_t size) MUST_CHECK;
int union_add_found(struct unions *u, const struct json_record *rec) MUST_CHECK;
void union_sort_found(struct unions *u);
int union_publish_found(const struct unions *u, struct bus *bus, uint32_t host,
			uint64_t idx) MUST_CHECK;
void union_found_fini(struct unions *u);
