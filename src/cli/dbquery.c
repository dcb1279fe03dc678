/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prtip db query: ports of stored scans, filtered by KEY=VALUE. One fixed statement reads them,
 * with the name of the host and the service beside; the filters are applied here, where networks
 * and port lists have a meaning.
 */
#include "cli/db_int.h"
#include "out/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct filter {
	int64_t scan; /* 0: all */
	const char *state, *service, *proto, *name;
	struct addr net;
	uint32_t prefix_len;
	bool has_net, has_ports;
	struct port_bits ports;
};

enum {
	COL_SCAN,
	COL_ADDR,
	COL_PORT,
	COL_PROTO,
	COL_STATE,
	COL_REASON,
	COL_HOST,
	COL_TYPED,
	COL_NAME,
	COL_PRODUCT,
	COL_VERSION
};

/** What stands of several results of one port: open, else the last. */
static const char select_ports[] =
	"SELECT p.scan,p.address,p.port,p.protocol,p.state,p.reason,h.name,h.target_name,"
	"s.name,s.product,s.version,max((p.state='open')*4611686018427387904+p.seq) "
	"FROM ports p LEFT JOIN hosts h ON h.scan=p.scan AND h.host=p.host "
	"LEFT JOIN services s ON s.scan=p.scan AND s.host=p.host AND s.port=p.port AND "
	"s.protocol=p.protocol WHERE ?1=0 OR p.scan=?1 "
	"GROUP BY p.scan,p.host,p.protocol,p.port ORDER BY p.scan,p.host,p.protocol,p.port";

/* --- filters ------------------------------------------------------------------------------- */

static int want(const char *word, const char *what)
{
	say_error("db query: \"%s\": want %s", word, what);
	return EXIT_USAGE;
}

/** An address, a network, or else a host name. */
static int read_host(struct filter *f, const char *value)
{
	const char *slash = strchr(value, '/');
	size_t len = slash ? (size_t)(slash - value) : strlen(value);
	uint32_t bits = 0;

	if (addr_parse(value, len, &f->net) < 0) {
		f->name = value;
		return slash ? want(value, "an address, a network such as 10.0.0.0/8 or a name")
			     : 0;
	}
	f->has_net = true;
	f->prefix_len = f->net.family == ADDR_V4 ? 32 : 128;
	for (const char *c = slash ? slash + 1 : ""; *c; c++) {
		bits = bits * 10 + (uint32_t)(*c - '0');
		if (*c < '0' || *c > '9' || bits > f->prefix_len)
			return want(value, "a prefix length that the address has");
	}
	if (slash)
		f->prefix_len = slash[1] ? bits : f->prefix_len;
	return 0;
}

static int read_ports(struct filter *f, const char *value)
{
	f->has_ports = true;
	return port_bits_parse(value, &f->ports) ? 0 : want(value, "ports such as 22,80-90");
}

static int read_state(struct filter *f, const char *value)
{
	f->state = strcmp(value, "all") == 0 ? NULL : value;
	for (uint32_t s = PORT_OPEN; f->state && s < PORT_STATE_N; s++)
		if (strcmp(port_state_name((enum port_state)s), value) == 0)
			return 0;
	return f->state ? want(value, "open, closed, filtered, unfiltered, open|filtered or all")
			: 0;
}

static int read_service(struct filter *f, const char *value)
{
	f->service = value;
	return 0;
}

static int read_proto(struct filter *f, const char *value)
{
	f->proto = value;
	for (uint32_t p = 0; p < PORT_PROTO_N; p++)
		if (strcmp(proto_name(port_proto_number((enum port_proto)p)), value) == 0)
			return 0;
	return want(value, "tcp, udp or sctp");
}

static const struct {
	const char *key;
	int (*read)(struct filter *f, const char *value);
} filters[] = {{"host", read_host},
	       {"port", read_ports},
	       {"state", read_state},
	       {"service", read_service},
	       {"protocol", read_proto}};

static int read_filter(struct dbcmd *d, struct filter *f, const char *word)
{
	size_t len = strcspn(word, "=");

	if (word[len] && len == 4 && memcmp(word, "scan", 4) == 0)
		return dbscan_find(d, word + 5, 0, &f->scan);
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		if (word[len] && strlen(filters[i].key) == len &&
		    memcmp(filters[i].key, word, len) == 0)
			return filters[i].read(f, word + len + 1);
	return want(word, "host=, port=, protocol=, state=, service= or scan=");
}

