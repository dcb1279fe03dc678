/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Version templates. A helper is a row: its name, its arguments' kinds, what it appends. A group
 * that the pattern did not set is an empty text; a helper that is misspelt or cannot be computed
 * makes the whole field unknown, since a wrong claim is worse than none.
 */
#include "detect/version.h"

#include <ctype.h>
#include <string.h>

enum { ARGS_MAX = 3, NUMBER_BYTES_MAX = 8 };

/** Arguments of one helper; texts are views of the template. */
struct args {
	struct bytes group;
	struct bytes text[ARGS_MAX - 1];
	uint32_t n_texts;
};

/** Template text and a place in it. */
struct reader {
	const uint8_t *p, *end;
	const struct match_hit *hit;
};

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && *r->p == ' ')
		r->p++;
}

static bool take(struct reader *r, uint8_t c)
{
	skip_blanks(r);
	if (r->p >= r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool take_group(struct reader *r, struct bytes *ret)
{
	if (r->p >= r->end || *r->p < '1' || *r->p > '9')
		return false;
	*ret = r->hit->group[*r->p++ - '0'];
	return true;
}

static bool take_text(struct reader *r, struct bytes *ret)
{
	if (!take(r, '"'))
		return false;
	const uint8_t *close = memchr(r->p, '"', (size_t)(r->end - r->p));
	if (!close)
		return false;
	*ret = (struct bytes){r->p, (size_t)(close - r->p)};
	r->p = close + 1;
	return true;
}

static bool take_args(struct reader *r, struct args *ret)
{
	*ret = (struct args){.n_texts = 0};
	if (!take(r, '('))
		return false;
	skip_blanks(r);
	if (!take_group(r, &ret->group))
		return false;
	while (take(r, ',')) {
		if (ret->n_texts == ARRAY_LEN(ret->text) || !take_text(r, &ret->text[ret->n_texts]))
			return false;
		ret->n_texts++;
	}
	return take(r, ')');
}

/* --- helpers ------------------------------------------------------------------ */

static void put_printable(const struct args *a, struct buf *out)
{
	for (size_t i = 0; i < a->group.len; i++)
		if (a->group.p[i] >= 0x20 && a->group.p[i] < 0x7f)
			buf_putc(out, (char)a->group.p[i]);
}

static void put_subst(const struct args *a, struct buf *out)
{
	if (!a->group.p)
		return;
	const uint8_t *p = a->group.p, *end = p + a->group.len;
	while (p < end) {
		size_t n = a->text[0].len;
		if (n && (size_t)(end - p) >= n && !memcmp(p, a->text[0].p, n)) {
			buf_put(out, a->text[1].p, a->text[1].len);
			p += n;
		} else {
			buf_putc(out, (char)*p++);
		}
	}
}

static void put_number(const struct args *a, struct buf *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < a->group.len; i++) {
		bool is_big = a->text[0].p[0] == '>';
		v = v << 8 | a->group.p[is_big ? i : a->group.len - 1 - i];
	}
	buf_put_u64(out, v);
}

static bool is_number(const struct args *a)
{
	return a->text[0].len == 1 && (a->text[0].p[0] == '>' || a->text[0].p[0] == '<') &&
	       a->group.len >= 1 && a->group.len <= NUMBER_BYTES_MAX;
}

static const struct helper {
	const char *name;
	uint32_t n_texts;
	bool (*applies)(const struct args *a); /* NULL: always */
	void (*put)(const struct args *a, struct buf *out);
} helpers[] = {
	{"P", 0, NULL, put_printable},
	{"SUBST", 2, NULL, put_subst},
	{"I", 1, is_number, put_number},
};

/** Behind "$", a letter. */
static int call_helper(struct reader *r, struct buf *out)
{
	struct args a;

	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		size_t n = strlen(helpers[i].name);
		if ((size_t)(r->end - r->p) <= n || memcmp(r->p, helpers[i].name, n) != 0 ||
		    r->p[n] != '(')
			continue;
		r->p += n;
		if (!take_args(r, &a) || a.n_texts != helpers[i].n_texts ||
		    (helpers[i].applies && !helpers[i].applies(&a)))
			return -E_SYNTAX;
		helpers[i].put(&a, out);
		return 0;
	}
	return -E_SYNTAX;
}

