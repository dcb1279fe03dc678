/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of the events that come by the hundred thousand: all their members are numbers and words,
 * so what is the same in every line is laid out once, and the value of a word or an address is kept
 * until another comes. Pieces are copied at their full room, which is one instruction, and the next
 * one begins at their length.
 */
#include "out/eventline.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#define EXACT_MAX (1ull << 53)

/* --- values ------------------------------------------------------------------------------- */

static uint8_t *put_null(uint8_t *p)
{
	memcpy(p, "null", 4);
	return p + 4;
}

static uint8_t *put_quoted(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	assert(n <= EVENTLINE_TEXT_CAP - 2);
	*p++ = '"';
	memcpy(p, text, n);
	p[n] = '"';
	return p + n + 1;
}

/** Numbers beyond 2^53 as texts of digits: readers keep numbers as doubles. */
static uint8_t *put_number(uint8_t *p, uint64_t v)
{
	if (likely(v <= EXACT_MAX))
		return buf_format_u64(p, v);
	*p++ = '"';
	p = buf_format_u64(p, v);
	*p++ = '"';
	return p;
}

static uint8_t *put_bool(uint8_t *p, bool is_so)
{
	memcpy(p, is_so ? "true" : "false", 5);
	return p + 5 - is_so;
}

/** "10.0.0.1", which ports have most often, without the library. */
static uint8_t *put_v4(uint8_t *p, const uint8_t octets[4])
{
	*p++ = '"';
	for (uint32_t i = 0; i < 4; i++) {
		p = buf_format_u64(p, octets[i]);
		*p++ = i < 3 ? '.' : '"';
	}
	return p;
}

static uint8_t *put_addr(uint8_t *p, const uint8_t *at)
{
	char text[ADDR_TEXT_CAP];
	struct addr a;

	memcpy(&a, at, sizeof(a));
	if (a.family == ADDR_NONE)
		return put_null(p);
	if (a.family == ADDR_V4 && !a.zone)
		return put_v4(p, a.b);
	p = put_quoted(p, addr_format_bare(&a, text));
	if (a.zone) {
		p[-1] = '%';
		p = buf_format_u64(p, a.zone);
		*p++ = '"';
	}
	return p;
}

bool eventline_has(enum field_kind kind)
{
	return kind == FIELD_UINT || kind == FIELD_BOOL || kind == FIELD_WORD ||
	       kind == FIELD_PROTO || kind == FIELD_ADDR;
}

uint8_t *eventline_put_value(const struct field *f, const uint8_t *base, uint8_t *p)
{
	const uint8_t *at = base + f->offset;
	uint64_t v;

	switch ((enum field_kind)f->kind) {
	case FIELD_UINT:
		v = field_get_uint(at, f->size);
		return !v && f->is_known_unless0 ? put_null(p) : put_number(p, v);
	case FIELD_WORD:
		v = field_get_uint(at, f->size);
		return put_quoted(p, v < f->words->n ? f->words->names[v] : "unknown");
	case FIELD_BOOL:
		return put_bool(p, *at);
	case FIELD_PROTO:
		return *at ? put_quoted(p, proto_name(*at)) : put_null(p);
	default:
		assert(f->kind == FIELD_ADDR);
		return put_addr(p, at);
	}
}

/* --- lines -------------------------------------------------------------------------------- */

static size_t kept_bytes(const struct field *f)
{
	return f->kind == FIELD_ADDR    ? sizeof(struct addr)
	       : f->kind == FIELD_WORD  ? f->size
	       : f->kind == FIELD_PROTO ? 1
					: 0;
}

static bool is_preparable(const struct event_spec *spec)
{
	const struct fields *t = spec->fields;

	if (!t || t->n > EVENTLINE_STEPS || spec->is_lent || strlen(spec->name) > 32)
		return false;
	for (uint32_t i = 0; i < t->n; i++)
		if (!eventline_has((enum field_kind)t->f[i].kind) ||
		    strlen(t->f[i].name) + 4 >= EVENTLINE_KEY_CAP)
			return false;
	return true;
}

bool eventline_prepare(struct eventline *l, const struct event_spec *spec)
{
	if (!is_preparable(spec))
		return false;
	*l = (struct eventline){.spec = spec, .n_steps = spec->fields->n};
	l->type_len = (uint8_t)snprintf(l->type, sizeof(l->type), "\",\"type\":\"%s\"%s",
					spec->name, spec->is_of_host ? ",\"host\":" : "");
	for (uint32_t i = 0; i < l->n_steps; i++) {
		struct eventline_step *s = &l->steps[i];
		s->f = &spec->fields->f[i];
		s->last_len = (uint8_t)kept_bytes(s->f);
		s->key_len = (uint8_t)snprintf(s->key, sizeof(s->key), ",\"%s\":", s->f->name);
	}
	return true;
}

/** @return whether the value is that of the line before. */
static bool is_same(const struct eventline_step *s, const uint8_t *at)
{
	if (s->last_len == 1)
		return s->text_len && *at == s->last[0];
	return s->text_len && memcmp(at, s->last, s->last_len) == 0;
}

static uint8_t *put_kept(struct eventline_step *s, const uint8_t *told, uint8_t *p)
{
	const uint8_t *at = told + s->f->offset;

	if (!is_same(s, at)) {
		uint8_t *text = (uint8_t *)s->text;
		s->text_len = (uint8_t)(eventline_put_value(s->f, told, text) - text);
		memcpy(s->last, at, s->last_len);
	}
	memcpy(p, s->text, sizeof(s->text));
	return p + s->text_len;
}

uint8_t *eventline_put(struct eventline *l, uint64_t host_idx, const uint8_t *told, uint8_t *p)
{
	memcpy(p, l->type, sizeof(l->type));
	p += l->type_len;
	if (l->spec->is_of_host)
		p = put_number(p, host_idx);
	for (uint32_t i = 0; i < l->n_steps; i++) {
		struct eventline_step *s = &l->steps[i];
		memcpy(p, s->key, sizeof(s->key));
		p += s->key_len;
		p = s->last_len ? put_kept(s, told, p) : eventline_put_value(s->f, told, p);
	}
	*p++ = '}';
	*p++ = '\n';
	return p;
}
