#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A case for every spelling of the option table, which fails when the flag is ignored; none may be without one.

Arguments are spellings to try, such as --max-rate; without any, all."""
import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import rates
import suite

CASES = {}
ONLY = set()
BEDS = 4
BOTH4 = ["198.18.0.1", "10.99.0.2"]


def flag(*spellings):
    """The decorated function gets (bed, directory, spelling) and returns whether the flag had its effect."""
    def register(function):
        for spelling in spellings:
            CASES[spelling] = function
        return function
    return register


def filter_usual(bed):
    bed.target.filter_input("tcp dport 9000-9019 drop", "udp dport 9000-9019 drop", "ip daddr 198.18.99.0/24 drop",
                            "ip daddr 198.18.0.77 numgen random mod 100 < 30 drop")


def run(bed, *options, code=0, namespace=None):
    done = (namespace or bed.scanner).run([suite.PRTIP, *options], 120)
    if code is not None and done.returncode != code:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}, want {code}: {done.stderr}")
    return done


def listed(bed, *options):
    return set(r["address"] for r in suite.json_records(run(bed, "-sL", "-n", *options, "-oJ", "-").stdout, "host"))


def ports(bed, *options):
    return suite.json_ports(run(bed, "-n", "-Pn", *options, "-oJ", "-").stdout)


def numbers(bed, *options):
    return {port for _, port in ports(bed, "-sS", *options, "10.99.0.2")}


def hosts(bed, *options):
    return {r["address"]: r for r in suite.json_records(run(bed, *options, "-oJ", "-").stdout, "host")}


def probes(bed, *options):
    with bed.target.capture("vb") as capture:
        run(bed, "-n", *options)
        return packet.syns(packet.parse(capture.stop()))


def summary(bed, *options):
    return suite.json_summary(run(bed, "-n", *options, "-oJ", "-").stdout)


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


# OS detection

ONE_ENTRY = "MatchPoints\nT1(R=100)\nFingerprint Only one\nClass a | b || c\nT1(R=Y)\n"


def systems(bed, *options):
    """The os records of a scan of an open and a closed port, or of the open one where options say so."""
    ports = () if any(o.startswith("-p") for o in options) else ("-p80,81",)
    return suite.json_records(run(bed, "-sS", "-Pn", "-n", *ports, *options, "10.99.0.2", "-oJ", "-").stdout, "os")


@flag("-O")
def os_detection(bed, directory, spelling):
    found = systems(bed, spelling, "--max-os-tries", "1")
    return not systems(bed) and len(found) == 1 and found[0]["ports"]["open_tcp"] == 80 and \
        found[0]["ports"]["closed_tcp"] == 81 and "T7(R=Y" in found[0]["fingerprint"].replace("\nOS:", "")


@flag("--osscan-limit")
def osscan_limit(bed, directory, spelling):
    few = ["-O", "--max-os-tries", "1", "-p80"]
    return len(systems(bed, *few)) == 1 and not systems(bed, *few, spelling) and \
        run(bed, "-sS", spelling, "10.99.0.2", code=None).returncode == 2


@flag("--osscan-guess", "--fuzzy")
def osscan_guess(bed, directory, spelling):
    path = directory / "near-db"
    path.write_text("MatchPoints\nT1(R=90%F=10)\nFingerprint Near it\nClass a | b || c\nT1(R=Y%F=X)\n")
    command = ["-sS", "-Pn", "-n", "-p80,81", "-O", "--max-os-tries", "1", "--os-db", str(path), "10.99.0.2"]
    return "Near it" not in run(bed, *command).stdout and \
        "Aggressive OS guesses: Near it (90%)" in run(bed, *command, spelling).stdout


@flag("--max-os-tries")
def max_os_tries(bed, directory, spelling):
    path = directory / "never-db"
    path.write_text("MatchPoints\nT1(R=100)\nFingerprint Never\nClass a | b || c\nT1(R=N)\n")

    def tries(n):  # the window of the fifth SYN is no other packet's
        found = probes(bed, "-sS", "-Pn", "-p80,81", "-O", "--os-db", str(path), spelling, str(n), "10.99.0.2")
        return sum(p.window == 16 for p in found)
    return [tries(1), tries(2)] == [1, 2]


@flag("--os-db")
def os_db(bed, directory, spelling):
    path = directory / "os-db"
    path.write_text(ONE_ENTRY)
    found = systems(bed, "-O", spelling, str(path))
    path.write_text(ONE_ENTRY + "T2(R=Y\n")
    refused = run(bed, "-sS", "-O", spelling, str(path), "10.99.0.2", code=None)
    return [m["name"] for m in found[0]["matches"]] == ["Only one"] and refused.returncode == 1 and "line 6" in refused.stderr


# Service detection

@contextlib.contextmanager
def speaker(bed, port, greeting=b"zzz\r\n"):
    """A server that greets, keeps what it is told, and closes; yields (connections at once, what was said)."""
    said, now, most = [], [0], [0]

    def serve(client):
        now[0] += 1
        most[0] = max(most[0], now[0])
        try:
            client.settimeout(2)
            client.sendall(greeting)
            said.append(client.recv(4096))
        except OSError:
            pass
        now[0] -= 1
        client.close()

    def accept():
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    listener = bed.target.listen(port)
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield most, said
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


PROBES = "Probe TCP NULL q||\ntotalwaitms 400\nmatch odd m|^odd (\\d+)| p/Odd/ v/$1/\n" + "".join(
    f"Probe TCP R{rarity} q|rarity{rarity}|\nrarity {rarity}\n" for rarity in (1, 2, 7, 9))


def services(bed, directory, *options, port=2222, greeting=b"zzz\r\n", kind="service"):
    """What a scan finds of one talking port, and which of the probes it was sent."""
    path = directory / "probes"
    path.write_text(PROBES)
    with speaker(bed, port, greeting) as (most, said):
        out = run(bed, "-n", "-Pn", "-sS", f"-p{port}", "--probe-db", str(path), *options, "10.99.0.2", "-oJ", "-").stdout
    rarities = {int(text[6:7]) for text in said if text.startswith(b"rarity")}
    return suite.json_records(out, kind), rarities, most[0]


@flag("-sV", "--probe-db")
def service_version(bed, directory, spelling):
    found, _, _ = services(bed, directory, "-sV", greeting=b"odd 42\r\n")
    lone = run(bed, "-n", "-Pn", "-sS", "-p22", "--probe-db", "/dev/null", "10.99.0.2", code=2)
    return [(r["name"], r["product"], r["version"]) for r in found] == [("odd", "Odd", "42")] and "-sV" in lone.stderr


@flag("--version-intensity", "--version-light", "--version-all")
def intensity(bed, directory, spelling):
    options, want = {"--version-intensity": (["1"], {1}), "--version-light": ([], {1, 2}),
                     "--version-all": ([], {1, 2, 7, 9})}[spelling]
    return services(bed, directory, "-sV", spelling, *options)[1] == want and services(bed, directory, "-sV")[1] == {1, 2, 7}


@flag("--version-parallel")
def parallel(bed, directory, spelling):
    return [services(bed, directory, "-sV", spelling, n, greeting=b"")[2] for n in ("1", "2")] == [1, 2]


@flag("--all-ports")
def all_ports(bed, directory, spelling):
    path = directory / "excluding"
    path.write_text("Exclude T:2222\n" + PROBES)
    with speaker(bed, 2222, b"odd 1\r\n"):
        texts = [run(bed, "-n", "-Pn", "-sS", "-sV", "-p2222", "--probe-db", str(path), *more, "10.99.0.2", "-oJ",
                     "-").stdout for more in ([], [spelling])]
    sent = [suite.json_summary(text)["sent"] for text in texts]
    return [len(suite.json_records(text, "service")) for text in texts] == [0, 1] and sent[1] > sent[0]


@flag("--banner-grab")
def banner_grab(bed, directory, spelling):
    found, rarities, _ = services(bed, directory, spelling, kind="banner")
    return [r["banner"] for r in found] == ["zzz\r\n"] and not rarities


# Packets

@flag("-e")
def interface(bed, directory, spelling):
    command = ["-Pn", "-sS", "-p80", "--max-retries", "0", "10.99.0.2"]
    return len(probes(bed, *command, spelling, "va")) == 1 and not probes(bed, *command, spelling, "vx") and \
        run(bed, "-sS", spelling, "none", "10.99.0.2", code=None).returncode in (1, 2)


@flag("-S")
def source(bed, directory, spelling):
    found = {(p.src, p.dst) for p in probes(bed, "-Pn", "-sS", "-p80", spelling, "10.99.0.88", spelling, "fd99::88",
                                            "10.99.0.2", "fd99::2")}
    return found == {("10.99.0.88", "10.99.0.2"), ("fd99::88", "fd99::2")}


@flag("-g", "--source-port")
def source_port(bed, directory, spelling):
    return all({p.sport for p in probes(bed, "-Pn", scan, "-p80,81", spelling, "7777", "10.99.0.2", "fd99::2")} == {7777}
               for scan in ("-sS", "-sT"))


@flag("--ttl")
def ttl(bed, directory, spelling):
    return all({p.ttl for p in probes(bed, "-Pn", scan, "-p80", spelling, "7", "10.99.0.2", "fd99::2")} == {7}
               for scan in ("-sS", "-sT"))


PACKET_BACKENDS = ["rawip", "afpacket", "txring", "afxdp", "xdp"]


@flag("--tx-backend")
def tx_backend(bed, directory, spelling):
    bed.target.sh("ethtool -K vb gro on")  # its end must poll, or only the receiving half works
    mixed = [summary(bed, "-sS", "-Pn", "-p80", spelling, name, "10.99.0.2", "127.0.0.1") for name in ("afpacket", "afxdp")]
    return ([summary(bed, "-sS", "-Pn", "-p80", spelling, name, "10.99.0.2")["backend"]
             for name in PACKET_BACKENDS] == PACKET_BACKENDS and
            [(s["backend"], s["received"]) for s in mixed] == [("afpacket+rawip", 2), ("afxdp+rawip", 2)])


@flag("--connect-backend")
def connect_backend(bed, directory, spelling):
    return [summary(bed, "-sT", "-Pn", "-p80", spelling, name, "10.99.0.2")["backend"]
            for name in ("io_uring", "epoll")] == ["io_uring", "epoll"]


@flag("--batch-size")
def batch_size(bed, directory, spelling):
    log = directory / "trace"

    def largest(n):
        bed.target.run(["strace", "-f", "-e", "sendmmsg,sendto,sendmsg", "-o", str(log), suite.PRTIP, "-sS", "-n", "-Pn",
                        "-p1-400", spelling, str(n), "127.0.0.1"])
        return max(map(int, re.findall(r"sendmmsg(?:\(| resumed).* = (\d+)$", log.read_text(), re.M)), default=1)
    bed.target.run(["strace", "-f", "-e", "sendmmsg", "-o", str(log), suite.PRTIP, "-sS", "-n", "-Pn", "-p1-1000", "127.0.0.1"])
    unasked = max(map(int, re.findall(r"sendmmsg(?:\(| resumed).* = (\d+)$", log.read_text(), re.M)))
    return unasked == 250 and largest(1) == 1 and 1 < largest(32) <= 32 and largest(400) > 32


# Timing

@flag("--max-rate", "--rate-limit")
def max_rate(bed, directory, spelling):
    times = sorted(p.time_ns for p in probes(bed, "-sS", "-Pn", "-p1-150", spelling, "500", "10.99.0.2"))
    return len(times) == 150 and rates.bucket_level(times, 500) <= 6


@flag("--max-retries")
def max_retries(bed, directory, spelling):
    return [len(probes(bed, "-sS", "-Pn", "-p9000", spelling, str(n), "10.99.0.2")) for n in (0, 1)] == [1, 2]


@flag("--coverage-sample")
def coverage_sample(bed, directory, spelling):
    def n_again(*options):
        text = run(bed, "-sS", "-n", "-Pn", "-p70-100,9000-9009", *options, "198.18.0.1", "-oJ", "-").stdout
        return sum(s["again"][0] for s in suite.json_summary(text)["coverage"]["strata"] if s["again"])
    sent = [len(probes(bed, "-sS", "-Pn", "-p70-100,9000-9009", *options, "198.18.0.1"))
            for options in ([spelling, "0"], [spelling, "3"])]
    return n_again(spelling, "0") == 0 < n_again(spelling, "3") <= 3 < n_again() and sent[0] == 51 < sent[1] <= 54


@flag("--min-coverage")
def min_coverage(bed, directory, spelling):
    lossy = ["-sS", "-n", "-Pn", "--max-retries", "0", "-p1-1000", "198.18.0.77"]
    codes = [run(bed, *options, *lossy, code=None).returncode for options in ([], [spelling, "0.3"], [spelling, "0.999"])]
    return codes == [3, 0, 3]


def gaps_ns(bed, *options):
    """Between the first and the second SYN to each dropped port: at least as long as the time-out."""
    times = {}
    for p in probes(bed, "-sS", "-Pn", "--max-retries", "1", *options):
        times.setdefault((p.dst, p.dport), []).append(p.time_ns)
    return [t[1] - t[0] for t in times.values() if len(t) > 1]


@flag("--no-abandon")
def no_abandon(bed, directory, spelling):
    """A host that redirects every port to an open one is given up, unless that is unwanted."""
    for command in ("table ip liar", "chain ip liar c { type nat hook prerouting priority -100 ; }",
                    "rule ip liar c ip daddr 198.18.77.1 tcp dport 1-65535 redirect to :80"):
        bed.target.sh(f"nft add {command}")
    try:
        command = ["-sS", "-n", "-p1-3000", "198.18.77.1"]
        given_up, whole = hosts(bed, *command)["198.18.77.1"], hosts(bed, *command, spelling)["198.18.77.1"]
    finally:
        bed.target.sh("nft delete table ip liar")
    return (given_up["dishonest"] == whole["dishonest"] == "all-open" and given_up["ports"]["unknown"] > 500 and
            whole["ports"]["open"] == 3000 and "partial" not in whole)


@flag("--initial-rtt-timeout")
def initial_rtt(bed, directory, spelling):
    return (min(gaps_ns(bed, "-p9000-9009", spelling, "1200ms", "198.18.99.1")) > 1_100_000_000 and
            min(gaps_ns(bed, "-p9000-9009", spelling, "100ms", "198.18.99.1")) < 900_000_000)


@flag("--min-rtt-timeout")
def min_rtt(bed, directory, spelling):
    command = ["-p80-90,9000-9009", "198.18.0.1"]
    return min(gaps_ns(bed, *command, spelling, "600ms")) > 540_000_000 > min(gaps_ns(bed, *command))


@flag("--max-rtt-timeout")
def max_rtt(bed, directory, spelling):
    return min(gaps_ns(bed, "-p9000-9009", spelling, "100ms", "198.18.99.1")) < 900_000_000 <= \
        min(gaps_ns(bed, "-p9000-9009", "198.18.99.1"))


@flag("--max-parallelism")
def max_parallelism(bed, directory, spelling):
    def at_once(scan, *options):
        found = probes(bed, scan, "-Pn", "--max-retries", "0", "--initial-rtt-timeout", "200ms", "-p9000-9009",
                       *options, "198.18.99.1")
        return len({p.dport for p in found if p.time_ns - found[0].time_ns < 100_000_000})
    return all(at_once(scan, spelling, "3") <= 3 < at_once(scan) for scan in ("-sT", "-sS"))


def spacing_ns(bed, *options):
    """Shortest time between two probes to the same host."""
    last, shortest = {}, 1 << 62
    for p in sorted(probes(bed, "-Pn", "-sS", *options), key=lambda p: p.time_ns):
        shortest = min(shortest, p.time_ns - last.get(p.dst, -1 << 62))
        last[p.dst] = p.time_ns
    return shortest


@flag("-T")
def timing(bed, directory, spelling):
    """The spacing of polite on the wire; retransmissions of insane; -T0 and -T1 are told by unit tests with a fake clock."""
    polite = [spacing_ns(bed, level, "-p81-83", "10.99.0.2") for level in (spelling + "2", spelling + "polite")]
    both = spacing_ns(bed, spelling + "2", "--scan-delay", "100ms", "-p81-84", "10.99.0.2")
    few = len(probes(bed, "-sS", "-Pn", "-p9000", spelling + "5", "--max-retries", "0", "10.99.0.2"))
    insane = gaps_ns(bed, spelling + "5", "-p9000-9009", "198.18.99.1")
    return min(polite) >= 399_000_000 > both >= 99_000_000 and few == 1 and max(insane) < 900_000_000


@flag("--scan-delay")
def scan_delay(bed, directory, spelling):
    alone = spacing_ns(bed, spelling, "60ms", "-p81-88,9000", "10.99.0.2")
    with bed.target.capture("vb") as capture:  # discovery of a host, then its ports: one delay for all
        run(bed, "-n", "-sS", spelling, "60ms", "-p81-83", "198.18.0.5")
        times = sorted(p.time_ns for p in packet.parse(capture.stop()) if p.is_incoming and p.kind in ("tcp", "icmp"))
    pairs = [b - a for a, b in zip(times, times[1:])]
    return 59_000_000 <= alone < 500_000_000 and len(pairs) >= 3 and min(pairs[:-1]) >= 59_000_000


RESETS = """table inet limits {
 chain out { type filter hook output priority 0; policy accept;
  tcp flags & rst == rst limit rate over 20/second burst 5 packets drop;
 }
}
"""


def beside_resets(bed, *options):
    """Packets a second towards a host that resets 20 a second, and whether a limit was stated."""
    bed.target.nft(RESETS)
    try:
        with bed.target.capture("vb") as capture:
            text = run(bed, "-sS", "-n", "-Pn", "-p1-150", *options, "10.99.0.2", "-oJ", "-", code=None).stdout
            times = sorted(p.time_ns for p in packet.syns(packet.parse(capture.stop())))
    finally:
        filter_usual(bed)
    return len(times) / ((times[-1] - times[0]) / 1e9), bool(suite.json_records(text, "rate_limit"))


@flag("--rate")
def rate(bed, directory, spelling):
    found, fixed = beside_resets(bed, spelling, "auto"), beside_resets(bed, spelling, "max")
    return found[1] and not fixed[1] and found[0] < 100 < fixed[0]


@flag("--min-rate")
def min_rate(bed, directory, spelling):
    return beside_resets(bed, spelling, "400")[0] > 150 > beside_resets(bed)[0]


@flag("--max-scan-delay")
def max_scan_delay(bed, directory, spelling):
    return beside_resets(bed, spelling, "3ms")[0] > 150


@flag("--min-parallelism")
def min_parallelism(bed, directory, spelling):
    return beside_resets(bed, spelling, "100")[0] > 150


def under_way(bed, *options):
    """Most hosts with a probe sent and another to come."""
    first, last = {}, {}
    for p in probes(bed, "-sS", "-Pn", "--max-rate", "5000", *options):
        first.setdefault(p.dst, p.time_ns)
        last[p.dst] = p.time_ns
    return max(sum(first[h] <= t <= last[h] for h in first) for t in first.values())


@flag("--max-hostgroup")
def max_hostgroup(bed, directory, spelling):
    command = ["-p1-50", "198.18.0.0/27"]
    return under_way(bed, *command, spelling, "1") <= 1 < under_way(bed, *command, spelling, "4") <= 4 < \
        under_way(bed, *command)


@flag("--min-hostgroup")
def min_hostgroup(bed, directory, spelling):
    def early(*options):
        found = probes(bed, "-sS", "-Pn", "--max-rate", "20000", "-p1-10000", *options, "198.18.0.0/26",
                       "--host-timeout", "300ms")
        return len({p.dst for p in sorted(found, key=lambda p: p.time_ns)[:2000]})
    return early(spelling, "60") >= 60 > 40 >= early()


@flag("--host-timeout")
def host_timeout(bed, directory, spelling):
    text = run(bed, "-sS", "-n", "-Pn", "-p70-89,9000-9009", "--max-retries", "0", "--initial-rtt-timeout", "3s",
               "--min-rtt-timeout", "3s", spelling, "500ms", "198.18.0.1", "-oJ", "-", "-oN", str(directory / "timed")).stdout
    host = suite.json_records(text, "host")[0]
    return (host.get("timed_out") and host["ports"]["unknown"] == 10 and len(suite.json_ports(text)) == 20 and
            "Host timed out: 10 ports have no result" in (directory / "timed").read_text())


@flag("--threads")
def threads(bed, directory, spelling):
    def most(n):
        process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-1000", "--max-rate", "100", spelling, str(n),
                                     "198.18.0.0/26"], stdout=subprocess.DEVNULL)
        try:
            with bed.target.capture("vb") as capture:
                netns.wait_until(lambda: len(capture.frames) > 10)
            return len(os.listdir(f"/proc/{process.pid}/task"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    return most(4) - most(1) == 3 or most(4) - most(1) == 4


@flag("--seed")
def seed(bed, directory, spelling):
    def order(n):
        return [p.dport for p in probes(bed, "-sS", "-Pn", "-p1-99", spelling, str(n), "10.99.0.2")]
    return order(5) == order(5) != order(6)


@flag("--shard")
def shard(bed, directory, spelling):
    few = [numbers(bed, "-p1-30", spelling, f"{i}/3", "--threads", str(i)) for i in (1, 2, 3)]
    many = [listed(bed, "198.18.0.0/24", spelling, f"{i}/4") for i in (1, 2, 3, 4)]
    refused = run(bed, "-sL", spelling, "5/4", "198.18.0.1", code=2).stderr
    return (sorted(sum(map(list, few), [])) == list(range(1, 31)) and len(set.union(*many)) == 256 and
            [len(m) for m in many] == [64] * 4 and "I from 1 to N" in refused)


def killed(bed, *options):
    process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-300", "--max-rate", "300", *options, "10.99.0.2"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    process.kill()
    process.wait(30)


@flag("--journal", "--resume")
def journal(bed, directory, spelling):
    path = directory / ("journal" + spelling)
    with bed.target.capture("vb") as capture:
        killed(bed, "--journal", str(path), "-oJ", str(directory / "resumed"))
        n_before = len(packet.syns(packet.parse(list(capture.frames))))
        run(bed, "--resume", str(path))
        sent = packet.syns(packet.parse(capture.stop()))
    return (10 < n_before < 290 and len({p.dport for p in sent}) == 300 and len(sent) < 320 and
            len(suite.json_ports((directory / "resumed").read_text())) == 300)


# Output

@flag("-oN", "-oX", "-oG", "-oJ")
def output(bed, directory, spelling):
    path = directory / ("file" + spelling)
    shown = run(bed, "-sS", "-n", "-p80", "10.99.0.2", spelling, str(path)).stdout
    begin = {"-oN": "# prtip", "-oX": "<?xml", "-oG": "# prtip", "-oJ": '{"schema":1,"type":"scan"'}[spelling]
    text = path.read_text()
    return text.startswith(begin) and "80" in text and "80/tcp" in shown


@flag("-oA")
def output_all(bed, directory, spelling):
    run(bed, "-sS", "-n", "-p80", "10.99.0.2", spelling, str(directory / "every"))
    return all((directory / f"every.{end}").stat().st_size > 100 for end in ("nmap", "xml", "gnmap", "json"))


@flag("--stylesheet")
def stylesheet(bed, directory, spelling):
    """Escaped, and nmap's own file without the option."""
    line = '<?xml-stylesheet href="http://x/?a=1&amp;b" type="text/xsl"?>'
    default = '<?xml-stylesheet href="file:///usr/share/nmap/nmap.xsl" type="text/xsl"?>'
    command = ["-sL", "-n", "198.18.0.1", "-oX", "-"]
    return (line in run(bed, *command, spelling, "http://x/?a=1&b").stdout.splitlines() and
            (default in run(bed, *command).stdout) == os.path.exists("/usr/share/nmap/nmap.xsl"))


