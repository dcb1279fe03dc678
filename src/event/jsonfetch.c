/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON values by key, each with its range; the first that does not fit is kept as the line's error.
 * Internal to the reader of JSON lines (jsonread.c).
 */
#include "event/jsonread_int.h"

#include <stdio.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53 */

void fetch_refuse(struct fetch *f, const char *key, int code, const char *want)
{
	char quoted[40];
	uint32_t column = 1;

	if (f->err)
		return;
	size_t n = (size_t)snprintf(quoted, sizeof(quoted), "\"%.30s\"", key);
	const char *at = memmem(f->line, f->len, quoted, n);
	if (at)
		column = (uint32_t)(at - f->line) + 1;
	f->err = err_at(f->where, code, key, strlen(key), column, "want %s", want);
}

uint64_t fetch_u64(struct fetch *f, const char *key, uint64_t max)
{
	const json_t *v = json_object_get(f->obj, key);
	double d = json_number_value(v);
	/* beside a number beyond 63 bits, which has no other form, every number is a double */
	json_int_t n =
		json_is_real(v) && d >= 0 && d < EXACT_MAX ? (json_int_t)d : json_integer_value(v);

	if (!json_is_number(v) || (json_is_real(v) && (double)n != d) || n < 0 ||
	    (uint64_t)n > max) {
		fetch_refuse(f, key, -E_RANGE, "a whole number within its range");
		return 0;
	}
	return (uint64_t)n;
}

uint64_t fetch_known(struct fetch *f, const char *key, uint64_t max)
{
	const json_t *v = json_object_get(f->obj, key);

	return !v || json_is_null(v) ? 0 : fetch_u64(f, key, max);
}

uint64_t fetch_count(struct fetch *f, const char *key)
{
	double d = json_number_value(json_object_get(f->obj, key));

	if (d >= EXACT_MAX)
		return d >= 0x1p64 ? UINT64_MAX : (uint64_t)d;
	return fetch_u64(f, key, INT64_MAX);
}

double fetch_real(struct fetch *f, const char *key)
{
	const json_t *v = json_object_get(f->obj, key);

	if (!json_is_number(v) || !(json_number_value(v) >= 0 && json_number_value(v) < 1e15)) {
		fetch_refuse(f, key, -E_RANGE, "a number that is not negative");
		return 0;
	}
	return json_number_value(v);
}

bool fetch_bool(struct fetch *f, const char *key)
{
	const json_t *v = json_object_get(f->obj, key);

	if (v && !json_is_boolean(v))
		fetch_refuse(f, key, -E_SYNTAX, "true or false");
	return json_is_true(v);
}

const char *fetch_text(struct fetch *f, const char *key)
{
	const json_t *v = json_object_get(f->obj, key);

	if (v && !json_is_null(v) && !json_is_string(v))
		fetch_refuse(f, key, -E_SYNTAX, "a text");
	return json_string_value(v);
}

const char *fetch_need_text(struct fetch *f, const char *key)
{
	const char *s = fetch_text(f, key);

	if (!s)
		fetch_refuse(f, key, -E_SYNTAX, "a text");
	return s ? s : "";
}

struct addr fetch_addr(struct fetch *f, const char *key, bool must)
{
	const char *s = must ? fetch_need_text(f, key) : fetch_text(f, key);
	struct addr a = {0};

	if (s && !f->err && addr_parse(s, strlen(s), &a) < 0)
		fetch_refuse(f, key, -E_SYNTAX, "an IPv4 or IPv6 address");
	return a;
}

uint8_t fetch_word(struct fetch *f, const char *key, const char *(*name)(uint32_t), uint32_t n)
{
	const char *s = fetch_need_text(f, key);

	for (uint32_t i = 0; i < n && !f->err; i++)
		if (strcmp(name(i), s) == 0)
			return (uint8_t)i;
	fetch_refuse(f, key, -E_SYNTAX, "a word that prtip writes there");
	return 0;
}

uint8_t fetch_proto(struct fetch *f)
{
	const char *s = fetch_need_text(f, "protocol");

	for (uint32_t p = 0; p < PORT_PROTO_N; p++)
		if (strcmp(proto_name(port_proto_number((enum port_proto)p)), s) == 0)
			return port_proto_number((enum port_proto)p);
	fetch_refuse(f, "protocol", -E_SYNTAX, "tcp, udp or sctp");
	return 0;
}
