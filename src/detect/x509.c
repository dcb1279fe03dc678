/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DER certificate -> struct cert_facts, in one walk. Called for every certificate a TLS server
 * shows. Algorithms, curves, purposes and extensions are rows of tables keyed by the bytes of
 * their object identifiers. Sources: RFC 5280 4.1 and 4.2, RFC 4055 (RSA-PSS), RFC 5480 (EC),
 * RFC 8410 (Ed25519).
 */
#include "detect/x509.h"

#include "detect/der.h"

#include <string.h>

/** The bytes of an object identifier as a row's key. */
#define OID(text) .oid = text, .oid_len = sizeof(text) - 1

struct alg_row {
	const char *oid, *name;
	uint8_t oid_len, value; /* hash, key, bit */
	uint16_t bits;
};

static const struct alg_row signatures[] = {
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), .name = "sha256WithRSAEncryption",
	 .value = CERT_HASH_SHA256},
	{OID("\x2a\x86\x48\xce\x3d\x04\x03\x02"), .name = "ecdsa-with-SHA256",
	 .value = CERT_HASH_SHA256},
	{OID("\x2a\x86\x48\xce\x3d\x04\x03\x03"), .name = "ecdsa-with-SHA384",
	 .value = CERT_HASH_SHA384},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), .name = "sha384WithRSAEncryption",
	 .value = CERT_HASH_SHA384},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), .name = "sha512WithRSAEncryption",
	 .value = CERT_HASH_SHA512},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), .name = "sha1WithRSAEncryption",
	 .value = CERT_HASH_SHA1},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), .name = "rsassaPss", .value = CERT_HASH_SHA1},
	{OID("\x2b\x65\x70"), .name = "ED25519", .value = CERT_HASH_NONE},
	{OID("\x2b\x65\x71"), .name = "ED448", .value = CERT_HASH_NONE},
	{OID("\x2a\x86\x48\xce\x3d\x04\x03\x04"), .name = "ecdsa-with-SHA512",
	 .value = CERT_HASH_SHA512},
	{OID("\x2a\x86\x48\xce\x3d\x04\x03\x01"), .name = "ecdsa-with-SHA224",
	 .value = CERT_HASH_SHA224},
	{OID("\x2a\x86\x48\xce\x3d\x04\x01"), .name = "ecdsa-with-SHA1", .value = CERT_HASH_SHA1},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"), .name = "sha224WithRSAEncryption",
	 .value = CERT_HASH_SHA224},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"), .name = "md5WithRSAEncryption",
	 .value = CERT_HASH_MD5},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"), .name = "md2WithRSAEncryption",
	 .value = CERT_HASH_MD2},
	{OID("\x2b\x0e\x03\x02\x1d"), .name = "sha1WithRSA", .value = CERT_HASH_SHA1},
	{OID("\x2a\x86\x48\xce\x38\x04\x03"), .name = "dsaWithSHA1", .value = CERT_HASH_SHA1},
	{OID("\x60\x86\x48\x01\x65\x03\x04\x03\x01"), .name = "dsa_with_SHA224",
	 .value = CERT_HASH_SHA224},
	{OID("\x60\x86\x48\x01\x65\x03\x04\x03\x02"), .name = "dsa_with_SHA256",
	 .value = CERT_HASH_SHA256},
};