@flag("--no-stylesheet")
def no_stylesheet(bed, directory, spelling):
    return ("xml-stylesheet" not in run(bed, "-sL", "-n", "198.18.0.1", "-oX", "-", spelling).stdout and
            "--stylesheet" in run(bed, "-sL", "198.18.0.1", spelling, "--stylesheet", "x", code=2).stderr)


@flag("-v", "--verbose")
def verbose(bed, directory, spelling):
    command = ["-sn", "-n", "10.99.0.2,99"]
    quiet, more = (run(bed, *command, *extra).stdout for extra in ([], [spelling]))
    return ('<verbose level="1"/>' in run(bed, *command, spelling, "-oX", "-").stdout and "10.99.0.99" in more and
            "10.99.0.99" not in quiet)


@flag("-d", "--debug")
def debug(bed, directory, spelling):
    command = ["-sS", "-n", "-p80", "10.99.0.2"]
    quiet, more = (run(bed, *command, *extra) for extra in ([], [spelling]))
    return ('<debugging level="1"/>' in run(bed, *command, spelling, "-oX", "-").stdout and
            len(more.stdout + more.stderr) > len(quiet.stdout + quiet.stderr))


@flag("--reason")
def reason(bed, directory, spelling):
    command = ["-sS", "-n", "-p80,81", "10.99.0.2"]
    plain, told = run(bed, *command).stdout, run(bed, *command, spelling).stdout
    return "syn-ack" in told and "reset" in told and "syn-ack" not in plain


