/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the answers of one stratum say: how likely they are at a loss, and how many endpoints it has
 * hidden. An endpoint asked k times is missed with chance q^k. Removal with a constant chance of
 * capture (Zippin 1958; Carle and Strub 1978 for the prior of the number), with one addition: on a
 * host that filters nothing every silent port was missed. docs/internals/coverage.md has the
 * formulas.
 */
#include "engine/coverage_model.h"

#include <math.h>

enum { TERMS_MAX = 20000, NARROW_ROUNDS = 8 };
#define EULER 0.5772

/* --- one host ------------------------------------------------------------------ */

/** Chance that all attempts but a first one with its own loss are lost. */
static double miss_rest(const struct layer *l, double q)
{
	double m = l->once, power = 1;

	for (uint32_t k = 0; k < COVERAGE_ATTEMPTS_MAX; k++) {
		power *= q;
		m += l->weight[k] * power;
	}
	return MIN(m, 1 - 1e-9);
}

/** Chance that an endpoint is missed, when the attempts after the first miss it with @p rest: the
 * first one's loss follows from the share that it found. */
static double miss_all(const struct layer *l, double rest)
{
	return l->has_first ? rest * (1 - l->at_first) / (1 - l->at_first * rest) : rest;
}

/**
 * Sum C(F + u, u) m^u / (N T) over u < S: u missed endpoints, N = F + u that answer and T = S - u
 * that do not, a prior even in log N and in log T. Far from the ends the mean is F m / (1 - m).
 * @return the log of the sum, times F.
 */
static double sum_missed(double f, double s, double m, struct point *ret)
{
	double term = 1, sum = 0, sum1 = 0, sum2 = 0, scale = 0;

	for (uint32_t u = 0; u < MAX(s, 1.0) && u < TERMS_MAX; u++) {
		double ratio = (f + u) / (u + 1) * m, w = term / MAX(s - u, 1.0);
		sum += w;
		sum1 += u * w;
		sum2 += (double)u * u * w;
		if (ratio < 1 && term < 1e-14 * sum)
			break;
		term *= ratio;
		if (sum2 > 1e250) {
			term *= 1e-200, sum *= 1e-200, sum1 *= 1e-200, sum2 *= 1e-200;
			scale += 200 * M_LN10;
		}
	}
	ret->mean = sum1 / sum;
	ret->square = sum2 / sum;
	return log(sum) + scale;
}

/** A host's answers at loss @p q. */
static struct point point_at(const struct layer *l, double q)
{
	double f = l->found, s = l->silent, all = f + s, rest = miss_rest(l, q);
	double m = miss_all(l, rest), heard = f * log1p(-m);
	struct point p = {.log_some = LOG_NONE};

	p.log_like = (l->hits + l->again_hits) * log1p(-q) - l->hits * log1p(-rest);
	if (l->lost + l->again_lost > 0)
		p.log_like += (l->lost + l->again_lost) * log(q);
	p.log_whole = heard;
	if (s <= 0)
		return p;
	p.plain = MIN(f * m / (1 - m), s);
	p.log_whole += lgamma(all + 1) - lgamma(f + 1) - lgamma(s + 1) + s * log(m);
	p.log_some = heard + sum_missed(f, s, m, &p) + log(all / f) - log(2 * (log(all) + EULER));
	return p;
}

/* --- angles ----------------------------------------------------------------------- */

double loss_at(double angle)
{
	double s = sin(angle);

	return CLAMP(s * s, 1e-12, 1 - 1e-12);
}

void angle_range(double (*like)(const void *ctx, double q), const void *ctx, double *lo, double *hi)
{
	double at[COVERAGE_GRID];

	for (int round = 0; round < NARROW_ROUNDS; round++) {
		double best = LOG_NONE, step = (*hi - *lo) / COVERAGE_GRID, from = *lo;
		uint32_t first = COVERAGE_GRID, last = 0;
		for (uint32_t i = 0; i < COVERAGE_GRID; i++) {
			at[i] = like(ctx, loss_at(from + (i + 0.5) * step));
			best = MAX(best, at[i]);
		}
		for (uint32_t i = 0; i < COVERAGE_GRID; i++)
			if (at[i] > best - LOG_RANGE) {
				first = MIN(first, i);
				last = i;
			}
		*lo = first ? from + (first - 0.5) * step : from;
		*hi = MIN(from + (last + 1.5) * step, *hi);
		if (last - first > COVERAGE_GRID / 3)
			break;
	}
}

