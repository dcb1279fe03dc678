/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Remote procedures, files and disks: ONC RPC (which program listens), SMB 1 (what the server says
 * of itself before anybody logs in), the handshake of Erlang nodes, TFTP errors, logins of iSCSI
 * that go no further than the question how to authenticate. Sources: RFC 5531 9 and 11, RFC 1833;
 * MS-CIFS 2.2.4.52 and 2.2.4.53, MS-NLMP 2.2.1.1; Erlang/OTP "Distribution Protocol", handshake;
 * RFC 1350 5; RFC 7143 11.12, 11.13 and 13.
 */
#include "detect/app.h"

#include <ctype.h>
#include <string.h>

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}

/* --- ONC RPC -------------------------------------------------------------------- */

/** One call a program, all on one connection: version "prtp", which nobody has, procedure 0. */
#define RPC_CALL(i, program)                                                                       \
	"\x80\0\0\x28"                                                                             \
	"prt" i "\0\0\0\0\0\0\0\2" program "prtp\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
static const struct program {
	uint32_t number;
	const char *name;
} programs[] = {
	{100000, "rpcbind"},   {100003, "nfs"},        {100005, "mountd"},  {100021, "nlockmgr"},
	{100024, "status"},    {2112, "kerberos-adm"}, {100004, "ypserv"},  {100007, "ypbind"},
	{100009, "yppasswdd"}, {100011, "rquotad"},    {100227, "nfs_acl"}, {100068, "cmsd"},
};
#define RPC_ASK                                                                                    \
	RPC_CALL("\0", "\0\1\x86\xa0")                                                             \
	RPC_CALL("\1", "\0\1\x86\xa3")                                                             \
	RPC_CALL("\2", "\0\1\x86\xa5")                                                             \
	RPC_CALL("\3", "\0\1\x86\xb5")                                                             \
	RPC_CALL("\4", "\0\1\x86\xb8")                                                             \
	RPC_CALL("\5", "\0\0\x08\x40")                                                             \
	RPC_CALL("\6", "\0\1\x86\xa4")                                                             \
	RPC_CALL("\7", "\0\1\x86\xa7")                                                             \
	RPC_CALL("\x08", "\0\1\x86\xa9")                                                           \
	RPC_CALL("\x09", "\0\1\x86\xab")                                                           \
	RPC_CALL("\x0a", "\0\1\x87\x83")                                                           \
	RPC_CALL("\x0b", "\0\1\x86\xe4")

enum rpc { RPC_REPLY = 1, RPC_DENIED = 1, RPC_PROG_UNAVAIL = 1, RPC_PROG_MISMATCH = 2 };

/** One reply behind its record mark. @return whether it says that its program is here. */
static bool rpc_reply(struct bytes in, struct app_facts *ret)
{
	uint32_t i = get_be32(in.p) & 0xff;
	struct cursor c = cursor_of(in.p + 8, in.len - 8);
	bool is_denied = cursor_u32(&c) == RPC_DENIED;
	uint32_t mismatch = 0;

	if (!is_denied) {
		cursor_skip(&c, 4);
		cursor_skip(&c, cursor_u32(&c));
		mismatch = cursor_u32(&c);
	}
	if (c.failed || (!is_denied && mismatch == RPC_PROG_UNAVAIL) || i >= ARRAY_LEN(programs))
		return false;
	ret->service = programs[i].name;
	app_putf(ret, APP_EXTRAINFO, "RPC #%u", programs[i].number);
	uint32_t low = cursor_u32(&c), high = cursor_u32(&c);
	if (mismatch == RPC_PROG_MISMATCH && !c.failed && low <= high && high < 1000)
		low == high ? app_putf(ret, APP_VERSION, "%u", low)
			    : app_putf(ret, APP_VERSION, "%u-%u", low, high);
	return true;
}

