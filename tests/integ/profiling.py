#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiling lab on its smallest scenario: what its tools write is what their readers read. benchmarks/profiling."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import suite

LAB = suite.ROOT / "benchmarks" / "profiling"
SVG = "{http://www.w3.org/2000/svg}"
RED, YELLOW, GREEN = "#e8604c", "#f2c94c", "#7bc67e"


def profile(directory, kind, *more):
    done = subprocess.run([str(LAB / "profile-scenario.sh"), "--scenario", "tiny", "--type", kind, "--output-dir", str(directory),
                           *more], env=dict(os.environ, PRTIP=suite.PRTIP), capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr[-1500:]}")
    return json.loads((directory / f"tiny-{kind}.json").read_text())


def boxes(path_or_text):
    """[(title, fill)] of a flame graph."""
    root = ElementTree.fromstring(path_or_text)
    return [(g.find(f"{SVG}title").text, g.find(f"{SVG}rect").get("fill")) for g in root.iter(f"{SVG}g")]


def test_flamegraph(cases, directory):
    """Colours by share, from folded stacks written here; the difference of two."""
    folded, other = directory / "a.folded", directory / "b.folded"
    folded.write_text("p;main;hot<&> 900\np;main;warm 70\np;main;cold 30\n")
    other.write_text("p;main;hot<&> 300\np;main;warm 600\np;main;cold 100\n")

    def draw(*arguments):
        done = subprocess.run([sys.executable, str(LAB / "flamegraph.py"), *map(str, arguments)], capture_output=True, check=True)
        return dict((title.split(":")[0], (title, fill)) for title, fill in boxes(done.stdout))
    one = draw(folded)
    cases.equal("red above 10 %, yellow from 5, green below", {name: fill for name, (_, fill) in one.items()},
                {"all": RED, "p": RED, "main": RED, "hot<&>": RED, "warm": YELLOW, "cold": GREEN})
    cases.equal("hover text", one["warm"][0], "warm: 70 samples, 7.00%")
    two = draw("--before", other, folded)
    cases.equal("difference: what grew, what shrank, what is the same", [two[name][1] for name in ("hot<&>", "warm", "main")],
                ["#ff6969", "#6969ff", "#ffffff"])
    cases.equal("difference: hover text", two["warm"][0], "warm: 70 samples, 7.00%, -53.00 points")


def test_cpu(cases, directory):
    """At the default rate, which looks less often than the scan is long."""
    result = profile(directory, "cpu", "--samples", "60", "--runs", "2")
    cases.check("cpu: what the send loop called is a part of each file's share",
                all(share <= result["user_files"][file] for file, share in result["user_files_sending"].items()), result["user_files_sending"])
    found = boxes((directory / "flamegraphs" / "tiny.svg").read_text())
    cases.check("cpu: a flame graph of the scan's threads", any(re.match(r"prtip[^;]*: \d", title) for title, _ in found), found[:20])
    cases.check("cpu: kernel stacks", any("_[k]: " in title for title, _ in found), found[:20])
    cases.check("cpu: samples counted", result["samples"] >= 20 and result["user_samples"] <= result["samples"], result["samples"])
    cases.check("cpu: 100 probes a scan at least", all(n >= 100 for n in result["counts"]["packets"]["runs"]), result["counts"])


def test_places(cases, directory):
    """The file of a function; of a name that several files have the one of the caller."""
    sys.path.insert(0, str(LAB))
    import lab
    known = {"main": ["src/cli/main.c"], "rx_drain": ["src/engine/rx.c"], "receive": ["src/detect/osscan.c", "src/engine/rx.c"]}
    cases.equal("places: of one file", lab.places().get("main"), ["src/cli/main.c"])
    cases.equal("places: by the caller", lab.place(("prtip", "main", "rx_drain", "receive"), 3, known), "src/engine/rx.c")
    cases.equal("places: undecided", lab.place(("prtip", "receive"), 1, known), "src/detect/osscan.c or src/engine/rx.c")
    cases.equal("places: not ours", lab.place(("prtip", "memcpy"), 1, known), None)


def test_memory(cases, directory):
    result = profile(directory, "memory", "--runs", "1")
    printed = subprocess.run(["ms_print", str(directory / "massif" / "tiny.out")], capture_output=True, text=True)
    cases.check("memory: ms_print reads the massif file", printed.returncode == 0 and "(peak)" in printed.stdout, printed.stderr)
    cases.check("memory: a heap peak", 10000 < result["counts"]["heap_peak_bytes"]["median"] < 8 << 20, result["counts"])
    cases.check("memory: the largest site is named", result["peak_sites"] and result["peak_sites"][0][0] > 10000,
                result["peak_sites"])
    cases.equal("memory: no leak, no error", {key: n for key, n in result["leaks"].items() if key != "reachable"},
                {"definitely": 0, "indirectly": 0, "possibly": 0, "errors": 0})


def test_io(cases, directory):
    result = profile(directory, "io", "--runs", "1")
    summary = (directory / "strace" / "tiny.summary.txt").read_text()
    cases.check("io: strace's table", "% time" in summary and summary.rstrip().endswith("total"), summary[-200:])
    sent = result["batches"].get("sent by sendmmsg", {})
    cases.equal("io: every probe is in a counted call", sent.get("sum"), 100)
    cases.check("io: batches", sent and sent["min"] <= sent["median"] <= sent["max"] <= 100, sent)
    detail = (directory / "strace" / "tiny.detail.txt").read_text()
    cases.check("io: detail, without this machine's directories", "sendmmsg(" in detail and str(suite.ROOT) not in detail)


def test_report(cases, directory):
    """Documents are what the results say; a changed result and a changed document are found."""
    copy = directory / "copy"
    shutil.copytree(LAB, copy / "benchmarks" / "profiling", ignore=shutil.ignore_patterns("*.folded"))
    for name in ("bench", "tests"):
        (copy / name).symlink_to(suite.ROOT / name)
    lab = copy / "benchmarks" / "profiling"

    def check():
        done = subprocess.run([str(lab / "report"), "--check"], capture_output=True, text=True)
        return done.returncode, sorted(line.split()[0].rpartition("/")[2] for line in done.stdout.splitlines())
    cases.equal("report: nothing to say", check(), (0, []))
    result = lab / "results" / "syn-1k-io.json"
    numbers = json.loads(result.read_text())
    numbers["batches"]["sent by sendmmsg"]["max"] += 1
    result.write_text(json.dumps(numbers))
    cases.equal("report: a changed result", check(), (1, ["IO-ANALYSIS.md"]))
    subprocess.run([str(lab / "report")], check=True)
    cases.equal("report: written anew", check(), (0, []))
    (lab / "PROFILING-SETUP.md").write_text("")
    cases.equal("report: a changed document", check(), (1, ["PROFILING-SETUP.md"]))


def test_bad_words(cases, directory):
    for words in (("--scenario", "nonsense", "--type", "io"), ("--scenario", "tiny", "--type", "nonsense"), ("--type", "io")):
        done = subprocess.run([str(LAB / "profile-scenario.sh"), *words, "--output-dir", str(directory)], capture_output=True,
                              env=dict(os.environ, PRTIP=suite.PRTIP), text=True, timeout=60)
        cases.equal(f"{' '.join(words)}: usage", done.returncode, 2)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "perf", "valgrind", "ms_print", "strace", "openssl", "cc")
    with suite.scratch() as directory:
        code = suite.run([test_flamegraph, test_places, test_cpu, test_memory, test_io, test_report, test_bad_words], directory)
    sys.exit(code)
