#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program in the driver against the packet socket on one bed: equal states, nothing left open, gone with the process,
a stranger's program respected, another back end where it cannot be had."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

BUILD = pathlib.Path(os.environ.get("BUILD", suite.ROOT / "build-gcc"))
OPEN = (22, 80, 443, 2000)
DROPPED, REJECTED = "100-119", "120-139"
ON_LINK = ("10.99.0.2", "fd99::2")
ROUTED = ("198.18.0.1-40", "fd98::1")


def command(backend, *options):
    return [suite.PRTIP, "-n", "--tx-backend", backend, "-oJ", "-", *options]


def scan(bed, backend, *options):
    done = bed.scanner.run(command(backend, *options), 60)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return done.stdout


def program_of(bed, device="va"):
    link = json.loads(bed.scanner.run(["ip", "-j", "-d", "link", "show", device], 10).stdout)[0]
    return link.get("xdp", {}).get("prog", {}).get("id")


def half_open(bed):
    text = bed.target.run(["ss", "-Htan", "state", "syn-recv"], 10).stdout
    return len(text.splitlines())


def polls(bed, on):
    """Whether the far end polls: only then its near end takes frames from a program."""
    bed.target.sh(f"ethtool -K vb gro {'on' if on else 'off'}")


def wait_for_program(bed, wanted):
    return netns.wait_until(lambda: (program_of(bed) is not None) == wanted, 20)


def test_equal_states(cases, bed):
    for far, name in ((True, "xdp"), (False, "afpacket+xdp")):
        polls(bed, far)
        for target in (*ON_LINK, *ROUTED):
            for kind in (["-sS", "-Pn"], ["-sS"], ["-sA", "-Pn"], ["-sU", "-Pn"]):
                options = [*kind, "-p", "20-25,80,100-139,443,2000" if kind[0] != "-sU" else "53,123,130", target]
                want, got = scan(bed, "afpacket", *options), scan(bed, "xdp", *options)
                title = f"{name} {' '.join(kind)} {target}"
                cases.equal(f"{title}: states", suite.json_ports(got), suite.json_ports(want))
                summary = suite.json_summary(got)
                cases.equal(f"{title}: back end", summary["backend"], name)
                cases.equal(f"{title}: nothing dropped, nothing forged",
                            (summary["drops"]["local"], summary["forged"]), (0, 0))


def test_discovery(cases, bed):
    polls(bed, True)
    bed.scanner.sh("ip neigh flush dev va")
    bed.scanner.sh("ip -6 neigh flush dev va")
    for target in ON_LINK:
        found = suite.json_records(scan(bed, "xdp", "-sn", target), "host")
        cases.equal(f"{target} is found on its link", [(h["address"], h["state"]) for h in found], [(target, "up")])


def test_nothing_left_half_open(cases, bed):
    for far in (True, False):
        polls(bed, far)
        for target in ON_LINK:
            text = scan(bed, "xdp", "-sS", "-Pn", "-p", ",".join(map(str, OPEN)), target)
            cases.equal(f"polls {far} {target}: all are open", len(suite.json_ports(text)), len(OPEN))
            cases.check(f"polls {far} {target}: every connection is reset",
                        netns.wait_until(lambda: half_open(bed) == 0, 0.5), half_open(bed))


def test_attempts_and_times(cases, bed):
    """What the worker learns from a record is what it learns from a frame."""
    polls(bed, True)
    records = suite.json_records(scan(bed, "xdp", "-sS", "-Pn", "-p", "22,23", "10.99.0.2"), "port")
    for r in records:
        cases.equal(f"port {r['port']}: hop limit and attempt", (r["ttl"], r["attempt"]), (64, 0))
        cases.check(f"port {r['port']}: a round trip below 100 ms", 0 < r["rtt_us"] < 100000, r)


