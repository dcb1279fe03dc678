/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reverse of dbput.c: along the same field tables from columns back to members. */
#include "out/dbread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Columns of the row under way. */
struct row {
	struct dbread *r;
	struct facts *block;
	sqlite3_stmt *s;
	int at; /* next column */
	int64_t scan, seq;
};

typedef void get_fn(struct row *w, const struct field *f, uint8_t *base, int at);

static const char *text_at(struct row *w, int at)
{
	const unsigned char *s = sqlite3_column_text(w->s, at);

	return s ? (const char *)s : NULL;
}

/* --- a member of each kind ----------------------------------------------------------------- */

static void to_uint(struct row *w, const struct field *f, uint8_t *base, int at)
{
	field_set_uint(base + f->offset, f->size, (uint64_t)sqlite3_column_int64(w->s, at));
}

static void to_bool(struct row *w, const struct field *f, uint8_t *base, int at)
{
	base[f->offset] = sqlite3_column_int64(w->s, at) != 0;
}

static void to_real(struct row *w, const struct field *f, uint8_t *base, int at)
{
	double v = sqlite3_column_double(w->s, at);

	memcpy(base + f->offset, &v, sizeof(v));
}

static void to_text(struct row *w, const struct field *f, uint8_t *base, int at)
{
	const char *s = facts_keep(w->block, text_at(w, at));

	memcpy(base + f->offset, &s, sizeof(s));
}

static void to_chars(struct row *w, const struct field *f, uint8_t *base, int at)
{
	const char *s = text_at(w, at);

	snprintf((char *)base + f->offset, f->size, "%s", s ? s : "");
}

static void to_word(struct row *w, const struct field *f, uint8_t *base, int at)
{
	const char *s = text_at(w, at);
	uint32_t i = 0;

	while (s && i < f->words->n && (!f->words->names[i] || strcmp(f->words->names[i], s) != 0))
		i++;
	field_set_uint(base + f->offset, f->size, s && i < f->words->n ? i : 0);
}

static void to_proto(struct row *w, const struct field *f, uint8_t *base, int at)
{
	static const uint8_t protos[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP};
	const char *s = text_at(w, at);

	base[f->offset] = 0;
	for (size_t i = 0; s && i < ARRAY_LEN(protos); i++)
		if (strcmp(proto_name(protos[i]), s) == 0)
			base[f->offset] = protos[i];
}

bool dbread_addr(const char *text, struct addr *ret)
{
	const char *zone = strchr(text, '%');
	size_t len = zone ? (size_t)(zone - text) : strlen(text);

	*ret = (struct addr){0};
	if (addr_parse(text, len, ret) < 0)
		return false;
	ret->zone = zone ? (uint32_t)strtoul(zone + 1, NULL, 10) : 0;
	return true;
}

static void to_addr(struct row *w, const struct field *f, uint8_t *base, int at)
{
	const char *s = text_at(w, at);
	struct addr a = {0};

	if (s && !dbread_addr(s, &a))
		a = (struct addr){0};
	memcpy(base + f->offset, &a, sizeof(a));
}

static void to_mac(struct row *w, const struct field *f, uint8_t *base, int at)
{
	const char *s = text_at(w, at);
	bool has_mac = s && strlen(s) == MAC_TEXT_CAP - 1;

	for (uint32_t i = 0; has_mac && i < 6; i++) {
		int hi = hex_digit(s[3 * i]), lo = hex_digit(s[3 * i + 1]);
		has_mac = hi >= 0 && lo >= 0;
		base[f->offset + i] = has_mac ? (uint8_t)(hi << 4 | lo) : 0;
	}
	base[f->count_offset] = has_mac;
}

static void to_bytes(struct row *w, const struct field *f, uint8_t *base, int at)
{
	size_t len = (size_t)sqlite3_column_bytes(w->s, at);
	const void *from = sqlite3_column_blob(w->s, at);
	uint8_t *to;

	len = MIN(len, (size_t)f->cap);
	to = from && len ? facts_alloc(w->block, len) : NULL;
	if (to)
		memcpy(to, from, len);
	memcpy(base + f->offset, &to, sizeof(to));
	field_set_uint(base + f->count_offset, f->count_size, to ? len : 0);
}

