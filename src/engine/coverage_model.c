/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The posterior over hypotheses on the whole scan (how much one attempt loses, how that differs
 * between hosts, how many hosts filter nothing), summed over a grid, and draws of the number missed
 * from it. Heterogeneity of capture: Otis et al. 1978; beta-mixed chances: Skellam 1948.
 */
#include "engine/coverage_model.h"

#include <math.h>

/** How losses may differ between hosts: not at all with prior chance one half, else evenly. */
static const struct hyper spreads[] = {
	{.spread = SPREAD_NONE},
	{.spread = SPREAD_TWO, .shape = 0.2},
	{.spread = SPREAD_TWO, .shape = 0.5},
	{.spread = SPREAD_TWO, .shape = 0.8},
	{.spread = SPREAD_TWO, .shape = 0.5, .ratio = 0.25},
	{.spread = SPREAD_BETA, .shape = 64},
	{.spread = SPREAD_BETA, .shape = 16},
	{.spread = SPREAD_BETA, .shape = 4},
	{.spread = SPREAD_BETA, .shape = 1},
};
#define HYPERS_MAX      (2 * ARRAY_LEN(spreads) * COVERAGE_GRID)
#define PRIOR_NO_SPREAD 0.5

struct weighed {
	struct hyper h;
	double p; /* log, then cumulated */
};

struct model {
	struct layer layers[2][COVERAGE_STRATA_MAX]; /* [1]: the first attempt has its own loss */
	uint32_t n;
	struct weighed hypers[HYPERS_MAX];
	uint32_t n_hypers;
	double first_like; /* of the first attempts, when they have a loss of their own */
};

static double model_like(const struct model *m, const struct hyper *h)
{
	double like = h->has_first ? m->first_like : 0;

	for (uint32_t i = 0; i < m->n; i++)
		like += layer_like(&m->layers[h->has_first][i], h);
	return like;
}

struct search {
	const struct model *m;
	struct hyper h;
};

static double search_like(const void *ctx, double q)
{
	const struct search *s = ctx;
	struct hyper h = s->h;

	h.mu = q;
	return model_like(s->m, &h);
}

/** Weigh one spread over the losses that matter to it. */
static void add_hypers(struct model *m, const struct hyper *spread, double prior)
{
	struct search s = {.m = m, .h = *spread};
	double lo = 0, hi = M_PI_2;

	angle_range(search_like, &s, &lo, &hi);
	for (uint32_t i = 0; i < COVERAGE_GRID; i++) {
		struct weighed *w = &m->hypers[m->n_hypers++];
		w->h = s.h;
		w->h.mu = loss_at(lo + (i + 0.5) * (hi - lo) / COVERAGE_GRID);
		w->p = model_like(m, &w->h) + log((hi - lo) / COVERAGE_GRID * prior);
	}
}

/** How the silent were asked, all together. */
static void silent_weights(const struct coverage *c, double ret[COVERAGE_ATTEMPTS_MAX])
{
	double n = 0;

	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		ret[a] = 0;
		for (uint32_t i = 0; i < c->n_strata; i++)
			ret[a] += (double)c->strata[i].n_silent[a];
		n += ret[a];
	}
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX && n > 0; a++)
		ret[a] /= n;
}

