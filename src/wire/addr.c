/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IPv4, IPv6 and MAC addresses: values, order, text and the blocks with a meaning.
 * Parsing is ours because the C library's accepts less strictly what users paste and needs a NUL;
 * printing is ours because targets are printed by the million.
 * Sources: RFC 4291 2.2 (text, solicited-node), RFC 5952 (canonical text), RFC 2464 7 and RFC 1112
 * 6.4 (multicast MAC), RFC 6890 and its registries (special blocks).
 */
#include "wire/addr.h"

#include "base/cursor.h"

#include <net/if.h>

struct addr addr_v4(uint32_t host_order)
{
	struct addr a = {.family = ADDR_V4};

	put_be32(a.b, host_order);
	return a;
}

struct addr addr_v6(const uint8_t bytes[16])
{
	struct addr a = {.family = ADDR_V6};

	memcpy(a.b, bytes, 16);
	return a;
}

uint32_t addr_to_u32(const struct addr *a)
{
	return a->family == ADDR_V4 ? get_be32(a->b) : 0;
}

u128 addr_to_u128(const struct addr *a)
{
	uint64_t hi, lo;

	if (a->family == ADDR_V4)
		return get_be32(a->b);
	memcpy(&hi, a->b, 8);
	memcpy(&lo, a->b + 8, 8);
	return (u128)__builtin_bswap64(hi) << 64 | __builtin_bswap64(lo);
}

struct addr addr_from_u128(enum addr_family family, u128 n, uint32_t zone)
{
	struct addr a = {.family = (uint8_t)family, .zone = zone};
	uint64_t hi = __builtin_bswap64((uint64_t)(n >> 64)), lo = __builtin_bswap64((uint64_t)n);

	if (family == ADDR_V4) {
		put_be32(a.b, (uint32_t)n);
	} else if (family == ADDR_V6) {
		memcpy(a.b, &hi, 8);
		memcpy(a.b + 8, &lo, 8);
	}
	return a;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->zone == b->zone && memcmp(a->b, b->b, 16) == 0;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	/* Network order compares as bytes; the unused ones of v4 are zero on both sides. */
	order = memcmp(a->b, b->b, 16);
	if (order)
		return order < 0 ? -1 : 1;
	return (a->zone > b->zone) - (a->zone < b->zone);
}

static int parse_v4(const char *s, size_t len, uint8_t out[4])
{
	size_t i = 0;

	for (int octet = 0; octet < 4; octet++) {
		unsigned int v = 0;
		size_t start;

		if (octet && (i == len || s[i++] != '.'))
			return -E_SYNTAX;
		for (start = i; i < len && i - start < 3 && s[i] >= '0' && s[i] <= '9'; i++)
			v = v * 10 + (unsigned int)(s[i] - '0');
		if (i == start || v > 255 || (i - start > 1 && s[start] == '0'))
			return -E_SYNTAX;
		out[octet] = (uint8_t)v;
	}
	return i == len ? 0 : -E_SYNTAX;
}

/* Up to four hexadecimal digits. @return how many there were. */
static size_t parse_group(const char *s, size_t len, uint16_t *ret)
{
	unsigned int v = 0;
	size_t i = 0;

	for (int d; i < len && i < 4 && (d = hex_digit(s[i])) >= 0; i++)
		v = v << 4 | (unsigned int)d;
	*ret = (uint16_t)v;
	return i;
}

/* Groups as they stand, with the place of "::". Invariant: n <= 8; gap is -1 or the groups before
 * it. */
struct v6_text {
	uint8_t b[16];
	int n;
	int gap;
};

/* The colon or colons after a group. @return how many bytes, 0 when something else stands there. */
static size_t read_colons(const char *s, size_t len, struct v6_text *t)
{
	if (len < 2 || s[0] != ':')
		return 0;
	if (s[1] != ':')
		return 1;
	if (t->gap >= 0)
		return 0;
	t->gap = t->n;
	return 2;
}

