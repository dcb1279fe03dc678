/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames on their way out: a batch that leaves with one system call, and a wheel of one
 * millisecond a slot for those that take their time.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The receive ring of the other end holds 256 frames: its reader needs the processor that we have.
 */
#define WAIT_US   20
#define WAITS_MAX 1000u

static bool is_full(int err)
{
	return err == ENOBUFS || err == EAGAIN;
}

void sim_flush(struct simnet *s)
{
	struct mmsghdr m[SIM_BATCH];
	struct iovec iov[SIM_BATCH];
	uint32_t i = 0, n_waits = 0;

	memset(m, 0, sizeof(m));
	for (uint32_t j = 0; j < s->n_out; j++) {
		iov[j] = (struct iovec){s->out[j], s->out_len[j]};
		m[j].msg_hdr.msg_iov = &iov[j];
		m[j].msg_hdr.msg_iovlen = 1;
	}
	while (i < s->n_out) {
		int n = sendmmsg(s->fd, m + i, s->n_out - i, 0);

		if (n <= 0 && is_full(errno) && n_waits++ < WAITS_MAX) {
			usleep(WAIT_US);
			continue;
		}
		if (n <= 0) { /* the first one could not be sent: go on behind it */
			s->n.n[SIM_N_unsent]++;
			n = 1;
		}
		i += (uint32_t)n;
	}
	s->n_out = 0;
}

static void send_now(struct simnet *s, const uint8_t *frame, uint32_t len)
{
	if (s->n_out == SIM_BATCH)
		sim_flush(s);
	memcpy(s->out[s->n_out], frame, len);
	s->out_len[s->n_out++] = len;
}

bool sim_send(struct simnet *s, const uint8_t *frame, uint32_t len, uint64_t delay_us)
{
	uint64_t delay_ms = (delay_us + 999) / 1000;
	struct sim_pending *p, **slot;

	if (!delay_ms) {
		send_now(s, frame, len);
		return true;
	}
	p = s->wheel.n < SIM_PENDING_MAX ? malloc(sizeof(*p) + len) : NULL;
	if (!p) {
		s->n.n[SIM_N_unsent]++;
		return false;
	}
	p->due_ms = sim_now_ns() / 1000000 + delay_ms;
	p->len = len;
	memcpy(p->frame, frame, len);
	slot = &s->wheel.slot[p->due_ms % SIM_WHEEL_SLOTS];
	p->next = *slot;
	*slot = p;
	s->wheel.n++;
	return true;
}

void sim_wheel_turn(struct simnet *s)
{
	uint64_t now_ms = sim_now_ns() / 1000000;

	if (!s->wheel.n)
		s->wheel.now_ms = now_ms;
	/* Whoever stalls for a whole turn has every slot to look at once, not more. */
	if (now_ms > s->wheel.now_ms + SIM_WHEEL_SLOTS)
		s->wheel.now_ms = now_ms - SIM_WHEEL_SLOTS;
	while (s->wheel.now_ms < now_ms) {
		struct sim_pending **at = &s->wheel.slot[++s->wheel.now_ms % SIM_WHEEL_SLOTS];

		while (*at) {
			struct sim_pending *p = *at;

			if (p->due_ms > now_ms) {
				at = &p->next;
				continue;
			}
			*at = p->next;
			send_now(s, p->frame, p->len);
			free(p);
			s->wheel.n--;
		}
	}
}
