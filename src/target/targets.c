/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All sources of targets to one set: command line, -iL, excludes. Words go through
 * target_spec_parse one at a time; what it calls a name is remembered with its place and resolved
 * at the end, all in parallel. Memory is per range and per name. Sources for what a wide scan
 * leaves out: RFC 1122 3.2.1.3, RFC 6890, RFC 5771, RFC 4291 2.7.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "target/resolve.h"
#include "target/spec.h"

#define WORD_BYTES_MAX 1023
#define DNS_TIMEOUT_MS 10000
#define DNS_INFLIGHT   128
#define NO_BITS        255

/** Where a word was written. */
struct place {
	const char *file; /* "" for the command line */
	uint32_t line, column;
	bool is_exclude;
};

/** A name waiting for its addresses. */
struct pending {
	struct loader *l;
	struct place place;
	char *name; /* in the loader's arena */
	uint8_t bits;
	int code; /* 0 once it has addresses */
};

struct loader {
	const struct target_conf *c;
	struct targets *t;
	struct err_where *err;
	struct range_set scratch; /* one word's ranges */
	struct arena arena;
	struct pending *pending;
	uint32_t n_pending, cap_pending, cap_names;
	int rc; /* first failure inside a callback */
};

/** Left out of words of this family that stand for more than min_addrs addresses. Sorted. */
static const struct reserved {
	u128 lo, hi, min_addrs;
	uint8_t family;
} reserved_blocks[] = {
	{0x00000000u, 0x00ffffffu, 1u << 16, ADDR_V4},
	{0x7f000000u, 0x7fffffffu, 1u << 24, ADDR_V4},
	{0xe0000000u, 0xffffffffu, 1u << 16, ADDR_V4},
	{(u128)0xff << 120, ~(u128)0, 1u << 16, ADDR_V6},
};

/* A parser knows offsets in its word; the user knows files and lines. */
static int place_error(struct err_where *err, const struct place *at, int rc)
{
	if (!err)
		return rc;
	(void)snprintf(err->file, sizeof(err->file), "%s", at->file);
	err->line = at->line;
	err->column += at->column - 1;
	return rc;
}

static int add_numbers(struct range_set *set, const struct range *like, u128 lo, u128 hi)
{
	struct addr a = addr_from_u128(like->family, lo, like->zone),
		    b = addr_from_u128(like->family, hi, like->zone);

	return range_set_add(set, &a, &b);
}

/* Add @p r without the reserved blocks that a word of @p n_addrs addresses does not reach. */
static int add_unreserved(struct targets *t, const struct range *r, u128 n_addrs)
{
	u128 from = r->lo;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(reserved_blocks); i++) {
		const struct reserved *b = &reserved_blocks[i];

		if (b->family != r->family || n_addrs <= b->min_addrs || b->hi < from ||
		    b->lo > r->hi)
			continue;
		t->n_reserved += MIN(b->hi, r->hi) - MAX(b->lo, from) + 1;
		if (b->lo > from)
			rc = add_numbers(&t->set, r, from, b->lo - 1);
		if (b->hi >= r->hi)
			return rc;
		from = b->hi + 1;
	}
	return rc < 0 ? rc : add_numbers(&t->set, r, from, r->hi);
}

/* Move the ranges of one word to where they belong. */
static int take_scratch(struct loader *l, bool is_exclude)
{
	u128 n_addrs = 0;
	int rc = 0;

	for (uint32_t i = 0; i < l->scratch.n; i++) {
		u128 less_one = l->scratch.r[i].hi - l->scratch.r[i].lo;

		n_addrs += less_one + (less_one != ~(u128)0); /* ::/0 has one more than fits */
	}
	for (uint32_t i = 0; rc == 0 && i < l->scratch.n; i++) {
		const struct range *r = &l->scratch.r[i];

		rc = is_exclude ? add_numbers(&l->t->excluded, r, r->lo, r->hi)
				: add_unreserved(l->t, r, n_addrs);
	}
	return rc;
}

static int add_pending(struct loader *l, const char *s, size_t len, const struct place *at)
{
	const char *slash = memchr(s, '/', len);
	struct pending *p;
	char *name;

	if (l->n_pending == l->cap_pending) {
		uint32_t cap = l->cap_pending ? l->cap_pending * 2 : 16;

		p = cap <= RESOLVE_QUEUE_MAX ? mem_resize(l->pending, cap, sizeof(*p)) : NULL;
		if (!p)
			return cap <= RESOLVE_QUEUE_MAX ? -ENOMEM : -E_FULL;
		l->pending = p;
		l->cap_pending = cap;
	}
	name = arena_strdup(&l->arena, s, slash ? (size_t)(slash - s) : len);
	if (!name)
		return -ENOMEM;
	p = &l->pending[l->n_pending++];
	*p = (struct pending){
		.l = l, .place = *at, .name = name, .bits = NO_BITS, .code = -ETIMEDOUT};
	if (slash) {
		p->bits = 0;
		for (const char *c = slash + 1; c < s + len; c++)
			p->bits = (uint8_t)(p->bits * 10 +
					    (*c - '0')); /* checked by the grammar: at most 128 */
	}
	return 0;
}

