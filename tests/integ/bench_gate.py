#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# alone: times whole processes
"""The gate against slowdowns: equal passes, 7 % warns, 15 % fails, less found fails, a missing baseline fails.

Through bench/compare with wrappers that end at a set time after their own start, however long the scan inside took: what
they differ by is injected, and a busy machine adds little. Through bench/gate with files.
"""
import copy
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import suite

BENCH = suite.ROOT / "bench"
WRAPPER = """#!{python} -IS
import os, subprocess, sys, time
started_s = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]) / 100
done = subprocess.run(["{prtip}", *sys.argv[1:]]{options})
time.sleep(max(0, started_s + {seconds} - time.clock_gettime(time.CLOCK_BOOTTIME)))
os._exit(done.returncode)
"""
SECONDS, RUNS = 0.6, 8


def wrapper(directory, name, seconds, options=""):
    path = directory / name
    path.write_text(WRAPPER.format(python=sys.executable, prtip=suite.PRTIP, seconds=seconds, options=options))
    path.chmod(0o755)
    return path


def start_compare(a, b, runs=RUNS):
    return subprocess.Popen([BENCH / "compare", a, b, "--rows", "connect-3-ports", "--runs", str(runs)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def test_compare(cases):
    """The runs mostly sleep, so the comparisons go side by side."""
    with suite.scratch() as directory:
        same = wrapper(directory, "same", SECONDS)
        rows = [("equal passes", same, "ok", 0), ("15 % injected fails", wrapper(directory, "slow", SECONDS * 1.15), "FAIL", 1),
                ("finding nothing fails", wrapper(directory, "blind", SECONDS, ", stdout=subprocess.DEVNULL"), "FAIL", 1)]
        started = [(name, start_compare(same, other), verdict, code) for name, other, verdict, code in rows]
        for name, process, verdict, code in started:
            text = process.communicate(timeout=60)[0]
            words = text.split()
            # a warning is not a failure: equal sides on a busy machine may earn one
            cases.check(f"compare: {name}", process.returncode == code and words and
                        (words[0] == verdict or (verdict, words[0]) == ("ok", "warn")), text)


def side(seconds, **more):
    times = [seconds * k for k in (0.99, 1, 1.01, 0.995, 1.005)]
    return dict(dict(type="side", row="r", side="prtip", runs=5, complete=5, all_s=times, median_s=seconds, packets=1000,
                     rss_kb=9000, calls=50, varies=False), **more)


MACHINE = dict(type="machine", machine="m", cpu="c", cores=2, memory_kb=1, kernel="k")
FILES = [
    ("equal passes", MACHINE, [side(0.1)], 0, "0 warnings, 0 failures"),
    ("faster passes", MACHINE, [side(0.05)], 0, "0 warnings, 0 failures"),
    ("7 % warns", MACHINE, [side(0.107)], 0, "1 warnings, 0 failures"),
    ("15 % fails", MACHINE, [side(0.115)], 1, "FAIL r prtip: time"),
    ("15 % more packets fail", MACHINE, [side(0.1, packets=1150)], 1, "FAIL r prtip: packets"),
    ("7 % more memory warns", MACHINE, [side(0.1, rss_kb=9630)], 0, "warn r prtip: rss_kb"),
    ("15 % more system calls fail", MACHINE, [side(0.1, calls=58)], 1, "FAIL r prtip: calls"),
    ("finding less fails", MACHINE, [side(0.1, complete=4)], 1, "FAIL r prtip: found"),
    ("another machine's time is not compared", dict(MACHINE, cpu="d"), [side(0.2)], 0, "another machine (cpu differ)"),
    ("another machine's packets are", dict(MACHINE, cpu="d"), [side(0.1, packets=1150)], 1, "FAIL r prtip: packets"),
    ("a row without baseline fails", MACHINE, [side(0.1), side(0.1, row="new")], 1, "FAIL new prtip: row not in the baseline"),
    ("a row that is gone fails", MACHINE, [], 1, "FAIL r prtip: row not in the result"),
    ("a peer's slowness is no matter", MACHINE, [side(0.1), side(9, side="nmap")], 0, "0 warnings, 0 failures"),
]


def run_gate(baseline, result):
    done = subprocess.run([BENCH / "gate", "--baseline", baseline, result], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def write(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def test_files(cases):
    with suite.scratch() as directory:
        baseline = write(directory / "baseline", [MACHINE, side(0.1)])
        for name, machine, sides, code, words in FILES:
            got, text = run_gate(baseline, write(directory / "result", [machine, *sides]))
            cases.check(f"gate: {name}", got == code and words in text, f"exit {got}: {text}")
        result = write(directory / "result", [MACHINE, side(0.1)])
        code, text = run_gate(directory / "nowhere", result)
        cases.check("gate: a missing baseline fails", code == 1 and "no such file" in text, text)
        code, text = run_gate(write(directory / "empty", [MACHINE]), result)
        cases.check("gate: an empty baseline fails", code == 1 and "has no rows" in text, text)


def test_recorded(cases):
    """Baselines that are kept pass against themselves, and fail when their own times are injected with 15 %."""
    baselines = sorted((BENCH / "baselines").glob("*.jsonl"))
    cases.check("there is a baseline", baselines)
    with suite.scratch() as directory:
        for baseline in baselines:
            code, text = run_gate(baseline, baseline)
            cases.check(f"{baseline.name}: equal passes", code == 0 and " 0 warnings, 0 failures" in text, text)
            records = [json.loads(line) for line in baseline.read_text().splitlines()]
            slow = copy.deepcopy(records)
            for r in slow:
                if r["type"] == "side":
                    r["all_s"] = [s * 1.15 for s in r["all_s"]]
            code, text = run_gate(baseline, write(directory / "slow", slow))
            cases.check(f"{baseline.name}: 15 % fails", code == 1 and "FAIL" in text and " time " in text, text)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "ss", "nft", "openssl")
    sys.exit(suite.run([test_compare, test_files, test_recorded]))
