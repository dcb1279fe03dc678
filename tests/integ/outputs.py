#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs of real scans: formats agree, real readers read them, and they survive ^C, full disks and closed pipes."""
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

NMAP = pathlib.Path("/usr/share/nmap")
DROPPED = 1001
LIBNMAP = """
import sys
from libnmap.parser import NmapParser
report = NmapParser.parse_fromfile(sys.argv[1])
for host in report.hosts:
    for port, protocol in host.get_ports():
        print(host.address, port, host.get_service(port, protocol).state)
print("total", report.hosts_total, "up", report.hosts_up)
"""


def normal_ports(text):
    """{(address, port): state} of the table rows; the address is the report line's last."""
    found, address = {}, None
    for line in text.splitlines():
        report = re.match(r".*[Ss]can report for (?:.*\()?([0-9a-f.:]+)\)?", line)
        row = re.match(r"(\d+)/tcp +(\S+)", line)
        if report:
            address = report[1]
        elif row:
            found[address, int(row[1])] = row[2]
    return found


def grepable_ports(text):
    found = {}
    for line in text.splitlines():
        fields = re.match(r"Host: (\S+) .*\tPorts: ([^\t]*)", line)
        for item in fields[2].split(", ") if fields else []:
            port, state = item.split("/")[:2]
            found[fields[1], int(port)] = state
    return found


def states(found):
    return {key: value[0] for key, value in found.items()}


def test_agreement(cases, bed, directory):
    """Few ports, so that no format sums any up."""
    base = directory / "all"
    done = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-p20-24,80,443,1000-1002", "198.18.0.1", "fd98::1",
                            "10.99.0.2", "-oA", str(base)])
    cases.equal("-oA: exit code", done.returncode, 0)
    texts = {name: pathlib.Path(f"{base}.{name}").read_text() for name in ("nmap", "xml", "gnmap", "json")}
    found = states(suite.xml_ports(texts["xml"]))
    truth = {(a, p): "open" if p in (22, 80, 443) else "filtered" if p == DROPPED else "closed"
             for a in ("198.18.0.1", "fd98::1", "10.99.0.2") for p in (20, 21, 22, 23, 24, 80, 443, 1000, 1001, 1002)}
    cases.equal("XML equals the truth", found, truth)
    cases.equal("JSON agrees", states(suite.json_ports(texts["json"])), found)
    cases.equal("normal agrees", normal_ports(texts["nmap"]), found)
    cases.equal("grepable agrees", grepable_ports(texts["gnmap"]), found)
    cases.equal("console agrees", normal_ports(done.stdout), found)
    records = suite.json_records(texts["json"])
    cases.equal("JSON: every record has a schema", {r["schema"] for r in records}, {1})
    cases.equal("JSON: begins with scan, ends with summary", (records[0]["type"], records[-1]["type"]),
                ("scan", "summary"))
    cases.equal("JSON: summary counts", records[-1]["ports"], {"open": 9, "closed": 18, "filtered": 3})
    cases.equal("JSON: hosts", records[-1]["hosts"], {"up": 3, "down": 0})


def validate(cases, name, path, directory):
    """Every real reader of nmap's XML; returns libnmap's view."""
    valid = subprocess.run(["xmllint", "--noout", "--nonet", "--dtdvalid", str(NMAP / "nmap.dtd"), str(path)],
                           capture_output=True, text=True, timeout=30)
    cases.equal(f"{name}: validates against nmap.dtd", (valid.returncode, valid.stderr), (0, ""))
    page = subprocess.run(["xsltproc", "--nonet", str(NMAP / "nmap.xsl"), str(path)], capture_output=True, text=True,
                          timeout=60)
    cases.check(f"{name}: xsltproc makes a page", page.returncode == 0 and "<html" in page.stdout, page.stderr)
    same = subprocess.run(["ndiff", str(path), str(path)], capture_output=True, text=True, timeout=60)
    cases.equal(f"{name}: ndiff finds no difference with itself", (same.returncode, same.stderr), (0, ""))
    view = subprocess.run(["/usr/bin/python3", "-c", LIBNMAP, str(path)], capture_output=True, text=True, timeout=60,
                          cwd=directory)
    cases.equal(f"{name}: libnmap reads it", (view.returncode, view.stderr), (0, ""))
    return view.stdout


