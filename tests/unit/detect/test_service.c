/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan of questions to a port, played through with made-up answers and a clock of its own. */
#include "detect/service.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char file[] = "Probe TCP NULL q||\ntotalwaitms 6000\ntcpwrappedms 3000\n"
			   "match greet m|^zowie (\\d+)| p/Greeter/ v/$1/ cpe:/a:greet:er:$1/\n"
			   "softmatch kind m|^soft|\n"
			   "match mqtt m|^broker|\n"
			   "softmatch ftp m|^220 |\n"
			   "Probe TCP Ask q|ask|\nrarity 3\nports 99\nsslports 443\n"
			   "match asked m|^answer| p/Asked/\n"
			   "match ssl/asked m|^use tls|\n"
			   "Probe TCP Kind q|kind|\nrarity 5\n"
			   "match kind m|^very kind| p/Kind/\n"
			   "Probe TCP First q|first|\nrarity 1\n"
			   "Probe TCP Other q|other|\nrarity 1\n"
			   "match other m|^other| p/Other/\n"
			   "Probe TCP Rare q|rare|\nrarity 9\nports 7\n"
			   "match rare m|^rare| p/Rare/\n"
			   "Probe TCP Hello q|\\x16\\x03\\x01|\nrarity 2\n"
			   "Probe UDP Gram q|gram|\nrarity 1\nports 53\n"
			   "match gram m|^gram| p/Gram/\n";

struct bed {
	struct svcdb *db;
	struct matcher *m;
	struct service_plan plan;
	struct service s;
	uint64_t now_ns;
};

static void begin(struct bed *b, uint8_t proto, uint16_t port)
{
	struct bytes text = {(const uint8_t *)file, sizeof(file) - 1};
	const char *name = "probes";
	struct service_port p = {.proto = proto, .port = port, .rtt_us = 1000};

	*b = (struct bed){.now_ns = NS_PER_S};
	assert_int_equal(svcdb_parse(&text, &name, 1, &b->db, NULL), 0);
	assert_int_equal(matcher_new(b->db, &b->m), 0);
	b->plan = (struct service_plan){.db = b->db, .matcher = b->m, .intensity = 7, .n_talks = 2};
	assert_int_equal(service_init(&b->s, &b->plan, &p, b->now_ns), 0);
}

static void end(struct bed *b)
{
	service_fini(&b->s);
	matcher_free(b->m);
	svcdb_free(b->db);
}

/** What the next conversation says; "" for the listener, "TLS", NULL: none. */
static const char *next(struct bed *b, uint32_t *ret_talk)
{
	static char text[64];
	struct service_ask ask;

	(void)service_take_closed(&b->s);
	if (!service_next(&b->s, b->now_ns, &ask))
		return NULL;
	*ret_talk = ask.talk;
	if (b->s.talks[ask.talk].probe == SERVICE_PROBE_TLS)
		return "TLS";
	struct bytes p = service_payload(&b->s, ask.talk);
	assert_true(p.len < sizeof(text));
	memcpy(text, p.p, p.len);
	text[p.len] = '\0';
	return text;
}

static void on(struct bed *b, uint32_t talk, enum stream_event ev, const char *text, int error)
{
	uint8_t *copy = malloc(strlen(text) + 1); /* nothing may keep a view of it */

	memcpy(copy, text, strlen(text) + 1);
	service_on(&b->s, talk, ev, (struct bytes){copy, strlen(text)}, error, b->now_ns);
	memset(copy, 'X', strlen(text));
	free(copy);
}

static void pass(struct bed *b, uint32_t talk, const char *text)
{
	assert_true(b->s.talks[talk].due_ns >= b->now_ns);
	b->now_ns = b->s.talks[talk].due_ns;
	on(b, talk, STREAM_DEADLINE, text, 0);
}

static void a_banner_needs_no_question(void **state)
{
	struct bed b;
	uint32_t t = 9, none;

	begin(&b, PROTO_TCP, 1234);
	assert_string_equal(next(&b, &t), "");
	assert_null(next(&b, &none)); /* the listener is heard first */
	on(&b, t, STREAM_OPEN, "", 0);
	assert_null(next(&b, &none));
	on(&b, t, STREAM_DATA, "zow", 0); /* in pieces */
	on(&b, t, STREAM_DATA, "zowie 42", 0);
	pass(&b, t, "zowie 42");
	assert_null(next(&b, &none));
	assert_true(b.s.is_done);
	assert_string_equal(b.s.result.name, "greet");
	assert_string_equal(b.s.result.product, "Greeter");
	assert_string_equal(b.s.result.version, "42");
	assert_string_equal(b.s.result.cpe[0], "cpe:/a:greet:er:42");
	assert_int_equal(b.s.result.conf, 10);
	assert_int_equal(b.s.result.banner_len, 8);
	assert_true(b.now_ns < NS_PER_S + 100 * NS_PER_MS);
	end(&b);
}

