/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The matcher beside PCRE2: each answer is matched by matcher_match() and by trying every pattern
 * of the probe's chain in file order with PCRE2 itself, nothing shared but the probe file and the
 * limits. Line, probe and captured pieces must be the same.
 *
 *     match [N [SEED [FILE...]]]
 *
 * N answers are made: texts that a pattern of the file is likely to match, also cut, changed,
 * joined, in other case, and noise. Each FILE has recorded answers, one a line in hexadecimal,
 * which are matched for every probe; recorded.hex is what 100 servers of Debian 12 said to probes.
 */
#include "detect/match.h"
#include "base/mapfile.h"
#include "detect/svcfiles.h"
#include "support/regexgen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	ANSWER_MAX = 8192,
	SAMPLE_MAX = 2048,
	DIFFERENCES_MAX = 20,
	YOUNG_ANSWERS = 8,
	PREPARE_STEPS = 90, /* more than it takes */
	PROBE_STEP = 8
};

struct rig {
	const struct svcdb *db;
	struct matcher *matcher;
	pcre2_code ***code; /* by probe and line; NULL: refused by PCRE2 */
	uint32_t *first;    /* lines before those of a probe */
	uint32_t n_lines;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	struct rng rng;
	struct matcher *young;
	uint64_t n_recorded, n_matched, n_limited, n_different, n_compared;
};

static pcre2_code *compile(const struct svc_match *line)
{
	uint32_t options = (line->is_caseless ? PCRE2_CASELESS : 0u) |
			   (line->is_dotall ? PCRE2_DOTALL : 0u) | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE at;
	int err;

	return pcre2_compile(line->pattern.p, line->pattern.len, options, &err, &at, NULL);
}

static void rig_open(struct rig *r, const struct svcdb *db, uint64_t seed)
{
	*r = (struct rig){.db = db};
	r->code = calloc(db->n_probes, sizeof(*r->code));
	r->first = calloc(db->n_probes + 1, sizeof(*r->first));
	for (uint32_t i = 0; i < db->n_probes; i++) {
		const struct svc_probe *p = &db->probes[i];
		r->code[i] = calloc(p->n_matches + 1, sizeof(**r->code));
		for (uint32_t k = 0; k < p->n_matches; k++)
			r->code[i][k] = compile(&p->matches[k]);
		r->first[i] = r->n_lines;
		r->n_lines += p->n_matches;
	}
	r->data = pcre2_match_data_create(64, NULL);
	r->limits = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(r->limits, 100000);
	pcre2_set_depth_limit(r->limits, 10000);
	pcre2_set_heap_limit(r->limits, 4096);
	rng_init(&r->rng, seed);
	if (matcher_new(db, &r->matcher) < 0)
		exit(2);
}

static void rig_close(struct rig *r)
{
	for (uint32_t i = 0; i < r->db->n_probes; i++) {
		for (uint32_t k = 0; k < r->db->probes[i].n_matches; k++)
			pcre2_code_free(r->code[i][k]);
		free(r->code[i]);
	}
	free(r->code);
	free(r->first);
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->limits);
	matcher_free(r->matcher);
	matcher_free(r->young);
}

/* --- the oracle ------------------------------------------------------------------- */

static bool fits(struct rig *r, pcre2_code *code, struct bytes answer, struct match_hit *ret)
{
	int n = code ? pcre2_match(code, answer.p, answer.len, 0, 0, r->data, r->limits)
		     : PCRE2_ERROR_NOMATCH;
	const PCRE2_SIZE *o = pcre2_get_ovector_pointer(r->data);

	r->n_limited += n < 0 && n != PCRE2_ERROR_NOMATCH;
	for (int k = 0; k < MIN(n, MATCH_GROUPS_MAX); k++)
		if (o[2 * k] != PCRE2_UNSET && o[2 * k] <= o[2 * k + 1])
			ret->group[k] =
				(struct bytes){answer.p + o[2 * k], o[2 * k + 1] - o[2 * k]};
	return n > 0;
}

