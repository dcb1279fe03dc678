/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every format shows of a finished host, decided once so that all of them agree:
 * is it shown at all, which states are only counted, which ports are listed.
 */
#pragma once

#include "base/buf.h"
#include "event/hosts.h"

/** Ports per state beyond which nmap 7.93 only counts, for each step of verbosity; a debug level is
 * worth 20 steps. */
#define VIEW_LISTED_PER_STATE 25

struct view {
	const struct scan_info *scan;
	const struct hosts *hosts;
	const struct host *host;
	struct host_facts facts;
	struct host_group
		groups[HOST_GROUPS_MAX]; /* by state, fullest first; in a state largest first */
	uint32_t n_groups;
	uint32_t n_ports;  /* with a result */
	uint32_t n_listed; /* of these not in an ignored state */
	uint32_t n_ignored_states;
	bool is_ignored[PORT_STATE_N]; /* counted only */
	bool is_shown;                 /* --open and -v rules */
	const char *name;              /* typed name, else PTR name, else NULL */
	char addr[ADDR_TEXT_CAP];      /* with zone */
	char addr_bare[ADDR_TEXT_CAP];
};

/** Fill @p v for a host of the table; pointers in it are valid while the host is. @return false
 * when there is no such host. */
bool view_load(struct view *v, const struct scan_info *scan, const struct hosts *hosts,
	       uint64_t host_idx);
/** The next listed port; @p pos as host_next_port. */
bool view_next_port(const struct view *v, uint32_t *pos, struct host_port *ret);
/** --open: does a port in @p state count as possibly open? */
bool view_is_maybe_open(uint8_t state);
/** "20-21,23" of the ports in one group, comma separated, appended to @p b. */
void view_put_group_ports(const struct view *v, const struct host_group *g, struct buf *b);
