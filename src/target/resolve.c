/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Name lookups, the only user of c-ares. Queries wait in a line, at most max_inflight are with the
 * library, and each has a deadline of its own: c-ares cannot cancel one query, so an overdue one is
 * reported and left to end there unheard. Every query has the same time limit and starts in order,
 * hence the running list is sorted by deadline and only its head is looked at.
 */
#include "target/resolve.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "target/hostfile.h"

#define N_TRIES  3
#define N_EVENTS 32

struct query {
	struct query *prev, *next; /* in line or running; not in a list once reported */
	struct resolve *r;
	uint64_t deadline_ns;
	bool is_reported;
	uint8_t family;
	resolve_fwd_fn *on_addrs; /* forward */
	resolve_ptr_fn *on_name;  /* reverse */
	void *ctx;
	uint64_t id;
	struct addr addr;
	char name[]; /* forward */
};

struct query_list {
	struct query *head, *tail;
	uint32_t n;
};

struct resolve {
	ares_channel channel;
	bool has_channel, is_closing;
	int epoll_fd;
	uint32_t timeout_ms, max_inflight;
	uint32_t n_with_ares; /* running and overdue ones */
	struct query_list waiting, running;
	struct hostfile hosts;
};

static void list_push(struct query_list *l, struct query *q)
{
	q->prev = l->tail;
	q->next = NULL;
	if (l->tail)
		l->tail->next = q;
	else
		l->head = q;
	l->tail = q;
	l->n++;
}

static void list_drop(struct query_list *l, struct query *q)
{
	if (q->prev)
		q->prev->next = q->next;
	else
		l->head = q->next;
	if (q->next)
		q->next->prev = q->prev;
	else
		l->tail = q->prev;
	l->n--;
}

