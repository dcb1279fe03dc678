/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One port's questions. A silent listener costs nothing while another connection asks; two things
 * can go wrong with that and are provided for: servers that serve one client at a time (the
 * listener is closed when the asker hears nothing, and listens again at the end), and servers that
 * refuse the second connection (then one is used).
 *
 * TLS takes the place of every probe that is a TLS hello: a handshake by the library, and when it
 * succeeds all is asked again through it.
 */
#include "detect/service.h"

#include "base/mem.h"
#include "detect/verdict.h"

#include <errno.h>

#define CONNECT_WAIT_NS  (3 * NS_PER_S)
#define LIKELY_WAIT_NS   (2 * NS_PER_S) /* for an answer to a probe that lists the port */
#define COMMON_WAIT_NS   (1 * NS_PER_S) /* to a probe of rarity 1 */
#define UNLIKELY_WAIT_NS (500 * NS_PER_MS)
#define BRIEF_WAIT_NS    (2 * NS_PER_S)
#define DEFAULT_WAIT_NS  (6 * NS_PER_S) /* where the file names none */
#define DEFAULT_WRAP_NS  (3 * NS_PER_S)
#define SETTLE_NS        (10 * NS_PER_MS) /* bytes that arrive together are matched together */
#define QUIET_MIN_NS     (100 * NS_PER_MS)
#define QUIET_MAX_NS     (300 * NS_PER_MS)
#define HEAD_START_NS    (15 * NS_PER_MS) /* of the listener before anything is sent */
#define N_CLOSED_ENOUGH  4                /* connections closed without a byte: a wrapper */

/* --- times ------------------------------------------------------------------------ */

static uint64_t rtts(const struct service *s, uint32_t n)
{
	return (uint64_t)s->port.rtt_us * NS_PER_US * n;
}

static const struct svc_probe *probe_of(const struct service *s, const struct service_talk *t)
{
	return t->probe >= SERVICE_PROBE_APP ? NULL : &s->plan->db->probes[t->probe];
}

/** No answer is waited for longer than the probe's totalwaitms. */
static uint64_t ceiling_ns(const struct service *s, const struct service_talk *t)
{
	const struct svc_probe *p = probe_of(s, t);

	return p && p->totalwait_ms ? p->totalwait_ms * NS_PER_MS : DEFAULT_WAIT_NS;
}

static uint64_t quiet_ns(const struct service *s)
{
	return MIN(MAX(rtts(s, 10), QUIET_MIN_NS), QUIET_MAX_NS);
}

static bool is_null(const struct service *s, const struct service_talk *t)
{
	return t->probe == s->plan->db->null_probe;
}

static bool is_listed(const struct service *s, const struct svc_probe *p)
{
	return svc_ports_has(s->is_tunnel ? &p->sslports : &p->ports, s->port.port);
}

/** How long the first byte may take. */
static uint64_t first_wait_ns(const struct service *s, const struct service_talk *t)
{
	const struct svc_probe *p = probe_of(s, t);
	uint64_t ns = UNLIKELY_WAIT_NS;

	if (!p || is_listed(s, p))
		ns = LIKELY_WAIT_NS;
	else if (p->rarity <= 1)
		ns = COMMON_WAIT_NS;
	return MIN(MAX(rtts(s, 20), ns), ceiling_ns(s, t));
}

/* --- which probe next ----------------------------------------------------------------- */

static bool was_tried(const struct service *s, uint32_t probe)
{
	return s->tried[probe / 64] >> (probe % 64) & 1;
}

static void set_tried(struct service *s, uint32_t probe, bool is_tried)
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

static bool is_candidate(const struct service *s, uint32_t i)
{
	const struct svc_probe *p = &s->plan->db->probes[i];
	bool is_out = p->proto != s->port.proto || i == s->plan->db->null_probe || was_tried(s, i);

	if (is_out || (is_tls_hello(p) && s->tls_stage != TLS_UNTRIED))
		return false;
	if (!is_listed(s, p) &&
	    (p->rarity > s->plan->intensity || s->port.is_doubtful || s->plan->is_brief))
		return false;
	return !s->soft.p || can_name(p, s->soft);
}

