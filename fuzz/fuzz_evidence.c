/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pattern (first line), a product (second) and an answer (the rest): judged without a fault, a
 * denial and a mirror likewise; who names nothing is always believed. */
#include "detect/evidence.h"
#include "detect/naming.h"

#include <stdlib.h>
#include <string.h>

static struct bytes line(struct bytes *in)
{
	const uint8_t *nl = in->len ? memchr(in->p, '\n', in->len) : NULL;
	struct bytes ret = {in->p, nl ? (size_t)(nl - in->p) : in->len};
	size_t n = nl ? ret.len + 1 : in->len;

	*in = (struct bytes){in->p + n, in->len - n};
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct bytes in = {p, n}, pattern = line(&in), name = line(&in);
	struct svc_match m = {.pattern = pattern, .service = name};
	struct match_hit hit = {.match = &m, .group = {in, {in.p, in.len / 2}}};
	char product[64] = "";

	if (in.len > 4096 || pattern.len > 4096)
		return 0;
	memcpy(product, name.p, name.len < 63 ? name.len : 63);
	(void)evidence_is_enough(&hit, in, product);
	(void)naming_is_none(name);
	(void)naming_is_host_name(name, in);
	for (size_t i = 0; i < in.len && i < 64; i++)
		(void)naming_is_claim(in, (struct bytes){in.p + i, 1 + i % (in.len - i)}, pattern);
	(void)evidence_is_mirror(in, name);
	if (!evidence_is_enough(&hit, in, NULL))
		abort();
	return 0;
}
