/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a match rests on. A pattern was written for one program's answer, and fits whoever gives the
 * same: "ERROR" and "220 FTP server ready" are said by many. A program is believed when the answer
 * names it and does not deny it, or when the pattern demands something that is not in the stock of
 * what all say (stock.h): a word of its own, bytes that are no text. Stands between the match,
 * which is nmap's, and what is concluded from it.
 */
#include "detect/evidence.h"

#include "base/compiler.h"
#include "detect/literal.h"
#include "detect/naming.h"
#include "detect/servername.h"
#include "detect/spelled.h"
#include "detect/stock.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* in halves: a NUL proves less than other bytes, since binary protocols are full of them */
enum { ENOUGH = 6, HALVES = 2, NAME_BYTES_MIN = 3, MIRROR_BYTES_MIN = 6 };
/** Places of one word that are looked at: a server may repeat it for a long time. */
enum { LOOKS_MAX = 64 };

static const char *const nameless[] = {"chargen", "daytime", "time", "echo", "discard"};

static uint32_t weight_of_byte(uint8_t c)
{
	if (!c)
		return 1;
	if (c >= 0x7f || (c < ' ' && !isspace(c)))
		return HALVES;
	return strchr("_|\\#%@^~{}[]*&$", c) ? HALVES : 0;
}

static struct bytes text_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/** A line that fits an answer. */
struct claim {
	const struct match_hit *hit;
	struct bytes answer;
};

static bool find(struct bytes text, struct bytes word, size_t *at)
{
	for (; *at + word.len <= text.len; ++*at)
		if (strncasecmp((const char *)text.p + *at, (const char *)word.p, word.len) == 0)
			return true;
	return false;
}

/** Is the word that the pattern demands said somewhere of nobody else, or not said as it is? */
static bool is_borne(const struct claim *c, struct bytes word)
{
	struct bytes pattern = c->hit->match->pattern;
	bool is_said = false;
	size_t at = 0;

	for (uint32_t n = 0; n < LOOKS_MAX && find(c->answer, word, &at); n++, at++) {
		struct bytes here = {c->answer.p + at, word.len};
		bool is_longer =
			word.len > NAME_BYTES_MIN && naming_is_longer(c->answer, here, pattern);
		is_said = true;
		if (!is_longer && !naming_is_host(c->answer, here, pattern) &&
		    !naming_is_mention(c->answer, here, pattern))
			return true;
	}
	return !is_said;
}

/** RFC 854: echo, go-ahead, kind and size of the terminal, about which all of telnet haggles. */
static bool is_common_option(const uint8_t *p, size_t len)
{
	return len > 2 && p[0] == 0xff && p[1] >= 0xfb && p[1] < 0xff && p[2] &&
	       strchr("\x01\x03\x18\x1f", p[2]);
}

/** A line end the wrong way round, which few write. */
static bool is_odd_end(const uint8_t *p, size_t i, size_t len)
{
	return i + 1 < len && p[i] == '\n' && p[i + 1] == '\r' && (!i || p[i - 1] != '\r');
}

static uint32_t weight_of_bytes(struct bytes text)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		n += weight_of_byte(text.p[i]);
		n += is_odd_end(text.p, i, text.len) ? 2 * HALVES : 0;
		i += is_common_option(text.p + i, text.len - i) ? 2 : 0;
	}
	return n;
}

/** What a text holds beyond the stock, in halves of bytes. */
static uint32_t weight_of(const struct claim *c, struct bytes text)
{
	struct bytes left = text, word;
	uint32_t n = weight_of_bytes(text);

	while (n < ENOUGH && stock_next_word(&left, &word))
		n += stock_is_word(word) || !is_borne(c, word) ? 0 : HALVES * (uint32_t)word.len;
	return n;
}

