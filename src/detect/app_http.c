/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers of HTTP, and of RTSP and SIP, which have its form: status line, headers, and of HTTP the
 * start of the body. The product comes from Server, from headers that only one program writes, and
 * from words of known pages; each is a row. Without any, the realm or the title is told.
 * Sources: RFC 9112, RFC 9110 (10.2.4, 11.6.1), RFC 2326, RFC 3261.
 */
#include "detect/app.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_MAX = 100, HEAD_BYTES_MAX = 16384, BODY_BYTES_MAX = 32768, TITLE_SHOWN_MAX = 80 };

/** Views of the answer; len 0: absent. */
struct answer {
	uint32_t status;
	struct bytes server, powered_by, via, auth, user_agent;
	struct bytes head, body;
	int64_t body_len; /* as Content-Length says; -1: not said */
};

static const struct known_header {
	const char *name;
	size_t offset;
} known_headers[] = {
	{"Server", offsetof(struct answer, server)},
	{"X-Powered-By", offsetof(struct answer, powered_by)},
	{"Via", offsetof(struct answer, via)},
	{"WWW-Authenticate", offsetof(struct answer, auth)},
	{"User-Agent", offsetof(struct answer, user_agent)},
};

static int64_t number_of(struct bytes text)
{
	int64_t v = 0;

	for (size_t i = 0; i < text.len && i < 12; i++) {
		if (!isdigit(text.p[i]))
			return -1;
		v = v * 10 + text.p[i] - '0';
	}
	return text.len ? v : -1;
}

static void keep_header(struct answer *a, struct bytes name, struct bytes value)
{
	for (size_t i = 0; i < ARRAY_LEN(known_headers); i++) {
		struct bytes *to = (void *)((char *)a + known_headers[i].offset);
		if (app_equals(name, known_headers[i].name) && !to->len)
			*to = value;
	}
	if (app_equals(name, "Content-Length"))
		a->body_len = number_of(value);
}

/** "HTTP/1.1 200 OK": @p start is "HTTP/1.". @return 1, 0 (more is needed), -E_SYNTAX. */
static int read_status(struct bytes *left, const char *start, struct answer *a)
{
	struct bytes line;
	int is = app_magic(*left, start, strlen(start));

	if (is <= 0)
		return is;
	if (!app_line(left, &line))
		return left->len < HEAD_BYTES_MAX ? 0 : -E_SYNTAX;
	struct bytes rest = app_skip(line, app_until(line, " ").len + 1);
	int64_t status = number_of(app_until(rest, " "));
	if (status < 100 || status > 999)
		return -E_SYNTAX;
	a->status = (uint32_t)status;
	return 1;
}

/** @return 1 with the body behind the empty line, 0 when that has not come yet. */
static int read_head(struct bytes in, const char *start, struct answer *a)
{
	struct bytes left = in, line;
	int is = read_status(&left, start, a);

	a->body_len = -1;
	a->head = left;
	for (uint32_t i = 0; is > 0; i++) {
		if (i == HEADERS_MAX || !app_line(&left, &line)) {
			a->body = (struct bytes){left.p, 0};
			return 0;
		}
		if (!line.len)
			break;
		struct bytes name = app_until(line, ":");
		if (name.len < line.len)
			keep_header(a, name, app_trim(app_skip(line, name.len + 1)));
	}
	a->head.len = (size_t)(left.p - a->head.p);
	a->body = left;
	return is;
}

/* --- programs known by other marks ------------------------------------------------ */

/** Where a mark stands. A title has nothing behind it but a version: pages tell of programs too. */
enum place { IN_HEAD, IN_TITLE, IN_BODY };

