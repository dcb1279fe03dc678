/* SPDX-License-Identifier: GPL-3.0-or-later */
/* coverage.c: counts into strata, and whether the interval holds what it says it holds. */
#include "engine/coverage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS = 100, KEEPS_MIN = 91 }; /* 95 asked for; 91 is two standard errors below */

/** A population: hosts whose ports answer with a chance, attempts that are lost each way. */
struct population {
	uint32_t n_hosts, n_ports, n_attempts;
	double answering, loss, loss_of_half; /* each way; every second host has loss_of_half */
	double again;                         /* share of answers asked once more */
	double first_loss;   /* of the first attempt, both ways; 0: as the others */
	uint32_t n_filtered; /* ports of every host that never answer, besides */
};

struct outcome {
	uint64_t n_found, n_all;
};

static void host_draw(const struct population *p, double loss, struct rng *r,
		      struct coverage_host *h, struct outcome *o)
{
	double q = 1 - (1 - loss) * (1 - loss);

	memset(h, 0, sizeof(*h));
	h->n_silent[p->n_attempts - 1] = p->n_filtered;
	for (uint32_t i = 0; i < p->n_ports; i++) {
		uint32_t a = 0;
		if (draw_unit(r) >= p->answering) {
			h->n_silent[p->n_attempts - 1]++;
			continue;
		}
		o->n_all++;
		while (a < p->n_attempts &&
		       draw_unit(r) < (!a && p->first_loss > 0 ? p->first_loss : q))
			a++;
		if (a == p->n_attempts) {
			h->n_silent[p->n_attempts - 1]++;
			continue;
		}
		o->n_found++;
		h->n_answered[a]++;
		if (draw_unit(r) < p->again) {
			h->n_again++;
			h->n_again_answered += draw_unit(r) >= q;
		}
	}
}

/** One scan. @return does the interval hold the truth? */
static bool scan_once(const struct population *p, struct rng *r, double *width)
{
	struct coverage_estimate e;
	struct coverage_host h;
	struct coverage c;
	struct outcome o = {0};

	coverage_init(&c);
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		host_draw(p, i & 1 ? p->loss_of_half : p->loss, r, &h, &o);
		coverage_add(&c, &h);
	}
	coverage_estimate(NULL, &c, 0, &e);
	assert_int_equal(e.n_found, o.n_found);
	if (!o.n_found) {
		assert_false(e.is_known);
		return true;
	}
	assert_true(e.is_known && e.low <= e.estimate && e.estimate <= e.high);
	assert_true(e.low > 0 && e.high <= 1);
	double truth = (double)o.n_found / (double)o.n_all;
	*width += (e.high - e.low) / RUNS;
	return truth >= e.low - 1e-12 && truth <= e.high + 1e-12;
}

static void check_rows(const struct population *rows, size_t n, const double *width_max)
{
	for (size_t i = 0; i < n; i++) {
		struct rng r;
		uint32_t n_kept = 0;
		double width = 0;

		rng_init(&r, i);
		for (uint32_t run = 0; run < RUNS; run++)
			n_kept += scan_once(&rows[i], &r, &width);
		print_message("%u x %u, loss %.0f/%.0f %%, %u attempts: %u of %u kept, mean width "
			      "%.2g\n",
			      rows[i].n_hosts, rows[i].n_ports, 100 * rows[i].loss,
			      100 * rows[i].loss_of_half, rows[i].n_attempts, n_kept, RUNS, width);
		assert_in_range(n_kept, KEEPS_MIN, RUNS);
		assert_true(width <= width_max[i]);
	}
}

/** One host: each level of loss with few and with many attempts. */
static void one_host(void **state)
{
	static const struct population rows[] = {
		{1, 1000, 2, 0.2, 0, 0, 0.05},       {1, 1000, 2, 0.2, 0.01, 0.01, 0.05},
		{1, 1000, 4, 0.2, 0.01, 0.01, 0.05}, {1, 1000, 4, 0.2, 0.05, 0.05, 0.05},
		{1, 1000, 6, 0.2, 0.1, 0.1, 0.05},   {1, 1000, 9, 0.2, 0.2, 0.2, 0.05},
		{1, 1000, 1, 0.5, 0.05, 0.05, 0.05}, {1, 1000, 2, 0.02, 0, 0, 0.5},
		{1, 1000, 8, 0.02, 0.2, 0.2, 0.5},   {1, 4, 2, 0.5, 0.1, 0.1, 1},
	};
	static const double width_max[] = {0.002, 0.02, 0.001, 0.02, 0.005,
					   0.01,  0.6,  0.06,  0.1,  0.9};

	check_rows(rows, ARRAY_LEN(rows), width_max);
}

