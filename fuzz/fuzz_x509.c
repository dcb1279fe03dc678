/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates of any bytes: views stay inside, texts are UTF-8 without control bytes. */
#include "detect/x509.h"

#include <stdlib.h>

static void check_text(const char *s, size_t len)
{
	if (strlen(s) != len)
		abort();
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)s[i] < 0x20 || s[i] == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cert_name_pos pos = {0};
	struct cert_facts f;
	struct cert_attr a;
	struct cert_san san;
	char text[256];

	if (x509_parse((struct bytes){p, n}, &f) < 0)
		return 0;
	if (f.subject.p < p || f.subject.p + f.subject.len > p + n || f.key >= CERT_KEY_N)
		abort();
	check_text(text, x509_name_text(f.subject, text, sizeof(text)));
	check_text(text, x509_name_text(f.issuer, text, 16));
	check_text(text, x509_serial_text(f.serial, text, sizeof(text)));
	check_text(text, x509_oid_text(f.signature.oid, text, sizeof(text)));
	while (x509_next_attr(f.subject, &pos, &a))
		check_text(text, x509_attr_text(&a, text, sizeof(text)));
	while (x509_next_san(&f.sans, &san))
		check_text(text, x509_san_text(&san, text, sizeof(text)));
	return 0;
}
