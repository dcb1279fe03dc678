/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of the structs that detection fills: services, systems, TLS endpoints and certificates. */
#include "event/facttab.h"

static const char *const tunnel_names[] = {"none", "tls"};
static_assert(ARRAY_LEN(tunnel_names) == TUNNEL_N, "a name for every tunnel");
static const struct words words_tunnel = {tunnel_names, TUNNEL_N};

/* clang-format off */

/* --- services ---------------------------------------------------------------------------- */

#define T struct service_facts
static const struct field service_facts_f[] = {
	{"name", "null: not recognised", TEXT(name)},
	{"product", NULL, TEXT(product)},
	{"version", NULL, TEXT(version)},
	{"extrainfo", NULL, TEXT(extrainfo)},
	{"hostname", NULL, TEXT(hostname)},
	{"ostype", NULL, TEXT(ostype)},
	{"devicetype", NULL, TEXT(devicetype)},
	{"cpe", NULL, ARRAY_OF(cpe, n_cpe, FIELD_TEXT)},
	{"tunnel", NULL, WORD(tunnel, words_tunnel)},
	{"conf", "0 to 10", UINT(conf)},
	{"soft", "The service is known, what runs it is not", BOOL(is_soft)},
	{"tls_summary", "Of the tunnel's handshake: version, common name, validity", TEXT(tls_summary)},
	{"fingerprint", "nmap's SF form", TEXT(fingerprint)},
	{"banner", "Said first; each character is a byte (ISO 8859-1)", BYTES(banner, banner_len), .cap = FACTS_BANNER_MAX},
};
const STRUCT_TABLE(service_facts);

static const struct field banner_facts_f[] = {
	{"banner", "Each character is a byte (ISO 8859-1)", BYTES(banner, banner_len), .cap = FACTS_BANNER_MAX},
};
const struct fields fields_banner_facts = {"banner_facts", banner_facts_f, ARRAY_LEN(banner_facts_f), sizeof(T)};
#undef T

/* --- systems ------------------------------------------------------------------------------- */

#define T struct os_class_facts
static const struct field os_class_facts_f[] = {
	{"vendor", NULL, NEED_TEXT(vendor)},
	{"family", NULL, TEXT(family)},
	{"generation", NULL, TEXT(gen)},
	{"type", NULL, NEED_TEXT(type)},
	{"cpe", NULL, ARRAY_OF(cpe, n_cpe, FIELD_TEXT)},
	{"accuracy", "Percent", UINT(accuracy)},
};
#undef T
static const STRUCT_TABLE(os_class_facts);

#define T struct os_match_facts
static const struct field os_match_facts_f[] = {
	{"name", NULL, NEED_TEXT(name)},
	{"line", "Of the entry in the fingerprint file", UINT(line)},
	{"accuracy", "Percent", UINT(accuracy)},
	{"classes", NULL, LIST_OF(classes, n_classes, FIELD_STRUCT), .cap = 256, .of = &fields_os_class_facts},
};
#undef T
static const STRUCT_TABLE(os_match_facts);

#define T struct os_facts
static const struct field os_facts_f[] = {
	{"matches", "Best first", LIST_OF(matches, n_matches, FIELD_STRUCT), .cap = 256, .of = &fields_os_match_facts},
	{"classes", "Kinds among all matches", LIST_OF(classes, n_classes, FIELD_STRUCT), .cap = 256, .of = &fields_os_class_facts},
	{"perfect", NULL, UINT(n_perfect)},
	{"too_many", "Perfect matches, so that none says anything", BOOL(is_too_many)},
	{"guess", "--osscan-guess", BOOL(wants_guess)},
	{"doubt", "Why the test was not ideal", TEXT(doubt)},
	{"fingerprint", NULL, TEXT(fingerprint)},
	{"open_tcp", "Port asked", KNOWN_UINT(open_tcp)},
	{"closed_tcp", NULL, KNOWN_UINT(closed_tcp)},
	{"closed_udp", NULL, KNOWN_UINT(closed_udp)},
	{"distance", "Hops; -1 unknown", INT(distance)},
	{"uptime_s", NULL, KNOWN_UINT(uptime_s)},
	{"boot", "ns since 1970", KNOWN_UINT(boot_wall_ns)},
	{"sequence_numbers", NULL, ARRAY_OF(seqs, n_seqs, FIELD_UINT)},
	{"timestamps", NULL, ARRAY_OF(ts, n_seqs, FIELD_UINT)},
	{"ip_ids", NULL, ARRAY_OF(ip_ids, n_seqs, FIELD_UINT)},
	{"sequence_index", "Of difficulty", UINT(seq_index)},
	{"ip_id_class", NULL, TEXT(ip_id_class)},
	{"timestamp_class", NULL, TEXT(ts_class)},
	{"has_timestamps", NULL, BOOL(has_ts)},
};
#undef T
const STRUCT_TABLE(os_facts);

/* --- TLS ------------------------------------------------------------------------------------ */

