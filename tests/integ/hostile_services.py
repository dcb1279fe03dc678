#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-sV, --banner-grab and --tls-cert-analysis against servers that mean harm (tests/support/hostile_servers.py).

Each scan ends in bounded time and memory, says of the good neighbours what it says without the bad ones, and writes
valid outputs without control characters.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import hostile_servers
import netns
import suite

FIRST, CUTS_FIRST, N_CUTS = 7000, 7200, 31
SECONDS_MAX = 150  # the ceiling is 30 s a port; the rest is for a busy machine
RESIDENT_MAX_KIB = int(os.environ.get("RESIDENT_MAX_KIB", 96 << 10))  # more under a sanitizer
TCP, UDP = hostile_servers.numbered(FIRST), hostile_servers.UDP
SELF = "127.0.0.1"
#: nested quantifiers, as a file of one's own might have them
NESTED = """Probe TCP NULL q||
match nest m|^NEST(x+x+)+y|
match nest m|^NEST(?:x*)*z|
match nest m|NEST.*x.*x.*x.*x.*y|s p/Never/
softmatch nest m|^NEST|
match ssh m|^SSH-([\\d.]+)-OpenSSH_([\\w.]+) (Debian)-(\\S+)\\r| p/OpenSSH/ v/$2 $3 $4/
"""


class Done:
    """One scan, run to its end: exit code, outputs, peak memory."""

    def __init__(self, space, directory, name, *options):
        self.base = directory / name
        self.name = name
        self.stdout = open(f"{self.base}.stdout", "w+b")
        self.stderr = open(f"{self.base}.stderr", "w+b")
        self.begin = time.monotonic()
        self.process = space.start([suite.PRTIP, "-n", "-Pn", SELF, "-oA", str(self.base), *options],
                                   stdout=self.stdout, stderr=self.stderr)

    def wait(self):
        while True:
            pid, code, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - self.begin > SECONDS_MAX:
                os.kill(self.process.pid, signal.SIGKILL)
            time.sleep(0.05)
        self.process.returncode = self.code = os.waitstatus_to_exitcode(code)
        self.resident_kib = usage.ru_maxrss
        self.seconds = time.monotonic() - self.begin
        print(f"# {self.name}: {self.seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.2f} s of CPU, "
              f"{self.resident_kib} KiB")
        return self

    def bytes(self, extension):
        return pathlib.Path(f"{self.base}.{extension}").read_bytes()

    def records(self, kind):
        return suite.json_records(self.bytes("json").decode(), kind)

    def services(self, protocol="tcp"):
        return {r["port"]: r for r in self.records("service") if r["protocol"] == protocol}


def controls(text):
    """Control characters, C0 but line feed and tab, DEL and C1, and what reorders text or has no width."""
    return [hex(ord(c)) for c in text if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160
            or 0x200b <= ord(c) <= 0x200f or 0x202a <= ord(c) <= 0x202e or 0x2066 <= ord(c) <= 0x2069 or 0xdc80 <= ord(c) <= 0xdcff]


def check_outputs(cases, done):
    name = done.name
    cases.equal(f"{name}: exit code", (done.code, done.bytes("stderr")[-300:] if done.code else b""), (0, b""))
    cases.check(f"{name}: memory", done.resident_kib < RESIDENT_MAX_KIB, done.resident_kib)
    for extension in ("nmap", "gnmap", "stdout", "xml", "json"):
        text = done.bytes(extension).decode("utf-8", "surrogateescape")
        cases.equal(f"{name}: no control character in {extension}", controls(text)[:10], [])
    valid = subprocess.run(["xmllint", "--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd", f"{done.base}.xml"],
                           capture_output=True, text=True)
    cases.equal(f"{name}: XML is valid", (valid.returncode, valid.stderr[:300]), (0, ""))
    cases.equal(f"{name}: a summary in JSON", len(done.records("summary")), 1)
    cases.check(f"{name}: XML ends", ElementTree.fromstring(done.bytes("xml")).find("runstats/finished") is not None)