@flag("--open")
def open_only(bed, directory, spelling):
    return ports(bed, "-sS", "-p80,81", spelling, *BOTH4) == {(a, 80): ("open", "syn-ack") for a in BOTH4} and \
        "81/tcp" not in run(bed, "-sS", "-n", "-p80,81", spelling, *BOTH4).stdout


@flag("--packet-trace")
def packet_trace(bed, directory, spelling):
    done = run(bed, "-sS", "-n", "-Pn", "-p80,81", spelling, "198.18.0.1")
    text = done.stdout + done.stderr
    return (len(re.findall(r"^SENT .*TCP .*> 198\.18\.0\.1:8[01] S ", text, re.M)) == 2 and
            len(re.findall(r"^RCVD .*TCP 198\.18\.0\.1:80 > .* SA ", text, re.M)) == 1 and
            len(re.findall(r"^RCVD .*TCP 198\.18\.0\.1:81 > .* RA ", text, re.M)) == 1)


@flag("--with-db")
def with_db(bed, directory, spelling):
    run(bed, "-sS", "-n", "-Pn", "-p80,81", spelling, str(directory / "f.db"), "198.18.0.1")
    shown = run(bed, "db", "query", str(directory / "f.db"), "state=all").stdout
    return sorted(line.split()[2:4] for line in shown.splitlines()) == [["80/tcp", "open"], ["81/tcp", "closed"]]


