/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Target words: ranges come out ascending, disjoint and bounded, and every printed end parses to
 * itself. */
#include "target/spec.h"

#include <stdlib.h>
#include <string.h>

static void check_end(struct range_set *set, const struct range *r, u128 n)
{
	struct addr a = addr_from_u128(r->family, n, 0);
	char text[ADDR_TEXT_CAP];

	addr_format_bare(&a, text);
	if (target_spec_parse(text, strlen(text), set, NULL) != 0 || set->n != 1 ||
	    set->r[0].lo != n || set->r[0].hi != n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct range_set set, one = {.n = 0};
	struct err_where err;
	int rc;

	range_set_init(&set);
	rc = target_spec_parse((const char *)p, n, &set, &err);
	if (set.n > 65536 || (rc == 0) != (set.n > 0) ||
	    (rc < 0 && rc != -E_NAME && (!err.want[0] || err.column > n + 1)))
		abort();
	for (uint32_t i = 0; i < set.n; i++)
		if (set.r[i].lo > set.r[i].hi || (i && set.r[i].lo <= set.r[i - 1].hi))
			abort();
	if (set.n)
		check_end(&one, &set.r[set.n - 1], set.r[set.n - 1].hi);
	range_set_fini(&one);
	range_set_fini(&set);
	return 0;
}
