#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-O beside nmap: the same fingerprint and the same best matches for Linux with other manners, near and behind a router."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import osresult
import packet
import suite

NEAR = "10.99.0.2"
DEFAULTS = {"net.ipv4.tcp_timestamps": 1, "net.ipv4.tcp_window_scaling": 1, "net.ipv4.tcp_sack": 1, "net.ipv4.tcp_ecn": 2,
            "net.ipv4.ip_default_ttl": 64, "net.ipv4.tcp_rmem": "4096 131072 6291456", "net.ipv4.ip_no_pmtu_disc": 0,
            "net.ipv4.icmp_echo_ignore_all": 0}
ALL_FLAGS = "tcp flags & (fin|syn|rst|psh|ack|urg)"
# Manners: settings of the kernel, what a firewall drops, the ports asked.
PERSONALITIES = {
    "default": ({},),
    "clock shown, other TTL": ({"net.ipv4.tcp_timestamps": 2, "net.ipv4.ip_default_ttl": 128},),
    "no options, no ECN": ({"net.ipv4.tcp_timestamps": 0, "net.ipv4.tcp_window_scaling": 0, "net.ipv4.tcp_sack": 0,
                            "net.ipv4.tcp_ecn": 0},),
    "small windows, fragments, no echo": ({"net.ipv4.tcp_rmem": "4096 8192 16384", "net.ipv4.ip_no_pmtu_disc": 1,
                                           "net.ipv4.icmp_echo_ignore_all": 1, "net.ipv4.tcp_timestamps": 0},),
    "wide windows, no SACK, ECN asked for": ({"net.ipv4.tcp_rmem": "4096 4194304 33554432", "net.ipv4.tcp_sack": 0,
                                              "net.ipv4.tcp_ecn": 1, "net.ipv4.ip_default_ttl": 255},),
    "odd flags dropped": ({"net.ipv4.tcp_timestamps": 2}, [f"{ALL_FLAGS} == 0 drop", f"{ALL_FLAGS} == fin|psh|urg drop",
                                                           f"{ALL_FLAGS} == fin|syn|psh|urg drop"]),
    "UDP dropped, ECN dropped": ({}, ["meta l4proto udp drop", "tcp flags & (ecn|cwr) == ecn|cwr drop"]),
    "no closed port": ({}, ["tcp dport != 80 drop"]),
    "no open port": ({}, [], "81"),
}


def report(bed, program, *options, ports="80,81"):
    done = bed.scanner.run([program, "-sS", "-Pn", "-n", "-vv", "-O", "--max-os-tries", "1", "-p" + ports, *options, "-oX", "-"], 120)
    if done.returncode:
        raise RuntimeError(f"{program}: exit {done.returncode}: {done.stderr}")
    return osresult.read(done.stdout)[options[-1]]


def manners(bed, chosen, drops=()):
    for name, value in {**DEFAULTS, **chosen}.items():
        bed.target.run(["sysctl", "-qw", f"{name}={value}"])
    bed.target.filter_input(*drops)


def is_as_good(ours, theirs):
    """One entry is near the best of both: the random values move an accuracy by a point or two."""
    near = [{name for name, accuracy in found if accuracy >= found[0][1] - 2} for found in (ours, theirs)]
    return bool(near[0] & near[1]) and abs(ours[0][1] - theirs[0][1]) <= 2 or not ours and not theirs


def test_ipv6(cases, bed):
    """Not built: said once, and the ports are scanned."""
    done = bed.scanner.run([suite.PRTIP, "-6", "-sS", "-Pn", "-n", "-O", "-p80,81", "fd98::1", "fd98::2", "-oJ", "-"])
    cases.equal("IPv6: said once", (done.returncode, done.stderr.count("-O tests IPv4 hosts only")), (0, 1))
    cases.equal("IPv6: ports", {k: v[0] for k, v in suite.json_ports(done.stdout).items()},
                {(f"fd98::{i}", port): state for i in (1, 2) for port, state in ((80, "open"), (81, "closed"))})
    cases.equal("IPv6: no verdict", suite.json_records(done.stdout, "os"), [])


