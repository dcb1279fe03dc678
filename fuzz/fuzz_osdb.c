/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OS fingerprint files and prints of any bytes: read or refused with a place. */
#include "detect/osmatch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct bytes text = {p, n};
	struct err_where w = {0};
	static struct os_print print;
	struct os_result r;
	struct osdb *db;

	memset(&print, 0, sizeof(print));
	(void)!os_print_parse(text, &print, NULL);
	if (osdb_parse(text, "fuzz", &db, &w) < 0) {
		if (!w.want[0] || !w.column)
			abort();
		return 0;
	}
	os_print_set(&print, OS_T1, "R", "Y");
	struct os_matcher *m = os_matcher_new(db);
	if (m)
		os_match(m, &print, &r);
	for (uint32_t i = 0; m && i < r.n_matches; i++)
		if (os_accuracy(db, r.matches[i].entry, &print) != r.matches[i].accuracy)
			abort();
	os_matcher_free(m);
	osdb_free(db);
	return 0;
}
