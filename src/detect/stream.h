/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many conversations at once for detection: TCP, TCP with TLS, and UDP, non-blocking, on one loop
 * of one thread. A stream tells its owner what happens by one callback; everything it received
 * stays in one buffer with a ceiling. Peers are hostile: time and bytes are bounded, a dribbling or
 * an endless one costs its own stream and nothing else.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "wire/addr.h"

#define STREAM_BYTES_MAX (64u * 1024) /* received by one stream; then STREAM_FULL */

enum stream_event {
	STREAM_OPEN,     /* connected, TLS agreed: may send */
	STREAM_DATA,     /* more bytes are in stream_received() */
	STREAM_FULL,     /* the ceiling is reached: nothing more is read */
	STREAM_EOF,      /* the peer closed in order */
	STREAM_FAILED,   /* stream_error() says why: refused, reset, unreachable, no TLS */
	STREAM_DEADLINE, /* the time set with stream_deadline() has come */
	STREAM_EVENT_N
};

enum stream_layer { STREAM_PLAIN, STREAM_TLS };

struct streams;
struct stream;

/** Called on the loop's thread. The owner may close the stream or open others. */
typedef void stream_fn(void *ctx, struct stream *s, enum stream_event ev);

struct streams_conf {
	uint32_t n_max; /* open at once; the descriptor limit is the owner's business */
	struct addr source4, source6; /* -S; family ADDR_NONE: the kernel's choice */
	uint32_t if_idx;              /* -e; 0 any */
	uint8_t ttl;                  /* 0: the kernel's */
};

/** Whom to talk to and how. */
struct stream_to {
	struct endpoint to; /* proto PROTO_TCP or PROTO_UDP */
	enum stream_layer layer;
	const char *sni;     /* server name for TLS, NULL: none; borrowed during the call */
	bool hears_any_port; /* UDP: answers from any port of the address count; no ICMP errors */
};

struct streams_stats {
	uint64_t n_opened, n_sends, n_sent_bytes, n_received_bytes;
	uint64_t n_local_errors; /* no descriptors, no ports, no memory: asked to come again */
};

/** @return 0, -ENOMEM, -errno. Thread: the one that will call the rest. */
int streams_new(const struct streams_conf *conf, struct streams **ret) MUST_CHECK;
/** Closes what is open, without callbacks. Accepts NULL. */
void streams_free(struct streams *all);
/**
 * Begin a conversation. @return 0; -E_AGAIN when this machine has no room for it now (limit,
 * descriptors, ports): come again; other -errno is about the target.
 */
int stream_open(struct streams *all, const struct stream_to *to, stream_fn *fn, void *ctx,
		struct stream **ret) MUST_CHECK;
/** Begin TLS on an open plain TCP stream (STARTTLS). STREAM_OPEN comes again when agreed; what was
 * received before is forgotten. @return 0 or -errno. */
int stream_start_tls(struct stream *s, const char *sni) MUST_CHECK;
/** Queue bytes; sent as the peer takes them. @return 0, -E_FULL beyond 64 KiB unsent, -errno. */
int stream_send(struct stream *s, const void *p, size_t len) MUST_CHECK;
/** One STREAM_DEADLINE at @p due_ns (monotonic); a later call replaces it; 0: none. */
void stream_deadline(struct stream *s, uint64_t due_ns);
/** All bytes received since the stream was opened (or TLS was agreed, or they were forgotten);
 * valid until the next turn. */
struct bytes stream_received(const struct stream *s);
/** Forget what was received: the next answer starts afresh. */
void stream_forget(struct stream *s);
/** After STREAM_FAILED: -ECONNREFUSED, -ECONNRESET, -E_UNSUPPORTED (the peer speaks no TLS),
 * -EPROTO (it does, but refuses ours), ... */
int stream_error(const struct stream *s);
/** The certificates of a TLS stream's peer, as streamtls_certificates(); also after STREAM_FAILED.
 */
struct bytes stream_certificates(const struct stream *s);
/** The OpenSSL connection of a TLS stream (SSL *), NULL on a plain one. Borrowed. */
void *stream_tls(const struct stream *s);
/** Close at once (RST, so that no port of ours waits) and free. Accepts NULL. Not from inside
 * another stream's callback with that other stream pending: allowed, events of it are dropped. */
void stream_close(struct stream *s);
/** Wait for events at most @p wait_us and call back. @return events handled, or -errno. */
int streams_turn(struct streams *all, uint32_t wait_us) MUST_CHECK;
/** Another thread's knock: streams_turn returns soon. Async-signal-safe. Thread: any. */
void streams_wake(struct streams *all);
const struct streams_stats *streams_stats(const struct streams *all);
