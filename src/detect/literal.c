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
	const struct literal_subject *subject; /* held against this; NULL: only read */
	size_t from;                           /* what comes next is behind this */
	bool is_refuted;
};

/** @return the byte @p ahead, or -1 behind the end. */
static int peek(const struct scan *s, size_t ahead)
{
	return (size_t)(s->end - s->p) > ahead ? s->p[ahead] : -1;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/** Up to @p n_max digits of a number system of @p base, 8 or 16. */
static uint8_t digits(struct scan *s, int base, int n_max)
{
	static const char all[] = "0123456789abcdef";
	uint32_t v = 0;

	for (int i = 0; i < n_max; i++, s->p++) {
		int c = peek(s, 0);
		const char *at =
			c > 0 ? memchr(all, literal_lower((uint8_t)c), (size_t)base) : NULL;
		if (!at)
			break;
		v = v * (uint32_t)base + (uint32_t)(at - all);
	}
	return (uint8_t)v;
}

/** Letters behind a backslash by what they stand for; those not listed are not understood. */
static const struct {
	const char *letters;
	enum atom atom;
} letter_escapes[] = {{"dDwWsShHvVN", ATOM_ONE}, {"bBAZzG", ATOM_ZERO}, {"123456789", ATOM_OTHER}};

static bool is_letter(int c)
{
	int low = c | 0x20;

	return low >= 'a' && low <= 'z';
}

/** Escapes that stand for one known byte. */
static bool byte_escape(struct scan *s, int c, uint8_t *ret)
{
	static const char from[] = "rntfae", to[] = "\r\n\t\f\a\x1b";
	const char *at = c > 0 ? strchr(from, c) : NULL;

	if (at)
		*ret = (uint8_t)to[at - from];
	else if (c == 'x' && peek(s, 0) != '{')
		*ret = digits(s, 16, 2);
	else if (c == '0')
		*ret = digits(s, 8, 2);
	else if (!is_letter(c) && !is_digit(c))
		*ret = (uint8_t)c;
	else
		return false;
	return true;
}

/** Behind a backslash. */
static enum atom escape(struct scan *s, uint8_t *ret)
{
	int c = peek(s, 0);

	if (c < 0)
		return ATOM_UNKNOWN;
	s->p++;
	if (byte_escape(s, c, ret))
		return ATOM_BYTE;
	for (size_t i = 0; i < ARRAY_LEN(letter_escapes); i++) {
		if (!strchr(letter_escapes[i].letters, c))
			continue;
		while (letter_escapes[i].atom == ATOM_OTHER && is_digit(peek(s, 0)))
			s->p++;
		return c == 'N' && peek(s, 0) == '{' ? ATOM_UNKNOWN : letter_escapes[i].atom;
	}
	return ATOM_UNKNOWN;
}

/** Inside a class: one member, or ATOM_UNKNOWN for what changes how the rest is read. */
static enum atom class_member(struct scan *s)
{
	int c = peek(s, 0), next = peek(s, 1);

	if (c == '[' && next > 0 && strchr(":.=", next))
		return ATOM_UNKNOWN;
	if (c == '\\' && (next < 0 || next == 'Q' || next == 'E'))
		return ATOM_UNKNOWN;
	s->p += c == '\\' ? 2 : 1;
	return ATOM_ONE;
}

/** Behind "[": to its end. */
static enum atom class_end(struct scan *s)
{
	s->p += peek(s, 0) == '^';
	s->p += peek(s, 0) == ']';
	while (peek(s, 0) != ']')
		if (peek(s, 0) < 0 || class_member(s) == ATOM_UNKNOWN)
			return ATOM_UNKNOWN;
	s->p++;
	return ATOM_ONE;
}

/** What the text behind "(" makes of the group; option settings reach beyond it: unknown. */
static enum atom group_kind(const struct scan *s)
{
	if (peek(s, 0) == '*')
		return ATOM_UNKNOWN;
	if (peek(s, 0) != '?' || peek(s, 1) == ':')
		return ATOM_OTHER;
	return peek(s, 1) == '=' || peek(s, 1) == '!' ? ATOM_ZERO : ATOM_UNKNOWN;
}

/** Behind "(": to its matching end. */
static enum atom group_end(struct scan *s)
{
	enum atom kind = group_kind(s), inner = ATOM_ONE;
	uint32_t depth = 1;
	uint8_t unused;

	while (depth && inner != ATOM_UNKNOWN) {
		int c = peek(s, 0);
		if (c < 0)
			return ATOM_UNKNOWN;
		s->p++;
		depth += c == '(';
		depth -= c == ')';
		if (c == '\\')
			inner = escape(s, &unused);
		else if (c == '[')
			inner = class_end(s);
	}
	return inner == ATOM_UNKNOWN ? inner : kind;
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

/** A number at s->p + *at, cut at 65536; *at moves behind it. @return false when there is none. */
static bool number_at(const struct scan *s, size_t *at, uint32_t *ret)
{
	size_t from = *at;

	for (*ret = 0; is_digit(peek(s, *at)); (*at)++)
		*ret = *ret > 65535 ? *ret : *ret * 10 + (uint32_t)(peek(s, *at) - '0');
	return *at > from;
}

/** "{2}", "{0,3}", "{4,}" at s->p; other braces are literals. @return false when there is none. */
static bool braces(struct scan *s, uint32_t *ret_min, bool *ret_is_exact)
{
	size_t at = 1;
	uint32_t min, max;

	if (peek(s, 0) != '{' || !number_at(s, &at, &min))
		return false;
	*ret_is_exact = peek(s, at) == '}';
	if (peek(s, at) == ',') {
		at++;
		(void)number_at(s, &at, &max);
	}
	if (peek(s, at) != '}')
		return false;
	*ret_min = min;
	s->p += at + 1;
	return true;
}

/** What stands behind an atom. @return how often at least; @p ret_is_once exactly once. */
static uint32_t quantifier(struct scan *s, bool *ret_is_once)
{
	uint32_t min = 1;
	bool is_exact = true;

	*ret_is_once = true;
	int c = peek(s, 0);
	if (c == '*' || c == '?' || c == '+') {
		s->p++;
		min = c == '+';
		is_exact = false;
	} else if (!braces(s, &min, &is_exact)) {
		return 1;
	}
	s->p += peek(s, 0) == '?' || peek(s, 0) == '+';
	*ret_is_once = is_exact && min == 1;
	return min;
}

static bool subject_may_have(const struct literal_subject *subject, const uint8_t *gram)
{
	uint32_t bit = literal_gram_hash(literal_gram(gram)) >> 17;

	return subject->bloom[bit / 64] >> bit % 64 & 1;
}

/** Is the text, whose grams may all be there, behind what was found before? */
static bool subject_has(struct scan *s, const uint8_t *text, size_t len)
{
	const struct literal_subject *subject = s->subject;
	const uint8_t *at = memmem(subject->low + s->from, subject->len - s->from, text, len);

	if (at)
		s->from = (size_t)(at - subject->low) + len;
	return at != NULL;
}

static uint32_t run_begin(const struct literals *l)
{
	return l->n_runs > 1 ? l->run_end[l->n_runs - 2] : 0;
}

static void run_end(struct scan *s)
{
	const struct literals *l = s->l;

	if (s->in_run && s->subject && !s->is_refuted) {
		uint32_t begin = run_begin(l);
		s->is_refuted = !subject_has(s, l->bytes + begin, s->n_bytes - begin);
	}
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
	if (s->subject && s->n_bytes >= run_begin(l) + LITERAL_GRAM)
		s->is_refuted |=
			!subject_may_have(s->subject, l->bytes + s->n_bytes - LITERAL_GRAM);
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
	c = literal_lower(c) & mask;
	if (s->subject)
		s->is_refuted |= l->head_len >= s->subject->len ||
				 (s->subject->low[l->head_len] & mask) != c;
	l->head[l->head_len] = c;
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

void literal_subject_init(struct literal_subject *s, const uint8_t *low, size_t len)
{
	memset(s->bloom, 0, sizeof(s->bloom));
	s->low = low;
	s->len = len;
	for (size_t i = 0; i + LITERAL_GRAM <= len; i++) {
		uint32_t bit = literal_gram_hash(literal_gram(low + i)) >> 17;
		s->bloom[bit / 64] |= 1ull << bit % 64;
	}
}

/** Does an alternative at top level follow, or what is not understood? */
static bool has_alternative(struct scan *s)
{
	uint32_t depth = 0;

	if (!memchr(s->p, '|', (size_t)(s->end - s->p)))
		return false;
	while (s->p < s->end) {
		int c = *s->p++, next = peek(s, 0);
		if ((c == '|' && !depth) || (c == '\\' && (next == 'Q' || next == 'E')) ||
		    (c == '(' && group_kind(s) == ATOM_UNKNOWN) ||
		    (c == '[' && class_end(s) == ATOM_UNKNOWN))
			return true;
		s->p += c == '\\';
		depth += c == '(';
		depth -= c == ')';
	}
	return false;
}

bool literals_refute(struct bytes pattern, const struct literal_subject *subject)
{
	struct literals l;
	struct scan s = {.p = pattern.p,
			 .end = pattern.p + pattern.len,
			 .l = &l,
			 .is_heading = true,
			 .subject = subject};

	l.n_runs = l.head_len = 0;
	s.is_anchored = pattern.len && pattern.p[0] == '^';
	while (s.p < s.end && !s.is_refuted)
		if (!element(&s))
			return false;
	run_end(&s);
	/* nothing but an alternative can make up for a demand that is not met */
	return s.is_refuted && !has_alternative(&s);
}
