/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS of detection's streams. OpenSSL's context is made at the first use: its tables cost
 * milliseconds that a scan without TLS must not pay.
 * Source: OpenSSL 3.0 manual, SSL_connect(3), SSL_get_error(3), SSL_CTX_set_security_level(3).
 */
#include "detect/streamtls.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

struct layer {
	SSL *ssl;
	bool wants_write;
};

void *streamtls_context_new(void)
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
	return ctx;
}

void streamtls_context_free(void *context)
{
	SSL_CTX_free(context);
}

int streamtls_new(void *context, const char *sni, void **ret)
{
	struct layer *l = mem_alloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->ssl = SSL_new(context);
	if (!l->ssl || (sni && !SSL_set_tlsext_host_name(l->ssl, sni))) {
		streamtls_free(l);
		return -ENOMEM;
	}
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
	mem_free(l);
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
		return is_tls_refusal(ERR_GET_REASON(ERR_peek_last_error())) ? -EPROTO
									     : -E_UNSUPPORTED;
	}
}

static bool attach(struct layer *l, int fd)
{
	return SSL_get_fd(l->ssl) == fd || SSL_set_fd(l->ssl, fd) == 1;
}

int streamtls_handshake(void *tls, int fd)
{
	struct layer *l = tls;

	if (!attach(l, fd))
		return -ENOMEM;
	ERR_clear_error();
	errno = 0;
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

	(void)fd;
	ERR_clear_error();
	errno = 0;
	int rc = SSL_read_ex(l->ssl, p, n, &got);
	return rc == 1 ? (ssize_t)got : reason(l, rc);
}

ssize_t streamtls_write(void *tls, int fd, const void *p, size_t n)
{
	struct layer *l = tls;
	size_t sent = 0;

	(void)fd;
	ERR_clear_error();
	errno = 0;
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

void *streamtls_ssl(void *tls)
{
	return ((struct layer *)tls)->ssl;
}