@flag("--packet-capture")
def packet_capture(bed, directory, spelling):
    run(bed, "-sS", "-n", "-Pn", "-p80,81", spelling, str(directory / "c.pcapng"), "198.18.0.1")
    shown = subprocess.run(["tshark", "-r", directory / "c.pcapng", "-T", "fields", "-e", "tcp.port", "tcp"],
                           capture_output=True, text=True, check=True).stdout
    return sorted(sum(f"{port}" in line.split(",") for line in shown.splitlines()) for port in (80, 81)) == [2, 2]


@flag("--stats-every")
def stats_every(bed, directory, spelling):
    command = ["-sS", "-n", "-Pn", "-p1-200", "--max-rate", "200", "10.99.0.2"]
    quiet, told = (run(bed, *command, *extra) for extra in ([], [spelling, "250ms"]))
    return "Stats: " in told.stderr + told.stdout and "Stats: " not in quiet.stderr + quiet.stdout


@flag("--event-log")
def event_log(bed, directory, spelling):
    log = directory / "events"
    found = ports(bed, "-sS", "-p20-30", "10.99.0.2", spelling, str(log))
    records = suite.json_records(log.read_text())
    told = {(r["address"], r["port"]): (r["state"], r["reason"]) for r in records if r["type"] == "port_found"}
    return told == found and (records[0]["type"], records[-1]["type"]) == ("header", "footer")


