/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of states, reasons, event kinds and stages: the one place where a number of the
 * event schema becomes a word that a person or a program reads. Reason and state words are
 * nmap's, so that existing readers of its output understand ours.
 */
#include "event/fields.h"

static const char *const port_state_names[] = {
	"unknown", "open", "closed", "filtered", "unfiltered", "open|filtered", "closed|filtered"};
static_assert(ARRAY_LEN(port_state_names) == PORT_STATE_N, "a name for every port state");

static const char *const host_state_names[] = {"unknown", "up", "down"};
static_assert(ARRAY_LEN(host_state_names) == HOST_STATE_N, "a name for every host state");

static const char *const host_mark_names[] = {"honest", "all-open", "syn-proxy", "zero-window"};
static_assert(ARRAY_LEN(host_mark_names) == HOST_MARK_N, "a name for every mark");

static const char *const rate_cause_names[] = {"answers_missing", "answers_repeated", "lifted"};
static_assert(ARRAY_LEN(rate_cause_names) == RATE_CAUSE_N, "a name for every cause");

#define X(name, text) text,
static const char *const reason_names[] = {REASON_LIST(X)};
static_assert(ARRAY_LEN(reason_names) == REASON_N, "a name for every reason");
#undef X

static const char *const stage_names[] = {
	"initializing",       "resolving_targets", "discovering_hosts", "scanning_ports",
	"detecting_services", "finalizing",        "completed"};
static_assert(ARRAY_LEN(stage_names) == STAGE_N, "a name for every stage");

#define X(id, metric_name, metric_unit, counts, text)                                              \
	[id] = {.name = metric_name, .unit = metric_unit, .help = text, .is_counter = counts},
const struct metric_spec metric_specs[METRIC_N] = {METRIC_LIST(X)};
#undef X

const struct words words_port_state = {port_state_names, PORT_STATE_N};
const struct words words_host_state = {host_state_names, HOST_STATE_N};
const struct words words_host_mark = {host_mark_names, HOST_MARK_N};
const struct words words_reason = {reason_names, REASON_N};
const struct words words_stage = {stage_names, STAGE_N};
const struct words words_rate_cause = {rate_cause_names, RATE_CAUSE_N};

const char *port_state_name(enum port_state s)
{
	return (unsigned)s < PORT_STATE_N ? port_state_names[s] : "unknown";
}

const char *host_state_name(enum host_state s)
{
	return (unsigned)s < HOST_STATE_N ? host_state_names[s] : "unknown";
}

const char *host_mark_name(enum host_mark m)
{
	return (unsigned)m < HOST_MARK_N ? host_mark_names[m] : "unknown";
}

const char *rate_cause_name(enum rate_cause c)
{
	return (unsigned)c < RATE_CAUSE_N ? rate_cause_names[c] : "unknown";
}

const char *reason_name(enum reason r)
{
	return (unsigned)r < REASON_N ? reason_names[r] : reason_names[REASON_UNKNOWN];
}

const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_SCTP:
		return "sctp";
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return "icmp";
	default:
		return "ip";
	}
}

const char *stage_name(enum stage s)
{
	return (unsigned)s < STAGE_N ? stage_names[s] : "unknown";
}