static int one_by_one(struct rig *r, uint32_t probe, struct bytes answer, struct bytes service,
		      struct match_hit *ret)
{
	const struct svc_probe *asked = &r->db->probes[probe];

	for (uint32_t c = 0; c < asked->n_chain; c++) {
		const struct svc_probe *p = &r->db->probes[asked->chain[c]];
		for (uint32_t k = 0; k < p->n_matches; k++) {
			const struct svc_match *line = &p->matches[k];
			if (service.p && (line->service.len != service.len ||
					  memcmp(line->service.p, service.p, service.len) != 0))
				continue;
			*ret = (struct match_hit){.match = line, .probe = asked->chain[c]};
			if (fits(r, r->code[asked->chain[c]][k], answer, ret))
				return 1;
		}
	}
	return 0;
}

static bool is_same(const struct match_hit *a, const struct match_hit *b)
{
	bool is_equal = a->match == b->match && a->probe == b->probe;

	for (int k = 0; k < MATCH_GROUPS_MAX && is_equal; k++)
		is_equal = a->group[k].p == b->group[k].p && a->group[k].len == b->group[k].len;
	return is_equal;
}

static void report(const struct rig *r, uint32_t probe, struct bytes answer,
		   const struct match_hit *ours, const struct match_hit *theirs)
{
	printf("probe %.*s: line %u, one by one %u; answer ", (int)r->db->probes[probe].name.len,
	       (const char *)r->db->probes[probe].name.p, ours->match ? ours->match->line : 0,
	       theirs->match ? theirs->match->line : 0);
	for (size_t i = 0; i < MIN(answer.len, (size_t)400); i++)
		printf("%02x", answer.p[i]);
	printf("\n");
}

/** A matcher that has seen few answers goes another way than one that has seen many. */
static struct matcher *young_matcher(struct rig *r)
{
	if (r->n_compared++ % YOUNG_ANSWERS == 0) {
		matcher_free(r->young);
		if (matcher_new(r->db, &r->young) < 0)
			exit(2);
		for (uint64_t i = r->n_compared / YOUNG_ANSWERS % PREPARE_STEPS; i; i--)
			(void)matcher_prepare(r->young);
	}
	return r->young;
}

static void compare(struct rig *r, uint32_t probe, struct bytes answer, struct bytes service)
{
	struct matcher *both[] = {r->matcher, young_matcher(r)};
	struct match_hit theirs = {0};
	int want = one_by_one(r, probe, answer, service, &theirs);

	r->n_matched += want == 1;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct match_hit ours = {0};
		int rc = matcher_match(both[i], probe, answer, service, &ours);
		if (rc == want && (!want || is_same(&ours, &theirs)))
			continue;
		if (r->n_different++ < DIFFERENCES_MAX)
			report(r, probe, answer, &ours, &theirs);
	}
}

/* --- answers ------------------------------------------------------------------------ */

static uint32_t below(struct rig *r, size_t n)
{
	return (uint32_t)rng_below(&r->rng, n);
}

/** Any line of any probe. @return its probe. */
static uint32_t any_line(struct rig *r, const struct svc_match **ret)
{
	uint32_t at = below(r, r->n_lines), i = 0;

	while (i + 1 < r->db->n_probes && r->first[i + 1] <= at)
		i++;
	*ret = &r->db->probes[i].matches[at - r->first[i]];
	return i;
}

static size_t add_sample(struct rig *r, const struct svc_match *line, uint8_t *out, size_t n)
{
	uint64_t seed = (uint64_t)below(r, UINT32_MAX) << 16;

	return n + regexgen_sample(line->pattern, seed, out + n, SAMPLE_MAX);
}

static void change(struct rig *r, uint8_t *p, size_t n)
{
	for (uint32_t k = 1 + below(r, 4); n && k; k--)
		p[below(r, n)] = (uint8_t)below(r, 256);
}

