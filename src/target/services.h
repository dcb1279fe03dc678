/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The services file: names and open frequencies of ports, in nmap-services' grammar
 * ("name port/proto [frequency] [# comment]"; /etc/services fits too). Ours when none is installed.
 */
#pragma once

#include "base/err.h"
#include "wire/portset.h"

/** Memory-mapped nmap-services, or our own table when the file is missing. */
struct services;
/**
 * @param path explicit file, or NULL: $NMAPDIR, then the places nmap-common installs to. Never
 * fails for a missing default. @return 0, -ENOMEM; of an explicit file -errno (-EISDIR),
 * -E_UNSUPPORTED (no plain file), -E_TRUNCATED (empty). Cost: one mmap,
 * nothing is read.
 */
int services_open(const char *path, struct services **ret) MUST_CHECK;
/** The same over borrowed bytes, valid until services_close. */
int services_open_bytes(const char *text, size_t len, struct services **ret) MUST_CHECK;
/** Our own table, whatever is installed. */
int services_open_builtin(struct services **ret) MUST_CHECK;
/** Accepts NULL. */
void services_close(struct services *s);
/**
 * Name of a port or NULL; @p out filled, cut at 31 characters. @param proto PROTO_TCP, PROTO_UDP,
 * PROTO_SCTP. Cost: a binary search (0.5 us, cold 25 us), of a port just asked for 5 ns; the first
 * name not found costs one pass (1 ms) that proves the file sorted, and in a file that is not,
 * every search is a pass. Thread: owner.
 */
const char *services_name(struct services *s, uint8_t proto, uint16_t port, char out[32]);
/** Whether rows carry measured frequencies; our own table knows only their order. */
bool services_has_frequencies(const struct services *s);

#define SERVICE_FREQUENCY_ONE 1000000000u

struct service_row {
	const char *name; /* not terminated; borrowed */
	uint32_t name_len;
	uint32_t frequency; /* share of hosts where open, in units of 1e-9; of our own table: an
			       order, higher first */
	uint16_t port;
	uint8_t proto; /* enum port_proto */
};
/** Next row; *pos starts at 0. @return false at the end. Lines that do not fit the grammar are
 * skipped. */
bool services_next(const struct services *s, size_t *pos, struct service_row *ret);

/** Our own table, most often open first within a protocol; names end at NUL. */
struct service_builtin {
	uint16_t port;
	char name[22];
};
extern const struct service_builtin *const services_builtin[PORT_PROTO_N];
extern const uint32_t services_builtin_n[PORT_PROTO_N];
