/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event table: every kind of event, and of what it tells every member with its name. The event
 * log is written, read and described by it; nothing else names a key. Structs of detection
 * (services, systems, TLS) are in facttab.c.
 */
#include "event/facttab.h"

#include <string.h>

static const char *const severity_names[] = {"error", "warning", "note", "debug", "trace"};
static const struct words words_severity = {severity_names, ARRAY_LEN(severity_names)};

#define X(id, name, unit, ...) name,
static const char *const metric_names[] = {METRIC_LIST(X)};
#undef X
#define X(id, name, unit, ...) unit,
static const char *const metric_units[] = {METRIC_LIST(X)};
#undef X
static const struct words words_metric = {metric_names, METRIC_N};
static const struct words words_metric_unit = {metric_units, METRIC_N};

uint64_t field_get_uint(const void *at, size_t size)
{
	uint64_t v = 0;

	switch (size) { /* a copy of a length that is known is a load */
	case 1:
		return *(const uint8_t *)at;
	case 2:
		memcpy(&v, at, 2);
		return v;
	case 4:
		memcpy(&v, at, 4);
		return v;
	default:
		memcpy(&v, at, size);
		return v;
	}
}

void field_set_uint(void *at, size_t size, uint64_t v)
{
	memcpy(at, &v, size);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "field_get_uint reads low bytes first");

/* clang-format off */

/* --- the scan ------------------------------------------------------------------------ */

#define T struct scan_desc
static const struct field scan_desc_f[] = {
	{"name", "As in nmap's XML", NEED_TEXT(name)},
	{"title", NULL, NEED_TEXT(title)},
	{"protocol", NULL, PROTO(proto)},
	{"silent_state", "Of a port that never answered", WORD(silent_state, words_port_state)},
};
#undef T
static const STRUCT_TABLE(scan_desc);

#define T struct scan_info
static const struct field scan_info_f[] = {
	{"version", "Of prtip", NEED_TEXT(version)},
	{"args", "The command line, quoted for a shell", NEED_TEXT(args)},
	{"id", "UUID of the scan", CHARS(scan_id)},
	{"seed", "What --seed takes to repeat the order", UINT(seed)},
	{"start", NULL, TIME(start_wall_ns)},
	{"types", "Scan types", ARRAY_OF(types, n_types, FIELD_POINTER), .of = &fields_scan_desc},
	{"targets", "As the user gave them", LIST_OF(specs, n_specs, FIELD_TEXT), .cap = 65535},
	{"input_file", "More targets: -iL", TEXT(input_file)},
	{"ports", "Asked of every host, by protocol", PORTS(ports)},
	{"hosts", "Addresses asked", UINT(n_hosts)},
	{"targets_sum", "Fingerprint of all targets", UINT(targets_sum)},
	{"shard_index", "From 0", UINT(shard_idx)},
	{"shards", "0: the whole", UINT(n_shards)},
	{"shard_by_port", NULL, BOOL(is_sharded_by_port)},
	{"list", "-sL", BOOL(is_list)},
	{"ping", "-sn", BOOL(is_ping_only)},
	{"no_discovery", "-Pn", BOOL(skips_discovery)},
	{"reason", "--reason", BOOL(wants_reason)},
	{"open_only", "--open: shown, not logged", BOOL(wants_open_only)},
	{"verbosity", NULL, INT(verbosity)},
	{"debugging", NULL, INT(debugging)},
	{"names", "Hosts wait for their names", BOOL(wants_names)},
	{"names_of_down", "-R", BOOL(wants_down_names)},
	{"in_order", "Hosts finish in target order", BOOL(wants_order)},
	{"services", "-sV", BOOL(wants_services)},
	{"tls", "--tls-cert-analysis", BOOL(wants_tls)},
	{"detectors", "host_detected that a host gets", UINT(n_detectors)},
	{"parts", "host_scanned that a host gets", UINT(n_parts)},
	{"silent_attempt", "attempt of ports that stay silent", UINT(silent_attempt)},
};
#undef T
static const STRUCT_TABLE(scan_info);

