/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Matching answers against thousands of patterns. Those that could fit come from an index
 * (lineindex.h) and run in file order until one fits. The indexes of the probes with most patterns
 * are made while nobody waits (matcher_prepare), others once a probe is answered often; until then
 * an answer is held against one pattern's text after the other (literals_refute).
 *
 * Why no regular expression set: compiling the 11,900 patterns of nmap 7.93 takes Vectorscan 22 s
 * and 18 MB (2 cores EPYC, 2026); the index is made for the probes in use only, in milliseconds,
 * and leaves one to three candidates of an answer. Why no machine code: PCRE2's costs more to make
 * than a hundred matches of the pattern save (bench/results/match.jsonl, pattern_*).
 */
#include "detect/match.h"

#include "base/clock.h"
#include "base/mem.h"
#include "detect/lineindex.h"
#include "detect/literal.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

enum {
	PREPARED_LINES_MIN = 512, /* of probes whose index is made ahead of any answer */
	PREPARE_LINES = 128,      /* by one call: an answer waits no longer */
	MATCH_LIMIT = 100000,     /* nmap's */
	DEPTH_LIMIT = 10000,
	HEAP_LIMIT_KIB = 4096,
	LONG_BYTES = 1024 /* shorter answers cannot cost much: no clock is read for them */
};

/** Lines of one probe. */
struct table {
	const struct svc_probe *probe;
	pcre2_code **code;  /* NULL: not compiled yet */
	uint8_t *is_broken; /* PCRE2 refuses it */
	uint32_t n_answers;
	struct lineindex *index; /* NULL: not worth it yet */
};

struct matcher {
	const struct svcdb *db;
	struct table **tables; /* by probe; NULL: no answer yet */
	uint32_t n_prepared;   /* probes whose indexes are made, or are not to be */
	pcre2_match_data *data;
	pcre2_match_context *limits;
	uint8_t *low; /* the answer in lower case, LINEINDEX_PAD zeros behind it */
	struct literal_subject subject; /* the same */
	bool has_subject;               /* it is made */
	uint64_t end_ns;                /* of the thread's CPU time for this answer; 0: not begun */
	struct match_stats stats;
};

/* --- tables ------------------------------------------------------------------ */

static void table_free(struct table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->code && i < t->probe->n_matches; i++)
		pcre2_code_free(t->code[i]);
	mem_free(t->code);
	mem_free(t->is_broken);
	lineindex_free(t->index);
	mem_free(t);
}

static struct table *table_new(const struct svc_probe *p)
{
	struct table *t = mem_alloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->probe = p;
	t->code = mem_alloc(p->n_matches, sizeof(*t->code));
	t->is_broken = mem_alloc(p->n_matches, 1);
	if (t->code && t->is_broken)
		return t;
	table_free(t);
	return NULL;
}

/** @return 0 or -ENOMEM; @p ret NULL when the probe has no lines. */
static int table_of(struct matcher *m, uint32_t probe, struct table **ret)
{
	const struct svc_probe *p = &m->db->probes[probe];
	struct table *t = m->tables[probe];

	if (!t && p->n_matches && !(t = m->tables[probe] = table_new(p)))
		return -ENOMEM;
	*ret = t;
	return 0;
}

/** Take up to @p n_lines more into a table's index. */
static int table_index(struct table *t, uint32_t n_lines)
{
	int err = t->index ? 0 : lineindex_new(t->probe, &t->index);

	if (!err)
		(void)lineindex_add(t->index, n_lines);
	return err;
}

static bool has_index(const struct table *t)
{
	return t->index && lineindex_is_whole(t->index);
}

/** The table of a probe that has lines, for one more answer. */
static int table_for_answer(struct matcher *m, uint32_t probe, struct table **ret)
{
	int err = table_of(m, probe, ret);
	struct table *t = *ret;

	if (err || !t || t->n_answers++ < MATCH_COLD_ANSWERS || has_index(t))
		return err;
	return table_index(t, UINT32_MAX);
}

/* --- patterns ----------------------------------------------------------------- */

