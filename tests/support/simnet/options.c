/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options of the simulated network: a row each; the shares come from SIM_SHARES. --help prints the
 * same rows.
 */
#include "daemon.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, FLAG };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *arg, *help;
};

#define AT(field) offsetof(struct sim_options, field)

static const struct row rows[] = {
	{"iface", TEXT, AT(iface), "NAME", "the target's end of the veth pair"},
	{"net", TEXT, AT(nets), "LIST",
	 "prefixes that it plays, up to 8: 198.18.0.0/15,2001:db8:1::/112"},
	{"seed", NUMBER, AT(seed), "N", "what everything follows from (1)"},
	{"mode", TEXT, AT(mode), "WORD",
	 "auto: XDP where it loads (default); xdp; packet: AF_PACKET only"},
	{"router4", TEXT, AT(router4), "ADDR",
	 "answers ARP for it; sender of a router's ICMP errors"},
	{"router6", TEXT, AT(router6), "ADDR", "the same for neighbour discovery and ICMPv6"},
	{"on-link", FLAG, AT(is_on_link), "",
	 "hosts that are up answer ARP and neighbour discovery"},
	{"through-qdisc", FLAG, AT(is_through_qdisc), "",
	 "the daemon's frames pass the interface's queue, which may limit their rate"},
	{"delay", NUMBER, AT(delay_ms), "MS", "answers of delayed hosts take this long (0)"},
	{"jitter", NUMBER, AT(jitter_ms), "MS",
	 "and up to this more, the same for all of a host's (0)"},
	{"late-by", NUMBER, AT(late_ms), "MS", "time that late answers take (5000)"},
	{"copies", NUMBER, AT(copies), "N", "answers of duplicated ports (2)"},
	{"copy-gap", NUMBER, AT(copy_gap_ms), "MS", "time between them (0)"},
	{"rst-rate", NUMBER, AT(rst_rate), "PPS", "RSTs a second of an RST-limited host (100)"},
	{"rst-burst", NUMBER, AT(rst_burst), "N", "and at once (100)"},
	{"icmp-rate", NUMBER, AT(icmp_rate), "PPS",
	 "ICMP errors a second of an ICMP-limited host (1)"},
	{"icmp-burst", NUMBER, AT(icmp_burst), "N", "and at once (6)"},
	{"forged-kinds", TEXT, AT(forged_kinds), "LIST",
	 "of synack rst port third-synack third-rst icmp; the first two with a wrong "
	 "acknowledgement (all)"},
	{"count", TEXT, AT(count), "NET", "count the probes of every endpoint of a prefix"},
	{"count-ports", TEXT, AT(count_ports), "LIST", "and of these ports (1-65535)"},
	{"count-proto", TEXT, AT(count_proto), "WORD", "tcp (default), udp, sctp"},
	{"count-file", TEXT, AT(count_file), "FILE",
	 "written at the end: a byte an endpoint, 255 and more as 255"},
	{"stats", TEXT, AT(stats), "FILE", "JSON, written on SIGUSR1 and at the end"},
	{"list", TEXT, AT(list), "PORTS",
	 "print the endpoints' states (ADDRESS PORT STATE) and end"},
	{"list-states", TEXT, AT(states), "LIST",
	 "only these of open closed rejected filtered (the first three)"},
	{"list-proto", TEXT, AT(count_proto), "WORD", "another name of --count-proto"},
	{"bpf", TEXT, AT(bpf), "FILE", "the XDP program (simnet.bpf.o beside this program)"},
	{"help", FLAG, AT(wants_help), "", "this"},
};

static const struct {
	const char *name, *what;
} shares[SIM_SHARE_N] = {
#define X(id, name, what) {name, what},
	SIM_SHARES(X)
#undef X
};

