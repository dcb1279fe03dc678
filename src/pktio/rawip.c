/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Back end without a link header: raw IP sockets, so loopback, tun and VPN devices work like any
 * other and the kernel finds the way and the next hop's MAC. Frames start with the IP header. Opens
 * in microseconds and closes as fast, which a packet socket does not: the choice for small scans.
 * The kernel writes the IPv4 total length and checksum itself, and the ID when it is zero (raw(7)).
 */
#include "base/mem.h"
#include "pktio/rawrx.h"
#include "pktio/txbatch.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

enum v6_source { SOURCE_UNSET, SOURCE_BOUND, SOURCE_ANY };

struct rawip {
	struct txbatch batch;
	struct txqueue v4, v6;
	enum v6_source v6_source;
	struct in6_addr v6_bound; /* valid while SOURCE_BOUND */
	struct rawrx rx;
	struct pktio_stats st;
};

static int open_queue(struct txqueue *q, int domain, const struct rawip *r, uint32_t if_idx)
{
	int fd = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int one = 1;

	if (fd < 0)
		return -errno;
	int err = txqueue_init(q, fd, &r->batch);
	if (err)
		return err;
	if (domain == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one)) < 0)
		return -errno;
	if (if_idx && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &if_idx, sizeof(if_idx)) < 0)
		return -errno;
	return 0;
}

static void rawip_close(struct pktio *io)
{
	struct rawip *r = io->state;

	if (!r)
		return;
	txqueue_fini(&r->v4);
	txqueue_fini(&r->v6);
	rawrx_close(&r->rx);
	txbatch_fini(&r->batch);
	mem_free(r);
	io->state = NULL;
}

static int rawip_open(struct pktio *io, const struct pktio_conf *conf)
{
	struct rawip *r = mem_alloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->v4.fd = r->v6.fd = -1;
	io->state = r;
	int err = conf->is_tx_only ? 0 : rawrx_open(&r->rx, conf);
	if (!err)
		err = txbatch_init(&r->batch, conf, LINK_NONE);
	if (!err && conf->v4)
		err = open_queue(&r->v4, AF_INET, r, conf->if_idx);
	if (!err && conf->v6)
		err = open_queue(&r->v6, AF_INET6, r, conf->if_idx);
	if (err)
		rawip_close(io);
	return err;
}

static uint32_t rawip_tx_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct rawip *r = io->state;

	return txbatch_reserve(&r->batch, f, n);
}

static void add_v4(struct rawip *r, const struct frame *f, union tx_name *to)
{
	to->v4 = (struct sockaddr_in){.sin_family = AF_INET};
	memcpy(&to->v4.sin_addr, f->bytes + offsetof(struct iphdr, daddr), 4);
	txqueue_add(&r->v4, &r->batch, f, sizeof(to->v4));
}

/*
 * An unbound socket makes the kernel select a source address per packet, only to route by it: 4.8
 * us a packet against 3.5 bound (2026-11, 2-core EPYC guest, veth). So the socket is bound to the
 * source of the frames for as long as they all have the same; link-local ones would tie it to an
 * interface.
 */
static void follow_source(struct rawip *r, const struct in6_addr *src)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = *src};

	if (r->v6_source == SOURCE_ANY)
		return;
	if (r->v6_source == SOURCE_BOUND && memcmp(&r->v6_bound, src, sizeof(*src)) == 0)
		return;
	if (r->v6_source == SOURCE_UNSET && !IN6_IS_ADDR_LINKLOCAL(src) &&
	    bind(r->v6.fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
		r->v6_source = SOURCE_BOUND;
		r->v6_bound = *src;
		return;
	}
	at.sin6_addr = in6addr_any;
	(void)bind(r->v6.fd, (struct sockaddr *)&at, sizeof(at));
	r->v6_source = SOURCE_ANY;
}

static void add_v6(struct rawip *r, const struct frame *f, union tx_name *to)
{
	struct in6_addr src;

	memcpy(&src, f->bytes + offsetof(struct ip6_hdr, ip6_src), sizeof(src));
	follow_source(r, &src);
	to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
	memcpy(&to->v6.sin6_addr, f->bytes + offsetof(struct ip6_hdr, ip6_dst), 16);
	if (IN6_IS_ADDR_LINKLOCAL(&to->v6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&to->v6.sin6_addr))
		to->v6.sin6_scope_id = f->if_idx;
	txqueue_add(&r->v6, &r->batch, f, sizeof(to->v6));
}

static void rawip_tx_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct rawip *r = io->state;

	for (uint32_t i = 0; i < n; i++) {
		union tx_name *to = txbatch_take(&r->batch, &f[i]);

		if (!to)
			continue;
		uint8_t version = f[i].bytes[0] >> 4;
		if (version == 4 && f[i].len >= sizeof(struct iphdr) && r->v4.fd >= 0)
			add_v4(r, &f[i], to);
		else if (version == 6 && f[i].len >= sizeof(struct ip6_hdr) && r->v6.fd >= 0)
			add_v6(r, &f[i], to);
		else
			r->st.n_tx_errors++;
	}
}

static int rawip_tx_kick(struct pktio *io)
{
	struct rawip *r = io->state;
	int n4 = r->v4.n ? txqueue_send(&r->v4, &r->st) : 0;
	int n6 = r->v6.n ? txqueue_send(&r->v6, &r->st) : 0;

	txbatch_reset(&r->batch);
	if (n4 > 0 || n6 > 0)
		return MAX(n4, 0) + MAX(n6, 0);
	return n4 ? n4 : n6;
}

static int rawip_rx_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct rawip *r = io->state;

	return rawrx_acquire(&r->rx, f, n, wait_us);
}

static void rawip_rx_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct rawip *r = io->state;

	rawrx_release(&r->rx, f, n);
}

static void rawip_stats(struct pktio *io, struct pktio_stats *ret)
{
	struct rawip *r = io->state;

	*ret = r->st;
	rawrx_stats(&r->rx, ret);
}

const struct pktio_ops pktio_rawip = {
	.name = "rawip",
	.help = "raw IP sockets: every kind of interface, cheapest to open",
	.caps = PKTIO_V4 | PKTIO_V6,
	.open = rawip_open,
	.tx_reserve = rawip_tx_reserve,
	.tx_commit = rawip_tx_commit,
	.tx_kick = rawip_tx_kick,
	.rx_acquire = rawip_rx_acquire,
	.rx_release = rawip_rx_release,
	.stats = rawip_stats,
	.close = rawip_close,
};
