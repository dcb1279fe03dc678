/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of a TLS endpoint and of the certificates it shows, as plain structs of texts and
 * numbers. Everything lives in one block of facts. Texts are UTF-8 without control characters.
 */
#pragma once

#include "event/facts.h"

#define TLS_SANS_SHOWN_MAX 256 /* alternative names that are kept of one certificate */

struct cert_pair {
	const char *name, *value;
};

struct cert_info {
	const char *subject, *issuer, *serial;                /* RFC 4514 names; hex */
	const struct cert_pair *subject_parts, *issuer_parts; /* "commonName", ... in order */
	uint32_t n_subject_parts, n_issuer_parts;
	int64_t not_before_s, not_after_s; /* unix seconds */
	int64_t days_left;                 /* negative: expired */
	const char *key, *curve;           /* "rsa"; "secp256r1" or NULL */
	const char *signature, *hash;      /* "sha256WithRSAEncryption", "sha256" */
	const char *key_usage, *eku;       /* names with commas between; NULL: no such extension */
	const struct cert_pair *sans;      /* kind, value */
	uint32_t n_sans, n_sans_kept;
	uint32_t key_bits, salt_bytes;
	uint64_t rsa_exponent;
	int32_t path_len; /* -1 none */
	uint8_t version;
	bool is_ca, is_self_signed, is_pss;
	bool is_signed_by_next; /* its signature is by the key of the next one in the chain */
	const char *ski, *aki;  /* hex or NULL */
	const char *sha1, *sha256;
	const char *pem;
};

struct tls_suite_info {
	const char *name, *flaw; /* flaw NULL: none known */
	uint16_t id, bits;
};

struct tls_version_info {
	const char *name;
	const char *order;                   /* "server", "client" or NULL */
	const struct tls_suite_info *suites; /* in the server's order of choice */
	uint32_t n_suites;
	bool is_cut, has_compression;
};

struct tls_finding {
	const char *code;     /* "expired" */
	const char *severity; /* "high", "medium", "low" */
	const char *text;
};

struct tls_facts {
	const char *sni;                         /* asked for; NULL none */
	const char *jarm;                        /* 62 characters */
	const struct tls_version_info *versions; /* newest first */
	const char *const *groups;
	const char *const *alpn;
	const struct cert_info *certs; /* leaf first, as sent */
	const struct tls_finding *findings;
	const char *trust;        /* "trusted", or why not */
	const char *name_checked; /* host name or address the leaf was compared with */
	uint32_t n_versions, n_groups, n_alpn, n_certs, n_findings;
	uint32_t dh_bits; /* 0: no DHE */
	uint32_t n_connections;
	bool has_renegotiation_info, has_ssl2, is_cut, is_trusted, matches_name;
};