static void swap_case(struct rig *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z' && below(r, 4) == 0)
			p[i] ^= 0x20;
}

static size_t noise(struct rig *r, uint8_t *p)
{
	size_t n = below(r, 400);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)below(r, below(r, 2) ? 256 : 96);
	return n;
}

/** @return its length; @p ret_probe whose answer it might be. */
static size_t make_answer(struct rig *r, uint8_t *out, uint32_t *ret_probe)
{
	const struct svc_match *line, *more;
	size_t n;

	*ret_probe = any_line(r, &line);
	n = add_sample(r, line, out, 0);
	switch (below(r, 12)) {
	case 0:
	case 1:
		change(r, out, n);
		break;
	case 2:
	case 3:
		n = below(r, n + 1);
		break;
	case 4:
		(void)any_line(r, &more);
		n = add_sample(r, more, out, n);
		break;
	case 5:
		swap_case(r, out, n);
		break;
	case 6:
		n = noise(r, out);
		break;
	case 7: /* behind what another one ends with */
		memmove(out + 1, out, n);
		out[0] = (uint8_t)below(r, 256);
		n++;
		break;
	default:
		break;
	}
	return n;
}

static void compare_made(struct rig *r, uint64_t n_answers)
{
	uint8_t made[ANSWER_MAX];
	const struct svc_match *line;
	uint32_t probe;

	for (uint64_t i = 0; i < n_answers; i++) {
		struct bytes answer = {made, make_answer(r, made, &probe)}, service = {0};
		uint32_t other = any_line(r, &line);
		if (below(r, 4) == 0)
			probe = other;
		if (below(r, 5) == 0)
			service = line->service;
		/* a copy of its own size: reading beyond it is seen by ASan */
		uint8_t *copy = malloc(answer.len + !answer.len);
		memcpy(copy, made, answer.len);
		answer.p = copy;
		compare(r, probe, answer, service);
		free(copy);
	}
}

static void compare_recorded(struct rig *r, struct bytes hex)
{
	uint8_t *answer = malloc(hex.len / 2 + 1);

	for (size_t i = 0; i < hex.len / 2; i++)
		answer[i] = (uint8_t)(hex_digit(hex.p[2 * i]) << 4 | hex_digit(hex.p[2 * i + 1]));
	for (uint32_t i = 0; i < r->db->n_probes; i++)
		if (i == r->db->null_probe || (i + r->n_recorded) % PROBE_STEP == 0)
			compare(r, i, (struct bytes){answer, hex.len / 2}, (struct bytes){0});
	r->n_recorded++;
	free(answer);
}

static void compare_file(struct rig *r, const char *path)
{
	struct mapfile f;

	if (mapfile_open(path, SVC_FILE_BYTES_MAX, &f) < 0) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	for (struct bytes left = f.text; left.len;) {
		const uint8_t *end = memchr(left.p, '\n', left.len);
		size_t n = end ? (size_t)(end - left.p) : left.len;
		compare_recorded(r, (struct bytes){left.p, n});
		n += end != NULL;
		left = (struct bytes){left.p + n, left.len - n};
	}
	mapfile_close(&f);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct err_where where = {0};
	struct svcfiles files;
	struct rig r;

	if (svcfiles_open(NULL, &files, &where) < 0)
		return 2;
	rig_open(&r, files.db, seed);
	compare_made(&r, n);
	for (int i = 3; i < argc; i++)
		compare_file(&r, argv[i]);
	printf("%u patterns, %llu answers made, %llu recorded: %llu matched, %llu patterns stopped "
	       "by a "
	       "limit, %llu differences\n",
	       r.n_lines, (unsigned long long)n, (unsigned long long)r.n_recorded,
	       (unsigned long long)r.n_matched, (unsigned long long)r.n_limited,
	       (unsigned long long)r.n_different);
	int code = r.n_different || (n && !r.n_matched);
	rig_close(&r);
	svcfiles_close(&files);
	return code;
}
