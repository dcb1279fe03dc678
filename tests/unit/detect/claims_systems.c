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
};
const size_t claims_n_systems = ARRAY_LEN(claims_systems);
