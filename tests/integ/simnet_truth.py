#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# alone: a starved responder looks like loss
"""-sS against the simulated network (tests/support/simnet.py): every port is what the seed makes it.

Three seeds; bench/truth does the same with twenty, at several losses, and looks at the coverage that is claimed.
"""
import collections
import ipaddress
import pathlib
import random
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import simnet
import suite

NETS = "198.18.0.0/16,2001:db8:1::/112"
MIX = {"up": 0.7, "open": 0.1, "closed": 0.5, "rejected": 0.1}
TARGETS = (("-4", "198.18.3.0/26"), ("-6", "2001:db8:1::100/122"))
PORTS = "1-100"


def scan(network, flags, *targets, ports=PORTS):
    """{(address, port): state} and the summary of a JSON scan."""
    done = network.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p", ports, *flags, *targets, "-oJ", "-"], 200)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"prtip: exit {done.returncode}: {done.stderr}")
    ports_found = {key: state for key, (state, _) in suite.json_ports(done.stdout).items()}
    return ports_found, suite.json_summary(done.stdout)


def test_languages(cases):
    """The C and the Python of the behaviour: 100,000 endpoints of every protocol, v4 and v6."""
    shares = {"up": 0.8, "dark": 0.3, "open": 0.2, "closed": 0.3, "rejected": 0.3, "udp_open": 0.1, "udp_closed": 0.4,
              "all_open": 0.1, "syn_proxy": 0.05}
    n, differing = 0, []
    for proto, seed in (("tcp", 1), ("udp", 99), ("sctp", 2**40)):
        behaviour = simnet.Behaviour(seed, **shares)
        for net in ("203.0.113.0/24", "2001:db8:5:6::f00/121"):
            count = 136 if "." in net else 128
            ports = ",".join(map(str, sorted(random.Random(seed).sample(range(65536), count))))
            listed = simnet.listing(net, ports, seed, proto, "open,closed,rejected,filtered", **shares)
            for address, port, state, code in listed:
                n += 1
                if behaviour.behaviour(address, port, proto) != (state, code):
                    differing.append((address, port, proto, state, code))
    cases.equal("C and Python agree", differing[:5], [])
    cases.check("on 100,000 endpoints and more", n >= 100000, n)


def states(cases, mode):
    with simnet.Network(NETS, 7, mode=mode, **MIX) as network:
        cases.equal(f"{mode}: runs as asked", network.mode, mode)
        for family, target in TARGETS:
            found, _ = scan(network, [family, "-d"], target)
            want = {(str(address), port): network.truth(address, port)
                    for address in ipaddress.ip_network(target) for port in range(1, 101)}
            wrong = {key: (state, want[key]) for key, state in found.items() if state != want[key]}
            cases.equal(f"{mode} {target}: what was reported is true", wrong, {})
            responsive = {key: state for key, state in want.items() if state != "filtered"}
            cases.equal(f"{mode} {target}: every open and closed port found",
                        {key: state for key, state in found.items() if state != "filtered"}, responsive)


def test_states_xdp(cases):
    if "xdp" not in simnet.modes():
        raise suite.Skip("no XDP here")
    states(cases, "xdp")


def test_states_packet(cases):
    states(cases, "packet")


Outcome = collections.namedtuple("Outcome", "network responsive found wrong n_twice cells summary counters answering heard")


def outcome(target, seed, *flags, ports=PORTS, **knobs):
    """Scan @target once and lay the result beside the truth."""
    with simnet.Network(NETS, seed, count=target, count_ports=ports, **MIX, **knobs) as network:
        done = network.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-6" if ":" in target else "-4", "-p", ports, *flags,
                                    target, "-oJ", "-"], 200)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"prtip: exit {done.returncode}: {done.stderr}")
        records = suite.json_records(done.stdout, "port")
        reported = {(r["address"], r["port"]): r["state"] for r in records}
        truth = dict(network.responsive(ports, nets=target))
        responsive = {key for key in truth if not knobs.get("late") or network.answers_in_time(*key)}
        wrong = {key: state for key, state in reported.items() if state not in ("filtered", truth.get(key))}
        found = {key for key in responsive if reported.get(key) == truth[key]}
        answering = {key for key, _ in network.responsive(ports, nets=target, states="open,closed,rejected")}
        heard = answering & {(r["address"], r["port"]) for r in records if r["reason"] != "no-response"}
        return Outcome(network, responsive, found, wrong, len(records) - len(reported), network.cells(),
                       suite.json_summary(done.stdout), network.stats()["counters"], answering, heard)


