/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One target word to ranges. The grammar is nmap's (octets that are numbers, ranges, lists or *, a
 * prefix length that widens each of them, IPv6 literals with prefix) plus ranges between two full
 * addresses. Octets are bitmaps; trailing full octets fold into the one before, so contiguous
 * words become one range and only true patterns become many. Sources: nmap's reference guide,
 * "Target Specification"; RFC 4291 2.2; RFC 4007 11 (zones).
 */
#include "target/spec.h"

#include <net/if.h>
#include <string.h>

#define SPEC_RANGES_MAX 65536u

#define WANT_V4                                                                                    \
	"want an IPv4 target such as 10.0.0.1, 10.0.0.0/8, 192.168.1.1-254, 10.0-3.1,5.* or "      \
	"10.0.0.1-10.0.0.20"
#define WANT_V6                                                                                    \
	"want an IPv6 target such as 2001:db8::1, 2001:db8::/64, 2001:db8::1-2001:db8::ff or "     \
	"fe80::1%eth0; ports are given with -p"
#define WANT_OCTET "want an octet 0-255, a range such as 1-20 or -20, a list such as 1,5, or *"
#define WANT_BITS  "want a prefix length from 0 to %u"
#define WANT_NAME                                                                                  \
	"want a host name of letters, digits, '-', '_' and '.', labels of 1-63 and at most 253 "   \
	"characters"
#define WANT_ZONE                                                                                  \
	"want an interface of this machine, by name or number, as zone of a link-local address"

/** The word under work; positions are byte offsets into it. */
struct word {
	const char *s;
	size_t len;
	struct err_where *err;
};

/* One bit for each value of an octet. */
struct octet {
	uint64_t bits[4];
};

static int word_fail(const struct word *w, int code, size_t at, size_t len, const char *want)
{
	return err_at(w->err, code, w->s + at, len, (uint32_t)at + 1, "%s", want);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_of(const char *s, size_t len, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == c;
	return n;
}

/* Decimal number of [at, end); more than @p max gives max + 1. @return digits read. */
static size_t scan_number(const struct word *w, size_t at, size_t end, uint32_t max, uint32_t *ret)
{
	size_t i = at;
	uint64_t v = 0;

	for (; i < end && is_digit(w->s[i]); i++)
		v = v > max ? v : v * 10 + (uint64_t)(w->s[i] - '0');
	*ret = (uint32_t)MIN(v, (uint64_t)max + 1);
	return i - at;
}

/* "/bits" at the end of the word. */
static int parse_bits(const struct word *w, size_t slash, uint32_t max, uint32_t *ret)
{
	size_t n = scan_number(w, slash + 1, w->len, max, ret);

	if (!n || slash + 1 + n != w->len)
		return err_at(w->err, -E_SYNTAX, w->s + slash + 1, w->len - slash - 1,
			      (uint32_t)slash + 2, WANT_BITS, max);
	if (*ret > max)
		return err_at(w->err, -E_RANGE, w->s + slash + 1, n, (uint32_t)slash + 2, WANT_BITS,
			      max);
	return 0;
}

static void octet_fill(struct octet *o, uint32_t lo, uint32_t hi)
{
	for (uint32_t v = lo; v <= hi; v++)
		o->bits[v >> 6] |= 1ull << (v & 63);
}

static bool octet_has(const struct octet *o, uint32_t v)
{
	return o->bits[v >> 6] >> (v & 63) & 1;
}

static bool octet_is_full(const struct octet *o)
{
	return (o->bits[0] & o->bits[1] & o->bits[2] & o->bits[3]) == UINT64_MAX;
}

/* Next run of set values at or after @p from. @return false when there is none. */
static bool octet_run(const struct octet *o, uint32_t from, uint32_t *ret_lo, uint32_t *ret_hi)
{
	while (from < 256 && !octet_has(o, from))
		from++;
	if (from == 256)
		return false;
	*ret_lo = from;
	while (from < 256 && octet_has(o, from))
		from++;
	*ret_hi = from - 1;
	return true;
}

static uint32_t octet_n_values(const struct octet *o)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n += (uint32_t)__builtin_popcountll(o->bits[i]);
	return n;
}

static uint32_t octet_n_runs(const struct octet *o)
{
	uint32_t n = 0, lo, hi;

	for (uint32_t v = 0; octet_run(o, v, &lo, &hi); v = hi + 1)
		n++;
	return n;
}

/* One list item: "*", "7", "1-20", "-20", "20-" or "-". */
static int parse_octet_item(const struct word *w, size_t at, size_t end, struct octet *o)
{
	uint32_t lo = 0, hi = 255;
	size_t n, pos = at;

	if (end - at == 1 && w->s[at] == '*') {
		octet_fill(o, 0, 255);
		return 0;
	}
	n = scan_number(w, pos, end, 255, &lo);
	if (n && lo > 255)
		return word_fail(w, -E_RANGE, pos, n, WANT_OCTET);
	pos += n;
	if (pos < end && w->s[pos] == '-') {
		pos++;
		n = scan_number(w, pos, end, 255, &hi);
		if (n && hi > 255)
			return word_fail(w, -E_RANGE, pos, n, WANT_OCTET);
		if (!n)
			hi = 255;
		pos += n;
	} else {
		hi = lo;
	}
	if (pos == at || pos != end)
		return word_fail(w, -E_SYNTAX, at, end - at, WANT_OCTET);
	if (lo > hi)
		return word_fail(w, -E_RANGE, at, end - at,
				 "a range runs from the lower to the higher number");
	octet_fill(o, lo, hi);
	return 0;
}

