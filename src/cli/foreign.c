/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a refusal says about options of other scanners. Hands know them by heart, and some mean
 * something else there than their nearest neighbour here: the answer names the form that does the
 * same, or says that there is none.
 * Sources: nmap's reference guide, masscan(8), zmap(1).
 */
#include "cli/foreign.h"

#include <string.h>

#define HIDES "not built: nothing here hides who is scanning"
#define RATE  "want --max-rate PPS, packets per second"
#define LINK  "not needed: the way to each target comes from the kernel's routes and neighbours"
#define LUA   "there are no scripts; -sV, --tls-cert-analysis and -O are what there is"
#define SHAPE "not built: probes have one form"
#define WHOLE                                                                                      \
	"no limit of the whole scan; timeout(1) ends it with a valid report, --host-timeout TIME " \
	"a host"
#define DNS "names come from the name servers of /etc/resolv.conf; -n looks up none"

/* clang-format off */
const struct foreign foreign_table[] = {
	/* nmap */
	{"-sP", "want -sn, its newer name"},
	{"-P0", "want -Pn, its newer name"},
	{"-PN", "want -Pn, its newer name"},
	{"-PD", "want -Pn, its newer name"},
	{"-PI", "want -PE, its newer name"},
	{"-PB", "want -PE -PA, its newer names"},
	{"-PT", "want -PA, its newer name"},
	{"-PO", "no discovery by IP protocols; want -PE, -PS, -PA, -PU or -PY"},
	{"-sC", LUA},
	{"--script", LUA},
	{"--script-args", LUA},
	{"--script-args-file", LUA},
	{"--script-help", LUA},
	{"--script-trace", LUA},
	{"--script-timeout", LUA},
	{"--script-updatedb", LUA},
	{"-sR", "want -sV, which asks RPC services too"},
	{"-sO", "no scan of IP protocols; want -sS, -sU or -sY"},
	{"-sZ", "no COOKIE-ECHO scan; want -sY"},
	{"-sI", HIDES},
	{"-b", "no scan by way of others; for targets to leave out (zmap) want --excludefile FILE"},
	{"-D", HIDES},
	{"-f", "packets are never cut into fragments; for fields of results (zmap) want -oJ FILE"},
	{"--mtu", "packets are never cut into fragments"},
	{"--spoof-mac", HIDES},
	{"--proxies", HIDES},
	{"--proxy", HIDES},
	{"--badsum", SHAPE},
	{"--adler32", SHAPE},
	{"--data", SHAPE},
	{"--data-string", SHAPE},
	{"--data-length", SHAPE},
	{"--ip-options", SHAPE},
	{"--scanflags", "one of -sS -sA -sW -sF -sN -sX -sM says which flags are sent"},
	{"--traceroute", "no traceroute; --reason shows the TTL of replies"},
	{"--tr", "no traceroute; --reason shows the TTL of replies"},
	{"-r", "ports are always asked in an order drawn by --seed; for a rate (zmap) want --max-rate PPS"},
	{"-iR", "no random targets; want addresses, networks, names or -iL FILE"},
	{"--dns-servers", DNS},
	{"--system-dns", DNS},
	{"--unique", "always: a target given twice is scanned once"},
	{"--append-output", "a file is always written anew; prtip merge unites -oJ files"},
	{"--noappend", "always: a file is written anew"},
	{"-oS", "want -oN FILE"},
	{"-oM", "want -oG FILE, its newer name"},
	{"-oH", "no HTML; want -oX FILE, which xsltproc makes HTML of"},
	{"--privileged", "what the process may do is found out; want -sS to insist on raw packets"},
	{"--unprivileged", "want -sT, which needs no privilege"},
	{"--send-eth", "want --tx-backend afpacket"},
	{"--send-ip", "want --tx-backend rawip"},
	{"--noninteractive", "not needed: no keys are read; --yes answers the only question"},
	{"--datadir", "want the environment's NMAPDIR, or --servicedb, --payload-db, --probe-db, --os-db"},
	{"--versiondb", "want --probe-db FILE"},
	{"--version-trace", "want -d, or --packet-trace"},
	{"--allports", "want --all-ports"},
	{"--defeat-rst-ratelimit", "not needed: limits of a target are found and kept; --rate max does not look for them"},
	{"--defeat-icmp-ratelimit", "not needed: limits of a target are found and kept; --rate max does not look for them"},
	{"--nsock-engine", "want --connect-backend NAME, for -sT"},
	{"--randomize-hosts", "always: hosts are asked in an order drawn by --seed"},
	{"-rH", "always: hosts are asked in an order drawn by --seed"},
	{"--rH", "always: hosts are asked in an order drawn by --seed"},
	{"--webxml", "want --stylesheet https://svn.nmap.org/nmap/docs/nmap.xsl"},
	{"--log-errors", "errors go to standard error: want 2>FILE"},
	{"--discovery-ignore-rst", "not built: a RST proves that a host is there; see the marks of dishonest hosts"},
	{"--scan-flags", "one of -sS -sA -sW -sF -sN -sX -sM says which flags are sent"},
	{"--route-dst", "want ip route get ADDRESS"},
	/* masscan */
	{"--ports", "want -p PORTS"},
	{"--port", "want -p PORTS"},
	{"--range", "targets stand alone: prtip -p 80 10.0.0.0/24"},
	{"--includefile", "want -iL FILE"},
	{"--include-file", "want -iL FILE"},
	{"--exclude-file", "want --excludefile FILE"},
	{"--banners", "want --banner-grab, or -sV"},
	{"--echo", "no configuration file"},
	{"--conf", "no configuration file"},
	{"--adapter", "want -e IFACE"},
	{"--adapter-ip", "want -S ADDRESS"},
	{"--source-ip", "want -S ADDRESS"},
	{"--src-ip", "want -S ADDRESS"},
	{"--adapter-port", "want -g PORT"},
	{"--src-port", "want -g PORT"},
	{"--adapter-mac", LINK},
	{"--source-mac", LINK},
	{"--router-mac", LINK},
	{"--router-ip", LINK},
	{"--gateway-mac", LINK},
	{"-G", LINK},
	{"--retries", "want --max-retries N; unanswered probes are repeated by default"},
	{"--wait", "no fixed wait: the last probe waits as long as round trips say; want --min-rtt-timeout TIME"},
	{"--offline", "want -sL, which sends nothing"},
	{"--ping", "want -PE, with -sn when no ports are wanted"},
	{"--pcap", "no capture file; want --packet-trace, or tcpdump beside"},
	{"--nmap", "want --help"},
	{"--readscan", "want prtip merge FILE with -oX, -oG or -oJ"},
	{"--open-only", "want --open"},
	{"--infinite", "no endless scan; want a loop of the shell"},
	{"-oL", "want -oG FILE, one line per host, or -oJ FILE"},
	{"-oB", "want -oJ FILE, one JSON record a line, which prtip merge reads"},
	{"-oD", "want -oJ FILE, one JSON record a line"},
	{"-oU", "want -oJ FILE, one JSON record a line"},
	{"--output-format", "want -oN, -oX, -oG or -oJ FILE"},
	{"--output-filename", "want -oN, -oX, -oG or -oJ FILE"},
	{"--rotate", "no rotation: one file for a scan"},
	/* zmap */
	{"--target-port", "want -p PORTS"},
	{"--target-ports", "want -p PORTS"},
	{"-o", "want -oN FILE (for people), -oX, -oG or -oJ FILE"},
	{"--output-file", "want -oN, -oX, -oG or -oJ FILE"},
	{"--output-module", "want -oN, -oX, -oG or -oJ FILE"},
	{"--output-fields", "want -oJ FILE, which holds every field, and jq"},
	{"--output-filter", "want --open, or -oJ FILE and jq"},
	{"--metadata-file", "want -oJ FILE: its last record is the summary"},
	{"--status-updates-file", "want --stats-every TIME"},
	{"--log-file", "errors go to standard error: want 2>FILE"},
	{"-w", "want -iL FILE"},
	{"--whitelist-file", "want -iL FILE"},
	{"--allowlist-file", "want -iL FILE"},
	{"--blacklist-file", "want --excludefile FILE"},
	{"--blocklist-file", "want --excludefile FILE"},
	{"-B", RATE},
	{"--bandwidth", RATE},
	{"-P", "want --max-retries N for probes, or one of -Pn -PE -PP -PM -PS -PA -PU -PY -PR"},
	{"--probes", "want --max-retries N; unanswered probes are repeated by default"},
	{"-M", "want -sS, -sU or -PE, a scan type"},
	{"--probe-module", "want -sS, -sU or -PE, a scan type"},
	{"--probe-args", "want --payload-db FILE"},
	{"--max-targets", "want --shard I/N, a part of the targets drawn evenly"},
	{"--max-results", WHOLE},
	{"-N", WHOLE},
	{"--max-runtime", WHOLE},
	{"-t", WHOLE},
	{"-c", "no fixed cool-down (zmap): the last probe waits as long as round trips say; no configuration file (masscan)"},
	{"--cooldown-time", "no fixed cool-down: the last probe waits as long as round trips say; want --min-rtt-timeout TIME"},
	{"--cooldown-secs", "no fixed cool-down: the last probe waits as long as round trips say; want --min-rtt-timeout TIME"},
	{"-i", "want -e IFACE, or -iL FILE"},
	{"--interface", "want -e IFACE"},
	{"-s", "want a scan type such as -sS, or -g PORT for the source port"},
	{"--dryrun", "want -sL, which sends nothing"},
	{"--sender-threads", "want --threads N"},
	{"--cores", "want --threads N"},
	{"--shards", "want --shard I/N, which says both"},
	{"-q", "want >/dev/null and 2>/dev/null"},
	{"--quiet", "want >/dev/null and 2>/dev/null"},
	{"--verbosity", "want -v, or -v2"},
	{"-?", "want --help"},
};
/* clang-format on */
const uint32_t foreign_table_n = ARRAY_LEN(foreign_table);

const char *foreign_advice(const char *word)
{
	size_t len = strcspn(word, "=");

	for (uint32_t i = 0; i < foreign_table_n; i++)
		if (strlen(foreign_table[i].name) == len &&
		    memcmp(foreign_table[i].name, word, len) == 0)
			return foreign_table[i].advice;
	return NULL;
}