static pcre2_code *code_of(struct matcher *m, struct table *t, uint32_t i)
{
	const struct svc_match *line = &t->probe->matches[i];
	uint32_t options = (line->is_caseless ? PCRE2_CASELESS : 0u) |
			   (line->is_dotall ? PCRE2_DOTALL : 0u) | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE at;
	int err;

	if (t->code[i] || t->is_broken[i])
		return t->code[i];
	t->code[i] = pcre2_compile(line->pattern.p, line->pattern.len, options, &err, &at, NULL);
	t->is_broken[i] = !t->code[i];
	m->stats.n_compiled++;
	m->stats.n_broken += t->is_broken[i];
	return t->code[i];
}

static bool run(struct matcher *m, struct table *t, uint32_t i, struct bytes answer,
		struct match_hit *ret)
{
	pcre2_code *code = code_of(m, t, i);

	if (!code)
		return false;
	m->stats.n_run++;
	int n = pcre2_match(code, answer.p, answer.len, 0, 0, m->data, m->limits);
	if (n < 0) {
		m->stats.n_limited += n != PCRE2_ERROR_NOMATCH;
		return false;
	}
	const PCRE2_SIZE *o = pcre2_get_ovector_pointer(m->data);
	*ret = (struct match_hit){.match = &t->probe->matches[i]};
	/* 0: more groups than there is room for; the first ones are there */
	for (int k = 0; k < (n ? n : MATCH_GROUPS_MAX); k++)
		if (o[2 * k] != PCRE2_UNSET && o[2 * k] <= o[2 * k + 1])
			ret->group[k] =
				(struct bytes){answer.p + o[2 * k], o[2 * k + 1] - o[2 * k]};
	return true;
}

static bool is_wanted(const struct svc_match *line, struct bytes service)
{
	return !service.p || (line->service.len == service.len &&
			      !memcmp(line->service.p, service.p, service.len));
}

/** Has this answer had its share? The first pattern starts the clock. */
static bool is_given_up(struct matcher *m, size_t len)
{
	if (len < LONG_BYTES)
		return false;
	uint64_t now_ns = clock_thread_ns();
	if (!m->end_ns)
		m->end_ns = now_ns + MATCH_EFFORT_NS;
	if (now_ns <= m->end_ns)
		return false;
	m->stats.n_given_up++;
	return true;
}

/** What the demands of patterns are held against; made when it is first needed. */
static const struct literal_subject *subject_of(struct matcher *m, size_t len)
{
	if (!m->has_subject)
		literal_subject_init(&m->subject, m->low, len);
	m->has_subject = true;
	return &m->subject;
}

/** Try one line that was not ruled out by the index, if there is one. @return 1, 0, -1: no time
 * left for this answer. */
static int try_line(struct matcher *m, struct table *t, uint32_t i, struct bytes answer,
		    struct match_hit *ret)
{
	/* compiling costs more than a hundred looks at the pattern's text */
	if (!t->code[i] && literals_refute(t->probe->matches[i].pattern, subject_of(m, answer.len)))
		return 0;
	m->stats.n_candidates++;
	if (is_given_up(m, answer.len))
		return -1;
	return run(m, t, i, answer, ret);
}

/** One after the other. */
static int match_cold(struct matcher *m, struct table *t, struct bytes answer, struct bytes service,
		      struct match_hit *ret)
{
	int found = 0;

	for (uint32_t i = 0; i < t->probe->n_matches && !found; i++)
		if (is_wanted(&t->probe->matches[i], service))
			found = try_line(m, t, i, answer, ret);
	return found;
}

/** Those that the index finds. */
static int match_indexed(struct matcher *m, struct table *t, struct bytes answer,
			 struct bytes service, struct match_hit *ret)
{
	int found = 0, i;

	lineindex_find(t->index, m->low, answer.len);
	while (!found && (i = lineindex_next(t->index)) >= 0)
		if (is_wanted(&t->probe->matches[i], service))
			found = try_line(m, t, (uint32_t)i, answer, ret);
	return found;
}

/** The few patterns that demand nothing, and so are tried on any answer: an empty one needs them.
 */
