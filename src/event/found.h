/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What detection found of one host, kept until the host is finished. Internal to hosts.c. */
#pragma once

#include "base/cursor.h"
#include "event/event.h"

/** All zero: nothing found. */
struct found {
	struct facts *block; /* owns everything below */
	struct found_service *services;
	struct found_banner *banners;
	const struct os_facts *os;
	struct found_tls *tls;
};

/** A later one of the same port replaces the earlier. @return 0 or -ENOMEM. */
int found_put_service(struct found *f, const struct ev_service *ev) MUST_CHECK;
/** A copy. A later one of the same port replaces the earlier. @return 0 or -ENOMEM. */
int found_put_banner(struct found *f, const struct ev_service *ev) MUST_CHECK;
/** @return empty: there is none. */
struct bytes found_banner(const struct found *f, uint8_t proto, uint16_t port);
/** A later one replaces the earlier. @return 0 or -ENOMEM. */
int found_put_os(struct found *f, const struct ev_os *ev) MUST_CHECK;
/** @return NULL when nothing was found. */
const struct service_facts *found_service(const struct found *f, uint8_t proto, uint16_t port);
/** Holds the event's block. @return 0 or -ENOMEM. */
int found_put_tls(struct found *f, const struct ev_tls *ev) MUST_CHECK;
/** @return NULL when no TLS was found. */
const struct tls_facts *found_tls(const struct found *f, uint8_t proto, uint16_t port);
void found_clear(struct found *f);
