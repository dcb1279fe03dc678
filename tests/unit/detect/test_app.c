/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of text protocols on what servers sent, the questions there are, and what is merged. */
#include "unit/detect/app_check.h"

static const struct app_case cases[] = {
	/* SSH */
	{CAPTURE("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n"), APP_TCP, "ssh", "ssh", "OpenSSH",
	 "9.2p1 Debian 2+deb12u10", "protocol 2.0", NULL, "Linux", "cpe:/a:openbsd:openssh:9.2p1"},
	{CAPTURE("SSH-2.0-dropbear_2022.83\r\n\0\0\1\xfc\7\x14"), APP_TCP, "ssh", "ssh",
	 "Dropbear sshd", "2022.83", "protocol 2.0", NULL, NULL,
	 "cpe:/a:dropbear_ssh_project:dropbear_ssh:2022.83"},
	{CAPTURE("SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.6\r\n"), APP_TCP, "ssh", "ssh", "OpenSSH",
	 "8.9p1 Ubuntu 3ubuntu0.6", "protocol 2.0", NULL, "Linux", "cpe:/a:openbsd:openssh:8.9p1"},
	{CAPTURE("Authorised use only\r\nSSH-1.99-OpenSSH_3.9p1\n"), APP_TCP, "ssh", "ssh",
	 "OpenSSH", "3.9p1", "protocol 1.99", NULL, NULL, "cpe:/a:openbsd:openssh:3.9p1"},
	{CAPTURE("SSH-2.0-Gopher_1\r\n"), APP_TCP, "ssh", "ssh", NULL, NULL, "protocol 2.0"},
	{CAPTURE("SSH-2.0-OpenSSH_9.6 FreeBSD-20240701\r\n"), APP_TCP, "ssh", "ssh", "OpenSSH",
	 "9.6", "protocol 2.0", NULL, "FreeBSD", "cpe:/a:openbsd:openssh:9.6"},
	{CAPTURE("SSH-no\r\n"), APP_TCP, NULL},
	/* HTTP */
	{CAPTURE("HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6 Python/3.11.2\r\n"
		 "Content-Length: 1\r\n\r\nhi"),
	 APP_TCP, "http", "http", "SimpleHTTPServer", "0.6", "Python/3.11.2", NULL, NULL,
	 "cpe:/a:python:simplehttpserver:0.6"},
	{CAPTURE("HTTP/1.1 200 OK\r\nServer: Apache/2.4.71 (Debian)\r\nContent-Length: 0\r\n\r\n"),
	 APP_TCP, "http", "http", "Apache httpd", "2.4.71", "Debian", NULL, "Linux",
	 "cpe:/a:apache:http_server:2.4.71"},
	{CAPTURE("HTTP/1.0 200 OK\r\nX-Powered-By: PHP/8.2.36\r\n\r\nhi"), APP_TCP, "http", "http",
	 NULL, NULL, "powered by PHP/8.2.36", NULL, NULL, NULL, true},
	{CAPTURE("HTTP/1.0 200 OK\r\nHost: 127.0.0.1\r\nX-Powered-By: "
		 "PHP/8.2.36\r\n\r\nhi"),
	 APP_TCP, "http", "http", "PHP cli server", "8.2.36", NULL, NULL, NULL,
	 "cpe:/a:php:php:8.2.36", true},
	{CAPTURE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nX-Syncthing-Version: "
		 "v1.19.2-ds1\r\n\r\nhi"),
	 APP_TCP, "http", "http", "Syncthing", "1.19.2-ds1", NULL, NULL, NULL,
	 "cpe:/a:syncthing:syncthing:1.19.2-ds1"},
	{CAPTURE("HTTP/1.1 200 OK\r\nServer: none\r\nContent-Length: 1\r\n\r\nhi"), APP_TCP, "http",
	 "http", NULL},
	{CAPTURE("HTTP/1.1 200 OK\r\nServer: not nginx/1.2\r\nContent-Length: 1\r\n\r\nhi"),
	 APP_TCP, "http", "http", NULL},
	{CAPTURE("HTTP/1.1 200 OK\r\nX-Powered-By: PHP/8.2.1\r\nVia: 1.1 front\r\nContent-Length: "
		 "2\r\n\r\nhi"),
	 APP_TCP, "http", "http", NULL, NULL, "powered by PHP/8.2.1", NULL, NULL, NULL, false},
	{CAPTURE("HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Length: 1\r\n\r\nhi"),
	 APP_TCP, "http", "http", "Node.js Express framework", NULL, NULL, NULL, NULL,
	 "cpe:/a:nodejs:node.js"},
	{CAPTURE("HTTP/1.1 400 Bad Request\r\nServer: squid/5.7\r\nContent-Length: 0\r\n"
		 "Via: 1.1 proxy.example (squid/5.7)\r\n\r\n"),
	 APP_TCP, "http", "http-proxy", "Squid http proxy", "5.7", NULL, NULL, NULL,
	 "cpe:/a:squid-cache:squid:5.7"},
	{CAPTURE("HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\n<html><body><h3>Apache "
		 "Tomcat/10.1.60 (Debian)</h3></body>"),
	 APP_TCP, "http", "http", "Apache Tomcat", "10.1.60", NULL, NULL, NULL,
	 "cpe:/a:apache:tomcat:10.1.60"},
	{CAPTURE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n{\"status\":\"success\",\"data\":{"
		 "\"version\":\"2.42.0+ds\",\"revision\":\"2.42.0+ds-5\",\"goVersion\":"
		 "\"go1.19.8\"}}     "),
	 APP_TCP, "http", "http", "Prometheus", "2.42.0+ds", NULL, NULL, NULL,
	 "cpe:/a:prometheus:prometheus:2.42.0%2bds"},
	{CAPTURE("HTTP/1.0 200 OK\r\n\r\n# HELP x\n# TYPE x\nnode_exporter_build_info{branch="
		 "\"debian/sid\",goversion=\"go1.19.8\",revision=\"1.5.0-1+b6\",version=\"1.5.0\""
		 "} 1\n"),
	 APP_TCP, "http", "http", "Prometheus node exporter", "1.5.0", NULL, NULL, NULL, NULL,
	 true},
	{CAPTURE("HTTP/1.0 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n"
		 "Content-Length: 0\r\n\r\n"),
	 APP_TCP, "http", "http", "Docker Registry", NULL, NULL, NULL, NULL,
	 "cpe:/a:redhat:docker-registry"},
	{CAPTURE("HTTP/1.1 200 OK\r\nserver: Cowboy\r\ncontent-length: "
		 "43\r\n\r\n<html><head><title>"
		 "RabbitMQ Management</title>"),
	 APP_TCP, "http", "http", "Cowboy httpd", NULL, NULL, NULL, NULL,
	 "cpe:/a:ninenines:cowboy"},
	{CAPTURE("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Router\"\r\n"
		 "Content-Length: 0\r\n\r\n"),
	 APP_TCP, "http", "http", NULL, NULL, "realm: Router"},
	{CAPTURE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n<TITLE lang=en> Hello </TITLE>   "),
	 APP_TCP, "http", "http", NULL, NULL, "title: Hello"},
	{CAPTURE("HTTP/1.0 200 OK\r\nServer: My-Thing/7.1-rc2 (box)\r\nContent-Length: 0\r\n\r\n"),
	 APP_TCP, "http", "http", "My-Thing", "7.1-rc2", "box"},
	{CAPTURE("HTTP/1.0 abc\r\n\r\n"), APP_TCP, NULL},
	{CAPTURE("HTTP/1.0 400 Bad Request\r\nServer: CUPS/2.4 IPP/2.1\r\nContent-Length: "
		 "43\r\n\r\n"
		 "<TITLE>Bad Request - CUPS v2.4.2</TITLE>   "),
	 APP_TCP, "http", "ipp", "CUPS", "2.4.2", NULL, NULL, NULL, "cpe:/a:apple:cups:2.4.2"},
	/* consoles */
	{CAPTURE("Content-Type: auth/request\n\n"), APP_TCP, "freeswitch-event", "freeswitch-event",
	 "FreeSWITCH mod_event_socket", NULL, NULL, NULL, NULL, "cpe:/a:freeswitch:freeswitch"},
	{CAPTURE("ClamAV 0.103.8/26856/Mon Mar 27 07:24:04 2023\n"), APP_TCP, "clam", "clam",
	 "ClamAV", "0.103.8", "signatures 26856", NULL, NULL, "cpe:/a:clamav:clamav:0.103.8"},
	{CAPTURE("ClamAV 0.103.8 is not here\n"), APP_TCP, NULL},
	{CAPTURE("MikroTik v6.48.6 (stable)\r\nLogin: "), APP_TCP, "routeros", "telnet",
	 "MikroTik router config telnetd", "6.48.6", NULL, NULL, "RouterOS"},
	/* RTSP and SIP */
	{CAPTURE("RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: GStreamer RTSP server\r\n\r\n"), APP_TCP,
	 "rtsp", "rtsp", "GStreamer rtspd"},
	{CAPTURE("SIP/2.0 483 Too Many Hops\r\nServer: kamailio (5.6.3 (x86_64/linux))\r\n"
		 "Content-Length: 0\r\n\r\n"),
	 APP_UDP, "sip", "sip", "Kamailio", "5.6.3", NULL, NULL, NULL,
	 "cpe:/a:kamailio:kamailio:5.6.3"},
	{CAPTURE("SIP/2.0 200 OK\r\nUser-Agent: Asterisk PBX 18.10.0\r\nContent-Length: 0\r\n\r\n"),
	 APP_TCP, "sip", "sip", "Asterisk PBX", "18.10.0", NULL, NULL, NULL,
	 "cpe:/a:digium:asterisk:18.10.0"},
	/* greetings */
	{CAPTURE("220 mail.prtlab.example ESMTP Postfix (Debian/GNU)\r\n"), APP_TCP, "smtp", "smtp",
	 "Postfix smtpd", NULL, NULL, "mail.prtlab.example", "Linux", "cpe:/a:postfix:postfix"},
	{CAPTURE("220 relay.prtlab.example ESMTP Exim 4.96 Sun, 22 Nov 2026 06:32:43 +0000\r\n"),
	 APP_TCP, "smtp", "smtp", "Exim smtpd", "4.96", NULL, "relay.prtlab.example", NULL,
	 "cpe:/a:exim:exim:4.96"},
	{CAPTURE("220-a.example ESMTP\r\n220 OpenSMTPD\r\n"), APP_TCP, "smtp", "smtp", "OpenSMTPD",
	 NULL, NULL, "a.example", NULL, "cpe:/a:openbsd:opensmtpd"},
	{CAPTURE("220 (vsFTPd 3.0.3)\r\n"), APP_TCP, "ftp", "ftp", "vsftpd", "3.0.3", NULL, NULL,
	 NULL, "cpe:/a:vsftpd:vsftpd:3.0.3"},
	{CAPTURE("220 ProFTPD Server (lab) [127.0.0.1]\r\n"), APP_TCP, "ftp", "ftp", "ProFTPD",
	 NULL, NULL, NULL, NULL, "cpe:/a:proftpd:proftpd"},
	{CAPTURE("220-FileZilla Server 1.7.0\r\n220 Please visit us, FTP\r\n"), APP_TCP, "ftp",
	 "ftp", "FileZilla ftpd", "1.7.0", NULL, NULL, NULL,
	 "cpe:/a:filezilla-project:filezilla_server:1.7.0"},
	{CAPTURE("220-FileZilla Server 1.8.0\r\n220 Please visit "
		 "https://filezilla-project.org/\r\n"),
	 APP_TCP, "ftp", "ftp", "FileZilla ftpd", "1.8.0", NULL, NULL, NULL,
	 "cpe:/a:filezilla-project:filezilla_server:1.8.0"},
	{CAPTURE("220-Welcome to CrushFTP!\r\n220 CrushFTP Server Ready!\r\n"), APP_TCP, "ftp",
	 "ftp", "CrushFTP ftpd", NULL, NULL, NULL, NULL, "cpe:/a:crushftp:crushftp"},
	{CAPTURE("220 Welcome to CrushFTP11!\r\n"), APP_TCP, "ftp", "ftp", "CrushFTP ftpd", "11",
	 NULL, NULL, NULL, "cpe:/a:crushftp:crushftp:11"},
	{CAPTURE("HTTP/1.1 200 OK\r\nServer: CrushFTP HTTP Server\r\nContent-Length: 0\r\n\r\n"),
	 APP_TCP, "http", "http", "CrushFTP httpd", NULL, NULL, NULL, NULL,
	 "cpe:/a:crushftp:crushftp"},
	{CAPTURE("220 ready\r\n"), APP_TCP, NULL},
	/* a greeting that fits both protocols: what stands behind it tells */
	{CAPTURE("220 ready\r\n500 Syntax error, command unrecognized.\r\n"), APP_TCP, NULL},
	{CAPTURE("220 ready\r\n502 5.5.2 Error: command not recognized\r\n"), APP_TCP, "smtp",
	 "smtp"},
	{CAPTURE("220 ready\r\n500 what\r\n503 Bad sequence, EHLO first\r\n"), APP_TCP, "smtp",
	 "smtp"},
	{CAPTURE("220 ready\r\n530 Please login with USER and PASS.\r\n"), APP_TCP, "ftp", "ftp"},
	{CAPTURE("220 ready\r\n500 5.3 is no code, 5.5.2.1 neither\r\n"), APP_TCP, NULL},
	{CAPTURE("220 ftp.example.org ESMTP Postfix\r\n"), APP_TCP, "smtp", "smtp", "Postfix smtpd",
	 NULL, NULL, "ftp.example.org", NULL, "cpe:/a:postfix:postfix"},
	{CAPTURE("220 localhost ESMTP SubEthaSMTP 3.1.7\r\n"), APP_TCP, "smtp", "smtp",
	 "SubEtha smtpd", "3.1.7"},
	{CAPTURE("220 box smtp4dev ready\r\n"), APP_TCP, "smtp", "smtp", "smtp4dev"},
	{CAPTURE("220-Cerberus FTP Server - Home Edition\r\n220 Welcome\r\n"), APP_TCP, "ftp",
	 "ftp", "Cerberus ftpd"},
	{CAPTURE("220 Core FTP Server Version 2.2, build 725\r\n"), APP_TCP, "ftp", "ftp",
	 "Core FTP Server ftpd", "2.2"},
	{CAPTURE("554 5.7.1 no access\r\n"), APP_TCP, "smtp", "smtp"},
	{CAPTURE("421 a.example.org FTP server: too many users\r\n"), APP_TCP, "ftp", "ftp", NULL,
	 NULL, NULL, "a.example.org"},
	{CAPTURE("220 Service ready for new user.\r\n"), APP_TCP, "ftp", "ftp"},
	{CAPTURE("421 Too many connections\r\n"), APP_TCP, NULL},
	{CAPTURE("+OK Dovecot (Debian) ready.\r\n"), APP_TCP, "pop3", "pop3", "Dovecot pop3d", NULL,
	 NULL, NULL, NULL, "cpe:/a:dovecot:dovecot"},
	{CAPTURE("+OK <1896.697170952@dbc.mtview.ca.us>\r\n"), APP_TCP, "pop3", "pop3"},
	{CAPTURE("+OK Microsoft Exchange Server 2003 POP3 server ready\r\n"), APP_TCP, "pop3",
	 "pop3", "Microsoft Exchange pop3d", NULL, NULL, NULL, NULL,
	 "cpe:/a:microsoft:exchange_server"},
	{CAPTURE("+OK\r\n"), APP_TCP, NULL},
	{CAPTURE("* OK [CAPABILITY IMAP4rev1 ID] Dovecot (Debian) ready.\r\n"), APP_TCP, "imap",
	 "imap", "Dovecot imapd", NULL, NULL, NULL, NULL, "cpe:/a:dovecot:dovecot"},
	{CAPTURE("* OK [CAPABILITY IMAP4rev1] mx Cyrus IMAP 3.6.1-Debian-3 server ready\r\n"),
	 APP_TCP, "imap", "imap", "Cyrus imapd", "3.6.1-Debian-3", NULL, NULL, NULL,
	 "cpe:/a:cmu:cyrus_imap_server:3.6.1-debian-3"},
	{CAPTURE("* PREAUTH IMAP4rev1 server logged in as x\r\n"), APP_TCP, "imap", "imap"},
	{CAPTURE("\"IMPLEMENTATION\" \"Dovecot (Debian) Pigeonhole\"\r\n\"SIEVE\" \"fileinto\"\r\n"
		 "\"VERSION\" \"1.0\"\r\nOK \"Dovecot (Debian) ready.\"\r\n"),
	 APP_TCP, "sieve", "sieve", "Dovecot Pigeonhole sieve", NULL, NULL, NULL, NULL,
	 "cpe:/a:dovecot:dovecot"},
	{CAPTURE("\"IMPLEMENTATION\" \"Cyrus timsieved 3.6.1\"\r\n\"SIEVE\" \"reject\"\r\nOK\r\n"),
	 APP_TCP, "sieve", "sieve", "Cyrus timsieved", "3.6.1", NULL, NULL, NULL,
	 "cpe:/a:cmu:cyrus_imap_server:3.6.1"},
	{CAPTURE("\"IMPLEMENTATION\" \"My Sieve\"\r\n\"SIEVE\" \"reject\"\r\nOK\r\n"), APP_TCP,
	 "sieve", "sieve", "My Sieve"},
	{CAPTURE("200 news.example.org InterNetNews NNRP server INN 2.7.0 ready (posting ok)\r\n"),
	 APP_TCP, "nntp", "nntp", "InterNetNews (INN)", "2.7.0", NULL, "news.example.org", NULL,
	 "cpe:/a:isc:inn:2.7.0"},
	{CAPTURE("201 NNTP Service Ready\r\n"), APP_TCP, "nntp", "nntp"},
	{CAPTURE("200 NNTP Service 6.0.3790.3959 Version: 6.0.3790.3959 Posting Allowed \r\n"),
	 APP_TCP, "nntp", "nntp", "Microsoft NNTP Service", "6.0.3790.3959"},
	{CAPTURE("200 Leafnode NNTP Daemon, version 1.11.12 running at x.example\r\n"), APP_TCP,
	 "nntp", "nntp", "Leafnode", "1.11.12"},
	{CAPTURE("@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4\n"), APP_TCP, "rsync", "rsync", NULL,
	 NULL, "protocol version 32.0"},
	{CAPTURE("@RSYNCD: 30.0\n"), APP_TCP, "rsync", "rsync", NULL, NULL,
	 "protocol version 30.0"},
	{CAPTURE("@RSYNCD: 31.0\n"), APP_TCP, "rsync", "rsync", NULL, NULL,
	 "protocol version 31.0"},
	{CAPTURE(":irc.prtlab.example 001 prtip :Welcome\r\n:irc.prtlab.example 002 prtip :Your "
		 "host "
		 "is irc.prtlab.example, running version ngircd-26.1 (x86_64/pc/linux-gnu)\r\n"),
	 APP_TCP, "irc", "irc", "ngircd", "26.1", NULL, "irc.prtlab.example", NULL,
	 "cpe:/a:barton:ngircd:26.1"},
	{CAPTURE("PING :12\r\n:a.b.example 351 x UnrealIRCd-6.1.2. a.b.example :Fh\r\n"), APP_TCP,
	 "irc", "irc", "UnrealIRCd", "6.1.2", NULL, "a.b.example", NULL,
	 "cpe:/a:unrealircd:unrealircd:6.1.2"},
	{CAPTURE(":irc.x.example NOTICE * :*** Looking up your hostname...\r\n"), APP_TCP, "irc",
	 "irc", NULL, NULL, NULL, "irc.x.example", NULL, NULL, true},
	/* none */
	{CAPTURE("\r\n"), APP_TCP, NULL},
	{CAPTURE("hello\r\n"), APP_TCP, NULL},
	/* what servers that nobody wrote a pattern for say of themselves */
	{CAPTURE("HTTP/1.0 200 OK\r\nServer: ZNC 1.8.2+deb3.1+deb12u2 - https://znc.in\r\n"
		 "Content-Length: 2\r\n\r\nhi"),
	 APP_TCP, "http", "http", "ZNC", "1.8.2+deb3.1+deb12u2"},
	{CAPTURE("HTTP/1.1 400 Invalid header received from client\r\nContent-Type: text/plain\r\n"
		 "Connection: close\r\n\r\nInvalid header received from client.\n"),
	 APP_TCP, "http", "http-proxy", "Privoxy http proxy", NULL, NULL, NULL, NULL,
	 "cpe:/a:privoxy:privoxy", true},
	{CAPTURE("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 182\r\n\r\n"
		 "<!DOCTYPE html>\n<html><head>\n<title>PowerDNS Authoritative Server "
		 "Monitor</title>\n"
		 "</head><body>\n<div class=\"headl columns\"><a href=\"/\" "
		 "id=\"appname\">PowerDNS "
		 "4.7.3</a></div></body></html>"),
	 APP_TCP, "http", "http", "PowerDNS Authoritative Server httpd", "4.7.3", NULL, NULL, NULL,
	 "cpe:/a:powerdns:authoritative:4.7.3"},
	{CAPTURE("220 Twisted 22.4.0 FTP Server\r\n"), APP_TCP, "ftp", "ftp", "Twisted ftpd",
	 "22.4.0", NULL, NULL, NULL, "cpe:/a:twistedmatrix:twisted:22.4.0"},
	{CAPTURE(":localhost NOTICE * :BitlBee-IRCd initialized, please go on\r\n"
		 ":localhost 001 prtip :Welcome to the BitlBee gateway, prtip\r\n"
		 ":localhost 002 prtip :Host localhost is running BitlBee 3.6-1.3.\r\n"),
	 APP_TCP, "irc", "irc", "BitlBee IRCd", "3.6-1.3", NULL, NULL, NULL,
	 "cpe:/a:bitlbee:bitlbee:3.6-1.3"},
	{CAPTURE(":irc.example.org 451 prtip VERSION :You have not registered.\r\n"
		 ":irc.example.org 001 prtip :Welcome to the IRC Network prtip!prtip@127.0.0.1\r\n"
		 ":irc.example.org 002 prtip :Your host is irc.example.org, running version "
		 "InspIRCd-3\r\n"),
	 APP_TCP, "irc", "irc", "InspIRCd", "3", NULL, "irc.example.org", NULL,
	 "cpe:/a:inspircd:inspircd:3"},
	{CAPTURE("Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/\n"), APP_TCP,
	 "nut", "upsd", "Network UPS Tools upsd", "2.8.0"},
	{CAPTURE("Network UPS Tools upsd\n"), APP_TCP, NULL},
	{CAPTURE("# munin node at depth.example\nmunins node on depth.example version: 2.0.73\n"),
	 APP_TCP, "munin", "munin", "Munin", "2.0.73", NULL, "depth.example"},
	{CAPTURE("# munin node at depth.example\n"), APP_TCP, "munin", "munin", "Munin", NULL, NULL,
	 "depth.example", NULL, NULL, true},
	{CAPTURE("UNKNOWN_COMMAND\r\nUNKNOWN_COMMAND\r\n"), APP_TCP, "beanstalkd", "beanstalkd",
	 "beanstalkd"},
	{CAPTURE("OK 964\r\n---\ncurrent-jobs-urgent: 0\ncurrent-tubes: 1\ncurrent-connections: 2\n"
		 "pid: 18\nversion: \"1.12\"\nrusage-utime: 0.010\n"),
	 APP_TCP, "beanstalkd", "beanstalkd", "beanstalkd", "1.12"},
	{CAPTURE("\0\0\6\4\0\0\0\0\0\0\3\0\0\0d"), APP_TCP, "http2", "http", NULL, NULL, "HTTP/2"},
	{CAPTURE("\0\0\6\4\0\0\0\0\0\1\3\0\0\0d"), APP_TCP, NULL},
	{CAPTURE("\0\0\5\4\0\0\0\0\0\0\3\0\0\0d"), APP_TCP, NULL},
};

