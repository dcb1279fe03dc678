/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capture.c: what passes a tap is in the file, in order and once; what has no room is counted. */
#include "pktio/capture.h"

#include "base/mem.h"
#include "support/pcapng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRAME_CAP = 1600, FILE_MAX = 32 << 20 };

/** Lends one frame; lets @p n_waiting come in, of the given bytes. */
struct fake {
	uint8_t tx[FRAME_CAP], rx[FRAME_CAP];
	struct frame in;
	uint32_t n_waiting, n_committed, n_kicks, n_released;
};

static uint32_t fake_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct fake *k = io->state;

	*f = (struct frame){.bytes = k->tx, .cap = FRAME_CAP, .link = LINK_ETHERNET, .if_idx = 1};
	return MIN(n, 1u);
}

static void fake_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	((struct fake *)io->state)->n_committed += n && f->len;
}

static int fake_kick(struct pktio *io)
{
	return (int)++((struct fake *)io->state)->n_kicks;
}

static int fake_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct fake *k = io->state;
	uint32_t got = MIN(n, k->n_waiting);

	for (uint32_t i = 0; i < got; i++)
		f[i] = k->in;
	k->n_waiting -= got;
	return (int)(wait_us == 77 ? -ENETDOWN : (int)got);
}

static void fake_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	((struct fake *)io->state)->n_released += f ? n : 0;
}

static void fake_stats(struct pktio *io, struct pktio_stats *ret)
{
	*ret = (struct pktio_stats){.n_rx_dropped = 6, .n_tx_calls = io->state ? 1 : 0};
}

static void fake_close(struct pktio *io)
{
	io->state = NULL;
}

static const struct pktio_ops fake_ops = {.name = "fake",
					  .caps = PKTIO_L2,
					  .tx_reserve = fake_reserve,
					  .tx_commit = fake_commit,
					  .tx_kick = fake_kick,
					  .rx_acquire = fake_acquire,
					  .rx_release = fake_release,
					  .stats = fake_stats,
					  .close = fake_close};

struct bed {
	char path[40];
	struct capture *c;
	struct pktio *io;
	struct fake fake;
	uint8_t *file;
	size_t len;
};

static void open_bed(struct bed *b)
{
	snprintf(b->path, sizeof(b->path), "/tmp/prtip-capture-XXXXXX");
	close(mkstemp(b->path));
	assert_int_equal(capture_open(b->path, "prtip test", &b->c), 0);
	b->io = mem_alloc(1, sizeof(*b->io));
	assert_non_null(b->io);
	*b->io = (struct pktio){.ops = &fake_ops, .state = &b->fake};
	assert_int_equal(capture_tap(b->c, &b->io), 0);
}

/** Close everything and read the file. */
static void close_bed(struct bed *b, struct capture_totals *ret)
{
	FILE *f = fopen(b->path, "rb");

	pktio_close(b->io);
	assert_int_equal(capture_close(b->c, ret), 0);
	b->file = malloc(FILE_MAX);
	b->len = fread(b->file, 1, FILE_MAX, f);
	fclose(f);
	unlink(b->path);
}

static void send_one(struct bed *b, uint32_t len, uint8_t mark)
{
	struct frame f;

	assert_int_equal(b->io->ops->tx_reserve(b->io, &f, 1), 1);
	memset(f.bytes, mark, len);
	f.len = len;
	b->io->ops->tx_commit(b->io, &f, 1);
}