static void on_socket_state(void *ctx, ares_socket_t fd, int wants_read, int wants_write)
{
	struct resolve *r = ctx;
	struct epoll_event ev = {.data.fd = fd};

	if (!wants_read && !wants_write) {
		(void)epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	ev.events = (wants_read ? EPOLLIN : 0u) | (wants_write ? EPOLLOUT : 0u);
	if (epoll_ctl(r->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0)
		(void)epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* Tries wait t, 2t, 4t: together the time of the query when there is one server. */
static int open_channel(struct resolve *r, const char *servers)
{
	char lookups[] = "b", no_file[] = "/dev/null";
	struct ares_options o = {
		.timeout = (int)CLAMP(r->timeout_ms / 7, 50u, 2000u),
		.tries = N_TRIES,
		.lookups = lookups,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = r,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

	if (servers) {
		o.resolvconf_path = no_file;
		mask |= ARES_OPT_RESOLVCONF;
	}
	if (ares_init_options(&r->channel, &o, mask) != ARES_SUCCESS)
		return -E_NAME;
	r->has_channel = true;
	if (servers && ares_set_servers_ports_csv(r->channel, servers) != ARES_SUCCESS)
		return -E_NAME;
	return 0;
}

int resolve_new(const struct resolve_conf *c, struct resolve **ret)
{
	struct resolve *r = mem_alloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->timeout_ms = c->timeout_ms ? c->timeout_ms : 5000;
	r->max_inflight = c->max_inflight ? c->max_inflight : 64;
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rc = r->epoll_fd < 0
		     ? -errno
		     : hostfile_load(c->hosts_file ? c->hosts_file : "/etc/hosts", &r->hosts);
	if (rc == 0)
		rc = open_channel(r, c->servers);
	if (rc < 0)
		resolve_free(r);
	else
		*ret = r;
	return rc;
}

static void list_free(struct query_list *l)
{
	for (struct query *q = l->head, *next; q; q = next) {
		next = q->next;
		mem_free(q);
	}
}

void resolve_free(struct resolve *r)
{
	if (!r)
		return;
	r->is_closing = true;
	if (r->has_channel)
		ares_destroy(r->channel);
	list_free(&r->waiting);
	hostfile_fini(&r->hosts);
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	mem_free(r);
}

static void query_report(struct query *q, int code, const struct addr *addrs, uint32_t n,
			 const char *name)
{
	q->is_reported = true;
	if (q->on_addrs)
		q->on_addrs(q->ctx, q->name, n ? 0 : code, n ? addrs : NULL, n);
	else
		q->on_name(q->ctx, q->id, name);
}

/* c-ares is done with @p q. @return false when nobody waits for the answer any more; q is gone
 * then. */
static bool query_ended(struct query *q)
{
	struct resolve *r = q->r;

	r->n_with_ares--;
	if (!q->is_reported)
		list_drop(&r->running, q);
	if (!q->is_reported && !r->is_closing)
		return true;
	mem_free(q);
	return false;
}

static bool addr_of_sockaddr(const struct sockaddr *sa, struct addr *ret)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		*ret = addr_v4(ntohl(in.sin_addr.s_addr));
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		*ret = addr_v6(in6.sin6_addr.s6_addr);
		return true;
	}
	return false;
}

static void on_forward(void *ctx, int status, int timeouts, struct ares_addrinfo *res)
{
	struct query *q = ctx;
	struct addr addrs[RESOLVE_ADDRS_MAX];
	uint32_t n = 0;

	(void)timeouts;
	if (query_ended(q)) {
		for (struct ares_addrinfo_node *a = res ? res->nodes : NULL;
		     a && n < ARRAY_LEN(addrs); a = a->ai_next)
			n += addr_of_sockaddr(a->ai_addr, &addrs[n]);
		query_report(q, status == ARES_ETIMEOUT ? -ETIMEDOUT : -E_NAME, addrs, n, NULL);
		mem_free(q);
	}
	ares_freeaddrinfo(res);
}

/* A name from the wire goes to terminals and files: only printable ASCII passes. */
static const char *checked_name(const struct hostent *h)
{
	size_t len = h && h->h_name ? strlen(h->h_name) : 0;

	for (size_t i = 0; i < len; i++)
		if (h->h_name[i] <= ' ' || h->h_name[i] > '~')
			return NULL;
	return len > 0 && len <= 253 ? h->h_name : NULL;
}

static void on_reverse(void *ctx, int status, int timeouts, struct hostent *h)
{
	struct query *q = ctx;

	(void)timeouts;
	if (!query_ended(q))
		return;
	query_report(q, 0, NULL, 0, status == ARES_SUCCESS ? checked_name(h) : NULL);
	mem_free(q);
}

/* Is the name @p word or below it? */
static bool is_under(const char *name, const char *word)
{
	size_t len = strlen(name), n = strlen(word);

	if (len && name[len - 1] == '.')
		len--;
	if (len < n || strncasecmp(name + len - n, word, n))
		return false;
	return len == n || name[len - n - 1] == '.';
}

static bool is_localhost(const char *name)
{
	return is_under(name, "localhost");
}

/* Names that no server is asked about (RFC 6761 6.3, 6.4). */
static bool is_special(const char *name)
{
	return is_localhost(name) || is_under(name, "invalid");
}

/* Answer without a server. @return number of addresses. */
static uint32_t lookup_here(struct resolve *r, const struct query *q, struct addr *ret,
			    uint32_t cap)
{
	uint32_t n = hostfile_addrs(&r->hosts, q->name, q->family, ret, cap);
	uint8_t loop6[16] = {[15] = 1};
	struct addr a;

	if (n)
		return n;
	if (is_localhost(q->name)) {
		if (q->family != ADDR_V6)
			ret[n++] = addr_v4(0x7f000001);
		if (q->family != ADDR_V4)
			ret[n++] = addr_v6(loop6);
	} else if (addr_parse(q->name, strlen(q->name), &a) == 0 &&
		   (q->family == ADDR_NONE || q->family == a.family)) {
		ret[n++] = a;
	}
	return n;
}

static void start_forward(struct resolve *r, struct query *q)
{
	struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = q->family == ADDR_V4   ? AF_INET
			     : q->family == ADDR_V6 ? AF_INET6
						    : AF_UNSPEC,
	};

	ares_getaddrinfo(r->channel, q->name, NULL, &hints, on_forward, q);
}

/* The library may call back before it returns: q is not touched after the start. */
static void query_start(struct resolve *r, struct query *q)
{
	struct addr addrs[RESOLVE_ADDRS_MAX];
	uint32_t n = 0;

	list_drop(&r->waiting, q);
	if (q->on_addrs)
		n = lookup_here(r, q, addrs, ARRAY_LEN(addrs));
	if (n || (q->on_addrs && is_special(q->name))) {
		query_report(q, -E_NAME, addrs, n, NULL);
		mem_free(q);
		return;
	}
	q->deadline_ns = clock_now_ns() + r->timeout_ms * NS_PER_MS;
	list_push(&r->running, q);
	r->n_with_ares++;
	if (q->on_addrs)
		start_forward(r, q);
	else
		ares_gethostbyaddr(r->channel, q->addr.b, q->addr.family == ADDR_V4 ? 4 : 16,
				   q->addr.family == ADDR_V4 ? AF_INET : AF_INET6, on_reverse, q);
}

static void start_waiting(struct resolve *r)
{
	while (r->waiting.head && r->n_with_ares < r->max_inflight)
		query_start(r, r->waiting.head);
}

static void report_overdue(struct resolve *r)
{
	uint64_t now_ns = r->running.head ? clock_now_ns() : 0;
	struct query *q;

	while ((q = r->running.head) != NULL && q->deadline_ns <= now_ns) {
		list_drop(&r->running, q);
		query_report(q, -ETIMEDOUT, NULL, 0, NULL);
	}
}

static struct query *query_new(struct resolve *r, const char *name)
{
	size_t len = strlen(name);
	struct query *q;

	q = mem_alloc(1, sizeof(*q) + len + 1);
	if (!q)
		return NULL;
	memcpy(q->name, name, len);
	q->r = r;
	return q;
}

int resolve_forward(struct resolve *r, const char *name, uint8_t family, resolve_fwd_fn *fn,
		    void *ctx)
{
	struct query *q;

	if (r->waiting.n >= RESOLVE_QUEUE_MAX)
		return -E_FULL;
	q = query_new(r, name);
	if (!q)
		return -ENOMEM;
	q->family = family;
	q->on_addrs = fn;
	q->ctx = ctx;
	list_push(&r->waiting, q);
	return 0;
}

int resolve_reverse(struct resolve *r, const struct addr *a, uint64_t id, resolve_ptr_fn *fn,
		    void *ctx)
{
	const char *name = hostfile_name(&r->hosts, a);
	struct query *q;

	if (name || addr_is_loopback(a) || addr_is_linklocal(a)) {
		fn(ctx, id, name);
		return 0;
	}
	if (r->waiting.n >= RESOLVE_QUEUE_MAX)
		return -E_FULL;
	q = query_new(r, "");
	if (!q)
		return -ENOMEM;
	q->addr = *a;
	q->on_name = fn;
	q->id = id;
	q->ctx = ctx;
	list_push(&r->waiting, q);
	return 0;
}

/* The shortest of the caller's patience, the next retransmission and the next deadline, rounded up.
 */
static int wait_time_ms(struct resolve *r, uint32_t wait_ms)
{
	struct timeval tv, *next = ares_timeout(r->channel, NULL, &tv);
	uint64_t now_ns = clock_now_ns(), ms = MIN(wait_ms, 60000u);

	if (next) {
		uint64_t retry_ms =
			(uint64_t)next->tv_sec * 1000 + ((uint64_t)next->tv_usec + 999) / 1000;

		ms = MIN(ms, retry_ms);
	}
	if (r->running.head) {
		uint64_t deadline_ns = r->running.head->deadline_ns;
		uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

		ms = MIN(ms, (left_ns + NS_PER_MS - 1) / NS_PER_MS);
	}
	return (int)ms;
}

uint32_t resolve_poll(struct resolve *r, uint32_t wait_ms)
{
	struct epoll_event events[N_EVENTS];
	int n = 0;

	start_waiting(r);
	if (r->n_with_ares)
		n = epoll_wait(r->epoll_fd, events, N_EVENTS,
			       wait_time_ms(r, r->running.n || r->waiting.n ? wait_ms : 0));
	for (int i = 0; i < n; i++) {
		bool has_failed = events[i].events & (EPOLLERR | EPOLLHUP);

		ares_process_fd(r->channel,
				events[i].events & EPOLLIN || has_failed ? events[i].data.fd
									 : ARES_SOCKET_BAD,
				events[i].events & EPOLLOUT || has_failed ? events[i].data.fd
									  : ARES_SOCKET_BAD);
	}
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	report_overdue(r);
	start_waiting(r);
	return r->waiting.n + r->running.n;
}
