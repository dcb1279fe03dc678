# SPDX-License-Identifier: GPL-3.0-or-later
"""For each candidate of candidates.tsv what the result files say: (sentence, gain as a share). The gain of what is built is
what it takes off the side without it; of what is open, the share of samples that it could take off at most."""
import json

import lab


class Results:
    """The files of results/."""

    def __init__(self):
        self.profiles = {path.stem: json.loads(path.read_text()) for path in sorted(lab.RESULTS.glob("*-*.json"))}
        path = lab.RESULTS / "experiments.jsonl"
        self.experiments = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self.match = {r["name"]: r for r in self.experiments if r["part"] == "patterns" and r["type"] == "row"}

    def side(self, part, name):
        return next(r for r in self.experiments if r["type"] == "row" and r["part"] == part and r["side"] == name)

    def sides(self, part):
        return [r for r in self.experiments if r["type"] == "row" and r["part"] == part]

    def checksum(self, way, length):
        return next(r["ns"] for r in self.experiments if r["part"] == "checksum" and r.get("way") == way and r["bytes"] == length)

    def share(self, scenario, function, kind="inclusive", where="functions"):
        """Share of samples; 0 where the function is below what the table keeps."""
        rows = self.profiles[f"{scenario}-cpu"][where]
        return next((r[kind] for r in rows if r["function"] == function), 0.0)

    def share_like(self, scenario, part):
        """The largest share of a function whose name has @part: callers of the C library are not always known."""
        return max((r["inclusive"] for r in self.profiles[f"{scenario}-cpu"]["functions"] if part in r["function"]), default=0.0)

    def files(self, scenario, *prefixes, where="user_files"):
        """Share of user-space samples whose leaf is in these files."""
        return sum(share for place, share in self.profiles[f"{scenario}-cpu"][where].items() if place.startswith(prefixes))


def percent(share):
    return f"{share * 100:.1f} %"


def ms(seconds):
    return f"{seconds * 1e3:.2f} ms"


def ratio(r, kind="wall"):
    low, high = r[f"{kind}_interval"]
    return f"{r[f'{kind}_ratio']:.3f} [{low:.3f} - {high:.3f}]"


def without(r, kind="wall"):
    """What today's choice takes off the side @r, whose ratio is to today's."""
    return 1 - 1 / r[f"{kind}_ratio"]


def batch(x):
    one, wide, small = x.side("batch", "1"), x.side("batch", "1024"), x.side("batch-1k", "1")
    rest = ", ".join(f"{r['side']}: {ratio(r, 'cpu')}" for r in x.sides("batch")[1:])
    return (f"CPU time against today's choice (by the way: loopback 250, link 150, routed 100), large scan by packet socket: {rest}; "
            f"1,000 ports, batch of 1: {ratio(small, 'cpu')}. A batch of 1 costs {(one['cpu_ratio'] - 1) * 100:+.1f} % of CPU time; "
            f"1,024 changes {(wide['cpu_ratio'] - 1) * 100:+.1f} %"), without(one, "cpu")


def pool(x):
    r = x.side("allocations", "-sS, by packet")
    return (f"{r['allocations_small']} calls of malloc for 1,000 ports, {r['allocations_large']} for 65,535: "
            f"{r['allocations_per_unit']:.6f} a packet. Allocation is {percent(x.share_like('all-ports', 'malloc'))} of the samples "
            f"of all-ports, {percent(x.share_like('syn-1k', 'malloc'))} of syn-1k"), 0.0


def checksum(x):
    plain = x.checksum("csum_add", 40)
    best = min(x.checksum(way, 40) for way in ("sse2", "avx2"))
    used = x.share("all-ports", "csum_add", "own", "user_functions")
    texts = ", ".join(f"{n} bytes {x.checksum('csum_add', n):.1f} / {x.checksum('sse2', n):.1f} / {x.checksum('avx2', n):.1f} ns"
                      for n in (20, 40, 128, 1500))
    return (f"csum_add / SSE2 / AVX2: {texts}. Sums are {percent(used)} of user-space samples of the all-ports scan, so the "
            f"best vector would take off {percent(max(0, 1 - best / plain) * used)} of them"), max(0, 1 - best / plain) * used


def patterns(x):
    cold, warm = x.match["matcher_cold"], x.match["matcher_warm"]
    spans = [f"{r['ns_median'] / 1e3:.2f} us [{r['interval'][0] / 1e3:.2f} - {r['interval'][1] / 1e3:.2f}]" for r in (cold, warm)]
    ratio_text = "ratio {:.3f} [{:.3f} - {:.3f}]".format(warm["of_cold"], *warm["of_cold_interval"])
    return (f"an answer matched with nothing compiled {spans[0]}, with patterns compiled {spans[1]}, {ratio_text} (medians of "
            f"{warm['n']} answers, {warm['runs']} runs of bench/match.c)"), 1 - warm["of_cold"]


def results(x):
    host, packet = x.side("allocations", "-sS, by host"), x.side("allocations", "-sT, by packet")
    return (f"{host['allocations_per_unit']:.4f} calls of malloc a host more ({host['small']} against {host['large']}); connect "
            f"scan {packet['allocations_per_unit']:.6f} a port. Cells of results are {percent(x.share('all-ports', 'cells_put'))} of "
            "the samples of all-ports"), 0.0


