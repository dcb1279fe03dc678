/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON -> events, the other way of out/eventjson.c: nothing here knows a kind of event; the table
 * says which members there are and where they go, and one function for each kind of member reads
 * it, within its range. What members point to lives in a block of facts that is the record's.
 */
#include "event/eventread.h"

#include "event/jsonread_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXACT_MAX      (1ull << 53)
#define BLOCK_MAX      (4 * (size_t)JSONREAD_LINE_MAX)
#define SCHEMA_VERSION 1

typedef void get_fn(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base);

static void get_value(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base);

/** Room in the record's block. @return NULL: refused. */
static void *room(struct fetch *g, size_t n)
{
	if (!g->block)
		g->block = facts_new(BLOCK_MAX);
	void *p = g->block ? facts_alloc(g->block, MAX(n, 1ul)) : NULL;
	if (!p && !g->err)
		g->err = -ENOMEM;
	return p;
}

static void set_pointer(const struct field *f, uint8_t *base, const void *p)
{
	memcpy(base + f->offset, &p, sizeof(p));
}

/* --- members ------------------------------------------------------------------------------ */

/** "18446744073709551615": what JSON readers would round. */
static bool read_digits(const char *s, uint64_t *ret)
{
	char *end = NULL;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && errno == 0;
}

static bool read_uint(const json_t *v, size_t size, uint64_t *ret)
{
	uint64_t max = size < 8 ? (1ull << 8 * size) - 1 : UINT64_MAX;

	if (json_is_string(v))
		return size == 8 && read_digits(json_string_value(v), ret);
	*ret = (uint64_t)json_integer_value(v);
	return json_is_integer(v) && json_integer_value(v) >= 0 && *ret <= max;
}

static void get_uint(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	uint64_t n = 0;

	if (!(f->is_known_unless0 && json_is_null(v)) && !read_uint(v, f->size, &n))
		fetch_refuse(g, f->name, -E_RANGE, "a whole number within its range");
	field_set_uint(base + f->offset, f->size, n);
}

static void get_int(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	int64_t n = json_integer_value(v);

	if (!json_is_integer(v) || (f->size == sizeof(int32_t) && (n < INT32_MIN || n > INT32_MAX)))
		fetch_refuse(g, f->name, -E_RANGE, "a whole number within its range");
	memcpy(base + f->offset, &n, f->size);
}

static void get_real(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	double n = json_number_value(v);

	if (!json_is_number(v))
		fetch_refuse(g, f->name, -E_RANGE, "a number");
	memcpy(base + f->offset, &n, sizeof(n));
}

static void get_bool(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	if (!json_is_boolean(v))
		fetch_refuse(g, f->name, -E_SYNTAX, "true or false");
	base[f->offset] = json_is_true(v);
}

/** @return NULL: refused. */
static const char *plain_text(struct fetch *g, const char *key, const json_t *v)
{
	const char *s = json_string_value(v);

	if (s && strlen(s) == json_string_length(v))
		return s;
	fetch_refuse(g, key, -E_SYNTAX, "a text");
	return NULL;
}

static void get_text(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	const char *s = json_is_null(v) && !f->is_needed ? NULL : plain_text(g, f->name, v);
	char *copy = s ? room(g, strlen(s) + 1) : NULL;

	if (copy)
		memcpy(copy, s, strlen(s) + 1);
	set_pointer(f, base, copy);
}

static void get_chars(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	const char *s = plain_text(g, f->name, v);

	if (s && strlen(s) >= f->size)
		fetch_refuse(g, f->name, -E_RANGE, "a shorter text");
	else if (s)
		memcpy(base + f->offset, s, strlen(s) + 1);
}

static void get_word(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	const char *s = json_string_value(v);

	for (uint32_t i = 0; s && i < f->words->n; i++) {
		if (!f->words->names[i] || strcmp(f->words->names[i], s) != 0)
			continue;
		field_set_uint(base + f->offset, f->size, i);
		return;
	}
	fetch_refuse(g, f->name, -E_SYNTAX, "a word that prtip writes there");
}

static void get_proto(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	static const uint8_t protos[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP};
	const char *s = json_string_value(v);

	base[f->offset] = 0;
	for (uint32_t i = 0; s && i < ARRAY_LEN(protos); i++)
		if (strcmp(proto_name(protos[i]), s) == 0)
			base[f->offset] = protos[i];
	if (!base[f->offset] && !json_is_null(v))
		fetch_refuse(g, f->name, -E_SYNTAX, "tcp, udp, sctp, icmp or null");
}

