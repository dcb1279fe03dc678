/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what a scan of a TLS endpoint learned to the facts that events carry: names for numbers,
 * certificates read and judged, findings by a table of rules.
 */
#pragma once

#include "detect/tlsscan.h"
#include "detect/trust.h"
#include "event/tlsfacts.h"

struct tls_context {
	struct trust *trust;
	const char *host; /* name or address that the certificate should be for */
	int64_t now_s;    /* unix seconds */
};

/** @return facts in @p block, or NULL without room. Thread: that of @p c->trust. */
const struct tls_facts *tlsreport_make(const struct tls_learned *l, const char *sni,
				       const struct tls_context *c, struct facts *block) MUST_CHECK;
