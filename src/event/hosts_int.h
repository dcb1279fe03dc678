/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result store's inside: shared by hosts.c (events, slots, life), hostread.c (what sinks read)
 * and hostleave.c (complete hosts). */
#pragma once

#include "base/hash.h"
#include "base/mem.h"
#include "event/cells.h"
#include "event/found.h"
#include "event/hosts.h"

#define HOSTS_CHUNK 32 /* slots taken at once */

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
	bool is_detection_timed_out;
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
	bool is_ordered, is_releasing, has_detection_timed_out;
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

static inline struct host *hosts_slot(const struct hosts *h, uint32_t slot)
{
	return &h->chunks[slot / HOSTS_CHUNK][slot % HOSTS_CHUNK];
}

/** The first error is told and kept. */
void hosts_note_error(struct hosts *h, int error);
/** Forget the host; its slot is used again. */
void hosts_close(struct hosts *h, struct host *host);
/** Let the host leave when nothing more is to come and it is its turn, and those that waited for
 * it. */
void hosts_try_release(struct hosts *h, struct host *host, uint64_t time_ns);
/** Release what is held, lowest index first; with @p wants_partial also what is not complete. */
void hosts_release_held(struct hosts *h, bool wants_partial, uint64_t time_ns);
/** Ports by state, silent ones included. */
void hosts_count_states(const struct hosts *h, const struct host *host,
			uint32_t n_by_state[PORT_STATE_N]);
