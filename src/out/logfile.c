/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of an event log. Each begins with a header and ends with a footer that names the next one,
 * so a reader knows whether a log is whole, and where it goes on. A record counts as written when
 * the kernel has it; a write error makes lost of all that follows.
 */
#include "out/logfile.h"

#include "base/clock.h"
#include "base/mem.h"
#include "out/text.h"
#include "out/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	SPILL_BYTES = 64 << 10,   /* memory touched once costs more than the calls saved */
	RECORD_BYTES = 4 << 10,   /* few are longer */
	TEXT_MAX_BYTES = 64 << 20 /* the longest record is far below */
};

/* --- writing -------------------------------------------------------------------------- */

static int write_all(struct logfile *f, const uint8_t *p, size_t len)
{
	struct writer_lane l = {.fd = f->fd};

	writer_write(&l, p, len);
	f->n_writes += l.n_writes;
	f->file_bytes += l.n_bytes;
	f->total_bytes += l.n_bytes;
	return atomic_load(&l.error);
}

void logfile_flush(struct logfile *f)
{
	if (!f->error)
		f->error = f->text.error;
	if (!f->error)
		f->error = write_all(f, f->text.p, f->text.len);
	for (uint32_t k = 0; k < EVENT_N; k++) {
		*(f->error ? &f->n_lost[k] : &f->n_written[k]) += f->n_waiting[k];
		f->n_waiting[k] = 0;
	}
	buf_reset(&f->text);
}

/* --- ends ------------------------------------------------------------------------------- */

static void put_header(struct logfile *f)
{
	eventjson_begin(&f->json, &f->text, f->last_seq, clock_wall_ns(), "header");
	buf_printf(&f->text, ",\"part\":%u,\"version\":", f->part);
	text_put_json(&f->text, f->scan->version);
	text_lit(&f->text, "}\n");
}

static void put_counts(struct buf *b, const char *name, const uint64_t n[EVENT_N],
		       const uint64_t more[EVENT_N])
{
	const char *comma = "";

	buf_printf(b, ",\"%s\":{", name);
	for (uint32_t k = 0; k < EVENT_N; k++) {
		uint64_t sum = n[k] + (more ? more[k] : 0);
		if (!sum)
			continue;
		buf_printf(b, "%s\"%s\":%llu", comma, event_specs[k].name, (unsigned long long)sum);
		comma = ",";
	}
	buf_putc(b, '}');
}

static char *part_path(const struct logfile *f, uint32_t part)
{
	char digits[16];
	size_t cap = strlen(f->path) + sizeof(digits);
	char *path = mem_alloc(cap, 1);

	if (path)
		snprintf(path, cap, part ? "%s.%u" : "%s", f->path, part);
	return path;
}

/** @param next NULL: the last one. */
static void put_footer(struct logfile *f, const char *next, const uint64_t *n_dropped)
{
	const char *base = next ? strrchr(next, '/') : NULL;

	logfile_flush(f); /* so that the counts are of what stands above */
	eventjson_begin(&f->json, &f->text, f->last_seq, clock_wall_ns(), "footer");
	buf_printf(&f->text, ",\"part\":%u,\"next\":", f->part);
	text_put_json(&f->text, base ? base + 1 : next);
	put_counts(&f->text, "written", f->n_written, NULL);
	put_counts(&f->text, "dropped", f->n_lost, n_dropped);
	text_lit(&f->text, "}\n");
	logfile_flush(f);
}

/* --- files -------------------------------------------------------------------------------- */

static int open_part(struct logfile *f, const char *path)
{
	f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return -errno;
	f->file_bytes = 0;
	/* a fifo whose reader sleeps must not hold the thread for ever */
	(void)fcntl(f->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static int close_part(struct logfile *f)
{
	int err = f->fd >= 0 && close(f->fd) < 0 ? -errno : 0;

	f->fd = -1;
	return err;
}

int logfile_open(struct logfile *f, const char *path, const struct scan_info *scan,
		 uint64_t max_bytes)
{
	*f = (struct logfile){.scan = scan, .max_bytes = max_bytes, .fd = -1};
	eventjson_init(&f->json, scan->scan_id);
	buf_init(&f->text, TEXT_MAX_BYTES);
	f->path = mem_strdup(path);
	int err = f->path ? open_part(f, path) : -ENOMEM;
	if (err)
		mem_free(f->path);
	else
		put_header(f);
	return err;
}

static void rotate(struct logfile *f)
{
	char *next = part_path(f, f->part + 1);

	if (!next) {
		f->error = -ENOMEM;
		return;
	}
	put_footer(f, next, NULL);
	int err = close_part(f);
	if (!err)
		err = open_part(f, next);
	if (!f->error)
		f->error = err;
	mem_free(next);
	f->part++;
	put_header(f);
}

void logfile_put(struct logfile *f, const struct event *ev, const struct bytes *line)
{
	if (f->max_bytes && !f->error && f->file_bytes + f->text.len >= f->max_bytes)
		rotate(f);
	if (f->error) {
		f->n_lost[ev->kind]++;
		return;
	}
	if (unlikely(f->text.cap < SPILL_BYTES)) /* once: growing would copy it eight times */
		(void)buf_reserve(&f->text, SPILL_BYTES + RECORD_BYTES);
	if (line)
		buf_put(&f->text, line->p, line->len);
	else
		eventjson_put(&f->json, &f->text, ev, f->scan);
	f->n_waiting[ev->kind]++;
	f->last_seq = ev->seq;
	if (f->text.len >= SPILL_BYTES)
		logfile_flush(f);
}

int logfile_close(struct logfile *f, const uint64_t n_dropped[EVENT_N])
{
	logfile_flush(f);
	if (!f->error)
		put_footer(f, NULL, n_dropped);
	int err = close_part(f);
	buf_fini(&f->text);
	mem_free(f->path);
	return f->error ? f->error : err;
}
