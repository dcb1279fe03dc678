/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON lines -> records. Jansson turns a line into a tree; here its values are fetched by key, each
 * with its range, and the first that does not fit ends the line with a message that names it. The
 * words of states and reasons are those event.c prints.
 */
#include "event/jsonread.h"

#include "event/jsonread_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- words -------------------------------------------------------------------------------- */

static bool read_mac(const char *s, struct mac *ret)
{
	int n = 0;

	return strlen(s) == MAC_TEXT_CAP - 1 &&
	       sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &ret->b[0], &ret->b[1],
		      &ret->b[2], &ret->b[3], &ret->b[4], &ret->b[5], &n) == 6 &&
	       n == MAC_TEXT_CAP - 1;
}

static const char *port_state_at(uint32_t i)
{
	return port_state_name((enum port_state)i);
}
static const char *host_state_at(uint32_t i)
{
	return host_state_name((enum host_state)i);
}
static const char *reason_at(uint32_t i)
{
	return reason_name((enum reason)i);
}
static const char *mark_at(uint32_t i)
{
	return host_mark_name((enum host_mark)i);
}
static const char *scan_kind_at(uint32_t i)
{
	static const char *const names[JSON_SCAN_KIND_N] = {"ports", "ping", "list"};

	return names[i];
}

/** "2026-11-22T01:32:45.123456789Z" as nanoseconds since 1970. */
static uint64_t get_time(struct fetch *f, const char *key)
{
	const char *s = fetch_need_text(f, key);
	struct tm tm = {0};
	unsigned ns = 0;
	int n = 0;

	if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d.%9uZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ns, &n) != 7 ||
	    n != 30 || s[n] || tm.tm_year < 1970) {
		fetch_refuse(f, key, -E_SYNTAX, "a time such as 2026-11-22T01:32:45.123456789Z");
		return 0;
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (uint64_t)timegm(&tm) * NS_PER_S + ns;
}

/* --- records ------------------------------------------------------------------------- */

static void read_port(struct fetch *f, struct ev_port *ret)
{
	*ret = (struct ev_port){
		.addr = fetch_addr(f, "address", true),
		.port = (uint16_t)fetch_u64(f, "port", UINT16_MAX),
		.proto = fetch_proto(f),
		.state = fetch_word(f, "state", port_state_at, PORT_STATE_N),
		.reason = fetch_word(f, "reason", reason_at, REASON_N),
		.ttl = (uint8_t)fetch_known(f, "ttl", UINT8_MAX),
		.attempt = (uint8_t)fetch_u64(f, "attempt", UINT8_MAX),
		.rtt_us = (uint32_t)fetch_known(f, "rtt_us", UINT32_MAX),
		.from = fetch_addr(f, "from", false),
	};
	if (ret->state == PORT_UNKNOWN)
		fetch_refuse(f, "state", -E_SYNTAX, "a port's state");
}

static struct ev_evidence read_evidence(struct fetch *f)
{
	struct ev_evidence e = {0};

	if (!json_object_get(f->obj, "dishonest"))
		return e;
	e.mark = fetch_word(f, "dishonest", mark_at, HOST_MARK_N);
	const json_t *host = f->obj;
	f->obj = json_object_get(host, "evidence");
	e.n_asked = (uint32_t)fetch_u64(f, "asked", UINT32_MAX);
	e.n_open = (uint32_t)fetch_u64(f, "open", UINT32_MAX);
	e.n_zero = (uint32_t)fetch_u64(f, "zero_window", UINT32_MAX);
	e.n_canaries = (uint8_t)fetch_u64(f, "canaries", UINT8_MAX);
	e.n_canaries_open = (uint8_t)fetch_u64(f, "canaries_open", UINT8_MAX);
	e.ttl_open = (uint8_t)fetch_known(f, "ttl_open", UINT8_MAX);
	e.ttl_other = (uint8_t)fetch_known(f, "ttl_other", UINT8_MAX);
	f->obj = host;
	return e;
}

