/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dishonest.c over simulated hosts: how often honest ones of every kind are suspected or convicted
 * (counted over 100,000), and how soon dishonest ones are, with losses.
 */
#include "engine/dishonest.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/** One host and how it is asked; percent of the asked ports, and of all 65,536. */
struct sim {
	uint32_t n_asked;
	uint32_t open_percent, silent_percent; /* the rest is closed */
	uint32_t all_open_per_mille;           /* of the ports that nobody asked for */
	uint32_t n_ahead;                      /* probes in flight when answers come */
	uint8_t reason;
};

struct result {
	uint32_t n_suspected, n_convicted, n_outcomes;
	enum host_mark mark;
};

/** Ask in random order with a window of probes ahead; silence is known only at the end. */
static void ask(const struct sim *s, struct rng *rng, struct result *ret)
{
	struct dishonest d = {0};
	uint32_t n_silent = 0, n_done = 0;
	bool has_canaries = s->n_asked < DISHONEST_PORTS_ALL;

	for (uint32_t i = 0; i < s->n_asked + s->n_ahead && d.state != DISHONEST_CONVICTED; i++) {
		if (i < s->n_asked)
			dishonest_asked(&d);
		if (i < s->n_ahead)
			continue;
		uint64_t draw = rng_below(rng, 100);
		if (draw >= s->open_percent && draw < s->open_percent + s->silent_percent) {
			n_silent++;
			continue;
		}
		n_done++;
		if (dishonest_port(&d, draw < s->open_percent, s->reason, 57, has_canaries) !=
		    DISHONEST_ASK)
			continue;
		d.state = DISHONEST_SUSPECT;
		ret->n_suspected++;
		while (d.state == DISHONEST_SUSPECT)
			dishonest_canary(&d, rng_below(rng, 1000) < s->all_open_per_mille);
		assert_in_range(d.n_canaries, 2, DISHONEST_CANARIES);
	}
	for (; n_silent && d.state != DISHONEST_CONVICTED; n_silent--)
		(void)dishonest_port(&d, false, REASON_NO_RESPONSE, 0, has_canaries);
	ret->n_convicted += d.state == DISHONEST_CONVICTED;
	ret->n_outcomes += n_done;
	ret->mark = (enum host_mark)dishonest_evidence(&d, 57).mark;
}

enum { N_HONEST = 100000 };

/**
 * Hosts with up to all of the ports open that were asked, because exactly their open ones were;
 * with a firewall that is silent; asked one by one or all at once; with services in 2 % of all
 * ports, more than a busy terminal server has.
 */
static void honest_hosts(void **state)
{
	static const uint32_t n_asked[] = {32, 100, 1000, 5000};
	struct result r = {0};
	struct rng rng;

	rng_init(&rng, 1);
	for (uint32_t i = 0; i < N_HONEST; i++) {
		struct sim s = {.n_asked = n_asked[i % 4],
				.open_percent = (uint32_t)rng_below(&rng, 101),
				.all_open_per_mille = (uint32_t)rng_below(&rng, 21),
				.n_ahead = i % 3 ? (uint32_t)rng_below(&rng, 200) : 0,
				.reason = REASON_SYN_ACK};
		s.silent_percent = (uint32_t)rng_below(&rng, 101 - s.open_percent);
		ask(&s, &rng, &r);
		assert_int_equal(r.mark, HOST_HONEST);
	}
	print_message("honest hosts: %u of %u suspected, %u convicted\n", r.n_suspected, N_HONEST,
		      r.n_convicted);
	assert_int_equal(r.n_convicted, 0);
}

/** What a scan meets: 0 to 20 % of the asked ports open. Canaries are next to never sent. */
static void ordinary_hosts(void **state)
{
	struct result r = {0};
	struct rng rng;

	rng_init(&rng, 2);
	for (uint32_t i = 0; i < N_HONEST; i++) {
		struct sim s = {.n_asked = i % 2 ? 1000 : 100,
				.open_percent = (uint32_t)rng_below(&rng, 21),
				.all_open_per_mille = 2,
				.n_ahead = (uint32_t)rng_below(&rng, 300),
				.reason = REASON_SYN_ACK};
		s.silent_percent = i % 5 ? 0 : 100 - s.open_percent;
		ask(&s, &rng, &r);
	}
	print_message("ordinary hosts: %u of %u suspected, %u convicted\n", r.n_suspected, N_HONEST,
		      r.n_convicted);
	assert_int_equal(r.n_convicted, 0);
	assert_in_range(r.n_suspected, 0, 10);
}

