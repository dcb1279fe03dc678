/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which match lines of a probe could fit an answer: an index from four-byte texts to lines. Made a
 * part at a time, so that it can be made while nobody waits; asked only when it is whole.
 */
#pragma once

#include "detect/svcdb.h"

struct lineindex;

/** Borrows @p p. @return 0 or -ENOMEM. */
int lineindex_new(const struct svc_probe *p, struct lineindex **ret) MUST_CHECK;
/** Accepts NULL. */
void lineindex_free(struct lineindex *x);
/**
 * Take up to @p n_lines more into the index. @return whether it is whole.
 * Cost: index_made of bench/results/match.jsonl is that of all the lines that matcher_prepare
 * takes.
 */
bool lineindex_add(struct lineindex *x, uint32_t n_lines);
bool lineindex_is_whole(const struct lineindex *x);

/** Zeros behind an answer. */
#define LINEINDEX_PAD 8u
/**
 * Begin to list the lines that could fit; the index is whole.
 * @param low the answer in lower case, LINEINDEX_PAD zeros behind it; borrowed until the last line.
 * Cost: about 1 ns a byte.
 */
void lineindex_find(struct lineindex *x, const uint8_t *low, size_t len);
/** @return the next line of the probe that could fit, in file order; -1: no more. */
int lineindex_next(struct lineindex *x);
