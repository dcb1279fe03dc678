/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What detect.c remembers of hosts with questions. Internal to it. */
#pragma once

#include "base/hash.h"
#include "detect/detect.h"

/** A port to be asked. */
struct pending {
	struct service_port port;
	struct asker_heard *heard; /* owned; NULL: it said nothing to the scan */
};

/** A host with open ports, or with parts still to be scanned. */
struct subject {
	uint64_t host_idx;
	struct addr addr;
	struct pending *pending;   /* a stack */
	struct asker_heard *heard; /* owned: of ports that have not been told open yet */
	uint32_t n_pending, pending_cap;
	uint32_t n_asked;      /* under way */
	uint32_t n_quiet;      /* of them: they take no other port's place */
	uint32_t n_parts_done; /* of the port scan */
	uint64_t scanned_ns;   /* when the last of them was; 0: not yet; wall clock */
	uint64_t deadline_ns;  /* --host-timeout; 0: none, or nothing was asked yet */
	uint32_t next_ready;   /* slot, NO_SLOT: last or not in the list */
	uint32_t next_free;
	bool is_ready;     /* in the list of hosts with something to ask */
	bool is_timed_out; /* something was left out */
};
#define NO_SLOT UINT32_MAX

struct detect {
	struct detect_conf conf;
	uint32_t n_parts; /* EVENT_HOST_SCANNED of each host */
	struct bus *bus;
	struct asker *asker; /* made for the first job at the latest */
	struct subject *subjects;
	uint32_t n_subjects, subjects_cap, free;
	struct map64 by_idx;
	uint32_t ready_first, ready_last;
	uint64_t n_open;  /* jobs pending or under way */
	uint64_t look_ns; /* when deadlines are looked at next */
	bool is_scan_over, is_stopped, has_failed, has_begun;
	bool is_publishing; /* our own events are no news */
};
