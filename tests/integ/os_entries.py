#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-O beside nmap against hosts that answer as entries of nmap-os-db say, and against hosts that answer with rubbish."""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import oshost
import osresult
import suite

OS_DB = "/usr/share/nmap/nmap-os-db"
SAMPLE, SEED = 24, 11
TEST = ["-sS", "-Pn", "-n", "-vv", "-p80,81", "-O"]


def sample(n, seed, is_wanted=lambda host: True):
    """Hosts of n entries drawn at random among those that packets can play."""
    entries = oshost.read_entries(OS_DB)
    random.Random(seed).shuffle(entries)
    hosts = []
    for entry in entries:
        try:
            host = oshost.Host(entry)
        except oshost.Unbuildable:
            continue
        if is_wanted(host):
            hosts.append(host)
        if len(hosts) == n:
            break
    return hosts


def scan(namespace, program, addresses, *options, seconds_max=300):
    done = namespace.run([program, *TEST, *options, "-iL", "-", "-oX", "-"], seconds_max, stdin=None, input="\n".join(addresses))
    if done.returncode:
        raise RuntimeError(f"{program}: exit {done.returncode}: {done.stderr}")
    return osresult.read(done.stdout)


def test_entries(cases, bed):
    hosts = sample(SAMPLE, SEED)
    with oshost.Network(bed.scanner, hosts) as network:
        ours, theirs = (scan(bed.scanner, program, network.addresses, "--max-os-tries", "2") for program in (suite.PRTIP, "nmap"))
    n_right = {"ours": 0, "nmap": 0}
    for address, host in zip(network.addresses, hosts):
        title = f"{host.entry.name} (line {host.entry.line})"
        cases.equal(f"{title}: values as nmap's", osresult.differences(ours[address], theirs[address]), [])
        n_right["ours"] += host.entry.name in ours[address].best()
        n_right["nmap"] += host.entry.name in theirs[address].best()
    cases.check("the right entry is among the best", n_right["ours"] >= max(n_right["nmap"], SAMPLE - 3), n_right)


def without_isn(host):
    """Every SYN is answered with the sequence number 0."""
    return "1" in host.tcp and all(host.tcp[str(i + 1)].s in (0, "Z") for i in range(6))


def counts_twice(host):
    """The IDs of TCP and of echo replies are counters of different classes."""
    ti, _, ii = oshost.id_kinds(host.entry)
    return host.echo and ti != ii and {ti, ii} <= {"I", "BI", "RI"}


def test_counters(cases, bed):
    """What of SEQ there is where no sequence number counts, and whether two kinds of counters are taken for one."""
    hosts = sample(3, SEED, without_isn) + sample(5, SEED, counts_twice)
    cases.check("there are such entries", len(hosts) >= 4, len(hosts))
    with oshost.Network(bed.scanner, hosts) as network:
        ours, theirs = (scan(bed.scanner, program, network.addresses, "--max-os-tries", "1") for program in (suite.PRTIP, "nmap"))
    for address, host in zip(network.addresses, hosts):
        title = f"{host.entry.name} (line {host.entry.line})"
        cases.equal(f"{title}: values as nmap's", osresult.differences(ours[address], theirs[address]), [])
        cases.check(f"{title}: it is about them", without_isn(host) or "SS" in theirs[address].tests["SEQ"],
                    theirs[address].tests)


class Hostile(oshost.Host):
    """Answers as the entry says, each with some bytes changed, inserted or cut off by chance; lengths lie."""

    def __init__(self, entry, seed):
        super().__init__(entry)
        self.random = random.Random(seed)

    def answer(self, asked):
        good = super().answer(asked)
        if not good or self.is_of_port_scan(asked):
            return good
        head, rest = bytearray(good[:20]), bytearray(good[20:])
        for _ in range(self.random.randrange(4)):
            rest[self.random.randrange(len(rest))] = self.random.randrange(256)
        if self.random.random() < 0.5:
            rest = rest[:self.random.randrange(len(rest) + 1)]
        if self.random.random() < 0.3:
            rest += self.random.randbytes(self.random.randrange(600))
        if asked[9] == 6 and len(rest) > 12:
            rest[12] = self.random.choice((0, 0x40, 0x50, 0xF0, rest[12]))
        head[2:4] = (20 + len(rest)).to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = oshost.checksum(head).to_bytes(2, "big")
        return bytes(head + rest)

    @staticmethod
    def is_of_port_scan(asked):
        return asked[9] == 6 and len(asked) < 52


def test_hostile(cases, bed):
    entries = [host.entry for host in sample(8, SEED)]
    hosts = [Hostile(entries[i % len(entries)], i) for i in range(64)]
    with oshost.Network(bed.scanner, hosts) as network:
        before = network.n_read
        done = bed.scanner.run([suite.PRTIP, *TEST, "--max-os-tries", "3", "-iL", "-", "-oJ", "-"], 120, stdin=None,
                               input="\n".join(network.addresses))
        n_sent = network.n_read - before
    cases.equal("hostile answers: the scan ends well", (done.returncode, done.stderr), (0, ""))
    records = suite.json_records(done.stdout, "os")
    cases.equal("a verdict of each host", {r["address"] for r in records}, set(network.addresses))
    cases.check("at most 38 packets a try and host, and the port scan's", n_sent <= 64 * (3 * 38 + 12), n_sent)


