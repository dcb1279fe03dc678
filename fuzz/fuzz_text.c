/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names from the network through every escaping rule: nothing a format forbids comes out. */
#include "out/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char in[1024];
	struct buf b;

	if (n >= sizeof(in))
		return 0;
	memcpy(in, p, n);
	in[n] = '\0';
	buf_init(&b, 8 * sizeof(in));
	for (int kind = 0; kind < TEXT_N; kind++) {
		buf_reset(&b);
		text_put(&b, in, (enum text_kind)kind);
		for (size_t i = 0; i < b.len; i++) {
			bool is_plain = kind == TEXT_TERMINAL || kind == TEXT_GREPABLE;
			bool is_xml = kind == TEXT_XML || kind == TEXT_COMMENT;

			if (b.p[i] < 0x20 || b.p[i] == 0x7f || (is_plain && b.p[i] > 0x7e) ||
			    (is_xml && memchr("<>\"'", b.p[i], 4)))
				abort();
		}
		if (b.error || (kind == TEXT_COMMENT && strstr(buf_text(&b), "--")))
			abort();
	}
	buf_fini(&b);
	return 0;
}
