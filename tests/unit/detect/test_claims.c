/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What -sV says of servers in tables, through all of detection but the sockets: the plan of
 * questions, the installed probe file, what patterns and readers see. Those in claims_none.c say
 * stock phrases, names of hosts, denials and sentences about others: no product, version, system,
 * device may be named. Those in claims_true.c name themselves as their programs do; of those in
 * claims_systems.c it matters which system is told.
 */
#include "unit/detect/claims.h"

#include "base/compiler.h"
#include "detect/service.h"
#include "detect/svcfiles.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 24000, HEARD_BYTES = 8192, STEPS_MAX = 2000 };

struct bed {
	struct svcfiles files;
	struct matcher *matcher;
	struct service_plan plan;
};

/** One port and what was said on each of its conversations. */
struct play {
	const struct claim_case *c;
	struct service s;
	uint64_t now_ns;
	struct {
		char text[HEARD_BYTES];
		size_t len;
	} heard[SERVICE_TALKS_MAX];
};

static bool is_http(const struct claim_case *c)
{
	return c->manner == SERVES;
}

static void hear(struct play *p, uint32_t talk, const char *text)
{
	size_t n = MIN(strlen(text), HEARD_BYTES - p->heard[talk].len);

	memcpy(p->heard[talk].text + p->heard[talk].len, text, n);
	p->heard[talk].len += n;
}

static bool has(struct bytes said, const char *what)
{
	return memmem(said.p, said.len, what, strlen(what)) != NULL;
}

/** What the server says when it is asked; "": nothing. */
static void answer(struct play *p, uint32_t talk, struct bytes said)
{
	const char *refusal = p->c->text[0] == '+'   ? "-ERR unknown command\r\n"
			      : p->c->text[0] == '*' ? "* BAD unknown command\r\n"
						     : "500 unknown command\r\n";

	switch (p->c->manner) {
	case GREETS:
		for (size_t i = 0; i < said.len; i++)
			if (said.p[i] == '\n')
				hear(p, talk, refusal);
		break;
	case SERVES:
		hear(p, talk,
		     has(said, " HTTP/1.") ? p->c->text : "HTTP/1.1 400 Bad Request\r\n\r\n");
		break;
	case PHONES:
		if (has(said, "sip:"))
			hear(p, talk, p->c->text);
		break;
	default:
		hear(p, talk, p->c->text);
	}
}

static void on(struct play *p, uint32_t talk, enum stream_event ev)
{
	struct bytes heard = {(const uint8_t *)p->heard[talk].text, p->heard[talk].len};

	service_on(&p->s, talk, ev, heard, ev == STREAM_FAILED ? -EPROTO : 0, p->now_ns);
}

/** Whatever is to be sent on it, until nothing is. */
static void converse(struct play *p, uint32_t talk)
{
	struct bytes said;

	while (p->s.talks[talk].stage != TALK_IDLE && (said = service_take_send(&p->s, talk)).len) {
		size_t before = p->heard[talk].len;
		answer(p, talk, said);
		if (p->heard[talk].len == before)
			continue;
		on(p, talk, STREAM_DATA);
		if (is_http(p->c) && p->s.talks[talk].stage != TALK_IDLE)
			on(p, talk, STREAM_EOF);
	}
}

static void begin_talk(struct play *p, const struct service_ask *ask)
{
	p->heard[ask->talk].len = 0;
	if (ask->layer == STREAM_TLS) {
		on(p, ask->talk, STREAM_FAILED);
		return;
	}
	on(p, ask->talk, STREAM_OPEN);
	if (p->c->manner == GREETS && p->s.talks[ask->talk].stage != TALK_IDLE) {
		hear(p, ask->talk, p->c->text);
		on(p, ask->talk, STREAM_DATA);
	}
}

