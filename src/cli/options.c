/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The option table: one row per option, the only place where an option, its bounds, its default
 * and its text are written. argv.c stores through it, helptext.c prints it; an option that is not
 * a row does not exist, and a row exists only for what is built.
 * Spelling and meaning follow nmap's reference guide where a row says so.
 */
#include "cli/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "detect/service.h"
#include "engine/engine.h"
#include "pktio/pktio.h"

const char *const opt_tx_backends[TX_BACKEND_N + 1] = {"auto",  "rawip",    "afpacket", "xdp",
						       "afxdp", "afxdp-zc", "txring",   NULL};
const char *const opt_connect_backends[CONNECT_BACKEND_N + 1] = {"auto", "io_uring", "epoll", NULL};

const char *const opt_timings[TIMING_N + 1] = {"normal",     "paranoid", "sneaky", "polite",
					       "aggressive", "insane",   NULL};
/** nmap's numbers for them. */
static const char *const timing_numbers[TIMING_N + 1] = {"3", "0", "1", "2", "4", "5", NULL};
const char *const opt_rates[] = {"auto", "max", NULL};

#define AT(f)                 .offset = offsetof(struct config, f), .size = sizeof(((struct config *)0)->f)
#define FLAG(f)               .kind = OPT_FLAG, .value = 1, AT(f)
#define FLAG_AS(f, v)         .kind = OPT_FLAG, .value = (v), AT(f)
#define UINT(f, lo, hi, what) .kind = OPT_UINT, .min = (lo), .max = (hi), .unit = (what), AT(f)
#define TIME_US(f)                                                                                 \
	.kind = OPT_DURATION, .scale_ns = NS_PER_US, .min = 1000, .max = 3600000000,               \
	.metavar = "TIME", AT(f)
#define PATH(f)  .kind = OPT_PATH, .metavar = "FILE", .is_once = true, AT(f)
#define SHORT(s) .short_name = (s)
#define LONG(s)  .long_name = (s)

