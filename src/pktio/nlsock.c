/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The netlink socket behind route.c: dumps, and single questions when policy rules make our own
 * lookup impossible. Replies to other requests (an interrupted earlier one) are told apart by
 * sequence number.
 */
#include "base/mem.h"
#include "pktio/netlink.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#define NL_BUF_BYTES (32 * 1024) /* the kernel fills at most this much per datagram */

int nl_open(struct nl_sock *s)
{
	*s = (struct nl_sock){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
	if (s->fd < 0)
		return -errno;
	s->buf = mem_alloc(1, NL_BUF_BYTES);
	if (s->buf)
		return 0;
	nl_close(s);
	return -ENOMEM;
}

void nl_close(struct nl_sock *s)
{
	if (s->fd >= 0)
		close(s->fd);
	mem_free(s->buf);
	*s = (struct nl_sock){.fd = -1};
}

static int receive(struct nl_sock *s, struct bytes *ret)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = s->buf, .iov_len = NL_BUF_BYTES};
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(s->fd, &m, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (m.msg_flags & MSG_TRUNC)
		return -E_TRUNCATED;
	*ret = (struct bytes){s->buf, from.nl_pid == 0 ? (size_t)n : 0};
	return 0;
}

/* One datagram: 1 when the dump is over, 0 to go on. */
static int feed(struct nl_sock *s, struct bytes left, nl_msg_fn fn, void *ctx, bool *was_changed)
{
	struct nl_msg m;
	int n;

	while ((n = nl_next(&left, &m)) > 0) {
		if (m.seq != s->seq)
			continue;
		if (m.flags & NLM_F_DUMP_INTR)
			*was_changed = true;
		if (m.type == NLMSG_DONE)
			return 1;
		if (m.type == NLMSG_ERROR) {
			int err = nl_error_of(&m);
			return err ? err : 1;
		}
		int err = fn(ctx, &m);
		if (err)
			return err;
	}
	return n;
}

int nl_dump(struct nl_sock *s, uint16_t type, nl_msg_fn fn, void *ctx)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg body;
		struct rtattr mask_hdr;
		uint32_t mask;
	} req = {.h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		 .mask_hdr = {.rta_len = 8, .rta_type = IFLA_EXT_MASK},
		 .mask = RTEXT_FILTER_SKIP_STATS};
	bool was_changed = false;
	int done = 0;

	/* Other dumps take the family byte alone; the mask would be an unknown attribute to them.
	 */
	req.h.nlmsg_len = type == RTM_GETLINK ? sizeof(req) : NLMSG_LENGTH(sizeof(req.body));
	req.h.nlmsg_seq = ++s->seq;
	if (send(s->fd, &req, req.h.nlmsg_len, 0) < 0)
		return -errno;
	while (done == 0) {
		struct bytes left;
		int err = receive(s, &left);
		if (err)
			return err;
		done = feed(s, left, fn, ctx, &was_changed);
	}
	if (done < 0)
		return done;
	return was_changed ? -EAGAIN : 0;
}

/** The one message that answers the last request, or the error it carries. */
static int receive_one(struct nl_sock *s, struct nl_msg *ret)
{
	for (;;) {
		struct bytes left;
		int err = receive(s, &left);

		if (err)
			return err;
		while ((err = nl_next(&left, ret)) > 0) {
			if (ret->seq != s->seq)
				continue;
			return ret->type == NLMSG_ERROR ? nl_error_of(ret) : 0;
		}
		if (err < 0)
			return err;
	}
}

int nl_tx_packets(struct nl_sock *s, uint32_t if_idx, uint64_t *ret)
{
	struct {
		struct nlmsghdr h;
		struct if_stats_msg body;
	} req = {.h = {.nlmsg_type = RTM_GETSTATS, .nlmsg_flags = NLM_F_REQUEST},
		 .body = {.ifindex = if_idx,
			  .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)}};
	struct nl_msg m;

	req.h.nlmsg_len = sizeof(req);
	req.h.nlmsg_seq = ++s->seq;
	if (send(s->fd, &req, sizeof(req), 0) < 0)
		return -errno;
	int err = receive_one(s, &m);
	if (err)
		return err;
	return m.type == RTM_NEWSTATS ? nl_stats_parse(&m, ret) : -E_UNSUPPORTED;
}

int nl_route_get(struct nl_sock *s, const struct addr *dst, uint32_t oif, struct nl_route *ret)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg r;
		uint8_t attrs[32];
	} req = {.h = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST}};
	uint8_t dst_bytes = dst->family == ADDR_V4 ? 4 : 16;
	struct rtattr a = {.rta_len = (uint16_t)(sizeof(a) + dst_bytes), .rta_type = RTA_DST};
	size_t n = sizeof(a) + dst_bytes;

	req.r.rtm_family = dst->family == ADDR_V4 ? AF_INET : AF_INET6;
	req.r.rtm_dst_len = (uint8_t)(dst_bytes * 8);
	memcpy(req.attrs, &a, sizeof(a));
	memcpy(req.attrs + sizeof(a), dst->b, dst_bytes);
	if (oif) {
		a = (struct rtattr){.rta_len = 8, .rta_type = RTA_OIF};
		memcpy(req.attrs + n, &a, sizeof(a));
		memcpy(req.attrs + n + sizeof(a), &oif, sizeof(oif));
		n += 8;
	}
	req.h.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(req.r)) + n);
	req.h.nlmsg_seq = ++s->seq;
	if (send(s->fd, &req, req.h.nlmsg_len, 0) < 0)
		return -errno;
	struct nl_msg m;
	int err = receive_one(s, &m);
	if (err)
		return err;
	return m.type == RTM_NEWROUTE ? nl_route_parse(&m, ret) : -E_UNSUPPORTED;
}
