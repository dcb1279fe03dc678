/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How one port is asked what it is: which probe on which connection, how long to wait, when enough
 * is known. A pure state machine: the owner opens the conversations it asks for, tells it what
 * happens to them and when their time has come; it owns no socket and reads no clock.
 *
 * Order and meaning are nmap's (nothing sent first, then probes that list the port, then the others
 * by rarity; a soft match restricts to its service), but side by side: while one connection
 * listens, another asks. Waiting follows the round trip and how long services took to answer so
 * far; the file's limits are ceilings.
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
struct service_pulse;
struct service_plan {
	const struct svcdb *db;
	struct matcher *matcher;
	uint8_t intensity; /* rarest probe that is sent to ports that it does not list */
	uint8_t n_talks;   /* connections to one port at once */
	bool is_brief;     /* --banner-grab alone: what is said unasked, and to the likely probes */
	struct service_pulse *pulse; /* NULL: none is kept */
};

/** How long services take to answer, round trips apart: mean and mean deviation as of RFC 6298,
 * over all ports that share it. Zero: nothing is known. */
struct service_pulse {
	uint32_t mean_us, deviation_us;
};

struct service_port {
	uint8_t proto;
	uint16_t port;
	uint32_t rtt_us;     /* 0: unknown */
	bool is_doubtful;    /* open|filtered: an answer proves it open */
	bool is_listed_only; /* asked nothing but what lists it */
};

/** A conversation to open. */
struct service_ask {
	uint32_t talk; /* which of the plan's n_talks */
	enum stream_layer layer;
	bool hears_any_port; /* as of struct stream_to */
};

/** A name in a payload that no other conversation may have: its zeros become letters that differ
 * from one to the next. */
#define SERVICE_OWN_NAME  "prtip0000"
#define SERVICE_OWN_BYTES 64

enum talk_stage { TALK_IDLE, TALK_CONNECTING, TALK_WAITING, TALK_HEARING };
enum null_stage { NULL_UNHEARD, NULL_LISTENING, NULL_CUT, NULL_HEARD };
enum tls_stage { TLS_UNTRIED, TLS_WANTED, TLS_TRYING, TLS_AGREED, TLS_NONE, TLS_SILENT };

/** One connection. */
struct service_talk {
	uint64_t begin_ns;             /* when the wait began; ceilings count from it */
	uint64_t asked_ns;             /* when something was sent; 0: nothing yet */
	uint64_t grown_ns;             /* when bytes came last */
	uint64_t due_ns;               /* 0: no deadline */
	size_t n_heard, n_tried;       /* bytes so far, and when they were matched last */
	uint16_t probe;                /* index, SERVICE_PROBE_TLS or SERVICE_PROBE_APP */
	const struct app_hello *hello; /* of SERVICE_PROBE_APP */
	const struct app_ops *row;     /* whose question it is */
	uint32_t hello_idx;            /* number of that question */
	uint8_t stage;                 /* enum talk_stage */
	bool is_tls;
	bool is_listener;   /* listens from the beginning, even if it was asked something since */
	bool is_to_send;    /* its payload is due */
	bool is_unfinished; /* the answer to a reader's question, by its form, goes on */
	uint8_t own[SERVICE_OWN_BYTES]; /* its payload, where that holds a name */
};
#define SERVICE_PROBE_TLS UINT16_MAX
/** A question of a protocol reader. */
#define SERVICE_PROBE_APP (UINT16_MAX - 1)
/** Of those, asked of one port at most. */
#define SERVICE_HELLOS_MAX 6
/** Questions that are put on the listener after they stayed without an answer beside it. */
#define SERVICE_ON_LISTENER_MAX 2
/** All readers' questions: bits of those that were asked. */
#define SERVICE_HELLO_WORDS 4

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
	bool is_read;   /* a reader recognised the protocol */
	bool has_retried;    /* a reader's question that got no answer was put again, once */
	bool is_weak;        /* the name rests on what many programs say */
	bool is_relistening; /* what was cut short is listened to once more */
	bool is_again;       /* nothing was heard: the likely questions once more, one at a time */
	uint64_t slowest_ns; /* of its answers so far, from the question to the first byte */
	uint32_t missed_hello; /* a question that got no answer before anything was known, + 1 */
	uint8_t n_hellos, n_on_listener;
	uint16_t on_listener[SERVICE_ON_LISTENER_MAX]; /* probes put on the listener */
	uint64_t hellos_asked[SERVICE_HELLO_WORDS];
	const struct app_hello *hello; /* to be asked next */
	const struct app_ops *hello_row;
	uint32_t hello_idx;
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
/**
 * Before the first question: the datagram by which the port scan found the port open. What names
 * the product is not asked for again. Borrows @p b during the call.
 */
void service_was_told(struct service *s, struct bytes b);
/** Accepts all zero. */
void service_fini(struct service *s);
/** @return true with a conversation to open now; call again until false. is_done afterwards: there
 * is nothing left to ask. */
bool service_next(struct service *s, uint64_t now_ns, struct service_ask *ret);
/** The conversation could not be begun: this machine has no room; it will be asked for again. */
void service_not_opened(struct service *s, uint32_t talk);
/** What a conversation asks; empty: nothing. */
struct bytes service_payload(const struct service *s, uint32_t talk);
/** After each service_on(), of each conversation: @return what is to be sent on it now; empty:
 * nothing. Given out once. */
struct bytes service_take_send(struct service *s, uint32_t talk);
/**
 * Something happened to a conversation.
 * @param received everything heard on it; borrowed. @param error of STREAM_FAILED.
 * Afterwards: close what service_take_closed() names, renew deadlines, call service_next().
 */
void service_on(struct service *s, uint32_t talk, enum stream_event ev, struct bytes received,
		int error, uint64_t now_ns);
/** @return bit per conversation to close; each is named once. */
uint32_t service_take_closed(struct service *s);
/** What a conversation has heard is all that will be: let it say what it can. */
void service_hear_out(struct service *s, uint32_t talk, struct bytes received);
/** End now with what is known. */
void service_finish(struct service *s);
