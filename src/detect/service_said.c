/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an answer says: patterns first, then the readers of protocols. A hard match ends the
 * questions. One that rests on too little (evidence.h, or two bytes) names a service, in doubt, and
 * no program; the questions go on.
 */
#include "detect/service_parts.h"

#include "detect/evidence.h"
#include "detect/verdict.h"

#include <string.h>

/** A pattern for fewer bytes fits too many protocols by chance. */
enum { WEAK_BYTES = 2, WEAK_CONF = 5 };

void said_keep_banner(struct service *s, struct bytes b)
{
	struct service_facts *r = &s->result;

	if (r->banner || !b.len)
		return;
	uint32_t n = (uint32_t)MIN(b.len, (size_t)FACTS_BANNER_MAX);
	uint8_t *copy = facts_alloc(s->facts, n);
	if (!copy)
		return;
	memcpy(copy, b.p, n);
	r->banner = copy;
	r->banner_len = n;
}

/** Take over what a match says; what was said first stays. */
static void take(struct service *s, const struct match_hit *hit)
{
	struct service_facts was = s->result;

	verdict_of(hit, s->facts, &s->result);
	s->result.banner = was.banner;
	s->result.banner_len = was.banner_len;
	if (hit->match->is_soft)
		s->soft = hit->match->service;
}

/** All that is concluded from a line that fits what many say. @return whether it is certain. */
static bool take_weak(struct service *s, const struct match_hit *hit, size_t len)
{
	struct bytes name = hit->match->service;
	bool is_sure = len > WEAK_BYTES && evidence_is_nameless(name);

	if (s->result.name)
		return false;
	s->result.name = facts_text(s->facts, name.p, name.len);
	s->result.conf = is_sure ? 10 : WEAK_CONF;
	s->is_known = is_sure;
	s->is_weak = !is_sure;
	s->result.is_soft = true;
	return is_sure;
}

/** Does the answer bear out what the line says of the program? */
static bool is_borne_out(const struct service *s, struct bytes b, const struct match_hit *hit)
{
	struct service_facts said;

	if (b.len <= WEAK_BYTES)
		return false;
	verdict_of(hit, s->facts, &said);
	return evidence_is_enough(hit, b, said.product);
}

/** An alert or a hello: the peer expects TLS here. */
static bool looks_like_tls(struct bytes b)
{
	return b.len >= 5 && (b.p[0] == 0x15 || b.p[0] == 0x16) && b.p[1] == 3 && b.p[2] <= 4;
}

bool said_want_tls(struct service *s)
{
	if (s->is_tunnel || s->port.proto != PROTO_TCP)
		return false;
	s->speaks_tls = true;
	if (s->tls_stage == TLS_UNTRIED || s->tls_stage == TLS_SILENT)
		s->tls_stage = TLS_WANTED;
	return s->tls_stage == TLS_WANTED || s->tls_stage == TLS_TRYING;
}

/** @return whether a reader of protocols recognises it: the one that asked, or any. */
static bool read_answer(const struct service *s, const struct service_talk *t, struct bytes b,
			struct app_facts *ret)
{
	if (t->row && t->row->is_asked_only && t->row->parse(b, ret) >= 0 && ret->service)
		return true;
	memset(ret, 0, sizeof(*ret));
	return app_read(b, s->port.proto == PROTO_UDP ? APP_UDP : APP_TCP, ret) &&
	       (!ret->is_greeting || (t->is_listener && order_is_null(s, t) && !s->n_on_listener));
}

/** A question that was given up before its server, which is slow, was heard: once more. */
static void ask_missed(struct service *s)
{
	if (!s->missed_hello || s->has_retried)
		return;
	s->has_retried = true;
	order_set_asked(s, s->missed_hello - 1, false);
}

/** Let the protocols' own readers add what patterns did not see. */
static void read_by_protocol(struct service *s, const struct service_talk *t, struct bytes b)
{
	struct app_facts app = {0};

	if (s->tls_stage == TLS_WANTED && s->speaks_tls) /* a complaint, not the service */
		return;
	if (!read_answer(s, t, b, &app))
		return;
	(void)app_merge(&app, s->facts, &s->result, s->is_known);
	s->is_weak = false;
	s->is_read = true;
	ask_missed(s);
	if (s->result.name && !s->result.conf)
		s->result.conf = 10;
	if (s->result.product && !s->is_known) {
		s->is_known = true;
		s->result.is_soft = false;
	}
}

static struct bytes payload_of(const struct service *s, uint32_t probe)
{
	const struct svc_probe *p =
		probe < s->plan->db->n_probes ? &s->plan->db->probes[probe] : NULL;

	return p ? (struct bytes){p->payload, p->payload_len} : (struct bytes){0};
}

