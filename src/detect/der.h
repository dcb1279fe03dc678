/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One step of DER: tag, definite length, body (X.690 8.1). A length is a claim until it is checked
 * against what is there. Tags above 30 and indefinite lengths are refused: certificates have none.
 */
#pragma once

#include "base/cursor.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80, /* | number; | DER_IS_MADE when constructed */
	DER_IS_MADE = 0x20,
};

/** Views into the input: @p whole with tag and length, @p body without. */
struct der {
	uint8_t tag;
	struct bytes body, whole;
};

/** Take one element off the front of @p left. @return false at the end and on malformed bytes;
 * @p left tells which: it is empty only at the end. */
static inline bool der_next(struct bytes *left, struct der *ret)
{
	const uint8_t *p = left->p;
	size_t head = 2, len;

	if (left->len < 2 || (p[0] & 0x1f) == 0x1f)
		return false;
	len = p[1];
	if (len & 0x80) {
		size_t n = len & 0x7f;

		if (n == 0 || n > 4 || left->len < 2 + n)
			return false;
		len = 0;
		for (size_t i = 0; i < n; i++)
			len = len << 8 | p[2 + i];
		head += n;
	}
	if (len > left->len - head)
		return false;
	ret->tag = p[0];
	ret->body = (struct bytes){p + head, len};
	ret->whole = (struct bytes){p, head + len};
	left->p += head + len;
	left->len -= head + len;
	return true;
}

/** The next element's body when it has the tag; else nothing is taken. */
static inline bool der_take(struct bytes *left, uint8_t tag, struct bytes *ret_body)
{
	struct der d;

	if (!left->len || left->p[0] != tag || !der_next(left, &d))
		return false;
	*ret_body = d.body;
	return true;
}

/** As der_take for BIT STRINGs of whole bytes: the unused bits must be 0. */
static inline bool der_take_bits(struct bytes *left, struct bytes *ret)
{
	struct bytes b;

	if (!der_take(left, DER_BIT_STRING, &b) || !b.len || b.p[0] != 0)
		return false;
	*ret = (struct bytes){b.p + 1, b.len - 1};
	return true;
}

/** A non-negative INTEGER of at most 63 bits. */
static inline bool der_take_number(struct bytes *left, uint8_t tag, uint64_t *ret)
{
	struct bytes b;

	if (!der_take(left, tag, &b) || !b.len || b.len > 8 || b.p[0] & 0x80)
		return false;
	*ret = 0;
	for (size_t i = 0; i < b.len; i++)
		*ret = *ret << 8 | b.p[i];
	return true;
}

static inline bool der_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}