/** How many ports are of each state. */
static void read_counts(struct fetch *f, uint64_t ret[PORT_STATE_N])
{
	const json_t *all = f->obj;

	f->obj = json_object_get(all, "ports");
	if (!json_is_object(f->obj))
		fetch_refuse(f, "ports", -E_SYNTAX, "the ports of each state, counted");
	for (uint32_t s = 0; s < PORT_STATE_N && !f->err; s++)
		ret[s] = fetch_known(f, port_state_name((enum port_state)s), INT64_MAX);
	f->obj = all;
}

static void read_host(struct fetch *f, struct json_host *ret)
{
	const char *mac = fetch_text(f, "mac");
	struct ev_host h = {
		.addr = fetch_addr(f, "address", true),
		.state = fetch_word(f, "state", host_state_at, HOST_STATE_N),
		.reason = fetch_word(f, "reason", reason_at, REASON_N),
		.ttl = (uint8_t)fetch_known(f, "ttl", UINT8_MAX),
		.rtt_us = (uint32_t)fetch_known(f, "rtt_us", UINT32_MAX),
	};

	if (mac && !read_mac(mac, &h.mac))
		fetch_refuse(f, "mac", -E_SYNTAX, "a MAC address");
	h.has_mac = mac != NULL;
	*ret = (struct json_host){.found = h,
				  .hostname = fetch_text(f, "hostname"),
				  .ptr = fetch_text(f, "ptr"),
				  .is_typed = fetch_bool(f, "typed")};
	ret->done = (struct ev_host_done){
		.addr = h.addr,
		.state = h.state,
		.reason = h.reason,
		.is_partial = fetch_bool(f, "partial"),
		.is_timed_out = fetch_bool(f, "timed_out") && fetch_bool(f, "partial"),
		.is_detection_timed_out = fetch_bool(f, "timed_out") && !fetch_bool(f, "partial"),
		.evidence = read_evidence(f),
		.srtt_us = h.rtt_us,
		.rttvar_us = (uint32_t)fetch_known(f, "rttvar_us", UINT32_MAX),
		.rto_us = (uint32_t)fetch_known(f, "rto_us", UINT32_MAX),
	};
	read_counts(f, ret->n_ports);
}

static void read_ports(struct fetch *f, struct port_set *ret)
{
	const json_t *ports = json_object_get(f->obj, "ports");

	memset(ret, 0, sizeof(*ret));
	for (uint32_t p = 0; p < PORT_PROTO_N; p++) {
		const json_t *v =
			json_object_get(ports, proto_name(port_proto_number((enum port_proto)p)));
		if (v &&
		    (!json_is_string(v) || !port_bits_parse(json_string_value(v), &ret->of[p])))
			fetch_refuse(f, "ports", -E_SYNTAX,
				     "port lists by protocol: {\"tcp\":\"22,80-89\"}");
	}
	if (!json_is_object(ports))
		fetch_refuse(f, "ports", -E_SYNTAX,
			     "port lists by protocol: {\"tcp\":\"22,80-89\"}");
}

static void read_types(struct fetch *f, struct json_scan *ret)
{
	const json_t *types = json_object_get(f->obj, "types");

	ret->n_types = (uint32_t)json_array_size(types);
	if (!json_is_array(types) || ret->n_types > JSONREAD_TYPES) {
		fetch_refuse(f, "types", -E_SYNTAX, "a list of up to 4 scan types");
		ret->n_types = 0;
	}
	for (uint32_t i = 0; i < ret->n_types; i++) {
		ret->types[i] = json_string_value(json_array_get(types, i));
		if (!ret->types[i])
			fetch_refuse(f, "types", -E_SYNTAX, "a list of up to 4 scan types");
	}
}

static void read_shard(struct fetch *f, struct json_scan *ret)
{
	const json_t *whole = f->obj, *shard = json_object_get(whole, "shard");

	if (!shard || json_is_null(shard))
		return;
	f->obj = shard;
	ret->n_shards = (uint32_t)fetch_u64(f, "count", UINT16_MAX + 1u);
	uint64_t idx = fetch_u64(f, "index", UINT16_MAX + 1u);
	const char *by = fetch_need_text(f, "by");
	f->obj = whole;
	if (!idx || idx > ret->n_shards || (strcmp(by, "hosts") != 0 && strcmp(by, "ports") != 0))
		fetch_refuse(f, "shard", -E_RANGE,
			     "index from 1 to count, by \"hosts\" or \"ports\"");
	ret->shard_idx = (uint32_t)idx - 1;
	ret->is_sharded_by_port = strcmp(by, "ports") == 0;
}

