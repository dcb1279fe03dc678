/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only place that calls malloc. Overflow-checked arrays and an arena; every heap
 * block of prtip comes from here, so one counter proves that the hot path allocates nothing.
 */
#pragma once

#include "base/compiler.h"

#define MEM_LINE_BYTES 64

/**
 * @return @p n zeroed elements of @p size bytes, owned; NULL on overflow, n*size==0 or no memory.
 * Aligned to 16; to a cache line when @p size is whole lines, as for every type with an ALIGNED(64)
 * member.
 */
void *mem_alloc(size_t n, size_t size) MUST_CHECK;
/** As mem_alloc, of records of whole cache lines, but not zeroed: pages are touched when used. */
void *mem_alloc_plain(size_t n, size_t size) MUST_CHECK;
/** Grow or shrink to @p n elements (new part not zeroed); NULL leaves @p p valid. Takes @p p on
 * success. Aligned to 16. */
void *mem_resize(void *p, size_t n, size_t size) MUST_CHECK;
/** Copy of a NUL-terminated string, owned; NULL when @p s is NULL or no memory. */
char *mem_strdup(const char *s) MUST_CHECK;
/** Accepts NULL. */
void mem_free(void *p);
/** CLEANUP() helper for locals: frees *(void **)@p pp. */
void mem_freep(void *pp);
/** Number of allocations (alloc, resize, strdup) since start. Thread: any (relaxed). */
uint64_t mem_n_allocs(void);

/** Bump allocator: many small pieces, freed together. Bytes are zeroed. Thread: owner. */
struct arena {
	struct arena_block *head;
	size_t block_cap;
	size_t total_bytes; /* handed to blocks so far */
	size_t max_bytes;   /* ceiling; alloc fails beyond it */
};

/** @param block_cap bytes per block (0: 16 KiB). @param max_bytes ceiling over all blocks (0:
 * none). */
void arena_init(struct arena *a, size_t block_cap, size_t max_bytes);
/** @return @p n zeroed bytes aligned to 16, valid until arena_fini; NULL at the ceiling or without
 * memory. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
char *arena_strdup(struct arena *a, const char *s, size_t len) MUST_CHECK;
void arena_fini(struct arena *a);
