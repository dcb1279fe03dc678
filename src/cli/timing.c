/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Timing templates, a row each: values of options that have a name of their own, after nmap's
 * reference guide ("Timing and Performance"). An option that was given wins, wherever it stands.
 */
#include "cli/timing.h"

/** 0: the option's own default. */
static const struct timing_preset {
	uint32_t initial_rto_us, min_rto_us, max_rto_us;
	uint32_t max_retries;
	uint32_t scan_delay_us, max_tcp_delay_us;
	uint32_t max_outstanding;
	uint32_t host_timeout_ms;
} timings[TIMING_N] = {
	[TIMING_PARANOID] = {.initial_rto_us = 300000000,
			     .max_rto_us = 300000000,
			     .scan_delay_us = 300000000,
			     .max_outstanding = 1},
	[TIMING_SNEAKY] = {.initial_rto_us = 15000000,
			   .max_rto_us = 15000000,
			   .scan_delay_us = 15000000,
			   .max_outstanding = 1},        /* sneaky */
	{.scan_delay_us = 400000, .max_outstanding = 1}, /* polite */
	{.initial_rto_us = 500000,
	 .max_rto_us = 1250000,
	 .max_retries = 6,
	 .max_tcp_delay_us = 10000},
	[TIMING_INSANE] = {.initial_rto_us = 250000,
			   .min_rto_us = 50000,
			   .max_rto_us = 300000,
			   .max_retries = 2,
			   .max_tcp_delay_us = 5000,
			   .host_timeout_ms = 900000},
};

void timing_apply(struct config *c, bool (*was_given)(const void *ctx, const void *field),
		  const void *ctx)
{
	const struct timing_preset *t = &timings[c->timing];
	struct {
		uint32_t *field;
		const uint32_t *option; /* whose field says that the user chose */
		uint32_t value;
	} sets[] = {
		{&c->initial_rto_us, &c->initial_rto_us, t->initial_rto_us},
		{&c->min_rto_us, &c->min_rto_us, t->min_rto_us},
		{&c->max_rto_us, &c->max_rto_us, t->max_rto_us},
		{&c->max_retries, &c->max_retries, t->max_retries},
		{&c->bounds.scan_delay_us, &c->bounds.scan_delay_us, t->scan_delay_us},
		{&c->bounds.max_tcp_delay_us, &c->bounds.max_delay_us, t->max_tcp_delay_us},
		{&c->bounds.max_outstanding, &c->bounds.max_outstanding, t->max_outstanding},
		{&c->bounds.host_timeout_ms, &c->bounds.host_timeout_ms, t->host_timeout_ms},
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (sets[i].value && !was_given(ctx, sets[i].option))
			*sets[i].field = sets[i].value;
}
