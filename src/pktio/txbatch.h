/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transmit side shared by the back ends that use sendmmsg: a pool of frame slots that are lent out,
 * and a queue of committed ones per socket. No allocation after init. Thread: owner.
 */
#pragma once

#include "pktio/pktio.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

union tx_name {
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_ll ll;
};

/** Invariant: n_lent + n_filled <= n_used <= cap; slot i belongs to iov[i] and names[i]. */
struct txbatch {
	uint8_t *slots;
	struct iovec *iov;
	union tx_name *names;
	uint32_t cap;       /* slots */
	uint32_t frame_cap; /* bytes per slot */
	uint32_t n_used;    /* slots handed out since the last kick */
	uint32_t n_lent;    /* of these, not yet given back */
	uint32_t n_filled;  /* of these, given back to be sent by the next kick */
	uint32_t if_idx;    /* default way out */
	uint8_t link;
};

/** Committed frames of one socket, ready for sendmmsg. */
struct txqueue {
	int fd; /* -1: family not in use */
	uint32_t n;
	struct mmsghdr *msgs;
	uint64_t no_route_since_ns; /* 0: the last kick sent something */
};

int txbatch_init(struct txbatch *b, const struct pktio_conf *conf, enum link_type link) MUST_CHECK;
void txbatch_fini(struct txbatch *b);
uint32_t txbatch_reserve(struct txbatch *b, struct frame *f, uint32_t n);
/** Take @p f back; @return where to write its destination, or NULL when it is not to be sent (len
 * 0). */
union tx_name *txbatch_take(struct txbatch *b, const struct frame *f);
/** After a kick: slots that nobody holds are free again. */
void txbatch_reset(struct txbatch *b);

/** Takes @p fd (closed by fini, also on failure). Asks for a send buffer that holds a whole batch.
 */
int txqueue_init(struct txqueue *q, int fd, const struct txbatch *b) MUST_CHECK;
void txqueue_fini(struct txqueue *q);
void txqueue_add(struct txqueue *q, struct txbatch *b, const struct frame *f, uint32_t name_len);
/** Send all, empty the queue. As pktio_ops.tx_kick; -ENETUNREACH after 200 ms of nothing but
 * missing routes. Adds to the tx counters of @p st. */
int txqueue_send(struct txqueue *q, struct pktio_stats *st);

/** How long a kick has waited for a full queue; zeroed at its start. */
struct txwait {
	uint64_t give_up_ns, backoff_ns; /* backoff_ns 0: progress was made */
};
/** Wait for room after @p error. @return false when the patience of one kick is spent. */
bool txwait_again(struct txwait *w, int fd, int error);
/** Is @p error (an errno) one that passes by waiting, one that means the device is lost? */
bool tx_is_queue_full(int error);
bool tx_is_device_gone(int error);
