/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step of BER (X.690 8.1) for short answers: definite lengths, one-byte tags. */
#pragma once

#include "base/cursor.h"

/** @return the tag and its content; 0: input ends inside; -1: not what this reads. */
static inline int ber_next(struct cursor *c, struct bytes *ret)
{
	uint32_t tag = cursor_u8(c), first = cursor_u8(c);
	size_t len = first & 0x7f;

	if (c->failed)
		return 0;
	if (!tag || (tag & 0x1f) == 0x1f || first == 0x80 || first > 0x83)
		return -1;
	if (first & 0x80) {
		for (len = 0, first &= 0x7f; first; first--)
			len = len << 8 | cursor_u8(c);
	}
	ret->len = len;
	ret->p = cursor_take(c, len);
	return c->failed ? 0 : (int)tag;
}

/** The next value must have @p tag. */
static inline bool ber_want(struct cursor *c, int tag, struct bytes *ret)
{
	return ber_next(c, ret) == tag;
}

static inline struct cursor ber_into(struct bytes b)
{
	return cursor_of(b.p, b.len);
}

/** An unsigned number of at most four bytes; UINT32_MAX when it is not one. */
static inline uint32_t ber_number(struct bytes b)
{
	uint32_t v = 0;

	if (!b.len || b.len > 5 || (b.len == 5 && b.p[0]))
		return UINT32_MAX;
	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.p[i];
	return v;
}
