/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pattern (first line) and an answer (the rest): without an index and with one the matcher finds
 * what plain matching finds. */
#include "detect/match.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *nl = memchr(p, '\n', n);
	size_t len = nl ? (size_t)(nl - p) : n;
	struct bytes answer = {p + len, n - len}, text, all = {0};
	struct match_hit a = {0}, b = {0};
	const char *name = "fuzz";
	struct matcher *m;
	struct svcdb *db;
	char file[600];

	if (len > 400 || memchr(p, '\xff', len))
		return 0;
	memcpy(file, "Probe TCP NULL q||\nmatch a m\xff", 28);
	memcpy(file + 28, p, len);
	memcpy(file + 28 + len, "\xffs\n", 3);
	text = (struct bytes){(const uint8_t *)file, 31 + len};
	if (svcdb_parse(&text, &name, 1, &db, NULL) < 0)
		return 0;
	if (matcher_new(db, &m) < 0)
		abort();
	int found = matcher_match_plain(m, 0, answer, all, &b);
	for (uint32_t i = 0; i <= MATCH_COLD_ANSWERS; i++) {
		a = (struct match_hit){0};
		if (matcher_match(m, 0, answer, all, &a) != found || a.match != b.match)
			abort();
	}
	matcher_free(m);
	svcdb_free(db);
	return 0;
}
