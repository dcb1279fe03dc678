/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocols that greet with a line: SMTP, FTP, POP3, IMAP, ManageSieve, NNTP, IRC, rsync. The form
 * of the greeting decides the protocol: a code, and words that the protocol asks for; the product
 * comes from a table of the words that programs put into it. A greeting that does not say which
 * protocol it is (a bare "220 ready") is left alone, unless the replies behind it do.
 * Sources: RFC 5321 4.2, RFC 959 5.4, RFC 3463 2, RFC 1939 4, RFC 9051 7.1, RFC 5804 1.7, RFC
 * 3977 5.1, RFC 2812.
 */
#include "detect/app.h"
#include "detect/naming.h"

#include <ctype.h>
#include <string.h>

enum { GREETING_BYTES_MAX = 4096 };

/** A word of the greeting that means a product. */
struct word {
	const char *text;
	const char *product, *cpe;
	bool has_version;                                      /* right behind the word */
	enum { NEEDS_NOTHING, NEEDS_VERSION, NEEDS_ALL } need; /* the text is all of the greeting */
};

struct greeting {
	const char *service;
	struct bytes text; /* of all lines */
	const struct word *words;
	size_t n_words;
};

static struct bytes nothing(struct bytes in)
{
	return (struct bytes){in.p, 0};
}

/** A word stands by itself: "Exim", not "Eximious"; a number may follow at once: "CrushFTP11". */
static bool find_word(struct bytes in, const char *word, struct bytes *ret_behind)
{
	size_t n = strlen(word);
	struct bytes at = in;

	while (app_find(at, word, &at)) {
		bool starts = at.p == in.p || !isalnum(at.p[-1]) || !isalnum(word[0]);
		bool ends = at.len == n || !isalpha(at.p[n]) || !isalpha(word[n - 1]);
		*ret_behind = app_skip(at, n);
		if (starts && ends)
			return true;
		at = app_skip(at, 1);
	}
	return false;
}

/** Where a word first stands for the program that greets. @return the text behind it, p NULL: it
 * does not. */
static struct bytes claimed(struct bytes text, const char *word)
{
	struct bytes in = text, behind;
	size_t n = strlen(word);

	while (find_word(in, word, &behind)) {
		if (naming_is_claim(text, (struct bytes){behind.p - n, n}, nothing(text)))
			return behind;
		in = behind;
	}
	return (struct bytes){NULL, 0};
}

static bool word_fits(const struct word *w, struct bytes text, struct bytes behind)
{
	if (w->need == NEEDS_VERSION)
		return app_version(app_trim(behind)).len != 0;
	/* a time stamp may follow: RFC 1939 7 */
	return w->need != NEEDS_ALL || app_trim(app_until(text, "<")).len == strlen(w->text);
}

/** The word that comes first; of those in the same place the first in the table. */
static void read_words(struct app_facts *f, const struct greeting *g)
{
	const struct word *first = NULL;
	struct bytes behind = {NULL, 0};
	size_t first_at = 0;

	f->service = g->service;
	for (size_t i = 0; i < g->n_words; i++) {
		struct bytes it = claimed(g->text, g->words[i].text);
		size_t at = it.p ? (size_t)(it.p - g->text.p) - strlen(g->words[i].text) : 0;
		if (!it.p || (first && at >= first_at) || !word_fits(&g->words[i], g->text, it))
			continue;
		first = &g->words[i];
		first_at = at;
		behind = it;
	}
	if (!first)
		return;
	while (behind.len && strchr(" /-(v", behind.p[0] ?: 'x'))
		behind = app_skip(behind, 1);
	struct bytes v = first->has_version ? app_version(behind) : nothing(behind);
	app_puts(f, APP_PRODUCT, first->product);
	app_put(f, APP_VERSION, v);
	if (first->cpe)
		app_cpe(f, first->cpe, v);
}

static bool has_any(struct bytes text, const char *const *words, size_t n)
{
	struct bytes at;

	for (size_t i = 0; i < n; i++)
		if (find_word(text, words[i], &at))
			return true;
	return false;
}

/** "NNN" then a blank or "-". */
static bool is_code(struct bytes line, const char *code)
{
	return app_starts(line, code) && (line.len == 3 || line.p[3] == ' ' || line.p[3] == '-');
}