def writes(x):
    w, log = x.profiles["file-output-io"]["writes"], x.profiles["event-log-io"]["writes"]
    files, events = x.side("files", "all formats"), x.side("files", "event log")
    return (f"all formats: {w['calls'] / x.profiles['file-output-io']['runs']:.0f} writes a scan of 16,000 ports, mean "
            f"{w['mean']:.0f} bytes, {w['by_sending_thread']} by a thread that sends; event log "
            f"{log['calls'] / x.profiles['event-log-io']['runs']:.0f}, {log['by_sending_thread']} by a thread that sends. Wall "
            f"time against no files: {ratio(files)}, {ratio(events)}; CPU time {ratio(files, 'cpu')}, {ratio(events, 'cpu')}"), 0.0


def parallel_match(x):
    used = x.share("service-detection", "matcher_match")
    rest = ", ".join(f"{r['side']}: {ratio(r)}" for r in x.sides("version-parallel")[1:])
    late = x.side("indexes", "at the first answer")
    return (f"matching is {percent(used)} of all samples of service detection, {x.match['matcher_warm']['ns_median'] / 1e3:.2f} us "
            f"an answer: the most that threads could take off. Indexes at the first answer, the revision before, against a thread beside "
            f"the scan: wall {ratio(late)}, CPU {ratio(late, 'cpu')}. Connections to a port at once against 2, wall time: {rest}"), used


def small_socket(x):
    packet = x.side("backend-1k", "afpacket")
    return (f"1,000 ports: raw IP socket {ms(x.side('backend-1k', 'rawip')['wall_s'])}, packet socket {ms(packet['wall_s'])}, "
            f"ratio {ratio(packet)}"), without(packet)


def xdp(x):
    found = [r for r in x.sides("backend-64k") if r["side"] == "xdp"]
    if not found:
        return "did not run on this machine", 0.0
    return (f"65,536 probes: CPU time of xdp against a packet socket {ratio(found[0], 'cpu')}, wall {ratio(found[0])}",
            max(0, 1 - found[0]["cpu_ratio"]))


def threads(x):
    two = x.side("threads", "2")
    return f"all ports of one host, 2 threads against 1: wall {ratio(two)}, CPU {ratio(two, 'cpu')}", max(0, 1 - two["wall_ratio"])


def uring(x):
    r = x.side("connect-backend", "epoll")
    return (f"1,000 ports of 16 hosts, epoll against io_uring: wall {ratio(r)}, CPU {ratio(r, 'cpu')}", max(0, without(r)))


def limiter(x):
    r, used = x.side("limiter", "cap"), x.files("rate-limiter", "src/engine/pace.c")
    return (f"CPU time with a cap that is never reached against none {ratio(r, 'cpu')}; {percent(used)} of the user-space samples "
            "are in src/engine/pace.c", used * x.profiles["rate-limiter-cpu"]["user_samples"]
            / x.profiles["rate-limiter-cpu"]["samples"])


def sample(x):
    r = x.side("sample", "without")
    return f"all ports of one host without it: CPU {ratio(r, 'cpu')}, wall {ratio(r)}", max(0, 1 - r["cpu_ratio"])


def naps(x):
    io, used = x.profiles["syn-1k-io"], x.share_like("syn-1k", "clock_nanosleep")
    return (f"{io['names'].get('clock_nanosleep', 0):.0f} naps of the main thread in a scan of 1,000 ports under strace, which "
            f"slows it; {percent(used)} of its CPU samples"), used


def pages(x):
    used = x.share("syn-1k", "asm_exc_page_fault_[k]")
    return f"page faults are {percent(used)} of the samples of a scan of 1,000 ports", used


def linking(x):
    used = x.share_like("syn-1k", "[ld-linux")
    return f"the dynamic linker is at least {percent(used)} of the samples of a scan of 1,000 ports", used


def of_small(x, function):
    """A share of the two scenarios that decide how long a small scan takes; the larger one counts."""
    connect, syn = x.share("connect-100", function), x.share("syn-1k", function)
    return f"`{function}` is {percent(connect)} of the samples of connect-100, {percent(syn)} of syn-1k", max(connect, syn)


def route(x):
    return of_small(x, "route_table_load")


def ring(x):
    return of_small(x, "ring_init")


def literals(x):
    used = x.share("service-detection", "matcher_prepare")
    return (f"`matcher_prepare`, on a thread beside the scan, is {percent(used)} of all samples of service detection; matching is "
            f"{percent(x.share('service-detection', 'matcher_match'))}"), used


def parse(x):
    used = x.share("service-detection", "svcdb_parse")
    return f"`svcdb_parse` is {percent(used)} of the samples of service detection", used


def rto(x):
    used, user = x.share("unlimited", "track_rto_us"), x.share("unlimited", "track_rto_us", "inclusive", "user_functions")
    return f"`track_rto_us` is {percent(used)} of all samples of a scan of silent hosts, {percent(user)} of user-space ones", used


EVIDENCE = {"batch": batch, "pool": pool, "checksum": checksum, "patterns": patterns, "results": results, "writes": writes,
            "parallel-match": parallel_match, "small-socket": small_socket, "xdp": xdp, "threads": threads, "uring": uring,
            "limiter": limiter, "sample": sample, "naps": naps, "pages": pages, "linking": linking, "route": route, "ring": ring,
            "literals": literals, "parse": parse, "rto": rto}
