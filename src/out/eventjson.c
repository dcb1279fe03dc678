/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events as JSON lines. Nothing here knows a kind of event: the table says which members there are,
 * where they lie and what they are called, and one function for each kind of member writes it.
 * Numbers beyond 2^53 become texts of digits, since most readers keep numbers as doubles.
 */
#include "out/eventjson.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "out/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_MAX_BYTES = 192 }; /* up to the time, with what copies overshoot */

typedef void put_fn(struct buf *b, const struct field *f, const uint8_t *base);

static void put_value(struct buf *b, const struct field *f, const uint8_t *base);

/* --- members ------------------------------------------------------------------------ */

/** What eventline.c writes: one number or word. */
static void put_scalar(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint8_t *p = buf_reserve(b, EVENTLINE_TEXT_CAP);

	if (p)
		buf_advance(b, (size_t)(eventline_put_value(f, base, p) - p));
}

static void put_number(struct buf *b, uint64_t v)
{
	const struct field whole = {.kind = FIELD_UINT, .size = sizeof(v)};

	put_scalar(b, &whole, (const uint8_t *)&v);
}

static void put_int(struct buf *b, const struct field *f, const uint8_t *base)
{
	int32_t narrow;
	int64_t v;

	memcpy(&narrow, base + f->offset, sizeof(narrow));
	v = narrow;
	if (f->size == sizeof(v))
		memcpy(&v, base + f->offset, sizeof(v));
	buf_printf(b, "%lld", (long long)v);
}

static void put_real(struct buf *b, const struct field *f, const uint8_t *base)
{
	double v;

	memcpy(&v, base + f->offset, sizeof(v));
	buf_printf(b, "%.17g", isfinite(v) ? v : 0);
}

static const void *pointer_at(const struct field *f, const uint8_t *base)
{
	const void *p;

	memcpy(&p, base + f->offset, sizeof(p));
	return p;
}

static void put_text(struct buf *b, const struct field *f, const uint8_t *base)
{
	text_put_json(b, pointer_at(f, base));
}

static void put_chars(struct buf *b, const struct field *f, const uint8_t *base)
{
	text_put_json(b, (const char *)base + f->offset);
}

static void put_time(struct buf *b, const struct field *f, const uint8_t *base)
{
	char time[32];

	text_put_json(b, clock_format_rfc3339(field_get_uint(base + f->offset, f->size), time));
}

static void put_mac(struct buf *b, const struct field *f, const uint8_t *base)
{
	char text[MAC_TEXT_CAP];
	struct mac mac;

	memcpy(&mac, base + f->offset, sizeof(mac));
	text_put_json(b, base[f->count_offset] ? mac_format(&mac, text) : NULL);
}

/** Bytes 0 to 255 as characters U+0000 to U+00FF. Those that steer a terminal, end a line or cannot
 * be seen (C0, DEL and C1: 0x9b begins what ESC [ begins) are escaped. */
static void put_bytes(struct buf *b, const struct field *f, const uint8_t *base)
{
	const uint8_t *p = pointer_at(f, base);
	uint64_t n = field_get_uint(base + f->count_offset, f->count_size);

	buf_putc(b, '"');
	for (uint64_t i = 0; p && i < n; i++) {
		if (!utf8_is_shown(p[i]) || p[i] == '"' || p[i] == '\\')
			buf_printf(b, "\\u%04x", p[i]);
		else if (p[i] < 0x80)
			buf_putc(b, (char)p[i]);
		else
			buf_printf(b, "%c%c", 0xc0 | p[i] >> 6, 0x80 | (p[i] & 0x3f));
	}
	buf_putc(b, '"');
}

static void put_ports(struct buf *b, const struct field *f, const uint8_t *base)
{
	const struct port_set *set = pointer_at(f, base);
	bool is_first = true;

	buf_putc(b, '{');
	for (uint32_t p = 0; set && p < PORT_PROTO_N; p++) {
		if (!set->of[p].n)
			continue;
		buf_printf(b, "%s\"%s\":\"", is_first ? "" : ",",
			   proto_name(port_proto_number((enum port_proto)p)));
		text_put_port_bits(b, &set->of[p]);
		buf_putc(b, '"');
		is_first = false;
	}
	buf_putc(b, '}');
}

static void put_object(struct buf *b, const struct fields *t, const void *of)
{
	buf_putc(b, '{');
	eventjson_put_fields(b, t, of);
	buf_putc(b, '}');
}

static void put_struct(struct buf *b, const struct field *f, const uint8_t *base)
{
	put_object(b, f->of, base + f->offset);
}

static void put_pointer(struct buf *b, const struct field *f, const uint8_t *base)
{
	const void *p = pointer_at(f, base);

	if (p)
		put_object(b, f->of, p);
	else
		text_lit(b, "null");
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1])
		n--;
	return n == 0;
}

static void put_elements(struct buf *b, const struct field *f, const uint8_t *first, uint64_t n)
{
	const struct field element = {
		.kind = f->elem, .size = f->elem_size, .of = f->of, .words = f->words};

	buf_putc(b, '[');
	for (uint64_t i = 0; first && i < n; i++) {
		if (i)
			buf_putc(b, ',');
		put_value(b, &element, first + i * f->elem_size);
	}
	buf_putc(b, ']');
}

static void put_list(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint64_t n = field_get_uint(base + f->count_offset, f->count_size);

	put_elements(b, f, pointer_at(f, base), n);
}

static void put_array(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint64_t n = f->cap;

	if (f->count_size)
		n = MIN(n, field_get_uint(base + f->count_offset, f->count_size));
	while (!f->count_size && n &&
	       is_zero(base + f->offset + (n - 1) * f->elem_size, f->elem_size))
		n--;
	put_elements(b, f, base + f->offset, n);
}

