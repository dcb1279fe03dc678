#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-sS against the simulated network (tests/support/simnet.py): every port is what the seed makes it."""
import ipaddress
import pathlib
import random
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
    states(cases, "xdp")


def test_states_packet(cases):
    states(cases, "packet")


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "ethtool")
    if not simnet.daemon():
        print("skipped: the simulated network was not built (libbpf-dev)")
        sys.exit(suite.SKIPPED)
    sys.exit(suite.run([test_languages, test_states_xdp, test_states_packet]))