/** Of all 64 bits, which JSON numbers of 63 cannot hold: from the text. */
static uint64_t read_seed(struct fetch *f)
{
	static const char key[] = "\"seed\":";
	const char *at = memmem(f->line, f->len, key, sizeof(key) - 1);
	uint64_t v = 0;

	if (json_is_integer(json_object_get(f->obj, "seed")))
		return fetch_u64(f, "seed", INT64_MAX);
	at = at ? at + sizeof(key) - 1 : f->line + f->len;
	for (; at < f->line + f->len && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(v, 10ull, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*at - '0'), &v))
			fetch_refuse(f, "seed", -E_RANGE, "a number of 64 bits");
	return v;
}

static void read_scan(struct fetch *f, struct port_set *ports, struct json_scan *ret)
{
	char *end = NULL;

	*ret = (struct json_scan){
		.id = fetch_need_text(f, "id"),
		.version = fetch_need_text(f, "version"),
		.args = fetch_need_text(f, "args"),
		.kind = fetch_word(f, "kind", scan_kind_at, JSON_SCAN_KIND_N),
		.seed = read_seed(f),
		.start_wall_ns = get_time(f, "start"),
		.n_hosts = fetch_count(f, "hosts"),
		.skips_discovery = !fetch_bool(f, "discovery"),
		.is_open_only = fetch_bool(f, "open_only"),
		.wants_services = fetch_bool(f, "services"),
		.silent_attempt = (uint8_t)fetch_known(f, "silent_attempt", UINT8_MAX),
		.ports = ports,
	};
	const char *sum = fetch_need_text(f, "targets");
	ret->targets_sum = strtoull(sum, &end, 16);
	if (strlen(sum) != 16 || *end)
		fetch_refuse(f, "targets", -E_SYNTAX, "16 hexadecimal digits");
	read_types(f, ret);
	read_shard(f, ret);
	read_ports(f, ports);
}

static void read_list(struct fetch *f, const char *key, uint64_t *ret, size_t cap)
{
	const json_t *list = json_object_get(f->obj, key);
	size_t n = json_array_size(list);
	bool is_good = json_is_array(list) && n <= cap;

	for (size_t i = 0; is_good && i < n; i++) {
		json_int_t v = json_integer_value(json_array_get(list, i));
		is_good = json_is_integer(json_array_get(list, i)) && v >= 0;
		ret[i] = (uint64_t)v;
	}
	if (!is_good)
		fetch_refuse(f, key, -E_SYNTAX, "a short list of counts");
}

static struct coverage_stratum read_stratum(struct fetch *f)
{
	struct coverage_stratum s = {.n_hosts = fetch_u64(f, "hosts", INT64_MAX),
				     .is_pooled = fetch_bool(f, "pooled")};
	uint64_t again[2] = {0};

	read_list(f, "answered", s.n_answered, COVERAGE_ATTEMPTS_MAX);
	read_list(f, "silent", s.n_silent, COVERAGE_ATTEMPTS_MAX);
	read_list(f, "again", again, ARRAY_LEN(again));
	s.n_again = again[0];
	s.n_again_answered = again[1];
	if (again[1] > again[0])
		fetch_refuse(f, "again", -E_RANGE, "no more answers than questions");
	return s;
}

/** The counts; the estimate follows from them. The pooled stratum stands first. */
static void read_strata(struct fetch *f, struct scan_trust *ret)
{
	const json_t *cov = f->obj, *strata = json_object_get(cov, "strata");
	struct coverage *c = &ret->ports;

	c->n_strata = 1;
	c->strata[0] = (struct coverage_stratum){.is_pooled = true};
	if (!json_is_array(strata) || json_array_size(strata) > COVERAGE_STRATA_MAX + 1)
		fetch_refuse(f, "strata", -E_SYNTAX, "a list of strata");
	for (size_t i = 0; i < json_array_size(strata) && !f->err; i++) {
		f->obj = json_array_get(strata, i);
		struct coverage_stratum s = read_stratum(f);
		if (strcmp(fetch_need_text(f, "of"), "hosts") == 0)
			ret->hosts = s;
		else if (s.is_pooled)
			c->strata[0] = s;
		else if (c->n_strata < COVERAGE_STRATA_MAX)
			c->strata[c->n_strata++] = s;
	}
	f->obj = cov;
}