/** "2026-11-22T01:32:45.123456789Z" as nanoseconds since 1970. */
static bool read_time(const char *s, uint64_t *ret)
{
	struct tm tm = {0};
	unsigned ns = 0;
	int n = 0;

	if (!s ||
	    sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d.%9uZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ns, &n) != 7 ||
	    n != 30 || s[n] || tm.tm_year < 1970 || tm.tm_year > 2500)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*ret = (uint64_t)timegm(&tm) * NS_PER_S + ns;
	return true;
}

static void get_time(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	uint64_t ns = 0;

	if (!read_time(json_string_value(v), &ns))
		fetch_refuse(g, f->name, -E_SYNTAX,
			     "a time such as 2026-11-22T01:32:45.123456789Z");
	field_set_uint(base + f->offset, f->size, ns);
}

static void get_addr(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	const char *s = json_string_value(v), *zone = s ? strchr(s, '%') : NULL;
	struct addr a = {0};
	uint64_t n = 0;

	if (json_is_null(v))
		return;
	if (!s || addr_parse(s, zone ? (size_t)(zone - s) : strlen(s), &a) < 0 ||
	    (zone && (!read_digits(zone + 1, &n) || n > UINT32_MAX)))
		fetch_refuse(g, f->name, -E_SYNTAX, "an IPv4 or IPv6 address");
	a.zone = (uint32_t)n;
	memcpy(base + f->offset, &a, sizeof(a));
}

static void get_mac(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	const char *s = json_string_value(v);
	struct mac m;
	int n = 0;

	base[f->count_offset] = s != NULL;
	if (json_is_null(v))
		return;
	if (!s || strlen(s) != MAC_TEXT_CAP - 1 ||
	    sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m.b[0], &m.b[1], &m.b[2], &m.b[3],
		   &m.b[4], &m.b[5], &n) != 6 ||
	    n != MAC_TEXT_CAP - 1)
		fetch_refuse(g, f->name, -E_SYNTAX, "a MAC address");
	else
		memcpy(base + f->offset, &m, sizeof(m));
}

/** Characters U+0000 to U+00FF as bytes; Jansson has checked that it is UTF-8. */
static void get_bytes(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	const uint8_t *s = (const uint8_t *)json_string_value(v);
	size_t len = json_string_length(v), n = 0;
	uint8_t *to = s && len <= 2u * f->cap ? room(g, len) : NULL;

	if (!to) {
		fetch_refuse(g, f->name, -E_RANGE,
			     "a text of so many bytes at most as prtip writes");
		return;
	}
	for (size_t i = 0; i < len && s[i] <= 0xc3; i++, n++) {
		to[n] = s[i];
		if (s[i] >= 0xc2) {
			to[n] = (uint8_t)(s[i] << 6 | (s[i + 1] & 0x3f));
			i++;
		}
		if (i + 1 == len && n < f->cap) {
			set_pointer(f, base, to);
			field_set_uint(base + f->count_offset, f->count_size, n + 1);
			return;
		}
	}
	if (len)
		fetch_refuse(g, f->name, -E_RANGE, "characters that are bytes");
}

/** "22,80-89" into @p bits. */
static bool read_port_list(const char *s, struct port_bits *bits)
{
	while (*s) {
		char *end;
		unsigned long lo = strtoul(s, &end, 10), hi = lo;
		if (*s < '0' || *s > '9')
			return false;
		if (*end == '-') {
			s = end + 1;
			hi = strtoul(s, &end, 10);
			if (*s < '0' || *s > '9')
				return false;
		}
		if (hi > UINT16_MAX || lo > hi || (*end && *end != ','))
			return false;
		for (; lo <= hi; lo++)
			port_bits_add(bits, (uint16_t)lo);
		s = end + (*end == ',');
	}
	port_bits_seal(bits);
	return true;
}