static void many_hosts(void **state)
{
	static const struct population rows[] = {
		{100, 50, 2, 0.5, 0, 0, 0.02},       {100, 50, 4, 0.5, 0.01, 0.01, 0.02},
		{100, 50, 4, 0.5, 0.05, 0.05, 0.02}, {100, 50, 6, 0.5, 0.1, 0.1, 0.02},
		{100, 50, 8, 0.5, 0.2, 0.2, 0.02},   {100, 50, 4, 1, 0.2, 0.2, 0.02},
		{3000, 1, 6, 0.3, 0.1, 0.1, 0.01},   {3000, 1, 8, 0.3, 0.2, 0.2, 0.01},
		{3000, 1, 2, 0.01, 0, 0, 0.2},       {350, 70, 3, 0.6, 0.01, 0.01, 0.01},
	};
	static const double width_max[] = {1e-4, 1e-4,  0.002, 0.001, 0.003,
					   0.02, 0.006, 0.01,  0.2,   0.001};

	check_rows(rows, ARRAY_LEN(rows), width_max);
}

/** Hosts that lose nothing beside hosts that lose: the mean loss alone would be far off. */
static void uneven_loss(void **state)
{
	static const struct population rows[] = {
		{100, 50, 4, 0.5, 0, 0.05, 0.02}, {100, 50, 6, 0.5, 0, 0.1, 0.02},
		{100, 50, 8, 0.5, 0, 0.2, 0.02},  {100, 50, 7, 0.5, 0.05, 0.2, 0.02},
		{100, 100, 4, 1, 0, 0.2, 0.02},   {3000, 1, 8, 0.3, 0, 0.2, 0.01},
	};
	static const double width_max[] = {0.002, 0.001, 0.003, 0.02, 0.02, 0.02};

	check_rows(rows, ARRAY_LEN(rows), width_max);
}

/** The first attempts overflow a queue, the others are hardly lost. */
static void lossy_start(void **state)
{
	static const struct population rows[] = {
		{1, 1000, 5, 0.5, 0, 0, 0.05, 0.4, 0},
		{1, 1000, 4, 0.5, 0.02, 0.02, 0.05, 0.4, 0},
		{100, 100, 6, 0.5, 0, 0, 0.02, 0.3, 0},
		{100, 100, 4, 0.5, 0.05, 0.05, 0.02, 0.5, 0},
		{3000, 1, 4, 0.3, 0.02, 0.02, 0.02, 0.3, 0},
	};
	static const double width_max[] = {0.001, 0.01, 0.001, 0.01, 0.02};

	check_rows(rows, ARRAY_LEN(rows), width_max);
}

/** A few ports that are filtered are not taken for missed ones, nor the other way round. */
static void few_filtered(void **state)
{
	static const struct population rows[] = {
		{1, 1000, 5, 1, 0.1, 0.1, 0.03, 0, 0},  {1, 1000, 5, 1, 0.1, 0.1, 0.03, 0, 1},
		{1, 1000, 5, 1, 0.1, 0.1, 0.03, 0, 4},  {1, 1000, 8, 1, 0.2, 0.2, 0.03, 0, 1},
		{50, 100, 5, 1, 0.1, 0.1, 0.03, 0, 1},  {50, 100, 3, 1, 0.1, 0.1, 0.03, 0, 1},
		{1, 60000, 5, 1, 0.1, 0.1, 0.01, 0, 4},
	};
	static const double width_max[] = {0.003, 0.005, 0.005, 0.005, 0.003, 0.02, 0.001};

	check_rows(rows, ARRAY_LEN(rows), width_max);
}

