/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reader of service probe files. One pass over the lines, a row per directive; what a line says is
 * checked here once, so that later users need not: delimiters close, payload escapes are known,
 * ports are ports, fallbacks exist. Patterns and templates stay views of the file; of 12,000
 * matches a scan needs a few. Source: nmap's reference, "nmap-service-probes File Format".
 */
#include "detect/svcdb.h"

#include "base/mem.h"
#include "detect/svcline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TOTALWAIT_DEFAULT_MS = 5000,
	TCPWRAPPED_DEFAULT_MS = 3000,
	WAIT_MIN_MS = 100,
	WAIT_MAX_MS = 300000,
	PAYLOAD_BYTES_MAX = 16384,
	LINE_BYTES_MAX = 65536,
	NAME_BYTES_MAX = 64
};

/** A probe while it is read: public part first. */
struct draft {
	struct svc_probe p;
	struct svc_match *matches;
	uint32_t cap;
	struct bytes fallback; /* names, resolved at the end */
	uint8_t file;
};

struct db {
	struct svcdb pub;
	struct svc_probe *probes;
	struct draft *drafts;
	uint32_t n_drafts, cap_drafts;
	struct arena arena; /* payloads, ranges */
};

struct reader {
	struct db *db;
	struct draft *probe; /* NULL before the first one */
	struct svc_ranges ranges;
	struct svc_line l;
	uint32_t line;
	uint8_t file;
};

static bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

/* --- ports ------------------------------------------------------------------ */

static int port_list(struct reader *r, struct svc_ports *to)
{
	struct bytes list = svc_word(&r->l), item;
	int err = 0;

	while (!err && svc_next_item(&list, &item))
		err = svc_port_item(&r->l, item, &r->ranges);
	if (!err)
		err = svc_ranges_keep(&r->ranges, &r->db->arena, to);
	return err ? err : svc_line_ends(&r->l);
}

static int on_ports(struct reader *r)
{
	return port_list(r, &r->probe->p.ports);
}

static int on_sslports(struct reader *r)
{
	return port_list(r, &r->probe->p.sslports);
}

/** "Exclude T:9100-9107,U:30000": a prefix holds until the next one; without one TCP and UDP. */
static int on_exclude(struct reader *r)
{
	static const char letters[] = {[PORT_TCP] = 'T', [PORT_UDP] = 'U', [PORT_SCTP] = 'S'};
	struct bytes list = svc_word(&r->l), item;
	uint32_t which = 1u << PORT_TCP | 1u << PORT_UDP;

	while (svc_next_item(&list, &item)) {
		for (uint32_t k = 0; k < PORT_PROTO_N; k++)
			if (item.len > 2 && item.p[0] == letters[k] && item.p[1] == ':') {
				which = 1u << k;
				item = (struct bytes){item.p + 2, item.len - 2};
			}
		for (uint32_t k = 0; k < PORT_PROTO_N; k++) {
			if (!(which >> k & 1))
				continue;
			int err = svc_port_item(&r->l, item, &r->ranges);
			if (!err)
				err = svc_ranges_keep(&r->ranges, &r->db->arena,
						      &r->db->pub.exclude[k]);
			if (err)
				return err;
		}
	}
	return svc_line_ends(&r->l);
}

/* --- probes ------------------------------------------------------------------- */

/** One escape of a payload; *pp behind the backslash, moved on. @return the byte, or -1. */
static int unescape(const uint8_t **pp, const uint8_t *end)
{
	static const char from[] = "0abfnrtv\\", to[] = "\0\a\b\f\n\r\t\v\\";
	const uint8_t *p = *pp;

	if (p >= end)
		return -1;
	*pp = p + 1;
	if (*p == 'x') {
		if (end - p < 3 || hex_digit(p[1]) < 0 || hex_digit(p[2]) < 0)
			return -1;
		*pp = p + 3;
		return hex_digit(p[1]) << 4 | hex_digit(p[2]);
	}
	const char *at = *p ? strchr(from, *p) : NULL;
	return at ? (uint8_t)to[at - from] : -1;
}

