# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked: targets, discovery and names, scan types, ports. See tests/integ/flags.py."""

import packet
import suite
from flagcase import flag, hosts, listed, numbers, ports, probes, run, summary

# Targets

@flag("-iL")
def input_list(bed, directory, spelling):
    path = directory / "targets"
    path.write_text("198.18.0.1 198.18.0.4/31\n# comment\n\tfd98::5\n")
    want = {"198.18.0.1", "198.18.0.4", "198.18.0.5", "fd98::5"}
    piped = bed.scanner.run([suite.PRTIP, "-sL", "-n", spelling, "-", "-oJ", "-"], input=path.read_text(), stdin=None)
    return (listed(bed, spelling, str(path)) == want and listed(bed, spelling, str(path), "198.18.0.9") ==
            want | {"198.18.0.9"} and {r["address"] for r in suite.json_records(piped.stdout, "host")} == want)


@flag("--exclude")
def exclude(bed, directory, spelling):
    return listed(bed, "198.18.0.0/30", spelling, "198.18.0.1,198.18.0.2", spelling, "198.18.0.3") == {"198.18.0.0"}


@flag("--excludefile")
def exclude_file(bed, directory, spelling):
    (directory / "excluded").write_text("198.18.0.1\n198.18.0.2-3\n")
    return listed(bed, "198.18.0.0/30", spelling, str(directory / "excluded")) == {"198.18.0.0"}


@flag("-4")
def family4(bed, directory, spelling):
    return listed(bed, "both.test") == listed(bed, spelling, "both.test") == {"198.18.0.1"} and \
        listed(bed, spelling, "--resolve-all", "both.test") == {"198.18.0.1"}


@flag("-6")
def family6(bed, directory, spelling):
    return listed(bed, spelling, "both.test") == {"fd98::1"}


@flag("--resolve-all")
def resolve_all(bed, directory, spelling):
    return listed(bed, spelling, "both.test") == {"198.18.0.1", "fd98::1"}


@flag("--yes")
def confirmed(bed, directory, spelling):
    wide = ["-sn", "203.0.0.0/15"]  # public, without a route: nothing is sent
    refused = run(bed, "-n", *wide, code=2)
    return "--yes" in refused.stderr and not refused.stdout and summary(bed, *wide, spelling)["hosts"]["down"] == 1 << 17


# Discovery and names

@flag("-Pn")
def no_ping(bed, directory, spelling):
    silent = ["-sS", "-n", "-p80", "198.18.99.1"]
    return summary(bed, *silent)["hosts"]["up"] == 0 and summary(bed, *silent, spelling)["ports"]["filtered"] == 1


@flag("-n")
def no_names(bed, directory, spelling):
    return (hosts(bed, "-sn", "198.18.0.1")["198.18.0.1"]["hostname"] == "both.test" and
            hosts(bed, "-sn", spelling, "198.18.0.1")["198.18.0.1"]["hostname"] is None)


@flag("-R")
def all_names(bed, directory, spelling):
    command = ["-sn", "-v", "198.18.99.1", "-oX", "-"]
    return ("silent.test" in run(bed, *command, spelling).stdout and "silent.test" not in run(bed, *command).stdout)


# Scan types

@flag("-sS", "-sT")
def scan_type(bed, directory, spelling):
    flags = {p.flags for p in probes(bed, "-Pn", spelling, "-p80", "10.99.0.2")}
    reason = ports(bed, spelling, "-p81", "10.99.0.2")["10.99.0.2", 81][1]
    kind = {"-sS": "syn", "-sT": "connect"}[spelling]
    nobody = bed.scanner.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", suite.PRTIP, spelling, "-n", "-Pn",
                              "-p81", "10.99.0.2"])  # who may not send raw packets gets no SYN scan, and is told so
    return (nobody.returncode == {"-sS": 1, "-sT": 0}[spelling] and flags == {packet.SYN} and reason == {"-sS": "reset", "-sT": "conn-refused"}[spelling] and
            f'type="{kind}"' in run(bed, spelling, "-n", "-p81", "10.99.0.2", "-oX", "-").stdout)


@flag("-sA", "-sW", "-sF", "-sN", "-sX", "-sM")
def stealth_type(bed, directory, spelling):
    flags = {"-sA": packet.ACK, "-sW": packet.ACK, "-sF": packet.FIN, "-sN": 0, "-sM": packet.FIN | packet.ACK,
             "-sX": packet.FIN | packet.PSH | packet.URG}[spelling]
    state = {"-sA": "unfiltered", "-sM": "closed", "-sW": "closed"}.get(spelling, "open|filtered")
    with bed.target.capture("vb") as capture:
        found = ports(bed, spelling, "-p80,81", "10.99.0.2")
        seen = {p.flags for p in packet.parse(capture.stop()) if p.is_incoming and p.kind == "tcp"}
    return seen == {flags} and found["10.99.0.2", 80][0] == state


@flag("-sU")
def udp_type(bed, directory, spelling):
    with bed.target.capture("vb") as capture:
        found = ports(bed, spelling, "-p53,81,9000", "--coverage-sample", "0", "10.99.0.2")
        sent = {p.dport: len(p.payload) for p in packet.parse(capture.stop()) if p.is_incoming and p.kind == "udp"}
    return (found == {("10.99.0.2", 53): ("closed", "port-unreach"), ("10.99.0.2", 81): ("closed", "port-unreach"),
                      ("10.99.0.2", 9000): ("open|filtered", "no-response")} and
            sent[53] > 12 and sent[81] == sent[9000] == 0)


