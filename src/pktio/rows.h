/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing array of netlink objects with a ceiling. Thread: owner. */
#pragma once

#include "base/mem.h"

/** Invariant: n <= cap; set size and max before the first rows_add. */
struct rows {
	void *p;
	uint32_t n, cap, max;
	size_t size; /* bytes of one */
};

/**
 * @return the place of a new last row (not zeroed), valid until the next call; NULL at the ceiling
 * or without memory.
 */
static inline void *rows_add(struct rows *r)
{
	if (r->n == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 8;
		void *p = r->n < r->max ? mem_resize(r->p, cap, r->size) : NULL;

		if (!p)
			return NULL;
		r->p = p;
		r->cap = cap;
	}
	return (uint8_t *)r->p + r->size * r->n++;
}
