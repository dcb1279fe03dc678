/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that examines TLS endpoints: jobs in by one ring, facts out by another. Each job runs
 * the plan of tlsscan.h with a few connections at once, and is answered exactly once. Services that
 * begin in the clear are asked for TLS first (STARTTLS), by port.
 */
#pragma once

#include "detect/stream.h"
#include "event/tlsfacts.h"

struct tlsasker;

#define TLS_NAME_CAP 256

struct tlsasker_conf {
	struct streams_conf streams; /* n_max is set here */
	const char *ca_file;         /* NULL: the system's authorities; borrowed */
	uint32_t max_rate_pps;       /* packets; 0: no limit */
	uint32_t n_endpoints;        /* under way at once */
};

struct tls_job {
	uint64_t host_idx;
	struct addr addr;
	uint16_t port;
	uint64_t deadline_ns;    /* ended then, with what is known; clock_now_ns(); 0: never */
	char name[TLS_NAME_CAP]; /* SNI and name to be certified; "": none */
};

struct tls_result {
	uint64_t host_idx;
	struct addr addr;
	uint16_t port;
	struct facts *block;           /* taken by the receiver: facts_free; NULL: no TLS there */
	const struct tls_facts *facts; /* NULL: no TLS there */
	bool has_failed;               /* it is not known whether there is */
	bool has_timed_out;            /* its deadline ended it */
};

/** Starts the thread. @return 0, -ENOENT when ca_file has no certificate, -ENOMEM, -errno. Thread:
 * coordinator, as all of these. */
int tlsasker_new(const struct tlsasker_conf *conf, struct tlsasker **ret) MUST_CHECK;
/** @return false: full, come again. */
bool tlsasker_put(struct tlsasker *a, const struct tls_job *job);
/** @return true with a result. */
bool tlsasker_take(struct tlsasker *a, struct tls_result *ret);
/** Jobs under way are answered with what is known, later ones as failed. */
void tlsasker_stop(struct tlsasker *a);
/** Ends the thread; results not taken are lost. Accepts NULL. */
void tlsasker_free(struct tlsasker *a);
