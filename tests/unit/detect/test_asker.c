/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The talking thread with peers on loopback, played by this one: each job is answered exactly once,
 * whatever the peer does, however many there are, and when it is told to stop. */
#include "detect/asker.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_PORTS = 6, WAITS_MAX = 6000, WAIT_MS = 10 };

static const char file[] = "Probe TCP NULL q||\ntotalwaitms 60000\ntcpwrappedms 3000\n"
			   "match greet m|^zowie (\\d+)| p/Greeter/ v/$1/\n"
			   "match spaces m|[ .]+[,;]y|\n";

struct bed {
	struct svcdb *db;
	struct asker *a;
	int listeners[N_PORTS];
	uint16_t ports[N_PORTS];
};

static void bed_open(struct bed *b, uint32_t n_at_once)
{
	struct bytes text = {(const uint8_t *)file, sizeof(file) - 1};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const char *name = "probes";
	socklen_t len = sizeof(sa);

	*b = (struct bed){0};
	assert_int_equal(svcdb_parse(&text, &name, 1, &b->db, NULL), 0);
	struct asker_conf conf = {
		.db = b->db, .intensity = 7, .n_talks = 1, .n_ports = n_at_once, .version = "test"};
	assert_int_equal(asker_new(&conf, &b->a), 0);
	for (int i = 0; i < N_PORTS; i++) {
		sa.sin_port = 0;
		b->listeners[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(b->listeners[i], (struct sockaddr *)&sa, len), 0);
		assert_int_equal(listen(b->listeners[i], 16), 0);
		assert_int_equal(getsockname(b->listeners[i], (struct sockaddr *)&sa, &len), 0);
		b->ports[i] = ntohs(sa.sin_port);
	}
}

static void bed_close(struct bed *b)
{
	asker_free(b->a);
	svcdb_free(b->db);
	for (int i = 0; i < N_PORTS; i++)
		close(b->listeners[i]);
}

static void ask(struct bed *b, int i)
{
	struct asker_job job = {.host_idx = (uint64_t)i,
				.addr = addr_from_u128(ADDR_V4, INADDR_LOOPBACK, 0),
				.port = {.proto = PROTO_TCP, .port = b->ports[i], .rtt_us = 100}};

	assert_true(asker_put(b->a, &job));
}

/** The peer's side of the next conversation. */
static int accepted(struct bed *b, int i)
{
	int fd = accept(b->listeners[i], NULL, NULL);

	assert_true(fd >= 0);
	return fd;
}

static struct asker_answer answer(struct bed *b)
{
	struct asker_answer ans;
	bool has = asker_take(b->a, &ans);

	for (int i = 0; i < WAITS_MAX && !has; i++) {
		asker_wait(b->a, WAIT_MS);
		has = asker_take(b->a, &ans);
	}
	assert_true(has);
	return ans;
}

static void each_job_is_answered_once(void **state)
{
	char greeting[] = "zowie 0";
	struct asker_answer ans;
	uint32_t seen = 0;
	struct bed b;

	(void)state;
	bed_open(&b, 2); /* the others wait for their turn */
	for (int i = 0; i < N_PORTS; i++)
		ask(&b, i);
	for (int i = 0; i < N_PORTS; i++) {
		int fd = accepted(&b, i);
		greeting[6] = (char)('0' + i);
		assert_int_equal(send(fd, greeting, 7, 0), 7);
		ans = answer(&b);
		uint32_t which = (uint32_t)ans.job.host_idx;
		assert_true(which < N_PORTS && !(seen >> which & 1));
		seen |= 1u << which;
		assert_int_equal(ans.job.port.port, b.ports[which]);
		assert_string_equal(ans.service->product, "Greeter");
		assert_int_equal(ans.service->version[0], '0' + (int)which);
		assert_true(ans.has_heard);
		facts_free(ans.block);
		close(fd);
	}
	assert_false(asker_take(b.a, &ans));
	assert_int_equal(seen, (1u << N_PORTS) - 1);
	bed_close(&b);
}

static void stopping_answers_what_is_under_way_and_what_comes(void **state)
{
	struct asker_answer ans;
	struct bed b;

	(void)state;
	bed_open(&b, 4);
	ask(&b, 0);
	int fd = accepted(&b, 0); /* which says nothing, for a minute */
	asker_stop(b.a);
	ans = answer(&b);
	assert_int_equal(ans.job.host_idx, 0);
	assert_false(ans.has_heard);
	facts_free(ans.block);
	ask(&b, 1);
	ans = answer(&b);
	assert_int_equal(ans.job.host_idx, 1);
	assert_null(ans.service);
	assert_null(ans.block);
	close(fd);
	bed_close(&b);
}

static void answers_not_taken_are_released(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b, 4);
	ask(&b, 0);
	ask(&b, 1);
	int fd = accepted(&b, 0), other = accepted(&b, 1);
	assert_int_equal(send(fd, "zowie 1", 7, 0), 7);
	asker_wait(b.a, 1000);
	bed_close(&b); /* leaks are seen by sanitizers */
	close(fd);
	close(other);
}

static void a_peer_that_is_gone_is_an_answer_too(void **state)
{
	struct asker_answer ans;
	struct bed b;

	(void)state;
	bed_open(&b, 4);
	close(b.listeners[2]);
	b.listeners[2] = -1;
	ask(&b, 2);
	ans = answer(&b);
	assert_int_equal(ans.job.host_idx, 2);
	assert_false(ans.has_heard);
	assert_null(ans.service->name);
	facts_free(ans.block);
	bed_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_is_answered_once),
		cmocka_unit_test(stopping_answers_what_is_under_way_and_what_comes),
		cmocka_unit_test(answers_not_taken_are_released),
		cmocka_unit_test(a_peer_that_is_gone_is_an_answer_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
