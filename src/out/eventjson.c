/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events as JSON lines. Nothing here knows a kind of event: the table says which members there are,
 * where they lie and what they are called, and one function for each kind of member writes it.
 * Numbers beyond 2^53 become texts of digits, since most readers keep numbers as doubles.
 */
#include "out/eventjson.h"

#include "base/clock.h"
#include "out/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT_MAX (1ull << 53)

typedef void put_fn(struct buf *b, const struct field *f, const uint8_t *base);

static void put_value(struct buf *b, const struct field *f, const uint8_t *base);

/* --- members ------------------------------------------------------------------------ */

static void put_number(struct buf *b, uint64_t v)
{
	if (v > EXACT_MAX)
		buf_putc(b, '"');
	buf_put_u64(b, v);
	if (v > EXACT_MAX)
		buf_putc(b, '"');
}

static void put_uint(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint64_t v = field_get_uint(base + f->offset, f->size);

	if (!v && f->is_known_unless0)
		text_lit(b, "null");
	else
		put_number(b, v);
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

static void put_bool(struct buf *b, const struct field *f, const uint8_t *base)
{
	if (base[f->offset])
		text_lit(b, "true");
	else
		text_lit(b, "false");
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

/** "text" between two bytes, with one look at the room there is. */
static void put_between(struct buf *b, char before, const char *text, char after)
{
	size_t n = strlen(text);
	uint8_t *p = buf_reserve(b, n + 2);

	if (!p)
		return;
	p[0] = (uint8_t)before;
	memcpy(p + 1, text, n);
	p[n + 1] = (uint8_t)after;
	buf_advance(b, n + 2);
}

static void put_word(struct buf *b, const struct field *f, const uint8_t *base)
{
	uint64_t v = field_get_uint(base + f->offset, f->size);

	put_between(b, '"', v < f->words->n ? f->words->names[v] : "unknown", '"');
}

static void put_proto(struct buf *b, const struct field *f, const uint8_t *base)
{
	if (base[f->offset])
		put_between(b, '"', proto_name(base[f->offset]), '"');
	else
		text_lit(b, "null");
}

static void put_time(struct buf *b, const struct field *f, const uint8_t *base)
{
	char time[32];

	text_put_json(b, clock_format_rfc3339(field_get_uint(base + f->offset, f->size), time));
}

/** 10.0.0.1, which ports have most often, without the library. */
static void format_v4(const uint8_t octets[4], char out[ADDR_TEXT_CAP])
{
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t v = octets[i];
		if (v >= 100)
			*out++ = (char)('0' + v / 100);
		if (v >= 10)
			*out++ = (char)('0' + v / 10 % 10);
		*out++ = (char)('0' + v % 10);
		*out++ = i < 3 ? '.' : '\0';
	}
}

static void put_addr(struct buf *b, const struct field *f, const uint8_t *base)
{
	char text[ADDR_TEXT_CAP];
	struct addr a;

	memcpy(&a, base + f->offset, sizeof(a));
	if (a.family == ADDR_NONE) {
		text_lit(b, "null");
		return;
	}
	if (a.family == ADDR_V4 && !a.zone) {
		format_v4(a.b, text);
		put_between(b, '"', text, '"');
		return;
	}
	buf_putc(b, '"');
	buf_puts(b, addr_format_bare(&a, text));
	if (a.zone) {
		buf_putc(b, '%');
		buf_put_u64(b, a.zone);
	}
	buf_putc(b, '"');
}

static void put_mac(struct buf *b, const struct field *f, const uint8_t *base)
{
	char text[MAC_TEXT_CAP];
	struct mac mac;

	memcpy(&mac, base + f->offset, sizeof(mac));
	text_put_json(b, base[f->count_offset] ? mac_format(&mac, text) : NULL);
}

/** Bytes 0 to 255 as characters U+0000 to U+00FF. Those that steer a terminal or end a line (C0,
 * DEL and C1: 0x9b begins what ESC [ begins) are escaped. */
static void put_bytes(struct buf *b, const struct field *f, const uint8_t *base)
{
	const uint8_t *p = pointer_at(f, base);
	uint64_t n = field_get_uint(base + f->count_offset, f->count_size);

	buf_putc(b, '"');
	for (uint64_t i = 0; p && i < n; i++) {
		bool is_control = p[i] < 0x20 || (p[i] >= 0x7f && p[i] < 0xa0);

		if (is_control || p[i] == '"' || p[i] == '\\')
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
		[FIELD_UINT] = put_uint,       [FIELD_INT] = put_int,
		[FIELD_REAL] = put_real,       [FIELD_BOOL] = put_bool,
		[FIELD_TEXT] = put_text,       [FIELD_CHARS] = put_chars,
		[FIELD_WORD] = put_word,       [FIELD_PROTO] = put_proto,
		[FIELD_TIME] = put_time,       [FIELD_ADDR] = put_addr,
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

/** Only the fraction of the last time is written anew while the second is the same. */
static void put_stamp(struct eventjson *j, struct buf *b, uint64_t time_ns)
{
	uint64_t second = time_ns / NS_PER_S;

	if (second != j->second)
		clock_format_rfc3339(time_ns, j->time);
	j->second = second;
	uint32_t fraction = (uint32_t)(time_ns % NS_PER_S);
	for (int at = 28; at >= 20; at--, fraction /= 10)
		j->time[at] = (char)('0' + fraction % 10);
	buf_put(b, j->time, 30);
}

void eventjson_begin(struct eventjson *j, struct buf *b, uint64_t seq, uint64_t time_ns,
		     const char *type)
{
	buf_put(b, j->head, j->head_len);
	buf_put_u64(b, seq);
	text_lit(b, ",\"time\":\"");
	put_stamp(j, b, time_ns);
	text_lit(b, "\",\"type\":\"");
	buf_puts(b, type);
	buf_putc(b, '"');
}

void eventjson_put(struct eventjson *j, struct buf *b, const struct event *ev,
		   const struct scan_info *scan)
{
	const struct event_spec *spec = &event_specs[ev->kind];
	const void *told = (const uint8_t *)ev + spec->offset;
	struct told_certificate cert;

	if (spec->is_of_scan)
		told = scan;
	if (ev->kind == EVENT_CERTIFICATE_FOUND) {
		cert = (struct told_certificate){ev->tls.addr, ev->tls.port, ev->tls.proto,
						 ev->tls.cert_idx,
						 &ev->tls.facts->certs[ev->tls.cert_idx]};
		told = &cert;
	}
	eventjson_begin(j, b, ev->seq, ev->time_ns, spec->name);
	if (spec->is_of_host) {
		text_lit(b, ",\"host\":");
		put_number(b, ev->host_idx);
	}
	if (spec->fields)
		eventjson_put_fields(b, spec->fields, told);
	text_lit(b, "}\n");
}
