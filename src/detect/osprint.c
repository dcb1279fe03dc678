/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The vocabulary of OS fingerprints, shared by the reader of the database, the probes that fill a
 * print and the scoring that compares both. One table; a test or attribute is a row of it.
 * Source: nmap's book, "TCP/IP Fingerprinting Methods Supported by Nmap".
 */
#include "detect/osprint.h"

#include <stdarg.h>
#include <stdio.h>

#define ATTRS(...)                                                                                 \
	.attrs = {__VA_ARGS__}, .n_attrs = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)
#define LATE_ATTRS ATTRS("R", "DF", "T", "TG", "W", "S", "A", "F", "O", "RD", "Q")

const struct os_test_desc os_tests[OS_TEST_N] = {
	[OS_SEQ] = {"SEQ", ATTRS("R", "SP", "GCD", "ISR", "TI", "CI", "II", "SS", "TS")},
	[OS_OPS] = {"OPS", ATTRS("R", "O1", "O2", "O3", "O4", "O5", "O6")},
	[OS_WIN] = {"WIN", ATTRS("R", "W1", "W2", "W3", "W4", "W5", "W6")},
	[OS_ECN] = {"ECN", ATTRS("R", "DF", "T", "TG", "W", "O", "CC", "Q")},
	[OS_T1] = {"T1", ATTRS("R", "DF", "T", "TG", "S", "A", "F", "RD", "Q")},
	[OS_T2] = {"T2", LATE_ATTRS},
	[OS_T3] = {"T3", LATE_ATTRS},
	[OS_T4] = {"T4", LATE_ATTRS},
	[OS_T5] = {"T5", LATE_ATTRS},
	[OS_T6] = {"T6", LATE_ATTRS},
	[OS_T7] = {"T7", LATE_ATTRS},
	[OS_U1] = {"U1",
		   ATTRS("R", "DF", "T", "TG", "IPL", "UN", "RIPL", "RID", "RIPCK", "RUCK", "RUD")},
	[OS_IE] = {"IE", ATTRS("R", "DFI", "T", "TG", "CD")},
};

static bool is_text(struct bytes b, const char *text)
{
	return b.len && b.p[0] == (uint8_t)*text && b.len == strlen(text) &&
	       !memcmp(b.p, text, b.len);
}

int os_test_find(struct bytes name)
{
	for (int i = 0; i < OS_TEST_N; i++)
		if (is_text(name, os_tests[i].name))
			return i;
	return -1;
}

int os_attr_find(enum os_test test, struct bytes name)
{
	for (uint32_t i = 0; i < os_tests[test].n_attrs; i++)
		if (is_text(name, os_tests[test].attrs[i]))
			return (int)i;
	return -1;
}

void os_print_set(struct os_print *p, enum os_test test, const char *attr, const char *fmt, ...)
{
	int at = os_attr_find(test, (struct bytes){(const uint8_t *)attr, strlen(attr)});
	va_list ap;

	assert(at >= 0);
	p->has[test] |= (uint16_t)(1u << at);
	va_start(ap, fmt);
	vsnprintf(p->value[test][at], OS_VALUE_CAP, fmt, ap);
	va_end(ap);
}

const char *os_print_get(const struct os_print *p, enum os_test test, const char *attr)
{
	int at = os_attr_find(test, (struct bytes){(const uint8_t *)attr, strlen(attr)});

	return at >= 0 && p->has[test] >> at & 1 ? p->value[test][at] : NULL;
}
