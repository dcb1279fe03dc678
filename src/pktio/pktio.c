/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The registry of packet back ends and the checks that are the same for all of them.
 * A new back end is a new file and one line in the array below.
 */
#include "pktio/pktio.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

const struct pktio_ops *const pktio_backends[] = {
	&pktio_xdp,    &pktio_afxdp_zc, &pktio_afxdp, &pktio_afpacket,
	&pktio_txring, &pktio_rawip,    NULL};

const struct pktio_ops *pktio_find(const char *name)
{
	for (size_t i = 0; pktio_backends[i]; i++)
		if (strcmp(pktio_backends[i]->name, name) == 0)
			return pktio_backends[i];
	return NULL;
}

static int check_conf(const struct pktio_ops *ops, const struct pktio_conf *conf)
{
	if (conf->batch < 1 || conf->batch > PKTIO_BATCH_MAX || conf->port_lo > conf->port_hi)
		return -E_RANGE;
	if (!conf->v4 && !conf->v6)
		return -E_RANGE;
	if (conf->wants_arp && !(ops->caps & PKTIO_ARP))
		return -E_UNSUPPORTED;
	if ((conf->v4 && !(ops->caps & PKTIO_V4)) || (conf->v6 && !(ops->caps & PKTIO_V6)))
		return -E_UNSUPPORTED;
	return 0;
}

int pktio_open(const struct pktio_ops *ops, const struct pktio_conf *conf, struct pktio **ret)
{
	int err = check_conf(ops, conf);

	if (err)
		return err;
	struct pktio *io = mem_alloc(1, sizeof(*io));
	if (!io)
		return -ENOMEM;
	io->ops = ops;
	err = ops->open(io, conf);
	if (err) {
		mem_free(io);
		return err;
	}
	*ret = io;
	return 0;
}

void pktio_close(struct pktio *io)
{
	if (!io)
		return;
	io->ops->close(io);
	mem_free(io);
}