/** Replies to our calls, in any order. */
static int rpc_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in;
	uint32_t n = 0;

	while (left.len >= 12) {
		uint32_t len = get_be32(left.p) & 0x7fffffff;
		if (!(left.p[0] & 0x80) || len < 24 || len > 512 || memcmp(left.p + 4, "prt", 3) ||
		    get_be32(left.p + 8) != RPC_REPLY)
			return -E_SYNTAX;
		if (left.len < len + 4)
			break;
		ret->replaces = "rpcbind";
		if (rpc_reply((struct bytes){left.p + 4, len}, ret))
			return (int)in.len;
		ret->service = "rpc";
		left = app_skip(left, len + 4);
		n++;
	}
	return n < ARRAY_LEN(programs) ? 0 : (int)in.len;
}

/* --- SMB 1 ------------------------------------------------------------------------- */

#define SMB_HEAD(command, number)                                                                  \
	"\xffSMB" command "\0\0\0\0\x18\x03\xc8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xffpr\0\0" number "\0"
/* the dialect; then the first half of a log-in that names nobody: the answer is a challenge */
#define SMB_ASK                                                                                    \
	"\0\0\0\x2f" SMB_HEAD(                                                                     \
		"r", "\1") "\0\x0c\0\2NT LM 0.12\0"                                                \
			   "\0\0\0\x81" SMB_HEAD(                                                  \
				   "s", "\2") "\x0c\xff\0\0\0\x04\x11\x0a\0\0\0\0\0\0\0\x42\0"     \
					      "\0\0\0\0\x54\0\0\x80\x46\0"                         \
					      "\x60\x40\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x36"   \
					      "\x30\x34\xa0\x0e\x30\x0c\x06\x0a\x2b"               \
					      "\x06\x01\x04\x01\x82\x37\x02\x02\x0a\xa2\x22\x04"   \
					      "\x20NTLMSSP\0\1\0\0\0\x07\x82\x08\0"                \
					      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/** Text of two bytes a letter; others than Latin-1 become '?'. @return the text behind. */
static struct bytes wide_text(struct bytes in, char *ret, size_t cap)
{
	size_t n = 0;

	while (in.len >= 2 && (in.p[0] || in.p[1])) {
		if (n + 1 < cap)
			ret[n++] = in.p[1] || !isprint(in.p[0]) ? '?' : (char)in.p[0];
		in = app_skip(in, 2);
	}
	ret[n] = '\0';
	return app_skip(in, 2);
}

/** The session set-up's answer, from "\xffSMB": native system, native LAN manager, domain. */
static void smb_names(struct bytes in, struct app_facts *ret)
{
	enum { HEAD = 32, WORDS = 4 };
	char os[64], manager[64], domain[64];

	if (in.len < HEAD + 1 + 2 * WORDS + 2 || in.p[HEAD] != WORDS)
		return;
	size_t blob_len = (size_t)(in.p[HEAD + 7] | in.p[HEAD + 8] << 8), at = HEAD + 11 + blob_len;
	struct bytes rest = app_skip(in, at + (at & 1)); /* wide text stands at even places */
	rest = wide_text(rest, os, sizeof(os));
	rest = wide_text(rest, manager, sizeof(manager));
	(void)wide_text(rest, domain, sizeof(domain));
	struct bytes m = app_text(manager), v;
	if (app_starts(m, "Samba ")) {
		v = app_version(app_skip(m, 6));
		app_puts(ret, APP_PRODUCT, "Samba smbd");
		app_put(ret, APP_VERSION, v);
		app_cpe(ret, "a:samba:samba", app_until(v, "-"));
	} else if (app_starts(m, "Windows ")) {
		app_put(ret, APP_PRODUCT, m);
		app_os_of(ret, app_text("Windows"));
	}
	if (domain[0])
		app_putf(ret, APP_EXTRAINFO, "workgroup: %s", domain);
}

