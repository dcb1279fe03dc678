/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values of options: text of a command line -> fields of struct config, one setter per kind of the
 * option table, each bounded by its row. The message of every refusal names the token and the
 * accepted form.
 */
#include "cli/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef int value_set_fn(const struct value_dest *to, const struct opt_spec *o, const char *name,
			 const char *text);

int value_refuse(const struct value_dest *to, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to->err->text, sizeof(to->err->text), fmt, ap);
	va_end(ap);
	/* Words may come from a script or a file name: nothing of them may steer the terminal. */
	for (char *s = to->err->text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	return code;
}

int value_refuse_form(const struct value_dest *to, int code, const struct opt_spec *o,
		      const char *name, const char *text)
{
	struct buf b;

	buf_init(&b, 512);
	opt_put_want(o, &b);
	value_refuse(to, code, "%s \"%.*s\": want %s", name, TOKEN_SHOWN_MAX, text, buf_text(&b));
	buf_fini(&b);
	return code;
}

int value_read_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -E_SYNTAX;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)*s - '0';

		if (digit > 9)
			return -E_SYNTAX;
		if (__builtin_mul_overflow(v, 10ull, &v) || __builtin_add_overflow(v, digit, &v))
			return -E_RANGE;
	}
	*ret = v;
	return 0;
}

/** Length of one duration unit; 0: no such unit. */
static uint64_t unit_ns(const char *suffix)
{
	static const struct {
		const char *suffix;
		uint64_t ns;
	} units[] = {{"", NS_PER_S},
		     {"s", NS_PER_S},
		     {"ms", NS_PER_MS},
		     {"m", 60 * NS_PER_S},
		     {"h", 3600 * NS_PER_S}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(suffix, units[i].suffix) == 0)
			return units[i].ns;
	return 0;
}

/** "1.5", "250ms". Nine decimals count, further ones are ignored. */
static int read_duration(const char *s, u128 *ret_ns)
{
	u128 whole = 0, billionths = 0;
	uint32_t n_digits = 0, scale = NS_PER_S;
	uint64_t unit;

	for (; *s >= '0' && *s <= '9'; s++, n_digits++) {
		if (whole > UINT32_MAX)
			return -E_RANGE;
		whole = whole * 10 + (uint32_t)(*s - '0');
	}
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, n_digits++)
			billionths += (uint32_t)(*s - '0') * (scale /= 10);
	unit = unit_ns(s);
	if (!n_digits || !unit)
		return -E_SYNTAX;
	*ret_ns = whole * unit + billionths * unit / NS_PER_S;
	return 0;
}

void *value_field(const struct value_dest *to, uint16_t offset)
{
	return (uint8_t *)to->cfg + offset;
}

void value_store_uint(const struct value_dest *to, const struct opt_spec *o, uint64_t v)
{
	void *field = value_field(to, o->offset);

	switch (o->size) {
	case 1:
		*(uint8_t *)field = (uint8_t)v;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)v;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)v;
		break;
	default:
		assert(o->size == 8);
		*(uint64_t *)field = v;
		break;
	}
}

static int store_bounded(const struct value_dest *to, const struct opt_spec *o, const char *name,
			 const char *text, uint64_t v)
{
	if ((v < o->min || v > o->max) && !(v == 0 && o->zero))
		return value_refuse_form(to, -E_RANGE, o, name, text);
	value_store_uint(to, o, v);
	return 0;
}

static int set_uint(const struct value_dest *to, const struct opt_spec *o, const char *name,
		    const char *text)
{
	uint64_t v;
	int rc = value_read_u64(text, &v);

	return rc < 0 ? value_refuse_form(to, rc, o, name, text)
		      : store_bounded(to, o, name, text, v);
}

static int set_duration(const struct value_dest *to, const struct opt_spec *o, const char *name,
			const char *text)
{
	u128 ns;
	int rc = read_duration(text, &ns);

	if (rc < 0)
		return value_refuse_form(to, rc, o, name, text);
	return store_bounded(to, o, name, text, (uint64_t)MIN(ns / o->scale_ns, (u128)UINT64_MAX));
}

