/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded into the program under test: counts calls of malloc, calloc, realloc and aligned_alloc
 * and the peak of live heap bytes (glibc's usable sizes), and writes "calls peak_bytes
 * largest_block_bytes" to the file that ALLOC_COUNT_FILE names when the process ends.
 */
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic uint64_t n_calls, live_bytes, peak_bytes, largest_bytes;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

static void raise_to(_Atomic uint64_t *most, uint64_t v)
{
	uint64_t have = atomic_load(most);

	while (v > have && !atomic_compare_exchange_weak(most, &have, v))
		;
}

static void *count(void *p)
{
	uint64_t n = malloc_usable_size(p);

	atomic_fetch_add(&n_calls, 1);
	raise_to(&peak_bytes, atomic_fetch_add(&live_bytes, n) + n);
	raise_to(&largest_bytes, n);
	return p;
}

void *malloc(size_t n)
{
	return count(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
	return count(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
	size_t old = malloc_usable_size(p);
	void *q = __libc_realloc(p, n);

	if (q || !n)
		atomic_fetch_sub(&live_bytes, old);
	return q ? count(q) : q;
}

void *aligned_alloc(size_t align, size_t n)
{
	return count(__libc_memalign(align, n));
}

void free(void *p)
{
	atomic_fetch_sub(&live_bytes, malloc_usable_size(p));
	__libc_free(p);
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("ALLOC_COUNT_FILE");
	FILE *f = path ? fopen(path, "w") : NULL;
	unsigned long long calls = atomic_load(&n_calls), peak = atomic_load(&peak_bytes);

	if (!f)
		return;
	fprintf(f, "%llu %llu %llu\n", calls, peak,
		(unsigned long long)atomic_load(&largest_bytes));
	fclose(f);
}
