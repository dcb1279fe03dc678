/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a name in an answer means: the program that sends it, a host, or somebody else who is talked
 * about. Pure. Cost: linear in the line that the name stands in. */
#pragma once

#include "base/cursor.h"

/**
 * Does @p text say @p name, a view into it, of the program that sends it? Not as a part of a host's
 * name or of a longer word, and not in a sentence about others ("no X", "migrated from X", "X was
 * retired", "X-compatible").
 * @param pattern of the match line, whose own words are the program's text and count neither
 * against it; empty: none.
 */
bool naming_is_claim(struct bytes text, struct bytes name, struct bytes pattern);
/** Is the place a part of a host's name, of an address or of a URL? @p pattern as above. */
bool naming_is_host(struct bytes text, struct bytes name, struct bytes pattern);
/** Is it said of somebody else? @p pattern as above. */
bool naming_is_mention(struct bytes text, struct bytes name, struct bytes pattern);
/** Does a greeting go on at @p at, where a pattern ended, with words that a
 * program does not write there: "exploits are logged"? */
bool naming_goes_on(struct bytes text, const uint8_t *at);
/** Does another word go on behind @p name, as "nginxious" on "nginx"? "MiniUPnPd" is not one. */
bool naming_is_longer(struct bytes text, struct bytes name, struct bytes pattern);
/** Is what stands where a program writes its name a sentence: "not nginx", "frontend for Apache"?
 */
bool naming_is_other(struct bytes name);
/** Are all words of a name such as anybody says, or is it about others? */
bool naming_is_none(struct bytes name);
/**
 * Can it be the name of a host: with dots, an address, or one label that is no word of the sentence
 * in which @p answer has it?
 */
bool naming_is_host_name(struct bytes name, struct bytes answer);
