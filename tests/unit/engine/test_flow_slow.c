/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts that reset few connections a second: every port gets its right state, whatever the order,
 * also where the scanner's machine is busy. */
#include "net.h"

enum { SEEDS = 60, MAX_RETRIES = 10 };

struct row {
	const char *name;
	uint32_t n_wrong_max; /* runs */
	double most_per_port; /* probes */
	struct net_conf c;
};

static void run_row(const struct row *row)
{
	uint32_t n_wrong = 0;
	double sent = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct net_conf c = row->c;
		struct net n;

		c.n_hosts = 1;
		c.seed = seed;
		c.start_ns = NS_PER_S;
		c.max_retries = MAX_RETRIES;
		c.initial_rto_us = 300000;
		c.jitter_us = c.rtt_us / 10;
		c.again_max = 64;
		c.open_percent = MAX(c.open_percent, 1u);
		net_run(&n, &c);
		n_wrong += net_check(&n) > 0;
		sent += (double)n.n_sent / c.n_ports / SEEDS;
		net_fini(&n);
	}
	print_message("%-48s %u of %u runs wrong, %.2f sent a port\n", row->name, n_wrong,
		      (unsigned)SEEDS, sent);
	assert_in_range(n_wrong, 0, row->n_wrong_max);
	assert_true(sent <= row->most_per_port);
}

static void few_resets(void **state)
{
	static const struct row rows[] = {
		{"20/s after 5, 150 ports",
		 0,
		 5,
		 {.n_ports = 150, .rtt_us = 50, .rst_rate = 20, .rst_burst = 5}},
		{"the same, busy machine",
		 0,
		 5,
		 {.n_ports = 150,
		  .rtt_us = 300,
		  .rst_rate = 20,
		  .rst_burst = 5,
		  .late_us = 1000,
		  .pause_us = 20000,
		  .pause_every = 50}},
		{"20/s after 9, 150 ports, late timers",
		 0,
		 5,
		 {.n_ports = 150, .rtt_us = 300, .rst_rate = 20, .rst_burst = 9, .late_us = 1000}},
		{"200/s after 5, 300 ports, late timers",
		 0,
		 5,
		 {.n_ports = 300, .rtt_us = 300, .rst_rate = 200, .rst_burst = 5, .late_us = 1000}},
		{"20/s spent before, 150 ports",
		 0,
		 7,
		 {.n_ports = 150, .is_spent = true, .rtt_us = 50, .rst_rate = 20, .rst_burst = 20}},
		{"the same, a tenth open",
		 0,
		 7,
		 {.n_ports = 150,
		  .is_spent = true,
		  .rtt_us = 200,
		  .rst_rate = 20,
		  .rst_burst = 5,
		  .open_percent = 10}},
		{"5/s spent before, 60 ports",
		 0,
		 7,
		 {.n_ports = 60, .is_spent = true, .rtt_us = 50, .rst_rate = 5, .rst_burst = 5}},
		{"10/s spent before, 100 ports, 20 ms away",
		 8,
		 8,
		 {.n_ports = 100,
		  .is_spent = true,
		  .rtt_us = 20000,
		  .rst_rate = 10,
		  .rst_burst = 10}},
		{"100/s spent before, 1,000 ports",
		 0,
		 8,
		 {.n_ports = 1000,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 100,
		  .rst_burst = 100}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&rows[i]);
}

/** Nothing is left to compare with: all that is ever refused is refused in the beginning. */
static void burst_only(void **state)
{
	static const struct row rows[] = {
		{"20/s after 5, 75 ports",
		 0,
		 5,
		 {.n_ports = 75, .rtt_us = 50, .rst_rate = 20, .rst_burst = 5}},
		{"20/s after 5, 40 ports",
		 0,
		 5,
		 {.n_ports = 40, .rtt_us = 300, .rst_rate = 20, .rst_burst = 5}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&rows[i]);
}

/** What others have used up is not taken for a filter, and open ports do not hide it. */
static void icmp_errors(void **state)
{
	static const struct row rows[] = {
		{"1 ICMP error/s, spent before, 60 ports",
		 0,
		 7,
		 {.n_ports = 60,
		  .is_udp = true,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 1,
		  .rst_burst = 6,
		  .open_percent = 5}},
		{"the same, 200 ports",
		 0,
		 7,
		 {.n_ports = 200,
		  .is_udp = true,
		  .is_spent = true,
		  .rtt_us = 50,
		  .rst_rate = 1,
		  .rst_burst = 6,
		  .open_percent = 3}},
		{"1 ICMP error/s, 60 ports, a third open",
		 0,
		 6,
		 {.n_ports = 60,
		  .is_udp = true,
		  .rtt_us = 50,
		  .rst_rate = 1,
		  .rst_burst = 6,
		  .open_percent = 30}},
		{"1 ICMP error/s, 100 ports, most open",
		 3,
		 6,
		 {.n_ports = 100,
		  .is_udp = true,
		  .rtt_us = 50,
		  .rst_rate = 1,
		  .rst_burst = 6,
		  .open_percent = 60}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_resets),
		cmocka_unit_test(burst_only),
		cmocka_unit_test(icmp_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
