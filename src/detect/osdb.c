/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reader of the OS fingerprint file. One pass over the bytes; tables of views, no copy of text.
 * Lines of expressions are kept once each: of 73,826 in nmap 7.93's file 15,202 are distinct, and
 * only these are looked at, here and when a host is scored.
 * Source: nmap's book, "Understanding an Nmap Fingerprint" and "Nmap Reference Fingerprint".
 */
#include "detect/osdb.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

enum { POINTS_MAX = 10000, LINES_MAX = 1 << 22 };

/** Growing table. */
struct table {
	void *p;
	uint32_t n, cap;
};

struct db {
	struct osdb pub;
	struct table entries, classes, cpes, lines;
};

struct reader {
	struct db *db;
	struct err_where *where;
	struct map64 by_hash; /* of a line's text -> index */
	struct siphash_key key;
	struct bytes line; /* being read, without its end */
	uint32_t line_no;
	bool in_points; /* behind MatchPoints, before the first Fingerprint */
	bool has_points;
};

/** @return a zeroed new element, or NULL without memory. */
static void *table_add(struct table *t, size_t size)
{
	if (t->n == t->cap) {
		uint32_t cap = MAX(2 * t->cap, 256u);
		void *more = mem_resize(t->p, cap, size);
		if (!more)
			return NULL;
		t->p = more;
		t->cap = cap;
	}
	return memset((uint8_t *)t->p + size * t->n++, 0, size);
}

static int fail(const struct reader *r, int code, struct bytes at, const char *want)
{
	return err_at(r->where, code, (const char *)at.p, at.len, (uint32_t)(at.p - r->line.p) + 1,
		      "%s", want);
}

static struct bytes sub(const uint8_t *from, const uint8_t *to)
{
	return (struct bytes){from, (size_t)(to - from)};
}

static struct bytes trim(struct bytes b)
{
	while (b.len && (*b.p == ' ' || *b.p == '\t'))
		b = (struct bytes){b.p + 1, b.len - 1};
	while (b.len && (b.p[b.len - 1] == ' ' || b.p[b.len - 1] == '\t'))
		b.len--;
	return b;
}

static struct os_entry *current(struct reader *r)
{
	struct table *t = &r->db->entries;

	return t->n ? (struct os_entry *)t->p + t->n - 1 : NULL;
}

/* --- expressions ------------------------------------------------------------------- */

/** Cut @p left at the first @p sep. @return false at its end. */
static bool next_part(struct bytes *left, uint8_t sep, struct bytes *ret)
{
	if (!left->p)
		return false;
	const uint8_t *at = left->len ? memchr(left->p, sep, left->len) : NULL;
	*ret = at ? sub(left->p, at) : *left;
	*left = at ? sub(at + 1, left->p + left->len) : (struct bytes){NULL, 0};
	return true;
}

/** @return false unless all of @p b is a hexadecimal number of at most 32 bits. */
static bool hex(struct bytes b, uint32_t *ret)
{
	uint32_t n = 0;

	if (!b.len || b.len > 8)
		return false;
	for (size_t i = 0; i < b.len; i++) {
		int digit = hex_digit(b.p[i]);
		if (digit < 0)
			return false;
		n = n << 4 | (uint32_t)digit;
	}
	*ret = n;
	return true;
}

/** @return false when @p e is no range. */
static bool range(struct bytes e, uint32_t *ret_lo, uint32_t *ret_hi)
{
	const uint8_t *dash = e.len ? memchr(e.p, '-', e.len) : NULL;

	return dash && hex(sub(e.p, dash), ret_lo) && hex(sub(dash + 1, e.p + e.len), ret_hi);
}

static bool one_match(struct bytes e, struct bytes v)
{
	uint32_t n, lo, hi;

	if (e.len && (*e.p == '>' || *e.p == '<'))
		return hex(sub(e.p + 1, e.p + e.len), &lo) && hex(v, &n) &&
		       (*e.p == '>' ? n > lo : n < lo);
	if (range(e, &lo, &hi))
		return hex(v, &n) && n >= lo && n <= hi;
	return e.len == v.len && (!e.len || !memcmp(e.p, v.p, e.len));
}

bool os_expr_match(struct bytes expr, struct bytes value)
{
	struct bytes e;

	while (next_part(&expr, '|', &e))
		if (one_match(e, value))
			return true;
	return false;
}

static int check_expr(const struct reader *r, struct bytes expr)
{
	struct bytes e;
	uint32_t lo, hi;

	while (next_part(&expr, '|', &e)) {
		if (e.len && (*e.p == '>' || *e.p == '<') && !hex(sub(e.p + 1, e.p + e.len), &lo))
			return fail(r, -E_SYNTAX, e, "want a hexadecimal number behind > or <");
		if (range(e, &lo, &hi) && lo > hi)
			return fail(r, -E_RANGE, e, "want the lower number first");
	}
	return 0;
}