static uint32_t n_lines(const char *s)
{
	uint32_t n = s && *s;

	for (; s && *s; s++)
		n += *s == '\n';
	return n;
}

/** Where a list's elements go: in place, or to memory of the block. NULL: none. */
static uint8_t *list_room(struct row *w, const struct field *f, uint8_t *base, uint32_t n)
{
	uint8_t *to = base + f->offset;

	if (f->kind == FIELD_LIST) {
		to = n ? facts_alloc(w->block, (size_t)n * f->elem_size) : NULL;
		memcpy(base + f->offset, &to, sizeof(to));
	}
	return to;
}

static void to_list(struct row *w, const struct field *f, uint8_t *base, int at)
{
	const char *s = text_at(w, at);
	uint32_t n = MIN(n_lines(s), (uint32_t)f->cap);
	uint8_t *to = list_room(w, f, base, n);

	n = to ? n : 0;
	for (uint32_t i = 0; i < n; i++, to += f->elem_size) {
		size_t len = strcspn(s, "\n");
		char *copy = f->elem == FIELD_TEXT ? facts_alloc(w->block, len + 1) : NULL;
		if (copy)
			memcpy(copy, s, len);
		if (f->elem == FIELD_TEXT)
			memcpy(to, &copy, sizeof(copy));
		else
			field_set_uint(to, f->elem_size, strtoull(s, NULL, 10));
		s += len + 1;
	}
	if (f->count_size)
		field_set_uint(base + f->count_offset, f->count_size, n);
}

static get_fn *const get_of[FIELD_KIND_N] = {
	[FIELD_UINT] = to_uint, [FIELD_INT] = to_uint,    [FIELD_REAL] = to_real,
	[FIELD_BOOL] = to_bool, [FIELD_TEXT] = to_text,   [FIELD_CHARS] = to_chars,
	[FIELD_WORD] = to_word, [FIELD_PROTO] = to_proto, [FIELD_TIME] = to_uint,
	[FIELD_ADDR] = to_addr, [FIELD_MAC] = to_mac,     [FIELD_BYTES] = to_bytes,
	[FIELD_LIST] = to_list, [FIELD_ARRAY] = to_list,
};

/* --- rows ---------------------------------------------------------------------------------- */

static bool are_all_null(struct row *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (sqlite3_column_type(w->s, w->at + (int)i) != SQLITE_NULL)
			return false;
	return true;
}

/** The struct a member holds or leads to; NULL: it leads nowhere. */
static uint8_t *inner(struct row *w, const struct field *f, uint8_t *base)
{
	uint8_t *to = NULL;

	if (f->kind == FIELD_STRUCT)
		return base + f->offset;
	if (!are_all_null(w, dbtable_n_columns(f->of)))
		to = facts_alloc(w->block, f->of->size);
	memcpy(base + f->offset, &to, sizeof(to));
	return to;
}

static void get_columns(struct row *w, const struct fields *of, uint8_t *base)
{
	for (uint32_t i = 0; i < of->n; i++) {
		const struct field *f = &of->f[i];
		uint8_t *to = dbtable_is_inline(f) ? inner(w, f, base) : NULL;
		if (to)
			get_columns(w, f->of, to);
		else if (dbtable_is_inline(f))
			w->at += (int)dbtable_n_columns(f->of);
		else if (dbtable_is_column(f))
			get_of[f->kind](w, f, base, w->at++);
	}
}

static int prepare(struct dbread *r, uint32_t table)
{
	struct buf b;
	int rc = SQLITE_OK;

	if (r->selects[table])
		return 0;
	buf_init(&b, 1 << 16);
	dbtable_put_select(&r->tables, table, &b);
	rc = sqlite3_prepare_v2(r->db, buf_text(&b), -1, &r->selects[table], NULL);
	buf_fini(&b);
	return rc == SQLITE_OK ? 0 : dbfile_error(r->db, rc, r->why);
}

static int get_children(struct row *w, uint32_t table, const struct fields *of, uint8_t *base,
			int64_t up);