static int payload(struct reader *r, struct bytes text, struct svc_probe *p)
{
	const uint8_t *at = text.p, *end = text.p + text.len;
	uint8_t *out = arena_alloc(&r->db->arena, text.len + 1);

	if (!out)
		return -ENOMEM;
	p->payload = out;
	while (at < end) {
		const uint8_t *from = at;
		int c = *at++;
		if (c == '\\')
			c = unescape(&at, end);
		if (c < 0)
			return svc_fail(
				&r->l, -E_SYNTAX, (struct bytes){from, (size_t)MIN(end - from, 4)},
				"want an escape \\xHH \\0 \\a \\b \\f \\n \\r \\t \\v \\\\");
		out[p->payload_len++] = (uint8_t)c;
	}
	return p->payload_len > PAYLOAD_BYTES_MAX
		       ? svc_fail(&r->l, -E_RANGE, text, "the payload is too long")
		       : 0;
}

/** The draft of that name, made when there is none. NULL without memory or at the ceiling. */
static struct draft *draft_of(struct reader *r, struct bytes name, uint8_t proto, bool *ret_is_new)
{
	struct db *db = r->db;

	*ret_is_new = false;
	for (uint32_t i = 0; i < db->n_drafts; i++)
		if (db->drafts[i].p.proto == proto && bytes_equal(db->drafts[i].p.name, name))
			return &db->drafts[i];
	if (db->n_drafts == SVC_PROBES_MAX)
		return NULL;
	if (db->n_drafts == db->cap_drafts) {
		uint32_t cap = MAX(2 * db->cap_drafts, 256u);
		struct draft *more = mem_resize(db->drafts, cap, sizeof(*more));
		if (!more)
			return NULL;
		db->drafts = more;
		db->cap_drafts = cap;
	}
	*ret_is_new = true;
	struct draft *d = &db->drafts[db->n_drafts++];
	*d = (struct draft){.p = {.name = name,
				  .proto = proto,
				  .rarity = SVC_RARITY_DEFAULT,
				  .line = r->line,
				  .totalwait_ms = TOTALWAIT_DEFAULT_MS,
				  .tcpwrapped_ms = TCPWRAPPED_DEFAULT_MS},
			    .file = r->file};
	return d;
}

/** Probe TCP GetRequest q|GET / HTTP/1.0\r\n\r\n| [no-payload] */
static int on_probe(struct reader *r)
{
	struct bytes proto = svc_word(&r->l), name = svc_word(&r->l), text;
	bool is_tcp = svc_is_word(proto, "TCP"), is_new;

	if (!is_tcp && !svc_is_word(proto, "UDP"))
		return svc_fail(&r->l, -E_SYNTAX, proto, "want TCP or UDP");
	if (!name.len || name.len > NAME_BYTES_MAX)
		return svc_fail(&r->l, -E_SYNTAX, name, "want the probe's name");
	int err = svc_delimited(&r->l, 'q', "want the payload as q|...|", &text);
	if (err)
		return err;
	r->probe = draft_of(r, name, is_tcp ? PROTO_TCP : PROTO_UDP, &is_new);
	if (!r->probe)
		return r->db->n_drafts == SVC_PROBES_MAX
			       ? svc_fail(&r->l, -E_FULL, name, "too many probes")
			       : -ENOMEM;
	if (is_new)
		err = payload(r, text, &r->probe->p);
	struct bytes flag = svc_word(&r->l);
	if (!err && flag.len && !svc_is_word(flag, "no-payload"))
		err = svc_fail(&r->l, -E_SYNTAX, flag, "want no-payload or nothing");
	r->probe->p.has_no_payload |= flag.len != 0;
	return err;
}

static int on_rarity(struct reader *r)
{
	uint32_t n = 0;
	int err = svc_number(&r->l, 1, SVC_RARITY_MAX, &n);

	r->probe->p.rarity = (uint8_t)(err ? SVC_RARITY_DEFAULT : n);
	return err;
}

static int on_totalwaitms(struct reader *r)
{
	return svc_number(&r->l, WAIT_MIN_MS, WAIT_MAX_MS, &r->probe->p.totalwait_ms);
}

static int on_tcpwrappedms(struct reader *r)
{
	return svc_number(&r->l, WAIT_MIN_MS, WAIT_MAX_MS, &r->probe->p.tcpwrapped_ms);
}

static int on_fallback(struct reader *r)
{
	r->probe->fallback = svc_rest(&r->l);
	return 0;
}

/* --- matches --------------------------------------------------------------------- */

static const struct {
	const char *start;
	uint8_t field;
} template_kinds[] = {{"cpe:", SVC_CPE},    {"p", SVC_PRODUCT},  {"v", SVC_VERSION},
		      {"i", SVC_EXTRAINFO}, {"h", SVC_HOSTNAME}, {"o", SVC_OSTYPE},
		      {"d", SVC_DEVICETYPE}};

