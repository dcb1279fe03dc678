/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command-line grammar: forms, clusters, families, prefixes, exclusions, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "support/guard.h"

#define WORDS_MAX 24

/** A parsed line; words are cut out of text at blanks ("_" stands for an empty word). */
struct line {
	char text[256];
	char *argv[WORDS_MAX + 1];
	int argc;
	struct config c;
	struct opt_error err;
	int rc;
};

static void parse_line(struct line *l, const char *text)
{
	char *save = NULL;

	assert_true(strlen(text) < sizeof(l->text));
	memset(l, 0, sizeof(*l));
	memcpy(l->text, text, strlen(text));
	l->argv[l->argc++] = "prtip";
	for (char *w = strtok_r(l->text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(l->argc < WORDS_MAX);
		l->argv[l->argc++] = strcmp(w, "_") == 0 ? "" : w;
	}
	l->rc = options_parse(l->argc, l->argv, &l->c, &l->err);
}

/** Line must be accepted. */
static void accept_line(struct line *l, const char *text)
{
	parse_line(l, text);
	if (l->rc != 0)
		fail_msg("%s: %s", text, l->err.text);
}

static void attached_and_separate_values(void **state)
{
	static const char *const lines[] = {"-p22 -g53 -oNx h", "-p 22 -g 53 -oN x h",
					    "-p22 --source-port=53 -oN=x h",
					    "h -p 22 --source-port 53 -oN x", "h -np22 -vg53 -oNx"};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct line l;

		accept_line(&l, lines[i]);
		assert_string_equal(l.c.ports.spec, "22");
		assert_int_equal(l.c.source_port, 53);
		assert_string_equal(l.c.out.normal, "x");
		assert_int_equal(l.c.target.n_specs, 1);
		assert_string_equal(l.c.target.specs[0], "h");
		config_fini(&l.c);
	}
}

