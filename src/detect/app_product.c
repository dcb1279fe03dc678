/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Products by the name that they give themselves in "Name/1.2.3 (comment)" texts: Server headers of
 * HTTP, RTSP and SIP. A name that is not listed is stated as it stands: that is what the bytes say.
 * Sources: the servers' own documentation, RFC 9110 10.2.4; product names follow nmap's use.
 */
#include "detect/app.h"
#include "detect/naming.h"
#include "detect/servername.h"

#include <ctype.h>
#include <string.h>

/** Fewer letters, and nothing else, are no name. */
enum { NAME_BYTES_MIN = 4 };

static const struct app_product products[] = {
	{"Apache-Coyote", "Apache Tomcat/Coyote JSP engine", "a:apache:coyote_http_connector",
	 NULL},
	{"Apache Tomcat", "Apache Tomcat", "a:apache:tomcat", NULL},
	{"Apache", "Apache httpd", "a:apache:http_server", NULL},
	{"nginx", "nginx", "a:igor_sysoev:nginx", NULL},
	{"openresty", "OpenResty web app server", "a:openresty:ngx_openresty", NULL},
	{"Tengine", "Tengine httpd", "a:alibaba:tengine", NULL},
	{"angie", "Angie", NULL, NULL},
	{"lighttpd", "lighttpd", "a:lighttpd:lighttpd", NULL},
	{"Microsoft-IIS", "Microsoft IIS httpd", "a:microsoft:internet_information_services", NULL},
	{"Microsoft-HTTPAPI", "Microsoft HTTPAPI httpd", NULL, NULL},
	{"Kestrel", "Microsoft Kestrel httpd", NULL, NULL},
	{"Caddy", "Caddy httpd", "a:caddyserver:caddy", NULL},
	{"LiteSpeed", "LiteSpeed httpd", "a:litespeedtech:litespeed_web_server", NULL},
	{"OpenBSD httpd", "OpenBSD httpd", NULL, NULL},
	{"h2o", "H2O httpd", "a:dena:h2o", NULL},
	{"Cherokee", "Cherokee httpd", "a:cherokee-project:cherokee", NULL},
	{"Hiawatha", "Hiawatha httpd", NULL, NULL},
	{"Monkey", "Monkey httpd", NULL, NULL},
	{"monkey", "Monkey httpd", NULL, NULL},
	{"thttpd", "thttpd", "a:acme:thttpd", NULL},
	{"mini_httpd", "mini_httpd", "a:acme:mini_httpd", NULL},
	{"micro_httpd", "micro_httpd", "a:acme:micro_httpd", NULL},
	{"webfs", "webfs httpd", NULL, NULL},
	{"darkhttpd", "darkhttpd", NULL, NULL},
	{"yaws", "Yaws httpd", "a:yaws:yaws", NULL},
	{"Yaws", "Yaws httpd", "a:yaws:yaws", NULL},
	{"Boa", "Boa httpd", "a:boa:boa", NULL},
	{"mathopd", "Mathopd httpd", NULL, NULL},
	{"bozohttpd", "bozohttpd", NULL, NULL},
	{"uhttpd", "uHTTPd", NULL, NULL},
	{"Mongoose", "Mongoose httpd", "a:cesanta:mongoose", NULL},
	{"CivetWeb", "CivetWeb httpd", NULL, NULL},
	{"GoAhead-Webs", "GoAhead WebServer", "a:goahead:goahead_webserver", NULL},
	{"GoAhead-http", "GoAhead WebServer", "a:goahead:goahead_webserver", NULL},
	{"RomPager", "Allegro RomPager", "a:allegro:rompager", NULL},
	{"Embedthis-http", "Embedthis HTTP lib httpd", NULL, NULL},
	{"Jetty", "Jetty", "a:eclipse:jetty", NULL},
	{"WildFly", "WildFly", NULL, NULL},
	{"GlassFish Server Open Source Edition", "GlassFish", NULL, NULL},
	{"GlassFish", "GlassFish", NULL, NULL},
	{"Eclipse GlassFish", "Eclipse GlassFish", NULL, NULL},
	{"Payara Server", "Payara Server", NULL, NULL},
	{"WebLogic", "Oracle WebLogic Server", "a:oracle:weblogic_server", NULL},
	{"IBM_HTTP_Server", "IBM HTTP Server", "a:ibm:http_server", NULL},
	{"Oracle-HTTP-Server", "Oracle HTTP Server", "a:oracle:http_server", NULL},
	{"Zope", "Zope httpd", "a:zope:zope", NULL},
	{"gunicorn", "Gunicorn", "a:gunicorn:gunicorn", NULL},
	{"waitress", "Waitress", NULL, NULL},
	{"uvicorn", "Uvicorn", NULL, NULL},
	{"hypercorn", "Hypercorn", NULL, NULL},
	{"daphne", "Daphne", NULL, NULL},
	{"Werkzeug", "Werkzeug httpd", "a:palletsprojects:werkzeug", NULL},
	{"CherryPy", "CherryPy wsgiserver", "a:cherrypy:cherrypy", NULL},
	{"Cheroot", "Cheroot httpd", NULL, NULL},
	{"TornadoServer", "Tornado httpd", "a:tornadoweb:tornado", NULL},
	{"TwistedWeb", "TwistedWeb httpd", "a:twistedmatrix:twistedweb", NULL},
	{"SimpleHTTP", "SimpleHTTPServer", "a:python:simplehttpserver", NULL},
	{"BaseHTTP", "BaseHTTPServer", "a:python:basehttpserver", NULL},
	{"WSGIServer", "WSGIServer", NULL, NULL},
	{"Python", "Python httpd", "a:python:python", NULL},
	{"WEBrick", "WEBrick httpd", "a:ruby-lang:webrick", NULL},
	{"Mongrel", "Mongrel httpd", NULL, NULL},
	{"thin", "Thin httpd", NULL, NULL},
	{"Phusion Passenger", "Phusion Passenger httpd", "a:phusion:passenger", NULL},
	{"Cowboy", "Cowboy httpd", "a:ninenines:cowboy", NULL},
	{"MochiWeb", "MochiWeb Erlang HTTP library", "a:mochiweb_project:mochiweb", NULL},
	{"CouchDB", "CouchDB httpd", "a:apache:couchdb", NULL},
	{"inets", "Erlang inets httpd", NULL, NULL},
	{"HTTP::Daemon", "libwww-perl-daemon", NULL, NULL},
	{"libwww-perl-daemon", "libwww-perl-daemon", NULL, NULL},
	{"MiniServ", "MiniServ", "a:webmin:webmin", NULL},
	{"Icecast", "Icecast streaming media server", "a:xiph:icecast", NULL},
	{"CUPS", "CUPS", "a:apple:cups", "ipp"},
	{"squid", "Squid http proxy", "a:squid-cache:squid", "http-proxy"},
	{"tinyproxy", "tinyproxy", "a:banu:tinyproxy", "http-proxy"},
	{"Privoxy", "Privoxy http proxy", "a:privoxy:privoxy", "http-proxy"},
	{"Varnish", "Varnish http accelerator", "a:varnish-cache:varnish", NULL},
	{"ATS", "Apache Traffic Server", "a:apache:traffic_server", NULL},
	{"Polipo", "Polipo http proxy", NULL, "http-proxy"},
	{"envoy", "Envoy proxy", "a:envoyproxy:envoy", NULL},
	{"istio-envoy", "Envoy proxy", "a:envoyproxy:envoy", NULL},
	{"kong", "Kong gateway", NULL, NULL},
	{"cloudflare", "Cloudflare http proxy", NULL, NULL},
	{"AkamaiGHost", "AkamaiGHost", NULL, NULL},
	{"BigIP", "F5 BIG-IP load balancer http proxy", NULL, "http-proxy"},
	{"CrushFTP HTTP Server", "CrushFTP httpd", "a:crushftp:crushftp", NULL},
	{"Docker", "Docker Engine API", "a:docker:docker", NULL},
	{"Transmission", "Transmission BitTorrent management httpd", NULL, NULL},
	{"MinIO", "MinIO", "a:minio:minio", NULL},
	{"InfluxDB", "InfluxDB", NULL, NULL},
	{"Prosody", "Prosody XMPP server http", NULL, NULL},
	{"ejabberd", "ejabberd http", NULL, NULL},
	{"Mojolicious (Perl)", "Mojolicious httpd", NULL, NULL},
	{"akka-http", "Akka HTTP", NULL, NULL},
	{"Warp", "Warp httpd", NULL, NULL},
	{"libmicrohttpd", "GNU libmicrohttpd", NULL, NULL},
	{"Splunkd", "Splunkd httpd", NULL, NULL},
	{"Boost.Beast", "Boost.Beast", NULL, NULL},
	{"PHP", "", NULL, NULL}, /* runs behind any server */
	{"Express", "Node.js Express framework", "a:nodejs:node.js", NULL},
	{"ASP.NET", "", NULL, NULL},
	{"Servlet", "", NULL, NULL},
	{"MiniUPnPd", "MiniUPnPd", "a:miniupnp_project:miniupnpd", "upnp"},
	{"MiniDLNA", "MiniDLNA", NULL, "upnp"},
	{"Portable SDK for UPnP devices", "Portable SDK for UPnP devices", NULL, "upnp"},
	/* SIP and RTSP */
	{"kamailio", "Kamailio", "a:kamailio:kamailio", NULL},
	{"OpenSIPS", "OpenSIPS", "a:opensips:opensips", NULL},
	{"Sip EXpress router", "SIP Express Router", NULL, NULL},
	{"Asterisk PBX", "Asterisk PBX", "a:digium:asterisk", NULL},
	{"FPBX", "Asterisk PBX", NULL, NULL},
	{"FreeSWITCH-mod_sofia", "FreeSWITCH", "a:freeswitch:freeswitch", NULL},
	{"GStreamer RTSP server", "GStreamer rtspd", NULL, NULL},
	{"gortsplib", "gortsplib rtspd", NULL, NULL},
	{"DSS", "Darwin Streaming Server", NULL, NULL},
	{"Wowza Streaming Engine", "Wowza Streaming Engine", NULL, NULL},
};

