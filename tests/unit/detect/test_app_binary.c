/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of binary protocols on what servers sent, and on messages made after the documents. */
#include "unit/detect/app_check.h"

#define MYSQL_REST                                                                                 \
	"\0\0\0abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0"                         \
	"ijklmnopqrst\0caching_sha2_password\0"
#define DNS_HEAD "pr\x84\0\0\1\0\1\0\0\0\0\7version\4bind\0\0\x10\0\3\xc0\x0c\0\x10\0\3\0\0\0\0\0"

static const struct app_case cases[] = {
	/* captured from servers of Debian 12 */
	{CAPTURE("\000Qpr\204\000\000\001\000\001\000\001\000\000\007version\004bind\000\000\020"
		 "\000\003\300\014\000\020\000\003\000\000\000\000\000\031\0309.18.49-1~deb12u3-"
		 "Debian\300"
		 "\014\000\002\000\003\000\000\000\000\000\002\300\014"),
	 APP_TCP, "dns-tcp", "domain", "ISC BIND", "9.18.49-1~deb12u3-Debian", NULL, NULL, "Linux",
	 "cpe:/a:isc:bind:9.18.49"},
	{CAPTURE("0\202\003|\002\001\001d\202\003u\004\0000\202\003o0%"
		 "\004\013objectClass1\026\004\003top\004\017OpenLDAProotDSE0*\004\025structural"
		 "ObjectClass1\021\004\017OpenLDAProotDSE0\034\004\015configContext1\013\004\011cn="
		 "config0(\004\016naming"
		 "Contexts1\026\004\024dc=prtlab,dc="
		 "example0\201\316\004\020supportedControl1\201\271\004\0302.16.840.1.1"
		 "13730.3.4.18\004\0272.16.840.1.113730.3.4.2\004\0271.3.6.1.4.1.4203.1.10."
		 "1\004\0141.3.6."
		 "1.1.22\004\0261.2.840.113556.1.4.319\004\0271.2.826.0.1.3344810.2.3\004\0161.3.6."
		 "1.1.13."
		 "2\004\0161.3.6.1.1.13.1\004\0141.3.6.1.1."
		 "120\201\215\004\022supportedExtension1w\004\0261.3.6.1.4.1."
		 "1466.20037\004\0271.3.6.1.4.1.4203.1.11.1\004\0271.3.6.1.4.1.4203.1.11."
		 "3\004\0131.3.6.1."
		 "1.8\004\0161.3.6.1.1.21.3\004\0161.3.6.1.1.21."
		 "10\201\234\004\021supportedFeatures1\201\206\004\0141.3.6.1."
		 "1.14\004\0261.3.6.1.4.1.4203.1.5.1\004\0261.3.6.1.4.1.4203.1.5.2\004\0261.3.6.1."
		 "4.1.4203"
		 ".1.5.3\004\0261.3.6.1.4.1.4203.1.5.4\004\0261.3.6.1.4.1.4203.1.5."
		 "50\033\004\024supportedLDA"
		 "PVersion1\003\004\00130\201\200\004\027supportedSASLMechanisms1e\004\015SCRAM-"
		 "SHA-512\004\015SCRAM-SHA-"
		 "384\004\015SCRAM-SHA-256\004\015SCRAM-SHA-224\004\013SCRAM-SHA-1\004\012DIGEST-"
		 "MD5\004\010CRAM-MD5\004\004"
		 "NTLM0\015\004\007entryDN1\002\004\0000#\004\021subschemaSubentry1\016\004\014cn="
		 "Subschema0\014\002\001\001e\007\012\001\000\004\000\004\000"
		 ""),
	 APP_TCP, "ldap", "ldap", "OpenLDAP", NULL, NULL, NULL, NULL, "cpe:/a:openldap:openldap"},
	{CAPTURE("\000\000\000\312\376SMB@"
		 "\000\000\000\000\000\000\000\000\000\001\000\001\000\000\000\000\000\000\000\000"
		 "\000\000\000\000\000\000\000\377\376\000\000\000\000\000\000\000\000\000\000\000"
		 "\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000A\000"
		 "\001\000\002\003\000\000prtlab\000\000\000\000\000\000\000\000\000\000\007\000"
		 "\000\000\000\000\200\000\000\000\200\000\000\000\200\000$"
		 "\236\000\220Nz\335\001\000\000\000\000\000\000\000\000\200\000J\000\000\000\000"
		 "\000`H\006\006+\006\001\005"
		 "\005\002\240>0<\240\0160\014\006\012+\006\001\004\001\2027\002\002\012\243*0("
		 "\240&\033$not_defined_in_RFC4178@please_ignore"),
	 APP_TCP, "smb2", "microsoft-ds", NULL, NULL, "SMB 3.0.2; signing enabled", NULL, NULL,
	 NULL},
	{CAPTURE("\000\032@\207\206{p\214\326BP\001\000\000\000\000prtipvpn\000\000\000\000"),
	 APP_TCP, "openvpn", "openvpn", "OpenVPN", NULL, NULL, NULL, NULL,
	 "cpe:/a:openvpn:openvpn"},
	{CAPTURE(" \002\000\000\220\003\000\001\0001-\000\023$SYS/broker/versionmosquitto version "
		 "2.0.11"),
	 APP_TCP, "mqtt", "mqtt", "mosquitto", "2.0.11", NULL, NULL, NULL,
	 "cpe:/a:eclipse:mosquitto:2.0.11"},
	{CAPTURE("Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:5"
		 "4 UTC\012Latency min/avg/max: 0/0.0/0\012Received: 6\012Sent: 3\012Connections: "
		 "1\012"
		 "Outstanding: 0\012Zxid: 0x0\012Mode: standalone\012Node count: 5\012"),
	 APP_TCP, "zookeeper", "zookeeper", "Zookeeper", "3.8.0", NULL, NULL, NULL,
	 "cpe:/a:apache:zookeeper:3.8.0"},
	{CAPTURE("\003\000\000\023\016\320\000\000\0224\000\002\001\010\000\001\000\000\000"),
	 APP_TCP, "rdp", "ms-wbt-server", "xrdp", NULL, "TLS", NULL, NULL,
	 "cpe:/a:neutrinolabs:xrdp"},
	{CAPTURE("\001\001\000<!\022\244Bprtip-stun-1\000 "
		 "\000\010\000\001\205F^\022\244C\000\001\000\010\000\001\244T\177\000\000\001\200+"
		 "\000\010\000\001\015\226\177\000\000\001\200\"\000\024Coturn-4.6"
		 ".1 'Gorst'"),
	 APP_TCP, "stun", "stun", "Coturn", "4.6.1", NULL, NULL, NULL,
	 "cpe:/a:coturn_project:coturn:4.6.1"},
	{CAPTURE("\000\000\021\021name rabbit at port 25672\012"), APP_TCP, "epmd", "epmd",
	 "Erlang Port Mapper Daemon", NULL, "rabbit: 25672", NULL, NULL, NULL, true},
	{CAPTURE("E\000\000\000\205SFATAL\000VFATAL\000C08P01\000Minvalid startup packet layout: "
		 "expected ter"
		 "minator as last byte\000Fpostmaster.c\000L2334\000RProcessStartupPacket\000\000"),
	 APP_TCP, "postgresql", "postgresql", "PostgreSQL DB", NULL, "9.6.0 or later", NULL, NULL,
	 "cpe:/a:postgresql:postgresql"},
	{CAPTURE("E\0\0\0)SFATAL\0C08P01\0Mno username supplied\0\0"), APP_TCP, "postgresql",
	 "postgresql", "PgBouncer", NULL, NULL, NULL, NULL, "cpe:/a:pgbouncer:pgbouncer"},
	{CAPTURE("E\0\0\0$SFATAL\0C08P01\0Msomebody else's\0\0"), APP_TCP, "postgresql",
	 "postgresql", NULL},
	{CAPTURE("\001\000\000\000\000\001\374\000\012\000\012\000\011\000\000\001\327\014capabilit"
		 "iesF\000\000\000\307\022publisher_confirmst\001\032exchange_exch"
		 "ange_bindingst\001\012basic.nackt\001\026consumer_cancel_"
		 "notifyt\001\022connection.block"
		 "edt\001\023consumer_prioritiest\001\034authentication_failure_closet\001\020per_"
		 "consumer"
		 "_qost\001\017direct_reply_tot\001\014cluster_nameS\000\000\000\025rabbit@prtlab."
		 "example\011copyri"
		 "ghtS\000\000\0007Copyright (c) 2007-2022 VMware, Inc. or its "
		 "affiliates.\013inform"
		 "ationS\000\000\0009Licensed under the MPL 2.0. Website: "
		 "https://rabbitmq.com\010pl"
		 "atformS\000\000\000\021Erlang/OTP "
		 "25.2.3\007productS\000\000\000\010RabbitMQ\007versionS\000\000\000\0063.10."
		 "8\000\000"
		 "\000\016AMQPLAIN PLAIN\000\000\000\005en_US\316"),
	 APP_TCP, "amqp", "amqp", "RabbitMQ", "3.10.8", "protocol 0-9; Erlang/OTP 25.2.3", NULL,
	 NULL, "cpe:/a:vmware:rabbitmq:3.10.8"},
	{CAPTURE("AB\000\001\011"), APP_TCP, "ajp13", "ajp13", NULL, NULL, NULL, NULL, NULL, NULL},
	{CAPTURE("0040ERR access denied or repository not exported: /prtip-no-such"), APP_TCP,
	 "git", "git", NULL, NULL, "access denied or repository not exported", NULL, NULL, NULL},
	{CAPTURE("VERSION 1.6.18\015\012"), APP_TCP, "memcached", "memcached", "Memcached",
	 "1.6.18", NULL, NULL, NULL, "cpe:/a:memcached:memcached:1.6.18"},
	{CAPTURE("<\077xml version='1.0'\077><stream:stream xmlns:stream='http://etherx.jabber"
		 ".org/streams' version='1.0' xmlns='jabber:client' xml:lang='en' from='"
		 "prtip.invalid' id='2073aecf-a016-491d-a76d-c43c36d86df6'><stream:error"
		 "><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmln"
		 "s='urn:ietf:params:xml:ns:xmpp-streams'>This server does not serve prt"
		 "ip.invalid</text></stream:error></stream:stream>"),
	 APP_TCP, "xmpp", "xmpp-client", "Prosody", NULL, NULL, NULL, NULL,
	 "cpe:/a:prosody:prosody"},
	{CAPTURE("pr\204\000\000\001\000\001\000\001\000\000\007version\004bind\000\000\020\000\003"
		 "\300\014\000\020\000\003\000\000\000\000\000\031\0309.18.49-1~deb12u3-"
		 "Debian\300\014\000"
		 "\002\000\003\000\000\000\000\000\002\300\014"),
	 APP_UDP, "dns-udp", "domain", "ISC BIND", "9.18.49-1~deb12u3-Debian", NULL, NULL, "Linux",
	 "cpe:/a:isc:bind:9.18.49"},
	{CAPTURE("\026\202\000\001\005\025\000\000\000\000\001dleap=0, stratum=6, precision=-24, "
		 "rootdelay=0.000, rootdis"
		 "p=11.526,\015\012refid=127.127.1.0, reftime=0xeead1076.b92d58bd, tc=6, peer="
		 "17767,\015\012offset=0.000000, frequency=0.000000, "
		 "sys_jitter=0.000000,\015\012clk"
		 "_jitter=0.000010, clock=0xeead109f.b578604e, processor=\"x86_64\",\015\012syst"
		 "em=\"Linux/6.18.44-fc-v595\", version=\"ntpd ntpsec-1.2.2\",\015\012clk_wander=0"
		 ".000000, mintc=0\015\012"),
	 APP_UDP, "ntp", "ntp", "NTPsec", "1.2.2", "stratum 6", NULL, "Linux",
	 "cpe:/a:ntpsec:ntpsec:1.2.2"},
	{CAPTURE("0n\002\001\0030\017\002\002Ji\002\003\000\377\343\004\001\000\002\001\003\004\"0 "
		 "\004\021\200\000\037\210\200\324*"
		 "\360yC\212\002k\000\000\000\000\002\001\001\002\002\007\334\004\000\004\000\004"
		 "\00004\004\021\200\000\037\210\200\324*\360"
		 "yC\212\002k\000\000\000\000\004\000\250\035\002\0027\360\002\001\000\002\001\0000"
		 "\0210\017\006\012+\006\001\006\003\017\001\001\004\000A\001\006"),
	 APP_UDP, "snmp", "snmp", "net-snmp", NULL, "SNMPv3", NULL, NULL,
	 "cpe:/a:net-snmp:net-snmp"},
	{CAPTURE("0f\002\001\001\004\006public\242Y\002\004prtp\002\001\000\002\001\0000K0I\006\010"
		 "+\006\001\002\001\001\001\000\004=Linux prtlab 6.18.44-fc-v59"
		 "5 #1 SMP PREEMPT_DYNAMIC @0 x86_64"),
	 APP_UDP, "snmp", "snmp", NULL, NULL,
	 "SNMPv2c; Linux prtlab 6.18.44-fc-v595 #1 SMP PREEMPT_DYNAMIC @0 x86_64", "prtlab",
	 "Linux", "cpe:/o:linux:linux_kernel"},
	{CAPTURE("@\215k1\362Gt\324x\001\000\000\000\000prtipvpn\000\000\000\000"), APP_UDP,
	 "openvpn-udp", "openvpn", "OpenVPN", NULL, NULL, NULL, NULL, "cpe:/a:openvpn:openvpn"},
	{CAPTURE("\001\001\000<!\022\244Bprtip-stun-1\000 "
		 "\000\010\000\001\271\315^"
		 "\022\244C\000\001\000\010\000\001\230\337\177\000\000\001\200+"
		 "\000\010\000\001\015\226\177\000\000\001\200\"\000\024Coturn-4.6"
		 ".1 'Gorst'"),
	 APP_UDP, "stun", "stun", "Coturn", "4.6.1", NULL, NULL, NULL,
	 "cpe:/a:coturn_project:coturn:4.6.1"},
	{CAPTURE("pr\204\200\000\001\000\001\000\000\000\000\007version\004bind\000\000\020\000\003"
		 "\300\014\000\020\000\003\000\000\000\000\000\015\014dnsmasq-2.90"),
	 APP_UDP, "dns-udp", "domain", "dnsmasq", "2.90", NULL, NULL, NULL,
	 "cpe:/a:thekelleys:dnsmasq:2.90"},
	{CAPTURE("pr\000\000\000\001\000\000VERSION 1.6.18\015\012"), APP_UDP, "memcached-udp",
	 "memcached", "Memcached", "1.6.18", NULL, NULL, NULL, "cpe:/a:memcached:memcached:1.6.18"},
	{CAPTURE("d\0\0\0\x0a"
		 "5.5.5-10.11.19-MariaDB-0+deb12u1\0\4\0\0\0tscvG>@i\0\xfe\xf7\x08\2\0"
		 "\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0nlS;j))2\\]=W\0mysql_native_password\0"),
	 APP_TCP, "mysql", "mysql", "MariaDB", "10.11.19", NULL, NULL, "Linux",
	 "cpe:/a:mariadb:mariadb:10.11.19"},
	{CAPTURE("INFO "
		 "{\"server_id\":\"NCUP6P\",\"version\":\"2.9.10\",\"proto\":1,\"go\":\"go1.19.8\"}"
		 " "
		 "\r\n"),
	 APP_TCP, "nats", "nats", "NATS server", "2.9.10", NULL, NULL, NULL,
	 "cpe:/a:nats:nats:2.9.10"},
	{CAPTURE("( success ( 2 2 ( ) ( edit-pipeline svndiff1 list ) ) ) "), APP_TCP, "svn",
	 "svnserve", "Subversion", NULL, "protocol version 2", NULL, NULL,
	 "cpe:/a:apache:subversion"},
	{CAPTURE("RFB 003.008\n"), APP_TCP, "vnc", "vnc", NULL, NULL, "protocol 3.8"},
	{CAPTURE("RFB 003.889\n"), APP_TCP, "vnc", "vnc", NULL, NULL, "protocol 3.889"},
	{CAPTURE("\xff\xfb%\xff\xfb&\xff\xfd\x18\xff\xfd "), APP_TCP, "telnet", "telnet"},
	{CAPTURE("$107\r\n# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nos:Linux "
		 "6.1 "
		 "x86_64\r\narch_bits:64\r\n# Clients\r\n               \r\n\r\n"),
	 APP_TCP, "redis", "redis", "Redis key-value store", "7.0.15", NULL, NULL, "Linux",
	 "cpe:/a:redislabs:redis:7.0.15"},
	/* after the documents */
	/* what all that speak the protocol say, and what one alone does */
	{CAPTURE("-NOAUTH Authentication required.\r\n"), APP_TCP, "redis", "redis", NULL, NULL,
	 "authentication required"},
	{CAPTURE("-DENIED Running in protected mode because protected mode is enabled\r\n"),
	 APP_TCP, "redis", "redis", NULL, NULL, "protected mode"},
	{CAPTURE("-DENIED Redis is running in protected mode because\r\n"), APP_TCP, "redis",
	 "redis", "Redis key-value store", NULL, "protected mode", NULL, NULL,
	 "cpe:/a:redislabs:redis"},
	{CAPTURE("$75\r\n# Server\r\nredis_version:7.4.0\r\ndragonfly_version:df-v1.24.0\r\n"
		 "os:Linux 6.1 x86_64\r\n"),
	 APP_TCP, "redis", "redis", "Dragonfly key-value store", "1.24.0", NULL, NULL, "Linux",
	 "cpe:/a:dragonflydb:dragonfly:1.24.0"},
	{CAPTURE("$72\r\n# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\n"
		 "valkey_version:8.0.1\r\n"),
	 APP_TCP, "redis", "redis", "Valkey key-value store", "8.0.1", NULL, NULL, NULL,
	 "cpe:/a:lfprojects:valkey:8.0.1"},
	{CAPTURE("$73\r\n# Server\r\nredis_version:6.3.4\r\n"
		 "executable:/usr/bin/keydb-server\r\nx:12345\r\n"),
	 APP_TCP, "redis", "redis", "KeyDB key-value store", "6.3.4", NULL, NULL, NULL,
	 "cpe:/a:snapchat:keydb:6.3.4"},
	{CAPTURE("$10\r\nredis:7.0.\r\n"), APP_TCP, NULL},
	{CAPTURE("\x4a\0\0\0\x0a"
		 "8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0"
		 "ijklmnopqrst\0caching_sha2_password\0"),
	 APP_TCP, "mysql", "mysql", "MySQL", "8.0.36", NULL, NULL, NULL,
	 "cpe:/a:mysql:mysql:8.0.36"},
	{CAPTURE("\x44\0\0\0\xff\x6a\4Host '10.0.0.1' is not allowed to connect to this MariaDB "
		 "server "),
	 APP_TCP, "mysql", "mysql", "MariaDB", NULL, "unauthorized"},
	{CAPTURE("\4\0\0\0\x0a"
		 "8.0"),
	 APP_TCP, NULL},
	/* MongoDB: OP_MSG {version: "6.0.5", ok: 1.0} */
	{CAPTURE("\x37\0\0\0\1\0\0\0\x70\x72\0\0\xdd\7\0\0\0\0\0\0\0\x22\0\0\0\2version\0\6\0\0\0"
		 "6.0.5\0\1ok\0\0\0\0\0\0\0\xf0?\0"),
	 APP_TCP, "mongodb", "mongodb", "MongoDB", "6.0.5", NULL, NULL, NULL,
	 "cpe:/a:mongodb:mongodb:6.0.5"},
	{CAPTURE("AMQP\3\1\0\0"), APP_TCP, "amqp", "amqp", NULL, NULL, "protocol 1.0.0"},
	{CAPTURE("\x20\2\0\5"), APP_TCP, "mqtt", "mqtt"},
	{CAPTURE("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\x08\0\5\0\0\0"), APP_TCP, "rdp",
	 "ms-wbt-server"},
	/* X11 refused: reason of 20 bytes */
	{CAPTURE("\0\x14\x0b\0\0\0\5\0No protocol specifie"), APP_TCP, "X11", "X11", NULL, NULL,
	 "access denied"},
	/* X11 open, X.Org 1.19.40, no more than the vendor */
	{CAPTURE("\1\0\x0b\0\0\0\x0f\0\x38\x33\xb6\0\0\0\x20\0\xff\xff\x1f\0\0\1\0\0\x14\0\xff\xff"
		 "\1\7"
		 "\0\0  \x08\xff\0\0\0\0The X.Org Foundation\0\0\0\0\0\0\0\0"),
	 APP_TCP, "X11", "X11", "X.Org X server", "1.19.40", "open", NULL, NULL,
	 "cpe:/a:x.org:x.org_x11:1.19.40"},
	/* KRB-ERROR with realm, in a datagram and in a stream */
	{CAPTURE("\x7e\x29\x30\x27\xa0\3\2\1\5\xa1\3\2\1\x1e\xa4\x11\x18\x0f"
		 "20261122064138Z\xa6\3\2\1"
		 "\x06\xa9\3\x1b\1R"),
	 APP_UDP, "kerberos-udp", "kerberos-sec", NULL, NULL,
	 "server time: 20261122064138Z; realm: R"},
	{CAPTURE("\0\0\0\x2b\x7e\x29\x30\x27\xa0\3\2\1\5\xa1\3\2\1\x1e\xa4\x11\x18\x0f"
		 "20261122064138Z\xa6\3\2\1\x06\xa9\3\x1b\1R"),
	 APP_TCP, "kerberos-tcp", "kerberos-sec", NULL, NULL,
	 "server time: 20261122064138Z; realm: R"},
	/* LDAP: an Active Directory controller, shortened */
	{CAPTURE("\x30\x3e\2\1\1\x64\x39\4\0\x30\x35\x30\x22\4\x1d"
		 "domainControllerFunctionality\x31"
		 "\1\0\x30\x0f\4\x0b"
		 "dnsHostName\x31\0\x30\x0c\2\1\1\x65\7\x0a\1\0\4\0\4\0"),
	 APP_TCP, "ldap", "ldap", NULL, NULL, NULL, NULL, NULL, NULL, false},
	/* SNMPv1, another variable: no description is told */
	{CAPTURE("\x30\x27\2\1\0\4\6public\xa2\x1a\2\4prtp\2\1\0\2\1\0\x30\x0c\x30\x0a\6\x08\x2b\6"
		 "\1\2\1"
		 "\1\3\0\5\0"),
	 APP_UDP, "snmp", "snmp", NULL, NULL, "SNMPv1"},
	/* DNS: refused, no records; and a record that leaves the message */
	{CAPTURE("pr\x80\5\0\1\0\0\0\0\0\0\7version\4bind\0\0\x10\0\3"), APP_UDP, "dns-udp",
	 "domain"},
	{CAPTURE("pr\x84\0\0\1\0\1\0\0\0\0\7version\4bind\0\0\x10\0\3\xc0\x0c\0\x10\0\3\0\0\0\0\0"
		 "\x20"
		 "\x1f"
		 "x"),
	 APP_UDP, NULL},
	{CAPTURE("pr\x84\0\0\1\0\1\0\0\0\0\7version\4bind\0\0\x10\0\3\xc0\x0c\0\x10\0\3\0\0\0\0\0"
		 "\x05"
		 "\4none"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: none"},
	{CAPTURE("\x56\0\0\0\x0a"
		 "8.0.30-TiDB-v7.5.0\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "TiDB", "7.5.0", NULL, NULL, NULL, "cpe:/a:pingcap:tidb:7.5.0"},
	{CAPTURE("\x51\0\0\0\x0a"
		 "8.0.11-Vitess\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "Vitess"},
	{CAPTURE("\x4f\0\0\0\x0a"
		 "8.0.11-dolt\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "Dolt"},
	{CAPTURE("\x5c\0\0\0\x0a"
		 "5.7.30-OceanBase_CE-v4.1\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "OceanBase", "4.1"},
	{CAPTURE("\x57\0\0\0\x0a"
		 "5.1.0-StarRocks-3.1\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "StarRocks", "3.1"},
	{CAPTURE("\x55\0\0\0\x0a"
		 "8.0.30 (ProxySQL)\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "ProxySQL", NULL, NULL, NULL, NULL, "cpe:/a:proxysql:proxysql"},
	{CAPTURE("\x53\0\0\0\x0a"
		 "8.0.30-ProxySQL\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "ProxySQL", NULL, NULL, NULL, NULL, "cpe:/a:proxysql:proxysql"},
	{CAPTURE("\x55\0\0\0\x0a"
		 "5.7.44-ClickHouse\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "ClickHouse", NULL, NULL, NULL, NULL,
	 "cpe:/a:clickhouse:clickhouse"},
	{CAPTURE("\x59\0\0\0\x0a"
		 "5.5.5-10.6.0-MaxScale\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "MariaDB MaxScale", NULL, NULL, NULL, NULL,
	 "cpe:/a:mariadb:maxscale"},
	{CAPTURE("\x57\0\0\0\x0a"
		 "4.1.1-Sphinx 2.2.11\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "Sphinx Search SphinxQL", "2.2.11", NULL, NULL, NULL,
	 "cpe:/a:sphinx:sphinx_search:2.2.11"},
	{CAPTURE("\x6f\0\0\0\x0a"
		 "6.3.6 593045427@231127 dev (columnar 2.2.5)\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "Manticore Search", "6.3.6"},
	{CAPTURE("\x55\0\0\0\x0a"
		 "5.7.99-mock MySQL\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", NULL},
	{CAPTURE("\x4e\0\0\0\x0a"
		 "0.0.0-fake\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", NULL},
	{CAPTURE("\x56\0\0\0\x0a"
		 "5.1.10-alpha doris\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", NULL},
	{CAPTURE("\x53\0\0\0\x0a"
		 "8.0.30-NotMySQL\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", NULL},
	{CAPTURE("\x56\0\0\0\x0a"
		 "10.5.19-NotMariaDB\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", NULL},
	{CAPTURE("\x53\0\0\0\x0a"
		 "5.6.51-91.0-log\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "MySQL", "5.6.51", NULL, NULL, NULL,
	 "cpe:/a:mysql:mysql:5.6.51"},
	{CAPTURE("\x5b\0\0\0\x0a"
		 "8.0.35-0ubuntu0.22.04.1\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "MySQL", "8.0.35", NULL, NULL, "Linux",
	 "cpe:/a:mysql:mysql:8.0.35"},
	{CAPTURE("\x5b\0\0\0\x0a"
		 "5.1.73-community-nt-log\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "MySQL", "5.1.73", NULL, NULL, NULL,
	 "cpe:/a:mysql:mysql:5.1.73"},
	{CAPTURE("\x55\0\0\0\x0a"
		 "5.0.51a-24+lenny5\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "MySQL", "5.0.51a", NULL, NULL, NULL,
	 "cpe:/a:mysql:mysql:5.0.51a"},
	{CAPTURE("\x56\0\0\0\x0a"
		 "11.4.2-MariaDB-log\0\x08" MYSQL_REST),
	 APP_TCP, "mysql", "mysql", "MariaDB", "11.4.2", NULL, NULL, NULL,
	 "cpe:/a:mariadb:mariadb:11.4.2"},
	{CAPTURE(DNS_HEAD "\x16"
			  "\x15"
			  "BIND 9.11 was removed"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: BIND 9.11 was removed"},
	{CAPTURE(DNS_HEAD "\x14"
			  "\x13"
			  "unbound is not used"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: unbound is not used"},
	{CAPTURE(DNS_HEAD "\x0e"
			  "\x0d"
			  "unbound hater"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: unbound hater"},
	{CAPTURE(DNS_HEAD "\x14"
			  "\x13"
			  "9.18.1-but-not-BIND"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: 9.18.1-but-not-BIND"},
	{CAPTURE(DNS_HEAD "\x0c"
			  "\x0b"
			  "9.16.1-like"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: 9.16.1-like"},
	{CAPTURE(DNS_HEAD "\x0d"
			  "\x0c"
			  "dnsmasq-free"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: dnsmasq-free"},
	{CAPTURE(DNS_HEAD "\x0c"
			  "\x0b"
			  "BIND course"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: BIND course"},
	{CAPTURE(DNS_HEAD "\x0b"
			  "\x0a"
			  "NSD course"),
	 APP_UDP, "dns-udp", "domain", NULL, NULL, "version.bind: NSD course"},
	{CAPTURE(DNS_HEAD "\x15"
			  "\x14"
			  "dnsmasq-pi-hole-2.87"),
	 APP_UDP, "dns-udp", "domain", "dnsmasq", "pi-hole-2.87", NULL, NULL, NULL,
	 "cpe:/a:thekelleys:dnsmasq:2.87"},
	{CAPTURE(DNS_HEAD "\x22"
			  "\x21"
			  "9.11.4-P2-RedHat-9.11.4-26.P2.el7"),
	 APP_UDP, "dns-udp", "domain", "ISC BIND", "9.11.4-P2-RedHat-9.11.4-26.P2.el7", NULL, NULL,
	 NULL, "cpe:/a:isc:bind:9.11.4"},
	{CAPTURE(DNS_HEAD "\x0e"
			  "\x0d"
			  "9.16.1-Ubuntu"),
	 APP_UDP, "dns-udp", "domain", "ISC BIND", "9.16.1-Ubuntu", NULL, NULL, "Linux",
	 "cpe:/a:isc:bind:9.16.1"},
	{CAPTURE(DNS_HEAD "\x37"
			  "\x36"
			  "PowerDNS Authoritative Server 4.7.3 (built Jan 1 2023)"),
	 APP_UDP, "dns-udp", "domain", "PowerDNS Authoritative Server", "4.7.3", NULL, NULL, NULL,
	 "cpe:/a:powerdns:authoritative:4.7.3"},
	{CAPTURE(DNS_HEAD "\x06"
			  "\x05"
			  "gdnsd"),
	 APP_UDP, "dns-udp", "domain", "gdnsd"},
	{CAPTURE("E\0\0\0\x49"
		 "SFATAL\0C08P01\0Munknown protocol version 196608\0Fconn.go\0L200\0Rserve\0\0"),
	 APP_TCP, "postgresql", "postgresql", NULL},
	/* two bytes mean SOCKS only to who asked */
	{CAPTURE("\1\0\x0b\0\0\0\0\0"), APP_TCP, NULL},
	{CAPTURE("\5\0"), APP_TCP, NULL},
	{CAPTURE("\xff\xfb%"), APP_TCP, NULL},
};

static void captures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%zu ", i);
		app_check_case(&cases[i]);
	}
}

static const struct app_ops *row_of(const char *name)
{
	for (uint32_t i = 0; i < app_n_rows; i++)
		if (strcmp(app_rows[i]->name, name) == 0)
			return app_rows[i];
	return NULL;
}

static void asked(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int want;
		const char *extrainfo;
	} rows[] = {
		{CAPTURE("\5\0"), 2, "No authentication"},
		{CAPTURE("\5\2"), 2, "Username/password authentication required"},
		{CAPTURE("\5\xff"), 2, "No acceptable authentication method"},
		{CAPTURE("\5"), 0, ""},
		{CAPTURE("\4\0"), -E_SYNTAX, ""},
		{CAPTURE("\5\0\0"), -E_SYNTAX, ""},
	};
	const struct app_ops *socks = row_of("socks5");

	(void)state;
	assert_non_null(socks);
	assert_true(socks->is_asked_only);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct app_facts f = {0};
		uint8_t *p = guard_copy(rows[i].bytes, rows[i].len);
		assert_int_equal(socks->parse((struct bytes){p, rows[i].len}, &f), rows[i].want);
		assert_string_equal(f.field[APP_EXTRAINFO], rows[i].extrainfo);
		guard_free(p, rows[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(captures), cmocka_unit_test(asked)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
