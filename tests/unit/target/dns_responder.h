/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A name server of a few rows on a loopback UDP port, in a thread of the test. It keeps every
 * question it was asked, so a test can prove what was never sent.
 */
#pragma once

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28 };

/** type PTR: value is a name; A, AAAA: an address; NULL value: silence instead of an answer. */
struct dns_row {
	const char *name;
	uint16_t type;
	const char *value;
};

struct dns_responder {
	const struct dns_row *rows;
	size_t n_rows;
	int fd, stop_fd;
	pthread_t thread;
	char servers[32]; /* for resolve_conf */
	atomic_uint n_asked;
	char asked[64][256]; /* "type name", the first 64 */
};

static inline size_t dns_name_put(uint8_t *out, const char *name)
{
	size_t n = 0;

	while (*name) {
		size_t len = strcspn(name, ".");

		out[n++] = (uint8_t)len;
		memcpy(out + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	out[n++] = 0;
	return n;
}

static inline size_t dns_rdata(const struct dns_row *r, uint8_t *out)
{
	if (r->type == DNS_PTR)
		return dns_name_put(out, r->value);
	assert(inet_pton(r->type == DNS_A ? AF_INET : AF_INET6, r->value, out) == 1);
	return r->type == DNS_A ? 4 : 16;
}

/* @return bytes of the answer in place of the question, 0: stay silent. */
static inline size_t dns_answer(struct dns_responder *d, uint8_t *m, size_t len)
{
	char name[256] = "";
	size_t pos = 12, out, n = 0;
	unsigned type, n_answers = 0, idx = atomic_load(&d->n_asked);
	int is_known = 0;

	while (pos < len && m[pos] && pos + m[pos] < len) {
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%.*s", n ? "." : "", m[pos],
				      (char *)m + pos + 1);
		pos += m[pos] + 1u;
	}
	if (pos + 5 > len || n >= sizeof(name))
		return 0;
	type = (unsigned)m[pos + 1] << 8 | m[pos + 2];
	out = pos + 5;
	if (idx < 64)
		(void)snprintf(d->asked[idx], sizeof(d->asked[0]), "%u %.240s", type, name);
	atomic_store(&d->n_asked, idx + 1);
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct dns_row *r = &d->rows[i];
		size_t rdata_len;

		if (strcasecmp(r->name, name))
			continue;
		if (!r->value)
			return 0;
		is_known = 1;
		if (r->type != type)
			continue;
		memcpy(m + out, (uint8_t[]){0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60}, 10);
		rdata_len = dns_rdata(r, m + out + 12);
		m[out + 10] = 0;
		m[out + 11] = (uint8_t)rdata_len;
		out += 12 + rdata_len;
		n_answers++;
	}
	m[2] = 0x81;
	m[3] = is_known ? 0x80 : 0x83;
	memcpy(m + 4, (uint8_t[]){0, 1, 0, (uint8_t)n_answers, 0, 0, 0, 0}, 8);
	return out;
}

static inline void *dns_serve(void *ctx)
{
	struct dns_responder *d = ctx;
	struct pollfd p[2] = {{.fd = d->fd, .events = POLLIN},
			      {.fd = d->stop_fd, .events = POLLIN}};

	while (poll(p, 2, 30000) > 0 && !p[1].revents) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		uint8_t m[4096];
		ssize_t len = recvfrom(d->fd, m, 512, 0, (struct sockaddr *)&from, &from_len);
		size_t n = len > 12 ? dns_answer(d, m, (size_t)len) : 0;

		if (n)
			(void)!sendto(d->fd, m, n, 0, (struct sockaddr *)&from, from_len);
	}
	return NULL;
}

static inline void dns_start(struct dns_responder *d, const struct dns_row *rows, size_t n_rows)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int rc;

	memset(d, 0, sizeof(*d));
	d->rows = rows;
	d->n_rows = n_rows;
	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	rc = bind(d->fd, (struct sockaddr *)&a, sizeof(a));
	assert(rc == 0);
	rc = getsockname(d->fd, (struct sockaddr *)&a, &len);
	assert(rc == 0);
	(void)snprintf(d->servers, sizeof(d->servers), "127.0.0.1:%u", ntohs(a.sin_port));
	rc = pthread_create(&d->thread, NULL, dns_serve, d);
	assert(rc == 0);
}

/** After this the questions may be read. */
static inline void dns_stop(struct dns_responder *d)
{
	uint64_t one = 1;

	(void)!write(d->stop_fd, &one, sizeof(one));
	pthread_join(d->thread, NULL);
	close(d->fd);
	close(d->stop_fd);
}
