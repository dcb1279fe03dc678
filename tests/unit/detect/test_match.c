/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matching by the index equals matching one by one: on a small file by hand, on nmap's file with
 * answers made from its own patterns. */
#include "detect/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"
#include "support/regexgen.h"

enum { SAMPLES = 1500, SAMPLE_BYTES = 2048 };

static const char small[] = "Probe TCP NULL q||\n"
			    "match first m|^hello| p/1/\n"
			    "match second m|^hello world| p/2/\n"
			    "softmatch soft m|^220 |\n"
			    "match hard m|^220 .*ftp|i p/3/\n"
			    "match dot m|^a.b|\n"
			    "match dotall m|^a.b|s\n"
			    "match nul m|^\\0\\0(..)\\xff|\n"
			    "match broken m|^(|\n"
			    "match slow m|^(x+x+)+y|\n"
			    "match groups m|^(1)(2)?(3)(4)(5)(6)(7)(8)(9)(0)(a)(b)|\n"
			    "Probe TCP Get q|x|\n"
			    "fallback Other\n"
			    "match get m|^get|\n"
			    "Probe TCP Other q|x|\n"
			    "match other m|^other|\n"
			    "Probe UDP U q|x|\n"
			    "match u m|^u|\n";

struct fixture {
	struct svcdb *db;
	struct matcher *m;
	char *text;
};

static void open_text(struct fixture *f, const char *text, size_t len)
{
	const char *name = "probes";
	struct bytes b = {(const uint8_t *)text, len};

	assert_int_equal(svcdb_parse(&b, &name, 1, &f->db, NULL), 0);
	assert_int_equal(matcher_new(f->db, &f->m), 0);
}

static void close_fixture(struct fixture *f)
{
	matcher_free(f->m);
	svcdb_free(f->db);
	free(f->text);
}

/** Line that matches, 0 for none; the index and the plain way must agree. */
static uint32_t line_of(struct fixture *f, uint32_t probe, const void *p, size_t len,
			const char *service)
{
	uint8_t *copy = guard_copy(p, len);
	struct bytes answer = {copy, len};
	struct bytes only = {(const uint8_t *)service, service ? strlen(service) : 0};
	struct match_hit a = {0}, b = {0};
	int is_a = matcher_match(f->m, probe, answer, only, &a);
	int is_b = matcher_match_plain(f->m, probe, answer, only, &b);

	assert_int_equal(is_a, is_b);
	assert_ptr_equal(a.match, b.match);
	assert_int_equal(a.probe, b.probe);
	assert_memory_equal(a.group, b.group, sizeof(a.group));
	guard_free(copy, len);
	return is_a ? a.match->line : 0;
}

static void by_hand(void **state)
{
	static const struct {
		uint32_t probe;
		const char *answer;
		size_t len;
		const char *service;
		uint32_t line;
	} rows[] = {
		{0, "hello world", 11, NULL, 2},
		{0, "hello world", 11, "second", 3},
		{0, "HELLO", 5, NULL, 0},
		{0, "220 x FTP", 9, NULL, 4},
		{0, "220 x FTP", 9, "hard", 5},
		{0, "a\nb", 3, NULL, 7},
		{0, "a-b", 3, NULL, 6},
		{0, "\0\0zz\xff", 5, NULL, 8},
		{0, "\0\0zz", 4, NULL, 0},
		{0, "1234567890ab", 12, NULL, 11},
		{0, "134567890ab", 11, NULL, 11},
		{0, "", 0, NULL, 0},
		{1, "get", 3, NULL, 14},
		{1, "other", 5, NULL, 16},
		{1, "hello", 5, NULL, 2},
		{2, "get", 3, NULL, 0},
		{3, "u", 1, NULL, 18},
		{3, "hello", 5, NULL, 0},
	};
	struct fixture f = {0};

	(void)state;
	open_text(&f, small, sizeof(small) - 1);
	for (size_t k = 0; k <= MATCH_COLD_ANSWERS; k++) /* without an index, and with one */
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			assert_int_equal(line_of(&f, rows[i].probe, rows[i].answer, rows[i].len,
						 rows[i].service),
					 rows[i].line);
	close_fixture(&f);
}

/** A matcher that was prepared, wholly or in part, says what one says that was not. */
static void prepared(void **state)
{
	static char text[65536];
	struct fixture f = {0};
	size_t n = (size_t)snprintf(text, sizeof(text), "Probe TCP NULL q||\n");
	char answer[64];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "match s%u m|^220 host%u ready|\n", i, i);
	for (uint32_t n_steps = 0; n_steps < 12; n_steps++) {
		open_text(&f, text, n);
		bool is_more = true;
		for (uint32_t k = 0; k < n_steps; k++)
			is_more = matcher_prepare(f.m);
		assert_int_equal(is_more, n_steps * 128 < 1000);
		for (uint32_t i = 0; i < 1000; i += 111) {
			size_t len =
				(size_t)snprintf(answer, sizeof(answer), "220 host%u ready", i);
			assert_int_equal(line_of(&f, 0, answer, len, NULL), i + 2);
		}
		close_fixture(&f);
	}
}

