/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rates that flow.c finds, in simulated networks: how much of each bottleneck is used, what is
 * found, and that nothing slows down where the rate is not what loses answers. */
#include "net.h"

enum { SEEDS = 3, MAX_RETRIES = 10 };

struct row {
	const char *name;
	uint32_t bottleneck_pps;   /* answers; 0: none */
	uint32_t used_percent;     /* at least */
	uint32_t missed_per_10000; /* at most, of all ports */
	double most_s;             /* 0: by the bottleneck */
	double most_per_port;      /* probes */
	struct net_conf c;         /* n_hosts 0: one */
};

static void run_row(const struct row *row)
{
	double used = 0, sent = 0, took_s = 0;
	uint64_t n_missed = 0, n_all = 0, n_limits = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = row->c;
		c.n_hosts = MAX(c.n_hosts, 1u);
		struct net n;

		c.seed = seed;
		c.start_ns = NS_PER_S;
		c.max_retries = MAX_RETRIES;
		c.jitter_us = c.rtt_us / 10;
		c.most_ns = 4000 * NS_PER_S;
		net_run(&n, &c);
		uint64_t n_ports = (uint64_t)c.n_hosts * c.n_ports, n_found = 0;
		for (uint64_t i = 0; i < n_ports; i++)
			n_found += n.cells[i].n_found &&
				   (!c.rst_rate || n.cells[i].state == PORT_CLOSED);
		if (c.rst_rate)
			n_found -= MIN(n_found, c.rst_burst);
		n_missed += net_check(&n);
		n_all += n_ports;
		took_s += (double)n.took_ns / 1e9 / SEEDS;
		sent += (double)n.n_sent / (double)n_ports / SEEDS;
		if (row->bottleneck_pps)
			used += 100e9 * (double)n_found / (double)n.took_ns / row->bottleneck_pps /
				SEEDS;
		n_limits += n.n_limits;
		assert_true(n.n_lifted <= n.n_limits && n.n_limits + n.n_lifted <= 64);
		net_fini(&n);
	}
	print_message("%-48s %8.3f s, %5.1f %% used, %llu of %llu missed, %.2f sent a port\n",
		      row->name, took_s, used, (unsigned long long)n_missed,
		      (unsigned long long)n_all, sent);
	assert_true(n_missed * 10000 <= n_all * row->missed_per_10000);
	if (!row->c.stall_us) /* what is lost in clumps may be mistaken for a limit */
		assert_int_equal(n_limits > 0, row->c.fwd_pps || row->c.rev_pps ||
						       row->c.rst_rate || row->c.block_after);
	assert_true(used >= row->used_percent);
	assert_true(!row->most_s || took_s <= row->most_s);
	assert_true(sent <= row->most_per_port);
}

static void run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_row(&rows[i]);
}

