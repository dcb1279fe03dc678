#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways out: a point-to-point device without link header, link-local targets, several devices in one run."""
import fcntl
import os
import pathlib
import select
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
OPEN = (22, 443)


class Tun:
    """A tun device whose far end answers SYNs by itself: OPEN open, the rest closed; keeps what it read."""

    def __init__(self, namespace, name):
        with namespace.entered():
            try:
                self.fd = os.open("/dev/net/tun", os.O_RDWR)
            except OSError as error:
                raise suite.Skip(f"/dev/net/tun: {error.strerror}")
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        self.packets = []
        self.is_stopping = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.is_stopping:
            if not select.select([self.fd], [], [], 0.02)[0]:
                continue
            try:
                network = os.read(self.fd, 2048)
            except OSError:
                continue
            p = packet.Packet(packet.ethernet(bytes(6), bytes(6), network))
            self.packets.append(p)
            if p.kind == "tcp" and p.flags == packet.SYN:
                flags = packet.SYN | packet.ACK if p.dport in OPEN else packet.RST | packet.ACK
                os.write(self.fd, packet.tcp(p.dst, p.src, p.dport, p.sport, 99, p.seq + 1, flags))

    def close(self):
        self.is_stopping = True
        self.thread.join(10)
        os.close(self.fd)


def scan(bed, *options):
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", *options, "-oJ", "-"])
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def want(hosts, ports, is_open):
    return {(host, port): ("open", "syn-ack") if port in is_open else ("closed", "reset")
            for host in hosts for port in ports}


def test_tun(cases, bed):
    tun = Tun(bed.scanner, "tun0")
    try:
        bed.scanner.sh("ip addr add 10.66.0.1 peer 10.66.0.2/32 dev tun0")
        bed.scanner.sh("ip link set tun0 up")
        bed.scanner.sh("ip -6 addr add fd66::1/64 dev tun0 nodad")
        bed.scanner.sh("ip route add 10.66.1.0/24 dev tun0")
        hosts = ["10.66.0.2", "10.66.1.5", "fd66::5"]
        cases.equal("tun: states", suite.json_ports(scan(bed, "-Pn", "-p20-25,443", *hosts)),
                    want(hosts, [*range(20, 26), 443], OPEN))
        probes = [p for p in tun.packets if p.kind == "tcp" and p.flags == packet.SYN]
        cases.equal("tun: each probe once", len(probes), 21)
        cases.equal("tun: checksums, MSS, source", {(p.sum_ok and p.ip_sum_ok, p.mss, p.src) for p in probes},
                    {(True, 1460, "10.66.0.1"), (True, 1440, "fd66::1")})
        cases.equal("tun: no neighbour is asked for", [p for p in tun.packets if p.kind == "arp" or
                                                       p.kind == "icmp6" and p.type == 135], [])
        text = scan(bed, "-p22", "10.66.1.9")
        cases.equal("tun: discovery by pings", suite.json_ports(text), want(["10.66.1.9"], [22], OPEN))
        mixed = suite.json_ports(scan(bed, "-Pn", "-p22,81", "10.66.1.5", "10.99.0.2", "127.0.0.1", "fd66::5", "::1"))
        cases.equal("tun, veth and loopback in one run", mixed,
                    want(["10.66.1.5", "10.99.0.2", "fd66::5"], [22, 81], [22]) | want(["127.0.0.1", "::1"], [22, 81], []))
        done = bed.scanner.run([suite.PRTIP, "-sT", "-n", "-Pn", "-p22,81", "10.66.1.5", "-oJ", "-"])
        cases.equal("tun: connect scan", {key: value[0] for key, value in suite.json_ports(done.stdout).items()},
                    {("10.66.1.5", 22): "open", ("10.66.1.5", 81): "closed"})
    finally:
        tun.close()


def test_link_local(cases, bed):
    link_local = bed.target.sh("ip -6 -o addr show dev vb scope link").split()[3].split("/")[0]
    for flag in ("-sS", "-sT"):
        done = bed.scanner.run([suite.PRTIP, flag, "-n", "-p22,81", f"{link_local}%va", "-oJ", "-"])
        found = {key[1]: value[0] for key, value in suite.json_ports(done.stdout).items()}
        cases.equal(f"{flag} fe80::...%va", found, {22: "open", 81: "closed"})
    for options in ([], ["-e", "va"], ["-Pn"]):
        done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-p22,81", *options, link_local, "-oJ", "-"])
        found = {key[1]: value[0] for key, value in suite.json_ports(done.stdout).items()}
        cases.equal(f"{' '.join(['-sS', *options])} fe80::... without a zone", found, {22: "open", 81: "closed"})
    bed.scanner.sh("ip link add d0 type veth peer name d1")
    for device in ("d0", "d1"):
        bed.scanner.sh(f"ip link set {device} up")
    try:
        done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-p22", link_local])
        cases.equal("fe80::... where several links could be meant is refused", (done.returncode, "%eth0" in done.stderr), (2, True))
    finally:
        bed.scanner.sh("ip link del d0")
    done = bed.scanner.run([suite.PRTIP, "-sn", "-n", f"{link_local}%va", "-oJ", "-"])
    cases.equal("-sn fe80::...%va: up by ND", [(r["state"], r["reason"]) for r in suite.json_records(done.stdout, "host")],
                [("up", "nd-response")])
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-p22", f"{link_local}%none"])
    cases.equal("an unknown zone is refused", done.returncode, 2)
    cases.check("the message names it", "none" in done.stderr, done.stderr)


