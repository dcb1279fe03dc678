/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AF_XDP for sending only: a user memory area in 2 KiB slots, a ring of descriptors towards the
 * kernel and a ring of finished slots back. Both rings hold as many entries as there are slots, so
 * neither can overflow. In copy mode the kernel builds a packet per descriptor inside sendto(2) and
 * hands it to the driver past the queueing discipline; up to 32 a call, more where the kernel lets
 * itself be told.
 */
#include "pktio/xsk.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/if_xdp.h>

#define SLOT_BYTES     2048u
#define SLOTS_MIN      64u
#define SLOTS_MAX      4096u
#define BUSY_SLEEP_NS  (2 * NS_PER_MS)
#define BUSY_TRIES_MAX 150
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17 */
#endif

static const uint16_t bind_flags[XSK_MODE_N] = {
	[XSK_COPY] = XDP_COPY | XDP_USE_NEED_WAKEUP,
	[XSK_ZERO_COPY] = XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP,
};

static int set_option(const struct xsk *x, int name, const void *value, socklen_t len)
{
	return setsockopt(x->fd, SOL_XDP, name, value, len) < 0 ? -errno : 0;
}

static int register_area(struct xsk *x)
{
	size_t bytes = (size_t)x->n_slots * SLOT_BYTES;
	void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return -errno;
	x->area = area;
	x->free_at = mem_alloc(x->n_slots, sizeof(*x->free_at));
	if (!x->free_at)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->n_slots; i++)
		x->free_at[x->n_free++] = i;
	struct xdp_umem_reg reg = {.addr = (uintptr_t)area, .len = bytes, .chunk_size = SLOT_BYTES};
	return set_option(x, XDP_UMEM_REG, &reg, sizeof(reg));
}

static int size_rings(struct xsk *x)
{
	uint32_t n = x->n_slots, n_fill = 2; /* must be there; nothing is received */
	int err = set_option(x, XDP_UMEM_FILL_RING, &n_fill, sizeof(n_fill));

	if (!err)
		err = set_option(x, XDP_UMEM_COMPLETION_RING, &n, sizeof(n));
	if (!err)
		err = set_option(x, XDP_TX_RING, &n, sizeof(n));
	return err;
}

static int map_ring(const struct xsk *x, off_t at, size_t bytes, void **ret)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd, at);

	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	return 0;
}

static int map_rings(struct xsk *x)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);

	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return -errno;
	if (len != sizeof(off))
		return -E_UNSUPPORTED; /* before Linux 5.4: no flags */
	x->tx_bytes = off.tx.desc + x->n_slots * sizeof(*x->tx);
	x->done_bytes = off.cr.desc + x->n_slots * sizeof(*x->done);
	int err = map_ring(x, XDP_PGOFF_TX_RING, x->tx_bytes, &x->tx_map);
	if (!err)
		err = map_ring(x, XDP_UMEM_PGOFF_COMPLETION_RING, x->done_bytes, &x->done_map);
	if (err)
		return err;
	uint8_t *tx = x->tx_map, *done = x->done_map;
	x->tx_head = (void *)(tx + off.tx.producer);
	x->tx_tail = (void *)(tx + off.tx.consumer);
	x->tx_flags = (void *)(tx + off.tx.flags);
	x->tx = (void *)(tx + off.tx.desc);
	x->done_head = (void *)(done + off.cr.producer);
	x->done_tail = (void *)(done + off.cr.consumer);
	x->done = (void *)(done + off.cr.desc);
	return 0;
}

/* The kernel frees a queue some time after its last user closed: a second scan in a row meets it.
 */
