/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Databases and stores: handshake of MySQL and MariaDB, errors of PostgreSQL, answers of Redis,
 * memcached, MongoDB and ZooKeeper.
 * Sources: MariaDB "Connection" protocol pages (initial handshake, ERR packet), PostgreSQL manual
 * 55.8 (error fields), Redis serialisation protocol and INFO, memcached protocol.txt, MongoDB wire
 * protocol (OP_MSG) and bsonspec.org, ZooKeeper administrator's guide (four-letter words).
 */
#include "detect/app.h"

#include <ctype.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 16384 };
static const struct bytes nothing;

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

/* --- MySQL and MariaDB ---------------------------------------------------------------- */

enum { MYSQL_V10 = 10, MYSQL_ERR = 255, MYSQL_SALT_AT = 4, MYSQL_MIN = 20 };

/** Who speaks MySQL's protocol says whose version it stands in for, then its own name. */
static const struct mysql_kin {
	const char *name; /* behind "-" or "(" */
	const char *product, *cpe;
} mysql_kins[] = {
	{"TiDB-v", "TiDB", "a:pingcap:tidb"},
	{"Vitess", "Vitess", NULL},
	{"dolt", "Dolt", NULL},
	{"OceanBase_CE-v", "OceanBase", NULL},
	{"OceanBase-v", "OceanBase", NULL},
	{"StarRocks-", "StarRocks", NULL},
	{"ProxySQL", "ProxySQL", "a:proxysql:proxysql"},
	{"ClickHouse", "ClickHouse", "a:clickhouse:clickhouse"},
	{"MaxScale", "MariaDB MaxScale", "a:mariadb:maxscale"},
	{"Sphinx ", "Sphinx Search SphinxQL", "a:sphinx:sphinx_search"},
};

/** A name that ends there, or has its own version behind it. */
static bool mysql_kin(struct app_facts *f, struct bytes text)
{
	for (size_t i = 0; i < ARRAY_LEN(mysql_kins); i++) {
		const struct mysql_kin *k = &mysql_kins[i];
		struct bytes at;
		if (!app_find(text, k->name, &at) || at.p == text.p || !strchr("-(", at.p[-1]))
			continue;
		struct bytes rest = app_skip(at, strlen(k->name)), v = app_version(rest);
		if (!v.len && rest.len && rest.p[0] != ')')
			continue;
		app_puts(f, APP_PRODUCT, k->product);
		app_put(f, APP_VERSION, v);
		if (k->cpe)
			app_cpe(f, k->cpe, v);
		return true;
	}
	return false;
}

/** "6.3.6 593045427@231127 dev (columnar 2.2.5)": the revision and its date. */
static bool mysql_manticore(struct app_facts *f, struct bytes text)
{
	struct bytes v = app_version(text), revision = app_until(app_skip(text, v.len + 1), "@ ");
	struct bytes date = app_skip(text, v.len + 1 + revision.len + 1);

	for (size_t i = 0; i < revision.len; i++)
		if (!isxdigit(revision.p[i]))
			return false;
	if (revision.len < 7 || revision.p[revision.len] != '@' || date.len < 6 ||
	    !isdigit(date.p[0]) || !isdigit(date.p[5]))
		return false;
	app_puts(f, APP_PRODUCT, "Manticore Search");
	app_put(f, APP_VERSION, v);
	return true;
}

/** What builds of MySQL itself and of Percona put behind the version, "-" between: numbers of
 * packages, and these words. */
