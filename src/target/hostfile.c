/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The hosts file is read once and kept as two sorted arrays, so that a hundred thousand reverse
 * lookups cost a binary search each instead of a pass over the file. Source: hosts(5).
 */
#include "target/hostfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct rows {
	struct hostfile_row *r;
	uint32_t n, cap;
};

static int rows_add(struct rows *rows, const struct addr *a, const char *name, bool is_canonical)
{
	if (rows->n == rows->cap) {
		uint32_t cap = rows->cap ? rows->cap * 2 : 32;
		struct hostfile_row *r = mem_resize(rows->r, cap, sizeof(*r));

		if (!r)
			return -ENOMEM;
		rows->r = r;
		rows->cap = cap;
	}
	rows->r[rows->n] = (struct hostfile_row){
		.addr = *a, .name = name, .order = rows->n, .is_canonical = is_canonical};
	rows->n++;
	return 0;
}

/* The next word of a NUL-terminated line, cut out in place and in lower case; NULL at the end or a
 * comment. */
static char *next_word(char **pos)
{
	char *s = *pos + strspn(*pos, " \t\r\f\v"), *start = s;

	if (!*s || *s == '#')
		return NULL;
	for (; *s && *s != '#' && !isspace((unsigned char)*s); s++)
		*s = (char)tolower((unsigned char)*s);
	*pos = s;
	if (*s == '#')
		*s = '\0';
	if (*s) {
		*s = '\0';
		*pos = s + 1;
	}
	return start;
}

static int parse_line(char *line, struct rows *rows)
{
	char *word = next_word(&line);
	bool is_first = true;
	struct addr a;
	int rc = 0;

	if (!word || addr_parse(word, strcspn(word, "%"), &a) < 0)
		return 0;
	while (rc == 0 && (word = next_word(&line)) != NULL) {
		rc = rows_add(rows, &a, word, is_first);
		is_first = false;
	}
	return rc;
}

static int by_name_cmp(const void *pa, const void *pb)
{
	const struct hostfile_row *a = pa, *b = pb;
	int d = strcmp(a->name, b->name);

	return d ? d : (a->order > b->order) - (a->order < b->order);
}

static int by_addr_cmp(const void *pa, const void *pb)
{
	const struct hostfile_row *a = pa, *b = pb;
	int d = addr_cmp(&a->addr, &b->addr);

	return d ? d : (a->order > b->order) - (a->order < b->order);
}

static int hostfile_index(struct hostfile *h, struct rows *rows)
{
	h->by_name = rows->r;
	h->n = rows->n;
	if (!h->n)
		return 0;
	h->by_addr = mem_alloc(h->n, sizeof(*h->by_addr));
	if (!h->by_addr)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->n; i++)
		if (rows->r[i].is_canonical)
			h->by_addr[h->n_by_addr++] = rows->r[i];
	qsort(h->by_name, h->n, sizeof(*h->by_name), by_name_cmp);
	qsort(h->by_addr, h->n_by_addr, sizeof(*h->by_addr), by_addr_cmp);
	return 0;
}

/* Takes @p text, len bytes and one more. */
static int hostfile_take(char *text, size_t len, struct hostfile *ret)
{
	struct hostfile h = {.text = text};
	struct rows rows = {.r = NULL};
	char *end = text + len;
	int rc = 0;

	*end = '\0';
	for (char *line = text; rc == 0 && line < end;) {
		char *stop = memchr(line, '\n', (size_t)(end - line));

		if (!stop)
			stop = end;
		*stop = '\0';
		rc = parse_line(line, &rows);
		line = stop + 1;
	}
	if (rc < 0)
		h.by_name = rows.r;
	else
		rc = hostfile_index(&h, &rows);
	if (rc < 0)
		hostfile_fini(&h);
	else
		*ret = h;
	return rc;
}

int hostfile_parse(const char *text, size_t len, struct hostfile *ret)
{
	char *copy;

	if (len > HOSTFILE_BYTES_MAX)
		return -E_FULL;
	copy = mem_alloc(len + 1, 1);
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, text, len);
	return hostfile_take(copy, len, ret);
}

/* Read to the end, one byte of room kept. @return bytes, -ENOMEM or -E_FULL; *ret_text is the
 * caller's either way. */
static ssize_t read_all(int fd, char **ret_text)
{
	size_t len = 0, cap = 0;

	for (ssize_t got = 1; got > 0; len += (size_t)MAX(got, 0)) {
		if (len == cap) {
			char *more;

			if (cap > HOSTFILE_BYTES_MAX)
				return -E_FULL;
			cap = cap ? cap * 2 : 4096;
			more = mem_resize(*ret_text, cap + 1, 1);
			if (!more)
				return -ENOMEM;
			*ret_text = more;
		}
		got = read(fd, *ret_text + len, cap - len);
	}
	return len > HOSTFILE_BYTES_MAX ? -E_FULL : (ssize_t)len;
}

int hostfile_load(const char *path, struct hostfile *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	ssize_t len;

	if (fd < 0)
		return hostfile_parse("", 0, ret);
	len = read_all(fd, &text);
	close(fd);
	if (len < 0) {
		mem_free(text);
		return (int)len;
	}
	return hostfile_take(text, (size_t)len, ret);
}

void hostfile_fini(struct hostfile *h)
{
	mem_free(h->by_name);
	mem_free(h->by_addr);
	mem_free(h->text);
	*h = (struct hostfile){.text = NULL};
}

uint32_t hostfile_addrs(const struct hostfile *h, const char *name, uint8_t family,
			struct addr *ret, uint32_t cap)
{
	uint32_t lo = 0, hi = h->n, n = 0;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (strcasecmp(h->by_name[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < h->n && n < cap && !strcasecmp(h->by_name[lo].name, name); lo++)
		if (family == ADDR_NONE || h->by_name[lo].addr.family == family)
			ret[n++] = h->by_name[lo].addr;
	return n;
}

const char *hostfile_name(const struct hostfile *h, const struct addr *a)
{
	struct addr key = *a;
	uint32_t lo = 0, hi = h->n_by_addr;

	key.zone = 0;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&h->by_addr[mid].addr, &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < h->n_by_addr && addr_equal(&h->by_addr[lo].addr, &key) ? h->by_addr[lo].name
									   : NULL;
}
