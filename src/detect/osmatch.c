/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scoring of a print against every entry of the fingerprint file. What an expression is worth
 * depends on nothing but itself and the print, and few expressions make up all lines: so each
 * distinct one is judged once, a line's score is a sum over its expressions, an entry's over its
 * thirteen lines.
 * Source: nmap's book, "OS Matching Algorithms": an attribute counts when both sides have it, and
 * is worth its MatchPoints.
 */
#include "detect/osmatch.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>

/** Points against the print under test. */
struct score {
	uint16_t reached, asked;
};

/** An expression of one attribute, "1-6" of GCD. */
struct term {
	struct bytes expr;
	uint8_t test, attr;
};

struct os_matcher {
	const struct osdb *db;
	struct term *terms; /* each distinct one once */
	struct score *of_term;
	uint32_t *of_lines;   /* terms of all lines, one line after another */
	uint32_t *line_start; /* of line i in of_lines; that of n_lines is the end */
	struct score *of_line;
	uint32_t n_terms;
};

void os_matcher_free(struct os_matcher *m)
{
	if (!m)
		return;
	mem_free(m->terms);
	mem_free(m->of_term);
	mem_free(m->of_lines);
	mem_free(m->line_start);
	mem_free(m->of_line);
	mem_free(m);
}

static bool is_same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

/** No less than there are expressions in all lines: each has its "=". */
static uint32_t n_exprs_max(const struct osdb *db)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < db->n_lines; i++)
		for (size_t k = 0; k < db->lines[i].text.len; k++)
			n += db->lines[i].text.p[k] == '=';
	return n;
}

/** The term's number, a new one when it is new or when its hash is another's. */
static int term_of(struct os_matcher *m, struct map64 *by_hash, const struct term *t)
{
	static const struct siphash_key any; /* no attacker gains by collisions: they cost memory */
	uint64_t h = siphash24(&any, t->expr.p, t->expr.len) * (OS_TEST_N * OS_ATTRS_MAX) +
		     t->test * (uint32_t)OS_ATTRS_MAX + t->attr;
	uint32_t at = map64_get(by_hash, h);

	if (at != MAP64_NONE && m->terms[at].test == t->test && m->terms[at].attr == t->attr &&
	    is_same(m->terms[at].expr, t->expr))
		return (int)at;
	m->terms[m->n_terms] = *t;
	int err = at == MAP64_NONE ? map64_put(by_hash, h, m->n_terms) : 0;
	return err < 0 ? err : (int)m->n_terms++;
}

static int collect_terms(struct os_matcher *m, struct map64 *by_hash)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->db->n_lines; i++) {
		struct term t = {.test = m->db->lines[i].test};
		struct bytes left = m->db->lines[i].text;
		int attr;

		m->line_start[i] = n;
		while ((attr = os_line_next(t.test, &left, &t.expr)) >= 0) {
			t.attr = (uint8_t)attr;
			int at = term_of(m, by_hash, &t);
			if (at < 0)
				return at;
			m->of_lines[n++] = (uint32_t)at;
		}
	}
	m->line_start[m->db->n_lines] = n;
	return 0;
}

struct os_matcher *os_matcher_new(const struct osdb *db)
{
	struct os_matcher *m = mem_alloc(1, sizeof(*m));
	uint32_t n = MAX(n_exprs_max(db), 1u);
	struct map64 by_hash;

	if (!m)
		return NULL;
	m->db = db;
	m->terms = mem_alloc(n, sizeof(*m->terms));
	m->of_lines = mem_alloc(n, sizeof(*m->of_lines));
	m->line_start = mem_alloc(db->n_lines + 1u, sizeof(*m->line_start));
	m->of_line = mem_alloc(MAX(db->n_lines, 1u), sizeof(*m->of_line));
	map64_init(&by_hash, n);
	int err = m->terms && m->of_lines && m->line_start && m->of_line
			  ? collect_terms(m, &by_hash)
			  : -ENOMEM;
	map64_fini(&by_hash);
	m->of_term = err ? NULL : mem_alloc(MAX(m->n_terms, 1u), sizeof(*m->of_term));
	if (m->of_term)
		return m;
	os_matcher_free(m);
	return NULL;
}

/** What an expression is worth against the print. */
static struct score term_score(const struct osdb *db, const struct term *t,
			       const struct os_print *p)
{
	uint16_t points = p->has[t->test] >> t->attr & 1 ? db->points[t->test][t->attr] : 0;
	const char *v = p->value[t->test][t->attr];
	bool is_hit =
		points && os_expr_match(t->expr, (struct bytes){(const uint8_t *)v, strlen(v)});

	return (struct score){.reached = is_hit ? points : 0, .asked = points};
}

static void add(struct score *sum, struct score s)
{
	sum->reached = (uint16_t)(sum->reached + s.reached);
	sum->asked = (uint16_t)(sum->asked + s.asked);
}

