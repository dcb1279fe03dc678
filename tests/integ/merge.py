#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""prtip merge: the shards of a scan, merged, are the scan that was not divided, in every format."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

N = 4
SCANS = {
    "few hosts, ports divided": ["-sS", "-n", "-PE", "-p", "20-60,9000-9009", "198.18.0.1-3,7", "--reason"],
    "many hosts divided": ["-sS", "-n", "-PE", "-p", "22,25,80,9000", "198.18.0.0/24", "10.99.0.0/28"],
    "IPv6, -Pn": ["-sS", "-n", "-Pn", "-p", "22,25,80,9000", "fd98::/120", "-v"],
    "connect": ["-sT", "-n", "-Pn", "-p", "20-30,9000", "198.18.0.0/25"],
    "ping": ["-sn", "-n", "10.99.0.0/24", "-v"],
    "list": ["-sL", "-n", "198.18.0.0/28"],
    "names": ["-sS", "-n", "-Pn", "-p22-90", "name.test", "198.18.0.9"],
    "open only": ["-sS", "-n", "-Pn", "-p", "22,25,80,9000", "198.18.0.0/26", "--open"],
}
VIEW = {"-v", "--open", "--reason"}


def run(bed, *options, code=0):
    done = bed.scanner.run([suite.PRTIP, *options], 100)
    if code is not None and done.returncode != code:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done


def shards(bed, directory, name, scan, n=N):
    """Scan in n parts and as a whole; the paths of the parts."""
    scan = [word for word in scan if word != "--open"]
    paths = [str(directory / f"{name[:4]}{i}.json") for i in range(1, n + 1)]
    for i, path in enumerate(paths, 1):
        run(bed, *scan, "--shard", f"{i}/{n}", "-oJ", path)
    return paths


def plain(path):
    """The lines of one output without times, packet counts and command lines; JSON ports in order."""
    text = pathlib.Path(path).read_text()
    if path.suffix == ".json":
        return sorted(map(json_plain, text.splitlines()))
    for pattern in (r"<times [^>]*>\n", r"Initiated|initiated [^\n]*", r' args="[^"]*"', r' (start|end)?time(str)?="[^"]*"',
                    r' start(str)?="[^"]*"', r' elapsed="[^"]*"', r' summary="[^"]*"', r"\(?[0-9.e+-]+s latency\)?",
                    r" in [0-9.]+ seconds", r" at [^\n]*", r" as: [^\n]*", r"<!-- [^\n]*", r"Raw packets[^\n]*",
                    r"^Stats[^\n]*", r"Coverage[^\n]*", r"(# )?Limited by[^\n]*", r"rtt [^\n]*"):
        text = re.sub(pattern, "", text, flags=re.M)
    return text.splitlines()


def json_plain(line):
    record = json.loads(line)
    for key in ("id", "args", "seed", "start", "rtt_us", "rttvar_us", "rto_us", "elapsed_s", "sent", "received", "rate_pps",
                "late", "duplicates", "backend"):
        record.pop(key, None)
    if record.get("coverage"):  # which hosts share a stratum depends on the shard; what was found does not
        record["coverage"] = {key: record["coverage"][key] for key in ("of", "found", "silent", "late")}
        record.pop("bottleneck"), record.pop("drops")
    return json.dumps(record, sort_keys=True)


def test_equal(cases, bed, directory):
    for name, scan in SCANS.items():
        run(bed, *scan, "-oA", str(directory / "whole"))
        merged = run(bed, "merge", *shards(bed, directory, name, scan), *[w for w in scan if w in VIEW],
                     "-oA", str(directory / "merged"))
        for end in ("nmap", "xml", "gnmap", "json"):
            want, got = (plain(directory / f"{which}.{end}") for which in ("whole", "merged"))
            first = next((pair for pair in zip(want, got) if pair[0] != pair[1]), (len(want), len(got)))
            cases.check(f"{name}: .{end} of the merged shards is that of the whole", want == got, first)
        cases.check(f"{name}: the report on the terminal too", "report" in merged.stdout or name == "list", merged.stdout)


