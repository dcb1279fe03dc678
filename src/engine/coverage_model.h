/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The posterior of what was missed in one set of strata. Shared by coverage.c (counts, the final
 * fraction), coverage_layer.c (one stratum) and coverage_model.c (all of them); nobody else
 * includes it.
 */
#pragma once

#include "engine/coverage.h"

#define COVERAGE_DRAWS 1000u
#define COVERAGE_GRID  32u
#define LOG_RANGE      14.0 /* what is e^14 times less likely than the best is left out */
#define LOG_NONE       (-1e300)

/** One draw each: endpoints missed, the larger and the smaller of two ways to look at it, and their
 * expected number given the draw's loss. */
struct coverage_draws {
	double most[COVERAGE_DRAWS],
		least[COVERAGE_DRAWS]; /* missed: by the model, by plain removal */
	double expected[COVERAGE_DRAWS];
};

/** How loss differs between hosts. */
enum spread {
	SPREAD_NONE, /* all lose alike */
	SPREAD_TWO,  /* a share of the hosts loses less or nothing, the others alike */
	SPREAD_BETA  /* beta distribution */
};

/** One hypothesis on the whole scan. */
struct hyper {
	double mu;    /* loss of one attempt: mean, or of the hosts that lose */
	double shape; /* SPREAD_TWO: share of the better hosts; SPREAD_BETA: weight */
	double ratio; /* SPREAD_TWO: loss of the better hosts over that of the others */
	uint8_t spread;
	bool has_first; /* the first attempt has a loss of its own, on each host another */
};

/**
 * One host at one loss. log_like: of the attempts that were answered, whatever stayed silent.
 * log_some, log_whole: of the number that stayed silent, when some of these never answer and when
 * all of them were missed. mean, square: of the number missed in the first case. plain: F m / (1 -
 * m), at most the silent ones.
 */
struct point {
	double log_like, log_some, log_whole, mean, square, plain;
};

#define COVERAGE_WHOLES 6u

/** A stratum as means over its hosts. The grid is for spreads. */
struct layer {
	double n_hosts, found, silent, hits, lost; /* hits and lost: attempts that brought no answer
						      before one did, and of those asked again */
	double again_hits, again_lost;
	/* by attempt, and how often the silent were asked; of the later attempts only when the
	 * first has a loss of its own */
	double answered[COVERAGE_ATTEMPTS_MAX], weight[COVERAGE_ATTEMPTS_MAX];
	double once; /* share of the silent that were asked no more often than is left out */
	double first, at_first; /* found by the first attempt; that as a share of the found */
	bool has_first;         /* the first attempt has a loss of its own */
	bool is_pooled;
	double log_q[COVERAGE_GRID], log_p[COVERAGE_GRID], log_width[COVERAGE_GRID];
	struct point grid[COVERAGE_GRID];
};

/**
 * What a layer says of a hypothesis: log-likelihood of the answered attempts; then for each share
 * of hosts that filter nothing (whole_share) the log-likelihood of the silence, and mean and
 * variance of the number missed, over all its hosts.
 */
struct verdict {
	double log_silence[COVERAGE_WHOLES], mean[COVERAGE_WHOLES], variance[COVERAGE_WHOLES],
		plain;
};

/** @param weight how the silent of all strata were asked: [k - 1] is the share asked k times. */
void layer_init(struct layer *l, const struct coverage_stratum *s,
		const double weight[COVERAGE_ATTEMPTS_MAX], bool has_first);
/** Share of hosts that filter nothing, by index below COVERAGE_WHOLES. */
double whole_share(uint32_t i);
/** After layer_init, and first_fit. */
void layer_grid(struct layer *l);
/**
 * Fit the first attempt's share of the found on each of @p n layers: hosts differ in it, but no
 * more than they seem to (a beta distribution), for the strata are drawn up by what was lost.
 * @return its log-likelihood, less what the two fitted numbers cost.
 */
double first_fit(struct layer *l, uint32_t n);
double layer_like(const struct layer *l, const struct hyper *h);
void layer_judge(const struct layer *l, const struct hyper *h, struct verdict *ret);
/** Loss at an angle: its sine squared. Steps even in the angle are even in standard errors. */
double loss_at(double angle);
/**
 * Narrow lo..hi (angles) to where @p like is within LOG_RANGE of its best.
 * @param like log-likelihood at a loss.
 */
void angle_range(double (*like)(const void *ctx, double q), const void *ctx, double *lo,
		 double *hi);

/** Fill @p ret. Cost: up to some ms. */
void coverage_draw(const struct coverage *c, struct rng *r, struct coverage_draws *ret);
uint64_t stratum_n_found(const struct coverage_stratum *s);
uint64_t stratum_n_silent(const struct coverage_stratum *s);