static const struct alg_row digests[] = {
	{OID("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), .name = "sha256", .value = CERT_HASH_SHA256},
	{OID("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), .name = "sha384", .value = CERT_HASH_SHA384},
	{OID("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), .name = "sha512", .value = CERT_HASH_SHA512},
	{OID("\x60\x86\x48\x01\x65\x03\x04\x02\x04"), .name = "sha224", .value = CERT_HASH_SHA224},
	{OID("\x2b\x0e\x03\x02\x1a"), .name = "sha1", .value = CERT_HASH_SHA1},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x02\x05"), .name = "md5", .value = CERT_HASH_MD5},
};

static const struct alg_row keys[] = {
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), .name = "rsa", .value = CERT_KEY_RSA},
	{OID("\x2a\x86\x48\xce\x3d\x02\x01"), .name = "ec", .value = CERT_KEY_EC},
	{OID("\x2b\x65\x70"), .name = "ed25519", .value = CERT_KEY_ED25519, .bits = 256},
	{OID("\x2b\x65\x71"), .name = "ed448", .value = CERT_KEY_ED448, .bits = 456},
	{OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), .name = "rsa-pss", .value = CERT_KEY_RSA_PSS},
	{OID("\x2a\x86\x48\xce\x38\x04\x01"), .name = "dsa", .value = CERT_KEY_DSA},
};

static const struct alg_row curves[] = {
	{OID("\x2a\x86\x48\xce\x3d\x03\x01\x07"), .name = "secp256r1", .bits = 256},
	{OID("\x2b\x81\x04\x00\x22"), .name = "secp384r1", .bits = 384},
	{OID("\x2b\x81\x04\x00\x23"), .name = "secp521r1", .bits = 521},
	{OID("\x2b\x81\x04\x00\x0a"), .name = "secp256k1", .bits = 256},
	{OID("\x2b\x81\x04\x00\x21"), .name = "secp224r1", .bits = 224},
	{OID("\x2a\x86\x48\xce\x3d\x03\x01\x01"), .name = "secp192r1", .bits = 192},
	{OID("\x2b\x24\x03\x03\x02\x08\x01\x01\x07"), .name = "brainpoolP256r1", .bits = 256},
	{OID("\x2b\x24\x03\x03\x02\x08\x01\x01\x0b"), .name = "brainpoolP384r1", .bits = 384},
	{OID("\x2b\x24\x03\x03\x02\x08\x01\x01\x0d"), .name = "brainpoolP512r1", .bits = 512},
};

/** value: the bit in eku. */
static const struct alg_row purposes[] = {
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x01"), .name = "serverAuth", .value = 0},
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x02"), .name = "clientAuth", .value = 1},
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x03"), .name = "codeSigning", .value = 2},
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x04"), .name = "emailProtection", .value = 3},
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x08"), .name = "timeStamping", .value = 4},
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x09"), .name = "OCSPSigning", .value = 5},
	{OID("\x55\x1d\x25\x00"), .name = "anyExtendedKeyUsage", .value = 6},
	{OID("\x2b\x06\x01\x05\x05\x07\x03\x11"), .name = "ipsecIKE", .value = 7},
};
static_assert(ARRAY_LEN(purposes) == CERT_EKU_N, "a bit per purpose");

static const struct alg_row *find(const struct alg_row *rows, size_t n, struct bytes oid)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].oid_len == oid.len && memcmp(rows[i].oid, oid.p, oid.len) == 0)
			return &rows[i];
	return NULL;
}

#define FIND(rows, oid) find(rows, ARRAY_LEN(rows), oid)

const char *x509_key_name(enum cert_key k)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].value == k)
			return keys[i].name;
	return "unknown";
}

const char *x509_hash_name(enum cert_hash h)
{
	static const char *const names[] = {"unknown", "none",   "md2",    "md5",   "sha1",
					    "sha224",  "sha256", "sha384", "sha512"};

	static_assert(ARRAY_LEN(names) == CERT_HASH_N, "a name per hash");
	return names[h < CERT_HASH_N ? h : CERT_HASH_UNKNOWN];
}

const char *x509_eku_name(uint32_t bit)
{
	return bit < ARRAY_LEN(purposes) ? purposes[bit].name : "unknown";
}

/* --- time ---------------------------------------------------------------------------------- */

/** Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/** Two decimal digits, or -1. */
static int pair(const uint8_t *p)
{
	unsigned a = p[0] - '0', b = p[1] - '0';

	return a > 9 || b > 9 ? -1 : (int)(a * 10 + b);
}

/** "Z" or "+hhmm" or "-hhmm": seconds east. */
static bool read_zone(struct bytes t, int64_t *ret_east_s)
{
	int h, m;

	*ret_east_s = 0;
	if (t.len == 1 && t.p[0] == 'Z')
		return true;
	if (t.len != 5 || (t.p[0] != '+' && t.p[0] != '-'))
		return false;
	h = pair(t.p + 1);
	m = pair(t.p + 3);
	if (h < 0 || h > 12 || m < 0 || m > 59)
		return false;
	*ret_east_s = (h * 3600 + m * 60) * (t.p[0] == '-' ? -1 : 1);
	return true;
}

