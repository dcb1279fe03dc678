/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of a port's plan share: how long to wait (service_wait.c), what to ask next
 * (service_order.c), what an answer says (service_said.c), what happens (service.c). Internal to
 * these. Thread: owner.
 */
#pragma once

#include "detect/service.h"

/* --- service_wait.c ---------------------------------------------------------------- */

/** @p n round trips. */
uint64_t wait_rtts(const struct service *s, uint32_t n);
/** How long a connect may take. @param is_handshake it is about TLS, which may not be spoken. */
uint64_t wait_connect_ns(struct service *s, bool is_handshake);
/** No answer is waited for longer: the probe's totalwaitms. */
uint64_t wait_ceiling_ns(const struct service *s, const struct service_talk *t);
/** Of the listener before anything is sent. */
uint64_t wait_head_start_ns(const struct service *s);
/** How long the first byte of an answer may take. */
uint64_t wait_first_ns(const struct service *s, const struct service_talk *t);
/** The same while an older connection listens, which may be in the way. */
uint64_t wait_beside_ns(const struct service *s, const struct service_talk *t);
/** A pause that ends an answer. */
uint64_t wait_quiet_ns(const struct service *s, const struct service_talk *t);
/** Bytes that arrive together are matched together. */
uint64_t wait_settle_ns(const struct service *s);
/** Closed sooner without a byte: a wrapper (tcpwrappedms). */
uint64_t wait_wrap_ns(const struct service *s);

/* --- service_order.c ---------------------------------------------------------------- */

/** @return the probe of the file that a conversation is about; NULL: TLS, or a reader's question.
 */
const struct svc_probe *order_probe_of(const struct service *s, const struct service_talk *t);
/** Nothing was sent on it. */
bool order_is_null(const struct service *s, const struct service_talk *t);
bool order_is_listed(const struct service *s, const struct svc_probe *p);
void order_set_tried(struct service *s, uint32_t probe, bool is_tried);
/** @param hello number of a reader's question. */
void order_set_asked(struct service *s, uint32_t hello, bool is_asked);
/** The conversation that listens from the beginning, or NULL. */
struct service_talk *order_listener(struct service *s);
uint32_t order_n_active(const struct service *s);
/** The listener is heard out before anything is sent: for a moment, or while it speaks. */
bool order_must_hold(struct service *s, uint64_t now_ns);
/** @return what the next conversation is for: a probe, SERVICE_PROBE_TLS, SERVICE_PROBE_APP (then
 * s->hello, hello_row and hello_idx are set); UINT32_MAX: nothing now. */
uint32_t order_choose(struct service *s, uint64_t now_ns);
/** Does any probe say that this port usually speaks TLS? */
bool order_is_tls_likely(const struct service *s);

/* --- service_said.c ------------------------------------------------------------------- */

/** Keep the first thing said. */
void said_keep_banner(struct service *s, struct bytes b);
/** The peer wants TLS. @return whether that is news. */
bool said_want_tls(struct service *s);
/** Match what was heard so far. @return whether it is a hard match: everything else may end. */
bool said_match(struct service *s, struct service_talk *t, struct bytes b);
/** @return what the reader whose question it was says, as its parse(); -E_SYNTAX: there is none. */
int said_progress(const struct service_talk *t, struct bytes b);
/** A conversation is over: match, read and keep what it said. @return as said_match. */
bool said_all(struct service *s, struct service_talk *t, struct bytes b);
