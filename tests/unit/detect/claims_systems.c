/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which system is told: one that is all of a comment, not one that it mentions. */
#include "unit/detect/claims.h"

#include "base/compiler.h"

const struct claim_case claims_systems[] = {
	{SERVER("Foo/1.0 (not Windows)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (no Win32)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (for Windows clients)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (Unix, formerly Windows)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (Debian-free)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (Unix-like, not Linux)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (tested on Ubuntu)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (CentOS is dead)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (Debian mirror)"), "http", "Foo", "1.0", NULL},
	{SERVER("Foo/1.0 (Red Hat customers portal)"), "http", "Foo", "1.0", NULL},
	{SERVER("Apache/2.4.57 (no Ubuntu)"), "http", "Apache httpd", "2.4.57", NULL},
	{SERVER("nginx/1.22.1 (was Ubuntu)"), "http", "nginx", "1.22.1", NULL},
	{SERVER("nginx/1.22.1 (Ubuntu)"), "http", "nginx", "1.22.1", "Linux"},
	{SERVER("Foo/1.0 (Ubuntu 22.04 LTS)"), "http", "Foo", "1.0", "Linux"},
	{SERVER("Foo/1.0 (Debian GNU/Linux)"), "http", "Foo", "1.0", "Linux"},
	{SERVER("Foo/1.0 (Red Hat Enterprise Linux)"), "http", "Foo", "1.0", "Linux"},
	{SERVER("Foo/1.0 (CentOS Stream)"), "http", "Foo", "1.0", "Linux"},
	{SERVER("Foo/1.0 (x86_64; Linux 6.1)"), "http", "Foo", "1.0", "Linux"},
	{SERVER("Foo/1.0 (Win64)"), "http", "Foo", "1.0", "Windows"},
	{SERVER("Apache/2.4.57 (Win64) OpenSSL/1.1.1k"), "http", "Apache httpd", "2.4.57",
	 "Windows"},
	{SERVER("Apache/2.4.57 (Debian)"), "http", "Apache httpd", "2.4.57", "Linux"},
	{GREETS,
	 "\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'"
	 "\r\nDebian GNU/Linux 12\r\nhost login: ",
	 "telnet", "Linux telnetd", NULL, "Linux"},
	{GREETS,
	 "\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03"
	 "DD-WRT v24-sp2 std (c) 2010 NewMedia-NET GmbH\r\nRelease: 08/07/10\r\n\r\nDD-WRT login: ",
	 "telnet", "DD-WRT telnetd", NULL, "Linux"},
	{GREETS,
	 "\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18\xff\xfd\x1f\r\n\r\nUser Access "
	 "Verification\r\n\r\nPassword: ",
	 "telnet", "Cisco IOS telnetd", NULL, "IOS"},
	{SERVER("Foo/1.0 (Linux-Mandrake/1)"), "http", "Foo", "1.0", "Linux"},
	{SERVER("Eye-Fi Agent/1.1 (Windows XP SP2)"), "http", "Eye-Fi Agent", "1.1", "Windows"},
};
const size_t claims_n_systems = ARRAY_LEN(claims_systems);
