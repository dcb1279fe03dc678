/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal's file. The coordinator collects events of a few milliseconds into one frame and
 * gives it to write(2); from then on only the machine's death can lose it. fdatasync runs on a
 * thread of its own, since it may take longer than the scan can wait. Reading looks through all
 * frames first, to know where the last whole one ends, and then hands out events frame by frame,
 * so memory does not depend on the file's length. Source: the write-ahead log of many databases.
 */
#include "engine/journal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_FULL = 64 << 10, WINDOW = 2 * (JOURNAL_FRAME_MAX + JOURNAL_FRAME_HEAD) };

struct journal {
	int fd, error;
	struct journal_head head;
	const char **words;
	uint8_t *head_bytes; /* what head and words point into */
	struct journal_stamp stamp;
	/* reading: window holds the file from off on */
	uint8_t *window;
	size_t len, pos;
	uint64_t off, end, n_cut; /* end: of the last whole frame */
	struct cursor body;
	struct bytes line; /* of the last event */
	bool is_complete;
	/* writing */
	struct buf out; /* events of the frame under way, without head and stamp */
	struct buf frame;
	/* the thread that syncs */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool has_thread, is_closing, is_dirty; /* under lock */
};

/* --- file ------------------------------------------------------------------------- */

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int open_locked(const char *path, int flags)
{
	int fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return err;
	}
	return fd;
}

static struct journal *journal_new(int fd)
{
	struct journal *j = mem_alloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->fd = fd;
	buf_init(&j->out, JOURNAL_FRAME_MAX / 2);
	buf_init(&j->frame, JOURNAL_FRAME_MAX + JOURNAL_FRAME_HEAD + JOURNAL_MAGIC_LEN);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->wake, NULL);
	return j;
}

/* --- syncing ------------------------------------------------------------------------ */

static void *sync_main(void *arg)
{
	struct journal *j = arg;
	struct timespec until;

	(void)pthread_setname_np(pthread_self(), "prtip-journal");
	pthread_mutex_lock(&j->lock);
	while (!j->is_closing) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += JOURNAL_SYNC_MS / 1000;
		until.tv_nsec += JOURNAL_SYNC_MS % 1000 * (long)NS_PER_MS;
		(void)pthread_cond_timedwait(&j->wake, &j->lock, &until);
		if (!j->is_dirty)
			continue;
		j->is_dirty = false;
		pthread_mutex_unlock(&j->lock);
		(void)fdatasync(j->fd);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static int sync_start(struct journal *j)
{
	int err = -pthread_create(&j->thread, NULL, sync_main, j);

	j->has_thread = !err;
	return err;
}

static void sync_stop(struct journal *j)
{
	if (!j->has_thread)
		return;
	pthread_mutex_lock(&j->lock);
	j->is_closing = true;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	j->has_thread = false;
}

/* --- writing -------------------------------------------------------------------------- */

/** Give the bytes of j->frame to the kernel. */
static int put_frame(struct journal *j)
{
	if (!j->error && j->frame.error)
		j->error = j->frame.error;
	if (!j->error)
		j->error = write_all(j->fd, j->frame.p, j->frame.len);
	buf_reset(&j->frame);
	pthread_mutex_lock(&j->lock);
	j->is_dirty = true;
	pthread_mutex_unlock(&j->lock);
	return j->error;
}

int journal_create(const char *path, const struct journal_head *h, struct journal **ret)
{
	struct stat st;
	int fd = open_locked(path, O_CREAT), err = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_size > 0)
		err = -EEXIST;
	struct journal *j = err ? NULL : journal_new(fd);
	if (!j) {
		close(fd);
		return err ? err : -ENOMEM;
	}
	jrecord_put_magic(&j->frame);
	size_t start = jrecord_begin(&j->frame, JOURNAL_HEAD);
	jrecord_put_head(&j->frame, h);
	jrecord_seal(&j->frame, start);
	err = put_frame(j);
	if (err) {
		journal_close(j);
		return err;
	}
	*ret = j;
	return 0;
}

void journal_put(struct journal *j, const struct event *ev)
{
	if (!jrecord_keeps(ev->kind) || (ev->kind == EVENT_HOST_SCANNED && ev->done.is_partial))
		return;
	jrecord_put_event(&j->out, ev);
	if (j->out.len >= FRAME_FULL)
		(void)journal_flush(j, &j->stamp);
}

void journal_put_line(struct journal *j, enum event_kind kind, struct bytes line)
{
	if (line.len > JOURNAL_LINE_MAX)
		return;
	jrecord_put_line(&j->out, kind, line);
	if (j->out.len >= FRAME_FULL)
		(void)journal_flush(j, &j->stamp);
}

int journal_flush(struct journal *j, const struct journal_stamp *s)
{
	j->stamp = *s;
	if (j->error || !j->out.len)
		return j->error;
	if (j->out.error)
		return j->error = j->out.error;
	size_t start = jrecord_begin(&j->frame, JOURNAL_EVENTS);
	jrecord_put_stamp(&j->frame, s);
	buf_put(&j->frame, j->out.p, j->out.len);
	jrecord_seal(&j->frame, start);
	buf_reset(&j->out);
	return put_frame(j);
}

int journal_complete(struct journal *j)
{
	int err = journal_flush(j, &j->stamp);

	if (err)
		return err;
	jrecord_seal(&j->frame, jrecord_begin(&j->frame, JOURNAL_END));
	return put_frame(j);
}

