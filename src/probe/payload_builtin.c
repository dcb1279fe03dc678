/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own requests, written after the protocols' documents (named at each row). Each is one a
 * client sends first, changes nothing at the server, and asks for little. Left out on purpose: DHCP
 * and DHCPv6, whose servers answer to their client port and not to ours, and what stays silent
 * without a key (WireGuard). TFTP answers from another port: only a filter or a closed port is
 * seen.
 */
#include "probe/payload.h"

#define BYTES(text)     .bytes = (const uint8_t *)(text), .len = sizeof(text) - 1
#define TAG(n, at)      .tag_len = (n), .tag_at = (at)
#define HEX_TAG(head)   .tag_len = 4, .tag_at = sizeof(head) - 1, .is_tag_hex = true
#define ECHO(at)        .echo_at = (at)
#define SHAPE(at, m, v) .shape_at = (at), .shape_mask = (m), .shape_is = (v)
#define ANYWHERE        ECHO(PAYLOAD_ECHO_ANYWHERE)

#define ZERO4   "\0\0\0\0"
#define ZERO8   ZERO4 ZERO4
#define ZERO16  ZERO8 ZERO8
#define ZERO64  ZERO16 ZERO16 ZERO16 ZERO16
#define ZERO256 ZERO64 ZERO64 ZERO64 ZERO64

// clang-format off

/* RFC 5531 9: a call of procedure 0 without credentials; the reply (1) repeats the xid */
#define RPC_NULL(program, version)                                                                 \
	BYTES(ZERO4 ZERO4 "\0\0\0\2" program version ZERO4 ZERO8 ZERO8),                            \
	TAG(4, 0), ECHO(0), SHAPE(7, 0xff, 1)

/* RFC 2408 3.1, RFC 2409 5: main mode, one proposal; AES-128 or 3DES, SHA-1, group 2, shared key */
#define IKE1                                                                                       \
	ZERO4 "prti" ZERO8 "\1\20\2\0" ZERO4 "\0\0\0\x74"                                           \
	"\0\0\0\x58" "\0\0\0\1" "\0\0\0\1" "\0\0\0\x4c" "\1\1\0\2"                                    \
	"\3\0\0\x24" "\1\1\0\0" "\x80\1\0\7" "\x80\16\0\x80" "\x80\2\0\2" "\x80\4\0\2"                 \
	"\x80\3\0\1" "\x80\13\0\1" "\x80\14\x70\x80"                                                 \
	"\0\0\0\x20" "\2\1\0\0" "\x80\1\0\5" "\x80\2\0\2" "\x80\4\0\2"                                \
	"\x80\3\0\1" "\x80\13\0\1" "\x80\14\x70\x80"

/* RFC 3261 11.1, RFC 3581: the branch of Via comes back in the response */
#define SIP_HEAD "OPTIONS sip:prtip@prtip.invalid SIP/2.0\r\n"                                     \
	"Via: SIP/2.0/UDP prtip.invalid;rport;branch=z9hG4bK"
#define SIP_TAIL "\r\nMax-Forwards: 70\r\nFrom: <sip:prtip@prtip.invalid>;tag=prtip\r\n"            \
	"To: <sip:prtip@prtip.invalid>\r\nCall-ID: prtip\r\nCSeq: 1 OPTIONS\r\n"                     \
	"Contact: <sip:prtip@prtip.invalid>\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"

/* WS-Discovery 1.1, 4 and 5: the answer relates to our message id */
#define WSD_HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>"                                        \
	"<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" "                            \
	"xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" "                               \
	"xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><e:Header>"                      \
	"<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"                  \
	"<a:MessageID>urn:uuid:"
#define WSD_TAIL "-0000-4000-8000-000000000000</a:MessageID>"                                       \
	"<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></e:Header>"                        \
	"<e:Body><d:Probe/></e:Body></e:Envelope>"