def discovery(bed, *options):
    """Kinds of discovery packets that a silent target behind a router is sent: (kind, type or port, flags)."""
    with bed.target.capture("vb") as capture:
        run(bed, "-sn", "-n", *options, "198.18.99.1")
        seen = [p for p in packet.parse(capture.stop()) if p.is_incoming and p.dst == "198.18.99.1"]
    return {(p.kind, p.type if p.kind == "icmp" else p.dport, getattr(p, "flags", 0)) for p in seen}


@flag("-PE", "-PP", "-PM")
def icmp_ping(bed, directory, spelling):
    return discovery(bed, spelling) == {("icmp", {"-PE": 8, "-PP": 13, "-PM": 17}[spelling], 0)}


@flag("-PS", "-PA", "-PU", "-PY")
def port_ping(bed, directory, spelling):
    kind, flags, default = {"-PS": ("tcp", packet.SYN, 80), "-PA": ("tcp", packet.ACK, 80), "-PU": ("udp", 0, 40125),
                            "-PY": ("sctp", 0, 80)}[spelling]
    return (discovery(bed, spelling) == {(kind, default, flags)} and
            discovery(bed, spelling + "22,81-82", "-PE") == {("icmp", 8, 0), *((kind, p, flags) for p in (22, 81, 82))})


def asks_link(bed, *options):
    with bed.target.capture("vb") as capture:
        run(bed, "-sn", "-n", *options, "10.99.0.2")
        seen = [p for p in packet.parse(capture.stop()) if p.is_incoming]
    # a broadcast question is ours: the kernel, which knows the neighbour, asks it directly
    return any(p.kind == "arp" and p.dst_mac == b"\xff" * 6 for p in seen), any(p.kind in ("icmp", "tcp") for p in seen)


@flag("-PR")
def link_ping(bed, directory, spelling):
    refused = run(bed, "-n", "-Pn", spelling, "10.99.0.2", code=2).stderr
    return "-Pn" in refused and asks_link(bed, spelling) == (True, False) and len(discovery(bed, spelling)) == 4


@flag("--disable-arp-ping")
def no_link_ping(bed, directory, spelling):
    return asks_link(bed, spelling) == (False, True) and asks_link(bed) == (True, False)


@flag("-sY")
def sctp_type(bed, directory, spelling):
    with bed.target.capture("vb") as capture:
        text = run(bed, "-n", "-Pn", spelling, "-p", "S:80,81", "10.99.0.2", "-oX", "-").stdout
        seen = [p for p in packet.parse(capture.stop()) if p.is_incoming and p.kind == "sctp"]
    return {p.dport for p in seen} == {80, 81} and all(p.sum_ok for p in seen) and 'protocol="sctp"' in text


@flag("--payload-db")
def payload_file(bed, directory, spelling):
    path = directory / "payloads"
    path.write_text('udp 9000 "first\\x00"\nudp 9000 "second"\n')
    with bed.target.capture("vb") as capture:
        run(bed, "-n", "-Pn", "-sU", "-p9000", spelling, str(path), "10.99.0.2")
        sent = [p.payload for p in packet.parse(capture.stop()) if p.is_incoming and p.kind == "udp"]
    path.write_text("udp 9000\n  first\n")
    refused = run(bed, "-n", "-Pn", "-sU", "-p9000", spelling, str(path), "10.99.0.2", code=1)
    idle = run(bed, "-n", "-Pn", "-sS", "-p80", spelling, str(path), "10.99.0.2", code=2)
    return "-sU" in idle.stderr and sent == [b"first\0", b"second"] and "line 2" in refused.stderr and "first" in refused.stderr


@flag("-sn")
def ping_only(bed, directory, spelling):
    text = run(bed, spelling, "-n", "10.99.0.2", "-oJ", "-").stdout
    return suite.json_summary(text)["hosts"]["up"] == 1 and not suite.json_ports(text)


@flag("-sL")
def list_only(bed, directory, spelling):
    with bed.target.capture("vb") as capture:
        found = listed(bed, "198.18.0.0/30")
        ours = [p for p in packet.parse(capture.stop()) if p.is_incoming and p.kind != "icmp6"]
    return spelling == "-sL" and len(found) == 4 and not ours


# Ports

@flag("-p")
def port_spec(bed, directory, spelling):
    return (numbers(bed, spelling, "22,80-82,-3,65534-") == {22, 80, 81, 82, 1, 2, 3, 65534, 65535} and
            numbers(bed, spelling + "ssh,http*") >= {22, 80, 443} and numbers(bed, spelling, "T:25,U:53") == {25})


@flag("-F")
def fast(bed, directory, spelling):
    return len(numbers(bed, spelling)) == 100 and len(numbers(bed)) == 1000


@flag("--top-ports")
def top_ports(bed, directory, spelling):
    return numbers(bed, spelling, "3") == {80, 23, 443}


@flag("--port-ratio")
def port_ratio(bed, directory, spelling):
    return numbers(bed, spelling, "0.3") == {80} and len(numbers(bed, spelling, "0.01")) > 10


@flag("--exclude-ports")
def exclude_ports(bed, directory, spelling):
    return numbers(bed, "-p20-25", spelling, "21,23-24") == {20, 22, 25}


@flag("--servicedb")
def service_file(bed, directory, spelling):
    path = directory / "services"
    path.write_text("ourname\t81/tcp\t0.9\nother\t82/tcp\t0.5\n")
    text = run(bed, "-sS", "-n", spelling, str(path), "--top-ports", "1", "10.99.0.2", "-oX", "-").stdout
    return 'portid="81"' in text and 'name="ourname"' in text
