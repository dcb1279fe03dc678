/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slots and sendmmsg over a pair of local datagram sockets: lending, counts, refusals, order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cursor.h"
#include "pktio/txbatch.h"

#define BATCH 8

struct fixture {
	struct txbatch batch;
	struct txqueue q;
	struct pktio_stats st;
	int peer;
};

static int setup(void **state)
{
	static struct fixture f;
	struct pktio_conf conf = {.batch = BATCH, .if_idx = 3};
	int fds[2];

	f = (struct fixture){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	f.peer = fds[1];
	assert_int_equal(txbatch_init(&f.batch, &conf, LINK_NONE), 0);
	assert_int_equal(txqueue_init(&f.q, fds[0], &f.batch), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	txqueue_fini(&f->q);
	txbatch_fini(&f->batch);
	close(f->peer);
	return 0;
}

/* Give @n frames back, each numbered from @first; the name length of 0 suits a connected pair. */
static void commit(struct fixture *f, struct frame *fr, uint32_t n, uint32_t first)
{
	for (uint32_t i = 0; i < n; i++) {
		put_be32(fr[i].bytes, first + i);
		fr[i].len = 4 + i;
		assert_non_null(txbatch_take(&f->batch, &fr[i]));
		txqueue_add(&f->q, &f->batch, &fr[i], 0);
	}
}

static int kick(struct fixture *f)
{
	int n = txqueue_send(&f->q, &f->st);

	txbatch_reset(&f->batch);
	return n;
}

static void a_batch_is_one_call(void **state)
{
	struct fixture *f = *state;
	struct frame fr[BATCH + 1];
	uint8_t buf[64];

	assert_int_equal(txbatch_reserve(&f->batch, fr, BATCH + 1), BATCH);
	assert_int_equal(txbatch_reserve(&f->batch, fr, 1), 0);
	for (int i = 0; i < BATCH; i++) {
		assert_true(fr[i].cap >= 128);
		assert_int_equal(fr[i].if_idx, 3);
		assert_int_equal(fr[i].len, 0);
	}
	commit(f, fr, BATCH, 100);
	assert_int_equal(kick(f), BATCH);
	assert_int_equal(f->st.n_tx_calls, 1);
	assert_int_equal(f->st.n_tx_frames, BATCH);
	assert_int_equal(f->st.n_tx_bytes, 4 * BATCH + BATCH * (BATCH - 1) / 2);
	for (uint32_t i = 0; i < BATCH; i++) {
		assert_int_equal(read(f->peer, buf, sizeof(buf)), 4 + i);
		assert_int_equal(get_be32(buf), 100 + i);
	}
	assert_int_equal(read(f->peer, buf, sizeof(buf)), -1);
	assert_int_equal(txbatch_reserve(&f->batch, fr, BATCH), BATCH);
}

static void empty_frames_send_nothing(void **state)
{
	struct fixture *f = *state;
	struct frame fr[BATCH];

	for (int round = 0; round < 3; round++) {
		assert_int_equal(txbatch_reserve(&f->batch, fr, BATCH), BATCH);
		for (int i = 0; i < BATCH; i++)
			assert_null(txbatch_take(&f->batch, &fr[i]));
	}
	assert_int_equal(kick(f), 0);
	assert_int_equal(f->st.n_tx_calls, 0);
}

static void lent_frames_survive_a_kick(void **state)
{
	struct fixture *f = *state;
	struct frame first[3], rest[BATCH];
	uint8_t buf[64];

	assert_int_equal(txbatch_reserve(&f->batch, first, 3), 3);
	assert_int_equal(txbatch_reserve(&f->batch, rest, BATCH), BATCH - 3);
	commit(f, first, 3, 0);
	assert_int_equal(kick(f), 3);
	/* Nothing is free while the rest is out: their bytes must not be lent twice. */
	assert_int_equal(txbatch_reserve(&f->batch, first, 3), 0);
	commit(f, rest, BATCH - 3, 50);
	assert_int_equal(kick(f), BATCH - 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read(f->peer, buf, sizeof(buf)), 4 + i);
	assert_int_equal(read(f->peer, buf, sizeof(buf)), 4);
	assert_int_equal(get_be32(buf), 50);
	assert_int_equal(txbatch_reserve(&f->batch, rest, BATCH), BATCH);
}

/* A frame with an address on a connected pair is refused (EISCONN): the ones around it still go. */
static void a_refused_frame_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct frame fr[5];
	uint8_t buf[64];

	assert_int_equal(txbatch_reserve(&f->batch, fr, 5), 5);
	commit(f, fr, 5, 0);
	f->q.msgs[0].msg_hdr.msg_namelen = 1;
	f->q.msgs[2].msg_hdr.msg_namelen = 1;
	assert_int_equal(kick(f), 3);
	assert_int_equal(f->st.n_tx_errors, 2);
	assert_int_equal(f->st.n_tx_frames, 3);
	for (uint32_t want = 1; want < 5; want += 1 + (want == 1)) {
		assert_int_equal(read(f->peer, buf, sizeof(buf)), 4 + want);
		assert_int_equal(get_be32(buf), want);
	}
}

static void a_dead_device_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct frame fr[2];
	int fd = dup(f->q.fd);

	assert_int_equal(txbatch_reserve(&f->batch, fr, 2), 2);
	commit(f, fr, 2, 0);
	close(f->q.fd);
	assert_int_equal(kick(f), -EBADF);
	f->q.fd = fd;
	assert_int_equal(f->st.n_tx_errors, 2);
	assert_int_equal(f->st.n_tx_frames, 0);
}

/* The peer never reads: the queue fills, the kick gives up in bounded time and counts the rest. */
static void a_full_queue_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct frame fr[BATCH];
	uint32_t n_sent = 0;

	for (int round = 0; round < 4096 && f->st.n_tx_errors == 0; round++) {
		assert_int_equal(txbatch_reserve(&f->batch, fr, BATCH), BATCH);
		commit(f, fr, BATCH, 0);
		n_sent += (uint32_t)kick(f);
	}
	assert_true(f->st.n_tx_errors > 0 && f->st.n_tx_errors <= BATCH);
	assert_true(f->st.n_tx_retries > 1 && f->st.n_tx_retries < 1000);
	assert_int_equal(f->st.n_tx_frames, n_sent);
}

static void slots_hold_what_was_asked(void **state)
{
	static const struct row {
		uint16_t asked, least;
	} rows[] = {{0, 128}, {1, 128}, {128, 128}, {129, 129}, {1514, 1514}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pktio_conf conf = {.batch = 2, .frame_cap_bytes = rows[i].asked};
		struct txbatch b;
		struct frame fr[2];

		assert_int_equal(txbatch_init(&b, &conf, LINK_ETHERNET), 0);
		assert_int_equal(txbatch_reserve(&b, fr, 2), 2);
		assert_true(fr[0].cap >= rows[i].least);
		assert_true(fr[1].bytes >= fr[0].bytes + fr[0].cap);
		assert_int_equal(fr[0].link, LINK_ETHERNET);
		txbatch_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_batch_is_one_call, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_frames_send_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(lent_frames_survive_a_kick, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_frame_is_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_device_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_is_given_up, setup, teardown),
		cmocka_unit_test(slots_hold_what_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