static void frames_of_both_directions_are_written(void **state)
{
	struct bed b = {0};
	struct capture_totals t;
	struct frame f[4];
	struct block blk = {0};
	uint16_t len;

	open_bed(&b);
	assert_string_equal(b.io->ops->name, "fake");
	assert_int_equal(b.io->ops->caps, PKTIO_L2);
	assert_int_equal(capture_start(b.c), 0);
	send_one(&b, 60, 0xaa);
	send_one(&b, 0, 0); /* given back, not sent */
	assert_int_equal(b.io->ops->tx_kick(b.io), 1);
	/* an IPv4 header that claims 300 bytes, cut at 40 by the back end; no Ethernet */
	memcpy(b.fake.rx, "\x45\0\x01\x2c", 4);
	b.fake.in = (struct frame){.bytes = b.fake.rx, .len = 40, .link = LINK_NONE, .time_ns = 1};
	b.fake.n_waiting = 2;
	assert_int_equal(b.io->ops->rx_acquire(b.io, f, 4, 0), 2);
	b.io->ops->rx_release(b.io, f, 2);
	assert_int_equal(b.io->ops->rx_acquire(b.io, f, 4, 77), -ENETDOWN);
	close_bed(&b, &t);
	assert_int_equal(b.fake.n_committed, 1);
	assert_int_equal(b.fake.n_released, 2);
	assert_int_equal(t.n_sent, 1);
	assert_int_equal(t.n_received, 2);
	assert_int_equal(t.n_dropped, 0);
	static const uint32_t types[] = {0x0a0d0d0a, 1, 6, 1, 6, 6, 5, 5};
	struct cursor c = cursor_of(b.file, b.len);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_true(next_block(&c, &blk));
		assert_int_equal(blk.type, types[i]);
		if (i == 2) {
			assert_int_equal(le32(blk.body + 12), 60);
			assert_int_equal(blk.body[20], 0xaa);
			assert_int_equal(le32(block_option(&blk, 80, 2, &len)), 2);
		} else if (i == 4) {
			assert_int_equal(le32(blk.body), 1);
			assert_int_equal(le32(blk.body + 12), 40);
			assert_int_equal(le32(blk.body + 16), 300);
		} else if (i == 7) {
			assert_int_equal(le64(block_option(&blk, 12, 4, &len)), 2);
			assert_int_equal(le64(block_option(&blk, 12, 7, &len)), 6);
		}
	}
	assert_false(next_block(&c, &blk));
	free(b.file);
}

/** Nobody empties the ring: what is in the file and what is counted make up what was sent. */
static void drops_are_counted(void **state)
{
	enum { N = 7000 };
	struct bed b = {0};
	struct capture_totals t;
	struct block blk = {0};
	uint64_t n_packets = 0;
	uint16_t len;

	open_bed(&b);
	for (uint32_t i = 0; i < N; i++)
		send_one(&b, 1400 + i % 100, (uint8_t)i);
	close_bed(&b, &t);
	assert_int_equal(b.fake.n_committed, N);
	assert_in_range(t.n_sent, 5000, N - 1);
	assert_int_equal(t.n_sent + t.n_dropped, N);
	struct cursor c = cursor_of(b.file, b.len);
	while (next_block(&c, &blk)) {
		if (blk.type == 6) {
			assert_int_equal(le32(blk.body + 12), 1400 + n_packets % 100);
			assert_int_equal(blk.body[20], (uint8_t)n_packets);
			n_packets++;
		}
		if (blk.type == 5)
			assert_int_equal(le64(block_option(&blk, 12, 5, &len)), t.n_dropped);
	}
	assert_int_equal(n_packets, t.n_sent);
	free(b.file);
}

/** Far more than the ring holds goes through it, waiting for room. */
static void the_ring_turns(void **state)
{
	enum { N = 40000 };
	struct bed b = {0};
	struct capture_totals t;
	struct block blk = {0};
	uint64_t n_seen = 0, n_dropped = 0;
	uint16_t len;

	open_bed(&b);
	assert_int_equal(capture_start(b.c), 0);
	for (uint32_t i = 0; i < N; i++) {
		send_one(&b, 40 + i % 1000, (uint8_t)i);
		if (i % 1000 == 999)
			usleep(1000);
	}
	close_bed(&b, &t);
	assert_int_equal(t.n_sent + t.n_dropped, N);
	struct cursor c = cursor_of(b.file, b.len);
	while (next_block(&c, &blk)) {
		if (blk.type != 6)
			continue;
		uint32_t frame_len = le32(blk.body + 12);
		const uint8_t *n = block_option(&blk, 20 + ((frame_len + 3) & ~3u), 4, &len);
		n_dropped += n ? le64(n) : 0;
		assert_int_equal(frame_len, 40 + (n_seen + n_dropped) % 1000);
		n_seen++;
	}
	assert_int_equal(n_seen, t.n_sent);
	assert_true(n_dropped <= t.n_dropped);
	free(b.file);
}

static void errors_are_told(void **state)
{
	struct capture *c = NULL;
	struct pktio *io = (struct pktio *)&c;

	assert_int_equal(capture_open("/nowhere/x", "a", &c), -ENOENT);
	assert_int_equal(capture_close(NULL, NULL), 0);
	assert_int_equal(capture_tap(NULL, &io), 0);
	assert_ptr_equal(io, &c);
	assert_int_equal(capture_open("/dev/full", "a", &c), 0);
	assert_int_equal(capture_close(c, NULL), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_both_directions_are_written),
		cmocka_unit_test(drops_are_counted),
		cmocka_unit_test(the_ring_turns),
		cmocka_unit_test(errors_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