static int bind_queue(const struct xsk *x, const struct sockaddr_xdp *at, int n_tries)
{
	struct timespec ts = {.tv_nsec = BUSY_SLEEP_NS};
	int err = 0;

	for (int i = 0; i < n_tries; i++) {
		err = bind(x->fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? -errno : 0;
		if (err != -EBUSY)
			break;
		nanosleep(&ts, NULL);
	}
	return err;
}

int xsk_open(struct xsk *x, const struct xsk_conf *c)
{
	struct sockaddr_xdp at = {.sxdp_family = AF_XDP,
				  .sxdp_ifindex = c->if_idx,
				  .sxdp_queue_id = c->queue,
				  .sxdp_flags = bind_flags[c->mode]};

	*x = (struct xsk){.n_slots = SLOTS_MIN};
	while (x->n_slots < MIN(c->n_slots, SLOTS_MAX))
		x->n_slots *= 2;
	uint32_t budget = x->n_slots;
	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return -errno;
	int err = register_area(x);
	if (!err)
		err = size_rings(x);
	if (!err)
		err = map_rings(x);
	if (!err)
		err = bind_queue(x, &at, c->waits_for_queue ? BUSY_TRIES_MAX : 1);
	if (!err)
		(void)set_option(x, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	return err;
}

int xsk_close(struct xsk *x)
{
	int fd = x->fd;

	if (x->tx_map)
		munmap(x->tx_map, x->tx_bytes);
	if (x->done_map)
		munmap(x->done_map, x->done_bytes);
	if (x->area)
		munmap(x->area, (size_t)x->n_slots * SLOT_BYTES);
	mem_free(x->free_at);
	*x = (struct xsk){.fd = -1};
	return fd;
}

bool xsk_put(struct xsk *x, const struct iovec *frame)
{
	if (!x->n_free || frame->iov_len > SLOT_BYTES)
		return false;
	uint32_t slot = x->free_at[--x->n_free], head = *x->tx_head;
	uint64_t at = (uint64_t)slot * SLOT_BYTES;

	memcpy(x->area + at, frame->iov_base, frame->iov_len);
	x->tx[head & (x->n_slots - 1)] =
		(struct xdp_desc){.addr = at, .len = (uint32_t)frame->iov_len};
	__atomic_store_n(x->tx_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

uint32_t xsk_n_waiting(const struct xsk *x)
{
	return *x->tx_head - __atomic_load_n(x->tx_tail, __ATOMIC_ACQUIRE);
}

/**
 * The kernel stops at a frame that the driver drops. It states its tail only when it has sent
 * something, or has run out of the descriptors it looked at last: frames dropped before are not in
 * it then.
 */
static void note_refused(struct xsk *x, uint32_t was_tail, uint32_t tail)
{
	bool has_sent = tail - was_tail > x->n_unsaid;

	x->refused_at = has_sent ? tail - 1 : was_tail + x->n_unsaid;
	x->n_unsaid = x->refused_at + 1 - tail;
}

int xsk_wake(struct xsk *x)
{
	uint32_t was_tail = __atomic_load_n(x->tx_tail, __ATOMIC_ACQUIRE);
	int error = sendto(x->fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) < 0 ? errno : 0;
	uint32_t tail = __atomic_load_n(x->tx_tail, __ATOMIC_ACQUIRE);

	if (error == EBUSY)
		note_refused(x, was_tail, tail);
	else
		x->n_unsaid -= MIN(x->n_unsaid, tail - was_tail);
	return error;
}

bool xsk_put_again(struct xsk *x)
{
	const struct xdp_desc *d = &x->tx[x->refused_at & (x->n_slots - 1)];
	uint8_t bytes[SLOT_BYTES];
	struct iovec frame = {.iov_base = bytes, .iov_len = d->len};

	/* by way of a copy: its own slot may be the one that is free */
	memcpy(bytes, x->area + d->addr, d->len);
	return xsk_put(x, &frame);
}

void xsk_reap(struct xsk *x)
{
	uint32_t tail = *x->done_tail, head = __atomic_load_n(x->done_head, __ATOMIC_ACQUIRE);

	for (; tail != head && x->n_free < x->n_slots; tail++)
		x->free_at[x->n_free++] =
			(uint32_t)(x->done[tail & (x->n_slots - 1)] / SLOT_BYTES) &
			(x->n_slots - 1);
	__atomic_store_n(x->done_tail, tail, __ATOMIC_RELEASE);
}
