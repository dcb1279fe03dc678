/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of remote procedures and files on what real servers said: rpcbind and kadmind of Debian
 * 12, Samba 4.17.12, a node of Erlang/OTP 25, tftpd-hpa 5.2. */
#include "app_check.h"

static const char rpc111[] =
	"\200\000\000\040prt\000\000\000\000\001\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\002\000\000\000\002\000\000\000\004\200\000\000\030prt\001"
	"\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001"
	"\200\000\000\030prt\002\000\000\000\001\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\001\200\000\000\030prt\003\000\000\000\001\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\001\200\000\000\030prt\004\000\000"
	"\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001\200\000"
	"\000\030prt\005\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\001\200\000\000\030prt\006\000\000\000\001\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\001\200\000\000\030prt\007\000\000\000\001"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001\200\000\000\030"
	"prt\010\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\001\200\000\000\030prt\011\000\000\000\001\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\001\200\000\000\030prt\012\000\000\000\001\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\001\200\000\000\030prt\013"
	"\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001";
static const char rpc749[] =
	"\200\000\000\030prt\000\000\000\000\001\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\001\200\000\000\030prt\001\000\000\000\001\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\001\200\000\000\030prt\002\000\000"
	"\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001\200\000"
	"\000\030prt\003\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\001\200\000\000\030prt\004\000\000\000\001\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\001\200\000\000\040prt\005\000\000\000\001"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\002\000\000\000\002"
	"\000\000\000\002\200\000\000\030prt\006\000\000\000\001\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\001\200\000\000\030prt\007\000\000\000\001"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001\200\000\000\030"
	"prt\010\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\001\200\000\000\030prt\011\000\000\000\001\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\001\200\000\000\030prt\012\000\000\000\001\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\001\200\000\000\030prt\013"
	"\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001";
static const char smb[] =
	"\000\000\000\237\377SMBr\000\000\000\000\210\003\310\000\000\000\000\000\000\000"
	"\000\000\000\000\000\377\377pr\000\000\001\000\021\000\000\0032\000\001\000\004"
	"A\000\000\000\000\001\000\340\030\000\000\375\363\200\200d\252\233Igz\335\001"
	"\000\000\000Z\000prtlab\000\000\000\000\000\000\000\000\000\000`H\006\006+\006"
	"\001\005\005\002\240>0<\240\0160\014\006\012+\006\001\004\001\2027\002\002\012"
	"\243*0(\240&\033$not_defined_in_RFC4178@please_ignore\000\000\001D\377SMBs\026"
	"\000\000\300\210\003\310\000\000\000\000\000\000\000\000\000\000\000\000\377\377"
	"pro\251\002\000\004\377\000\000\000\000\000\305\000\031\001\241\201\3020\201\277"
	"\240\003\012\001\001\241\014\006\012+\006\001\004\001\2027\002\002\012\242\201"
	"\251\004\201\246NTLMSSP\000\002\000\000\000\014\000\014\0008\000\000\000\005\202"
	"\212\00230\254Z\265\242uU\000\000\000\000\000\000\000\000b\000b\000D\000\000\000"
	"\006\001\000\000\000\000\000\017P\000R\000T\000L\000A\000B\000\002\000\014\000"
	"P\000R\000T\000L\000A\000B\000\001\000\014\000P\000R\000T\000L\000A\000B\000\004"
	"\000\016\000e\000x\000a\000m\000p\000l\000e\000\003\000\034\000p\000r\000t\000"
	"l\000a\000b\000.\000e\000x\000a\000m\000p\000l\000e\000\007\000\010\000\314\017"
	"\234Igz\335\001\000\000\000\000W\000i\000n\000d\000o\000w\000s\000\040\0006\000"
	".\0001\000\000\000S\000a\000m\000b\000a\000\040\0004\000.\0001\0007\000.\0001"
	"\0002\000-\000D\000e\000b\000i\000a\000n\000\000\000L\000A\000B\000G\000R\000"
	"O\000U\000P\000\000\000";
static const char erl[] =
	"\000\003sok\000#N\000\000\000\015\007\337\177\275\262\335\265\030k\002\257\011"
	"\000\020rabbit@localhost";

/** What tgt 1.0.85 answered, and refusals of the form that RFC 7143 11.13 gives. */
#define ISCSI_HEAD(len, status)                                                                    \
	"\x23\x81\0\0\0\0\0" len "\x80\0\0\0\0\1\0\0prt1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\2" status   \
	"\0\0\0\0\0\0\0\0\0\0"

