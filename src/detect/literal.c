/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Demands of a pattern: how long a match is, and runs of literal bytes between everything else. A
 * group that stands there once is read through, others are skipped; a class or an escape ends a
 * run, "?" and "*" take its last byte away; an alternative at top level or syntax beyond the list
 * below leaves no demand at all. Used to throw out, of thousands of patterns, those that cannot
 * match a banner (match.c).
 * Source: pcre2pattern(3), PCRE2 10.42.
 */
#include "detect/literal.h"

#include <string.h>

enum atom { ATOM_BYTE, ATOM_ONE, ATOM_ZERO, ATOM_OTHER, ATOM_NONE, ATOM_UNKNOWN };

#define NO_LIMIT UINT32_MAX
/** A gram that so many patterns show, or fewer, is key enough. */
#define LITERAL_RARE 3u

/** How often an atom stands there. */
struct times {
	uint32_t min, max; /* NO_LIMIT: any number */
};

struct scan {
	const uint8_t *p, *end;
	struct literals *l;
	uint32_t n_bytes;
	bool in_run;     /* the last run is still growing */
	bool is_heading; /* positions from the start are still known */
	bool is_anchored;
	bool is_ending;    /* the last atom was "$" */
	uint32_t n_inside; /* groups that are read as if their parentheses were not there */
	const struct literal_subject *subject; /* held against this; NULL: only read */
	size_t from;                           /* what comes next is behind this */
	bool is_refuted;
	struct literal_census *census; /* NULL: no key is wanted */
	uint32_t key, key_n;           /* of the gram that fewest patterns show: how many do */
	uint32_t n_counted; /* bytes of runs where a counted gram begins, or that have none */
};

/** @return the byte @p ahead, or -1 behind the end. */
static int peek(const struct scan *s, size_t ahead)
{
	return (size_t)(s->end - s->p) > ahead ? s->p[ahead] : -1;
}

/** Of a number system of @p base, 8, 10 or 16; -1: none. */
static int digit_of(int c, int base)
{
	int v = c >= '0' && c <= '9' ? c - '0' : -1, low = c | 0x20;

	if (low >= 'a' && low <= 'f')
		v = low - 'a' + 10;
	return v < base ? v : -1;
}

/** Up to @p n_max digits. */
static uint8_t digits(struct scan *s, int base, int n_max)
{
	int v = 0, d;

	for (int i = 0; i < n_max && (d = digit_of(peek(s, 0), base)) >= 0; i++, s->p++)
		v = v * base + d;
	return (uint8_t)v;
}

/** What a character behind a backslash makes; letters not listed are not understood, and what is
 * neither a letter nor a digit stands for itself. */
static const struct escape {
	uint8_t byte; /* that it stands for; 0: none */
	uint8_t atom; /* enum atom + 1 */
} escapes[128] = {
	['r'] = {'\r', 0},           ['n'] = {'\n', 0},           ['t'] = {'\t', 0},
	['f'] = {'\f', 0},           ['a'] = {'\a', 0},           ['e'] = {'\x1b', 0},
	['d'] = {0, ATOM_ONE + 1},   ['D'] = {0, ATOM_ONE + 1},   ['w'] = {0, ATOM_ONE + 1},
	['W'] = {0, ATOM_ONE + 1},   ['s'] = {0, ATOM_ONE + 1},   ['S'] = {0, ATOM_ONE + 1},
	['h'] = {0, ATOM_ONE + 1},   ['H'] = {0, ATOM_ONE + 1},   ['v'] = {0, ATOM_ONE + 1},
	['V'] = {0, ATOM_ONE + 1},   ['N'] = {0, ATOM_ONE + 1},   ['b'] = {0, ATOM_ZERO + 1},
	['B'] = {0, ATOM_ZERO + 1},  ['A'] = {0, ATOM_ZERO + 1},  ['Z'] = {0, ATOM_ZERO + 1},
	['z'] = {0, ATOM_ZERO + 1},  ['G'] = {0, ATOM_ZERO + 1},  ['1'] = {0, ATOM_OTHER + 1},
	['2'] = {0, ATOM_OTHER + 1}, ['3'] = {0, ATOM_OTHER + 1}, ['4'] = {0, ATOM_OTHER + 1},
	['5'] = {0, ATOM_OTHER + 1}, ['6'] = {0, ATOM_OTHER + 1}, ['7'] = {0, ATOM_OTHER + 1},
	['8'] = {0, ATOM_OTHER + 1}, ['9'] = {0, ATOM_OTHER + 1},
};