static double get_fraction(struct fetch *f, const char *key, bool *ret_is_known)
{
	const json_t *v = json_object_get(f->obj, key);

	*ret_is_known = json_is_number(v);
	return *ret_is_known ? fetch_real(f, key) : 0;
}

/** @return NULL when the scan had nothing to estimate. */
static const struct scan_trust *read_trust(struct fetch *f, struct scan_trust *ret)
{
	const json_t *all = f->obj, *cov = json_object_get(all, "coverage");
	const char *bottleneck = fetch_text(f, "bottleneck");
	struct coverage_estimate *e = &ret->estimate;
	bool is_known;

	if (!cov || json_is_null(cov))
		return NULL;
	memset(ret, 0, sizeof(*ret));
	f->obj = cov;
	ret->is_of_hosts = strcmp(fetch_need_text(f, "of"), "hosts") == 0;
	e->estimate = get_fraction(f, "estimate", &e->is_known);
	e->low = get_fraction(f, "low", &is_known);
	e->high = get_fraction(f, "high", &is_known);
	e->n_found = fetch_u64(f, "found", INT64_MAX);
	e->n_silent = fetch_u64(f, "silent", INT64_MAX);
	e->n_attempts = get_fraction(f, "attempts", &is_known);
	ret->n_late_ports = fetch_u64(f, "late", INT64_MAX);
	e->of_asked = e->estimate;
	if (json_object_get(cov, "unknown")) {
		ret->n_unknown_ports = fetch_u64(f, "unknown", INT64_MAX);
		e->of_asked = get_fraction(f, "of_asked", &is_known);
	}
	read_strata(f, ret);
	f->obj = all;
	snprintf(ret->bottleneck, sizeof(ret->bottleneck), "%s", bottleneck ? bottleneck : "");
	return ret;
}

static void read_summary(struct fetch *f, struct scan_trust *trust, struct json_summary *ret)
{
	const json_t *all = f->obj;
	struct ev_scan_completed c = {
		.elapsed_ns = (uint64_t)(fetch_real(f, "elapsed_s") * 1e9),
		.n_sent = fetch_u64(f, "sent", INT64_MAX),
		.n_received = fetch_u64(f, "received", INT64_MAX),
		.n_dup = fetch_u64(f, "duplicates", INT64_MAX),
		.n_late = fetch_u64(f, "late", INT64_MAX),
		.n_forged = fetch_u64(f, "forged", INT64_MAX),
		.n_unproven = fetch_known(f, "unproven", INT64_MAX),
		.n_dishonest = fetch_known(f, "dishonest", INT64_MAX),
		.backend = fetch_need_text(f, "backend"),
		.exit_code = (uint8_t)fetch_u64(f, "exit", UINT8_MAX),
		.interrupted = fetch_bool(f, "interrupted"),
	};

	f->obj = json_object_get(all, "hosts");
	c.n_up = fetch_u64(f, "up", INT64_MAX);
	c.n_down = fetch_u64(f, "down", INT64_MAX);
	f->obj = json_object_get(all, "drops");
	c.n_local_drops = fetch_u64(f, "local", INT64_MAX);
	c.n_rx_drops = fetch_known(f, "rx", INT64_MAX);
	c.n_tx_errors = fetch_known(f, "tx", INT64_MAX);
	f->obj = json_object_get(all, "rate_pps");
	*ret = (struct json_summary){.completed = c, .max_pps = fetch_u64(f, "max", INT64_MAX)};
	f->obj = all;
	read_counts(f, ret->completed.n_ports);
	ret->completed.trust = read_trust(f, trust);
}

/* --- lines ------------------------------------------------------------------------------ */

