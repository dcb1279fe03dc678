/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS of detection's streams. OpenSSL's context is made at the first use: its tables cost
 * milliseconds that a scan without TLS must not pay.
 *
 * OpenSSL goes on as long as bytes come: a peer that sends empty messages (HelloRequest, tickets)
 * faster than they are read would hold it, and the loop, for ever. So it reads from a BIO of ours,
 * which has no more bytes once a call has had its share.
 * Source: OpenSSL 3.0 manual, SSL_connect(3), SSL_get_error(3), SSL_CTX_set_security_level(3),
 * BIO_meth_new(3).
 */
#include "detect/streamtls.h"

#include "base/mem.h"
#include "detect/ossl.h"
#include "detect/tlshello.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

enum {
	CALL_BYTES_MAX = 64 * 1024, /* read from the socket by one call: some records */
	DH_SECURITY_BITS_MAX = 128  /* less than 7,680: -sV on ffdhe8192 took 3.5 s of CPU */
};

struct context {
	SSL_CTX *ssl;
	BIO_METHOD *method;
};

struct layer {
	SSL *ssl;
	int fd;
	size_t n_left; /* bytes that this call may still read */
	bool wants_write, is_at_end;
	bool has_spoken; /* the peer sent a message of a handshake */
	uint8_t *certs;  /* its certificates; owned */
	size_t n_certs_bytes;
};

/* --- the socket as OpenSSL sees it ---------------------------------------------------- */

static bool is_later(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

static int bio_read(BIO *bio, char *p, int n)
{
	struct layer *l = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!l->n_left) {
		BIO_set_retry_read(bio);
		return -1;
	}
	ssize_t got = recv(l->fd, p, MIN((size_t)n, l->n_left), 0);
	if (got < 0 && is_later(errno))
		BIO_set_retry_read(bio);
	l->n_left -= got > 0 ? (size_t)got : 0;
	l->is_at_end = got == 0;
	return (int)got;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	const struct layer *l = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	ssize_t sent = send(l->fd, p, (size_t)n, MSG_NOSIGNAL);
	if (sent < 0 && is_later(errno))
		BIO_set_retry_write(bio);
	return (int)sent;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
	const struct layer *l = BIO_get_data(bio);

	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && l->is_at_end);
}

static BIO_METHOD *method_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* --- context ---------------------------------------------------------------------------- */

/** Anything goes but a prime that is there to cost us time. */
static int is_allowed(const SSL *ssl, const SSL_CTX *ctx, int what, int bits, int id, void *more,
		      void *ex)
{
	(void)ssl;
	(void)ctx;
	(void)id;
	(void)more;
	(void)ex;
	return what != SSL_SECOP_TMP_DH || bits <= DH_SECURITY_BITS_MAX;
}

static SSL_CTX *ssl_context_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return NULL;
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, 0);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	SSL_CTX_set_security_callback(ctx, is_allowed);
	return ctx;
}

bool streamtls_is_missing(void)
{
	return ossl_is_missing();
}

