#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that answer "open" whatever is asked: marked in every output, given up early; honest ones never are."""
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import simnet
import suite

LIAR, HONEST = "198.18.0.7", "198.18.0.8"
LIAR6, SILENT = "fd98::7", "198.18.0.9"
OPEN = list(range(7000, 7040))
REDIRECT = """table inet liar {
 chain c { type nat hook prerouting priority -100;
  ip daddr 198.18.0.7 tcp dport 1-65535 redirect to :80
  ip6 daddr fd98::7 tcp dport 1-65535 redirect to :80
 }
 chain d { type filter hook prerouting priority -300;
  ip daddr 198.18.0.9 drop
 }
}
"""


SYNPROXY = """table ip p {
 chain arriving { type filter hook prerouting priority raw;
  tcp flags & (fin|syn|rst|ack) == syn notrack
 }
 chain through { type filter hook forward priority 0;
  tcp dport 1-65535 ct state invalid,untracked synproxy mss 1460 sack-perm timestamp
  ct state invalid drop
 }
}
"""


def scan(namespace, *options, code=0):
    done = namespace.run([suite.PRTIP, "-n", *options, "-oJ", "-"])
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def marks(text):
    return {r["address"]: r.get("dishonest") for r in suite.json_records(text, "host")}


def host(text, address):
    return next(r for r in suite.json_records(text, "host") if r["address"] == address)


def test_all_open(cases, bed, directory):
    for flag, address in (("-sS", LIAR), ("-sS", LIAR6), ("-sT", LIAR)):
        name = f"{flag} {address}"
        with bed.target.capture("vb") as capture:
            text = scan(bed.scanner, flag, "-p1-3000", "--max-rate", "20000", address)
            asked = {p.dport for p in packet.syns(packet.parse(capture.stop())) if p.dst == address}
        record = host(text, address)
        found = suite.json_ports(text)
        cases.equal(f"{name}: marked", record.get("dishonest"), "all-open")
        evidence = record["evidence"]
        cases.check(f"{name}: by canaries", evidence["canaries_open"] >= 7, evidence)
        cases.check(f"{name}: given up early", 16 <= len(found) == evidence["open"] and len(asked) < 2000 and
                    record.get("partial"), (len(found), len(asked), record))
        cases.equal(f"{name}: every port that was asked is open, with its reason", set(found.values()), {("open", "syn-ack")})
        cases.equal(f"{name}: the others are nothing", (record["ports"]["open"], record["ports"]["unknown"],
                    record["ports"]["filtered"]), (len(found), 3000 - len(found), 0))
        summary = suite.json_summary(text)
        cases.equal(f"{name}: summary", (summary["dishonest"], summary["exit"], summary["interrupted"]), (1, 0, False))


def test_no_abandon(cases, bed, directory):
    for flag in ("-sS", "-sT"):
        text = scan(bed.scanner, flag, "-p1-3000", "--no-abandon", LIAR)
        record = host(text, LIAR)
        cases.equal(f"{flag}: marked, yet scanned to the end", (record.get("dishonest"), record.get("partial"),
                    record["ports"]["open"], len(suite.json_ports(text))), ("all-open", None, 3000, 3000))


def test_everything_asked(cases, bed, directory):
    """-p-: no port is left for canaries; the asked ones are a sample of all."""
    text = scan(bed.scanner, "-sS", "-p-", LIAR)
    record = host(text, LIAR)
    cases.equal("-p-: marked without canaries", (record.get("dishonest"), record["evidence"]["canaries"]), ("all-open", 0))
    cases.check("-p-: given up early", record["ports"]["open"] < 30000, record)


def test_honest(cases, bed, directory):
    ports = ",".join(map(str, OPEN))
    for flag in ("-sS", "-sT"):
        with bed.target.capture("vb") as capture:
            text = scan(bed.scanner, flag, "-p", ports, HONEST)
            asked = {p.dport for p in packet.syns(packet.parse(capture.stop())) if p.dst == HONEST}
        canaries = asked - set(OPEN) - {443, 80}
        cases.equal(f"{flag}: 40 of 40 ports open: not marked", (marks(text), suite.json_summary(text)["dishonest"]),
                    ({HONEST: None}, 0))
        cases.check(f"{flag}: because canaries said no", 2 <= len(canaries) <= 16, canaries)
        cases.equal(f"{flag}: canaries are no results", set(suite.json_ports(text)), {(HONEST, port) for port in OPEN})
    with bed.target.capture("vb") as capture:
        text = scan(bed.scanner, "-sS", "-p22,80,443,7000-7019", LIAR, HONEST)
        asked = {p.dport for p in packet.syns(packet.parse(capture.stop()))}
    cases.equal("23 ports: no verdict", marks(text), {LIAR: None, HONEST: None})
    cases.equal("and no canaries", asked - {22, 80, 443} - set(OPEN), set())
    text = scan(bed.scanner, "-sS", HONEST)
    cases.equal("the usual 1,000 ports", marks(text), {HONEST: None})