static const struct app_case cases[] = {
	{CAPTURE(rpc111), APP_TCP, "onc-rpc", "rpcbind", NULL, "2-4", "RPC #100000"},
	{CAPTURE(rpc749), APP_TCP, "onc-rpc", "kerberos-adm", NULL, "2", "RPC #2112"},
	{CAPTURE(smb), APP_TCP, "smb1", "netbios-ssn", "Samba smbd", "4.17.12-Debian",
	 "workgroup: LABGROUP", NULL, NULL, "cpe:/a:samba:samba:4.17.12"},
	{CAPTURE(erl), APP_TCP, "erldp", "erldp", "Erlang distribution", NULL,
	 "node rabbit@localhost"},
	{CAPTURE("\0\5\0\1File not found\0"), APP_UDP, "tftp", "tftp", NULL, NULL,
	 "File not found"},
	{CAPTURE("\0\3\0\1content"), APP_UDP, "tftp", "tftp"},
	/* iSCSI */
	{CAPTURE(ISCSI_HEAD("\x27", "\0\0") "TargetPortalGroupTag=1\0AuthMethod=None\0\0"), APP_TCP,
	 "iscsi", "iscsi", NULL, NULL, "no authentication"},
	{CAPTURE(ISCSI_HEAD("\0", "\2\1")), APP_TCP, "iscsi", "iscsi", NULL, NULL,
	 "authentication required"},
	{CAPTURE(ISCSI_HEAD("\0", "\3\1")), APP_TCP, "iscsi", "iscsi", NULL, NULL,
	 "service unavailable"},
};

static const struct app_ops *row_of(const char *name)
{
	for (uint32_t i = 0; i < app_n_rows; i++)
		if (strcmp(app_rows[i]->name, name) == 0)
			return app_rows[i];
	return NULL;
}

/** Each row reads its own answer, whether it is read unasked or not. */
static void captures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct app_case *c = &cases[i];
		const struct app_ops *row = row_of(c->row);
		struct app_facts f = {0}, other = {0};
		uint8_t *p = guard_copy(c->bytes, c->len);
		assert_non_null(row);
		assert_true(row->parse((struct bytes){p, c->len}, &f) > 0);
		app_check_facts(c, &f);
		if (row->is_asked_only)
			assert_null(app_read((struct bytes){p, c->len}, c->proto, &other));
		for (size_t cut = 0; cut < c->len; cut++)
			app_check_cut(c, row, cut);
		for (size_t k = 0; k < c->len; k++) {
			struct app_facts changed = {0};
			p[k] ^= 0xff;
			(void)row->parse((struct bytes){p, c->len}, &changed);
			app_check_bounds(&changed);
			p[k] ^= 0xff;
		}
		guard_free(p, c->len);
	}
}

/** Every procedure of the list is named, and none when all are unknown there. */
static void programs(void **state)
{
	static const char unknown[] = "\x80\0\0\x18prt?\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
	static const char denied[] = "\x80\0\0\x18prt\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\5\0\0\0\0";
	const struct app_ops *rpc = row_of("onc-rpc");
	uint8_t all[12 * 28];
	struct app_facts f = {0};

	(void)state;
	assert_non_null(rpc);
	for (uint8_t i = 0; i < 12; i++) {
		memcpy(all + i * 28, unknown, 28);
		all[i * 28 + 7] = i;
	}
	assert_int_equal(rpc->parse((struct bytes){all, sizeof(all) - 28}, &f), 0);
	assert_int_equal(rpc->parse((struct bytes){all, sizeof(all)}, &f), sizeof(all));
	assert_string_equal(f.service, "rpc");
	memset(&f, 0, sizeof(f));
	assert_true(rpc->parse((struct bytes){(const uint8_t *)denied, 28}, &f) > 0);
	assert_string_equal(f.service, "nfs"); /* who asks for a name is there */
}

/** Vague statements of patterns give way, others stay. */
static void merging(void **state)
{
	static const struct {
		const char *name, *product, *version, *service, *says, *says_version, *want,
			*want_version;
	} rows[] = {
		{"ntp", "NTP", "v4", "ntp", "NTPsec", "1.2.2", "NTPsec", "1.2.2"},
		{"netbios-ssn", "Samba smbd", "3.X - 4.X", "netbios-ssn", "Samba smbd", "4.17.12",
		 "Samba smbd", "4.17.12"},
		{"ipp", "CUPS", "2.4", "ipp", "CUPS", "2.4.2", "CUPS", "2.4.2"},
		{"ipp", "CUPS", "2.4", "ipp", "CUPS", "2.40", "CUPS", "2.4"},
		{"ssh", "OpenSSH", "9.2", "ssh", "Dropbear sshd", "1", "OpenSSH", "9.2"},
		{"ms-wbt-server", "Microsoft Terminal Service", NULL, "ms-wbt-server", "xrdp", "",
		 "xrdp", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct facts *block = facts_new(FACTS_BLOCK_MAX);
		struct app_facts from = {.service = rows[i].service};
		struct service_facts into = {.name = rows[i].name,
					     .product = rows[i].product,
					     .version = rows[i].version};
		assert_non_null(block);
		app_puts(&from, APP_PRODUCT, rows[i].says);
		app_puts(&from, APP_VERSION, rows[i].says_version);
		(void)app_merge(&from, block, &into, true);
		assert_string_equal(into.product, rows[i].want);
		assert_string_equal(into.version ?: "", rows[i].want_version ?: "");
		facts_free(block);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(captures), cmocka_unit_test(programs),
					   cmocka_unit_test(merging)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
