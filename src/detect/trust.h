/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What to think of a certificate chain: is each one signed by the next, does it lead to an
 * authority we trust, is it for the name that was asked. OpenSSL does the arithmetic.
 */
#pragma once

#include "detect/x509.h"

#define TRUST_CHAIN_MAX 16 /* certificates of a chain that are looked at */

struct trust;

struct trust_verdict {
	bool is_trusted;     /* leads to a trusted authority; dates are judged apart */
	bool is_incomplete;  /* an issuer that we do not know was not sent */
	bool is_ordered;     /* each is issued by the next */
	bool is_self_signed; /* the first, by its own key */
	bool is_signed_by_next[TRUST_CHAIN_MAX];
	bool is_self[TRUST_CHAIN_MAX]; /* signed by its own key */
	/* it names that key's owner as its issuer, but the signature is not by the key */
	bool is_refuted_by_next[TRUST_CHAIN_MAX], is_refuted_by_self[TRUST_CHAIN_MAX];
	uint32_t n_read;    /* certificates that OpenSSL can read, from the first */
	const char *reason; /* "ok", or OpenSSL's words; static */
};

/**
 * @param ca_file PEM file of authorities; NULL: the system's. Costs milliseconds: the store is read
 * once. @return 0, -ENOENT when ca_file has none, -E_UNSUPPORTED without OpenSSL, -ENOMEM. Thread:
 * the one that checks.
 */
int trust_new(const char *ca_file, struct trust **ret) MUST_CHECK;
/** Accepts NULL. */
void trust_free(struct trust *t);
/** @param ders leaf first; at most TRUST_CHAIN_MAX are taken. @return 0, or -E_SYNTAX when OpenSSL
 * cannot read the first. */
int trust_check(struct trust *t, const struct bytes *ders, uint32_t n,
		struct trust_verdict *ret) MUST_CHECK;
/**
 * Is the certificate for this host name or address (RFC 6125: a wildcard stands for one whole
 * leftmost label; the common name counts only when there is no DNS name)? Pure.
 */
bool trust_matches(const struct cert_facts *f, const char *host);
/** Fingerprints of a DER. Needs OpenSSL loaded, as there is a trust. */
void trust_fingerprints(struct bytes der, uint8_t ret_sha1[20], uint8_t ret_sha256[32]);