int jsonread_parse(struct jsonread *r, const struct bytes *bytes, size_t flags,
		   struct err_where *reterr)
{
	const char *line = (const char *)bytes->p;
	size_t len = bytes->len;
	json_error_t e;

	flags |= JSON_REJECT_DUPLICATES;
	json_decref(r->root);
	r->root = json_loadb(line, len, flags, &e);
	if (!r->root && json_error_code(&e) == json_error_numeric_overflow)
		r->root = json_loadb(line, len, flags | JSON_DECODE_INT_AS_REAL, &e);
	if (r->root)
		return 0;
	if (json_error_code(&e) == json_error_out_of_memory)
		return -ENOMEM;
	uint32_t column = (uint32_t)MAX(e.position, 1);
	size_t from = column > 12 ? column - 12 : 0;
	return err_at(reterr, -E_SYNTAX, line + MIN(from, len), MIN(len - MIN(from, len), 24ul),
		      column, "%s", e.text);
}

/** A fresh block for what the record says; the last record's goes. @return 0 or -ENOMEM. */
static int new_block(struct jsonread *r, struct fetch *f)
{
	facts_free(r->block);
	r->block = f->block = facts_new(2 * (size_t)JSONREAD_LINE_MAX);
	return r->block ? 0 : -ENOMEM;
}

static void read_found(struct fetch *f, struct json_record *ret)
{
	switch (ret->kind) {
	case JSON_SERVICE:
		jsonfacts_service(f, &ret->service);
		break;
	case JSON_BANNER:
		jsonfacts_banner(f, &ret->service);
		break;
	case JSON_OS:
		jsonfacts_os(f, &ret->os);
		break;
	case JSON_TLS:
		jsonfacts_tls(f, &ret->tls);
		break;
	default:
		jsonfacts_cert(f, &ret->cert);
		break;
	}
}

static int read_record(struct jsonread *r, struct fetch *f, const char *type,
		       struct json_record *ret)
{
	static const char *const types[JSON_KIND_N] = {[JSON_SCAN] = "scan",
						       [JSON_PORT] = "port",
						       [JSON_HOST] = "host",
						       [JSON_SUMMARY] = "summary",
						       [JSON_SERVICE] = "service",
						       [JSON_BANNER] = "banner",
						       [JSON_OS] = "os",
						       [JSON_TLS] = "tls",
						       [JSON_CERTIFICATE] = "certificate"};
	uint32_t kind = JSON_KIND_N - 1;

	while (kind > JSON_OTHER && strcmp(types[kind], type) != 0)
		kind--;
	ret->kind = kind;
	if (kind >= JSON_SERVICE && new_block(r, f) < 0)
		return -ENOMEM;
	ret->block = f->block;
	if (kind == JSON_SCAN)
		read_scan(f, &r->ports, &ret->scan);
	else if (kind == JSON_PORT)
		read_port(f, &ret->port);
	else if (kind == JSON_HOST)
		read_host(f, &ret->host);
	else if (kind == JSON_SUMMARY)
		read_summary(f, &r->trust, &ret->summary);
	else if (kind != JSON_OTHER)
		read_found(f, ret);
	return f->err;
}

int jsonread_line(struct jsonread *r, const char *line, size_t len, struct json_record *ret,
		  struct err_where *reterr)
{
	const struct bytes bytes = {.p = (const uint8_t *)line, .len = len};
	int err = jsonread_parse(r, &bytes, 0, reterr);

	if (err)
		return err;
	struct fetch f = {.obj = r->root, .line = line, .len = len, .where = reterr};
	if (!json_is_object(r->root))
		return err_at(reterr, -E_SYNTAX, line, MIN(len, 24ul), 1, "want a record: {...}");
	const json_t *schema = json_object_get(r->root, "schema");
	if (!json_is_integer(schema) && !json_is_real(schema))
		fetch_refuse(&f, "schema", -E_SYNTAX, "\"schema\":1: a line of prtip -oJ");
	else if (json_number_value(schema) != 1)
		fetch_refuse(&f, "schema", -E_UNSUPPORTED, "1, the schema that this version reads");
	const char *type = fetch_need_text(&f, "type");
	if (f.err)
		return f.err;
	return read_record(r, &f, type, ret);
}