static void compile_always(struct matcher *m, struct table *t)
{
	struct match_hit unused;

	m->has_subject = false;
	memset(m->low, 0, LINEINDEX_PAD);
	(void)match_indexed(m, t, (struct bytes){m->low, 0}, (struct bytes){0}, &unused);
}

bool matcher_prepare(struct matcher *m)
{
	struct table *t;

	for (; m->n_prepared < m->db->n_probes; m->n_prepared++) {
		uint32_t i = m->n_prepared;
		if (m->db->probes[i].n_matches < PREPARED_LINES_MIN)
			continue;
		/* no memory: whoever asks will say so */
		if (table_of(m, i, &t) < 0 || table_index(t, PREPARE_LINES) < 0)
			continue;
		if (!has_index(t))
			return true;
		compile_always(m, t);
	}
	return false;
}

static bool match_table(struct matcher *m, struct table *t, struct bytes answer,
			struct bytes service, struct match_hit *ret)
{
	return (has_index(t) ? match_indexed : match_cold)(m, t, answer, service, ret) > 0;
}

static bool match_plain(struct matcher *m, struct table *t, struct bytes answer,
			struct bytes service, struct match_hit *ret)
{
	for (uint32_t i = 0; i < t->probe->n_matches; i++)
		if (is_wanted(&t->probe->matches[i], service) && run(m, t, i, answer, ret))
			return true;
	return false;
}

typedef bool table_fn(struct matcher *m, struct table *t, struct bytes answer, struct bytes service,
		      struct match_hit *ret);

static int match_chain(struct matcher *m, uint32_t probe, struct bytes answer, struct bytes service,
		       table_fn *try_table, struct match_hit *ret)
{
	const struct svc_probe *p = &m->db->probes[probe];
	struct table *t;

	for (uint32_t k = 0; k < p->n_chain; k++) {
		int err = table_for_answer(m, p->chain[k], &t);
		if (err)
			return err;
		if (t && try_table(m, t, answer, service, ret)) {
			ret->probe = p->chain[k];
			return 1;
		}
	}
	return 0;
}

int matcher_match(struct matcher *m, uint32_t probe, struct bytes answer, struct bytes service,
		  struct match_hit *ret)
{
	answer.len = MIN(answer.len, (size_t)MATCH_BYTES_MAX);
	m->stats.n_answers++;
	m->end_ns = 0;
	m->has_subject = false;
	for (size_t i = 0; i < answer.len; i++)
		m->low[i] = literal_lower(answer.p[i]);
	memset(m->low + answer.len, 0, LINEINDEX_PAD);
	return match_chain(m, probe, answer, service, match_table, ret);
}

int matcher_match_plain(struct matcher *m, uint32_t probe, struct bytes answer,
			struct bytes service, struct match_hit *ret)
{
	answer.len = MIN(answer.len, (size_t)MATCH_BYTES_MAX);
	return match_chain(m, probe, answer, service, match_plain, ret);
}

/* --- life ------------------------------------------------------------------------ */

int matcher_new(const struct svcdb *db, struct matcher **ret)
{
	struct matcher *m = mem_alloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->db = db;
	m->tables = mem_alloc(MAX(db->n_probes, 1u), sizeof(struct table *));
	m->low = mem_alloc(MATCH_BYTES_MAX + LINEINDEX_PAD, 1);
	m->data = pcre2_match_data_create(MATCH_GROUPS_MAX, NULL);
	m->limits = pcre2_match_context_create(NULL);
	if (!m->tables || !m->low || !m->data || !m->limits) {
		matcher_free(m);
		return -ENOMEM;
	}
	pcre2_set_match_limit(m->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(m->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(m->limits, HEAP_LIMIT_KIB);
	*ret = m;
	return 0;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; m->tables && i < m->db->n_probes; i++)
		table_free(m->tables[i]);
	mem_free(m->tables);
	mem_free(m->low);
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->limits);
	mem_free(m);
}

const struct match_stats *matcher_stats(const struct matcher *m)
{
	return &m->stats;
}