/** A mark is matched ignoring case. */
static const struct mark {
	enum place place;
	const char *text;
	const char *also; /* must be in the body too; NULL */
	const char *product, *cpe;
	const char *version_behind; /* in the same place; NULL: it has none */
	const char *service;
} marks[] = {
	{IN_HEAD, "\nX-Jenkins: ", NULL, "Jenkins", "a:jenkins:jenkins", "\nX-Jenkins: ", NULL},
	{IN_HEAD, "\nX-Influxdb-Version: ", NULL, "InfluxDB http admin", "a:influxdata:influxdb",
	 "\nX-Influxdb-Version: ", NULL},
	{IN_HEAD, "\nDocker-Distribution-Api-Version: ", NULL, "Docker Registry",
	 "a:redhat:docker-registry", NULL, NULL},
	/* it alone gives back the Host that it was asked for */
	{IN_HEAD, "\nHost: 127.0.0.1\r\n", NULL, "PHP cli server", "a:php:php",
	 "\nX-Powered-By: PHP/", NULL},
	{IN_TITLE, " - CUPS ", NULL, "CUPS", "a:apple:cups", " - CUPS ", "ipp"},
	{IN_HEAD, "\nX-Transmission-Session-Id: ", NULL, "Transmission BitTorrent management httpd",
	 NULL, NULL, NULL},
	{IN_HEAD, "\nX-Syncthing-Version: ", NULL, "Syncthing", "a:syncthing:syncthing",
	 "\nX-Syncthing-Version: ", NULL},
	{IN_HEAD, "\nX-ClickHouse-", NULL, "ClickHouse", "a:clickhouse:clickhouse", NULL, NULL},
	{IN_HEAD, "\nX-Kubernetes-Pf-", NULL, "Kubernetes API server", "a:kubernetes:kubernetes",
	 NULL, NULL},
	{IN_HEAD, "\nX-Plex-Protocol: ", NULL, "Plex Media Server httpd", NULL, NULL, NULL},
	{IN_HEAD, "\nkbn-name: ", NULL, "Kibana", "a:elastic:kibana", NULL, NULL},
	{IN_HEAD, "\nX-Nomad-Index: ", NULL, "HashiCorp Nomad", NULL, NULL, NULL},
	{IN_HEAD, "\nX-Consul-", NULL, "HashiCorp Consul", NULL, NULL, NULL},
	{IN_BODY, "\"You Know, for Search\"", "\"lucene_version\"", "Elasticsearch REST API",
	 "a:elastic:elasticsearch", "\"number\"", NULL},
	{IN_BODY, "\"The OpenSearch Project: ", NULL, "OpenSearch REST API", "a:amazon:opensearch",
	 "\"number\"", NULL},
	{IN_BODY, "\"etcdserver\":", "\"etcdcluster\":", "etcd", "a:etcd:etcd", "\"etcdserver\"",
	 NULL},
	{IN_BODY, "{\"couchdb\":\"Welcome\"", NULL, "CouchDB httpd", "a:apache:couchdb",
	 "\"version\"", NULL},
	{IN_BODY, "\"MinAPIVersion\":", "\"KernelVersion\":", "Docker Engine API",
	 "a:docker:docker", "\"Version\"", NULL},
	{IN_BODY, "\"server_id\":", "\"max_payload\":", "NATS server monitoring", "a:nats:nats",
	 "\"version\"", NULL},
	{IN_BODY, "\"goVersion\":", "\"status\":\"success\",\"data\":{\"version\"", "Prometheus",
	 "a:prometheus:prometheus", "\"version\"", NULL},
	{IN_BODY, "\"versionInfo\":", "\"cluster\":", "Prometheus Alertmanager", NULL,
	 "\"version\"", NULL},
	{IN_BODY, "\nprometheus_build_info{", NULL, "Prometheus", "a:prometheus:prometheus",
	 "\nprometheus_build_info{.*,version=", NULL},
	{IN_BODY, "\nalertmanager_build_info{", NULL, "Prometheus Alertmanager", NULL,
	 "\nalertmanager_build_info{.*,version=", NULL},
	{IN_BODY, "\nnode_exporter_build_info{", NULL, "Prometheus node exporter", NULL,
	 "\nnode_exporter_build_info{.*,version=", NULL},
	{IN_BODY, "\"name\":\"gitea\"", NULL, "Gitea", NULL, NULL, NULL},
	{IN_BODY, "\"buildInfo\":{", "grafana", "Grafana http", "a:grafana:grafana",
	 "\"buildInfo\":{.*\"version\":", NULL},
	{IN_BODY, "<h3>Apache Tomcat/", NULL, "Apache Tomcat", "a:apache:tomcat",
	 "<h3>Apache Tomcat/", NULL},
	{IN_TITLE, "Apache Tomcat/", NULL, "Apache Tomcat", "a:apache:tomcat", "Apache Tomcat/",
	 NULL},
	{IN_TITLE, "Prometheus Time Series Collection and Processing Server", NULL, "Prometheus",
	 "a:prometheus:prometheus", NULL, NULL},
	{IN_TITLE, "Alertmanager", NULL, "Prometheus Alertmanager", NULL, NULL, NULL},
	{IN_TITLE, "Node Exporter", NULL, "Prometheus node exporter", NULL, NULL, NULL},
	{IN_TITLE, "Consul by HashiCorp", NULL, "HashiCorp Consul", NULL, NULL, NULL},
	{IN_TITLE, " - CUPS ", NULL, "CUPS", "a:apple:cups", " - CUPS ", "ipp"},
	{IN_BODY, "https://nats.io/favicon.ico", NULL, "NATS server monitoring", "a:nats:nats",
	 NULL, NULL},
	{IN_BODY, "\nNo server is available to handle this request.\n</body>", NULL,
	 "HAProxy http proxy", "a:haproxy:haproxy", NULL, "http-proxy"},
	{IN_BODY,
	 "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid "
	 "request.\n</body></html>",
	 NULL, "HAProxy http proxy", "a:haproxy:haproxy", NULL, "http-proxy"},
	{IN_BODY, "Invalid header received from client.\n", NULL, "Privoxy http proxy",
	 "a:privoxy:privoxy", NULL, "http-proxy"},
	{IN_BODY, "<title>PowerDNS Authoritative Server Monitor<", NULL,
	 "PowerDNS Authoritative Server httpd", "a:powerdns:authoritative",
	 "id=\"appname\">PowerDNS ", NULL},
	{IN_TITLE, "Statistics Report for HAProxy", NULL, "HAProxy http proxy", "a:haproxy:haproxy",
	 "HAProxy version ", "http-proxy"},
};

