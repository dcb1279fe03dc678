/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records from the kernel: a BPF ring buffer read in place. Producer position, header and length
 * are the kernel's; frames are lent as pointers into the ring, and the consumer's position moves
 * when all of them are back. Sources: Documentation/bpf/ringbuf.rst, include/uapi/linux/bpf.h.
 */
#include "pktio/xdp_int.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define FLAG_BITS (BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)

int xdp_ring_open(struct xdp_ring *r, uint32_t size_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*r = (struct xdp_ring){.fd = -1, .size_bytes = size_bytes};
	r->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "records", 0, 0, size_bytes, NULL);
	if (r->fd < 0)
		return r->fd;
	void *own = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	void *theirs = mmap(NULL, page + 2 * (size_t)size_bytes, PROT_READ, MAP_SHARED, r->fd,
			    (off_t)page);
	r->consumer = own == MAP_FAILED ? NULL : own;
	r->producer = theirs == MAP_FAILED ? NULL : theirs;
	if (!r->consumer || !r->producer) {
		xdp_ring_close(r);
		return -ENOMEM;
	}
	r->records = (const uint8_t *)theirs + page;
	return 0;
}

void xdp_ring_close(struct xdp_ring *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (r->consumer)
		munmap(r->consumer, page);
	if (r->producer)
		munmap((void *)(uintptr_t)r->producer, page + 2 * (size_t)r->size_bytes);
	if (r->fd >= 0)
		close(r->fd);
	*r = (struct xdp_ring){.fd = -1};
}

static void let_go(struct xdp_ring *r)
{
	if (!r->n_lent)
		__atomic_store_n(r->consumer, r->taken, __ATOMIC_RELEASE);
}

/** @return the next record that is whole, NULL when there is none. @p ret_room bytes it may have.
 */
static const struct xdp_record *next_record(struct xdp_ring *r, uint32_t *ret_room)
{
	while (r->taken < __atomic_load_n(r->producer, __ATOMIC_ACQUIRE)) {
		const uint8_t *at = r->records + (r->taken & (r->size_bytes - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)(const void *)at,
						__ATOMIC_ACQUIRE),
			 len = head & ~(uint32_t)FLAG_BITS;

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		r->taken += (len + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		if (head & BPF_RINGBUF_DISCARD_BIT || len < sizeof(struct xdp_record))
			continue;
		*ret_room = len - (uint32_t)sizeof(struct xdp_record);
		return (const void *)(at + BPF_RINGBUF_HDR_SZ);
	}
	return NULL;
}

uint32_t xdp_ring_take(struct xdp_ring *r, struct frame *f, uint32_t n)
{
	const struct xdp_record *rec;
	uint32_t i = 0, room;

	while (i < n && (rec = next_record(r, &room))) {
		f[i++] = (struct frame){.bytes = (uint8_t *)(uintptr_t)rec->bytes,
					.len = MIN(rec->len, room),
					.cap = room,
					.if_idx = rec->if_idx,
					.link = LINK_ETHERNET,
					.time_ns = rec->time_ns};
	}
	r->n_lent += i;
	let_go(r);
	return i;
}

void xdp_ring_give(struct xdp_ring *r, uint32_t n)
{
	assert(n <= r->n_lent);
	r->n_lent -= n;
	let_go(r);
}