static bool is_in_net(const struct filter *f, const char *text)
{
	struct addr a;

	if (!dbread_addr(text, &a) || a.family != f->net.family)
		return false;
	uint32_t rest = (a.family == ADDR_V4 ? 32 : 128) - f->prefix_len;
	if (rest >= 128)
		return true;
	return addr_to_u128(&a) >> rest == addr_to_u128(&f->net) >> rest;
}

static bool has_text(sqlite3_stmt *s, int col, const char *text)
{
	const unsigned char *have = sqlite3_column_text(s, col);

	return have && strcasecmp((const char *)have, text) == 0;
}

static bool contains(sqlite3_stmt *s, int col, const char *text)
{
	const unsigned char *have = sqlite3_column_text(s, col);

	return have && strcasestr((const char *)have, text);
}

static bool is_wanted(const struct filter *f, sqlite3_stmt *s)
{
	const char *addr = (const char *)sqlite3_column_text(s, COL_ADDR);

	if (f->state && !has_text(s, COL_STATE, f->state))
		return false;
	if (f->proto && !has_text(s, COL_PROTO, f->proto))
		return false;
	if (f->has_ports && !port_bits_has(&f->ports, (uint16_t)sqlite3_column_int(s, COL_PORT)))
		return false;
	if (f->has_net && (!addr || !is_in_net(f, addr)))
		return false;
	if (f->name && !has_text(s, COL_HOST, f->name) && !has_text(s, COL_TYPED, f->name))
		return false;
	return !f->service || contains(s, COL_NAME, f->service) ||
	       contains(s, COL_PRODUCT, f->service);
}

/* --- rows ---------------------------------------------------------------------------------- */

static void put_json(struct buf *b, sqlite3_stmt *s)
{
	static const struct {
		const char *name;
		int col;
	} texts[] = {{"protocol", COL_PROTO}, {"state", COL_STATE}, {"reason", COL_REASON},
		     {"hostname", COL_HOST},  {"name", COL_NAME},   {"product", COL_PRODUCT},
		     {"version", COL_VERSION}};

	buf_printf(b, "{\"schema\":1,\"type\":\"stored_port\",\"scan\":%lld,\"address\":",
		   (long long)sqlite3_column_int64(s, COL_SCAN));
	text_put_json(b, (const char *)sqlite3_column_text(s, COL_ADDR));
	buf_printf(b, ",\"port\":%d", sqlite3_column_int(s, COL_PORT));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_printf(b, ",\"%s\":", texts[i].name);
		text_put_json(b, (const char *)sqlite3_column_text(s, texts[i].col));
	}
	buf_puts(b, "}\n");
}

static void put_text(struct buf *b, sqlite3_stmt *s)
{
	char port[24];

	snprintf(port, sizeof(port), "%d/%.8s", sqlite3_column_int(s, COL_PORT),
		 (const char *)sqlite3_column_text(s, COL_PROTO));
	buf_printf(b, "%4lld  %-39s %-10s ", (long long)sqlite3_column_int64(s, COL_SCAN),
		   (const char *)sqlite3_column_text(s, COL_ADDR), port);
	for (int col = COL_STATE; col <= COL_VERSION; col++) {
		const char *text = (const char *)sqlite3_column_text(s, col);
		if (col == COL_TYPED || !text)
			continue;
		buf_puts(b, col == COL_STATE ? "" : " ");
		text_put(b, text, TEXT_TERMINAL);
	}
	buf_putc(b, '\n');
}

int dbquery(struct dbcmd *d)
{
	struct filter f = {.state = "open"};
	sqlite3_stmt *s = NULL;
	int code = 0;

	for (uint32_t i = 0; i < d->n_words && !code; i++)
		code = read_filter(d, &f, d->words[i]);
	if (code)
		return code;
	int rc = sqlite3_prepare_v2(d->in.db, select_ports, -1, &s, NULL);
	(void)sqlite3_bind_int64(s, 1, f.scan);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		if (is_wanted(&f, s))
			(d->wants_json ? put_json : put_text)(&d->out, s);
		dbcmd_spill(d);
	}
	int last = sqlite3_finalize(s);
	if (rc != SQLITE_OK || last != SQLITE_OK)
		return dbcmd_fail(d, dbfile_error(d->in.db, rc ? rc : last, d->in.why));
	return dbcmd_flush(d, EXIT_DONE);
}
