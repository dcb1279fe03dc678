/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words that any server may say, whoever wrote it. Pure. */
#pragma once

#include "base/cursor.h"

/** Is it a word of errors, greetings, headers, pages: one that names no program? Ignores case.
 * Cost: about 1 us. */
bool stock_is_word(struct bytes word);
/** Is @p word, in other case too, one of @p list: words with a blank on both sides of each? */
bool stock_is_listed(const char *list, size_t list_len, struct bytes word);
/** The next word of letters at or behind @p in's start; moved behind it. @return false: none. */
bool stock_next_word(struct bytes *in, struct bytes *ret);