static bool is_letter(int c)
{
	int low = c | 0x20;

	return low >= 'a' && low <= 'z';
}

/** Escapes that stand for one known byte. */
static bool byte_escape(struct scan *s, int c, uint8_t *ret)
{
	if (c < 128 && escapes[c].byte)
		*ret = escapes[c].byte;
	else if (c == 'x' && peek(s, 0) != '{')
		*ret = digits(s, 16, 2);
	else if (c == '0')
		*ret = digits(s, 8, 2);
	else if (!is_letter(c) && digit_of(c, 10) < 0)
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
	if (c >= 128 || !escapes[c].atom || (c == 'N' && peek(s, 0) == '{'))
		return ATOM_UNKNOWN;
	while (digit_of(c, 10) >= 0 && digit_of(peek(s, 0), 10) >= 0)
		s->p++;
	return (enum atom)(escapes[c].atom - 1);
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
	int how = peek(s, peek(s, 1) == '<' ? 2 : 1);
	return how == '=' || how == '!' ? ATOM_ZERO : ATOM_UNKNOWN;
}

/** Behind "(": to its matching end. */
static enum atom group_end(struct scan *s, bool *ret_has_alternative)
{
	enum atom kind = group_kind(s), inner = ATOM_ONE;
	uint32_t depth = 1;
	uint8_t unused;

	*ret_has_alternative = false;
	while (depth && inner != ATOM_UNKNOWN) {
		int c = peek(s, 0);
		if (c < 0)
			return ATOM_UNKNOWN;
		s->p++;
		*ret_has_alternative |= c == '|' && depth == 1;
		depth += c == '(';
		depth -= c == ')';
		if (c == '\\')
			inner = escape(s, &unused);
		else if (c == '[')
			inner = class_end(s);
	}
	return inner == ATOM_UNKNOWN ? inner : kind;
}

/** Or what begins one. */
static bool is_quantifier(int c)
{
	return c == '*' || c == '+' || c == '?' || c == '{';
}

/** Behind "(": a group that stands there once, without alternatives, is read through; others are
 * skipped. */
static enum atom group(struct scan *s)
{
	bool has_alternative;
	const uint8_t *begin = s->p;
	enum atom a = group_end(s, &has_alternative);
	int next = peek(s, 0);

	if (a != ATOM_OTHER || has_alternative || is_quantifier(next))
		return a;
	s->p = begin + (*begin == '?' ? 2 : 0);
	s->n_inside++;
	return ATOM_NONE;
}

static enum atom next_atom(struct scan *s, uint8_t *ret)
{
	uint8_t c = *s->p++;

	if (c == ')' && s->n_inside) {
		s->n_inside--;
		return ATOM_NONE;
	}
	s->is_ending = c == '$';
	switch (c) {
	case '\\':
		return escape(s, ret);
	case '[':
		return class_end(s);
	case '(':
		return group(s);
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

	for (*ret = 0; digit_of(peek(s, *at), 10) >= 0; (*at)++)
		*ret = *ret > 65535 ? *ret : *ret * 10 + (uint32_t)(peek(s, *at) - '0');
	return *at > from;
}

/** "{2}", "{0,3}", "{4,}" at s->p; other braces are literals. @return false when there is none. */
static bool braces(struct scan *s, struct times *ret)
{
	size_t at = 1;
	struct times t;

	if (peek(s, 0) != '{' || !number_at(s, &at, &t.min))
		return false;
	t.max = t.min;
	if (peek(s, at) == ',') {
		at++;
		if (!number_at(s, &at, &t.max))
			t.max = NO_LIMIT;
	}
	if (peek(s, at) != '}')
		return false;
	*ret = t;
	s->p += at + 1;
	return true;
}

/** What stands behind an atom. */
static struct times quantifier(struct scan *s)
{
	struct times t = {1, 1};
	int c = peek(s, 0);