@flag("--event-log-size")
def event_log_size(bed, directory, spelling):
    log = directory / "parts"
    run(bed, "-sS", "-n", "-Pn", "-p1-200", "10.99.0.2", "--event-log", str(log), spelling, "16384")
    footer = suite.json_records(log.read_text())[-1]
    return footer["next"] == "parts.1" and 16384 <= log.stat().st_size < 20000 and (directory / "parts.1").exists()


@flag("--metrics-file")
def metrics_file(bed, directory, spelling):
    path = directory / "metrics"
    sent = summary(bed, "-sS", "-Pn", "-p1-200", "10.99.0.2", spelling, str(path))["sent"]
    return f"\nprtip_sent_packets_total {sent}\n" in path.read_text() and path.read_text().endswith("# EOF\n")


@flag("--profile")
def profile(bed, directory, spelling):
    out = directory / "profiled"
    sent = summary(bed, "-sS", "-Pn", "-p1-200", "10.99.0.2", spelling, str(out))["sent"]
    told = json.loads((out / "profile.json").read_text())
    return sent == told["sent"] == sum(w["sent"]["at_once"]["mean"] * w["sent"]["at_once"]["n"] for w in told["workers"]) and \
        "<svg" in (out / "profile.html").read_text()


@flag("--iflist")
def interface_list(bed, directory, spelling):
    text = run(bed, spelling).stdout
    return all(word in text for word in ("va", "10.99.0.1", "198.18.0.0/16", "fd98::/64"))


