/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of JSON lines for jsonread.c: one line after another from a window that grows to the
 * longest line and no further.
 */
#include "base/mem.h"
#include "event/jsonread_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16 };

struct jsonread *jsonread_new(void)
{
	struct jsonread *r = mem_alloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = -1;
	buf_init(&r->bytes, (size_t)JSONREAD_LINE_MAX + 2 * (size_t)READ_BYTES);
	return r;
}

static void close_file(struct jsonread *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->line = 0;
	r->pos = 0;
	r->is_end = r->is_cut = false;
	buf_reset(&r->bytes);
}

void jsonread_free(struct jsonread *r)
{
	if (!r)
		return;
	close_file(r);
	json_decref(r->root);
	facts_free(r->block);
	buf_fini(&r->bytes);
	mem_free(r);
}

int jsonread_open(struct jsonread *r, const char *path)
{
	close_file(r);
	r->path = path;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	return r->fd < 0 ? -errno : 0;
}

bool jsonread_is_cut(const struct jsonread *r)
{
	return r->is_cut;
}

/** More bytes behind those that wait. @return 0 or -errno. */
static int fill(struct jsonread *r)
{
	struct buf *b = &r->bytes;
	ssize_t n;

	if (r->pos) {
		memmove(b->p, b->p + r->pos, b->len - r->pos);
		b->len -= r->pos;
		r->pos = 0;
	}
	uint8_t *at = buf_reserve(b, READ_BYTES);
	if (!at)
		return b->error;
	do
		n = read(r->fd, at, READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->is_end = n == 0;
	buf_advance(b, (size_t)n);
	return 0;
}

int jsonlines_next(struct jsonread *r, struct bytes *ret)
{
	size_t seen = 0;

	for (;;) {
		const uint8_t *from = r->bytes.p + r->pos;
		size_t have = r->bytes.len - r->pos;
		const uint8_t *end = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
		if (!end && !r->is_end) {
			if (have > JSONREAD_LINE_MAX)
				return -E_FULL;
			seen = have;
			int err = fill(r);
			if (err)
				return err;
			continue;
		}
		if (!have)
			return 0;
		*ret = (struct bytes){.p = from, .len = end ? (size_t)(end - from) : have};
		r->pos += ret->len + (end != NULL);
		r->line++;
		seen = 0;
		if (ret->len)
			return end ? 1 : 2;
	}
}

int jsonlines_judge(struct jsonread *r, int n, int err, struct err_where *reterr)
{
	if (n <= 0)
		return n == -E_FULL ? err_at(reterr, n, r->path, strlen(r->path), 0,
					     "a line is too long to be a record")
				    : n;
	if (!err)
		return 1;
	if (n == 2 && err == -E_SYNTAX) {
		r->is_cut = true;
		return 0;
	}
	if (reterr && err != -ENOMEM) {
		snprintf(reterr->file, sizeof(reterr->file), "%s", r->path);
		reterr->line = r->line;
	}
	return err;
}

int jsonread_next(struct jsonread *r, struct json_record *ret, struct err_where *reterr)
{
	struct bytes line;
	int n = jsonlines_next(r, &line);
	int err = n > 0 ? jsonread_line(r, (const char *)line.p, line.len, ret, reterr) : 0;

	return jsonlines_judge(r, n, err, reterr);
}
