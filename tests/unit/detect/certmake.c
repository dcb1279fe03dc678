/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "certmake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>

EVP_PKEY *certmake_key(const char *kind)
{
	const char *arg = strchr(kind, ':');
	EVP_PKEY *k = NULL;
	char type[16];

	snprintf(type, sizeof(type), "%.*s", (int)(arg ? arg - kind : 15), kind);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	assert(c && EVP_PKEY_keygen_init(c) == 1);
	if (arg && strcmp(type, "EC") == 0)
		assert(EVP_PKEY_CTX_set_group_name(c, arg + 1) == 1);
	else if (arg)
		assert(EVP_PKEY_CTX_set_rsa_keygen_bits(c, strtoul(arg + 1, NULL, 10)) == 1);
	assert(EVP_PKEY_generate(c, &k) == 1);
	EVP_PKEY_CTX_free(c);
	return k;
}

static void set_subject(X509_NAME *n, const char *text)
{
	char copy[1024], *save, *part;

	snprintf(copy, sizeof(copy), "%s", text);
	for (part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		char *value = strchr(part, '=');
		int type = MBSTRING_UTF8, set = 0;

		*value++ = '\0';
		if (*part == '+') {
			set = -1;
			part++;
		}
		if (*value == '!' || *value == '~')
			type = *value++ == '!' ? V_ASN1_BMPSTRING : V_ASN1_T61STRING;
		int ok = X509_NAME_add_entry_by_txt(n, part, type, (const uint8_t *)value,
						    (int)strlen(value), -1, set);
		if (ok != 1)
			fprintf(stderr, "no %s=%s\n", part, value);
		assert(ok == 1);
	}
}

static void add_extension(X509 *x, X509 *issuer, const char *text)
{
	const char *eq = strchr(text, '=');
	char name[64];
	X509V3_CTX ctx;

	snprintf(name, sizeof(name), "%.*s", (int)(eq - text), text);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	X509_EXTENSION *e = X509V3_EXT_nconf(NULL, &ctx, name, eq + 1);
	if (!e)
		fprintf(stderr, "no extension %s\n", text);
	assert(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void sign(const struct cert_spec *s, X509 *x, EVP_PKEY *key)
{
	const EVP_MD *md = s->md ? EVP_get_digestbyname(s->md) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	assert(EVP_DigestSignInit(ctx, &pctx, md, NULL, key) == 1);
	if (s->is_pss) {
		assert(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1);
		assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, s->salt_bytes) == 1);
	}
	assert(X509_sign_ctx(x, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

X509 *certmake(const struct cert_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	BIGNUM *bn = NULL;

	assert(x && X509_set_version(x, s->version ? s->version - 1 : 2) == 1);
	assert(BN_hex2bn(&bn, s->serial ? s->serial : "1234") > 0);
	BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
	int ok = ASN1_TIME_set_string_X509(X509_getm_notBefore(x),
					   s->from ? s->from : "20200101000000Z");
	ok &= ASN1_TIME_set_string_X509(X509_getm_notAfter(x), s->to ? s->to : "20400101000000Z");
	assert(ok == 1);
	set_subject(X509_get_subject_name(x), s->subject);
	X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
	X509_set_pubkey(x, key);
	for (int i = 0; i < 10 && s->ext[i]; i++)
		add_extension(x, issuer ? issuer : x, s->ext[i]);
	sign(s, x, issuer_key ? issuer_key : key);
	struct bytes der = certmake_der(x); /* read again: encoding sorts sets */
	const uint8_t *p = der.p;
	X509 *read = d2i_X509(NULL, &p, (long)der.len);
	OPENSSL_free((void *)der.p);
	X509_free(x);
	return read;
}

struct bytes certmake_der(X509 *x)
{
	uint8_t *p = NULL;
	int n = i2d_X509(x, &p);

	assert(n > 0);
	return (struct bytes){p, (size_t)n};
}
