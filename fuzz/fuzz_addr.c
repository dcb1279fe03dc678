/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Address text: what parses must print, and the print must parse to the same address. */
#include "wire/addr.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char text[ADDR_TEXT_CAP], mac_text[MAC_TEXT_CAP];
	struct addr a, again;
	struct mac m, m_again;

	if (addr_parse((const char *)p, n, &a) == 0) {
		addr_format_bare(&a, text);
		if (addr_parse(text, strlen(text), &again) < 0 || !addr_equal(&a, &again))
			abort();
		again = addr_from_u128(a.family, addr_to_u128(&a), 0);
		if (addr_cmp(&a, &again) != 0)
			abort();
	}
	if (mac_parse((const char *)p, n, &m) == 0) {
		mac_format(&m, mac_text);
		if (mac_parse(mac_text, strlen(mac_text), &m_again) < 0 ||
		    memcmp(&m, &m_again, 6) != 0)
			abort();
	}
	return 0;
}