static const char *family_text(uint8_t family)
{
	return family == ADDR_V6 ? "want an IPv6 target or a name: IPv6 alone was asked for"
				 : "want an IPv4 target or a name: IPv4 alone was asked for";
}

static int add_word(struct loader *l, const char *s, size_t len, const struct place *at)
{
	int rc;

	l->scratch.n = 0;
	rc = target_spec_parse(s, len, &l->scratch, l->err);
	if (rc == -E_NAME)
		return add_pending(l, s, len, at);
	if (rc < 0)
		return place_error(l->err, at, rc);
	if (!at->is_exclude && l->c->family != ADDR_NONE && l->scratch.r[0].family != l->c->family)
		return place_error(
			l->err, at,
			err_at(l->err, -E_FAMILY, s, len, 1, "%s", family_text(l->c->family)));
	return take_scratch(l, at->is_exclude);
}

/* Reads a file a word at a time; memory does not depend on its length. */
struct reader {
	int fd;
	int error; /* -errno of a failed read */
	size_t pos, len;
	uint32_t line, column; /* of the byte at pos */
	uint8_t buf[16384];
};

/* @return the byte at pos, -1 at the end. */
static int reader_peek(struct reader *r)
{
	ssize_t n;

	if (r->pos < r->len)
		return r->buf[r->pos];
	do {
		n = read(r->fd, r->buf, sizeof(r->buf));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		r->error = -errno;
	r->pos = 0;
	r->len = n > 0 ? (size_t)n : 0;
	return n > 0 ? r->buf[0] : -1;
}

static void reader_skip(struct reader *r)
{
	r->column++;
	if (r->buf[r->pos++] == '\n') {
		r->line++;
		r->column = 1;
	}
}

static bool is_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

static void reader_skip_blank(struct reader *r)
{
	bool is_comment = false;

	for (int c = reader_peek(r); c == '#' || is_space(c) || (is_comment && c >= 0);
	     c = reader_peek(r)) {
		is_comment = c != '\n' && (is_comment || c == '#');
		reader_skip(r);
	}
}

/* One word and its place. @return its length, 0 at the end; only WORD_BYTES_MAX bytes of it are
 * kept. */
static size_t reader_word(struct reader *r, char word[WORD_BYTES_MAX], struct place *at)
{
	size_t len = 0;

	reader_skip_blank(r);
	at->line = r->line;
	at->column = r->column;
	for (int c = reader_peek(r); c >= 0 && c != '#' && !is_space(c); c = reader_peek(r)) {
		if (len < WORD_BYTES_MAX)
			word[len] = (char)c;
		len++;
		reader_skip(r);
	}
	return len;
}

static int add_words_of(struct loader *l, struct reader *r, struct place *at)
{
	char word[WORD_BYTES_MAX];
	size_t len;
	int rc = 0;

	while (rc == 0 && (len = reader_word(r, word, at)) > 0) {
		if (len > WORD_BYTES_MAX)
			rc = place_error(l->err, at,
					 err_at(l->err, -E_SYNTAX, word, WORD_BYTES_MAX, 1, "%s",
						"want a target of at most 1023 characters"));
		else
			rc = add_word(l, word, len, at);
	}
	return rc < 0 ? rc : r->error;
}

static int add_file(struct loader *l, const char *path, bool is_exclude)
{
	struct place at = {.file = path, .is_exclude = is_exclude};
	bool is_stdin = !strcmp(path, "-");
	struct reader *r = mem_alloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->line = r->column = 1;
	r->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	rc = r->fd < 0 ? -errno : add_words_of(l, r, &at);
	if (r->fd < 0 || r->error)
		(void)err_at(l->err, rc, path, strlen(path), 0,
			     "%s; want a readable file of targets, or - for standard input",
			     err_text(rc));
	if (r->fd >= 0 && !is_stdin)
		close(r->fd);
	mem_free(r);
	return rc;
}

static int add_exclude_list(struct loader *l, const char *list)
{
	struct place at = {.file = "", .is_exclude = true};
	int rc = 0;

	for (const char *s = list; rc == 0 && *s;) {
		size_t len = strcspn(s, ", \t\n");

		at.column = (uint32_t)(s - list) + 1;
		if (len)
			rc = add_word(l, s, len, &at);
		s += len + (s[len] != '\0');
	}
	return rc;
}

static int add_sources(struct loader *l)
{
	const struct target_conf *c = l->c;
	struct place at = {.file = "", .column = 1};
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < c->n_specs; i++)
		rc = add_word(l, c->specs[i], strlen(c->specs[i]), &at);
	if (rc == 0 && c->input_file)
		rc = add_file(l, c->input_file, false);
	for (uint32_t i = 0; rc == 0 && i < c->n_excludes; i++)
		rc = add_exclude_list(l, c->excludes[i]);
	if (rc == 0 && c->exclude_file)
		rc = add_file(l, c->exclude_file, true);
	return rc;
}