/** All 65,535 ports asked, no canaries: an honest host may have up to half of them open. */
static void honest_hosts_asked_everything(void **state)
{
	struct result r = {0};
	struct rng rng;

	rng_init(&rng, 3);
	for (uint32_t i = 0; i < N_HONEST; i++) {
		struct sim s = {.n_asked = 65535,
				.open_percent = (uint32_t)rng_below(&rng, 51),
				.reason = REASON_SYN_ACK};
		struct dishonest d = {0};
		for (uint32_t k = 0; k < s.n_asked && d.state == DISHONEST_TESTING; k++) {
			dishonest_asked(&d);
			(void)dishonest_port(&d, rng_below(&rng, 100) < s.open_percent, s.reason,
					     57, false);
		}
		r.n_convicted += d.state == DISHONEST_CONVICTED;
	}
	assert_int_equal(r.n_convicted, 0);
}

static void dishonest_hosts(void **state)
{
	static const struct {
		uint32_t n_asked, lost_percent, per_mille;
		uint8_t reason, mark;
		uint32_t most_outcomes;
	} rows[] = {
		{1000, 0, 1000, REASON_SYN_ACK, HOST_ALL_OPEN, 16},
		{1000, 1, 999, REASON_SYN_ACK, HOST_ALL_OPEN, 30},
		{1000, 5, 995, REASON_SYN_ACK, HOST_ALL_OPEN, 60},
		{65535, 0, 1000, REASON_SYN_ACK, HOST_ALL_OPEN, 32},
		{1000, 0, 0, REASON_ZERO_WINDOW, HOST_ZERO_WINDOW, 16},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct result r = {0};
		struct rng rng;

		rng_init(&rng, i);
		for (uint32_t n = 0; n < 1000; n++) {
			struct sim s = {.n_asked = rows[i].n_asked,
					.open_percent = 100 - rows[i].lost_percent,
					.silent_percent = rows[i].lost_percent,
					.all_open_per_mille = rows[i].per_mille,
					.reason = rows[i].reason};
			ask(&s, &rng, &r);
			assert_true(r.mark == rows[i].mark || rows[i].lost_percent);
		}
		print_message("dishonest, %u %% lost: %u of 1000 convicted, after %u ports\n",
			      rows[i].lost_percent, r.n_convicted, r.n_outcomes / 1000);
		/* eight canaries lose two */
		assert_in_range(r.n_convicted, rows[i].lost_percent ? 990 : 1000, 1000);
		assert_true(r.n_outcomes <= rows[i].most_outcomes * 1000);
	}
}

static void no_verdict_on_few_ports(void **state)
{
	struct dishonest d = {0};

	for (int i = 0; i < 15; i++) {
		dishonest_asked(&d);
		assert_int_equal(dishonest_port(&d, true, REASON_SYN_ACK, 64, true),
				 DISHONEST_GO_ON);
	}
	assert_int_equal(dishonest_evidence(&d, 64).mark, HOST_HONEST);
	/* suspicion is stated again until canaries could be sent */
	for (int i = 0; i < 3; i++) {
		dishonest_asked(&d);
		assert_int_equal(dishonest_port(&d, true, REASON_SYN_ACK, 64, true), DISHONEST_ASK);
	}
	/* ports in flight or silent so far: open ones must be half of all asked */
	d = (struct dishonest){.n_asked = 40, .n_open = 18};
	assert_int_equal(dishonest_port(&d, true, REASON_SYN_ACK, 64, true), DISHONEST_GO_ON);
	assert_int_equal(dishonest_port(&d, true, REASON_SYN_ACK, 64, true), DISHONEST_ASK);
}

/** A zero window on every open port marks a host whose other ports are closed; one port that takes
 * data clears it. */