static int read_groups(const char *s, size_t len, struct v6_text *t)
{
	size_t i = len >= 2 && s[0] == ':' && s[1] == ':' ? read_colons(s, len, t) : 0;

	while (i < len) {
		uint16_t v;
		size_t n_digits = parse_group(s + i, len - i, &v), n_colons;

		if (!n_digits || t->n == 8)
			return -E_SYNTAX;
		if (i + n_digits < len && s[i + n_digits] == '.') {
			if (t->n > 6 || parse_v4(s + i, len - i, t->b + (size_t)t->n * 2) < 0)
				return -E_SYNTAX;
			t->n += 2;
			return 0;
		}
		put_be16(t->b + (size_t)t->n++ * 2, v);
		i += n_digits;
		if (i == len)
			return 0;
		n_colons = read_colons(s + i, len - i, t);
		if (!n_colons)
			return -E_SYNTAX;
		i += n_colons;
	}
	return 0;
}

static int parse_v6(const char *s, size_t len, uint8_t out[16])
{
	struct v6_text t = {.gap = -1};
	size_t head, tail;

	if (read_groups(s, len, &t) < 0 || (t.gap < 0 ? t.n != 8 : t.n > 7))
		return -E_SYNTAX;
	head = (size_t)(t.gap < 0 ? t.n : t.gap) * 2;
	tail = (size_t)t.n * 2 - head;
	memset(out, 0, 16);
	memcpy(out, t.b, head);
	memcpy(out + 16 - tail, t.b + head, tail);
	return 0;
}

int addr_parse(const char *s, size_t len, struct addr *ret)
{
	uint8_t b[16];

	if (parse_v4(s, len, b) == 0)
		*ret = addr_v4(get_be32(b));
	else if (parse_v6(s, len, b) == 0)
		*ret = addr_v6(b);
	else
		return -E_SYNTAX;
	return 0;
}

static char *put_octets(char *p, const uint8_t b[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned int v = b[i];

		if (i)
			*p++ = '.';
		if (v >= 100)
			*p++ = (char)('0' + v / 100);
		if (v >= 10)
			*p++ = (char)('0' + v / 10 % 10);
		*p++ = (char)('0' + v % 10);
	}
	return p;
}

