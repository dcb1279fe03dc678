/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How one port is asked what it is: which probe on which connection, how long to wait, when enough
 * is known. A pure state machine: the owner opens the conversations it asks for, tells it what
 * happens to them and when their time has come; it owns no socket and reads no clock.
 *
 * Order and meaning are nmap's (nothing sent first, then probes that list the port, then the others
 * by rarity; a soft match restricts to its service), but side by side: while one connection
 * listens, another asks. Waiting follows the round trip; the file's limits are ceilings.
 */
#pragma once

#include "detect/answers.h"
#include "detect/app.h"
#include "detect/match.h"
#include "detect/stream.h"
#include "event/facts.h"

#define SERVICE_TALKS_MAX 8
/** A port that keeps talking without being recognised is given up. */
#define SERVICE_CEILING_NS (30 * NS_PER_S)

/** What all ports have in common. */
struct service_plan {
	const struct svcdb *db;
	struct matcher *matcher;
	uint8_t intensity; /* rarest probe that is sent to ports that it does not list */
	uint8_t n_talks;   /* connections to one port at once */
	bool is_brief;     /* --banner-grab alone: what is said unasked, and to the likely probes */
};

struct service_port {
	uint8_t proto;
	uint16_t port;
	uint32_t rtt_us;  /* 0: unknown */
	bool is_doubtful; /* open|filtered: only probes that list it */
};

/** A conversation to open. */
struct service_ask {
	uint32_t talk; /* which of the plan's n_talks */
	enum stream_layer layer;
};

enum talk_stage { TALK_IDLE, TALK_CONNECTING, TALK_WAITING, TALK_HEARING };
enum null_stage { NULL_UNHEARD, NULL_LISTENING, NULL_CUT, NULL_HEARD };
enum tls_stage { TLS_UNTRIED, TLS_WANTED, TLS_TRYING, TLS_AGREED, TLS_NONE };

/** One connection. */
struct service_talk {
	uint64_t begin_ns;             /* when the wait began; ceilings count from it */
	uint64_t grown_ns;             /* when bytes came last */
	uint64_t due_ns;               /* 0: no deadline */
	size_t n_heard, n_tried;       /* bytes so far, and when they were matched last */
	uint16_t probe;                /* index, SERVICE_PROBE_TLS or SERVICE_PROBE_APP */
	const struct app_hello *hello; /* of SERVICE_PROBE_APP */
	uint8_t stage;                 /* enum talk_stage */
	bool is_tls, is_alone; /* is_alone: its wait was renewed without the listener beside it */
};
#define SERVICE_PROBE_TLS UINT16_MAX
/** A question of a protocol reader. */
#define SERVICE_PROBE_APP (UINT16_MAX - 1)
/** Of those, asked of one port at most. */
#define SERVICE_HELLOS_MAX 6

/** The state of one port. Filled by service_init, released by service_fini. */
struct service {
	const struct service_plan *plan;
	struct service_port port;
	struct service_talk talks[SERVICE_TALKS_MAX];
	uint8_t n_talks, n_at_once; /* of the plan; 1 when the server refuses a second */
	uint8_t null_stage, tls_stage;
	uint8_t n_refused, n_closed; /* connects that failed; closed without a byte */
	bool is_done, is_closed, has_heard, has_lasted, speaks_tls;
	bool is_tunnel; /* everything goes through TLS */
	bool is_known;  /* a hard match, or a reader named the product: only details are missing */
	uint8_t n_hellos;
	uint32_t hello_pos;
	const struct app_hello *hello; /* to be asked next */
	uint32_t close_mask;
	uint64_t start_ns;
	uint64_t *tried;     /* bit per probe */
	struct bytes soft;   /* service of a soft match; p NULL: none */
	struct facts *facts; /* owns result's texts */
	struct service_facts result;
	struct answers answers;
};

/** Borrows @p plan. @return 0 or -ENOMEM. */
int service_init(struct service *s, const struct service_plan *plan,
		 const struct service_port *port, uint64_t now_ns) MUST_CHECK;
/** Accepts all zero. */
void service_fini(struct service *s);
/** @return true with a conversation to open now; call again until false. is_done afterwards: there
 * is nothing left to ask. */
bool service_next(struct service *s, uint64_t now_ns, struct service_ask *ret);
/** The conversation could not be begun: this machine has no room; it will be asked for again. */
void service_not_opened(struct service *s, uint32_t talk);
/** What to send on STREAM_OPEN; empty: nothing. */
struct bytes service_payload(const struct service *s, uint32_t talk);
/**
 * Something happened to a conversation.
 * @param received everything heard on it; borrowed. @param error of STREAM_FAILED.
 * Afterwards: close what service_take_closed() names, renew deadlines, call service_next().
 */
void service_on(struct service *s, uint32_t talk, enum stream_event ev, struct bytes received,
		int error, uint64_t now_ns);
/** @return bit per conversation to close; each is named once. */
uint32_t service_take_closed(struct service *s);
/** End now with what is known. */
void service_finish(struct service *s);