/** What a filter in the way always drops looks like a port that never answers: not seen. Loss that
 * comes in long bursts is seen too small: the stated weakness. */
static void bursts_are_underestimated(void **state)
{
	struct coverage_host h = {.n_answered = {900},
				  .n_silent = {[2] = 100},
				  .n_again = 32,
				  .n_again_answered = 32};
	struct coverage_estimate e;
	struct coverage c;

	/* a burst took all three attempts of 100 ports, the others lost none */
	coverage_init(&c);
	coverage_add(&c, &h);
	coverage_estimate(NULL, &c, 0, &e);
	assert_true(e.low > 0.99);
}

/* --- edges ------------------------------------------------------------------------ */

static void nothing_silent_is_certain(void **state)
{
	struct coverage_host h = {.n_answered = {1000, 300, 90}};
	struct coverage_estimate e;
	struct coverage c;

	coverage_init(&c);
	coverage_add(&c, &h);
	coverage_estimate(NULL, &c, 0, &e);
	assert_true(e.is_known && e.low == 1 && e.high == 1 && e.estimate == 1);
	assert_true(fabs(e.loss - (300 + 180) / (1390.0 + 480)) < 1e-9);
	assert_true(e.n_attempts == 0);
}

/** What answered too late is known to be missing, whatever the model says. */
static void late_answers_count(void **state)
{
	struct coverage_host h = {.n_answered = {1000}, .n_silent = {[1] = 500}};
	struct coverage_estimate e;
	struct coverage c;

	coverage_init(&c);
	coverage_add(&c, &h);
	coverage_estimate(NULL, &c, 100, &e);
	assert_true(e.low < 1000 / 1100.0 && e.high < 1000 / 1090.0);
	assert_true(fabs(e.estimate - 1000 / 1100.0) < 1e-3);
}

static void nothing_answered_is_unknown(void **state)
{
	struct coverage_host h = {.n_silent = {[1] = 1000}};
	struct coverage_estimate e;
	struct coverage c;

	coverage_init(&c);
	coverage_estimate(NULL, &c, 0, &e);
	assert_false(e.is_known);
	coverage_add(&c, &h);
	coverage_estimate(NULL, &c, 0, &e);
	assert_false(e.is_known);
	assert_true(e.n_attempts == 2);
}

/** Hosts missed in discovery take their ports with them; -sn counts the hosts themselves. */
static void missed_hosts(void **state)
{
	struct coverage_host h = {.n_answered = {100}};
	struct coverage_estimate e, only_hosts;
	struct coverage_stratum hosts = {.is_pooled = true};
	struct coverage ports;

	coverage_init(&ports);
	for (uint32_t i = 0; i < 1000; i++)
		stratum_add_endpoint(&hosts, i < 600 ? 0 : i < 800 ? 1 : 2, i < 866);
	for (uint32_t i = 0; i < 866; i++)
		coverage_add(&ports, &h);
	coverage_estimate(&hosts, &ports, 0, &e);
	coverage_estimate(&hosts, NULL, 0, &only_hosts);
	assert_int_equal(e.n_found, 86600);
	assert_int_equal(only_hosts.n_found, 866);
	assert_true(e.high < 1 && e.low > 0.5);
	assert_true(fabs(e.low - only_hosts.low) < 0.01 && fabs(e.high - only_hosts.high) < 0.01);
}

/** Two halves merged say what the whole says, however the strata lie. */
static void merged(void **state)
{
	struct population p = {200, 60, 3, 0.5, 0, 0.2, 0.05};
	struct coverage whole, half[2];
	struct coverage_estimate a, b;
	struct coverage_host h;
	struct outcome o = {0};
	struct rng r;

	rng_init(&r, 7);
	coverage_init(&whole);
	coverage_init(&half[0]);
	coverage_init(&half[1]);
	for (uint32_t i = 0; i < p.n_hosts; i++) {
		host_draw(&p, i & 1 ? 0.2 : 0, &r, &h, &o);
		coverage_add(&whole, &h);
		coverage_add(&half[i / 100], &h);
	}
	coverage_merge(&half[0], &half[1]);
	coverage_estimate(NULL, &whole, 0, &a);
	coverage_estimate(NULL, &half[0], 0, &b);
	assert_int_equal(a.n_found, b.n_found);
	assert_int_equal(a.n_silent, b.n_silent);
	assert_true(fabs(a.estimate - b.estimate) < 1e-3 && fabs(a.low - b.low) < 3e-3);
}