const struct app_product *app_product_of(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(products); i++) {
		size_t n = strlen(products[i].spelling);
		if (app_starts(name, products[i].spelling) &&
		    (name.len == n || !(isalnum(name.p[n]) || strchr("-_.", name.p[n] ?: 'x'))))
			return &products[i];
	}
	return NULL;
}

/** What stands in the first parentheses, nested ones included. */
static struct bytes comment_of(struct bytes text)
{
	struct bytes rest = app_skip(text, app_until(text, "(").len);
	uint32_t depth = 0;

	for (size_t i = 0; i < rest.len; i++) {
		depth += rest.p[i] == '(';
		if (rest.p[i] == ')' && --depth == 0)
			return (struct bytes){rest.p + 1, i - 1};
	}
	return (struct bytes){text.p, 0};
}

/** "Name 1.2" and "Name-1.2" are as good as "Name/1.2"; "(5.6.3" is too, for SIP routers. */
static struct bytes version_behind(struct bytes rest)
{
	while (rest.len && strchr("/ -(v", rest.p[0] ?: 'x'))
		rest = app_skip(rest, 1);
	return app_version(rest);
}

/** "1.2", "v1.2", "R6_2_1" */
static struct bytes lettered_version(struct bytes in)
{
	bool has_letter = in.len > 1 && isalpha(in.p[0]) && isdigit(in.p[1]);
	struct bytes v = app_version(app_skip(in, has_letter));

