/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Demands of a pattern, read from its top level only: runs of literal bytes between everything
 * else. A group, a class or an escape ends a run; "?" and "*" take its last byte away; an
 * alternative at top level or syntax beyond the list below leaves no demand at all. Used to throw
 * out, of thousands of patterns, those that cannot match a banner (match.c).
 * Source: pcre2pattern(3), PCRE2 10.42.
 */
#include "detect/literal.h"

#include <string.h>

enum atom { ATOM_BYTE, ATOM_ONE, ATOM_ZERO, ATOM_OTHER, ATOM_UNKNOWN };

struct scan {
	const uint8_t *p, *end;
	struct literals *l;
	uint32_t n_bytes;
	bool in_run;     /* the last run is still growing */
	bool is_heading; /* positions from the start are still known */
	bool is_anchored;
};

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** "\x41", "\xa", "\x": up to two digits. */
static uint8_t hex_escape(struct scan *s)
{
	uint32_t v = 0;

	for (int i = 0; i < 2 && s->p < s->end && hex(*s->p) >= 0; i++)
		v = v << 4 | (uint32_t)hex(*s->p++);
	return (uint8_t)v;
}

/** "\0", "\012": up to two more octal digits. */
static uint8_t octal_escape(struct scan *s)
{
	uint32_t v = 0;

	for (int i = 0; i < 2 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; i++)
		v = v << 3 | (uint32_t)(*s->p++ - '0');
	return (uint8_t)v;
}

/** Behind a backslash. */
static enum atom escape(struct scan *s, uint8_t *ret)
{
	static const char from[] = "rntfae", to[] = "\r\n\t\f\a\x1b";

	if (s->p >= s->end)
		return ATOM_UNKNOWN;
	uint8_t c = *s->p++;
	const char *at = c ? strchr(from, c) : NULL;
	if (at) {
		*ret = (uint8_t)to[at - from];
		return ATOM_BYTE;
	}
	if (c == 'x' && (s->p >= s->end || *s->p != '{')) {
		*ret = hex_escape(s);
		return ATOM_BYTE;
	}
	if (c == '0') {
		*ret = octal_escape(s);
		return ATOM_BYTE;
	}
	if (c && strchr("dDwWsShHvVN", c))
		return c == 'N' && s->p < s->end && *s->p == '{' ? ATOM_UNKNOWN : ATOM_ONE;
	if (c && strchr("bBAZzG", c))
		return ATOM_ZERO;
	if (c >= '1' && c <= '9') {
		while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
			s->p++;
		return ATOM_OTHER;
	}
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return ATOM_UNKNOWN;
	*ret = c;
	return ATOM_BYTE;
}

/** Behind "[": to its end. */
static enum atom class_end(struct scan *s)
{
	if (s->p < s->end && *s->p == '^')
		s->p++;
	if (s->p < s->end && *s->p == ']')
		s->p++;
	while (s->p < s->end && *s->p != ']') {
		if (*s->p == '[' && s->end - s->p > 1 && strchr(":.=", s->p[1]) && s->p[1])
			return ATOM_UNKNOWN;
		if (*s->p == '\\') {
			if (s->end - s->p > 1 && (s->p[1] == 'Q' || s->p[1] == 'E'))
				return ATOM_UNKNOWN;
			s->p++;
		}
		s->p++;
	}
	if (s->p >= s->end)
		return ATOM_UNKNOWN;
	s->p++;
	return ATOM_ONE;
}

/** Behind "(": to its matching end. Option settings reach beyond the group: unknown. */
static enum atom group_end(struct scan *s)
{
	uint32_t depth = 1;
	const uint8_t *start = s->p;
	bool is_special = s->p < s->end && (*s->p == '?' || *s->p == '*');

	while (s->p < s->end && depth) {
		uint8_t c = *s->p++, unused;
		if (c == '\\') {
			if (escape(s, &unused) == ATOM_UNKNOWN)
				return ATOM_UNKNOWN;
		} else if (c == '[') {
			if (class_end(s) == ATOM_UNKNOWN)
				return ATOM_UNKNOWN;
		} else {
			depth += c == '(';
			depth -= c == ')';
		}
	}
	if (depth)
		return ATOM_UNKNOWN;
	if (!is_special)
		return ATOM_OTHER;
	if (s->end - start < 2 || *start == '*')
		return ATOM_UNKNOWN;
	return start[1] == ':'                      ? ATOM_OTHER
	       : start[1] == '=' || start[1] == '!' ? ATOM_ZERO
						    : ATOM_UNKNOWN;
}

