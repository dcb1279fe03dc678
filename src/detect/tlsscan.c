/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan of an enumeration. Suites, groups and protocol names are all found by elimination: offer
 * what is left, note what the server takes, offer the rest, until it refuses. A version's suites
 * come out in the server's order when it has one; whether it has is asked by offering them turned
 * round. A server that breaks off instead of refusing may have chosen a suite that it cannot serve
 * (DHE without parameters); then what is left is offered again, one family at a time. Groups of
 * TLS 1.3 cost no key: a hello without a share makes the server name the group it would like (RFC
 * 8446 4.2.8). One task per list, one connection per task at a time.
 */
#include "detect/tlsscan.h"

#include <string.h>

enum task_kind { TASK_JARM, TASK_SUITES, TASK_SSL2, TASK_GROUPS, TASK_ALPN };
enum task_state { TASK_WAITING, TASK_READY, TASK_BUSY, TASK_OVER };
enum task_phase { PHASE_LIST, PHASE_ORDER };
enum { TRIES_MAX = 2, ALPN_NAMES = 7 };
/** Is it TLS? One of JARM's; if that ends without a word, which may be for a suite or version in
 * it, ours of TLS 1.2, then of TLS 1.0. */
static const uint8_t first_tasks[] = {6, JARM_N + SCAN_TLS13 - SCAN_TLS12,
				      JARM_N + SCAN_TLS13 - SCAN_TLS10};

static const char *const alpn_names[ALPN_NAMES] = {"h2",   "http/1.1", "http/1.0", "xmpp-client",
						   "imap", "mqtt",     "dot"};

uint16_t tlsscan_version_of(enum tlsscan_version v)
{
	return (uint16_t)(TLS_SSL3 + v);
}

void tlsscan_init(struct tlsscan *s, const char *sni, const char *jarm_name)
{
	uint32_t n = 0;

	memset(s, 0, sizeof(*s));
	s->sni = sni;
	s->jarm_name = jarm_name;
	for (uint8_t i = 0; i < JARM_N; i++)
		s->tasks[n++] = (struct tlsscan_task){.kind = TASK_JARM, .arg = i};
	for (uint8_t i = SCAN_VERSION_N; i > 0; i--)
		s->tasks[n++] = (struct tlsscan_task){.kind = TASK_SUITES, .arg = (uint8_t)(i - 1)};
	s->tasks[n++].kind = TASK_SSL2;
	s->tasks[n++].kind = TASK_GROUPS;
	s->tasks[n++].kind = TASK_ALPN;
	static_assert(ARRAY_LEN(s->tasks) == JARM_N + SCAN_VERSION_N + 3, "a place per task");
	s->tasks[first_tasks[0]].state = TASK_READY;
}

/* --- hellos ---------------------------------------------------------------------------------- */