static void listens_and_asks_at_once(void **state)
{
	struct bed b;
	uint32_t l, t, none;

	begin(&b, PROTO_TCP, 99);
	assert_string_equal(next(&b, &l), "");
	on(&b, l, STREAM_OPEN, "", 0);
	pass(&b, l, ""); /* the head start is over */
	assert_string_equal(next(&b, &t), "ask");
	assert_int_not_equal(l, t);
	assert_null(next(&b, &none)); /* no third connection */
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_DATA, "answer", 0);
	pass(&b, t, "answer");
	assert_null(next(&b, &none));
	assert_true(b.s.is_done);
	assert_string_equal(b.s.result.product, "Asked");
	end(&b);
}

/** What is to be sent on a conversation now. */
static const char *sent(struct bed *b, uint32_t talk)
{
	static char text[64];
	struct bytes p = service_take_send(&b->s, talk);

	assert_true(p.len < sizeof(text));
	if (p.len)
		memcpy(text, p.p, p.len);
	text[p.len] = '\0';
	return text;
}

static void what_stays_unanswered_is_put_on_the_listener(void **state)
{
	struct bed b;
	uint32_t l, t, none;

	begin(&b, PROTO_TCP, 99);
	assert_string_equal(next(&b, &l), "");
	on(&b, l, STREAM_OPEN, "", 0);
	assert_string_equal(sent(&b, l), "");
	pass(&b, l, "");
	assert_string_equal(next(&b, &t), "ask");
	on(&b, t, STREAM_OPEN, "", 0);
	assert_string_equal(sent(&b, t), "ask");
	assert_string_equal(sent(&b, t), ""); /* once */
	assert_string_equal(sent(&b, l), "");
	pass(&b, t, "");
	assert_string_equal(sent(&b, l), "ask");
	assert_string_equal(next(&b, &t), "first"); /* meanwhile */
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, l, STREAM_DATA, "answer", 0);
	pass(&b, l, "answer");
	assert_null(next(&b, &none));
	assert_true(b.s.is_done);
	assert_string_equal(b.s.result.product, "Asked");
	end(&b);
}

static void a_listener_in_the_way_is_cut(void **state)
{
	struct bed b;
	uint32_t l, t, none;

	begin(&b, PROTO_TCP, 99);
	assert_string_equal(next(&b, &l), "");
	on(&b, l, STREAM_OPEN, "", 0);
	pass(&b, l, "");
	assert_string_equal(next(&b, &t), "ask");
	pass(&b, t, ""); /* it does not even connect */
	assert_int_equal(b.s.talks[l].stage, TALK_IDLE);
	assert_string_equal(next(&b, &t), "ask");
	assert_null(next(&b, &none)); /* one at a time from now on */
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_DATA, "answer", 0);
	pass(&b, t, "answer");
	assert_null(next(&b, &none));
	assert_string_equal(b.s.result.product, "Asked");
	end(&b);
}

/** Play a port that never says anything. @param n_other how often "other" was asked when it
 * answers; 0: never. */
static void play_silence(struct bed *b, int n_other)
{
	uint32_t talk;
	const char *what;
	int n = 0;

	while (!b->s.is_done) {
		uint64_t first_ns = UINT64_MAX;
		uint32_t first = 0;
		while ((what = next(b, &talk))) {
			if (strcmp(what, "TLS") != 0)
				on(b, talk, STREAM_OPEN, "", 0);
			if (strcmp(what, "other") == 0 && ++n == n_other) {
				on(b, talk, STREAM_EOF, "other yes", 0);
				return;
			}
		}
		for (uint32_t i = 0; i < b->s.n_talks; i++) {
			if (b->s.talks[i].stage == TALK_IDLE || b->s.talks[i].due_ns >= first_ns)
				continue;
			first = i;
			first_ns = b->s.talks[i].due_ns;
		}
		if (!b->s.is_done)
			pass(b, first, "");
	}
	assert_int_equal(n, 2);
}

