/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The owner's half of the database: it walks a struct along its field table and appends values.
 * Everything borrowed is copied here, so the writer's thread never sees a pointer of the scan.
 */
#include "out/dbput.h"

#include <stdio.h>
#include <string.h>

#define TEXT_SCRATCH 512u

typedef void put_fn(struct buf *b, const struct field *f, const uint8_t *base);

static void put_head(struct buf *b, uint8_t kind)
{
	buf_put(b, &kind, 1);
}

static void put_null(struct buf *b)
{
	put_head(b, DB_NULL);
}

static void put_int(struct buf *b, uint64_t v)
{
	put_head(b, DB_INT);
	buf_put(b, &v, sizeof(v));
}

static void put_bytes(struct buf *b, uint8_t kind, const void *p, size_t n)
{
	uint32_t len = (uint32_t)n;

	put_head(b, kind);
	buf_put(b, &len, sizeof(len));
	buf_put(b, p, n);
	buf_putc(b, '\0');
}

static void put_text(struct buf *b, const char *s)
{
	if (s)
		put_bytes(b, DB_TEXT, s, strlen(s));
	else
		put_null(b);
}

/* --- a member of each kind --------------------------------------------------------------- */

static uint64_t count_of(const struct field *f, const uint8_t *base)
{
	return field_get_uint(base + f->count_offset, f->count_size);
}

static void of_uint(struct buf *b, const struct field *f, const uint8_t *base)
{
	put_int(b, field_get_uint(base + f->offset, f->size));
}

static void of_int(struct buf *b, const struct field *f, const uint8_t *base)
{
	int64_t v8 = 0;
	int32_t v4 = 0;

	if (f->size == 8)
		memcpy(&v8, base + f->offset, sizeof(v8));
	else
		memcpy(&v4, base + f->offset, sizeof(v4));
	put_int(b, (uint64_t)(f->size == 8 ? v8 : v4));
}

static void of_real(struct buf *b, const struct field *f, const uint8_t *base)
{
	put_head(b, DB_REAL);
	buf_put(b, base + f->offset, sizeof(double));
}

static void of_text(struct buf *b, const struct field *f, const uint8_t *base)
{
	const char *s;

	memcpy(&s, base + f->offset, sizeof(s));
	put_text(b, s);
}

static void of_chars(struct buf *b, const struct field *f, const uint8_t *base)
{
	const char *s = (const char *)base + f->offset;

	put_bytes(b, DB_TEXT, s, strnlen(s, f->size));
}

static void of_word(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint64_t v = field_get_uint(base + f->offset, f->size);

	put_text(b, v < f->words->n ? f->words->names[v] : NULL);
}

static void of_proto(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint8_t proto = base[f->offset];

	put_text(b, proto ? proto_name(proto) : NULL);
}

static void of_addr(struct buf *b, const struct field *f, const uint8_t *base)
{
	const struct addr *a = (const void *)(base + f->offset);
	char text[ADDR_TEXT_CAP + 12];

	if (a->family == ADDR_NONE) {
		put_null(b);
		return;
	}
	addr_format_bare(a, text);
	if (a->zone)
		snprintf(text + strlen(text), 12, "%%%u", a->zone);
	put_text(b, text);
}

static void of_mac(struct buf *b, const struct field *f, const uint8_t *base)
{
	char text[MAC_TEXT_CAP];

	put_text(b,
		 base[f->count_offset] ? mac_format((const void *)(base + f->offset), text) : NULL);
}

static void of_bytes(struct buf *b, const struct field *f, const uint8_t *base)
{
	const uint8_t *p;

	memcpy(&p, base + f->offset, sizeof(p));
	if (p)
		put_bytes(b, DB_BLOB, p, count_of(f, base));
	else
		put_null(b);
}

/** Plain values as one text, each on a line of its own. */
static void of_list(struct buf *b, const struct field *f, const uint8_t *base)
{
	const uint8_t *at = base + f->offset;
	uint64_t n = f->count_size ? count_of(f, base) : f->cap;
	uint32_t len = 0;

	if (f->kind == FIELD_LIST)
		memcpy(&at, base + f->offset, sizeof(at));
	put_head(b, DB_TEXT);
	size_t len_at = b->len;
	buf_put(b, &len, sizeof(len));
	for (uint64_t i = 0; i < n; i++, at += f->elem_size) {
		const char *s = NULL;
		if (i)
			buf_putc(b, '\n');
		if (f->elem == FIELD_TEXT)
			memcpy(&s, at, sizeof(s));
		if (s)
			buf_puts(b, s);
		else if (f->elem == FIELD_UINT)
			buf_put_u64(b, field_get_uint(at, f->elem_size));
	}
	len = (uint32_t)(b->len - len_at - sizeof(len));
	if (!b->error)
		memcpy(b->p + len_at, &len, sizeof(len));
	buf_putc(b, '\0');
}

