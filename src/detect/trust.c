/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chains through OpenSSL: every signature by the next certificate's key, the path to a trusted
 * authority, and the name by our own rules. Dates are left to the findings, so that an expired
 * certificate of a trusted authority is expired and nothing else. Sources: RFC 5280 6, RFC
 * 6125 6.4.
 */
#include "detect/trust.h"

#include "base/mem.h"
#include "detect/ossl.h"
#include "wire/addr.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct trust {
	X509_STORE *store;
};

int trust_new(const char *ca_file, struct trust **ret)
{
	int ok = ossl_load();
	struct trust *t = ok < 0 ? NULL : mem_alloc(1, sizeof(*t));

	if (!t)
		return ok < 0 ? ok : -ENOMEM;
	t->store = X509_STORE_new();
	if (!t->store) {
		mem_free(t);
		return -ENOMEM;
	}
	ok = ca_file ? X509_STORE_load_file(t->store, ca_file)
		     : X509_STORE_set_default_paths(t->store);
	if (ok != 1 && ca_file) {
		trust_free(t);
		return -ENOENT;
	}
	*ret = t;
	return 0;
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	X509_STORE_free(t->store);
	mem_free(t);
}

static X509 *read_der(struct bytes der)
{
	const uint8_t *p = der.p;

	return der.len > INT32_MAX ? NULL : d2i_X509(NULL, &p, (long)der.len);
}

/** @param ret_is_refuted it names @p by, whose key did not sign it. */
static bool is_signed_by(X509 *x, X509 *by, bool *ret_is_refuted)
{
	EVP_PKEY *key = X509_get0_pubkey(by);
	bool names = X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(by)) == 0;
	int is = key && names ? X509_verify(x, key) : -1;

	*ret_is_refuted = is == 0;
	return is == 1;
}

static bool lacks_issuer(int err)
{
	return err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       err == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

/** @param others the rest of the chain; borrowed */
static void find_path(struct trust *t, X509 *leaf, STACK_OF(X509) * others, struct trust_verdict *v)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	v->reason = "out of memory";
	if (ctx && X509_STORE_CTX_init(ctx, t->store, leaf, others) == 1) {
		X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);

		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_NO_CHECK_TIME);
		X509_VERIFY_PARAM_set_auth_level(p, 0); /* weak keys are findings of their own */
		X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER);
		v->is_trusted = X509_verify_cert(ctx) == 1;
		int err = X509_STORE_CTX_get_error(ctx);
		v->is_incomplete = !v->is_trusted && lacks_issuer(err);
		v->reason = X509_verify_cert_error_string(err);
	}
	X509_STORE_CTX_free(ctx);
}

static void check_links(X509 *const *x, uint32_t n, struct trust_verdict *v)
{
	v->is_ordered = true;
	for (uint32_t i = 0; i < n; i++) {
		v->is_self[i] = is_signed_by(x[i], x[i], &v->is_refuted_by_self[i]);
		v->is_signed_by_next[i] =
			i + 1 < n && is_signed_by(x[i], x[i + 1], &v->is_refuted_by_next[i]);
		if (i + 1 < n && !v->is_signed_by_next[i])
			v->is_ordered = false;
	}
	v->is_self_signed = v->is_self[0];
}

int trust_check(struct trust *t, const struct bytes *ders, uint32_t n, struct trust_verdict *ret)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	struct trust_verdict v = {0};
	X509 *x[TRUST_CHAIN_MAX];
	uint32_t n_read = 0;

	for (uint32_t i = 0; i < n && n_read < TRUST_CHAIN_MAX; i++) {
		x[n_read] = read_der(ders[i]);
		if (!x[n_read])
			break;
		if (n_read && others)
			sk_X509_push(others, x[n_read]);
		n_read++;
	}
	if (n_read && others) {
		check_links(x, n_read, &v);
		find_path(t, x[0], others, &v);
		v.n_read = n_read;
		*ret = v;
	}
	sk_X509_free(others);
	for (uint32_t i = 0; i < n_read; i++)
		X509_free(x[i]);
	return n_read ? 0 : -E_SYNTAX;
}

void trust_fingerprints(struct bytes der, uint8_t ret_sha1[20], uint8_t ret_sha256[32])
{
	SHA1(der.p, der.len, ret_sha1);
	SHA256(der.p, der.len, ret_sha256);
}

/* --- names ------------------------------------------------------------------------------------ */

static bool matches_pattern(const char *p, size_t p_len, const char *host, size_t host_len)
{
	if (host_len && host[host_len - 1] == '.')
		host_len--;
	if (p_len > 2 && p[0] == '*' && p[1] == '.') {
		const char *dot = memchr(host, '.', host_len);

		if (!dot || dot == host || !memchr(p + 2, '.', p_len - 2))
			return false; /* never a whole top-level domain */
		host_len -= (size_t)(dot - host);
		host = dot;
		p++;
		p_len--;
	}
	return p_len == host_len && p_len && !memchr(p, '\0', p_len) &&
	       strncasecmp(p, host, p_len) == 0;
}

static bool matches_addr(const struct cert_facts *f, const struct addr *a)
{
	size_t len = a->family == ADDR_V4 ? 4 : 16;
	struct bytes left = f->sans;
	struct cert_san san;

	while (x509_next_san(&left, &san))
		if (san.kind == CERT_SAN_IP && san.value.len == len &&
		    memcmp(san.value.p, a->b, len) == 0)
			return true;
	return false;
}

static bool matches_common_name(const struct cert_facts *f, const char *host)
{
	struct cert_name_pos pos = {0};
	struct cert_attr a;
	char text[256];

	while (x509_next_attr(f->subject, &pos, &a)) {
		if (!a.short_name || strcmp(a.short_name, "CN") != 0)
			continue;
		size_t len = x509_attr_text(&a, text, sizeof(text));
		if (matches_pattern(text, len, host, strlen(host)))
			return true;
	}
	return false;
}

bool trust_matches(const struct cert_facts *f, const char *host)
{
	struct bytes left = f->sans;
	bool has_dns = false;
	struct cert_san san;
	struct addr a;

	if (addr_parse(host, strlen(host), &a) >= 0)
		return matches_addr(f, &a);
	while (x509_next_san(&left, &san)) {
		if (san.kind != CERT_SAN_DNS)
			continue;
		has_dns = true;
		if (matches_pattern((const char *)san.value.p, san.value.len, host, strlen(host)))
			return true;
	}
	return !has_dns && matches_common_name(f, host);
}
