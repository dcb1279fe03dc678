/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Port results of one host in one byte per asked port, for hosts.c. A byte is 0 (silent),
 * an index into a table of frequent (state, reason, ttl, sender) facts shared by the whole
 * scan, or CELL_REC: the port then has a 12-byte record of its own.
 */
#pragma once

#include "event/hosts.h"

#define CELL_SILENT      0
#define CELL_REC         255
#define CELL_INLINE      16 /* hosts with no more asked ports need no block */
#define CELL_RECS_INLINE 2

/** Facts that many ports share. */
struct cell_combo {
	uint8_t state, reason, ttl;
	struct addr from;
};

/** What is the same for every host of the scan. Owner: hosts. */
struct cell_plan {
	const struct port_set *ports; /* borrowed; NULL when no ports are asked */
	bool is_asked[PORT_PROTO_N];
	uint8_t silent_state[PORT_PROTO_N];
	uint32_t first[PORT_PROTO_N]; /* cell of the protocol's lowest port */
	uint16_t lowest[PORT_PROTO_N], highest[PORT_PROTO_N]; /* asked ports */
	uint32_t n_cells;
	struct cell_combo *combos; /* index 0 unused */
	uint32_t n_combos, combos_cap;
	uint8_t last_combo;
	void *free_blocks; /* n_cells bytes each, linked through their first bytes */
};

struct cell_rec {
	uint32_t rtt_us;
	uint16_t port;
	uint8_t slot, state, reason, ttl, attempt;
	uint8_t from_idx; /* 1-based into froms; 0: the host itself, or not kept */
};

/** Invariant: zeroed memory is a host without replies. */
struct cells {
	uint8_t *at; /* NULL until the first reply */
	struct cell_rec *recs;
	struct addr *froms; /* senders of ICMP errors, at most 255 kept */
	uint32_t n_recs, recs_cap;
	uint32_t n_sorted; /* recs at the front, by protocol and port */
	uint32_t n_replied;
	uint8_t n_froms, froms_cap;
	uint8_t here[CELL_INLINE];
	struct cell_rec recs_here[CELL_RECS_INLINE];
};

void cell_plan_init(struct cell_plan *plan, const struct scan_info *scan);
void cell_plan_fini(struct cell_plan *plan);

/**
 * Note one reply; an open port stays open, otherwise the latest wins.
 * @return 0; -E_RANGE for a port nobody asked; -ENOMEM.
 */
int cells_put(struct cell_plan *plan, struct cells *c, const struct ev_port *ev) MUST_CHECK;
/** host_next_port over these cells. @param has_silent false: skip ports without a reply. */
bool cells_next(const struct cell_plan *plan, const struct cells *c, bool has_silent, uint32_t *pos,
		struct host_port *ret);
/** host_groups over these cells; @p ret has HOST_GROUPS_MAX places. */
uint32_t cells_groups(const struct cell_plan *plan, const struct cells *c, bool has_silent,
		      struct host_group *ret);
/** Give all memory back; the cells are zeroed. */
void cells_clear(struct cell_plan *plan, struct cells *c);