/** Hosts can differ only where there are several. */
static void model_init(struct model *m, const struct coverage *c)
{
	double weight[COVERAGE_ATTEMPTS_MAX];
	uint64_t n_hosts = 0;

	m->n = m->n_hypers = 0;
	silent_weights(c, weight);
	for (uint32_t i = 0; i < c->n_strata; i++)
		if (c->strata[i].n_hosts || c->strata[i].n_again) {
			layer_init(&m->layers[0][m->n], &c->strata[i], weight, false);
			layer_init(&m->layers[1][m->n++], &c->strata[i], weight, true);
			n_hosts += c->strata[i].n_hosts;
		}
	uint32_t n = n_hosts > 1 ? ARRAY_LEN(spreads) : 1;
	m->first_like = first_fit(m->layers[1], m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		layer_grid(&m->layers[0][i]);
		layer_grid(&m->layers[1][i]);
	}
	/* of one attempt each nothing can be learned but from the first */
	uint32_t n_firsts = weight[0] < 0.5 ? 2 : 1;
	for (uint32_t i = 0; i < n * n_firsts; i++) {
		struct hyper h = spreads[i % n];
		double prior = (1 - PRIOR_NO_SPREAD) / (ARRAY_LEN(spreads) - 1);
		h.has_first = i >= n;
		add_hypers(m, &h, h.spread == SPREAD_NONE ? PRIOR_NO_SPREAD : prior);
	}
}

static void normalize(struct model *m)
{
	double top = LOG_NONE, sum = 0, run = 0;

	for (uint32_t i = 0; i < m->n_hypers; i++)
		top = MAX(top, m->hypers[i].p);
	for (uint32_t i = 0; i < m->n_hypers; i++)
		sum += m->hypers[i].p = exp(m->hypers[i].p - top);
	for (uint32_t i = 0; i < m->n_hypers; i++)
		m->hypers[i].p = run += m->hypers[i].p / sum;
}

/** Pick how many hosts filter nothing, by the silence. */
static uint32_t pick_whole(const struct verdict *v, uint32_t n, double u)
{
	double like[COVERAGE_WHOLES] = {0}, top = LOG_NONE, sum = 0, run = 0;
	uint32_t w = 0;

	for (w = 0; w < COVERAGE_WHOLES; w++) {
		for (uint32_t i = 0; i < n; i++)
			like[w] += v[i].log_silence[w];
		top = MAX(top, like[w]);
	}
	for (w = 0; w < COVERAGE_WHOLES; w++)
		sum += like[w] = exp(like[w] - top);
	for (w = 0; w + 1 < COVERAGE_WHOLES && (run += like[w]) < u * sum; w++)
		;
	return w;
}

/** Add draw @p d of one stratum. */
static void draw_layer(const struct layer *l, const struct verdict *v, uint32_t whole,
		       struct rng *r, uint32_t d, struct coverage_draws *ret)
{
	double silent = l->silent * l->n_hosts;
	double a = draw_count(r, v->mean[whole], v->variance[whole], silent);
	bool is_same = fabs(v->plain - v->mean[whole]) < 0.1 * v->plain &&
		       fabs(v->plain - v->variance[whole]) < 0.5 * v->plain;
	double b = is_same ? a : draw_count(r, v->plain, v->plain, silent);

	ret->most[d] += MAX(a, b);
	ret->least[d] += MIN(a, b);
	ret->expected[d] += v->mean[whole];
}

void coverage_draw(const struct coverage *c, struct rng *r, struct coverage_draws *ret)
{
	struct verdict v[COVERAGE_STRATA_MAX];
	struct model m;
	uint32_t at = 0, was = UINT32_MAX;

	model_init(&m, c);
	normalize(&m);
	for (uint32_t d = 0; d < COVERAGE_DRAWS; d++) {
		/* even steps along the cumulated weights: each hypothesis is judged once */
		while (at + 1 < m.n_hypers && m.hypers[at].p < (d + draw_unit(r)) / COVERAGE_DRAWS)
			at++;
		for (uint32_t i = 0; i < m.n && at != was; i++)
			layer_judge(&m.layers[m.hypers[at].h.has_first][i], &m.hypers[at].h, &v[i]);
		was = at;
		uint32_t whole = pick_whole(v, m.n, draw_unit(r));
		ret->most[d] = ret->least[d] = ret->expected[d] = 0;
		for (uint32_t i = 0; i < m.n; i++)
			draw_layer(&m.layers[0][i], &v[i], whole, r, d, ret);
	}
}
