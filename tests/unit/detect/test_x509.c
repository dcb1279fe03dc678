/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates of every kind, read by us and by OpenSSL; cut and damaged at every byte. */
#include "detect/x509.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include <cmocka.h>

#include "certmake.h"
#include "support/guard.h"

#define CA "basicConstraints=critical,CA:TRUE,pathlen:3"

static const struct cert_spec specs[] = {
	{"rsa 1024", "RSA:1024", "SHA256", .subject = "CN=a.example/O=Example/C=DE"},
	{"rsa 2048", "RSA:2048", "SHA256",
	 .subject = "C=US/ST=Utah/L=Lehi/O=Ex, Inc./OU=R & D/CN=www.example.org",
	 .ext = {"subjectAltName=DNS:www.example.org,DNS:*.example.org,IP:192.0.2.1,IP:2001:db8::5,"
		 "email:a@b.example,URI:https://x.example/a?b,RID:1.2.3.4",
		 "keyUsage=critical,digitalSignature,keyEncipherment",
		 "extendedKeyUsage=serverAuth,clientAuth,1.3.6.1.4.1.311.10.3.4",
		 "basicConstraints=CA:FALSE", "subjectKeyIdentifier=hash",
		 "authorityKeyIdentifier=keyid,issuer"}},
	{"rsa 4096 sha512", "RSA:4096", "SHA512", .subject = "CN=big"},
	{"rsa sha1", "RSA:1024", "SHA1", .subject = "CN=old"},
	{"rsa md5", "RSA:1024", "MD5", .subject = "CN=older"},
	{"rsa sha384", "RSA:1024", "SHA384", .subject = "CN=s384"},
	{"rsa sha224", "RSA:1024", "SHA224", .subject = "CN=s224"},
	{"pss default", "RSA:1024", "SHA1", true, 20, .subject = "CN=pss-sha1"},
	{"pss sha256", "RSA:1024", "SHA256", true, 32, .subject = "CN=pss"},
	{"pss sha384", "RSA:2048", "SHA384", true, 11, .subject = "CN=pss"},
	{"pss key", "RSA-PSS:1024", "SHA256", true, 32, .subject = "CN=pss key"},
	{"p-256", "EC:P-256", "SHA256", .subject = "CN=ec",
	 .ext = {CA, "keyUsage=keyCertSign,cRLSign"}},
	{"p-384", "EC:P-384", "SHA384", .subject = "CN=ec"},
	{"p-521", "EC:P-521", "SHA512", .subject = "CN=ec"},
	{"p-224", "EC:P-224", "SHA224", .subject = "CN=ec"},
	{"secp256k1", "EC:secp256k1", "SHA256", .subject = "CN=ec"},
	{"brainpool", "EC:brainpoolP256r1", "SHA1", .subject = "CN=ec"},
	{"ed25519", "ED25519", .subject = "CN=ed",
	 .ext = {"keyUsage=digitalSignature,decipherOnly"}},
	{"ed448", "ED448", .subject = "CN=ed"},
	{"expired", "EC:P-256", "SHA256", .subject = "CN=x", .from = "19700101000000Z",
	 .to = "19991231235959Z"},
	{"century", "EC:P-256", "SHA256", .subject = "CN=x", .from = "500101000000Z",
	 .to = "491231235959Z"},
	{"leap days", "EC:P-256", "SHA256", .subject = "CN=x", .from = "20000229010203Z",
	 .to = "21000301000000Z"},
	{"far future", "EC:P-256", "SHA256", .subject = "CN=x", .to = "99991231235959Z"},
	{"before 1950", "EC:P-256", "SHA256", .subject = "CN=x", .from = "19000301000000Z"},
	{"v1", "EC:P-256", "SHA256", .subject = "CN=one", .version = 1},
	{"long serial", "EC:P-256", "SHA256", .subject = "CN=x",
	 .serial = "FEDCBA9876543210FEDCBA9876543210FEDCBA98"},
	{"serial 0", "EC:P-256", "SHA256", .subject = "CN=x", .serial = "0"},
	{"utf-8", "EC:P-256", "SHA256", .subject = "CN=bücher.example/O=日本/OU=𝄞",
	 .ext = {"subjectAltName=DNS:xn--bcher-kva.example"}},
	{"controls", "EC:P-256", "SHA256", .subject = "CN=a\x01\x1b[31m\x7f\r\nb/O=\tx"},
	{"separators", "EC:P-256", "SHA256", .subject = "CN= #a,b+c\"d\\e<f>g;h /O=#x/OU= /L=  "},
	{"bmp", "EC:P-256", "SHA256", .subject = "CN=!abcdef/O=~caf\xe9"},
	{"multi-valued", "EC:P-256", "SHA256",
	 .subject = "C=DE/CN=a/+OU=b/+O=c/DC=x/UID=u/serialNumber=7"},
	{"unknown attribute", "EC:P-256", "SHA256",
	 .subject = "1.2.3.4.5=hello/CN=x/1.2.840.99999999.1=y"},
	{"empty subject", "EC:P-256", "SHA256", .subject = "",
	 .ext = {"subjectAltName=critical,IP:127.0.0.1"}},
	{"many purposes", "EC:P-256", "SHA256", .subject = "CN=x",
	 .ext = {"extendedKeyUsage=codeSigning,emailProtection,timeStamping,OCSPSigning,"
		 "anyExtendedKeyUsage,"
		 "ipsecIKE,serverAuth,clientAuth",
		 "subjectKeyIdentifier=00112233", "nsComment=x"}},
};

