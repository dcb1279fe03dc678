/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slots of the connect scan: a socket each, made once and used for one probe after the other. The
 * first ones, which a near target's probes keep coming back to (free lists are stacks), hold their
 * source address and port for as long as they live, which saves the kernel its search for a port
 * and two of three looks at the routes in every connect() (inet_hash_connect(),
 * ip_route_connect()). They are few, so that the machine's ports are left to others. A port from
 * which was asked in vain is given up with its socket: the target may still hold the half-open
 * connection, and another SYN of the same four numbers would be taken for a part of it (RFC
 * 9293 3.10.7.4).
 */
#include "engine/conn_int.h"

#include <errno.h>
#include <unistd.h>

enum {
	HOLDERS_MAX = 64, /* a worker's */
	PORTS_PER_HOLDER = 64
};

uint32_t conn_slot_n_holders(const struct worker *w)
{
	uint32_t n = conn_socket_n_ports() / PORTS_PER_HOLDER / MAX(w->track.conf.n_shards, 1u);

	return MIN(n, (uint32_t)HOLDERS_MAX);
}

static void free_push(struct conn *c, struct conn_slot *s, enum conn_free list)
{
	s->next = c->free[list];
	c->free[list] = (uint32_t)(s - c->slots);
}

static struct conn_slot *free_pop(struct conn *c, enum conn_free list)
{
	if (c->free[list] == CONN_NO_SLOT)
		return NULL;
	struct conn_slot *s = &c->slots[c->free[list]];
	c->free[list] = s->next;
	return s;
}

void conn_slot_release(struct conn *c, struct conn_slot *s)
{
	free_push(c, s,
		  s->fd < 0              ? CONN_FREE_BARE
		  : s->family == ADDR_V4 ? CONN_FREE_V4
					 : CONN_FREE_V6);
}

void conn_slot_close(struct conn_slot *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->is_watched = false;
	atomic_store_explicit(&s->port, 0, memory_order_relaxed);
}

int conn_slot_icmp(struct conn_slot *s)
{
	int err = conn_socket_icmp(s->fd, &s->probe.to);

	s->is_told = err < 0;
	return err;
}

int conn_slot_open(struct conn *c, struct conn_slot *s, uint8_t family)
{
	int fd = conn_socket_open(c->w->conf, family, c->ops->socket_flags);

	if (fd < 0)
		return fd;
	s->fd = fd;
	s->family = family;
	return 0;
}

int conn_slot_reopen(struct conn *c, struct conn_slot *s)
{
	conn_slot_close(s);
	return conn_slot_open(c, s, s->family);
}

/** May the socket's source be ours to choose? */
static bool may_hold(const struct conn *c, const struct conn_slot *s)
{
	const struct engine_conf *conf = c->w->conf;

	return s - c->slots < c->n_holders && !conf->source_port && !conf->if_idx &&
	       !conf->source4.family && !conf->source6.family;
}

/** Without a port of its own the socket is as good, only slower. */
static void hold(struct conn *c, struct conn_slot *s, uint16_t path)
{
	struct endpoint from = {.addr = c->w->paths[path]->route.src};

	if (from.addr.family != s->family || conn_socket_hold(s->fd, &from))
		return;
	atomic_store_explicit(&s->path, path, memory_order_relaxed);
	atomic_store_explicit(&s->port, from.port, memory_order_release);
}

static int open_for(struct conn *c, struct conn_slot *s, const struct track_probe *p)
{
	int err = conn_slot_open(c, s, p->to.addr.family);

	if (!err && may_hold(c, s))
		hold(c, s, p->host->path);
	return err;
}

/** What cannot be opened now is free, not lost. */
static int reopen_free(struct conn *c, struct conn_slot *s)
{
	int err = conn_slot_reopen(c, s);

	if (err)
		conn_slot_release(c, s);
	return err;
}

int conn_slot_acquire(struct conn *c, const struct track_probe *p, struct conn_slot **ret)
{
	uint8_t family = p->to.addr.family;
	enum conn_free own = family == ADDR_V4 ? CONN_FREE_V4 : CONN_FREE_V6;
	enum conn_free other = family == ADDR_V4 ? CONN_FREE_V6 : CONN_FREE_V4;
	struct conn_slot *s = free_pop(c, own), *t;

	*ret = s;
	if (s && (!s->port || s->path == p->host->path))
		return 0;
	/* targets of several ways out: this socket holds no address any more */
	if (s)
		return reopen_free(c, s);
	s = free_pop(c, CONN_FREE_BARE);
	if (!s && c->n_used < c->n_slots) {
		s = &c->slots[c->n_used++];
		s->fd = -1;
	}
	if (!s)
		s = free_pop(c, other);
	if (!s)
		return -EMFILE;
	conn_slot_close(s);
	int err = open_for(c, s, p);
	if (err == -EMFILE && (t = free_pop(c, other))) {
		conn_slot_close(t);
		conn_slot_release(c, t);
		err = open_for(c, s, p);
	}
	if (err)
		conn_slot_release(c, s);
	*ret = err ? NULL : s;
	return err;
}

/** On another of the machine's addresses somebody else may listen at the same port. */
static bool slot_holds(const struct worker *w, const struct conn_slot *s, const struct endpoint *at)
{
	if (atomic_load_explicit(&s->port, memory_order_acquire) != at->port)
		return false;
	uint16_t path = atomic_load_explicit(&s->path, memory_order_relaxed);
	return addr_equal(&w->paths[path]->route.src, &at->addr);
}

bool conn_holds(const struct worker *w, const struct endpoint *at)
{
	const struct conn *c = w->conn;
	uint32_t n = MIN(c->n_slots, c->n_holders);

	for (uint32_t i = 0; i < n; i++)
		if (slot_holds(w, &c->slots[i], at))
			return true;
	return false;
}

bool conn_slot_is_ours(const struct conn *c, const struct conn_slot *s)
{
	const struct endpoint *to = &s->probe.to;
	struct endpoint local;

	conn_socket_local(s->fd, &local);
	if (!addr_equal(&local.addr, &to->addr))
		return false;
	/* another one: two sockets that asked each other at one moment (RFC 9293 3.5, figure 8) */
	return local.port == to->port || worker_any_holds(c->w, to);
}
