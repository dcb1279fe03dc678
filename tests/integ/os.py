#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-O beside nmap: the same fingerprint and the same best matches for Linux with other manners, near and behind a router."""
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

NEAR = "10.99.0.2"
DEFAULTS = {"net.ipv4.tcp_timestamps": 1, "net.ipv4.tcp_window_scaling": 1, "net.ipv4.tcp_sack": 1, "net.ipv4.tcp_ecn": 2,
            "net.ipv4.ip_default_ttl": 64, "net.ipv4.tcp_rmem": "4096 131072 6291456", "net.ipv4.ip_no_pmtu_disc": 0,
            "net.ipv4.icmp_echo_ignore_all": 0}
PERSONALITIES = {
    "default": {},
    "clock shown, other TTL": {"net.ipv4.tcp_timestamps": 2, "net.ipv4.ip_default_ttl": 128},
    "no options, no ECN": {"net.ipv4.tcp_timestamps": 0, "net.ipv4.tcp_window_scaling": 0, "net.ipv4.tcp_sack": 0,
                           "net.ipv4.tcp_ecn": 0},
    "small windows, fragments, no echo": {"net.ipv4.tcp_rmem": "4096 8192 16384", "net.ipv4.ip_no_pmtu_disc": 1,
                                          "net.ipv4.icmp_echo_ignore_all": 1, "net.ipv4.tcp_timestamps": 0},
}
# What the kernel draws by chance: how its sequence numbers run, and timestamps unless the clock is shown.
BY_CHANCE = {"SP", "GCD", "ISR"}


def report(bed, program, *options):
    done = bed.scanner.run([program, "-sS", "-Pn", "-n", "-vv", "-O", "--max-os-tries", "1", "-p80,81", *options, "-oX", "-"], 120)
    if done.returncode:
        raise RuntimeError(f"{program}: exit {done.returncode}: {done.stderr}")
    return ElementTree.fromstring(done.stdout).find("host")


def fingerprint(host, ignored):
    text = host.find("os/osfingerprint").get("fingerprint").replace("OS:", "").replace("\n", "")
    tests = {}
    for name, body in re.findall(r"([A-Z0-9]+)\(([^)]*)\)", text):
        tests[name] = {k: v for k, v in (a.split("=", 1) for a in body.split("%") if a)
                       if name != "SEQ" or k not in ignored}
    scan = tests.pop("SCAN")
    return tests, {k: scan.get(k) for k in ("OT", "CT", "PV", "DS", "DC", "G")}


def matches(host):
    return [(m.get("name"), int(m.get("accuracy"))) for m in host.iter("osmatch")]


def manners(bed, chosen):
    for name, value in {**DEFAULTS, **chosen}.items():
        bed.target.run(["sysctl", "-qw", f"{name}={value}"])


def is_as_good(ours, theirs):
    """The same best match, or one of nmap's best: the random values move an accuracy by a point or two."""
    near_best = {name for name, accuracy in theirs if accuracy >= theirs[0][1] - 2} if theirs else set()
    return not theirs and not ours or ours[0][0] in near_best and abs(ours[0][1] - theirs[0][1]) <= 2


def test_personalities(cases, bed):
    for name, chosen in PERSONALITIES.items():
        manners(bed, chosen)
        ignored = BY_CHANCE | (set() if chosen.get("net.ipv4.tcp_timestamps") != 1 and chosen else {"TS"})
        ours, theirs = (report(bed, program, NEAR) for program in (suite.PRTIP, "nmap"))
        cases.equal(f"{name}: fingerprint", fingerprint(ours, ignored), fingerprint(theirs, ignored))
        cases.check(f"{name}: best match", is_as_good(matches(ours), matches(theirs)),
                    f"{matches(ours)[:3]}, nmap {matches(theirs)[:3]}")
        used = [[p.attrib for p in host.iter("portused") if p.get("proto") == "tcp"] for host in (ours, theirs)]
        cases.equal(f"{name}: ports, distance, IP IDs", (used[0], *(ours.find(t).attrib for t in ("distance", "ipidsequence"))),
                    (used[1], *(theirs.find(t).attrib for t in ("distance", "ipidsequence"))))
    manners(bed, {})


def test_itself(cases, bed):
    ours, theirs = (ElementTree.fromstring(bed.target.run(
        [program, "-sS", "-Pn", "-n", "-vv", "-O", "--max-os-tries", "1", "-p80,81", "127.0.0.1", "-oX", "-"]).stdout).find("host")
        for program in (suite.PRTIP, "nmap"))
    cases.equal("this machine: fingerprint", fingerprint(ours, BY_CHANCE | {"TS"}), fingerprint(theirs, BY_CHANCE | {"TS"}))


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
        code = suite.run([test_personalities, test_itself, test_spacing, test_many, test_readers], bed)
    sys.exit(code)