	if (has_letter && v.len && in.p[0] != 'v')
		return (struct bytes){in.p, v.len + 1};
	return v;
}

/** "ZNC 1.8.2 - https://znc.in": a name ends where a number begins a word. */
static size_t name_len(struct bytes name)
{
	for (size_t i = 1; i + 1 < name.len; i++)
		if (name.p[i] == ' ' && isdigit(name.p[i + 1]))
			return i;
	return name.len;
}

/** What says that no name is given. */
static bool is_generic(struct bytes word)
{
	static const char *const words[] = {
		"Server", "Web",       "Webserver", "HTTP",    "HTTPD",     "None",
		"Null",   "Nil",       "Hidden",    "Unknown", "Undefined", "Unnamed",
		"Nope",   "Anonymous", "Redacted",  "Nothing", "App",       "Service",
		"Daemon", "Default",   "Nobody",    "Secret",  "My",        "The"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (app_equals(word, words[i]))
			return true;
	return false;
}

/** A word with a version is a name, of whatever words it is made (RFC 9110 10.2.4), when each has
 * a capital: "Sun-ONE-Web-Server/6.1", "US Robotics/1.0"; none is known, or turns it away. */
static bool is_product_token(struct bytes name, struct bytes rest)
{
	struct bytes left = name;
	bool is_name = false;

	if (!rest.len || rest.p[0] != '/' || !lettered_version(app_skip(rest, 1)).len)
		return false;
	while (left.len) {
		struct bytes word = app_until(left, " -");
		bool is_no = app_equals(word, "No") || app_equals(word, "Not") ||
			     app_equals(word, "Non") || app_equals(word, "Never");
		if (!word.len || !isupper(word.p[0]) || is_no || app_product_of(left))
			return false;
		is_name |= !is_generic(word);
		left = app_skip(left, word.len + 1);
	}
	return is_name;
}

/** Models by their maker's series, for routers that tell nothing else. */
static const struct {
	const char *start, *maker;
} models[] = {{"DIR-", "D-Link"}, {"DSL-", "D-Link"}, {"DAP-", "D-Link"}, {"DWR-", "D-Link"}};

static void put_name(struct app_facts *f, struct bytes name)
{
	app_put(f, APP_PRODUCT, name);
	for (size_t i = 0; i < ARRAY_LEN(models); i++)
		if (app_starts(name, models[i].start))
			app_putf(f, APP_PRODUCT, "%s %.*s http config", models[i].maker,
				 (int)MIN(name.len, 40), name.p);
}

/** "DIR-615 Ver" is the name "DIR-615". */
static struct bytes without_version_word(struct bytes name)
{
	static const char *const words[] = {" Ver", " Version", " v", " Release", " ver."};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);
		if (name.len > n && app_equals(app_skip(name, name.len - n), words[i]))
			name.len -= n;
	}
	return name;
}

