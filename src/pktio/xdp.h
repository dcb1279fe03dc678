/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The XDP program on one interface, shared by the workers of a scan: loaded, attached and tried out
 * before privileges drop, gone with the process whatever ends it.
 */
#pragma once

#include "pktio/pktio.h"

struct sweep_plan;
struct xdp_hub;

/** Ceilings, as in xdp_abi.h. */
#define XDP_WORKERS_MAX     8u
#define XDP_COOKIE_ROWS_MAX 4u
#define XDP_FRAME_MAX       1520u

#define XDP_BUSY_WAIT_MS 60 /* by default */

struct xdp_hub_conf {
	uint32_t if_idx;
	uint32_t n_members; /* workers, 1..XDP_MEMBERS_MAX */
	uint32_t batch;     /* frames a kick, 1..XDP_BATCH_MAX */
	/* A scan that just ended leaves its program for some milliseconds, or more where the
	 * machine is busy: how long another's program is waited for */
	uint32_t busy_wait_ms;
	const struct sweep_plan *sweep; /* NULL: the program makes no first attempts */
};

/**
 * Load the program, attach it (in the driver when it can, else to the generic hook) and find out by
 * one frame addressed to ourselves whether the driver takes frames from it.
 * @return 0; -EBUSY: a program of somebody else is attached; -EPERM: CAP_BPF, CAP_PERFMON or
 * CAP_NET_ADMIN is missing; -E_UNSUPPORTED: built without it, or the kernel lacks something;
 * -errno. Cost: 6 ms to load, 8-16 ms to attach. Thread: the coordinator, before workers start.
 */
int xdp_hub_open(const struct xdp_hub_conf *conf, struct xdp_hub **ret) MUST_CHECK;
/** Does the driver send what the program redirects? If not, the hub can only receive. */
bool xdp_hub_can_send(const struct xdp_hub *h);
uint32_t xdp_hub_if_idx(const struct xdp_hub *h);
/**
 * After every pktio on it is closed. Accepts NULL. The kernel detaches the program on a worker of
 * its own, 20 ms later on veth.
 */
void xdp_hub_close(struct xdp_hub *h);