static void zero_windows(void **state)
{
	struct dishonest d = {0};

	for (int i = 0; i < 40; i++) {
		dishonest_asked(&d);
		(void)dishonest_port(&d, i % 10 == 0, REASON_ZERO_WINDOW, 64, true);
		assert_int_equal(dishonest_evidence(&d, 64).mark,
				 i < 30 ? HOST_HONEST : HOST_ZERO_WINDOW);
	}
	assert_int_equal(d.state, DISHONEST_CLEARED);
	assert_int_equal(dishonest_evidence(&d, 64).n_zero, 4);
	(void)dishonest_port(&d, true, REASON_SYN_ACK, 64, true);
	assert_int_equal(dishonest_evidence(&d, 64).mark, HOST_HONEST);
}

/** A proxy answers from another distance; a different system's initial TTL alone is no distance. */
static void distances(void **state)
{
	static const struct {
		uint8_t ttl_open, ttl_other, mark;
	} rows[] = {{57, 57, HOST_ALL_OPEN},   {57, 56, HOST_SYN_PROXY}, {250, 57, HOST_SYN_PROXY},
		    {57, 121, HOST_ALL_OPEN},  {57, 248, HOST_ALL_OPEN}, {57, 0, HOST_ALL_OPEN},
		    {0, 57, HOST_ALL_OPEN},    {64, 63, HOST_SYN_PROXY}, {128, 64, HOST_ALL_OPEN},
		    {255, 254, HOST_SYN_PROXY}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dishonest d = {.n_open = 20,
				      .n_asked = 20,
				      .state = DISHONEST_CONVICTED,
				      .ttl_open = rows[i].ttl_open};
		assert_int_equal(dishonest_evidence(&d, rows[i].ttl_other).mark, rows[i].mark);
		(void)dishonest_port(&d, true, REASON_SYN_ACK, 99, true);
		assert_int_equal(dishonest_evidence(&d, rows[i].ttl_other).ttl_open, 0);
		assert_int_equal(dishonest_evidence(&d, rows[i].ttl_other).mark, HOST_ALL_OPEN);
	}
}

static void canary_ports(void **state)
{
	struct port_bits asked = {0};
	uint16_t a[DISHONEST_CANARIES], b[DISHONEST_CANARIES];
	uint32_t n_same = 0;

	for (uint32_t p = 1; p < DISHONEST_PORTS_ALL; p++)
		port_bits_add(&asked, (uint16_t)(p * 2));
	for (uint64_t seed = 0; seed < 1000; seed++) {
		dishonest_ports(seed, &asked, a);
		dishonest_ports(seed, &asked, b);
		assert_memory_equal(a, b, sizeof(a));
		for (uint32_t i = 0; i < DISHONEST_CANARIES; i++) {
			assert_in_range(a[i], 1024, 65535);
			assert_false(port_bits_has(&asked, a[i]));
			for (uint32_t k = 0; k < i; k++)
				assert_int_not_equal(a[i], a[k]);
		}
		dishonest_ports(seed + 1000, &asked, b);
		n_same += a[0] == b[0];
	}
	assert_in_range(n_same, 0, 5);
}

static void counts_saturate(void **state)
{
	struct dishonest d = {.n_asked = UINT16_MAX, .n_open = UINT16_MAX, .n_zero = UINT16_MAX};

	dishonest_asked(&d);
	(void)dishonest_port(&d, true, REASON_ZERO_WINDOW, 0, true);
	assert_int_equal(d.n_asked + d.n_open + d.n_zero, 3 * UINT16_MAX);
	d.n_asked = 0;
	dishonest_unasked(&d);
	assert_int_equal(d.n_asked, 0);
	assert_true(sizeof(d) <= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_hosts),
		cmocka_unit_test(ordinary_hosts),
		cmocka_unit_test(honest_hosts_asked_everything),
		cmocka_unit_test(dishonest_hosts),
		cmocka_unit_test(no_verdict_on_few_ports),
		cmocka_unit_test(zero_windows),
		cmocka_unit_test(distances),
		cmocka_unit_test(canary_ports),
		cmocka_unit_test(counts_saturate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