static EVP_PKEY *key_of[ARRAY_LEN(specs)];
static X509 *made[ARRAY_LEN(specs)];

static int make_all(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		key_of[i] = certmake_key(specs[i].key);
		made[i] = certmake(&specs[i], key_of[i], NULL, NULL);
	}
	return 0;
}

static int free_all(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		X509_free(made[i]);
		EVP_PKEY_free(key_of[i]);
	}
	return 0;
}

/* --- what OpenSSL says ------------------------------------------------------------------------ */

static int64_t unix_of(const ASN1_TIME *t)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
	return timegm(&tm);
}

static void same_name(X509_NAME *n, struct bytes ours, const char *what)
{
	BIO *b = BIO_new(BIO_s_mem());
	char text[CERT_TEXT_CAP], *theirs;

	X509_NAME_print_ex(b, n, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	long len = BIO_get_mem_data(b, &theirs);
	size_t n_ours = x509_name_text(ours, text, sizeof(text));
	if (n_ours != (size_t)len || (n_ours && memcmp(text, theirs, n_ours) != 0))
		fail_msg("%s: \"%s\", want \"%.*s\"", what, text, (int)len, theirs);
	BIO_free(b);
}

static void same_octets(const ASN1_OCTET_STRING *s, struct bytes ours)
{
	assert_int_equal(s ? ASN1_STRING_length(s) : 0, ours.len);
	if (s)
		assert_memory_equal(ASN1_STRING_get0_data(s), ours.p, ours.len);
}

static void same_key(X509 *x, const struct cert_facts *f)
{
	EVP_PKEY *k = X509_get0_pubkey(x);
	char curve[64] = "";

	assert_int_equal(f->key_bits, EVP_PKEY_get_bits(k));
	assert_true(EVP_PKEY_is_a(k, x509_key_name(f->key)));
	if (f->key != CERT_KEY_EC)
		return;
	assert_int_equal(EVP_PKEY_get_group_name(k, curve, sizeof(curve), NULL), 1);
	assert_non_null(f->curve);
	assert_string_equal(strcmp(curve, "prime256v1") == 0 ? "secp256r1" : curve, f->curve);
}

static void same_signature(X509 *x, const struct cert_facts *f)
{
	int nid, md = NID_undef, pk;
	static const int hash_nid[CERT_HASH_N] = {
		[CERT_HASH_MD5] = NID_md5,       [CERT_HASH_SHA1] = NID_sha1,
		[CERT_HASH_SHA224] = NID_sha224, [CERT_HASH_SHA256] = NID_sha256,
		[CERT_HASH_SHA384] = NID_sha384, [CERT_HASH_SHA512] = NID_sha512};

	nid = X509_get_signature_nid(x);
	assert_string_equal(f->signature.name, OBJ_nid2ln(nid));
	assert_int_equal(X509_get_signature_info(x, &md, &pk, NULL, NULL), 1);
	if (f->signature.hash == CERT_HASH_NONE)
		assert_int_equal(md, NID_undef);
	else
		assert_int_equal(md, hash_nid[f->signature.hash]);
	assert_int_equal(f->signature.is_pss, nid == NID_rsassaPss);
}

static void same_usage(X509 *x, const struct cert_facts *f)
{
	static const uint32_t theirs[CERT_USAGE_N] = {
		KU_DIGITAL_SIGNATURE, KU_NON_REPUDIATION, KU_KEY_ENCIPHERMENT,
		KU_DATA_ENCIPHERMENT, KU_KEY_AGREEMENT,   KU_KEY_CERT_SIGN,
		KU_CRL_SIGN,          KU_ENCIPHER_ONLY,   KU_DECIPHER_ONLY};
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	uint32_t ku = X509_get_key_usage(x);

	assert_int_equal(f->has_key_usage, ku != UINT32_MAX);
	for (uint32_t i = 0; f->has_key_usage && i < CERT_USAGE_N; i++)
		assert_int_equal(!!(f->key_usage & 1u << i), !!(ku & theirs[i]));
	assert_int_equal(__builtin_popcount(f->eku) + f->n_eku_unknown,
			 eku ? sk_ASN1_OBJECT_num(eku) : 0);
	for (int i = 0; eku && i < sk_ASN1_OBJECT_num(eku); i++)
		for (uint32_t bit = 0; bit < CERT_EKU_N; bit++)
			if (OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) ==
			    OBJ_sn2nid(x509_eku_name(bit)))
				assert_true(f->eku & 1u << bit);
	EXTENDED_KEY_USAGE_free(eku);
	same_octets(X509_get0_subject_key_id(x), f->ski);
	same_octets(X509_get0_authority_key_id(x), f->aki);
}

