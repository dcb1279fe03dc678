/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Receive side of packet sockets by a mapped ring of blocks (TPACKET_V3): no system call and no
 * copy per packet, the kernel's own arrival times. Opening takes 10-16 ms. Thread: owner.
 */
#pragma once

#include "pktio/pktio.h"

#define RXRING_BLOCKS 16

/** Invariant: frames of block i are out while n_lent[i] > 0; the kernel owns it when it is neither
 * being read nor lent. */
struct rxring {
	int fd; /* the caller's */
	uint8_t *map;
	uint32_t n_blocks, block_bytes;
	uint32_t at;     /* block being read */
	uint32_t n_left; /* packets of it not yet lent */
	uint8_t *next;   /* the first of them */
	uint32_t n_lent[RXRING_BLOCKS];
	bool is_read[RXRING_BLOCKS]; /* all its packets were lent */
	uint64_t n_frames, n_calls, n_dropped;
};

/**
 * Turn @p fd, a packet socket opened for no protocol, into a filtered ring and bind it. The ring
 * takes an eighth of conf.rx_buf_bytes, 8 KiB to 4 MiB: a socket buffer of that size is charged for
 * much more than bytes.
 * @return 0 or -errno; on failure rxring_close() is still to be called.
 */
int rxring_open(struct rxring *r, const struct pktio_conf *conf, int fd) MUST_CHECK;
/** As pktio_ops; frames point into the ring and time_ns is when the kernel took them in. */
int rxring_acquire(struct rxring *r, struct frame *f, uint32_t n, uint32_t wait_us);
void rxring_release(struct rxring *r, const struct frame *f, uint32_t n);
/** Adds the rx counters to @p ret. Cost: one system call. */
void rxring_stats(struct rxring *r, struct pktio_stats *ret);
/** Accepts a zeroed or half-built @p r; the socket stays open. */
void rxring_close(struct rxring *r);