/** What the pattern demands in so many letters. */
static uint32_t weight_of_pattern(const struct claim *c)
{
	struct literals l;
	uint32_t n = 0, begin = 0;

	literals_of(c->hit->match->pattern, &l);
	for (uint32_t i = 0; i < l.n_runs; begin = l.run_end[i++])
		n += weight_of(c, (struct bytes){l.bytes + begin, l.run_end[i] - begin});
	return n;
}

/** What any pattern would match is no evidence of this one: only bytes that are no text, and words
 * that it spells. */
static uint32_t weight_of_spelled(const struct claim *c, struct bytes text)
{
	struct bytes left = text, word;
	uint32_t n = weight_of_bytes(text);

	while (n < ENOUGH && stock_next_word(&left, &word))
		if (!stock_is_word(word) && spelled_in(c->hit->match->pattern, word) &&
		    is_borne(c, word))
			n += HALVES * (uint32_t)word.len;
	return n;
}

/** Of what was matched, all but the pieces that were captured: those are what may differ. */
static uint32_t weight_of_rest(const struct claim *c)
{
	const uint8_t *at = c->hit->group[0].p, *end = at + c->hit->group[0].len;
	uint32_t n = 0;

	for (size_t i = 1; i < MATCH_GROUPS_MAX; i++) {
		struct bytes g = c->hit->group[i];
		if (!g.p || g.p < at || g.p + g.len > end)
			continue;
		n += weight_of_spelled(c, (struct bytes){at, (size_t)(g.p - at)});
		at = g.p + g.len;
	}
	return n + weight_of_spelled(c, (struct bytes){at, (size_t)(end - at)});
}

/** Where a piece that was captured ends the pattern makes an end: "(\w+)v". */
static bool is_captured_end(const struct match_hit *hit, const uint8_t *at)
{
	for (size_t i = 1; i < MATCH_GROUPS_MAX; i++)
		if (hit->group[i].p && hit->group[i].p + hit->group[i].len == at)
			return true;
	return false;
}

/** @return 1: @p word is said, -1: and only of others, 0: it is not said, or only as a part of a
 * host's name or of another word. */
static int says_word(const struct claim *c, struct bytes word)
{
	struct bytes pattern = c->hit->match->pattern;
	size_t at = 0;
	int says = 0;

	for (uint32_t n = 0; n < LOOKS_MAX && find(c->answer, word, &at); n++, at++) {
		struct bytes here = {c->answer.p + at, word.len};
		if ((at && isalpha(here.p[-1])) || naming_is_host(c->answer, here, pattern))
			continue;
		if (naming_is_longer(c->answer, here, pattern) &&
		    !is_captured_end(c->hit, here.p + here.len))
			continue;
		if (!naming_is_mention(c->answer, here, pattern))
			return 1;
		says = -1;
	}
	return says;
}

/** "HP", in these letters and by itself. */
static bool says_maker(const struct claim *c, const char *product)
{
	bool is_short =
		isupper((uint8_t)product[0]) && isupper((uint8_t)product[1]) && product[2] == ' ';
	const uint8_t *at = c->answer.p, *end = at + c->answer.len;

	for (; is_short && at + 2 <= end; at++) {
		bool is_alone = (at == c->answer.p || !isalnum(at[-1])) &&
				(at + 2 == end || !isalnum(at[2]));
		if (is_alone && memcmp(at, product, 2) == 0 &&
		    naming_is_claim(c->answer, (struct bytes){at, 2}, c->hit->match->pattern))
			return true;
	}
	return false;
}

/** The same of any word of the product's name. */
static int names(const struct claim *c, const char *product)
{
	struct bytes left = text_of(product), word;
	int says = says_maker(c, product);

	while (says <= 0 && stock_next_word(&left, &word)) {
		/* "WU-FTPD" writes "wu-2.6.2" */
		bool is_joined = word.len + 1 == NAME_BYTES_MIN && left.len && left.p[0] == '-';
		word.len += is_joined;
		if (word.len < NAME_BYTES_MIN || stock_is_word(word))
			continue;
		int it = says_word(c, word);
		if (it > 0)
			return it;
		says = MIN(says, it);
	}
	return says;
}