/** "Frontend of Apache" is another program than Apache, if any. */
static bool tells_of_other(struct bytes name)
{
	for (struct bytes at = name; app_find(at, " ", &at);) {
		at = app_skip(at, 1);
		if (app_product_of(at))
			return true;
	}
	return false;
}

/** What servers are built with is not who they are: "OpenSSL/1.1.1k", "mod_ssl/2.2". */
static bool is_component(struct bytes name)
{
	static const char *const names[] = {"OpenSSL", "LibreSSL", "BoringSSL", "GnuTLS",
					    "DAV",     "SVN",      "Perl",      "Ruby"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (app_equals(name, names[i]))
			return true;
	return app_starts(name, "mod_") || app_is_system(name);
}

/** "DIR" behind systems is a piece of something. */
static bool is_piece(struct bytes server, bool is_behind)
{
	return is_behind && server.len < NAME_BYTES_MIN;
}

/** Words before the first "/", "(" or number, as a name; a version is what follows. @return
 * whether it is a name. */
static bool put_unlisted(struct app_facts *f, struct bytes server)
{
	struct bytes name = app_until(server, "/(;,"), rest = app_skip(server, name_len(name));

	name.len = name_len(name);
	name = without_version_word(name);
	bool is_none = naming_is_none(name) && !is_product_token(name, rest);
	if (is_none || tells_of_other(name) || is_component(name))
		return false;
	put_name(f, name);
	if (rest.len && strchr(" /", rest.p[0] ?: 'x'))
		app_put(f, APP_VERSION, lettered_version(app_skip(rest, 1)));
	return true;
}

/** What stands first where a system does, and is no program. */
static bool is_system(struct bytes token)
{
	static const char *const names[] = {"Linux",   "Unix",   "Windows", "WindowsNT", "Win32",
					    "FreeBSD", "NetBSD", "OpenBSD", "Darwin",    "SunOS",
					    "HTTP",    "UPnP",   "DLNADOC", "Unknown"};
	struct bytes name = app_until(token, "/");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (app_equals(name, names[i]))
			return true;
	return false;
}

/** Behind all of them, which may leave nothing. */
static struct bytes behind_systems(struct bytes left)
{
	struct bytes token = app_until(left, " ,");

	while (left.len && (!token.len || is_system(token))) {
		left = app_skip(left, token.len + 1);
		token = app_until(left, " ,");
	}
	return left;
}

/** UPnP Device Architecture 1.2.2 asks for "system/version UPnP/1.0 product/version", and others
 * list them: the program is what comes last. @return the part with it. */
static struct bytes without_system(struct app_facts *f, struct bytes server)
{
	struct bytes at, left = {server.p, 0};

	if (app_find(server, " UPnP/", &at))
		left = behind_systems(at);
	if (!left.len)
		left = behind_systems(server);
	if (left.p != server.p)
		app_os_of(f, app_until(server, " ,"));
	return left;
}

static void put_listed(struct app_facts *f, const struct app_product *p, struct bytes server)
{
	struct bytes version = version_behind(app_skip(server, strlen(p->spelling)));

	app_puts(f, APP_PRODUCT, p->product);
	app_put(f, APP_VERSION, version);
	if (p->cpe)
		app_cpe(f, p->cpe, version);
	if (p->service)
		f->service = p->service;
}

/** "(Debian)" and what else runs inside: "PHP/8.2", "Python/3.11". */
static void put_comment(struct app_facts *f, struct bytes server)
{
	struct bytes comment = comment_of(server);
	struct bytes rest = app_skip(server, app_until(server, " ").len + 1);

	if (!comment.len && app_find(rest, "/", &comment))
		comment = rest;
	if (!comment.len || isdigit(comment.p[0]))
		return;
	app_os_of(f, comment);
	app_addf(f, APP_EXTRAINFO, "%.*s", (int)MIN(comment.len, 80), comment.p);
}

/** "Apache compatible", "Apache Indian Museum" */
static bool is_mention(struct bytes server, const struct app_product *p)
{
	return servername_is_sentence(server, app_text(p->spelling)) ||
	       naming_is_mention(server, (struct bytes){server.p, strlen(p->spelling)},
				 (struct bytes){server.p, 0});
}

/** "OpenBSD fans httpd": systems stand by themselves, or with versions. */
static bool is_about_system(struct bytes server)
{
	struct bytes token = app_until(server, " ");

	return is_system(token) && !memchr(token.p, '/', token.len) &&
	       servername_is_sentence(server, (struct bytes){server.p, 0});
}

void app_put_server(struct app_facts *f, struct bytes server)
{
	server = app_trim(server);
	if (is_about_system(server))
		return;
	struct bytes whole = server;
	server = without_system(f, server);
	const struct app_product *p = app_product_of(server);

	if (!server.len || is_piece(server, server.p != whole.p) ||
	    (p && (!p->product[0] || is_mention(server, p))))
		return;
	if (p)
		put_listed(f, p, server);
	else if (!put_unlisted(f, server))
		return;
	put_comment(f, server);
}
