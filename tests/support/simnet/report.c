/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What it saw and did: JSON, the endpoints' counters, and the truth as a list. */
#include "daemon.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[SIM_COUNTER_N] = {
#define X(name) #name,
	SIM_COUNTERS(X)
#undef X
};

static void totals(const struct simnet *s, struct sim_counters *ret, struct sim_second *ret_sum)
{
	*ret = s->n;
	sim_xdp_counters(s, ret);
	*ret_sum = (struct sim_second){.at_ms = (sim_now_ns() - s->start_ns) / 1000000};
	for (int i = SIM_N_syn; i <= SIM_N_sctp; i++)
		ret_sum->n_probes += ret->n[i];
	for (int i = SIM_N_answer_synack; i <= SIM_N_answer_sctp; i++)
		ret_sum->n_answers += ret->n[i];
	ret_sum->n_answers += ret->n[SIM_N_copies] + ret->n[SIM_N_forged];
}

void sim_report_second(struct simnet *s)
{
	struct sim_counters n;
	struct sim_second sum;

	if (s->n_seconds == SIM_SECONDS_MAX)
		return;
	totals(s, &n, &sum);
	s->seconds[s->n_seconds++] = (struct sim_second){sum.at_ms, sum.n_probes - s->last.n_probes,
							 sum.n_answers - s->last.n_answers};
	s->last = sum;
}

/** A counter of the interface's, or -1. */
static long long interface_counter(const struct simnet *s, const char *name)
{
	char path[128];
	long long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", s->opt.iface, name);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%lld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static void write_json(struct simnet *s, FILE *f)
{
	struct sim_counters n;
	struct sim_second sum;

	totals(s, &n, &sum);
	fprintf(f,
		"{\"mode\":\"%s\",\"seed\":%llu,\"elapsed_ms\":%llu,\"probes\":%llu,\"answers\":%"
		"llu",
		s->link ? "xdp" : "packet", (unsigned long long)s->conf.seed,
		(unsigned long long)sum.at_ms, (unsigned long long)sum.n_probes,
		(unsigned long long)sum.n_answers);
	for (int i = 0; i < SIM_COUNTER_N; i++)
		fprintf(f, "%s\"%s\":%llu", i ? "," : ",\"counters\":{", names[i],
			(unsigned long long)n.n[i]);
	fprintf(f, "},\"rx_dropped\":%lld,\"tx_dropped\":%lld,\"pending\":%u,\"seconds\":[",
		interface_counter(s, "rx_dropped"), interface_counter(s, "tx_dropped"), s->wheel.n);
	for (uint32_t i = 0; i < s->n_seconds; i++)
		fprintf(f, "%s[%llu,%llu,%llu]", i ? "," : "",
			(unsigned long long)s->seconds[i].at_ms,
			(unsigned long long)s->seconds[i].n_probes,
			(unsigned long long)s->seconds[i].n_answers);
	fprintf(f, "]}\n");
}

/** Whole or not at all, for readers who poll. */
static void replace_file(const char *path, void (*write)(struct simnet *, FILE *), struct simnet *s)
{
	char part[4096];
	FILE *f;

	snprintf(part, sizeof(part), "%s.part", path);
	f = fopen(part, "w");
	if (!f) {
		perror(part);
		return;
	}
	write(s, f);
	if (fclose(f) || rename(part, path))
		perror(path);
}

static void write_cells(struct simnet *s, FILE *f)
{
	size_t n = s->conf.counted.n_hosts * s->conf.counted.n_ports;

	/* The first cell is the low byte of its word. */
	if (fwrite(s->cells, 1, n, f) != n)
		perror("cells");
}

void sim_report(struct simnet *s)
{
	if (s->opt.count_file && s->conf.counted.n_hosts)
		replace_file(s->opt.count_file, write_cells, s);
	if (s->opt.stats)
		replace_file(s->opt.stats, write_json, s);
}

static void print_address(uint64_t hi, uint64_t lo, char text[INET6_ADDRSTRLEN])
{
	uint32_t w[4] = {SIM_BE32((uint32_t)(hi >> 32)), SIM_BE32((uint32_t)hi),
			 SIM_BE32((uint32_t)(lo >> 32)), SIM_BE32((uint32_t)lo)};
	bool is_v4 = !hi && lo >> 32 == 0xffff;

	inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? (void *)&w[3] : (void *)w, text,
		  INET6_ADDRSTRLEN);
}

static void list_host(const struct simnet *s, uint64_t hi, uint64_t lo, const uint16_t *ports,
		      int n_ports)
{
	static const char *const states[] = {"filtered", "open", "closed", "rejected"};
	const char *wanted = s->opt.states ? s->opt.states : "open,closed,rejected";
	uint32_t proto = s->conf.counted.proto;
	char address[INET6_ADDRSTRLEN];
	struct sim_host h;

	print_address(hi, lo, address);
	sim_host(&s->conf, hi, lo, &h);
	for (int i = 0; i < n_ports; i++) {
		uint64_t port = sim_port_hash(h.hash, proto, ports[i]);
		enum sim_state state = sim_state(&s->conf, &h, port, proto);

		if (!strstr(wanted, states[state]))
			continue;
		printf("%s %u %s", address, ports[i], states[state]);
		if (state == SIM_STATE_REJECTED)
			printf(" %u", sim_reject_code(&h, port, proto, hi || lo >> 32 != 0xffff));
		putchar('\n');
	}
}

int sim_list(const struct simnet *s)
{
	static uint16_t ports[65536];
	int n_ports = sim_parse_ports(s->opt.list, ports);

	if (n_ports <= 0) {
		fprintf(stderr, "simnet: cannot use --list %s\n", s->opt.list);
		return 2;
	}
	for (uint32_t i = 0; i < s->conf.n_nets; i++) {
		const struct sim_net *net = &s->conf.net[i];
		uint64_t last = ~net->mask_lo;

		if (net->mask_hi != ~0ull) {
			fprintf(stderr, "simnet: a prefix under /64 is too long to list\n");
			return 2;
		}
		for (uint64_t host = 0;; host++) {
			list_host(s, net->hi, net->lo | host, ports, n_ports);
			if (host == last)
				break;
		}
	}
	return 0;
}
