/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The hellos of JARM as rows: version, order of suites, names of protocols, order of versions; and
 * its hash: per answer the place of the suite in a sorted list and a letter for the version, then
 * half a SHA-256 over protocol names and extension types. Numbers, orders and oddities are the
 * published ones (two protocol names stay together when the list is turned round), or values would
 * not compare with anybody's. Source: as in jarm.h.
 */
#include "detect/jarm.h"

#include "detect/ossl.h"

#include <stdio.h>
#include <string.h>

enum order { FORWARD, REVERSE, TOP_HALF, BOTTOM_HALF, MIDDLE_OUT };
enum { SUITES_MAX = 72 };

static const uint16_t suites[] = {
	0x0016, 0x0033, 0x0067, 0xc09e, 0xc0a2, 0x009e, 0x0039, 0x006b, 0xc09f, 0xc0a3,
	0x009f, 0x0045, 0x00be, 0x0088, 0x00c4, 0x009a, 0xc008, 0xc009, 0xc023, 0xc0ac,
	0xc0ae, 0xc02b, 0xc00a, 0xc024, 0xc0ad, 0xc0af, 0xc02c, 0xc072, 0xc073, 0xcca9,
	0x1302, 0x1301, 0xcc14, 0xc007, 0xc012, 0xc013, 0xc027, 0xc02f, 0xc014, 0xc028,
	0xc030, 0xc060, 0xc061, 0xc076, 0xc077, 0xcca8, 0x1305, 0x1304, 0x1303, 0xcc13,
	0xc011, 0x000a, 0x002f, 0x003c, 0xc09c, 0xc0a0, 0x009c, 0x0035, 0x003d, 0xc09d,
	0xc0a1, 0x009d, 0x0041, 0x00ba, 0x0084, 0x00c0, 0x0007, 0x0004, 0x0005};

/** Places of the hash: the first has number 1. */
static const uint16_t places[] = {
	0x0004, 0x0005, 0x0007, 0x000a, 0x0016, 0x002f, 0x0033, 0x0035, 0x0039, 0x003c,
	0x003d, 0x0041, 0x0045, 0x0067, 0x006b, 0x0084, 0x0088, 0x009a, 0x009c, 0x009d,
	0x009e, 0x009f, 0x00ba, 0x00be, 0x00c0, 0x00c4, 0xc007, 0xc008, 0xc009, 0xc00a,
	0xc011, 0xc012, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028, 0xc02b, 0xc02c,
	0xc02f, 0xc030, 0xc060, 0xc061, 0xc072, 0xc073, 0xc076, 0xc077, 0xc09c, 0xc09d,
	0xc09e, 0xc09f, 0xc0a0, 0xc0a1, 0xc0a2, 0xc0a3, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af,
	0xcc13, 0xcc14, 0xcca8, 0xcca9, 0x1301, 0x1302, 0x1303, 0x1304, 0x1305};

static const char *const common_alpn[] = {"\010http/0.9", "\010http/1.0", "\010http/1.1",
					  "\006spdy/1",   "\006spdy/2",   "\006spdy/3\002h2",
					  "\003h2c",      "\002hq"};
static const char *const rare_alpn[] = {"\010http/0.9", "\010http/1.0", "\006spdy/1", "\006spdy/2",
					"\006spdy/3",   "\003h2c",      "\002hq"};

#define GREASE_VALUE 0x0a0a

static const struct {
	uint16_t version;
	uint8_t order;      /* of the suites */
	uint8_t n_versions; /* in supported_versions, from TLS 1.0 up */
	uint8_t list_order; /* of versions and protocol names */
	bool is_rare, is_grease, is_without_13;
} rows[JARM_N] = {
	{TLS_12, FORWARD, 3, REVERSE},
	{TLS_12, REVERSE, 3, FORWARD},
	{TLS_12, TOP_HALF, 0, FORWARD},
	{TLS_12, BOTTOM_HALF, 0, FORWARD, .is_rare = true},
	{TLS_12, MIDDLE_OUT, 0, REVERSE, .is_rare = true, .is_grease = true},
	{TLS_11, FORWARD, 0, FORWARD},
	{TLS_13, FORWARD, 4, REVERSE},
	{TLS_13, REVERSE, 4, FORWARD},
	{TLS_13, FORWARD, 4, FORWARD, .is_without_13 = true},
	{TLS_13, MIDDLE_OUT, 4, REVERSE, .is_grease = true},
};

/** Indices 0..n-1 in the order asked for. @return how many. */
static uint32_t arrange(uint32_t n, enum order order, uint8_t *ret)
{
	uint32_t middle = n / 2, k = 0;

	switch (order) {
	case FORWARD:
	case REVERSE:
		for (; k < n; k++)
			ret[k] = (uint8_t)(order == FORWARD ? k : n - 1 - k);
		return k;
	case BOTTOM_HALF:
		for (uint32_t i = middle + n % 2; i < n; i++)
			ret[k++] = (uint8_t)i;
		return k;
	case TOP_HALF: /* backwards, the middle one first */
		for (uint32_t i = middle + n % 2; i > 0; i--)
			ret[k++] = (uint8_t)(i - 1);
		return k;
	case MIDDLE_OUT:
		if (n % 2)
			ret[k++] = (uint8_t)middle;
		for (uint32_t i = 1; i <= middle; i++) {
			ret[k++] = (uint8_t)(middle + i - (n % 2 ? 0 : 1));
			ret[k++] = (uint8_t)(middle - i);
		}
		return k;
	}
	return 0;
}

