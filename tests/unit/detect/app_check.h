/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One capture and what its reader must say; checked whole, cut at every byte, and with each byte
 * changed. */
#pragma once

#include "detect/app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

#define CAPTURE(t) t, sizeof(t) - 1

struct app_case {
	const char *bytes;
	size_t len;
	enum app_proto proto;
	const char *row;                         /* which reader; NULL: none may */
	const char *service, *product, *version; /* NULL: must be unknown */
	const char *extrainfo, *hostname, *ostype;
	const char *cpe; /* the first */
	bool is_open;    /* more could still come */
};

static void app_check_text(const char *have, const char *want)
{
	assert_string_equal(have, want ? want : "");
}

static void app_check_bounds(const struct app_facts *f)
{
	for (size_t i = 0; i < APP_FIELD_N; i++)
		assert_non_null(memchr(f->field[i], 0, APP_FIELD_BYTES_MAX));
	assert_true(f->n_cpe <= APP_CPES_MAX);
	for (size_t i = 0; i < f->n_cpe; i++)
		assert_non_null(memchr(f->cpe[i], 0, APP_FIELD_BYTES_MAX));
}

static void app_check_facts(const struct app_case *c, const struct app_facts *f)
{
	app_check_text(f->service, c->service);
	app_check_text(f->field[APP_PRODUCT], c->product);
	app_check_text(f->field[APP_VERSION], c->version);
	app_check_text(f->field[APP_EXTRAINFO], c->extrainfo);
	app_check_text(f->field[APP_HOSTNAME], c->hostname);
	app_check_text(f->field[APP_OSTYPE], c->ostype);
	app_check_text(f->n_cpe ? f->cpe[0] : "", c->cpe);
	app_check_bounds(f);
}

/** A start of a right stream is never refused, and never says what the whole denies. */
static void app_check_cut(const struct app_case *c, const struct app_ops *row, size_t cut)
{
	uint8_t *p = guard_copy(c->bytes, cut);
	struct app_facts f = {0};
	int n = row->parse((struct bytes){p, cut}, &f);

	app_check_bounds(&f);
	assert_true(n <= (int)cut);
	if (c->proto == APP_TCP)
		assert_true(n >= 0);
	if (n > 0)
		assert_string_equal(f.service, c->service);
	(void)!app_read((struct bytes){p, cut}, APP_TCP, &f);
	(void)!app_read((struct bytes){p, cut}, APP_UDP, &f);
	guard_free(p, cut);
}

static void app_check_changed(const struct app_case *c)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	uint8_t *p = guard_copy(c->bytes, c->len);
	struct app_facts f;

	for (size_t i = 0; i < c->len; i++)
		for (size_t k = 0; k < ARRAY_LEN(masks); k++) {
			p[i] ^= masks[k];
			if (app_read((struct bytes){p, c->len}, c->proto, &f))
				app_check_bounds(&f);
			p[i] ^= masks[k];
		}
	guard_free(p, c->len);
}

static inline void app_check_case(const struct app_case *c)
{
	struct app_facts f = {0};
	uint8_t *p = guard_copy(c->bytes, c->len);
	const struct app_ops *row = app_read((struct bytes){p, c->len}, c->proto, &f);

	if (!c->row) {
		assert_null(row);
	} else {
		assert_non_null(row);
		assert_string_equal(row->name, c->row);
		app_check_facts(c, &f);
		struct app_facts again = {0};
		int n = row->parse((struct bytes){p, c->len}, &again);
		assert_int_equal(n == 0, c->is_open);
		for (size_t cut = 0; cut < c->len; cut++)
			app_check_cut(c, row, cut);
	}
	guard_free(p, c->len);
	app_check_changed(c);
}
