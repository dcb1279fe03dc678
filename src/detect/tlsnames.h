/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of TLS and what they are called (IANA's TLS parameters), and which of them are weak. */
#pragma once

#include "base/compiler.h"

enum tls_version {
	TLS_SSL2 = 0x0002,
	TLS_SSL3 = 0x0300,
	TLS_10 = 0x0301,
	TLS_11 = 0x0302,
	TLS_12 = 0x0303,
	TLS_13 = 0x0304,
};

struct tls_suite {
	uint16_t id;
	const char *name;
};

/** All suites that are offered, strongest first; those of TLS 1.3 lead. */
extern const struct tls_suite tls_suites[];
extern const uint32_t tls_n_suites;
/** Groups that are offered, in the order of common preference. */
extern const uint16_t tls_groups[];
extern const uint32_t tls_n_groups;

/** "TLSv1.2"; NULL when it is none we know. */
const char *tls_version_name(uint16_t version);
/** "TLS_RSA_WITH_AES_128_CBC_SHA"; NULL. */
const char *tls_suite_name(uint16_t suite);
/** "secp256r1"; NULL. */
const char *tls_group_name(uint16_t group);
static inline bool tls_suite_is_13(uint16_t suite)
{
	return suite >> 8 == 0x13;
}
/** What is wrong with a suite: "no encryption", "anonymous", "export", "RC4", ...; NULL: nothing.
 */
const char *tls_suite_flaw(uint16_t suite);
/** Effective bits of the cipher: 0, 40, 56, 112, 128, 256. */
uint16_t tls_suite_bits(uint16_t suite);