def test_missing(cases, bed, directory):
    paths = shards(bed, directory, "miss", SCANS["many hosts divided"])
    done = run(bed, "merge", *paths[:1], *paths[2:], "-oJ", str(directory / "out.json"), code=3)
    cases.check("a missing shard is named", "of 4 shards one is missing: 2" in done.stderr, done.stderr)
    cut = pathlib.Path(paths[1]).read_text()
    for length in (len(cut) - 30, len(cut) // 2):
        (directory / "cut").write_text(cut[:length])
        done = run(bed, "merge", *paths[:1], *paths[2:], str(directory / "cut"), "-oX", str(directory / "out.xml"), code=3)
        cases.check("a file that was cut off is used as far as it goes", "cut off" in done.stderr and
                    suite.xml_hosts((directory / "out.xml").read_text()), done.stderr)


def test_again(cases, bed, directory):
    paths = shards(bed, directory, "again", SCANS["many hosts divided"])
    once, twice = (run(bed, "merge", *files, "-oJ", "-").stdout for files in (paths, [*paths, paths[2]]))
    cases.equal("a shard read twice: its hosts are counted once", suite.json_summary(twice)["hosts"],
                suite.json_summary(once)["hosts"])
    cases.equal("a shard read twice: in the scan's record too", suite.json_records(twice, "scan")[0]["hosts"],
                suite.json_records(once, "scan")[0]["hosts"])
    cases.equal("a shard read twice: the same ports", suite.json_ports(twice), suite.json_ports(once))


def test_conflicts(cases, bed, directory):
    """Two scans of one port that disagree: the documented order decides, whichever file comes first."""
    whole = directory / "w.json"
    run(bed, "-sS", "-n", "-Pn", "-p1-5", "198.18.0.1", "-oJ", str(whole))
    lines = whole.read_text().splitlines()
    order = [("open", "syn-ack"), ("closed", "reset"), ("unfiltered", "reset"), ("filtered", "admin-prohibited"),
             ("open|filtered", "host-unreach"), ("filtered", "no-response")]

    def variant(name, state, reason):
        records = [json.loads(line) for line in lines]
        for r in records:
            if r["type"] == "port" and r["port"] == 3:
                was = r["state"]
                r.update(state=state, reason=reason)
        for r in records:
            if r["type"] in ("host", "summary"):  # a file that does not agree with itself is refused
                r["ports"][was] -= 1
                r["ports"][state] = r["ports"].get(state, 0) + 1
        (directory / name).write_text("".join(json.dumps(r) + "\n" for r in records))
        return str(directory / name)

    for i, strong in enumerate(order):
        for weak in order[i + 1:]:
            files = variant("a", *strong), variant("b", *weak)
            for pair in (files, files[::-1]):
                found = suite.json_ports(run(bed, "merge", *pair, "-oJ", "-").stdout)
                cases.equal(f"{strong} stands before {weak}", found["198.18.0.1", 3], strong)
    twice = run(bed, "merge", str(whole), str(whole), "-oJ", "-").stdout
    cases.equal("the same file twice changes nothing", suite.json_ports(twice), suite.json_ports(whole.read_text()))
    cases.equal("each port has one record", len(suite.json_records(twice, "port")), 5)


def test_refusals(cases, bed, directory):
    base = ["-sS", "-n", "-Pn", "-p22", "198.18.0.1", "-oJ"]
    files = {}
    for name, options in (("one", base), ("ports", ["-sS", "-n", "-Pn", "-p23", "198.18.0.1", "-oJ"]),
                          ("targets", ["-sS", "-n", "-Pn", "-p22", "198.18.0.2", "-oJ"]),
                          ("type", ["-sT", *base[1:]]), ("ping", ["-sn", "-n", "-Pn", "198.18.0.1", "-oJ"]),
                          ("half", ["--shard", "1/2", *base]), ("third", ["--shard", "1/3", *base]),
                          ("open", ["--open", *base]), ("discovered", ["-sS", "-n", "-PE", "-p22", "198.18.0.1", "-oJ"])):
        files[name] = str(directory / f"{name}.json")
        run(bed, *options, files[name])
    for name, words in (("ports", "other ports"), ("targets", "other targets"), ("type", "other scan types"),
                        ("ping", "another kind"), ("half", "number of shards"), ("open", "--open"), ("discovered", "-Pn")):
        done = run(bed, "merge", files["one"], files[name], code=2)
        cases.check(f"refused: {name}", words in done.stderr and files[name] in done.stderr and not done.stdout, done)
    text = pathlib.Path(files["one"]).read_text()
    bad = directory / "bad.json"
    for name, broken, words in (
            ("a broken line", text.replace('"port":22', '"port":22x'), "line 2, column"),
            ("a wrong value", text.replace('"state":"open"', '"state":"ajar"').replace('"closed","reason"', '"ajar","reason"'),
             "line 2, column %u, \"state\"" % (text.splitlines()[1].index('"state"') + 1)),
            ("another program's file", "Nmap scan report\n", "line 1, column"),
            ("an empty file", "", "empty"),
            ("no scan record first", "".join(text.splitlines(True)[1:]), "does not begin with a scan record"),
            ("two scans in a file", text + text, "a second scan record"),
            ("another schema", text.replace('"schema":1', '"schema":9'), "line 1, column")):
        bad.write_text(broken)
        done = run(bed, "merge", str(bad), code=2)
        cases.check(f"refused with its place: {name}", words in done.stderr and str(bad) in done.stderr, done.stderr)
    for name, kind, words in (("a port", "port", "1 port record(s) of 198.18.0.1 with state"), ("a host", "host", "1 host record(s)")):
        lines = text.splitlines(True)
        gone = next(i for i, line in enumerate(lines) if f'"type":"{kind}"' in line)
        bad.write_text("".join(lines[:gone] + lines[gone + 1:]))
        done = run(bed, "merge", str(bad), code=2)
        cases.check(f"refused: {name}'s record was cut out", words in done.stderr and str(bad) in done.stderr and
                    not done.stdout, done)
    for name, options, words in (("no file", [], "no files"), ("an option of scans", [files["one"], "-p80"], "only output"),
                                 ("a file that is not there", [str(directory / "none")], "No such file")):
        cases.check(f"refused: {name}", words in run(bed, "merge", *options, code=2).stderr)
    cases.check("prtip help merge", "merge FILE" in run(bed, "help", "merge").stdout)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed, suite.scratch() as directory:
        bed.scanner.hosts("127.0.0.1 localhost\n198.18.0.5 name.test\n")
        listeners = [bed.target.listen(port) for port in (22, 33, 80)]
        bed.target.filter_input("tcp dport 9000-9009 drop", "ip daddr 198.18.0.7 tcp dport 25 reject with icmp type admin-prohibited",
                                "ip daddr 198.18.0.64/26 drop", "ip6 daddr fd98::80/121 drop")
        code = suite.run([test_equal, test_missing, test_again, test_conflicts, test_refusals], bed, directory)
    sys.exit(code)