/** All lines of an answer that begins with @p code. @return its length, 0: not whole yet. */
static size_t coded_answer(struct bytes in, const char *code, struct bytes *ret_text)
{
	struct bytes left = in, line;

	while (app_line(&left, &line)) {
		*ret_text = (struct bytes){in.p, (size_t)(left.p - in.p)};
		if (is_code(line, code) && (line.len == 3 || line.p[3] == ' '))
			return ret_text->len;
	}
	*ret_text = in;
	return 0;
}

/** What looks like a host name at the start; empty: nothing does. */
static struct bytes host_of(struct bytes text)
{
	struct bytes word = app_until(text, " \r\n");
	bool has_dot = false;

	for (size_t i = 0; i < word.len; i++) {
		if (!isalnum(word.p[i]) && word.p[i] != '-' && word.p[i] != '.')
			return nothing(text);
		has_dot |= word.p[i] == '.';
	}
	bool is = has_dot && word.len > 3 && word.len < 254 && isalpha(word.p[word.len - 1]);
	return is ? word : nothing(text);
}

static void put_host(struct app_facts *f, struct bytes text)
{
	app_put(f, APP_HOSTNAME, host_of(text));
}

/* --- SMTP and FTP ------------------------------------------------------------------ */

static const struct word smtp_words[] = {
	{"Postfix", "Postfix smtpd", "a:postfix:postfix", true},
	{"Exim", "Exim smtpd", "a:exim:exim", true},
	{"Sendmail", "Sendmail", "a:sendmail:sendmail", true},
	{"OpenSMTPD", "OpenSMTPD", "a:openbsd:opensmtpd", false},
	{"Microsoft ESMTP MAIL Service", "Microsoft ESMTP", NULL, false},
	{"MailEnable Service", "MailEnable smptd", NULL, false},
	{"hMailServer", "hMailServer smtpd", NULL, false},
	{"Haraka", "Haraka smtpd", NULL, true},
	{"Kerio Connect", "Kerio Connect smtpd", NULL, true},
	{"Zimbra", "Zimbra smtpd", NULL, false},
	{"Dovecot", "Dovecot smtpd", "a:dovecot:dovecot", false},
	{"IceWarp", "IceWarp smtpd", NULL, true},
	{"CommuniGate Pro", "CommuniGate Pro smtpd", NULL, true},
	{"SubEthaSMTP", "SubEtha smtpd", NULL, true},
	{"smtp4dev", "smtp4dev", NULL, true},
	{"Stalwart", "Stalwart smtpd", NULL, false},
	{"MailHog", "MailHog smtpd", NULL, false},
	{"Mailpit", "Mailpit smtpd", NULL, false},
	{"Axigen", "Axigen smtpd", NULL, false},
	{"MDaemon", "MDaemon smtpd", NULL, true},
	{"qpsmtpd", "qpsmtpd", NULL, true},
	{"HCL Domino Release", "HCL Domino smtpd", NULL, true},
	{"SonicWALL", "SonicWALL Email Security smtpd", NULL, true},
	{"Cyrus LMTP", "Cyrus lmtpd", "a:cmu:cyrus_imap_server", true},
	{"Python SMTP proxy", "Python smtpd", NULL, false},
	{"Python SMTP", "Python aiosmtpd", NULL, false},
};
static const char *const smtp_marks[] = {"ESMTP", "SMTP", "LMTP"};

