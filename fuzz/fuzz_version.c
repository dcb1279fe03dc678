/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A version template (first line) with pieces of an answer (the rest): within its ceiling, or
 * nothing. */
#include "detect/version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *nl = memchr(p, '\n', n);
	struct bytes tmpl = {p, nl ? (size_t)(nl - p) : n};
	size_t left = n - tmpl.len, part = left / (MATCH_GROUPS_MAX - 1);
	struct match_hit hit = {0};
	struct buf out;

	for (size_t i = 1; part && i < MATCH_GROUPS_MAX; i++)
		hit.group[i] = (struct bytes){p + tmpl.len + (i - 1) * part, part};
	for (int is_cpe = 0; is_cpe < 2; is_cpe++) {
		buf_init(&out, VERSION_FIELD_BYTES_MAX + 8);
		buf_puts(&out, "cpe:/");
		int err = version_expand(tmpl, &hit, is_cpe, &out);
		if (out.len > VERSION_FIELD_BYTES_MAX + 5 || memcmp(out.p, "cpe:/", 5) != 0 ||
		    (err && out.len != 5))
			abort();
		for (size_t i = 5; is_cpe && i < out.len; i++)
			if (!isalnum(out.p[i]) && !strchr("-._~:%", out.p[i]))
				abort();
		buf_fini(&out);
	}
	return 0;
}