static int set_ratio(const struct value_dest *to, const struct opt_spec *o, const char *name,
		     const char *text)
{
	char *end;
	double v;

	if (strspn(text, "0123456789.") != strlen(text))
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	v = strtod(text, &end);
	if (end == text || *end)
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	if (!(v > 0 && v < 1))
		return value_refuse_form(to, -E_RANGE, o, name, text);
	*(double *)value_field(to, o->offset) = v;
	return 0;
}

static int set_string(const struct value_dest *to, const struct opt_spec *o, const char *name,
		      const char *text)
{
	if (!*text)
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	*(const char **)value_field(to, o->offset) = text;
	return 0;
}

/** A name that begins with a dash is nearly always the next option after a forgotten file name. */
static int set_path(const struct value_dest *to, const struct opt_spec *o, const char *name,
		    const char *text)
{
	if (text[0] == '-' && (text[1] || !o->is_stdio_ok))
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	return set_string(to, o, name, text);
}

int value_append(const struct value_dest *to, const char *const **list, uint32_t *n,
		 const char *text)
{
	const char **words = (const char **)*list;

	if (!words) {
		words = mem_alloc(to->list_cap, sizeof(*words));
		if (!words)
			return -ENOMEM;
		*list = words;
	}
	words[(*n)++] = text;
	return 0;
}

static int set_list(const struct value_dest *to, const struct opt_spec *o, const char *name,
		    const char *text)
{
	if (!*text)
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	if (value_append(to, value_field(to, o->offset), value_field(to, o->count_offset), text) <
	    0)
		return value_refuse(to, -ENOMEM, "%s: no memory", name);
	return 0;
}

/** @return the word's place in a NULL-terminated list, or -1. */
static int place_of(const char *const *words, const char *text)
{
	for (int i = 0; words && words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static int set_choice(const struct value_dest *to, const struct opt_spec *o, const char *name,
		      const char *text)
{
	int i = place_of(o->choices, text);

	if (i < 0)
		i = place_of(o->aliases, text);
	if (i < 0)
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	value_store_uint(to, o, (uint64_t)i);
	return 0;
}

static int set_addr(const struct value_dest *to, const struct opt_spec *o, const char *name,
		    const char *text)
{
	struct addr *field = value_field(to, o->offset);
	struct addr a;

	if (addr_parse(text, strlen(text), &a) < 0)
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	field += a.family == ADDR_V6;
	if (field->family)
		return value_refuse(
			to, -E_SYNTAX,
			"%s \"%.*s\": a second IPv%d address; want at most one per family", name,
			TOKEN_SHOWN_MAX, text, a.family);
	*field = a;
	return 0;
}

/** "i/n", 1 <= i <= n <= max. */
static int set_share(const struct value_dest *to, const struct opt_spec *o, const char *name,
		     const char *text)
{
	const char *slash = strchr(text, '/');
	char first[12];
	uint64_t idx, n;

	if (!slash || slash - text >= (ptrdiff_t)sizeof(first))
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	snprintf(first, sizeof(first), "%.*s", (int)(slash - text), text);
	if (value_read_u64(first, &idx) < 0 || value_read_u64(slash + 1, &n) < 0)
		return value_refuse_form(to, -E_SYNTAX, o, name, text);
	if (idx < 1 || idx > n || n > o->max)
		return value_refuse_form(to, -E_RANGE, o, name, text);
	*(struct shard *)value_field(to, o->offset) =
		(struct shard){.idx = (uint32_t)idx - 1, .n = (uint32_t)n};
	return 0;
}

static value_set_fn *const setters[OPT_KIND_N] = {
	[OPT_UINT] = set_uint,     [OPT_DURATION] = set_duration, [OPT_RATIO] = set_ratio,
	[OPT_STRING] = set_string, [OPT_PATH] = set_path,         [OPT_LIST] = set_list,
	[OPT_CHOICE] = set_choice, [OPT_ADDR] = set_addr,         [OPT_SHARE] = set_share,
};

int value_store(const struct value_dest *to, const struct opt_spec *o, const char *name,
		const char *text)
{
	return setters[o->kind](to, o, name, text);
}
