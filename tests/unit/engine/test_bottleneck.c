/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bottleneck.c row by row, and what machine.c reads. */
#include "engine/bottleneck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS NS_PER_MS

/** Each cause alone, and with everything that comes after it in the table. */
static void every_row(void **state)
{
	static const struct {
		struct bottleneck_facts f;
		const char *want;
	} rows[] = {
		{{.n_rx_drops = 12}, "receive buffers: 12 replies"},
		{{.n_tracking_drops = 7}, "connection tracking: its full table dropped 7 packets"},
		{{.n_tx_full = 10}, "transmit queue: full 10 times, 0 packets"},
		{{.n_tx_full = 1, .n_tx_errors = 3}, "transmit queue: full 1 times, 3 packets"},
		{{.n_socket_errors = 5}, "5 connects had to wait"},
		{{.stolen = 0.25}, "the hypervisor: 25 %"},
		{{.elapsed_ns = 100 * MS, .after_ns = 80 * MS}, "detection: 80 %"},
		{{.max_rate_pps = 500, .spent_ns = {10 * MS, 90 * MS}},
		 "--max-rate: 90 % of the time went by waiting for 500"},
		{{.spent_ns = {10 * MS, 0, 40 * MS, 50 * MS}},
		 "the targets or the path to them: 40 %"},
		{{.spent_ns = {50 * MS, 0, 0, 0, 50 * MS}}, "the scan delay or for probes"},
		{{.n_result_waits = 100}, "results had to wait for them 100 times"},
		{{.elapsed_ns = 100 * MS, .cpu_ns = 190 * MS, .n_cores = 2},
		 "2 cores were busy 95 %"},
		{{.spent_ns = {30 * MS, 0, 0, 70 * MS}}, "never answers: 70 %"},
		{{.spent_ns = {75 * MS, 0, 0, 25 * MS}}, "sending and receiving: 75 %"},
		{{.elapsed_ns = 3 * MS / 2}, "nothing that was measured, in 1.5 ms"},
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bottleneck_say(&rows[i].f, text, sizeof(text));
		if (!strstr(text, rows[i].want))
			fail_msg("row %zu: \"%s\" without \"%s\"", i, text, rows[i].want);
		struct bottleneck_facts f = rows[i].f;
		f.elapsed_ns = f.elapsed_ns ? f.elapsed_ns : 100 * MS;
		f.spent_ns[SPENT_SILENT] += !f.spent_ns[SPENT_SENDING] && i < 11 ? 60 * MS : 0;
		bottleneck_say(&f, text, sizeof(text));
		if (!strstr(text, "%") || i < 6)
			assert_non_null(strstr(text, i == 13 ? "nothing" : rows[i].want));
	}
}

/** Below the threshold a cause is not named: a few full queues, a cap that was hardly met. */
static void thresholds(void **state)
{
	static const struct bottleneck_facts rows[] = {
		{.n_tx_full = 9},
		{.stolen = 0.09},
		{.elapsed_ns = 100 * MS, .after_ns = 49 * MS},
		{.max_rate_pps = 500, .spent_ns = {0, 20 * MS, 0, 0}, .elapsed_ns = 1},
		{.n_result_waits = 99},
		{.elapsed_ns = 100 * MS, .cpu_ns = 160 * MS, .n_cores = 2},
		{.n_tx_errors = 3}, /* refused one by one, by a filter: not a full queue */
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bottleneck_facts f = rows[i];
		if (f.max_rate_pps)
			f.spent_ns[SPENT_SENDING] = 80 * MS;
		bottleneck_say(&f, text, sizeof(text));
		assert_non_null(strstr(text, f.max_rate_pps ? "sending" : "nothing"));
	}
	bottleneck_say(&(struct bottleneck_facts){.n_no_route = 7, .n_tx_full = 10}, text,
		       sizeof(text));
	assert_non_null(strstr(text, "none leads to any of the 7 targets"));
	bottleneck_say(&(struct bottleneck_facts){.n_rx_drops = UINT64_MAX}, text, 20);
	assert_int_equal(strlen(text), 19);
}

static void reads_stat(void **state)
{
	uint64_t total, stolen;

	assert_true(
		machine_parse_stat("cpu  10 20 30 40 5 6 7 80 9 1\ncpu0 1 2\n", &total, &stolen));
	assert_int_equal(total, 198);
	assert_int_equal(stolen, 80);
	assert_false(machine_parse_stat("", &total, &stolen));
	assert_false(machine_parse_stat("cpu0 1 2 3 4 5 6 7 8\n", &total, &stolen));
	assert_false(machine_parse_stat("cpu  1 2 3\n", &total, &stolen));
}

static void reads_tracking(void **state)
{
	static const char text[] = "entries  searched found new drop early_drop\n"
				   "0000000a 00000000 00000001 00000000 0000001f 00000001\n"
				   "0000000a 00000000 00000001 00000000 00000001 00000001\n";
	uint64_t n = 0;

	assert_true(machine_parse_tracking(text, &n));
	assert_int_equal(n, 32);
	assert_true(machine_parse_tracking("drop\n", &n));
	assert_int_equal(n, 0);
	assert_false(machine_parse_tracking("", &n));
	assert_false(machine_parse_tracking("entries early_drop\n1 2\n", &n));
	/* a line cut short counts what is there, and nothing is read beyond it */
	assert_true(machine_parse_tracking("a drop\n1", &n));
	assert_int_equal(n, 0);
}

static void this_machine(void **state)
{
	struct machine_state a, b;

	machine_read(&a, true);
	machine_read(&b, false);
	assert_true(a.mono_ns && b.mono_ns >= a.mono_ns && b.cpu_ns >= a.cpu_ns);
	assert_true(a.n_jiffies > 0 && a.n_stolen <= a.n_jiffies);
	assert_int_equal(b.n_jiffies, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),    cmocka_unit_test(thresholds),
		cmocka_unit_test(reads_stat),   cmocka_unit_test(reads_tracking),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