/** One host behind a limit. */
static void one_host(void **state)
{
	static const struct row rows[] = {
		{"resets 1,000/s after 100, 1,000 ports",
		 1000,
		 70,
		 10,
		 0,
		 5,
		 {.n_ports = 1000, .rtt_us = 50, .rst_rate = 1000, .rst_burst = 100}},
		{"resets 1,000/s after 100, 20,000 ports",
		 1000,
		 90,
		 10,
		 0,
		 5,
		 {.n_ports = 20000, .rtt_us = 50, .rst_rate = 1000, .rst_burst = 100}},
		{"the same, 80 ms away",
		 1000,
		 85,
		 10,
		 0,
		 5,
		 {.n_ports = 20000, .rtt_us = 80000, .rst_rate = 1000, .rst_burst = 100}},
		{"resets 200/s after 5, half filtered",
		 200,
		 55,
		 20,
		 0,
		 10,
		 {.n_ports = 5000,
		  .rtt_us = 500,
		  .rst_rate = 200,
		  .rst_burst = 5,
		  .silent_ports_percent = 50}},
		{"resets 1/s after 6",
		 1,
		 85,
		 200,
		 0,
		 10,
		 {.n_ports = 300, .rtt_us = 50, .rst_rate = 1, .rst_burst = 6}},
		{"1 Mbit/s there",
		 2155,
		 85,
		 10,
		 0,
		 4,
		 {.n_ports = 20000, .rtt_us = 100, .fwd_pps = 2155, .queue = 176}},
		{"1 Mbit/s back",
		 2155,
		 85,
		 10,
		 0,
		 4,
		 {.n_ports = 20000, .rtt_us = 100, .rev_pps = 2155, .queue = 176}},
		{"10 Mbit/s both ways",
		 21550,
		 85,
		 10,
		 0,
		 4,
		 {.n_ports = 65535,
		  .rtt_us = 100,
		  .fwd_pps = 21550,
		  .rev_pps = 21550,
		  .queue = 176}},
		{"10 Mbit/s both ways, 30 ms away",
		 21550,
		 80,
		 10,
		 0,
		 4,
		 {.n_ports = 65535,
		  .rtt_us = 30000,
		  .fwd_pps = 21550,
		  .rev_pps = 21550,
		  .queue = 176}},
		{"100 Mbit/s both ways, a third of a second",
		 215500,
		 45,
		 10,
		 0,
		 4,
		 {.n_ports = 65535,
		  .rtt_us = 100,
		  .fwd_pps = 215500,
		  .rev_pps = 215500,
		  .queue = 176}},
		{"10 Mbit/s and 5 % loss",
		 21550,
		 75,
		 10,
		 0,
		 4,
		 {.n_ports = 65535,
		  .rtt_us = 5000,
		  .fwd_pps = 21550,
		  .queue = 176,
		  .loss_percent = 5}},
		{"1 Mbit/s, 90 % filtered",
		 0,
		 0,
		 50,
		 30,
		 11,
		 {.n_ports = 5000,
		  .rtt_us = 10000,
		  .fwd_pps = 2155,
		  .queue = 176,
		  .silent_ports_percent = 90}},
	};
	run_rows(rows, ARRAY_LEN(rows));
}

/** Many hosts behind one limit. */
static void shared_path(void **state)
{
	static const struct row rows[] = {
		{"1 Mbit/s, 256 hosts x 20 ports",
		 2155,
		 60,
		 10,
		 0,
		 4,
		 {.n_hosts = 256,
		  .n_ports = 20,
		  .rtt_us = 1000,
		  .fwd_pps = 2155,
		  .rev_pps = 2155,
		  .queue = 176}},
		{"1 Mbit/s, 4,096 hosts x 4 ports",
		 2155,
		 80,
		 10,
		 0,
		 4,
		 {.n_hosts = 4096,
		  .n_ports = 4,
		  .rtt_us = 1000,
		  .fwd_pps = 2155,
		  .rev_pps = 2155,
		  .queue = 176}},
		{"10 Mbit/s, 256 hosts x 300 ports",
		 21550,
		 65,
		 10,
		 0,
		 4,
		 {.n_hosts = 256, .n_ports = 300, .rtt_us = 1000, .rev_pps = 21550, .queue = 176}},
		{"10 Mbit/s, 16 hosts x 5,000 ports",
		 21550,
		 75,
		 10,
		 0,
		 4,
		 {.n_hosts = 16, .n_ports = 5000, .rtt_us = 20000, .rev_pps = 21550, .queue = 176}},
		{"10 Mbit/s, 1,024 hosts x 20 ports, half down",
		 0,
		 0,
		 10,
		 8,
		 8,
		 {.n_hosts = 1024,
		  .n_ports = 20,
		  .rtt_us = 1000,
		  .fwd_pps = 21550,
		  .queue = 176,
		  .down_percent = 50}},
	};
	run_rows(rows, ARRAY_LEN(rows));
}

