#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# alone: rates are found by the clock
"""Bottlenecks found without being told: limited resets, shapers; and none seen where nothing depends on the rate.

Asserted are states, packets and records; how fast is measured by bench/limits.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

SHAPER = "root tbf rate {} burst 2kb limit 10kb"
RESETS = """table inet limits {
 chain out { type filter hook output priority 0; policy accept;
  tcp flags & rst == rst limit rate over 1000/second burst 100 packets drop;
 }
}
"""
LOSS = """table netdev limits {
 chain in { type filter hook ingress device vb priority 0; policy accept; numgen random mod 100 < 10 drop;
 }
 chain out { type filter hook egress device vb priority 0; policy accept; numgen random mod 100 < 10 drop;
 }
}
"""


def scan(bed, *options):
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", *options, "-oJ", "-"], 120)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return suite.json_summary(done.stdout), suite.json_records(done.stdout, "rate_limit")


def check(cases, name, result, closed, sent_max, hosts):
    summary, limits = result
    cases.check(f"{name}: every port closed", summary["ports"]["closed"] >= closed * 0.999, summary["ports"])
    cases.check(f"{name}: asked with measure", summary["sent"] <= sent_max, summary["sent"])
    began = [r for r in limits if r["target_pps"]]
    cases.check(f"{name}: says what is limited", began and ((began[0]["address"] is not None) == hosts), limits)
    cases.check(f"{name}: records are few", len(limits) <= 64, len(limits))


def test_resets(cases, bed):
    bed.target.nft(RESETS)
    result = scan(bed, "-p1-3000", "10.99.0.2")
    bed.target.nft("")
    check(cases, "1,000 resets a second", result, 3000, 15000, True)


def test_silence_beside_a_limit_is_told(cases, bed):
    filtered = "table inet f {\n chain in { type filter hook input priority 0; policy accept; tcp dport 1-20 drop;\n }\n}\n"
    for name, rules, is_told in (("limited", RESETS + filtered, True), ("not limited", filtered, False)):
        bed.target.nft(rules)
        done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-3000", "10.99.0.2", "-oJ", "-"], 120)
        bed.target.nft("")
        summary = suite.json_summary(done.stdout)
        cases.equal(f"{name}: filtered ports", summary["ports"]["filtered"], 20)
        cases.equal(f"{name}: that some may be closed", "20 silent ports are of hosts that limit" in done.stderr, is_told)


def test_shaper(cases, bed):
    for rate, ports in (("1mbit", "1-3000"), ("10mbit", "1-30000")):
        bed.target.sh("tc qdisc add dev vb " + SHAPER.format(rate))
        result = scan(bed, f"-p{ports}", "10.99.0.2")
        bed.target.sh("tc qdisc del dev vb root")
        n = int(ports.split("-")[1])
        check(cases, f"{rate} back", result, n, 6 * n, True)
    bed.scanner.sh("tc qdisc add dev va " + SHAPER.format("1mbit"))
    summary, _ = scan(bed, "-p1-3000", "10.99.0.2")
    bed.scanner.sh("tc qdisc del dev va root")
    cases.check("1mbit there, at our own interface: every port closed", summary["ports"]["closed"] == 3000, summary)


def test_shared(cases, bed):
    bed.target.sh("tc qdisc add dev vb " + SHAPER.format("1mbit"))
    result = scan(bed, "-p1-20", "198.18.0.0/25")
    bed.target.sh("tc qdisc del dev vb root")
    check(cases, "1mbit back from 128 hosts", result, 2560, 6 * 2560, False)


def test_udp(cases, bed):
    """ICMP errors at the kernel's own pace: 20 a second, its store of six used up by a run before."""
    bed.target.sh("sysctl -qw net.ipv4.icmp_ratemask=6168 net.ipv4.icmp_ratelimit=50")
    for name in ("fresh", "exhausted"):
        done = bed.scanner.run([suite.PRTIP, "-sU", "-n", "-Pn", "-p20000-20099", "10.99.0.2", "-oJ", "-"], 120)
        summary = suite.json_summary(done.stdout)
        cases.check(f"UDP beside 20 ICMP errors a second, {name}", summary["ports"]["closed"] >= 98, summary["ports"])
    bed.target.sh("sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv4.icmp_ratelimit=0")


def test_no_limit(cases, bed):
    for name, rules, options, closed in (
            ("nothing", "", ["-p1-20000", "10.99.0.2"], 20000),
            ("loss of 10 % both ways", LOSS, ["-p1-5000", "10.99.0.2"], 5000),
            ("loss of 10 % both ways, 64 hosts", LOSS, ["-p1-100", "198.18.0.0/26"], 6400),
            ("98 % filtered", "table inet f {\n chain in { type filter hook input priority 0; policy accept;\n"
             " tcp dport 41-2000 drop;\n }\n}\n", ["-p1-2000", "10.99.0.2"], 40)):
        bed.target.nft(rules)
        summary, limits = scan(bed, *options)
        bed.target.nft("")
        cases.equal(f"{name}: no limit", limits, [])
        cases.check(f"{name}: states", summary["ports"]["closed"] >= closed * 0.999, summary["ports"])


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "tc")
    with netns.Bed() as bed:
        code = suite.run([test_resets, test_silence_beside_a_limit_is_told, test_shaper, test_shared, test_udp, test_no_limit], bed)
    sys.exit(code)