int svc_templates_next(struct bytes *left, struct bytes *ret_text)
{
	while (left->len && svc_is_blank(*left->p))
		*left = (struct bytes){left->p + 1, left->len - 1};
	for (size_t i = 0; i < ARRAY_LEN(template_kinds) && left->len; i++) {
		size_t n = strlen(template_kinds[i].start);
		if (left->len < n + 2 || memcmp(left->p, template_kinds[i].start, n) != 0)
			continue;
		const uint8_t *from = left->p + n + 1, *end = left->p + left->len;
		const uint8_t *close = memchr(from, from[-1], (size_t)(end - from));
		if (!close)
			return -1;
		*ret_text = (struct bytes){from, (size_t)(close - from)};
		close++;
		if (template_kinds[i].field == SVC_CPE && close < end && *close == 'a')
			close++;
		*left = (struct bytes){close, (size_t)(end - close)};
		return template_kinds[i].field;
	}
	return -1;
}

/** Every template of the rest of the line must be one. */
static int check_templates(struct reader *r, struct bytes all)
{
	uint32_t n_cpes = 0;
	struct bytes text;
	int field;

	while ((field = svc_templates_next(&all, &text)) >= 0)
		if (field == SVC_CPE && ++n_cpes > SVC_CPES_MAX)
			return svc_fail(&r->l, -E_FULL, text, "too many CPEs in one match");
	if (all.len)
		return svc_fail(&r->l, -E_SYNTAX, all,
				"want p/../ v/../ i/../ h/../ o/../ d/../ or cpe:/../");
	return 0;
}

/** "m|pattern|is" */
static int pattern(struct reader *r, struct svc_match *m)
{
	int err = svc_delimited(&r->l, 'm', "want the pattern as m|...|", &m->pattern);
	if (err)
		return err;
	for (; r->l.p < r->l.end && !svc_is_blank(*r->l.p); r->l.p++) {
		if (*r->l.p == 'i')
			m->is_caseless = true;
		else if (*r->l.p == 's')
			m->is_dotall = true;
		else
			return svc_fail(&r->l, -E_SYNTAX, (struct bytes){r->l.p, 1},
					"want the options i or s");
	}
	return 0;
}

static int add_match(struct reader *r, bool is_soft)
{
	struct draft *d = r->probe;
	struct svc_match m = {.line = r->line, .file = r->file, .is_soft = is_soft};

	m.service = svc_word(&r->l);
	if (!m.service.len || m.service.len > NAME_BYTES_MAX)
		return svc_fail(&r->l, -E_SYNTAX, m.service, "want a service name");
	int err = pattern(r, &m);
	if (err)
		return err;
	m.templates = svc_rest(&r->l);
	err = check_templates(r, m.templates);
	if (err)
		return err;
	if (d->p.n_matches == d->cap) {
		uint32_t cap = MAX(2 * d->cap, 8u);
		struct svc_match *more = mem_resize(d->matches, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		d->matches = more;
		d->cap = cap;
	}
	d->matches[d->p.n_matches++] = m;
	return 0;
}

static int on_match(struct reader *r)
{
	return add_match(r, false);
}

static int on_softmatch(struct reader *r)
{
	return add_match(r, true);
}

/* --- lines ---------------------------------------------------------------------------- */

static const struct {
	const char *word;
	bool is_global; /* may stand before the first probe */
	int (*read)(struct reader *r);
} directives[] = {
	{"match", false, on_match},
	{"softmatch", false, on_softmatch},
	{"ports", false, on_ports},
	{"sslports", false, on_sslports},
	{"rarity", false, on_rarity},
	{"fallback", false, on_fallback},
	{"totalwaitms", false, on_totalwaitms},
	{"tcpwrappedms", false, on_tcpwrappedms},
	{"Probe", true, on_probe},
	{"Exclude", true, on_exclude},
};

static int read_line(struct reader *r)
{
	struct svc_line *l = &r->l;

	while (l->end > l->p && (svc_is_blank(l->end[-1]) || l->end[-1] == '\r'))
		l->end--;
	struct bytes w = svc_word(l);
	if (!w.len || *w.p == '#')
		return 0;
	if ((size_t)(l->end - l->start) > LINE_BYTES_MAX)
		return svc_fail(l, -E_RANGE, w, "the line is too long");
	for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
		if (!svc_is_word(w, directives[i].word))
			continue;
		if (!directives[i].is_global && !r->probe)
			return svc_fail(l, -E_SYNTAX, w, "want a Probe line before it");
		return directives[i].read(r);
	}
	return svc_fail(
		l, -E_SYNTAX, w,
		"want Probe, match, softmatch, ports, sslports, rarity, fallback, totalwaitms, "
		"tcpwrappedms or Exclude");
}

