/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by xdp.c (the program), xdpio.c (its back ends) and xdpring.c (records); nobody else. */
#pragma once

#include "pktio/sweep.h"
#include "pktio/xdp.h"
#include "pktio/xdp_abi.h"

/** A ring of records, mapped. Invariant: released <= taken <= the producer's position. */
struct xdp_ring {
	int fd; /* -1: none */
	uint32_t size_bytes;
	unsigned long *consumer;       /* ours to move */
	const unsigned long *producer; /* the kernel's */
	const uint8_t *records;        /* mapped twice in a row: a record never wraps */
	unsigned long taken;           /* what has been lent so far */
	uint32_t n_lent;
};

/** All members' windows, mapped. */
struct xdp_sweeps {
	uint8_t *heads;
	uint32_t *addrs, *mail;
	size_t head_size;
	uint32_t n_hosts, n_ports; /* of a group; of a host. n_ports 0: there are none */
};

/** What one worker has of the hub. Borrowed; valid until the hub closes. */
struct xdp_port {
	struct xdp_hub *hub;
	uint32_t idx;
	struct xdp_lane *lane;
	struct xdp_slot *slots; /* conf.batch of them */
	struct xdp_member *member;
	struct xdp_listener *listener; /* NULL: no records wanted */
	struct xdp_form *form;
	const struct xdp_sweeps *sweeps; /* NULL: the hub has no plan for them */
};

/** @param size_bytes power of two, at least a page. @return 0 or -errno. */
int xdp_ring_open(struct xdp_ring *r, uint32_t size_bytes) MUST_CHECK;
/** Accepts one that was never opened when fd is -1. */
void xdp_ring_close(struct xdp_ring *r);
/**
 * Borrow up to @p n records as Ethernet frames; no system call. Frames stay where they are until
 * all that are out have come back. @return count.
 */
uint32_t xdp_ring_take(struct xdp_ring *r, struct frame *f, uint32_t n);
void xdp_ring_give(struct xdp_ring *r, uint32_t n);

/** Take a free place on the hub. @return 0, or -E_FULL. */
int xdp_port_open(struct xdp_hub *h, struct xdp_port *ret) MUST_CHECK;
/** Let records of this port's replies go to @p r. @return 0 or -errno. */
int xdp_port_listen(struct xdp_port *p, const struct xdp_ring *r) MUST_CHECK;
void xdp_port_close(struct xdp_port *p);
/** Sum over cores. */
void xdp_port_counts(const struct xdp_port *p, struct xdp_counts *ret);
/** The calling thread is the one that kicks from now on. @return 0 or -errno. */
int xdp_port_claim(struct xdp_port *p) MUST_CHECK;
/**
 * Push the lane's frames through the driver, one test run. The lane says afterwards what became of
 * them. @return 0 or -errno (-EINTR: some may not have been handed out yet).
 */
int xdp_port_run(struct xdp_port *p) MUST_CHECK;

/* xdpsweep.c: as struct pktio_sweep_ops */
void xdp_plan_fill(const struct sweep_plan *p, struct xdp_plan *ret);
uint32_t *xdp_sweep_addrs(const struct xdp_port *p, uint32_t window);
void xdp_sweep_open(const struct xdp_port *p, uint32_t window, const struct sweep_group *g);
/** The form of the next kick's probes. */
void xdp_sweep_form(const struct xdp_port *p, const struct sweep_form *f);
uint32_t xdp_sweep_collect(const struct xdp_port *p, uint32_t window, uint32_t *at,
			   struct sweep_mail *ret, uint32_t n);
void xdp_sweep_close(const struct xdp_port *p, uint32_t window);