def test_unknown(cases, bed):
    """No entry is near: that is said, and the fingerprint printed in lines that begin with OS:, as nmap does."""
    host = sample(1, SEED)[0]
    for test in ("T2", "T3", "T4"):
        host.tcp[test] = oshost.Tcp(17, True, oshost.FIN, 0xBEEF, b"\1" * 40, "O", "O", b"", "RU", 99)
    host.unreach = oshost.Unreach(oshost.Entry("", 0, {"U1": {"IPL": "3C", "UN": "1234"}}))
    host.echo = None
    for probe in "123456":
        host.tcp[probe].window, host.tcp[probe].options = 0xBEEF, b"\1\1\1\0"
    with oshost.Network(bed.scanner, [host]) as network:
        texts = {program: bed.scanner.run([program, *TEST[:3], *TEST[4:], "--max-os-tries", "1", *network.addresses]).stdout
                 for program in (suite.PRTIP, "nmap")}
    ours, theirs = (osresult.read_lines(text) for text in texts.values())
    cases.check("the fingerprint is printed", ours.tests and theirs.tests, texts)
    cases.equal("and is nmap's", (osresult.differences(ours, theirs), ours.scan), ([], theirs.scan))
    for verdict in ("No exact OS matches for host", "No OS matches for host"):
        cases.equal(verdict, *(verdict in text for text in texts.values()))


# By the TTL systems begin with: is an entry of these families what the hint says?
UNIX_LIKE = {"Linux", "Android", "FreeBSD", "OpenBSD", "NetBSD", "Mac OS X", "OS X", "iOS", "AIX", "Solaris", "HP-UX", "ESXi", "JUNOS",
             "VxWorks", "NX-OS", "QNX", "Mac OS", "Darwin", "TMOS"}
HINTS = {64: ("Unix-like or embedded, not Windows", lambda families: not any("Windows" in f for f in families)),
         128: ("Windows", lambda families: any("Windows" in f for f in families)),
         255: ("network or other embedded device", lambda families: not families & UNIX_LIKE and
               not any("Windows" in f for f in families))}


def test_hint(cases, bed):
    """The TTL of SYN answers, with -v: the percentages are the file's; a test that found more is silent about it."""
    entries = [e for e in oshost.read_entries(OS_DB) if e.get("T1", "R") == "Y"]
    by_ttl = {ttl: [e.families for e in entries if e.get("T1", "TG") == f"{ttl:X}"] for ttl in HINTS}
    shares = {ttl: 100 * sum(map(is_so, by_ttl[ttl])) / len(by_ttl[ttl]) for ttl, (_, is_so) in HINTS.items()}
    hosts = [sample(1, SEED)[0] for _ in range(6)]
    for host, ttl in zip(hosts, (64, 50, 128, 97, 240, 200)):
        host.tcp["1"].ttl = ttl
    with oshost.Network(bed.scanner, hosts) as network:
        def records(*options):
            """{address: hint}, addresses of which -O found a match."""
            done = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-p80,81", *options, "-oJ", "-", *network.addresses])
            found = suite.json_records(done.stdout, "os")
            return {r["address"]: r for r in found if r["method"] == "passive"}, {r["address"] for r in found if r.get("matches")}
        found, _ = records("-v")
        cases.equal("start and hops", [(found[a]["start_ttl"], found[a]["hops"]) if a in found else None for a in network.addresses],
                    [(64, 0), (64, 14), (128, 0), (128, 31), (255, 15), None])
        for r in found.values():
            share = shares[r["start_ttl"]]
            cases.check(f"TTL {r['start_ttl']}: {r['hint']}: {r['percent']} %", r["hint"] == HINTS[r["start_ttl"]][0] and
                        abs(r["percent"] - share) <= 2, share)
        cases.equal("not without -v", records(), ({}, set()))
        hinted, matched = records("-v", "-O", "--max-os-tries", "1")
        cases.equal("only where -O found nothing", set(hinted), set(found) - matched)
        cases.check("which is somewhere", matched)
        text = bed.scanner.run([suite.PRTIP, "-v", "-sS", "-Pn", "-n", "-p80", network.addresses[2]]).stdout
        cases.check("for people", "OS hint by TTL 128: Windows (true of 75 % of systems that begin there)" in text, text)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nmap")
    if not pathlib.Path(OS_DB).exists():
        print(f"skipped: no {OS_DB}")
        sys.exit(suite.SKIPPED)
    with netns.Bed() as bed:
        bed.scanner.sh("ip route del 198.18.0.0/16")
        code = suite.run([test_entries, test_counters, test_hostile, test_unknown, test_hint], bed)
    sys.exit(code)
