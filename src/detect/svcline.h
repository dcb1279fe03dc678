/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words, delimited texts, numbers and port lists of one line of a probe file. Internal to svcdb.c.
 */
#pragma once

#include "detect/svcdb.h"

/** The line being read; p moves. */
struct svc_line {
	const uint8_t *start, *p, *end;
	struct err_where *where;
};

/** Ports as they are collected, before svc_ranges_keep. */
struct svc_ranges {
	struct svc_range *r;
	uint32_t n, cap;
};

struct arena;

/** Fill where with a span of the line. @return @p code. */
int svc_fail(const struct svc_line *l, int code, struct bytes at, const char *want);
static inline bool svc_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}
void svc_skip_blanks(struct svc_line *l);
/** Up to the next blank; empty at the end. */
struct bytes svc_word(struct svc_line *l);
/** What is left of the line. */
struct bytes svc_rest(const struct svc_line *l);
bool svc_is_word(struct bytes w, const char *text);
/** @p letter, a delimiter, the text, the delimiter again. @return 0 or -E_SYNTAX. */
int svc_delimited(struct svc_line *l, char letter, const char *want, struct bytes *ret);
/** The last word of the line, a number from @p lo to @p hi. @return 0, -E_RANGE, -E_SYNTAX. */
int svc_number(struct svc_line *l, uint32_t lo, uint32_t hi, uint32_t *ret);
int svc_line_ends(const struct svc_line *l);
/** The next item of a comma-separated list, blanks around it cut. @return false at its end. */
bool svc_next_item(struct bytes *list, struct bytes *ret);
/** Collect "80" or "81-85". @return 0, -E_SYNTAX, -E_FULL, -ENOMEM. */
int svc_port_item(const struct svc_line *l, struct bytes item, struct svc_ranges *ret);
/** Sort and join what was collected and what @p to has already into @p to; the collection is empty
 * then. @return 0 or -ENOMEM, -E_FULL. */
int svc_ranges_keep(struct svc_ranges *c, struct arena *a, struct svc_ports *to);