static bool is_mysql_build(struct bytes suffix)
{
	static const char *const words[] = {
		"log",    "debug",  "community", "commercial", "enterprise", "standard", "nt",
		"max",    "pro",    "gpl",       "classic",    "advanced",   "cluster",  "ndb",
		"beta",   "alpha",  "rc",        "dmr",        "percona",    "rds",      "google",
		"azure",  "debian", "ubuntu",    "cll",        "lve",        "valgrind", "wsrep",
		"tokudb", "aurora", "innovation"};

	while (suffix.len) {
		struct bytes word = app_until(suffix, "-");
		bool is_known = word.len && isdigit(word.p[0]) && !memchr(word.p, ' ', word.len);
		for (size_t i = 0; i < ARRAY_LEN(words) && !is_known; i++)
			is_known = app_equals(word, words[i]);
		if (!is_known)
			return false;
		suffix = app_skip(suffix, word.len + 1);
	}
	return true;
}

static void mysql_program(struct app_facts *f, struct bytes text, struct bytes v)
{
	struct bytes at, suffix = app_skip(text, v.len + 1);
	bool is_maria = app_find(text, "-MariaDB", &at) && (at.len == 8 || !isalnum(at.p[8]));
	bool is_bare = v.len == text.len || text.p[v.len] == '-';

	if (!is_maria && (!is_bare || !is_mysql_build(suffix))) {
		f->is_exact = text.p[0] > '2'; /* before, patterns know Sphinx */
		(void)(mysql_kin(f, text) || mysql_manticore(f, text));
		return;
	}
	app_puts(f, APP_PRODUCT, is_maria ? "MariaDB" : "MySQL");
	app_put(f, APP_VERSION, v);
	app_cpe(f, is_maria ? "a:mariadb:mariadb" : "a:mysql:mysql", v);
	if (app_find(text, "+deb", &at) || app_find(text, "ubuntu", &at))
		app_os_of(f, app_text("Linux"));
}

/** "8.0.36", "5.5.5-10.11.19-MariaDB-0+deb12u1", "5.7.44-log". */
static bool mysql_version(struct app_facts *f, struct bytes text)
{
	struct bytes at, v = text;

	if (!app_version(text).len || !app_find(text, ".", &at))
		return false;
	/* what MariaDB sends before its own version, so that old replicas accept it */
	if (app_find(text, "-MariaDB", &at) && app_starts(text, "5.5.5-"))
		v = app_skip(text, 6);
	mysql_program(f, v, app_until(app_version(v), "-"));
	return true;
}

/** Error before the handshake: number, perhaps "#" and state, message. */
static bool mysql_error(struct app_facts *f, struct bytes body)
{
	struct bytes text = app_skip(body, 3), at;

	if (body.len < 8 || le16(body.p + 1) < 1000 || le16(body.p + 1) > 4999)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < 0x20)
			return false;
	bool is_maria = app_find(text, "MariaDB", &at), is_mysql = app_find(text, "MySQL", &at);
	if (is_maria || is_mysql)
		app_puts(f, APP_PRODUCT, is_maria ? "MariaDB" : "MySQL");
	if (app_find(text, "is not allowed to connect", &at))
		app_puts(f, APP_EXTRAINFO, "unauthorized");
	return true;
}

static int mysql_parse(struct bytes in, struct app_facts *ret)
{
	if (in.len < 5)
		return in.len > 2 && in.p[2] ? -E_SYNTAX : 0;
	size_t len = le16(in.p) | (size_t)in.p[2] << 16;
	struct bytes body = app_skip(in, 4);
	if (in.p[3] != 0 || len < 8 || len > 2048 ||
	    (body.p[0] != MYSQL_V10 && body.p[0] != MYSQL_ERR))
		return -E_SYNTAX;
	if (body.len < len)
		return 0;
	body.len = len;
	struct bytes version = app_skip(body, 1);
	const uint8_t *end = memchr(version.p, 0, MIN(version.len, 64));
	bool is;
	if (body.p[0] == MYSQL_ERR) {
		is = mysql_error(ret, body);
	} else {
		version.len = end ? (size_t)(end - version.p) : 0;
		is = version.len && len > version.len + MYSQL_MIN && mysql_version(ret, version);
	}
	ret->service = "mysql";
	return is ? (int)len + 4 : -E_SYNTAX;
}

/* --- PostgreSQL ------------------------------------------------------------------------ */

