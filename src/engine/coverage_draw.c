/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random draws for the coverage interval: what may have been missed is drawn from its posterior a
 * thousand times and sorted. Marsaglia and Tsang, A Simple Method for Generating Gamma Variables,
 * ACM TOMS 26(3), 2000; Poisson by inversion, or its normal limit where the mean is large.
 */
#include "engine/coverage.h"

#include <math.h>

enum { INVERSION_MAX = 60 };

double draw_unit(struct rng *r)
{
	return ((double)(rng_u64(r) >> 11) + 0.5) * 0x1p-53;
}

static double draw_normal(struct rng *r)
{
	return sqrt(-2 * log(draw_unit(r))) * cos(2 * M_PI * draw_unit(r));
}

double draw_gamma(struct rng *r, double shape)
{
	if (shape < 1)
		return draw_gamma(r, shape + 1) * pow(draw_unit(r), 1 / shape);
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
	for (;;) {
		double x = draw_normal(r), v = 1 + c * x;
		if (v <= 0)
			continue;
		v = v * v * v;
		if (log(draw_unit(r)) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v;
	}
}

static double draw_poisson(struct rng *r, double mean)
{
	if (mean > INVERSION_MAX)
		return MAX(round(mean + sqrt(mean) * draw_normal(r)), 0.0);
	double left = exp(-mean), u = draw_unit(r), n = 0, p = left;
	while (u > left && n < 10 * INVERSION_MAX) {
		p *= mean / ++n;
		left += p;
	}
	return n;
}

double draw_count(struct rng *r, double mean, double variance, double most)
{
	double n;

	if (mean <= 0)
		return 0;
	if (variance > mean * 1.0001) {
		double scale = (variance - mean) / mean;
		n = draw_poisson(r, draw_gamma(r, mean / scale) * scale);
	} else if (variance > mean / 2) {
		n = draw_poisson(r, mean);
	} else {
		n = round(mean + sqrt(MAX(variance, 0.0)) * draw_normal(r));
	}
	return CLAMP(n, 0.0, most);
}
