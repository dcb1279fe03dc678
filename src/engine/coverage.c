/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much was probably missed. Hosts are folded into strata as they complete: which attempt each
 * answer answered, how often the silent were asked, how many answered when asked once more. At the
 * end the posterior of what was missed (coverage_model.c) is drawn and sorted; the interval holds
 * the number missed itself, not only its expectation.
 */
#include "engine/coverage.h"

#include "engine/coverage_model.h"

#include <math.h>
#include <stdlib.h>

enum {
	POOLED_MAX = 4, /* hosts with fewer answers say nothing of their own loss */
	LOSS_CLASSES = 16,
	LOW_AT = COVERAGE_DRAWS * 20 / 1000, /* quantiles of the draws */
	HIGH_AT = COVERAGE_DRAWS * 980 / 1000,
	DRAW_SEED = 1 /* equal counts give equal figures */
};

void coverage_init(struct coverage *c)
{
	c->n_strata = 1;
	c->keys[0] = 0;
	c->strata[0] = (struct coverage_stratum){.is_pooled = true};
}

uint64_t stratum_n_found(const struct coverage_stratum *s)
{
	uint64_t n = 0;

	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++)
		n += s->n_answered[a];
	return n;
}

uint64_t stratum_n_silent(const struct coverage_stratum *s)
{
	uint64_t n = 0;

	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++)
		n += s->n_silent[a];
	return n;
}

/** The model is not the network: both ends are moved out by this share of what was missed. */
#define SLACK 0.05

/** 0 1 2 3 4 5: none, one, up to 3, 15, 63, more. */
static uint32_t silent_class(uint32_t n)
{
	return n < 2 ? n : n < 4 ? 2 : n < 16 ? 3 : n < 64 ? 4 : 5;
}

/** 0: pooled; else by number of answers, loss and number of silent ports. */
static uint16_t key_of(const struct coverage_host *h)
{
	uint32_t found = 0, silent = 0;
	uint64_t lost = h->n_again - h->n_again_answered;

	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		found += h->n_answered[a];
		silent += h->n_silent[a];
		lost += (uint64_t)a * h->n_answered[a];
	}
	if (found < POOLED_MAX)
		return 0;
	double share = (double)lost / (double)(lost + found + h->n_again_answered);
	uint32_t loss = (uint32_t)(asin(sqrt(share)) / M_PI_2 * LOSS_CLASSES);
	uint32_t size = (31 - (uint32_t)__builtin_clz(found)) / 2;
	return (uint16_t)(size << 8 | MIN(loss, LOSS_CLASSES - 1u) << 4 | silent_class(silent));
}

/** The stratum of a key, made on first sight; the pooled one when there are too many. */
static struct coverage_stratum *stratum_of(struct coverage *c, uint16_t key)
{
	for (uint32_t i = 0; i < c->n_strata; i++)
		if (c->keys[i] == key)
			return &c->strata[i];
	if (c->n_strata == COVERAGE_STRATA_MAX)
		return &c->strata[0];
	c->keys[c->n_strata] = key;
	c->strata[c->n_strata] = (struct coverage_stratum){0};
	return &c->strata[c->n_strata++];
}

void coverage_add(struct coverage *c, const struct coverage_host *h)
{
	struct coverage_stratum *s = stratum_of(c, key_of(h));

	s->n_hosts++;
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		s->n_answered[a] += h->n_answered[a];
		s->n_silent[a] += h->n_silent[a];
	}
	s->n_again += h->n_again;
	s->n_again_answered += h->n_again_answered;
}

void stratum_merge(struct coverage_stratum *s, const struct coverage_stratum *from)
{
	s->n_hosts += from->n_hosts;
	for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
		s->n_answered[a] += from->n_answered[a];
		s->n_silent[a] += from->n_silent[a];
	}
	s->n_again += from->n_again;
	s->n_again_answered += from->n_again_answered;
}

void coverage_merge(struct coverage *c, const struct coverage *from)
{
	for (uint32_t i = 0; i < from->n_strata; i++)
		stratum_merge(stratum_of(c, from->keys[i]), &from->strata[i]);
}

/* --- the fraction ----------------------------------------------------------------- */

struct sums {
	uint64_t n_found, n_silent, n_lost, n_again, n_again_lost, n_asked_silent;
};

static struct sums sum_up(const struct coverage *c)
{
	struct sums t = {0};