static int add_name_of(struct loader *l, const struct addr *a, const char *name)
{
	struct targets *t = l->t;

	if (t->n_names == l->cap_names) {
		uint32_t cap = l->cap_names ? l->cap_names * 2 : 4;
		struct target_name *names = mem_resize(t->names, cap, sizeof(*names));

		if (!names)
			return -ENOMEM;
		t->names = names;
		l->cap_names = cap;
	}
	t->names[t->n_names] = (struct target_name){.addr = *a, .name = mem_strdup(name)};
	return t->names[t->n_names++].name ? 0 : -ENOMEM;
}

static int add_resolved(struct loader *l, const struct pending *p, const struct addr *a)
{
	uint32_t width = a->family == ADDR_V4 ? 32 : 128, n_host = width - MIN(p->bits, width);
	u128 host = n_host == 128 ? ~(u128)0 : ((u128)1 << n_host) - 1,
	     base = addr_to_u128(a) & ~host;
	struct range like = {.family = a->family, .zone = a->zone};
	int rc;

	l->scratch.n = 0;
	rc = add_numbers(&l->scratch, &like, base, base | host);
	if (rc == 0)
		rc = take_scratch(l, p->place.is_exclude);
	if (rc == 0 && !p->place.is_exclude)
		rc = add_name_of(l, a, p->name);
	return rc;
}

static bool fits_bits(const struct pending *p, const struct addr *a)
{
	return p->bits == NO_BITS || a->family == ADDR_V6 || p->bits <= 32;
}

static void on_addrs(void *ctx, const char *name, int code, const struct addr *addrs, uint32_t n)
{
	struct pending *p = ctx;
	struct loader *l = p->l;
	const struct addr *best = NULL;
	bool wants_all = p->place.is_exclude || l->c->resolve_all;

	(void)name;
	p->code = code;
	for (uint32_t i = 0; i < n && l->rc == 0; i++) {
		if (!fits_bits(p, &addrs[i]))
			continue;
		if (!best || (best->family == ADDR_V6 && addrs[i].family == ADDR_V4))
			best = &addrs[i];
		if (wants_all)
			l->rc = add_resolved(l, p, &addrs[i]);
	}
	if (best && !wants_all && l->rc == 0)
		l->rc = add_resolved(l, p, best);
	if (n && !best)
		p->code = -E_RANGE;
}

static int resolve_pending(struct loader *l)
{
	uint32_t timeout_ms = l->c->dns_timeout_ms ? l->c->dns_timeout_ms : DNS_TIMEOUT_MS;
	struct resolve_conf rc_conf = {.timeout_ms = timeout_ms,
				       .max_inflight = DNS_INFLIGHT,
				       .servers = l->c->dns_servers,
				       .hosts_file = l->c->hosts_file};
	uint64_t now_ns = clock_now_ns(), end_ns = now_ns + timeout_ms * NS_PER_MS;
	struct resolve *r = NULL;
	int rc = resolve_new(&rc_conf, &r);

	for (uint32_t i = 0; rc == 0 && i < l->n_pending; i++) {
		struct pending *p = &l->pending[i];

		rc = resolve_forward(r, p->name, p->place.is_exclude ? ADDR_NONE : l->c->family,
				     on_addrs, p);
	}
	while (rc == 0 && now_ns < end_ns &&
	       resolve_poll(r, (uint32_t)((end_ns - now_ns) / NS_PER_MS) + 1)) {
		now_ns = clock_now_ns();
		rc = l->rc;
	}
	resolve_free(r);
	return rc < 0 ? rc : l->rc;
}

static int fail_name(struct err_where *err, const struct pending *p)
{
	const char *why = p->code == -E_RANGE ? "its addresses have fewer bits than the prefix"
			  : p->code == -ETIMEDOUT
				  ? "no answer in time"
				  : "no such name, or it has no address of the family asked for";

	return place_error(
		err, &p->place,
		err_at(err, -E_NAME, p->name, strlen(p->name), 1, "%s%s", why,
		       p->place.is_exclude ? "; what cannot be excluded would be scanned" : ""));
}