static bool is_known(const uint16_t *v, uint32_t n, uint16_t x)
{
	for (uint32_t i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

/** Room for what a hello's description borrows. */
struct space {
	struct jarm_space jarm;
	uint16_t suites[256], groups[2 * TLSSCAN_GROUPS_MAX];
	uint8_t alpn[96];
};

static const uint16_t only_13[] = {TLS_13};

/** Extensions came with TLS 1.0; SSL 3.0 is asked without. */
static void begin_hello(const struct tlsscan *s, enum tlsscan_version v, struct tlshello *h)
{
	uint16_t version = tlsscan_version_of(v);

	h->record_version = v > SCAN_TLS10 ? TLS_10 : version;
	h->version = MIN(version, (uint16_t)TLS_12);
	h->has_extensions = v > SCAN_SSL3;
	h->sni = s->sni;
	h->groups = tls_groups;
	h->n_groups = tls_n_groups;
	h->seed = s->learned.n_connections + 100;
	if (v != SCAN_TLS13)
		return;
	h->versions = only_13;
	h->n_versions = 1;
	h->has_session_id = true;
	h->share_group = 29;
}

/** Suites that fail together, by what their names have; 0: all of them. */
static const char *const families[] = {NULL, "_ECDHE_", "_DHE_", "TLS_RSA_", "_anon_", ""};

static uint8_t family_of(const struct tls_suite *suite)
{
	uint8_t i = 1;

	while (!strstr(suite->name, families[i]))
		i++;
	return i;
}

static bool is_left(const struct tlsscan *s, const struct tlsscan_task *t,
		    const struct tls_suite *suite)
{
	const struct tlsscan_suites *known = &s->learned.of[t->arg];

	return tls_suite_is_13(suite->id) == (t->arg == SCAN_TLS13) &&
	       !is_known(known->id, known->n, suite->id) &&
	       (!t->family || family_of(suite) == t->family);
}

/** All that were not taken yet; in the second phase those that were, last first. */
static void suites_hello(const struct tlsscan *s, const struct tlsscan_task *t, struct space *sp,
			 struct tlshello *h)
{
	const struct tlsscan_suites *known = &s->learned.of[t->arg];

	begin_hello(s, (enum tlsscan_version)t->arg, h);
	h->suites = sp->suites;
	h->wants_compression = t->arg != SCAN_TLS13 && !known->n;
	if (t->phase == PHASE_ORDER) {
		for (uint32_t i = known->n; i > 0; i--)
			sp->suites[h->n_suites++] = known->id[i - 1];
		return;
	}
	for (uint32_t i = 0; i < tls_n_suites; i++)
		if (is_left(s, t, &tls_suites[i]))
			sp->suites[h->n_suites++] = tls_suites[i].id;
}

/** The best version the server offers with named groups. */
static enum tlsscan_version group_version(const struct tlsscan *s)
{
	return s->learned.of[SCAN_TLS13].is_offered ? SCAN_TLS13 : SCAN_TLS12;
}

static bool is_ecdhe(uint16_t suite)
{
	const char *name = tls_suite_name(suite);

	return name && strstr(name, "_ECDHE_");
}

/**
 * Groups not seen yet. In the second phase those that were stand behind them: an ECDSA certificate
 * needs its own curve among them, whichever the exchange takes (RFC 8422 5.1).
 */
static void groups_hello(const struct tlsscan *s, const struct tlsscan_task *t, struct space *sp,
			 struct tlshello *h)
{
	enum tlsscan_version v = group_version(s);
	const struct tlsscan_suites *known = &s->learned.of[v];

	begin_hello(s, v, h);
	h->share_group = 0;
	h->has_empty_share = v == SCAN_TLS13;
	h->suites = sp->suites;
	h->groups = sp->groups;
	h->n_groups = 0;
	for (uint32_t i = 0; i < known->n; i++)
		if (v == SCAN_TLS13 || is_ecdhe(known->id[i]))
			sp->suites[h->n_suites++] = known->id[i];
	for (uint32_t i = 0; i < tls_n_groups; i++)
		if (!is_known(s->learned.groups, s->learned.n_groups, tls_groups[i]))
			sp->groups[h->n_groups++] = tls_groups[i];
	for (uint32_t i = 0; t->phase == PHASE_ORDER && i < s->learned.n_groups; i++)
		sp->groups[h->n_groups++] = s->learned.groups[i];
}

static void alpn_hello(const struct tlsscan *s, struct space *sp, struct tlshello *h)
{
	const struct tlsscan_suites *known = &s->learned.of[SCAN_TLS12];
	struct wcursor w = wcursor_of(sp->alpn, sizeof(sp->alpn));

	begin_hello(s, SCAN_TLS12, h);
	h->suites = known->id;
	h->n_suites = known->n;
	for (uint32_t i = 0; i < ALPN_NAMES; i++) {
		if (s->alpn_refused & 1u << i)
			continue;
		wcursor_u8(&w, (uint8_t)strlen(alpn_names[i]));
		wcursor_put(&w, alpn_names[i], strlen(alpn_names[i]));
	}
	h->alpn = (struct bytes){sp->alpn, w.pos};
}

static void describe(const struct tlsscan *s, const struct tlsscan_task *t, struct space *sp,
		     struct tlshello *h)
{
	switch ((enum task_kind)t->kind) {
	case TASK_JARM:
		jarm_hello(t->arg, s->jarm_name, &sp->jarm, h);
		break;
	case TASK_SUITES:
		suites_hello(s, t, sp, h);
		break;
	case TASK_SSL2:
		h->version = TLS_SSL2;
		break;
	case TASK_GROUPS:
		groups_hello(s, t, sp, h);
		break;
	case TASK_ALPN:
		alpn_hello(s, sp, h);
		break;
	}
}

/* --- order of the tasks ---------------------------------------------------------------------- */

static bool suites_are_over(const struct tlsscan *s, enum tlsscan_version v)
{
	return s->tasks[JARM_N + SCAN_VERSION_N - 1 - v].state == TASK_OVER;
}

/** May a task that waits begin? One that never can is over. */
static enum task_state wake(const struct tlsscan *s, const struct tlsscan_task *t)
{
	const struct tls_learned *l = &s->learned;

	if (!l->is_tls)
		return TASK_WAITING;
	if (t->kind != TASK_GROUPS && t->kind != TASK_ALPN)
		return TASK_READY;
	if (!suites_are_over(s, SCAN_TLS13) || !suites_are_over(s, SCAN_TLS12))
		return TASK_WAITING;
	if (t->kind == TASK_ALPN)
		return l->of[SCAN_TLS12].n ? TASK_READY : TASK_OVER;
	const struct tlsscan_suites *known = &l->of[group_version(s)];
	for (uint32_t i = 0; i < known->n; i++)
		if (tls_suite_is_13(known->id[i]) || is_ecdhe(known->id[i]))
			return TASK_READY;
	return TASK_OVER;
}

int tlsscan_next(struct tlsscan *s, struct wcursor *w)
{
	for (uint32_t i = 0; i < ARRAY_LEN(s->tasks); i++) {
		struct tlsscan_task *t = &s->tasks[i];
		struct tlshello h = {0};
		struct space sp;

		if (t->state == TASK_WAITING)
			t->state = (uint8_t)wake(s, t);
		if (t->state != TASK_READY)
			continue;
		if (s->learned.n_connections == TLSSCAN_CONNECTIONS_MAX ||
		    s->spent_ns > TLSSCAN_TIME_MAX_NS) {
			s->learned.is_cut = true;
			t->state = TASK_OVER;
			continue;
		}
		describe(s, t, &sp, &h);
		int err = tlshello_encode(&h, w);
		if (err)
			return err;
		t->state = TASK_BUSY;
		s->n_busy++;
		s->learned.n_connections++;
		return (int)i;
	}
	return s->n_busy ? -E_AGAIN : -E_EMPTY;
}

bool tlsscan_wants_all(const struct tlsscan *s, int number)
{
	const struct tlsscan_task *t = &s->tasks[number];

	return (t->kind == TASK_SUITES && t->arg < SCAN_TLS13 && t->phase == PHASE_LIST) ||
	       t->kind == TASK_GROUPS;
}

/* --- what answers teach -------------------------------------------------------------------- */

static bool is_hello(const struct tls_answer *a)
{
	return a && (a->kind == TLS_ANSWER_HELLO || a->kind == TLS_ANSWER_RETRY);
}

static void keep_chain(struct tlsscan *s, uint8_t version, const struct tls_answer *a)
{
	struct tls_learned *l = &s->learned;

	if (!a->certificates.len || a->certificates.len > sizeof(l->chain) ||
	    (l->chain_len && version <= s->chain_version))
		return;
	memcpy(l->chain, a->certificates.p, a->certificates.len);
	l->chain_len = (uint32_t)a->certificates.len;
	s->chain_version = version;
}

static void keep_hello(struct tls_learned *l, const struct tls_answer *a)
{
	l->has_renegotiation_info |= a->has_renegotiation_info;
	l->has_extended_master |= a->has_extended_master;
	if (a->dh_bits && (!l->dh_bits || a->dh_bits < l->dh_bits))
		l->dh_bits = a->dh_bits;
}

/** None of these suites, says the server: RFC 5246 7.2.2, or it took another version. */
static bool is_refusal(const struct tls_answer *a)
{
	enum { HANDSHAKE_FAILURE = 40, PROTOCOL_VERSION = 70, INSUFFICIENT_SECURITY = 71 };

	return a && (a->kind != TLS_ANSWER_ALERT || a->alert == HANDSHAKE_FAILURE ||
		     a->alert == PROTOCOL_VERSION || a->alert == INSUFFICIENT_SECURITY);
}

/** Go on with the next family that has suites left. @return false: there is none, or no sign that
 * the version is spoken; TLS 1.3 has no families. */
static bool next_family(const struct tlsscan *s, struct tlsscan_task *t)
{
	const struct tlsscan_suites *known = &s->learned.of[t->arg];

	if (!known->n || known->is_cut || t->arg == SCAN_TLS13)
		return false;
	while (++t->family < ARRAY_LEN(families))
		for (uint32_t i = 0; i < tls_n_suites; i++)
			if (is_left(s, t, &tls_suites[i]))
				return true;
	return false;
}

/** @return the task's next state. */
static enum task_state heard_suite(struct tlsscan *s, struct tlsscan_task *t,
				   const struct tls_answer *a)
{
	struct tlsscan_suites *k = &s->learned.of[t->arg];
	bool is_ours =
		is_hello(a) && a->version == tlsscan_version_of((enum tlsscan_version)t->arg);

	if (t->phase == PHASE_ORDER) {
		if (is_ours)
			k->order = a->suite == k->id[0] ? ORDER_SERVER : ORDER_CLIENT;
		return TASK_OVER;
	}
	if (is_ours && !is_known(k->id, k->n, a->suite) && tls_suite_name(a->suite)) {
		keep_hello(&s->learned, a);
		keep_chain(s, t->arg, a);
		k->is_offered = true;
		k->has_compression |= a->compression != 0;
		k->id[k->n++] = a->suite;
		if (k->n < TLSSCAN_SUITES_MAX)
			return TASK_READY;
		k->is_cut = true;
	}
	if ((t->family || !is_refusal(a)) && next_family(s, t))
		return TASK_READY;
	t->phase = PHASE_ORDER;
	return k->n > 1 ? TASK_READY : TASK_OVER;
}

static enum task_state heard_group(struct tlsscan *s, struct tlsscan_task *t,
				   const struct tls_answer *a)
{
	struct tls_learned *l = &s->learned;
	uint32_t n_max = MIN((uint32_t)TLSSCAN_GROUPS_MAX, tls_n_groups);

	if (is_hello(a) && tls_group_name(a->group) &&
	    !is_known(l->groups, l->n_groups, a->group)) {
		l->groups[l->n_groups++] = a->group;
		return l->n_groups < n_max ? TASK_READY : TASK_OVER;
	}
	if (t->phase == PHASE_ORDER || !l->n_groups || group_version(s) == SCAN_TLS13)
		return TASK_OVER;
	t->phase = PHASE_ORDER;
	return TASK_READY;
}

static enum task_state heard_alpn(struct tlsscan *s, const struct tls_answer *a)
{
	struct tls_learned *l = &s->learned;

	for (uint32_t i = 0; is_hello(a) && i < ALPN_NAMES; i++) {
		if (s->alpn_refused & 1u << i || strlen(alpn_names[i]) != a->alpn.len ||
		    memcmp(alpn_names[i], a->alpn.p, a->alpn.len) != 0)
			continue;
		memcpy(l->alpn[l->n_alpn++], a->alpn.p, a->alpn.len);
		s->alpn_refused |= (uint8_t)(1u << i);
		return l->n_alpn < ALPN_NAMES ? TASK_READY : TASK_OVER;
	}
	return TASK_OVER;
}

static enum task_state heard_jarm(struct tlsscan *s, const struct tlsscan_task *t,
				  const struct tls_answer *a)
{
	jarm_keep(a, &s->learned.jarm[t->arg]);
	return TASK_OVER;
}

static enum task_state teach(struct tlsscan *s, struct tlsscan_task *t, const struct tls_answer *a)
{
	switch ((enum task_kind)t->kind) {
	case TASK_JARM:
		return heard_jarm(s, t, a);
	case TASK_SUITES:
		return heard_suite(s, t, a);
	case TASK_SSL2:
		s->learned.has_ssl2 = a && a->kind == TLS_ANSWER_SSL2;
		return TASK_OVER;
	case TASK_GROUPS:
		return heard_group(s, t, a);
	case TASK_ALPN:
		return heard_alpn(s, a);
	}
	return TASK_OVER;
}

/** What the answer says of whether TLS is spoken at all. */
static void heard_first(struct tlsscan *s, int number, const struct tls_answer *a, bool is_lost)
{
	if (s->learned.is_tls)
		return;
	s->learned.is_tls = a && (is_hello(a) || a->kind == TLS_ANSWER_ALERT);
	for (size_t i = 0; i + 1 < ARRAY_LEN(first_tasks); i++)
		if (number == first_tasks[i] && !a && !is_lost)
			s->tasks[first_tasks[i + 1]].state = TASK_READY;
}

void tlsscan_heard(struct tlsscan *s, int number, const struct tls_answer *a, bool is_lost)
{
	struct tlsscan_task *t = &s->tasks[number];

	assert(t->state == TASK_BUSY && s->n_busy);
	s->n_busy--;
	heard_first(s, number, is_lost ? NULL : a, is_lost);
	if (is_lost && ++t->n_failed < TRIES_MAX && s->learned.is_tls) {
		t->state = TASK_READY;
		return;
	}
	if (is_lost && t->kind == TASK_SUITES)
		s->learned.of[t->arg].is_cut = true;
	t->state = (uint8_t)teach(s, t, is_lost ? NULL : a);
}