/** Cut @p what off the start of @p b. @return whether it was there. */
static bool cut_start(struct bytes *b, struct bytes what)
{
	if (!what.len || b->len < what.len || memcmp(b->p, what.p, what.len) != 0)
		return false;
	*b = (struct bytes){b->p + what.len, b->len - what.len};
	return true;
}

/** All that was said is what we said: patterns for parts of it would see a stranger in a mirror. */
static bool is_echo(const struct service *s, const struct service_talk *t, struct bytes b)
{
	if (!t->is_listener)
		return cut_start(&b, payload_of(s, t->probe)) && !b.len;
	for (uint32_t i = 0; i < s->n_on_listener && b.len; i++)
		if (!cut_start(&b, payload_of(s, s->on_listener[i])))
			return false;
	return s->n_on_listener && !b.len;
}

static void take_echo(struct service *s)
{
	s->result.name = "echo";
	s->result.conf = 10;
	s->is_known = true;
}

/** Our own words come back within others, backwards or in other letters. */
static bool is_mirror(const struct service *s, const struct service_talk *t, struct bytes b)
{
	bool is = evidence_is_mirror(b, payload_of(s, t->probe));

	for (uint32_t i = 0; i < s->n_on_listener && t->is_listener; i++)
		is |= evidence_is_mirror(b, payload_of(s, s->on_listener[i]));
	return is;
}

bool said_match(struct service *s, struct service_talk *t, struct bytes b)
{
	struct match_hit hit;

	b.len = MIN(b.len, (size_t)MATCH_BYTES_MAX);
	if (t->n_tried == b.len)
		return false;
	t->n_tried = b.len;
	if (b.len > WEAK_BYTES && is_echo(s, t, b)) {
		take_echo(s);
		return true;
	}
	int rc = matcher_match(s->plan->matcher, t->probe, b, s->soft, &hit);
	if (rc == 1 && verdict_is_tls(&hit)) {
		if (!s->result.name)
			take(s, &hit);
		s->soft = (struct bytes){0};
		(void)said_want_tls(s);
		return false;
	}
	if ((looks_like_tls(b) && said_want_tls(s)) || rc != 1)
		return false;
	/* of questions asked side by side it may have been answered later */
	if (s->is_known || is_mirror(s, t, b))
		return false;
	if (!is_borne_out(s, b, &hit))
		return take_weak(s, &hit, b.len);
	take(s, &hit);
	s->is_weak = false;
	if (hit.match->is_soft)
		return false;
	s->is_known = true;
	read_by_protocol(s, t, b);
	return true;
}

/** Does a match leave nothing to ask? */
static bool is_telling(const struct match_hit *hit)
{
	struct bytes left = hit->match->templates, text;
	int field;

	while ((field = svc_templates_next(&left, &text)) >= 0)
		if (field == SVC_PRODUCT || field == SVC_VERSION)
			return !hit->match->is_soft;
	return false;
}

/** As if each probe that lists the port had been asked and had got this answer. */
static bool match_listed(struct service *s, struct bytes b)
{
	const struct svcdb *db = s->plan->db;
	struct match_hit hit;

	b.len = MIN(b.len, (size_t)MATCH_BYTES_MAX);
	for (uint32_t i = 0; i < db->n_probes; i++)
		if (db->probes[i].proto == s->port.proto && order_is_listed(s, &db->probes[i]) &&
		    matcher_match(s->plan->matcher, i, b, (struct bytes){0}, &hit) == 1 &&
		    is_telling(&hit) && is_borne_out(s, b, &hit)) {
			take(s, &hit);
			return true;
		}
	return false;
}

void service_was_told(struct service *s, struct bytes b)
{
	static const struct service_talk nobodys;
	struct app_facts app = {0};

	if (!b.len)
		return;
	s->has_heard = true;
	said_keep_banner(s, b);
	s->is_known = match_listed(s, b);
	/* a protocol's name alone would narrow the questions down to it: others speak it too */
	if (s->is_known || (read_answer(s, &nobodys, b, &app) && app.field[APP_PRODUCT][0]))
		read_by_protocol(s, &nobodys, b);
}

int said_progress(const struct service_talk *t, struct bytes b)
{
	struct app_facts app = {0};
	int n = t->row ? t->row->parse(b, &app) : -E_SYNTAX;

	return n >= 0 && !app.service ? -E_SYNTAX : n;
}

bool said_all(struct service *s, struct service_talk *t, struct bytes b)
{
	const struct svc_probe *p = order_probe_of(s, t);
	bool is_hard = false;

	if (b.len && p) {
		said_keep_banner(s, b);
		is_hard = said_match(s, t, b);
		answers_add(&s->answers, p->name, b);
	}
	if (b.len && (!p || !s->is_known))
		read_by_protocol(s, t, b);
	return is_hard;
}
