/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Back end with Ethernet frames: one packet socket (packet(7)), sendmmsg past the queueing
 * discipline on the way out, a filtered view of what arrives on the way in. Faster than raw IP
 * because routing, neighbour lookup and netfilter are not asked per frame; slower to close (8-16 ms
 * for a packet socket), so it is for large scans. It is opened for no protocol and bound to one
 * only when its filter stands, so nothing unfiltered ever comes in.
 */
#include "base/mem.h"
#include "pktio/rawrx.h"
#include "pktio/txbatch.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>

struct afpacket {
	struct txbatch batch;
	struct txqueue out;
	struct rawrx rx;
	struct pktio_stats st;
};

static void afpacket_close(struct pktio *io)
{
	struct afpacket *a = io->state;

	if (!a)
		return;
	txqueue_fini(&a->out);
	rawrx_close(&a->rx);
	txbatch_fini(&a->batch);
	mem_free(a);
	io->state = NULL;
}

static int open_queue(struct afpacket *a)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	int err = txqueue_init(&a->out, fd, &a->batch);
	if (!err)
		(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return err;
}

static int afpacket_open(struct pktio *io, const struct pktio_conf *conf)
{
	struct afpacket *a = mem_alloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->out.fd = -1;
	io->state = a;
	int err = txbatch_init(&a->batch, conf, LINK_ETHERNET);
	if (!err)
		err = open_queue(a);
	if (!err && !conf->is_tx_only)
		err = rawrx_open_link(&a->rx, conf, a->out.fd);
	if (err)
		afpacket_close(io);
	return err;
}

static uint32_t afpacket_tx_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct afpacket *a = io->state;

	return txbatch_reserve(&a->batch, f, n);
}

static void afpacket_tx_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct afpacket *a = io->state;

	for (uint32_t i = 0; i < n; i++) {
		union tx_name *to = txbatch_take(&a->batch, &f[i]);

		if (!to)
			continue;
		if (f[i].len < ETH_HLEN || f[i].if_idx == 0) {
			a->st.n_tx_errors++;
			continue;
		}
		to->ll.sll_family = AF_PACKET;
		to->ll.sll_ifindex = (int)f[i].if_idx;
		to->ll.sll_halen = ETH_ALEN;
		memcpy(&to->ll.sll_protocol, f[i].bytes + offsetof(struct ethhdr, h_proto), 2);
		memcpy(to->ll.sll_addr, f[i].bytes, ETH_ALEN);
		txqueue_add(&a->out, &a->batch, &f[i], sizeof(to->ll));
	}
}

static int afpacket_tx_kick(struct pktio *io)
{
	struct afpacket *a = io->state;
	int n = a->out.n ? txqueue_send(&a->out, &a->st) : 0;

	txbatch_reset(&a->batch);
	return n;
}

static int afpacket_rx_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct afpacket *a = io->state;

	return rawrx_acquire(&a->rx, f, n, wait_us);
}

static void afpacket_rx_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct afpacket *a = io->state;

	rawrx_release(&a->rx, f, n);
}

static void afpacket_stats(struct pktio *io, struct pktio_stats *ret)
{
	struct afpacket *a = io->state;

	*ret = a->st;
	rawrx_stats(&a->rx, ret);
}

const struct pktio_ops pktio_afpacket = {
	.name = "afpacket",
	.help = "packet socket, sendmmsg past the queueing discipline: Ethernet interfaces, large "
		"scans",
	.caps = PKTIO_L2 | PKTIO_ARP | PKTIO_V4 | PKTIO_V6,
	.open = afpacket_open,
	.tx_reserve = afpacket_tx_reserve,
	.tx_commit = afpacket_tx_commit,
	.tx_kick = afpacket_tx_kick,
	.rx_acquire = afpacket_rx_acquire,
	.rx_release = afpacket_rx_release,
	.stats = afpacket_stats,
	.close = afpacket_close,
};
