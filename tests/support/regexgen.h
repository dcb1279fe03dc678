/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Texts that a regular expression is likely to match, made from the expression: one random branch
 * of each group, a few repetitions, some byte of each class. Syntax beyond PCRE2's common part is
 * taken as it comes: a sample need not match, it must only be interesting.
 */
#pragma once

#include "base/cursor.h"
#include "base/hash.h"

#include <string.h>

struct regexgen {
	const uint8_t *p, *end;
	struct rng rng;
	uint8_t *out;
	size_t n, cap;
};

static inline void regexgen_put(struct regexgen *g, uint8_t c)
{
	if (g->n < g->cap)
		g->out[g->n++] = c;
}

static inline int regexgen_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** A byte for what stands behind a backslash; -1: stands for no byte. */
static inline int regexgen_escape(struct regexgen *g)
{
	static const char from[] = "rntfae", to[] = "\r\n\t\f\a\x1b";
	uint8_t c = g->p < g->end ? *g->p++ : '\\';
	const char *at = c ? strchr(from, c) : NULL;
	int v = 0;

	if (at)
		return (uint8_t)to[at - from];
	switch (c) {
	case 'x':
		for (int i = 0; i < 2 && g->p < g->end && regexgen_hex(*g->p) >= 0; i++)
			v = v << 4 | regexgen_hex(*g->p++);
		return v;
	case '0':
		for (int i = 0; i < 2 && g->p < g->end && *g->p >= '0' && *g->p <= '7'; i++)
			v = v << 3 | (*g->p++ - '0');
		return v;
	case 'd':
		return '0' + (int)rng_below(&g->rng, 10);
	case 'w':
	case 'D':
	case 'S':
		return 'a' + (int)rng_below(&g->rng, 26);
	case 's':
		return " \t\r\n"[rng_below(&g->rng, 4)];
	case 'W':
		return '-';
	case 'b':
	case 'B':
	case 'A':
	case 'Z':
	case 'z':
		return -1;
	default:
		return c;
	}
}

static inline void regexgen_class(struct regexgen *g)
{
	bool is_negated = g->p < g->end && *g->p == '^';
	uint8_t seen[256];
	uint32_t n = 0;

	g->p += is_negated;
	for (bool is_first = true; g->p < g->end && (*g->p != ']' || is_first); is_first = false) {
		int c = *g->p++;
		if (c == '\\')
			c = regexgen_escape(g);
		if (n < sizeof(seen) && c >= 0)
			seen[n++] = (uint8_t)c;
		if (g->end - g->p > 1 && *g->p == '-' && g->p[1] != ']')
			g->p++; /* both ends of a range are candidates enough */
	}
	g->p += g->p < g->end;
	if (is_negated || !n) {
		uint8_t c;
		do
			c = (uint8_t)(0x20 + rng_below(&g->rng, 95));
		while (n < 64 && memchr(seen, c, n));
		regexgen_put(g, c);
	} else {
		regexgen_put(g, seen[rng_below(&g->rng, n)]);
	}
}

static inline void regexgen_branches(struct regexgen *g, uint32_t depth);

/** One atom from g->p on; text is appended. */
static inline void regexgen_atom(struct regexgen *g, uint32_t depth)
{
	uint8_t c = *g->p++;
	int e;

	switch (c) {
	case '\\':
		if ((e = regexgen_escape(g)) >= 0)
			regexgen_put(g, (uint8_t)e);
		break;
	case '[':
		regexgen_class(g);
		break;
	case '(': {
		size_t n = g->n;
		bool is_look = g->end - g->p > 1 && g->p[0] == '?' && g->p[1] != ':';
		if (g->p < g->end && *g->p == '?')
			for (g->p++; g->p < g->end && strchr(":=!<imsx-", *g->p) && *g->p; g->p++)
				;
		regexgen_branches(g, depth + 1);
		g->p += g->p < g->end;
		if (is_look)
			g->n = n;
		break;
	}
	case '^':
	case '$':
		break;
	case '.':
		regexgen_put(g, (uint8_t)(0x20 + rng_below(&g->rng, 95)));
		break;
	default:
		regexgen_put(g, c);
	}
}

/** How often: from the quantifier at g->p, moved behind it. */
static inline uint32_t regexgen_count(struct regexgen *g)
{
	uint32_t n = 1, max;

	if (g->p >= g->end)
		return 1;
	if (*g->p == '*' || *g->p == '+' || *g->p == '?') {
		uint8_t c = *g->p++;
		n = c == '?' ? (uint32_t)rng_below(&g->rng, 2)
			     : (c == '+') + (uint32_t)rng_below(&g->rng, 6);
	} else if (*g->p == '{' && g->end - g->p > 1 && g->p[1] >= '0' && g->p[1] <= '9') {
		for (n = 0, g->p++; g->p < g->end && *g->p >= '0' && *g->p <= '9'; g->p++)
			n = MIN(n * 10 + (uint32_t)(*g->p - '0'), 300u);
		max = n;
		if (g->p < g->end && *g->p == ',')
			for (g->p++, max = 0; g->p < g->end && *g->p >= '0' && *g->p <= '9'; g->p++)
				max = MIN(max * 10 + (uint32_t)(*g->p - '0'), 300u);
		g->p += g->p < g->end;
		n += max > n ? (uint32_t)rng_below(&g->rng, max - n + 1) : 0;
	} else {
		return 1;
	}
	if (g->p < g->end && (*g->p == '?' || *g->p == '+'))
		g->p++;
	return n;
}

static inline void regexgen_sequence(struct regexgen *g, uint32_t depth)
{
	while (g->p < g->end && *g->p != '|' && *g->p != ')') {
		const uint8_t *atom = g->p;
		size_t before = g->n;
		if (depth > 20) {
			g->p = g->end;
			return;
		}
		regexgen_atom(g, depth);
		uint32_t n = regexgen_count(g);
		const uint8_t *next = g->p;
		if (!n)
			g->n = before;
		for (uint32_t i = 1; i < n; i++) {
			g->p = atom;
			regexgen_atom(g, depth);
		}
		g->p = next;
	}
}

/** Alternatives up to ")" or the end: the text of one of them stays. */
static inline void regexgen_branches(struct regexgen *g, uint32_t depth)
{
	size_t start = g->n, kept = 0;
	uint8_t best[512];
	uint32_t n = 0;

	for (;;) {
		g->n = start;
		regexgen_sequence(g, depth);
		if (!rng_below(&g->rng, ++n)) {
			kept = MIN(g->n - start, sizeof(best));
			memcpy(best, g->out + start, kept);
		}
		if (g->p >= g->end || *g->p != '|')
			break;
		g->p++;
	}
	if (n > 1) {
		memcpy(g->out + start, best, kept);
		g->n = start + kept;
	}
}

/** @return bytes written to @p out. */
static inline size_t regexgen_sample(struct bytes pattern, uint64_t seed, uint8_t *out, size_t cap)
{
	struct regexgen g = {
		.p = pattern.p, .end = pattern.p + pattern.len, .out = out, .cap = cap};

	rng_init(&g.rng, seed);
	while (g.p < g.end) {
		regexgen_branches(&g, 0);
		g.p += g.p < g.end;
	}
	return g.n;
}
