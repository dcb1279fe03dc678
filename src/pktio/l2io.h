/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the back ends with Ethernet frames share: lending and taking back frames, the packet socket
 * that receives (by recvmmsg or by a mapped ring) and that sends what the sender cannot. They
 * differ in the sender alone. Thread: owner.
 */
#pragma once

#include "pktio/rawrx.h"
#include "pktio/rxring.h"
#include "pktio/txbatch.h"

#include <pthread.h>

struct l2io;

/** How committed frames leave; a row per mechanism. */
struct l2io_sender {
	/** @return 0 or -errno; l2io_close follows in any case. NULL: nothing to open. */
	int (*open)(struct l2io *l, const struct pktio_conf *conf);
	/** Send and empty l->out. As pktio_ops.tx_kick. */
	int (*send)(struct l2io *l);
	/** @return descriptors to be closed through @p fds[1], 0 or 1. NULL: none. */
	uint32_t (*close)(struct l2io *l, int *fds);
};

struct l2io {
	const struct l2io_sender *sender;
	void *sender_state; /* the sender's, taken in open and freed in close */
	struct txbatch batch;
	struct txqueue out; /* committed frames; its socket receives too */
	struct rawrx rx;
	struct rxring ring; /* instead of rx when has_ring */
	bool has_ring;
	bool is_opening; /* the ring, by thread opener with conf; its outcome is opener_err */
	pthread_t opener;
	int opener_err;
	struct pktio_conf conf;
	struct pktio_stats st;
};

/** pktio_ops.open for a back end with this sender. */
int l2io_open(struct pktio *io, const struct pktio_conf *conf,
	      const struct l2io_sender *sender) MUST_CHECK;
/** The rest of pktio_ops. */
void l2io_close(struct pktio *io);
uint32_t l2io_tx_reserve(struct pktio *io, struct frame *f, uint32_t n);
void l2io_tx_commit(struct pktio *io, const struct frame *f, uint32_t n);
int l2io_tx_kick(struct pktio *io);
int l2io_rx_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us);
void l2io_rx_release(struct pktio *io, const struct frame *f, uint32_t n);
void l2io_stats(struct pktio *io, struct pktio_stats *ret);

/** For senders: the interface of committed frame @p i, its bytes, its length. */
uint32_t l2io_if_idx(const struct l2io *l, uint32_t i);
const struct iovec *l2io_bytes(const struct l2io *l, uint32_t i);

/** All members of struct pktio_ops but name, help and open. */
#define L2IO_OPS                                                                                   \
	.caps = PKTIO_L2 | PKTIO_ARP | PKTIO_V4 | PKTIO_V6, .tx_reserve = l2io_tx_reserve,         \
	.tx_commit = l2io_tx_commit, .tx_kick = l2io_tx_kick, .rx_acquire = l2io_rx_acquire,       \
	.rx_release = l2io_rx_release, .stats = l2io_stats, .close = l2io_close