static void silence_is_asked_the_likely_again(void **state)
{
	struct bed b;
	uint32_t none;

	begin(&b, PROTO_TCP, 99);
	play_silence(&b, 0);
	assert_null(b.s.result.name);
	assert_true(b.now_ns >= 7 * NS_PER_S); /* heard out: totalwaitms */
	assert_true(b.now_ns < 9 * NS_PER_S);
	end(&b);
	begin(&b, PROTO_TCP, 99);
	play_silence(&b, 2);
	assert_null(next(&b, &none));
	assert_string_equal(b.s.result.product, "Other");
	end(&b);
}

static void waits_follow_how_long_services_take(void **state)
{
	struct service_pulse pulse = {0};
	struct bed b;
	uint32_t l, t;
	uint64_t quick_ns, slow_ns;

	for (int is_slow = 0; is_slow < 2; is_slow++) {
		pulse = (struct service_pulse){.mean_us = is_slow ? 400000 : 1000};
		begin(&b, PROTO_TCP, 1234);
		b.plan.pulse = &pulse;
		assert_string_equal(next(&b, &l), "");
		on(&b, l, STREAM_OPEN, "", 0);
		pass(&b, l, "");
		assert_string_equal(next(&b, &t), "first");
		on(&b, t, STREAM_OPEN, "", 0);
		*(is_slow ? &slow_ns : &quick_ns) = b.s.talks[t].due_ns - b.now_ns;
		b.now_ns += 80 * NS_PER_MS;
		on(&b, t, STREAM_DATA, "?", 0);
		assert_true(is_slow ? pulse.mean_us < 400000 : pulse.mean_us > 1000);
		end(&b);
	}
	assert_int_equal(quick_ns, 200 * NS_PER_MS);
	assert_int_equal(slow_ns, 400 * NS_PER_MS);
}

static void a_mirror_is_an_echo(void **state)
{
	struct bed b;
	uint32_t l, t, none;

	for (int is_late = 0; is_late < 2; is_late++) {
		begin(&b, PROTO_TCP, 99);
		assert_string_equal(next(&b, &l), "");
		on(&b, l, STREAM_OPEN, "", 0);
		pass(&b, l, "");
		for (int i = 0; i <= is_late; i++) {
			assert_string_equal(next(&b, &t), i ? "first" : "ask");
			on(&b, t, STREAM_OPEN, "", 0);
			if (is_late)
				pass(&b, t, "");
		}
		if (is_late) /* both questions had been put on the listener */
			on(&b, l, STREAM_EOF, "askfirst", 0);
		else
			on(&b, t, STREAM_EOF, "ask", 0);
		assert_null(next(&b, &none));
		assert_true(b.s.is_done);
		assert_string_equal(b.s.result.name, "echo");
		end(&b);
	}
}

static void a_question_about_details_is_put_twice(void **state)
{
	struct bed b;
	uint32_t t;

	begin(&b, PROTO_TCP, 1234);
	assert_string_equal(next(&b, &t), "");
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_EOF, "broker", 0); /* named, without a version: its reader asks */
	for (int i = 0; i < 2; i++) {
		assert_non_null(next(&b, &t));
		assert_non_null(b.s.talks[t].hello);
		on(&b, t, STREAM_OPEN, "", 0);
		if (i)
			pass(&b, t, "");
		else
			on(&b, t, STREAM_EOF, "", 0);
	}
	assert_null(next(&b, &t));
	assert_true(b.s.is_done);
	assert_string_equal(b.s.result.name, "mqtt");
	end(&b);
}

static void a_soft_match_restricts(void **state)
{
	struct bed b;
	uint32_t t;

	begin(&b, PROTO_TCP, 99);
	assert_string_equal(next(&b, &t), "");
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_EOF, "soft", 0);
	assert_string_equal(next(&b, &t), "kind"); /* not "ask", though it lists the port */
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_EOF, "nothing known", 0);
	assert_null(next(&b, &t));
	assert_true(b.s.is_done);
	assert_string_equal(b.s.result.name, "kind");
	assert_true(b.s.result.is_soft);
	end(&b);
}

/** Two questions are under way; a reader names the program from the first answer. */
static void a_later_answer_takes_nothing_back(void **state)
{
	static const char text[] = "220 ProFTPD Server (lab) [127.0.0.1]\r\n";
	struct bed b;
	uint32_t l, t[2];

	begin(&b, PROTO_TCP, 99);
	assert_string_equal(next(&b, &l), "");
	on(&b, l, STREAM_OPEN, "", 0);
	on(&b, l, STREAM_EOF, "", 0);
	for (int i = 0; i < 2; i++) {
		assert_non_null(next(&b, &t[i]));
		on(&b, t[i], STREAM_OPEN, "", 0);
	}
	on(&b, t[0], STREAM_EOF, text, 0);
	assert_string_equal(b.s.result.product, "ProFTPD");
	on(&b, t[1], STREAM_DATA, text, 0);
	pass(&b, t[1], text);
	assert_string_equal(b.s.result.name, "ftp");
	assert_non_null(b.s.result.product);
	assert_string_equal(b.s.result.product, "ProFTPD");
	end(&b);
}

