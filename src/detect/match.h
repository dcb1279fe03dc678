/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which match line of a probe file fits an answer: the first in file order, exactly as if every
 * pattern were tried one by one with PCRE2. Most are thrown out unseen by what they demand
 * (literal.h): by their text, or, where answers are many, by an index of four-byte texts. The few
 * that could fit are compiled, once, and run. Matching is on raw bytes with bounded effort.
 */
#pragma once

#include "detect/svcdb.h"

#define MATCH_GROUPS_MAX 10
/** Longer answers are matched on their first bytes: a pattern's effort may grow with their square,
 * which the limits of PCRE2 do not see. */
#define MATCH_BYTES_MAX 16384u
/** CPU time for one answer; what has not been tried by then does not match. No answer that is not
 * made for it comes near. */
#define MATCH_EFFORT_NS (250ull * 1000 * 1000)

/** Answers of a probe that are matched without an index, if it was not prepared: making it costs as
 * much. */
#define MATCH_COLD_ANSWERS 4u

struct matcher;

/** A match line and the pieces its pattern captured; views into the answer. */
struct match_hit {
	const struct svc_match *match;
	uint32_t probe;                       /* whose line it is: a fallback's perhaps */
	struct bytes group[MATCH_GROUPS_MAX]; /* [0] the whole; p NULL: not set */
};

struct match_stats {
	uint64_t n_answers, n_candidates, n_compiled, n_run;
	uint64_t n_limited;  /* patterns stopped by a limit: taken as no match */
	uint64_t n_broken;   /* patterns that PCRE2 refuses: never match */
	uint64_t n_given_up; /* answers that took MATCH_EFFORT_NS */
};

/** Borrows @p db. @return 0 or -ENOMEM. Nothing is compiled yet. */
int matcher_new(const struct svcdb *db, struct matcher **ret) MUST_CHECK;
/** Accepts NULL. */
void matcher_free(struct matcher *m);
/**
 * Make a part of the indexes of the probes with most patterns, which the first answers would else
 * do without: for a thread that waits. Never needed.
 * @return whether there is more to make. Cost: PREPARE_LINES patterns; all together index_made of
 * bench/results/match.jsonl. Thread: owner.
 */
bool matcher_prepare(struct matcher *m);
/**
 * Try the lines of a probe and of its fallbacks on an answer.
 * @param service when a soft match has named the service: only its lines; p NULL: all.
 * @return 1 with @p ret filled, 0 without a match, -ENOMEM.
 * Cost: bench/results/match.jsonl: matcher_warm; matcher_cold when the patterns that fit have not
 * been compiled yet, matcher_unindexed for the first MATCH_COLD_ANSWERS of a probe when nothing was
 * prepared. Thread: owner.
 */
int matcher_match(struct matcher *m, uint32_t probe, struct bytes answer, struct bytes service,
		  struct match_hit *ret) MUST_CHECK;
/**
 * The same by brute force: every pattern in order, no index. For tests and benchmarks.
 */
int matcher_match_plain(struct matcher *m, uint32_t probe, struct bytes answer,
			struct bytes service, struct match_hit *ret) MUST_CHECK;
const struct match_stats *matcher_stats(const struct matcher *m);
