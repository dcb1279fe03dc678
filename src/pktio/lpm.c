/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Build of the flattened table: prefixes of one stage are nested or disjoint, so a walk in order of
 * (base, length) with a stack of the open ones gives the pieces; stages are laid over each other
 * from the last to the first. O(n log n) for the sort, linear otherwise.
 */
#include "pktio/lpm.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Pieces under construction; room for 2n+1 is there before. */
struct pieces {
	u128 *starts;
	uint32_t *values;
	uint32_t n;
};

static int pieces_init(struct pieces *s, size_t cap)
{
	s->n = 0;
	s->starts = mem_alloc(cap, sizeof(*s->starts));
	s->values = mem_alloc(cap, sizeof(*s->values));
	return s->starts && s->values ? 0 : -ENOMEM;
}

static void pieces_fini(struct pieces *s)
{
	mem_free(s->starts);
	mem_free(s->values);
}

static void put(struct pieces *s, u128 start, uint32_t value)
{
	if (s->n && s->starts[s->n - 1] == start)
		s->n--;
	if (s->n && s->values[s->n - 1] == value)
		return;
	s->starts[s->n] = start;
	s->values[s->n++] = value;
}

static u128 last_of(const struct lpm_prefix *p, uint8_t width)
{
	uint8_t host = (uint8_t)(width - p->len);

	return host == 128 ? ~(u128)0 : p->base | (((u128)1 << host) - 1);
}

static int by_place(const void *a, const void *b)
{
	const struct lpm_prefix *x = a, *y = b;

	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

/* Close every open prefix that ends before @upto; its parent reigns from there on. */
static uint32_t close_before(struct pieces *s, const struct lpm_prefix **open, uint32_t depth,
			     u128 upto, uint8_t width)
{
	while (depth && last_of(open[depth - 1], width) < upto) {
		u128 end = last_of(open[depth - 1], width);

		depth--;
		put(s, end + 1, depth ? open[depth - 1]->value : LPM_NONE);
	}
	return depth;
}

static void cut_stage(struct pieces *s, const struct lpm_prefix *p, uint32_t n, uint8_t width)
{
	const struct lpm_prefix *open[130]; /* nested: one per length */
	u128 max = width == 128 ? ~(u128)0 : ((u128)1 << width) - 1;
	uint32_t depth = 0;

	s->n = 0;
	put(s, 0, LPM_NONE);
	for (uint32_t i = 0; i < n; i++) {
		if (i && p[i].base == p[i - 1].base && p[i].len == p[i - 1].len)
			continue;
		depth = close_before(s, open, depth, p[i].base, width);
		open[depth++] = &p[i];
		put(s, p[i].base, p[i].value);
	}
	close_before(s, open, depth, max, width);
}

/* @ret = @top where it has an answer, else @below. */
static void overlay(struct pieces *ret, const struct pieces *top, const struct pieces *below)
{
	uint32_t i = 0, k = 0;

	ret->n = 0;
	while (i < top->n || k < below->n) {
		bool is_top = k == below->n || (i < top->n && top->starts[i] <= below->starts[k]);
		u128 start = is_top ? top->starts[i] : below->starts[k];

		i += i < top->n && top->starts[i] == start;
		k += k < below->n && below->starts[k] == start;
		uint32_t value = top->values[i - 1];
		put(ret, start, value >= LPM_THROW ? below->values[k - 1] : value);
	}
}

static int build(struct lpm_prefix *p, uint32_t n, uint8_t width, struct pieces s[3])
{
	uint32_t end = n;

	s[0].n = 0;
	put(&s[0], 0, LPM_NONE);
	while (end > 0) {
		uint32_t first = end - 1;
		struct pieces done;

		while (first > 0 && p[first - 1].stage == p[end - 1].stage)
			first--;
		cut_stage(&s[1], p + first, end - first, width);
		overlay(&s[2], &s[1], &s[0]);
		done = s[2];
		s[2] = s[0];
		s[0] = done;
		end = first;
	}
	return 0;
}

int lpm_build(struct lpm_prefix *p, uint32_t n, uint8_t width, struct lpm *ret)
{
	struct pieces s[3] = {0};
	size_t cap = 2 * (size_t)n + 2;
	int err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = pieces_init(&s[i], cap);
	if (!err && n)
		qsort(p, n, sizeof(*p), by_place);
	if (!err)
		err = build(p, n, width, s);
	if (!err) {
		*ret = (struct lpm){.starts = s[0].starts, .values = s[0].values, .n = s[0].n};
		s[0] = (struct pieces){0};
	}
	for (int i = 0; i < 3; i++)
		pieces_fini(&s[i]);
	return err;
}

void lpm_fini(struct lpm *l)
{
	mem_free(l->starts);
	mem_free(l->values);
	*l = (struct lpm){0};
}
