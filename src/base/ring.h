/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded single-producer single-consumer ring of fixed-size records, C11 atomics,
 * no locks, no allocation after init. The writer fills in place (reserve/commit), the
 * reader reads in place (peek/pop). Producer and consumer indices live on separate lines.
 */
#pragma once

#include "base/compiler.h"

#include <stdatomic.h>

struct ring {
	uint8_t *slots;
	uint32_t mask;
	uint32_t rec_len;                  /* bytes per record */
	ALIGNED(64) _Atomic uint32_t head; /* next to write; producer */
	uint32_t tail_seen;                /* producer's copy of tail */
	ALIGNED(64) _Atomic uint32_t tail; /* next to read; consumer */
	uint32_t head_seen;                /* consumer's copy of head */
};

/** @param n_records rounded up to a power of two. @return 0 or -ENOMEM. */
int ring_init(struct ring *r, uint32_t rec_len, uint32_t n_records) MUST_CHECK;
void ring_fini(struct ring *r);
/** Producer: place for one record, or NULL when full. Repeated reserve without commit returns the
 * same place. */
void *ring_reserve(struct ring *r);
void ring_commit(struct ring *r);
/** Consumer: oldest record, its own until ring_pop, or NULL when empty. */
void *ring_peek(struct ring *r);
/** Consumer: the record @p n after the oldest, if it was there when ring_peek looked last. */
const void *ring_peek_after(const struct ring *r, uint32_t n);
void ring_pop(struct ring *r);
/** Records waiting; exact only for the consumer. */
uint32_t ring_n_used(struct ring *r);