static enum atom next_atom(struct scan *s, uint8_t *ret)
{
	uint8_t c = *s->p++;

	switch (c) {
	case '\\':
		return escape(s, ret);
	case '[':
		return class_end(s);
	case '(':
		return group_end(s);
	case '.':
		return ATOM_ONE;
	case '^':
	case '$':
		return ATOM_ZERO;
	case '|':
	case ')':
	case '*':
	case '+':
	case '?':
		return ATOM_UNKNOWN;
	default:
		*ret = c;
		return ATOM_BYTE;
	}
}

/** "{2}", "{0,3}", "{4,}" at s->p; other braces are literals. @return false when there is none. */
static bool braces(struct scan *s, uint32_t *ret_min, bool *ret_is_exact)
{
	const uint8_t *p = s->p + 1;
	uint32_t n = 0;

	if (s->p >= s->end || *s->p != '{' || p >= s->end || *p < '0' || *p > '9')
		return false;
	for (; p < s->end && *p >= '0' && *p <= '9'; p++)
		n = n > 65535 ? n : n * 10 + (uint32_t)(*p - '0');
	*ret_is_exact = p < s->end && *p == '}';
	if (p < s->end && *p == ',')
		for (p++; p < s->end && *p >= '0' && *p <= '9'; p++)
			;
	if (p >= s->end || *p != '}')
		return false;
	*ret_min = n;
	s->p = p + 1;
	return true;
}

/** What stands behind an atom. @return how often at least; @p ret_is_once exactly once. */
static uint32_t quantifier(struct scan *s, bool *ret_is_once)
{
	uint32_t min = 1;
	bool is_exact = true;

	*ret_is_once = true;
	if (s->p >= s->end)
		return 1;
	if (*s->p == '*' || *s->p == '?' || *s->p == '+') {
		min = *s->p++ == '+';
		is_exact = false;
	} else if (!braces(s, &min, &is_exact)) {
		return 1;
	}
	if (s->p < s->end && (*s->p == '?' || *s->p == '+'))
		s->p++;
	*ret_is_once = is_exact && min == 1;
	return min;
}

static void run_end(struct scan *s)
{
	s->in_run = false;
}

static void run_byte(struct scan *s, uint8_t c)
{
	struct literals *l = s->l;

	if (s->n_bytes == LITERAL_BYTES_MAX)
		return run_end(s);
	if (!s->in_run) {
		if (l->n_runs == LITERAL_RUNS_MAX)
			return;
		l->n_runs++;
		s->in_run = true;
	}
	l->bytes[s->n_bytes++] = literal_lower(c);
	l->run_end[l->n_runs - 1] = (uint16_t)s->n_bytes;
}

/** One more position of known place: a byte, or any (mask 0). */
static void head_byte(struct scan *s, uint8_t c, uint8_t mask)
{
	struct literals *l = s->l;

	if (!s->is_heading || !s->is_anchored)
		return;
	if (l->head_len == LITERAL_HEAD) {
		s->is_heading = false;
		return;
	}
	l->head[l->head_len] = literal_lower(c) & mask;
	l->mask[l->head_len++] = mask;
}

/** One atom and its quantifier. @return false when nothing can be said about the pattern. */
static bool element(struct scan *s)
{
	uint8_t c = 0;
	bool is_once;
	enum atom a = next_atom(s, &c);

	if (a == ATOM_UNKNOWN)
		return false;
	uint32_t min = quantifier(s, &is_once);
	if (a == ATOM_ZERO) {
		/* "^" and "$" at top level sit between bytes; look-arounds too */
		run_end(s);
		return true;
	}
	if (a == ATOM_BYTE && min)
		run_byte(s, c);
	if (a != ATOM_BYTE || !is_once)
		run_end(s);
	if (a == ATOM_OTHER || !is_once)
		s->is_heading = false;
	else
		head_byte(s, c, a == ATOM_BYTE ? 0xff : 0);
	return true;
}

/** Without touching the bytes of runs: thousands of patterns are read one after the other. */
static void literals_clear(struct literals *l)
{
	l->n_runs = l->head_len = 0;
	memset(l->head, 0, sizeof(l->head));
	memset(l->mask, 0, sizeof(l->mask));
}

void literals_of(struct bytes pattern, struct literals *ret)
{
	struct scan s = {
		.p = pattern.p, .end = pattern.p + pattern.len, .l = ret, .is_heading = true};

	literals_clear(ret);
	s.is_anchored = pattern.len && pattern.p[0] == '^';
	while (s.p < s.end)
		if (!element(&s)) {
			literals_clear(ret);
			return;
		}
}