/** Refusals of programs that stand in for the database; they tell no place in a source file. */
static const struct {
	const char *message, *product, *cpe;
} poolers[] = {
	{"no username supplied", "PgBouncer", "a:pgbouncer:pgbouncer"},
	{"client sent partial pkt in startup phase", "PgBouncer", "a:pgbouncer:pgbouncer"},
};

/** @param has_place the error names a file in C, as PostgreSQL's own always do (manual, 55.8);
 * those who stand in for it are written in other languages. */
static void pgsql_program(struct app_facts *f, struct bytes message, bool has_place)
{
	for (size_t i = 0; i < ARRAY_LEN(poolers); i++)
		if (!has_place && app_equals(message, poolers[i].message)) {
			app_puts(f, APP_PRODUCT, poolers[i].product);
			app_cpe(f, poolers[i].cpe, nothing);
		}
	if (!has_place)
		return;
	app_puts(f, APP_PRODUCT, "PostgreSQL DB");
	app_cpe(f, "a:postgresql:postgresql", nothing);
}

struct pgsql_error {
	bool has_severity, has_code, has_nonlocal, has_place;
	struct bytes message;
};

/** Fields of a letter and a text with NUL. @return whether they are whole. */
static bool pgsql_fields(struct cursor c, struct pgsql_error *ret)
{
	for (uint8_t kind; (kind = cursor_u8(&c));) {
		const uint8_t *nul = memchr(c.p + c.pos, 0, cursor_left(&c));
		if (!isalpha(kind) || !nul)
			return false;
		size_t n = (size_t)(nul - (c.p + c.pos));
		ret->has_severity |= kind == 'S' && n > 3;
		ret->has_nonlocal |= kind == 'V';
		ret->has_code |= kind == 'C' && n == 5;
		if (kind == 'F')
			ret->has_place = n > 2 && memcmp(nul - 2, ".c", 2) == 0;
		if (kind == 'M')
			ret->message = (struct bytes){c.p + c.pos, n};
		cursor_skip(&c, n + 1);
	}
	return !c.failed;
}

/** 'E', length, fields: severity and code must be there. */
static int pgsql_parse(struct bytes in, struct app_facts *ret)
{
	struct pgsql_error e = {0};
	int is = app_magic(in, "E\0\0", 3);

	if (is <= 0)
		return is;
	if (in.len < 5)
		return 0;
	uint32_t len = get_be32(in.p + 1);
	if (len < 8 || len > 2048)
		return -E_SYNTAX;
	if (in.len < len + 1)
		return 0;
	if (!pgsql_fields(cursor_of(in.p + 5, len - 4), &e) || !e.has_severity || !e.has_code)
		return -E_SYNTAX;
	ret->service = "postgresql";
	pgsql_program(ret, e.message, e.has_place);
	/* manual, 55.8: field V came with 9.6 */
	if (e.has_nonlocal && e.has_place)
		app_puts(ret, APP_EXTRAINFO, "9.6.0 or later");
	return (int)len + 1;
}

/* --- Redis, memcached, ZooKeeper ----------------------------------------------------------- */

/** KeyDB, Valkey, Dragonfly and others say the same as Redis, to the letter: only an error that
 * names its program does. POP3 says "-ERR unknown command" too, with nothing behind. */
static const struct redis_error {
	const char *text;
	const char *product, *extrainfo, *cpe;
} redis_errors[] = {
	{"-NOAUTH Authentication required.", NULL, "authentication required", NULL},
	{"-DENIED Redis is running in protected mode", "Redis key-value store", "protected mode",
	 "a:redislabs:redis"},
	{"-DENIED KeyDB is running in protected mode", "KeyDB key-value store", "protected mode",
	 "a:snapchat:keydb"},
	{"-DENIED Running in protected mode ", NULL, "protected mode", NULL},
	{"-ERR unknown command '", NULL, NULL, NULL},
	{"-ERR unknown command `", NULL, NULL, NULL},
	{"-ERR wrong number of arguments for '", NULL, NULL, NULL},
	{"-ERR operation not permitted", NULL, NULL, NULL},
};

