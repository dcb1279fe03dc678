/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any answer, by one reader (the first byte chooses) and by all: verdicts in bounds, texts that
 * end. */
#include "detect/app.h"

#include <stdlib.h>

static void check(const struct app_facts *f)
{
	if (f->n_cpe > APP_CPES_MAX)
		abort();
	for (size_t i = 0; i < APP_FIELD_N; i++)
		if (!memchr(f->field[i], 0, APP_FIELD_BYTES_MAX))
			abort();
	for (size_t i = 0; i < f->n_cpe; i++)
		if (!memchr(f->cpe[i], 0, APP_FIELD_BYTES_MAX))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct app_facts f = {0};

	if (!n)
		return 0;
	struct bytes in = {p + 1, n - 1};
	int got = app_rows[p[0] % app_n_rows]->parse(in, &f);
	if (got > (int)in.len || (got > 0 && !f.service))
		abort();
	check(&f);
	for (int proto = APP_TCP; proto <= APP_UDP; proto++)
		if (app_read(in, (enum app_proto)proto, &f))
			check(&f);
	return 0;
}