/** Let the time of the first deadline come. */
static void wait_for_first(struct play *p)
{
	uint32_t first = UINT32_MAX;

	for (uint32_t i = 0; i < p->s.n_talks; i++)
		if (p->s.talks[i].stage != TALK_IDLE && p->s.talks[i].due_ns &&
		    (first == UINT32_MAX || p->s.talks[i].due_ns < p->s.talks[first].due_ns))
			first = i;
	if (first == UINT32_MAX)
		return;
	p->now_ns = MAX(p->now_ns, p->s.talks[first].due_ns);
	on(p, first, STREAM_DEADLINE);
}

static void play(struct bed *b, const struct claim_case *c, struct play *p)
{
	struct service_port port = {.proto = PROTO_TCP, .port = PORT, .rtt_us = 1000};
	struct service_ask ask;

	*p = (struct play){.c = c, .now_ns = NS_PER_S};
	assert_int_equal(service_init(&p->s, &b->plan, &port, p->now_ns), 0);
	for (uint32_t i = 0; i < STEPS_MAX && !p->s.is_done; i++) {
		while (service_next(&p->s, p->now_ns, &ask))
			begin_talk(p, &ask);
		for (uint32_t t = 0; t < p->s.n_talks; t++)
			converse(p, t);
		(void)service_take_closed(&p->s);
		if (!p->s.is_done)
			wait_for_first(p);
	}
	if (!p->s.is_done)
		fail_msg("no end: %s", c->text);
}

static bool is_same(const char *have, const char *want)
{
	return want ? have && strcmp(have, want) == 0 : !have;
}

static bool is_right(const struct claim_case *c, const struct service_facts *r)
{
	if (!c->service)
		return !r->product && !r->version && !r->ostype && !r->devicetype && !r->n_cpe;
	return is_same(r->name, c->service) && is_same(r->product, c->product) &&
	       is_same(r->version, c->version);
}

static bool is_right_system(const struct claim_case *c, const struct service_facts *r)
{
	return is_right(c, r) && is_same(r->ostype, c->ostype);
}

/** @return how many are wrong. */
static uint32_t play_all(struct bed *b, const struct claim_case *cases, size_t n)
{
	bool is_of_systems = cases == claims_systems;

	struct play *p = malloc(sizeof(*p));
	uint32_t n_wrong = 0;

	for (size_t i = 0; i < n; i++) {
		play(b, &cases[i], p);
		const struct service_facts *r = &p->s.result;
		if (!(is_of_systems ? is_right_system : is_right)(&cases[i], r)) {
			print_message("%s\n  is %s | %s | %s | %s | %s\n", cases[i].text,
				      r->name ?: "-", r->product ?: "-", r->version ?: "-",
				      r->ostype ?: "-", r->n_cpe ? r->cpe[0] : "-");
			n_wrong++;
		}
		service_fini(&p->s);
	}
	free(p);
	return n_wrong;
}

static int open_bed(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct err_where where;

	*state = b;
	if (!b || svcfiles_open(NULL, &b->files, &where) < 0 ||
	    matcher_new(b->files.db, &b->matcher) < 0)
		return -1;
	b->plan = (struct service_plan){
		.db = b->files.db, .matcher = b->matcher, .intensity = 9, .n_talks = 2};
	return 0;
}

static int close_bed(void **state)
{
	struct bed *b = *state;

	matcher_free(b->matcher);
	svcfiles_close(&b->files);
	free(b);
	return 0;
}

static void nothing_is_claimed(void **state)
{
	assert_int_equal(play_all(*state, claims_none, claims_n_none), 0);
}

/** Some are known to nmap's file alone. */
static void true_names_are_kept(void **state)
{
	struct bed *b = *state;

	if (!b->files.file.text.len)
		skip();
	assert_int_equal(play_all(b, claims_true, claims_n_true), 0);
}

/** Not from comments that deny or mention one. */
static void systems_are_whole_names(void **state)
{
	struct bed *b = *state;

	if (!b->files.file.text.len)
		skip();
	assert_int_equal(play_all(b, claims_systems, claims_n_systems), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_claimed),
					   cmocka_unit_test(true_names_are_kept),
					   cmocka_unit_test(systems_are_whole_names)};

	return cmocka_run_group_tests(tests, open_bed, close_bed);
}
