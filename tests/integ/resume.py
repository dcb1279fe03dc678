#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--journal and --resume: a scan killed at any moment goes on, its results are those of a scan that was not,
and what had been answered is not asked again."""
import collections
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

KILLS = 8
OUTPUTS = ("xml", "json", "nmap", "gnmap")
# 64 hosts, 40 ports each of which 10 are dropped silently, 2 hosts drop everything
WIDE = ["-sS", "-n", "-Pn", "-p", "20-49,9000-9009", "198.18.0.0/26", "--max-rate", "2500"]
DEEP = ["-sS", "-n", "-p", "1-3000", "198.18.1.1-2", "--max-rate", "5000"]
LINK = ["-sn", "-n", "10.99.0.0/26", "--max-rate", "60"]
CONNECT = ["-sT", "-n", "-Pn", "-p", "20-49", "198.18.0.0/26", "--max-rate", "1500"]


def facts(path):
    """What the outputs say, without times and totals of packets."""
    text = pathlib.Path(f"{path}.json").read_text()
    xml = pathlib.Path(f"{path}.xml").read_text()
    # which of several discovery answers comes first is the network's affair
    hosts = {host: (state, "answered" if reason in ("echo-reply", "timestamp-reply", "reset", "syn-ack") else reason)
             for host, (state, reason) in suite.xml_hosts(xml).items()}
    return suite.json_ports(text), suite.xml_ports(xml), hosts, \
        {key: str(suite.json_summary(text)[key]) for key in ("hosts", "ports", "exit")}


def same(cases, name, got, want):
    for what, a, b in zip(("JSON ports", "XML ports", "XML hosts", "summary"), got, want):
        cases.equal(f"{name}: {what} of a scan that was not", a, b)


def clear(directory):
    for old in directory.iterdir():
        old.unlink()


def probes_sent(packets):
    return [(p.dst, getattr(p, "dport", p.kind)) for p in packets if p.is_incoming and
            (p.kind == "tcp" and p.flags == packet.SYN or p.kind in ("arp", "icmp"))]


def broken_off(bed, directory, scan, seconds, kill=signal.SIGKILL):
    """Start, kill after so long, resume. Returns (probes before, probes after, process exit or None)."""
    clear(directory)
    journal = str(directory / "journal")
    with bed.target.capture("vb") as capture:
        process = bed.scanner.start([suite.PRTIP, *scan, "-oA", str(directory / "out"), "--journal", journal],
                                    stdout=-3, stderr=-3)
        time.sleep(seconds)
        process.send_signal(kill)
        code = process.wait(30)
        n_before = len(capture.frames)
        done = bed.scanner.run([suite.PRTIP, "--resume", journal])
        packets = packet.parse(capture.stop())
    if done.returncode != 0:
        raise RuntimeError(f"resume: exit {done.returncode}: {done.stderr}")
    return probes_sent(packets), n_before, code, done


def undisturbed(bed, directory, scan):
    """What a scan finds that is left alone, and how many answered endpoints it asks again to estimate its coverage."""
    with bed.target.capture("vb") as capture:
        bed.scanner.run([suite.PRTIP, *scan, "-oA", str(directory / "whole")])
        counts = collections.Counter(probes_sent(packet.parse(capture.stop())))
    found = facts(directory / "whole")
    for end in OUTPUTS:
        (directory / f"whole.{end}").unlink()
    return found, again(counts, found[0])


def again(counts, ports):
    return sum(max(0, counts[key] - 1) for key, (_, reason) in ports.items() if reason != "no-response")


def test_kill(cases, bed, directory):
    """Results equal; few answered endpoints repeated. How few is a matter of the machine's load: a journal that forgot a
    group would repeat half of them; bench/resume holds the share below 1 %."""
    rng = random.Random(20261122)
    for name, scan, seconds_max, threads in (("wide", WIDE, 1.1, "1"), ("wide, 3 threads", WIDE, 1.1, "3"),
                                             ("deep", DEEP, 1.2, "2"), ("connect", CONNECT, 1.3, "1")):
        scan = [*scan, "--threads", threads]
        want, n_anyway = undisturbed(bed, directory, scan)
        answered = {key for key, (state, reason) in want[0].items() if reason != "no-response"}
        n_again, n_all = 0, 0
        for k in range(KILLS // 4):
            seconds = rng.uniform(0.1, seconds_max)
            sent, _, _, _ = broken_off(bed, directory, scan, seconds)
            same(cases, f"{name}: killed after {seconds:.2f} s", facts(directory / "out"), want)
            counts = collections.Counter(sent)
            cases.equal(f"{name}: no endpoint lost", {e for e in answered if not counts[e]}, set())
            n_again += again(counts, want[0]) - 2 * n_anyway  # each of the two parts may
            n_all += len(answered)
        cases.check(f"{name}: answered endpoints asked again", n_again < n_all / 20, f"{n_again} of {n_all}")
        print(f"# {name}: {n_again} of {n_all} answered endpoints asked again")


def test_discovery(cases, bed, directory):
    scan = [*LINK, "--coverage-sample", "0"]
    want, _ = undisturbed(bed, directory, scan)
    sent, _, _, _ = broken_off(bed, directory, scan, 0.9)
    same(cases, "-sn", facts(directory / "out"), want)
    cases.check("-sn: answered hosts asked once", collections.Counter(sent)["10.99.0.2", "arp"] <= 2, sent[:5])


def test_twice(cases, bed, directory):
    """A resumed scan is killed too; then ^C; then it ends."""
    clear(directory)
    want, n_anyway = undisturbed(bed, directory, WIDE)
    journal = str(directory / "journal")
    with bed.target.capture("vb") as capture:
        for options, kill in (([*WIDE, "-oA", str(directory / "out"), "--journal", journal], signal.SIGKILL),
                              (["--resume", journal], signal.SIGKILL), (["--resume", journal], signal.SIGINT)):
            process = bed.scanner.start([suite.PRTIP, *options], stdout=-3, stderr=-1)
            time.sleep(0.3)
            process.send_signal(kill)
            error = process.communicate(timeout=30)[1].decode()
        cases.check("^C: valid output so far, and the command to go on",
                    process.returncode == 130 and f"prtip --resume {journal}" in error and
                    suite.xml_ports((directory / "out.xml").read_text()), (process.returncode, error))
        done = bed.scanner.run([suite.PRTIP, "--resume", journal])
        counts = collections.Counter(probes_sent(packet.parse(capture.stop())))
    cases.equal("broken off three times: exit code", done.returncode, 0)
    same(cases, "broken off three times", facts(directory / "out"), want)
    n_again = again(counts, want[0]) - 4 * n_anyway
    cases.check("and repeats stay few", n_again < 0.15 * len(want[0]), n_again)
    with bed.target.capture("vb") as capture:
        last = bed.scanner.run([suite.PRTIP, "--resume", journal])
        quiet = probes_sent(packet.parse(capture.stop()))
    cases.check("a complete journal says so and sends nothing",
                last.returncode == 0 and "complete" in last.stderr and not quiet, last)


def test_refusals(cases, bed, directory):
    clear(directory)
    journal = directory / "j"
    first = ["-sS", "-n", "-Pn", "-p22", "-iL", str(directory / "list"), "--journal", str(journal)]
    (directory / "list").write_text("198.18.0.1\n198.18.99.1\n")
    process = bed.scanner.start([suite.PRTIP, *first], stdout=-3, stderr=-3)
    netns.wait_until(journal.exists)
    time.sleep(0.3)  # one port has answered, the other is waited for
    process.kill()
    process.wait(10)

    def refused(name, words, options, code=1):
        done = bed.scanner.run([suite.PRTIP, *options])
        cases.check(name, done.returncode == code and all(w in done.stderr for w in words), done)

    whole = journal.read_bytes()
    refused("a journal is never overwritten", ["exists already", "--resume"], first)
    (directory / "kept").write_text("an earlier report")
    refused("nor do outputs pay for the mistake", ["exists already"], [*first, "-oX", str(directory / "kept")])
    cases.equal("the earlier report is untouched", (directory / "kept").read_text(), "an earlier report")
    refused("an output that cannot be opened leaves no journal", ["output"],
            [*first[:-1], str(directory / "new"), "-oX", str(directory / "no" / "where")])
    cases.check("no journal of a scan that never began", not (directory / "new").exists())
    (directory / "list").write_text("198.18.0.1\n198.18.99.2\n")
    refused("other targets", ["other targets"], ["--resume", str(journal)])
    (directory / "list").write_text("198.18.0.1\n198.18.99.1\n")
    journal.write_bytes(whole[:8] + b"\0\0\0\7" + whole[12:])
    refused("another format", ["another format"], ["--resume", str(journal)])
    journal.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    refused("a damaged head", ["damaged"], ["--resume", str(journal)])
    journal.write_bytes(b"# prtip report\n" * 10)
    refused("another file", ["not a journal"], ["--resume", str(journal)])
    refused("no file", ["No such file"], ["--resume", str(directory / "none")])
    refused("anything beside --resume", ["want it alone"], ["--resume", str(journal), "-v"], 2)
    refused("targets beside --resume", ["want it alone"], ["--resume", str(journal), "10.0.0.1"], 2)
    refused("targets on standard input", ["read again"], ["-sS", "-iL", "-", "--journal", str(directory / "x")], 2)
    refused("a list", ["-sL"], ["-sL", "10.0.0.1", "--journal", str(directory / "x")], 2)
    for cut in (1, 5, 30):
        journal.write_bytes(whole[:-cut] if cut < 9 else whole[:-3] + b"xyz")
        done = bed.scanner.run([suite.PRTIP, "--resume", str(journal)])
        cases.check(f"a torn tail ({cut}) is cut", done.returncode == 0 and "22/tcp" in done.stdout, done)
        journal.write_bytes(whole)
    process = bed.scanner.start([suite.PRTIP, "--resume", str(journal)], stdout=-3, stderr=-3)
    time.sleep(0.2)
    if process.poll() is None:
        refused("a running scan's journal", ["running scan"], ["--resume", str(journal)])
    process.wait(30)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed, suite.scratch() as directory:
        listeners = [bed.target.listen(port) for port in (22, 33, 80)]
        bed.target.filter_input("tcp dport 9000-9009 drop", "tcp dport 40 drop", "ip daddr 198.18.0.7 drop",
                                "ip daddr 198.18.99.0/24 drop")
        code = suite.run([test_kill, test_discovery, test_twice, test_refusals], bed, directory)
    sys.exit(code)
