/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that ends at an unreadable page: one byte too far is a crash, without a sanitizer. */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/** @return a copy of @p len bytes that ends exactly at a guard page; release with guard_free(p,
 * len). */
static inline uint8_t *guard_copy(const void *src, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE),
	       body = (len + page - 1) / page * page + (len == 0) * page;
	uint8_t *m =
		mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(m != MAP_FAILED);
	assert(mprotect(m + body, page, PROT_NONE) == 0);
	if (len)
		memcpy(m + body - len, src, len);
	return m + body - len;
}

static inline void guard_free(uint8_t *p, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE),
	       body = (len + page - 1) / page * page + (len == 0) * page;
	munmap(p + len - body, body + page);
}