int streamtls_context_new(void **ret)
{
	int err = ossl_load();
	struct context *c = err ? NULL : mem_alloc(1, sizeof(*c));

	if (!c)
		return err ? err : -ENOMEM;
	c->ssl = ssl_context_new();
	c->method = method_new();
	if (!c->ssl || !c->method) {
		streamtls_context_free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void streamtls_context_free(void *context)
{
	struct context *c = context;

	if (!c)
		return;
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->method);
	mem_free(c);
}

/** What comes in before it is understood: OpenSSL ends a handshake at a certificate that it cannot
 * read, and shows none of the chain then. */
static void on_message(int is_sent, int version, int type, const void *p, size_t n, SSL *ssl,
		       void *arg)
{
	enum { HEAD_BYTES = 4, TYPE_CERTIFICATE = 11 };
	struct layer *l = arg;
	const uint8_t *message = p;

	(void)ssl;
	if (is_sent || type != SSL3_RT_HANDSHAKE || n < HEAD_BYTES)
		return;
	l->has_spoken = true;
	if (message[0] != TYPE_CERTIFICATE || l->certs || !(l->certs = mem_alloc(1, n)))
		return;
	struct wcursor w = wcursor_of(l->certs, n);
	tls_certificate_list((struct bytes){message + HEAD_BYTES, n - HEAD_BYTES},
			     version == TLS1_3_VERSION, &w);
	l->n_certs_bytes = w.pos;
}

/* --- layers ------------------------------------------------------------------------------- */

int streamtls_new(void *context, const char *sni, void **ret)
{
	struct context *c = context;
	struct layer *l = mem_alloc(1, sizeof(*l));
	BIO *bio = l ? BIO_new(c->method) : NULL;

	if (!bio) {
		mem_free(l);
		return -ENOMEM;
	}
	BIO_set_data(bio, l);
	BIO_set_init(bio, 1);
	l->ssl = SSL_new(c->ssl);
	if (!l->ssl) {
		BIO_free(bio);
		mem_free(l);
		return -ENOMEM;
	}
	SSL_set_bio(l->ssl, bio, bio);
	if (sni && !SSL_set_tlsext_host_name(l->ssl, sni)) {
		streamtls_free(l);
		return -ENOMEM;
	}
	SSL_set_msg_callback(l->ssl, on_message);
	SSL_set_msg_callback_arg(l->ssl, l);
	SSL_set_connect_state(l->ssl);
	*ret = l;
	return 0;
}

void streamtls_free(void *tls)
{
	struct layer *l = tls;

	if (!l)
		return;
	SSL_free(l->ssl);
	mem_free(l->certs);
	mem_free(l);
}

struct bytes streamtls_certificates(const void *tls)
{
	const struct layer *l = tls;

	return (struct bytes){l->certs, l->n_certs_bytes};
}

/** An alert, or something only a TLS peer can send that we do not accept. */
static bool is_tls_refusal(int r)
{
	return (r >= SSL_AD_REASON_OFFSET && r < SSL_AD_REASON_OFFSET + 256) ||
	       r == SSL_R_UNSUPPORTED_PROTOCOL || r == SSL_R_DH_KEY_TOO_SMALL ||
	       r == SSL_R_EE_KEY_TOO_SMALL;
}

/** What a call that did not succeed means. @return -EAGAIN, 0 (orderly end), -EPROTO,
 * -E_UNSUPPORTED, -errno. */
static int reason(struct layer *l, int rc)
{
	int saved = errno;

	l->wants_write = false;
	switch (SSL_get_error(l->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		l->wants_write = true;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved ? -saved : -ECONNRESET;
	default:
		return l->has_spoken || is_tls_refusal(ERR_GET_REASON(ERR_peek_last_error()))
			       ? -EPROTO
			       : -E_UNSUPPORTED;
	}
}

static void begin_call(struct layer *l, int fd)
{
	l->fd = fd;
	l->n_left = CALL_BYTES_MAX;
	ERR_clear_error();
	errno = 0;
}

int streamtls_handshake(void *tls, int fd)
{
	struct layer *l = tls;

	begin_call(l, fd);
	int rc = SSL_do_handshake(l->ssl);
	if (rc == 1)
		return 0;
	int err = reason(l, rc);
	return err ? err : -ECONNRESET;
}

ssize_t streamtls_read(void *tls, int fd, void *p, size_t n)
{
	struct layer *l = tls;
	size_t got = 0;

	begin_call(l, fd);
	int rc = SSL_read_ex(l->ssl, p, n, &got);
	return rc == 1 ? (ssize_t)got : reason(l, rc);
}

ssize_t streamtls_write(void *tls, int fd, const void *p, size_t n)
{
	struct layer *l = tls;
	size_t sent = 0;

	begin_call(l, fd);
	int rc = SSL_write_ex(l->ssl, p, n, &sent);
	if (rc == 1)
		return (ssize_t)sent;
	int err = reason(l, rc);
	return err ? err : -EPIPE;
}

bool streamtls_wants_write(const void *tls)
{
	return ((const struct layer *)tls)->wants_write;
}

/** YYYY-MM-DD. */
static void date_text(const ASN1_TIME *t, char ret[16])
{
	struct tm tm = {0};

	if (!t || !ASN1_TIME_to_tm(t, &tm) || !strftime(ret, 16, "%Y-%m-%d", &tm))
		ret[0] = '\0';
}

/** The common name, or the first host name of a certificate that has none. */
static void name_text(X509 *leaf, char *ret, size_t cap)
{
	STACK_OF(GENERAL_NAME) * names;

	ret[0] = '\0';
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, ret, (int)cap) >
	    0)
		return;
	names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !ret[0]; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		if (n->type == GEN_DNS)
			snprintf(ret, cap, "%.*s", ASN1_STRING_length(n->d.dNSName),
				 (const char *)ASN1_STRING_get0_data(n->d.dNSName));
	}
	GENERAL_NAMES_free(names);
}

size_t streamtls_summary(void *ssl, char *ret, size_t cap)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	char name[256] = "", from[16] = "", until[16] = "";

	if (!SSL_is_init_finished(ssl))
		return 0;
	if (leaf) {
		name_text(leaf, name, sizeof(name));
		date_text(X509_get0_notBefore(leaf), from);
		date_text(X509_get0_notAfter(leaf), until);
	}
	int n = leaf ? snprintf(ret, cap, "%s; %s; %s to %s", SSL_get_version(ssl),
				name[0] ? name : "no name", from, until)
		     : snprintf(ret, cap, "%s; no certificate", SSL_get_version(ssl));
	return n < 0 ? 0 : MIN((size_t)n, cap - 1);
}

void *streamtls_ssl(void *tls)
{
	return ((struct layer *)tls)->ssl;
}
