/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What had been done before a scan was broken off, folded from the journal's events: how far groups
 * had been opened, and for the few that were open, which hosts and probes are concluded. One for
 * all workers that divide groups; one for each that divides ports. Memory is bounded by the groups
 * open at a time, however long the journal. Thread: coordinator while events are fed; then the
 * workers' schedulers read it.
 */
#pragma once

#include "engine/track.h"

struct restored_host {
	uint8_t flags; /* HOST_IS_UP, HOST_IS_HEARD, HOST_HAS_MAC, HOST_IS_DONE; 0: unknown */
	uint8_t reason, ttl;
	struct mac mac;
	uint32_t rtt_us;
};

/** A group that was open. */
struct restore_group {
	uint64_t nth;   /* among the space's groups */
	uint64_t first; /* ordinal of its first host */
	uint32_t n_hosts, n_done;
	struct restored_host *hosts;
	uint64_t *concluded; /* bit: host's place * port probes a host + probe; NULL without ports
			      */
};

/** Groups that workers can have open, and may have passed over: opened by one whose word had not
 * reached the journal yet when a later one's had. */
#define RESTORE_GROUPS_MAX (8u * TRACK_GROUPS_MAX)
#define RESTORE_GAPS_MAX   4096u

/** Every group below next_group is done, but for groups and gaps. */
struct restore {
	struct restore_group groups[RESTORE_GROUPS_MAX];
	uint32_t n_groups, n_gaps;
	uint64_t gaps[RESTORE_GAPS_MAX];
	_Atomic uint32_t n_taken; /* groups and gaps that schedulers have opened again */
	uint64_t next_group;
	uint64_t n_hosts_done, n_no_route;
};

static inline uint32_t restore_n_open(const struct restore *r)
{
	return r->n_groups + r->n_gaps;
}

/**
 * One event of the workers that share @p r. @p t is a scheduler of theirs, initialised as for the
 * run.
 * @param ordinal of the event's host in @p t's space; ignored for checkpoints.
 * @return 0; -E_SYNTAX: it cannot be of this scan; -ENOMEM.
 */
int restore_event(struct restore *r, const struct track *t, const struct event *ev,
		  uint64_t ordinal) MUST_CHECK;
/** What is known of a host that its discovery answered, before any group: its flags. */
struct restored_host restored_host_of(const struct ev_host *ev);
void restore_fini(struct restore *r);

static inline bool restore_is_concluded(const struct restore_group *g, uint64_t probe)
{
	return g->concluded && g->concluded[probe / 64] >> probe % 64 & 1;
}
