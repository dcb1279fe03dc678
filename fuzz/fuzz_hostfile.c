/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts files: every row is found by its name, every canonical one by its address. */
#include "target/hostfile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hostfile h;
	struct addr a[4];

	if (hostfile_parse((const char *)p, n, &h) < 0)
		abort();
	for (uint32_t i = 0; i < h.n && i < 64; i++)
		if (!hostfile_addrs(&h, h.by_name[i].name, h.by_name[i].addr.family, a, 4) ||
		    (h.by_name[i].is_canonical && !hostfile_name(&h, &h.by_name[i].addr)))
			abort();
	hostfile_fini(&h);
	return 0;
}
