#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scan says of itself: does the interval hold what was really found, why was it slow, and the exit code."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

NEIGHBOUR = "10.99.0.2"
HOST = "198.18.0.1"
PORTS = "1-600"
FILTERED = set(range(301, 601))
LOSSES = (0, 1, 5, 10, 20)
RUNS = 2  # of each; the full count is bench/truth


def lossy(bed, percent, *rules):
    """Loss each way, and ports that never answer."""
    drop = [f"numgen random mod 100 < {percent} drop"] if percent else []
    body = "".join(f"  {r}\n" for r in [*rules, *drop])
    back = "".join(f"  {r}\n" for r in drop)
    bed.target.nft(f"table inet t {{\n chain i {{ type filter hook input priority 0;\n  iif lo accept\n{body} }}\n"
                   f" chain o {{ type filter hook output priority 0;\n  oif lo accept\n{back} }}\n}}\n")


def scan(bed, *options, code=(0,)):
    done = bed.scanner.run([suite.PRTIP, "-n", *options, "-oJ", "-"], 120)
    if done.returncode not in code:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}, want {code}: {done.stderr}")
    summary = suite.json_summary(done.stdout)
    if summary["exit"] != done.returncode:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}, and in JSON {summary['exit']}")
    return summary, suite.json_ports(done.stdout)


def holds(summary, n_found, n_all):
    c = summary["coverage"]
    return c["low"] - 1e-12 <= n_found / n_all <= c["high"] + 1e-12 and c["low"] <= c["estimate"] <= c["high"]


def test_interval(cases, bed):
    """Asked often, asked twice, by connect(): the truth is inside, but for one scan of twenty."""
    for name, options in (("-sS", ["-sS"]), ("-sS --max-retries 1", ["-sS", "--max-retries", "1"]), ("-sT", ["-sT"])):
        held, told = 0, []
        for percent in LOSSES:
            lossy(bed, percent, "tcp dport 301-600 drop")
            for _ in range(RUNS):
                summary, ports = scan(bed, "-Pn", *options, "-p", PORTS, HOST, code=(0, 3))
                found = {p for (_, p), (state, reason) in ports.items() if reason != "no-response"}
                held += holds(summary, len(found), 300)
                told.append((percent, len(found), summary["coverage"]["low"], summary["coverage"]["high"]))
                if found & FILTERED:
                    cases.check(f"{name}: nothing found that is filtered", False, found & FILTERED)
        n = len(LOSSES) * RUNS
        cases.check(f"{name}: interval holds in {held} of {n} scans", held >= n - 1, told)
        cases.check(f"{name}: 100 % where nothing is lost", all(high == 1 and low > 0.99 for p, _, low, high in told if not p),
                    told)


def test_hosts(cases, bed):
    """-sn: of hosts. 64 answer pings, through loss; what is missed is a host."""
    held = 0
    for percent in LOSSES:
        lossy(bed, percent)
        summary, _ = scan(bed, "-sn", "198.18.5.0/26", code=(0, 3))
        held += summary["coverage"]["of"] == "hosts" and holds(summary, summary["hosts"]["up"], 64)
    cases.check(f"-sn: interval holds in {held} of {len(LOSSES)} scans", held >= len(LOSSES) - 1)


def test_unknown(cases, bed):
    """Nothing answers: nothing can be said, and that is no fault."""
    lossy(bed, 0, "tcp dport 1-65535 drop")
    summary, _ = scan(bed, "-sS", "-Pn", "-p1-50", HOST)
    cases.equal("nothing answers: no estimate", [summary["coverage"][k] for k in ("estimate", "low", "high")], [None] * 3)
    text = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-50", HOST]).stdout
    cases.check("nothing answers: said so", text.splitlines()[-1].startswith("Coverage: unknown"), text)


def test_text(cases, bed):
    lossy(bed, 10, "tcp dport 301-600 drop")
    text = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p", PORTS, HOST]).stdout.splitlines()
    cases.check("last line: coverage, interval, loss, attempts, caveat", text[-1].startswith("Coverage: ") and all(
        word in text[-1] for word in ("95 % interval", "loss", "attempts", "not visible to repetition")), text[-2:])
    cases.check("line before: what limited it", text[-2].startswith("Limited by "), text[-2:])


def test_bottleneck(cases, bed):
    def of(*options):
        return scan(bed, "-sS", "-Pn", *options, HOST, code=(0, 3))[0]["bottleneck"]
    lossy(bed, 0)
    cases.check("--max-rate", "--max-rate: " in of("-p1-300", "--max-rate", "300"))
    lossy(bed, 0, "tcp dport 2-65535 drop")
    silent = of("-p1-200")
    cases.check("silent ports", "never answers" in silent, silent)