/** Probes that list the port come first, then the common ones. @return index, or UINT32_MAX. */
static uint32_t best_probe(const struct service *s)
{
	uint32_t best = UINT32_MAX, best_rank = UINT32_MAX;

	for (uint32_t i = 0; i < s->plan->db->n_probes; i++) {
		const struct svc_probe *p = &s->plan->db->probes[i];
		uint32_t rank = p->rarity + (is_listed(s, p) ? 0u : SVC_RARITY_MAX + 1u);
		if (rank < best_rank && is_candidate(s, i)) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

/** Does any probe say that this port usually speaks TLS? */
static bool is_tls_likely(const struct service *s)
{
	for (uint32_t i = 0; i < s->plan->db->n_probes; i++) {
		const struct svc_probe *p = &s->plan->db->probes[i];
		if (p->proto == PROTO_TCP && (svc_ports_has(&p->sslports, s->port.port) ||
					      (is_tls_hello(p) && is_listed(s, p))))
			return true;
	}
	return false;
}

static struct service_talk *listener(struct service *s)
{
	for (uint32_t i = 0; i < s->n_talks; i++)
		if (s->talks[i].stage != TALK_IDLE && is_null(s, &s->talks[i]))
			return &s->talks[i];
	return NULL;
}

static uint32_t n_active(const struct service *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_talks; i++)
		n += s->talks[i].stage != TALK_IDLE;
	return n;
}

/** The listener is heard out before anything is sent: for a moment, or while it speaks. */
static bool must_hold(struct service *s, uint64_t now_ns)
{
	const struct service_talk *l = listener(s);

	if (!l)
		return false;
	return l->stage != TALK_WAITING ||
	       now_ns < l->begin_ns + MAX(HEAD_START_NS, MIN(rtts(s, 4), QUIET_MAX_NS));
}

/** A reader's question: when the patterns are through, or have left something open. */
static uint32_t choose_hello(struct service *s)
{
	struct app_known k = {.service = s->result.name,
			      .product = s->result.product,
			      .version = s->result.version,
			      .port = s->port.port,
			      .proto = s->port.proto == PROTO_UDP ? APP_UDP : APP_TCP};

	if (!s->hello && !s->plan->is_brief && s->n_hellos < SERVICE_HELLOS_MAX)
		s->hello = app_next_hello(&k, &s->hello_pos, NULL);
	return s->hello ? SERVICE_PROBE_APP : UINT32_MAX;
}

/** @return what the next conversation is for; UINT32_MAX: nothing now. */
static uint32_t choose(struct service *s, uint64_t now_ns)
{
	if (s->is_known)
		return choose_hello(s);
	if (s->tls_stage == TLS_WANTED)
		return SERVICE_PROBE_TLS;
	if (s->null_stage == NULL_UNHEARD)
		return s->plan->db->null_probe;
	if (s->tls_stage == TLS_TRYING || must_hold(s, now_ns))
		return UINT32_MAX;
	uint32_t i = best_probe(s);
	if (i == UINT32_MAX)
		return n_active(s) > (listener(s) ? 1u : 0u) ? i : choose_hello(s);
	return is_tls_hello(&s->plan->db->probes[i]) ? SERVICE_PROBE_TLS : i;
}

/* --- talks ------------------------------------------------------------------------------ */

static void talk_end(struct service *s, struct service_talk *t)
{
	if (is_null(s, t) && s->null_stage == NULL_LISTENING)
		s->null_stage = NULL_HEARD;
	if (t->probe == SERVICE_PROBE_TLS && s->tls_stage == TLS_TRYING)
		s->tls_stage = TLS_NONE;
	s->close_mask |= 1u << (t - s->talks);
	*t = (struct service_talk){.stage = TALK_IDLE};
}

static void end_all_but(struct service *s, const struct service_talk *keep)
{
	for (uint32_t i = 0; i < s->n_talks; i++)
		if (&s->talks[i] != keep && s->talks[i].stage != TALK_IDLE)
			talk_end(s, &s->talks[i]);
}

/** Everything has been asked. What was cut short is listened to once more, unless more is known. */
static void nothing_left(struct service *s)
{
	struct service_talk *l = listener(s);
	bool is_enough = s->soft.p || s->speaks_tls || s->is_known || s->result.name;

	if (n_active(s) > (l ? 1u : 0u) || (l && !is_enough))
		return;
	if (!l && s->null_stage == NULL_CUT && !is_enough && !s->has_heard && !s->plan->is_brief) {
		s->null_stage = NULL_UNHEARD;
		return;
	}
	service_finish(s);
}

static struct service_talk *idle_talk(struct service *s)
{
	if (n_active(s) >= s->n_at_once)
		return NULL;
	for (uint32_t i = 0; i < s->n_talks; i++)
		if (s->talks[i].stage == TALK_IDLE && !(s->close_mask >> i & 1))
			return &s->talks[i];
	return NULL;
}

/** @param what a probe, or SERVICE_PROBE_TLS. */
static void begin(struct service *s, struct service_talk *t, uint32_t what, uint64_t now_ns)
{
	bool is_hello = what == SERVICE_PROBE_TLS;
	uint64_t wait_ns = listener(s) ? COMMON_WAIT_NS : CONNECT_WAIT_NS;

	*t = (struct service_talk){.begin_ns = now_ns,
				   .due_ns = now_ns + wait_ns + rtts(s, 10),
				   .probe = (uint16_t)what,
				   .stage = TALK_CONNECTING,
				   .is_tls = s->is_tunnel || is_hello};
	if (is_hello) {
		s->tls_stage = TLS_TRYING;
	} else if (what == SERVICE_PROBE_APP) {
		t->hello = s->hello;
		s->hello = NULL;
		s->n_hellos++;
	} else if (is_null(s, t)) {
		s->null_stage = NULL_LISTENING;
	} else
		set_tried(s, what, true);
}

bool service_next(struct service *s, uint64_t now_ns, struct service_ask *ret)
{
	if (!s->is_done && now_ns - s->start_ns >= SERVICE_CEILING_NS)
		service_finish(s);
	for (int round = 0; round < 2 && !s->is_done; round++) {
		uint32_t what = choose(s, now_ns);
		struct service_talk *t = idle_talk(s);

		if (what != UINT32_MAX && !t)
			return false;
		if (what != UINT32_MAX) {
			begin(s, t, what, now_ns);
			*ret = (struct service_ask){(uint32_t)(t - s->talks),
						    t->is_tls ? STREAM_TLS : STREAM_PLAIN};
			return true;
		}
		if (!must_hold(s, now_ns))
			nothing_left(s);
	}
	return false;
}

void service_not_opened(struct service *s, uint32_t talk)
{
	struct service_talk *t = &s->talks[talk];

	if (t->probe == SERVICE_PROBE_TLS)
		s->tls_stage = TLS_WANTED;
	else if (t->probe == SERVICE_PROBE_APP)
		s->hello = t->hello;
	else if (is_null(s, t))
		s->null_stage = NULL_UNHEARD;
	else
		set_tried(s, t->probe, false);
	*t = (struct service_talk){.stage = TALK_IDLE};
}

struct bytes service_payload(const struct service *s, uint32_t talk)
{
	const struct svc_probe *p = probe_of(s, &s->talks[talk]);

	if (s->talks[talk].hello)
		return s->talks[talk].hello->bytes;
	return p ? (struct bytes){p->payload, p->payload_len} : (struct bytes){0};
}

/* --- what is heard -------------------------------------------------------------------------- */

static void keep_banner(struct service *s, struct bytes b)
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

/** An alert or a hello: the peer expects TLS here. */
static bool looks_like_tls(struct bytes b)
{
	return b.len >= 5 && (b.p[0] == 0x15 || b.p[0] == 0x16) && b.p[1] == 3 && b.p[2] <= 4;
}

/** The peer wants TLS. @return whether that is news. */
static bool want_tls(struct service *s)
{
	if (s->is_tunnel || s->port.proto != PROTO_TCP)
		return false;
	s->speaks_tls = true;
	if (s->tls_stage == TLS_UNTRIED)
		s->tls_stage = TLS_WANTED;
	return s->tls_stage == TLS_WANTED || s->tls_stage == TLS_TRYING;
}

/** Let the protocols' own readers add what patterns did not see. */
static void read_by_protocol(struct service *s, struct bytes b)
{
	struct app_facts app = {0};

	if (s->tls_stage == TLS_WANTED && s->speaks_tls) /* a complaint, not the service */
		return;
	if (!app_read(b, s->port.proto == PROTO_UDP ? APP_UDP : APP_TCP, &app))
		return;
	(void)app_merge(&app, s->facts, &s->result, s->is_known);
	if (s->result.name && !s->result.conf)
		s->result.conf = 10;
	if (s->result.product && !s->is_known) {
		s->is_known = true;
		s->result.is_soft = false;
	}
}

/** Match what was heard so far. A hard match ends everything, unless TLS must be tried first. */
static void try_match(struct service *s, struct service_talk *t, struct bytes b)
{
	struct match_hit hit;

	b.len = MIN(b.len, (size_t)MATCH_BYTES_MAX);
	if (t->n_tried == b.len)
		return;
	t->n_tried = b.len;
	int rc = matcher_match(s->plan->matcher, t->probe, b, s->soft, &hit);
	if (rc == 1 && verdict_is_tls(&hit)) {
		if (!s->result.name)
			take(s, &hit);
		s->soft = (struct bytes){0};
		(void)want_tls(s);
		return;
	}
	if (looks_like_tls(b) && want_tls(s))
		return;
	if (rc != 1)
		return;
	take(s, &hit);
	if (hit.match->is_soft)
		return;
	s->is_known = true;
	read_by_protocol(s, b);
	end_all_but(s, t);
}

/** A conversation is over and said what it had to say. */
static void heard_out(struct service *s, struct service_talk *t, struct bytes b)
{
	const struct svc_probe *p = probe_of(s, t);

	if (b.len && p) {
		keep_banner(s, b);
		try_match(s, t, b);
		answers_add(&s->answers, p->name, b);
	}
	if (b.len && (!p || !s->is_known))
		read_by_protocol(s, b);
	if (s->plan->is_brief && s->result.banner)
		service_finish(s);
	if (!s->is_done)
		talk_end(s, t);
}

/** TLS is agreed: start again inside of it, listening first. */
static void enter_tunnel(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	s->tls_stage = TLS_AGREED;
	s->is_tunnel = s->speaks_tls = true;
	end_all_but(s, t);
	memset(s->tried, 0, (s->plan->db->n_probes + 63) / 64 * sizeof(*s->tried));
	s->soft = (struct bytes){0};
	s->result = (struct service_facts){0};
	answers_fini(&s->answers);
	answers_init(&s->answers);
	s->has_heard = s->is_known = false;
	s->n_closed = 0;
	if (s->plan->db->null_probe == UINT32_MAX) {
		talk_end(s, t);
		return;
	}
	t->probe = (uint16_t)s->plan->db->null_probe;
	t->stage = TALK_WAITING;
	s->null_stage = NULL_LISTENING;
	t->begin_ns = now_ns;
	t->due_ns = now_ns + HEAD_START_NS;
}

static void opened(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	if (t->probe == SERVICE_PROBE_TLS) {
		enter_tunnel(s, t, now_ns);
		return;
	}
	t->stage = TALK_WAITING;
	t->begin_ns = now_ns;
	uint64_t wait_ns = first_wait_ns(s, t);
	if (is_null(s, t))
		wait_ns = MAX(HEAD_START_NS, MIN(rtts(s, 4), QUIET_MAX_NS));
	else if (listener(s) && !t->is_alone) /* which may be in the way */
		wait_ns = MIN(wait_ns, MAX(UNLIKELY_WAIT_NS, rtts(s, 20)));
	t->due_ns = now_ns + wait_ns;
}

static void grown(struct service *s, struct service_talk *t, struct bytes b, uint64_t now_ns)
{
	s->has_heard = true;
	t->stage = TALK_HEARING;
	t->n_heard = b.len;
	t->grown_ns = now_ns;
	t->due_ns = MIN(now_ns + MAX(SETTLE_NS, MIN(rtts(s, 2), QUIET_MIN_NS)),
			t->begin_ns + ceiling_ns(s, t));
}

static uint64_t wrap_ns(const struct svcdb *db)
{
	uint32_t ms = db->null_probe == UINT32_MAX ? 0 : db->probes[db->null_probe].tcpwrapped_ms;

	return ms ? ms * NS_PER_MS : DEFAULT_WRAP_NS;
}

/** Closed without a byte: by a wrapper perhaps, or by a server that did not like the probe. */
static void closed_silently(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	if (now_ns - t->begin_ns >= wrap_ns(s->plan->db))
		s->has_lasted = true;
	s->n_closed = (uint8_t)MIN(s->n_closed + 1, UINT8_MAX);
	talk_end(s, t);
	if (s->null_stage != NULL_HEARD || s->has_lasted || s->has_heard || s->speaks_tls)
		return;
	if (s->n_closed >= N_CLOSED_ENOUGH && s->tls_stage == TLS_NONE) {
		s->result.name = "tcpwrapped";
		s->result.conf = 8;
		service_finish(s);
	}
}

/** The connect failed. A second connection that is refused says: one at a time. */
static void not_connected(struct service *s, struct service_talk *t, int error)
{
	bool is_refused = error == -ECONNREFUSED;

	if (s->port.proto == PROTO_UDP) { /* an ICMP error */
		talk_end(s, t);
		s->is_closed = is_refused;
		service_finish(s);
		return;
	}
	if (++s->n_refused > 3) {
		service_finish(s);
		return;
	}
	if (n_active(s) > 1) {
		s->n_at_once = 1;
		if (t->probe == SERVICE_PROBE_TLS)
			s->tls_stage = TLS_WANTED;
		else if (probe_of(s, t) && !is_null(s, t))
			set_tried(s, t->probe, false);
		s->close_mask |= 1u << (t - s->talks);
		*t = (struct service_talk){.stage = TALK_IDLE};
		return;
	}
	talk_end(s, t);
}

static void ended(struct service *s, struct service_talk *t, struct bytes b, int error,
		  uint64_t now_ns)
{
	bool is_hello = t->probe == SERVICE_PROBE_TLS;

	if (is_hello && error == -EPROTO) /* it speaks TLS, but not with us */
		s->speaks_tls = true;
	if (b.len)
		heard_out(s, t, b);
	else if ((t->stage == TALK_CONNECTING && !is_hello && !t->is_tls) ||
		 s->port.proto == PROTO_UDP)
		not_connected(s, t, error);
	else
		closed_silently(s, t, now_ns);
}

/** Nothing was heard in time. The listener may be in the way: then without it, once. */
static void silent(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	struct service_talk *l = listener(s);

	s->has_lasted = true;
	if (l && l != t && l->stage == TALK_WAITING && !t->is_alone) {
		talk_end(s, l);
		s->null_stage = NULL_CUT;
		t->is_alone = true;
		t->due_ns = now_ns +
			    (t->stage == TALK_CONNECTING ? CONNECT_WAIT_NS : first_wait_ns(s, t));
		return;
	}
	talk_end(s, t);
}

static void due(struct service *s, struct service_talk *t, struct bytes b, uint64_t now_ns)
{
	const struct svc_probe *p = probe_of(s, t);
	uint64_t ceiling = ceiling_ns(s, t);

	if (s->plan->is_brief)
		ceiling = MIN(ceiling, BRIEF_WAIT_NS);
	if (t->stage == TALK_WAITING && is_null(s, t) && now_ns < t->begin_ns + ceiling) {
		s->has_lasted = true;
		t->due_ns = t->begin_ns + ceiling;
		return;
	}
	if (t->stage != TALK_HEARING) {
		silent(s, t, now_ns);
		return;
	}
	if (now_ns < t->grown_ns + quiet_ns(s) && now_ns < t->begin_ns + ceiling) {
		keep_banner(s, b);
		if (p && b.len >= t->n_tried + t->n_tried / 4) /* not again for each byte */
			try_match(s, t, b);
		t->due_ns = MIN(t->grown_ns + quiet_ns(s), t->begin_ns + ceiling);
		if (s->is_known && p)
			talk_end(s, t);
		return;
	}
	heard_out(s, t, b);
}

void service_on(struct service *s, uint32_t talk, enum stream_event ev, struct bytes received,
		int error, uint64_t now_ns)
{
	struct service_talk *t = &s->talks[talk];

	if (s->is_done || t->stage == TALK_IDLE)
		return;
	t->due_ns = 0;
	switch (ev) {
	case STREAM_OPEN:
		opened(s, t, now_ns);
		break;
	case STREAM_DATA:
		grown(s, t, received, now_ns);
		break;
	case STREAM_DEADLINE:
		due(s, t, received, now_ns);
		break;
	default:
		if (received.len)
			s->has_heard = true;
		ended(s, t, received, error, now_ns);
		break;
	}
}

uint32_t service_take_closed(struct service *s)
{
	uint32_t mask = s->close_mask;

	s->close_mask = 0;
	return mask;
}

/* --- life --------------------------------------------------------------------------------- */

void service_finish(struct service *s)
{
	if (s->is_done)
		return;
	s->is_done = true;
	end_all_but(s, NULL);
	if (!s->result.name && s->speaks_tls && !s->is_tunnel) {
		s->result.name = "ssl";
		s->result.conf = 10;
	}
	s->result.tunnel = s->is_tunnel ? TUNNEL_TLS : TUNNEL_NONE;
}

int service_init(struct service *s, const struct service_plan *plan,
		 const struct service_port *port, uint64_t now_ns)
{
	bool is_tcp = port->proto == PROTO_TCP, has_null = plan->db->null_probe != UINT32_MAX;

	*s = (struct service){
		.plan = plan, .port = *port, .n_talks = plan->n_talks, .n_at_once = plan->n_talks};
	s->start_ns = now_ns;
	s->null_stage = is_tcp && has_null ? NULL_UNHEARD : NULL_HEARD;
	s->tls_stage = is_tcp ? TLS_UNTRIED : TLS_NONE;
	answers_init(&s->answers);
	s->facts = facts_new(FACTS_BLOCK_MAX);
	s->tried = mem_alloc((plan->db->n_probes + 63) / 64, sizeof(*s->tried));
	if (!s->facts || !s->tried) {
		service_fini(s);
		return -ENOMEM;
	}
	if (is_tcp && is_tls_likely(s))
		s->tls_stage = TLS_WANTED;
	return 0;
}

void service_fini(struct service *s)
{
	answers_fini(&s->answers);
	facts_free(s->facts);
	mem_free(s->tried);
	*s = (struct service){0};
}