#define T struct coverage_stratum
static const struct field coverage_stratum_f[] = {
	{"pooled", "Of all hosts with few answers", BOOL(is_pooled)},
	{"hosts", NULL, UINT(n_hosts)},
	{"answered", "By the attempt that was answered", ARRAY(n_answered, FIELD_UINT)},
	{"silent", "By attempts made, less one", ARRAY(n_silent, FIELD_UINT)},
	{"again", "Answered endpoints asked once more", UINT(n_again)},
	{"again_answered", NULL, UINT(n_again_answered)},
};
#undef T
static const STRUCT_TABLE(coverage_stratum);

#define T struct coverage_estimate
static const struct field coverage_estimate_f[] = {
	{"known", "false: nothing answered", BOOL(is_known)},
	{"estimate", "Fraction of the responsive endpoints found", REAL(estimate)},
	{"of_asked", "The same of those that were asked to the end", REAL(of_asked)},
	{"low", "95 % interval", REAL(low)},
	{"high", NULL, REAL(high)},
	{"loss", "Of one attempt, both ways together", REAL(loss)},
	{"attempts", "Mean number for an endpoint that stayed silent", REAL(n_attempts)},
	{"found", NULL, UINT(n_found)},
	{"silent", NULL, UINT(n_silent)},
};
#undef T
static const STRUCT_TABLE(coverage_estimate);

#define T struct scan_trust
static const struct field scan_trust_f[] = {
	{"of_hosts", "The estimate is of hosts, not of ports", BOOL(is_of_hosts)},
	{"estimate", NULL, STRUCT(estimate), .of = &fields_coverage_estimate},
	{"late", "First answers of ports already stated silent", UINT(n_late_ports)},
	{"unknown", "Ports not asked to the end", UINT(n_unknown_ports)},
	{"strata", "The counts it rests on; the first is the pooled one",
	 ARRAY_OF(ports.strata, ports.n_strata, FIELD_STRUCT), .of = &fields_coverage_stratum},
	{"discovery", NULL, STRUCT(hosts), .of = &fields_coverage_stratum},
	{"bottleneck", "What held the scan up", CHARS(bottleneck)},
};
#undef T
static const STRUCT_TABLE(scan_trust);

#define T struct ev_scan_completed
static const struct field ev_scan_completed_f[] = {
	{"elapsed_ns", NULL, UINT(elapsed_ns)},
	{"sent", "Packets; connect scan: attempts", UINT(n_sent)},
	{"received", NULL, UINT(n_received)},
	{"up", NULL, UINT(n_up)},
	{"down", NULL, UINT(n_down)},
	{"dishonest", NULL, UINT(n_dishonest)},
	{"unseen", "Of down: never finished as hosts", UINT(n_unseen)},
	{"ports", "By state: unknown, open, closed, filtered, unfiltered, open|filtered, closed|filtered", ARRAY(n_ports, FIELD_UINT)},
	{"duplicates", NULL, UINT(n_dup)},
	{"late", NULL, UINT(n_late)},
	{"forged", NULL, UINT(n_forged)},
	{"unproven", NULL, UINT(n_unproven)},
	{"local_drops", NULL, UINT(n_local_drops)},
	{"rx_drops", NULL, UINT(n_rx_drops)},
	{"tx_errors", NULL, UINT(n_tx_errors)},
	{"no_route", NULL, UINT(n_no_route)},
	{"left_out", NULL, UINT(n_left_out)},
	{"malformed", NULL, UINT(n_malformed)},
	{"tx_calls", NULL, UINT(n_tx_calls)},
	{"backend", NULL, NEED_TEXT(backend)},
	{"coverage", NULL, POINTER(trust), .of = &fields_scan_trust},
	{"exit", NULL, UINT(exit_code)},
	{"interrupted", NULL, BOOL(interrupted)},
	{"broke_off", "By an error", BOOL(broke_off)},
};
#undef T
const STRUCT_TABLE(ev_scan_completed);

#define T struct ev_stage
static const struct field ev_stage_f[] = {
	{"from", NULL, WORD(from, words_stage)},
	{"to", NULL, WORD(to, words_stage)},
};
#undef T
static const STRUCT_TABLE(ev_stage);