# TLS

@contextlib.contextmanager
def tls_server(bed, directory):
    """A server of the name a.example; gives its certificate's path."""
    subprocess.run("openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a.example "
                   "-keyout tls.key -out tls.pem".split(), cwd=directory, check=True, capture_output=True)
    server = bed.target.start(["openssl", "s_server", "-accept", "4433", "-cert", directory / "tls.pem", "-key",
                               directory / "tls.key", "-quiet"], stdout=-3, stderr=-3)
    try:
        netns.wait_until(lambda: ":4433" in bed.target.sh("ss -ltnH"))
        yield str(directory / "tls.pem")
    finally:
        server.kill()


@flag("--tls-cert-analysis", "--tls-sni", "--ca-file")
def tls(bed, directory, spelling):
    with tls_server(bed, directory) as pem:
        value = {"--tls-cert-analysis": [], "--tls-sni": ["a.example"], "--ca-file": [pem]}[spelling]
        options = ["-sT", "-n", "-Pn", "-p4433", "10.99.0.2", "-oJ", "-"]
        basis = [] if spelling == "--tls-cert-analysis" else ["--tls-cert-analysis"]
        without, with_it = (suite.json_records(run(bed, *basis, *more, *options).stdout, "tls")
                            for more in ([], [spelling, *value]))
    if not basis:
        return not without and len(with_it) == 1
    field = {"--tls-sni": "name_matches", "--ca-file": "trusted"}[spelling]
    return not without[0][field] and with_it[0][field]


