/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A transmit-only AF_XDP socket: one interface, one queue, no XDP program. By the kernel's own
 * interface (linux/if_xdp.h): libxdp would bring libbpf, libelf and libz into every start of the
 * program. Thread: owner. Source: Documentation/networking/af_xdp.rst.
 */
#pragma once

#include "base/err.h"

#include <sys/uio.h>

/** Invariant: free_at[0, n_free) are the slots nobody holds; the kernel holds the others. */
struct xsk {
	int fd;
	uint32_t n_slots; /* a power of two */
	uint8_t *area;
	void *tx_map, *done_map;
	size_t tx_bytes, done_bytes;
	uint32_t *tx_head, *tx_tail, *tx_flags, *done_head, *done_tail;
	struct xdp_desc *tx;
	uint64_t *done;
	uint32_t *free_at;
	uint32_t n_free;
	uint32_t refused_at; /* place of the frame refused last; as the heads and tails count */
	uint32_t n_unsaid;   /* taken by the kernel beyond the tail that it states */
};

enum xsk_mode {
	XSK_COPY, /* every driver; the driver sees ordinary packets */
	XSK_ZERO_COPY,
	XSK_MODE_N
};

struct xsk_conf {
	uint32_t if_idx, queue;
	uint32_t n_slots; /* frames that can be under way; rounded up to a power of two; 2 KiB of
			     locked memory each */
	enum xsk_mode mode;
	bool waits_for_queue; /* 300 ms at most: its last user may still be leaving */
};

/**
 * @return 0; -ENOBUFS or -ENOMEM (no memory may be locked), -EBUSY (the queue is taken), -EINVAL
 * (no such queue), -EOPNOTSUPP (no zero-copy in the driver), -EPERM, other -errno. On failure
 * xsk_close() is still to be called. Cost: about 3 ms for 512 slots.
 */
int xsk_open(struct xsk *x, const struct xsk_conf *c) MUST_CHECK;
/** Unmaps and frees; @return the descriptor, now the caller's to close, or -1. */
int xsk_close(struct xsk *x);
/** Copy a frame of at most 2 KiB into a slot and queue it. @return false: no slot is free. */
bool xsk_put(struct xsk *x, const struct iovec *frame);
/** Frames queued that the kernel has not taken yet. */
uint32_t xsk_n_waiting(const struct xsk *x);
/**
 * One system call: have the kernel take what waits. @return 0 or an errno. EBUSY: the device's
 * queue was full (or the device is down); one frame was taken and thrown away.
 */
int xsk_wake(struct xsk *x);
/** After EBUSY: queue the frame that was thrown away again. @return false: no slot is free. */
bool xsk_put_again(struct xsk *x);
/** Take back the slots of frames that have left. */
void xsk_reap(struct xsk *x);