	if (c == '*' || c == '?' || c == '+') {
		s->p++;
		t = (struct times){c == '+', c == '?' ? 1 : NO_LIMIT};
	} else if (!braces(s, &t)) {
		return t;
	}
	s->p += peek(s, 0) == '?' || peek(s, 0) == '+';
	return t;
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

/** Count the bytes that an atom takes. */
static void add_len(struct scan *s, enum atom a, struct times t)
{
	struct literals *l = s->l;

	if (a == ATOM_ZERO)
		return;
	l->min_len += a == ATOM_OTHER ? 0 : t.min;
	if (a == ATOM_OTHER || t.max == NO_LIMIT || l->max_len == NO_LIMIT)
		l->max_len = NO_LIMIT;
	else
		l->max_len += t.max;
}

/** One atom and its quantifier. @return false when nothing can be said about the pattern. */
static bool element(struct scan *s)
{
	uint8_t c = 0;
	enum atom a = next_atom(s, &c);

	if (a == ATOM_NONE)
		return true;
	if (a == ATOM_UNKNOWN)
		return false;
	struct times t = quantifier(s);
	bool is_once = t.min == 1 && t.max == 1;
	add_len(s, a, t);
	if (a == ATOM_ZERO) {
		/* "^" and "$" sit between bytes; look-arounds too; "^*" is none */
		run_end(s);
		return t.min > 0;
	}
	if (a == ATOM_BYTE && t.min)
		run_byte(s, c);
	if (a != ATOM_BYTE || !is_once)
		run_end(s);
	if (a == ATOM_OTHER || !is_once)
		s->is_heading = false;
	else
		head_byte(s, c, a == ATOM_BYTE ? 0xff : 0);
	return true;
}

/** Characters that stand for something else than themselves. */
static const bool is_special[256] = {
	['\0'] = true, ['$'] = true, ['('] = true, [')'] = true, ['*'] = true,
	['+'] = true,  ['.'] = true, ['?'] = true, ['['] = true, ['\\'] = true,
	['^'] = true,  ['{'] = true, ['|'] = true};

/** Bytes that follow each other; the pattern is only read. */
static void run_bytes(struct scan *s, const uint8_t *p, size_t n)
{
	struct literals *l = s->l;

	if (!s->in_run && l->n_runs < LITERAL_RUNS_MAX && n && s->n_bytes < LITERAL_BYTES_MAX) {
		l->n_runs++;
		s->in_run = true;
	}
	if (!s->in_run)
		return;
	n = MIN(n, LITERAL_BYTES_MAX - s->n_bytes);
	for (size_t i = 0; i < n; i++)
		l->bytes[s->n_bytes + i] = literal_lower(p[i]);
	s->n_bytes += (uint32_t)n;
	l->run_end[l->n_runs - 1] = (uint16_t)s->n_bytes;
	s->in_run = s->n_bytes < LITERAL_BYTES_MAX;
}

/** Ordinary characters at s->p, all at once; a quantifier behind them takes the last. */
static void plain_bytes(struct scan *s)
{
	struct literals *l = s->l;
	const uint8_t *p = s->p, *begin = p;

	while (p < s->end && !is_special[*p])
		p++;
	if (p > begin && p < s->end && is_quantifier(*p))
		p--;
	size_t n = (size_t)(p - begin);
	if (!n)
		return;
	s->p = p;
	s->is_ending = false;
	l->min_len += (uint32_t)n;
	l->max_len += l->max_len == NO_LIMIT ? 0 : (uint32_t)n;
	for (size_t i = 0; i < n && s->is_heading && s->is_anchored; i++)
		head_byte(s, begin[i], 0xff);
	run_bytes(s, begin, n);
}

/** Without touching the bytes of runs: thousands of patterns are read one after the other. */
static void literals_clear(struct literals *l)
{
	l->n_runs = l->head_len = l->min_len = 0;
	l->max_len = NO_LIMIT;
	memset(l->head, 0, sizeof(l->head));
	memset(l->mask, 0, sizeof(l->mask));
}

static struct scan scan_begin(struct bytes pattern, struct literals *l)
{
	literals_clear(l);
	l->max_len = 0;
	return (struct scan){.p = pattern.p,
			     .end = pattern.p + pattern.len,
			     .l = l,
			     .is_heading = true,
			     .is_anchored = pattern.len && pattern.p[0] == '^'};
}

/** "$" lets a newline follow; an end that is not fixed, anything. */
static void scan_end(struct scan *s)
{
	struct literals *l = s->l;

	run_end(s);
	if (!s->is_anchored || !s->is_ending)
		l->max_len = NO_LIMIT;
	else if (l->max_len != NO_LIMIT)
		l->max_len++;
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
static bool has_alternative(struct scan s)
{
	uint32_t depth = s.n_inside;

	if (!memchr(s.p, '|', (size_t)(s.end - s.p)))
		return false;
	while (s.p < s.end) {
		int c = *s.p++, next = peek(&s, 0);
		if ((c == '|' && !depth) || (c == '\\' && (next == 'Q' || next == 'E')) ||
		    (c == '(' && group_kind(&s) == ATOM_UNKNOWN) ||
		    (c == '[' && class_end(&s) == ATOM_UNKNOWN))
			return true;
		s.p += c == '\\';
		depth += c == '(';
		depth -= c == ')';
	}
	return false;
}

/** Count the grams that came with the last bytes of the last run. Of those that equally few
 * patterns show the last is kept: patterns differ in what they end with. */
static void count_grams(struct scan *s)
{
	uint32_t at = MAX(s->n_counted, run_begin(s->l));

	for (; at + LITERAL_GRAM <= s->n_bytes; at++) {
		uint32_t gram = literal_gram(s->l->bytes + at);
		uint8_t *n = &s->census->n[literal_gram_hash(gram) >> (32 - LITERAL_CENSUS_BITS)];
		if (*n <= s->key_n) {
			s->key_n = *n;
			s->key = gram;
		}
		*n = (uint8_t)(*n + (*n < UINT8_MAX));
	}
	s->n_counted = at;
}

/** Is what was read enough to tell the pattern from most? */
static bool is_enough(struct scan *s)
{
	bool is_rare = false;

	if (s->census) {
		count_grams(s);
		is_rare = s->key_n <= LITERAL_RARE && s->n_bytes >= LITERAL_HEAD;
	}
	return (is_rare || s->n_bytes >= LITERAL_ENOUGH) && s->p < s->end && !has_alternative(*s);
}

/** @return false: the pattern demands nothing. */
static bool scan_all(struct scan *s)
{
	while (s->p < s->end) {
		plain_bytes(s);
		if (is_enough(s)) {
			s->is_ending = false;
			break;
		}
		if (s->p < s->end && !element(s)) {
			literals_clear(s->l);
			return false;
		}
	}
	if (s->census)
		count_grams(s);
	scan_end(s);
	return true;
}

void literals_of(struct bytes pattern, struct literals *ret)
{
	struct scan s = scan_begin(pattern, ret);

	(void)scan_all(&s);
}

bool literals_key(struct bytes pattern, struct literal_census *c, struct literals *ret,
		  uint32_t *ret_gram)
{
	struct scan s = scan_begin(pattern, ret);

	s.census = c;
	s.key_n = UINT32_MAX;
	if (!scan_all(&s) || s.key_n == UINT32_MAX)
		return false;
	*ret_gram = s.key;
	return true;
}

bool literals_refute(struct bytes pattern, const struct literal_subject *subject)
{
	struct literals l;
	struct scan s = scan_begin(pattern, &l);

	s.subject = subject;
	while (s.p < s.end && !s.is_refuted)
		if (!element(&s))
			return false;
	scan_end(&s);
	s.is_refuted |= l.min_len > subject->len || (s.p == s.end && subject->len > l.max_len);
	/* nothing but an alternative can make up for a demand that is not met */
	return s.is_refuted && !has_alternative(s);
}
