/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names from the network through every escaping rule: nothing a format forbids comes out, and
 * nothing that cannot be seen. */
#include "base/utf8.h"
#include "out/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char in[1024];
	struct buf b;
	uint32_t c;

	if (n >= sizeof(in))
		return 0;
	memcpy(in, p, n);
	in[n] = '\0';
	buf_init(&b, 8 * sizeof(in));
	for (int kind = 0; kind < TEXT_N; kind++) {
		bool is_plain = kind == TEXT_TERMINAL || kind == TEXT_GREPABLE;
		bool is_xml = kind == TEXT_XML || kind == TEXT_COMMENT;

		buf_reset(&b);
		text_put(&b, in, (enum text_kind)kind);
		for (size_t i = 0, k; i < b.len; i += k) {
			k = utf8_take((struct bytes){b.p + i, b.len - i}, &c);
			if (!k || !utf8_is_shown(c) || (is_plain && k > 1) ||
			    (is_xml && memchr("<>\"'", b.p[i], 4)))
				abort();
		}
		if (b.error || (kind == TEXT_COMMENT && strstr(buf_text(&b), "--")))
			abort();
	}
	buf_fini(&b);
	return 0;
}