def check_outcome(cases, name, o, found_min=1):
    share = len(o.found) / len(o.responsive)
    cases.check(f"{name}: at least {found_min:.1%} of {len(o.responsive)} responsive ports found", share >= found_min,
                f"{len(o.found)}; missed {sorted(o.responsive - o.found)[:10]}")
    cases.equal(f"{name}: nothing open or closed that is not", o.wrong, {})
    cases.equal(f"{name}: no port reported twice", o.n_twice, 0)
    cases.equal(f"{name}: no endpoint was left out", o.cells.count(0), 0)


def asked_again(o, target, ports=PORTS):
    """Of the responsive endpoints, the share that was asked more than once."""
    first = int(ipaddress.ip_network(target)[0])
    index = {port: n for n, port in enumerate(suite.port_list(ports))}
    return sum(o.cells[(int(ipaddress.ip_address(address)) - first) * len(index) + index[port]] > 1
               for address, port in o.responsive) / len(o.responsive)


SEEDS = (11, 12, 13)


def test_no_loss(cases):
    """Every responsive port, asked once but for the sample that is asked again on purpose."""
    for seed in SEEDS:
        for target in ("198.18.0.0/25", "2001:db8:1::/121"):
            o = outcome(target, seed, "--coverage-sample", "0")
            check_outcome(cases, f"seed {seed} {target}", o)
            again = asked_again(o, target)
            cases.check(f"seed {seed} {target}: fewer than 1 % of them asked again", again < 0.01, again)
            cases.equal(f"seed {seed} {target}: no damaged probe", [o.counters["bad_ip_sum"], o.counters["bad_l4_sum"]], [0, 0])


def test_loss(cases):
    """10 % lost each way: 99.9 % found."""
    for seed in SEEDS:
        o = outcome("198.18.0.0/25", seed, loss=0.1)
        check_outcome(cases, f"seed {seed} 10 % loss each way", o, 0.999)


def test_sweeps(cases):
    """First attempts made by the program in the driver: the same truth, whatever is lost, forged or doubled."""
    flags, ports = ("--tx-backend", "xdp", "--coverage-sample", "0"), "22,80,443,8080"
    for threads, knobs, found_min in (("1", {}, 1), ("2", {"forged": 0.1, "duplicated": 0.1}, 1), ("2", {"loss": 0.1}, 0.999)):
        o = outcome("198.18.0.0/21", 11, *flags, "--threads", threads, ports=ports, **knobs)
        name = f"sweeps of {threads} workers {knobs}"
        check_outcome(cases, name, o, found_min)
        cases.equal(f"{name}: by the program", o.summary["backend"], "xdp+sweep")
        cases.equal(f"{name}: no damaged probe", [o.counters["bad_ip_sum"], o.counters["bad_l4_sum"]], [0, 0])
        if not knobs:
            again = asked_again(o, "198.18.0.0/21", ports)
            cases.check(f"{name}: fewer than 1 % of the responsive asked again", again < 0.01, again)
        if "forged" in knobs:
            cases.check(f"{name}: forgeries and copies are counted",
                        o.counters["forged"] > 0 and o.summary["forged"] > 0 and o.summary["duplicates"] > 0, o.summary)
    for more, asked, why in (((), "1-8", "many ports"), (("--packet-trace",), ports, "someone wants to see packets")):
        o = outcome("198.18.0.0/26", 11, *flags, *more, ports=asked)
        cases.equal(f"{why}: not by sweeps", o.summary["backend"], "xdp")


def test_sweeps_of_what_is_up(cases):
    """Hosts are looked for first, and the targets are several ranges: places lead to the right hosts and back."""
    targets = ("198.18.4.0/24", "198.18.16.7-99", "198.18.32.0/24")
    with simnet.Network(NETS, 5, **MIX) as network:
        done = network.scanner.run([suite.PRTIP, "-sS", "-n", "--tx-backend", "xdp", "-p", "21,80,443", "-oJ", "-", "--exclude",
                                    "198.18.4.64/26,198.18.33.3", *targets], 60)
        states = {(r["address"], r["port"]): r["state"] for r in suite.json_records(done.stdout, "port")}
        summary = suite.json_summary(done.stdout)
        cases.equal("of what is up: by sweeps", summary["backend"], "xdp+sweep")
        cases.check("of what is up: some are down", summary["hosts"]["down"] > 50, summary["hosts"])
        wrong = {key: state for key, state in states.items() if state != network.truth(ipaddress.ip_address(key[0]), key[1])}
        cases.equal("of what is up: every port as the seed has it", wrong, {})