/* clang-format off */
const struct opt_spec opt_table[] = {
	/* Targets */
	{SHORT("iL"), PATH(target.input_file), .is_stdio_ok = true, .group = OPT_TARGETS, .nmap = NMAP_SAME,
	 .help = "Read targets from FILE, separated by white space; - is standard input. Adds to targets on the command line"},
	{LONG("exclude"), .kind = OPT_LIST, AT(target.excludes), .count_offset = offsetof(struct config, target.n_excludes),
	 .metavar = "TARGETS", .unit = "comma-separated targets", .group = OPT_TARGETS, .nmap = NMAP_EXTENDED,
	 .help = "Never send to these targets; may be given several times"},
	{LONG("excludefile"), PATH(target.exclude_file), .group = OPT_TARGETS, .nmap = NMAP_SAME,
	 .help = "Never send to the targets listed in FILE"},
	{SHORT("4"), FLAG_AS(target.family, ADDR_V4), .excl = EXCL_FAMILY, .group = OPT_TARGETS, .nmap = NMAP_OURS,
	 .help = "IPv4 targets only; names resolve to IPv4"},
	{SHORT("6"), FLAG_AS(target.family, ADDR_V6), .excl = EXCL_FAMILY, .group = OPT_TARGETS, .nmap = NMAP_SAME,
	 .help = "IPv6 targets only; names resolve to IPv6. Without -4 and -6 literals decide for themselves and names prefer IPv4"},
	{LONG("resolve-all"), FLAG(target.resolve_all), .group = OPT_TARGETS, .nmap = NMAP_SAME,
	 .help = "Scan every address of a name, not only the first"},
	{LONG("yes"), FLAG(is_confirmed), .group = OPT_TARGETS, .nmap = NMAP_OURS,
	 .help = "Answer yes to the question that very wide target ranges raise"},

	/* Host discovery and names */
	{SHORT("Pn"), FLAG(skips_discovery), .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Skip host discovery: treat every target as up"},
	{SHORT("PE"), FLAG(pings_echo), .group = OPT_DISCOVERY, .nmap = NMAP_SAME, .help = "Discover hosts by ICMP echo"},
	{SHORT("PP"), FLAG(pings_timestamp), .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Discover hosts by ICMP timestamp, which IPv4 alone has"},
	{SHORT("PM"), FLAG(pings_mask), .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Discover hosts by ICMP address mask, which IPv4 alone has"},
	{SHORT("PS"), .kind = OPT_STRING, AT(pings_syn), .metavar = "PORTS", .absent = "80", .is_once = true,
	 .unit = "ports such as 22,80-90", .group = OPT_DISCOVERY, .nmap = NMAP_SAME, .help = "Discover hosts by TCP SYN to these ports, 80 without a list; by connecting where raw packets are not sent"},
	{SHORT("PA"), .kind = OPT_STRING, AT(pings_ack), .metavar = "PORTS", .absent = "80", .is_once = true,
	 .unit = "ports such as 22,80-90", .group = OPT_DISCOVERY, .nmap = NMAP_SAME, .help = "Discover hosts by TCP ACK to these ports, 80 without a list; by connecting where raw packets are not sent"},
	{SHORT("PU"), .kind = OPT_STRING, AT(pings_udp), .metavar = "PORTS", .absent = "40125", .is_once = true,
	 .unit = "ports such as 22,80-90", .group = OPT_DISCOVERY, .nmap = NMAP_SAME, .help = "Discover hosts by UDP to these ports, 40125 without a list"},
	{SHORT("PY"), .kind = OPT_STRING, AT(pings_sctp), .metavar = "PORTS", .absent = "80", .is_once = true,
	 .unit = "ports such as 22,80-90", .group = OPT_DISCOVERY, .nmap = NMAP_SAME, .help = "Discover hosts by SCTP INIT to these ports, 80 without a list"},
	{SHORT("PR"), FLAG(pings_link), .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Ask targets on the link by ARP or neighbour discovery, which is done without it too; other targets are asked as without it"},
	{LONG("disable-arp-ping"), FLAG(skips_link_ping), .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Do not ask the link for targets on it: they get the probes that others get"},
	{SHORT("n"), FLAG_AS(names, NAMES_NEVER), .excl = EXCL_NAMES, .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Never look up names of addresses"},
	{SHORT("R"), FLAG_AS(names, NAMES_ALL), .excl = EXCL_NAMES, .group = OPT_DISCOVERY, .nmap = NMAP_SAME,
	 .help = "Look up names of all targets, also of those that are down"},

	/* Scan types */
	{SHORT("sS"), FLAG_AS(tcp_scan, 'S'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP SYN scan; needs CAP_NET_RAW. The default where that privilege is held"},
	{SHORT("sT"), FLAG_AS(tcp_scan, 'T'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP connect scan through the kernel; needs no privilege. The default without CAP_NET_RAW"},
	{SHORT("sA"), FLAG_AS(tcp_scan, 'A'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP ACK scan: tells filtered ports from unfiltered ones, not open from closed"},
	{SHORT("sW"), FLAG_AS(tcp_scan, 'W'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP window scan: as -sA, and a reset that offers a window means open"},
	{SHORT("sF"), FLAG_AS(tcp_scan, 'F'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP FIN scan: closed ports answer, open or filtered ones are silent"},
	{SHORT("sN"), FLAG_AS(tcp_scan, 'N'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP NULL scan: as -sF, without any flag"},
	{SHORT("sX"), FLAG_AS(tcp_scan, 'X'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP Xmas scan: as -sF, with FIN, PSH and URG"},
	{SHORT("sM"), FLAG_AS(tcp_scan, 'M'), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "TCP Maimon scan: as -sF, with FIN and ACK"},
	{SHORT("sU"), FLAG(wants_udp), .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "UDP scan, alone or with raw TCP and SCTP scans; ports of known services get a request of their protocol"},
	{SHORT("sY"), FLAG(wants_sctp), .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "SCTP INIT scan, alone or with raw TCP and UDP scans"},
	{SHORT("sn"), FLAG(wants_ping_only), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "Host discovery only, no port scan"},
	{SHORT("sL"), FLAG(wants_list), .excl = EXCL_SCAN, .group = OPT_SCANS, .nmap = NMAP_SAME,
	 .help = "List the targets; send nothing to them"},

	/* Ports */
	{SHORT("p"), .kind = OPT_STRING, AT(ports.spec), .metavar = "PORTS", .is_once = true,
	 .unit = "ports such as 22,80-90,-100,60000-,http*,T:443", .excl = EXCL_PORTS, .group = OPT_PORTS, .nmap = NMAP_SAME,
	 .help = "Scan these ports: numbers, ranges, names with * and ?, T: U: S: prefixes; - means 1-65535. Without it the 1000 most frequent"},
	{SHORT("F"), FLAG_AS(ports.top_n, 100), .excl = EXCL_PORTS, .group = OPT_PORTS, .nmap = NMAP_SAME,
	 .help = "Fast: the 100 most frequent ports"},
	{LONG("top-ports"), UINT(ports.top_n, 1, 65535, "a number of ports"), .metavar = "N", .excl = EXCL_PORTS, .group = OPT_PORTS,
	 .nmap = NMAP_SAME, .help = "Scan the N most frequent ports"},
	{LONG("port-ratio"), .kind = OPT_RATIO, AT(ports.min_ratio), .metavar = "RATIO", .excl = EXCL_PORTS, .group = OPT_PORTS,
	 .nmap = NMAP_SAME, .help = "Scan ports open on at least this fraction of hosts, by the services file"},
	{LONG("exclude-ports"), .kind = OPT_STRING, AT(ports.exclude), .metavar = "PORTS", .is_once = true,
	 .unit = "ports such as 22,80-90", .group = OPT_PORTS, .nmap = NMAP_SAME, .help = "Leave these ports out"},
	{LONG("servicedb"), .is_view = true, PATH(services_file), .group = OPT_PORTS, .nmap = NMAP_SAME,
	 .help = "Port names and frequencies from FILE instead of the installed nmap-services"},

	{LONG("payload-db"), PATH(payload_file), .group = OPT_PORTS, .nmap = NMAP_OURS,
	 .help = "UDP requests, added to the built-in ones, from FILE instead of the installed nmap-payloads"},

	/* Service detection */
	{SHORT("sV"), FLAG(wants_services), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "Ask open ports what service runs there, what program and what version, while the port scan goes on"},
	{LONG("version-intensity"), UINT(version_intensity, 0, SVC_RARITY_MAX, "a level"), .dflt = 7, .metavar = "LEVEL", .group = OPT_DETECTION,
	 .nmap = NMAP_SAME, .help = "Try probes up to this rarity on ports that no probe lists: 0 few, 9 all"},
	{LONG("version-light"), FLAG_AS(version_intensity, 2), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "The same as --version-intensity 2"},
	{LONG("version-all"), FLAG_AS(version_intensity, SVC_RARITY_MAX), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "The same as --version-intensity 9"},
	{LONG("version-parallel"), UINT(version_parallelism, 1, SERVICE_TALKS_MAX, "connections"), .dflt = 2, .metavar = "N", .group = OPT_DETECTION,
	 .nmap = NMAP_OURS, .help = "Connections to one port at once: while one listens, another asks"},
	{LONG("all-ports"), FLAG(asks_all_ports), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "Ask also the ports that the probe file excludes, such as those of printers, which print what they are sent"},
	{LONG("probe-db"), PATH(probe_file), .group = OPT_DETECTION, .nmap = NMAP_OURS,
	 .help = "Service probes from FILE instead of the installed nmap-service-probes; the built-in ones are added"},
	{LONG("banner-grab"), FLAG(wants_banners), .group = OPT_DETECTION, .nmap = NMAP_OURS,
	 .help = "Report what open ports say first; without -sV nothing more is asked than that takes"},
	{LONG("tls-cert-analysis"), FLAG(wants_tls), .group = OPT_DETECTION, .nmap = NMAP_OURS,
	 .help = "Examine TLS on open TCP ports: versions, cipher suites, groups, ALPN, JARM, the certificate chain, and what is wrong with them"},
	{LONG("tls-sni"), .kind = OPT_STRING, AT(tls_name), .metavar = "NAME", .is_once = true, .unit = "a host name", .group = OPT_DETECTION,
	 .nmap = NMAP_OURS, .help = "Server name that TLS analysis asks for and compares certificates with; without it the name typed as target"},
	{LONG("ca-file"), PATH(ca_file), .group = OPT_DETECTION, .nmap = NMAP_OURS,
	 .help = "Trust the certificate authorities in FILE (PEM) instead of the system's"},

	/* OS detection */
	{SHORT("A"), FLAG(wants_details), .group = OPT_DETECTION, .nmap = NMAP_EXTENDED,
	 .help = "All that is asked of open ports and hosts: the same as -sV -O --tls-cert-analysis. Scripts and traceroute are not part of it"},
	{SHORT("O"), FLAG(wants_os), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "Tell operating systems apart by how their IPv4 stacks answer sixteen odd packets. Hosts of IPv6 are left out"},
	{LONG("osscan-limit"), FLAG(limits_os), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "With -O: only hosts with at least one open and one closed TCP port"},
	{LONG("osscan-guess"), FLAG(guesses_os), .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "With -O: name near matches also where the test was ideal and nothing fits"},
	{LONG("fuzzy"), FLAG(guesses_os), .group = OPT_DETECTION, .nmap = NMAP_SAME, .help = "The same as --osscan-guess"},
	{LONG("max-os-tries"), UINT(os_tries, 1, 50, "tries"), .metavar = "N", .group = OPT_DETECTION, .nmap = NMAP_SAME,
	 .help = "With -O: test a host at most this often while nothing fits perfectly (5 unless given, 2 where conditions are bad)"},
	{LONG("os-db"), PATH(os_file), .group = OPT_DETECTION, .nmap = NMAP_OURS,
	 .help = "With -O: fingerprints from FILE instead of the installed nmap-os-db"},

	/* Packets and sockets */
	{SHORT("e"), .kind = OPT_STRING, AT(iface_name), .metavar = "IFACE", .unit = "an interface name (see --iflist)",
	 .group = OPT_PACKETS, .nmap = NMAP_SAME, .help = "Send and receive on this interface only"},
	{SHORT("S"), .kind = OPT_ADDR, AT(source4), .metavar = "ADDRESS", .group = OPT_PACKETS, .nmap = NMAP_EXTENDED,
	 .help = "Source address; may be given once for IPv4 and once for IPv6"},
	{SHORT("g"), LONG("source-port"), UINT(source_port, 1, 65535, "a port number"), .metavar = "PORT", .group = OPT_PACKETS,
	 .nmap = NMAP_SAME, .help = "Source port of probes"},
	{LONG("ttl"), UINT(ttl, 1, 255, "a hop count"), .metavar = "HOPS", .group = OPT_PACKETS, .nmap = NMAP_SAME,
	 .help = "Time to live, or IPv6 hop limit, of probes"},
	{LONG("tx-backend"), .kind = OPT_CHOICE, AT(tx_backend), .choices = opt_tx_backends, .metavar = "NAME", .group = OPT_PACKETS,
	 .nmap = NMAP_OURS, .help = "How raw packets are sent and, unless the driver's program hears the answers of a large scan, received"},
	{LONG("connect-backend"), .kind = OPT_CHOICE, AT(connect_backend), .choices = opt_connect_backends, .metavar = "NAME",
	 .group = OPT_PACKETS, .nmap = NMAP_OURS, .help = "How the connect scan drives its sockets"},
	{LONG("batch-size"), UINT(batch, 1, PKTIO_BATCH_MAX, "packets per transmit call"), .zero = "by the way: loopback 250, link 150, routed 100", .metavar = "N",
	 .group = OPT_PACKETS, .nmap = NMAP_OURS, .help = "Packets handed to the kernel together"},

	/* Timing */
	{SHORT("T"), .kind = OPT_CHOICE, AT(timing), .choices = opt_timings, .aliases = timing_numbers, .unit = "or 0 to 5", .metavar = "LEVEL", .group = OPT_TIMING, .nmap = NMAP_SAME,
	 .help = "Timing template, by name or from -T0 (paranoid) to -T5 (insane). Options of their own win over it"},
	{LONG("rate"), .kind = OPT_CHOICE, AT(rate), .choices = opt_rates, .unit = "a number of packets per second goes to --max-rate", .metavar = "HOW", .group = OPT_TIMING, .nmap = NMAP_OURS,
	 .help = "auto: find the highest rate at which no answers are lost, of each host and of the path; max: as fast as --max-rate and this machine allow"},
	{LONG("max-rate"), UINT(max_rate_pps, 1, 100000000, "packets per second"), .zero = "no limit", .metavar = "PPS",
	 .group = OPT_TIMING, .nmap = NMAP_EXTENDED, .help = "Send no faster than this, retransmissions and discovery included"},
	{LONG("rate-limit"), UINT(max_rate_pps, 1, 100000000, "packets per second"), .zero = "no limit", .metavar = "PPS",
	 .group = OPT_TIMING, .nmap = NMAP_OURS, .help = "The same as --max-rate"},
	{LONG("min-rate"), UINT(bounds.min_rate_pps, 1, 100000000, "packets per second"), .zero = "no bound", .metavar = "PPS",
	 .group = OPT_TIMING, .nmap = NMAP_SAME, .help = "Limits that the scan finds do not slow it below this, whatever is lost"},
	{LONG("scan-delay"), TIME_US(bounds.scan_delay_us), .group = OPT_TIMING, .nmap = NMAP_SAME,
	 .help = "Wait at least this long between two probes to a host"},
	{LONG("max-scan-delay"), TIME_US(bounds.max_delay_us), .group = OPT_TIMING, .nmap = NMAP_SAME,
	 .help = "Limits found for a host put at most this long between two probes to it"},
	{LONG("host-timeout"), .kind = OPT_DURATION, .scale_ns = NS_PER_MS, .min = 1, .max = 86400000, AT(bounds.host_timeout_ms),
	 .metavar = "TIME", .group = OPT_TIMING, .nmap = NMAP_EXTENDED,
	 .help = "Give up a host whose port scan and detection take longer; what was found is kept"},
	{LONG("min-hostgroup"), UINT(bounds.min_hosts, 1, 8192, "hosts"), .zero = "by ports and threads", .metavar = "N", .group = OPT_TIMING,
	 .nmap = NMAP_SAME, .help = "Scan the ports of at least this many hosts at a time"},
	{LONG("max-hostgroup"), UINT(bounds.max_hosts, 1, 100000000, "hosts"), .zero = "by ports and threads", .metavar = "N",
	 .group = OPT_TIMING, .nmap = NMAP_SAME, .help = "Scan the ports of at most this many hosts at a time"},
	{LONG("min-parallelism"), UINT(bounds.min_outstanding, 1, 1000000, "probes"), .zero = "no bound", .metavar = "N", .group = OPT_TIMING,
	 .nmap = NMAP_SAME, .help = "Limits that the scan finds hold nothing back while fewer probes wait for answers"},
	{LONG("max-retries"), UINT(max_retries, 0, COOKIE_ATTEMPTS_MAX - 1, "retransmissions"), .dflt = 10, .metavar = "N", .group = OPT_TIMING,
	 .nmap = NMAP_SAME, .help = "Retransmit an unanswered probe at most this often"},
	{LONG("no-abandon"), FLAG(never_abandons), .group = OPT_TIMING, .nmap = NMAP_OURS,
	 .help = "Scan dishonest hosts on, to the last port. They are marked in any case"},
	{LONG("coverage-sample"), UINT(again_max, 0, 65536, "ports"), .dflt = 2048, .metavar = "N", .group = OPT_TIMING,
	 .nmap = NMAP_OURS, .help = "Ask a random sample of answered ports once more, at most N, to measure how much is lost: about one answer in 128, at least 32, and none where nothing is silent; likewise hosts that discovery asks by one ping only, as by ARP, 32 times a thread"},
	{LONG("min-coverage"), .kind = OPT_RATIO, AT(coverage_min), .metavar = "RATIO", .group = OPT_TIMING,
	 .nmap = NMAP_OURS, .help = "Exit with 3 when probably less than this fraction of the responsive ports was found (0.99 unless given)"},
	{LONG("initial-rtt-timeout"), TIME_US(initial_rto_us), .dflt = 1000000, .group = OPT_TIMING, .nmap = NMAP_SAME,
	 .help = "Wait this long for a reply while no round trip has been measured"},
	{LONG("min-rtt-timeout"), TIME_US(min_rto_us), .dflt = 25000, .group = OPT_TIMING, .nmap = NMAP_SAME,
	 .help = "Never wait shorter than this for a reply"},
	{LONG("max-rtt-timeout"), TIME_US(max_rto_us), .dflt = 10000000, .group = OPT_TIMING, .nmap = NMAP_SAME,
	 .help = "Never wait longer than this for a reply"},
	{LONG("max-parallelism"), UINT(bounds.max_outstanding, 1, 1000000, "probes"), .zero = "no bound; connect scan: by the limit on open files",
	 .metavar = "N", .group = OPT_TIMING, .nmap = NMAP_SAME, .help = "At most this many probes wait for answers at a time"},
	{LONG("threads"), UINT(n_threads, 1, ENGINE_WORKERS_MAX, "threads"), .zero = "by size of the scan and cores", .metavar = "N",
	 .group = OPT_TIMING, .nmap = NMAP_OURS, .help = "Worker threads"},
	{LONG("seed"), UINT(seed, 0, UINT64_MAX, "a number"), .given_offset = offsetof(struct config, has_seed), .metavar = "N",
	 .group = OPT_TIMING, .nmap = NMAP_OURS, .help = "Repeat the order of an earlier scan"},
	{LONG("shard"), .kind = OPT_SHARE, AT(shard), .max = SHARDS_MAX, .metavar = "I/N", .is_once = true, .group = OPT_TIMING,
	 .nmap = NMAP_OURS, .help = "Scan only the I-th of N equal parts of the targets: whole hosts, or the same ports of every "
	 "host where hosts are few. Any seed will do; prtip merge unites the results"},

	{LONG("journal"), PATH(journal_file), .group = OPT_TIMING, .nmap = NMAP_OURS,
	 .help = "Write down in FILE, which must be new, what has been done, so that --resume can go on after a crash or ^C"},
	{LONG("resume"), PATH(resume_file), .is_alone = true, .group = OPT_TIMING, .nmap = NMAP_EXTENDED,
	 .help = "Go on with the scan whose --journal is FILE, with the options it was started with; outputs are written anew, "
	 "complete"},

	/* Output */
	{SHORT("oN"), .is_view = true, PATH(out.normal), .is_stdio_ok = true, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Write the report for people to FILE; - is standard output"},
	{SHORT("oX"), .is_view = true, PATH(out.xml), .is_stdio_ok = true, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Write XML to FILE; - is standard output, which then carries nothing else"},
	{SHORT("oG"), .is_view = true, PATH(out.grepable), .is_stdio_ok = true, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Write one line per host for grep to FILE; - is standard output"},
	{SHORT("oJ"), .is_view = true, PATH(out.json), .is_stdio_ok = true, .group = OPT_OUTPUT, .nmap = NMAP_OURS,
	 .help = "Write JSON lines to FILE; - is standard output"},
	{SHORT("oA"), .is_view = true, .kind = OPT_PATH, .metavar = "BASE", .is_once = true, AT(out.all_base), .group = OPT_OUTPUT, .nmap = NMAP_EXTENDED,
	 .help = "Write every format to files that begin with BASE, JSON lines included"},
	{LONG("with-db"), .is_view = true, PATH(out.db), .group = OPT_OUTPUT, .nmap = NMAP_OURS,
	 .help = "Add the scan to the SQLite database FILE, which is made when it is not there and holds any number of scans; "
	 "prtip db lists, searches, exports and compares them"},
	{LONG("stylesheet"), .is_view = true, .kind = OPT_STRING, AT(stylesheet), .metavar = "HREF", .is_once = true, .unit = "a path or URL of an XSL file",
	 .excl = EXCL_STYLESHEET, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Let -oX refer to this XSL file. Without it to nmap's own, where that is installed"},
	{LONG("no-stylesheet"), .is_view = true, FLAG(wants_no_stylesheet), .excl = EXCL_STYLESHEET, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Let -oX refer to no XSL file"},
	{SHORT("v"), LONG("verbose"), .is_view = true, .kind = OPT_COUNT, AT(verbosity), .max = 10, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Say more; -vv or -v2 for still more"},
	{SHORT("d"), LONG("debug"), .is_view = true, .kind = OPT_COUNT, AT(debugging), .max = 10, .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Diagnostics on standard error; -dd or -d2 for more. Raises verbosity too"},
	{LONG("reason"), .is_view = true, FLAG(wants_reason), .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Show why each host and port is in its state"},
	{LONG("open"), .is_view = true, FLAG(wants_open_only), .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Show only ports that are open or may be"},
	{LONG("packet-trace"), FLAG(wants_trace), .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "Show every packet sent and received"},
	{LONG("packet-capture"), PATH(capture_file), .group = OPT_OUTPUT, .nmap = NMAP_OURS,
	 .help = "Write the packets sent and received to FILE, as pcapng with direction and counts of drops. Connections of a "
	 "connect scan and of service detection are the kernel's and not among them"},
	{LONG("stats-every"), .kind = OPT_DURATION, .scale_ns = NS_PER_MS, .min = 100, .max = 86400000, AT(stats_every_ms),
	 .metavar = "TIME", .group = OPT_OUTPUT, .nmap = NMAP_SAME, .help = "Print a progress line this often"},
	{LONG("event-log"), PATH(out.event_log), .group = OPT_OUTPUT, .nmap = NMAP_OURS,
	 .help = "Write every event of the scan to FILE as it happens, as JSON lines; prtip replay makes any output of it"},
	{LONG("event-log-size"), UINT(event_log_bytes, 4096, 1ull << 40, "bytes"), .zero = "all in one file", .metavar = "BYTES",
	 .group = OPT_OUTPUT, .nmap = NMAP_OURS, .help = "Go on in FILE.1, FILE.2, ... when the event log's file has about this size"},
	{LONG("metrics-file"), PATH(out.metrics), .group = OPT_OUTPUT, .nmap = NMAP_OURS,
	 .help = "Keep the scan's counters in FILE, replaced once a second, as OpenMetrics"},
	{LONG("profile"), .kind = OPT_PATH, .metavar = "DIR", .is_once = true, AT(out.profile), .group = OPT_OUTPUT, .nmap = NMAP_OURS,
	 .help = "Measure where the scan's own time goes and write DIR/profile.json and DIR/profile.html; DIR is made when missing"},
	{LONG("iflist"), FLAG(wants_iflist), .group = OPT_OUTPUT, .nmap = NMAP_SAME,
	 .help = "List interfaces and routes, then stop"},

	/* The rest */
	{SHORT("V"), LONG("version"), .is_view = true, FLAG(wants_version), .group = OPT_MISC, .nmap = NMAP_SAME, .help = "Print the version and stop"},
	{SHORT("h"), LONG("help"), .is_view = true, FLAG(wants_help), .group = OPT_MISC, .nmap = NMAP_SAME,
	 .help = "Print this summary and stop; prtip help TOPIC searches it"},
};
/* clang-format on */
const uint32_t opt_table_n = ARRAY_LEN(opt_table);

const struct cmd_spec cmd_table[] = {
	{"help", "help [TOPIC]", "Search this reference: options, values, commands.",
	 offsetof(struct config, wants_help)},
	{"merge", "merge FILE... [OUTPUT OPTIONS]",
	 "Unite the JSON lines (-oJ) of the shards of a scan, or of repeated scans of the same "
	 "targets, and write the result in any format. Of several results of one port stands: "
	 "open; "
	 "then closed, unfiltered, filtered when the port or someone else answered; silence last. "
	 "A missing shard or a file that was cut off is told and makes the exit code 3.",
	 offsetof(struct config, wants_merge)},
	{"db", "db list|query|export|compare FILE [WORDS] [OUTPUT OPTIONS]",
	 "Read a database that --with-db wrote. list FILE: its scans. query FILE [KEY=VALUE...]: "
	 "ports; keys are host (address, network or name), port (22,80-90), protocol, state (open "
	 "unless given; all), service (part of name or product) and scan. export FILE [SCAN]: a "
	 "scan, the last unless given, in any format, as the scan itself wrote it. compare FILE "
	 "[OLD [NEW]]: what differs between two scans, the last two unless given, and how much of "
	 "it may only have been missed; the exit code is 4 when something differs. A SCAN is its "
	 "number or the beginning of its id. With -oJ, list, query and compare write JSON lines.",
	 offsetof(struct config, wants_db)},
	{"replay", "replay LOG [OUTPUT OPTIONS]",
	 "Write any output anew from the event log of a scan (--event-log), as the scan itself "
	 "would have written it. Of a log in several files the first is named. A log that lacks "
	 "events or its end is told and makes the exit code 3.",
	 offsetof(struct config, wants_replay)},
};
const uint32_t cmd_table_n = ARRAY_LEN(cmd_table);

static_assert(offsetof(struct config, source6) ==
		      offsetof(struct config, source4) + sizeof(struct addr),
	      "OPT_ADDR stores IPv6 right behind IPv4");

static const char *const group_titles[] = {"Target specification",
					   "Host discovery",
					   "Scan types",
					   "Port specification",
					   "Service and system detection",
					   "Packets and sockets",
					   "Timing and rate",
					   "Output",
					   "Miscellaneous"};
static_assert(ARRAY_LEN(group_titles) == OPT_GROUP_N, "a title per group");

static const char *const nmap_texts[] = {"as in nmap", "as in nmap, extended", "not in nmap"};
static_assert(ARRAY_LEN(nmap_texts) == NMAP_LEVEL_N, "a remark per level");

const char *opt_group_title(enum opt_group g)
{
	return group_titles[g];
}

const char *opt_nmap_text(enum opt_nmap level)
{
	return nmap_texts[level];
}

bool opt_takes_value(const struct opt_spec *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_COUNT;
}

char *opt_name(const struct opt_spec *o, char out[OPT_NAME_CAP])
{
	if (o->long_name)
		snprintf(out, OPT_NAME_CAP, "--%s", o->long_name);
	else
		snprintf(out, OPT_NAME_CAP, "-%s", o->short_name);
	return out;
}

/** Largest unit of nmap's that divides the value. */
static void put_duration(uint64_t ns, struct buf *b)
{
	static const struct {
		uint64_t ns;
		const char *suffix;
	} units[] = {
		{3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "m"}, {NS_PER_S, "s"}, {NS_PER_MS, "ms"}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ns && ns % units[i].ns == 0) {
			buf_put_u64(b, ns / units[i].ns);
			buf_puts(b, units[i].suffix);
			return;
		}
	}
	buf_printf(b, "%llu.%06llums", ns / NS_PER_MS, ns % NS_PER_MS);
}

void opt_put_number(const struct opt_spec *o, uint64_t v, struct buf *b)
{
	if (o->kind == OPT_DURATION)
		put_duration(v * o->scale_ns, b);
	else
		buf_put_u64(b, v);
}

static void put_bounds(const struct opt_spec *o, struct buf *b)
{
	opt_put_number(o, o->min, b);
	buf_puts(b, " to ");
	opt_put_number(o, o->max, b);
	if (o->zero)
		buf_printf(b, " (0 = %s)", o->zero);
}

void opt_put_want(const struct opt_spec *o, struct buf *b)
{
	switch (o->kind) {
	case OPT_FLAG:
		buf_puts(b, "no value");
		break;
	case OPT_COUNT:
		buf_printf(b, "a level, 0 to %" PRIu64, o->max);
		break;
	case OPT_UINT:
		buf_printf(b, "%s, ", o->unit);
		put_bounds(o, b);
		break;
	case OPT_DURATION:
		buf_puts(b, "a time such as 250ms, 1.5s, 2m or 1h (plain number: seconds), ");
		put_bounds(o, b);
		break;
	case OPT_RATIO:
		buf_puts(b, "a fraction greater than 0 and less than 1, such as 0.05");
		break;
	case OPT_PATH:
		buf_puts(b, o->is_stdio_ok ? "a file name, or -" : "a file name");
		buf_puts(b, " (one that begins with a dash: ./-name)");
		break;
	case OPT_CHOICE:
		for (size_t i = 0; o->choices[i]; i++)
			buf_printf(b, "%s%s", i ? "|" : "", o->choices[i]);
		if (o->unit)
			buf_printf(b, "; %s", o->unit);
		break;
	case OPT_SHARE:
		buf_printf(b, "I/N such as 2/4, I from 1 to N, N at most %" PRIu64, o->max);
		break;
	case OPT_ADDR:
		buf_puts(b, "an IPv4 or IPv6 address");
		break;
	default: /* OPT_STRING, OPT_LIST */
		buf_puts(b, o->unit);
		break;
	}
}

/** Levenshtein distance in one row; words are cut at OPT_NAME_CAP. */
static uint32_t edit_distance(const char *a, const char *b)
{
	uint32_t row[OPT_NAME_CAP + 1], n_a = (uint32_t)strnlen(a, OPT_NAME_CAP),
					n_b = (uint32_t)strnlen(b, OPT_NAME_CAP);

	for (uint32_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= n_a; i++) {
		uint32_t diagonal = row[0];

		row[0] = i;
		for (uint32_t j = 1; j <= n_b; j++) {
			uint32_t replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n_b];
}

char *options_nearest(const char *word, char out[OPT_NAME_CAP])
{
	char typed[OPT_NAME_CAP], name[OPT_NAME_CAP];
	uint32_t best;

	snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="), word);
	best = (uint32_t)strlen(typed + strspn(typed, "-")) / 3 + 1;
	out[0] = '\0';
	for (uint32_t i = 0; i < 2 * opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i / 2];
		const char *text = i % 2 ? o->short_name : o->long_name;
		uint32_t d;

		if (!text)
			continue;
		snprintf(name, sizeof(name), "%s%s", i % 2 ? "-" : "--", text);
		d = edit_distance(typed, name);
		if (d < best) {
			best = d;
			memcpy(out, name, OPT_NAME_CAP);
		}
	}
	return out;
}

void config_init(struct config *c)
{
	*c = (struct config){.target.dns_timeout_ms = 10000};
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];

		/* Only 32-bit fields have defaults other than 0; the table's test holds this. */
		if (o->dflt) {
			uint32_t v = (uint32_t)o->dflt;
			memcpy((uint8_t *)c + o->offset, &v, sizeof(v));
		}
	}
}

void config_fini(struct config *c)
{
	mem_free((void *)c->target.specs);
	mem_free((void *)c->target.excludes);
	c->target.specs = c->target.excludes = NULL;
	c->target.n_specs = c->target.n_excludes = 0;
}
