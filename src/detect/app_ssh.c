/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SSH identification lines. Which software speaks is the word behind the protocol version; what
 * follows is a comment, where distributions put the revision of their package. Lines before the
 * identification are allowed in a greeting, when they are no other protocol's. Sources: RFC 4253,
 * section 4.2; what the servers themselves send.
 */
#include "detect/app.h"

#include <ctype.h>
#include <string.h>

enum { LINES_BEFORE_MAX = 16, IDENT_BYTES_MAX = 255 };

/** The more special spelling first. */
static const struct software {
	const char *start; /* the version follows */
	const char *product, *cpe, *ostype;
} softwares[] = {
	{"OpenSSH_for_Windows_", "OpenSSH", "a:openbsd:openssh", "Windows"},
	{"OpenSSH_", "OpenSSH", "a:openbsd:openssh", NULL},
	{"OpenSSH", "OpenSSH", "a:openbsd:openssh", NULL},
	{"dropbear_", "Dropbear sshd", "a:dropbear_ssh_project:dropbear_ssh", NULL},
	{"dropbear", "Dropbear sshd", "a:dropbear_ssh_project:dropbear_ssh", NULL},
	{"libssh_", "libssh", "a:libssh:libssh", NULL},
	{"libssh-", "libssh", "a:libssh:libssh", NULL},
	{"paramiko_", "Paramiko Python sshd", "a:paramiko:paramiko", NULL},
	{"paramiko", "Paramiko Python sshd", "a:paramiko:paramiko", NULL},
	{"AsyncSSH_", "AsyncSSH sshd", NULL, NULL},
	{"APACHE-SSHD-", "Apache Mina sshd", "a:apache:sshd", NULL},
	{"SSHD-CORE-", "Apache Mina sshd", "a:apache:sshd", NULL},
	{"Cisco-", "Cisco SSH", NULL, "IOS"},
	{"ROSSSH", "MikroTik RouterOS sshd", NULL, "RouterOS"},
	{"mod_sftp/", "ProFTPD mod_sftp", "a:proftpd:proftpd", NULL},
	{"mod_sftp", "ProFTPD mod_sftp", "a:proftpd:proftpd", NULL},
	{"Sun_SSH_", "SunSSH", "a:sun:sunssh", "Solaris"},
	{"tinyssh_", "TinySSH", NULL, NULL},
	{"wolfSSHv", "wolfSSH", "a:wolfssh:wolfssh", NULL},
	{"Erlang/", "Erlang ssh", "a:erlang:erlang/otp", NULL},
	{"RebexSSH_", "Rebex SSH server", NULL, NULL},
	{"CerberusFTPServer_", "Cerberus FTP Server sftpd", NULL, "Windows"},
	{"CrushFTPSSHD", "CrushFTP sftpd", NULL, NULL},
	{"Go", "Golang x/crypto/ssh server", NULL, NULL},
	{"Twisted_", "Twisted Conch", NULL, NULL},
	{"SFTPGo_", "SFTPGo sftpd", NULL, NULL},
	{"SFTPGo", "SFTPGo sftpd", NULL, NULL},
	{"AWS_SFTP_", "AWS Transfer Family sftpd", NULL, NULL},
	{"babeld-", "GitHub babeld sshd", NULL, NULL},
	{"GitLab-SSHD", "GitLab sshd", NULL, NULL},
	{"Teleport", "Teleport sshd", NULL, NULL},
	{"WingFTPServer", "Wing FTP Server sftpd", "a:wftpserver:wing_ftp_server", NULL},
	{"GlobalSCAPE", "GlobalSCAPE EFT sftpd", NULL, NULL},
};

static bool has_digit(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (isdigit(text.p[i]))
			return true;
	return false;
}

/** Does a comment begin with the name of a system, without being what that system's packages say:
 * "UbuntuFree-1", "FreeBSD-less"? */
static bool is_lookalike(struct bytes comment)
{
	static const char *const names[] = {"Debian", "Ubuntu", "Raspbian", "FreeBSD", "NetBSD"};
	struct bytes name = app_until(comment, "-_ "), rest = app_skip(comment, name.len + 1);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (app_starts(comment, names[i]))
			return !app_equals(name, names[i]) || (rest.len && !has_digit(rest));
	return false;
}