def test_readers(cases, bed, directory):
    one, two = directory / "one.xml", directory / "two.xml"
    command = [suite.PRTIP, "-sS", "-Pn", "-n", "-p22,80,81", "10.99.0.2", "198.18.0.1", "fd98::1", "-oX"]
    bed.scanner.run([*command, str(one)])
    view = validate(cases, "three hosts", one, directory)
    cases.equal("libnmap sees what we saw", set(view.splitlines()),
                {f"{a} {p} {s}" for a in ("10.99.0.2", "198.18.0.1", "fd98::1")
                 for p, s in ((22, "open"), (80, "open"), (81, "closed"))} | {"total 3 up 3"})
    extra = bed.target.listen(81, "10.99.0.2")
    bed.scanner.run([*command, str(two)])
    extra.close()
    changed = subprocess.run(["ndiff", str(one), str(two)], capture_output=True, text=True, timeout=60)
    rows = [line.split()[:2] for line in changed.stdout.splitlines() if re.match(r"[-+]\d+/tcp", line)]
    cases.equal("ndiff shows the opened port", rows, [["-81/tcp", "closed"], ["+81/tcp", "open"]])
    many = directory / "many.xml"
    bed.scanner.run([suite.PRTIP, "-sS", "-n", "-v", "--reason", "-p-", "10.99.0.2", "198.18.0.1", "10.99.0.50", "-oX",
                     str(many)])
    validate(cases, "all ports, -v --reason, a host that is down", many, directory)
    found = suite.xml_ports(many.read_text())
    cases.equal("all ports: each is listed or summed up",
                (len(found), sum(value[0] == "open" for value in found.values())), (2 * 65535, 6))
    ping, listed = directory / "ping.xml", directory / "list.xml"
    bed.scanner.run([suite.PRTIP, "-sn", "-n", "10.99.0.0/29", "-oX", str(ping)])
    validate(cases, "-sn", ping, directory)
    bed.scanner.run([suite.PRTIP, "-sL", "-n", "10.99.0.0/29", "-oX", str(listed)])
    validate(cases, "-sL", listed, directory)


def test_stages(cases, bed, directory):
    """-v tells of each stage once: hosts of a wide scan are discovered before their ports."""
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-v", "-p1-1000", "10.99.0.2"])
    lines = re.findall(r"^(Initiating|Completed) (.*?) at \d", done.stdout, re.M)
    cases.equal("stages of -sS with discovery", lines, [("Initiating", "Ping Scan"), ("Completed", "Ping Scan"),
                ("Initiating", "SYN Stealth Scan"), ("Completed", "SYN Stealth Scan")])
    done = bed.scanner.run([suite.PRTIP, "-sn", "-n", "-v", "10.99.0.2"])
    cases.equal("stages of -sn", re.findall(r"^(Initiating|Completed) (.*?) at \d", done.stdout, re.M),
                [("Initiating", "Ping Scan"), ("Completed", "Ping Scan")])


def test_stdout(cases, bed, directory):
    """With a format on stdout, stdout carries that format and nothing else."""
    command = [suite.PRTIP, "-sS", "-Pn", "-n", "-v", "-p22,81", "10.99.0.2"]
    reader = {"-oX": suite.xml_ports, "-oJ": suite.json_ports, "-oG": grepable_ports, "-oN": normal_ports}
    for flag, read in reader.items():
        path = directory / flag
        to_stdout = bed.scanner.run([*command, flag, "-"])
        bed.scanner.run([*command, flag, str(path)])
        found = read(to_stdout.stdout)
        cases.equal(f"{flag} -: parses and has both ports", sorted(found), [("10.99.0.2", 22), ("10.99.0.2", 81)])
        cases.equal(f"{flag} -: the same records as in a file", found, read(path.read_text()))
        first = to_stdout.stdout.splitlines()[0]
        cases.check(f"{flag} -: begins as the format does", {"-oX": "<?xml", "-oJ": '{"schema"', "-oG": "# prtip",
                                                             "-oN": "# prtip"}[flag] in first, first)


