/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of the Server field, told from sentences. Pure. Cost: linear in the value. */
#pragma once

#include "base/cursor.h"

/** The first Server field's value of an answer of HTTP, RTSP or SIP; len 0: none. */
struct bytes servername_of(struct bytes answer);
/**
 * Do words follow the first name that are no names, versions or comments: "Apache Indian Museum",
 * "nginx/hidden", "Apache/2.4.57-free"?
 * @param own a pattern's or a program's text, whose words are no strangers; empty: none.
 */
bool servername_is_sentence(struct bytes value, struct bytes own);