static struct score line_score(const struct osdb *db, const struct os_line *l,
			       const struct os_print *p)
{
	struct term t = {.test = l->test};
	struct bytes left = l->text;
	struct score sum = {0};
	int attr;

	while ((attr = os_line_next(t.test, &left, &t.expr)) >= 0) {
		t.attr = (uint8_t)attr;
		add(&sum, term_score(db, &t, p));
	}
	return sum;
}

/** All lines at once. */
static void score_lines(struct os_matcher *m, const struct os_print *p)
{
	for (uint32_t i = 0; i < m->n_terms; i++)
		m->of_term[i] = term_score(m->db, &m->terms[i], p);
	for (uint32_t i = 0; i < m->db->n_lines; i++) {
		m->of_line[i] = (struct score){0};
		for (uint32_t k = m->line_start[i]; k < m->line_start[i + 1]; k++)
			add(&m->of_line[i], m->of_term[m->of_lines[k]]);
	}
}

static double share(uint32_t reached, uint32_t asked)
{
	return asked ? (double)reached / asked : 0;
}

double os_accuracy(const struct osdb *db, const struct os_entry *e, const struct os_print *p)
{
	uint32_t reached = 0, asked = 0;

	for (int i = 0; i < OS_TEST_N; i++) {
		if (e->test_line[i] == OSDB_NO_LINE)
			continue;
		struct score s = line_score(db, &db->lines[e->test_line[i]], p);
		reached += s.reached;
		asked += s.asked;
	}
	return share(reached, asked);
}

static double entry_accuracy(const struct os_matcher *m, const struct os_entry *e)
{
	uint32_t reached = 0, asked = 0;

	for (int i = 0; i < OS_TEST_N; i++) {
		if (e->test_line[i] == OSDB_NO_LINE)
			continue;
		reached += m->of_line[e->test_line[i]].reached;
		asked += m->of_line[e->test_line[i]].asked;
	}
	return share(reached, asked);
}

/** Take a worse match of the same name out. @return false when a better or equal one stays. */
static bool drop_namesake(struct os_result *r, const struct os_entry *e, double accuracy)
{
	for (uint32_t i = 0; i < r->n_matches; i++) {
		if (!is_same(r->matches[i].entry->name, e->name))
			continue;
		if (r->matches[i].accuracy >= accuracy)
			return false;
		r->n_matches--;
		memmove(&r->matches[i], &r->matches[i + 1],
			(r->n_matches - i) * sizeof(r->matches[0]));
		return true;
	}
	return true;
}

/** @return false when there are too many perfect matches. */
static bool add_match(struct os_result *r, const struct os_entry *e, double accuracy)
{
	uint32_t at = 0;

	if (!drop_namesake(r, e, accuracy))
		return true;
	if (accuracy >= 1) {
		if (r->n_perfect == OS_MATCHES_MAX)
			return false;
		r->n_perfect++;
	}
	while (at < r->n_matches && r->matches[at].accuracy >= accuracy)
		at++;
	if (at == OS_MATCHES_MAX)
		return true;
	uint32_t n_after = MIN(r->n_matches, OS_MATCHES_MAX - 1u) - at;
	memmove(&r->matches[at + 1], &r->matches[at], n_after * sizeof(r->matches[0]));
	r->matches[at] = (struct os_match){e, accuracy};
	r->n_matches = at + 1 + n_after;
	return true;
}

static bool has_class(const struct os_result *r, const struct os_class *c)
{
	for (uint32_t i = 0; i < r->n_classes; i++) {
		const struct os_class *k = r->classes[i].class;
		if (is_same(k->vendor, c->vendor) && is_same(k->family, c->family) &&
		    is_same(k->gen, c->gen) && is_same(k->type, c->type))
			return true;
	}
	return false;
}

static void collect_classes(const struct osdb *db, struct os_result *r)
{
	uint32_t n = r->n_perfect ? r->n_perfect : r->n_matches;

	for (uint32_t i = 0; i < n; i++) {
		const struct os_entry *e = r->matches[i].entry;
		for (uint32_t k = 0; k < e->n_classes; k++) {
			const struct os_class *c = &db->classes[e->first_class + k];
			if (has_class(r, c))
				continue;
			if (r->n_classes == OS_MATCHES_MAX)
				return;
			r->classes[r->n_classes++] =
				(struct os_class_match){c, r->matches[i].accuracy};
		}
	}
}

void os_match(struct os_matcher *m, const struct os_print *p, struct os_result *ret)
{
	const struct osdb *db = m->db;

	memset(ret, 0, sizeof(*ret));
	score_lines(m, p);
	for (uint32_t i = 0; i < db->n_entries; i++) {
		double accuracy = entry_accuracy(m, &db->entries[i]);
		if (accuracy < OS_ACCURACY_MIN)
			continue;
		if (!add_match(ret, &db->entries[i], accuracy)) {
			ret->is_too_many = true;
			return;
		}
	}
	collect_classes(db, ret);
}