static void put_value(struct buf *b, const struct field *f, const uint8_t *base)
{
	static put_fn *const put[FIELD_KIND_N] = {
		[FIELD_UINT] = put_scalar,     [FIELD_INT] = put_int,
		[FIELD_REAL] = put_real,       [FIELD_BOOL] = put_scalar,
		[FIELD_TEXT] = put_text,       [FIELD_CHARS] = put_chars,
		[FIELD_WORD] = put_scalar,     [FIELD_PROTO] = put_scalar,
		[FIELD_TIME] = put_time,       [FIELD_ADDR] = put_scalar,
		[FIELD_MAC] = put_mac,         [FIELD_BYTES] = put_bytes,
		[FIELD_PORTS] = put_ports,     [FIELD_STRUCT] = put_struct,
		[FIELD_POINTER] = put_pointer, [FIELD_LIST] = put_list,
		[FIELD_ARRAY] = put_array,
	};

	put[f->kind](b, f, base);
}

/** ,"name": with one look at the room there is. */
static void put_key(struct buf *b, const char *name, bool has_comma)
{
	size_t n = strlen(name);
	uint8_t *p = buf_reserve(b, n + 4);

	if (!p)
		return;
	*p = ',';
	p += has_comma;
	p[0] = '"';
	memcpy(p + 1, name, n);
	p[n + 1] = '"';
	p[n + 2] = ':';
	buf_advance(b, n + 3 + has_comma);
}

void eventjson_put_fields(struct buf *b, const struct fields *t, const void *of)
{
	bool has_comma = b->len && b->p[b->len - 1] != '{';

	for (uint32_t i = 0; i < t->n; i++) {
		put_key(b, t->f[i].name, has_comma);
		put_value(b, &t->f[i], of);
		has_comma = true;
	}
}

/* --- records ----------------------------------------------------------------------------- */

void eventjson_init(struct eventjson *j, const char *scan_id)
{
	int n = snprintf(j->head, sizeof(j->head),
			 "{\"schema\":%d,\"scan\":\"%.36s\",\"seq\":", EVENTJSON_SCHEMA, scan_id);

	j->head_len = (size_t)n;
	j->second = UINT64_MAX;
}

/** The line's first members, up to the time's last digit. Only the fraction of the last time is
 * written anew while the second is the same. @param p room for HEAD_MAX_BYTES. */
static uint8_t *put_head(struct eventjson *j, uint64_t seq, uint64_t time_ns, uint8_t *p)
{
	static const char before_time[] = ",\"time\":\"";
	uint64_t second = time_ns / NS_PER_S;
	uint32_t fraction = (uint32_t)(time_ns % NS_PER_S);

	if (second != j->second)
		clock_format_rfc3339(time_ns, j->time);
	j->second = second;
	memcpy(p, j->head, sizeof(j->head));
	p = buf_format_u64(p + j->head_len, seq);
	memcpy(p, before_time, sizeof(before_time) - 1);
	p += sizeof(before_time) - 1;
	memcpy(p, j->time, sizeof(j->time));
	for (int at = 28; at >= 20; at--, fraction /= 10)
		p[at] = (uint8_t)('0' + fraction % 10);
	return p + 30;
}

void eventjson_begin(struct eventjson *j, struct buf *b, uint64_t seq, uint64_t time_ns,
		     const char *type)
{
	uint8_t *p = buf_reserve(b, HEAD_MAX_BYTES);

	if (!p)
		return;
	buf_advance(b, (size_t)(put_head(j, seq, time_ns, p) - p));
	text_lit(b, "\",\"type\":\"");
	buf_puts(b, type);
	buf_putc(b, '"');
}

/** @return whether the lines of this kind are prepared. */
static bool is_prepared(struct eventline *l, const struct event_spec *spec)
{
	return l->spec == spec || eventline_prepare(l, spec);
}

static void put_prepared(struct eventjson *j, struct buf *b, const struct event *ev)
{
	uint8_t *start = buf_reserve(b, HEAD_MAX_BYTES + EVENTLINE_MAX_BYTES), *p;

	if (!start)
		return;
	p = put_head(j, ev->seq, ev->time_ns, start);
	p = eventline_put(&j->line, ev->host_idx, (const uint8_t *)ev + j->line.spec->offset, p);
	buf_advance(b, (size_t)(p - start));
}

/** What the table says of @p ev; @p cert holds what is made for it. */
static const void *told_by(const struct event *ev, const struct scan_info *scan,
			   struct told_certificate *cert)
{
	const struct event_spec *spec = &event_specs[ev->kind];

	if (spec->is_of_scan)
		return scan;
	if (ev->kind != EVENT_CERTIFICATE_FOUND)
		return (const uint8_t *)ev + spec->offset;
	*cert = (struct told_certificate){ev->tls.addr, ev->tls.port, ev->tls.proto,
					  ev->tls.cert_idx,
					  &ev->tls.facts->certs[ev->tls.cert_idx]};
	return cert;
}

void eventjson_put(struct eventjson *j, struct buf *b, const struct event *ev,
		   const struct scan_info *scan)
{
	const struct event_spec *spec = &event_specs[ev->kind];
	struct told_certificate cert;

	if (is_prepared(&j->line, spec)) {
		put_prepared(j, b, ev);
		return;
	}
	eventjson_begin(j, b, ev->seq, ev->time_ns, spec->name);
	if (spec->is_of_host) {
		text_lit(b, ",\"host\":");
		put_number(b, ev->host_idx);
	}
	if (spec->fields)
		eventjson_put_fields(b, spec->fields, told_by(ev, scan, &cert));
	text_lit(b, "}\n");
}