#define T struct cert_pair
static const struct field cert_pair_f[] = {
	{"name", NULL, NEED_TEXT(name)},
	{"value", NULL, NEED_TEXT(value)},
};
#undef T
static const STRUCT_TABLE(cert_pair);

#define PAIRS(m, n) LIST_OF(m, n, FIELD_STRUCT), .cap = 1024, .of = &fields_cert_pair
#define T struct cert_info
static const struct field cert_info_f[] = {
	{"subject", NULL, TEXT(subject)},
	{"issuer", NULL, TEXT(issuer)},
	{"serial", NULL, TEXT(serial)},
	{"subject_parts", NULL, PAIRS(subject_parts, n_subject_parts)},
	{"issuer_parts", NULL, PAIRS(issuer_parts, n_issuer_parts)},
	{"not_before_s", "Unix time", INT(not_before_s)},
	{"not_after_s", NULL, INT(not_after_s)},
	{"days_left", "Negative: expired", INT(days_left)},
	{"key", NULL, TEXT(key)},
	{"curve", NULL, TEXT(curve)},
	{"signature", NULL, TEXT(signature)},
	{"hash", NULL, TEXT(hash)},
	{"key_usage", NULL, TEXT(key_usage)},
	{"extended_key_usage", NULL, TEXT(eku)},
	{"alternative_names", "By kind; those that are kept", PAIRS(sans, n_sans_kept)},
	{"alternative_names_all", "How many there are", UINT(n_sans)},
	{"key_bits", NULL, UINT(key_bits)},
	{"salt_bytes", NULL, UINT(salt_bytes)},
	{"rsa_exponent", NULL, UINT(rsa_exponent)},
	{"path_len", "-1: none", INT(path_len)},
	{"version", NULL, UINT(version)},
	{"ca", NULL, BOOL(is_ca)},
	{"self_signed", NULL, BOOL(is_self_signed)},
	{"pss", NULL, BOOL(is_pss)},
	{"signed_by_next", NULL, BOOL(is_signed_by_next)},
	{"subject_key_id", NULL, TEXT(ski)},
	{"authority_key_id", NULL, TEXT(aki)},
	{"sha1", NULL, TEXT(sha1)},
	{"sha256", NULL, TEXT(sha256)},
	{"pem", NULL, TEXT(pem)},
};
#undef T
const STRUCT_TABLE(cert_info);

#define T struct tls_suite_info
static const struct field tls_suite_info_f[] = {
	{"name", NULL, NEED_TEXT(name)},
	{"flaw", NULL, TEXT(flaw)},
	{"id", NULL, UINT(id)},
	{"bits", NULL, UINT(bits)},
};
#undef T
static const STRUCT_TABLE(tls_suite_info);

#define T struct tls_version_info
static const struct field tls_version_info_f[] = {
	{"name", NULL, NEED_TEXT(name)},
	{"order", NULL, TEXT(order)},
	{"suites", "In the server's order of choice", LIST_OF(suites, n_suites, FIELD_STRUCT), .cap = 1024, .of = &fields_tls_suite_info},
	{"cut", NULL, BOOL(is_cut)},
	{"compression", NULL, BOOL(has_compression)},
};
#undef T
static const STRUCT_TABLE(tls_version_info);

#define T struct tls_finding
static const struct field tls_finding_f[] = {
	{"code", NULL, NEED_TEXT(code)},
	{"severity", NULL, NEED_TEXT(severity)},
	{"text", NULL, NEED_TEXT(text)},
};
#undef T
static const STRUCT_TABLE(tls_finding);

#define T struct tls_facts
static const struct field tls_facts_f[] = {
	{"sni", "Asked for", TEXT(sni)},
	{"jarm", NULL, TEXT(jarm)},
	{"versions", "Newest first", LIST_OF(versions, n_versions, FIELD_STRUCT), .cap = 16, .of = &fields_tls_version_info},
	{"groups", NULL, LIST_OF(groups, n_groups, FIELD_TEXT), .cap = 256},
	{"alpn", NULL, LIST_OF(alpn, n_alpn, FIELD_TEXT), .cap = 256},
	{"certificates", "Leaf first, as sent", LIST_OF(certs, n_certs, FIELD_STRUCT), .cap = 256, .of = &fields_cert_info},
	{"findings", NULL, LIST_OF(findings, n_findings, FIELD_STRUCT), .cap = 1024, .of = &fields_tls_finding},
	{"trust", NULL, TEXT(trust)},
	{"name_checked", NULL, TEXT(name_checked)},
	{"dh_bits", NULL, UINT(dh_bits)},
	{"connections", NULL, UINT(n_connections)},
	{"renegotiation_info", NULL, BOOL(has_renegotiation_info)},
	{"ssl2", NULL, BOOL(has_ssl2)},
	{"cut", NULL, BOOL(is_cut)},
	{"trusted", NULL, BOOL(is_trusted)},
	{"matches_name", NULL, BOOL(matches_name)},
};
#undef T
const STRUCT_TABLE(tls_facts);
/* clang-format on */