def test_hostile(cases):
    """Forged, doubled, slow and late answers: nothing is believed that is not so, and all is found that comes in time."""
    for seed in SEEDS:
        o = outcome("198.18.0.0/27", seed, forged=0.1, duplicated=0.2, copies=3, copy_gap=15, delayed=0.1, delay=20,
                    jitter=100, late=0.03, late_by=3000)
        check_outcome(cases, f"seed {seed} hostile", o)
        cases.check(f"seed {seed} hostile: forgeries were sent, and counted by prtip",
                    o.counters["forged"] > 0 and o.summary["forged"] > 0, (o.counters["forged"], o.summary))
        cases.check(f"seed {seed} hostile: copies were sent, and counted by prtip",
                    o.counters["copies"] > 0 and o.summary["duplicates"] > 0, (o.counters["copies"], o.summary))


# Scan -> states of open, closed, rejected and silent ports (RFC 9293 3.10.7); of a -sW scan on hosts whose resets
# offer a window where a port is open.
TYPES = {"-sA": ("unfiltered", "unfiltered", "filtered", "filtered"),
         "-sW": ("open", "closed", "filtered", "filtered"),
         "-sF": ("open|filtered", "closed", "filtered", "open|filtered"),
         "-sN": ("open|filtered", "closed", "filtered", "open|filtered"),
         "-sX": ("open|filtered", "closed", "filtered", "open|filtered"),
         "-sM": ("closed", "closed", "filtered", "open|filtered"),
         "-sU": ("open", "closed", "filtered", "open|filtered")}


def test_types(cases):
    """The other scans, v4 and v6: every port that is reported is what RFC 9293 and RFC 768 make of it."""
    with simnet.Network(NETS, 21, open=0.2, closed=0.4, udp_open=0.2, udp_closed=0.4, rejected=0.2, rst_window=1) as network:
        for flag, states in TYPES.items():
            for target in ("198.18.7.0/29", "2001:db8:1::700/125"):
                done = network.scanner.run([suite.PRTIP, flag, "-n", "-Pn", "-d", "-6" if ":" in target else "-4", "-p", PORTS,
                                            target, "-oJ", "-"], 200)
                reported = {key: state for key, (state, _) in suite.json_ports(done.stdout).items()}
                proto = "udp" if flag == "-sU" else "tcp"
                names = dict(zip(("open", "closed", "rejected", "filtered"), states))
                want = {(str(address), port): names[network.behaviour(address, port, proto)[0]]
                        for address in ipaddress.ip_network(target) for port in range(1, 101)}
                cases.equal(f"{flag} {target}", reported, want)


def test_backends(cases):
    """Every back end: each probe arrives whole, and once where all answer; what came back is what was answered."""
    target, ports, n = "198.18.0.0/20", 16, 16 * 4096  # enough to fill the device's queue of 256
    text = subprocess.run([suite.PRTIP, "--help"], capture_output=True, text=True, check=True).stdout
    for backend in re.search(r"--tx-backend NAME.*?auto\|(\S+)", text, re.S).group(1).split("|"):
        with simnet.Network(NETS, 5, closed=1, queues=2) as network:
            done = network.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", f"-p1-{ports}", "--tx-backend", backend, target, "-oJ", "-"])
            if done.returncode == 1:
                cases.skip(f"{backend}", done.stderr.strip())
                continue
            summary, counters = suite.json_summary(done.stdout), network.stats()["counters"]
            name = f"{backend} (used: {summary['backend']})"
            cases.equal(f"{name}: all closed", summary["ports"]["closed"], n)
            cases.check(f"{name}: probes sent are probes that arrived whole", summary["sent"] == counters["syn"] and
                        counters["other"] < 20 and not counters["bad_l4_sum"], (summary["sent"], counters))
            cases.check(f"{name}: fewer than 1 % asked again", counters["syn"] < n * 1.01, counters["syn"])


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "ethtool")
    if not simnet.daemon():
        print("skipped: the simulated network was not built (libbpf-dev)")
        sys.exit(suite.SKIPPED)
    sys.exit(suite.run([test_languages, test_states_xdp, test_states_packet, test_no_loss, test_loss, test_sweeps,
                        test_sweeps_of_what_is_up, test_hostile, test_types, test_backends]))
