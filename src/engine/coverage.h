/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Capture-recapture over rounds of retransmission, with a sample of endpoints asked again. The
 * mathematics and its sources are in docs/internals/coverage.md.
 */
#pragma once

#include "base/hash.h"
#include "event/coverage.h"

/** One host at the end of a stage, or one host as an endpoint of discovery. */
struct coverage_host {
	uint32_t n_answered[COVERAGE_ATTEMPTS_MAX];
	uint32_t n_silent[COVERAGE_ATTEMPTS_MAX];
	uint32_t n_again, n_again_answered;
};

/** Empty: the pooled stratum alone. */
void coverage_init(struct coverage *c);
/** Add a host to the stratum it belongs to. Cost: a search over the strata in use; once a host. */
void coverage_add(struct coverage *c, const struct coverage_host *h);
/** Add a discovered (or silent) host as one endpoint. @param attempt answered; or the last made. */
static inline void stratum_add_endpoint(struct coverage_stratum *s, uint32_t attempt,
					bool is_answered)
{
	s->n_hosts++;
	(is_answered ? s->n_answered : s->n_silent)[attempt % COVERAGE_ATTEMPTS_MAX]++;
}
void stratum_merge(struct coverage_stratum *s, const struct coverage_stratum *from);
/** Add all of @p from: another worker's counts. */
void coverage_merge(struct coverage *c, const struct coverage *from);
/**
 * Estimate the fraction of responsive ports that were found.
 * @param hosts discovery's counts (a missed host takes its ports with it), or NULL.
 * @param ports NULL when hosts are what was looked for (-sn): the fraction is then one of hosts.
 * @param n_known_missed endpoints that answered when it was too late: at least these were missed.
 * Cost: 0.1 ms where nothing stayed silent, else some ms; takes no memory.
 * Not for the hot path. Thread: any.
 */
void coverage_estimate(const struct coverage_stratum *hosts, const struct coverage *ports,
		       uint64_t n_known_missed, struct coverage_estimate *ret);
/**
 * Take into account @p n ports that were not asked to the end (a host timed out, was given up, or
 * the scan broken off): as likely to be responsive as the others, at worst all, at best none.
 * Sets e->of_asked to what the estimate was before. Thread: any.
 */
void coverage_unknown(struct coverage_estimate *e, uint64_t n);

/* coverage_draw.c: samplers. */
/** Gamma with shape @p shape > 0 and scale 1 (Marsaglia and Tsang 2000). */
double draw_gamma(struct rng *r, double shape);
/** A count with this mean and variance, in [0, most]: gamma-mixed Poisson when overdispersed, else
 * a rounded normal. */
double draw_count(struct rng *r, double mean, double variance, double most);
/** Uniform in (0, 1). */
double draw_unit(struct rng *r);
