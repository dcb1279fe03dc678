/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connect transport in networks of its own and without io_uring: each case in a child process,
 * because what it does to the process is for good.
 */
#include "conn_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { SKIPPED = 77 };

static int wait_child(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_written;
}

/** A network of its own with nothing but loopback. */
static bool own_network(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	bool is_up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return is_up;
}

static int self_connect_child(enum conn_backend backend)
{
	if (!own_network() || !write_text("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000"))
		return SKIPPED;
	if (truth(INADDR_LOOPBACK, 40000) != PORT_OPEN)
		return SKIPPED; /* this kernel does not connect sockets to themselves */
	struct bed *b = bed_new(backend, "127.0.0.1", "127.0.0.1");
	add_port(b, 40000);
	int err = bed_open(b);
	if (err)
		return err == -E_UNSUPPORTED ? SKIPPED : 1;
	err = bed_run(b);
	return err || b->n_found != 1 || b->state[0][40000] != PORT_CLOSED;
}

static void self_connect_is_closed(void **state)
{
	pid_t pid = fork();

	if (!pid)
		_exit(self_connect_child(backend_of(state)));
	int code = wait_child(pid);
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

/** All ports there are: the sockets that may hold one leave nearly all of them to the others. */
static int few_ports_child(enum conn_backend backend)
{
	int fds[3];
	uint16_t silent;

	if (!own_network() || !write_text("/proc/sys/net/ipv4/ip_local_port_range", "40000 40063"))
		return SKIPPED;
	struct bed *b = bed_new(backend, "127.0.0.1", "127.0.0.1");
	silent_port("127.0.0.1", fds, &silent);
	for (uint16_t p = 1; p <= 300; p++)
		add_port(b, p);
	add_port(b, silent);
	int err = bed_open(b);
	if (err)
		return err == -E_UNSUPPORTED ? SKIPPED : 1;
	struct conn *c = b->w.conn;
	if (c->n_holders != 1 || bed_run(b) || b->n_found != 300 || b->w.stats.n_local_errors)
		return 2;
	for (uint32_t i = 1; i < c->n_used; i++)
		if (c->slots[i].port)
			return 3;
	return 0;
}

static void few_ports_are_enough(void **state)
{
	pid_t pid = fork();

	if (!pid)
		_exit(few_ports_child(backend_of(state)));
	int code = wait_child(pid);
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

/** A packet filter that answers ports 50-59 and 60-69 with ICMP errors, in both families. */
static bool reject_ports(void)
{
	FILE *nft = popen("nft -f - 2>/dev/null", "w");

	if (!nft)
		return false;
	fputs("table inet t {\nchain c {\ntype filter hook input priority 0;\n"
	      "tcp dport 50-59 reject with icmpx type admin-prohibited\n"
	      "tcp dport 60-69 reject with icmpx type port-unreachable\n}\n}\n",
	      nft);
	return !pclose(nft) && write_text("/proc/sys/net/ipv4/icmp_ratelimit", "0") &&
	       write_text("/proc/sys/net/ipv6/icmp/ratelimit", "0");
}

static int rejected_child(enum conn_backend backend, const char *ip)
{
	uint16_t open_port;

	if (!own_network() || !reject_ports())
		return SKIPPED;
	int fd = listener(ip, 8, &open_port);
	struct bed *b = bed_new(backend, ip, ip);
	for (uint16_t p = 40; p < 80; p++)
		add_port(b, p);
	add_port(b, open_port);
	int err = bed_open(b);
	if (err)
		return err == -E_UNSUPPORTED ? SKIPPED : 1;
	if (bed_run(b) || b->n_found != 41 || b->state[0][open_port] != PORT_OPEN)
		return 2;
	for (uint16_t p = 40; p < 80; p++)
		if (b->state[0][p] != (p >= 50 && p < 60 ? PORT_FILTERED : PORT_CLOSED))
			return 3;
	close(fd);
	return 0;
}

/** ICMP errors reach the socket while connect() holds it: the port is filtered, its neighbours are
 * not touched. */
static void rejected_ports_are_filtered(void **state)
{
	static const char *const ips[] = {"127.0.0.1", "::1"};

	for (uint32_t i = 0; i < ARRAY_LEN(ips); i++) {
		pid_t pid = fork();
		if (!pid)
			_exit(rejected_child(backend_of(state), ips[i]));
		int code = wait_child(pid);
		if (code == SKIPPED)
			skip();
		assert_int_equal(code, 0);
	}
}

static bool forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int forbidden_child(void)
{
	if (!forbid_io_uring())
		return SKIPPED;
	struct bed *b = bed_new(CONN_URING, "127.0.0.1", "127.0.0.1");
	add_port(b, 1);
	if (bed_open(b) != -E_UNSUPPORTED)
		return 1;
	b = bed_new(CONN_AUTO, "127.0.0.1", "127.0.0.4");
	for (uint32_t p = 1; p <= 1000; p++)
		add_port(b, (uint16_t)p);
	if (bed_open(b) || strcmp(conn_backend_name(&b->w), "epoll") != 0)
		return 2;
	return bed_run(b) || b->n_found != 4000 ? 3 : 0;
}

static void forbidden_io_uring_is_noticed(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(forbidden_child());
	int code = wait_child(pid);
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

int main(void)
{
	static const enum conn_backend backends[] = {CONN_AUTO, CONN_URING, CONN_EPOLL};
	const struct CMUnitTest tests[] = {
		BOTH(self_connect_is_closed),
		BOTH(few_ports_are_enough),
		BOTH(rejected_ports_are_filtered),
		cmocka_unit_test(forbidden_io_uring_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
