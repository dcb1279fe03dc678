/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Back end with Ethernet frames by sendmmsg on the packet socket that receives, past the queueing
 * discipline: one system call for a batch, over any number of interfaces, on every kernel. The
 * portable one: what every faster row is measured against and falls back to.
 */
#include "pktio/l2io.h"

static int afpacket_send(struct l2io *l)
{
	return txqueue_send(&l->out, &l->st);
}

static const struct l2io_sender afpacket_sender = {.send = afpacket_send};

static int afpacket_open(struct pktio *io, const struct pktio_conf *conf)
{
	return l2io_open(io, conf, &afpacket_sender);
}

const struct pktio_ops pktio_afpacket = {
	.name = "afpacket",
	.help = "packet socket, sendmmsg past the queueing discipline: Ethernet interfaces, large "
		"scans",
	.open = afpacket_open,
	L2IO_OPS,
};
