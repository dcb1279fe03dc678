/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In place of xdp.c, xdpio.c and xdpring.c where clang, bpftool or libbpf were missing at build
 * time: says so, and the choice falls on another back end.
 */
#include "pktio/xdp.h"

int xdp_hub_open(const struct xdp_hub_conf *conf, struct xdp_hub **ret)
{
	return -E_UNSUPPORTED;
}

bool xdp_hub_can_send(const struct xdp_hub *h)
{
	return false;
}

uint32_t xdp_hub_if_idx(const struct xdp_hub *h)
{
	return 0;
}

void xdp_hub_close(struct xdp_hub *h)
{
}

static int none_open(struct pktio *io, const struct pktio_conf *conf)
{
	return -E_UNSUPPORTED;
}

static void none_close(struct pktio *io)
{
}

#define NONE                                                                                       \
	.help = "not built in",                                                                    \
	.caps = PKTIO_L2 | PKTIO_ARP | PKTIO_V4 | PKTIO_V6 | PKTIO_ONE_IFACE, .open = none_open,   \
	.close = none_close

const struct pktio_ops pktio_xdp = {.name = "xdp", NONE};
const struct pktio_ops pktio_xdp_rx = {.name = "xdp-rx", NONE};