static int smb1_parse(struct bytes in, struct app_facts *ret)
{
	enum { NEGOTIATE = 0x72, SESSION_SETUP = 0x73, IS_REPLY = 0x80 };
	struct bytes left = in;

	while (left.len >= 4 + 32) {
		size_t len = get_be32(left.p);
		if (len < 32 || len > 65535 || memcmp(left.p + 4, "\xffSMB", 4) != 0 ||
		    !(left.p[13] & IS_REPLY) ||
		    (left.p[8] != NEGOTIATE && left.p[8] != SESSION_SETUP))
			return -E_SYNTAX;
		ret->service = "netbios-ssn";
		if (left.len < len + 4)
			return 0;
		if (left.p[8] == SESSION_SETUP) {
			smb_names((struct bytes){left.p + 4, len}, ret);
			return (int)in.len;
		}
		left = app_skip(left, len + 4);
	}
	return left.len && left.p[0] ? -E_SYNTAX : 0;
}

/* --- nodes of Erlang ------------------------------------------------------------------ */

/* send_name: flags that OTP 25 demands, creation, the name */
#define ERL_ASK "\0\x22N\0\0\0\0\3\7\x0f\x9c\0\0\0\1\0\x13prtip@prtip.invalid"

static int erl_parse(struct bytes in, struct app_facts *ret)
{
	enum { CHALLENGE_BYTES = 19 };
	int is = app_magic(in, "\0\3sok\0", 6);

	if (is <= 0 || in.len < 8)
		return is < 0 ? is : 0;
	size_t len = in.p[6];
	if (in.p[7] != 'N' && in.p[7] != 'n')
		return -E_SYNTAX;
	ret->service = "erldp";
	if (in.len < 7 + len)
		return 0;
	if (in.p[7] == 'N' && len > CHALLENGE_BYTES)
		app_putf(ret, APP_EXTRAINFO, "node %.*s", (int)MIN(len - CHALLENGE_BYTES, 60u),
			 in.p + 7 + CHALLENGE_BYTES);
	app_puts(ret, APP_PRODUCT, "Erlang distribution");
	return (int)(7 + len);
}

/* --- TFTP --------------------------------------------------------------------------------- */

/** An error with its text, or the first block. */
static int tftp_parse(struct bytes in, struct app_facts *ret)
{
	enum { DATA = 3, ERROR = 5, CODES = 9 };

	if (in.len < 4 || in.p[0] || (in.p[1] != DATA && in.p[1] != ERROR))
		return -E_SYNTAX;
	if (in.p[1] == DATA) {
		if (get_be16(in.p + 2) != 1 || in.len > 516)
			return -E_SYNTAX;
		ret->service = "tftp";
		return (int)in.len;
	}
	struct bytes text = {in.p + 4, in.len - 5};
	if (in.len < 5 || get_be16(in.p + 2) >= CODES || in.p[in.len - 1])
		return -E_SYNTAX;
	for (size_t i = 0; i < text.len; i++)
		if (!isprint(text.p[i]))
			return -E_SYNTAX;
	ret->service = "tftp";
	app_put(ret, APP_EXTRAINFO, text);
	return (int)in.len;
}

/* --- iSCSI -------------------------------------------------------------------------------- */

enum {
	ISCSI_HEAD = 48,
	ISCSI_LOGIN_RESPONSE = 0x23,
	ISCSI_TAG_AT = 16,
	ISCSI_STATUS_AT = 36,
	ISCSI_STATUS_N = 4,
	ISCSI_KEYS_MAX = 8192
};
#define ISCSI_TAG "prt1"
/** A discovery session that offers to go without authentication, and ends at that stage. */
#define ISCSI_KEYS "InitiatorName=iqn.2026-11.prtip:scan\0SessionType=Discovery\0AuthMethod=None\0"
#define ISCSI_LOGIN                                                                                \
	"\x43\x81\0\0\0\0\0\x4b\x80\0\0\0\0\1\0\0" ISCSI_TAG                                       \
	"\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" ISCSI_KEYS "\0"

