/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OS test of a host in every format, for all of them follow the same rules of what may be said:
 * perfect matches alone; guesses where the test was not ideal or they were asked for; nothing
 * specific when too many fit; the fingerprint where nothing fits. Words and XML are nmap's.
 */
#include "out/osview.h"

#include "out/text.h"

enum { NAMES_MAX = 8, KINDS_MAX = 8, GENS_CAP = 96 };

static const struct os_facts *facts_of(const struct view *v)
{
	return v->host ? host_os(v->host) : NULL;
}

static bool says_guesses(const struct os_facts *f)
{
	return f->n_matches && (f->wants_guess || f->doubt);
}

static bool is_vague(const struct os_facts *f)
{
	return f->is_too_many || f->n_perfect > NAMES_MAX;
}

/* --- kinds of systems, for people ------------------------------------------------------ */

/** Vendor and family, and what generations of it were seen. */
struct family {
	const struct os_class_facts *first;
	char gens[GENS_CAP];
};

struct kinds {
	const char *types[KINDS_MAX], *cpes[KINDS_MAX];
	struct family families[KINDS_MAX];
	uint32_t n_types, n_families, n_cpes;
	bool is_overfull; /* so many that none is worth a word */
};

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/** Add a text to a list of distinct ones. @return false when it is full. */
static bool add_text(const char **list, uint32_t *n, const char *text)
{
	for (uint32_t i = 0; i < *n; i++)
		if (is_same(list[i], text))
			return true;
	if (*n == KINDS_MAX)
		return false;
	list[(*n)++] = text;
	return true;
}

static void add_gen(struct family *f, const char *gen)
{
	size_t len = strlen(f->gens), more = gen ? strlen(gen) : 0;

	if (!more || strstr(f->gens, gen) || len + more + 2 > sizeof(f->gens))
		return;
	if (len)
		f->gens[len++] = '|';
	memcpy(f->gens + len, gen, more + 1);
}

static bool add_family(struct kinds *k, const struct os_class_facts *c)
{
	uint32_t i = 0;

	while (i < k->n_families && !(is_same(k->families[i].first->vendor, c->vendor) &&
				      is_same(k->families[i].first->family, c->family)))
		i++;
	if (i == KINDS_MAX)
		return false;
	if (i == k->n_families)
		k->families[k->n_families++].first = c;
	add_gen(&k->families[i], c->gen);
	return true;
}

static void collect(const struct os_facts *f, struct kinds *k)
{
	memset(k, 0, sizeof(*k));
	for (uint32_t i = 0; i < f->n_classes && !k->is_overfull; i++) {
		const struct os_class_facts *c = &f->classes[i];
		k->is_overfull = !add_text(k->types, &k->n_types, c->type) || !add_family(k, c);
		for (uint32_t j = 0; j < c->n_cpe; j++)
			(void)add_text(k->cpes, &k->n_cpes, c->cpe[j]);
	}
}

static void put_family(struct buf *b, const struct family *f, bool is_guess)
{
	text_put(b, f->first->vendor, TEXT_TERMINAL);
	if (f->first->family && !is_same(f->first->vendor, f->first->family)) {
		buf_putc(b, ' ');
		text_put(b, f->first->family, TEXT_TERMINAL);
	}
	if (f->gens[0]) {
		buf_putc(b, ' ');
		text_put(b, f->gens, TEXT_TERMINAL);
	}
	if (is_guess)
		buf_printf(b, " (%u%%)", f->first->accuracy);
}

static void put_kinds(struct buf *b, const struct os_facts *f)
{
	struct kinds k;

	if (f->is_too_many || (!f->n_perfect && !says_guesses(f)))
		return;
	collect(f, &k);
	if (k.is_overfull || !k.n_families)
		return;
	text_lit(b, "Device type: ");
	for (uint32_t i = 0; i < k.n_types; i++) {
		buf_puts(b, i ? "|" : "");
		text_put(b, k.types[i], TEXT_TERMINAL);
	}
	buf_puts(b, f->n_perfect ? "\nRunning: " : "\nRunning (JUST GUESSING): ");
	for (uint32_t i = 0; i < k.n_families; i++) {
		buf_puts(b, i ? ", " : "");
		put_family(b, &k.families[i], !f->n_perfect);
	}
	buf_puts(b, k.n_cpes ? "\nOS CPE:" : "");
	for (uint32_t i = 0; i < k.n_cpes; i++) {
		buf_putc(b, ' ');
		text_put(b, k.cpes[i], TEXT_TERMINAL);
	}
	buf_putc(b, '\n');
}

