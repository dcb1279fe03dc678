/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to the probes of an OS test: packets of any bytes, each behind its length. */
#include "detect/osprobe.h"

#include <stdlib.h>

static const struct os_conf conf = {.src = {.family = ADDR_V4, .b = {10, 0, 0, 1}},
				    .dst = {.family = ADDR_V4, .b = {10, 0, 0, 2}},
				    .sport = 40000,
				    .open_tcp = 80,
				    .closed_tcp = 81,
				    .closed_udp = 30001,
				    .icmp_id = 0x1234,
				    .ttl = 64};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	struct os_answers a = {0};
	struct os_print print;
	struct os_sequence seq;

	for (int i = 0; i < OS_PROBE_N; i++)
		a.sent_ns[i] = 1 + (uint64_t)i;
	while (cursor_left(&c)) {
		size_t claim = cursor_u8(&c), len = MIN(claim, cursor_left(&c));
		const uint8_t *packet = cursor_take(&c, len);
		int probe = os_answer_read(&conf, (struct bytes){packet, len}, &a);
		if (probe >= OS_PROBE_N || (probe >= 0 && !a.of[probe].is_there))
			abort();
	}
	os_print_make(&conf, &a, &print, &seq);
	return 0;
}
