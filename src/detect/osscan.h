/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OS test of every host whose ports are known: a detector (see hosts.h). It lives on the
 * coordinator's thread, between turns of the engine and after it, and never waits while the engine
 * runs. IPv4 only; the first host of IPv6 is a warning, all of them are passed on.
 */
#pragma once

#include "detect/osdb.h"
#include "event/hosts.h"
#include "pktio/route.h"

/** Hosts tested at a time; each has at most one packet a 25 ms on its way, and takes 15 kB. */
#define OSSCAN_JOBS_MAX 256

struct osscan_conf {
	const struct osdb *db;      /* borrowed */
	const struct hosts *hosts;  /* borrowed; subscribed before this */
	struct route_table *routes; /* borrowed; looked up on this thread */
	uint32_t n_parts;           /* HOST_SCANNED per host */
	uint32_t max_tries;         /* of one host without a perfect match; 0: 5, or 2 when the
				       conditions are bad */
	uint32_t host_timeout_ms;   /* of a host's port scan and test together; 0: no limit */
	bool wants_limit;           /* only hosts with an open and a closed TCP port */
	bool wants_guess;           /* say also what is merely near */
	bool wants_trace;           /* EVENT_PACKET */
	struct capture *capture;    /* of its packets; NULL: none */
	uint32_t max_rate_pps; /* 0: no limit; else nothing leaves before osscan_turn(is_alone) */
	uint32_t if_idx;       /* -e; 0 any */
	uint8_t ttl;           /* 0: 64 */
	struct addr source4;   /* -S; ADDR_NONE: the route's */
	const char *version;   /* ours, for SCAN lines */
};

struct osscan_stats {
	uint64_t n_sent, n_received, n_hosts; /* packets, answers, hosts tested */
};

struct osscan;
/** Open sockets, hold source ports, subscribe. Before privileges drop. @return 0; -EPERM; -ENOMEM;
 * -E_FULL; other -errno. */
int osscan_new(const struct osscan_conf *c, struct bus *bus, struct osscan **ret) MUST_CHECK;
/**
 * Read what came, send what is due, publish what is known.
 * @param is_alone the engine is done: the whole rate is ours. @param wait_us at most waited for
 * answers. @return hosts still under test or waiting for it, or -errno.
 */
int osscan_turn(struct osscan *o, uint64_t now_ns, bool is_alone, uint32_t wait_us) MUST_CHECK;
void osscan_stats(const struct osscan *o, struct osscan_stats *ret);
/** Accepts NULL. */
void osscan_free(struct osscan *o);