static bool read_time(const struct der *d, int64_t *ret_s)
{
	static const int limit[5][2] = {{1, 12}, {1, 31}, {0, 23}, {0, 59}, {0, 60}};
	struct bytes t = d->body;
	int64_t year, east_s;
	int v[5] = {0};

	if (t.len < 13)
		return false;
	year = pair(t.p);
	t = (struct bytes){t.p + 2, t.len - 2};
	if (year < 0)
		return false;
	if (d->tag == DER_GENERALIZED_TIME) {
		int low = pair(t.p);

		if (low < 0)
			return false;
		year = year * 100 + low;
		t = (struct bytes){t.p + 2, t.len - 2};
	} else if (d->tag == DER_UTC_TIME) {
		year += year < 50 ? 2000 : 1900;
	} else {
		return false;
	}
	for (int i = 0; i < 5; i++) {
		if (t.len < 2)
			return false;
		v[i] = pair(t.p);
		if (v[i] < limit[i][0] || v[i] > limit[i][1])
			return false;
		t = (struct bytes){t.p + 2, t.len - 2};
	}
	if (!read_zone(t, &east_s))
		return false;
	*ret_s = days_of(year, v[0], v[1]) * 86400 + v[2] * 3600 + v[3] * 60 + v[4] - east_s;
	return true;
}

static bool read_validity(struct bytes *tbs, struct cert_facts *f)
{
	struct bytes v;
	struct der from, to;

	return der_take(tbs, DER_SEQUENCE, &v) && der_next(&v, &from) && der_next(&v, &to) &&
	       read_time(&from, &f->not_before_s) && read_time(&to, &f->not_after_s);
}

/* --- algorithms ------------------------------------------------------------------------------ */

/** A digest's AlgorithmIdentifier inside [n]. */
static uint8_t read_digest(struct bytes alg)
{
	struct bytes seq, oid;
	const struct alg_row *row;

	if (!der_take(&alg, DER_SEQUENCE, &seq) || !der_take(&seq, DER_OID, &oid))
		return CERT_HASH_UNKNOWN;
	row = FIND(digests, oid);
	return row ? row->value : CERT_HASH_UNKNOWN;
}

/** RSASSA-PSS-params: what is absent has RFC 4055's defaults, SHA-1 and 20 bytes of salt. */
static void read_pss(struct bytes params, struct cert_signature *s)
{
	enum { HASH = DER_CONTEXT | DER_IS_MADE, MGF, SALT };
	struct bytes seq, part, mgf, oid;
	uint64_t salt = 20;

	s->is_pss = true;
	s->hash = s->mgf_hash = CERT_HASH_SHA1;
	if (!der_take(&params, DER_SEQUENCE, &seq))
		seq.len = 0;
	if (der_take(&seq, HASH, &part))
		s->hash = read_digest(part);
	if (der_take(&seq, MGF, &part))
		s->mgf_hash = der_take(&part, DER_SEQUENCE, &mgf) && der_take(&mgf, DER_OID, &oid)
				      ? read_digest(mgf)
				      : (uint8_t)CERT_HASH_UNKNOWN;
	if (der_take(&seq, SALT, &part) && !der_take_number(&part, DER_INTEGER, &salt))
		salt = 0;
	s->salt_bytes = (uint32_t)MIN(salt, UINT32_MAX);
}

static bool read_signature(struct bytes alg, struct cert_signature *s)
{
	const struct alg_row *row;

	if (!der_take(&alg, DER_OID, &s->oid))
		return false;
	row = FIND(signatures, s->oid);
	if (!row)
		return true;
	s->name = row->name;
	s->hash = row->value;
	if (strcmp(row->name, "rsassaPss") == 0)
		read_pss(alg, s);
	return true;
}

static uint16_t bits_of(struct bytes n)
{
	while (n.len && !n.p[0]) {
		n.p++;
		n.len--;
	}
	if (!n.len || n.len > UINT16_MAX / 8)
		return 0;
	return (uint16_t)(n.len * 8 - (size_t)(__builtin_clz(n.p[0]) - 24));
}

static void read_rsa(struct bytes key, struct cert_facts *f)
{
	struct bytes seq, n;

	if (!der_take(&key, DER_SEQUENCE, &seq) || !der_take(&seq, DER_INTEGER, &n))
		return;
	f->key_bits = bits_of(n);
	if (!der_take_number(&seq, DER_INTEGER, &f->rsa_exponent))
		f->rsa_exponent = 0;
}

