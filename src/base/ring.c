/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded ring between one producer and one consumer thread: events on their way to the bus,
 * commands on their way back. Indices run free over 32 bits and are masked on use; each side keeps
 * a copy of the other's index and reads the shared one only when the copy says full or empty, so
 * in steady flow a record costs no cache miss for the indices.
 */
#include "base/ring.h"

#include "base/mem.h"

#include <errno.h>

#define RING_MAX_RECORDS (1u << 31)

int ring_init(struct ring *r, uint32_t rec_len, uint32_t n_records)
{
	uint32_t cap = 1;

	*r = (struct ring){.rec_len = rec_len};
	if (n_records > RING_MAX_RECORDS)
		return -ENOMEM;
	while (cap < n_records)
		cap <<= 1;
	r->slots =
		rec_len % MEM_LINE_BYTES ? mem_alloc(cap, rec_len) : mem_alloc_plain(cap, rec_len);
	if (!r->slots)
		return -ENOMEM;
	r->mask = cap - 1;
	return 0;
}

void ring_fini(struct ring *r)
{
	mem_free(r->slots);
	r->slots = NULL;
}

static uint8_t *slot(const struct ring *r, uint32_t idx)
{
	return r->slots + (size_t)(idx & r->mask) * r->rec_len;
}

void *ring_reserve(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (unlikely(head - r->tail_seen > r->mask)) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head - r->tail_seen > r->mask)
			return NULL;
	}
	return slot(r, head);
}

void ring_commit(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

void *ring_peek(struct ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == r->head_seen) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		if (tail == r->head_seen)
			return NULL;
	}
	return slot(r, tail);
}

const void *ring_peek_after(const struct ring *r, uint32_t n)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	return r->head_seen - tail > n ? slot(r, tail + n) : NULL;
}

void ring_pop(struct ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}

uint32_t ring_n_used(struct ring *r)
{
	/* The tail first: read the other way round the difference could pass below zero. */
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	return atomic_load_explicit(&r->head, memory_order_acquire) - tail;
}