def test_mixed(cases, bed):
    hosts = ["10.99.0.2", "198.18.3.3", "fd99::2", "fd98::3"]
    text = scan(bed, "-p22,81", *hosts)
    cases.equal("IPv4 and IPv6, on link and routed, in one run", suite.json_ports(text), want(hosts, [22, 81], [22]))
    cases.equal("one summary over both", suite.json_summary(text)["hosts"], {"up": 4, "down": 0})


def test_names(cases, bed):
    bed.scanner.hosts("127.0.0.1 localhost\n198.18.0.1 both.test\nfd98::1 both.test\n")
    done = bed.scanner.run([suite.PRTIP, "-sL", "-n", "localhost"])
    cases.check("-sL localhost", done.returncode == 0 and "localhost (127.0.0.1)" in done.stdout, done)
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-p22,81", "--resolve-all", "both.test", "-oJ", "-"])
    cases.equal("a name with two families", suite.json_ports(done.stdout), want(["198.18.0.1", "fd98::1"], [22, 81], [22]))
    cases.equal("its records carry the name", {r["hostname"] for r in suite.json_records(done.stdout, "host")},
                {"both.test"})


def silent_link(bed):
    """A way out, vx to vy, behind which nobody answers."""
    bed.scanner.sh("ip link add vx type veth peer name vy")
    bed.scanner.sh("ip addr add 10.96.0.1/24 dev vx")
    bed.scanner.sh("ip link set vx up")
    bed.scanner.sh("ip link set vy up")
    bed.scanner.sh("ip neigh add 10.96.0.7 lladdr 02:00:00:00:00:07 dev vx nud permanent")


def test_device_vanishes(cases, bed):
    """The way out goes away in the middle of a scan: it ends by itself and says what it knows."""
    silent_link(bed)
    with bed.scanner.capture("vy") as capture:
        process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-200", "--max-rate", "200", "--max-retries", "1",
                                     "10.96.0.7", "-oJ", "-"], stdout=-1, stderr=-1, text=True)
        netns.wait_until(lambda: len(capture.frames) > 20)
        capture.stop()
    bed.scanner.sh("ip link del vx")
    stdout, stderr = process.communicate(timeout=60)
    cases.check("a device vanishes: ends by itself", process.returncode in (0, 1, 3), f"{process.returncode} {stderr}")
    cases.equal("a device vanishes: the output is whole", suite.json_records(stdout)[-1]["type"], "summary")


def test_link_goes_down(cases, bed):
    """For good: no silence of the target's, and no reason to go on for ever."""
    silent_link(bed)
    with bed.scanner.capture("vy") as capture:
        process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-20000", "--max-rate", "2000", "--tx-backend", "rawip",
                                     "--threads", "2", "10.96.0.7", "-oJ", "-"], stdout=-1, stderr=-1, text=True)
        netns.wait_until(lambda: len(capture.frames) > 100)
        capture.stop()
    bed.scanner.sh("ip link set vx down")
    stdout, stderr = process.communicate(timeout=60)
    ports = suite.json_summary(stdout)["ports"]
    cases.equal("the link goes down: an error", process.returncode, 1)
    cases.check("the link goes down: it says why", "down" in stderr or "unreachable" in stderr, stderr)
    cases.check("the link goes down: no port is concluded from it", ports["filtered"] == 0 and ports["unknown"] == 20000, ports)
    bed.scanner.sh("ip link del vx")


def test_link_flaps(cases, bed, directory):
    """Down for half a second, at our end or the other: waited for, and what was under way is asked again."""
    bed.target.filter_input("tcp dport 7000-7099 drop")
    for namespace, device in ((bed.scanner, "va"), (bed.target, "vb")):
        for backend in ("rawip", "afpacket"):
            with bed.scanner.capture("va") as capture:
                process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-9000", "--max-rate", "6000", "--tx-backend",
                                             backend, "10.99.0.2", "-oJ", str(directory / "out.json")], stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, text=True)
                netns.wait_until(lambda: len(capture.frames) > 4000)
                capture.stop()
                namespace.sh(f"ip link set {device} down")
                time.sleep(0.5)
                namespace.sh(f"ip link set {device} up")
                _, stderr = process.communicate(timeout=60)
            name = f"{device} flaps, {backend}"
            ports = suite.json_summary((directory / "out.json").read_text())["ports"]
            cases.equal(f"{name}: exit code", process.returncode, 0)
            cases.equal(f"{name}: every port's state", {k: v for k, v in ports.items() if v},
                        {"open": 1, "closed": 8899, "filtered": 100})
            cases.check(f"{name}: it says so", "way out was down" in stderr, stderr)
    bed.target.nft("")


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed:
        listener = bed.target.listen(22)
        code = suite.run([test_tun, test_link_local, test_mixed, test_names, test_device_vanishes, test_link_goes_down], bed)
        with suite.scratch() as directory:
            code = suite.worst(code, suite.run([test_link_flaps], bed, directory))
    sys.exit(code)
