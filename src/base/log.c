/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics for the person at the terminal: one write per line to stderr, at most ten lines a
 * second from one place in the code. What was held back is said when the place speaks again.
 * Packets are never logged, they are counted.
 */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_BYTES 512
#define LOG_SITE_PER_S 10u

static int current_level = LOG_WARN;

static const char *const level_names[] = {"error", "warning", "note", "debug", "trace"};
static_assert(ARRAY_LEN(level_names) == LOG_N, "every level has a name");

void log_set_level(enum log_level level)
{
	__atomic_store_n(&current_level, (int)level, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
	return (enum log_level)__atomic_load_n(&current_level, __ATOMIC_RELAXED);
}

/*
 * Count one message. Threads may share a site: the one that moves the window on resets the count,
 * and a lost race costs at most a line more or less.
 * @return whether to speak; *ret_held is what the finished window held back.
 */
static bool site_allows(struct log_site *site, uint32_t *ret_held)
{
	uint64_t now = clock_now_ns(), start = __atomic_load_n(&site->window_ns, __ATOMIC_RELAXED);

	*ret_held = 0;
	if ((!start || now - start >= NS_PER_S) &&
	    __atomic_compare_exchange_n(&site->window_ns, &start, now, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED)) {
		uint32_t n = __atomic_exchange_n(&site->n, 0, __ATOMIC_RELAXED);
		*ret_held = n > LOG_SITE_PER_S ? n - LOG_SITE_PER_S : 0;
	}
	return __atomic_fetch_add(&site->n, 1, __ATOMIC_RELAXED) < LOG_SITE_PER_S;
}

static size_t clamp_len(int n, size_t cap)
{
	return n < 0 ? 0 : MIN((size_t)n, cap - 1);
}

void log_emit(struct log_site *site, enum log_level level, const char *category, const char *fmt,
	      ...)
{
	char line[LOG_LINE_BYTES];
	size_t len, cap = sizeof(line) - 1;
	uint32_t n_held;
	va_list ap;

	if (!site_allows(site, &n_held))
		return;
	len = clamp_len(snprintf(line, cap, "prtip: %s: %s: ", level_names[level], category), cap);
	if (n_held)
		len += clamp_len(snprintf(line + len, cap - len, "(%u held back) ", n_held),
				 cap - len);
	va_start(ap, fmt);
	len += clamp_len(vsnprintf(line + len, cap - len, fmt, ap), cap - len);
	va_end(ap);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '.';
	}
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody listens: there is no better place to say so */
}
