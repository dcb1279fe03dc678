/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Registry of the readers of application protocols and the order in which they are tried: those
 * with the strictest marks first. Questions are walked over all rows, first those of the port, then
 * those that a known service suggests.
 */
#include "detect/app.h"

#include <string.h>
#include <strings.h>

extern const struct app_ops app_ssh, app_http, app_rtsp, app_sip, app_smtp, app_ftp, app_pop3,
	app_imap, app_sieve, app_nntp, app_rsync, app_nats, app_svn, app_xmpp, app_redis,
	app_memcached, app_zookeeper, app_mysql, app_pgsql, app_mongo, app_amqp, app_mqtt, app_rfb,
	app_x11, app_rdp, app_smb, app_stun, app_ldap, app_krb_tcp, app_dns_tcp, app_ajp, app_epmd,
	app_openvpn, app_telnet, app_irc, app_git, app_socks, app_snmp, app_dns_udp, app_ntp,
	app_krb_udp, app_memcached_udp, app_openvpn_udp, app_rpc, app_smb1, app_erl, app_tftp,
	app_nut, app_munin, app_gearman, app_beanstalk, app_http2, app_iscsi, app_freeswitch,
	app_clam, app_routeros;

const struct app_ops *const app_rows[] = {
	&app_http,          &app_rtsp,        &app_sip,       &app_smtp,
	&app_ftp,           &app_pop3,        &app_imap,      &app_sieve,
	&app_nntp,          &app_rsync,       &app_nats,      &app_svn,
	&app_xmpp,          &app_redis,       &app_memcached, &app_zookeeper,
	&app_mysql,         &app_pgsql,       &app_mongo,     &app_amqp,
	&app_mqtt,          &app_rfb,         &app_x11,       &app_rdp,
	&app_smb,           &app_stun,        &app_ldap,      &app_krb_tcp,
	&app_dns_tcp,       &app_ajp,         &app_epmd,      &app_openvpn,
	&app_telnet,        &app_irc,         &app_git,       &app_socks,
	&app_snmp,          &app_dns_udp,     &app_ntp,       &app_krb_udp,
	&app_memcached_udp, &app_openvpn_udp, &app_rpc,       &app_smb1,
	&app_erl,           &app_tftp,        &app_nut,       &app_munin,
	&app_gearman,       &app_beanstalk,   &app_http2,     &app_iscsi,
	&app_freeswitch,    &app_clam,        &app_routeros,  &app_ssh};
const uint32_t app_n_rows = ARRAY_LEN(app_rows);

const struct app_ops *app_read(struct bytes in, enum app_proto proto, struct app_facts *ret)
{
	const struct app_ops *first = NULL;
	struct app_facts f;

	for (uint32_t i = 0; i < app_n_rows; i++) {
		if (!(app_rows[i]->protos & proto) || app_rows[i]->is_asked_only)
			continue;
		memset(&f, 0, sizeof(f));
		int n = app_rows[i]->parse(in, &f);
		if (n < 0 || !f.service || (n == 0 && first))
			continue;
		first = app_rows[i];
		*ret = f;
		if (n > 0)
			break;
	}
	return first;
}

/** Is @p word one of those in @p words? */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word), k;

	for (; *words; words += k + (words[k] == ' ')) {
		k = strcspn(words, " ");
		if (k == n && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

static bool is_known(const char *text)
{
	return text && text[0];
}

bool app_is_vague(const char *version)
{
	if (!is_known(version))
		return true;
	if (version[0] == 'v' && !version[1 + strspn(version + 1, "0123456789")])
		return true;
	return strchr(version, 'X') || strstr(version, " - ") || strstr(version, " or ");
}

static bool product_fits(const char *want, const char *have)
{
	if (!want)
		return true;
	if (!want[0])
		return !is_known(have);
	return is_known(have) && strncasecmp(want, have, strlen(want)) == 0;
}

static bool hello_fits(const struct app_hello *h, const struct app_known *k)
{
	if (!(h->protos & k->proto) || !app_is_vague(k->version))
		return false;
	if (is_known(k->service))
		return h->service && has_word(h->service, k->service) &&
		       product_fits(h->product, k->product);
	for (uint32_t i = 0; i < APP_HELLO_PORTS_MAX && h->ports[i]; i++)
		if (h->ports[i] == k->port)
			return true;
	return false;
}

const struct app_hello *app_next_hello(const struct app_known *k, uint32_t *pos,
				       const struct app_ops **ret_row)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < app_n_rows; i++) {
		const struct app_ops *row = app_rows[i];
		if (*pos >= at + row->n_hellos) {
			at += row->n_hellos;
			continue;
		}
		for (uint32_t j = *pos - at; j < row->n_hellos; j++) {
			*pos = at + j + 1;
			if (!hello_fits(&row->hellos[j], k))
				continue;
			if (ret_row)
				*ret_row = row;
			return &row->hellos[j];
		}
		at += row->n_hellos;
	}
	return NULL;
}

/* --- with what patterns said -------------------------------------------------------- */

/** What a program is built with, made from, or its protocol, names it only as long as nobody knows
 * better. */