#define T struct ev_progress
static const struct field ev_progress_f[] = {
	{"stage", NULL, WORD(stage, words_stage)},
	{"percent", "Of all", REAL(percent)},
	{"done", "Probes of the stage", UINT(n_done)},
	{"total", NULL, UINT(n_total)},
	{"sent", "Packets so far", UINT(n_sent)},
	{"pps", "Over the last interval", UINT(rate_pps)},
	{"bits_per_s", "null: the kernel sends", KNOWN_UINT(rate_bps)},
	{"hosts_done", NULL, UINT(n_hosts_done)},
	{"hosts", NULL, UINT(n_hosts)},
	{"hosts_per_min", "Over the last interval", UINT(hosts_per_min)},
	{"elapsed_ns", NULL, UINT(elapsed_ns)},
	{"eta_ns", "Time that is left", KNOWN_UINT(eta_ns)},
};
#undef T
static const STRUCT_TABLE(ev_progress);

#define T struct ev_reason
static const struct field ev_reason_f[] = {{"reason", NULL, NEED_TEXT(reason)}};
#undef T
static const STRUCT_TABLE(ev_reason);

#define T struct ev_text
static const struct field ev_error_f[] = {
	{"error", NULL, CHARS(text)},
	{"severity", NULL, WORD(severity, words_severity)},
	{"recoverable", NULL, BOOL(recoverable)},
};
static const struct fields fields_ev_error = {"ev_error", ev_error_f, ARRAY_LEN(ev_error_f), sizeof(T)};
static const struct field ev_text_f[] = {
	{"text", NULL, CHARS(text)},
	{"severity", NULL, WORD(severity, words_severity)},
	{"recoverable", NULL, BOOL(recoverable)},
};
#undef T
static const STRUCT_TABLE(ev_text);

#define T struct ev_metric
static const struct field ev_metric_f[] = {
	{"metric", NULL, WORD(metric, words_metric)},
	{"unit", NULL, WORD(metric, words_metric_unit), .is_derived = true},
	{"value", NULL, REAL(value)},
};
#undef T
static const STRUCT_TABLE(ev_metric);

#define T struct ev_rate_limit
static const struct field ev_rate_limit_f[] = {
	{"address", "null: the path of all hosts", ADDR(addr)},
	{"protocol", NULL, PROTO(proto)},
	{"current_pps", "Sent lately", UINT(current_pps)},
	{"target_pps", "From now on; null: no limit", KNOWN_UINT(target_pps)},
	{"cause", NULL, WORD(cause, words_rate_cause)},
};
#undef T
const STRUCT_TABLE(ev_rate_limit);

#define T struct ev_retry
static const struct field ev_retry_f[] = {
	{"address", "null: several hosts", ADDR(addr)},
	{"probes", "Sent again", UINT(n_probes)},
	{"attempt", "The highest among them; 1: first retransmission", UINT(attempt)},
	{"waited_us", "For the answer of the last of them", UINT(wait_us)},
};
#undef T
static const STRUCT_TABLE(ev_retry);

/* --- hosts and ports ------------------------------------------------------------------- */

#define T struct ev_host
static const struct field ev_host_f[] = {
	{"address", NULL, ADDR(addr)},
	{"state", NULL, WORD(state, words_host_state)},
	{"method", "What showed it", WORD(reason, words_reason)},
	{"latency_us", NULL, KNOWN_UINT(rtt_us)},
	{"ttl", NULL, KNOWN_UINT(ttl)},
	{"mac", NULL, .kind = FIELD_MAC, MEMBER(mac), .count_offset = offsetof(T, has_mac)},
	{"from", "Who answered, when not the host itself", ADDR(from)},
};
#undef T
const STRUCT_TABLE(ev_host);

#define T struct ev_port
static const struct field ev_port_f[] = {
	{"address", NULL, ADDR(addr)},
	{"port", NULL, UINT(port)},
	{"protocol", NULL, PROTO(proto)},
	{"state", NULL, WORD(state, words_port_state)},
	{"reason", NULL, WORD(reason, words_reason)},
	{"ttl", NULL, KNOWN_UINT(ttl)},
	{"rtt_us", NULL, KNOWN_UINT(rtt_us)},
	{"attempt", "0: the first probe was answered", UINT(attempt)},
	{"from", "Sender of an ICMP error, when not the host itself", ADDR(from)},
};
#undef T
const STRUCT_TABLE(ev_port);