static void same_basic(X509 *x, const struct cert_facts *f)
{
	BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(x, NID_basic_constraints, NULL, NULL);

	assert_int_equal(f->has_basic_constraints, bc != NULL);
	assert_int_equal(f->is_ca, bc && bc->ca);
	assert_int_equal(f->path_len, bc && bc->pathlen ? ASN1_INTEGER_get(bc->pathlen) : -1);
	BASIC_CONSTRAINTS_free(bc);
}

static void same_sans(X509 *x, const struct cert_facts *f)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct bytes left = f->sans;
	struct cert_san san;
	int n = 0, type;

	for (; x509_next_san(&left, &san); n++) {
		assert_true(n < sk_GENERAL_NAME_num(names));
		ASN1_STRING *v = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, n), &type);
		assert_int_equal(san.kind, type);
		if (type == GEN_DNS || type == GEN_IPADD || type == GEN_EMAIL || type == GEN_URI)
			same_octets(v, san.value);
	}
	assert_int_equal(n, names ? sk_GENERAL_NAME_num(names) : 0);
	assert_int_equal(n, f->n_sans);
	GENERAL_NAMES_free(names);
}

static void same_serial(X509 *x, const struct cert_facts *f)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *theirs = BN_bn2hex(bn), ours[128];

	x509_serial_text(f->serial, ours, sizeof(ours));
	assert_int_equal(strcasecmp(ours, strcmp(theirs, "0") == 0 ? "00" : theirs), 0);
	OPENSSL_free(theirs);
	BN_free(bn);
}