/* --- normal -------------------------------------------------------------------------------- */

static void put_names(struct buf *b, const struct os_facts *f)
{
	buf_puts(b, f->n_perfect ? "OS details: " : "Aggressive OS guesses: ");
	for (uint32_t i = 0; i < f->n_matches; i++) {
		buf_puts(b, i ? ", " : "");
		text_put(b, f->matches[i].name, TEXT_TERMINAL);
		if (!f->n_perfect)
			buf_printf(b, " (%u%%)", f->matches[i].accuracy);
	}
	buf_putc(b, '\n');
}

static void put_fingerprint(struct buf *b, const struct os_facts *f)
{
	text_lit(b, "TCP/IP fingerprint:\n");
	for (const char *line = f->fingerprint; line && *line;) {
		size_t len = strcspn(line, "\n");
		char one[128];
		size_t n = MIN(len, sizeof(one) - 1);

		memcpy(one, line, n);
		one[n] = 0;
		text_put(b, one, TEXT_TERMINAL);
		buf_putc(b, '\n');
		line += len + (line[len] == '\n');
	}
	buf_putc(b, '\n');
}

/** No entry fits, and not too many either. */
static bool is_unknown(const struct os_facts *f)
{
	return !f->n_perfect && !is_vague(f);
}

static bool is_curious(const struct view *v)
{
	return v->scan->verbosity > 1 || v->scan->debugging;
}

/** Is the fingerprint worth its lines? To those who ask, and to those whose system is new. */
static bool shows_fingerprint(const struct view *v, const struct os_facts *f)
{
	return f->fingerprint && (is_curious(v) || (is_unknown(f) && !f->doubt));
}

static void put_verdict(struct buf *b, const struct view *v, const struct os_facts *f)
{
	if (is_vague(f))
		text_lit(b, "Too many fingerprints match this host to give specific OS details\n");
	else if (f->n_perfect || says_guesses(f))
		put_names(b, f);
	if (!is_unknown(f))
		return;
	if (f->doubt && (is_curious(v) || !f->n_matches))
		buf_printf(b, "OS fingerprint not ideal because: %s\n", f->doubt);
	buf_printf(b, "No %sOS matches for host%s.\n", f->n_matches ? "exact " : "",
		   f->doubt ? " (test conditions non-ideal)" : "");
}

static void put_network(struct buf *b, const struct view *v, const struct os_facts *f)
{
	if (v->scan->verbosity && f->uptime_s) {
		buf_printf(b, "Uptime guess: %.3f days (since ", (double)f->uptime_s / 86400);
		text_put_time(b, f->boot_wall_ns, TEXT_TIME_CTIME);
		text_lit(b, ")\n");
	}
	if (f->distance >= 0)
		buf_printf(b, "Network Distance: %d hop%s\n", f->distance,
			   f->distance == 1 ? "" : "s");
	if (v->scan->verbosity && f->n_seqs > 3)
		buf_printf(b, "TCP Sequence Prediction: Difficulty=%u (%s)\n", f->seq_index,
			   os_difficulty(f->seq_index));
	if (v->scan->verbosity && f->n_seqs > 2) {
		text_lit(b, "IP ID Sequence Generation: ");
		text_put(b, f->ip_id_class, TEXT_TERMINAL);
		buf_putc(b, '\n');
	}
}

void os_put_normal(struct buf *b, const struct view *v)
{
	const struct os_facts *f = facts_of(v);

	if (!f)
		return;
	if (!f->open_tcp || !f->closed_tcp)
		text_lit(b, "Warning: OSScan results may be unreliable because we could not find "
			    "at least 1 open and 1 closed port\n");
	put_kinds(b, f);
	put_verdict(b, v, f);
	if (shows_fingerprint(v, f))
		put_fingerprint(b, f);
	put_network(b, v, f);
}

/* --- grepable ------------------------------------------------------------------------------- */

void os_put_grepable(struct buf *b, const struct view *v)
{
	const struct os_facts *f = facts_of(v);

	if (!f)
		return;
	for (uint32_t i = 0; i < f->n_perfect && !is_vague(f); i++) {
		buf_puts(b, i ? "|" : "\tOS: ");
		text_put(b, f->matches[i].name, TEXT_GREPABLE);
	}
	if (f->n_seqs > 3)
		buf_printf(b, "\tSeq Index: %u", f->seq_index);
	if (f->n_seqs > 2) {
		text_lit(b, "\tIP ID Seq: ");
		text_put(b, f->ip_id_class, TEXT_GREPABLE);
	}
}