static void read_curve(struct bytes params, struct cert_facts *f)
{
	const struct alg_row *row;
	struct bytes oid;

	if (!der_take(&params, DER_OID, &oid))
		return;
	row = FIND(curves, oid);
	f->curve = row ? row->name : NULL;
	f->key_bits = row ? row->bits : 0;
}

static bool read_key(struct bytes *tbs, struct cert_facts *f)
{
	const struct alg_row *row;
	struct bytes alg, oid, key, seq, p;
	struct der spki;

	if (!der_next(tbs, &spki) || spki.tag != DER_SEQUENCE)
		return false;
	f->spki = spki.whole;
	if (!der_take(&spki.body, DER_SEQUENCE, &alg) || !der_take(&alg, DER_OID, &oid) ||
	    !der_take_bits(&spki.body, &key))
		return false;
	row = FIND(keys, oid);
	if (!row)
		return true;
	f->key = row->value;
	f->key_bits = row->bits;
	if (f->key == CERT_KEY_RSA || f->key == CERT_KEY_RSA_PSS)
		read_rsa(key, f);
	else if (f->key == CERT_KEY_EC)
		read_curve(alg, f);
	else if (f->key == CERT_KEY_DSA && der_take(&alg, DER_SEQUENCE, &seq) &&
		 der_take(&seq, DER_INTEGER, &p))
		f->key_bits = bits_of(p);
	return true;
}

/* --- extensions ------------------------------------------------------------------------------ */

static bool read_ski(struct bytes value, struct cert_facts *f)
{
	return der_take(&value, DER_OCTET_STRING, &f->ski);
}

static bool read_aki(struct bytes value, struct cert_facts *f)
{
	struct bytes seq;

	if (!der_take(&value, DER_SEQUENCE, &seq))
		return false;
	(void)der_take(&seq, DER_CONTEXT | 0, &f->aki);
	return true;
}

static bool read_key_usage(struct bytes value, struct cert_facts *f)
{
	struct bytes b;

	if (!der_take(&value, DER_BIT_STRING, &b) || b.len < 1 || b.p[0] > 7)
		return false;
	f->has_key_usage = true;
	for (uint32_t bit = 0; bit < CERT_USAGE_N && bit / 8 + 1 < b.len; bit++)
		if (b.p[1 + bit / 8] & 0x80 >> bit % 8)
			f->key_usage |= (uint16_t)(1u << bit);
	return true;
}

static bool read_sans(struct bytes value, struct cert_facts *f)
{
	struct bytes seq, left;
	uint32_t n = 0;
	struct der d;

	if (!der_take(&value, DER_SEQUENCE, &seq))
		return false;
	for (left = seq; der_next(&left, &d);)
		n++;
	f->sans = (struct bytes){seq.p, seq.len - left.len};
	f->n_sans = (uint16_t)MIN(n, UINT16_MAX);
	return left.len == 0;
}

static bool read_basic(struct bytes value, struct cert_facts *f)
{
	struct bytes seq, flag;
	uint64_t len;

	if (!der_take(&value, DER_SEQUENCE, &seq))
		return false;
	f->has_basic_constraints = true;
	if (der_take(&seq, DER_BOOLEAN, &flag))
		f->is_ca = flag.len == 1 && flag.p[0];
	if (!seq.len)
		return true;
	if (!der_take_number(&seq, DER_INTEGER, &len))
		return false;
	f->path_len = (int32_t)MIN(len, INT32_MAX);
	return true;
}

static bool read_eku(struct bytes value, struct cert_facts *f)
{
	const struct alg_row *row;
	struct bytes seq, oid;

	if (!der_take(&value, DER_SEQUENCE, &seq))
		return false;
	while (der_take(&seq, DER_OID, &oid)) {
		row = FIND(purposes, oid);
		if (row)
			f->eku |= (uint16_t)(1u << row->value);
		else if (f->n_eku_unknown < UINT16_MAX)
			f->n_eku_unknown++;
	}
	return seq.len == 0;
}

/** By the last arc of id-ce, 2.5.29.x. */
static bool (*const extension_readers[])(struct bytes, struct cert_facts *) = {
	[14] = read_ski,   [15] = read_key_usage, [17] = read_sans,
	[19] = read_basic, [35] = read_aki,       [37] = read_eku,
};