def test_outputs(cases, bed, directory):
    base = directory / "liar"
    done = bed.scanner.run([suite.PRTIP, "-n", "-sS", "-p1-3000", LIAR, HONEST, "-oA", str(base)])
    text = "dishonest: all-open: N of N asked ports open, N of N random ones"
    blank = lambda line: re.sub(r"\d+", "N", line)
    xml = base.with_suffix(".xml").read_text()
    comment = re.findall(r'<host [^>]*comment="([^"]*)"', xml)
    cases.equal("XML: a comment for one host", [blank(c) for c in comment], [text + "; stopped early"])
    checked = subprocess.run(["xmllint", "--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd", str(base) + ".xml"],
                             capture_output=True, text=True)
    cases.check("XML: valid", checked.returncode == 0, checked.stderr)
    normal = base.with_suffix(".nmap").read_text()
    cases.equal("normal: a line", [blank(line) for line in normal.splitlines() if line.startswith("Dishonest")],
                [text.replace("dishonest", "Dishonest host") + ". Its open ports prove nothing."])
    cases.check("normal: says that it stopped", re.search(r"Stopped early: \d+ ports have no result", normal), normal[-2000:])
    fields = [field for line in base.with_suffix(".gnmap").read_text().splitlines() for field in line.split("\t")]
    cases.equal("grepable: a field", [blank(field) for field in fields if field.startswith("Dishonest")],
                [text.replace("dishonest", "Dishonest")])
    cases.check("a note on the terminal", "1 host(s) answer dishonestly" in done.stderr, done.stderr)


def test_resume(cases, bed, directory):
    """A host that was given up before the scan broke off is not asked again, and keeps its mark."""
    journal, out = directory / "journal", directory / "out.json"
    process = bed.scanner.start([suite.PRTIP, "-n", "-Pn", "-sS", "-p1-3000", "--max-rate", "1000", LIAR, SILENT,
                                 "--journal", str(journal), "-oJ", str(out)], stdout=subprocess.DEVNULL)
    seen = netns.wait_until(lambda: out.exists() and '"dishonest"' in out.read_text())
    process.send_signal(signal.SIGINT)
    cases.equal("resume: broken off when the liar was known", (seen, process.wait(20)), (True, 130))
    with bed.target.capture("vb") as capture:
        done = bed.scanner.run([suite.PRTIP, "--resume", str(journal)])
        asked = {p.dst for p in packet.syns(packet.parse(capture.stop()))}
    cases.equal("resume: only the other host is asked", (done.returncode, asked), (0, {SILENT}))
    text = out.read_text()
    cases.equal("resume: marks and states", (marks(text), host(text, LIAR)["evidence"]["canaries_open"] >= 7,
                host(text, SILENT)["ports"]["filtered"]), ({LIAR: "all-open", SILENT: None}, True, 3000))


def test_proxy(cases):
    """The router answers for a host behind it: its answers have made fewer hops than the host's echo replies."""
    with netns.Bed(router=True) as routed:
        listener = routed.router.listen(80)
        routed.router.nft("table ip liar {\n chain c { type nat hook prerouting priority -100;\n"
                          "  ip daddr 198.18.0.7 tcp dport { 80, 443 } drop\n"
                          "  ip daddr 198.18.0.7 tcp dport 1-65535 redirect to :80\n }\n}\n")
        text = scan(routed.scanner, "-sS", "-p1000-2000", LIAR)
        record = host(text, LIAR)
        cases.equal("router answers for its host", (record.get("dishonest"), record["evidence"]["ttl_open"],
                    record["evidence"]["ttl_other"]), ("syn-proxy", 64, 63))
        listener.close()


def test_kernel_synproxy(cases):
    """Linux's own SYN proxy takes no data (window 0) before it has asked the server."""
    with netns.Bed(router=True) as routed:
        try:
            routed.router.nft(SYNPROXY)
            routed.router.sh("sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0")
        except RuntimeError as error:
            raise suite.Skip(f"no synproxy in this kernel: {error}")
        text = scan(routed.scanner, "-sS", "-Pn", "-p1000-2000", LIAR)
        record = host(text, LIAR)
        cases.equal("SYN proxy of the kernel", record.get("dishonest"), "zero-window")
        cases.equal("each port has the detail", set(suite.json_ports(text).values()), {("open", "zero-window")})


def test_simulated(cases):
    """A /25 of every kind with losses: marked are exactly those that lie."""
    if not simnet.daemon():
        raise suite.Skip("the simulated network was not built (libbpf-dev)")
    shares = {"all_open": 0.2, "syn_proxy": 0.1, "zero_window": 0.2, "open": 0.1, "closed": 0.6, "loss": 0.02}
    addresses = [f"198.18.0.{i}" for i in range(128)]
    with simnet.Network("198.18.0.0/24", 7, **shares) as network:
        for extra in ([], ["--no-abandon"]):
            text = scan(network.scanner, "-sS", "-Pn", "-p1-300", "198.18.0.0/25", *extra)
            want, records = {}, {r["address"]: r for r in suite.json_records(text, "host")}
            for address in addresses:
                played = network.host(address)
                is_zero = network.has(played.hash, "zero_window")
                n_open = sum(network.truth(address, port) == "open" for port in range(1, 301))
                want[address] = ("zero-window" if is_zero and n_open >= 4 else
                                 "all-open" if played.is_all_open or played.is_syn_proxy else None)
            cases.equal(f"marks {extra}", {a: records[a].get("dishonest") for a in addresses}, want)
            wrong = {(a, p): s for (a, p), (s, _) in suite.json_ports(text).items()
                     if s != network.truth(a, p) and s != "filtered"}
            cases.equal(f"no port has a wrong state {extra}", wrong, {})
            whole = [a for a in addresses if not records[a].get("partial")]
            cases.check(f"only liars are given up {extra}", set(whole) >= {a for a in addresses if not want[a]}, whole)
            if extra:
                cases.equal("nobody is given up", len(whole), 128)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "xmllint")
    with netns.Bed() as bed, suite.scratch() as directory:
        bed.target.nft(REDIRECT)
        listeners = [bed.target.listen(port) for port in (22, 80, *OPEN)]
        code = suite.run([test_all_open, test_no_abandon, test_everything_asked, test_honest, test_outputs,
                          test_resume], bed, directory)
    sys.exit(suite.worst(code, suite.run([test_proxy, test_kernel_synproxy, test_simulated])))