static void tls_is_entered_and_all_asked_again(void **state)
{
	struct bed b;
	uint32_t tls, t, none;

	begin(&b, PROTO_TCP, 443);
	assert_string_equal(next(&b, &tls), "TLS"); /* a likely port: at once */
	assert_string_equal(next(&b, &t), "");
	on(&b, tls, STREAM_OPEN, "", 0);
	assert_int_equal(service_take_closed(&b.s), 1u << t);
	assert_true(b.s.is_tunnel);
	pass(&b, tls, "");
	struct service_ask ask;
	assert_true(service_next(&b.s, b.now_ns, &ask));
	assert_int_equal(ask.layer, STREAM_TLS);
	assert_memory_equal(service_payload(&b.s, ask.talk).p, "ask", 3);
	on(&b, ask.talk, STREAM_OPEN, "", 0);
	on(&b, ask.talk, STREAM_EOF, "answer", 0);
	assert_null(next(&b, &none));
	assert_int_equal(b.s.result.tunnel, TUNNEL_TLS);
	assert_string_equal(b.s.result.name, "asked");
	end(&b);
}

static void what_asks_for_tls_gets_it(void **state)
{
	static const struct {
		const char *says;
		int tls_error;
		const char *name;
	} cases[] = {{"use tls", -E_UNSUPPORTED, "asked"},
		     {"\x15\x03\x01\x01\x02\x02\x28", -EPROTO, "ssl"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bed b;
		uint32_t t;

		begin(&b, PROTO_TCP, 99);
		assert_string_equal(next(&b, &t), "");
		on(&b, t, STREAM_EOF, "", 0);
		assert_string_equal(next(&b, &t), "ask");
		on(&b, t, STREAM_OPEN, "", 0);
		on(&b, t, STREAM_EOF, cases[i].says, 0);
		assert_string_equal(next(&b, &t), "TLS");
		on(&b, t, STREAM_FAILED, "", cases[i].tls_error);
		for (int n = 0; n < 10 && next(&b, &t); n++)
			on(&b, t, STREAM_EOF, "", 0);
		assert_true(b.s.is_done);
		assert_string_equal(b.s.result.name, cases[i].name);
		assert_int_equal(b.s.result.tunnel, TUNNEL_NONE);
		end(&b);
	}
}

static void wrappers_close_everything(void **state)
{
	struct bed b;
	const char *what;
	uint32_t t;
	int n = 0;

	begin(&b, PROTO_TCP, 99);
	while ((what = next(&b, &t))) {
		if (strcmp(what, "TLS") != 0)
			on(&b, t, STREAM_OPEN, "", 0);
		on(&b, t, n++ % 2 ? STREAM_EOF : STREAM_FAILED, "", -ECONNRESET);
	}
	assert_true(b.s.is_done);
	assert_true(n <= 6);
	assert_string_equal(b.s.result.name, "tcpwrapped");
	assert_int_equal(b.s.result.conf, 8);
	end(&b);
}

static void intensity_spares_listed_probes(void **state)
{
	struct bed b;
	uint32_t t;
	const char *what;
	bool has_rare = false;

	for (uint16_t port = 7; port <= 8; port++) {
		begin(&b, PROTO_TCP, port);
		has_rare = false;
		while ((what = next(&b, &t))) {
			has_rare |= strcmp(what, "rare") == 0;
			on(&b, t, STREAM_FAILED, "", -E_UNSUPPORTED);
			if (b.s.is_done)
				break;
		}
		end(&b);
		if (port == 8)
			assert_false(has_rare);
	}
}

static void datagrams(void **state)
{
	struct bed b;
	uint32_t t;

	begin(&b, PROTO_UDP, 53);
	assert_string_equal(next(&b, &t), "gram");
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_DATA, "gram yes", 0);
	pass(&b, t, "gram yes");
	assert_null(next(&b, &t));
	assert_string_equal(b.s.result.product, "Gram");
	end(&b);
	begin(&b, PROTO_UDP, 53);
	assert_string_equal(next(&b, &t), "gram");
	on(&b, t, STREAM_OPEN, "", 0);
	on(&b, t, STREAM_FAILED, "", -ECONNREFUSED);
	assert_true(b.s.is_done && b.s.is_closed);
	assert_null(b.s.result.name);
	end(&b);
}

