/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Of all grams (four bytes in lower case) in the texts that a pattern demands one that few patterns
 * show is its key; patterns without a gram are candidates always, held back only by the bytes they
 * demand at the start and by how long an answer is. One pass over the answer collects the
 * candidates.
 */
#include "detect/lineindex.h"

#include "base/mem.h"
#include "detect/literal.h"

#include <errno.h>
#include <string.h>

enum {
	GRAM = LITERAL_GRAM,
	BLOOM_BITS = LITERAL_BLOOM_BITS,
	HEAD = LINEINDEX_PAD, /* bytes of a pattern's start in the index */
	SAMPLE_STEP = 16
};

/** One pattern's part of the index. */
struct line {
	uint64_t head, mask; /* the first bytes, where they are known */
	uint32_t gram;
	uint32_t next;             /* line with the same slot, plus one; 0: none */
	uint32_t min_len, max_len; /* of an answer */
};

struct lineindex {
	const struct svc_probe *probe;
	struct literal_census *census; /* NULL: the index is whole */
	uint32_t n_done;               /* lines */
	struct line *lines;
	uint32_t *slots; /* gram hash -> first line, plus one; 0: none */
	uint32_t n_slots;
	uint64_t *always;     /* bit per line: no gram */
	uint64_t *candidates; /* of the answer being matched, as long as they are not given out */
	uint32_t n_words, word;
	const uint8_t *low; /* the answer */
	size_t len;
	uint64_t bloom[BLOOM_BITS / 64];
};

/** A sample of the patterns: the first that are indexed shall know which grams are common. */
static void take_census(struct lineindex *x)
{
	struct literals l;
	uint32_t gram;

	for (uint32_t i = 0; i < x->probe->n_matches; i += SAMPLE_STEP)
		(void)literals_key(x->probe->matches[i].pattern, x->census, &l, &gram);
}

static void add_line(struct lineindex *x, uint32_t i)
{
	struct line *line = &x->lines[i];
	struct literals l;
	uint32_t gram;
	bool has_gram = literals_key(x->probe->matches[i].pattern, x->census, &l, &gram);

	memcpy(&line->head, l.head, HEAD);
	memcpy(&line->mask, l.mask, HEAD);
	line->min_len = l.min_len;
	line->max_len = l.max_len;
	if (!has_gram) {
		x->always[i / 64] |= 1ull << i % 64;
		return;
	}
	uint32_t hash = literal_gram_hash(gram), *slot = &x->slots[hash & (x->n_slots - 1)];
	line->gram = gram;
	line->next = *slot;
	*slot = i + 1;
	uint32_t bit = hash >> 17;
	x->bloom[bit / 64] |= 1ull << bit % 64;
}

bool lineindex_add(struct lineindex *x, uint32_t n_lines)
{
	uint32_t end = x->n_done + MIN(n_lines, x->probe->n_matches - x->n_done);

	if (!x->census)
		return true;
	if (!x->n_done)
		take_census(x);
	for (; x->n_done < end; x->n_done++)
		add_line(x, x->n_done);
	if (x->n_done < x->probe->n_matches)
		return false;
	mem_free(x->census);
	x->census = NULL;
	return true;
}

bool lineindex_is_whole(const struct lineindex *x)
{
	return !x->census;
}

void lineindex_free(struct lineindex *x)
{
	if (!x)
		return;
	mem_free(x->census);
	mem_free(x->lines);
	mem_free(x->slots);
	mem_free(x->always);
	mem_free(x->candidates);
	mem_free(x);
}

int lineindex_new(const struct svc_probe *p, struct lineindex **ret)
{
	struct lineindex *x = mem_alloc(1, sizeof(*x));
	uint32_t n = MAX(p->n_matches, 1u);

	if (!x)
		return -ENOMEM;
	x->probe = p;
	x->n_words = (n + 63) / 64;
	for (x->n_slots = 64; x->n_slots < n; x->n_slots *= 2)
		;
	x->census = mem_alloc(1, sizeof(*x->census));
	x->lines = mem_alloc(n, sizeof(*x->lines));
	x->slots = mem_alloc(x->n_slots, sizeof(*x->slots));
	x->always = mem_alloc(x->n_words, sizeof(*x->always));
	x->candidates = mem_alloc(x->n_words, sizeof(*x->candidates));
	if (!x->census || !x->lines || !x->slots || !x->always || !x->candidates) {
		lineindex_free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

void lineindex_find(struct lineindex *x, const uint8_t *low, size_t len)
{
	x->low = low;
	x->len = len;
	x->word = 0;
	memcpy(x->candidates, x->always, x->n_words * sizeof(*x->always));
	for (size_t i = 0; i + GRAM <= len; i++) {
		uint32_t gram = literal_gram(low + i), hash = literal_gram_hash(gram),
			 bit = hash >> 17;
		if (!(x->bloom[bit / 64] >> bit % 64 & 1))
			continue;
		for (uint32_t k = x->slots[hash & (x->n_slots - 1)]; k; k = x->lines[k - 1].next)
			if (x->lines[k - 1].gram == gram)
				x->candidates[(k - 1) / 64] |= 1ull << (k - 1) % 64;
	}
}

/** Do length and first bytes of the answer meet the demand? */
static bool line_fits(const struct lineindex *x, const struct line *line)
{
	uint64_t head;

	memcpy(&head, x->low, sizeof(head));
	return !((head & line->mask) ^ line->head) && x->len >= line->min_len &&
	       x->len <= line->max_len;
}

int lineindex_next(struct lineindex *x)
{
	for (; x->word < x->n_words; x->word++) {
		uint64_t *bits = &x->candidates[x->word];
		while (*bits) {
			uint32_t i = x->word * 64 + (uint32_t)__builtin_ctzll(*bits);
			*bits &= *bits - 1;
			if (line_fits(x, &x->lines[i]))
				return (int)i;
		}
	}
	return -1;
}
