/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The writer's half of the database: everything that waits becomes one transaction of prepared
 * inserts. A transaction is short, so several scans can write into one file by turns.
 */
#include "out/dbwriter.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	size_t len;
	uint8_t rows[];
};

struct dbwriter {
	sqlite3 *db;
	struct db_tables tables;
	sqlite3_stmt *inserts[DB_TABLES_MAX];
	int64_t scan;
	uint64_t n_lost; /* owner */
	pthread_t thread;
	bool is_started;
	_Atomic int error;
	char why[DB_WHY_CAP]; /* written once, before error */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t has_more;
	struct chunk *first, *last;
	size_t waiting_bytes, max_bytes;
	bool is_ending;
};

static int prepare(struct dbwriter *w, char *why)
{
	struct buf b;
	int err = 0;

	buf_init(&b, 1 << 16);
	for (uint32_t i = 0; i < w->tables.n && !err; i++) {
		buf_reset(&b);
		dbtable_put_insert(&w->tables, i, &b);
		int rc = sqlite3_prepare_v3(w->db, buf_text(&b), -1, SQLITE_PREPARE_PERSISTENT,
					    &w->inserts[i], NULL);
		if (rc != SQLITE_OK)
			err = dbfile_error(w->db, rc, why);
	}
	buf_fini(&b);
	return err;
}

static void free_writer(struct dbwriter *w)
{
	for (uint32_t i = 0; i < w->tables.n; i++)
		sqlite3_finalize(w->inserts[i]);
	(void)sqlite3_close(w->db);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->has_more);
	mem_free(w);
}

int dbwriter_open(const char *path, size_t max_bytes, struct dbwriter **ret, char why[DB_WHY_CAP])
{
	struct dbwriter *w = mem_alloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->has_more, NULL);
	w->max_bytes = max_bytes;
	dbtable_list(&w->tables);
	int err = dbfile_open(path, true, &w->db, why);
	if (!err)
		err = prepare(w, why);
	if (err) {
		free_writer(w);
		return err;
	}
	*ret = w;
	return 0;
}

/* --- rows -------------------------------------------------------------------------------- */

static void bind(sqlite3_stmt *s, int at, const struct db_value *v)
{
	switch (v->kind) {
	case DB_INT:
		(void)sqlite3_bind_int64(s, at, v->i);
		break;
	case DB_REAL:
		(void)sqlite3_bind_double(s, at, v->real);
		break;
	case DB_TEXT:
		(void)sqlite3_bind_text(s, at, v->p, (int)v->len, SQLITE_STATIC);
		break;
	case DB_BLOB:
		(void)sqlite3_bind_blob(s, at, v->p, (int)v->len, SQLITE_STATIC);
		break;
	default:
		(void)sqlite3_bind_null(s, at);
	}
}

static int insert(struct dbwriter *w, struct cursor *c, uint32_t table, uint32_t n)
{
	sqlite3_stmt *s = w->inserts[table];
	struct db_value v;

	if (table == DB_SCANS)
		(void)sqlite3_bind_null(s, 1);
	else
		(void)sqlite3_bind_int64(s, 1, w->scan);
	for (uint32_t i = 0; i < n; i++) {
		dbput_next_value(c, &v);
		bind(s, (int)i + 2, &v);
	}
	int rc = sqlite3_step(s);
	(void)sqlite3_reset(s);
	if (table == DB_SCANS)
		w->scan = sqlite3_last_insert_rowid(w->db);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int insert_all(struct dbwriter *w, const uint8_t *rows, size_t len)
{
	struct cursor c = cursor_of(rows, len);
	uint32_t table, n;
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && dbput_next_row(&c, &table, &n))
		rc = insert(w, &c, table, n);
	return rc;
}

/** One transaction. @return 0 or -code; then nothing of it is in the file. */
static int write_chunks(struct dbwriter *w, const struct chunk *first, char *why)
{
	int rc = sqlite3_exec(w->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return dbfile_error(w->db, rc, why);
	for (const struct chunk *c = first; c && rc == SQLITE_OK; c = c->next)
		rc = insert_all(w, c->rows, c->len);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return 0;
	int err = dbfile_error(w->db, rc, why);
	(void)sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/* --- the thread ---------------------------------------------------------------------------- */

static void free_chunks(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;
		mem_free(c);
		c = next;
	}
}

/** Everything that waits; sleeps until there is some. @return NULL at the end. */
static struct chunk *take_chunks(struct dbwriter *w)
{
	(void)pthread_mutex_lock(&w->lock);
	while (!w->first && !w->is_ending)
		(void)pthread_cond_wait(&w->has_more, &w->lock);
	struct chunk *c = w->first;
	w->first = w->last = NULL;
	w->waiting_bytes = 0;
	(void)pthread_mutex_unlock(&w->lock);
	return c;
}

static void *writer(void *arg)
{
	struct dbwriter *w = arg;
	struct chunk *c;

	(void)pthread_setname_np(pthread_self(), "prtip-db");
	while ((c = take_chunks(w))) {
		int err = atomic_load(&w->error) ? 0 : write_chunks(w, c, w->why);
		if (err)
			atomic_store(&w->error, err);
		free_chunks(c);
	}
	return NULL;
}

static struct chunk *chunk_of(const struct buf *rows)
{
	struct chunk *c = mem_alloc(1, sizeof(*c) + rows->len);

	if (!c)
		return NULL;
	c->len = rows->len;
	memcpy(c->rows, rows->p, rows->len);
	return c;
}

int dbwriter_start(struct dbwriter *w, const struct buf *rows, char why[DB_WHY_CAP])
{
	struct chunk *c = rows->error ? NULL : chunk_of(rows);

	if (!c)
		return -ENOMEM;
	int err = write_chunks(w, c, why);
	mem_free(c);
	if (!err)
		err = -pthread_create(&w->thread, NULL, writer, w);
	w->is_started = !err;
	return err;
}

void dbwriter_give(struct dbwriter *w, const struct buf *rows, uint64_t n_events)
{
	struct chunk *c = rows->error || !w->is_started ? NULL : chunk_of(rows);

	(void)pthread_mutex_lock(&w->lock);
	bool has_room = c && w->waiting_bytes + c->len <= w->max_bytes;
	if (has_room) {
		*(w->last ? &w->last->next : &w->first) = c;
		w->last = c;
		w->waiting_bytes += c->len;
		(void)pthread_cond_signal(&w->has_more);
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (!has_room) {
		w->n_lost += n_events;
		mem_free(c);
	}
}

uint64_t dbwriter_n_lost(const struct dbwriter *w)
{
	return w->n_lost;
}

int dbwriter_error(struct dbwriter *w)
{
	return atomic_load(&w->error);
}

const struct db_tables *dbwriter_tables(const struct dbwriter *w)
{
	return &w->tables;
}

int dbwriter_close(struct dbwriter *w, char why[DB_WHY_CAP])
{
	if (!w)
		return 0;
	if (w->is_started) {
		(void)pthread_mutex_lock(&w->lock);
		w->is_ending = true;
		(void)pthread_cond_signal(&w->has_more);
		(void)pthread_mutex_unlock(&w->lock);
		(void)pthread_join(w->thread, NULL);
	}
	int err = atomic_load(&w->error);
	if (err)
		memcpy(why, w->why, DB_WHY_CAP);
	free_writer(w);
	return err;
}