static void tell(struct bed *b, const char *text)
{
	service_was_told(&b->s, (struct bytes){(const uint8_t *)text, strlen(text)});
}

static void what_the_scan_heard_is_not_asked_again(void **state)
{
	struct bed b;
	uint32_t t, none;

	begin(&b, PROTO_UDP, 53);
	tell(&b, "gram and more");
	assert_null(next(&b, &none));
	assert_true(b.s.is_done);
	assert_string_equal(b.s.result.product, "Gram");
	assert_int_equal(b.s.result.conf, 10);
	assert_int_equal(b.s.result.banner_len, 13);
	end(&b);

	begin(&b, PROTO_UDP, 53); /* it says nothing that is known: asked as ever */
	tell(&b, "what?");
	assert_string_equal(next(&b, &t), "gram");
	assert_null(b.s.result.name);
	end(&b);

	begin(&b, PROTO_UDP, 54); /* of a probe that does not list the port: a guess, so asked */
	tell(&b, "gram");
	assert_string_equal(next(&b, &t), "gram");
	end(&b);
}

static void time_is_bounded_whatever_is_said(void **state)
{
	struct bed b;
	uint32_t t, n = 0;
	char text[4096] = "";

	begin(&b, PROTO_TCP, 99);
	while (next(&b, &t) && n < 1000) { /* a byte each 50 ms, for ever */
		on(&b, t, STREAM_OPEN, "", 0);
		for (size_t len = 1; b.s.talks[t].stage != TALK_IDLE && !b.s.is_done; len++) {
			b.now_ns += 50 * NS_PER_MS;
			memset(text, 'z', MIN(len, sizeof(text) - 1));
			if (b.s.talks[t].due_ns <= b.now_ns)
				on(&b, t, STREAM_DEADLINE, text, 0);
			else
				on(&b, t, STREAM_DATA, text, 0);
			n++;
		}
	}
	assert_true(b.s.is_done);
	assert_true(b.now_ns < NS_PER_S + SERVICE_CEILING_NS + 10 * NS_PER_S);
	end(&b);
}

/** A byte each 15 ms: patterns are not tried again for each of them. */
static void a_dribble_is_matched_seldom(void **state)
{
	struct bed b;
	uint32_t t;
	char text[1024] = "";
	size_t n = 0;

	(void)state;
	begin(&b, PROTO_TCP, 1234);
	assert_string_equal(next(&b, &t), "");
	on(&b, t, STREAM_OPEN, "", 0);
	while (b.s.talks[t].stage != TALK_IDLE && n < sizeof(text) - 1) {
		uint64_t due_ns = b.s.talks[t].due_ns, next_ns = b.now_ns + 15 * NS_PER_MS;
		if (n && due_ns <= next_ns) {
			b.now_ns = due_ns;
			on(&b, t, STREAM_DEADLINE, text, 0);
			continue;
		}
		b.now_ns = next_ns;
		text[n++] = 'z';
		on(&b, t, STREAM_DATA, text, 0);
	}
	assert_true(n > 200 && n < sizeof(text) - 1);
	assert_true(matcher_stats(b.m)->n_answers < n / 4);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_banner_needs_no_question),
		cmocka_unit_test(listens_and_asks_at_once),
		cmocka_unit_test(what_stays_unanswered_is_put_on_the_listener),
		cmocka_unit_test(a_listener_in_the_way_is_cut),
		cmocka_unit_test(silence_is_asked_the_likely_again),
		cmocka_unit_test(waits_follow_how_long_services_take),
		cmocka_unit_test(a_mirror_is_an_echo),
		cmocka_unit_test(a_question_about_details_is_put_twice),
		cmocka_unit_test(a_soft_match_restricts),
		cmocka_unit_test(a_later_answer_takes_nothing_back),
		cmocka_unit_test(tls_is_entered_and_all_asked_again),
		cmocka_unit_test(what_asks_for_tls_gets_it),
		cmocka_unit_test(wrappers_close_everything),
		cmocka_unit_test(intensity_spares_listed_probes),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(what_the_scan_heard_is_not_asked_again),
		cmocka_unit_test(time_is_bounded_whatever_is_said),
		cmocka_unit_test(a_dribble_is_matched_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