/** A version behind @p behind; ".*" in it skips on to the next text in the same line. Quotes,
 * blanks and colons before the version are passed over. */
static struct bytes version_in(struct bytes in, const char *behind)
{
	char first[64];
	const char *gap = strstr(behind, ".*");
	size_t n = gap ? (size_t)(gap - behind) : strlen(behind);

	if (n >= sizeof(first))
		return (struct bytes){in.p, 0};
	memcpy(first, behind, n);
	first[n] = 0;
	if (!app_find(in, first, &in))
		return (struct bytes){in.p, 0};
	in = app_skip(in, n);
	if (gap) {
		in = app_until(in, "\n");
		if (!app_find(in, gap + 2, &in))
			return (struct bytes){in.p, 0};
		in = app_skip(in, strlen(gap + 2));
	}
	for (uint32_t i = 0; i < 6 && in.len && strchr("\": v=", in.p[0] ?: 'x'); i++)
		in = app_skip(in, 1);
	return app_version(in);
}

static struct bytes title_of(struct bytes body)
{
	struct bytes at;

	if (!app_find(body, "<title", &at))
		return (struct bytes){body.p, 0};
	at = app_skip(at, app_until(at, ">").len + 1);
	return app_trim(app_until(at, "<"));
}

/** "Apache Tomcat/9.0.70", "Home - CUPS 2.4.2"; not "Apache Tomcat/9.0.1 - migration guide". */
static bool title_fits(struct bytes title, const char *text)
{
	struct bytes at;

	if (!app_find(title, text, &at) || (at.p != title.p && text[0] != ' '))
		return false;
	at = app_skip(at, strlen(text));
	at = app_skip(at, at.len && at.p[0] == 'v');
	at = app_skip(at, app_version(at).len);
	return !at.len || app_starts(at, " - Error report") || app_starts(at, " (");
}

static bool mark_fits(const struct mark *m, const struct answer *a, struct bytes in)
{
	struct bytes at;

	if (m->also && !app_find(a->body, m->also, &at))
		return false;
	return m->place == IN_TITLE ? title_fits(in, m->text) : app_find(in, m->text, &at);
}