/* --- XML -------------------------------------------------------------------------------------- */

static void attr(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(b, " %s=\"", name);
	text_put(b, value, TEXT_XML);
	buf_putc(b, '"');
}

static void xml_port(struct buf *b, const char *state, const char *proto, uint16_t port)
{
	if (port)
		buf_printf(b, "<portused state=\"%s\" proto=\"%s\" portid=\"%u\"/>\n", state, proto,
			   port);
}

static void xml_class(struct buf *b, const struct os_class_facts *c)
{
	text_lit(b, "<osclass");
	attr(b, "type", c->type);
	attr(b, "vendor", c->vendor);
	attr(b, "osfamily", c->family ? c->family : "");
	attr(b, "osgen", c->gen);
	buf_printf(b, " accuracy=\"%u\"", c->accuracy);
	buf_puts(b, c->n_cpe ? ">" : "/>\n");
	for (uint32_t i = 0; i < c->n_cpe; i++) {
		text_lit(b, "<cpe>");
		text_put(b, c->cpe[i], TEXT_XML);
		text_lit(b, "</cpe>");
	}
	buf_puts(b, c->n_cpe ? "</osclass>\n" : "");
}

static void xml_fingerprint(struct buf *b, const char *text)
{
	text_lit(b, "<osfingerprint fingerprint=\"");
	for (; *text; text++) {
		char one[2] = {*text};
		if (*text == '\n')
			text_lit(b, "&#xa;");
		else
			text_put(b, one, TEXT_XML);
	}
	text_lit(b, "&#xa;\"/>\n");
}

static void xml_os(struct buf *b, const struct view *v, const struct os_facts *f)
{
	text_lit(b, "<os>");
	xml_port(b, "open", "tcp", f->open_tcp);
	xml_port(b, "closed", "tcp", f->closed_tcp);
	xml_port(b, "closed", "udp", f->closed_udp);
	for (uint32_t i = 0; i < f->n_matches && !is_vague(f); i++) {
		text_lit(b, "<osmatch");
		attr(b, "name", f->matches[i].name);
		buf_printf(b, " accuracy=\"%u\" line=\"%u\">\n", f->matches[i].accuracy,
			   f->matches[i].line);
		for (uint32_t k = 0; k < f->matches[i].n_classes; k++)
			xml_class(b, &f->matches[i].classes[k]);
		text_lit(b, "</osmatch>\n");
	}
	if (shows_fingerprint(v, f))
		xml_fingerprint(b, f->fingerprint);
	text_lit(b, "</os>\n");
}

/** "a,b,c" in upper-case hexadecimal digits. */
static void put_numbers(struct buf *b, const uint32_t *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		buf_printf(b, "%s%X", i ? "," : "", v[i]);
}

static void xml_sequences(struct buf *b, const struct os_facts *f)
{
	uint32_t ids[OS_SEQS_MAX];

	if (f->n_seqs > 3) {
		buf_printf(b, "<tcpsequence index=\"%u\" difficulty=\"%s\" values=\"", f->seq_index,
			   os_difficulty(f->seq_index));
		put_numbers(b, f->seqs, f->n_seqs);
		text_lit(b, "\"/>\n");
	}
	if (f->n_seqs <= 2)
		return;
	for (uint32_t i = 0; i < f->n_seqs; i++)
		ids[i] = f->ip_ids[i];
	text_lit(b, "<ipidsequence");
	attr(b, "class", f->ip_id_class);
	text_lit(b, " values=\"");
	put_numbers(b, ids, f->n_seqs);
	text_lit(b, "\"/>\n<tcptssequence");
	attr(b, "class", f->ts_class);
	if (f->has_ts) {
		text_lit(b, " values=\"");
		put_numbers(b, f->ts, f->n_seqs);
		buf_putc(b, '"');
	}
	text_lit(b, "/>\n");
}

