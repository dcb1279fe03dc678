/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Build-time program: writes the JSON Schema of the event log, made from the event table, to
 * standard output. Run by meson, never installed. */
#include <stdio.h>

#include "out/eventjson.h"

#define TEXT_BYTES_MAX (1u << 20)

int main(void)
{
	struct buf b;

	buf_init(&b, TEXT_BYTES_MAX);
	eventjson_put_schema(&b);
	int rc = b.error || fwrite(b.p, 1, b.len, stdout) != b.len || fflush(stdout) != 0;
	buf_fini(&b);
	return rc;
}
