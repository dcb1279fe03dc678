/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of detection -> the facts that events carry: services, banners, TLS endpoints and their
 * certificates, systems. Texts and lists are copied into one block for each record, so that who
 * wants to keep them holds the block. Everything that outputs write without escapes is held to
 * plain characters here: a file may come from anybody.
 */
#include "event/jsonread_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	NAMES_MAX = 64, /* groups, protocol names, findings, parts of a name */
	SUITES_MAX = 512,
	VERSIONS_MAX = 8,
	CERTS_MAX = 64,
	MATCHES_MAX = 1024,
	CLASSES_MAX = 4096
};

/* --- pieces --------------------------------------------------------------------------------- */

static void no_room(struct fetch *f)
{
	if (!f->err)
		f->err = -ENOMEM;
}

/** A copy; NULL of null and of no key. */
static const char *keep(struct fetch *f, const char *key)
{
	const char *s = fetch_text(f, key), *kept = s && !f->err ? facts_keep(f->block, s) : NULL;

	if (s && !kept)
		no_room(f);
	return kept;
}

static bool is_plain(const char *s, const char *also)
{
	for (; *s; s++)
		if ((*s < 0x20 || *s > 0x7e || strchr("<>&\"\\", *s)) && !strchr(also, *s))
			return false;
	return true;
}

/** As keep, of printable ASCII without what any format must escape, but for @p also. */
static const char *keep_plain(struct fetch *f, const char *key, const char *also)
{
	const char *s = keep(f, key);

	if (s && !is_plain(s, also))
		fetch_refuse(f, key, -E_SYNTAX, "plain characters");
	return s;
}

static const char *need_plain(struct fetch *f, const char *key)
{
	const char *s = keep_plain(f, key, "");

	if (!s)
		fetch_refuse(f, key, -E_SYNTAX, "a text");
	return s ? s : "";
}

/** The list of @p key, and zeroed room for as many elements of @p size. @return how many; no key
 * is an empty list. */
static uint32_t open_list(struct fetch *f, const char *key, uint32_t max, size_t size, void **ret)
{
	const json_t *list = json_object_get(f->obj, key);
	size_t n = json_array_size(list);

	*ret = NULL;
	if (!list || f->err)
		return 0;
	if (!json_is_array(list) || n > max) {
		fetch_refuse(f, key, -E_SYNTAX, "a list that is not too long");
		return 0;
	}
	*ret = n ? facts_alloc(f->block, n * size) : NULL;
	if (n && !*ret)
		no_room(f);
	return *ret ? (uint32_t)n : 0;
}

static const json_t *element(const json_t *obj, const char *key, uint32_t i)
{
	return json_array_get(json_object_get(obj, key), i);
}

/** A list of texts. */
static uint32_t keep_texts(struct fetch *f, const char *key, uint32_t max, const char *const **ret)
{
	void *room;
	uint32_t n = open_list(f, key, max, sizeof(**ret), &room);
	const char **texts = room;

	for (uint32_t i = 0; i < n; i++) {
		const char *s = json_string_value(element(f->obj, key, i));
		texts[i] = s ? facts_keep(f->block, s) : NULL;
		if (!s)
			fetch_refuse(f, key, -E_SYNTAX, "a list of texts");
		else if (!texts[i])
			no_room(f);
	}
	*ret = texts;
	return n;
}

/** A list of plain words as one text with commas; NULL when there is none. */
static const char *keep_words(struct fetch *f, const char *key)
{
	const json_t *list = json_object_get(f->obj, key);
	char text[512] = "";
	size_t len = 0;

	if (!json_is_array(list))
		return NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));
		if (!s || !is_plain(s, "") || len + strlen(s) + 2 > sizeof(text)) {
			fetch_refuse(f, key, -E_SYNTAX, "a short list of words");
			return NULL;
		}
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "", s);
	}
	const char *kept = facts_keep(f->block, text);
	if (!kept)
		no_room(f);
	return kept;
}

static void keep_cpes(struct fetch *f, const char *cpe[FACTS_CPES_MAX], uint32_t *ret_n)
{
	const char *const *texts;
	uint32_t n = keep_texts(f, "cpe", FACTS_CPES_MAX, &texts);

	for (uint32_t i = 0; i < n; i++)
		cpe[i] = texts[i];
	*ret_n = n;
}

/* --- services ------------------------------------------------------------------------------- */

static void read_endpoint(struct fetch *f, struct addr *addr, uint16_t *port, uint8_t *proto)
{
	*addr = fetch_addr(f, "address", true);
	*port = (uint16_t)fetch_u64(f, "port", UINT16_MAX);
	*proto = fetch_proto(f);
}

static struct service_facts *new_service(struct fetch *f, struct ev_service *ret)
{
	struct service_facts *s = facts_alloc(f->block, sizeof(*s));

