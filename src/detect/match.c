/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Matching answers against thousands of patterns. Per probe, made when its first answer comes: an
 * index from four-byte grams to patterns. Of all grams in the texts that a pattern demands the one
 * that fewest patterns share is its key; patterns without a gram are candidates always, held back
 * only by the bytes they demand at the start. One pass over the answer collects the candidates,
 * which run in file order until one fits.
 *
 * Why no regular expression set: compiling the 11,900 patterns of nmap 7.93 takes Vectorscan 22 s
 * and 18 MB (2 cores EPYC, 2026); the index is made for the probes in use only, in milliseconds,
 * and leaves one to three candidates of an answer. Why no machine code: PCRE2's costs more to make
 * than a hundred matches of the pattern save (bench/results/match.jsonl, pattern_*).
 */
#include "detect/match.h"

#include "base/clock.h"
#include "base/mem.h"
#include "detect/literal.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

enum {
	GRAM = 4,
	BLOOM_BITS = 1 << 15,
	MATCH_LIMIT = 100000, /* nmap's */
	DEPTH_LIMIT = 10000,
	HEAP_LIMIT_KIB = 4096,
	LONG_BYTES = 1024, /* shorter answers cannot cost much: no clock is read for them */
	NO_NEXT = UINT32_MAX >> 1
};

/** One pattern's part of the index. */
struct line_key {
	uint32_t gram;
	uint32_t next; /* line with the same slot, or NO_NEXT */
};

/** Lines of one probe. */
struct table {
	const struct svc_probe *probe;
	pcre2_code **code;  /* NULL: not compiled yet */
	uint8_t *is_broken; /* PCRE2 refuses it */
	struct head {
		uint8_t byte[LITERAL_HEAD], mask[LITERAL_HEAD];
		uint32_t len;
	} * heads;
	struct line_key *keys;
	uint32_t *slots; /* gram hash -> first line, NO_NEXT: none */
	uint32_t n_slots;
	uint64_t *always;     /* bit per line: no gram */
	uint64_t *candidates; /* scratch of the answer being matched */
	uint32_t n_words;
	uint64_t bloom[BLOOM_BITS / 64];
};

struct matcher {
	const struct svcdb *db;
	struct table **tables; /* by probe; NULL: no answer yet */
	pcre2_match_data *data;
	pcre2_match_context *limits;
	uint8_t *low;    /* the answer in lower case, LITERAL_HEAD zeros behind it */
	uint64_t end_ns; /* of the thread's CPU time for this answer; 0: not begun */
	struct match_stats stats;
};

static uint32_t gram_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t gram_hash(uint32_t gram)
{
	return gram * 2654435761u;
}

/* --- the index -------------------------------------------------------------- */

/** Call @p fn for every gram of the texts a pattern demands. */
static void each_gram(const struct literals *l, void (*fn)(void *ctx, uint32_t gram), void *ctx)
{
	uint32_t from = 0;

	for (uint32_t r = 0; r < l->n_runs; r++) {
		for (uint32_t i = from; i + GRAM <= l->run_end[r]; i++)
			fn(ctx, gram_at(l->bytes + i));
		from = l->run_end[r];
	}
}

/** How many patterns show a gram, roughly: counters by hash. */
struct census {
	uint16_t n[1 << 14];
	uint32_t best_gram;
	uint32_t best_n;
};

static uint16_t *census_of(struct census *c, uint32_t gram)
{
	return &c->n[gram_hash(gram) >> 18];
}

static void census_count(void *ctx, uint32_t gram)
{
	uint16_t *n = census_of(ctx, gram);

	*n = (uint16_t)MIN(*n + 1u, 65535u);
}

static void census_choose(void *ctx, uint32_t gram)
{
	struct census *c = ctx;

	if (*census_of(c, gram) < c->best_n) {
		c->best_n = *census_of(c, gram);
		c->best_gram = gram;
	}
}

static void table_add(struct table *t, uint32_t i, struct census *c, const struct literals *l)
{
	struct head *h = &t->heads[i];

	memcpy(h->byte, l->head, sizeof(h->byte));
	memcpy(h->mask, l->mask, sizeof(h->mask));
	h->len = l->head_len;
	c->best_n = UINT32_MAX;
	each_gram(l, census_choose, c);
	if (c->best_n == UINT32_MAX) {
		t->always[i / 64] |= 1ull << i % 64;
		return;
	}
	uint32_t hash = gram_hash(c->best_gram), *slot = &t->slots[hash & (t->n_slots - 1)];
	t->keys[i] = (struct line_key){c->best_gram, *slot};
	*slot = i;
	uint32_t bit = hash >> 17;
	t->bloom[bit / 64] |= 1ull << bit % 64;
}

