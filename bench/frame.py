# SPDX-License-Identifier: GPL-3.0-or-later
"""What every benchmark shares: facts of the machine, a timed process, counts of what it found, intervals, result files, and
the verdict on a slowdown.

A result file is JSON lines: first the machine's facts, then records with a "type". It is written beside itself and takes
its place when whole, so that a broken run leaves the old one.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import machine

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
PRTIP = ROOT / "build" / "prtip"
WARN_RATIO, FAIL_RATIO = 1.05, 1.10
#: two results compare by time only where these are equal
MACHINE_KEYS = ("machine", "cpu", "cores", "memory_kb", "kernel")


def is_same_machine(a, b):
    return all(a.get(key) == b.get(key) for key in MACHINE_KEYS)


def run_once(namespace, argv):
    """One whole process in a namespace: seconds, CPU time, text. Its peak memory is not asked for here: the kernel counts what
    this process had when it made the other one."""
    with namespace.entered(), tempfile.TemporaryFile("w+") as text:
        start = time.monotonic()
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=text, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(p.pid, 0)
        seconds = time.monotonic() - start
        p.returncode = os.waitstatus_to_exitcode(status)
        text.seek(0)
        return dict(seconds=seconds, code=p.returncode, user=usage.ru_utime, sys=usage.ru_stime,
                    text=text.read())


# What a run found

def xml_states(path, state):
    """Ports of a state in nmap's or our XML, those that were summed up included."""
    n = 0
    for host in ElementTree.parse(path).iter("host"):
        n += sum(port.get("state") == state for port in host.iterfind("ports/port/state"))
        n += sum(int(extra.get("count")) for extra in host.iter("extraports") if extra.get("state") == state)
    return n


def count_found(program, text, out, state="open"):
    """What the file @out says, in the program's own format; without one what it printed."""
    if program == "zmap":
        with open(out) as f:
            return sum(1 for line in f if line.strip() and not line.startswith("saddr"))
    if program == "masscan":
        with open(out) as f:
            return sum(line.startswith("open ") for line in f)
    with open(out) as f:
        first = f.read(16)
        f.seek(0)
        if first.startswith("<?xml"):
            return xml_states(out, state)
        if first:
            return sum(line.count(f"/{state}/") for line in f)
    return len(re.findall(rf"^\d+/(?:tcp|udp) +{re.escape(state)} ", text, re.M))


# Statistics

def interval(values, rng=None):
    """95 % bootstrap interval of the median; the same values give the same interval."""
    rng = rng or random.Random(1)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(2000))
    return medians[50], medians[1949]


def ratio_of_pairs(base, other):
    """other / base, pair by pair: median and its 95 % interval. For runs that were interleaved."""
    ratios = [b / a for a, b in zip(base, other)]
    return (statistics.median(ratios), *interval(ratios))


def ratio_of_medians(base, other):
    """The same for runs of different times."""
    rng = random.Random(1)
    ratios = sorted(statistics.median(rng.choices(other, k=len(other))) / statistics.median(rng.choices(base, k=len(base)))
                    for _ in range(2000))
    return statistics.median(other) / statistics.median(base), ratios[50], ratios[1949]


def verdict(ratio, low):
    """A slowdown over 5 % warns, one over 10 % fails, unless the interval holds no change: then it warns."""
    if ratio > FAIL_RATIO and low > 1:
        return "FAIL"
    return "warn" if ratio > WARN_RATIO else "ok"


def interleave(sides, runs, once):
    """Call once(side) for A B A B ...; the first turn of each warms caches and is not counted. {side: results}."""
    done = {side: [] for side in sides}
    for i in range(-1, runs):
        for side in sides:
            result = once(side)
            if i >= 0:
                done[side].append(result)
    return done


# Result files

def read(path):
    """(machine facts, the other records)."""
    with open(path) as f:
        records = [json.loads(line) for line in f if line.strip()]
    facts = next((r for r in records if r.get("type") == "machine"), {})
    return facts, [r for r in records if r.get("type") != "machine"]


@contextlib.contextmanager
def results(path, show=lambda r: None, keep=None, **facts):
    """Yields record(dict). @keep(record) chooses what of the old file stays, if it was measured on this machine."""
    path = pathlib.Path(path)
    here = dict(type="machine", **facts, **machine.machine_facts())
    kept = []
    if keep and path.exists():
        was, records = read(path)
        kept = [r for r in records if keep(r)]
        if kept and not is_same_machine(was, here):
            print(f"{path}: {len(kept)} records of another machine are left out")
            kept = []
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "w") as out:
            def record(r):
                out.write(json.dumps(r) + "\n")
                out.flush()
                show(r)
            for r in [here, *kept]:
                out.write(json.dumps(r) + "\n")
            yield record
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
