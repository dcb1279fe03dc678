/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts file: lines good and bad, first mention wins, both directions. */
#include "target/hostfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

static const char text[] = "127.0.0.1\tlocalhost\n"
			   "# 192.0.2.9 commented\n"
			   "192.0.2.1  One.Example one # tail\n"
			   "192.0.2.1 later.example\n"
			   "2001:db8::1 one.example\n"
			   "192.0.2.2 one.example\n"
			   "fe80::1%lo linklocal\n"
			   "not-an-address x\n"
			   "192.0.2.3\n"
			   "192.0.2.4 tail#comment\r\n"
			   "  192.0.2.5\tlast";

static void lookups(void **state)
{
	struct addr a[4];
	struct hostfile h;
	uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct addr one6 = addr_v6(six), zoned = one6;

	(void)state;
	assert_int_equal(hostfile_parse(text, sizeof(text) - 1, &h), 0);
	assert_int_equal(hostfile_addrs(&h, "ONE.example", ADDR_NONE, a, 4), 3);
	assert_int_equal(addr_to_u32(&a[0]), 0xc0000201);
	assert_true(addr_equal(&a[1], &one6));
	assert_int_equal(addr_to_u32(&a[2]), 0xc0000202);
	assert_int_equal(hostfile_addrs(&h, "one.example", ADDR_NONE, a, 1), 1);
	assert_int_equal(hostfile_addrs(&h, "one.example", ADDR_V6, a, 4), 1);
	assert_true(addr_equal(&a[0], &one6));
	assert_int_equal(hostfile_addrs(&h, "one", ADDR_V4, a, 4), 1);
	assert_int_equal(hostfile_addrs(&h, "linklocal", ADDR_NONE, a, 4), 1);
	assert_int_equal(hostfile_addrs(&h, "tail", ADDR_NONE, a, 4), 1);
	assert_int_equal(hostfile_addrs(&h, "last", ADDR_NONE, a, 4), 1);
	assert_int_equal(hostfile_addrs(&h, "x", ADDR_NONE, a, 4), 0);
	assert_int_equal(hostfile_addrs(&h, "commented", ADDR_NONE, a, 4), 0);
	assert_int_equal(hostfile_addrs(&h, "", ADDR_NONE, a, 4), 0);

	a[0] = addr_v4(0xc0000201);
	assert_string_equal(hostfile_name(&h, &a[0]),
			    "one.example"); /* first mention, lower case */
	zoned.zone = 3;
	assert_string_equal(hostfile_name(&h, &zoned), "one.example");
	a[0] = addr_v4(0xc0000203);
	assert_null(hostfile_name(&h, &a[0]));
	hostfile_fini(&h);
}

static void cut_anywhere(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		uint8_t *p = guard_copy(text, cut);
		struct hostfile h;

		assert_int_equal(hostfile_parse((char *)p, cut, &h), 0);
		assert_true(h.n_by_addr <= h.n);
		hostfile_fini(&h);
		guard_free(p, cut);
	}
}

static void files(void **state)
{
	char path[] = "/tmp/prtip-hosts-XXXXXX";
	int fd = mkstemp(path);
	struct hostfile h;
	struct addr a;

	(void)state;
	assert_true(fd >= 0);
	for (int i = 0; i < 3000; i++) /* larger than the first buffer */
		assert_int_equal(write(fd, "192.0.2.7 seven\n", 16), 16);
	close(fd);
	assert_int_equal(hostfile_load(path, &h), 0);
	assert_int_equal(h.n, 3000);
	assert_int_equal(hostfile_addrs(&h, "seven", ADDR_V4, &a, 1), 1);
	hostfile_fini(&h);
	unlink(path);
	assert_int_equal(hostfile_load(path, &h), 0); /* missing: empty */
	assert_int_equal(h.n, 0);
	assert_int_equal(hostfile_addrs(&h, "seven", ADDR_V4, &a, 1), 0);
	hostfile_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
