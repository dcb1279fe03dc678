/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Port names and frequencies. nmap-services is mapped and never parsed as a whole: a name is a
 * binary search over its lines, which are sorted by port. Whether they are is checked only when a
 * name is not found, because a hit proves itself. Choosing popular ports is a pass over the file
 * (ports.c).
 */
#include "target/services.h"

#include <errno.h>
#include <string.h>

#include "base/mapfile.h"
#include "base/mem.h"

#define FILE_BYTES_MAX (64u << 20)

enum order { ORDER_UNKNOWN, ORDER_SORTED, ORDER_UNSORTED };

/** A look-up that was made before: the same few ports are named for every host. */
struct remembered {
	uint16_t port;
	uint8_t proto;
	bool is_used;
	char name[32]; /* "": it has none */
};

enum { REMEMBERED = 8 };

struct services {
	const char *text; /* NULL: our own table */
	size_t len;
	struct mapfile file;
	enum order order;
	struct remembered remembered[REMEMBERED]; /* by port */
};

/** Bytes of one line. */
struct line {
	const char *p, *end;
};

static int services_new(struct services **ret)
{
	struct services *s = mem_alloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int services_open_builtin(struct services **ret)
{
	return services_new(ret);
}

int services_open_bytes(const char *text, size_t len, struct services **ret)
{
	int rc = services_new(ret);

	if (rc == 0) {
		(*ret)->text = text ? text : "";
		(*ret)->len = len;
	}
	return rc;
}

/** None installed is no error: there is our own table. */
static int open_installed(struct services *s)
{
	char path[MAPFILE_PATH_CAP];

	(void)!mapfile_open_nmap("nmap-services", FILE_BYTES_MAX, &s->file, path);
	return 0;
}

int services_open(const char *path, struct services **ret)
{
	struct services *s = NULL;
	int rc = services_new(&s);

	if (rc == 0)
		rc = path ? mapfile_open(path, FILE_BYTES_MAX, &s->file) : open_installed(s);
	if (rc < 0) {
		services_close(s);
		return rc;
	}
	s->text = (const char *)s->file.text.p;
	s->len = s->file.text.len;
	*ret = s;
	return 0;
}

void services_close(struct services *s)
{
	if (!s)
		return;
	mapfile_close(&s->file);
	mem_free(s);
}

bool services_has_frequencies(const struct services *s)
{
	return s->text != NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static struct line skip_blank(struct line l)
{
	while (l.p < l.end && is_blank(*l.p))
		l.p++;
	return l;
}

/* Digits at the front. @return false when there is none or the number exceeds @p max. */
static bool take_number(struct line *l, uint64_t max, uint64_t *ret)
{
	const char *start = l->p;
	uint64_t v = 0;

	for (; l->p < l->end && *l->p >= '0' && *l->p <= '9'; l->p++) {
		v = v * 10 + (uint64_t)(*l->p - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return l->p > start;
}

/* "0.484143", "1", or "12/3400". Anything else is 0: /etc/services has aliases here. */
static uint32_t take_frequency(struct line l)
{
	uint64_t whole, part = 0, unit = SERVICE_FREQUENCY_ONE;

	l = skip_blank(l);
	if (!take_number(&l, UINT32_MAX, &whole))
		return 0;
	if (l.p < l.end && *l.p == '/') {
		l.p++;
		if (!take_number(&l, UINT32_MAX, &part) || part == 0)
			return 0;
		return (uint32_t)(MIN(whole, part) * SERVICE_FREQUENCY_ONE / part);
	}
	if (l.p < l.end && *l.p == '.')
		for (l.p++; l.p < l.end && *l.p >= '0' && *l.p <= '9' && unit > 1; l.p++) {
			unit /= 10;
			part += (uint64_t)(*l.p - '0') * unit;
		}
	return whole ? SERVICE_FREQUENCY_ONE : (uint32_t)part;
}

static bool take_proto(struct line *l, uint8_t *ret)
{
	static const struct {
		char name[5];
		uint8_t len, proto;
	} protos[] = {{"tcp", 3, PORT_TCP}, {"udp", 3, PORT_UDP}, {"sctp", 4, PORT_SCTP}};
	size_t left = (size_t)(l->end - l->p);

	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		size_t n = protos[i].len;

		if (left < n || memcmp(l->p, protos[i].name, n) ||
		    (left > n && !is_blank(l->p[n]) && l->p[n] != '#'))
			continue;
		l->p += n;
		*ret = protos[i].proto;
		return true;
	}
	return false;
}

/* One line; the frequency is read only where @p wants_frequency says so. */
static bool parse_line(struct line l, bool wants_frequency, struct service_row *ret)
{
	struct service_row row = {.frequency = 0};
	uint64_t port;

	l = skip_blank(l);
	row.name = l.p;
	while (l.p<l.end && * l.p> ' ' && *l.p <= '~' && *l.p != '#')
		l.p++;
	row.name_len = (uint32_t)(l.p - row.name);
	if (!row.name_len || l.p == l.end || !is_blank(*l.p))
		return false;
	l = skip_blank(l);
	if (!take_number(&l, UINT16_MAX, &port) || l.p == l.end || *l.p != '/')
		return false;
	l.p++;
	if (!take_proto(&l, &row.proto))
		return false;
	row.port = (uint16_t)port;
	if (wants_frequency)
		row.frequency = take_frequency(l);
	*ret = row;
	return true;
}

/* First good row whose line starts in [*pos, limit); *pos moves behind it. */
static bool next_row(const struct services *s, size_t *pos, size_t limit, bool wants_frequency,
		     struct service_row *ret)
{
	while (*pos < limit) {
		const char *start = s->text + *pos, *stop = memchr(start, '\n', s->len - *pos);
		struct line l = {start, stop ? stop : s->text + s->len};

		*pos = (size_t)(l.end - s->text) + (stop != NULL);
		if (parse_line(l, wants_frequency, ret))
			return true;
	}
	return false;
}

static bool builtin_next(size_t *pos, struct service_row *ret)
{
	size_t i = (*pos)++;

	for (uint8_t p = 0; p < PORT_PROTO_N; p++) {
		if (i < services_builtin_n[p]) {
			const struct service_builtin *b = &services_builtin[p][i];

			*ret = (struct service_row){.name = b->name,
						    .name_len = (uint32_t)strlen(b->name),
						    .port = b->port,
						    .proto = p,
						    .frequency =
							    services_builtin_n[p] - (uint32_t)i};
			return true;
		}
		i -= services_builtin_n[p];
	}
	return false;
}

bool services_next(const struct services *s, size_t *pos, struct service_row *ret)
{
	return s->text ? next_row(s, pos, s->len, true, ret) : builtin_next(pos, ret);
}

static bool is_wanted(const struct service_row *row, uint8_t proto, uint16_t port)
{
	return row->port == port && row->proto == proto;
}

/* Start of the line that holds the byte at @p pos, not before @p floor. */
static size_t line_start(const struct services *s, size_t pos, size_t floor)
{
	const char *nl = pos > floor ? memrchr(s->text + floor, '\n', pos - floor) : NULL;

	return nl ? (size_t)(nl - s->text) + 1 : floor;
}

/* Invariant: rows before lo have lower ports, rows from hi on have not. Lines of one port stand
 * together. */
static bool find_sorted(const struct services *s, uint8_t proto, uint16_t port,
			struct service_row *row)
{
	size_t lo = 0, hi = s->len;

	while (lo < hi) {
		size_t start = line_start(s, lo + (hi - lo) / 2, lo), pos = start;

		if (next_row(s, &pos, hi, false, row) && row->port < port)
			lo = pos;
		else
			hi = start;
	}
	while (next_row(s, &lo, s->len, false, row) && row->port == port)
		if (row->proto == proto)
			return true;
	return false;
}

static bool find_linear(const struct services *s, uint8_t proto, uint16_t port,
			struct service_row *row)
{
	for (size_t pos = 0; services_next(s, &pos, row);)
		if (is_wanted(row, proto, port))
			return true;
	return false;
}

static enum order check_order(const struct services *s)
{
	struct service_row row;
	uint16_t last = 0;

	for (size_t pos = 0; next_row(s, &pos, s->len, false, &row); last = row.port)
		if (row.port < last)
			return ORDER_UNSORTED;
	return ORDER_SORTED;
}

static bool find_row(struct services *s, enum port_proto kind, uint16_t port,
		     struct service_row *row)
{
	bool is_found = false;

	if (s->text && s->order != ORDER_UNSORTED)
		is_found = find_sorted(s, (uint8_t)kind, port, row);
	if (s->text && !is_found && s->order == ORDER_UNKNOWN)
		s->order = check_order(s);
	if (!is_found && (!s->text || s->order == ORDER_UNSORTED))
		is_found = find_linear(s, (uint8_t)kind, port, row);
	return is_found;
}

const char *services_name(struct services *s, uint8_t proto, uint16_t port, char out[32])
{
	enum port_proto kind = port_proto_of(proto);
	struct remembered *r = &s->remembered[port % REMEMBERED];
	struct service_row row;

	if (kind == PORT_PROTO_N)
		return NULL;
	if (!r->is_used || r->port != port || r->proto != proto) {
		*r = (struct remembered){.port = port, .proto = proto, .is_used = true};
		if (find_row(s, kind, port, &row))
			memcpy(r->name, row.name, MIN(row.name_len, 31u));
	}
	if (!r->name[0])
		return NULL;
	memcpy(out, r->name, sizeof(r->name));
	return out;
}