static int count_rows(struct row *w, uint32_t cap, uint32_t *ret)
{
	int rc = SQLITE_ROW;

	for (*ret = 0; *ret < cap && (rc = sqlite3_step(w->s)) == SQLITE_ROW;)
		++*ret;
	(void)sqlite3_reset(w->s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : dbfile_error(w->r->db, rc, w->r->why);
}

/** The rows of a list, then what lists they have themselves: one statement serves all of them. */
static int get_list(const struct row *up_row, uint32_t table, const struct field *f, uint8_t *base,
		    int64_t up)
{
	struct row w = *up_row;
	uint32_t n = 0;
	int err = prepare(w.r, table);

	if (err)
		return err;
	w.s = w.r->selects[table];
	(void)sqlite3_bind_int64(w.s, 1, w.scan);
	(void)sqlite3_bind_int64(w.s, 2, w.seq);
	(void)sqlite3_bind_int64(w.s, 3, up);
	err = count_rows(&w, f->cap, &n);
	uint8_t *to = err ? NULL : list_room(&w, f, base, n);
	int64_t *idx = to && n ? facts_alloc(w.block, n * sizeof(*idx)) : NULL;
	n = idx ? n : 0;
	for (uint32_t i = 0; i < n && sqlite3_step(w.s) == SQLITE_ROW; i++) {
		idx[i] = sqlite3_column_int64(w.s, DB_CHILD_KEY - 1);
		w.at = DB_CHILD_KEY;
		get_columns(&w, f->of, to + (size_t)i * f->elem_size);
	}
	(void)sqlite3_reset(w.s);
	for (uint32_t i = 0; i < n && !err; i++)
		err = get_children(&w, table, f->of, to + (size_t)i * f->elem_size, idx[i]);
	field_set_uint(base + f->count_offset, f->count_size, n);
	return err;
}

static int get_children(struct row *w, uint32_t table, const struct fields *of, uint8_t *base,
			int64_t up)
{
	int err = 0;

	for (uint32_t i = 0; i < of->n && !err; i++) {
		const struct field *f = &of->f[i];
		uint8_t *to = base + f->offset;
		if (f->kind == FIELD_POINTER)
			memcpy(&to, base + f->offset, sizeof(to));
		if (dbtable_is_inline(f) && to)
			err = get_children(w, table, f->of, to, up);
		else if (dbtable_is_list(f))
			err = get_list(w, dbtable_child(&w->r->tables, table, f), f, base, up);
	}
	return err;
}

/* --- the file ------------------------------------------------------------------------------- */

int dbread_open(struct dbread *r, const char *path)
{
	*r = (struct dbread){0};
	dbtable_list(&r->tables);
	return dbfile_open(path, false, &r->db, r->why);
}

void dbread_close(struct dbread *r)
{
	for (uint32_t i = 0; i < DB_TABLES_MAX; i++)
		sqlite3_finalize(r->selects[i]);
	(void)sqlite3_close(r->db);
	*r = (struct dbread){0};
}

int dbread_start(struct dbread *r, enum db_root root, int64_t scan)
{
	int err = prepare(r, root);

	if (err)
		return err;
	(void)sqlite3_reset(r->selects[root]);
	(void)sqlite3_bind_int64(r->selects[root], 1, scan);
	return 0;
}

int dbread_next(struct dbread *r, enum db_root root, struct facts *block, struct db_key *ret_key,
		void *ret)
{
	struct row w = {.r = r, .block = block, .s = r->selects[root], .at = DB_ROOT_KEY};
	int rc = sqlite3_step(w.s);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : dbfile_error(r->db, rc, r->why);
	w.scan = sqlite3_column_int64(w.s, 0);
	w.seq = sqlite3_column_int64(w.s, 1);
	*ret_key = (struct db_key){.seq = (uint64_t)w.seq,
				   .host = (uint64_t)sqlite3_column_int64(w.s, 2),
				   .has_host = sqlite3_column_type(w.s, 2) != SQLITE_NULL};
	get_columns(&w, r->tables.t[root].of, ret);
	int err = get_children(&w, root, r->tables.t[root].of, ret, 0);
	return err ? err : 1;
}
