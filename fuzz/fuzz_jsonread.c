/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of JSON: any bytes are a record or a message with a place in the line. */
#include "event/jsonread.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct jsonread *r = jsonread_new();
	struct json_record rec;
	struct err_where w = {0};

	if (!r)
		return 0;
	int err = jsonread_line(r, (const char *)p, n, &rec, &w);
	if (err && err != -ENOMEM && (!w.want[0] || !w.column))
		abort();
	if (!err && rec.kind == JSON_PORT &&
	    (rec.port.state >= PORT_STATE_N || rec.port.reason >= REASON_N))
		abort();
	jsonread_free(r);
	return 0;
}
