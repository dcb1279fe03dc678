/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The heap: checked arrays, copies of text, and an arena.
 * Every block prtip owns is taken here, so mem_n_allocs() standing still over a stretch of code
 * proves that the stretch allocates nothing.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t n_allocs;

static void count_one(void)
{
	atomic_fetch_add_explicit(&n_allocs, 1, memory_order_relaxed);
}

void *mem_alloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, size, &total) || !total)
		return NULL;
	count_one();
	/* Types with cache-line members have a size of whole lines; calloc aligns to 16 only. */
	if (size % MEM_LINE_BYTES)
		return calloc(n, size);
	p = aligned_alloc(MEM_LINE_BYTES, total);
	if (p)
		memset(p, 0, total);
	return p;
}

void *mem_alloc_plain(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total) || !total || size % MEM_LINE_BYTES)
		return NULL;
	count_one();
	return aligned_alloc(MEM_LINE_BYTES, total);
}

void *mem_resize(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total) || !total)
		return NULL;
	count_one();
	return realloc(p, total);
}

char *mem_strdup(const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;
	char *p = mem_alloc(n, 1);

	if (p)
		memcpy(p, s, n);
	return p;
}

void mem_free(void *p)
{
	free(p);
}

void mem_freep(void *pp)
{
	void *p;

	memcpy(&p, pp, sizeof(p));
	free(p);
}

uint64_t mem_n_allocs(void)
{
	return atomic_load_explicit(&n_allocs, memory_order_relaxed);
}

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t cap;
	ALIGNED(16) uint8_t bytes[];
};

#define ARENA_BLOCK_BYTES ((size_t)16 * 1024)

void arena_init(struct arena *a, size_t block_cap, size_t max_bytes)
{
	*a = (struct arena){
		.block_cap = block_cap ? block_cap : ARENA_BLOCK_BYTES,
		.max_bytes = max_bytes ? max_bytes : SIZE_MAX,
	};
}

/* A block for a large piece goes behind the head, so the head's free room is not lost. */
static struct arena_block *block_new(struct arena *a, size_t need)
{
	size_t room = a->max_bytes - a->total_bytes;
	size_t cap = MIN(MAX(a->block_cap, need), room);
	struct arena_block *b;

	if (need > room || cap > SIZE_MAX - sizeof(*b))
		return NULL;
	b = mem_alloc(sizeof(*b) + cap, 1);
	if (!b)
		return NULL;
	b->cap = cap;
	a->total_bytes += cap;
	if (a->head && need > a->block_cap) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		b->next = a->head;
		a->head = b;
	}
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	size_t need;
	void *p;

	if (n > SIZE_MAX - 15)
		return NULL;
	need = (MAX(n, 1) + 15) & ~(size_t)15;
	if (!b || need > b->cap - b->used)
		b = block_new(a, need);
	if (!b)
		return NULL;
	p = b->bytes + b->used;
	b->used += need;
	return p;
}

char *arena_strdup(struct arena *a, const char *s, size_t len)
{
	char *p = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;

	if (p && len)
		memcpy(p, s, len);
	return p;
}

void arena_fini(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->head; b; b = next) {
		next = b->next;
		mem_free(b);
	}
	a->head = NULL;
	a->total_bytes = 0;
}