/** More kinds of hosts than strata: nothing is lost, the rest is pooled. */
static void too_many_strata(void **state)
{
	struct coverage_estimate e;
	uint64_t n = 0;
	struct coverage c;

	coverage_init(&c);
	for (uint32_t size = 4; size < 1u << 20; size *= 4)
		for (uint32_t lost = 0; lost < 16; lost++) {
			struct coverage_host h = {.n_answered = {size - size * lost / 16},
						  .n_silent = {[1] = lost * lost}};
			h.n_answered[3] = size * lost / 16;
			n += size;
			coverage_add(&c, &h);
		}
	assert_int_equal(c.n_strata, COVERAGE_STRATA_MAX);
	coverage_estimate(NULL, &c, 0, &e);
	assert_int_equal(e.n_found, n);
	assert_true(e.low > 0 && e.low <= e.estimate && e.estimate <= e.high);
}

static void draws_have_their_moments(void **state)
{
	static const struct {
		double mean, variance;
	} rows[] = {{0.01, 0.01}, {0.5, 0.5}, {3, 3}, {3, 12}, {200, 200}, {200, 900}, {50, 1}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		double sum = 0, square = 0, n = 20000;
		struct rng r;
		rng_init(&r, i);
		for (uint32_t k = 0; k < n; k++) {
			double x = draw_count(&r, rows[i].mean, rows[i].variance, 1e9);
			assert_true(x >= 0 && x == floor(x));
			sum += x;
			square += x * x;
		}
		double mean = sum / n, error = sqrt(MAX(rows[i].variance, rows[i].mean) / n);
		assert_true(fabs(mean - rows[i].mean) < 5 * error);
		if (rows[i].variance >= rows[i].mean)
			assert_true(fabs((square / n - mean * mean) / rows[i].variance - 1) < 0.3);
	}
	struct rng r;
	rng_init(&r, 1);
	assert_true(draw_count(&r, 0, 0, 10) == 0 && draw_count(&r, 1000, 1000, 10) == 10);
}

/** Ports without a result may all be responsive, or none; the estimate takes them as the others. */
static void unknown_ports(void **state)
{
	struct coverage_estimate e = {
		.is_known = true, .estimate = 1, .low = 1, .high = 1, .n_found = 58};

	coverage_unknown(&e, 0);
	assert_true(e.estimate == 1 && e.low == 1 && e.of_asked == 1);
	coverage_unknown(&e, 942);
	assert_true(fabs(e.estimate - 0.058) < 1e-9 && fabs(e.low - 0.058) < 1e-9);
	assert_true(e.high == 1 && e.of_asked == 1);
	e = (struct coverage_estimate){.is_known = true,
				       .estimate = 0.9,
				       .low = 0.8,
				       .high = 0.95,
				       .n_found = 90,
				       .n_silent = 110};
	coverage_unknown(&e, 100); /* half of the asked are responsive */
	assert_true(fabs(e.estimate - 90.0 / 150) < 1e-9 && fabs(e.of_asked - 0.9) < 1e-9);
	assert_true(fabs(e.low - 90 / 212.5) < 1e-9 && e.high == 0.95);
	e = (struct coverage_estimate){0};
	coverage_unknown(&e, 5);
	assert_true(!e.is_known && e.estimate == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host),
		cmocka_unit_test(many_hosts),
		cmocka_unit_test(uneven_loss),
		cmocka_unit_test(lossy_start),
		cmocka_unit_test(few_filtered),
		cmocka_unit_test(bursts_are_underestimated),
		cmocka_unit_test(nothing_silent_is_certain),
		cmocka_unit_test(late_answers_count),
		cmocka_unit_test(nothing_answered_is_unknown),
		cmocka_unit_test(missed_hosts),
		cmocka_unit_test(merged),
		cmocka_unit_test(too_many_strata),
		cmocka_unit_test(draws_have_their_moments),
		cmocka_unit_test(unknown_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
