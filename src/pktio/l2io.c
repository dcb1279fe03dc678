/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between pktio_ops and a sender of Ethernet frames. One packet socket (packet(7)) receives through
 * a filter, which is attached before the socket is bound to any protocol, so that nothing
 * unfiltered ever comes in. Routing, neighbour lookup and netfilter are not asked per frame on
 * either way.
 */
#include "pktio/l2io.h"

#include "base/mem.h"
#include "pktio/lateclose.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>

static void *open_ring(void *arg)
{
	struct l2io *l = arg;

	l->opener_err = rxring_open(&l->ring, &l->conf, l->out.fd);
	return NULL;
}

/** Wait for the ring; without it the socket's queue will do. @return 0 or -errno. */
static int rx_ready(struct l2io *l)
{
	if (!l->is_opening)
		return 0;
	pthread_join(l->opener, NULL);
	l->is_opening = false;
	if (!l->opener_err)
		return 0;
	rxring_close(&l->ring);
	l->has_ring = false;
	return rawrx_open_link(&l->rx, &l->conf, l->out.fd);
}

/* Opening a ring is 10-16 ms of waiting for the kernel: workers wait side by side. */
static int start_ring(struct l2io *l, const struct pktio_conf *conf)
{
	l->has_ring = true;
	l->conf = *conf;
	l->is_opening = pthread_create(&l->opener, NULL, open_ring, l) == 0;
	return l->is_opening ? 0 : rxring_open(&l->ring, conf, l->out.fd);
}

void l2io_close(struct pktio *io)
{
	struct l2io *l = io->state;
	int fds[2] = {-1, -1};

	if (!l)
		return;
	if (l->is_opening)
		pthread_join(l->opener, NULL);
	if (l->sender->close)
		(void)l->sender->close(l, &fds[1]);
	fds[0] = l->out.fd;
	l->out.fd = -1;
	lateclose(fds, ARRAY_LEN(fds));
	txqueue_fini(&l->out);
	rawrx_close(&l->rx);
	rxring_close(&l->ring);
	txbatch_fini(&l->batch);
	mem_free(l);
	io->state = NULL;
}

static int open_socket(struct l2io *l)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	int err = txqueue_init(&l->out, fd, &l->batch);
	if (!err)
		(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return err;
}

static int open_rx(struct l2io *l, const struct pktio_conf *conf)
{
	if (conf->is_tx_only)
		return 0;
	return conf->wants_rx_ring ? start_ring(l, conf) : rawrx_open_link(&l->rx, conf, l->out.fd);
}

int l2io_open(struct pktio *io, const struct pktio_conf *conf, const struct l2io_sender *sender)
{
	struct l2io *l = mem_alloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->sender = sender;
	l->out.fd = -1;
	io->state = l;
	int err = txbatch_init(&l->batch, conf, LINK_ETHERNET);
	if (!err)
		err = open_socket(l);
	if (!err && sender->open)
		err = sender->open(l, conf);
	if (!err)
		err = open_rx(l, conf);
	if (err)
		l2io_close(io);
	return err;
}

uint32_t l2io_tx_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct l2io *l = io->state;

	return txbatch_reserve(&l->batch, f, n);
}

void l2io_tx_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct l2io *l = io->state;

	for (uint32_t i = 0; i < n; i++) {
		union tx_name *to = txbatch_take(&l->batch, &f[i]);

		if (!to)
			continue;
		if (f[i].len < ETH_HLEN || f[i].if_idx == 0) {
			l->st.n_tx_errors++;
			continue;
		}
		to->ll.sll_family = AF_PACKET;
		to->ll.sll_ifindex = (int)f[i].if_idx;
		to->ll.sll_halen = ETH_ALEN;
		memcpy(&to->ll.sll_protocol, f[i].bytes + offsetof(struct ethhdr, h_proto), 2);
		memcpy(to->ll.sll_addr, f[i].bytes, ETH_ALEN);
		txqueue_add(&l->out, &l->batch, &f[i], sizeof(to->ll));
	}
}

int l2io_tx_kick(struct pktio *io)
{
	struct l2io *l = io->state;
	int n = l->out.n ? l->sender->send(l) : 0;

	txbatch_reset(&l->batch);
	return n;
}

uint32_t l2io_if_idx(const struct l2io *l, uint32_t i)
{
	const union tx_name *to = l->out.msgs[i].msg_hdr.msg_name;

	return (uint32_t)to->ll.sll_ifindex;
}

const struct iovec *l2io_bytes(const struct l2io *l, uint32_t i)
{
	return l->out.msgs[i].msg_hdr.msg_iov;
}

int l2io_rx_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct l2io *l = io->state;
	int err = rx_ready(l);

	if (err)
		return err;
	return l->has_ring ? rxring_acquire(&l->ring, f, n, wait_us)
			   : rawrx_acquire(&l->rx, f, n, wait_us);
}

void l2io_rx_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct l2io *l = io->state;

	if (l->has_ring)
		rxring_release(&l->ring, f, n);
	else
		rawrx_release(&l->rx, f, n);
}

void l2io_stats(struct pktio *io, struct pktio_stats *ret)
{
	struct l2io *l = io->state;

	*ret = l->st;
	if (rx_ready(l))
		return;
	if (l->has_ring)
		rxring_stats(&l->ring, ret);
	else
		rawrx_stats(&l->rx, ret);
}
