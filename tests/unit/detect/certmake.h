/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates made by OpenSSL on the spot, for tests that compare our reading with its own. */
#pragma once

#include "base/cursor.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

struct cert_spec {
	const char *what;
	const char *key; /* "RSA:2048", "RSA-PSS:2048", "EC:P-256", "ED25519" */
	const char *md;  /* NULL: the key's own */
	bool is_pss;     /* an RSA key signing with PSS */
	int salt_bytes;  /* of that */
	const char *
		subject; /* "CN=a/O=b"; an entry beginning with ! is BMPString, ~ T61, 1.x an OID */
	const char *ext[10];   /* "nid-name=value" as in openssl.cnf, NULL ends */
	const char *from, *to; /* ASN1 times */
	const char *serial;    /* hex */
	long version;          /* 0: 3 */
};

EVP_PKEY *certmake_key(const char *kind);
/** @param issuer NULL: self-signed. @return owned. */
X509 *certmake(const struct cert_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);
/** @return DER owned by the caller (OPENSSL_free). */
struct bytes certmake_der(X509 *x);
