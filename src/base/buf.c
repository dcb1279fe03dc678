/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Growable bytes with a ceiling: what outputs and readers collect text in.
 * The block is always one byte longer than cap, so buf_text() never needs room; after the first
 * failure nothing is written any more and the caller checks error once, at the end.
 */
#include "base/buf.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUF_FIRST_BYTES ((size_t)256)

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = MIN(max, SIZE_MAX - 1)};
}

void buf_fini(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
}

static bool grow(struct buf *b, size_t n)
{
	size_t cap;
	uint8_t *p;

	if (n > b->max - b->len) {
		b->error = -E_FULL;
		return false;
	}
	cap = b->cap > b->max / 2 ? b->max : MAX(b->cap * 2, BUF_FIRST_BYTES);
	cap = MIN(MAX(cap, b->len + n), b->max);
	p = mem_resize(b->p, cap + 1, 1);
	if (!p) {
		b->error = -ENOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (unlikely(b->error))
		return NULL;
	if (unlikely(!b->p || n > b->cap - b->len) && !grow(b, n))
		return NULL;
	return b->p + b->len;
}

void buf_advance(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->len);
	b->len += n;
}

void buf_put(struct buf *b, const void *src, size_t n)
{
	uint8_t *p = n ? buf_reserve(b, n) : NULL;

	if (p) {
		memcpy(p, src, n);
		b->len += n;
	}
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static uint32_t n_digits(uint64_t v)
{
	uint32_t n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

/** From the last one on, two by two: a division each. */
uint8_t *buf_format_u64(uint8_t *to, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930"
				    "31323334353637383940414243444546474849505152535455565758596061"
				    "62636465666768697071727374757677787980818283848586878889909192"
				    "93949596979899";
	uint8_t *end = to + n_digits(v), *at = end;

	for (; v >= 100; v /= 100)
		memcpy(at -= 2, pairs + v % 100 * 2, 2);
	if (v < 10)
		*--at = (uint8_t)('0' + v);
	else
		memcpy(at - 2, pairs + v * 2, 2);
	return end;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
	uint8_t digits[20];

	buf_put(b, digits, (size_t)(buf_format_u64(digits, v) - digits));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	uint8_t *p = buf_reserve(b, 1);
	va_list again;
	int n;

	if (!p)
		return;
	va_copy(again, ap);
	n = vsnprintf((char *)p, b->cap - b->len + 1, fmt, ap);
	if (n < 0) {
		b->error = -E_SYNTAX;
	} else if ((size_t)n > b->cap - b->len) {
		p = buf_reserve(b, (size_t)n);
		n = p ? vsnprintf((char *)p, (size_t)n + 1, fmt, again) : 0;
	}
	va_end(again);
	if (n > 0)
		b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *buf_text(struct buf *b)
{
	if (b->error || !b->p)
		return "";
	b->p[b->len] = '\0';
	return (const char *)b->p;
}