/** Unreserved in a CPE 2.2 URI (specification, section 5.4), but for capital letters. */
static bool is_cpe_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || isdigit(c) || (c && strchr("-._~", c));
}

static void put_cpe_byte(struct buf *out, uint8_t c)
{
	c = (uint8_t)tolower(c);
	if (isspace(c))
		buf_putc(out, '_');
	else if (is_cpe_plain(c))
		buf_putc(out, (char)c);
	else
		buf_printf(out, "%%%02x", c);
}

/** The bytes appended since @p from, as a CPE 2.2 URI wants them. */
static void escape_cpe(struct buf *out, size_t from)
{
	uint8_t text[VERSION_FIELD_BYTES_MAX];
	size_t n = MIN(out->len - from, sizeof(text));

	memcpy(text, out->p + from, n);
	out->len = from;
	for (size_t i = 0; i < n; i++)
		put_cpe_byte(out, text[i]);
}

static bool is_escape(const uint8_t *p, size_t left)
{
	return p[0] == '%' && left > 2 && isxdigit(p[1]) && isxdigit(p[2]);
}

/** Bytes of a part that stand as they should. */
static size_t n_cpe_plain(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && (is_cpe_plain(p[n]) || is_escape(p + n, len - n)))
		n += p[n] == '%' ? 3 : 1;
	return n;
}

/**
 * What the line's author wrote himself: "busybox:1.14.0 or later" is no version of a CPE, and all
 * from there on is left out; in part, vendor and product what does not fit is escaped.
 */
static void tidy_cpe(struct buf *out, size_t from)
{
	enum { PART_VERSION = 3 };
	uint8_t text[VERSION_FIELD_BYTES_MAX];
	size_t n = MIN(out->len - from, sizeof(text)), len;

	memcpy(text, out->p + from, n);
	out->len = from;
	for (size_t cut = n; n == sizeof(text) && cut-- > n - 2;) /* an escape that was cut */
		if (text[cut] == '%')
			n = cut;
	for (size_t at = 0, part = 0; at < n; at += len + 1, part++) {
		const uint8_t *colon = memchr(text + at, ':', n - at);
		len = colon ? (size_t)(colon - text) - at : n - at;
		size_t plain = n_cpe_plain(text + at, len);
		if (plain < len && part >= PART_VERSION)
			break;
		if (part)
			buf_putc(out, ':');
		for (size_t i = 0; i < len; i++)
			if (is_escape(text + at + i, len - i))
				buf_putc(out, '%');
			else
				put_cpe_byte(out, text[at + i]);
	}
	while (out->len > from && out->p[out->len - 1] == ':')
		out->len--;
}

int version_expand(struct bytes tmpl, const struct match_hit *hit, bool is_cpe, struct buf *out)
{
	struct reader r = {.p = tmpl.p, .end = tmpl.p + tmpl.len, .hit = hit};
	size_t start = out->len;
	int err = 0;

	while (r.p < r.end && !err) {
		uint8_t c = *r.p++;
		size_t from = out->len;
		struct bytes group;
		if (c != '$' || r.p >= r.end) {
			buf_putc(out, (char)c);
			continue;
		}
		if (take_group(&r, &group))
			buf_put(out, group.p, group.len);
		else
			err = call_helper(&r, out);
		if (!err && is_cpe && !out->error)
			escape_cpe(out, from);
	}
	if (is_cpe && !err && !out->error)
		tidy_cpe(out, start);
	if (!err && out->error)
		err = out->error;
	if (err)
		out->len = MIN(out->len, start);
	else
		out->len = MIN(out->len, start + VERSION_FIELD_BYTES_MAX);
	return err;
}