static void as_openssl_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct bytes der = certmake_der(made[i]);
		uint8_t *p = guard_copy(der.p, der.len);
		struct cert_facts f;
		X509 *x = made[i];

		if (x509_parse((struct bytes){p, der.len}, &f) < 0)
			fail_msg("%s: not read", specs[i].what);
		assert_int_equal(f.n_bad_extensions, 0);
		assert_int_equal(f.version, X509_get_version(x) + 1);
		assert_int_equal(f.n_extensions, MAX(X509_get_ext_count(x), 0));
		assert_int_equal(f.not_before_s, unix_of(X509_get0_notBefore(x)));
		assert_int_equal(f.not_after_s, unix_of(X509_get0_notAfter(x)));
		assert_true(f.is_self_issued);
		same_name(X509_get_subject_name(x), f.subject, specs[i].what);
		same_name(X509_get_issuer_name(x), f.issuer, specs[i].what);
		same_serial(x, &f);
		same_key(x, &f);
		same_signature(x, &f);
		same_usage(x, &f);
		same_basic(x, &f);
		same_sans(x, &f);
		guard_free(p, der.len);
		OPENSSL_free((void *)der.p);
	}
}

static const struct cert_facts *facts_of(const char *what, struct bytes *ret_der)
{
	static struct cert_facts f;

	for (size_t i = 0; i < ARRAY_LEN(specs); i++)
		if (strcmp(specs[i].what, what) == 0) {
			*ret_der = certmake_der(made[i]);
			assert_int_equal(x509_parse(*ret_der, &f), 0);
			return &f;
		}
	fail();
	return NULL;
}

static void pss_parameters(void **state)
{
	static const struct {
		const char *what;
		uint8_t hash, mgf;
		uint32_t salt;
	} rows[] = {{"pss default", CERT_HASH_SHA1, CERT_HASH_SHA1, 20},
		    {"pss sha256", CERT_HASH_SHA256, CERT_HASH_SHA256, 32},
		    {"pss sha384", CERT_HASH_SHA384, CERT_HASH_SHA384, 11}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes der;
		const struct cert_facts *f = facts_of(rows[i].what, &der);

		assert_true(f->signature.is_pss);
		assert_int_equal(f->signature.hash, rows[i].hash);
		assert_int_equal(f->signature.mgf_hash, rows[i].mgf);
		assert_int_equal(f->signature.salt_bytes, rows[i].salt);
		OPENSSL_free((void *)der.p);
	}
}

static void texts(void **state)
{
	static const char *const want[] = {
		"www.example.org", "*.example.org",         "192.0.2.1", "2001:db8::5",
		"a@b.example",     "https://x.example/a?b", "1.2.3.4"};
	struct bytes der;
	const struct cert_facts *f = facts_of("rsa 2048", &der);
	struct bytes left = f->sans;
	struct cert_name_pos pos = {0};
	struct cert_attr a;
	struct cert_san san;
	char text[64];
	uint32_t n = 0;

	assert_int_equal(f->rsa_exponent, 65537);
	for (; x509_next_san(&left, &san); n++) {
		x509_san_text(&san, text, sizeof(text));
		assert_string_equal(text, want[n]);
	}
	assert_int_equal(n, ARRAY_LEN(want));
	assert_true(x509_next_attr(f->subject, &pos, &a));
	assert_string_equal(a.long_name, "countryName");
	for (n = 1; x509_next_attr(f->subject, &pos, &a); n++)
		;
	assert_int_equal(n, 6);
	x509_attr_text(&a, text, sizeof(text));
	assert_string_equal(text, "www.example.org");
	for (size_t cap = 1; cap < sizeof(text); cap++) { /* cut, never overrun */
		uint8_t *p = guard_copy(text, cap);
		size_t len = x509_name_text(f->subject, (char *)p, cap);

		assert_true(len < cap && strlen((char *)p) == len);
		guard_free(p, cap);
	}
	OPENSSL_free((void *)der.p);
}

