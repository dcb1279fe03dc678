/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations with peers of this very process on loopback: what is told, when, and what a peer
 * cannot make of it. Deadlines by a fake clock; nothing sleeps. */
#include "detect/stream.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS_MAX = 2000, TURN_US = 5000, BIG = 400 * 1024 };

/** One of our conversations, and what it was told. */
struct heard {
	struct stream *s;
	uint32_t n[STREAM_EVENT_N];
	int error;
	void (*also)(struct heard *h, enum stream_event ev);
	struct heard *other;
	int peer;
};

static void on(void *ctx, struct stream *s, enum stream_event ev)
{
	struct heard *h = ctx;

	assert_ptr_equal(s, h->s);
	h->n[ev]++;
	if (ev == STREAM_FAILED)
		h->error = stream_error(s);
	if (h->also)
		h->also(h, ev);
}

static struct streams *streams(void)
{
	struct streams_conf conf = {.n_max = 8};
	struct streams *all;

	assert_int_equal(streams_new(&conf, &all), 0);
	return all;
}

static int listener(uint16_t *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), size = 2 * BIG;

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

static struct stream_to to(uint16_t port, uint8_t proto, enum stream_layer layer)
{
	return (struct stream_to){.to = {.addr = addr_from_u128(ADDR_V4, INADDR_LOOPBACK, 0),
					 .port = port,
					 .proto = proto},
				  .layer = layer};
}

/** Turn until it was told @p ev. */
static void until(struct streams *all, const struct heard *h, enum stream_event ev)
{
	uint32_t before = h->n[ev];

	for (int i = 0; i < TURNS_MAX && h->n[ev] == before; i++)
		assert_true(streams_turn(all, TURN_US) >= 0);
	assert_true(h->n[ev] > before);
}

/** A conversation with a peer, both ends; @p h is filled. */
static void talk(struct streams *all, struct heard *h, enum stream_layer layer)
{
	uint16_t port;
	int l = listener(&port);
	struct stream_to whom = to(port, PROTO_TCP, layer);

	*h = (struct heard){0};
	assert_int_equal(stream_open(all, &whom, on, h, &h->s), 0);
	h->peer = accept(l, NULL, NULL);
	assert_true(h->peer >= 0);
	close(l);
	if (layer == STREAM_PLAIN)
		until(all, h, STREAM_OPEN);
}

static void peer_says(const struct heard *h, const void *p, size_t n)
{
	assert_int_equal(send(h->peer, p, n, MSG_DONTWAIT | MSG_NOSIGNAL), n);
}

