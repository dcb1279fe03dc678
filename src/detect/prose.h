/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signs beside a name in a greeting that it is not the speaker's. Pure; linear in the line. */
#pragma once

#include "base/cursor.h"

/** In front of the name: "upstream: X", "target=X". @p pattern's own words do not count. */
bool prose_is_labelled(struct bytes text, struct bytes name, struct bytes pattern);
/** Behind it: "X's", "X GmbH", "X 4.94 -> 4.97", "(X 3.0) is on port 2121". */
bool prose_goes_on(struct bytes text, const uint8_t *at, struct bytes pattern);