int journal_close(struct journal *j)
{
	if (!j)
		return 0;
	bool has_written = j->has_thread;
	sync_stop(j);
	if (has_written && !j->error && fdatasync(j->fd) < 0 && errno != EINVAL && errno != EROFS)
		j->error = -errno; /* EINVAL: a pipe or device that cannot sync */
	int err = j->error;
	close(j->fd);
	buf_fini(&j->out);
	buf_fini(&j->frame);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->wake);
	mem_free(j->window);
	mem_free(j->head_bytes);
	mem_free(j->words);
	mem_free(j);
	return err;
}

/* --- reading -------------------------------------------------------------------------- */

/** More of the file behind what the window holds. @return bytes, 0 at the end, -errno. */
static int window_fill(struct journal *j)
{
	memmove(j->window, j->window + j->pos, j->len - j->pos);
	j->len -= j->pos;
	j->off += j->pos;
	j->pos = 0;
	ssize_t n;
	do
		n = pread(j->fd, j->window + j->len, WINDOW - j->len, (off_t)(j->off + j->len));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	j->len += (size_t)n;
	return (int)n;
}

/** The next whole frame. @return 1; 0: none follows; -errno. */
static int next_frame(struct journal *j, enum journal_frame *ret_kind, struct cursor *ret_body)
{
	for (;;) {
		int n = jrecord_frame(j->window + j->pos, j->len - j->pos, ret_kind, ret_body);
		if (n > 0) {
			j->pos += (size_t)n;
			return 1;
		}
		if (n < 0)
			return 0;
		n = window_fill(j);
		if (n <= 0)
			return n;
	}
}

static void rewind_to(struct journal *j, uint64_t off)
{
	j->off = off;
	j->len = j->pos = 0;
}

/** Copy the head: its frame's bytes will leave the window. */
static int keep_head(struct journal *j, const struct cursor *body)
{
	j->words = mem_alloc(JOURNAL_WORDS_MAX, sizeof(*j->words));
	j->head_bytes = mem_alloc(body->len, 1);
	if (!j->words || !j->head_bytes)
		return -ENOMEM;
	memcpy(j->head_bytes, body->p, body->len);
	struct cursor c = cursor_of(j->head_bytes, body->len);
	return jrecord_get_head(&c, &j->head, j->words, JOURNAL_WORDS_MAX);
}

static int read_head(struct journal *j)
{
	enum journal_frame kind;
	struct cursor body;
	int n = window_fill(j);

	if (n < 0)
		return n;
	if (j->len < JOURNAL_MAGIC_LEN)
		return -E_SYNTAX;
	int err = jrecord_check_magic(j->window);
	if (err)
		return err;
	j->pos = JOURNAL_MAGIC_LEN;
	n = next_frame(j, &kind, &body);
	if (n <= 0)
		return n < 0 ? n : -E_SYNTAX;
	return kind == JOURNAL_HEAD ? keep_head(j, &body) : -E_SYNTAX;
}

/** Walk to the last whole frame. */
static int survey(struct journal *j)
{
	enum journal_frame kind;
	struct cursor body;
	struct stat st;
	uint64_t first = j->off + j->pos;
	int n;

	j->end = first;
	while ((n = next_frame(j, &kind, &body)) > 0) {
		j->end = j->off + j->pos;
		j->is_complete = kind == JOURNAL_END;
	}
	if (n < 0 || fstat(j->fd, &st) < 0)
		return n < 0 ? n : -errno;
	j->n_cut = (uint64_t)st.st_size - j->end;
	rewind_to(j, first);
	return 0;
}

int journal_open(const char *path, struct journal **ret)
{
	int fd = open_locked(path, 0);

	if (fd < 0)
		return fd;
	struct journal *j = journal_new(fd);
	if (!j) {
		close(fd);
		return -ENOMEM;
	}
	j->window = mem_alloc(WINDOW, 1);
	int err = j->window ? read_head(j) : -ENOMEM;
	if (!err)
		err = survey(j);
	if (err) {
		journal_close(j);
		return err;
	}
	*ret = j;
	return 0;
}

const struct journal_head *journal_head(const struct journal *j)
{
	return &j->head;
}

bool journal_is_complete(const struct journal *j)
{
	return j->is_complete;
}

uint64_t journal_n_cut(const struct journal *j)
{
	return j->n_cut;
}

const struct journal_stamp *journal_stamp(const struct journal *j)
{
	return &j->stamp;
}

int journal_next(struct journal *j, struct event *ret)
{
	enum journal_frame kind;

	for (;;) {
		int n = jrecord_get_event(&j->body, ret, &j->line);
		if (n) {
			ret->time_ns = j->stamp.time_ns;
			return n;
		}
		if (j->off + j->pos >= j->end)
			return 0;
		n = next_frame(j, &kind, &j->body);
		if (n <= 0)
			return n < 0 ? n : -E_SYNTAX;
		if (kind != JOURNAL_EVENTS || jrecord_get_stamp(&j->body, &j->stamp) < 0)
			return -E_SYNTAX;
	}
}

struct bytes journal_line(const struct journal *j)
{
	return j->line;
}

int journal_append(struct journal *j)
{
	bool was_read = j->window != NULL;

	mem_free(j->window);
	j->window = NULL;
	if (was_read &&
	    (ftruncate(j->fd, (off_t)j->end) < 0 || lseek(j->fd, (off_t)j->end, SEEK_SET) < 0))
		return -errno;
	return sync_start(j);
}
