/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of any bytes: views stay inside the scratch space; more bytes never un-say a kind. */
#include "detect/jarm.h"

#include <stdlib.h>

static void inside(struct bytes b, const uint8_t *p, size_t n)
{
	if (b.len && (b.p < p || b.p + b.len > p + n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *scratch = malloc(n + 1);
	struct bytes left, part;
	struct jarm_part kept;
	struct tls_answer a;
	uint16_t type;

	if (scratch && tlsanswer_read((struct bytes){p, n}, scratch, &a) >= 0) {
		if (a.kind == TLS_ANSWER_NONE || a.kind >= TLS_ANSWER_N)
			abort();
		inside(a.certificates, scratch, n);
		inside(a.alpn, scratch, n);
		for (left = a.certificates; tls_next_certificate(&left, &part);)
			inside(part, scratch, n);
		for (left = a.extensions; tls_next_extension(&left, &type, &part);)
			inside(part, scratch, n);
		jarm_keep(&a, &kept);
	}
	for (int is_13 = 0; scratch && is_13 < 2; is_13++) {
		struct wcursor w = wcursor_of(scratch, n);
		tls_certificate_list((struct bytes){p, n}, is_13, &w);
		left = (struct bytes){scratch, w.pos};
		while (tls_next_certificate(&left, &part))
			inside(part, scratch, n);
	}
	free(scratch);
	return 0;
}
