/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Error codes to text, and the record that says where user text went wrong.
 * Everything comes from the one list in err.h; texts of errno values are the C library's
 * constant ones (strerrordesc_np), so any thread may ask at any time.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
	int code;
	const char *name;
	const char *text;
};

#define X(name, number, text) {number, #name, text},
static const struct err_row rows[] = {ERR_LIST(X)};
#undef X

static const struct err_row *row_of(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].code == code || -rows[i].code == code)
			return &rows[i];
	}
	return NULL;
}

const char *err_text(int code)
{
	const struct err_row *row = row_of(code);
	const char *text;

	if (row)
		return row->text;
	text = code == INT32_MIN ? NULL : strerrordesc_np(code < 0 ? -code : code);
	return text ? text : "unknown error";
}

const char *err_name(int code)
{
	const struct err_row *row = row_of(code);

	return row ? row->name : "errno";
}

/* Bytes that would steer a terminal become dots; UTF-8 stays. */
static void copy_span(char *out, size_t cap, const char *s, size_t len)
{
	size_t n = s ? MIN(len, cap - 1) : 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		out[i] = c < 0x20 || c == 0x7f ? '.' : s[i];
	}
	out[n] = '\0';
}

int err_at(struct err_where *w, int code, const char *token, size_t token_len, uint32_t column,
	   const char *want_fmt, ...)
{
	va_list ap;

	if (!w)
		return code;
	copy_span(w->token, sizeof(w->token), token, token_len);
	va_start(ap, want_fmt);
	if (vsnprintf(w->want, sizeof(w->want), want_fmt, ap) < 0)
		w->want[0] = '\0';
	va_end(ap);
	w->file[0] = '\0';
	w->line = 0;
	w->column = column;
	return code;
}