static void captures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%zu ", i);
		app_check_case(&cases[i]);
	}
}

static void questions(void **state)
{
	struct app_known k = {.port = 80, .proto = APP_TCP};
	const struct app_ops *row;
	const struct app_hello *h;
	uint32_t pos = 0, n = 0;

	(void)state;
	h = app_next_hello(&k, &pos, &row);
	assert_non_null(h);
	assert_string_equal(row->name, "http");
	assert_memory_equal(h->bytes.p, "GET / ", 6);
	assert_null(app_next_hello(&k, &pos, &row));
	/* what is known already is not asked for */
	k = (struct app_known){"http", "Prometheus", NULL, 4711, APP_TCP};
	for (pos = 0; (h = app_next_hello(&k, &pos, &row)); n++)
		assert_memory_equal(h->bytes.p, "GET /api/v1/status/buildinfo ", 29);
	assert_int_equal(n, 1);
	k.version = "2.42";
	pos = 0;
	assert_null(app_next_hello(&k, &pos, &row));
	k = (struct app_known){"irc", "ngircd", "", 1, APP_TCP};
	pos = 0;
	assert_memory_equal(app_next_hello(&k, &pos, NULL)->bytes.p, "NICK", 4);
	/* every row is well formed */
	for (uint32_t i = 0; i < app_n_rows; i++) {
		assert_true(app_rows[i]->name && app_rows[i]->help && app_rows[i]->parse);
		assert_true(app_rows[i]->protos);
		for (uint32_t j = 0; j < app_rows[i]->n_hellos; j++) {
			const struct app_hello *q = &app_rows[i]->hellos[j];
			assert_true(q->bytes.len && (q->protos & app_rows[i]->protos));
			assert_true(q->service || q->ports[0]);
			assert_true(!q->ports[APP_HELLO_PORTS_MAX - 1]);
		}
	}
}

