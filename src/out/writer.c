/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that writes files: a list of blocks of bytes with the descriptor each is for. The
 * buffers that sinks fill change hands, nothing is copied.
 */
#include "out/writer.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

/* A reader that takes nothing for so long is gone; the scan must not hang on it. */
#define STALL_MS 5000

struct job {
	struct job *next;
	struct writer_lane *lane;
	struct buf bytes;
};

struct writer {
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work, done;
	struct job *first, **last;
	uint64_t n_waiting_bytes;
	bool is_busy, is_over;
};

/* --- writing -------------------------------------------------------------------------- */

static bool wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int n;

	do
		n = poll(&p, 1, STALL_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static int write_all(struct writer_lane *l, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(l->fd, p, len);

		if (n >= 0) {
			l->n_writes++;
			l->n_bytes += (uint64_t)n;
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (!wait_writable(l->fd))
				return -ETIMEDOUT;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

void writer_write(struct writer_lane *l, const void *p, size_t len)
{
	if (!atomic_load(&l->error))
		atomic_store(&l->error, write_all(l, p, len));
}

/* --- the thread ------------------------------------------------------------------------- */

/** Called and left with the lock held, which writing does not need. */
static void do_first(struct writer *w)
{
	struct job *j = w->first;

	w->first = j->next;
	if (!w->first)
		w->last = &w->first;
	w->is_busy = true;
	pthread_mutex_unlock(&w->lock);
	size_t len = j->bytes.len;
	writer_write(j->lane, j->bytes.p, len);
	buf_fini(&j->bytes);
	mem_free(j);
	pthread_mutex_lock(&w->lock);
	w->n_waiting_bytes -= len;
	w->is_busy = false;
	pthread_cond_signal(&w->done);
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;

	(void)pthread_setname_np(pthread_self(), "prtip-files");
	pthread_mutex_lock(&w->lock);
	while (w->first || !w->is_over) {
		if (w->first)
			do_first(w);
		else
			pthread_cond_wait(&w->work, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* --- the owner ----------------------------------------------------------------------------- */

/** Everything of the lane before it has been written. */
static void write_here(struct writer *w, struct writer_lane *l, struct buf *b)
{
	writer_wait(w);
	writer_write(l, b->p, b->len);
	buf_reset(b);
}

void writer_put(struct writer *w, struct writer_lane *l, struct buf *b)
{
	struct job *j = mem_alloc(1, sizeof(*j));

	if (!w->has_thread)
		w->has_thread = pthread_create(&w->thread, NULL, writer_main, w) == 0;
	if (!j || !w->has_thread) {
		mem_free(j);
		write_here(w, l, b);
		return;
	}
	*j = (struct job){.lane = l, .bytes = *b};
	buf_init(b, j->bytes.max);
	pthread_mutex_lock(&w->lock);
	while (w->n_waiting_bytes > WRITER_WAITING_MAX_BYTES)
		pthread_cond_wait(&w->done, &w->lock);
	*w->last = j;
	w->last = &j->next;
	w->n_waiting_bytes += j->bytes.len;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

void writer_wait(struct writer *w)
{
	if (!w->has_thread)
		return;
	pthread_mutex_lock(&w->lock);
	while (w->first || w->is_busy)
		pthread_cond_wait(&w->done, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

struct writer *writer_new(void)
{
	struct writer *w = mem_alloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->done, NULL);
	return w;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->is_over = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->done);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	mem_free(w);
}
