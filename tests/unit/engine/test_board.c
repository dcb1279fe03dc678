/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workers behind one bottleneck: what they agree on (board.c), and in simulated networks how much
 * of it they use together. */
#include "engine/lend.h"
#include "net.h"

#include <stdatomic.h>

enum {
	MEMBERS = 2,
	MEMBERS_MAX = 4,
	SEEDS = 3,
	BOARDS = 2,
	MAX_RETRIES = 10,
	WAIT_US = 25000,
	STEP_US = 100
};

/* --- simulated networks ------------------------------------------------------------ */

struct row {
	const char *name;
	uint32_t bottleneck_pps, used_percent, missed_per_10000;
	struct net_conf c;
	uint32_t n_members, n_seeds; /* 0: MEMBERS, SEEDS */
};

/** The one whose clock is behind takes its turn. @return NULL: all are done. */
static struct net *net_behind(struct net *nets, uint32_t n)
{
	struct net *behind = NULL;

	for (uint32_t i = 0; i < n; i++)
		if (!track_is_done(&nets[i].t) && (!behind || nets[i].now_ns < behind->now_ns))
			behind = &nets[i];
	return behind;
}

/** What all have found, in the first. */
static void merge(struct net *nets, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		for (uint64_t k = 0; k < (uint64_t)nets[0].c.n_hosts * nets[0].c.n_ports; k++) {
			nets[0].cells[k].n_found += nets[i].cells[k].n_found;
			nets[0].cells[k].state |= nets[i].cells[k].state;
		}
		for (uint32_t h = 0; h < nets[0].c.n_hosts; h++) {
			nets[0].hosts[h].n_scanned += nets[i].hosts[h].n_scanned;
			nets[0].hosts[h].n_partial += nets[i].hosts[h].n_partial;
		}
		nets[0].took_ns = MAX(nets[0].took_ns, nets[i].took_ns);
		net_fini(&nets[i]);
	}
}

static void run_together(struct net *nets, const struct net_conf *c)
{
	uint32_t n_members = c->n_shards;
	struct net *n;

	for (uint32_t i = 0; i < n_members; i++) {
		net_init(&nets[i], c);
		nets[i].wire = nets;
		net_shard_open(&nets[i], i);
	}
	while ((n = net_behind(nets, n_members))) {
		assert_true(n->now_ns - n->c.start_ns < n->c.most_ns);
		net_turn(n);
		if (track_is_done(&n->t)) {
			if (c->lend)
				lend_leave(&n->t);
			track_abandon(&n->t);
		}
	}
	for (uint32_t i = 0; i < n_members; i++)
		net_shard_close(&nets[i]);
	merge(nets, n_members);
}

static void run_row(const struct row *row)
{
	uint32_t n_seeds = row->n_seeds ? row->n_seeds : SEEDS,
		 n_members = row->n_members ? row->n_members : MEMBERS;
	uint64_t n_missed = 0, n_all = 0;
	double used = 0;

	for (uint64_t seed = 0; seed < n_seeds; seed++) {
		struct flow_board boards[BOARDS];
		struct lend lend;
		struct net nets[MEMBERS_MAX];
		struct net_conf c = row->c;

		for (uint32_t i = 0; i < BOARDS; i++)
			board_init(&boards[i], n_members);
		c.n_hosts = MAX(c.n_hosts, 1u);
		c.is_sharded_by_port = c.n_hosts == 1;
		c.n_shards = n_members;
		c.min_groups = c.n_hosts == 1 ? 1 : 16;
		c.boards = boards;
		if (n_members > MEMBERS)
			lend_init(&lend, n_members);
		c.lend = n_members > MEMBERS ? &lend : NULL;
		c.seed = seed;
		c.start_ns = NS_PER_S;
		c.max_retries = MAX_RETRIES;
		run_together(nets, &c);
		uint64_t n_ports = (uint64_t)c.n_hosts * c.n_ports;
		uint64_t n_missed_now = net_check(nets);
		n_missed += n_missed_now;
		n_all += n_ports;
		used += 100e9 * (double)(n_ports - n_missed_now) / (double)nets[0].took_ns /
			row->bottleneck_pps / n_seeds;
		net_fini(&nets[0]);
	}
	print_message("%-40s %5.1f %% used, %llu of %llu missed\n", row->name, used,
		      (unsigned long long)n_missed, (unsigned long long)n_all);
	assert_true(n_missed * 10000 <= n_all * row->missed_per_10000);
	assert_true(used >= row->used_percent);
}

/** Workers that know nothing of each other use a third of the first, and miss ports of the third.
 */