def test_interrupt(cases, bed, directory):
    """^C in the middle: exit 130, every file valid, results so far kept."""
    base = directory / "cut"
    command = [suite.PRTIP, "-sS", "-Pn", "-n", "-p22,80,443,2000-2499", "--max-rate", "500", "198.18.1.0/24", "-oA",
               str(base)]
    with bed.target.capture("vb") as capture:
        scan = bed.scanner.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        netns.wait_until(lambda: sum(len(frame) > 47 and frame[47] == packet.SYN
                                     for _, incoming, frame in list(capture.frames) if incoming) > 600)
        scan.send_signal(signal.SIGINT)
        stdout, stderr = scan.communicate(timeout=30)
        packets = packet.parse(capture.stop())
    cases.equal("exit code", scan.returncode, 130)
    n_total = 256 * 503
    n_sent = len(packet.syns(packets))
    cases.check("the scan had not ended", 600 <= n_sent < n_total // 2, n_sent)
    view = validate(cases, "interrupted", pathlib.Path(f"{base}.xml"), directory)
    cases.check("libnmap reads ports of the part that was scanned", len(view.splitlines()) > 1, view)
    found = suite.json_ports(pathlib.Path(f"{base}.json").read_text())
    probed = {(p.dst, p.dport) for p in packet.syns(packets)}
    answered = {(p.src, p.sport) for p in packets if not p.is_incoming and p.kind == "tcp"}
    cases.check("JSON: only probed ports have a state", set(found) <= probed, sorted(set(found) - probed)[:5])
    cases.check("JSON: all but the last answers are kept", len(answered - set(found)) <= 20,
                f"{len(answered - set(found))} of {len(answered)} answers lost")
    cases.equal("JSON: states are right", {key for key, value in found.items() if value[0] != (
        "open" if key[1] in (22, 80, 443) else "closed")}, set())
    summary = suite.json_summary(pathlib.Path(f"{base}.json").read_text())
    cases.equal("JSON: summary says so", (summary["exit"], summary["interrupted"]), (130, True))
    cases.equal("XML agrees with JSON", states(suite.xml_ports(pathlib.Path(f"{base}.xml").read_text())),
                states(found))
    cases.check("grepable ends with its closing line",
                pathlib.Path(f"{base}.gnmap").read_text().splitlines()[-1].startswith("# prtip"), "no closing line")
    cases.check("console says that it was cut", "interrupted" in (stdout + stderr).lower(), stdout[-300:] + stderr)


def test_write_errors(cases, bed, directory):
    scan = [suite.PRTIP, "-sS", "-Pn", "-n", "-p22,80,81", "10.99.0.2"]
    for flag in ("-oX", "-oJ", "-oN", "-oG"):
        done = bed.scanner.run([*scan, flag, "/dev/full"])
        cases.equal(f"{flag} /dev/full: exit code", done.returncode, 3)
        cases.check(f"{flag} /dev/full: message names it", "/dev/full" in done.stderr and "space" in done.stderr.lower(),
                    done.stderr)
        cases.check(f"{flag} /dev/full: results still shown", normal_ports(done.stdout) != {}, done.stdout)
    names = [directory / f"full.{flag[2:]}" for flag in ("-oX", "-oJ", "-oN", "-oG")]
    for name in names:
        name.symlink_to("/dev/full")
    done = bed.scanner.run([*scan, "-oX", str(names[0]), "-oJ", str(names[1]), "-oN", str(names[2]), "-oG", str(names[3])])
    cases.equal("four outputs that cannot be written: each is named, once",
                (done.returncode, [done.stderr.count(str(name)) for name in names]), (3, [1] * 4))
    with open("/dev/full", "w") as full:
        done = subprocess.run(bed.scanner.argv(scan), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    cases.equal("stdout full: exit code", done.returncode, 3)
    for flag in ("-oX", "-oA"):
        with bed.target.capture("vb") as capture:
            done = bed.scanner.run([*scan, flag, str(directory / "missing" / "file")])
            probes = packet.syns(packet.parse(capture.stop()))
        cases.equal(f"{flag} in a missing directory: exit 1, nothing sent", (done.returncode, probes), (1, []))
        cases.check(f"{flag} in a missing directory: message names it", "missing/file" in done.stderr, done.stderr)


def test_closed_pipe(cases, bed, directory):
    """The reader goes away: no crash, no hang, no endless scan."""
    for name, command in (
            ("scan", ["-sS", "-Pn", "-n", "-p-", "--open", "198.18.0.0/30", "-oJ", "-"]),
            ("normal", ["-sS", "-Pn", "-n", "-v", "-p22,80", "198.18.0.0/24"]),
            ("list", ["-sL", "-n", "10.0.0.0/8"])):
        process = bed.scanner.start([suite.PRTIP, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()
        code = process.wait(60)
        cases.check(f"{name} | head -1: got a line", first.endswith(b"\n"), first)
        cases.check(f"{name} | head -1: ends by itself, exit code says why", code in (0, 3), f"{code} {stderr}")


def test_append_safe(cases, bed, directory):
    """A second run replaces the file; stdin is not read; output to a fifo works."""
    path = directory / "same"
    for ports in ("22", "80"):
        bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-p", ports, "10.99.0.2", "-oJ", str(path)])
    cases.equal("a file is replaced", sorted(suite.json_ports(path.read_text())), [("10.99.0.2", 80)])
    fifo = directory / "fifo"
    os.mkfifo(fifo)
    process = bed.scanner.start([suite.PRTIP, "-sS", "-Pn", "-n", "-p22", "10.99.0.2", "-oJ", str(fifo)],
                                stdout=subprocess.DEVNULL)
    with open(fifo) as reader:
        cases.equal("a fifo is written", suite.json_ports(reader.read()), {("10.99.0.2", 22): ("open", "syn-ack")})
    cases.equal("a fifo: exit code", process.wait(30), 0)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "xmllint", "xsltproc", "ndiff")
    with netns.Bed() as bed, suite.scratch() as directory:
        listeners = [bed.target.listen(port) for port in (22, 80, 443)]
        bed.target.filter_input(f"tcp dport {DROPPED} drop")
        code = suite.run([test_agreement, test_readers, test_stages, test_stdout, test_interrupt, test_write_errors,
                          test_closed_pipe, test_append_safe], bed, directory)
    sys.exit(code)
