/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scoring of a print against every entry of the fingerprint file. Points of a test line depend on
 * nothing but the line and the print, and most lines stand in many entries: so each distinct line
 * is judged once, and an entry's score is a sum over its thirteen.
 * Source: nmap's book, "OS Matching Algorithms": an attribute counts when both sides have it, and
 * is worth its MatchPoints.
 */
#include "detect/osmatch.h"

#include "base/mem.h"

/** Points of one line against the print under test. */
struct score {
	uint16_t reached, asked;
};

struct os_matcher {
	const struct osdb *db;
	struct score *scores; /* by line */
};

struct os_matcher *os_matcher_new(const struct osdb *db)
{
	struct os_matcher *m = mem_alloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->db = db;
	m->scores = mem_alloc(MAX(db->n_lines, 1u), sizeof(*m->scores));
	if (!m->scores) {
		os_matcher_free(m);
		return NULL;
	}
	return m;
}

void os_matcher_free(struct os_matcher *m)
{
	if (!m)
		return;
	mem_free(m->scores);
	mem_free(m);
}

static struct score line_score(const struct osdb *db, const struct os_line *l,
			       const struct os_print *p)
{
	struct score s = {0};
	struct bytes left = l->text, expr;
	enum os_test test = l->test;
	int attr;

	if (!p->has[test])
		return s;
	while ((attr = os_line_next(test, &left, &expr)) >= 0) {
		uint16_t points = db->points[test][attr];
		if (!points || !(p->has[test] >> attr & 1))
			continue;
		const char *v = p->value[test][attr];
		s.asked = (uint16_t)(s.asked + points);
		if (os_expr_match(expr, (struct bytes){(const uint8_t *)v, strlen(v)}))
			s.reached = (uint16_t)(s.reached + points);
	}
	return s;
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
		reached += m->scores[e->test_line[i]].reached;
		asked += m->scores[e->test_line[i]].asked;
	}
	return share(reached, asked);
}

static bool is_same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
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
	for (uint32_t i = 0; i < db->n_lines; i++)
		m->scores[i] = line_score(db, &db->lines[i], p);
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