static int parse_octet(const struct word *w, size_t at, size_t end, struct octet *o)
{
	for (size_t pos = at;;) {
		size_t stop = pos;
		int rc;

		while (stop < end && w->s[stop] != ',')
			stop++;
		rc = parse_octet_item(w, pos, stop, o);
		if (rc < 0 || stop == end)
			return rc;
		pos = stop + 1;
	}
}

/* A prefix length widens every value to its aligned block, as nmap does: 10.1-3.0.5/24
 * is 10.1-3.0.*. */
static void octets_widen(struct octet oct[4], uint32_t bits)
{
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t host = 8 * (i + 1) > bits ? MIN(8 * (i + 1) - bits, 8) : 0,
			 block = 1u << host;

		if (!host)
			continue;
		for (uint32_t v = 0; v < 256; v += block) {
			bool is_hit = false;

			for (uint32_t k = v; k < v + block; k++)
				is_hit |= octet_has(&oct[i], k);
			if (is_hit)
				octet_fill(&oct[i], v, v + block - 1);
		}
	}
}

/* All octets after @p last are full. Depth: at most 4. */
static int octets_emit(const struct octet oct[4], uint32_t level, uint32_t last, uint32_t above,
		       struct range_set *set)
{
	uint32_t shift = 24 - 8 * level, lo, hi;
	int rc = 0;

	for (uint32_t v = 0; rc == 0 && octet_run(&oct[level], v, &lo, &hi); v = hi + 1) {
		if (level == last) {
			struct addr a = addr_v4(above | lo << shift);
			struct addr b = addr_v4(above | hi << shift | ((1u << shift) - 1));

			rc = range_set_add(set, &a, &b);
			continue;
		}
		for (uint32_t k = lo; rc == 0 && k <= hi; k++)
			rc = octets_emit(oct, level + 1, last, above | k << shift, set);
	}
	return rc;
}

static int parse_octets(const struct word *w, size_t host_len, uint32_t bits, struct range_set *set)
{
	struct octet oct[4] = {0};
	uint32_t last = 3;
	uint64_t n;
	size_t pos = 0;

	for (int i = 0; i < 4; i++) {
		size_t stop = pos;
		int rc;

		while (stop < host_len && w->s[stop] != '.')
			stop++;
		rc = parse_octet(w, pos, stop, &oct[i]);
		if (rc < 0)
			return rc;
		pos = stop + 1;
	}
	octets_widen(oct, bits);
	while (last > 0 && octet_is_full(&oct[last]))
		last--;
	n = octet_n_runs(&oct[last]);
	for (uint32_t i = 0; i < last; i++)
		n *= octet_n_values(&oct[i]);
	if (n > SPEC_RANGES_MAX)
		return word_fail(w, -E_RANGE, 0, w->len,
				 "one target may stand for at most 65536 separate ranges; use a "
				 "prefix or several targets");
	return octets_emit(oct, 0, last, 0, set);
}

static int parse_v4_pair(const struct word *w, struct range_set *set)
{
	const char *dash = memchr(w->s, '-', w->len);
	size_t at = dash ? (size_t)(dash - w->s) : w->len;
	struct addr lo, hi;

	if (!dash || addr_parse(w->s, at, &lo) < 0 || lo.family != ADDR_V4)
		return word_fail(w, -E_SYNTAX, 0, at, WANT_V4);
	if (addr_parse(dash + 1, w->len - at - 1, &hi) < 0 || hi.family != ADDR_V4)
		return word_fail(w, -E_SYNTAX, at + 1, w->len - at - 1, WANT_V4);
	if (addr_cmp(&lo, &hi) > 0)
		return word_fail(w, -E_RANGE, 0, w->len,
				 "a range runs from the lower to the higher address");
	return range_set_add(set, &lo, &hi);
}

static int add_block(struct addr a, uint32_t n_host, struct range_set *set)
{
	u128 host = n_host == 128 ? ~(u128)0 : ((u128)1 << n_host) - 1,
	     base = addr_to_u128(&a) & ~host;
	struct addr lo = addr_from_u128(a.family, base, a.zone),
		    hi = addr_from_u128(a.family, base | host, a.zone);

	return range_set_add(set, &lo, &hi);
}

static int parse_v4(const struct word *w, size_t host_len, struct range_set *set)
{
	size_t n_dots = count_of(w->s, host_len, '.');
	uint32_t bits = 32;
	struct addr a;

	if (n_dots == 6 && host_len == w->len)
		return parse_v4_pair(w, set);
	if (n_dots != 3)
		return word_fail(w, -E_SYNTAX, 0, w->len, WANT_V4);
	if (host_len < w->len) {
		int rc = parse_bits(w, host_len, 32, &bits);

		if (rc < 0)
			return rc;
	}
	if (addr_parse(w->s, host_len, &a) ==
	    0) /* lists of plain addresses are long: 10 times faster */
		return add_block(a, 32 - bits, set);
	return parse_octets(w, host_len, bits, set);
}