static const struct word ftp_words[] = {
	{"vsFTPd", "vsftpd", "a:vsftpd:vsftpd", true},
	{"ProFTPD", "ProFTPD", "a:proftpd:proftpd", true},
	{"Pure-FTPd", "Pure-FTPd", "a:pureftpd:pure-ftpd", false},
	{"FileZilla Server", "FileZilla ftpd", "a:filezilla-project:filezilla_server", true},
	{"pyftpdlib", "pyftpdlib", "a:pyftpdlib:pyftpdlib", true},
	{"Microsoft FTP Service", "Microsoft ftpd", NULL, false},
	{"Serv-U FTP Server", "Serv-U ftpd", "a:serv-u:serv-u", true},
	{"WU-FTPD", "WU-FTPD", NULL, true},
	{"Version wu-", "WU-FTPD", NULL, true},
	{"bftpd", "bftpd", NULL, true},
	{"Gene6 FTP Server", "Gene6 ftpd", NULL, true},
	{"SFTPGo", "SFTPGo ftpd", NULL, true},
	{"CrushFTP", "CrushFTP ftpd", "a:crushftp:crushftp", true},
	{"Cerberus FTP Server", "Cerberus ftpd", NULL, false},
	{"Wing FTP Server", "Wing FTP Server", "a:wftpserver:wing_ftp_server", true},
	{"CompleteFTP", "CompleteFTP ftpd", NULL, true},
	{"Core FTP Server Version", "Core FTP Server ftpd", NULL, true},
	{"Xlight FTP Server", "Xlight ftpd", NULL, true},
	{"NcFTPd Server", "NcFTPd", NULL, false},
	{"glFTPd", "glFTPd", NULL, true},
	{"MikroTik FTP server", "MikroTik router ftpd", NULL, false},
	{"tnftpd", "tnftpd", NULL, true},
	{"Twisted", "Twisted ftpd", "a:twistedmatrix:twisted", true},
	{"lukemftpd", "lukemftpd", NULL, true},
	{"oftpd", "oftpd", NULL, true},
	{"JD FTP Server Ready", "HP JetDirect ftpd", NULL, false},
	{"Welcome to ASUS", "ASUS router ftpd", NULL, false},
};
static const char *const ftp_marks[] = {"FTP", "FTPD", "Service ready for new user"};

/** What only one of both says, in replies to what it does not know. */
static const char *const smtp_replies[] = {"HELO", "EHLO", "RCPT", "VRFY", "MAIL FROM"};
static const char *const ftp_replies[] = {"USER", "PASS", "PASV", "RETR", "not logged in"};

enum coded { CODED_NEITHER, CODED_SMTP = 1, CODED_FTP = 2 };

static bool names_any(struct bytes text, const struct word *words, size_t n)
{
	struct bytes at;

	for (size_t i = 0; i < n; i++)
		if (find_word(text, words[i].text, &at))
			return true;
	return false;
}

/** By the protocol's name or a program's. @return enum coded, or both of it. */
static unsigned coded_by_words(struct bytes text)
{
	bool says_smtp = has_any(text, smtp_marks, ARRAY_LEN(smtp_marks)) ||
			 names_any(text, smtp_words, ARRAY_LEN(smtp_words));
	bool says_ftp = has_any(text, ftp_marks, ARRAY_LEN(ftp_marks)) ||
			names_any(text, ftp_words, ARRAY_LEN(ftp_words));

	return says_smtp * CODED_SMTP | says_ftp * CODED_FTP;
}

/** "ftp.example.org ESMTP": what a host is called matters only when nothing else is said. */
static unsigned coded_by_greeting(struct bytes text)
{
	struct bytes behind = app_skip(text, 4), host = host_of(behind);
	unsigned is = coded_by_words(app_skip(behind, host.len));

	return is ?: coded_by_words(host);
}

/** "502 5.5.2 ...": codes of mail systems (RFC 3463 2). */
static bool is_enhanced(struct bytes line)
{
	struct bytes at = app_skip(line, 4);

	for (int part = 0; part < 3; part++) {
		size_t n = 0;
		while (n < at.len && isdigit(at.p[n]))
			n++;
		if (!n || n > 3 || n == at.len || at.p[n] != (part < 2 ? '.' : ' '))
			return false;
		at = app_skip(at, n + 1);
	}
	return line.len > 4 && line.p[4] == line.p[0];
}

static unsigned coded_by_reply(struct bytes line)
{
	if (is_enhanced(line) || has_any(line, smtp_replies, ARRAY_LEN(smtp_replies)))
		return CODED_SMTP;
	return has_any(line, ftp_replies, ARRAY_LEN(ftp_replies)) ? CODED_FTP : CODED_NEITHER;
}

/** @return bytes of the replies up to the one that tells, 0: none does. */
static size_t telling_reply(struct bytes in, unsigned *ret_is)
{
	struct bytes left = in, line;

	while (app_line(&left, &line))
		if ((*ret_is = coded_by_reply(line)))
			return in.len - left.len;
	return 0;
}

