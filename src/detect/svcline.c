/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of a service probe file taken apart: words, delimited texts, numbers, port lists. Every
 * complaint names the place in the line.
 * Source: nmap's reference, "nmap-service-probes File Format".
 */
#include "detect/svcline.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RANGES_PER_LIST_MAX = 8192 };

int svc_fail(const struct svc_line *l, int code, struct bytes at, const char *want)
{
	return err_at(l->where, code, (const char *)at.p, at.len, (uint32_t)(at.p - l->start) + 1,
		      "%s", want);
}

void svc_skip_blanks(struct svc_line *l)
{
	while (l->p < l->end && svc_is_blank(*l->p))
		l->p++;
}

struct bytes svc_word(struct svc_line *l)
{
	svc_skip_blanks(l);
	const uint8_t *from = l->p;
	while (l->p < l->end && !svc_is_blank(*l->p))
		l->p++;
	return (struct bytes){from, (size_t)(l->p - from)};
}

struct bytes svc_rest(const struct svc_line *l)
{
	return (struct bytes){l->p, (size_t)(l->end - l->p)};
}

bool svc_is_word(struct bytes w, const char *text)
{
	return w.len == strlen(text) && !memcmp(w.p, text, w.len);
}

int svc_delimited(struct svc_line *l, char letter, const char *want, struct bytes *ret)
{
	svc_skip_blanks(l);
	if (l->end - l->p < 2 || *l->p != (uint8_t)letter || svc_is_blank(l->p[1]))
		return svc_fail(l, -E_SYNTAX, svc_rest(l), want);
	const uint8_t *open = l->p + 1;
	const uint8_t *close = memchr(open + 1, *open, (size_t)(l->end - open - 1));
	if (!close)
		return svc_fail(l, -E_SYNTAX, svc_rest(l), "the closing delimiter is missing");
	*ret = (struct bytes){open + 1, (size_t)(close - open - 1)};
	l->p = close + 1;
	return 0;
}

int svc_line_ends(const struct svc_line *l)
{
	struct svc_line at = *l;

	svc_skip_blanks(&at);
	return at.p == at.end ? 0
			      : svc_fail(l, -E_SYNTAX, svc_rest(&at), "want the end of the line");
}

int svc_number(struct svc_line *l, uint32_t lo, uint32_t hi, uint32_t *ret)
{
	struct bytes w = svc_word(l);
	uint64_t n = 0;
	bool is_good = w.len > 0;

	for (size_t i = 0; i < w.len && n <= hi; i++) {
		is_good &= w.p[i] >= '0' && w.p[i] <= '9';
		n = n * 10 + (uint64_t)(w.p[i] - '0');
	}
	if (!is_good || n < lo || n > hi)
		return svc_fail(l, -E_RANGE, w, "want a number in its range");
	*ret = (uint32_t)n;
	return svc_line_ends(l);
}

bool svc_next_item(struct bytes *list, struct bytes *ret)
{
	if (!list->p)
		return false;
	const uint8_t *comma = memchr(list->p, ',', list->len);
	struct bytes item = {list->p, comma ? (size_t)(comma - list->p) : list->len};

	*list = comma ? (struct bytes){comma + 1, list->len - item.len - 1}
		      : (struct bytes){NULL, 0};
	while (item.len && svc_is_blank(*item.p))
		item = (struct bytes){item.p + 1, item.len - 1};
	while (item.len && svc_is_blank(item.p[item.len - 1]))
		item.len--;
	*ret = item;
	return true;
}

/* --- ports ------------------------------------------------------------------ */

static int ranges_add(struct svc_ranges *c, uint16_t lo, uint16_t hi)
{
	if (c->n == RANGES_PER_LIST_MAX)
		return -E_FULL;
	if (c->n == c->cap) {
		uint32_t cap = MAX(2 * c->cap, 64u);
		struct svc_range *more = mem_resize(c->r, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->r = more;
		c->cap = cap;
	}
	c->r[c->n++] = (struct svc_range){lo, hi};
	return 0;
}

static int range_order(const void *a, const void *b)
{
	const struct svc_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

int svc_ranges_keep(struct svc_ranges *c, struct arena *a, struct svc_ports *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < to->n; i++) {
		int err = ranges_add(c, to->r[i].lo, to->r[i].hi);
		if (err)
			return err;
	}
	if (!c->n)
		return 0;
	qsort(c->r, c->n, sizeof(*c->r), range_order);
	for (uint32_t i = 0; i < c->n; i++) {
		if (n && c->r[i].lo <= c->r[n - 1].hi + 1)
			c->r[n - 1].hi = MAX(c->r[n - 1].hi, c->r[i].hi);
		else
			c->r[n++] = c->r[i];
	}
	c->n = 0;
	struct svc_range *kept = arena_alloc(a, n * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	memcpy(kept, c->r, n * sizeof(*kept));
	*to = (struct svc_ports){kept, n};
	return 0;
}

static bool port_number(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
	const uint8_t *from = *p;
	uint32_t n = 0;

	while (*p < end && **p >= '0' && **p <= '9' && n <= 65535)
		n = n * 10 + (uint32_t)(*(*p)++ - '0');
	*ret = n;
	return *p > from && n <= 65535;
}

int svc_port_item(const struct svc_line *l, struct bytes item, struct svc_ranges *ret)
{
	const uint8_t *p = item.p, *end = item.p + item.len;
	uint32_t lo, hi;
	bool is_good = port_number(&p, end, &lo);

	hi = lo;
	if (is_good && p < end && *p == '-') {
		p++;
		is_good = port_number(&p, end, &hi);
	}
	if (!is_good || p != end || hi < lo)
		return svc_fail(l, -E_SYNTAX, item, "want ports such as 21,8000-8010");
	return ranges_add(ret, (uint16_t)lo, (uint16_t)hi);
}

bool svc_ports_has(const struct svc_ports *p, uint16_t port)
{
	uint32_t lo = 0, hi = p->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (p->r[mid].hi < port)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->n && p->r[lo].lo <= port;
}