void sim_options_help(FILE *f)
{
	fprintf(f, "simnet: plays the hosts of whole networks on one end of a veth pair.\n"
		   "usage: simnet --iface NAME --net LIST [options]; simnet --net LIST --list "
		   "PORTS\n\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(f, "  --%-12s %-6s %s\n", rows[i].name, rows[i].arg, rows[i].help);
	fprintf(f, "\nShares, 0 to 1 or as 10%%, drawn by seed and address (and port); the default "
		   "is 0,"
		   "\nof up and echo 1. --loss sets both losses.\n\n");
	for (size_t i = 0; i < SIM_SHARE_N; i++)
		fprintf(f, "  --%-12s SHARE  %s\n", shares[i].name, shares[i].what);
}

int sim_parse_net(const char *text, struct sim_net *ret)
{
	char copy[64];
	unsigned char a[16];
	char *slash, *end;
	unsigned long bits;
	uint64_t w[2] = {0, 0};

	if (strlen(text) >= sizeof(copy))
		return -1;
	memcpy(copy, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = 0;
	if (inet_pton(AF_INET, copy, a + 12) == 1) {
		memset(a, 0, 10);
		a[10] = a[11] = 0xff;
		bits = slash ? strtoul(slash, &end, 10) : 32;
		if (bits > 32 || (slash && (*end || end == slash)))
			return -1;
		bits += 96;
	} else if (inet_pton(AF_INET6, copy, a) == 1) {
		bits = slash ? strtoul(slash, &end, 10) : 128;
		if (bits > 128 || (slash && (*end || end == slash)))
			return -1;
	} else {
		return -1;
	}
	for (int i = 0; i < 16; i++)
		w[i / 8] = w[i / 8] << 8 | a[i];
	if (a[10] == 0xff && a[11] == 0xff && bits >= 96)
		w[0] = 0;
	ret->mask_hi = bits >= 64 ? ~0ull : bits ? ~0ull << (64 - bits) : 0;
	ret->mask_lo = bits <= 64 ? 0 : ~0ull << (128 - bits);
	ret->hi = w[0] & ret->mask_hi;
	ret->lo = w[1] & ret->mask_lo;
	return 0;
}

int sim_parse_ports(const char *text, uint16_t *ret)
{
	static const uint8_t clear[65536 / 8];
	uint8_t set[65536 / 8];
	int n = 0;

	memcpy(set, clear, sizeof(set));
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return -1;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
		}
		if (end == text || first > last || last > 65535 || (*end && *end != ','))
			return -1;
		for (unsigned long port = first; port <= last; port++)
			set[port / 8] |= (uint8_t)(1 << port % 8);
		text = *end ? end + 1 : end;
	}
	for (int port = 0; port < 65536; port++)
		if (set[port / 8] >> port % 8 & 1)
			ret[n++] = (uint16_t)port;
	return n;
}

/** A fraction or a percentage as a threshold: rounded to the nearest 2^-32. */
static int parse_share(const char *text, uint64_t *ret)
{
	char *end;
	double x = strtod(text, &end);

	if (end == text)
		return -1;
	if (*end == '%') {
		x /= 100;
		end++;
	}
	if (*end || !(x >= 0 && x <= 1))
		return -1;
	*ret = (uint64_t)(x * 4294967296.0 + 0.5);
	return 0;
}

static int set_share(struct simnet *s, const char *name, const char *value)
{
	for (size_t i = 0; i < SIM_SHARE_N; i++)
		if (!strcmp(name, shares[i].name))
			return parse_share(value, &s->conf.share[i]);
	if (strcmp(name, "loss"))
		return 1;
	if (parse_share(value, &s->conf.share[SIM_LOSS_IN]))
		return -1;
	s->conf.share[SIM_LOSS_OUT] = s->conf.share[SIM_LOSS_IN];
	return 0;
}

static int set_row(struct simnet *s, const struct row *row, const char *value)
{
	char *field = (char *)&s->opt + row->offset, *end;

	if (row->kind == FLAG) {
		*(bool *)field = true;
		return 0;
	}
	if (row->kind == TEXT) {
		memcpy(field, &value, sizeof(value));
		return 0;
	}
	*(double *)(void *)field = strtod(value, &end);
	return end == value || *end || *(double *)(void *)field < 0 ? -1 : 0;
}

static int set(struct simnet *s, const char *name, const char *value, bool *ret_takes)
{
	*ret_takes = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(name, rows[i].name))
			continue;
		*ret_takes = rows[i].kind != FLAG;
		return *ret_takes && !value ? -1 : set_row(s, &rows[i], value);
	}
	return value ? set_share(s, name, value) : -1;
}

static int set_nets(struct simnet *s)
{
	char copy[1024];
	char *rest = copy, *one;

	if (!s->opt.nets || strlen(s->opt.nets) >= sizeof(copy))
		return -1;
	memcpy(copy, s->opt.nets, strlen(s->opt.nets) + 1);
	while ((one = strsep(&rest, ",")))
		if (s->conf.n_nets == SIM_NETS_MAX ||
		    sim_parse_net(one, &s->conf.net[s->conf.n_nets++]))
			return -1;
	return 0;
}

