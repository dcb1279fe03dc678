/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Address text: what parses must print, and the print must parse to the same address. */
#include "wire/addr.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char text[ADDR_TEXT_CAP];
	struct addr a, again;

	if (addr_parse((const char *)p, n, &a) == 0) {
		addr_format_bare(&a, text);
		if (addr_parse(text, strlen(text), &again) < 0 || !addr_equal(&a, &again))
			abort();
		again = addr_from_u128(a.family, addr_to_u128(&a), 0);
		if (addr_cmp(&a, &again) != 0)
			abort();
	}
	return 0;
}