static int parse_zone(const struct word *w, size_t at, size_t end, struct addr *a)
{
	char name[IF_NAMESIZE] = "";
	size_t n;

	n = scan_number(w, at, end, INT32_MAX, &a->zone);
	if (!n || n != end - at) {
		memcpy(name, w->s + at, MIN(end - at, sizeof(name) - 1));
		a->zone = end - at < sizeof(name) ? if_nametoindex(name) : 0;
	}
	if (!a->zone || a->zone > INT32_MAX || !(addr_is_linklocal(a) || addr_is_multicast(a)))
		return word_fail(w, -E_SYNTAX, at, end - at, WANT_ZONE);
	return 0;
}

static int parse_v6_addr(const struct word *w, size_t at, size_t end, struct addr *ret)
{
	const char *percent = memchr(w->s + at, '%', end - at);
	size_t stop = percent ? (size_t)(percent - w->s) : end;

	if (addr_parse(w->s + at, stop - at, ret) < 0 || ret->family != ADDR_V6)
		return word_fail(w, -E_SYNTAX, at, stop - at, WANT_V6);
	return percent ? parse_zone(w, stop + 1, end, ret) : 0;
}

/* Interface names may hold '-', so the range's dash is the one an address follows. w->len when
 * there is none. */
static size_t find_v6_dash(const struct word *w)
{
	for (size_t i = 1; i < w->len; i++) {
		const char *right = w->s + i + 1, *percent;
		size_t len = w->len - i - 1;
		struct addr a;

		if (w->s[i] != '-')
			continue;
		percent = memchr(right, '%', len);
		if (addr_parse(right, percent ? (size_t)(percent - right) : len, &a) == 0 &&
		    a.family == ADDR_V6)
			return i;
	}
	return w->len;
}

static int parse_v6(const struct word *w, struct range_set *set)
{
	const char *slash = memchr(w->s, '/', w->len);
	size_t end = slash ? (size_t)(slash - w->s) : w->len, dash = slash ? end : find_v6_dash(w);
	uint32_t bits = 128;
	struct addr lo, hi;
	int rc;

	rc = parse_v6_addr(w, 0, dash, &lo);
	if (rc == 0 && slash)
		rc = parse_bits(w, end, 128, &bits);
	if (rc < 0)
		return rc;
	if (dash == end)
		return add_block(lo, 128 - bits, set);
	rc = parse_v6_addr(w, dash + 1, end, &hi);
	if (rc < 0)
		return rc;
	if (!hi.zone)
		hi.zone = lo.zone;
	if (hi.zone != lo.zone)
		return word_fail(w, -E_SYNTAX, dash + 1, end - dash - 1,
				 "both ends of a range lie in one zone");
	if (addr_cmp(&lo, &hi) > 0)
		return word_fail(w, -E_RANGE, 0, w->len,
				 "a range runs from the lower to the higher address");
	return range_set_add(set, &lo, &hi);
}

static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_';
}

/* @return -E_NAME when the word can be a host name, with or without "/bits". */
static int check_name(const struct word *w, size_t host_len)
{
	size_t label = 0;
	uint32_t bits;
	int rc;

	for (size_t i = 0; i < host_len; i++) {
		bool is_dot = w->s[i] == '.';

		label = is_dot ? 0 : label + 1;
		if ((is_dot && (i == 0 || w->s[i - 1] == '.')) || label > 63 ||
		    (!is_dot && !is_name_char(w->s[i])))
			return word_fail(w, -E_SYNTAX, 0, host_len, WANT_NAME);
	}
	if (!host_len || host_len > 253 || w->s[0] == '-')
		return word_fail(w, -E_SYNTAX, 0, host_len, WANT_NAME);
	if (host_len < w->len) {
		rc = parse_bits(w, host_len, 128, &bits);
		if (rc < 0)
			return rc;
	}
	return -E_NAME;
}

/* Digits, lists, ranges and stars only: an IPv4 target, perhaps a wrong one, but never a name. */
static bool is_numeric(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_digit(s[i]) && s[i] != '.' && s[i] != ',' && s[i] != '-' && s[i] != '*')
			return false;
	return len > 0;
}

int target_spec_parse(const char *s, size_t len, struct range_set *set, struct err_where *reterr)
{
	struct word w = {.s = s, .len = len, .err = reterr};
	const char *slash = len ? memchr(s, '/', len) : NULL;
	size_t host_len = slash ? (size_t)(slash - s) : len;

	if (!len)
		return word_fail(&w, -E_SYNTAX, 0, 0, WANT_V4);
	if (memchr(s, ':', len))
		return parse_v6(&w, set);
	if (is_numeric(s, host_len))
		return parse_v4(&w, host_len, set);
	return check_name(&w, host_len);
}