const struct payload_row payload_rows[] = {
	/* RFC 862, 864, 865, 866, 867, 868: anything at all brings an answer */
	{{"line", BYTES("\r\n\r\n")}, {7, 11, 13, 17, 19, 37}},
	/* RFC 1035 4.1.1: NS of the root, no recursion asked; a response (QR) repeats the id */
	{{"dns", BYTES("\0\0\0\0\0\1\0\0\0\0\0\0" "\0" "\0\2\0\1"),
	  TAG(2, 0), ECHO(0), SHAPE(2, 0x80, 0x80)}, {53, 5300}},
	/* RFC 1350 5: read request; a server without that file sends an error */
	{{"tftp", BYTES("\0\1" "prtip\0" "octet\0")}, {69}},
	/* RFC 4120 5.4.1: a ticket of a realm that nobody has brings an error */
	{{"kerberos", BYTES("\x6a\x7a\x30\x78\xa1\3\2\1\5\xa2\3\2\1\12\xa4\x6c\x30\x6a"
			    "\xa0\7\3\5\0" ZERO4 "\xa1\22\x30\20\xa0\3\2\1\1\xa1\11\x30\7\33\5" "prtip"
			    "\xa2\7\33\5" "PRTIP"
			    "\xa3\32\x30\30\xa0\3\2\1\2\xa1\21\x30\17\33\6" "krbtgt" "\33\5" "PRTIP"
			    "\xa5\21\30\17" "19700101000000Z" "\xa7\6\2\4\1\2\3\4"
			    "\xa8\13\x30\11\2\1\22\2\1\21\2\1\27")}, {88}},
	/* RFC 1833 3.2: portmap, version 2 */
	{{"portmap", RPC_NULL("\0\1\x86\xa0", "\0\0\0\2")}, {111}},
	/* RFC 5905 7.3: client, version 4; a server (mode 4) repeats the transmit time as origin */
	{{"ntp", BYTES("\x23\0\6\xec" "\0\0\0\0" "\0\1\0\0" ZERO4 ZERO8 ZERO8 ZERO8 ZERO8),
	  TAG(4, 40), ECHO(24), SHAPE(0, 7, 4)}, {123}},
	/* RFC 1002 4.2.17: node status of "*"; the response repeats the id */
	{{"netbios-ns", BYTES("\0\0\0\0\0\1\0\0\0\0\0\0" "\x20" "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			      "\0" "\0\x21\0\1"),
	  TAG(2, 0), ECHO(0), SHAPE(2, 0x80, 0x80)}, {137}},
	/* RFC 1157 4.1: get sysDescr.0, community public; the response repeats request-id */
	{{"snmp1", BYTES("\x30\x29\2\1\0\4\6public\xa0\x1c\2\4\x4a\0\0\0\2\1\0\2\1\0"
			 "\x30\x0e\x30\x0c\6\x08\x2b\6\1\2\1\1\1\0\5\0"),
	  TAG(3, 18), ANYWHERE, SHAPE(0, 0xff, 0x30)}, {161}},
	/* RFC 3414 4: engine discovery, no user; the report repeats msgID */
	{{"snmp3", BYTES("\x30\x3c\2\1\3\x30\21\2\4\x4a\0\0\0\2\3\0\xff\xe3\4\1\4\2\1\3"
			 "\4\x10\x30\x0e\4\0\2\1\0\2\1\0\4\0\4\0\4\0"
			 "\x30\x12\4\0\4\0\xa0\x0c\2\2\x37\xf0\2\1\0\2\1\0\x30\0"),
	  TAG(3, 10), ANYWHERE, SHAPE(0, 0xff, 0x30)}, {161}},
	/* X Display Manager Control Protocol 1.1, 4: Query without authentication names */
	{{"xdmcp", BYTES("\0\1\0\2\0\1\0")}, {177}},
	/* RFC 3352, RFC 4511 4.5.1: root of the directory, any object; the result repeats messageID */
	{{"cldap", BYTES("\x30\x28\2\4\x4a\0\0\0\x63\x20\4\0\12\1\0\12\1\0\2\1\0\2\1\0\1\1\0"
			 "\x87\13" "objectClass" "\x30\0"),
	  TAG(3, 5), ANYWHERE, SHAPE(0, 0xff, 0x30)}, {389}},
	/* RFC 2608 8.1: who is a service agent; the answer (version 2) repeats the xid */
	{{"slp", BYTES("\2\1\0\0\x2f\0\0\0\0\0\0\0\0\2" "en" "\0\0\0\25" "service:service-agent"
		       "\0\0\0\0\0\0"),
	  TAG(2, 10), ECHO(10), SHAPE(0, 0xff, 2)}, {427}},
	/* RFC 9000 17.2.2, 6.1: an initial packet of a version that does not exist, as long as one
	 * must be; the answer turns our ids round */
	{{"quic", BYTES("\xc0\x1a\x2a\x3a\x4a\10prtip-id\10" ZERO4 "prti" "\0\x44\x96"
			ZERO256 ZERO256 ZERO256 ZERO256 ZERO64 ZERO64 ZERO16 ZERO4 "\0\0"),
	  TAG(4, 15), ECHO(6), SHAPE(0, 0x80, 0x80)}, {443, 784, 853, 8443}},
	/* RFC 6347 4.2: client hello; the verify request (3) repeats the record number */
	{{"dtls", BYTES("\26\xfe\xfd\0\0" "\0\0" ZERO4 "\0\x62" "\1\0\0\x56\0\0\0\0\0\0\0\x56"
			"\xfe\xfd" ZERO16 ZERO16 "\0\0" "\0\24\xc0\x2b\xc0\x2f\xc0\12\xc0\24\0\x9c\0\x2f"
			"\0\x35\0\xa8\xc0\xa8\0\xff" "\1\0" "\0\30\0\12\0\4\0\2\0\27\0\15\0\6\0\4\4\3\4\1"
			"\0\13\0\2\1\0"),
	  TAG(4, 7), ECHO(7), SHAPE(13, 0xff, 3)}, {443, 853, 3391, 4433, 5349, 5684, 5868, 6514, 10161}},
	{{"ike1", BYTES(IKE1), TAG(4, 0), ECHO(0), SHAPE(17, 0xf0, 0x10)}, {500}},
	/* RFC 3948 2.2: behind a marker that is no ESP */
	{{"ike1-nat", BYTES(ZERO4 IKE1), TAG(4, 4), ECHO(4), SHAPE(21, 0xf0, 0x10)}, {4500}},
	/* RFC 1058 3.4.1: the whole routing table */
	{{"rip1", BYTES("\1\1\0\0" ZERO8 ZERO8 "\0\0\0\20")}, {520}},
	/* IPMI 2.0, 13.1.3 and 22.13: Get Channel Authentication Capabilities outside of a session */
	{{"ipmi", BYTES("\6\0\xff\7" "\0" ZERO8 "\11" "\x20\x18\xc8\x81\0\x38\x8e\4\xb5")}, {623}},
	/* openvpn(8), protocol: hard reset of a client; the server's (8) repeats the session id */
	{{"openvpn", BYTES("\x38" ZERO4 "prti" "\0" ZERO4),
	  TAG(4, 1), ANYWHERE, SHAPE(0, 0xf8, 0x40)}, {1194}},
	/* MC-SQLR 2.2.2: which instances are there */
	{{"mssql-browser", BYTES("\3")}, {1434}},
	/* RFC 2661 4.4, 6.1: start of a connection; the reply goes to the tunnel id we assigned */
	{{"l2tp", BYTES("\xc8\2\0\x39" ZERO8 "\x80\10\0\0\0\0\0\1" "\x80\10\0\0\0\2\1\0"
			"\x80\12\0\0\0\3\0\0\0\3" "\x80\13\0\0\0\7prtip" "\x80\10\0\0\0\11\0\0"),
	  TAG(2, 55), ECHO(4), SHAPE(0, 0xc0, 0xc0)}, {1701}},
	/* RFC 2865 4.1: a request that the server must refuse, if it knows us; answers repeat the id */
	{{"radius", BYTES("\1\0\0\x34" "prtip-authentica" "\1\7prtip" "\2\22" ZERO16 "\x20\7prtip"),
	  TAG(1, 1), ECHO(1), SHAPE(0, 0xf6, 2)}, {1812, 1645}},
	/* UPnP Device Architecture 2.0, 1.3.2 */
	{{"ssdp", BYTES("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
			"MAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n")}, {1900}},
	/* RFC 1813: NFS, version 3 */
	{{"nfs3", RPC_NULL("\0\1\x86\xa3", "\0\0\0\3")}, {2049}},
	/* 3GPP TS 29.060 7.2.1: echo; the response (2) repeats the sequence number */
	{{"gtp", BYTES("\x32\1\0\4" ZERO4 "\0\0\0\0"),
	  TAG(2, 8), ECHO(8), SHAPE(1, 0xff, 2)}, {2123, 2152}},
	/* RFC 8489 5, 6.2.1: binding request; responses (class 1) repeat the transaction id */
	{{"stun", BYTES("\0\1\0\0\x21\x12\xa4\x42" ZERO4 "prtip-id"),
	  TAG(4, 8), ECHO(8), SHAPE(0, 0xff, 1)}, {3478}},
	{{"ws-discovery", BYTES(WSD_HEAD "00000000" WSD_TAIL), HEX_TAG(WSD_HEAD), ANYWHERE,
	  SHAPE(0, 0xff, '<')}, {3702}},
	{{"sip", BYTES(SIP_HEAD "00000000" SIP_TAIL), HEX_TAG(SIP_HEAD), ANYWHERE,
	  SHAPE(0, 0xff, 'S')}, {5060}},
	/* RFC 6886 3.2: the outer address */
	{{"nat-pmp", BYTES("\0\0")}, {5351}},
	/* RFC 6763 9, RFC 6762 6.7: which services are there; a unicast answer repeats the id */
	{{"mdns", BYTES("\0\0\0\0\0\1\0\0\0\0\0\0" "\11_services\7_dns-sd\4_udp\5local\0" "\0\14\x80\1"),
	  TAG(2, 0), ECHO(0), SHAPE(2, 0x80, 0x80)}, {5353}},
	/* RFC 7252 3, RFC 6690 4: the resources; an answer repeats the token */
	{{"coap", BYTES("\x44\1pr" ZERO4 "\xbb.well-known\4" "core"),
	  TAG(4, 4), ECHO(4), SHAPE(0, 0xcf, 0x44)}, {5683}},
	/* memcached's protocol.txt, "UDP protocol": the frame header begins with our id */
	{{"memcached", BYTES("\0\0\0\0\0\1\0\0" "version\r\n"),
	  TAG(2, 0), ECHO(0), SHAPE(6, 0xff, 0)}, {11211}},
	/* Valve's server queries: A2S_INFO */
	{{"a2s", BYTES("\xff\xff\xff\xff" "TSource Engine Query\0")}, {27015, 27016}},
	/* EtherNet/IP (ODVA volume 2) 2-4.2: ListIdentity; the reply repeats the sender context */
	{{"ethernet-ip", BYTES("\x63\0\0\0" ZERO8 ZERO4 "prti" ZERO4),
	  TAG(4, 12), ECHO(12), SHAPE(0, 0xff, 0x63)}, {44818}},
	/* ASHRAE 135 J.2, 20.1.2: read the object name of the device */
	{{"bacnet", BYTES("\x81\12\0\21\1\4\0\5\1\14\14\2\x3f\xff\xff\x19\x4d")}, {47808}},
	/* Mumble protocol, "Ping": version, users; the answer repeats the identifier */
	{{"mumble", BYTES(ZERO4 ZERO4 "prti"),
	  TAG(4, 4), ECHO(4), SHAPE(0, 0xff, 0)}, {64738}},
};
// clang-format on

const uint32_t payload_rows_n = ARRAY_LEN(payload_rows);
