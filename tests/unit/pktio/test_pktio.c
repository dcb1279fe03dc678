/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registry and the checks before any socket is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pktio/pktio.h"

static void every_back_end_is_found_by_name(void **state)
{
	size_t n = 0;

	for (; pktio_backends[n]; n++)
		assert_ptr_equal(pktio_find(pktio_backends[n]->name), pktio_backends[n]);
	assert_true(n >= 2);
	assert_null(pktio_find("no-such"));
	assert_null(pktio_find(""));
}

static void rows_are_complete(void **state)
{
	for (size_t i = 0; pktio_backends[i]; i++) {
		const struct pktio_ops *o = pktio_backends[i];

		assert_true(o->name && o->help && o->caps && o->open && o->close);
		assert_true(o->tx_reserve && o->tx_commit && o->tx_kick);
		assert_true(o->rx_acquire && o->rx_release && o->stats);
	}
}

static void impossible_wishes_are_refused(void **state)
{
	static const struct row {
		struct pktio_conf conf;
		int want;
	} rows[] = {
		{{.batch = 0, .v4 = true}, -E_RANGE},
		{{.batch = PKTIO_BATCH_MAX + 1, .v4 = true}, -E_RANGE},
		{{.batch = 1}, -E_RANGE},
		{{.batch = 1, .v6 = true, .port_lo = 2, .port_hi = 1}, -E_RANGE},
		{{.batch = 1, .v4 = true, .wants_arp = true}, -E_UNSUPPORTED},
	};
	struct pktio *io = NULL;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(pktio_open(&pktio_rawip, &rows[i].conf, &io), rows[i].want);
	assert_null(io);
	pktio_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_back_end_is_found_by_name),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(impossible_wishes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