static int read_text(struct reader *r, struct bytes text)
{
	const uint8_t *p = text.p, *end = text.p + text.len;
	int err = 0;

	r->line = 0;
	r->probe = NULL;
	while (p < end && !err) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
		r->l.start = r->l.p = p;
		r->l.end = nl ? nl : end;
		r->line++;
		p = nl ? nl + 1 : end;
		err = read_line(r);
	}
	return err;
}

/* --- the whole -------------------------------------------------------------------------- */

static uint32_t find_probe(const struct db *db, struct bytes name, uint8_t proto)
{
	uint32_t other = UINT32_MAX;

	for (uint32_t i = 0; i < db->n_drafts; i++) {
		if (!bytes_equal(db->drafts[i].p.name, name))
			continue;
		if (db->drafts[i].p.proto == proto)
			return i;
		other = i;
	}
	/* a TCP probe may fall back to the patterns of a UDP one */
	return other;
}

/** Itself, what "fallback" names, and for TCP the NULL probe. */
static int resolve_chain(struct reader *r, struct draft *d, uint32_t self)
{
	struct svc_probe *p = &d->p;
	struct bytes list = d->fallback, item;
	bool is_null = self == r->db->pub.null_probe;

	p->chain[p->n_chain++] = (uint16_t)self;
	while (svc_next_item(&list, &item)) {
		uint32_t at = find_probe(r->db, item, p->proto);
		if (at == UINT32_MAX || p->n_chain > SVC_FALLBACKS_MAX) {
			int code = at == UINT32_MAX ? -E_NAME : -E_FULL;
			err_at(r->l.where, code, (const char *)item.p, item.len, 1, "%s",
			       at == UINT32_MAX ? "no probe has this name" : "too many fallbacks");
			return code;
		}
		p->chain[p->n_chain++] = (uint16_t)at;
	}
	if (p->proto == PROTO_TCP && !is_null && r->db->pub.null_probe != UINT32_MAX)
		p->chain[p->n_chain++] = (uint16_t)r->db->pub.null_probe;
	return 0;
}

/** Turn drafts into the public tables. */
static int finish(struct reader *r)
{
	struct db *db = r->db;
	static const uint8_t null_name[] = "NULL";

	db->pub.null_probe = find_probe(db, (struct bytes){null_name, 4}, PROTO_TCP);
	db->probes = mem_alloc(MAX(db->n_drafts, 1u), sizeof(*db->probes));
	if (!db->probes)
		return -ENOMEM;
	for (uint32_t i = 0; i < db->n_drafts; i++) {
		struct draft *d = &db->drafts[i];
		int err = resolve_chain(r, d, i);
		if (err) {
			r->file = d->file;
			r->line = d->p.line;
			return err;
		}
		d->p.matches = d->matches;
		db->probes[i] = d->p;
	}
	db->pub.probes = db->probes;
	db->pub.n_probes = db->n_drafts;
	return 0;
}

int svcdb_parse(const struct bytes *texts, const char *const *names, uint32_t n_texts,
		struct svcdb **ret, struct err_where *reterr)
{
	struct err_where unused;
	struct reader r = {.l = {.where = reterr ? reterr : &unused}};
	int err = 0;

	r.db = mem_alloc(1, sizeof(*r.db));
	if (!r.db)
		return -ENOMEM;
	arena_init(&r.db->arena, 65536, SVC_FILE_BYTES_MAX);
	for (uint32_t i = 0; i < n_texts && !err; i++) {
		r.file = (uint8_t)i;
		err = read_text(&r, texts[i]);
	}
	if (!err)
		err = finish(&r);
	mem_free(r.ranges.r);
	if (err) {
		snprintf(r.l.where->file, sizeof(r.l.where->file), "%s", names[r.file]);
		r.l.where->line = r.line;
		svcdb_free(&r.db->pub);
		return err;
	}
	*ret = &r.db->pub;
	return 0;
}

void svcdb_free(struct svcdb *pub)
{
	struct db *db = (struct db *)pub;

	if (!db)
		return;
	for (uint32_t i = 0; i < db->n_drafts; i++)
		mem_free(db->drafts[i].matches);
	mem_free(db->drafts);
	mem_free(db->probes);
	arena_fini(&db->arena);
	mem_free(db);
}
