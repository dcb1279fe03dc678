/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event log's queue. The bus's thread copies the told part of each event into a chunk; full
 * chunks go to the log's thread under a lock that is taken once in 150 events. What an event
 * merely borrows for the time of its publication (texts of services, certificates) is turned into
 * its line at once; such events are few. Memory follows what waits: chunks come when they are
 * needed, up to a ceiling. A scan that is over before a few chunks are full never starts the
 * thread.
 */
#include "out/eventlog.h"

#include "base/mem.h"
#include "out/logfile.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
	CHUNK_BYTES = 16 << 10,
	CHUNKS_TO_WAKE = 16, /* a thread repays itself from some 1,700 ports on */
	CHUNKS_KEPT = 24,    /* free ones that are not given back */
	NICE = 10, /* where cores are short, the scan goes first; a tenth of one will do */
	LINE_MAX_BYTES = 32 << 20
};

/** One event in a chunk, its told part or its line behind it. */
struct record {
	uint64_t seq, time_ns, host_idx;
	uint32_t len;
	uint16_t kind;
	bool is_line;
};

struct chunk {
	struct chunk *next;
	size_t len, cap;
	bool wants_flush;
	uint8_t bytes[];
};

struct eventlog {
	struct eventlog_conf conf;
	struct chunk *open; /* being filled; NULL: none */
	struct eventjson json;
	struct buf line;
	uint64_t n_dropped[EVENT_N], n_dropped_all;
	bool has_thread;
	pthread_t thread;
	struct logfile file; /* the thread's while there is one */

	pthread_mutex_t lock;        /* of all below */
	pthread_cond_t wake, idle;   /* the thread has work; it has none */
	struct chunk *first, **last; /* full ones */
	struct chunk *free;
	uint32_t n_full, n_free;
	uint64_t n_bytes; /* of all chunks */
	bool is_over, is_busy;
};

/* --- chunks ----------------------------------------------------------------------------- */

/** @return NULL at the ceiling or without memory. Under the lock. */
static struct chunk *chunk_take(struct eventlog *log, size_t cap)
{
	struct chunk *c = cap == CHUNK_BYTES ? log->free : NULL;

	if (c) {
		log->free = c->next;
		log->n_free--;
	} else {
		if (log->n_bytes + cap > log->conf.queue_max_bytes)
			return NULL;
		c = mem_alloc_plain(1, (sizeof(*c) + cap + MEM_LINE_BYTES - 1) / MEM_LINE_BYTES *
					       MEM_LINE_BYTES);
		if (!c)
			return NULL;
		log->n_bytes += cap;
	}
	*c = (struct chunk){.cap = cap};
	return c;
}

/** Under the lock. */
static void chunk_give(struct eventlog *log, struct chunk *c)
{
	if (c->cap == CHUNK_BYTES && log->n_free < CHUNKS_KEPT) {
		c->next = log->free;
		log->free = c;
		log->n_free++;
		return;
	}
	log->n_bytes -= c->cap;
	mem_free(c);
}

static void chunks_free(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;
		mem_free(c);
		c = next;
	}
}

/* --- from the queue to the file ------------------------------------------------------------- */

static void write_record(struct logfile *f, const struct record *r, const uint8_t *p)
{
	const struct bytes line = {.p = p, .len = r->len};
	struct event ev;

	ev.seq = r->seq;
	ev.time_ns = r->time_ns;
	ev.host_idx = r->host_idx;
	ev.kind = r->kind;
	if (!r->is_line)
		memcpy((uint8_t *)&ev + event_specs[r->kind].offset, p, r->len);
	logfile_put(f, &ev, r->is_line ? &line : NULL);
}

static size_t record_room(size_t len)
{
	return sizeof(struct record) + (len + 7) / 8 * 8;
}

static void write_chunk(struct logfile *f, const struct chunk *c)
{
	struct record r;

	for (size_t at = 0; at < c->len; at += record_room(r.len)) {
		memcpy(&r, c->bytes + at, sizeof(r));
		write_record(f, &r, c->bytes + at + sizeof(r));
	}
	if (c->wants_flush)
		logfile_flush(f);
}

/** Everything that is full. Called and left with the lock held, which writing does not need. */
static void drain(struct eventlog *log)
{
	while (log->first) {
		struct chunk *c = log->first;
		log->first = c->next;
		if (!log->first)
			log->last = &log->first;
		log->n_full--;
		pthread_mutex_unlock(&log->lock);
		write_chunk(&log->file, c);
		pthread_mutex_lock(&log->lock);
		chunk_give(log, c);
	}
}

static void *log_main(void *arg)
{
	struct eventlog *log = arg;

	(void)pthread_setname_np(pthread_self(), "prtip-log");
	(void)setpriority(PRIO_PROCESS, 0, NICE); /* of this thread: setpriority(2) */
	pthread_mutex_lock(&log->lock);
	while (!log->is_over || log->first) {
		log->is_busy = true;
		drain(log);
		log->is_busy = false;
		pthread_cond_signal(&log->idle);
		if (!log->is_over)
			pthread_cond_wait(&log->wake, &log->lock);
	}
	pthread_mutex_unlock(&log->lock);
	return NULL;
}

/* --- from the bus to the queue ---------------------------------------------------------------- */

