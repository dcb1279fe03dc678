/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded reader and writer over bytes. The first error sticks: after it every read
 * returns 0 and every write does nothing, so a parser checks once, at the end.
 * Source of the idea: knot's wire_ctx.
 */
#pragma once

#include "base/compiler.h"

#include <string.h>

/** A borrowed view of bytes. */
struct bytes {
	const uint8_t *p;
	size_t len;
};

/** Invariant: pos <= len; once failed is set pos never moves again. */
struct cursor {
	const uint8_t *p;
	size_t pos;
	size_t len;
	bool failed;
};

static inline struct cursor cursor_of(const void *p, size_t len)
{
	return (struct cursor){.p = p, .len = len};
}

/** @return the value of a hexadecimal digit, or -1. */
static inline int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->len - c->pos;
}

/** Borrow @p n bytes and move past them; NULL (and failed) when fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	if (c->failed || n > c->len - c->pos) {
		c->failed = true;
		return NULL;
	}
	c->pos += n;
	return c->p + c->pos - n;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 1);
	return b ? b[0] : 0;
}

/** Big-endian getters: the result is in host order. */
static inline uint16_t cursor_u16(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 2);

	if (!b)
		return 0;
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 4);
	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

/** Writer with the same rules: writes past cap set failed and change nothing. */
struct wcursor {
	uint8_t *p;
	size_t pos;
	size_t cap;
	bool failed;
};

static inline struct wcursor wcursor_of(void *p, size_t cap)
{
	return (struct wcursor){.p = p, .cap = cap};
}

static inline uint8_t *wcursor_make(struct wcursor *w, size_t n)
{
	if (w->failed || n > w->cap - w->pos) {
		w->failed = true;
		return NULL;
	}
	w->pos += n;
	return w->p + w->pos - n;
}

static inline void wcursor_u8(struct wcursor *w, uint8_t v)
{
	uint8_t *b = wcursor_make(w, 1);
	if (b)
		b[0] = v;
}

static inline void wcursor_u16(struct wcursor *w, uint16_t v)
{
	uint8_t *b = wcursor_make(w, 2);
	if (b) {
		b[0] = (uint8_t)(v >> 8);
		b[1] = (uint8_t)v;
	}
}

static inline void wcursor_u32(struct wcursor *w, uint32_t v)
{
	uint8_t *b = wcursor_make(w, 4);
	if (b) {
		b[0] = (uint8_t)(v >> 24);
		b[1] = (uint8_t)(v >> 16);
		b[2] = (uint8_t)(v >> 8);
		b[3] = (uint8_t)v;
	}
}

static inline void wcursor_put(struct wcursor *w, const void *src, size_t n)
{
	uint8_t *b = wcursor_make(w, n);
	if (b && n)
		memcpy(b, src, n);
}

/** Unaligned big-endian access to fields at a known offset. */
static inline uint16_t get_be16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t get_be32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

static inline void put_be16(void *p, uint16_t v)
{
	uint16_t x = __builtin_bswap16(v);
	memcpy(p, &x, 2);
}

static inline void put_be32(void *p, uint32_t v)
{
	uint32_t x = __builtin_bswap32(v);
	memcpy(p, &x, 4);
}
