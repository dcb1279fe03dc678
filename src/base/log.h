/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics to stderr for the person at the terminal (-d), never for wire facts:
 * those are counted. Each site speaks at most 10 times a second. Thread: any.
 */
#pragma once

#include "base/compiler.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTE, LOG_DEBUG, LOG_TRACE, LOG_N };

/** One of the two globals of the program (the other is the stop flag). Default LOG_WARN. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

struct log_site {
	uint64_t window_ns; /* start of the current second */
	uint32_t n;         /* messages in it */
};
void log_emit(struct log_site *site, enum log_level level, const char *category, const char *fmt,
	      ...) PRINTF_LIKE(4, 5);

/** log_at(LOG_DEBUG, "route", "no neighbour for %s", text) */
#define log_at(level, category, ...)                                                               \
	do {                                                                                       \
		static struct log_site log_site_;                                                  \
		if ((level) <= log_get_level())                                                    \
			log_emit(&log_site_, (level), (category), __VA_ARGS__);                    \
	} while (0)