static uint32_t pick_suites(uint32_t idx, uint16_t *ret)
{
	uint16_t chosen[SUITES_MAX];
	uint8_t at[SUITES_MAX];
	uint32_t n = 0, k = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(suites); i++)
		if (!rows[idx].is_without_13 || !tls_suite_is_13(suites[i]))
			chosen[n++] = suites[i];
	n = arrange(n, (enum order)rows[idx].order, at);
	if (rows[idx].is_grease)
		ret[k++] = GREASE_VALUE;
	for (uint32_t i = 0; i < n; i++)
		ret[k++] = chosen[at[i]];
	return k;
}

static size_t pick_alpn(uint32_t idx, uint8_t *ret, size_t cap)
{
	const char *const *names = rows[idx].is_rare ? rare_alpn : common_alpn;
	uint32_t n = rows[idx].is_rare ? ARRAY_LEN(rare_alpn) : ARRAY_LEN(common_alpn);
	struct wcursor w = wcursor_of(ret, cap);
	uint8_t at[ARRAY_LEN(common_alpn) + 1];

	n = arrange(n, (enum order)rows[idx].list_order, at);
	for (uint32_t i = 0; i < n; i++)
		wcursor_put(&w, names[at[i]], strlen(names[at[i]]));
	return w.pos;
}

void jarm_hello(uint32_t idx, const char *sni, struct jarm_space *space, struct tlshello *ret)
{
	static const uint16_t groups[] = {29, 23, 24, 25};
	uint8_t at[4];

	assert(idx < JARM_N);
	*ret = (struct tlshello){
		.record_version = rows[idx].version == TLS_13 ? TLS_10 : rows[idx].version,
		.version = MIN(rows[idx].version, (uint16_t)TLS_12),
		.suites = space->suites,
		.n_suites = pick_suites(idx, space->suites),
		.versions = space->versions,
		.n_versions = arrange(rows[idx].n_versions, (enum order)rows[idx].list_order, at),
		.groups = groups,
		.n_groups = ARRAY_LEN(groups),
		.alpn = {space->alpn, pick_alpn(idx, space->alpn, sizeof(space->alpn))},
		.sni = sni,
		.share_group = 29,
		.grease = rows[idx].is_grease ? GREASE_VALUE : 0,
		.has_extensions = true,
		.has_max_fragment = true,
		.has_session_id = true,
		.seed = idx + 1};
	for (uint32_t i = 0; i < ret->n_versions; i++)
		space->versions[i] = (uint16_t)(TLS_10 + at[i]);
}

void jarm_keep(const struct tls_answer *a, struct jarm_part *ret)
{
	struct bytes left, body;
	uint16_t type;

	*ret = (struct jarm_part){0};
	if (!a || (a->kind != TLS_ANSWER_HELLO && a->kind != TLS_ANSWER_RETRY))
		return;
	ret->suite = a->suite;
	ret->version = a->hello_version;
	ret->alpn_len = (uint8_t)MIN(a->alpn.len, sizeof(ret->alpn));
	if (ret->alpn_len)
		memcpy(ret->alpn, a->alpn.p, ret->alpn_len);
	for (left = a->extensions;
	     ret->n_types < ARRAY_LEN(ret->types) && tls_next_extension(&left, &type, &body);)
		ret->types[ret->n_types++] = type;
}

static uint32_t place_of(uint16_t suite)
{
	uint32_t i = 0;

	while (i < ARRAY_LEN(places) && places[i] != suite)
		i++;
	return i + 1;
}

/** At most 16 + 24 * 5 bytes. */
static void put_tail(const struct jarm_part *p, struct wcursor *w)
{
	char text[8];

	wcursor_put(w, p->alpn, p->alpn_len);
	for (uint32_t i = 0; i < p->n_types; i++) {
		int n = snprintf(text, sizeof(text), i ? "-%04x" : "%04x", p->types[i]);

		wcursor_put(w, text, (size_t)n);
	}
}

void jarm_text(const struct jarm_part parts[JARM_N], char ret[JARM_TEXT_CAP])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sum[SHA256_DIGEST_LENGTH], tail[JARM_N * 136];
	struct wcursor w = wcursor_of(tail, sizeof(tail));
	bool has_answer = false;
	char *out = ret;

	for (uint32_t i = 0; i < JARM_N; i++) {
		const struct jarm_part *p = &parts[i];
		uint32_t place = p->version ? place_of(p->suite) : 0;

		has_answer = has_answer || p->version;
		*out++ = digits[place >> 4];
		*out++ = digits[place & 15];
		*out++ = p->version ? (char)('a' + MIN(p->version & 15, 5)) : '0';
		put_tail(p, &w);
	}
	SHA256(tail, w.pos, sum);
	for (uint32_t i = 0; i < 16; i++) {
		*out++ = has_answer ? digits[sum[i] >> 4] : '0';
		*out++ = has_answer ? digits[sum[i] & 15] : '0';
	}
	*out = '\0';
}
