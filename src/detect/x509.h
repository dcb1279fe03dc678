/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate (RFC 5280) as facts: one walk over the DER, no allocation, views into the input and
 * numbers. Nothing is verified here; that is trust.h. Everything is pure. Thread: any.
 */
#pragma once

#include "base/cursor.h"
#include "base/err.h"

enum cert_key {
	CERT_KEY_UNKNOWN,
	CERT_KEY_RSA,
	CERT_KEY_RSA_PSS,
	CERT_KEY_DSA,
	CERT_KEY_EC,
	CERT_KEY_ED25519,
	CERT_KEY_ED448,
	CERT_KEY_N
};

enum cert_hash {
	CERT_HASH_UNKNOWN,
	CERT_HASH_NONE, /* the scheme has none of its own: Ed25519 */
	CERT_HASH_MD2,
	CERT_HASH_MD5,
	CERT_HASH_SHA1,
	CERT_HASH_SHA224,
	CERT_HASH_SHA256,
	CERT_HASH_SHA384,
	CERT_HASH_SHA512,
	CERT_HASH_N
};

enum cert_san_kind {
	CERT_SAN_OTHER,
	CERT_SAN_EMAIL,
	CERT_SAN_DNS,
	CERT_SAN_X400,
	CERT_SAN_DIRECTORY,
	CERT_SAN_EDI,
	CERT_SAN_URI,
	CERT_SAN_IP,
	CERT_SAN_RID,
	CERT_SAN_N
};

/** An AlgorithmIdentifier of a signature. */
struct cert_signature {
	const char *name; /* "sha256WithRSAEncryption", static; NULL: not in our table */
	struct bytes oid;
	uint8_t hash;     /* enum cert_hash */
	uint8_t mgf_hash; /* RSA-PSS only */
	bool is_pss;
	uint32_t salt_bytes; /* RSA-PSS only */
};

#define CERT_USAGE_N       9 /* bits of key_usage, RFC 5280 4.2.1.3: bit 0 digitalSignature */
#define CERT_EKU_N         8 /* bits of eku: see x509_eku_name() */
#define CERT_PATH_LEN_NONE (-1)

/** Views are into the DER given to x509_parse. Absent parts have len 0. */
struct cert_facts {
	struct bytes der;
	struct bytes serial;  /* INTEGER content, may begin with 00 */
	struct bytes issuer;  /* Name, whole DER */
	struct bytes subject; /* Name, whole DER */
	struct bytes spki;    /* SubjectPublicKeyInfo, whole DER */
	struct bytes sans;    /* GeneralName elements: x509_next_san() */
	struct bytes ski, aki;
	int64_t not_before_s, not_after_s; /* unix seconds */
	struct cert_signature signature;
	struct bytes tbs_algorithm; /* the same as the signed part has it; content */
	const char *curve;          /* "secp256r1", static; NULL: none or unknown */
	uint64_t rsa_exponent;      /* 0: not RSA, or longer than 63 bits */
	uint16_t key_bits;          /* 0 unknown */
	uint8_t key;                /* enum cert_key */
	uint8_t version;            /* 1..3 */
	uint16_t key_usage;         /* valid when has_key_usage */
	uint16_t eku;               /* known purposes */
	uint16_t n_eku_unknown;
	uint16_t n_extensions;
	uint16_t n_bad_extensions; /* known ones that cannot be read */
	uint16_t n_sans;           /* saturates */
	int32_t path_len;          /* basic constraints; CERT_PATH_LEN_NONE */
	bool has_key_usage, has_basic_constraints, is_ca;
	bool is_self_issued;     /* issuer and subject are the same bytes */
	bool has_two_algorithms; /* the signature's is another than the signed part says */
};

/**
 * Read one certificate. @p der must be exactly one DER element. Extensions that cannot be read are
 * counted, not fatal. @return 0; -E_TRUNCATED when the outer length reaches past the end;
 * -E_SYNTAX. Cost: see bench/results/micro.jsonl, x509_parse.
 */
int x509_parse(struct bytes der, struct cert_facts *ret) MUST_CHECK;
/** @return what of a certificate x509_parse() cannot read: "its validity"; static. NULL: nothing.
 */
const char *x509_fault(struct bytes der);

/** One attribute of a Name. */
struct cert_attr {
	const char *short_name, *long_name; /* "CN", "commonName", static; NULL: see oid */
	struct bytes oid;
	struct der_value {
		uint8_t tag;
		struct bytes body, whole;
	} value;
	uint32_t rdn_idx; /* attributes of one multi-valued RDN share it */
};

#define CERT_NAME_PARTS_MAX 64 /* attributes of a Name that are shown */

/** Walk the attributes of a Name (whole DER), in the order they stand. Set @p pos to {0}. */
struct cert_name_pos {
	struct bytes rdns, set;
	uint32_t rdn_idx;
	bool is_begun;
};
bool x509_next_attr(struct bytes name, struct cert_name_pos *pos, struct cert_attr *ret);
/** Take one alternative name off @p left (start with a copy of sans). @return false at the end. */
struct cert_san {
	uint8_t kind; /* enum cert_san_kind */
	struct bytes value;
};
bool x509_next_san(struct bytes *left, struct cert_san *ret);

/*
 * Texts. All are UTF-8 whatever the bytes were: what is no character, and control bytes, become
 * \XX. All end with NUL, are cut at a character when @p cap is too small, and return the length.
 */
#define CERT_TEXT_CAP 1024
/** RFC 4514: "CN=example.org,O=Example,C=DE", most specific first. */
size_t x509_name_text(struct bytes name, char *ret, size_t cap);
/** The value of one attribute as it is, without RFC 4514's escapes of separators. */
size_t x509_attr_text(const struct cert_attr *a, char *ret, size_t cap);
/** "www.example.org", "192.0.2.1", "2001:db8::1", a directory name, or hex. */
size_t x509_san_text(const struct cert_san *san, char *ret, size_t cap);
/** Lower-case hex without leading zero byte: "0" at least. */
size_t x509_serial_text(struct bytes serial, char *ret, size_t cap);
size_t x509_hex_text(struct bytes b, char *ret, size_t cap);
/** "1.2.840.113549.1.1.1"; the arcs that fit 63 bits. */
size_t x509_oid_text(struct bytes oid, char *ret, size_t cap);

const char *x509_key_name(enum cert_key k);      /* "rsa" */
const char *x509_hash_name(enum cert_hash h);    /* "sha256" */
const char *x509_san_name(enum cert_san_kind k); /* "dns" */
const char *x509_usage_name(uint32_t bit);       /* "digitalSignature" */
const char *x509_eku_name(uint32_t bit);         /* "serverAuth" */
