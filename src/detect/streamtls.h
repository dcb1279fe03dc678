/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TLS layer of a stream, by OpenSSL on the stream's own non-blocking socket. Every protocol
 * version and cipher that OpenSSL still speaks is offered and nothing is verified: the peer is
 * looked at, not trusted. Internal to stream.c. Thread: the loop's.
 */
#pragma once

#include "base/cursor.h"
#include "base/err.h"

#include <sys/types.h>

/** What all layers of a loop share: costs milliseconds once. @return 0, -E_UNSUPPORTED without the
 * library, -ENOMEM. */
int streamtls_context_new(void **ret) MUST_CHECK;
/** @return whether OpenSSL was wanted so far and could not be loaded. Thread: any. */
bool streamtls_is_missing(void);
/** Accepts NULL. Layers keep what they need. */
void streamtls_context_free(void *context);
/** @param sni NULL: none. @return 0 or -ENOMEM. */
int streamtls_new(void *context, const char *sni, void **ret) MUST_CHECK;
/** Accepts NULL. */
void streamtls_free(void *tls);
/** @return 0 when agreed; -EAGAIN; -EPROTO when the peer speaks TLS and refuses ours;
 * -E_UNSUPPORTED when it speaks something else; -errno. */
int streamtls_handshake(void *tls, int fd) MUST_CHECK;
/** @return bytes, 0 at the orderly end, -EAGAIN, -errno. */
ssize_t streamtls_read(void *tls, int fd, void *p, size_t n);
ssize_t streamtls_write(void *tls, int fd, const void *p, size_t n);
/** Does the layer wait for room to send? */
bool streamtls_wants_write(const void *tls);
/**
 * What the handshake has shown, in a line: "TLSv1.3; www.example.net; 2026-01-01 to 2027-01-01":
 * protocol version, the leaf certificate's common name (or its first host name), validity.
 * @param ssl of stream_tls(). @return bytes written to @p ret, which ends with NUL; control bytes
 * are the caller's business. 0: nothing is agreed.
 */
size_t streamtls_summary(void *ssl, char *ret, size_t cap);
/** The chain as the peer sent it, whether or not it could be read: tls_next_certificate().
 * Borrowed; empty: none came. */
struct bytes streamtls_certificates(const void *tls);
/** The SSL object. */
void *streamtls_ssl(void *tls);
