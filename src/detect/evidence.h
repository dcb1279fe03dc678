/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether an answer bears out the program that a match line names. Pure. */
#pragma once

#include "detect/match.h"

/**
 * @param answer what the line matched. @param product as the line's template says; NULL: it names
 * none. @return false: the line fits what many programs say.
 * Cost: some us.
 */
bool evidence_is_enough(const struct match_hit *hit, struct bytes answer, const char *product);
/** Protocols with no place for a name, where a line tells programs apart by the order of letters or
 * of day and month: nothing is believed of them but the protocol. */
bool evidence_is_nameless(struct bytes service);
/** Is all or a part of @p answer just @p said, or said backwards or in other case? */
bool evidence_is_mirror(struct bytes answer, struct bytes said);