void os_put_xml(struct buf *b, const struct view *v)
{
	const struct os_facts *f = facts_of(v);

	if (!f)
		return;
	xml_os(b, v, f);
	if (f->uptime_s) {
		buf_printf(b, "<uptime seconds=\"%llu\" lastboot=\"",
			   (unsigned long long)f->uptime_s);
		text_put_time(b, f->boot_wall_ns, TEXT_TIME_CTIME);
		text_lit(b, "\"/>\n");
	}
	if (f->distance >= 0)
		buf_printf(b, "<distance value=\"%d\"/>\n", f->distance);
	xml_sequences(b, f);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void member(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(b, ",\"%s\":\"", name);
	text_put(b, value, TEXT_JSON);
	buf_putc(b, '"');
}

static void json_class(struct buf *b, const struct os_class_facts *c)
{
	text_lit(b, "{\"vendor\":\"");
	text_put(b, c->vendor, TEXT_JSON);
	buf_putc(b, '"');
	member(b, "family", c->family);
	member(b, "generation", c->gen);
	member(b, "type", c->type);
	text_lit(b, ",\"cpe\":[");
	for (uint32_t i = 0; i < c->n_cpe; i++) {
		buf_puts(b, i ? ",\"" : "\"");
		text_put(b, c->cpe[i], TEXT_JSON);
		buf_putc(b, '"');
	}
	buf_printf(b, "],\"accuracy\":%u}", c->accuracy);
}

static void json_classes(struct buf *b, const struct os_class_facts *c, uint32_t n)
{
	text_lit(b, ",\"classes\":[");
	for (uint32_t i = 0; i < n; i++) {
		buf_puts(b, i ? "," : "");
		json_class(b, &c[i]);
	}
	buf_putc(b, ']');
}

static void json_values(struct buf *b, const char *lead, const uint32_t *v, uint32_t n)
{
	buf_puts(b, lead);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(b, "%s%u", i ? "," : "", v[i]);
	buf_putc(b, ']');
}

/** What the first SYNs brought: enough to draw the same conclusions again. */
static void json_sequences(struct buf *b, const struct os_facts *f)
{
	uint32_t ids[OS_SEQS_MAX];

	for (uint32_t i = 0; i < f->n_seqs; i++)
		ids[i] = f->ip_ids[i];
	json_values(b, ",\"sequences\":{\"tcp\":[", f->seqs, f->n_seqs);
	json_values(b, ",\"ip_id\":[", ids, f->n_seqs);
	json_values(b, ",\"timestamps\":[", f->ts, f->has_ts ? f->n_seqs : 0);
	member(b, "timestamp_class", f->ts_class);
	buf_putc(b, '}');
}

static void json_matches(struct buf *b, const struct os_facts *f)
{
	text_lit(b, ",\"matches\":[");
	for (uint32_t i = 0; i < f->n_matches; i++) {
		const struct os_match_facts *m = &f->matches[i];

		buf_puts(b, i ? ",{\"name\":\"" : "{\"name\":\"");
		text_put(b, m->name, TEXT_JSON);
		buf_printf(b, "\",\"accuracy\":%u,\"line\":%u", m->accuracy, m->line);
		json_classes(b, m->classes, m->n_classes);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

void os_put_json(struct buf *b, const struct view *v)
{
	const struct os_facts *f = facts_of(v);

	if (!f)
		return;
	buf_printf(b, "{\"schema\":1,\"type\":\"os\",\"address\":\"%s\",\"method\":\"probes\"",
		   v->addr_bare);
	buf_printf(b, ",\"perfect\":%u,\"too_many\":%s,\"ideal\":%s", f->n_perfect,
		   f->is_too_many ? "true" : "false", f->doubt ? "false" : "true");
	member(b, "doubt", f->doubt);
	text_put_json_bool(b, "guess", f->wants_guess);
	json_matches(b, f);
	json_classes(b, f->classes, f->n_classes);
	buf_printf(b, ",\"ports\":{\"open_tcp\":%u,\"closed_tcp\":%u,\"closed_udp\":%u}",
		   f->open_tcp, f->closed_tcp, f->closed_udp);
	if (f->distance >= 0)
		buf_printf(b, ",\"distance\":%d", f->distance);
	if (f->uptime_s)
		buf_printf(b, ",\"uptime_s\":%llu,\"boot_s\":%llu", (unsigned long long)f->uptime_s,
			   (unsigned long long)(f->boot_wall_ns / NS_PER_S));
	if (f->n_seqs > 3)
		buf_printf(b, ",\"seq_index\":%u", f->seq_index);
	if (f->n_seqs > 2)
		member(b, "ip_id_sequence", f->ip_id_class);
	if (f->n_seqs)
		json_sequences(b, f);
	member(b, "fingerprint", f->fingerprint);
	text_lit(b, "}\n");
}
