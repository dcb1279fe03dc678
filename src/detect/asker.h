/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that talks to services: jobs in by one ring, what was found out by another. All ports
 * that it has taken are asked at once, on one loop; each job is answered exactly once.
 */
#pragma once

#include "detect/service.h"

struct asker;

/** Ports that accepted and say nothing, which are under way beside n_ports others; fewer where
 * descriptors are. */
#define ASKER_QUIET_MAX 1024u

struct asker_conf {
	const struct svcdb *db; /* borrowed */
	uint8_t intensity, n_talks;
	bool is_brief;
	bool prepares;               /* TCP will be asked: use the time until then for it */
	uint32_t max_rate_pps;       /* packets; 0: no limit */
	uint32_t n_ports;            /* asked at once at most, quiet ones apart */
	struct streams_conf streams; /* n_max is set here */
	const char *version;         /* for fingerprints */
};

/** What a port said to the port scan already. */
struct asker_heard {
	struct asker_heard *next;
	uint16_t port, n_bytes, total_bytes;
	uint8_t bytes[];
};

struct asker_job {
	uint64_t host_idx;
	struct addr addr;
	struct service_port port;
	uint64_t deadline_ns;      /* ended then, with what is known; clock_now_ns(); 0: never */
	struct asker_heard *heard; /* mem_alloc'd, taken; NULL: nothing */
};

struct asker_answer {
	struct asker_job job;
	struct facts *block; /* taken by the receiver: facts_free; NULL: no memory */
	const struct service_facts *service;
	bool has_heard;     /* it said something: the port is open */
	bool has_timed_out; /* its deadline ended it */
	bool is_quiet;      /* no answer yet: it keeps silent, others need not wait for it */
	bool was_quiet;     /* the answer to a job that an is_quiet told of */
};

/** Starts the thread. @return 0, -ENOMEM, -errno. Thread: coordinator, as all of these. */
int asker_new(const struct asker_conf *conf, struct asker **ret) MUST_CHECK;
/** @return false: full, come again. */
bool asker_put(struct asker *a, const struct asker_job *job);
/** @return true with an answer. */
bool asker_take(struct asker *a, struct asker_answer *ret);
/** Wait until there may be an answer, at most @p ms. */
void asker_wait(struct asker *a, int ms);
/** Jobs under way are answered with what is known now, and later ones at once. */
void asker_stop(struct asker *a);
/** Ends the thread; answers not taken are lost. Accepts NULL. */
void asker_free(struct asker *a);
/** After asker_stop and the last answer, or slightly stale. */
struct streams_stats asker_stats(const struct asker *a);
