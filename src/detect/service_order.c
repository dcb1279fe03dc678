/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a port is asked next: what lists the port, be it a probe of the file or a reader's question,
 * then the rest by rarity; once the service is known, what brings its details.
 *
 * TLS takes the place of every probe that is a TLS hello: a handshake by the library, and when it
 * succeeds all is asked again through it.
 */
#include "detect/service_parts.h"

#include <string.h>

const struct svc_probe *order_probe_of(const struct service *s, const struct service_talk *t)
{
	return t->probe >= SERVICE_PROBE_APP ? NULL : &s->plan->db->probes[t->probe];
}

bool order_is_null(const struct service *s, const struct service_talk *t)
{
	return t->probe == s->plan->db->null_probe;
}

bool order_is_listed(const struct service *s, const struct svc_probe *p)
{
	return svc_ports_has(s->is_tunnel ? &p->sslports : &p->ports, s->port.port);
}

/* --- probes ------------------------------------------------------------------------- */

static bool was_tried(const struct service *s, uint32_t probe)
{
	return s->tried[probe / 64] >> (probe % 64) & 1;
}

void order_set_tried(struct service *s, uint32_t probe, bool is_tried)
{
	uint64_t bit = 1ull << (probe % 64);

	s->tried[probe / 64] = is_tried ? s->tried[probe / 64] | bit : s->tried[probe / 64] & ~bit;
}

/** A TLS or SSLv3 hello: replaced by a handshake. */
static bool is_tls_hello(const struct svc_probe *p)
{
	return p->proto == PROTO_TCP && p->payload_len > 2 && p->payload[0] == 0x16 &&
	       p->payload[1] == 3;
}

static bool can_name(const struct svc_probe *p, struct bytes service)
{
	for (uint32_t i = 0; i < p->n_matches; i++) {
		struct bytes b = p->matches[i].service;
		if (b.len == service.len && memcmp(b.p, service.p, b.len) == 0)
			return true;
	}
	return false;
}

/** Of probes that do not list the port. */
static uint32_t max_rarity(const struct service *s)
{
	if (s->port.is_listed_only || s->plan->is_brief)
		return 0;
	return s->is_again ? MIN(s->plan->intensity, 1u) : s->plan->intensity;
}

static bool is_candidate(const struct service *s, uint32_t i)
{
	const struct svc_probe *p = &s->plan->db->probes[i];
	bool is_out = p->proto != s->port.proto || i == s->plan->db->null_probe || was_tried(s, i);

	if (is_out || (is_tls_hello(p) && s->tls_stage != TLS_UNTRIED))
		return false;
	if (!order_is_listed(s, p) && p->rarity > max_rarity(s))
		return false;
	if (s->is_read &&
	    !can_name(p, (struct bytes){(const uint8_t *)s->result.name, strlen(s->result.name)}))
		return false;
	return !s->soft.p || can_name(p, s->soft);
}

/** Probes that list the port come first, then the common ones. @return index, or UINT32_MAX. */
static uint32_t best_probe(const struct service *s)
{
	uint32_t best = UINT32_MAX, best_rank = UINT32_MAX;

	for (uint32_t i = 0; i < s->plan->db->n_probes; i++) {
		const struct svc_probe *p = &s->plan->db->probes[i];
		uint32_t rank = p->rarity + (order_is_listed(s, p) ? 0u : SVC_RARITY_MAX + 1u);
		if (rank < best_rank && is_candidate(s, i)) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

/** Does any probe say that this port usually speaks TLS? */
bool order_is_tls_likely(const struct service *s)
{
	for (uint32_t i = 0; i < s->plan->db->n_probes; i++) {
		const struct svc_probe *p = &s->plan->db->probes[i];
		if (p->proto == PROTO_TCP && (svc_ports_has(&p->sslports, s->port.port) ||
					      (is_tls_hello(p) && order_is_listed(s, p))))
			return true;
	}
	return false;
}

/* --- conversations -------------------------------------------------------------------- */

struct service_talk *order_listener(struct service *s)
{
	for (uint32_t i = 0; i < s->n_talks; i++)
		if (s->talks[i].stage != TALK_IDLE && s->talks[i].is_listener)
			return &s->talks[i];
	return NULL;
}

uint32_t order_n_active(const struct service *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_talks; i++)
		n += s->talks[i].stage != TALK_IDLE;
	return n;
}

bool order_must_hold(struct service *s, uint64_t now_ns)
{
	const struct service_talk *l = order_listener(s);

	if (!l)
		return false;
	return l->stage != TALK_WAITING || now_ns < l->begin_ns + wait_head_start_ns(s);
}

/* --- the choice ------------------------------------------------------------------------- */

static uint64_t *hello_word(struct service *s, uint32_t i)
{
	return &s->hellos_asked[MIN(i / 64, SERVICE_HELLO_WORDS - 1u)];
}

void order_set_asked(struct service *s, uint32_t hello, bool is_asked)
{
	uint64_t *word = hello_word(s, hello), bit = 1ull << hello % 64;

	*word = is_asked ? *word | bit : *word & ~bit;
	s->n_hellos = (uint8_t)(s->n_hellos + (is_asked ? 1 : -1));
}

/** A reader's question that was not asked yet. A name in doubt hides none of the port's. */
static uint32_t choose_hello(struct service *s)
{
	struct app_known k = {.service = s->result.name,
			      .product = s->result.product,
			      .version = s->result.is_guessed ? NULL : s->result.version,
			      .port = s->port.port,
			      .proto = s->port.proto == PROTO_UDP ? APP_UDP : APP_TCP};
	uint32_t pos = 0;

	if (s->plan->is_brief || s->n_hellos >= SERVICE_HELLOS_MAX)
		return UINT32_MAX;
	for (int round = 0; round < (s->is_weak ? 2 : 1); round++, k.service = NULL, pos = 0)
		while ((s->hello = app_next_hello(&k, &pos, &s->hello_row))) {
			s->hello_idx = pos - 1;
			if (!(*hello_word(s, pos - 1) >> (pos - 1) % 64 & 1))
				return SERVICE_PROBE_APP;
		}
	return UINT32_MAX;
}

uint32_t order_choose(struct service *s, uint64_t now_ns)
{
	const struct svcdb *db = s->plan->db;

	if (s->is_known)
		return choose_hello(s);
	if (s->tls_stage == TLS_WANTED)
		return SERVICE_PROBE_TLS;
	if (s->null_stage == NULL_UNHEARD)
		return db->null_probe;
	if (s->tls_stage == TLS_TRYING || order_must_hold(s, now_ns))
		return UINT32_MAX;
	uint32_t i = best_probe(s);
	if (i == UINT32_MAX || !order_is_listed(s, &db->probes[i])) {
		uint32_t hello = choose_hello(s);
		if (hello != UINT32_MAX)
			return hello;
	}
	if (i == UINT32_MAX)
		return i;
	return is_tls_hello(&db->probes[i]) ? SERVICE_PROBE_TLS : i;
}