/** Who says more of itself than the version of Redis that it can stand in for. */
static const struct redis_kind {
	const char *key, *product, *cpe;
} redis_kinds[] = {
	{"\nvalkey_version:", "Valkey key-value store", "a:lfprojects:valkey"},
	{"\ndragonfly_version:", "Dragonfly key-value store", "a:dragonflydb:dragonfly"},
	{"\ngarnet_version:", "Garnet cache-store", "a:microsoft:garnet"},
	{"\nkvrocks_version:", "Apache Kvrocks", "a:apache:kvrocks"},
	{"\nredis_version:", "Redis key-value store", "a:redislabs:redis"},
};

/** Dragonfly says "df-v1.2.3". */
static struct bytes version_in(struct bytes text)
{
	size_t i = 0;

	while (i < text.len && !isdigit(text.p[i]))
		i++;
	return app_version(app_skip(text, i));
}

/** Lines "name:value" of INFO. */
static void redis_info(struct app_facts *f, struct bytes in)
{
	struct bytes os = app_between(in, "\nos:", "\r\n"), v;
	struct bytes mode = app_between(in, "\nredis_mode:", "\r\n");
	struct bytes file = app_between(in, "\nexecutable:", "\r\n");
	bool is_keydb = app_find(file, "keydb-server", &v); /* gives its own as redis_version */

	for (size_t i = 0; i < ARRAY_LEN(redis_kinds) && !f->field[APP_PRODUCT][0]; i++) {
		const struct redis_kind *k = &redis_kinds[i];
		v = app_between(in, k->key, "\r\n");
		if (!v.len)
			continue;
		v = version_in(v);
		if (!v.len)
			continue;
		app_puts(f, APP_PRODUCT, is_keydb ? "KeyDB key-value store" : k->product);
		app_put(f, APP_VERSION, v);
		app_cpe(f, is_keydb ? "a:snapchat:keydb" : k->cpe, v);
	}
	app_os_of(f, app_until(os, " "));
	if (mode.len && !app_equals(mode, "standalone"))
		app_addf(f, APP_EXTRAINFO, "%.*s", (int)MIN(mode.len, 20), mode.p);
}

/** @return whether the line is an error of the protocol. */
static bool redis_refusal(struct app_facts *f, struct bytes line)
{
	const struct redis_error *e = NULL;

	for (size_t i = 0; i < ARRAY_LEN(redis_errors) && !e; i++)
		if (app_starts(line, redis_errors[i].text))
			e = &redis_errors[i];
	if (!e)
		return false;
	f->service = "redis";
	app_puts(f, APP_PRODUCT, e->product ?: "");
	app_puts(f, APP_EXTRAINFO, e->extrainfo ?: "");
	if (e->cpe)
		app_cpe(f, e->cpe, nothing);
	return true;
}

/** The number of "$LENGTH". */
static size_t bulk_len(struct bytes line)
{
	size_t n = 0;

	for (size_t i = 1; i < line.len && i < 7 && isdigit(line.p[i]); i++)
		n = n * 10 + (size_t)(line.p[i] - '0');
	return n;
}

static int redis_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, line, at;

	if (in.len && in.p[0] != '$' && in.p[0] != '-')
		return -E_SYNTAX;
	if (!app_line(&left, &line))
		return in.len < 512 ? 0 : -E_SYNTAX;
	if (in.p[0] == '$' && app_find(left, "redis_version:", &at)) {
		ret->service = "redis";
		redis_info(ret, left);
		return left.len >= bulk_len(line) || in.len > TEXT_BYTES_MAX ? (int)in.len : 0;
	}
	if (redis_refusal(ret, line))
		return (int)(in.len - left.len);
	return in.p[0] == '$' && left.len < 64 ? 0 : -E_SYNTAX;
}

