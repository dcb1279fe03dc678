/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event table as a JSON Schema (2020-12): what docs/event-log.schema.json is made from. Every
 * struct is a definition, every kind of event one alternative, told apart by "type".
 */
#include "out/eventjson.h"
#include "out/text.h"

#include <string.h>

/** Structs met so far; the list is written from its front while new ones come at its end. */
struct defs {
	const struct fields *of[64];
	uint32_t n;
};

static void need(struct defs *d, const struct fields *t)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->of[i] == t)
			return;
	assert(d->n < ARRAY_LEN(d->of));
	d->of[d->n++] = t;
}

static void put_words(struct buf *b, const struct words *w)
{
	text_lit(b, "\"enum\":[");
	for (uint32_t i = 0; i < w->n; i++) {
		buf_puts(b, i ? "," : "");
		text_put_json(b, w->names[i]);
	}
	text_lit(b, "]");
}

static void put_range(struct buf *b, const struct field *f)
{
	bool is_null = f->is_known_unless0;

	if (f->size == sizeof(uint64_t))
		buf_printf(b, "\"$ref\":\"#/$defs/%s\"", is_null ? "known_u64" : "u64");
	else
		buf_printf(b, "\"type\":%s,\"minimum\":%d,\"maximum\":%llu",
			   is_null ? "[\"integer\",\"null\"]" : "\"integer\"", is_null,
			   (unsigned long long)((1ull << 8 * f->size) - 1));
}

/** The keywords of a member's value, without braces. */
static void put_type(struct buf *b, const struct field *f, struct defs *d)
{
	static const char *const plain[FIELD_KIND_N] = {
		[FIELD_INT] = "\"type\":\"integer\"",
		[FIELD_REAL] = "\"type\":\"number\"",
		[FIELD_BOOL] = "\"type\":\"boolean\"",
		[FIELD_TEXT] = "\"type\":[\"string\",\"null\"]",
		[FIELD_CHARS] = "\"type\":\"string\"",
		[FIELD_PROTO] = "\"enum\":[\"tcp\",\"udp\",\"sctp\",\"icmp\",\"ip\",null]",
		[FIELD_TIME] = "\"$ref\":\"#/$defs/time\"",
		[FIELD_ADDR] =
			"\"type\":[\"string\",\"null\"],\"pattern\":\"^[0-9a-f.:]+(%[0-9]+)?$\"",
		[FIELD_MAC] = "\"type\":[\"string\",\"null\"],\"pattern\":"
			      "\"^[0-9A-F]{2}(:[0-9A-F]{2}){5}$\"",
		[FIELD_BYTES] = "\"type\":\"string\",\"pattern\":\"^[\\\\u0000-\\\\u00ff]*$\"",
		[FIELD_PORTS] = "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\","
				"\"pattern\":\"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$\"},"
				"\"propertyNames\":{\"enum\":[\"tcp\",\"udp\",\"sctp\"]}",
	};
	const struct field element = {.kind = f->elem,
				      .size = f->elem_size,
				      .of = f->of,
				      .words = f->words,
				      .is_needed = true};

	if (f->of)
		need(d, f->of);
	if (f->kind == FIELD_TEXT && f->is_needed)
		buf_puts(b, plain[FIELD_CHARS]);
	else if (plain[f->kind])
		buf_puts(b, plain[f->kind]);
	else if (f->kind == FIELD_UINT)
		put_range(b, f);
	else if (f->kind == FIELD_WORD)
		put_words(b, f->words);
	else if (f->kind == FIELD_STRUCT || (f->kind == FIELD_POINTER && f->is_needed))
		buf_printf(b, "\"$ref\":\"#/$defs/%s\"", f->of->name);
	else if (f->kind == FIELD_POINTER)
		buf_printf(b, "\"anyOf\":[{\"$ref\":\"#/$defs/%s\"},{\"type\":\"null\"}]",
			   f->of->name);
	else {
		text_lit(b, "\"type\":\"array\",\"items\":{");
		put_type(b, &element, d);
		text_lit(b, "}");
	}
	if (f->kind == FIELD_ARRAY)
		buf_printf(b, ",\"maxItems\":%u", f->cap);
}

static void put_member(struct buf *b, const struct field *f, struct defs *d)
{
	text_lit(b, ",\n    ");
	text_put_json(b, f->name);
	text_lit(b, ":{");
	if (f->help) {
		text_lit(b, "\"description\":");
		text_put_json(b, f->help);
		buf_putc(b, ',');
	}
	put_type(b, f, d);
	buf_putc(b, '}');
}

/** What follows "properties":{ and its first members, to the end of the object. */
static void put_members(struct buf *b, const struct fields *t, struct defs *d,
			const char *also_required)
{
	for (uint32_t i = 0; t && i < t->n; i++)
		put_member(b, &t->f[i], d);
	buf_printf(b, "},\n   \"required\":[%s", also_required);
	for (uint32_t i = 0; t && i < t->n; i++) {
		buf_puts(b, i || *also_required ? "," : "");
		text_put_json(b, t->f[i].name);
	}
	text_lit(b, "],\n   \"additionalProperties\":false}");
}