static double layer_like_at(const void *ctx, double q)
{
	const struct layer *l = ctx;

	return point_at(l, q).log_like;
}

void layer_grid(struct layer *l)
{
	double lo = 0, hi = M_PI_2;

	if (l->is_pooled)
		return;
	angle_range(layer_like_at, l, &lo, &hi);
	for (uint32_t i = 0; i < COVERAGE_GRID; i++) {
		double angle = lo + (i + 0.5) * (hi - lo) / COVERAGE_GRID, q = loss_at(angle);
		l->log_q[i] = log(q);
		l->log_p[i] = log1p(-q);
		l->log_width[i] = log((hi - lo) / COVERAGE_GRID * sin(2 * angle));
		l->grid[i] = point_at(l, q);
	}
}

/** The first attempt's answers say nothing of the later ones. Its own share is set by first_fit. */
static void leave_out_first(struct layer *l)
{
	l->has_first = true;
	l->once = l->weight[0];
	l->first = l->answered[0];
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		bool is_last = a + 1 == COVERAGE_ATTEMPTS_MAX;
		l->answered[a] = is_last ? 0 : l->answered[a + 1];
		l->weight[a] = is_last ? 0 : l->weight[a + 1];
	}
}

void layer_init(struct layer *l, const struct coverage_stratum *s,
		const double weight[COVERAGE_ATTEMPTS_MAX], bool has_first)
{
	double n = s->is_pooled ? 1 : (double)s->n_hosts, silent = (double)stratum_n_silent(s);

	*l = (struct layer){.n_hosts = n,
			    .is_pooled = s->is_pooled,
			    .found = (double)stratum_n_found(s) / n,
			    .silent = silent / n,
			    .again_hits = (double)s->n_again_answered / n,
			    .again_lost = (double)(s->n_again - s->n_again_answered) / n};
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		l->answered[a] = (double)s->n_answered[a] / n;
		l->weight[a] = silent > 0 ? (double)s->n_silent[a] / silent : weight[a];
	}
	if (has_first)
		leave_out_first(l);
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		l->hits += l->answered[a];
		l->lost += a * l->answered[a];
	}
}

/* --- pooled hosts ------------------------------------------------------------------- */

static double log_chance(double q, double hits, double misses)
{
	return hits * log1p(-q) + misses * log(MAX(q, 1e-12));
}

/** Log of the mean of p^hits q^misses over the spread of q. */
static double log_mean(const struct hyper *h, double hits, double misses)
{
	double one = log_chance(h->mu, hits, misses);

	if (h->spread == SPREAD_NONE)
		return one;
	if (h->spread == SPREAD_TWO)
		return log((1 - h->shape) * exp(one) +
			   h->shape * exp(log_chance(h->mu * h->ratio, hits, misses)));
	double a = h->mu * h->shape, b = (1 - h->mu) * h->shape;
	return lgamma(a + misses) + lgamma(b + hits) - lgamma(h->shape + hits + misses) -
	       lgamma(a) - lgamma(b) + lgamma(h->shape);
}

static double pooled_rest(const struct layer *l, const struct hyper *h)
{
	double m = l->once;

	for (uint32_t k = 0; k < COVERAGE_ATTEMPTS_MAX; k++)
		if (l->weight[k] > 0)
			m += l->weight[k] * exp(log_mean(h, 0, k + 1));
	return MIN(m, 1 - 1e-9);
}

/** Hosts with few answers: each endpoint has a host of its own. */
static double pooled_like(const struct layer *l, const struct hyper *h)
{
	double like = -l->hits * log1p(-pooled_rest(l, h));

	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++)
		if (l->answered[a] > 0)
			like += l->answered[a] * log_mean(h, 1, a);
	if (l->again_hits + l->again_lost > 0)
		like += l->again_hits * log_mean(h, 1, 0) + l->again_lost * log_mean(h, 0, 1);
	return like;
}

static void judge_pooled(const struct layer *l, const struct hyper *h, struct verdict *ret)
{
	double m = miss_all(l, pooled_rest(l, h));

	for (uint32_t i = 0; i < COVERAGE_WHOLES; i++) {
		ret->log_silence[i] = 0;
		ret->mean[i] = MIN(l->found * m / (1 - m), l->silent);
		ret->variance[i] = ret->mean[i] / (1 - m);
	}
	ret->plain = ret->mean[0];
}

