/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TLS stage as the coordinator sees it: every open TCP port is a job for the examining thread
 * (tlsasker.h) while the port scan goes on; results are published when the coordinator pumps. A
 * host's HOST_DETECTED follows when its ports have all been answered. Thread: the bus's.
 */
#pragma once

#include "detect/tlsasker.h"
#include "event/hosts.h"

struct tlsstage;

struct tlsstage_conf {
	struct tlsasker_conf asker;
	const char *sni;           /* --tls-sni; NULL: the name the user typed for the host */
	const struct hosts *hosts; /* borrowed */
	uint32_t n_parts;          /* EVENT_HOST_SCANNED of each host */
	uint32_t host_timeout_ms;  /* of a host's port scan and analysis together; 0: no limit */
};

/** Subscribes; starts the thread, where OpenSSL is installed: else nothing is examined, and the log
 * says so. Call after hosts_new. @return 0, -E_FULL, -ENOMEM, as
 * tlsasker_new. */
int tlsstage_new(const struct tlsstage_conf *conf, struct bus *bus,
		 struct tlsstage **ret) MUST_CHECK;
/** Hand out jobs, publish results. Cheap when there is nothing. */
void tlsstage_pump(struct tlsstage *s);
/** Were endpoints left out for want of memory, or because this machine failed? */
bool tlsstage_has_failed(const struct tlsstage *s);
/** Nothing waits for a result. */
bool tlsstage_is_idle(const struct tlsstage *s);
/** ^C: what is known is published by later pumps, nothing more is asked. */
void tlsstage_stop(struct tlsstage *s);
/** Accepts NULL. */
void tlsstage_free(struct tlsstage *s);
