/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One port's questions. A silent listener costs nothing while another connection asks; two things
 * can go wrong with that and are provided for: servers that serve one client at a time (the
 * question that stays unanswered beside the listener is put on the listener too, which is first in
 * their line; where nothing was heard at all the likely questions come once more at the end, one at
 * a time), and servers that refuse the second connection (then one is used).
 */
#include "detect/service_parts.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define UDP_TALKS       4 /* questions by UDP for each connection by TCP */
#define N_CLOSED_ENOUGH 4 /* connections closed without a byte: a wrapper */

/* --- talks ------------------------------------------------------------------------------ */

static void talk_end(struct service *s, struct service_talk *t)
{
	if (t->is_listener && s->null_stage == NULL_LISTENING)
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

/** Nothing was heard: somebody who serves one client at a time, or needs long for the first. */
static void ask_again(struct service *s)
{
	s->is_again = true;
	s->n_at_once = 1;
	memset(s->tried, 0, (s->plan->db->n_probes + 63) / 64 * sizeof(*s->tried));
	for (uint32_t i = 0; i < s->n_on_listener; i++)
		if (s->on_listener[i] < s->plan->db->n_probes)
			order_set_tried(s, s->on_listener[i], true);
	if (s->tls_stage >= TLS_NONE && !s->is_tunnel)
		s->tls_stage = TLS_UNTRIED;
}

/** Does what is known make waiting for more words idle? */
static bool is_enough(const struct service *s)
{
	return s->soft.p || s->speaks_tls || s->is_known || s->result.name || s->has_heard ||
	       s->plan->is_brief;
}

/** Everything has been asked. What was cut short is listened to once more, unless more is known. */
static void nothing_left(struct service *s)
{
	struct service_talk *l = order_listener(s);
	bool is_over = is_enough(s);

	if (order_n_active(s) > (l ? 1u : 0u) || (l && !is_over))
		return;
	if (s->null_stage == NULL_CUT && !is_over) {
		s->null_stage = NULL_UNHEARD;
		s->is_relistening = true;
	} else if (s->port.proto == PROTO_TCP && !s->is_again && !s->n_closed && !is_over) {
		ask_again(s);
	} else {
		service_finish(s);
	}
}

static struct service_talk *idle_talk(struct service *s)
{
	if (order_n_active(s) >= s->n_at_once)
		return NULL;
	for (uint32_t i = 0; i < s->n_talks; i++)
		if (s->talks[i].stage == TALK_IDLE && !(s->close_mask >> i & 1))
			return &s->talks[i];
	return NULL;
}

/** @param what a probe, SERVICE_PROBE_TLS or SERVICE_PROBE_APP. */
static void set_question(struct service *s, struct service_talk *t, uint32_t what)
{
	t->probe = (uint16_t)what;
	if (what == SERVICE_PROBE_APP) {
		t->hello = s->hello;
		t->row = s->hello_row;
		t->hello_idx = s->hello_idx;
		order_set_asked(s, t->hello_idx, true);
	} else if (what != SERVICE_PROBE_TLS) {
		order_set_tried(s, what, true);
	}
}

static void begin(struct service *s, struct service_talk *t, uint32_t what, uint64_t now_ns)
{
	bool is_hello = what == SERVICE_PROBE_TLS;

	*t = (struct service_talk){.begin_ns = now_ns,
				   .due_ns = now_ns + wait_connect_ns(s, is_hello),
				   .stage = TALK_CONNECTING,
				   .is_tls = s->is_tunnel || is_hello};
	set_question(s, t, what);
	if (is_hello)
		s->tls_stage = TLS_TRYING;
	if (order_is_null(s, t)) {
		t->is_listener = true;
		s->null_stage = NULL_LISTENING;
	}
}

bool service_next(struct service *s, uint64_t now_ns, struct service_ask *ret)
{
	if (!s->is_done && now_ns - s->start_ns >= SERVICE_CEILING_NS)
		service_finish(s);
	for (int round = 0; round < 2 && !s->is_done; round++) {
		uint32_t what = order_choose(s, now_ns);
		struct service_talk *t = idle_talk(s);

		if (what != UINT32_MAX && !t)
			return false;
		if (what != UINT32_MAX) {
			begin(s, t, what, now_ns);
			*ret = (struct service_ask){(uint32_t)(t - s->talks),
						    t->is_tls ? STREAM_TLS : STREAM_PLAIN,
						    t->hello && t->hello->hears_any_port};
			return true;
		}
		if (!order_must_hold(s, now_ns))
			nothing_left(s);
	}
	return false;
}

/** As if it had not been asked. */
static void take_back(struct service *s, const struct service_talk *t)
{
	if (t->probe == SERVICE_PROBE_TLS) {
		s->tls_stage = TLS_WANTED;
	} else if (t->probe == SERVICE_PROBE_APP) {
		order_set_asked(s, t->hello_idx, false);
	} else if (order_is_null(s, t)) {
		s->null_stage = NULL_UNHEARD;
	} else {
		order_set_tried(s, t->probe, false);
	}
}

void service_not_opened(struct service *s, uint32_t talk)
{
	take_back(s, &s->talks[talk]);
	s->talks[talk] = (struct service_talk){.stage = TALK_IDLE};
}

struct bytes service_payload(const struct service *s, uint32_t talk)
{
	const struct svc_probe *p = order_probe_of(s, &s->talks[talk]);

	if (s->talks[talk].hello)
		return s->talks[talk].hello->bytes;
	return p ? (struct bytes){p->payload, p->payload_len} : (struct bytes){0};
}

/** A server gives a nick to one client: two of its ports, or two conversations, would be rivals. */
static struct bytes name_own(const struct service *s, struct service_talk *t, struct bytes payload)
{
	enum { PREFIX = 5, DIGITS = 4, BASE_BITS = 5 };
	const uint8_t *at = memmem(payload.p, payload.len, SERVICE_OWN_NAME, PREFIX + DIGITS);
	uint64_t v = (t->begin_ns ^ (uint64_t)s->port.port << 32) * 0x9e3779b97f4a7c15ull;

	if (!at || payload.len > sizeof(t->own))
		return payload;
	memcpy(t->own, payload.p, payload.len);
	uint8_t *digits = t->own + (at - payload.p) + PREFIX;
	for (size_t i = 0; i < DIGITS; i++, v <<= BASE_BITS)
		digits[i] = (uint8_t) "abcdefghijklmnopqrstuvwxyz234567"[v >> (64 - BASE_BITS)];
	return (struct bytes){t->own, payload.len};
}

struct bytes service_take_send(struct service *s, uint32_t talk)
{
	struct service_talk *t = &s->talks[talk];

	if (!t->is_to_send || t->stage != TALK_WAITING)
		return (struct bytes){0};
	t->is_to_send = false;
	return name_own(s, t, service_payload(s, talk));
}

/* --- what happens ------------------------------------------------------------------------- */

/** A conversation is over and said what it had to say. */
static void heard_out(struct service *s, struct service_talk *t, struct bytes b)
{
	if (said_all(s, t, b))
		end_all_but(s, t);
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
	memset(s->hellos_asked, 0, sizeof(s->hellos_asked));
	s->has_heard = s->is_known = s->is_read = s->is_weak = s->is_again = false;
	s->n_closed = s->n_hellos = s->n_on_listener = 0;
	s->missed_hello = 0;
	if (s->plan->db->null_probe == UINT32_MAX) {
		talk_end(s, t);
		return;
	}
	t->probe = (uint16_t)s->plan->db->null_probe;
	t->is_listener = true;
	t->stage = TALK_WAITING;
	s->null_stage = NULL_LISTENING;
	t->begin_ns = now_ns;
	t->due_ns = now_ns + wait_head_start_ns(s);
}

static void opened(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	const struct service_talk *l = order_listener(s);

	if (t->probe == SERVICE_PROBE_TLS) {
		enter_tunnel(s, t, now_ns);
		return;
	}
	t->stage = TALK_WAITING;
	t->begin_ns = now_ns;
	t->is_to_send = !order_is_null(s, t);
	t->asked_ns = t->is_to_send ? now_ns : 0;
	t->due_ns = now_ns + (order_is_null(s, t)        ? wait_head_start_ns(s)
			      : l && order_is_null(s, l) ? wait_beside_ns(s, t)
							 : wait_first_ns(s, t));
}

/** RFC 6298 2.2 and 2.3, on how long services take beyond the round trip. */
static void feel_pulse(struct service *s, const struct service_talk *t, uint64_t now_ns)
{
	struct service_pulse *p = s->plan->pulse;
	uint32_t us = (uint32_t)((now_ns - t->asked_ns) / NS_PER_US);

	if (!p)
		return;
	us = MAX(us - MIN(us, s->port.rtt_us), 1u);
	if (!p->mean_us) {
		*p = (struct service_pulse){.mean_us = us, .deviation_us = us / 2};
		return;
	}
	uint32_t off = us > p->mean_us ? us - p->mean_us : p->mean_us - us;
	p->deviation_us += (off / 4) - p->deviation_us / 4;
	p->mean_us += us / 8 - p->mean_us / 8;
}

static void grown(struct service *s, struct service_talk *t, struct bytes b, uint64_t now_ns)
{
	if (t->stage == TALK_WAITING && t->asked_ns && !t->is_listener)
		feel_pulse(s, t, now_ns);
	if (t->stage == TALK_WAITING && t->asked_ns)
		s->slowest_ns = MAX(s->slowest_ns, now_ns - t->asked_ns);
	s->has_heard = true;
	t->stage = TALK_HEARING;
	t->n_heard = b.len;
	t->grown_ns = now_ns;
	t->due_ns = MIN(now_ns + wait_settle_ns(s), t->begin_ns + wait_ceiling_ns(s, t));
}

/** A question about details that nobody answered: who serves few at a time may do so next time. */
static void maybe_retry(struct service *s, const struct service_talk *t)
{
	if (!t->hello || s->has_retried)
		return;
	if (!s->is_known) {
		s->missed_hello = t->hello_idx + 1;
		return;
	}
	s->has_retried = true;
	order_set_asked(s, t->hello_idx, false);
}

/** Closed without a byte: by a wrapper perhaps, or by a server that did not like the probe. */
static void closed_silently(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	if (now_ns - t->begin_ns >= wait_wrap_ns(s))
		s->has_lasted = true;
	s->n_closed = (uint8_t)MIN(s->n_closed + 1, UINT8_MAX);
	maybe_retry(s, t);
	talk_end(s, t);
	if (s->null_stage != NULL_HEARD || s->has_lasted || s->has_heard || s->speaks_tls)
		return;
	if (s->n_closed >= N_CLOSED_ENOUGH && s->tls_stage >= TLS_NONE) {
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
	if (order_n_active(s) > 1) {
		s->n_at_once = 1;
		take_back(s, t);
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

/** Put the question that stayed without an answer on the listener as well: it is first in line. */
static void ask_listener(struct service *s, struct service_talk *l, const struct service_talk *like,
			 uint64_t now_ns)
{
	l->probe = like->probe;
	l->hello = like->hello;
	l->row = like->row;
	l->asked_ns = now_ns;
	l->is_to_send = true;
	s->on_listener[s->n_on_listener++] = l->probe;
}

/** A second connection is not served: the listener is in the way. */
static void one_at_a_time(struct service *s, struct service_talk *l, struct service_talk *t)
{
	take_back(s, t);
	s->close_mask |= 1u << (t - s->talks);
	*t = (struct service_talk){.stage = TALK_IDLE};
	s->n_at_once = 1;
	talk_end(s, l);
	s->null_stage = NULL_CUT;
}

/** Nothing was heard in time. */
static void silent(struct service *s, struct service_talk *t, uint64_t now_ns)
{
	struct service_talk *l = order_listener(s);
	bool is_handshake = t->probe == SERVICE_PROBE_TLS;

	if (l && l != t && t->stage == TALK_CONNECTING && !is_handshake) {
		one_at_a_time(s, l, t);
		return;
	}
	s->has_lasted = true;
	if (l && l != t && l->stage == TALK_WAITING && s->n_on_listener < SERVICE_ON_LISTENER_MAX &&
	    t->stage == TALK_WAITING)
		ask_listener(s, l, t, now_ns);
	maybe_retry(s, t);
	talk_end(s, t);
	if (s->tls_stage == TLS_NONE && is_handshake)
		s->tls_stage = TLS_SILENT;
}

/** Where one connection at a time is all there is, the listener asks too, or gives way. */
static void use_listener(struct service *s, struct service_talk *l, uint64_t now_ns)
{
	uint32_t what = order_is_null(s, l) ? order_choose(s, now_ns) : SERVICE_PROBE_TLS;

	if (what == UINT32_MAX) /* nothing to ask: listen on */
		return;
	if (what == SERVICE_PROBE_TLS) {
		s->null_stage = NULL_CUT;
		talk_end(s, l);
		return;
	}
	set_question(s, l, what);
	l->is_to_send = true;
	l->asked_ns = now_ns;
	l->due_ns = now_ns + wait_first_ns(s, l);
}

/** The listener has been silent so far. */
static void listen_on(struct service *s, struct service_talk *l, uint64_t now_ns)
{
	s->has_lasted = true;
	l->due_ns = l->begin_ns + wait_ceiling_ns(s, l);
	if (s->n_at_once == 1 && !s->plan->is_brief && !s->is_relistening)
		use_listener(s, l, now_ns);
}

/** Bytes came and a pause followed: is it all? */
static void paused(struct service *s, struct service_talk *t, struct bytes b, uint64_t now_ns)
{
	const struct svc_probe *p = order_probe_of(s, t);
	uint64_t ceiling_ns = t->begin_ns + wait_ceiling_ns(s, t);
	int progress = said_progress(t, b);

	t->is_unfinished = progress == 0;
	t->due_ns = MIN(t->grown_ns + wait_quiet_ns(s, t), ceiling_ns);
	if (progress > 0 || now_ns >= t->due_ns) {
		heard_out(s, t, b);
		return;
	}
	said_keep_banner(s, b);
	bool is_worth = b.len >= t->n_tried + t->n_tried / 4; /* not again for each byte */
	if (p && is_worth && said_match(s, t, b))
		end_all_but(s, t);
	if (s->is_known && p)
		talk_end(s, t);
}

static void due(struct service *s, struct service_talk *t, struct bytes b, uint64_t now_ns)
{
	if (t->stage == TALK_HEARING)
		paused(s, t, b, now_ns);
	else if (t->stage == TALK_WAITING && t->is_listener &&
		 now_ns < t->begin_ns + wait_ceiling_ns(s, t))
		listen_on(s, t, now_ns);
	else
		silent(s, t, now_ns);
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

void service_hear_out(struct service *s, uint32_t talk, struct bytes received)
{
	struct service_talk *t = &s->talks[talk];

	if (!s->is_done && t->stage == TALK_HEARING && received.len)
		(void)said_all(s, t, received);
}

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
	if (!is_tcp) /* datagrams open nothing: more of them at once */
		s->n_talks = s->n_at_once =
			(uint8_t)MIN(plan->n_talks * UDP_TALKS, SERVICE_TALKS_MAX);
	s->null_stage = is_tcp && has_null ? NULL_UNHEARD : NULL_HEARD;
	s->tls_stage = is_tcp ? TLS_UNTRIED : TLS_NONE;
	answers_init(&s->answers);
	s->facts = facts_new(FACTS_BLOCK_MAX);
	s->tried = mem_alloc((plan->db->n_probes + 63) / 64, sizeof(*s->tried));
	if (!s->facts || !s->tried) {
		service_fini(s);
		return -ENOMEM;
	}
	if (is_tcp && order_is_tls_likely(s))
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