	*ret = (struct ev_service){.facts = s};
	read_endpoint(f, &ret->addr, &ret->port, &ret->proto);
	if (!s)
		no_room(f);
	return s;
}

void jsonfacts_service(struct fetch *f, struct ev_service *ret)
{
	struct service_facts *s = new_service(f, ret);

	if (!s)
		return;
	const struct {
		const char *key, **to;
	} texts[] = {{"name", &s->name},
		     {"product", &s->product},
		     {"version", &s->version},
		     {"extrainfo", &s->extrainfo},
		     {"hostname", &s->hostname},
		     {"ostype", &s->ostype},
		     {"devicetype", &s->devicetype},
		     {"tls_summary", &s->tls_summary}};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i].to = keep(f, texts[i].key);
	keep_cpes(f, s->cpe, &s->n_cpe);
	s->tunnel = fetch_text(f, "tunnel") ? TUNNEL_TLS : TUNNEL_NONE;
	s->conf = (uint8_t)fetch_u64(f, "conf", 10);
	s->fingerprint = keep_plain(f, "fingerprint", "<>&\"\\");
}

void jsonfacts_banner(struct fetch *f, struct ev_service *ret)
{
	struct service_facts *s = new_service(f, ret);
	const char *text = keep(f, "banner");

	if (!s)
		return;
	s->banner = (const uint8_t *)text;
	s->banner_len = text ? (uint32_t)strlen(text) : 0;
	if (!text || s->banner_len > FACTS_BANNER_TEXT_MAX)
		fetch_refuse(f, "banner", -E_SYNTAX, "a text of at most 4096 bytes");
}

/* --- TLS ------------------------------------------------------------------------------------- */

static void read_suites(struct fetch *f, struct tls_version_info *v)
{
	const json_t *version = f->obj;
	void *room;

	v->n_suites = open_list(f, "suites", SUITES_MAX, sizeof(*v->suites), &room);
	struct tls_suite_info *s = room;
	for (uint32_t i = 0; i < v->n_suites && !f->err; i++) {
		f->obj = element(version, "suites", i);
		s[i] = (struct tls_suite_info){.name = need_plain(f, "name"),
					       .flaw = keep_plain(f, "flaw", ""),
					       .id = (uint16_t)fetch_u64(f, "id", UINT16_MAX),
					       .bits = (uint16_t)fetch_u64(f, "bits", UINT16_MAX)};
	}
	v->suites = s;
	f->obj = version;
}

static void read_versions(struct fetch *f, struct tls_facts *t)
{
	const json_t *record = f->obj;
	void *room;

	t->n_versions = open_list(f, "versions", VERSIONS_MAX, sizeof(*t->versions), &room);
	struct tls_version_info *v = room;
	for (uint32_t i = 0; i < t->n_versions && !f->err; i++) {
		f->obj = element(record, "versions", i);
		v[i] = (struct tls_version_info){.name = need_plain(f, "version"),
						 .order = keep_plain(f, "order", ""),
						 .is_cut = !fetch_bool(f, "complete"),
						 .has_compression = fetch_bool(f, "compression")};
		read_suites(f, &v[i]);
	}
	t->versions = v;
	f->obj = record;
}

static void read_findings(struct fetch *f, struct tls_facts *t)
{
	const json_t *record = f->obj;
	void *room;

	t->n_findings = open_list(f, "findings", NAMES_MAX, sizeof(*t->findings), &room);
	struct tls_finding *to = room;
	for (uint32_t i = 0; i < t->n_findings && !f->err; i++) {
		f->obj = element(record, "findings", i);
		to[i] = (struct tls_finding){need_plain(f, "code"), need_plain(f, "severity"),
					     need_plain(f, "text")};
	}
	t->findings = to;
	f->obj = record;
}

void jsonfacts_tls(struct fetch *f, struct ev_tls *ret)
{
	struct tls_facts *t = facts_alloc(f->block, sizeof(*t));

	*ret = (struct ev_tls){.facts = t, .block = f->block};
	read_endpoint(f, &ret->addr, &ret->port, &ret->proto);
	if (!t) {
		no_room(f);
		return;
	}
	t->sni = keep(f, "sni");
	t->jarm = need_plain(f, "jarm");
	read_versions(f, t);
	t->n_groups = keep_texts(f, "groups", NAMES_MAX, &t->groups);
	t->n_alpn = keep_texts(f, "alpn", NAMES_MAX, &t->alpn);
	t->dh_bits = (uint32_t)fetch_u64(f, "dh_bits", UINT32_MAX);
	t->has_renegotiation_info = fetch_bool(f, "secure_renegotiation");
	t->n_certs = (uint32_t)fetch_u64(f, "certificates", CERTS_MAX);
	t->is_trusted = fetch_bool(f, "trusted");
	t->trust = keep(f, "trust");
	t->name_checked = keep(f, "name_checked");
	t->matches_name = fetch_bool(f, "name_matches");
	t->n_connections = (uint32_t)fetch_u64(f, "connections", UINT32_MAX);
	t->is_cut = !fetch_bool(f, "complete");
	read_findings(f, t);
}