@flag("-A")
def all_details(bed, directory, spelling):
    with tls_server(bed, directory):
        options = ["-sS", "-n", "-Pn", "-p4433,4434", "10.99.0.2", "-oJ", "-"]
        without, with_it = (run(bed, *more, *options).stdout for more in ([], [spelling]))
    kinds = ("service", "tls", "os")
    return ([len(suite.json_records(without, kind)) for kind in kinds] == [0, 0, 0] and
            [len(suite.json_records(with_it, kind)) for kind in kinds] == [1, 1, 1])


# The rest

@flag("-V", "--version")
def version(bed, directory, spelling):
    return re.fullmatch(r"prtip version \d+\.\d+\.\d+\n", run(bed, spelling).stdout) is not None


@flag("-h", "--help")
def help_text(bed, directory, spelling):
    text = run(bed, spelling).stdout
    return all(name in text for name in spellings())


def spellings():
    for directory in (pathlib.Path(suite.PRTIP).parent, pathlib.Path(os.environ.get("BUILD", "."))):
        if os.access(directory / "optgen", os.X_OK):
            return subprocess.run([directory / "optgen", "list"], capture_output=True, text=True,
                                  check=True).stdout.split()
    raise RuntimeError("optgen is neither beside the program nor in BUILD")


def test_complete(cases, beds, directory):
    cases.equal("every option of the table has a case, and no case is left over", set(CASES), set(spellings()))


