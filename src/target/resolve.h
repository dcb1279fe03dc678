/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names by c-ares: forward for targets, reverse (PTR) for hosts, many at once, bounded in time.
 * /etc/hosts is consulted first; loopback addresses are never sent to a server (RFC 6303, RFC 6761).
 */
#pragma once

#include "wire/addr.h"

struct resolve;

/** @param timeout_ms per query over all tries. @param max_inflight queries at once. @return 0, -ENOMEM, or -E_NAME (no resolver). */
int resolve_new(uint32_t timeout_ms, uint32_t max_inflight, struct resolve **ret) MUST_CHECK;
void resolve_free(struct resolve *r);

/** Called from resolve_poll; @p addrs borrowed; n == 0: no such name (code -E_NAME) or time-out. */
typedef void resolve_fwd_fn(void *ctx, const char *name, int code, const struct addr *addrs, uint32_t n);
/** @p name NULL when there is none. */
typedef void resolve_ptr_fn(void *ctx, uint64_t id, const char *name);

/** Queue a forward lookup. @param family ADDR_V4, ADDR_V6 or ADDR_NONE (both). */
int resolve_forward(struct resolve *r, const char *name, uint8_t family, resolve_fwd_fn *fn, void *ctx) MUST_CHECK;
/** Queue a reverse lookup; may call back at once (hosts file, loopback). */
int resolve_reverse(struct resolve *r, const struct addr *a, uint64_t id, resolve_ptr_fn *fn, void *ctx) MUST_CHECK;
/** Do what is ready; wait at most @p wait_ms. @return queries still under way. Thread: owner. */
uint32_t resolve_poll(struct resolve *r, uint32_t wait_ms);