def test_exit(cases, bed):
    """3 for what was seen to be lost, for reports that fail, for probes that never left; JSON says the same."""
    lossy(bed, 20)
    summary, ports = scan(bed, "-sS", "-Pn", "--max-retries", "0", "-p", PORTS, HOST, code=(3,))
    cases.check("20 % each way, asked once", summary["coverage"]["estimate"] < 0.99, summary["coverage"])
    lossy(bed, 0, "tcp dport 301-600 drop")
    scan(bed, "-sS", "-Pn", "-p", PORTS, HOST, code=(0,))
    scan(bed, "-sS", "-Pn", "-p", PORTS, HOST, "-oX", "/dev/full", code=(3,))
    scan(bed, "-sS", "-Pn", "-p", PORTS, HOST, "-oG", "/dev/full", "-oN", "/dev/null", code=(3,))
    cases.check("a report on a full disk: 3, in JSON too", True)
    bed.scanner.nft("table inet t {\n chain o { type filter hook output priority 0;\n  tcp dport 1-100 drop\n }\n}\n")
    try:
        summary, _ = scan(bed, "-sS", "-Pn", "--tx-backend", "rawip", "-p", PORTS, HOST, code=(3,))
        cases.check("probes that a local filter refuses", summary["drops"]["tx"] >= 200, summary["drops"])
        summary, _ = scan(bed, "-sS", "-Pn", "--tx-backend", "rawip", "--host-timeout", "100ms", "-p", PORTS, HOST, code=(3,))
        cases.check("and of a host given up with them", summary["ports"]["unknown"] >= 200 and summary["exit"] == 3, summary)
        told, counted = summary["coverage"], summary["ports"]
        cases.equal("its unknown ports are in the coverage", told["unknown"], counted["unknown"])
        cases.check("and may all have been missed", told["low"] <= told["found"] / (told["found"] + told["unknown"]) + 1e-6 and
                    told["low"] <= told["estimate"] < told["of_asked"], told)
        bed.scanner.nft("table inet t {\n chain o { type filter hook output priority 0;\n  tcp dport 1-100 reject\n }\n}\n")
        summary, _ = scan(bed, "-sS", "-Pn", "--tx-backend", "rawip", "-p80,201", HOST, code=(3,))
        cases.equal("a local filter that answers in the target's place", summary["ports"]["filtered"], 1)
    finally:
        bed.scanner.nft("")


def while_the_way_goes(bed, *options):
    """A connect scan from under which the route to the targets is taken after a second: the process, what it wrote."""
    process = bed.scanner.start([suite.PRTIP, "-sT", "-n", "-Pn", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
    try:
        netns.wait_until(lambda: process.poll() is not None, 1)
        bed.scanner.sh("ip route del 198.18.0.0/16 via 10.99.0.2")
        out, err = process.communicate(timeout=60)
    finally:
        bed.scanner.sh("ip route add 198.18.0.0/16 via 10.99.0.2", check=False)
    return process, out, err


def test_route_lost(cases, bed):
    """The way to the targets goes while connects are under way: the scan breaks off, and calls nothing filtered by it."""
    lossy(bed, 0, "tcp dport 301-600 drop")
    for backend in ("epoll", "io_uring"):
        process, out, err = while_the_way_goes(bed, "-p", "1-2000", "--max-rate", "400",
                                               "--connect-backend", backend, "198.18.40.1", "-oJ", "-")
        reasons = {reason for _, reason in suite.json_ports(out).values()}
        cases.equal(f"{backend}: exit", process.returncode, 1)
        cases.check(f"{backend}: says that the scan broke off", "broke off" in err, err)
        cases.check(f"{backend}: no port is net-unreach", "net-unreach" not in reasons and "conn-refused" in reasons, reasons)


def test_one_way_lost(cases, bed):
    """The way to one of two targets goes: the other is scanned to its end, what the first has not answered is unknown."""
    lossy(bed, 0, "tcp dport 301-600 drop")
    for backend in ("epoll", "io_uring"):
        process, out, err = while_the_way_goes(bed, "-d", "-p", "1-1000", "--max-rate", "500",
                                               "--connect-backend", backend, "198.18.40.1", NEIGHBOUR, "-oJ", "-")
        hosts = {r["address"]: r for r in suite.json_records(out, "host")}
        states = {address: [port for (a, port), (state, _) in suite.json_ports(out).items() if a == address and state == "filtered"]
                  for address in hosts}
        cases.equal(f"{backend}: exit", process.returncode, 3)
        cases.equal(f"{backend}: the other is complete", (hosts[NEIGHBOUR]["ports"]["closed"], sorted(states[NEIGHBOUR])),
                    (700, list(range(301, 601))))
        cut = hosts["198.18.40.1"]
        cases.check(f"{backend}: the first is partial", cut.get("partial") and cut["ports"].get("unknown", 0) > 100, cut)
        cases.check(f"{backend}: and nothing of it filtered by that", cut["ports"]["filtered"] < 310 and
                    set(states["198.18.40.1"]) <= set(range(301, 601)), cut)


def main():
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed:
        return suite.run([test_interval, test_hosts, test_unknown, test_text, test_bottleneck, test_exit,
                          test_route_lost, test_one_way_lost], bed)


if __name__ == "__main__":
    sys.exit(main())
