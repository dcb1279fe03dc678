/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a regular expression (PCRE2 syntax, bytes) cannot match without: texts that must appear
 * somewhere, and bytes that must stand at fixed places of the start. Conservative: whatever is not
 * understood gives no demand. Pure.
 */
#pragma once

#include "base/cursor.h"

#include <string.h>

#define LITERAL_RUNS_MAX  16
#define LITERAL_BYTES_MAX 512
#define LITERAL_HEAD      16
/** Bytes of runs that literals_of() is content with: most patterns are told apart by then. */
#define LITERAL_ENOUGH 64u

/** All letters are lower case: a demand is on the lower-cased subject. */
struct literals {
	uint8_t bytes[LITERAL_BYTES_MAX]; /* runs, one behind the other */
	uint16_t run_end[LITERAL_RUNS_MAX];
	uint32_t n_runs;
	/** Anchored at the start: subject[i] & mask[i] == head[i] for i < head_len, and the subject
	 * has that many bytes. */
	uint8_t head[LITERAL_HEAD], mask[LITERAL_HEAD];
	uint32_t head_len;
	/** Bytes of a match at least; of the subject at most, UINT32_MAX: any number. */
	uint32_t min_len, max_len;
};

/** ASCII letters become small, other bytes stay. */
static inline uint8_t literal_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}
/** Cost: about 1 ns a byte of the pattern. */
void literals_of(struct bytes pattern, struct literals *ret);
#define LITERAL_GRAM        4u
#define LITERAL_BLOOM_BITS  32768u
#define LITERAL_CENSUS_BITS 14
/** How many of the patterns read so far show a gram (four bytes in lower case), roughly. */
struct literal_census {
	uint8_t n[1 << LITERAL_CENSUS_BITS]; /* by hash */
};
/**
 * What literals_of() finds, and of the grams in it one that few patterns show; reading ends with
 * the first one that hardly any does.
 * @param c zeroed before the first pattern; the grams that are read are counted.
 * @return whether there is a gram: then it is in @p ret_gram.
 * Cost: about 0.1 us.
 */
bool literals_key(struct bytes pattern, struct literal_census *c, struct literals *ret,
		  uint32_t *ret_gram);
/** A text that patterns are held against, and a filter of the four-byte texts in it. */
struct literal_subject {
	const uint8_t *low; /* in lower case */
	size_t len;
	uint64_t bloom[LITERAL_BLOOM_BITS / 64];
};
/** Borrows @p low. Cost: 1 ns a byte. */
void literal_subject_init(struct literal_subject *s, const uint8_t *low, size_t len);
/**
 * Is it certain that the pattern does not match? Holds its demands against the subject one after
 * the other and ends with the first that is not met.
 * Cost: about 30 ns for most that do not match.
 */
bool literals_refute(struct bytes pattern, const struct literal_subject *s);
static inline uint32_t literal_gram(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint32_t literal_gram_hash(uint32_t gram)
{
	return gram * 2654435761u;
}
