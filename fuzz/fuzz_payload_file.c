/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payload files: whatever is accepted can be looked up, written and checked within its bounds. */
#include "probe/payload.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t out[PAYLOAD_LEN_MAX];
	struct payloads *all = NULL;
	struct err_where w = {0};

	if (payloads_open_bytes((const char *)p, n, &all, &w) < 0) {
		if (!w.line || !w.column)
			abort();
		return 0;
	}
	for (uint32_t port = 0; port <= UINT16_MAX; port += 7) {
		uint32_t n_requests = payloads_n(all, (uint16_t)port);
		for (uint32_t a = 0; a <= n_requests; a++) {
			const struct payload *pl = payloads_get(all, (uint16_t)port, a);
			if (pl->len > payloads_max_len(all) || (!n_requests && pl->len))
				abort();
			payload_write(pl, a * 0x9e3779b9u, out);
			if (payload_check(pl, a, (struct bytes){out, pl->len}) > 0 && !pl->tag_len)
				abort();
		}
	}
	payloads_close(all);
	return 0;
}
