/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Version templates of a match line: what the captured pieces of an answer say about the service.
 * $1 to $9, $P(n) printable bytes only, $SUBST(n,"a","b"), $I(n,">") a big-endian number, "<" a
 * little-endian one. CPEs are made fit for a CPE 2.2 URI.
 * Source: nmap's reference, "nmap-service-probes File Format", table of helper functions.
 */
#pragma once

#include "base/buf.h"
#include "detect/match.h"

/** What one field may hold; longer ones are cut. */
#define VERSION_FIELD_BYTES_MAX 512u

/**
 * Expand one template.
 * @param is_cpe it is a CPE without its "cpe:/": substituted text is escaped, and a version that is
 * none ("1.14.0 or later") left out.
 * @return 0 with the text appended to @p out; -E_SYNTAX when a helper does not apply (then nothing
 * is appended): the field is unknown.
 */
int version_expand(struct bytes tmpl, const struct match_hit *hit, bool is_cpe,
		   struct buf *out) MUST_CHECK;