static int memcached_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, line;
	int is = app_magic(in, "VERSION ", 8);

	if (is <= 0)
		return is;
	if (!app_line(&left, &line))
		return in.len < 128 ? 0 : -E_SYNTAX;
	struct bytes v = app_version(app_skip(line, 8));
	if (!v.len)
		return -E_SYNTAX;
	ret->service = "memcached";
	/* "1.6.18-beta1", "1.4.25 Ubuntu"; what says more is something else */
	struct bytes build = app_skip(v, app_until(v, "-").len + 1),
		     rest = app_skip(line, 8 + v.len);
	if ((build.len && !isdigit(build.p[build.len - 1])) ||
	    (rest.len && !app_equals(app_trim(rest), "Ubuntu")))
		return (int)(in.len - left.len);
	app_puts(ret, APP_PRODUCT, "Memcached");
	app_put(ret, APP_VERSION, v);
	app_cpe(ret, "a:memcached:memcached", v);
	return (int)(in.len - left.len);
}

/** protocol.txt, "UDP protocol": request id, sequence, number of datagrams, reserved. */
static int memcached_datagram(struct bytes in, struct app_facts *ret)
{
	if (in.len < 8 || get_be16(in.p + 2) || get_be16(in.p + 4) != 1 || get_be16(in.p + 6))
		return -E_SYNTAX;
	int n = memcached_parse(app_skip(in, 8), ret);
	return n > 0 ? n + 8 : n;
}

static int zookeeper_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, line;
	int is = app_magic(in, "Zookeeper version: ", 19);

	if (is <= 0)
		return is;
	if (!app_line(&left, &line))
		return in.len < 512 ? 0 : -E_SYNTAX;
	struct bytes v = app_until(app_skip(line, 19), "-, ");
	ret->service = "zookeeper";
	app_puts(ret, APP_PRODUCT, "Zookeeper");
	app_put(ret, APP_VERSION, app_version(v));
	app_cpe(ret, "a:apache:zookeeper", app_version(v));
	return (int)(in.len - left.len);
}

/* --- MongoDB -------------------------------------------------------------------------------- */

enum { OP_MSG = 2013, BSON_STRING = 2, MONGO_DOC_AT = 21, ELEMENTS_MAX = 64 };

/** Bytes of an element's value; SIZE_MAX: of a type that is not known. @param c behind the name;
 * moved over a length. */
static size_t bson_size(struct cursor *c, uint8_t type)
{
	static const struct {
		uint8_t type;
		uint8_t n;
	} sizes[] = {{1, 8}, {7, 12}, {8, 1}, {9, 8}, {10, 0}, {16, 4}, {17, 8}, {18, 8}, {19, 16}};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (sizes[i].type == type)
			return sizes[i].n;
	const uint8_t *len = type >= 2 && type <= 5 ? cursor_take(c, 4) : NULL;
	if (!len)
		return SIZE_MAX;
	/* documents count their length field, texts do not, binaries have a kind */
	if (type == 3 || type == 4)
		return le32(len) >= 4 ? le32(len) - 4 : SIZE_MAX;
	return (size_t)le32(len) + (type == 5);
}

/** The value of the string element @p want on the first level. */
static struct bytes bson_string(struct bytes doc, const char *want)
{
	struct cursor c = cursor_of(doc.p, doc.len);

	cursor_skip(&c, 4);
	for (int i = 0; i < ELEMENTS_MAX; i++) {
		uint8_t type = cursor_u8(&c);
		const uint8_t *name = c.p + c.pos;
		size_t left = type ? cursor_left(&c) : 0;
		const uint8_t *nul = left ? memchr(name, 0, left) : NULL;
		if (!nul)
			break;
		cursor_skip(&c, (size_t)(nul - name) + 1);
		size_t n = bson_size(&c, type);
		const uint8_t *value = cursor_take(&c, n);
		if (!value)
			break;
		if (type == BSON_STRING && n && app_equals(app_text((const char *)name), want))
			return (struct bytes){value, n - 1};
	}
	return (struct bytes){doc.p, 0};
}