def start_slow(bed):
    return bed.scanner.start(command("xdp", "-sS", "-Pn", "-p", "1000-9000", "--max-rate", "200", "10.99.0.2"),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_gone_after_kill(cases, bed):
    polls(bed, True)
    running = start_slow(bed)
    cases.check("the program stands while the scan runs", wait_for_program(bed, True))
    running.kill()
    running.wait(20)
    cases.check("kill -9 takes it away", wait_for_program(bed, False))
    scan(bed, "xdp", "-sS", "-Pn", "-p", "80", "10.99.0.2")
    cases.check("so does the end of a scan", wait_for_program(bed, False))


def assert_found_otherwise(cases, bed, prefix):
    """A scan that would choose the program itself does without."""
    done = bed.scanner.run([*prefix, *command("auto", "-sS", "-Pn", "-p-", "10.99.0.2")], 60)
    found = {port for (_, port), (state, _) in suite.json_ports(done.stdout).items() if state == "open"}
    cases.equal("a large scan finds the open ports", found, set(OPEN))
    summary = suite.json_summary(done.stdout)
    cases.check("without the program", "xdp" not in summary["backend"].replace("afxdp", ""), summary["backend"])


def test_strangers_program_stays(cases, bed):
    polls(bed, True)
    first = start_slow(bed)
    try:
        cases.check("the first has attached its program", wait_for_program(bed, True))
        before = program_of(bed)
        done = bed.scanner.run(command("xdp", "-sS", "-Pn", "-p", "22,23,80", "10.99.0.2"), 60)
        cases.check("a second scan that insists is refused", done.returncode != 0, done.stdout)
        cases.check("and told why", "another program is attached" in done.stderr, done.stderr)
        assert_found_otherwise(cases, bed, [])
        cases.equal("the first program is untouched", program_of(bed), before)
    finally:
        first.terminate()
        first.wait(20)


def test_without_privilege(cases, bed):
    only = "-all,+net_raw"
    assert_found_otherwise(cases, bed, ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", only,
                                        "--ambient-caps", only])


def test_large_scan_chooses_it(cases, bed):
    polls(bed, True)
    text = scan(bed, "auto", "-sS", "-Pn", "-p-", "10.99.0.2")
    summary = suite.json_summary(text)
    cases.equal("all ports of a host: by the program", summary["backend"], "xdp")
    cases.equal("every port has a state", sum(summary["ports"].values()), 65535)
    cases.equal("the open ones are found", {p for (_, p), (state, _) in suite.json_ports(text).items() if state == "open"},
                set(OPEN))
    cases.equal("small scans do without", suite.json_summary(scan(bed, "auto", "-sS", "-Pn", "-p", "1-1000", "10.99.0.2"))[
        "backend"], "rawip")


def test_hears_for_whatever_sends(cases, bed):
    polls(bed, True)
    for name in ("rawip", "afpacket", "txring"):
        text = scan(bed, name, "-sS", "-Pn", "-p-", "10.99.0.2")
        summary = suite.json_summary(text)
        cases.equal(f"{name}: all ports of a host, heard by the program", summary["backend"], f"{name}+xdp")
        cases.equal(f"{name}: every port has a state", sum(summary["ports"].values()), 65535)
        cases.equal(f"{name}: the open ones are found",
                    {p for (_, p), (state, _) in suite.json_ports(text).items() if state == "open"}, set(OPEN))


def test_answers_that_come_by_another_interface(cases, bed):
    bed._link(bed.scanner, "wa", bed.target, "wb", "10.96.0.2", "fd96::2")
    bed._addresses(bed.scanner, "wa", "10.96.0.1/24", "fd96::1/64")
    bed.target.sh("ip route add 10.99.0.1/32 via 10.96.0.1 dev wb")
    text = scan(bed, "afpacket", "-sS", "-Pn", "-p-", "10.99.0.2")
    bed.target.sh("ip route del 10.99.0.1/32")
    bed.scanner.sh("ip link del wa")
    summary = suite.json_summary(text)
    cases.equal("by another interface: the open ones are found",
                {p for (_, p), (state, _) in suite.json_ports(text).items() if state == "open"}, set(OPEN))
    cases.equal("by another interface: the program listened at the way out", summary["backend"], "afpacket+xdp")
    cases.check("by another interface: they are read as fast as they come", summary["sent"] < 1.2 * 65535, str(summary))


def test_program(cases, bed):
    done = subprocess.run([str(BUILD / "tests/unit/probe/xdp_program")], capture_output=True, text=True)
    if done.returncode == suite.SKIPPED:
        raise suite.Skip("the kernel takes no program")
    cases.check("cookies, verdicts and answers equal those of the C code", done.returncode == 0, done.stdout + done.stderr)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "ss", "ethtool", "setpriv")
    if not (BUILD / "tests/unit/probe/xdp_program").exists():
        print("skipped: built without the program")
        sys.exit(suite.SKIPPED)
    with netns.Bed() as bed:
        bed.target.filter_input(f"tcp dport {{ {DROPPED} }} drop",
                                f"tcp dport {{ {REJECTED} }} reject with icmpx type admin-prohibited")
        bed.target.sh("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 "
                      "net.ipv4.icmp_msgs_burst=10000")
        listeners = [bed.target.listen(port) for port in OPEN]
        code = suite.run([test_program, test_equal_states, test_discovery, test_nothing_left_half_open,
                          test_attempts_and_times, test_gone_after_kill, test_strangers_program_stays,
                          test_without_privilege, test_large_scan_chooses_it, test_hears_for_whatever_sends,
                          test_answers_that_come_by_another_interface], bed)
    sys.exit(code)
