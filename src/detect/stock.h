/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words that any server may say, whoever wrote it, and whether a text denies what it names. Pure.
 */
#pragma once

#include "base/cursor.h"

/** Is it a word of errors, greetings, headers, pages: one that names no program? Ignores case.
 * Cost: about 1 us. */
bool stock_is_word(struct bytes word);
/** Are all words of a name such words, or does it deny itself ("not nginx")? */
bool stock_is_no_name(struct bytes name);
/** Does what stands before @p at, in its line of @p text, deny it: "we do not run", "fake"? */
bool stock_is_denied(struct bytes text, const uint8_t *at);
/** The next word of letters at or behind @p in's start; moved behind it. @return false: none. */
bool stock_next_word(struct bytes *in, struct bytes *ret);