static put_fn *const put_of[FIELD_KIND_N] = {
	[FIELD_UINT] = of_uint,   [FIELD_INT] = of_int,     [FIELD_REAL] = of_real,
	[FIELD_BOOL] = of_uint,   [FIELD_TEXT] = of_text,   [FIELD_WORD] = of_word,
	[FIELD_TIME] = of_uint,   [FIELD_ADDR] = of_addr,   [FIELD_MAC] = of_mac,
	[FIELD_LIST] = of_list,   [FIELD_ARRAY] = of_list,  [FIELD_BYTES] = of_bytes,
	[FIELD_PROTO] = of_proto, [FIELD_CHARS] = of_chars,
};

/* --- rows --------------------------------------------------------------------------------- */

static void put_row_head(struct buf *b, uint32_t table, uint32_t n)
{
	const uint16_t head[2] = {(uint16_t)table, (uint16_t)n};

	buf_put(b, head, sizeof(head));
}

static const uint8_t *inner(const struct field *f, const uint8_t *base)
{
	const uint8_t *at = base + f->offset;

	if (f->kind == FIELD_POINTER)
		memcpy(&at, base + f->offset, sizeof(at));
	return at;
}

static void put_columns(struct buf *b, const struct fields *of, const uint8_t *base)
{
	for (uint32_t n = base ? 0 : dbtable_n_columns(of); n > 0; n--)
		put_null(b);
	for (uint32_t i = 0; base && i < of->n; i++) {
		const struct field *f = &of->f[i];
		if (dbtable_is_inline(f))
			put_columns(b, f->of, inner(f, base));
		else if (dbtable_is_column(f))
			put_of[f->kind](b, f, base);
	}
}

struct walk {
	const struct db_tables *t;
	struct buf *b;
	uint64_t seq;
	uint64_t n_rows[DB_TABLES_MAX]; /* of this event, so far */
};

static void put_children(struct walk *w, uint32_t table, const struct fields *of,
			 const uint8_t *base, uint64_t up);

static void put_list(struct walk *w, uint32_t table, const struct field *f, const uint8_t *base,
		     uint64_t up)
{
	const struct db_table *child = &w->t->t[table];
	const uint8_t *at = base + f->offset;
	uint64_t n = count_of(f, base);

	if (f->kind == FIELD_LIST)
		memcpy(&at, base + f->offset, sizeof(at));
	for (uint64_t i = 0; i < n; i++, at += f->elem_size) {
		uint64_t idx = w->n_rows[table]++;
		put_row_head(w->b, table, DB_CHILD_KEY - 1 + dbtable_n_columns(child->of));
		put_int(w->b, w->seq);
		put_int(w->b, up);
		put_int(w->b, idx);
		put_columns(w->b, child->of, at);
		put_children(w, table, child->of, at, idx);
	}
}

static void put_children(struct walk *w, uint32_t table, const struct fields *of,
			 const uint8_t *base, uint64_t up)
{
	for (uint32_t i = 0; base && i < of->n; i++) {
		const struct field *f = &of->f[i];
		if (dbtable_is_inline(f))
			put_children(w, table, f->of, inner(f, base), up);
		else if (dbtable_is_list(f))
			put_list(w, dbtable_child(w->t, table, f), f, base, up);
	}
}

void dbput(const struct db_tables *t, struct buf *b, enum db_root root, const struct db_key *key,
	   const void *of)
{
	struct walk w = {.t = t, .b = b, .seq = key->seq};
	const struct fields *fields = t->t[root].of;

	put_row_head(b, root, DB_ROOT_KEY - 1 + dbtable_n_columns(fields));
	put_int(b, key->seq);
	if (key->has_host)
		put_int(b, key->host);
	else
		put_null(b);
	put_columns(b, fields, of);
	put_children(&w, root, fields, of, 0);
}

bool dbput_next_row(struct cursor *c, uint32_t *ret_table, uint32_t *ret_n)
{
	const uint8_t *p = cursor_left(c) ? cursor_take(c, 4) : NULL;
	uint16_t head[2];

	if (!p)
		return false;
	memcpy(head, p, sizeof(head));
	*ret_table = head[0];
	*ret_n = head[1];
	return true;
}

void dbput_next_value(struct cursor *c, struct db_value *ret)
{
	const uint8_t *p;

	*ret = (struct db_value){.kind = cursor_u8(c)};
	if (ret->kind == DB_INT || ret->kind == DB_REAL) {
		p = cursor_take(c, 8);
		if (p)
			memcpy(&ret->i, p, 8);
	} else if (ret->kind != DB_NULL) {
		p = cursor_take(c, sizeof(ret->len));
		if (p)
			memcpy(&ret->len, p, sizeof(ret->len));
		ret->p = cursor_take(c, (size_t)ret->len + 1);
	}
}
