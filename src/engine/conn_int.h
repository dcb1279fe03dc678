/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by conn.c (slots, outcomes, deadlines, the loop) and its two back ends; nobody else
 * includes it. */
#pragma once

#include "engine/worker.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define CONN_NO_SLOT     UINT32_MAX
#define CONN_SLOTS_MAX   16384u
#define CONN_BATCH       16u /* below what one io_uring call completes: conn_uring.c */
#define CONN_WHEEL_SLOTS 1024u
#define CONN_TICK_NS     (4 * NS_PER_MS)

/** Slots that hold no probe are listed by what their socket is good for. */
enum conn_free { CONN_FREE_V4, CONN_FREE_V6, CONN_FREE_BARE, CONN_FREE_N };

/** One socket and the probe it carries. The socket outlives the probe: the next one reuses it. */
struct conn_slot {
	struct track_probe probe;
	uint64_t group_first; /* with stage: which stage of which group the probe belongs to */
	uint64_t due_ns;
	uint32_t next, prev;   /* deadline list, or free list (next only) */
	uint32_t turn;         /* of the loop that started it */
	uint32_t grace_us;     /* how long to listen on after the time-out, if sockets are plenty */
	int fd;                /* -1: none */
	uint16_t bucket;       /* of the deadline list */
	_Atomic uint16_t path; /* with port: the way out whose source address it is bound to */
	_Atomic uint16_t port; /* the socket holds; 0: the kernel chooses one a connection */
	uint8_t stage, family;
	bool is_in_flight, is_timed;
	bool is_watched;   /* epoll: registered */
	bool is_told;      /* the outcome is an ICMP error that was queued on the socket */
	bool is_restarted; /* io_uring: on a second socket, the first one's outcome was a phantom */
};

struct conn;

struct conn_ops {
	const char *name;
	int socket_flags;
	/** @return 0; -E_UNSUPPORTED when the kernel forbids it; -errno. Thread: coordinator. */
	int (*open)(struct conn *c);
	/** Thread: the worker's, before anything else. @return 0 or -errno. */
	int (*start)(struct conn *c);
	/** Connect @p s to its probe's target. @return 0 or -errno: the outcome, -EINPROGRESS when
	 * it will come by poll. */
	int (*begin)(struct conn *c, struct conn_slot *s);
	/** Report what has finished by conn_outcome(), waiting at most @p wait_us, and bring
	 * c->now_ns up to date. @return 0 or -errno. */
	int (*poll)(struct conn *c, uint32_t wait_us);
	/** End an attempt that takes too long: conn_outcome(-ECANCELED), now or by poll. */
	void (*give_up)(struct conn *c, struct conn_slot *s);
	void (*close)(struct conn *c);
};
extern const struct conn_ops conn_epoll, conn_uring;

/** Invariant: n_in_flight <= limit <= n_slots, but for moments after the limit was cut. */
struct conn {
	struct worker *w;
	const struct conn_ops *ops;
	void *backend;
	struct conn_slot *slots;
	uint32_t n_slots, n_used; /* slots below n_used have been given a socket at some time */
	uint32_t n_holders;       /* of the first slots may hold ports */
	uint32_t n_in_flight;
	uint32_t limit;     /* sockets at once; cut by local errors, regrown by outcomes */
	uint32_t n_to_grow; /* outcomes until limit grows by one */
	uint32_t grow_step; /* doubles with each local error */
	uint32_t turn;
	uint32_t free[CONN_FREE_N];
	uint32_t wheel[CONN_WHEEL_SLOTS];
	uint64_t wheel_tick;       /* last tick that fired */
	uint64_t now_ns;           /* of the running batch */
	uint64_t hold_until_ns;    /* after a local error */
	uint64_t failing_since_ns; /* no connect could be started since; 0: not failing */
	int failing_err;
	uint64_t all_lost_since_ns; /* nothing but missing routes of our own since; 0: no */
	uint64_t n_hosts_lost;      /* hosts given up for that */
	bool resets_always; /* the kernel leaves a failed socket half reset: reset it by hand */
};

union conn_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/** @return length. */
socklen_t conn_sockaddr_of(const struct endpoint *to, union conn_sockaddr *ret);
/** The attempt of @p s ended: 0 connected, else -errno. Frees the slot. */
void conn_outcome(struct conn *c, struct conn_slot *s, int err);

/* conn_slot.c */
/** How many slots may hold ports: few beside the ports there are, so that connections of the other
 * slots, and of the machine, find some. */
uint32_t conn_slot_n_holders(const struct worker *w);
/**
 * A slot with a socket for @p p; one of the other family is given up when there is no other way.
 * @return 0, -EMFILE or another -errno: none now.
 */
int conn_slot_acquire(struct conn *c, const struct track_probe *p,
		      struct conn_slot **ret) MUST_CHECK;
/** To the free list that fits. */
void conn_slot_release(struct conn *c, struct conn_slot *s);
/** A socket with the scan's options for an empty slot. @return 0 or -errno. */
int conn_slot_open(struct conn *c, struct conn_slot *s, uint8_t family) MUST_CHECK;
/** A fresh socket for a slot. @return 0 or -errno: none now. */
int conn_slot_reopen(struct conn *c, struct conn_slot *s) MUST_CHECK;
void conn_slot_close(struct conn_slot *s);
/** As conn_socket_icmp() about the probe; notes it in the slot. An unreachable network that no ICMP
 * error tells of is this machine's own missing route. */
int conn_slot_icmp(struct conn_slot *s);
/** Is the socket, which is connected, connected to a socket of this scan? */
bool conn_slot_is_ours(const struct conn *c, const struct conn_slot *s);

/* conn_sock.c */
/** A socket of the family with the scan's options (source, port, interface, TTL). @return fd or
 * -errno. */
int conn_socket_open(const struct engine_conf *conf, uint8_t family, int socket_flags) MUST_CHECK;
/** Back to unconnected without a trace: FIN and RST if established, silence if not. Cost: 0.3-1 us.
 */
void conn_socket_reset(int fd);
/**
 * Hold @p from's address and a port that nobody uses for as long as the socket lives. The kernel
 * then neither looks for a port nor asks its routes for a source at each connection: a sixth of a
 * connect() on loopback. @return 0 or -errno: as it was. Cost: 5 us.
 */
int conn_socket_hold(int fd, struct endpoint *from) MUST_CHECK;
/** Ports from which the kernel chooses, of the network namespace; 0 when it does not say. Cost: 10
 * us. */
uint32_t conn_socket_n_ports(void);
/** The local end of an established socket, port 0 when unknown. */
void conn_socket_local(int fd, struct endpoint *ret);
/**
 * ICMP errors that the kernel queued on a connecting socket; the queue is emptied, since it
 * outlives the connect.
 * @return -errno of one about @p to, 0 when there is none.
 */
int conn_socket_icmp(int fd, const struct endpoint *to);
/** Is or was the socket connected? Known until it is reset. */
bool conn_socket_was_connected(int fd);
/** Raise the descriptor limit and make the table for @p n of them, while there is one thread.
 * @return sockets possible. */
uint32_t conn_socket_max(void);
void conn_socket_table(uint32_t n);