static char *put_hex(char *p, uint16_t v)
{
	bool started = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned int d = v >> shift & 0xf;

		started = started || d || shift == 0;
		if (started)
			*p++ = "0123456789abcdef"[d];
	}
	return p;
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals. */
static int longest_zero_run(const uint8_t b[16], int n_groups, int *ret_len)
{
	int best = -1, best_len = 1;

	for (int i = 0, run = 0; i < n_groups; i++) {
		run = get_be16(b + (size_t)i * 2) ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	*ret_len = best_len;
	return best;
}

static char *put_v6(char *p, const uint8_t b[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool is_mapped = memcmp(b, mapped, sizeof(mapped)) == 0;
	int n = is_mapped ? 6 : 8, run_len, run = longest_zero_run(b, n, &run_len);

	for (int i = 0; i < n; i++) {
		if (i == run) {
			*p++ = ':';
			i += run_len - 1;
			if (i == n - 1)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_hex(p, get_be16(b + (size_t)i * 2));
	}
	if (is_mapped) {
		*p++ = ':';
		p = put_octets(p, b + 12);
	}
	return p;
}

static char *put_bare(char *p, const struct addr *a)
{
	if (a->family == ADDR_V4)
		return put_octets(p, a->b);
	return a->family == ADDR_V6 ? put_v6(p, a->b) : p;
}

char *addr_format_bare(const struct addr *a, char out[ADDR_TEXT_CAP])
{
	*put_bare(out, a) = '\0';
	return out;
}

char *addr_format(const struct addr *a, char out[ADDR_TEXT_CAP])
{
	char name[IF_NAMESIZE] = "", *p = put_bare(out, a);

	if (a->zone) {
		*p++ = '%';
		if (if_indextoname(a->zone, name)) {
			size_t len = strnlen(name, sizeof(name));
			memcpy(p, name, len);
			p += len;
		} else {
			uint32_t top = 1;

			while (a->zone / top >= 10)
				top *= 10;
			for (; top; top /= 10)
				*p++ = (char)('0' + a->zone / top % 10);
		}
	}
	*p = '\0';
	return out;
}

char *mac_format(const struct mac *m, char out[MAC_TEXT_CAP])
{
	for (size_t i = 0; i < 6; i++) {
		out[i * 3] = "0123456789ABCDEF"[m->b[i] >> 4];
		out[i * 3 + 1] = "0123456789ABCDEF"[m->b[i] & 0xf];
		out[i * 3 + 2] = i < 5 ? ':' : '\0';
	}
	return out;
}

static bool bits_match(const uint8_t *a, const uint8_t *b, unsigned int n_bits)
{
	unsigned int n_bytes = n_bits / 8, rest = n_bits % 8;

	return memcmp(a, b, n_bytes) == 0 &&
	       (!rest || (a[n_bytes] ^ b[n_bytes]) >> (8 - rest) == 0);
}

/** A block of addresses: the first bytes of its base, zero-padded. */
struct block {
	uint8_t family;
	uint8_t len; /* bits */
	uint8_t b[16];
};

static bool in_block(const struct addr *a, const struct block *k)
{
	return a->family == k->family && bits_match(a->b, k->b, k->len);
}

bool addr_is_loopback(const struct addr *a)
{
	static const struct block v4 = {ADDR_V4, 8, {127}}, v6 = {ADDR_V6, 128, {[15] = 1}};

	return in_block(a, &v4) || in_block(a, &v6);
}

bool addr_is_linklocal(const struct addr *a)
{
	static const struct block v4 = {ADDR_V4, 16, {169, 254}}, v6 = {ADDR_V6, 10, {0xfe, 0x80}};

	return in_block(a, &v4) || in_block(a, &v6);
}

bool addr_is_multicast(const struct addr *a)
{
	static const struct block v4 = {ADDR_V4, 4, {224}}, v6 = {ADDR_V6, 8, {0xff}};

	return in_block(a, &v4) || in_block(a, &v6);
}

bool addr_is_private(const struct addr *a)
{
	static const struct block blocks[] = {
		{ADDR_V4, 8, {10}},
		{ADDR_V4, 12, {172, 16}},
		{ADDR_V4, 16, {192, 168}},
		{ADDR_V4, 10, {100, 64}},   /* shared, RFC 6598 */
		{ADDR_V4, 15, {198, 18}},   /* benchmarking, RFC 2544 */
		{ADDR_V4, 24, {192, 0, 2}}, /* documentation, RFC 5737 */
		{ADDR_V4, 24, {198, 51, 100}},
		{ADDR_V4, 24, {203, 0, 113}},
		{ADDR_V6, 7, {0xfc}},
		{ADDR_V6, 32, {0x20, 0x01, 0x0d, 0xb8}}, /* documentation, RFC 3849 */
		{ADDR_V6, 20, {0x3f, 0xff}},             /* documentation, RFC 9637 */
		{ADDR_V6, 48, {0x20, 0x01, 0x00, 0x02}}, /* benchmarking, RFC 5180 */
	};

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		if (in_block(a, &blocks[i]))
			return true;
	}
	return addr_is_loopback(a) || addr_is_linklocal(a);
}

struct addr addr_solicited_node(const struct addr *a)
{
	struct addr group = {
		.family = ADDR_V6,
		.zone = a->zone,
		.b = {0xff, 0x02, [11] = 0x01, [12] = 0xff, a->b[13], a->b[14], a->b[15]},
	};

	return group;
}

struct mac mac_of_multicast(const struct addr *group)
{
	const uint8_t *b = group->b;

	if (group->family == ADDR_V4)
		return (struct mac){{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}};
	return (struct mac){{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}