static const char *const libraries[] = {
	"Golang net/http server",
	"Advanced Message Queue Protocol",
	"Node.js",
	"Cowboy httpd",
	"BaseHTTPServer",
	"MochiWeb",
	"Jetty",
	"Werkzeug",
	"NTP",
	"Microsoft Terminal Service",
	"MySQL",                 /* MariaDB's greeting begins as MySQL 5.5.5's */
	"Redis key-value store", /* others tell its version before their own */
};

static bool is_library(const char *product)
{
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++)
		if (strncasecmp(product, libraries[i], strlen(libraries[i])) == 0)
			return true;
	return false;
}

/** "Apache httpd" and "Apache Tomcat" differ; "Exim" and "Exim smtpd" do not. */
static bool is_same_program(const char *a, const char *b)
{
	size_t n = MIN(strlen(a), strlen(b));

	return strncasecmp(a, b, n) == 0 && (a[n] == 0 || a[n] == ' ') &&
	       (b[n] == 0 || b[n] == ' ');
}

/** The name stands for every service of a family, and the reader knows which it is. */
static bool is_whole_family(const struct app_facts *from, const struct service_facts *into)
{
	return from->replaces && is_known(into->name) && strcmp(into->name, from->replaces) == 0;
}

/** "2.4" is "2.4.2", less exactly. */
static bool is_more_exact(const char *version, const char *than)
{
	size_t n = strlen(than);

	return app_is_vague(than) || (strncmp(version, than, n) == 0 && version[n] == '.');
}

static bool may_add(const struct app_facts *from, const struct service_facts *into)
{
	const char *product = from->field[APP_PRODUCT];

	if (is_whole_family(from, into))
		return true;
	if (from->is_exact && is_known(into->name) && strcmp(into->name, from->service) == 0)
		return true;
	if (!is_known(into->product))
		return is_known(into->name) && strcmp(into->name, from->service) == 0;
	return !product[0] || is_same_program(product, into->product) || is_library(into->product);
}

/** Fields that are unknown, or all of them. @return whether one was set. */
static bool copy_fields(const struct app_facts *from, struct facts *block,
			struct service_facts *into, bool is_fresh)
{
	const char **fields[APP_FIELD_N] = {
		[APP_PRODUCT] = &into->product,     [APP_VERSION] = &into->version,
		[APP_EXTRAINFO] = &into->extrainfo, [APP_HOSTNAME] = &into->hostname,
		[APP_OSTYPE] = &into->ostype,       [APP_DEVICETYPE] = &into->devicetype};
	bool is_set = false;

	for (size_t i = 0; i < APP_FIELD_N; i++) {
		bool is_better = i == APP_VERSION && is_known(*fields[i]) &&
				 (into->is_guessed || is_more_exact(from->field[i], *fields[i]));
		if (!from->field[i][0] || (!is_fresh && is_known(*fields[i]) && !is_better))
			continue;
		*fields[i] = facts_text(block, from->field[i], strlen(from->field[i]));
		is_set = true;
	}
	for (uint32_t i = 0; i < from->n_cpe; i++)
		service_add_cpe(into, facts_keep(block, from->cpe[i]));
	return is_set;
}

static void forget_program(struct service_facts *s)
{
	s->product = s->version = s->ostype = s->devicetype = NULL;
	s->n_cpe = 0;
}

/** The line that fits was written on a program of another version: what it says beyond the
 * program's name need not hold for this one. */
static bool is_other_specimen(const struct app_facts *from, const struct service_facts *into)
{
	return into->is_guessed && from->field[APP_VERSION][0] && is_known(into->version) &&
	       strcmp(from->field[APP_VERSION], into->version) != 0;
}

static void forget_specimen(struct service_facts *s)
{
	s->version = s->extrainfo = s->ostype = s->devicetype = NULL;
	s->n_cpe = 0;
	s->is_guessed = false;
}

/** What was said of another program does not hold for this. */
static void forget_other(const struct app_facts *from, struct service_facts *into, bool is_fresh)
{
	const char *product = from->field[APP_PRODUCT];
	bool is_another =
		is_fresh && is_known(into->name) && strcmp(into->name, from->service) != 0;
	bool is_program = !is_fresh && is_known(into->product) && product[0] &&
			  !is_same_program(product, into->product);

	if (is_another || is_program || (!is_fresh && from->is_exact && !product[0]))
		forget_program(into);
	else if (!is_fresh && (from->is_exact || is_other_specimen(from, into)))
		forget_specimen(into);
}

bool app_merge(const struct app_facts *from, struct facts *block, struct service_facts *into,
	       bool is_hard)
{
	bool is_fresh = !is_hard || !is_known(into->name);

	if (!from->service || (!is_fresh && !may_add(from, into)))
		return false;
	forget_other(from, into, is_fresh);
	if (is_whole_family(from, into))
		into->name = facts_keep(block, from->service);
	if (is_fresh) {
		into->name = facts_keep(block, from->service);
		into->is_soft = !from->field[APP_PRODUCT][0];
		into->conf = MAX(into->conf, 10);
	}
	return copy_fields(from, block, into, is_fresh) || is_fresh;
}
