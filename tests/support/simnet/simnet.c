/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulated network's daemon: loads the fast half where that is possible, and answers from a
 * packet socket whatever comes up to it: all frames without XDP, those that XDP passes with it.
 * Ends on SIGTERM or SIGINT with its statistics written; SIGUSR1 writes them meanwhile.
 */
#include "daemon.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

uint64_t sim_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int die(const char *what)
{
	fprintf(stderr, "simnet: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_socket(struct simnet *s)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = SIM_BE16((uint16_t)ETH_P_ALL)};
	int one = 1, bytes = 256 << 20;
	struct ifreq ifr = {0};

	s->ifindex = (int)if_nametoindex(s->opt.iface);
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	if (!s->ifindex || s->fd < 0)
		return -1;
	memcpy(ifr.ifr_name, s->opt.iface, strlen(s->opt.iface) + 1);
	if (ioctl(s->fd, SIOCGIFHWADDR, &ifr))
		return -1;
	memcpy(s->mac, ifr.ifr_hwaddr.sa_data, sizeof(s->mac));
	to.sll_ifindex = s->ifindex;
	setsockopt(s->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (!s->opt.is_through_qdisc)
		setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return bind(s->fd, (struct sockaddr *)&to, sizeof(to));
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

static int start(struct simnet *s)
{
	const char *why = "not asked for";
	size_t n_words = s->conf.counted.n_hosts * s->conf.counted.n_ports / 8 + 1;

	if (strlen(s->opt.iface) >= IFNAMSIZ || open_socket(s))
		return die(s->opt.iface);
	if (strcmp(s->opt.mode, "packet") && sim_xdp_start(s, &why) && !strcmp(s->opt.mode, "xdp"))
		return die(why);
	if (!s->link) {
		s->cells = calloc(n_words, sizeof(*s->cells));
		s->limits = calloc(s->conf.n_limits, sizeof(*s->limits));
		if (!s->cells || !s->limits)
			return die("memory");
	}
	s->seconds = calloc(SIM_SECONDS_MAX, sizeof(*s->seconds));
	s->signal_fd = signals();
	s->start_ns = sim_now_ns();
	s->rng = s->conf.seed ^ s->start_ns;
	printf("ready %s%s%s\n", s->link ? "xdp" : "packet", s->link ? "" : ": ",
	       s->link ? "" : why);
	fflush(stdout);
	return s->seconds && s->signal_fd >= 0 ? 0 : die("memory");
}

static void receive(struct simnet *s)
{
	static uint8_t frames[SIM_BATCH][SIM_FRAME_MAX];
	struct mmsghdr m[SIM_BATCH];
	struct iovec iov[SIM_BATCH];
	int n;

	memset(m, 0, sizeof(m));
	for (uint32_t i = 0; i < SIM_BATCH; i++) {
		iov[i] = (struct iovec){frames[i], SIM_FRAME_MAX};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(s->fd, m, SIM_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		sim_frame(s, frames[i], m[i].msg_len);
}

/** @return whether to go on. */
static bool take_signal(struct simnet *s, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGUSR1)
			return false;
		sim_report(s);
	}
	return true;
}

static void run(struct simnet *s)
{
	struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN},
			      {.fd = s->signal_fd, .events = POLLIN}};
	uint64_t second_ns = s->start_ns + 1000000000;

	for (;;) {
		uint64_t now_ns = sim_now_ns();
		int wait_ms = s->wheel.n ? 1 : (int)((second_ns - now_ns) / 1000000 + 1);

		if (now_ns >= second_ns) {
			sim_report_second(s);
			second_ns += 1000000000;
			continue;
		}
		if (poll(p, 2, wait_ms) < 0 && errno != EINTR)
			return;
		if (p[0].revents & POLLIN)
			receive(s);
		sim_wheel_turn(s);
		sim_flush(s);
		if ((p[1].revents & POLLIN) && !take_signal(s, p[1].fd))
			return;
	}
}

int main(int argc, char **argv)
{
	static struct simnet s;
	static char beside[4096];
	ssize_t n = readlink("/proc/self/exe", beside, sizeof(beside) - 32);
	int err;

	if (sim_options_parse(&s, argc, argv))
		return 2;
	if (s.opt.wants_help) {
		sim_options_help(stdout);
		return 0;
	}
	if (s.opt.list)
		return sim_list(&s);
	if (!s.opt.bpf && n > 0) {
		char *slash = memrchr(beside, '/', (size_t)n);

		memcpy(slash + 1, "simnet.bpf.o", sizeof("simnet.bpf.o"));
		s.opt.bpf = beside;
	}
	err = start(&s);
	if (err)
		return err;
	run(&s);
	sim_report(&s);
	sim_xdp_stop(&s);
	return 0;
}
