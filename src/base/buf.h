/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growable bytes with a ceiling fixed at init. The first error sticks. Thread: owner. */
#pragma once

#include "base/cursor.h"

#include <stdarg.h>

/** Invariant: len <= cap <= max; bytes is NULL only while cap is 0. */
struct buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	size_t max;
	int error; /* 0, or the first -code: -ENOMEM or -E_FULL */
};

/** No allocation until the first put. @param max ceiling in bytes. */
void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/** Forget content and error, keep memory. */
void buf_reset(struct buf *b);
/** Make room for @p n more bytes and return the place (not counted in len until buf_advance); NULL
 * on error. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_advance(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *src, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
/** Decimal, much cheaper than buf_printf. */
void buf_put_u64(struct buf *b, uint64_t v);
/** The same where there is room: 20 bytes at @p to. @return behind the last digit. */
uint8_t *buf_format_u64(uint8_t *to, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/** NUL-terminate without counting the NUL; @return the text ("" on error), borrowed until the next
 * call. */
const char *buf_text(struct buf *b);
