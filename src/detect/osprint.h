/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tests and attributes of an OS fingerprint (nmap's second generation, IPv4), and the values that
 * one host showed. Source: nmap's book, "TCP/IP Fingerprinting Methods Supported by Nmap".
 */
#pragma once

#include "base/cursor.h"

enum os_test {
	OS_SEQ,
	OS_OPS,
	OS_WIN,
	OS_ECN,
	OS_T1,
	OS_T2,
	OS_T3,
	OS_T4,
	OS_T5,
	OS_T6,
	OS_T7,
	OS_U1,
	OS_IE,
	OS_TEST_N
};

/** Attributes of one test at most. */
#define OS_ATTRS_MAX 12
/** Longest value with its NUL: options of 40 bytes are at most 50 characters. */
#define OS_VALUE_CAP 56

struct os_test_desc {
	const char *name;
	const char *attrs[OS_ATTRS_MAX]; /* in the order they are printed */
	uint32_t n_attrs;
};
extern const struct os_test_desc os_tests[OS_TEST_N];

/** @return the test, or -1. */
int os_test_find(struct bytes name);
/** @return the attribute's place in its test, or -1. */
int os_attr_find(enum os_test test, struct bytes name);

/** What one host showed: texts as fingerprints have them. has: bit per attribute; a test without
 * any is not printed and matches nothing. */
struct os_print {
	uint16_t has[OS_TEST_N];
	char value[OS_TEST_N][OS_ATTRS_MAX][OS_VALUE_CAP];
};
/** Set a value by printf text; one that is too long is cut. @param attr must be one of the test. */
void os_print_set(struct os_print *p, enum os_test test, const char *attr, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/** @return the value, or NULL when it is not set. */
const char *os_print_get(const struct os_print *p, enum os_test test, const char *attr);