static void share_a_limit(void **state)
{
	static const struct row rows[] = {
		{"1 Mbit/s, 5,000 ports",
		 2155,
		 80,
		 10,
		 {.n_ports = 5000, .rtt_us = 100, .rev_pps = 2155, .queue = 176}},
		{"10 Mbit/s, 30,000 ports",
		 21550,
		 85,
		 10,
		 {.n_ports = 30000, .rtt_us = 100, .rev_pps = 21550, .queue = 176}},
		{"10 Mbit/s, 30,000 ports, 30 ms away",
		 21550,
		 50,
		 10,
		 {.n_ports = 30000, .rtt_us = 30000, .rev_pps = 21550, .queue = 176}},
		{"resets 1,000/s after 100, 10,000 ports",
		 1000,
		 80,
		 10,
		 {.n_ports = 10000, .rtt_us = 50, .rst_rate = 1000, .rst_burst = 100}},
		{"resets 20/s after 5, 150 ports",
		 20,
		 40,
		 100,
		 {.n_ports = 150, .rtt_us = 50, .rst_rate = 20, .rst_burst = 5}},
		{"1 Mbit/s, 4,096 hosts x 4 ports",
		 2155,
		 80,
		 10,
		 {.n_hosts = 4096, .n_ports = 4, .rtt_us = 1000, .rev_pps = 2155, .queue = 176}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&rows[i]);
}

/**
 * More workers than one lead: in step with each other some would get nothing and take it for the
 * end of all answers. Where the machine is busy, answers lie and are read together, which looks
 * like a quick queue; and all workers may have too little to ask for one to judge the rate.
 */
static void all_get_their_part(void **state)
{
	static const struct row rows[] = {
		{"resets 1,000/s, 10,000 ports, 3 workers",
		 1000,
		 95,
		 2,
		 {.n_ports = 10000, .rtt_us = 50, .rst_rate = 1000, .rst_burst = 100},
		 3,
		 12},
		{"resets 1,000/s, 10,000 ports, 4 workers",
		 1000,
		 95,
		 2,
		 {.n_ports = 10000, .rtt_us = 50, .rst_rate = 1000, .rst_burst = 100},
		 4,
		 12},
		{"resets 100/s, 1,000 ports, busy machine",
		 100,
		 95,
		 1,
		 {.n_ports = 1000,
		  .rtt_us = 100,
		  .rst_rate = 100,
		  .rst_burst = 100,
		  .late_us = 2000,
		  .pause_us = 100000,
		  .pause_every = 100},
		 2,
		 100},
		{"the same, shorter pauses",
		 100,
		 95,
		 2,
		 {.n_ports = 1000,
		  .rtt_us = 300,
		  .rst_rate = 100,
		  .rst_burst = 100,
		  .late_us = 1000,
		  .pause_us = 20000,
		  .pause_every = 50},
		 2,
		 100},
		{"resets 100/s spent before, 100 ports, 4 workers",
		 100,
		 20,
		 0,
		 {.n_ports = 100,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 100,
		  .rst_burst = 100,
		  .open_percent = 1},
		 4,
		 100},
		{"the same, busy machine",
		 100,
		 20,
		 0,
		 {.n_ports = 100,
		  .is_spent = true,
		  .rtt_us = 100,
		  .rst_rate = 100,
		  .rst_burst = 100,
		  .open_percent = 1,
		  .late_us = 2000,
		  .pause_us = 100000,
		  .pause_every = 100},
		 4,
		 100},
		{"the same, 2 workers, half filtered",
		 100,
		 5,
		 0,
		 {.n_ports = 100,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 100,
		  .rst_burst = 100,
		  .open_percent = 1,
		  .silent_ports_percent = 50},
		 2,
		 100},
		{"the same, 1,000 ports, 4 workers",
		 100,
		 40,
		 0,
		 {.n_ports = 1000,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 100,
		  .rst_burst = 100,
		  .open_percent = 1},
		 4,
		 60},
		{"10 ICMP errors/s, 300 ports",
		 10,
		 85,
		 5,
		 {.n_ports = 300,
		  .is_udp = true,
		  .rtt_us = 50,
		  .rst_rate = 10,
		  .rst_burst = 6,
		  .open_percent = 2},
		 2,
		 20},
		{"1 ICMP error/s, 60 ports, a third open, 4 workers",
		 1,
		 40,
		 20,
		 {.n_ports = 60,
		  .is_udp = true,
		  .rtt_us = 50,
		  .rst_rate = 1,
		  .rst_burst = 6,
		  .open_percent = 30},
		 4,
		 40},
		{"1 ICMP error/s, 100 ports, spent before",
		 1,
		 75,
		 150,
		 {.n_ports = 100,
		  .is_udp = true,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 1,
		  .rst_burst = 6,
		  .open_percent = 2},
		 2,
		 20},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&rows[i]);
}

/* --- the board alone ---------------------------------------------------------------- */

/** Probes every STEP_US for @p len_us; one in @p one_in is answered. */
static uint32_t run(struct flow *f, uint32_t now_us, uint32_t len_us, uint32_t one_in)
{
	for (uint32_t i = 0; i < len_us / STEP_US; i++, now_us += STEP_US) {
		(void)flow_update(f, now_us, WAIT_US, true);
		flow_sent(f, FLOW_FIRST, now_us);
		struct flow_answer a = {.kind = FLOW_FIRST, .sent_us = now_us, .rtt_us = STEP_US};
		if (i % one_in == 0)
			flow_answered(f, &a);
	}
	return now_us;
}

/** All are free; then the first of them finds a limit. @return when. */
static uint32_t find(struct flow_board *b, struct flow *f)
{
	board_init(b, MEMBERS);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		board_join(&f[i], b, i);
		(void)run(&f[i], 1000, 200000, 1);
		assert_int_equal(f[i].mode, FLOW_FREE);
	}
	uint32_t now_us = run(&f[0], 201000, 300000, 10);
	assert_int_not_equal(f[0].mode, FLOW_FREE);
	return now_us;
}