#define T struct ev_evidence
static const struct field ev_evidence_f[] = {
	{"mark", NULL, WORD(mark, words_host_mark)},
	{"asked", NULL, UINT(n_asked)},
	{"open", NULL, UINT(n_open)},
	{"zero_window", NULL, UINT(n_zero)},
	{"canaries", "Random ports that nobody asked for", UINT(n_canaries)},
	{"canaries_open", NULL, UINT(n_canaries_open)},
	{"ttl_open", NULL, KNOWN_UINT(ttl_open)},
	{"ttl_other", NULL, KNOWN_UINT(ttl_other)},
};
#undef T
const STRUCT_TABLE(ev_evidence);

#define T struct ev_host_done
static const struct field ev_host_done_f[] = {
	{"address", NULL, ADDR(addr)},
	{"state", NULL, WORD(state, words_host_state)},
	{"reason", NULL, WORD(reason, words_reason)},
	{"partial", "Broken off: ports not told are unknown", BOOL(is_partial)},
	{"given_up", "The same, for dishonesty", BOOL(is_given_up)},
	{"timed_out", "--host-timeout ended the host's scan, or without partial its detection", BOOL(is_timed_out)},
	{"evidence", NULL, STRUCT(evidence), .of = &fields_ev_evidence},
	{"srtt_us", "Lowest round trip", KNOWN_UINT(srtt_us)},
	{"rttvar_us", NULL, KNOWN_UINT(rttvar_us)},
	{"rto_us", NULL, KNOWN_UINT(rto_us)},
};
#undef T
static const STRUCT_TABLE(ev_host_done);

#define T struct ev_detected
static const struct field ev_detected_f[] = {
	{"timed_out", "--host-timeout ended it: there may be more to find", BOOL(is_timed_out)},
};
#undef T
static const STRUCT_TABLE(ev_detected);

#define T struct ev_named
static const struct field ev_named_f[] = {{"name", "null: it has none", TEXT(name)}};
#undef T
static const STRUCT_TABLE(ev_named);

/* --- detection --------------------------------------------------------------------------- */

#define T struct ev_service
static const struct field ev_service_f[] = {
	{"address", NULL, ADDR(addr)},
	{"port", NULL, UINT(port)},
	{"protocol", NULL, PROTO(proto)},
	{"service", NULL, NEED_POINTER(facts), .of = &fields_service_facts},
};
static const struct field ev_banner_f[] = {
	{"address", NULL, ADDR(addr)},
	{"port", NULL, UINT(port)},
	{"protocol", NULL, PROTO(proto)},
	{"said", NULL, NEED_POINTER(facts), .of = &fields_banner_facts},
};
const struct fields fields_ev_banner = {"ev_banner", ev_banner_f, ARRAY_LEN(ev_banner_f), sizeof(T)};
#undef T
const STRUCT_TABLE(ev_service);

#define T struct ev_os
static const struct field ev_os_f[] = {
	{"address", NULL, ADDR(addr)},
	{"os", NULL, NEED_POINTER(facts), .of = &fields_os_facts},
};
#undef T
const STRUCT_TABLE(ev_os);

#define T struct ev_tls
static const struct field ev_tls_f[] = {
	{"address", NULL, ADDR(addr)},
	{"port", NULL, UINT(port)},
	{"protocol", NULL, PROTO(proto)},
	{"tls", NULL, NEED_POINTER(facts), .of = &fields_tls_facts},
};
#undef T
const STRUCT_TABLE(ev_tls);

#define T struct told_certificate
static const struct field told_certificate_f[] = {
	{"address", NULL, ADDR(addr)},
	{"port", NULL, UINT(port)},
	{"protocol", NULL, PROTO(proto)},
	{"index", "In the chain; 0: the leaf", UINT(cert_idx)},
	{"certificate", NULL, NEED_POINTER(cert), .of = &fields_cert_info},
};
#undef T
static const STRUCT_TABLE(told_certificate);

/* --- kinds --------------------------------------------------------------------------------- */

