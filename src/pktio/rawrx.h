/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Receive side shared by the back ends: raw IP sockets, one per family and protocol, or one packet
 * socket; each with a kernel filter for our source ports. Thread: owner.
 */
#pragma once

#include "pktio/pktio.h"

/** TCP, UDP, SCTP, ICMP in two families. */
#define RAWRX_SOCK_MAX 8
/** Frames that can be out at a time: answers, and errors behind them. */
#define RAWRX_ANSWERS 64
#define RAWRX_ERRORS  32
#define RAWRX_SLOTS   (RAWRX_ANSWERS + RAWRX_ERRORS)

enum rawrx_kind { RAWRX_V4, RAWRX_V6, RAWRX_LINK, RAWRX_KIND_N };

struct rawrx_sock {
	int fd;
	uint8_t kind;     /* enum rawrx_kind */
	uint8_t proto;    /* PROTO_*, 0 for RAWRX_LINK */
	bool is_readable; /* when it was last waited for */
};

/** A part of the slots. Invariant: n_lent <= n_used <= n_slots. */
struct rawrx_room {
	uint32_t first, n_slots;
	uint32_t n_used; /* slots handed out since all were free */
	uint32_t n_lent; /* and not released, kept ones included */
};

struct rawrx {
	struct rawrx_sock socks[RAWRX_SOCK_MAX];
	uint32_t n_socks;
	int wake_fd;      /* waits end when it is readable; 0 none, the caller's */
	bool is_borrowed; /* the socket is the caller's to close */
	uint32_t next;    /* socket to read first: turns, so that a flood on one does not starve the
			     rest */
	uint32_t slot_cap; /* bytes of one slot, head-room included */
	struct rawrx_room answers, errors;
	struct frame kept[RAWRX_ERRORS]; /* errors read and not told yet */
	uint32_t n_kept, n_kept_rounds;
	int gone; /* of the last reading: why a socket cannot be read; 0 */
	uint64_t n_frames, n_calls;
	uint8_t *slots;
	struct rawrx_aux *aux;
};

/** @return 0 or -errno; on failure rawrx_close() is still to be called. */
int rawrx_open(struct rawrx *rx, const struct pktio_conf *conf) MUST_CHECK;
/** Receive by packet socket @p fd instead, opened for no protocol; it stays the caller's. @return
 * as rawrx_open. */
int rawrx_open_link(struct rawrx *rx, const struct pktio_conf *conf, int fd) MUST_CHECK;
/** As pktio_ops.rx_acquire. */
int rawrx_acquire(struct rawrx *rx, struct frame *f, uint32_t n, uint32_t wait_us);
void rawrx_release(struct rawrx *rx, const struct frame *f, uint32_t n);
/** Adds the rx counters to @p ret. Cost: one system call per socket. */
void rawrx_stats(const struct rawrx *rx, struct pktio_stats *ret);
/** Accepts a zeroed or half-built @p rx. */
void rawrx_close(struct rawrx *rx);