int os_line_next(enum os_test test, struct bytes *left, struct bytes *ret_expr)
{
	struct bytes item;

	while (next_part(left, '%', &item)) {
		const uint8_t *eq = item.len ? memchr(item.p, '=', item.len) : NULL;
		if (!eq)
			continue;
		*ret_expr = sub(eq + 1, item.p + item.len);
		return os_attr_find(test, sub(item.p, eq));
	}
	return -1;
}

/** Every attribute known, once, and its expression sound. */
static int check_line(const struct reader *r, enum os_test test, struct bytes left)
{
	uint32_t seen = 0;
	struct bytes item;

	while (next_part(&left, '%', &item)) {
		if (!item.len)
			continue;
		const uint8_t *eq = memchr(item.p, '=', item.len);
		if (!eq)
			return fail(r, -E_SYNTAX, item, "want ATTRIBUTE=VALUE");
		int attr = os_attr_find(test, sub(item.p, eq));
		if (attr < 0 || seen >> attr & 1)
			return fail(r, -E_SYNTAX, item,
				    attr < 0 ? "the test has no such attribute"
					     : "the attribute is there already");
		seen |= 1u << attr;
		int err = check_expr(r, sub(eq + 1, item.p + item.len));
		if (err)
			return err;
	}
	return 0;
}

/* --- directives ---------------------------------------------------------------------- */

static int read_points(struct reader *r, enum os_test test, struct bytes left)
{
	struct bytes item;

	while (next_part(&left, '%', &item)) {
		const uint8_t *eq = item.len ? memchr(item.p, '=', item.len) : NULL;
		int attr = eq ? os_attr_find(test, sub(item.p, eq)) : -1;
		uint32_t n = 0;
		if (attr < 0)
			return fail(r, -E_SYNTAX, item,
				    "want an attribute of the test and =POINTS");
		const uint8_t *p = eq + 1, *end = item.p + item.len;
		for (; p < end && *p >= '0' && *p <= '9' && n <= POINTS_MAX; p++)
			n = n * 10 + *p - '0';
		if (p < end || p == eq + 1 || n > POINTS_MAX)
			return fail(r, -E_RANGE, item, "want points from 0 to 10000");
		r->db->pub.points[test][attr] = (uint16_t)n;
	}
	return 0;
}

/** The line's index, of the first one with this text. */
static int intern(struct reader *r, enum os_test test, struct bytes text, uint32_t *ret)
{
	uint64_t h = siphash24(&r->key, text.p, text.len) * OS_TEST_N + test;
	uint32_t at = map64_get(&r->by_hash, h);

	if (at != MAP64_NONE) {
		const struct os_line *l = (const struct os_line *)r->db->lines.p + at;
		if (l->test == test && l->text.len == text.len &&
		    !memcmp(l->text.p, text.p, text.len)) {
			*ret = at;
			return 0;
		}
	}
	int err = check_line(r, test, text);
	if (err)
		return err;
	struct os_line *l = table_add(&r->db->lines, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct os_line){text, (uint8_t)test};
	*ret = r->db->lines.n - 1;
	return map64_put(&r->by_hash, h, *ret);
}

/** "T1(R=Y%DF=N)". */
static int read_test(struct reader *r)
{
	struct bytes l = r->line, text;
	const uint8_t *open = memchr(l.p, '(', l.len);
	int test = open ? os_test_find(sub(l.p, open)) : -1;

	if (test < 0)
		return fail(r, -E_SYNTAX, l,
			    "want MatchPoints, Fingerprint, Class, CPE or a test such as "
			    "T1(...)");
	if (l.p[l.len - 1] != ')')
		return fail(r, -E_SYNTAX, l, "the closing parenthesis is missing");
	text = sub(open + 1, l.p + l.len - 1);
	if (r->in_points)
		return read_points(r, (enum os_test)test, text);
	struct os_entry *e = current(r);
	if (!e)
		return fail(r, -E_SYNTAX, l, "want a Fingerprint line before it");
	if (e->test_line[test] != OSDB_NO_LINE)
		return fail(r, -E_SYNTAX, l, "the fingerprint has this test already");
	return intern(r, (enum os_test)test, text, &e->test_line[test]);
}

static int read_match_points(struct reader *r, struct bytes rest)
{
	if (rest.len || r->has_points || r->db->entries.n)
		return fail(r, -E_SYNTAX, r->line,
			    "want MatchPoints alone, once, before the first Fingerprint");
	r->in_points = r->has_points = true;
	return 0;
}

static int read_fingerprint(struct reader *r, struct bytes rest)
{
	struct os_entry *e = table_add(&r->db->entries, sizeof(*e));

	if (!e)
		return -ENOMEM;
	r->in_points = false;
	if (!rest.len)
		return fail(r, -E_SYNTAX, r->line, "want a name behind Fingerprint");
	e->name = rest;
	e->line = r->line_no;
	e->first_class = r->db->classes.n;
	for (int i = 0; i < OS_TEST_N; i++)
		e->test_line[i] = OSDB_NO_LINE;
	return 0;
}