static void counts(void **state)
{
	static const struct {
		const char *text;
		uint32_t verbosity, debugging;
	} cases[] = {
		{"h", 0, 0},           {"-v h", 1, 0},
		{"-vv h", 2, 0},       {"-v -v -v h", 3, 0},
		{"-v2 h", 2, 0},       {"-v10 h", 10, 0},
		{"-d h", 1, 1},        {"-dd h", 2, 2},
		{"-d2 -v5 h", 5, 2},   {"-nvvR1 h", 0, 0},
		{"--verbose h", 1, 0}, {"--verbose=3 h", 3, 0},
		{"-vnv h", 2, 0},      {"-v3n h", 3, 0},
		{"-vvv -v0 h", 0, 0},  {"-vvvvvvvvvvvvvvvvv h", 10, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct line l;

		parse_line(&l, cases[i].text);
		if (strstr(cases[i].text, "R1")) {
			assert_int_equal(l.rc, -E_SYNTAX);
		} else {
			assert_int_equal(l.rc, 0);
			assert_int_equal(l.c.verbosity, cases[i].verbosity);
			assert_int_equal(l.c.debugging, cases[i].debugging);
		}
		config_fini(&l.c);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint32_t us;
	} cases[] = {{"1", 1000000},
		     {"0.05", 50000},
		     {".5", 500000},
		     {"250ms", 250000},
		     {"1.5s", 1500000},
		     {"2m", 120000000},
		     {"1h", 3600000000u},
		     {"1ms", 1000},
		     {"1.0005ms", 1000},
		     {"0.001", 1000},
		     {"0.0010000000000000000000009", 1000}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *argv[] = {"prtip", "--max-rtt-timeout", (char *)cases[i].text, "h", NULL};
		struct opt_error err;
		struct config c;

		assert_int_equal(options_parse(4, argv, &c, &err), 0);
		assert_int_equal(c.max_rto_us, cases[i].us);
		assert_true(c.min_rto_us <= c.initial_rto_us && c.initial_rto_us <= c.max_rto_us);
		config_fini(&c);
	}
}

static void rtt_bounds_agree(void **state)
{
	struct line l;

	accept_line(&l, "--min-rtt-timeout 20 h");
	assert_int_equal(l.c.min_rto_us, 20000000);
	assert_int_equal(l.c.initial_rto_us, 20000000);
	assert_int_equal(l.c.max_rto_us, 20000000);
	config_fini(&l.c);
	accept_line(&l, "--max-rtt-timeout 10ms h");
	assert_int_equal(l.c.min_rto_us, 10000);
	assert_int_equal(l.c.initial_rto_us, 10000);
	config_fini(&l.c);
	accept_line(&l, "--initial-rtt-timeout 30 h");
	assert_int_equal(l.c.max_rto_us, 30000000);
	config_fini(&l.c);
}

static void scan_types_and_families(void **state)
{
	struct line l;

	accept_line(&l, "-sS -Pn -6 h");
	assert_true(l.c.tcp_scan == 'S' && l.c.skips_discovery);
	assert_int_equal(l.c.target.family, ADDR_V6);
	config_fini(&l.c);
	accept_line(&l, "-sT -4 -F h");
	assert_int_equal(l.c.tcp_scan, 'T');
	assert_int_equal(l.c.target.family, ADDR_V4);
	assert_int_equal(l.c.ports.top_n, 100);
	config_fini(&l.c);
	accept_line(&l, "-sn h");
	assert_true(l.c.wants_ping_only && !l.c.wants_list);
	config_fini(&l.c);
	accept_line(&l, "-sL -R h");
	assert_true(l.c.wants_list);
	assert_int_equal(l.c.names, NAMES_ALL);
	config_fini(&l.c);
	accept_line(&l, "-n h");
	assert_int_equal(l.c.names, NAMES_NEVER);
	assert_int_equal(l.c.target.family, ADDR_NONE);
	assert_int_equal(l.c.tcp_scan, 0);
	config_fini(&l.c);
}

/** -PS and its like take a list only when it is attached. */
static void discovery_probes(void **state)
{
	struct line l;

	accept_line(&l, "-PE -PS -PA22,80-82 -PU h -sSU --disable-arp-ping");
	assert_true(l.c.pings_echo && !l.c.pings_timestamp && !l.c.pings_mask && !l.c.pings_link);
	assert_string_equal(l.c.pings_syn, "80");
	assert_string_equal(l.c.pings_ack, "22,80-82");
	assert_string_equal(l.c.pings_udp, "40125");
	assert_null(l.c.pings_sctp);
	assert_true(l.c.skips_link_ping && l.c.wants_udp && !l.c.wants_sctp);
	assert_int_equal(l.c.tcp_scan, 'S');
	assert_int_equal(l.c.target.n_specs, 1);
	config_fini(&l.c);
	accept_line(&l, "-PP -PM -PR -PY h -sY");
	assert_true(l.c.pings_timestamp && l.c.pings_mask && l.c.pings_link && l.c.wants_sctp);
	assert_string_equal(l.c.pings_sctp, "80");
	assert_false(l.c.skips_link_ping);
	config_fini(&l.c);
}

static void lists_choices_addresses(void **state)
{
	struct line l;

	accept_line(&l, "a --exclude b,c d --exclude=e -S 127.0.0.2 -S ::1 --tx-backend afpacket "
			"--connect-backend=epoll --seed 0");
	assert_int_equal(l.c.target.n_specs, 2);
	assert_string_equal(l.c.target.specs[1], "d");
	assert_int_equal(l.c.target.n_excludes, 2);
	assert_string_equal(l.c.target.excludes[0], "b,c");
	assert_string_equal(l.c.target.excludes[1], "e");
	assert_int_equal(addr_to_u32(&l.c.source4), 0x7f000002);
	assert_int_equal(l.c.source6.family, ADDR_V6);
	assert_int_equal(l.c.source6.b[15], 1);
	assert_int_equal(l.c.tx_backend, TX_AFPACKET);
	assert_int_equal(l.c.connect_backend, CONNECT_EPOLL);
	assert_true(l.c.has_seed && l.c.seed == 0);
	config_fini(&l.c);
	accept_line(&l, "a");
	assert_false(l.c.has_seed);
	assert_int_equal(l.c.tx_backend, TX_AUTO);
	config_fini(&l.c);
}

/** -T sets what nmap's guide says, by name and number; options of their own win on either side. */
static void timing_templates(void **state)
{
	static const struct {
		const char *line;
		uint32_t initial_rto_us, min_rto_us, max_rto_us, max_retries, scan_delay_us,
			max_outstanding, max_tcp_delay_us, host_timeout_ms;
	} rows[] = {
		{"h", 1000000, 25000, 10000000, 10, 0, 0, 0, 0},
		{"-T3 h", 1000000, 25000, 10000000, 10, 0, 0, 0, 0},
		{"-T normal h", 1000000, 25000, 10000000, 10, 0, 0, 0, 0},
		{"-T0 h", 300000000, 25000, 300000000, 10, 300000000, 1, 0, 0},
		{"-Tsneaky h", 15000000, 25000, 15000000, 10, 15000000, 1, 0, 0},
		{"-T 2 h", 1000000, 25000, 10000000, 10, 400000, 1, 0, 0},
		{"-T4 h", 500000, 25000, 1250000, 6, 0, 0, 10000, 0},
		{"-Tinsane h", 250000, 50000, 300000, 2, 0, 0, 5000, 900000},
		{"--max-retries 9 -T5 h", 250000, 50000, 300000, 9, 0, 0, 5000, 900000},
		{"-T5 --max-retries 9 h", 250000, 50000, 300000, 9, 0, 0, 5000, 900000},
		{"-T5 --host-timeout 2s --initial-rtt-timeout 100ms h", 100000, 50000, 300000, 2, 0,
		 0, 5000, 2000},
		{"--max-scan-delay 20ms -T4 h", 500000, 25000, 1250000, 6, 0, 0, 0, 0},
		{"-T2 --scan-delay 1s --max-parallelism 7 h", 1000000, 25000, 10000000, 10, 1000000,
		 7, 0, 0},
		{"-T5 --min-rtt-timeout 1s h", 1000000, 1000000, 1000000, 2, 0, 0, 5000, 900000},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct line l;

		accept_line(&l, rows[i].line);
		assert_int_equal(l.c.initial_rto_us, rows[i].initial_rto_us);
		assert_int_equal(l.c.min_rto_us, rows[i].min_rto_us);
		assert_int_equal(l.c.max_rto_us, rows[i].max_rto_us);
		assert_int_equal(l.c.max_retries, rows[i].max_retries);
		assert_int_equal(l.c.bounds.scan_delay_us, rows[i].scan_delay_us);
		assert_int_equal(l.c.bounds.max_outstanding, rows[i].max_outstanding);
		assert_int_equal(l.c.bounds.max_tcp_delay_us, rows[i].max_tcp_delay_us);
		assert_int_equal(l.c.bounds.host_timeout_ms, rows[i].host_timeout_ms);
		config_fini(&l.c);
	}
}

static void prefixes_and_single_dash(void **state)
{
	struct line l;

	accept_line(&l, "--top 7 --max-ra=9 --rate-=0 h");
	assert_int_equal(l.c.ports.top_n, 7);
	assert_int_equal(l.c.max_rate_pps, 0);
	config_fini(&l.c);
	accept_line(&l, "--port-r 0.25 h");
	assert_true(l.c.ports.min_ratio == 0.25);
	config_fini(&l.c);
}

static void one_dash_before_a_full_name(void **state)
{
	struct line l;

	accept_line(&l, "-exclude b -open -ttl=9 h");
	assert_int_equal(l.c.target.n_specs, 1);
	assert_int_equal(l.c.target.n_excludes, 1);
	assert_null(l.c.iface_name);
	assert_true(l.c.wants_open_only);
	assert_int_equal(l.c.ttl, 9);
	config_fini(&l.c);
}

static void dashes_as_values_and_end_of_options(void **state)
{
	struct line l;

	accept_line(&l, "-p - -oX - -iL -");
	assert_string_equal(l.c.ports.spec, "-");
	assert_string_equal(l.c.out.xml, "-");
	assert_string_equal(l.c.target.input_file, "-");
	config_fini(&l.c);
	accept_line(&l, "-p -100 -- help -v");
	assert_string_equal(l.c.ports.spec, "-100");
	assert_int_equal(l.c.target.n_specs, 2);
	assert_string_equal(l.c.target.specs[1], "-v");
	assert_int_equal(l.c.verbosity, 0);
	config_fini(&l.c);
}

static void help_and_version_stop(void **state)
{
	struct line l;

	accept_line(&l, "-h --no-such-thing");
	assert_true(l.c.wants_help);
	config_fini(&l.c);
	accept_line(&l, "--version");
	assert_true(l.c.wants_version);
	config_fini(&l.c);
	accept_line(&l, "help rate");
	assert_true(l.c.wants_help);
	assert_string_equal(l.c.help_topic, "rate");
	config_fini(&l.c);
	accept_line(&l, "help");
	assert_null(l.c.help_topic);
	config_fini(&l.c);
	accept_line(&l, "--iflist");
	assert_true(l.c.wants_iflist);
	config_fini(&l.c);
}

static void refusals(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *part; /* of the message */
	} cases[] = {
		{"--max-rate fast h", -E_SYNTAX,
		 "--max-rate \"fast\": want packets per second, 1 to 100000000 (0 = no limit)"},
		{"--maxrate 5 h", -E_SYNTAX,
		 "\"--maxrate\": unknown option; the nearest is --max-rate"},
		{"--tll=5 h", -E_SYNTAX, "the nearest is --ttl"},
		{"-T9 h", -E_SYNTAX,
		 "-T \"9\": want normal|paranoid|sneaky|polite|aggressive|insane; or 0 to 5"},
		{"--min-rate 9 --max-rate 8 h", -E_RANGE, "--min-rate: larger than --max-rate"},
		{"--min-hostgroup 9 --max-hostgroup 8 h", -E_RANGE,
		 "--min-hostgroup: larger than --max-hostgroup"},
		{"--min-parallelism 9 --max-parallelism 8 h", -E_RANGE,
		 "--min-parallelism: larger than --max-parallelism"},
		{"-y h", -E_SYNTAX, "\"-y\": unknown option; prtip --help lists"},
		{"-ny h", -E_SYNTAX, "\"-ny\": unknown option"},
		{"--max 5 h", -E_SYNTAX,
		 "ambiguous; could be --max-os-tries, --max-rate, --max-scan-delay"},
		{"--= h", -E_SYNTAX, "unknown option"},
		{"-sSQ h", -E_SYNTAX, "no option -sQ; after -s want S T A W F N X M U Y n L"},
		{"-oN- -o f h", -E_SYNTAX, "no option -o; want -oN FILE"},
		{"-s h", -E_SYNTAX, "no option -s; want a scan type"},
		{"-PnX h", -E_SYNTAX, "no option -PX"},
		{"-oZ f h", -E_SYNTAX, "after -o want N X G J A"},
		{"-sST h", -E_SYNTAX, "-sT: cannot be combined with -sS"},
		{"-sT -sU h", -E_SYNTAX, "-sU: sends packets, -sT asks the kernel"},
		{"-sY -sT h", -E_SYNTAX, "want -sS -sY, or two runs"},
		{"-sn -sU h", -E_SYNTAX, "-sU: cannot be combined with -sn"},
		{"-sY -sL h", -E_SYNTAX, "-sY: cannot be combined with -sL"},
		{"-Pn -PS h", -E_SYNTAX, "-Pn: skips the discovery"},
		{"-sL -PS22 h", -E_SYNTAX, "-sL: sends nothing"},
		{"-PE -Pn h", -E_SYNTAX, "-Pn: skips the discovery"},
		{"-PS1 -PS2 h", -E_SYNTAX, "-PS: given twice"},
		{"-PS= h", -E_SYNTAX, "-PS \"\": want ports"},
		{"-4 -6 h", -E_SYNTAX, "-6: cannot be combined with -4"},
		{"-n -R h", -E_SYNTAX, "-R: cannot be combined with -n"},
		{"-F -p 1 h", -E_SYNTAX, "-p: cannot be combined with -F"},
		{"-sn -p 1 h", -E_SYNTAX, "-p: cannot be combined with -sn"},
		{"-sL -F h", -E_SYNTAX, "-F: cannot be combined with -sL"},
		{"-p 1 -p 2 h", -E_SYNTAX, "-p: given twice"},
		{"-iL a -iL b", -E_SYNTAX, "-iL: given twice"},
		{"-oN - -oX - h", -E_SYNTAX, "named by two outputs"},
		{"-oN f -oG f h", -E_SYNTAX, "\"f\": named by two outputs"},
		{"-oA - h", -E_SYNTAX, "-oA \"-\": want a file name"},
		{"-S 127.0.0.1 -S 127.0.0.2 h", -E_SYNTAX, "a second IPv4 address"},
		{"--min-rtt-timeout 2 --max-rtt-timeout 1 h", -E_RANGE,
		 "larger than --max-rtt-timeout"},
		{"--min-rtt-timeout 2 --initial-rtt-timeout 1 h", -E_RANGE,
		 "smaller than --min-rtt-timeout"},
		{"--max-rtt-timeout 1 --initial-rtt-timeout 2 h", -E_RANGE,
		 "larger than --max-rtt-timeout"},
		{"-v11 h", -E_RANGE, "-v \"11\": want a level, 0 to 10"},
		{"-v99999999999999999999999999 h", -E_RANGE, "-v \"99999999999\": want a level"},
		{"--verbose=x h", -E_RANGE, "--verbose \"x\""},
		{"_", -E_SYNTAX, "not a target"},
		{"-", -E_SYNTAX, "not a target"},
		{"-- _", -E_SYNTAX, "not a target"},
		{"-sS", -E_EMPTY, "no targets"},
		{"", -E_EMPTY, "no targets"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct line l;

		parse_line(&l, cases[i].text);
		config_fini(&l.c);
		if (l.rc != cases[i].code || !strstr(l.err.text, cases[i].part))
			fail_msg("\"%s\": %d \"%s\"", cases[i].text, l.rc, l.err.text);
	}
}

/** Control bytes of a word never reach the terminal, and no message outgrows its buffer. */
static void hostile_words(void **state)
{
	static char long_word[70000];
	char *argv[] = {"prtip", "--\033[31m\nx", NULL}, *long_argv[] = {"prtip", long_word, NULL};
	struct opt_error err;
	struct config c;

	assert_int_equal(options_parse(2, argv, &c, &err), -E_SYNTAX);
	config_fini(&c);
	for (const char *s = err.text; *s; s++)
		assert_true((unsigned char)*s >= 0x20);

	for (size_t i = 0; i < 2; i++) {
		memset(long_word, i ? '-' : 'v', sizeof(long_word) - 1);
		long_word[0] = '-';
		(void)!options_parse(2, long_argv, &c, &err);
		config_fini(&c);
		assert_true(strlen(err.text) < sizeof(err.text));
	}
}

/** Every word of a long line, cut at every byte, in memory that ends at a guard page. */
static void words_cut_at_every_byte(void **state)
{
	static const char *const words[] = {"-sS",
					    "-oN=out",
					    "-p22-80",
					    "--max-rate=100",
					    "--initial-rtt-timeout=1.25ms",
					    "-nvvd2p1-",
					    "--exclude=a,b",
					    "-S::1",
					    "--port-ratio=0.5"};

	for (size_t w = 0; w < ARRAY_LEN(words); w++) {
		for (size_t n = 0; n <= strlen(words[w]); n++) {
			char cut[64] = "";
			uint8_t *word;
			struct opt_error err;
			struct config c;

			memcpy(cut, words[w], n);
			word = guard_copy(cut, n + 1);
			(void)!options_parse(3, (char *[]){"prtip", (char *)word, "h", NULL}, &c,
					     &err);
			config_fini(&c);
			guard_free(word, n + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attached_and_separate_values),
		cmocka_unit_test(counts),
		cmocka_unit_test(durations),
		cmocka_unit_test(rtt_bounds_agree),
		cmocka_unit_test(scan_types_and_families),
		cmocka_unit_test(discovery_probes),
		cmocka_unit_test(lists_choices_addresses),
		cmocka_unit_test(prefixes_and_single_dash),
		cmocka_unit_test(one_dash_before_a_full_name),
		cmocka_unit_test(dashes_as_values_and_end_of_options),
		cmocka_unit_test(help_and_version_stop),
		cmocka_unit_test(timing_templates),
		cmocka_unit_test(refusals),
		cmocka_unit_test(hostile_words),
		cmocka_unit_test(words_cut_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
