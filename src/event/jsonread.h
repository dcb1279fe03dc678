/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The JSON lines of out/json.c, read back into the facts they were made from. A line at a time: the
 * memory is that of one line. What is wrong is told with file, line and column. Records of unknown
 * types, and unknown keys, are passed over, as docs/formats.md asks of readers.
 * Thread: owner.
 */
#pragma once

#include "event/event.h"

#define JSONREAD_LINE_MAX (4u << 20)
#define JSONREAD_TYPES    4

enum json_kind {
	JSON_OTHER,
	JSON_SCAN,
	JSON_PORT,
	JSON_HOST,
	JSON_SUMMARY,
	JSON_SERVICE,
	JSON_BANNER,
	JSON_OS,
	JSON_TLS,
	JSON_CERTIFICATE,
	JSON_KIND_N
};
enum json_scan_kind { JSON_SCAN_PORTS, JSON_SCAN_PING, JSON_SCAN_LIST, JSON_SCAN_KIND_N };

/** The first record: what was asked, and by whom. */
struct json_scan {
	const char *id, *version, *args;
	const char *types[JSONREAD_TYPES]; /* names of scan types */
	uint32_t n_types;
	uint8_t kind; /* enum json_scan_kind */
	uint64_t seed, start_wall_ns, n_hosts, targets_sum;
	uint32_t shard_idx, n_shards; /* idx from 0; n 0: the whole */
	bool is_sharded_by_port, skips_discovery, is_open_only, wants_services;
	uint8_t silent_attempt;
	const struct port_set *ports; /* sealed */
};

/** A finished host: as two events and two names. */
struct json_host {
	struct ev_host found;
	struct ev_host_done done;
	const char *hostname, *ptr; /* NULL: none */
	bool is_typed;              /* hostname is what the user typed */
	uint64_t n_ports[PORT_STATE_N];
};

struct json_summary {
	struct ev_scan_completed completed; /* backend borrowed like all texts */
	uint64_t max_pps;
};

/** One certificate of an endpoint whose JSON_TLS came before. */
struct json_cert {
	struct addr addr;
	uint16_t port;
	uint8_t proto;
	uint32_t chain_idx; /* 0: the endpoint's own */
	struct cert_info cert;
};

/** One record; texts are valid until the next one is read. */
struct json_record {
	enum json_kind kind;
	union {
		struct json_scan scan;
		struct ev_port port;
		struct json_host host;
		struct json_summary summary;
		struct ev_service service; /* JSON_SERVICE; JSON_BANNER: its text as it stands */
		struct ev_os os;
		struct ev_tls tls; /* without its certificates: n_certs is how many follow */
		struct json_cert cert;
	};
	struct facts *block; /* of the last five: owns what they point to; facts_hold to keep it */
};

struct jsonread; /* opaque */

/** @return owned, or NULL without memory. For jsonread_line only until a file is opened. */
struct jsonread *jsonread_new(void) MUST_CHECK;
void jsonread_free(struct jsonread *r);
/**
 * One record from the bytes of a line, without its newline.
 * @return 0; -E_SYNTAX, -E_RANGE, -E_UNSUPPORTED (another schema) with @p reterr (token, column);
 * -ENOMEM.
 */
int jsonread_line(struct jsonread *r, const char *line, size_t len, struct json_record *ret,
		  struct err_where *reterr) MUST_CHECK;
/** Read this file from its beginning. @param path borrowed. @return 0 or -errno. */
int jsonread_open(struct jsonread *r, const char *path) MUST_CHECK;
/**
 * The next record of the file; empty lines are passed over. @return 1; 0 at the end; as
 * jsonread_line, with file and line; -E_FULL: a line longer than JSONREAD_LINE_MAX; -errno.
 */
int jsonread_next(struct jsonread *r, struct json_record *ret, struct err_where *reterr) MUST_CHECK;
/** The last line had no end and was no record: its writer was cut off. */
bool jsonread_is_cut(const struct jsonread *r);