def test_personalities(cases, bed):
    for name, (chosen, *more) in PERSONALITIES.items():
        drops, ports = (more + [[], "80,81"][len(more):])
        manners(bed, chosen, drops)
        # timestamps run by chance unless the clock is shown
        ignored = [("SEQ", "TS")] if chosen.get("net.ipv4.tcp_timestamps", 1) == 1 else []
        ours, theirs = (report(bed, program, NEAR, ports=ports) for program in (suite.PRTIP, "nmap"))
        cases.equal(f"{name}: every value", osresult.differences(ours, theirs, ignored), [])
        cases.equal(f"{name}: ports, distance", ours.scan, theirs.scan)
        cases.check(f"{name}: best match", is_as_good(ours.matches, theirs.matches), f"{ours.matches[:3]}, nmap {theirs.matches[:3]}")
        cases.equal(f"{name}: ports, distance, IP IDs in XML", shown(ours.host), shown(theirs.host))
    manners(bed, {})


def shown(host):
    used = [[p.get(k) for k in ("state", "portid")] for p in host.iter("portused") if p.get("proto") == "tcp"]
    return used, *(None if host.find(tag) is None else host.find(tag).attrib.get(key)
                   for tag, key in (("distance", "value"), ("ipidsequence", "class")))


def test_itself(cases, bed):
    ours, theirs = (osresult.read(bed.target.run(
        [program, "-sS", "-Pn", "-n", "-vv", "-O", "--max-os-tries", "1", "-p80,81", "127.0.0.1", "-oX", "-"]).stdout)["127.0.0.1"]
        for program in (suite.PRTIP, "nmap"))
    cases.equal("this machine: every value", osresult.differences(ours, theirs, [("SEQ", "TS")]), [])
    cases.equal("this machine: ports, distance", ours.scan, theirs.scan)


def test_spacing(cases, bed):
    """Six SYNs 100 ms apart, never less; every probe once when all are answered but those that never are."""
    with bed.target.capture("vb") as capture:
        report(bed, suite.PRTIP, NEAR)
        packets = packet.parse(capture.stop())
    six = [p for p in packets if p.is_incoming and p.kind == "tcp" and p.flags == 2 and p.window in (1, 63, 4, 16, 512)]
    gaps = [(b.time_ns - a.time_ns) / 1e6 for a, b in zip(six, six[1:])]
    cases.equal("windows of the six SYNs", [p.window for p in six], [1, 63, 4, 4, 16, 512])
    cases.check("their distance", all(99 <= gap < 200 for gap in gaps), str(gaps))


def test_many(cases, bed):
    """Hosts are tested side by side: eight take less than three times as long as one, and each has its own result."""
    done = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-O", "--max-os-tries", "1", "-p80,81", "198.18.0.0/29", "-oJ", "-"])
    found = suite.json_records(done.stdout, "os")
    cases.equal("hosts", {r["address"] for r in found}, {f"198.18.0.{i}" for i in range(8)})
    cases.check("all by their answers", all(r["ports"]["open_tcp"] == 80 and r["matches"] for r in found))
    cases.check("side by side", suite.json_summary(done.stdout)["elapsed_s"] < 8, str(suite.json_summary(done.stdout)))


def test_readers(cases, bed):
    text = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-O", "-p80,81", "--max-os-tries", "1", NEAR, "-oX", "-"]).stdout
    dtd = subprocess.run(["xmllint", "--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd", "-"], input=text, text=True,
                         capture_output=True)
    cases.equal("nmap's DTD", (dtd.returncode, dtd.stderr), (0, ""))


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nmap", "xmllint")
    with netns.Bed() as bed:
        listener = bed.target.listen(80)
        code = suite.run([test_personalities, test_itself, test_ipv6, test_spacing, test_many, test_readers], bed)
    sys.exit(code)