/** Nothing here depends on the rate: nothing is slower for it. */
static void no_brake(void **state)
{
	static const struct row rows[] = {
		{"nothing, 65,535 ports", 0, 0, 0, 0.08, 1, {.n_ports = 65535, .rtt_us = 50}},
		{"98 % filtered",
		 0,
		 0,
		 0,
		 0.5,
		 2,
		 {.n_ports = 1000, .rtt_us = 50, .silent_ports_percent = 98}},
		{"UDP, all filtered",
		 0,
		 0,
		 0,
		 4,
		 5,
		 {.n_ports = 1000,
		  .is_udp = true,
		  .rtt_us = 50,
		  .silent_ports_percent = 100,
		  .initial_rto_us = 300000}},
		{"UDP, most filtered",
		 0,
		 0,
		 0,
		 1.5,
		 3,
		 {.n_ports = 1000,
		  .is_udp = true,
		  .rtt_us = 50,
		  .silent_ports_percent = 95,
		  .open_percent = 1}},
		{"loss 20 %",
		 0,
		 0,
		 10,
		 1.5,
		 2,
		 {.n_ports = 1000, .rtt_us = 200, .loss_percent = 20}},
		{"loss 20 %, 65,535 ports",
		 0,
		 0,
		 10,
		 2,
		 2,
		 {.n_ports = 65535, .rtt_us = 200, .loss_percent = 20}},
		{"the same, 100 ms away",
		 0,
		 0,
		 10,
		 9,
		 2,
		 {.n_ports = 65535, .rtt_us = 100000, .loss_percent = 20}},
		{"loss 20 %, 90 % filtered",
		 0,
		 0,
		 10,
		 1.5,
		 12,
		 {.n_ports = 1000,
		  .rtt_us = 20000,
		  .loss_percent = 20,
		  .silent_ports_percent = 90}},
		{"the same, 20,000 ports",
		 0,
		 0,
		 10,
		 2,
		 12,
		 {.n_ports = 20000,
		  .rtt_us = 20000,
		  .loss_percent = 20,
		  .silent_ports_percent = 90}},
		{"loss 20 %, 1,024 hosts x 100 ports",
		 0,
		 0,
		 10,
		 1.6,
		 2,
		 {.n_hosts = 1024, .n_ports = 100, .rtt_us = 200, .loss_percent = 20}},
		{"loss 64 %, 50 hosts x 100 ports, a third filtered",
		 0,
		 0,
		 300,
		 5,
		 12,
		 {.n_hosts = 50,
		  .n_ports = 100,
		  .rtt_us = 200,
		  .silent_ports_percent = 35,
		  .loss_percent = 64}},
		{"loss 64 %, 1,000 ports, a third filtered",
		 0,
		 0,
		 300,
		 5,
		 12,
		 {.n_ports = 1000, .rtt_us = 200, .silent_ports_percent = 35, .loss_percent = 64}},
		{"loss 20 %, 4,096 hosts x 20 ports, 9 of 10 down",
		 0,
		 0,
		 10,
		 6,
		 12,
		 {.n_hosts = 4096,
		  .n_ports = 20,
		  .rtt_us = 200,
		  .loss_percent = 20,
		  .down_percent = 90}},
		{"silent, 1,024 hosts x 100 ports",
		 0,
		 0,
		 0,
		 4.2,
		 2,
		 {.n_hosts = 1024, .n_ports = 100, .rtt_us = 200, .down_percent = 100}},
	};
	run_rows(rows, ARRAY_LEN(rows));
}

