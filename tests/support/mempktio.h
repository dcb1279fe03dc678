/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet back end that is memory: what is sent goes to a scripted network, whose answers wait to
 * be received. Lets the send and receive loops run without privileges, sockets or time.
 */
#pragma once

#include "pktio/pktio.h"

#define MEMPKTIO_FRAMES    256
#define MEMPKTIO_FRAME_CAP 256

/** Invariant: rx_head - rx_tail frames wait in rx, counted modulo MEMPKTIO_FRAMES. */
struct mempktio {
	struct pktio io;
	/** One frame left: answer by mempktio_push. */
	void (*on_sent)(void *ctx, struct mempktio *m, const struct frame *sent);
	void *ctx;
	int kick_error; /* -errno that the next kick returns; 0 none */
	struct pktio_stats stats;
	uint32_t n_reserved, n_committed;
	uint32_t tx_len[MEMPKTIO_FRAMES];
	uint8_t tx[MEMPKTIO_FRAMES][MEMPKTIO_FRAME_CAP], rx[MEMPKTIO_FRAMES][MEMPKTIO_FRAME_CAP];
	uint32_t rx_len[MEMPKTIO_FRAMES];
	uint32_t rx_head, rx_tail, n_lent;
};

/** @p m is the caller's storage. */
void mempktio_init(struct mempktio *m,
		   void (*on_sent)(void *, struct mempktio *, const struct frame *), void *ctx);
/** A network-layer packet arrives; counted as dropped when nobody has taken the last
 * MEMPKTIO_FRAMES. */
void mempktio_push(struct mempktio *m, const void *packet, size_t len);