static int read_class(struct reader *r, struct bytes rest)
{
	struct os_entry *e = current(r);
	struct os_class *c = table_add(&r->db->classes, sizeof(*c));
	struct bytes part;
	uint32_t n = 0;

	if (!c)
		return -ENOMEM;
	if (!e)
		return fail(r, -E_SYNTAX, r->line, "want a Fingerprint line before it");
	struct bytes *parts[] = {&c->vendor, &c->family, &c->gen, &c->type}, left = rest;
	for (; next_part(&left, '|', &part); n++)
		if (n < ARRAY_LEN(parts))
			*parts[n] = trim(part);
	if (n != ARRAY_LEN(parts) || !c->vendor.len || !c->type.len)
		return fail(r, -E_SYNTAX, rest, "want VENDOR | FAMILY | GENERATION | DEVICE TYPE");
	c->first_cpe = r->db->cpes.n;
	e->n_classes++;
	return 0;
}

static int read_cpe(struct reader *r, struct bytes rest)
{
	static const char marker[] = " auto", prefix[] = "cpe:/";
	struct os_entry *e = current(r);

	if (!e || !e->n_classes)
		return fail(r, -E_SYNTAX, r->line, "want a Class line before it");
	if (rest.len < sizeof(prefix) || memcmp(rest.p, prefix, sizeof(prefix) - 1))
		return fail(r, -E_SYNTAX, rest, "want cpe:/...");
	if (rest.len > sizeof(marker) &&
	    !memcmp(rest.p + rest.len - sizeof(marker) + 1, marker, sizeof(marker) - 1))
		rest.len -= sizeof(marker) - 1;
	struct bytes *cpe = table_add(&r->db->cpes, sizeof(*cpe));
	if (!cpe)
		return -ENOMEM;
	*cpe = rest;
	((struct os_class *)r->db->classes.p)[r->db->classes.n - 1].n_cpes++;
	return 0;
}

static const struct directive {
	const char *word;
	int (*read)(struct reader *r, struct bytes rest);
} directives[] = {
	{"Fingerprint", read_fingerprint},
	{"Class", read_class},
	{"CPE", read_cpe},
	{"MatchPoints", read_match_points},
};

static int read_line(struct reader *r)
{
	struct bytes l = r->line;

	if (!l.len || *l.p == '#')
		return 0;
	const uint8_t *p = l.p;
	while (p < l.p + l.len && *p != ' ' && *p != '\t' && *p != '(')
		p++;
	struct bytes word = sub(l.p, p), rest = trim(sub(p, l.p + l.len));
	for (size_t i = 0; i < ARRAY_LEN(directives); i++)
		if (word.len == strlen(directives[i].word) &&
		    !memcmp(word.p, directives[i].word, word.len))
			return directives[i].read(r, rest);
	return read_test(r);
}

/* --- the whole --------------------------------------------------------------------------- */

static int read_text(struct reader *r, struct bytes text)
{
	const uint8_t *p = text.p, *end = text.p + text.len;
	int err = 0;

	while (p < end && !err) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
		r->line = sub(p, nl ? nl : end);
		while (r->line.len && strchr(" \t\r", r->line.p[r->line.len - 1]) &&
		       r->line.p[r->line.len - 1])
			r->line.len--;
		r->line_no++;
		p = nl ? nl + 1 : end;
		err = read_line(r);
	}
	if (!err && !r->has_points)
		err = fail(r, -E_SYNTAX, r->line, "the file has no MatchPoints");
	return err;
}

int osdb_parse(struct bytes text, const char *name, struct osdb **ret, struct err_where *reterr)
{
	struct err_where unused;
	struct reader r = {.where = reterr ? reterr : &unused, .line = {text.p, 0}};

	if (text.len > OSDB_FILE_BYTES_MAX)
		return -E_FULL;
	r.db = mem_alloc(1, sizeof(*r.db));
	if (!r.db)
		return -ENOMEM;
	map64_init(&r.by_hash, LINES_MAX);
	r.key = (struct siphash_key){rng_entropy(), rng_entropy()};
	int err = read_text(&r, text);
	map64_fini(&r.by_hash);
	struct db *db = r.db;
	db->pub.entries = db->entries.p;
	db->pub.n_entries = db->entries.n;
	db->pub.classes = db->classes.p;
	db->pub.n_classes = db->classes.n;
	db->pub.cpes = db->cpes.p;
	db->pub.n_cpes = db->cpes.n;
	db->pub.lines = db->lines.p;
	db->pub.n_lines = db->lines.n;
	if (err) {
		snprintf(r.where->file, sizeof(r.where->file), "%s", name);
		r.where->line = r.line_no;
		osdb_free(&db->pub);
		return err;
	}
	*ret = &db->pub;
	return 0;
}

void osdb_free(struct osdb *pub)
{
	struct db *db = (struct db *)pub;

	if (!db)
		return;
	mem_free(db->entries.p);
	mem_free(db->classes.p);
	mem_free(db->cpes.p);
	mem_free(db->lines.p);
	mem_free(db);
}
