/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of options as text, checked against their rows and stored. Used by argv.c. Thread: owner.
 */
#pragma once

#include "cli/options.h"

#define TOKEN_SHOWN_MAX 80 /* bytes of a token repeated in a message */

/** Where values and complaints go. list_cap: no list grows longer (words of the command line). */
struct value_dest {
	struct config *cfg;
	struct opt_error *err;
	uint32_t list_cap;
};

/** Write a printable message. @return @p code, for tail calls. */
int value_refuse(const struct value_dest *to, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** NAME "text": want FORM. @return @p code. */
int value_refuse_form(const struct value_dest *to, int code, const struct opt_spec *o,
		      const char *name, const char *text);
/** Digits only. @return 0, -E_SYNTAX, -E_RANGE on overflow. */
int value_read_u64(const char *s, uint64_t *ret) MUST_CHECK;
void *value_field(const struct value_dest *to, uint16_t offset);
/** Any unsigned field; the caller has checked the bounds. */
void value_store_uint(const struct value_dest *to, const struct opt_spec *o, uint64_t v);
/** Append to a list whose array is taken once, at its first word. @return 0, -ENOMEM. */
int value_append(const struct value_dest *to, const char *const **list, uint32_t *n,
		 const char *text) MUST_CHECK;
/**
 * The value of an option that takes one; borrows @p text.
 * @param name the option as messages spell it. @return 0, -E_SYNTAX, -E_RANGE, -ENOMEM, each
 * refused.
 */
int value_store(const struct value_dest *to, const struct opt_spec *o, const char *name,
		const char *text) MUST_CHECK;
