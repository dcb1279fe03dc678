/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JARM: ten published hellos and a hash over what a server picks; servers of one make and
 * configuration share it. Pure. Thread: any. Source: Althouse et al., "Easily Identify Malicious
 * Servers on the Internet with JARM", 2020.
 */
#pragma once

#include "detect/tlshello.h"

#define JARM_N        10
#define JARM_TEXT_CAP 63 /* 62 characters and NUL */

/** What one of the ten hellos brought. All zero: no answer, or an alert. */
struct jarm_part {
	uint16_t suite, version; /* version as in the hello's first field */
	uint8_t alpn_len, n_types;
	char alpn[16];
	uint16_t types[24]; /* of the hello's extensions, in order */
};

/** Space that a hello's description borrows. */
struct jarm_space {
	uint16_t suites[72], versions[4];
	uint8_t alpn[96];
};

/** Describe hello @p idx below JARM_N. @p ret borrows @p space and @p sni. */
void jarm_hello(uint32_t idx, const char *sni, struct jarm_space *space, struct tlshello *ret);
/** Keep what the hash needs of an answer; NULL: none came. */
void jarm_keep(const struct tls_answer *a, struct jarm_part *ret);
/** 62 characters; zeros when nothing was answered. Needs OpenSSL loaded (detect/ossl.h). */
void jarm_text(const struct jarm_part parts[JARM_N], char ret[JARM_TEXT_CAP]);