/** Welcome, or what is said to those who are not. */
static const char *coded_start(struct bytes in)
{
	static const char *const codes[] = {"220", "421", "530", "550", "554"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (app_magic(in, codes[i], 3) >= 0)
			return codes[i];
	return NULL;
}

/** "220 mail.example.org ESMTP ..." or "220 (vsFTPd 3.0.3)": which of both it says. */
static int mail_or_file(struct bytes in, unsigned want, struct app_facts *ret)
{
	bool is_smtp = want == CODED_SMTP;
	const char *code = coded_start(in);
	struct bytes text;

	if (!code)
		return -E_SYNTAX;
	size_t n = coded_answer(in, code, &text);
	if (!n)
		return in.len < GREETING_BYTES_MAX ? 0 : -E_SYNTAX;
	unsigned is = coded_by_greeting(text);
	if (!is && code[0] != '2')
		is = coded_by_reply(text);
	if (!is)
		n += telling_reply(app_skip(in, n), &is);
	if (!is && in.len < GREETING_BYTES_MAX)
		return 0;
	if (is != want)
		return -E_SYNTAX;
	struct greeting g = {is_smtp ? "smtp" : "ftp", text, is_smtp ? smtp_words : ftp_words,
			     is_smtp ? ARRAY_LEN(smtp_words) : ARRAY_LEN(ftp_words)};
	read_words(ret, &g);
	app_os_of(ret, app_between(text, "(", ")"));
	put_host(ret, app_skip(text, 4));
	return (int)n;
}

static int smtp_parse(struct bytes in, struct app_facts *ret)
{
	return mail_or_file(in, CODED_SMTP, ret);
}

static int ftp_parse(struct bytes in, struct app_facts *ret)
{
	return mail_or_file(in, CODED_FTP, ret);
}

/* --- mailboxes ----------------------------------------------------------------------- */

static const struct word pop3_words[] = {
	{"Dovecot", "Dovecot pop3d", "a:dovecot:dovecot", false},
	{"Cyrus POP3", "Cyrus pop3d", "a:cmu:cyrus_imap_server", true},
	{"Courier", "Courier pop3d", NULL, false},
	{"+OK Hello there.", "Courier pop3d", NULL, false, NEEDS_ALL},
	{"Qpopper", "Qpopper pop3d", "a:qualcomm:qpopper", false},
	{"Microsoft Exchange", "Microsoft Exchange pop3d", "a:microsoft:exchange_server", false},
	{"popa3d", "popa3d", NULL, true},
	{"Zimbra", "Zimbra pop3d", NULL, true},
	{"MailEnable", "MailEnable POP3 Server", NULL, false},
	{"DavMail", "DavMail pop3d", NULL, true},
	{"JAMES POP3 Server", "Apache James pop3d", NULL, true},
};
static const struct word imap_words[] = {
	{"Dovecot", "Dovecot imapd", "a:dovecot:dovecot", false},
	{"Cyrus IMAP4", "Cyrus imapd", "a:cmu:cyrus_imap_server", true},
	{"Cyrus IMAP", "Cyrus imapd", "a:cmu:cyrus_imap_server", true},
	{"Courier-IMAP", "Courier Imapd", "a:double_precision_incorporated:courier_mta", false},
	{"Microsoft Exchange", "Microsoft Exchange imapd", "a:microsoft:exchange_server", false},
	{"UW imapd", "UW imapd", NULL, false},
	{"CommuniGate Pro IMAP Server", "CommuniGate Pro imapd", "a:stalker:communigate_pro", true},
	{"Zimbra", "Zimbra imapd", NULL, true},
	{"hMailServer", "hMailServer imapd", NULL, false},
};
static const struct word sieve_words[] = {
	{"Dovecot", "Dovecot Pigeonhole sieve", "a:dovecot:dovecot", false},
	{"Pigeonhole", "Dovecot Pigeonhole sieve", "a:dovecot:dovecot", false},
	{"Cyrus timsieved", "Cyrus timsieved", "a:cmu:cyrus_imap_server", true},
};
static const struct word nntp_words[] = {
	{"InterNetNews NNRP server INN", "InterNetNews (INN)", "a:isc:inn", true},
	{"InterNetNews server INN", "InterNetNews (INN)", "a:isc:inn", true},
	{"Leafnode NNTP Daemon, version", "Leafnode", NULL, true},
	{"NNTP Service", "Microsoft NNTP Service", NULL, true, NEEDS_VERSION},
};

static int one_line(struct bytes in, const char *start, struct bytes *ret)
{
	int is = app_magic(in, start, strlen(start));

	if (is <= 0)
		return is;
	struct bytes left = in;
	if (!app_line(&left, ret))
		return in.len < GREETING_BYTES_MAX ? 0 : -E_SYNTAX;
	return (int)(in.len - left.len);
}

/** "+OK" alone is also how other servers agree: the word POP must be there, or a known program's.
 */
static int pop3_parse(struct bytes in, struct app_facts *ret)
{
	static const char *const marks[] = {"POP3", "POP", "Hello there", "Dovecot", "Qpopper"};
	struct greeting g = {"pop3", {NULL, 0}, pop3_words, ARRAY_LEN(pop3_words)};
	int n = one_line(in, "+OK", &g.text);

	if (n <= 0)
		return n;
	bool has_stamp = g.text.p[g.text.len - 1] == '>' && app_find(g.text, "<", &in) &&
			 app_find(in, "@", &in); /* APOP, RFC 1939 7 */
	if (!has_stamp && !has_any(g.text, marks, ARRAY_LEN(marks)))
		return -E_SYNTAX;
	read_words(ret, &g);
	return n;
}

static int imap_parse(struct bytes in, struct app_facts *ret)
{
	struct greeting g = {"imap", {NULL, 0}, imap_words, ARRAY_LEN(imap_words)};
	struct bytes at;
	int n = one_line(in, "* ", &g.text);

	if (n <= 0)
		return n;
	struct bytes rest = app_skip(g.text, 2);
	bool is_state = app_starts(rest, "OK") || app_starts(rest, "PREAUTH");
	if (!is_state || !app_find(rest, "IMAP", &at))
		return -E_SYNTAX;
	read_words(ret, &g);
	return n;
}

/** Quoted capabilities until a line that begins with OK. */
static int sieve_parse(struct bytes in, struct app_facts *ret)
{
	struct greeting g = {"sieve", {NULL, 0}, sieve_words, ARRAY_LEN(sieve_words)};
	struct bytes left = in, line;
	bool has_sieve = false;
	int is = app_magic(in, "\"", 1);

	if (is <= 0)
		return is;
	while (app_line(&left, &line)) {
		has_sieve |= app_starts(line, "\"SIEVE\"");
		if (app_starts(line, "\"IMPLEMENTATION\""))
			g.text = app_between(app_skip(line, 16), "\"", "\"");
		if (!app_starts(line, "OK") && line.len && line.p[0] == '"')
			continue;
		if (!has_sieve || !app_starts(line, "OK"))
			return -E_SYNTAX;
		read_words(ret, &g);
		if (!ret->field[APP_PRODUCT][0] && !naming_is_other(g.text))
			app_put(ret, APP_PRODUCT, g.text);
		return (int)(in.len - left.len);
	}
	return in.len < GREETING_BYTES_MAX ? 0 : -E_SYNTAX;
}

static int nntp_parse(struct bytes in, struct app_facts *ret)
{
	struct greeting g = {"nntp", {NULL, 0}, nntp_words, ARRAY_LEN(nntp_words)};
	static const char *const marks[] = {"NNTP", "NNRP", "InterNetNews"};
	int n = one_line(in, "20", &g.text);

	if (n <= 0)
		return n;
	if ((!is_code(g.text, "200") && !is_code(g.text, "201")) ||
	    !has_any(g.text, marks, ARRAY_LEN(marks)))
		return -E_SYNTAX;
	read_words(ret, &g);
	put_host(ret, app_skip(g.text, 4));
	return n;
}

/* --- rsync, IRC --------------------------------------------------------------------- */

static int rsync_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes line;
	int n = one_line(in, "@RSYNCD: ", &line);

	if (n <= 0)
		return n;
	struct bytes v = app_version(app_skip(line, 9));
	if (!v.len)
		return -E_SYNTAX;
	ret->service = "rsync";
	app_putf(ret, APP_EXTRAINFO, "protocol version %.*s", (int)MIN(v.len, 16), v.p);
	return n;
}