/** @return whether a mark named the program. */
static bool read_marks(const struct answer *a, struct app_facts *f)
{
	/* from the line end of the status line on, so that a header begins with \n */
	struct bytes head = {a->head.p - 1, a->head.len + 1}, title = title_of(a->body);
	const struct bytes places[] = {[IN_HEAD] = head, [IN_TITLE] = title, [IN_BODY] = a->body};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const struct mark *m = &marks[i];
		struct bytes in = places[m->place], v = {in.p, 0};
		if (!mark_fits(m, a, in))
			continue;
		if (m->version_behind)
			v = version_in(m->place == IN_TITLE ? a->body : in, m->version_behind);
		app_puts(f, APP_PRODUCT, m->product);
		app_put(f, APP_VERSION, v);
		if (m->cpe)
			app_cpe(f, m->cpe, v);
		if (m->service)
			f->service = m->service;
		return true;
	}
	return false;
}

/** "1.1 vegur", "1.1 varnish (Varnish/6.0)", "1.1 host (squid/5.7)": the program in parentheses,
 * unless the server names itself. */
static void read_via(struct bytes via, struct app_facts *f)
{
	struct bytes inside = app_between(via, "(", ")");
	const struct app_product *p = app_product_of(inside);

	bool is_proxy = p && p->service && strcmp(p->service, "http-proxy") == 0;
	if (is_proxy && !f->field[APP_PRODUCT][0])
		app_put_server(f, inside);
	else if (inside.len && !(is_proxy && strcmp(f->field[APP_PRODUCT], p->product) == 0))
		app_addf(f, APP_EXTRAINFO, "via %.*s", (int)MIN(inside.len, 60), inside.p);
}

/** What made the page serves it too where nothing else is named; not behind a proxy, which leaves
 * the server's own name out. */
static void read_powered_by(struct bytes text, bool is_proxied, struct app_facts *f)
{
	const struct app_product *p = app_product_of(text);

	if (!f->field[APP_PRODUCT][0] && !is_proxied && p && p->product[0])
		app_put_server(f, text);
	else if (strncasecmp(f->field[APP_PRODUCT], "PHP", 3) != 0)
		app_addf(f, APP_EXTRAINFO, "powered by %.*s", (int)MIN(text.len, 60), text.p);
}

static void read_program(const struct answer *a, struct app_facts *f)
{
	struct bytes realm = app_between(a->auth, "realm=\"", "\""), title = title_of(a->body);
	struct app_facts server;

	memset(&server, 0, sizeof(server));
	server.service = f->service;
	app_put_server(&server, a->server);
	bool is_marked = read_marks(a, f);
	const char *named = server.field[APP_PRODUCT];
	bool is_same = strncasecmp(named, f->field[APP_PRODUCT], 4) == 0;
	if (!is_marked || (is_same && !f->field[APP_VERSION][0]))
		*f = server;
	else if (named[0] && !is_same)
		app_addf(f, APP_EXTRAINFO, "%s%s%s", named, server.field[APP_VERSION][0] ? " " : "",
			 server.field[APP_VERSION]);
	if (a->powered_by.len)
		read_powered_by(a->powered_by, a->via.len != 0, f);
	if (a->via.len)
		read_via(a->via, f);
	if (realm.len && !f->field[APP_PRODUCT][0])
		app_addf(f, APP_EXTRAINFO, "realm: %.*s", (int)MIN(realm.len, 60), realm.p);
	if (title.len && !f->field[APP_PRODUCT][0])
		app_addf(f, APP_EXTRAINFO, "title: %.*s", (int)MIN(title.len, TITLE_SHOWN_MAX),
			 title.p);
}

static int http_parse(struct bytes in, struct app_facts *ret)
{
	struct answer a = {0};
	int is = read_head(in, "HTTP/1.", &a);

	if (is < 0 || !a.status)
		return is;
	ret->service = "http";
	a.body.len = MIN(a.body.len, (size_t)BODY_BYTES_MAX);
	read_program(&a, ret);
	bool is_whole = is && a.body_len >= 0 && (uint64_t)a.body_len <= a.body.len;
	return is_whole || a.body.len == BODY_BYTES_MAX ? (int)in.len : 0;
}

/** RTSP and SIP: what counts is in the head. */
static int head_parse(struct bytes in, const char *start, const char *service,
		      struct app_facts *ret)
{
	struct answer a = {0};
	int is = read_head(in, start, &a);

	if (is < 0 || !a.status)
		return is;
	ret->service = service;
	app_put_server(ret, a.server.len ? a.server : a.user_agent);
	return is ? (int)in.len : 0;
}

static int rtsp_parse(struct bytes in, struct app_facts *ret)
{
	return head_parse(in, "RTSP/1.0 ", "rtsp", ret);
}