static void hostile_texts(void **state)
{
	static const struct {
		uint8_t tag;
		const char *bytes;
		size_t len;
		const char *want;
	} rows[] = {
		{0x0c, "\xff\xc0\x80 x", 5, "\\FF\\C0\\80 x"},
		{0x0c, "\xed\xa0\x80", 3, "\\ED\\A0\\80"},
		{0x0c, "a\0b", 3, "a\\00b"},
		{0x1e, "\x30\x42\xd8\x00\x00", 5, "\xe3\x81\x82\\D8\\00\\00"},
		{0x1c, "\x00\x11\x00\x00\x00\x00\x00\x41", 8,
		 "\\00\\11\\00\\00"
		 "A"},
		{0x14, "\x80\xe9", 2, "\\80\xc3\xa9"},
		{0x05, "", 0, "0500"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t whole[16] = {rows[i].tag, (uint8_t)rows[i].len};
		char text[64];

		memcpy(whole + 2, rows[i].bytes, rows[i].len);
		struct cert_attr a = {
			.value = {rows[i].tag, {whole + 2, rows[i].len}, {whole, rows[i].len + 2}}};
		x509_attr_text(&a, text, sizeof(text));
		assert_string_equal(text, rows[i].want);
	}
}

static void walk(const struct cert_facts *f)
{
	char text[CERT_TEXT_CAP];
	struct bytes left = f->sans;
	struct cert_san san;

	x509_name_text(f->subject, text, sizeof(text));
	x509_name_text(f->issuer, text, sizeof(text));
	x509_serial_text(f->serial, text, sizeof(text));
	x509_oid_text(f->signature.oid, text, sizeof(text));
	while (x509_next_san(&left, &san))
		x509_san_text(&san, text, sizeof(text));
}

static void cut_and_damaged(void **state)
{
	struct bytes der;
	struct cert_facts f;

	(void)facts_of("rsa 2048", &der);
	for (size_t len = 0; len < der.len; len++) {
		uint8_t *p = guard_copy(der.p, len);

		assert_int_equal(x509_parse((struct bytes){p, len}, &f), -E_TRUNCATED);
		guard_free(p, len);
	}
	uint8_t *p = guard_copy(der.p, der.len);
	for (size_t at = 0; at < der.len; at++)
		for (int bit = 0; bit < 9; bit++) {
			uint8_t was = p[at];

			p[at] = bit < 8 ? was ^ (uint8_t)(1 << bit) : 0xff;
			if (x509_parse((struct bytes){p, der.len}, &f) >= 0)
				walk(&f);
			p[at] = was;
		}
	guard_free(p, der.len);
	p = malloc(der.len + 1);
	memcpy(p, der.p, der.len);
	assert_int_equal(x509_parse((struct bytes){p, der.len + 1}, &f), -E_SYNTAX);
	free(p);
	OPENSSL_free((void *)der.p);
}

/** A thousand names, counted and walked. */
static void many_names(void **state)
{
	static char list[20000];
	size_t n = (size_t)snprintf(list, sizeof(list), "subjectAltName=DNS:h0.example");
	EVP_PKEY *key = certmake_key("EC:P-256");
	struct cert_spec s = {.md = "SHA256", .subject = "CN=x", .ext = {list}};
	struct cert_facts f;

	for (int i = 1; i < 1000; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, ",DNS:h%d.example", i);
	X509 *x = certmake(&s, key, NULL, NULL);
	struct bytes der = certmake_der(x);
	assert_int_equal(x509_parse(der, &f), 0);
	assert_int_equal(f.n_sans, 1000);
	same_sans(x, &f);
	OPENSSL_free((void *)der.p);
	X509_free(x);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_openssl_says), cmocka_unit_test(pss_parameters),
		cmocka_unit_test(texts),           cmocka_unit_test(hostile_texts),
		cmocka_unit_test(cut_and_damaged), cmocka_unit_test(many_names),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
