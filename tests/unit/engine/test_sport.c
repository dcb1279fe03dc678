/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sport.c against this machine's kernel: what is held nobody else can bind, what is released they
 * can. */
#include "engine/sport.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_free(int family, int type, uint16_t port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int one = 1, fd = socket(family, type | SOCK_CLOEXEC, 0), rc;

	assert_true(fd >= 0);
	if (family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
	rc = family == AF_INET ? bind(fd, (struct sockaddr *)&a4, sizeof(a4))
			       : bind(fd, (struct sockaddr *)&a6, sizeof(a6));
	close(fd);
	return rc == 0;
}

static void tcp_alone(void **state)
{
	struct sports_conf c = {.v4 = true, .holds_udp = true};
	struct sports s;

	assert_int_equal(sports_hold(&s, &c), 0);
	assert_int_equal(s.n, 1);
	assert_int_not_equal(s.first, 0);
	assert_int_equal(s.n_fds, 1);
	assert_false(is_free(AF_INET, SOCK_STREAM, s.first));
	sports_release(&s);
	assert_true(is_free(AF_INET, SOCK_STREAM, s.first));
	sports_release(&s);
}

static void udp_range(void **state)
{
	struct sports_conf c = {.v4 = true, .wants_udp = true, .holds_udp = true};
	struct sports s, other;

	assert_int_equal(sports_hold(&s, &c), 0);
	assert_int_equal(s.n, SPORTS_UDP);
	assert_int_equal(sports_hold(&other, &c), 0);
	assert_true(other.first >= s.first + s.n || s.first >= other.first + other.n);
	sports_release(&other);
	for (uint32_t i = 0; i < s.n; i++)
		assert_false(is_free(AF_INET, SOCK_DGRAM, (uint16_t)(s.first + i)));
	assert_false(is_free(AF_INET, SOCK_STREAM, s.first));
	sports_release(&s);
	assert_true(is_free(AF_INET, SOCK_DGRAM, s.first));
}

static void both_families(void **state)
{
	struct sports_conf c = {.v4 = true, .v6 = true, .wants_udp = true, .holds_udp = true};
	struct sports s;

	if (sports_hold(&s, &c) == -EAFNOSUPPORT)
		skip();
	assert_int_equal(s.n_fds, SPORTS_FD_MAX);
	assert_false(is_free(AF_INET6, SOCK_STREAM, s.first));
	assert_false(is_free(AF_INET6, SOCK_DGRAM, (uint16_t)(s.first + s.n - 1)));
	sports_release(&s);
}

/** A scan of this machine holds TCP only; -g is taken alone, even when it is somebody's. */
static void exceptions(void **state)
{
	struct sports_conf c = {.v4 = true, .wants_udp = true};
	struct sports s, taken;

	assert_int_equal(sports_hold(&taken, &c), 0);
	assert_int_equal(taken.n, SPORTS_UDP);
	assert_int_equal(taken.n_fds, 1);
	assert_true(is_free(AF_INET, SOCK_DGRAM, taken.first));
	c.wanted = taken.first;
	assert_int_equal(sports_hold(&s, &c), 0);
	assert_int_equal(s.first, taken.first);
	assert_int_equal(s.n, 1);
	sports_release(&s);
	sports_release(&taken);
	c.holds_udp = true;
	assert_int_equal(sports_hold(&s, &c), 0);
	assert_int_equal(s.n_fds, 2);
	assert_false(is_free(AF_INET, SOCK_DGRAM, s.first));
	sports_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_alone),
		cmocka_unit_test(udp_range),
		cmocka_unit_test(both_families),
		cmocka_unit_test(exceptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