static int sip_parse(struct bytes in, struct app_facts *ret)
{
	return head_parse(in, "SIP/2.0 ", "sip", ret);
}

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}
#define GET(path) TEXT("GET " path " HTTP/1.0\r\n\r\n")
#define HTTP_ANY  "http http-proxy"

/** First "/", then what tells versions of programs that hide them there. */
static const struct app_hello http_hellos[] = {
	{GET("/"), APP_TCP, {80, 8080, 8000, 8888, 9200, 5984, 3000}, NULL, NULL},
	{TEXT("GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"), APP_TCP, {0}, HTTP_ANY, ""},
	{GET("/prtip-no-such-page"), APP_TCP, {0}, HTTP_ANY, ""},
	{GET("/v2/"), APP_TCP, {0}, HTTP_ANY, ""},
	{GET("/metrics"), APP_TCP, {0}, HTTP_ANY, ""},
	{GET("/version"), APP_TCP, {0}, HTTP_ANY, ""},
	{GET("/prtip-no-such-page"), APP_TCP, {0}, HTTP_ANY, "Apache Tomcat"},
	{GET("/version"), APP_TCP, {0}, HTTP_ANY, "Docker Engine"},
	{GET("/"), APP_TCP, {0}, HTTP_ANY, "CherryPy"}, /* an error page named it */
	{GET("/version"), APP_TCP, {0}, HTTP_ANY, "etcd"},
	{GET("/api/v1/status/buildinfo"), APP_TCP, {0}, HTTP_ANY, "Prometheus"},
	{GET("/api/v2/status"), APP_TCP, {0}, HTTP_ANY, "Prometheus Alertmanager"},
	{GET("/metrics"), APP_TCP, {0}, HTTP_ANY, "Prometheus node exporter"},
	{GET("/api/v1/status/buildinfo"), APP_TCP, {0}, HTTP_ANY, "Golang net/http server"},
	{GET("/api/v2/status"), APP_TCP, {0}, HTTP_ANY, "Golang net/http server"},
	{GET("/varz"), APP_TCP, {0}, HTTP_ANY, "Golang net/http server"},
	{GET("/varz"), APP_TCP, {0}, HTTP_ANY, "NATS"},
	{GET("/version"), APP_TCP, {0}, HTTP_ANY, "Golang net/http server"},
};

const struct app_ops app_http = {
	.name = "http",
	.help = "HTTP/1 answers: server, framework, page",
	.protos = APP_TCP,
	.hellos = http_hellos,
	.n_hellos = ARRAY_LEN(http_hellos),
	.parse = http_parse,
};

static const struct app_hello rtsp_hellos[] = {
	{TEXT("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
	 APP_TCP,
	 {554, 8554, 322, 7070},
	 "rtsp",
	 NULL},

};

const struct app_ops app_rtsp = {
	.name = "rtsp",
	.help = "RTSP answers",
	.protos = APP_TCP,
	.hellos = rtsp_hellos,
	.n_hellos = ARRAY_LEN(rtsp_hellos),
	.parse = rtsp_parse,
};

/* RFC 3261 8.1.1: the headers that every request has */
#define SIP_OPTIONS(transport)                                                                     \
	TEXT("OPTIONS sip:prtip@prtip.invalid SIP/2.0\r\n"                                         \
	     "Via: SIP/2.0/" transport " prtip.invalid;branch=z9hG4bKprtip;rport\r\n"              \
	     "From: <sip:prtip@prtip.invalid>;tag=prtip\r\n"                                       \
	     "To: <sip:prtip@prtip.invalid>\r\n"                                                   \
	     "Call-ID: prtip@prtip.invalid\r\n"                                                    \
	     "CSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n")

static const struct app_hello sip_hellos[] = {
	{SIP_OPTIONS("UDP"), APP_UDP, {5060}, "sip sip-proxy", NULL},
	{SIP_OPTIONS("TCP"), APP_TCP, {5060}, "sip sip-proxy", NULL},

};

const struct app_ops app_sip = {
	.name = "sip",
	.help = "SIP answers",
	.protos = APP_TCP | APP_UDP,
	.hellos = sip_hellos,
	.n_hellos = ARRAY_LEN(sip_hellos),
	.parse = sip_parse,
};