/* Judge what the resolver left open: fatal for excludes, and when no target is known at all. */
static int check_pending(struct loader *l)
{
	const struct pending *first = NULL;

	for (uint32_t i = 0; i < l->n_pending; i++) {
		const struct pending *p = &l->pending[i];

		if (p->code == 0)
			continue;
		if (p->place.is_exclude)
			return fail_name(l->err, p);
		l->t->n_unresolved++;
		if (!first)
			first = p;
	}
	if (!first)
		return 0;
	(void)fail_name(&l->t->unresolved, first);
	return l->t->set.n ? 0 : fail_name(l->err, first);
}

static int name_cmp(const void *pa, const void *pb)
{
	const struct target_name *a = pa, *b = pb;
	int d = addr_cmp(&a->addr, &b->addr);

	return d ? d : strcmp(a->name, b->name);
}

static void sort_names(struct targets *t)
{
	uint32_t n = 0;

	if (!t->n_names)
		return;
	qsort(t->names, t->n_names, sizeof(*t->names), name_cmp);
	for (uint32_t i = 0; i < t->n_names; i++) {
		if (n && addr_equal(&t->names[n - 1].addr, &t->names[i].addr))
			mem_free(t->names[i].name);
		else
			t->names[n++] = t->names[i];
	}
	t->n_names = n;
}

/* An exclude written without a zone means that address on every link. */
static int spread_excludes(struct targets *t)
{
	uint32_t n = t->excluded.n, last_zone = 0;
	int rc = 0;

	for (uint32_t i = 0; i < t->set.n; i++) {
		uint32_t zone = t->set.r[i].zone;

		if (zone == last_zone || t->set.r[i].family != ADDR_V6)
			continue;
		last_zone = zone;
		for (uint32_t k = 0; rc == 0 && k < n; k++) {
			struct range x = t->excluded.r[k];

			if (x.family != ADDR_V6 || x.zone)
				continue;
			x.zone = zone;
			rc = add_numbers(&t->excluded, &x, x.lo, x.hi);
		}
	}
	return rc;
}

/* A link-local address is one only together with its link: replies are compared by both. */
static void fill_zones(struct targets *t, uint32_t zone)
{
	for (uint32_t i = 0; i < t->set.n; i++) {
		struct range *r = &t->set.r[i];
		struct addr lo = addr_from_u128(r->family, r->lo, 0),
			    hi = addr_from_u128(r->family, r->hi, 0);

		if (r->family == ADDR_V6 && !r->zone && addr_is_linklocal(&lo) &&
		    addr_is_linklocal(&hi))
			r->zone = zone;
	}
	for (uint32_t i = 0; i < t->n_names; i++) {
		struct addr *a = &t->names[i].addr;

		if (a->family == ADDR_V6 && !a->zone && addr_is_linklocal(a))
			a->zone = zone;
	}
}

static int finish_sets(struct targets *t)
{
	int rc = range_set_seal(&t->set);

	if (rc == 0)
		rc = spread_excludes(t);
	if (rc == 0)
		rc = range_set_seal(&t->excluded);
	if (rc == 0)
		rc = range_set_subtract(&t->set, &t->excluded);
	return rc;
}

int targets_load(const struct target_conf *c, struct targets *ret, struct err_where *reterr)
{
	struct targets t = {.n_names = 0};
	struct loader l = {.c = c, .t = &t, .err = reterr};
	int rc;

	range_set_init(&t.set);
	range_set_init(&t.excluded);
	range_set_init(&l.scratch);
	arena_init(&l.arena, 0, 0);
	if (reterr)
		*reterr = (struct err_where){.line = 0};
	rc = add_sources(&l);
	if (rc == 0 && l.n_pending)
		rc = resolve_pending(&l);
	if (rc == 0)
		rc = check_pending(&l);
	fill_zones(&t, c->link_zone);
	if (rc == 0)
		rc = finish_sets(&t);
	sort_names(&t);
	range_set_fini(&l.scratch);
	arena_fini(&l.arena);
	mem_free(l.pending);
	if (rc < 0)
		targets_fini(&t);
	else
		*ret = t;
	return rc;
}

void targets_fini(struct targets *t)
{
	for (uint32_t i = 0; i < t->n_names; i++)
		mem_free(t->names[i].name);
	mem_free(t->names);
	range_set_fini(&t->set);
	range_set_fini(&t->excluded);
	t->names = NULL;
	t->n_names = 0;
}

const char *targets_name_of(const struct targets *t, const struct addr *a)
{
	uint32_t lo = 0, hi = t->n_names;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&t->names[mid].addr, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n_names && addr_equal(&t->names[lo].addr, a) ? t->names[lo].name : NULL;
}