static void merged(void **state)
{
	struct facts *block = facts_new(1 << 16);
	struct app_facts f = {.service = "http"};
	struct service_facts s = {.name = "http", .product = "nginx", .conf = 10};

	(void)state;
	app_puts(&f, APP_PRODUCT, "nginx");
	app_puts(&f, APP_VERSION, "1.22.1");
	app_cpe(&f, "a:igor_sysoev:nginx", app_text("1.22.1"));
	assert_true(app_merge(&f, block, &s, true));
	assert_string_equal(s.version, "1.22.1");
	assert_int_equal(s.n_cpe, 1);
	/* a hard match is not contradicted */
	s = (struct service_facts){.name = "http", .product = "Apache httpd", .version = "2.4"};
	assert_false(app_merge(&f, block, &s, true));
	assert_string_equal(s.product, "Apache httpd");
	assert_string_equal(s.version, "2.4");
	s = (struct service_facts){.name = "smtp"};
	assert_false(app_merge(&f, block, &s, true));
	/* a library gives way to the program */
	s = (struct service_facts){.name = "http", .product = "Golang net/http server"};
	assert_true(app_merge(&f, block, &s, true));
	assert_string_equal(s.product, "nginx");
	assert_string_equal(s.version, "1.22.1");
	/* so does what a program was made from, with the version that is not its own */
	s = (struct service_facts){
		.name = "mysql", .product = "MySQL", .version = "5.5.5-10.11.6-MariaDB-0+deb12u1"};
	struct app_facts other = {.service = "mysql"};
	app_puts(&other, APP_PRODUCT, "MariaDB");
	app_puts(&other, APP_VERSION, "10.11.6");
	assert_true(app_merge(&other, block, &s, true));
	assert_string_equal(s.product, "MariaDB");
	assert_string_equal(s.version, "10.11.6");
	s = (struct service_facts){
		.name = "redis", .product = "Redis key-value store", .version = "7.2.4"};
	other = (struct app_facts){.service = "redis"};
	app_puts(&other, APP_PRODUCT, "Valkey key-value store");
	app_puts(&other, APP_VERSION, "8.0.1");
	assert_true(app_merge(&other, block, &s, true));
	assert_string_equal(s.product, "Valkey key-value store");
	assert_string_equal(s.version, "8.0.1");
	/* so does the name of a protocol */
	s = (struct service_facts){.name = "amqp", .product = "Advanced Message Queue Protocol"};
	f.service = "amqp";
	assert_true(app_merge(&f, block, &s, true));
	assert_string_equal(s.product, "nginx");
	f.service = "http";
	/* a version that the line states unheard gives way, with all else that it says of it */
	s = (struct service_facts){.name = "http",
				   .product = "nginx",
				   .version = "0.5",
				   .devicetype = "router",
				   .is_guessed = true};
	assert_true(app_merge(&f, block, &s, true));
	assert_string_equal(s.version, "1.22.1");
	assert_null(s.devicetype);
	assert_false(s.is_guessed);
	/* a soft match names the service only */
	s = (struct service_facts){.name = "ipp", .is_soft = true};
	assert_true(app_merge(&f, block, &s, false));
	assert_string_equal(s.name, "http");
	assert_false(s.is_soft);
	assert_int_equal(s.conf, 10);
	facts_free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(captures), cmocka_unit_test(questions),
					   cmocka_unit_test(merged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