	for (uint32_t i = 0; i < c->n_strata; i++) {
		const struct coverage_stratum *s = &c->strata[i];
		for (uint32_t a = 0; a < COVERAGE_ATTEMPTS_MAX; a++) {
			t.n_found += s->n_answered[a];
			t.n_lost += a * s->n_answered[a];
			t.n_silent += s->n_silent[a];
			t.n_asked_silent += (a + 1) * s->n_silent[a];
		}
		t.n_again += s->n_again;
		t.n_again_lost += s->n_again - s->n_again_answered;
	}
	return t;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double fraction(double found, double missed)
{
	return found / (found + missed);
}

/** A missed host takes as many ports with it as a found one has on average. */
static void add_hosts(struct coverage_draws *d, const struct coverage_draws *hosts, double per_host)
{
	for (uint32_t i = 0; i < COVERAGE_DRAWS; i++) {
		d->most[i] += hosts->most[i] * per_host;
		d->least[i] += hosts->least[i] * per_host;
		d->expected[i] += hosts->expected[i] * per_host;
	}
}

static void conclude(struct coverage_draws *d, double found, struct coverage_estimate *ret)
{
	qsort(d->most, COVERAGE_DRAWS, sizeof(double), by_value);
	qsort(d->least, COVERAGE_DRAWS, sizeof(double), by_value);
	qsort(d->expected, COVERAGE_DRAWS, sizeof(double), by_value);
	ret->low = fraction(found, MAX(d->most[HIGH_AT], d->expected[HIGH_AT]) * (1 + SLACK));
	ret->high = fraction(found, d->least[LOW_AT] * (1 - SLACK));
	double mid = fraction(found, d->expected[COVERAGE_DRAWS / 2]);
	ret->estimate = CLAMP(mid, ret->low, ret->high);
}

static void describe(const struct sums *t, struct coverage_estimate *ret)
{
	uint64_t n_asked = t->n_found + t->n_lost + t->n_again;

	*ret = (struct coverage_estimate){
		.n_found = t->n_found, .n_silent = t->n_silent, .is_known = t->n_found > 0};
	if (n_asked)
		ret->loss = (double)(t->n_lost + t->n_again_lost) / (double)n_asked;
	if (t->n_silent)
		ret->n_attempts = (double)t->n_asked_silent / (double)t->n_silent;
}

/** What may be missing, drawn many times over. */
static void draw_missed(const struct coverage *asked, const struct coverage *found_hosts,
			uint64_t n_known_missed, struct coverage_estimate *ret)
{
	struct sums t = sum_up(asked), h = sum_up(found_hosts);
	struct coverage_draws d = {0}, d_hosts;
	struct rng r;

	rng_init(&r, DRAW_SEED);
	if (t.n_silent)
		coverage_draw(asked, &r, &d);
	if (asked != found_hosts && h.n_found && h.n_silent) {
		coverage_draw(found_hosts, &r, &d_hosts);
		add_hosts(&d, &d_hosts, (double)t.n_found / (double)h.n_found);
	}
	for (uint32_t i = 0; i < COVERAGE_DRAWS && n_known_missed; i++) {
		d.most[i] = MAX(d.most[i], (double)n_known_missed);
		d.least[i] = MAX(d.least[i], (double)n_known_missed);
		d.expected[i] = MAX(d.expected[i], (double)n_known_missed);
	}
	conclude(&d, (double)t.n_found, ret);
}

void coverage_estimate(const struct coverage_stratum *hosts, const struct coverage *ports,
		       uint64_t n_known_missed, struct coverage_estimate *ret)
{
	struct coverage found_hosts;

	coverage_init(&found_hosts);
	if (hosts)
		stratum_merge(&found_hosts.strata[0], hosts);
	const struct coverage *asked = ports ? ports : &found_hosts;
	struct sums t = sum_up(asked), h = sum_up(&found_hosts);
	describe(&t, ret);
	if (!ret->is_known)
		return;
	if (t.n_silent || (ports && h.n_found && h.n_silent) || n_known_missed)
		draw_missed(asked, &found_hosts, n_known_missed, ret);
	else
		ret->estimate = ret->low = ret->high = 1;
}

void coverage_unknown(struct coverage_estimate *e, uint64_t n)
{
	double found = (double)e->n_found, asked = found + (double)e->n_silent;

	e->of_asked = e->estimate;
	if (!e->is_known || !n)
		return;
	double share = MIN(found / e->estimate / asked, 1.0);
	e->estimate = found / (found / e->estimate + share * (double)n);
	e->low = found / (found / e->low + (double)n);
}
