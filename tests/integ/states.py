#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""States and reasons of -sS and -sT: against the truth, against nmap, against ss on loopback."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

OPEN = [22, 80, 443, 8080]
CLOSED = [21, 81, 60000]
DROPPED = 1001
RESET = 1002
UNREACH4 = {1003: ("net-unreachable", "net-unreach"), 1004: ("host-unreachable", "host-unreach"),
            1005: ("port-unreachable", "port-unreach"), 1006: ("admin-prohibited", "admin-prohibited"),
            1007: ("host-prohibited", "host-prohibited"), 1008: ("net-prohibited", "net-prohibited"),
            1009: ("prot-unreachable", "proto-unreach")}
UNREACH6 = {1003: ("no-route", "no-route"), 1004: ("addr-unreachable", "host-unreach"),
            1005: ("port-unreachable", "port-unreach"), 1006: ("admin-prohibited", "admin-prohibited")}
PORTS = ",".join(map(str, [*OPEN, *CLOSED, *range(DROPPED, 1010)]))


def truth(address, unreachable, scan):
    """nmap's states; the reasons that a SYN scan sees."""
    table = {port: ("open", "syn-ack") for port in OPEN}
    table |= {port: ("closed", "reset" if scan == "-sS" else "conn-refused") for port in [*CLOSED, RESET]}
    table[DROPPED] = ("filtered", "no-response")
    table |= {port: ("filtered", reason) for port, (_, reason) in unreachable.items()}
    if scan == "-sT":  # the kernel says ECONNREFUSED for ICMP port unreachable
        table[1005] = ("closed", "conn-refused")
    unfiltered = ("closed", "reset" if scan == "-sS" else "conn-refused")
    return {(address, port): table.get(port, unfiltered) for port in suite.port_list(PORTS)}


def filters():
    yield f"tcp dport {DROPPED} drop"
    yield f"tcp dport {RESET} reject with tcp reset"
    for port, (kind, _) in UNREACH4.items():
        yield f"meta nfproto ipv4 tcp dport {port} reject with icmp type {kind}"
    for port, (kind, _) in UNREACH6.items():
        yield f"meta nfproto ipv6 tcp dport {port} reject with icmpv6 type {kind}"


def scan(bed, program, *options):
    done = bed.scanner.run([program, *options, "-oX", "-"], 120)
    if done.returncode != 0:
        raise RuntimeError(f"{program} {' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def against_truth(cases, bed, scan_flag):
    for address, unreachable, family in (("10.99.0.2", UNREACH4, []), ("198.18.7.9", UNREACH4, []),
                                         ("fd99::2", UNREACH6, ["-6"]), ("fd98::77", UNREACH6, ["-6"])):
        found = suite.xml_ports(scan(bed, suite.PRTIP, scan_flag, "-Pn", "-n", "-p", PORTS, *family, address))
        want = truth(address, unreachable, scan_flag)
        states = {key: value[0] for key, value in found.items()}
        cases.equal(f"{scan_flag} states of {address}", states, {key: value[0] for key, value in want.items()})
        if scan_flag == "-sS":
            cases.equal(f"-sS reasons of {address}", found, want)


def test_syn_truth(cases, bed):
    against_truth(cases, bed, "-sS")


def test_connect_truth(cases, bed):
    against_truth(cases, bed, "-sT")


def against_nmap(cases, bed, scan_flag):
    for family, addresses in (([], ["10.99.0.2", "198.18.7.9"]), (["-6"], ["fd99::2", "fd98::77"])):
        options = [scan_flag, "-Pn", "-n", "--reason", "-p", PORTS, *family, *addresses]
        ours, theirs = (suite.xml_ports(scan(bed, program, *options)) for program in (suite.PRTIP, "nmap"))
        cases.equal(f"{scan_flag} {' '.join(family) or '-4'}: ours equals nmap's, port by port", ours, theirs)
        cases.equal(f"{scan_flag} {' '.join(family) or '-4'}: every port reported", len(ours), 2 * len(PORTS.split(",")))


def test_syn_nmap(cases, bed):
    against_nmap(cases, bed, "-sS")


def test_connect_nmap(cases, bed):
    against_nmap(cases, bed, "-sT")


def test_loopback(cases, bed):
    """All ports of 127.0.0.1 and ::1: open is exactly what ss lists, filtered what the filter refuses."""
    keep = [bed.target.listen(port, address) for address in ("127.0.0.1", "::1") for port in (1, 2222, 65535)]
    keep += [bed.target.listen(3333, "127.0.0.1"), bed.target.listen(4444, "::1")]
    for address, family in (("127.0.0.1", "-4"), ("::1", "-6")):
        listening = bed.target.sh(f"ss -H -l -t -n {family}").splitlines()
        want = {int(line.split()[3].rpartition(":")[2]) for line in listening
                if line.split()[3].rpartition(":")[0] in (address, f"[{address}]", "*", "0.0.0.0", "[::]")}
        if family == "-4":  # sockets of [::] without IPV6_V6ONLY answer for IPv4 too
            want |= {port for port in OPEN}
        for flag in ("-sS", "-sT"):
            done = bed.target.run([suite.PRTIP, flag, "-Pn", "-n", "-p-", address, "-oX", "-"], 120)
            found = suite.xml_ports(done.stdout)
            cases.equal(f"{flag} {address}: open ports are the listeners",
                        {port for (_, port), value in found.items() if value[0] == "open"}, want)
            refused = {DROPPED, *(UNREACH4 if family == "-4" else UNREACH6)}
            if flag == "-sT":  # the kernel says ECONNREFUSED for ICMP port unreachable
                refused -= {1005}
            cases.equal(f"{flag} {address}: filtered ports are the filter's",
                        {port for (_, port), value in found.items() if value[0] == "filtered"}, refused)
            cases.equal(f"{flag} {address}: all others closed",
                        sum(value[0] == "closed" for value in found.values()), 65535 - len(want) - len(refused))
    for s in keep:
        s.close()


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "nmap", "ss")
    with netns.Bed() as bed:
        listeners = [bed.target.listen(port) for port in OPEN]
        bed.target.filter_input(*filters())
        code = suite.run([test_syn_truth, test_syn_nmap, test_connect_truth, test_connect_nmap, test_loopback], bed)
    sys.exit(code)
