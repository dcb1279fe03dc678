/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a matching line of the probe file to facts about the service. Pure. */
#pragma once

#include "detect/match.h"
#include "event/facts.h"

/**
 * Fill @p ret from a match: its service (without "ssl/") and what its templates say. Texts are kept
 * in @p block. A template that does not apply leaves its field unknown.
 */
void verdict_of(const struct match_hit *hit, struct facts *block, struct service_facts *ret);
/** Does the service of a match say that TLS comes first? */
bool verdict_is_tls(const struct match_hit *hit);
