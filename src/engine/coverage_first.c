/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loss of first attempts, when it is one of its own: they leave all at once and may overflow a
 * queue that the later ones pass. How many of its found endpoints a host answered at first is
 * beta-binomial (Skellam 1948); mean and weight are fitted over all strata, and each stratum's
 * share is drawn towards the mean by as much as the fit says. Strata are made by how much was lost:
 * taking their own shares would take chance for a property.
 */
#include "engine/coverage_model.h"

#include <math.h>

enum { ZOOMS = 4 };

static const double weights[] = {1, 4, 16, 64, 256, 1e6};

/** Log of the chance of @p first out of @p found, in order, its chance beta-distributed. */
static double beta_binomial(double mean, double weight, double first, double found)
{
	double a = mean * weight, b = (1 - mean) * weight;

	return lgamma(a + first) - lgamma(a) + lgamma(b + found - first) - lgamma(b) +
	       lgamma(weight) - lgamma(weight + found);
}

static double like_of(const struct layer *l, uint32_t n, double mean, double weight)
{
	double like = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!l[i].is_pooled)
			like += l[i].n_hosts * beta_binomial(mean, weight, l[i].first, l[i].found);
	return like;
}

/** The best mean for one weight, as a loss of the first attempt by angle. @return its likelihood.
 */
static double best_mean(const struct layer *l, uint32_t n, double weight, double *ret_mean)
{
	double lo = 0, hi = M_PI_2, best = LOG_NONE;

	for (int zoom = 0; zoom < ZOOMS; zoom++) {
		double step = (hi - lo) / COVERAGE_GRID, at = lo;
		for (uint32_t i = 0; i < COVERAGE_GRID; i++) {
			double angle = lo + (i + 0.5) * step, mean = 1 - loss_at(angle);
			double like = like_of(l, n, mean, weight);
			if (like > best) {
				best = like;
				*ret_mean = mean;
				at = angle;
			}
		}
		lo = MAX(at - 2 * step, 0.0);
		hi = MIN(at + 2 * step, M_PI_2);
	}
	return best;
}

/** Pooled endpoints are of all hosts: their share is their own. @return log-likelihood. */
static double fit_pooled(struct layer *l)
{
	double lost = l->found - l->first;

	l->at_first = (l->first + 0.5) / (l->found + 1);
	return l->first * log(l->at_first) + lost * log1p(-l->at_first);
}

double first_fit(struct layer *l, uint32_t n)
{
	double best = LOG_NONE, mean = 0.5, weight = 1, at = 0.5, like, n_found = 1, pooled = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(weights); i++) {
		like = best_mean(l, n, weights[i], &at);
		if (like > best) {
			best = like;
			mean = at;
			weight = weights[i];
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		n_found += l[i].n_hosts * l[i].found;
		if (l[i].is_pooled)
			pooled = fit_pooled(&l[i]);
		else
			l[i].at_first = (mean * weight + l[i].first) / (weight + l[i].found);
	}
	return best + pooled - log(n_found);
}
