/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names by c-ares: forward for targets, reverse (PTR) for hosts, many at once, bounded in time.
 * /etc/hosts is consulted first; loopback and link-local addresses and localhost names are never
 * sent to a server (RFC 6303, RFC 6761).
 */
#pragma once

#include "wire/addr.h"

struct resolve;

struct resolve_conf {
	uint32_t timeout_ms; /* per query over all tries, counted from its first packet; 0: 5000 */
	uint32_t max_inflight;  /* queries at once; 0: 64. More wait in line */
	const char *servers;    /* "192.0.2.1,[2001:db8::1]:53": only these, without the system's
				   search list; NULL: the system's */
	const char *hosts_file; /* NULL: /etc/hosts */
};

#define RESOLVE_QUEUE_MAX (1u << 20) /* queries waiting */
#define RESOLVE_ADDRS_MAX 256u       /* addresses taken of one name */

/** Opens no socket and sends nothing. @return 0, -ENOMEM, or -E_NAME (no resolver, malformed
 * servers). */
int resolve_new(const struct resolve_conf *c, struct resolve **ret) MUST_CHECK;
/** Drops what is under way without calling back. Accepts NULL. */
void resolve_free(struct resolve *r);

/** Called from resolve_poll, once; @p name, @p addrs borrowed; n == 0: @p code is -E_NAME (no such
 * name) or -ETIMEDOUT. */
typedef void resolve_fwd_fn(void *ctx, const char *name, int code, const struct addr *addrs,
			    uint32_t n);
/** Called once; @p name borrowed, printable ASCII; NULL when there is none. */
typedef void resolve_ptr_fn(void *ctx, uint64_t id, const char *name);

/**
 * Queue a forward lookup. Hosts file, literals and localhost names (RFC 6761 6.3) need no server.
 * @param family ADDR_V4, ADDR_V6 or ADDR_NONE (both). @return 0, -ENOMEM, -E_FULL.
 */
int resolve_forward(struct resolve *r, const char *name, uint8_t family, resolve_fwd_fn *fn,
		    void *ctx) MUST_CHECK;
/** Queue a reverse lookup; calls back at once for the hosts file, loopback and link-local. @return
 * 0, -ENOMEM, -E_FULL. */
int resolve_reverse(struct resolve *r, const struct addr *a, uint64_t id, resolve_ptr_fn *fn,
		    void *ctx) MUST_CHECK;
/** Do what is ready; wait at most @p wait_ms. @return queries still under way. Not from a callback.
 * Thread: owner. */
uint32_t resolve_poll(struct resolve *r, uint32_t wait_ms);