def verdict(bed, directory, spelling):
    """(had its effect, why not): one broken flag must not hide the others."""
    own = directory / ("case" + spelling)
    own.mkdir(mode=0o755)
    try:
        return CASES[spelling](bed, own, spelling), "no effect, or another one than documented"
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def test_effects(cases, beds, directory):
    """Cases mostly wait for time-outs: each bed that is free takes the next one."""
    free = queue.SimpleQueue()
    for bed in beds:
        free.put(bed)

    def turn(spelling):
        bed = free.get()
        try:
            return verdict(bed, directory, spelling)
        finally:
            free.put(bed)
    wanted = [spelling for spelling in CASES if spelling in ONLY or not ONLY]
    with futures.ThreadPoolExecutor(len(beds)) as pool:
        for spelling, (is_ok, why) in zip(wanted, pool.map(turn, wanted)):
            cases.check(spelling, is_ok, why)


def set_up(bed):
    for namespace in (bed.scanner, bed.target):
        namespace.hosts("127.0.0.1 localhost\n198.18.0.1 both.test\nfd98::1 both.test\n198.18.99.1 silent.test\n")
    bed.scanner.sh("ip addr add 10.99.0.88/24 dev va")
    bed.scanner.sh("ip -6 addr add fd99::88/64 dev va nodad")
    bed.scanner.sh("ip link add vx type veth peer name vy")
    bed.scanner.sh("ip link set vx up")
    bed.scanner.sh("ip link set vy up")
    bed.scanner.sh("ip addr add 10.97.0.1/24 dev vx")
    filter_usual(bed)
    return [bed.target.listen(port) for port in (22, 80)]


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "setpriv", "strace")
    ONLY = set(sys.argv[1:]) & set(CASES)
    sys.argv = [sys.argv[0]] + ["effects"] * bool(ONLY) + [word for word in sys.argv[1:] if word not in ONLY]
    with contextlib.ExitStack() as stack, suite.scratch() as directory:
        beds = [stack.enter_context(netns.Bed()) for _ in range(BEDS)]
        listeners = [set_up(bed) for bed in beds]
        code = suite.run([test_complete, test_effects], beds, directory)
    sys.exit(code)
