/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of event logs: any bytes are a record or a message with a place in the line; what is read
 * can be written, and read again. */
#include "event/eventread.h"
#include "out/eventjson.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct jsonread *r = jsonread_new(), *again = jsonread_new();
	struct event_record rec, rec2;
	struct err_where w = {0};
	struct eventjson j;
	struct buf b;
	int err = r && again ? eventread_line(r, (const char *)p, n, &rec, &w) : -ENOMEM;

	if (err && err != -ENOMEM && (!w.want[0] || !w.column))
		abort();
	if (!err && rec.kind == EVENTREAD_EVENT && rec.ev.kind != EVENT_CERTIFICATE_FOUND) {
		eventjson_init(&j, "00000000-0000-4000-8000-000000000000");
		buf_init(&b, 1 << 26);
		eventjson_put(&j, &b, &rec.ev, rec.scan);
		if (!b.error && eventread_line(again, (const char *)b.p, b.len - 1, &rec2, &w) < 0)
			abort();
		buf_fini(&b);
	}
	jsonread_free(r);
	jsonread_free(again);
	return 0;
}