/** At least some of it: as much as the buffers take. */
static size_t peer_floods(const struct heard *h, const void *piece, size_t n, size_t times)
{
	size_t sent = 0;

	for (size_t i = 0; i < times; i++) {
		ssize_t now = send(h->peer, piece, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (now < (ssize_t)n)
			break;
		sent += n;
	}
	return sent;
}

static void what_is_said_is_heard(void **state)
{
	struct streams *all = streams();
	struct heard h;
	char got[8];

	(void)state;
	talk(all, &h, STREAM_PLAIN);
	peer_says(&h, "hel", 3);
	until(all, &h, STREAM_DATA);
	peer_says(&h, "lo", 2);
	until(all, &h, STREAM_DATA);
	assert_int_equal(stream_received(h.s).len, 5);
	assert_memory_equal(stream_received(h.s).p, "hello", 5);
	assert_int_equal(stream_send(h.s, "who", 3), 0);
	assert_int_equal(recv(h.peer, got, sizeof(got), 0), 3);
	stream_forget(h.s);
	assert_int_equal(stream_received(h.s).len, 0);
	shutdown(h.peer, SHUT_WR);
	until(all, &h, STREAM_EOF);
	assert_int_equal(stream_send(h.s, "x", 1), -ENOTCONN);
	assert_int_equal(streams_turn(all, 0), 0); /* an ended stream costs no turn */
	stream_close(h.s);
	assert_true(recv(h.peer, got, sizeof(got), 0) <= 0);
	close(h.peer);
	streams_free(all);
}

/** One byte, then pieces of the size that is read: the sum steps over the ceiling. */
static void bytes_have_a_ceiling(void **state)
{
	static char piece[16384];
	struct streams *all = streams();
	struct heard h;

	(void)state;
	talk(all, &h, STREAM_PLAIN);
	peer_says(&h, "1", 1);
	until(all, &h, STREAM_DATA);
	assert_true(peer_floods(&h, piece, sizeof(piece), 6) > STREAM_BYTES_MAX);
	until(all, &h, STREAM_FULL);
	assert_int_equal(stream_received(h.s).len, STREAM_BYTES_MAX);
	assert_int_equal(streams_turn(all, 0), 0); /* and no more is read */
	close(h.peer);
	streams_free(all);
}

static void failures_have_a_name(void **state)
{
	struct linger reset = {.l_onoff = 1};
	struct streams *all = streams();
	struct stream_to whom;
	struct heard h;
	uint16_t port;

	(void)state;
	talk(all, &h, STREAM_PLAIN);
	setsockopt(h.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(h.peer);
	until(all, &h, STREAM_FAILED);
	assert_int_equal(h.error, -ECONNRESET);
	close(listener(&port));
	whom = to(port, PROTO_TCP, STREAM_PLAIN);
	h = (struct heard){0};
	int err = stream_open(all, &whom, on, &h, &h.s);
	if (!err)
		until(all, &h, STREAM_FAILED);
	assert_int_equal(err ? err : h.error, -ECONNREFUSED);
	streams_free(all);
}

static void slots_run_out_and_come_back(void **state)
{
	struct streams *all = streams();
	struct stream_to whom = to(9, PROTO_UDP, STREAM_PLAIN);
	struct heard h[9] = {0};

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(stream_open(all, &whom, on, &h[i], &h[i].s), 0);
	assert_int_equal(stream_open(all, &whom, on, &h[8], &h[8].s), -E_AGAIN);
	stream_close(h[3].s);
	assert_int_equal(stream_open(all, &whom, on, &h[8], &h[8].s), 0);
	streams_free(all);
}

/* --- time ------------------------------------------------------------------------------ */

static void deadlines_come_once(void **state)
{
	struct streams *all;
	struct heard h;

	(void)state;
	clock_fake_set(100 * NS_PER_S);
	all = streams();
	talk(all, &h, STREAM_PLAIN);
	stream_deadline(h.s, 101 * NS_PER_S);
	clock_fake_set(100 * NS_PER_S + 990 * NS_PER_MS);
	assert_int_equal(streams_turn(all, 0), 0);
	clock_fake_set(101 * NS_PER_S + 8 * NS_PER_MS);
	assert_int_equal(streams_turn(all, 0), 1);
	assert_int_equal(h.n[STREAM_DEADLINE], 1);
	clock_fake_set(300 * NS_PER_S); /* more than the wheel goes round */
	assert_int_equal(streams_turn(all, 0), 0);
	stream_deadline(h.s, 310 * NS_PER_S);
	clock_fake_set(309 * NS_PER_S);
	assert_int_equal(streams_turn(all, 0), 0);
	clock_fake_set(311 * NS_PER_S);
	assert_int_equal(streams_turn(all, 0), 1);
	close(h.peer);
	streams_free(all);
	clock_fake_set(0);
}

/** Takes a minute to read, meanwhile the other one's peer speaks. */
static void think_long(struct heard *h, enum stream_event ev)
{
	if (ev != STREAM_DATA)
		return;
	clock_fake_set(clock_now_ns() + 60 * NS_PER_S);
	peer_says(h->other, "in time", 7);
}

static void nobody_is_late_because_another_was_slow(void **state)
{
	struct streams *all;
	struct heard slow, other;

	(void)state;
	clock_fake_set(100 * NS_PER_S);
	all = streams();
	talk(all, &slow, STREAM_PLAIN);
	talk(all, &other, STREAM_PLAIN);
	slow.also = think_long;
	slow.other = &other;
	stream_deadline(other.s, 110 * NS_PER_S);
	peer_says(&slow, "x", 1);
	until(all, &slow, STREAM_DATA);
	assert_int_equal(other.n[STREAM_DEADLINE], 0);
	assert_true(streams_turn(all, 0) > 0);
	assert_int_equal(other.n[STREAM_DATA], 1);
	close(slow.peer);
	close(other.peer);
	streams_free(all);
	clock_fake_set(0);
}

static void close_other(struct heard *h, enum stream_event ev)
{
	if (ev == STREAM_DATA && h->other->s) {
		stream_close(h->other->s);
		h->other->s = NULL;
	}
}

static void who_was_closed_hears_no_more(void **state)
{
	struct streams *all = streams();
	struct heard a, b;

	(void)state;
	talk(all, &a, STREAM_PLAIN);
	talk(all, &b, STREAM_PLAIN);
	a.other = &b;
	b.other = &a;
	a.also = b.also = close_other; /* whichever is told first closes the other */
	peer_says(&a, "x", 1);
	peer_says(&b, "x", 1);
	for (int i = 0; i < 5; i++)
		assert_true(streams_turn(all, 0) >= 0);
	assert_int_equal(a.n[STREAM_DATA] + b.n[STREAM_DATA], 1);
	close(a.peer);
	close(b.peer);
	streams_free(all);
}

/* --- TLS --------------------------------------------------------------------------------- */

static void peers_without_tls_are_told_apart(void **state)
{
	static const struct {
		const char *says;
		size_t len;
		int error;
	} rows[] = {{"220 hello\r\n", 11, -E_UNSUPPORTED},
		    {"\x15\x03\x03\x00\x02\x02\x28", 7, -EPROTO},
		    {"\x16\x03\x03\xff\xff\x02", 6, -E_UNSUPPORTED}};
	struct streams *all = streams();
	struct heard h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		talk(all, &h, STREAM_TLS);
		peer_says(&h, rows[i].says, rows[i].len);
		until(all, &h, STREAM_FAILED);
		assert_int_equal(h.error, rows[i].error);
		stream_close(h.s);
		close(h.peer);
	}
	streams_free(all);
}

static void waiting_for_a_handshake_costs_no_turns(void **state)
{
	struct streams *all = streams();
	struct heard h;
	char hello[4096];

	(void)state;
	talk(all, &h, STREAM_TLS);
	for (int i = 0; i < TURNS_MAX && recv(h.peer, hello, sizeof(hello), MSG_DONTWAIT) < 0; i++)
		assert_true(streams_turn(all, TURN_US) >= 0);
	assert_true(streams_turn(all, 0) >= 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(streams_turn(all, 0), 0);
	close(h.peer);
	streams_free(all);
}

/** Messages that OpenSSL skips, as many as fit into buffers: no call swallows all of them. */
static void a_flood_of_empty_messages_is_read_in_turns(void **state)
{
	static uint8_t record[5 + 16384] = {0x16, 3, 3, 0x40, 0};
	struct streams *all = streams();
	struct heard h;
	size_t n_bytes, n_turns = 0;

	(void)state;
	talk(all, &h, STREAM_TLS);
	n_bytes = peer_floods(&h, record, sizeof(record), 20);
	assert_true(n_bytes > 4 * STREAM_BYTES_MAX);
	for (int i = 0; i < TURNS_MAX && streams_turn(all, TURN_US) > 0; i++)
		n_turns++;
	assert_true(n_turns >= n_bytes / STREAM_BYTES_MAX);
	assert_int_equal(h.n[STREAM_FAILED], 0);
	close(h.peer);
	streams_free(all);
}

/* --- datagrams ------------------------------------------------------------------------------ */

static void datagrams_come_one_by_one(void **state)
{
	static char big[60000];
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, from;
	socklen_t len = sizeof(sa);
	struct streams *all = streams();
	int peer = socket(AF_INET, SOCK_DGRAM, 0);
	struct heard h = {0};

	(void)state;
	assert_int_equal(bind(peer, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(peer, (struct sockaddr *)&sa, &len), 0);
	struct stream_to whom = to(ntohs(sa.sin_port), PROTO_UDP, STREAM_PLAIN);
	assert_int_equal(stream_open(all, &whom, on, &h, &h.s), 0);
	until(all, &h, STREAM_OPEN);
	assert_int_equal(stream_send(h.s, "q", 1), 0);
	assert_int_equal(recvfrom(peer, big, 1, 0, (struct sockaddr *)&from, &len), 1);
	assert_int_equal(sendto(peer, "one", 3, 0, (struct sockaddr *)&from, len), 3);
	until(all, &h, STREAM_DATA);
	assert_int_equal(sendto(peer, big, sizeof(big), 0, (struct sockaddr *)&from, len),
			 sizeof(big));
	until(all, &h, STREAM_DATA);
	assert_true(stream_received(h.s).len > 3 && stream_received(h.s).len <= STREAM_BYTES_MAX);
	for (int i = 0; i < 6; i++)
		(void)sendto(peer, big, sizeof(big), 0, (struct sockaddr *)&from, len);
	until(all, &h, STREAM_FULL);
	assert_int_equal(stream_received(h.s).len, STREAM_BYTES_MAX);
	close(peer);
	streams_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_is_heard),
		cmocka_unit_test(bytes_have_a_ceiling),
		cmocka_unit_test(failures_have_a_name),
		cmocka_unit_test(slots_run_out_and_come_back),
		cmocka_unit_test(deadlines_come_once),
		cmocka_unit_test(nobody_is_late_because_another_was_slow),
		cmocka_unit_test(who_was_closed_hears_no_more),
		cmocka_unit_test(peers_without_tls_are_told_apart),
		cmocka_unit_test(waiting_for_a_handshake_costs_no_turns),
		cmocka_unit_test(a_flood_of_empty_messages_is_read_in_turns),
		cmocka_unit_test(datagrams_come_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