static const struct word irc_words[] = {
	{"ngircd-", "ngircd", "a:barton:ngircd", true},
	{"UnrealIRCd-", "UnrealIRCd", "a:unrealircd:unrealircd", true},
	{"Unreal", "UnrealIRCd", "a:unrealircd:unrealircd", true},
	{"InspIRCd-", "InspIRCd", "a:inspircd:inspircd", true},
	{"hybrid-", "Hybrid ircd", NULL, true},
	{"ircd-hybrid-", "Hybrid ircd", NULL, true},
	{"charybdis-", "Charybdis ircd", NULL, true},
	{"solanum-", "Solanum ircd", NULL, true},
	{"bahamut-", "Bahamut ircd", NULL, true},
	{"ergo-", "Ergo ircd", NULL, true},
	{"miniircd-", "miniircd", NULL, true},
	{"BitlBee", "BitlBee IRCd", "a:bitlbee:bitlbee", true},
	{"plexus-", "PleXusIRCd", NULL, true},
};

/** RPL_YOURHOST (002), RPL_MYINFO (004) or RPL_VERSION (351) of a line ":server NNN nick ...".
 * @return whether it told a version. */
static bool read_numeric(struct bytes line, struct app_facts *f, struct bytes *ret_server)
{
	static const char *const told_by[] = {"351", "004", "002"};

	if (!line.len || line.p[0] != ':')
		return false;
	*ret_server = app_until(app_skip(line, 1), " ");
	struct bytes rest = app_skip(line, ret_server->len + 2);
	for (size_t i = 0; i < ARRAY_LEN(told_by); i++) {
		struct greeting g = {"irc", rest, irc_words, ARRAY_LEN(irc_words)};
		if (!is_code(rest, told_by[i]))
			continue;
		read_words(f, &g);
		return f->field[APP_VERSION][0] != 0;
	}
	return false;
}