/** "Debian-2+deb12u3", "Ubuntu-3ubuntu0.6", "FreeBSD-20230719". */
static void read_comment(struct app_facts *f, struct bytes comment)
{
	struct bytes name = app_until(comment, "- "), rest = app_skip(comment, name.len + 1), at;
	bool is_debian = app_equals(name, "Debian"), is_ubuntu = app_equals(name, "Ubuntu");

	f->is_exact |= is_lookalike(comment);
	if (is_lookalike(comment) || !app_os_of(f, name))
		return;
	if (is_debian || is_ubuntu) {
		char version[APP_FIELD_BYTES_MAX];
		memcpy(version, f->field[APP_VERSION], sizeof(version));
		app_putf(f, APP_VERSION, "%s %.*s %.*s", version, (int)name.len, name.p,
			 (int)MIN(rest.len, IDENT_BYTES_MAX), rest.p);
	}
	if (is_ubuntu)
		app_cpe(f, "o:canonical:ubuntu_linux", (struct bytes){NULL, 0});
	else if (is_debian)
		app_cpe(f, "o:debian:debian_linux",
			app_find(rest, "+deb", &at) ? app_until(app_skip(at, 4), "u~+ .-")
						    : (struct bytes){NULL, 0});
}

static void read_software(struct app_facts *f, struct bytes word)
{
	for (size_t i = 0; i < ARRAY_LEN(softwares); i++) {
		const struct software *s = &softwares[i];
		if (!app_starts(word, s->start))
			continue;
		struct bytes rest = app_skip(word, strlen(s->start)), v = app_version(rest);
		if (rest.len && !v.len)
			continue;
		/* some device's, a pattern has it */
		f->is_exact = app_equals(word, "OpenSSH");
		app_puts(f, APP_PRODUCT, s->product);
		app_put(f, APP_VERSION, v);
		if (s->cpe)
			app_cpe(f, s->cpe, v);
		if (s->ostype)
			app_puts(f, APP_OSTYPE, s->ostype);
		return;
	}
}

/** A number alone is of the first of all, of before there were others; or of the one behind it. */
static void read_number(struct app_facts *f, struct bytes word, struct bytes comment,
			struct bytes proto)
{
	bool is_tectia = app_starts(comment, "SSH Tectia Server");

	if (app_version(word).len != word.len || (!is_tectia && !app_starts(proto, "1.")))
		return;
	app_puts(f, APP_PRODUCT, is_tectia ? "SSH Tectia Server" : "SSH Communications sshd");
	app_put(f, APP_VERSION, word);
}

static void read_identification(struct app_facts *f, struct bytes line)
{
	struct bytes rest = app_skip(line, 4), proto = app_until(rest, "-");
	struct bytes software = app_until(app_skip(rest, proto.len + 1), " ");
	struct bytes comment = app_skip(rest, proto.len + 1 + software.len + 1);

	f->service = "ssh";
	read_software(f, software);
	read_number(f, software, comment, proto);
	if (f->field[APP_PRODUCT][0])
		read_comment(f, comment);
	app_putf(f, APP_EXTRAINFO, "protocol %.*s", (int)MIN(proto.len, 8), proto.p);
}

/** RFC 4253: "SSH-", a version, "-", the software. */
static bool is_identification(struct bytes line)
{
	struct bytes rest = app_skip(line, 4), proto = app_until(rest, "-");

	return app_starts(line, "SSH-") && line.len <= IDENT_BYTES_MAX && proto.len >= 3 &&
	       proto.len <= 8 && app_version(proto).len == proto.len && proto.len < rest.len;
}

/** May it be the text of a person: printable, and not what another protocol begins with? */
static bool is_prose(struct bytes line)
{
	static const char *const others[] = {"HTTP/",    "RTSP/",   "SIP/",      "ICY ",
					     "* OK",     "* BYE",   "* PREAUTH", "INFO ",
					     "VERSION ", "NOTICE ", "ERROR "};

	if (line.len && strchr("+-:<@{[($!\"", line.p[0] ?: ':'))
		return false;
	if (line.len >= 3 && isdigit(line.p[0]) && isdigit(line.p[1]) && isdigit(line.p[2]))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (app_starts(line, others[i]))
			return false;
	for (size_t i = 0; i < line.len; i++)
		if (!isprint(line.p[i]) && line.p[i] != '\t' && line.p[i] < 0x80)
			return false;
	return !line.len || line.p[0] < 0xf0;
}

/** Lines before are believed where nothing follows but a key exchange: a packet's length begins
 * with two zeros (RFC 4253 6). */
static bool is_last(struct bytes behind)
{
	return !behind.len || !behind.p[0];
}

static int ssh_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes line, left = in;

	for (uint32_t i = 0; i <= LINES_BEFORE_MAX && app_line(&left, &line); i++) {
		if (is_identification(line) && (!i || is_last(left))) {
			read_identification(ret, line);
			ret->is_greeting = i > 0;
			return (int)(in.len - left.len);
		}
		if (app_starts(line, "SSH-") || !is_prose(line))
			return -E_SYNTAX;
	}
	/* any text may come before: nobody can tell yet */
	return left.len <= IDENT_BYTES_MAX ? 0 : -E_SYNTAX;
}

const struct app_ops app_ssh = {
	.name = "ssh",
	.help = "SSH identification line",
	.protos = APP_TCP,
	.parse = ssh_parse,
};