/* --- certificates ---------------------------------------------------------------------------- */

/** "2026-11-22T01:32:45Z", of any year. */
static int64_t read_time(struct fetch *f, const char *key)
{
	const char *s = fetch_need_text(f, key);
	struct tm tm = {0};
	int n = 0;

	if (sscanf(s, "%5d-%2d-%2dT%2d:%2d:%2dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 6 ||
	    s[n]) {
		fetch_refuse(f, key, -E_SYNTAX, "a time such as 2026-11-22T01:32:45Z");
		return 0;
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return timegm(&tm);
}

/** A number that may be negative. */
static int64_t read_signed(struct fetch *f, const char *key, int64_t lo, int64_t hi)
{
	const json_t *v = json_object_get(f->obj, key);

	if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi) {
		fetch_refuse(f, key, -E_RANGE, "a whole number within its range");
		return 0;
	}
	return json_integer_value(v);
}

/** Pairs of texts under @p name and "value". */
static uint32_t read_pairs(struct fetch *f, const char *key, uint32_t max, const char *name,
			   const struct cert_pair **ret)
{
	const json_t *record = f->obj;
	void *room;
	uint32_t n = open_list(f, key, max, sizeof(**ret), &room);
	struct cert_pair *to = room;

	for (uint32_t i = 0; i < n && !f->err; i++) {
		f->obj = element(record, key, i);
		to[i] = (struct cert_pair){need_plain(f, name), keep(f, "value")};
	}
	f->obj = record;
	*ret = to;
	return n;
}

static void read_key(struct fetch *f, struct cert_info *c)
{
	c->key = need_plain(f, "key");
	c->key_bits = (uint32_t)fetch_u64(f, "key_bits", UINT32_MAX);
	c->curve = keep_plain(f, "curve", "");
	c->signature = keep(f, "signature");
	c->hash = keep_plain(f, "hash", "");
	c->is_pss = json_object_get(f->obj, "salt_bytes") != NULL;
	c->salt_bytes = (uint32_t)fetch_known(f, "salt_bytes", UINT32_MAX);
	c->rsa_exponent = fetch_known(f, "rsa_exponent", INT64_MAX);
}

static void read_names(struct fetch *f, struct cert_info *c)
{
	c->subject = keep(f, "subject");
	c->issuer = keep(f, "issuer");
	c->n_subject_parts = read_pairs(f, "subject_parts", NAMES_MAX, "name", &c->subject_parts);
	c->n_issuer_parts = read_pairs(f, "issuer_parts", NAMES_MAX, "name", &c->issuer_parts);
	c->n_sans_kept = read_pairs(f, "sans", TLS_SANS_SHOWN_MAX, "kind", &c->sans);
	c->n_sans = (uint32_t)fetch_u64(f, "n_sans", UINT32_MAX);
}

void jsonfacts_cert(struct fetch *f, struct json_cert *ret)
{
	struct cert_info *c = &ret->cert;

	*ret = (struct json_cert){0};
	read_endpoint(f, &ret->addr, &ret->port, &ret->proto);
	ret->chain_idx = (uint32_t)fetch_u64(f, "chain_index", CERTS_MAX - 1);
	read_names(f, c);
	read_key(f, c);
	c->serial = need_plain(f, "serial");
	c->not_before_s = read_time(f, "not_before");
	c->not_after_s = read_time(f, "not_after");
	c->days_left = read_signed(f, "days_left", INT32_MIN, INT32_MAX);
	c->key_usage = keep_words(f, "key_usage");
	c->eku = keep_words(f, "extended_key_usage");
	c->is_ca = fetch_bool(f, "ca");
	c->path_len = (int32_t)read_signed(f, "path_len", -1, INT32_MAX);
	c->version = (uint8_t)fetch_u64(f, "version", UINT8_MAX);
	c->ski = keep_plain(f, "ski", "");
	c->aki = keep_plain(f, "aki", "");
	c->sha1 = need_plain(f, "sha1");
	c->sha256 = need_plain(f, "sha256");
	c->is_self_signed = fetch_bool(f, "self_signed");
	c->is_signed_by_next = fetch_bool(f, "signed_by_next");
	c->pem = keep_plain(f, "pem", "\n");
	if (!c->pem)
		c->pem = "";
}

/* --- systems --------------------------------------------------------------------------------- */

static uint32_t read_classes(struct fetch *f, const struct os_class_facts **ret)
{
	const json_t *owner = f->obj;
	void *room;
	uint32_t n = open_list(f, "classes", CLASSES_MAX, sizeof(**ret), &room);
	struct os_class_facts *c = room;

	for (uint32_t i = 0; i < n && !f->err; i++) {
		f->obj = element(owner, "classes", i);
		c[i] = (struct os_class_facts){.vendor = keep(f, "vendor"),
					       .family = keep(f, "family"),
					       .gen = keep(f, "generation"),
					       .type = keep(f, "type"),
					       .accuracy =
						       (uint8_t)fetch_known(f, "accuracy", 100)};
		keep_cpes(f, c[i].cpe, &c[i].n_cpe);
	}
	f->obj = owner;
	*ret = c;
	return n;
}

static void read_matches(struct fetch *f, struct os_facts *o)
{
	const json_t *record = f->obj;
	void *room;

	o->n_matches = open_list(f, "matches", MATCHES_MAX, sizeof(*o->matches), &room);
	struct os_match_facts *m = room;
	for (uint32_t i = 0; i < o->n_matches && !f->err; i++) {
		f->obj = element(record, "matches", i);
		m[i] = (struct os_match_facts){.name = keep(f, "name"),
					       .line = (uint32_t)fetch_u64(f, "line", UINT32_MAX),
					       .accuracy = (uint8_t)fetch_u64(f, "accuracy", 100)};
		m[i].n_classes = read_classes(f, &m[i].classes);
	}
	o->matches = m;
	f->obj = record;
}

static uint32_t read_values(struct fetch *f, const char *key, uint32_t ret[OS_SEQS_MAX])
{
	const json_t *list = json_object_get(f->obj, key);
	size_t n = json_array_size(list);

	for (size_t i = 0; i < MIN(n, (size_t)OS_SEQS_MAX); i++) {
		json_int_t v = json_integer_value(json_array_get(list, i));
		if (v < 0 || v > UINT32_MAX)
			fetch_refuse(f, key, -E_RANGE, "numbers of 32 bits");
		ret[i] = (uint32_t)v;
	}
	if (n > OS_SEQS_MAX)
		fetch_refuse(f, key, -E_SYNTAX, "at most 6 numbers");
	return (uint32_t)MIN(n, (size_t)OS_SEQS_MAX);
}

/** What was seen of sequences. */
static void read_sequences(struct fetch *f, struct os_facts *o)
{
	const json_t *record = f->obj, *seq = json_object_get(record, "sequences");
	uint32_t ids[OS_SEQS_MAX] = {0};

	o->seq_index = (uint32_t)fetch_known(f, "seq_index", UINT32_MAX);
	o->ip_id_class = keep(f, "ip_id_sequence");
	if (!json_is_object(seq))
		return;
	f->obj = seq;
	o->n_seqs = read_values(f, "tcp", o->seqs);
	(void)read_values(f, "ip_id", ids);
	for (uint32_t i = 0; i < OS_SEQS_MAX; i++)
		o->ip_ids[i] = (uint16_t)ids[i];
	o->has_ts = read_values(f, "timestamps", o->ts) > 0;
	o->ts_class = keep(f, "timestamp_class");
	f->obj = record;
}

void jsonfacts_os(struct fetch *f, struct ev_os *ret)
{
	struct os_facts *o = facts_alloc(f->block, sizeof(*o));
	const json_t *record = f->obj;

	*ret = (struct ev_os){.addr = fetch_addr(f, "address", true), .facts = o};
	if (!o) {
		no_room(f);
		return;
	}
	read_matches(f, o);
	o->n_classes = read_classes(f, &o->classes);
	o->n_perfect = (uint32_t)fetch_u64(f, "perfect", o->n_matches);
	o->is_too_many = fetch_bool(f, "too_many");
	o->wants_guess = fetch_bool(f, "guess");
	o->doubt = keep_plain(f, "doubt", "");
	o->fingerprint = keep(f, "fingerprint");
	o->distance = json_object_get(record, "distance") ? (int)fetch_u64(f, "distance", 255) : -1;
	o->uptime_s = fetch_known(f, "uptime_s", INT64_MAX);
	o->boot_wall_ns = fetch_known(f, "boot_s", INT32_MAX) * NS_PER_S;
	read_sequences(f, o);
	f->obj = json_object_get(record, "ports");
	o->open_tcp = (uint16_t)fetch_u64(f, "open_tcp", UINT16_MAX);
	o->closed_tcp = (uint16_t)fetch_u64(f, "closed_tcp", UINT16_MAX);
	o->closed_udp = (uint16_t)fetch_u64(f, "closed_udp", UINT16_MAX);
	f->obj = record;
}