#define TELLS(member, table) .fields = &fields_##table, .offset = offsetof(struct event, member), .len = sizeof(((struct event *)0)->member), .is_logged = true
#define OF_HOST              .is_of_host = true
#define LENT                 .is_lent = true

const struct event_spec event_specs[EVENT_N] = {
	[EVENT_SCAN_STARTED] = {"scan_started", "What is asked of whom", .fields = &fields_scan_info, .is_of_scan = true, LENT, .is_logged = true},
	[EVENT_SCAN_COMPLETED] = {"scan_completed", "Totals, once, at the end", TELLS(completed, ev_scan_completed), LENT},
	[EVENT_SCAN_PAUSED] = {"scan_paused", "The process stops until it is continued", TELLS(reason, ev_reason)},
	[EVENT_SCAN_RESUMED] = {"scan_resumed", "It was continued", TELLS(reason, ev_reason)},
	[EVENT_SCAN_CANCELLED] = {"scan_cancelled", "The scan ends before its time", TELLS(reason, ev_reason)},
	[EVENT_SCAN_ERROR] = {"scan_error", "Something failed", TELLS(text, ev_error)},
	[EVENT_STAGE_CHANGED] = {"stage_changed", "The next stage began", TELLS(stage, ev_stage)},
	[EVENT_PROGRESS] = {"progress_update", "How far the scan is", TELLS(progress, ev_progress)},
	[EVENT_TARGET_NAMED] = {"target_named", "The name by which the user gave a target", TELLS(named, ev_named), OF_HOST, LENT},
	[EVENT_HOST_DISCOVERED] = {"host_discovered", "A host is up, or something else is known of it", TELLS(host, ev_host), OF_HOST},
	[EVENT_PORT_FOUND] = {"port_found", "A port's state was concluded from an answer", TELLS(port, ev_port), OF_HOST},
	[EVENT_HOST_SCANNED] = {"host_scanned", "A part of the scan is done with a host", TELLS(done, ev_host_done), OF_HOST},
	[EVENT_HOST_NAMED] = {"host_named", "Reverse DNS has answered", TELLS(named, ev_named), OF_HOST, LENT},
	[EVENT_HOST_DETECTED] = {"host_detected", "A detector is done with a host", TELLS(detected, ev_detected), OF_HOST},
	[EVENT_HOST_FINISHED] = {"host_finished", "A host's results are complete", TELLS(done, ev_host_done), OF_HOST},
	[EVENT_SERVICE_DETECTED] = {"service_detected", "What a port's service is", TELLS(service, ev_service), OF_HOST, LENT},
	[EVENT_BANNER_GRABBED] = {"banner_grabbed", "What a service said first", TELLS(service, ev_banner), OF_HOST, LENT},
	[EVENT_OS_DETECTED] = {"os_detected", "What system a host runs", TELLS(os, ev_os), OF_HOST, LENT},
	[EVENT_TLS_FOUND] = {"tls_found", "How an endpoint speaks TLS", TELLS(tls, ev_tls), OF_HOST, LENT},
	[EVENT_CERTIFICATE_FOUND] = {"certificate_found", "A certificate of the tls_found before it", TELLS(tls, told_certificate), OF_HOST, LENT},
	[EVENT_RATE_LIMIT] = {"rate_limit_triggered", "The scan found that it asks too fast, or no longer does", TELLS(rate, ev_rate_limit)},
	[EVENT_RETRY_SCHEDULED] = {"retry_scheduled", "Probes will be sent again", TELLS(retry, ev_retry)},
	[EVENT_WARNING] = {"warning_issued", "What the user was warned of", TELLS(text, ev_text)},
	[EVENT_METRIC] = {"metric_recorded", "A measurement of the scan itself", TELLS(metric, ev_metric)},
	[EVENT_PACKET] = {"packet_traced", "--packet-trace; not logged"},
	[EVENT_REPLY_HEARD] = {"reply_heard", "For service detection; not logged"},
	[EVENT_CHECKPOINT] = {"checkpoint", "For the journal; not logged"},
	[EVENT_NOTHING_FOUND] = {"nothing_found", "For the journal; not logged"},
};
/* clang-format on */