static int set_counted(struct simnet *s)
{
	static uint16_t ports[65536];
	const char *proto = s->opt.count_proto;
	struct sim_net net;
	uint64_t n_hosts;
	int n;

	s->conf.counted.proto = !proto || !strcmp(proto, "tcp") ? SIM_TCP
				: !strcmp(proto, "udp")         ? SIM_UDP
				: !strcmp(proto, "sctp")        ? SIM_SCTP
								: 0;
	if (!s->conf.counted.proto)
		return -1;
	if (!s->opt.count)
		return 0;
	n = sim_parse_ports(s->opt.count_ports ? s->opt.count_ports : "1-65535", ports);
	if (n <= 0 || sim_parse_net(s->opt.count, &net) || net.mask_hi != ~0ull)
		return -1;
	n_hosts = ~net.mask_lo + 1;
	if (!n_hosts || n_hosts > SIM_CELLS_MAX / (uint32_t)n)
		return -1;
	s->conf.counted.hi = net.hi;
	s->conf.counted.lo = net.lo;
	s->conf.counted.n_hosts = n_hosts;
	s->conf.counted.n_ports = (uint32_t)n;
	s->port_index = calloc(65536, sizeof(*s->port_index));
	if (!s->port_index)
		return -1;
	for (int i = 0; i < n; i++)
		s->port_index[ports[i]] = (uint64_t)i + 1;
	return 0;
}

static int set_forged_kinds(struct simnet *s)
{
	static const char *const names[SIM_FORGED_KINDS] = {"synack",       "rst",       "port",
							    "third-synack", "third-rst", "icmp"};
	char copy[256];
	char *rest = copy, *one;

	s->conf.forged_kinds = s->opt.forged_kinds ? 0 : (1u << SIM_FORGED_KINDS) - 1;
	if (!s->opt.forged_kinds)
		return 0;
	if (strlen(s->opt.forged_kinds) >= sizeof(copy))
		return -1;
	memcpy(copy, s->opt.forged_kinds, strlen(s->opt.forged_kinds) + 1);
	while ((one = strsep(&rest, ","))) {
		uint32_t before = s->conf.forged_kinds;

		for (uint32_t i = 0; i < SIM_FORGED_KINDS; i++)
			if (!strcmp(one, names[i]))
				s->conf.forged_kinds |= 1u << i;
		if (s->conf.forged_kinds == before)
			return -1;
	}
	return 0;
}

static int set_derived(struct simnet *s)
{
	struct sim_conf *c = &s->conf;
	const struct sim_options *o = &s->opt;

	c->seed = (uint64_t)o->seed;
	c->n_limits = 65536;
	if (o->rst_rate <= 0 || o->icmp_rate <= 0 || o->copies < 1)
		return -1;
	c->rst_gap_ns = (uint64_t)(1e9 / o->rst_rate);
	c->rst_burst_ns = (uint64_t)((double)c->rst_gap_ns * o->rst_burst);
	c->icmp_gap_ns = (uint64_t)(1e9 / o->icmp_rate);
	c->icmp_burst_ns = (uint64_t)((double)c->icmp_gap_ns * o->icmp_burst);
	c->delay_us = (uint32_t)(o->delay_ms * 1000);
	c->jitter_us = (uint32_t)(o->jitter_ms * 1000);
	c->late_us = (uint32_t)(o->late_ms * 1000);
	c->copy_gap_us = (uint32_t)(o->copy_gap_ms * 1000);
	c->n_copies = (uint32_t)o->copies;
	s->has_router4 = o->router4 && inet_pton(AF_INET, o->router4, s->router4) == 1;
	s->has_router6 = o->router6 && inet_pton(AF_INET6, o->router6, s->router6) == 1;
	return (o->router4 && !s->has_router4) || (o->router6 && !s->has_router6) ? -1 : 0;
}

static int complain(const char *what, const char *value)
{
	fprintf(stderr, "simnet: cannot use %s %s (see --help)\n", what, value ? value : "");
	return -1;
}

int sim_options_parse(struct simnet *s, int argc, char **argv)
{
	s->opt = (struct sim_options){.seed = 1,
				      .mode = "auto",
				      .rst_rate = 100,
				      .rst_burst = 100,
				      .icmp_rate = 1,
				      .icmp_burst = 6,
				      .late_ms = 5000,
				      .copies = 2};
	s->conf.share[SIM_UP] = s->conf.share[SIM_ECHO] = SIM_ALL;
	for (int i = 1; i < argc; i++) {
		bool takes;

		if (strncmp(argv[i], "--", 2) ||
		    set(s, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL, &takes))
			return complain(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		i += takes;
	}
	if (s->opt.wants_help)
		return 0;
	if (set_nets(s))
		return complain("--net", s->opt.nets);
	if (set_counted(s))
		return complain("--count, --count-ports, --count-proto", s->opt.count);
	if (set_forged_kinds(s))
		return complain("--forged-kinds", s->opt.forged_kinds);
	if (set_derived(s))
		return complain("a rate, --copies or a router", NULL);
	if (!s->opt.iface && !s->opt.list)
		return complain("no --iface", NULL);
	return 0;
}