static bool read_extension(struct bytes ext, struct cert_facts *f)
{
	struct bytes oid, critical, value;

	if (!der_take(&ext, DER_OID, &oid))
		return false;
	(void)der_take(&ext, DER_BOOLEAN, &critical);
	if (!der_take(&ext, DER_OCTET_STRING, &value))
		return false;
	if (oid.len != 3 || oid.p[0] != 0x55 || oid.p[1] != 0x1d ||
	    oid.p[2] >= ARRAY_LEN(extension_readers) || !extension_readers[oid.p[2]])
		return true;
	return extension_readers[oid.p[2]](value, f);
}

/** [3] after the optional unique identifiers. */
static bool read_extensions(struct bytes *tbs, struct cert_facts *f)
{
	struct bytes outer, list, ext, skipped;

	(void)der_take(tbs, DER_CONTEXT | 1, &skipped);
	(void)der_take(tbs, DER_CONTEXT | 2, &skipped);
	if (!tbs->len)
		return true;
	if (!der_take(tbs, DER_CONTEXT | DER_IS_MADE | 3, &outer) ||
	    !der_take(&outer, DER_SEQUENCE, &list))
		return false;
	while (der_take(&list, DER_SEQUENCE, &ext)) {
		f->n_extensions += f->n_extensions < UINT16_MAX;
		if (!read_extension(ext, f) && f->n_bad_extensions < UINT16_MAX)
			f->n_bad_extensions++;
	}
	return list.len == 0;
}

/* --- the certificate ------------------------------------------------------------------------- */

static bool take_name(struct bytes *tbs, struct bytes *ret)
{
	struct der d;

	if (!der_next(tbs, &d) || d.tag != DER_SEQUENCE)
		return false;
	*ret = d.whole;
	return true;
}

/** @return what cannot be read, NULL: nothing. */
static const char *read_tbs(struct bytes tbs, struct cert_facts *f)
{
	struct bytes explicit;
	uint64_t version = 0;

	if (der_take(&tbs, DER_CONTEXT | DER_IS_MADE | 0, &explicit) &&
	    (!der_take_number(&explicit, DER_INTEGER, &version) || version > 2))
		return "its version";
	f->version = (uint8_t)(version + 1);
	if (!der_take(&tbs, DER_INTEGER, &f->serial) || !f->serial.len)
		return "its serial number";
	if (!der_take(&tbs, DER_SEQUENCE, &f->tbs_algorithm))
		return "its signature algorithm";
	if (!take_name(&tbs, &f->issuer))
		return "its issuer";
	if (!read_validity(&tbs, f))
		return "its validity";
	if (!take_name(&tbs, &f->subject))
		return "its subject";
	if (!read_key(&tbs, f))
		return "its public key";
	f->is_self_issued = der_equal(f->issuer, f->subject);
	return read_extensions(&tbs, f) ? NULL : "its extensions";
}

static const char cut_short[] = "its end, which is missing";

/** As read_tbs(), of the whole. */
static const char *read_certificate(struct bytes der, struct cert_facts *f)
{
	struct bytes left = der, alg, bits;
	struct der whole, tbs;

	if (!der_next(&left, &whole))
		return der.len && der.p[0] != DER_SEQUENCE ? "its first byte" : cut_short;
	if (whole.tag != DER_SEQUENCE)
		return "its first byte";
	if (left.len)
		return "the bytes behind it";
	left = whole.body;
	if (!der_next(&left, &tbs) || tbs.tag != DER_SEQUENCE)
		return "the part that is signed";
	const char *fault = read_tbs(tbs.body, f);
	if (fault)
		return fault;
	bool is_signed = der_take(&left, DER_SEQUENCE, &alg) &&
			 read_signature(alg, &f->signature) && der_take_bits(&left, &bits);
	f->has_two_algorithms = is_signed && !der_equal(alg, f->tbs_algorithm);
	return is_signed && !left.len ? NULL : "its signature";
}

int x509_parse(struct bytes der, struct cert_facts *ret)
{
	struct cert_facts f = {.der = der, .path_len = CERT_PATH_LEN_NONE};
	const char *fault = read_certificate(der, &f);

	if (fault)
		return fault == cut_short ? -E_TRUNCATED : -E_SYNTAX;
	*ret = f;
	return 0;
}

const char *x509_fault(struct bytes der)
{
	struct cert_facts f = {.der = der, .path_len = CERT_PATH_LEN_NONE};

	return read_certificate(der, &f);
}
