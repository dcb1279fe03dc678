/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pcapng file, read back block by block by the rules of the draft, for tests. */
#pragma once

#include "base/cursor.h"

#include <stdlib.h>

struct block {
	uint32_t type, len;
	const uint8_t *body; /* behind type and length */
	uint32_t body_len;   /* without the trailing length */
};

static inline uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint16_t le16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/** The next whole block; false at the end. Aborts on one that contradicts itself. */
static inline bool next_block(struct cursor *c, struct block *ret)
{
	if (cursor_left(c) < 12)
		return false;
	const uint8_t *p = c->p + c->pos;
	ret->type = le32(p);
	ret->len = le32(p + 4);
	if (ret->len % 4 || ret->len < 12 || ret->len > cursor_left(c) ||
	    le32(p + ret->len - 4) != ret->len)
		abort();
	ret->body = p + 8;
	ret->body_len = ret->len - 12;
	cursor_skip(c, ret->len);
	return true;
}

/** Value of an option behind @p fixed bytes of the body, or NULL. */
static inline const uint8_t *block_option(const struct block *b, uint32_t fixed, uint16_t code,
					  uint16_t *ret_len)
{
	for (uint32_t at = fixed; at + 4 <= b->body_len;) {
		uint16_t c = le16(b->body + at), len = le16(b->body + at + 2);
		if (c == 0)
			return NULL;
		if (c == code) {
			*ret_len = len;
			return b->body + at + 4;
		}
		at += 4u + ((len + 3u) & ~3u);
	}
	return NULL;
}
