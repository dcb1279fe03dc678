/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Characters of UTF-8, and which of them a reader sees. Pure. Thread: any. */
#pragma once

#include "base/cursor.h"

/** Take the character at the start of @p s. @return its bytes, 0 when there is none: no overlong
 * forms, no surrogates, nothing cut (RFC 3629). @param ret the code point. */
size_t utf8_take(struct bytes s, uint32_t *ret);
/**
 * @return whether @p c shows itself and nothing else: no control character, none that turns the
 * direction of writing, none without width, none that is not assigned or private. @p c is any
 * number.
 * Cost: ten comparisons.
 */
bool utf8_is_shown(uint32_t c);