static void groups(void **state)
{
	struct fixture f = {0};
	struct match_hit h;

	(void)state;
	open_text(&f, small, sizeof(small) - 1);
	struct bytes a = {(const uint8_t *)"134567890ab", 11};
	assert_int_equal(matcher_match(f.m, 0, a, (struct bytes){0}, &h), 1);
	assert_ptr_equal(h.group[0].p, a.p);
	assert_int_equal(h.group[0].len, 11);
	assert_int_equal(*h.group[1].p, '1');
	assert_null(h.group[2].p);
	assert_int_equal(*h.group[9].p, '9');
	close_fixture(&f);
}

/** Backtracking without end is stopped and counted, a pattern that PCRE2 refuses never matches. */
static void limits(void **state)
{
	struct fixture f = {0};
	char many[200];

	(void)state;
	open_text(&f, small, sizeof(small) - 1);
	memset(many, 'x', sizeof(many));
	memcpy(many + sizeof(many) - 2, "zy", 2); /* else the missing y is noticed first */
	assert_int_equal(line_of(&f, 0, many, sizeof(many), NULL), 0);
	assert_true(matcher_stats(f.m)->n_limited >= 1);
	assert_int_equal(matcher_stats(f.m)->n_broken, 1);
	close_fixture(&f);
}

static bool open_installed(struct fixture *f)
{
	FILE *file = fopen("/usr/share/nmap/nmap-service-probes", "rb");
	size_t cap = 16u << 20, n;

	if (!file)
		return false;
	f->text = malloc(cap);
	n = fread(f->text, 1, cap, file);
	fclose(file);
	open_text(f, f->text, n);
	return true;
}

/** A sample, sometimes damaged: near misses are where an index could go wrong. */
static size_t sample(struct rng *rng, const struct svc_match *line, uint8_t *out)
{
	size_t n = regexgen_sample(line->pattern, rng_u64(rng), out, SAMPLE_BYTES);

	if (n && rng_below(rng, 4) == 0)
		out[rng_below(rng, n)] ^= (uint8_t)(1u << rng_below(rng, 8));
	if (n && rng_below(rng, 8) == 0)
		n = rng_below(rng, n);
	return n;
}

static void installed_patterns(void **state)
{
	struct fixture f = {0};
	uint8_t answer[SAMPLE_BYTES];
	uint32_t n_hits = 0;
	struct rng rng;

	(void)state;
	if (!open_installed(&f))
		skip();
	rng_init(&rng, 7);
	for (uint32_t k = 0; k < SAMPLES; k++) {
		uint32_t probe = (uint32_t)rng_below(&rng, f.db->n_probes);
		const struct svc_probe *p = &f.db->probes[probe];
		/* half of them of the two probes that have most of the lines */
		if (k % 2)
			p = &f.db->probes[probe = k % 4 == 1 ? f.db->null_probe : 2];
		if (!p->n_matches)
			continue;
		size_t n = sample(&rng, &p->matches[rng_below(&rng, p->n_matches)], answer);
		n_hits += line_of(&f, probe, answer, n, NULL) != 0;
	}
	assert_true(n_hits > SAMPLES / 2);
	assert_true(matcher_stats(f.m)->n_broken == 0);
	close_fixture(&f);
}

/** Fifty patterns whose effort grows with the square of the answer: PCRE2's limits do not see it.
 */
static void effort_is_bounded(void **state)
{
	static char text[8192] = "Probe TCP NULL q||\n", answer[2 * MATCH_BYTES_MAX];
	struct fixture f = {0};
	struct match_hit hit;
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 50; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "match s m|[ %c]+[,;]%c|\n",
				      'A' + i % 26, 'a' + i % 26);
	memset(answer, ' ', sizeof(answer));
	/* else their absence is noticed first */
	memcpy(answer + MATCH_BYTES_MAX - 26, "abcdefghijklmnopqrstuvwxyz", 26);
	open_text(&f, text, n);
	assert_int_equal(matcher_match(f.m, 0,
				       (struct bytes){(const uint8_t *)answer, sizeof(answer)},
				       (struct bytes){0}, &hit),
			 0);
	assert_int_equal(matcher_stats(f.m)->n_given_up, 1);
	assert_true(matcher_stats(f.m)->n_run < 50);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(prepared),
		cmocka_unit_test(groups),
		cmocka_unit_test(limits),
		cmocka_unit_test(effort_is_bounded),
		cmocka_unit_test(installed_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
