/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cost of naming a service from its answer, with the probe file that is installed: the matcher when
 * it has not seen such an answer before (its patterns are not compiled) and when it has, beside
 * trying the patterns one by one with PCRE2. Answers are made from the patterns by a fixed seed,
 * half of them cut short so that many match nothing, and asked of the probe they belong to.
 *
 * One JSON line per row: CPU nanoseconds per answer, median and the dearest of twenty.
 */
#include "detect/match.h"
#include "base/clock.h"
#include "detect/svcfiles.h"
#include "support/regexgen.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_ANSWERS = 1000, ANSWER_MAX = 1024, N_REPEATS = 5 };

struct answer {
	uint32_t probe;
	struct bytes text;
	const struct svc_match *line; /* that it was made from */
	uint8_t bytes[ANSWER_MAX];
};

static void make_answers(const struct svcdb *db, struct answer *all)
{
	struct rng rng;

	rng_init(&rng, 2026);
	for (uint32_t i = 0; i < N_ANSWERS;) {
		struct answer *a = &all[i];
		const struct svc_probe *p;
		a->probe = (uint32_t)rng_below(&rng, db->n_probes);
		if (i % 4 == 0) /* a quarter is said unasked */
			a->probe = db->null_probe;
		p = &db->probes[a->probe];
		if (!p->n_matches)
			continue;
		a->line = &p->matches[rng_below(&rng, p->n_matches)];
		size_t n = regexgen_sample(a->line->pattern, rng_below(&rng, UINT32_MAX), a->bytes,
					   sizeof(a->bytes));
		if (i % 2)
			n = rng_below(&rng, n + 1);
		a->text = (struct bytes){a->bytes, n};
		i++;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void row(const char *name, double *ns, uint32_t n)
{
	qsort(ns, n, sizeof(*ns), by_value);
	printf("{\"name\":\"%s\",\"ns_median\":%.0f,\"ns_p95\":%.0f,\"n\":%u}\n", name, ns[n / 2],
	       ns[n - 1 - n / 20], n);
}

static struct matcher *fresh(const struct svcdb *db)
{
	struct matcher *m;

	if (matcher_new(db, &m) < 0)
		exit(1);
	return m;
}

typedef int match_fn(struct matcher *m, uint32_t probe, struct bytes answer, struct bytes service,
		     struct match_hit *ret);

static double time_ns(struct matcher *m, match_fn *fn, const struct answer *a, uint32_t n_times)
{
	uint64_t begin_ns = clock_thread_ns();
	struct match_hit hit;

	for (uint32_t k = 0; k < n_times; k++)
		if (fn(m, a->probe, a->text, (struct bytes){0}, &hit) < 0)
			exit(1);
	return (double)(clock_thread_ns() - begin_ns) / n_times;
}

/** A new matcher for each, of which no pattern is compiled: the answer as the first of all, when
 * there was no time to prepare anything and when there was. */
static void bench_cold(const struct svcdb *db, const struct answer *all, double *ns,
		       double *ns_index)
{
	for (int has_index = 0; has_index < 2; has_index++) {
		for (uint32_t i = 0; i < N_ANSWERS; i++) {
			struct matcher *m = fresh(db);
			uint64_t begin_ns = clock_thread_ns();
			while (has_index && matcher_prepare(m))
				;
			ns_index[i] = (double)(clock_thread_ns() - begin_ns);
			ns[i] = time_ns(m, matcher_match, &all[i], 1);
			matcher_free(m);
		}
		row(has_index ? "matcher_cold" : "matcher_unindexed", ns, N_ANSWERS);
	}
	row("index_made", ns_index, N_ANSWERS);
}

static void bench_warm(const char *name, struct matcher *m, match_fn *fn, const struct answer *all,
		       double *ns)
{
	for (uint32_t i = 0; i < N_ANSWERS; i++)
		(void)time_ns(m, fn, &all[i], MATCH_COLD_ANSWERS + 1);
	for (uint32_t i = 0; i < N_ANSWERS; i++)
		ns[i] = time_ns(m, fn, &all[i], N_REPEATS);
	row(name, ns, N_ANSWERS);
}

/** What compiling one pattern to machine code costs, and what it saves in matching. */
static void bench_jit(const struct answer *all, double *ns, double *ns_jit)
{
	pcre2_match_data *data = pcre2_match_data_create(MATCH_GROUPS_MAX, NULL);
	double *ns_compile = calloc(N_ANSWERS, sizeof(*ns_compile));
	PCRE2_SIZE at;
	int err;

	for (uint32_t i = 0; i < N_ANSWERS && ns_compile; i++) {
		const struct answer *a = &all[i];
		struct bytes pattern = a->line->pattern;
		pcre2_code *code =
			pcre2_compile(pattern.p, pattern.len, a->line->is_dotall ? PCRE2_DOTALL : 0,
				      &err, &at, NULL);
		for (int with_jit = 0; with_jit < 2; with_jit++) {
			uint64_t begin_ns = clock_thread_ns();
			if (with_jit && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) < 0)
				exit(1);
			ns_compile[i] = (double)(clock_thread_ns() - begin_ns);
			(void)pcre2_match(code, a->text.p, a->text.len, 0, 0, data, NULL);
			begin_ns = clock_thread_ns();
			for (int k = 0; k < N_REPEATS; k++)
				(void)pcre2_match(code, a->text.p, a->text.len, 0, 0, data, NULL);
			double each = (double)(clock_thread_ns() - begin_ns) / N_REPEATS;
			(with_jit ? ns_jit : ns)[i] = each;
		}
		pcre2_code_free(code);
	}
	row("pattern_jit_compile", ns_compile, N_ANSWERS);
	row("pattern_interpreted", ns, N_ANSWERS);
	row("pattern_jit", ns_jit, N_ANSWERS);
	free(ns_compile);
	pcre2_match_data_free(data);
}

int main(void)
{
	struct answer *all = calloc(N_ANSWERS, sizeof(*all));
	double *ns = calloc(N_ANSWERS, sizeof(*ns)), *more = calloc(N_ANSWERS, sizeof(*more));
	struct err_where where = {0};
	struct svcfiles files;
	uint32_t n_lines = 0;

	if (!all || !ns || !more || svcfiles_open(NULL, &files, &where) < 0)
		return 1;
	for (uint32_t i = 0; i < files.db->n_probes; i++)
		n_lines += files.db->probes[i].n_matches;
	printf("{\"name\":\"probe_file\",\"probes\":%u,\"patterns\":%u,\"nmap\":%s}\n",
	       files.db->n_probes, n_lines, files.file.text.p ? "true" : "false");
	make_answers(files.db, all);
	struct matcher *m = fresh(files.db), *plain = fresh(files.db);
	bench_cold(files.db, all, ns, more);
	bench_warm("matcher_warm", m, matcher_match, all, ns);
	bench_warm("one_by_one", plain, matcher_match_plain, all, ns);
	bench_jit(all, ns, more);
	matcher_free(m);
	matcher_free(plain);
	svcfiles_close(&files);
	free(all);
	free(ns);
	free(more);
	return 0;
}