/** The other has it too, at the same rate, and what it sent is excused; once. */
static void one_finds_it(void **state)
{
	struct flow f[MEMBERS] = {0};
	struct flow_board b;
	uint32_t now_us = find(&b, f);

	assert_int_equal(f[1].n_settled, 0);
	assert_true(flow_update(&f[1], now_us, WAIT_US, true));
	assert_int_equal(f[1].rate_gap_ns, f[0].rate_gap_ns);
	assert_int_equal(f[1].mode, f[0].mode);
	assert_true(f[1].n_settled > 0);
	assert_false(flow_update(&f[1], now_us + 1, WAIT_US, true));
}

/** Who has finished leaves its part of the rate, and the lead, to the other. */
static void one_finishes(void **state)
{
	struct flow f[MEMBERS] = {0};
	struct flow_board b;
	uint32_t now_us = find(&b, f), gap_ns = f[0].rate_gap_ns;

	(void)flow_update(&f[1], now_us, WAIT_US, true);
	board_leave(&f[0]);
	for (uint32_t i = 0; i < 1000 && f[1].rate_gap_ns == gap_ns; i++, now_us += STEP_US) {
		(void)flow_update(&f[1], now_us, WAIT_US, true);
		for (uint32_t k = 0; k < STEP_US * NS_PER_US / gap_ns; k++)
			flow_sent(&f[1], FLOW_FIRST, now_us);
	}
	assert_in_range(f[1].rate_gap_ns, gap_ns / 2 - 1, gap_ns / 2);
}

/** What the leader lifts is lifted for all. */
static void lifted(void **state)
{
	struct flow f[MEMBERS] = {0};
	struct flow_board b;
	uint32_t now_us = find(&b, f);

	(void)flow_update(&f[1], now_us, WAIT_US, true);
	assert_int_not_equal(f[1].gap_ns, 0);
	flow_restart(&f[0], now_us + 1);
	assert_true(flow_update(&f[1], now_us + 1, WAIT_US, true));
	assert_int_equal(f[1].gap_ns, 0);
	assert_int_equal(f[1].mode, FLOW_FREE);
}

/** Silence is believed when all have come to it or left, or after a second; what one is answered
 * all know. */
static void all_come_to_it(void **state)
{
	struct flow f[MEMBERS + 1] = {0};
	struct flow_board b;

	board_init(&b, MEMBERS + 1);
	for (uint32_t i = 0; i <= MEMBERS; i++)
		board_join(&f[i], &b, i);
	assert_false(board_is_ripe(&f[0], 1000));
	assert_false(board_is_ripe(&f[1], 1500));
	assert_false(board_is_ripe(&f[0], 1000999));
	assert_true(board_is_ripe(&f[0], 1001000));
	assert_false(board_is_ripe(&f[1], 1001000));
	board_leave(&f[2]);
	assert_true(board_is_ripe(&f[1], 1001000));
	board_attempt(&b, 2);
	board_attempt(&b, 1);
	assert_int_equal(atomic_load(&b.max_attempt), 2);
}

/** Last attempts wait for those that ask more. */
static void others_ask(void **state)
{
	struct flow f[MEMBERS] = {0}, alone = {0};
	struct flow_board b;

	board_init(&b, MEMBERS);
	for (uint32_t i = 0; i < MEMBERS; i++)
		board_join(&f[i], &b, i);
	assert_false(board_others_ask(&alone, true));
	assert_false(board_others_ask(&f[0], true));
	assert_true(board_others_ask(&f[1], false));
	assert_false(board_others_ask(&f[0], true));
	board_leave(&f[0]);
	assert_false(board_others_ask(&f[1], false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_finds_it),
		cmocka_unit_test(one_finishes),
		cmocka_unit_test(lifted),
		cmocka_unit_test(all_come_to_it),
		cmocka_unit_test(others_ask),
		cmocka_unit_test(share_a_limit),
		cmocka_unit_test(all_get_their_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