/** Losses in clumps look like limits; a mistaken one must be left soon. */
static void clumps(void **state)
{
	static const struct row rows[] = {
		{"3 of 10 ms lost, 1 host x 65,535 ports, half filtered",
		 0,
		 0,
		 0,
		 4,
		 12,
		 {.n_hosts = 1,
		  .n_ports = 65535,
		  .rtt_us = 200,
		  .stall_us = 3000,
		  .stall_percent = 30,
		  .silent_ports_percent = 50}},
		{"3 of 10 ms lost, 1 host x 1,000 ports, 90 % filtered",
		 0,
		 0,
		 0,
		 4,
		 12,
		 {.n_hosts = 1,
		  .n_ports = 1000,
		  .rtt_us = 200,
		  .stall_us = 3000,
		  .stall_percent = 30,
		  .silent_ports_percent = 90}},
		{"3 of 10 ms lost, 16 hosts x 1,000 ports, half filtered",
		 0,
		 0,
		 0,
		 6,
		 12,
		 {.n_hosts = 16,
		  .n_ports = 1000,
		  .rtt_us = 200,
		  .stall_us = 3000,
		  .stall_percent = 30,
		  .silent_ports_percent = 50}},
		{"3 of 10 ms lost, 512 hosts x 100 ports, half filtered",
		 0,
		 0,
		 0,
		 8,
		 12,
		 {.n_hosts = 512,
		  .n_ports = 100,
		  .rtt_us = 200,
		  .stall_us = 3000,
		  .stall_percent = 30,
		  .silent_ports_percent = 50}},
		{"3 of 10 ms lost, 256 hosts x 20 ports, 30 % filtered",
		 0,
		 0,
		 0,
		 10,
		 12,
		 {.n_hosts = 256,
		  .n_ports = 20,
		  .rtt_us = 200,
		  .stall_us = 3000,
		  .stall_percent = 30,
		  .silent_ports_percent = 30}},
		{"100 ms of a second lost, 1 host x 65,535 ports, half filtered",
		 0,
		 0,
		 0,
		 4,
		 12,
		 {.n_hosts = 1,
		  .n_ports = 65535,
		  .rtt_us = 200,
		  .stall_us = 100000,
		  .stall_percent = 10,
		  .silent_ports_percent = 50}},
		{"100 ms of a second lost, 1 host x 1,000 ports, 90 % filtered",
		 0,
		 0,
		 0,
		 4,
		 12,
		 {.n_hosts = 1,
		  .n_ports = 1000,
		  .rtt_us = 200,
		  .stall_us = 100000,
		  .stall_percent = 10,
		  .silent_ports_percent = 90}},
		{"100 ms of a second lost, 16 hosts x 1,000 ports, half filtered",
		 0,
		 0,
		 0,
		 6,
		 12,
		 {.n_hosts = 16,
		  .n_ports = 1000,
		  .rtt_us = 200,
		  .stall_us = 100000,
		  .stall_percent = 10,
		  .silent_ports_percent = 50}},
		{"100 ms of a second lost, 512 hosts x 100 ports, half filtered",
		 0,
		 0,
		 0,
		 8,
		 12,
		 {.n_hosts = 512,
		  .n_ports = 100,
		  .rtt_us = 200,
		  .stall_us = 100000,
		  .stall_percent = 10,
		  .silent_ports_percent = 50}},
		{"100 ms of a second lost, 256 hosts x 20 ports, 30 % filtered",
		 0,
		 0,
		 0,
		 10,
		 12,
		 {.n_hosts = 256,
		  .n_ports = 20,
		  .rtt_us = 200,
		  .stall_us = 100000,
		  .stall_percent = 10,
		  .silent_ports_percent = 30}},
	};
	run_rows(rows, ARRAY_LEN(rows));
}

/** A host that closes itself to us after a while is not asked slowly for ever. */
static void closes_itself(void **state)
{
	static const struct row rows[] = {{"blocked after 2,000 of 20,000 ports",
					   0,
					   0,
					   9100,
					   60,
					   12,
					   {.n_ports = 20000, .rtt_us = 200, .block_after = 2000}}};
	run_rows(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host),      cmocka_unit_test(shared_path),
		cmocka_unit_test(no_brake),      cmocka_unit_test(clumps),
		cmocka_unit_test(closes_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
