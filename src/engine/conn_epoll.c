/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connect scan by epoll. The truth about an attempt is always asked by a second connect(): it says
 * "under way", "established" or why not, and leaves a failed socket ready for the next one. Events
 * are only hints, edge-triggered and registered once a socket, so a stale one costs a system call
 * and nothing else.
 */
#include "engine/conn_int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 256,
	LOOK_AGAIN_RTT_US = 200
}; /* slower hosts have not answered when connect() returns */

struct conn_epoll {
	int fd;
	bool has_no_pwait2; /* Linux before 5.11 */
	struct epoll_event events[EVENTS_MAX];
};

static int epoll_open(struct conn *c)
{
	struct conn_epoll *e = mem_alloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd < 0) {
		int err = -errno;
		mem_free(e);
		return err;
	}
	c->backend = e;
	return 0;
}

static int epoll_start(struct conn *c)
{
	(void)c;
	return 0;
}

static int connect_slot(struct conn_slot *s)
{
	union conn_sockaddr sa;
	socklen_t len = conn_sockaddr_of(&s->probe.to, &sa);

	if (!connect(s->fd, &sa.any, len))
		return 0;
	return errno == EALREADY ? -EINPROGRESS : -errno;
}

/** On loopback the answer is there before connect() returns; a near host's often is. */
static bool is_worth_a_look(const struct conn *c, const struct conn_slot *s)
{
	uint32_t srtt_us =
		s->probe.host->rtt.srtt_us ? s->probe.host->rtt.srtt_us : c->w->track.rtt.srtt_us;

	return srtt_us <= LOOK_AGAIN_RTT_US;
}

static int epoll_begin(struct conn *c, struct conn_slot *s)
{
	struct conn_epoll *e = c->backend;
	int err = connect_slot(s);

	if (err == -EINPROGRESS && is_worth_a_look(c, s))
		err = connect_slot(s);
	if (err != -EINPROGRESS || s->is_watched)
		return err;
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
				 .data.u32 = (uint32_t)(s - c->slots)};
	if (epoll_ctl(e->fd, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
		err = -errno;
		conn_socket_reset(s->fd);
		return err;
	}
	s->is_watched = true;
	return -EINPROGRESS;
}

static int wait_events(struct conn_epoll *e, uint32_t wait_us)
{
	int n;

	if (!e->has_no_pwait2) {
		struct timespec ts = {.tv_sec = wait_us / 1000000,
				      .tv_nsec = wait_us % 1000000 * 1000};
		n = epoll_pwait2(e->fd, e->events, EVENTS_MAX, &ts, NULL);
		if (n >= 0 || errno != ENOSYS)
			return n < 0 && errno != EINTR ? -errno : MAX(n, 0);
		e->has_no_pwait2 = true;
	}
	n = epoll_wait(e->fd, e->events, EVENTS_MAX, (int)((wait_us + 999) / 1000));
	return n < 0 && errno != EINTR ? -errno : MAX(n, 0);
}

/** An ICMP error that met the socket locked is queued but does not end the connect. */
static int icmp_outcome(struct conn_slot *s)
{
	int err = conn_slot_icmp(s);

	if (!err)
		return -EINPROGRESS;
	conn_socket_reset(s->fd);
	return err;
}

static int epoll_poll(struct conn *c, uint32_t wait_us)
{
	struct conn_epoll *e = c->backend;

	if (!wait_us && !c->n_in_flight) {
		c->now_ns = clock_now_ns(); /* what is waited for may be less than 1 us away */
		return 0;
	}
	int n = wait_events(e, wait_us);
	c->now_ns = clock_now_ns();
	for (int i = 0; i < n; i++) {
		struct conn_slot *s = &c->slots[e->events[i].data.u32];
		if (!s->is_in_flight)
			continue;
		int err = connect_slot(s);
		if (err == -EINPROGRESS && e->events[i].events & EPOLLERR)
			err = icmp_outcome(s);
		if (err != -EINPROGRESS)
			conn_outcome(c, s, err);
	}
	return n < 0 ? n : 0;
}

static void epoll_give_up(struct conn *c, struct conn_slot *s)
{
	conn_socket_reset(s->fd);
	conn_outcome(c, s, -ECANCELED);
}

static void epoll_close(struct conn *c)
{
	struct conn_epoll *e = c->backend;

	if (!e)
		return;
	close(e->fd);
	mem_free(e);
	c->backend = NULL;
}

const struct conn_ops conn_epoll = {
	.name = "epoll",
	.socket_flags = SOCK_NONBLOCK,
	.open = epoll_open,
	.start = epoll_start,
	.begin = epoll_begin,
	.poll = epoll_poll,
	.give_up = epoll_give_up,
	.close = epoll_close,
};