/* --- hosts with a loss of their own --------------------------------------------------- */

/** Points of a hypothesis and their shares among a stratum's hosts, by the answered attempts alone.
 */
struct mixture {
	uint32_t n;
	const struct point *p[COVERAGE_GRID];
	double share[COVERAGE_GRID]; /* log until mixture_sum */
};

static void mix(struct mixture *x, const struct point *p, double log_prior)
{
	x->p[x->n] = p;
	x->share[x->n++] = log_prior + p->log_like;
}

/** @return log of the sum of all shares, which then add up to 1. */
static double mixture_sum(struct mixture *x)
{
	double top = LOG_NONE, sum = 0;

	for (uint32_t i = 0; i < x->n; i++)
		top = MAX(top, x->share[i]);
	for (uint32_t i = 0; i < x->n; i++)
		sum += x->share[i] = exp(x->share[i] - top);
	for (uint32_t i = 0; i < x->n; i++)
		x->share[i] /= sum;
	return top + log(sum);
}

/** @param two points outside the grid, filled. @return as mixture_sum. */
static double mixture_of(const struct layer *l, const struct hyper *h, struct point two[2],
			 struct mixture *x)
{
	x->n = 0;
	if (h->spread == SPREAD_BETA) {
		double a = h->mu * h->shape, b = (1 - h->mu) * h->shape;
		double norm = lgamma(h->shape) - lgamma(a) - lgamma(b);
		for (uint32_t i = 0; i < COVERAGE_GRID; i++)
			mix(x, &l->grid[i],
			    (a - 1) * l->log_q[i] + (b - 1) * l->log_p[i] + norm + l->log_width[i]);
		return mixture_sum(x);
	}
	two[0] = point_at(l, h->mu);
	mix(x, &two[0], h->spread == SPREAD_TWO ? log1p(-h->shape) : 0);
	if (h->spread == SPREAD_TWO) {
		two[1] = point_at(l, MAX(h->mu * h->ratio, 1e-12));
		mix(x, &two[1], log(h->shape));
	}
	return mixture_sum(x);
}

double layer_like(const struct layer *l, const struct hyper *h)
{
	struct mixture x;
	struct point two[2];

	return l->is_pooled ? pooled_like(l, h) : l->n_hosts * mixture_of(l, h, two, &x);
}

double whole_share(uint32_t i)
{
	static const double shares[COVERAGE_WHOLES] = {0.003, 0.03, 0.3, 0.7, 0.97, 0.997};

	return shares[i];
}

/** One host, when a share @p whole of the hosts filters nothing. */
static void judge_host(const struct layer *l, const struct mixture *x, double whole, double ret[3])
{
	double like = 0, mean = 0, square = 0;

	for (uint32_t i = 0; i < x->n; i++) {
		const struct point *p = x->p[i];
		double some = (1 - whole) * exp(p->log_some), all = whole * exp(p->log_whole);
		double sum = some + all, w = sum > 0 ? all / sum : 0, s = l->silent;
		like += x->share[i] * sum;
		mean += x->share[i] * ((1 - w) * p->mean + w * s);
		square += x->share[i] * ((1 - w) * p->square + w * s * s);
	}
	ret[0] = log(MAX(like, 1e-300));
	ret[1] = mean;
	ret[2] = MAX(square - mean * mean, 0.0);
}

void layer_judge(const struct layer *l, const struct hyper *h, struct verdict *ret)
{
	struct mixture x;
	struct point two[2];
	double host[3];

	if (l->is_pooled) {
		judge_pooled(l, h, ret);
		return;
	}
	(void)mixture_of(l, h, two, &x);
	ret->plain = 0;
	for (uint32_t i = 0; i < x.n; i++)
		ret->plain += l->n_hosts * x.share[i] * x.p[i]->plain;
	for (uint32_t i = 0; i < COVERAGE_WHOLES; i++) {
		judge_host(l, &x, whole_share(i), host);
		ret->log_silence[i] = l->n_hosts * host[0];
		ret->mean[i] = l->n_hosts * host[1];
		ret->variance[i] = l->n_hosts * host[2];
	}
}
