/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time as the program sees it. Intervals use the monotonic clock, stamps the wall clock; a test
 * can pin both to one value, and then nothing that measures time needs to sleep.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic uint64_t fake_ns; /* 0: the kernel's clocks */

static uint64_t read_ns(clockid_t id)
{
	uint64_t fake = atomic_load_explicit(&fake_ns, memory_order_relaxed);
	struct timespec ts;

	if (unlikely(fake))
		return fake;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint64_t clock_thread_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

void clock_fake_set(uint64_t ns)
{
	atomic_store_explicit(&fake_ns, ns, memory_order_relaxed);
}

static char *put_digits(char *out, uint64_t v, unsigned int n_digits, char after)
{
	for (unsigned int i = n_digits; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
	out[n_digits] = after;
	return out + n_digits + 1;
}

char *clock_format_rfc3339(uint64_t wall_ns, char out[32])
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char *p = out;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	p = put_digits(p, (uint64_t)tm.tm_year + 1900, 4, '-');
	p = put_digits(p, (uint64_t)tm.tm_mon + 1, 2, '-');
	p = put_digits(p, (uint64_t)tm.tm_mday, 2, 'T');
	p = put_digits(p, (uint64_t)tm.tm_hour, 2, ':');
	p = put_digits(p, (uint64_t)tm.tm_min, 2, ':');
	p = put_digits(p, (uint64_t)tm.tm_sec, 2, '.');
	p = put_digits(p, wall_ns % NS_PER_S, 9, 'Z');
	*p = '\0';
	return out;
}
