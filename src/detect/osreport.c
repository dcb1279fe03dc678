/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said of a tested host: its matches as far as they are worth it, their kinds, the
 * fingerprint as text, distance, uptime. Rules are nmap's: perfect matches alone when there are
 * any, else at most ten that are near the best.
 */
#include "detect/osreport.h"

#include <time.h>

enum { GUESSES_MAX = 10, DISTANCE_FAR = 5, FINGERPRINT_MAX = 16384 };

int os_distance(const struct os_test_result *t, char *ret_by)
{
	*ret_by = 0;
	if (t->conf->is_local)
		*ret_by = OS_DISTANCE_LOCAL;
	else if (t->is_direct)
		*ret_by = OS_DISTANCE_DIRECT;
	else if (t->seq->distance > 0)
		*ret_by = OS_DISTANCE_ICMP;
	if (!*ret_by)
		return -1;
	return t->conf->is_local ? 0 : t->is_direct ? 1 : t->seq->distance;
}

const char *os_doubt(const struct os_test_result *t)
{
	char by;

	if (!t->conf->open_tcp)
		return "Missing an open TCP port so results incomplete";
	if (!t->conf->closed_tcp)
		return "Missing a closed TCP port so results incomplete";
	if (os_distance(t, &by) > DISTANCE_FAR)
		return "Host distance is greater than five network hops";
	if (!t->has_udp_answer)
		return "Didn't receive UDP response. Please try again with -sSU";
	return NULL;
}

static uint8_t percent(double accuracy)
{
	return (uint8_t)(accuracy * 100);
}

static const char *text(struct facts *f, struct bytes b)
{
	return b.len ? facts_text(f, b.p, b.len) : NULL;
}

static void fill_class(const struct osdb *db, const struct os_class *c, double accuracy,
		       struct facts *f, struct os_class_facts *ret)
{
	*ret = (struct os_class_facts){.vendor = text(f, c->vendor),
				       .family = text(f, c->family),
				       .gen = text(f, c->gen),
				       .type = text(f, c->type),
				       .accuracy = percent(accuracy)};
	for (uint32_t i = 0; i < c->n_cpes && ret->n_cpe < FACTS_CPES_MAX; i++)
		if ((ret->cpe[ret->n_cpe] = text(f, db->cpes[c->first_cpe + i])))
			ret->n_cpe++;
}

static uint32_t n_worth(const struct os_result *r)
{
	uint32_t n = 0;

	if (r->n_perfect)
		return r->n_perfect;
	while (n < r->n_matches && n < GUESSES_MAX &&
	       r->matches[n].accuracy > r->matches[0].accuracy - OS_ACCURACY_SPAN)
		n++;
	return n;
}

static void fill_matches(const struct os_test_result *t, struct facts *f, struct os_facts *ret)
{
	const struct os_result *r = t->match;
	uint32_t n = n_worth(r);
	struct os_match_facts *m = n ? facts_alloc(f, n * sizeof(*m)) : NULL;

	for (uint32_t i = 0; m && i < n; i++) {
		const struct os_entry *e = r->matches[i].entry;
		struct os_class_facts *c =
			e->n_classes ? facts_alloc(f, e->n_classes * sizeof(*c)) : NULL;
		m[i] = (struct os_match_facts){.name = text(f, e->name),
					       .line = e->line,
					       .accuracy = percent(r->matches[i].accuracy),
					       .classes = c,
					       .n_classes = c ? e->n_classes : 0};
		for (uint32_t k = 0; k < m[i].n_classes; k++)
			fill_class(t->db, &t->db->classes[e->first_class + k],
				   r->matches[i].accuracy, f, &c[k]);
	}
	ret->matches = m;
	ret->n_matches = m ? n : 0;
	ret->n_perfect = m ? r->n_perfect : 0;
	struct os_class_facts *all =
		r->n_classes ? facts_alloc(f, r->n_classes * sizeof(*all)) : NULL;
	for (uint32_t i = 0; all && i < r->n_classes; i++)
		fill_class(t->db, r->classes[i].class, r->classes[i].accuracy, f, &all[i]);
	ret->classes = all;
	ret->n_classes = all ? r->n_classes : 0;
}

/** What PV means: RFC 1918 alone, not all that is not routed. @param b an IPv4 address. */
static bool is_rfc1918(const uint8_t *b)
{
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168);
}

static const char *fingerprint(const struct os_test_result *t, struct facts *f)
{
	time_t now = (time_t)(t->wall_ns / NS_PER_S);
	struct os_scan_line s = {
		.version = t->version,
		.open_tcp = t->conf->open_tcp,
		.closed_tcp = t->conf->closed_tcp,
		.closed_udp = t->has_udp_answer ? t->conf->closed_udp : 0,
		.is_private = is_rfc1918(t->conf->dst.b),
		.distance_guess = t->seq->distance_guess,
		.is_good = !os_doubt(t),
		.mac = t->mac,
		.time_s = t->wall_ns / NS_PER_S,
		.platform = "linux",
	};
	struct tm tm;
	struct buf b;

	s.distance = os_distance(t, &s.distance_by);
	localtime_r(&now, &tm);
	s.month = tm.tm_mon + 1;
	s.day = tm.tm_mday;
	buf_init(&b, FINGERPRINT_MAX);
	os_print_format(t->print, &s, &b);
	const char *kept = facts_keep(f, buf_text(&b));
	buf_fini(&b);
	return kept;
}

const struct os_facts *os_report(const struct os_test_result *t, struct facts *block)
{
	struct os_facts *r = facts_alloc(block, sizeof(*r));
	const struct os_sequence *q = t->seq;
	char by;

	if (!r)
		return NULL;
	*r = (struct os_facts){
		.is_too_many = t->match->is_too_many,
		.wants_guess = t->wants_guess,
		.doubt = os_doubt(t),
		.fingerprint = fingerprint(t, block),
		.open_tcp = t->conf->open_tcp,
		.closed_tcp = t->conf->closed_tcp,
		.closed_udp = t->has_udp_answer ? t->conf->closed_udp : 0,
		.distance = os_distance(t, &by),
		.uptime_s = q->uptime_ns / NS_PER_S,
		.n_seqs = q->n,
		.seq_index = q->index,
		.ip_id_class = q->ip_id_class,
		.ts_class = q->ts_class,
		.has_ts = q->has_ts,
	};
	if (q->uptime_ns)
		r->boot_wall_ns = t->wall_ns - q->uptime_ns;
	static_assert(sizeof(r->seqs) == sizeof(q->seqs) && sizeof(r->ip_ids) == sizeof(q->ip_ids),
		      "as many samples");
	memcpy(r->seqs, q->seqs, sizeof(r->seqs));
	memcpy(r->ts, q->ts, sizeof(r->ts));
	memcpy(r->ip_ids, q->ip_ids, sizeof(r->ip_ids));
	fill_matches(t, block, r);
	return r;
}
