/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the text of a pattern has words of an answer in it. Pure; ignores case and backslashes.
 * Cost: the pattern's length. */
#pragma once

#include "base/cursor.h"

/** As whole words? Empty texts and patterns: false. */
bool spelled_in(struct bytes pattern, struct bytes text);
/** Is the text what an anchored pattern begins with? */
bool spelled_first(struct bytes pattern, struct bytes text);
/** Is the word in it and may go on there: "mtu\w+", "Foo([a-z]+)"? */
bool spelled_open(struct bytes pattern, struct bytes word);