bool evidence_is_nameless(struct bytes service)
{
	for (size_t i = 0; i < ARRAY_LEN(nameless); i++)
		if (service.len == strlen(nameless[i]) &&
		    memcmp(service.p, nameless[i], service.len) == 0)
			return true;
	return false;
}

/** Is the product what the server wrote where its name is, and nothing else? */
static bool is_own_word(const struct match_hit *hit, const char *product)
{
	size_t n = strlen(product);

	for (size_t i = 1; i < MATCH_GROUPS_MAX; i++)
		if (hit->group[i].len == n && memcmp(hit->group[i].p, product, n) == 0)
			return true;
	return false;
}

/** Options of telnet are the same on many systems: greetings that tell another contradict. */
static bool is_contradicted(const struct claim *c, const char *product)
{
	static const char *const others[] = {"FreeBSD", "OpenBSD", "NetBSD", "SunOS",  "AIX",
					     "HP-UX",   "IRIX",    "RGOS",   "Ruijie", "DD-WRT"};
	struct bytes text = c->answer, service = c->hit->match->service;
	size_t at = 0;

	if (service.len != 6 || memcmp(service.p, "telnet", 6) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(others); i++, at = 0) {
		struct bytes other = text_of(others[i]);
		bool is_own =
			strstr(product, others[i]) || spelled_in(c->hit->match->pattern, other);
		if (is_own || !find(text, other, &at))
			continue;
		if (!at || !isalnum(text.p[at - 1]))
			return true;
	}
	/* a prompt of routers */
	while (text.len && isspace(text.p[text.len - 1]))
		text.len--;
	return strncmp(product, "Linux", 5) == 0 && text.len && text.p[text.len - 1] == '>';
}

/** Does the product rest on the first word of a Server field that is a sentence? */
static bool is_of_sentence(const struct claim *c, const char *product)
{
	struct bytes value = servername_of(c->answer), left = value, word;
	size_t at = 0;

	return value.len && stock_next_word(&left, &word) && find(text_of(product), word, &at) &&
	       servername_is_sentence(value, c->hit->match->pattern);
}

bool evidence_is_enough(const struct match_hit *hit, struct bytes answer, const char *product)
{
	if (!product)
		return true;
	if (is_own_word(hit, product) && naming_is_other(text_of(product)))
		return false;
	const struct claim c = {hit, answer};
	if (is_of_sentence(&c, product) || is_contradicted(&c, product))
		return false;
	int named = names(&c, product);
	if (named)
		return named > 0 && !naming_goes_on(answer, hit->group[0].p + hit->group[0].len);
	if (evidence_is_nameless(hit->match->service))
		return false;
	struct bytes pattern = hit->match->pattern;
	if (weight_of_pattern(&c) >= ENOUGH)
		return true;
	/* of alternatives a pattern demands none */
	return memchr(pattern.p, '|', pattern.len) && weight_of_rest(&c) >= ENOUGH;
}

/* --- mirrors ---------------------------------------------------------------------------- */

static bool holds(struct bytes answer, struct bytes said, bool is_backwards)
{
	for (size_t i = 0; i + said.len <= answer.len; i++) {
		size_t k = 0;
		while (k < said.len && tolower(answer.p[i + k]) ==
					       tolower(said.p[is_backwards ? said.len - 1 - k : k]))
			k++;
		if (k == said.len)
			return true;
	}
	return false;
}

bool evidence_is_mirror(struct bytes answer, struct bytes said)
{
	size_t n = 0;

	for (size_t i = 0; i < said.len; i++)
		n += said.p[i] && !isspace(said.p[i]);
	return n >= MIRROR_BYTES_MIN && (holds(answer, said, false) || holds(answer, said, true));
}