/** Is it, as far as it has come, the head of a login response to us? */
static bool is_iscsi_head(struct bytes in)
{
	struct bytes tag = app_skip(in, ISCSI_TAG_AT);

	if (in.len && in.p[0] != ISCSI_LOGIN_RESPONSE)
		return false;
	if (in.len > 3 && (in.p[2] || in.p[3])) /* versions */
		return false;
	return !tag.len || app_magic(tag, ISCSI_TAG, sizeof(ISCSI_TAG) - 1) >= 0;
}

/** What a login response says of authentication. */
static const char *iscsi_means(uint8_t status, uint8_t detail, struct bytes keys)
{
	static const char *const refusals[ISCSI_STATUS_N] = {"", "moved elsewhere", "login refused",
							     "service unavailable"};
	struct bytes at;

	if (status == 2 && detail == 1)
		return "authentication required";
	return !status && app_find(keys, "AuthMethod=None", &at) ? "no authentication"
								 : refusals[status];
}

static int iscsi_parse(struct bytes in, struct app_facts *ret)
{
	if (!is_iscsi_head(in))
		return -E_SYNTAX;
	if (in.len < ISCSI_HEAD)
		return 0;
	size_t len = get_be32(in.p + 4) & 0xffffff, whole = ISCSI_HEAD + (len + 3) / 4 * 4;
	uint8_t status = in.p[ISCSI_STATUS_AT], detail = in.p[ISCSI_STATUS_AT + 1];
	if (len > ISCSI_KEYS_MAX || status >= ISCSI_STATUS_N)
		return -E_SYNTAX;
	if (in.len < whole)
		return 0;
	ret->service = "iscsi";
	app_puts(ret, APP_EXTRAINFO,
		 iscsi_means(status, detail, (struct bytes){in.p + ISCSI_HEAD, len}));
	return (int)whole;
}

static const struct app_hello iscsi_hellos[] = {
	{TEXT(ISCSI_LOGIN), APP_TCP, {3260, 860}, "iscsi", NULL},
};
static const struct app_hello rpc_hellos[] = {
	{TEXT(RPC_ASK), APP_TCP, {111, 749, 2049, 20048}, "rpcbind rpc nfs mountd", NULL},
};
static const struct app_hello smb1_hellos[] = {
	{TEXT(SMB_ASK), APP_TCP, {0}, "netbios-ssn microsoft-ds", NULL},
};
static const struct app_hello erl_hellos[] = {
	{TEXT(ERL_ASK), APP_TCP, {25672}, NULL, NULL},
};
static const struct app_hello tftp_hellos[] = {
	{TEXT("\0\1prtip.invalid\0octet\0"), APP_UDP, {69}, NULL, NULL, .hears_any_port = true},
};

const struct app_ops app_rpc = {.name = "onc-rpc",
				.help = "ONC RPC: which program answers",
				.protos = APP_TCP,
				.is_asked_only = true,
				.hellos = rpc_hellos,
				.n_hellos = ARRAY_LEN(rpc_hellos),
				.parse = rpc_parse};
const struct app_ops app_smb1 = {.name = "smb1",
				 .help = "SMB 1: what a server says before log-in",
				 .protos = APP_TCP,
				 .hellos = smb1_hellos,
				 .n_hellos = ARRAY_LEN(smb1_hellos),
				 .parse = smb1_parse};
const struct app_ops app_erl = {.name = "erldp",
				.help = "handshake of Erlang nodes",
				.protos = APP_TCP,
				.hellos = erl_hellos,
				.n_hellos = ARRAY_LEN(erl_hellos),
				.parse = erl_parse};
const struct app_ops app_iscsi = {.name = "iscsi",
				  .help = "iSCSI login responses",
				  .protos = APP_TCP,
				  .hellos = iscsi_hellos,
				  .n_hellos = ARRAY_LEN(iscsi_hellos),
				  .parse = iscsi_parse};
const struct app_ops app_tftp = {.name = "tftp",
				 .help = "TFTP errors and first blocks",
				 .protos = APP_UDP,
				 .is_asked_only = true,
				 .hellos = tftp_hellos,
				 .n_hellos = ARRAY_LEN(tftp_hellos),
				 .parse = tftp_parse};