static void get_ports(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	struct port_set *set = room(g, sizeof(*set));

	if (!json_is_object(v))
		fetch_refuse(g, f->name, -E_SYNTAX,
			     "port lists by protocol: {\"tcp\":\"22,80-89\"}");
	for (uint32_t p = 0; set && p < PORT_PROTO_N; p++) {
		const json_t *list =
			json_object_get(v, proto_name(port_proto_number((enum port_proto)p)));
		if (list && (!json_is_string(list) ||
			     !read_port_list(json_string_value(list), &set->of[p])))
			fetch_refuse(g, f->name, -E_SYNTAX, "ports such as 22,80-89");
	}
	set_pointer(f, base, set);
}

static void get_fields(struct fetch *g, const struct fields *t, const json_t *obj, void *to)
{
	for (uint32_t i = 0; i < t->n && !g->err; i++) {
		const json_t *v = json_object_get(obj, t->f[i].name);
		if (!v)
			fetch_refuse(g, t->f[i].name, -E_SYNTAX, "this key");
		else if (!t->f[i].is_derived)
			get_value(g, &t->f[i], v, to);
	}
}

static void get_struct(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	if (json_is_object(v))
		get_fields(g, f->of, v, base + f->offset);
	else
		fetch_refuse(g, f->name, -E_SYNTAX, "an object");
}

static void get_pointer(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	if (json_is_null(v) && !f->is_needed)
		return;
	void *to = json_is_object(v) ? room(g, f->of->size) : NULL;
	if (to)
		get_fields(g, f->of, v, to);
	else
		fetch_refuse(g, f->name, -E_SYNTAX, "an object");
	set_pointer(f, base, to);
}

static void get_elements(struct fetch *g, const struct field *f, const json_t *v, uint8_t *to)
{
	struct field element = {.name = f->name,
				.kind = f->elem,
				.size = f->elem_size,
				.of = f->of,
				.words = f->words,
				.is_needed = true};

	for (size_t i = 0; i < json_array_size(v) && !g->err; i++)
		get_value(g, &element, json_array_get(v, i), to + i * f->elem_size);
}

static void get_list(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	size_t n = json_array_size(v);
	bool is_good = json_is_array(v) && n <= f->cap;
	uint8_t *to = is_good ? room(g, n * f->elem_size) : NULL;

	if (!to) {
		fetch_refuse(g, f->name, -E_RANGE, "a list, not too long");
		return;
	}
	get_elements(g, f, v, to);
	set_pointer(f, base, to);
	field_set_uint(base + f->count_offset, f->count_size, n);
}

static void get_array(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	size_t n = json_array_size(v);

	if (!json_is_array(v) || n > f->cap) {
		fetch_refuse(g, f->name, -E_RANGE, "a list, not too long");
		return;
	}
	get_elements(g, f, v, base + f->offset);
	if (f->count_size)
		field_set_uint(base + f->count_offset, f->count_size, n);
}

static void get_value(struct fetch *g, const struct field *f, const json_t *v, uint8_t *base)
{
	static get_fn *const get[FIELD_KIND_N] = {
		[FIELD_UINT] = get_uint,       [FIELD_INT] = get_int,
		[FIELD_REAL] = get_real,       [FIELD_BOOL] = get_bool,
		[FIELD_TEXT] = get_text,       [FIELD_CHARS] = get_chars,
		[FIELD_WORD] = get_word,       [FIELD_PROTO] = get_proto,
		[FIELD_TIME] = get_time,       [FIELD_ADDR] = get_addr,
		[FIELD_MAC] = get_mac,         [FIELD_BYTES] = get_bytes,
		[FIELD_PORTS] = get_ports,     [FIELD_STRUCT] = get_struct,
		[FIELD_POINTER] = get_pointer, [FIELD_LIST] = get_list,
		[FIELD_ARRAY] = get_array,
	};

	get[f->kind](g, f, v, base);
}

/* --- records -------------------------------------------------------------------------------- */

static const char *get_key_text(struct fetch *g, const json_t *root, const char *key)
{
	const char *s = plain_text(g, key, json_object_get(root, key));

	return s ? s : "";
}

static uint64_t get_key_uint(struct fetch *g, const json_t *root, const char *key, size_t size)
{
	uint64_t n = 0;

	if (!read_uint(json_object_get(root, key), size, &n))
		fetch_refuse(g, key, -E_RANGE, "a whole number within its range");
	return n;
}

/** The told part of a kind into the event, or beside it. */
static void read_event(struct fetch *g, const json_t *root, enum event_kind kind,
		       struct event_record *ret)
{
	const struct event_spec *spec = &event_specs[kind];
	struct told_certificate cert = {0};
	uint8_t *to = (uint8_t *)&ret->ev + spec->offset;