def check_good(cases, done, only=None, tls=True):
    found, found_udp = done.services(), done.services("udp")
    rows = [(TCP[n], n, row[1:], found) for n, row in hostile_servers.GOOD.items()]
    rows += [(UDP[n], n, row, found_udp) for n, row in hostile_servers.UDP_GOOD.items()]
    for port, name, want, where in rows:
        if only and name not in only:
            continue
        r = where.get(port, {})
        got = tuple(r.get(k) for k in ("name", "product", "version"))
        cases.equal(f"{done.name}: {name}", got, want)
    if tls:
        cases.equal(f"{done.name}: good-tls through TLS", found.get(TCP["good-tls"], {}).get("tunnel"), "tls")


def ports(first, numbers):
    return f"{first}{min(numbers)}-{max(numbers)}"


def test_all(cases, space, directory):
    """The scans run side by side: each also has the others' load."""
    (directory / "nested").write_text(NESTED)
    tcp, udp = ports("T:", TCP.values()), "U:" + ",".join(map(str, UDP.values()))
    cuts = f"{CUTS_FIRST}-{CUTS_FIRST + N_CUTS - 1}"
    few = ",".join(str(TCP[n]) for n in ("regex-nested", "regex-drip", "endless-a", "good-ssh"))
    services = Done(space, directory, "services", "-sS", "-sU", "-p", f"{tcp},{udp}", "-sV")
    cut = Done(space, directory, "cuts", "-sT", "-p", f"{cuts},{TCP['good-tls']}", "-sV")
    cut_tls = Done(space, directory, "cuts-tls", "-sT", "-p", f"{cuts},{TCP['good-tls']}", "--tls-cert-analysis")
    nested = Done(space, directory, "nested", "-sT", "-p", few, "-sV", "--probe-db", str(directory / "nested"))
    banners = Done(space, directory, "banners", "-sT", "-p", tcp, "--banner-grab")
    tls = Done(space, directory, "tls", "-sT", "-p", tcp, "--tls-cert-analysis")
    for done in (nested, banners, tls, services, cut_tls, cut):
        done.wait()
        check_outputs(cases, done)
    check_good(cases, services)
    r = services.services().get(TCP["tls-big-prime"], {})
    cases.equal("services: a big prime is not agreed on", (r.get("name"), r.get("tunnel")), ("ssl", None))
    check_good(cases, nested, only=("good-ssh",), tls=False)
    cases.equal("cuts: the whole flight is a service", cut.services().get(TCP["good-tls"], {}).get("version"), "1.22.1")
    # a banner is waited for two seconds, and a server of one process beside six scans may take longer
    heard = ("good-ssh", "good-ftp", "endless-a", "endless-noise", "regex-drip")
    check_banners(cases, Done(space, directory, "heard", "-sT", "-p", ",".join(str(TCP[n]) for n in heard), "--banner-grab").wait())
    check_tls(cases, tls, cut_tls)


def check_banners(cases, done):
    found = {r["port"]: r for r in done.records("service") + done.records("banner")}
    said = {n: str(found.get(TCP[n], {}).get("banner")) for n in ("good-ssh", "good-ftp")}
    cases.check("banners: of the good ones", "SSH-2.0-OpenSSH_9.2p1" in said["good-ssh"] and "vsFTPd" in said["good-ftp"],
                said)


def check_tls(cases, done, cut):
    for d in (done, cut):
        subjects = {r["port"]: r["subject"] for r in d.records("certificate")}
        cases.equal(f"{d.name}: the good certificate", subjects.get(TCP["good-tls"]), "CN=good.example")
    found = {r["port"] for r in done.records("tls")}
    cases.check("tls: big certificates are read", {TCP["tls-names-3000"], TCP["tls-chain-100"]} <= found, found)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "openssl", "xmllint")
    with netns.Namespaces() as spaces, suite.scratch() as directory:
        space = spaces.namespace("t")
        servers = []
        try:
            for side in ("good", "bad"):
                servers.append(space.start([sys.executable, hostile_servers.__file__, side, str(FIRST), str(CUTS_FIRST),
                                            str(N_CUTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            assert [s.stdout.readline() for s in servers] == ["ready\n"] * 2
            code = suite.run([test_all], space, directory)
        finally:
            for server in servers:
                server.kill()
                server.wait()
    sys.exit(code)