static void table_free(struct table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->code && i < t->probe->n_matches; i++)
		pcre2_code_free(t->code[i]);
	mem_free(t->code);
	mem_free(t->is_broken);
	mem_free(t->heads);
	mem_free(t->keys);
	mem_free(t->slots);
	mem_free(t->always);
	mem_free(t->candidates);
	mem_free(t);
}

static struct table *table_alloc(const struct svc_probe *p)
{
	struct table *t = mem_alloc(1, sizeof(*t));
	uint32_t n = p->n_matches;

	if (!t)
		return NULL;
	t->probe = p;
	t->n_words = (n + 63) / 64;
	for (t->n_slots = 64; t->n_slots < 2 * n; t->n_slots *= 2)
		;
	t->code = mem_alloc(n, sizeof(*t->code));
	t->is_broken = mem_alloc(n, 1);
	t->heads = mem_alloc(n, sizeof(*t->heads));
	t->keys = mem_alloc(n, sizeof(*t->keys));
	t->slots = mem_alloc(t->n_slots, sizeof(*t->slots));
	t->always = mem_alloc(t->n_words, sizeof(*t->always));
	t->candidates = mem_alloc(t->n_words, sizeof(*t->candidates));
	if (!t->code || !t->is_broken || !t->heads || !t->keys || !t->slots || !t->always ||
	    !t->candidates) {
		table_free(t);
		return NULL;
	}
	for (uint32_t i = 0; i < t->n_slots; i++)
		t->slots[i] = NO_NEXT;
	return t;
}

/** The table of a probe that has lines. */
static int table_of(struct matcher *m, uint32_t probe, struct table **ret)
{
	const struct svc_probe *p = &m->db->probes[probe];
	struct table *t = m->tables[probe];
	struct literals l;

	*ret = t;
	if (t || !p->n_matches)
		return 0;
	struct census *c = mem_alloc(1, sizeof(*c));
	t = table_alloc(p);
	if (!t || !c) {
		mem_free(c);
		table_free(t);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->n_matches; i++) {
		literals_of(p->matches[i].pattern, &l);
		each_gram(&l, census_count, c);
	}
	for (uint32_t i = 0; i < p->n_matches; i++) {
		literals_of(p->matches[i].pattern, &l);
		table_add(t, i, c, &l);
	}
	mem_free(c);
	*ret = m->tables[probe] = t;
	return 0;
}

static void collect(struct table *t, const uint8_t *low, size_t len)
{
	memcpy(t->candidates, t->always, t->n_words * sizeof(*t->always));
	for (size_t i = 0; i + GRAM <= len; i++) {
		uint32_t gram = gram_at(low + i), hash = gram_hash(gram), bit = hash >> 17;
		if (!(t->bloom[bit / 64] >> bit % 64 & 1))
			continue;
		for (uint32_t k = t->slots[hash & (t->n_slots - 1)]; k != NO_NEXT;
		     k = t->keys[k].next)
			if (t->keys[k].gram == gram)
				t->candidates[k / 64] |= 1ull << k % 64;
	}
}

static bool head_fits(const struct head *h, const uint8_t *low, size_t len)
{
	uint8_t differs = len < h->len;

	for (uint32_t i = 0; i < LITERAL_HEAD; i++)
		differs |= (low[i] & h->mask[i]) ^ h->byte[i];
	return !differs;
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

static bool match_table(struct matcher *m, struct table *t, struct bytes answer,
			struct bytes service, struct match_hit *ret)
{
	collect(t, m->low, answer.len);
	for (uint32_t w = 0; w < t->n_words; w++)
		for (uint64_t bits = t->candidates[w]; bits; bits &= bits - 1) {
			uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
			if (!head_fits(&t->heads[i], m->low, answer.len) ||
			    !is_wanted(&t->probe->matches[i], service))
				continue;
			m->stats.n_candidates++;
			if (is_given_up(m, answer.len))
				return false;
			if (run(m, t, i, answer, ret))
				return true;
		}
	return false;
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
		int err = table_of(m, p->chain[k], &t);
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
	for (size_t i = 0; i < answer.len; i++)
		m->low[i] = literal_lower(answer.p[i]);
	memset(m->low + answer.len, 0, LITERAL_HEAD);
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
	m->low = mem_alloc(MATCH_BYTES_MAX + LITERAL_HEAD, 1);
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
