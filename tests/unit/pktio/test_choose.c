/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The self-test of back ends: who is chosen, why others are not, and how long it may take. Back
 * ends are scripts, the clock is fake, the interface's counter too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pktio/choose.h"
#include "pktio/netlink.h"
#include "wire/eth.h"

#include <string.h>

#define BEGIN_NS (1000 * NS_PER_MS)

/** What a scripted back end does with frames. */
struct script {
	bool counts, is_answered;
	uint32_t open_ms;
	uint32_t n_open, n_kicks;
};

static struct bed {
	uint64_t now_ns, n_counted, answer_due;
	struct script script[3]; /* the last one is portable */
	const char *chosen;
	bool has_counter;
} bed;

static const struct pktio_ops rows_ops[3];

static void pass(uint64_t ns)
{
	bed.now_ns += ns;
	clock_fake_set(bed.now_ns);
}

int __wrap_nl_open(struct nl_sock *s);
void __wrap_nl_close(struct nl_sock *s);
int __wrap_nl_tx_packets(struct nl_sock *s, uint32_t if_idx, uint64_t *ret);

int __wrap_nl_open(struct nl_sock *s)
{
	memset(s, 0, sizeof(*s));
	return bed.has_counter ? 0 : -1;
}

void __wrap_nl_close(struct nl_sock *s)
{
	(void)s;
}

int __wrap_nl_tx_packets(struct nl_sock *s, uint32_t if_idx, uint64_t *ret)
{
	(void)s;
	assert_int_equal(if_idx, 7);
	*ret = bed.n_counted;
	return 0;
}

static struct script *script_of(const struct pktio *io)
{
	return &bed.script[io->ops - rows_ops];
}

static int script_open(struct pktio *io, const struct pktio_conf *conf)
{
	(void)conf;
	script_of(io)->n_open++;
	pass(script_of(io)->open_ms * NS_PER_MS);
	return 0;
}

static uint8_t storage[8][128];

static uint32_t script_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	(void)io;
	for (uint32_t i = 0; i < n; i++)
		f[i] = (struct frame){
			.bytes = storage[i], .cap = sizeof(storage[i]), .link = LINK_ETHERNET};
	return n;
}

static void script_give(struct pktio *io, const struct frame *f, uint32_t n)
{
	(void)io;
	(void)f;
	(void)n;
}

static int script_kick(struct pktio *io)
{
	struct script *s = script_of(io);

	s->n_kicks++;
	bed.n_counted += s->counts ? 4 : 0;
	bed.answer_due = s->is_answered;
	return 4;
}

static const struct addr next_hop = {.family = ADDR_V4, .b = {192, 0, 2, 1}};

/** Waits as long as it may, unless an answer is due. */
static int script_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	static uint8_t bytes[64];
	const struct mac mac = {{2, 0, 0, 0, 0, 1}};
	const struct arp reply = {
		.op = ARP_REPLY, .sender_mac = mac, .sender = next_hop, .target = next_hop};
	struct wcursor w = wcursor_of(bytes, sizeof(bytes));

	(void)io;
	assert_true(n > 0);
	if (!bed.answer_due) {
		pass(wait_us * NS_PER_US);
		return 0;
	}
	bed.answer_due = 0;
	eth_encode(&w, &mac, &mac, ETHTYPE_ARP);
	arp_encode(&w, &reply);
	f[0] = (struct frame){.bytes = bytes,
			      .len = (uint32_t)w.pos,
			      .cap = sizeof(bytes),
			      .link = LINK_ETHERNET};
	return 1;
}

static void script_close(struct pktio *io)
{
	script_of(io)->n_open--;
}

#define ROW(row_name)                                                                              \
	{                                                                                          \
		.name = row_name, .caps = PKTIO_L2 | PKTIO_ARP | PKTIO_V4, .open = script_open,    \
		.tx_reserve = script_reserve, .tx_commit = script_give, .tx_kick = script_kick,    \
		.rx_acquire = script_acquire, .rx_release = script_give, .close = script_close     \
	}
static const struct pktio_ops rows_ops[3] = {ROW("fast"), ROW("faster"), ROW("portable")};
static const struct pktio_ops *const rows[] = {&rows_ops[0], &rows_ops[1], &rows_ops[2], NULL};

/** @return milliseconds it took; the chosen one is closed again. */
static uint64_t choose(bool can_ask, struct pktio_choice *ret)
{
	const struct pktio_conf conf = {
		.batch = 64, .v4 = true, .wants_tcp = true, .port_lo = 40000, .port_hi = 40000};
	const struct pktio_trial trial = {.if_idx = 7, .next_hop = next_hop, .can_ask = can_ask};

	bed.now_ns = BEGIN_NS;
	pass(0);
	assert_int_equal(pktio_choose(rows, &conf, &trial, ret), 0);
	uint64_t took_ns = bed.now_ns - BEGIN_NS;
	clock_fake_set(0);
	bed.chosen = ret->io->ops->name;
	pktio_close(ret->io);
	for (size_t i = 0; i < ARRAY_LEN(bed.script); i++)
		assert_int_equal(bed.script[i].n_open, 0);
	return took_ns / NS_PER_MS;
}

static void the_first_that_is_answered(void **state)
{
	struct pktio_choice c;

	(void)state;
	bed = (struct bed){.has_counter = true, .script = {{true, true, 0, 0, 0}}};
	assert_true(choose(true, &c) <= 2);
	assert_string_equal(bed.chosen, "fast");
	assert_true(c.was_answered);
	assert_string_equal(c.notes, "");
}

static void lost_and_unanswered_are_refused(void **state)
{
	struct pktio_choice c;

	(void)state;
	bed = (struct bed){
		.has_counter = true,
		.script = {{false, false, 0, 0, 0}, {true, false, 0, 0, 0}, {true, true, 0, 0, 0}}};
	choose(true, &c);
	assert_string_equal(bed.chosen, "portable");
	assert_non_null(strstr(c.notes, "fast: its frames do not leave"));
	assert_non_null(strstr(c.notes, "faster: its frames are not answered"));
	assert_false(c.was_answered);
}

static void counted_is_enough_where_nobody_answers(void **state)
{
	struct pktio_choice c;

	(void)state;
	bed = (struct bed){.has_counter = true,
			   .script = {{false, false, 0, 0, 0}, {true, false, 0, 0, 0}}};
	choose(true, &c);
	assert_string_equal(bed.chosen, "faster");
	bed = (struct bed){.has_counter = true, .script = {{true, false, 0, 0, 0}}};
	assert_true(choose(false, &c) <= 2);
	assert_string_equal(bed.chosen, "fast");
}

/** Whatever back ends do, and however long they take to open before it. */
static void the_waits_end_in_time(void **state)
{
	(void)state;
	for (uint32_t what = 0; what < 64; what++)
		for (uint32_t open_ms = 0; open_ms <= 30; open_ms += 15) {
			struct pktio_choice c;
			bed = (struct bed){.has_counter = what & 1};
			for (uint32_t i = 0; i < 3; i++)
				bed.script[i] = (struct script){.counts = what & (2u << i),
								.is_answered = what & 32 && i == 2,
								.open_ms = open_ms};
			uint64_t ms = choose(what & 16, &c);
			/* the portable one is opened once to hear, and may be again to be used */
			assert_in_range(ms, 0, 200 + open_ms);
			assert_true(bed.script[2].n_kicks <= 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_is_answered),
		cmocka_unit_test(lost_and_unanswered_are_refused),
		cmocka_unit_test(counted_is_enough_where_nobody_answers),
		cmocka_unit_test(the_waits_end_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