static void put_kind(struct buf *b, const struct event_spec *e, struct defs *d)
{
	text_lit(b, ",\n  {\"title\":");
	text_put_json(b, e->name);
	text_lit(b, ",\"description\":");
	text_put_json(b, e->help);
	text_lit(b, ",\"properties\":{\"schema\":true,\"scan\":true,\"seq\":true,\"time\":true,\n"
		    "    \"type\":{\"const\":");
	text_put_json(b, e->name);
	buf_putc(b, '}');
	if (e->is_of_host)
		text_lit(b, ",\n    \"host\":{\"description\":\"Its place in target order\","
			    "\"$ref\":\"#/$defs/u64\"}");
	put_members(b, e->fields, d, e->is_of_host ? "\"type\",\"host\"" : "\"type\"");
}

static void put_counts(struct buf *b)
{
	text_lit(b, "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\","
		    "\"minimum\":1}}");
}

/** The first and the last line of every file. */
static void put_ends(struct buf *b)
{
	static const char base[] = "\"schema\":true,\"scan\":true,\"seq\":true,\"time\":true,\n"
				   "    \"type\":{\"const\":";

	buf_printf(b,
		   "  {\"title\":\"header\",\"description\":\"First in every file\",\"properties\":"
		   "{%s\"header\"},\n    \"part\":{\"description\":\"0, 1, ... of the files of a "
		   "log\",\"type\":\"integer\",\"minimum\":0},\n    \"version\":{\"type\":"
		   "\"string\"}},\n   \"required\":[\"type\",\"part\",\"version\"],\n   "
		   "\"additionalProperties\":false},\n",
		   base);
	buf_printf(b,
		   "  {\"title\":\"footer\",\"description\":\"Last in every file\",\"properties\":"
		   "{%s\"footer\"},\n    \"part\":{\"type\":\"integer\",\"minimum\":0},\n    "
		   "\"next\":{\"description\":\"File that goes on, beside this one; null: the log "
		   "is complete\",\"type\":[\"string\",\"null\"]},\n    \"written\":"
		   "{\"description\":\"Events so far, of all files, by type\",\"allOf\":[",
		   base);
	put_counts(b);
	text_lit(b, "]},\n    \"dropped\":{\"description\":\"Events that there was no room for, or "
		    "that could not be written, by type\",\"allOf\":[");
	put_counts(b);
	text_lit(b, "]}},\n   \"required\":[\"type\",\"part\",\"next\",\"written\",\"dropped\"],\n"
		    "   \"additionalProperties\":false}");
}

void eventjson_put_schema(struct buf *b)
{
	struct defs d = {.n = 0};

	buf_printf(b,
		   "{\n \"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n"
		   " \"title\":\"A line of an event log of prtip\",\n \"type\":\"object\",\n"
		   " \"properties\":{\"schema\":{\"const\":%d},\n"
		   "  \"scan\":{\"description\":\"UUID of the scan\",\"type\":\"string\","
		   "\"pattern\":\"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$\"},\n"
		   "  \"seq\":{\"description\":\"Rises; of a header or footer that of the event "
		   "before\",\"$ref\":\"#/$defs/u64\"},\n"
		   "  \"time\":{\"$ref\":\"#/$defs/time\"}},\n"
		   " \"required\":[\"schema\",\"scan\",\"seq\",\"time\",\"type\"],\n \"oneOf\":[\n",
		   EVENTJSON_SCHEMA);
	put_ends(b);
	for (uint32_t k = 0; k < EVENT_N; k++)
		if (event_specs[k].is_logged)
			put_kind(b, &event_specs[k], &d);
	text_lit(b,
		 "\n ],\n \"$defs\":{\n"
		 "  \"time\":{\"description\":\"RFC 3339, UTC, nanoseconds\",\"type\":\"string\","
		 "\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\\\."
		 "[0-9]{9}Z$\"},\n"
		 "  \"u64\":{\"description\":\"Beyond 2^53 its digits as a text\",\"type\":"
		 "[\"integer\",\"string\"],\"minimum\":0,\"pattern\":\"^[0-9]{16,20}$\"},\n"
		 "  \"known_u64\":{\"type\":[\"integer\",\"string\",\"null\"],\"minimum\":1,"
		 "\"pattern\":\"^[0-9]{16,20}$\"}");
	for (uint32_t i = 0; i < d.n; i++) {
		text_lit(b, ",\n  ");
		text_put_json(b, d.of[i]->name);
		text_lit(b, ":{\"type\":\"object\",\"properties\":{");
		size_t at = b->len;
		put_members(b, d.of[i], &d, "");
		if (!b->error) /* no comma before the first member */
			b->p[at] = ' ';
	}
	text_lit(b, "}}\n");
}