/** The open chunk is full: hand it over. */
static void pass_on(struct eventlog *log, bool wants_flush)
{
	struct chunk *c = log->open;

	if (!c)
		return;
	log->open = NULL;
	c->wants_flush = wants_flush;
	pthread_mutex_lock(&log->lock);
	*log->last = c;
	log->last = &c->next;
	bool is_due = ++log->n_full >= CHUNKS_TO_WAKE || wants_flush;
	if (is_due && log->has_thread)
		pthread_cond_signal(&log->wake);
	pthread_mutex_unlock(&log->lock);
	if (is_due && !log->has_thread)
		log->has_thread = pthread_create(&log->thread, NULL, log_main, log) == 0;
	if (is_due && !log->has_thread) { /* none to be had: here, then */
		pthread_mutex_lock(&log->lock);
		drain(log);
		pthread_mutex_unlock(&log->lock);
	}
}

/** @return room for @p len bytes of a record, or NULL: it must be dropped. */
static uint8_t *room_for(struct eventlog *log, size_t len)
{
	if (log->open && log->open->cap - log->open->len < len)
		pass_on(log, false);
	if (!log->open) {
		pthread_mutex_lock(&log->lock);
		log->open = chunk_take(log, MAX(len, (size_t)CHUNK_BYTES));
		pthread_mutex_unlock(&log->lock);
	}
	if (!log->open)
		return NULL;
	uint8_t *at = log->open->bytes + log->open->len;
	log->open->len += len;
	return at;
}

static void on_event(void *ctx, const struct event *ev)
{
	struct eventlog *log = ctx;
	const struct event_spec *spec = &event_specs[ev->kind];
	struct record r = {.seq = ev->seq,
			   .time_ns = ev->time_ns,
			   .host_idx = ev->host_idx,
			   .len = spec->len,
			   .kind = (uint16_t)ev->kind,
			   .is_line = spec->is_lent};
	const uint8_t *told = (const uint8_t *)ev + spec->offset;

	if (spec->is_lent) {
		buf_reset(&log->line);
		eventjson_put(&log->json, &log->line, ev, log->conf.scan);
		told = log->line.p;
		r.len = (uint32_t)log->line.len;
	}
	uint8_t *at = log->line.error ? NULL : room_for(log, record_room(r.len));
	if (!at) {
		log->n_dropped[ev->kind]++;
		log->n_dropped_all++;
		return;
	}
	memcpy(at, &r, sizeof(r));
	if (r.len)
		memcpy(at + sizeof(r), told, r.len);
}

/* --- life ---------------------------------------------------------------------------------- */

int eventlog_open(const struct eventlog_conf *conf, struct eventlog **ret, struct err_where *reterr)
{
	struct eventlog *log = mem_alloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->conf = *conf;
	if (!log->conf.queue_max_bytes)
		log->conf.queue_max_bytes = EVENTLOG_QUEUE_MAX_BYTES;
	log->last = &log->first;
	buf_init(&log->line, LINE_MAX_BYTES);
	eventjson_init(&log->json, conf->scan->scan_id);
	int err = logfile_open(&log->file, conf->path, conf->scan, conf->file_max_bytes);
	if (err) {
		mem_free(log);
		return err_at(reterr, err, conf->path, strlen(conf->path), 1, "%s", err_text(err));
	}
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->wake, NULL);
	pthread_cond_init(&log->idle, NULL);
	*ret = log;
	return 0;
}

int eventlog_start(struct eventlog *log, struct bus *bus)
{
	uint32_t mask = 0;

	for (uint32_t k = 0; k < EVENT_N; k++)
		mask |= event_specs[k].is_logged ? EVENT_BIT(k) : 0;
	return bus_subscribe(bus, mask, on_event, log);
}

void eventlog_flush(struct eventlog *log)
{
	if (log)
		pass_on(log, true);
}

void eventlog_sync(struct eventlog *log)
{
	struct timespec until;
	int err = 0;

	if (!log)
		return;
	pass_on(log, true);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&log->lock);
	while ((log->first || log->is_busy) && !err)
		err = pthread_cond_timedwait(&log->idle, &log->lock, &until);
	pthread_mutex_unlock(&log->lock);
}

uint64_t eventlog_n_dropped(const struct eventlog *log)
{
	return log ? log->n_dropped_all : 0;
}

/** Nothing waits any more, and there is no thread. */
static void settle(struct eventlog *log)
{
	struct chunk *c = log->open;

	pthread_mutex_lock(&log->lock);
	if (c) {
		*log->last = c;
		log->last = &c->next;
		log->n_full++;
	}
	log->open = NULL;
	log->is_over = true;
	if (!log->has_thread)
		drain(log);
	pthread_cond_signal(&log->wake);
	pthread_mutex_unlock(&log->lock);
	if (log->has_thread)
		pthread_join(log->thread, NULL);
}

static void add_totals(const struct eventlog *log, struct eventlog_totals *ret)
{
	const struct logfile *f = &log->file;

	*ret = (struct eventlog_totals){.n_dropped = log->n_dropped_all,
					.n_bytes = f->total_bytes,
					.n_files = f->part + 1,
					.n_writes = f->n_writes};
	for (uint32_t k = 0; k < EVENT_N; k++) {
		ret->n_written += f->n_written[k];
		ret->n_dropped += f->n_lost[k];
	}
}

int eventlog_close(struct eventlog *log, struct eventlog_totals *ret, struct err_where *reterr)
{
	int err;

	if (!log)
		return 0;
	settle(log);
	err = logfile_close(&log->file, log->n_dropped);
	if (err)
		(void)err_at(reterr, err, log->conf.path, strlen(log->conf.path), 1, "%s",
			     err_text(err));
	if (ret)
		add_totals(log, ret);
	chunks_free(log->free);
	pthread_cond_destroy(&log->wake);
	pthread_cond_destroy(&log->idle);
	pthread_mutex_destroy(&log->lock);
	buf_fini(&log->line);
	mem_free(log);
	return err;
}