/** Is it a message that only an IRC server says: NOTICE AUTH, a numeric, ERROR :Closing Link? */
static bool is_irc(struct bytes line)
{
	struct bytes rest = line, at;

	if (line.len && line.p[0] == ':')
		rest = app_skip(line, app_until(line, " ").len + 1);
	bool is_from = rest.p != line.p;
	if (app_starts(rest, "NOTICE AUTH ") ||
	    app_starts(rest, is_from ? "NOTICE * :" : "NOTICE * :***") ||
	    app_starts(rest, "ERROR :Closing Link"))
		return true;
	return is_from && rest.len > 4 && rest.p[3] == ' ' &&
	       app_version(app_until(rest, " ")).len == 3 && app_find(rest, ":", &at);
}

static int irc_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, line, server = {NULL, 0};
	bool is_first = true;

	while (app_line(&left, &line)) {
		if (app_starts(line, "PING "))
			continue;
		if (is_first && !is_irc(line))
			return -E_SYNTAX;
		is_first = false;
		ret->service = "irc";
		if (!read_numeric(line, ret, &server))
			continue;
		put_host(ret, server);
		return (int)(in.len - left.len);
	}
	if (in.len && !strchr(":NEP", in.p[0] ?: 'x'))
		return -E_SYNTAX;
	put_host(ret, server);
	return 0;
}

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}

static const struct app_hello irc_hellos[] = {
	/* no QUIT: who looks for names first would end before registration */
	{TEXT("NICK prtip0000\r\nUSER prtip 0 * :prtip\r\nVERSION\r\n"),
	 APP_TCP,
	 {6667, 6668, 6669, 7000, 6697},
	 "irc ircs ircs-u",
	 NULL},

};

const struct app_ops app_smtp = {
	.name = "smtp", .help = "SMTP greeting", .protos = APP_TCP, .parse = smtp_parse};
const struct app_ops app_ftp = {
	.name = "ftp", .help = "FTP greeting", .protos = APP_TCP, .parse = ftp_parse};
const struct app_ops app_pop3 = {
	.name = "pop3", .help = "POP3 greeting", .protos = APP_TCP, .parse = pop3_parse};
const struct app_ops app_imap = {
	.name = "imap", .help = "IMAP greeting", .protos = APP_TCP, .parse = imap_parse};
const struct app_ops app_sieve = {.name = "sieve",
				  .help = "ManageSieve capabilities",
				  .protos = APP_TCP,
				  .parse = sieve_parse};
const struct app_ops app_nntp = {
	.name = "nntp", .help = "NNTP greeting", .protos = APP_TCP, .parse = nntp_parse};
const struct app_ops app_rsync = {
	.name = "rsync", .help = "rsync daemon greeting", .protos = APP_TCP, .parse = rsync_parse};
const struct app_ops app_irc = {.name = "irc",
				.help = "IRC welcome and VERSION answers",
				.protos = APP_TCP,
				.hellos = irc_hellos,
				.n_hellos = ARRAY_LEN(irc_hellos),
				.parse = irc_parse};