	if (spec->is_of_scan) {
		to = room(g, spec->fields->size);
		ret->scan = (const struct scan_info *)(void *)to;
	} else if (kind == EVENT_CERTIFICATE_FOUND) {
		to = (uint8_t *)&cert;
	}
	if (spec->is_of_host)
		ret->ev.host_idx = get_key_uint(g, root, "host", sizeof(uint64_t));
	if (spec->fields && to)
		get_fields(g, spec->fields, root, to);
	if (kind == EVENT_CERTIFICATE_FOUND)
		ret->ev.tls = (struct ev_tls){.addr = cert.addr,
					      .port = cert.port,
					      .proto = cert.proto,
					      .cert_idx = cert.cert_idx};
	if (kind == EVENT_TLS_FOUND)
		ret->ev.tls.block = g->block;
}

static void read_footer(struct fetch *g, const json_t *root, struct event_record *ret)
{
	const json_t *next = json_object_get(root, "next"), *n;
	json_t *dropped = json_object_get(root, "dropped");
	const char *key;

	if (!json_is_null(next))
		ret->next = get_key_text(g, root, "next");
	if (!json_is_object(dropped))
		fetch_refuse(g, "dropped", -E_SYNTAX, "an object of counts");
	json_object_foreach(dropped, key, n)
	{
		uint64_t more = 0;
		if (!read_uint(n, sizeof(uint64_t), &more))
			fetch_refuse(g, key, -E_RANGE, "a count");
		ret->n_dropped += more;
	}
}

static void read_record(struct fetch *g, const json_t *root, struct event_record *ret)
{
	const char *type = get_key_text(g, root, "type");
	uint32_t kind = 0;

	ret->scan_id = get_key_text(g, root, "scan");
	ret->ev.seq = get_key_uint(g, root, "seq", sizeof(uint64_t));
	if (!g->err &&
	    !read_time(json_string_value(json_object_get(root, "time")), &ret->ev.time_ns))
		fetch_refuse(g, "time", -E_SYNTAX, "a time such as 2026-11-22T01:32:45.123456789Z");
	while (kind < EVENT_N &&
	       !(event_specs[kind].is_logged && strcmp(event_specs[kind].name, type) == 0))
		kind++;
	if (kind < EVENT_N) {
		ret->kind = EVENTREAD_EVENT;
		ret->ev.kind = kind;
		read_event(g, root, (enum event_kind)kind, ret);
	} else if (strcmp(type, "header") == 0 || strcmp(type, "footer") == 0) {
		ret->kind = *type == 'h' ? EVENTREAD_HEADER : EVENTREAD_FOOTER;
		ret->part = (uint32_t)get_key_uint(g, root, "part", sizeof(uint32_t));
		if (ret->kind == EVENTREAD_FOOTER)
			read_footer(g, root, ret);
	}
}

int eventread_line(struct jsonread *r, const char *line, size_t len, struct event_record *ret,
		   struct err_where *reterr)
{
	const struct bytes bytes = {.p = (const uint8_t *)line, .len = len};
	struct fetch g = {.line = line, .len = len, .where = reterr};

	memset(ret, 0, sizeof(*ret));
	facts_free(r->block);
	r->block = NULL;
	int err = jsonread_parse(r, &bytes, JSON_ALLOW_NUL, reterr);
	if (err)
		return err;
	if (!json_is_object(r->root))
		return err_at(reterr, -E_SYNTAX, line, MIN(len, 24ul), 1, "want a record: {...}");
	uint64_t schema = get_key_uint(&g, r->root, "schema", sizeof(uint32_t));
	if (!g.err && schema != SCHEMA_VERSION)
		fetch_refuse(&g, "schema", -E_UNSUPPORTED, "1, the schema that this version reads");
	if (!g.err)
		read_record(&g, r->root, ret);
	ret->block = r->block = g.block;
	return g.err;
}

int eventread_next(struct jsonread *r, struct event_record *ret, struct err_where *reterr)
{
	struct bytes line;
	int n = jsonlines_next(r, &line);
	int err = n > 0 ? eventread_line(r, (const char *)line.p, line.len, ret, reterr) : 0;

	return jsonlines_judge(r, n, err, reterr);
}