static int mongo_parse(struct bytes in, struct app_facts *ret)
{
	if (in.len < 16)
		return in.len >= 4 && (le32(in.p) < 26 || le32(in.p) > 65536) ? -E_SYNTAX : 0;
	uint32_t len = le32(in.p);
	if (le32(in.p + 12) != OP_MSG || len < 26 || len > 65536)
		return -E_SYNTAX;
	if (in.len < len)
		return 0;
	/* flags, kind 0: one document follows */
	struct bytes doc = {in.p + MONGO_DOC_AT, len - MONGO_DOC_AT};
	if (in.p[20] != 0 || le32(doc.p) > doc.len)
		return -E_SYNTAX;
	struct bytes v = app_version(bson_string(doc, "version"));
	ret->service = "mongodb";
	app_puts(ret, APP_PRODUCT, "MongoDB");
	app_put(ret, APP_VERSION, v);
	app_cpe(ret, "a:mongodb:mongodb", v);
	return (int)len;
}

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}

/* a startup packet of version 3 that ends too early: refused with an error, nobody is named */
static const struct app_hello pgsql_hellos[] = {
	{TEXT("\0\0\0\x0c\0\3\0\0user"), APP_TCP, {5432, 5433}, NULL, NULL},
};
static const struct app_hello redis_hellos[] = {
	{TEXT("INFO\r\n"), APP_TCP, {6379, 6380}, "redis", NULL},

};
static const struct app_hello memcached_hellos[] = {
	{TEXT("version\r\n"), APP_TCP, {11211}, "memcached memcache", NULL},

};
static const struct app_hello memcached_udp_hellos[] = {
	{TEXT("\x70\x72\0\0\0\1\0\0version\r\n"), APP_UDP, {11211}, "memcached memcache", NULL},

};
static const struct app_hello zookeeper_hellos[] = {
	{TEXT("srvr"), APP_TCP, {2181, 2182}, "zookeeper", NULL},

};
/* OP_MSG {buildInfo: 1, $db: "admin"} */
#define MONGO_BUILDINFO                                                                            \
	TEXT("\x38\0\0\0\x70\x72\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x23\0\0\0\x10"                    \
	     "buildInfo\0\1\0\0\0\2$db\0\6\0\0\0admin\0\0")
static const struct app_hello mongo_hellos[] = {
	{MONGO_BUILDINFO, APP_TCP, {27017, 27018, 27019}, "mongodb mongod", NULL},

};

#define ROW(id, n, h, p, hs, f)                                                                    \
	const struct app_ops id = {.name = n,                                                      \
				   .help = h,                                                      \
				   .protos = p,                                                    \
				   .hellos = hs,                                                   \
				   .n_hellos = ARRAY_LEN(hs),                                      \
				   .parse = f}

const struct app_ops app_mysql = {.name = "mysql",
				  .help = "MySQL and MariaDB handshake",
				  .protos = APP_TCP,
				  .parse = mysql_parse};
ROW(app_pgsql, "postgresql", "PostgreSQL errors", APP_TCP, pgsql_hellos, pgsql_parse);
ROW(app_redis, "redis", "Redis INFO and errors", APP_TCP, redis_hellos, redis_parse);
ROW(app_memcached, "memcached", "memcached version", APP_TCP, memcached_hellos, memcached_parse);
ROW(app_memcached_udp, "memcached-udp", "memcached version in a datagram", APP_UDP,
    memcached_udp_hellos, memcached_datagram);
ROW(app_zookeeper, "zookeeper", "ZooKeeper's four-letter answers", APP_TCP, zookeeper_hellos,
    zookeeper_parse);
ROW(app_mongo, "mongodb", "MongoDB buildInfo", APP_TCP, mongo_hellos, mongo_parse);
