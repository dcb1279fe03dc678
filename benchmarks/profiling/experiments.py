#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before and after of optimisation candidates, where a switch turns them: results/experiments.jsonl.

    experiments.py [--runs N] [--parts NAME,...] [--out FILE] [--prtip BINARY] [--build DIR] [--before BINARY --after BINARY]

Whole processes on the bed, the two sides (or more) of a row interleaved; CPU time of the process and wall time, the first
side is what the others are divided by. "checksum" is csum.c, "allocations" counts calls of malloc per packet and per
result by the difference of a small and a large scan, "patterns" is bench/match.c. "indexes" compares two builds: of the
revision that makes the matcher's indexes beside the scan, and of the one before it; it runs when they are given. A part that is measured anew replaces its old records.
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

import lab
import measure
from machine import machine_facts

SYN_64K = f"{lab.SYN} -p- {lab.bed.TARGET4}"
ONCE = f"{lab.ONCE} --threads 1"
#: part: what is varied, the sides (name, arguments), and "profile" of the far end; the first side is today's choice
SWITCHES = {
    "batch": dict(what="frames handed to the kernel together", profile="blackhole", sides=[
        (name, f"{ONCE} --tx-backend afpacket {more}".strip()) for name, more in
        (("auto", ""), *((f"{n}", f"--batch-size {n}") for n in (1, 16, 64, 250, 1024)))]),
    "batch-1k": dict(what="frames handed to the kernel together, 1,000 ports", sides=[
        (name, f"{lab.SYN} -p1-1000 {lab.bed.TARGET4} {more}".strip()) for name, more in
        (("auto", ""), ("1", "--batch-size 1"), ("16", "--batch-size 16"), ("64", "--batch-size 64"),
         ("1000", "--batch-size 1000"))]),
    "backend-1k": dict(what="socket of a small scan", sides=[
        (name, f"{lab.SYN} -p1-1000 {lab.bed.TARGET4} --tx-backend {name}") for name in ("rawip", "afpacket", "txring")]),
    "backend-64k": dict(what="way out of a large scan", profile="blackhole", sides=[
        (name, f"{ONCE} --tx-backend {name}") for name in ("afpacket", "rawip", "txring", "xdp")]),
    "threads": dict(what="worker threads", sides=[(f"{n}", f"{SYN_64K} --threads {n}") for n in (1, 2)]),
    "connect-backend": dict(what="how many sockets are driven", sides=[
        (name, f"{lab.CONNECT} -p1-1000 127.0.0.0/28 --connect-backend {name}") for name in ("io_uring", "epoll")]),
    "limiter": dict(what="cost of a cap that is never reached", profile="blackhole", sides=[
        ("none", ONCE), ("cap", f"{ONCE} --max-rate 100000000")]),
    "sample": dict(what="asking answered ports again to measure coverage", sides=[
        ("with", SYN_64K), ("without", f"{SYN_64K} --coverage-sample 0")]),
    "files": dict(what="results of 16,000 ports to files", sides=[
        ("none", f"{lab.SYN} -p1-1000 198.18.0.0/28"), ("all formats", f"{lab.SYN} -p1-1000 198.18.0.0/28 -oA {{out}}/scan"),
        ("event log", f"{lab.SYN} -p1-1000 198.18.0.0/28 --event-log {{out}}/log")]),
    "version-parallel": dict(what="connections to a port at once while it is asked for its service", sides=[
        (f"{n}", f"{lab.SYN} -sV -p{lab.SERVICE_PORTS} {lab.bed.TARGET4} --version-parallel {n}") for n in (2, 1, 4, 8)]),
}


def interval(ratios):
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return round(medians[50], 4), round(medians[1949], 4)


def whole_process(network, binary, arguments):
    with tempfile.TemporaryDirectory(prefix="prtip-lab-") as out:
        os.chmod(out, 0o777)
        start = time.monotonic()
        cpu_s, _ = measure.run(network, [binary, *arguments.format(out=out).split()])
        return cpu_s, time.monotonic() - start


def switch(network, part, row, options):
    """Records of one row; a side that this machine cannot run is left out with its reason."""
    network.profile(row.get("profile", "plain"))
    sides, cpu, wall = dict(row["sides"]), {}, {}
    binaries = row.get("binaries", {})
    for name in list(sides):  # warms caches, and shows what does not run here
        try:
            whole_process(network, binaries.get(name, options.prtip), sides[name])
        except RuntimeError as error:
            yield dict(type="skipped", part=part, side=name, why=str(error).strip().splitlines()[-1][:200])
            del sides[name]
    for _ in range(options.runs):
        for name, arguments in sides.items():
            seconds = whole_process(network, binaries.get(name, options.prtip), arguments)
            cpu.setdefault(name, []).append(round(seconds[0], 6))
            wall.setdefault(name, []).append(round(seconds[1], 6))
    first = next(iter(sides))
    for name, arguments in sides.items():
        ratios = {kind: [b / a for a, b in zip(times[first], times[name])] for kind, times in (("cpu", cpu), ("wall", wall))}
        yield dict(type="row", part=part, side=name, what=row["what"], command="prtip " + arguments.format(out="DIR"),
                   runs=options.runs, cpu_s=statistics.median(cpu[name]), wall_s=statistics.median(wall[name]),
                   cpu_runs=cpu[name], wall_runs=wall[name], cpu_ratio=round(statistics.median(ratios["cpu"]), 4),
                   cpu_interval=interval(ratios["cpu"]), wall_ratio=round(statistics.median(ratios["wall"]), 4),
                   wall_interval=interval(ratios["wall"]), of=first)


def allocations(network, part, options):
    """Calls of malloc between a small and a large scan, divided by the packets and by the results between them."""
    network.profile("plain")
    with tempfile.TemporaryDirectory(prefix="prtip-lab-") as name:
        directory = pathlib.Path(name)
        library = measure.counter_library(directory)
        for kind, small, large, more_units, unit in (
                ("-sS", f"-p1-1000 {lab.bed.TARGET4}", f"-p- {lab.bed.TARGET4}", 64535, "packet"),
                ("-sT", f"-p1-1000 {lab.bed.TARGET4}", f"-p- {lab.bed.TARGET4}", 64535, "packet"),
                ("-sS", "-p1-100 198.18.0.0/28", "-p1-100 198.18.0.0/22", 1008, "host")):
            counted = []
            for arguments in (small, large):
                file = directory / "counted"
                measure.run(network, [options.prtip, kind, "-n", "-Pn", "--threads", "1", *arguments.split()],
                            dict(LD_PRELOAD=str(library), ALLOC_COUNT_FILE=str(file)))
                counted.append(int(file.read_text().split()[0]))
            yield dict(type="row", part=part, side=f"{kind}, by {unit}", small=f"{kind} {small}", large=f"{kind} {large}",
                       allocations_small=counted[0], allocations_large=counted[1], more_units=more_units, unit=unit,
                       allocations_per_unit=round((counted[1] - counted[0]) / more_units, 6))


def checksum(network, part, options):
    with tempfile.TemporaryDirectory(prefix="prtip-lab-") as directory:
        program = os.path.join(directory, "csum")
        subprocess.run(["cc", "-std=gnu17", "-O3", f"-I{lab.ROOT / 'src'}", str(lab.HERE / "csum.c"), "-o", program,
                        f"{options.build}/src/wire/libwire.a", f"{options.build}/src/base/libbase.a"], check=True)
        done = subprocess.run([program], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        yield dict(type="row", **json.loads(line))


def patterns(network, part, options):
    """bench/match.c: an answer named with nothing compiled, with everything compiled that it needs, in turn in each run."""
    rows = {}
    for _ in range(options.runs):
        done = subprocess.run([f"{options.build}/bench/bench_match"], capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            row = json.loads(line)
            rows.setdefault(row["name"], []).append(row)
    ratios = [warm["ns_median"] / cold["ns_median"] for warm, cold in zip(rows["matcher_warm"], rows["matcher_cold"])]
    for name, runs in rows.items():
        row = dict(runs[0], type="row", part=part)
        if "ns_median" in row:
            medians = [r["ns_median"] for r in runs]
            row |= dict(runs=len(runs), ns_median=statistics.median(medians), ns_runs=medians, interval=interval(medians),
                        ns_p95=statistics.median(r["ns_p95"] for r in runs))
        if name == "matcher_warm":
            row |= dict(of_cold=round(statistics.median(ratios), 4), of_cold_interval=interval(ratios))
        yield row


def metered(network, part, options):
    """Instructions in user space of a scan without --profile, by callgrind, and how often it asks whether it has a meter: as
    often as a scan with one calls it."""
    network.profile("plain")
    for name, arguments in (("1,000 ports", f"{lab.SYN} -p1-1000 {lab.bed.TARGET4}"), ("all ports", SYN_64K)):
        with tempfile.TemporaryDirectory(prefix="prtip-lab-") as directory:
            counted = []
            for more in ([], ["--profile", f"{directory}/profile"]):
                file = pathlib.Path(directory) / "calls"
                measure.run(network, [*measure.VALGRIND, "--tool=callgrind", f"--callgrind-out-file={file}", options.prtip,
                                      *arguments.split(), "--threads", "1", "--tx-backend", "rawip", *more])
                counted.append(callgrind(file.read_text()))
        (total, asked_off), (_, asked_on) = counted
        yield dict(type="row", part=part, side=name, command=f"prtip {arguments} --threads 1 --tx-backend rawip", instructions=total,
                   meter_calls_off=asked_off, meter_calls_on=asked_on, share=round(asked_on * METER_CHECK / total, 7))


def indexes(network, part, options):
    """The matcher's indexes made on a thread of their own while ports are scanned, or when the first answer comes."""
    arguments = f"{lab.SYN} -sV -p{lab.SERVICE_PORTS} {lab.bed.TARGET4}"
    yield from switch(network, part, dict(what="where the matcher's indexes are made: two revisions", sides=[
        ("beside the scan", arguments), ("at the first answer", arguments)],
        binaries={"beside the scan": options.after, "at the first answer": options.before}), options)


def callgrind(text):
    """(instructions, calls of meter_part and the others that are asked in a worker's loop) of a file of callgrind's."""
    names, calls, called = {}, 0, None
    for line in text.splitlines():
        match = re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line)
        if match:
            names[match.group(1)] = match.group(2) or names[match.group(1)]
            called = names[match.group(1)] if line.startswith("cfn=") else called
        elif line.startswith("calls=") and called in METER_CALLS:
            calls += int(line[6:].split()[0])
    return int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1)), calls


PARTS = {"checksum": checksum, "allocations": allocations, "patterns": patterns, "metered": metered, "indexes": indexes}
#: a call, a test and a return at most: the checks of meter_mark are in line
METER_CHECK, METER_CALLS = 6, ("meter_part", "meter_sent", "meter_received", "meter_ring")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--parts")
    parser.add_argument("--before")
    parser.add_argument("--after")
    parser.add_argument("--out", type=pathlib.Path, default=lab.RESULTS / "experiments.jsonl")
    parser.add_argument("--prtip", default=lab.PRTIP)
    parser.add_argument("--build", default=str(lab.ROOT / "build-profile"))
    options = parser.parse_args()
    has_both = options.before and options.after
    wanted = options.parts.split(",") if options.parts else [p for p in (*PARTS, *SWITCHES) if p != "indexes" or has_both]
    if "indexes" in wanted and not has_both:
        sys.exit("experiments.py: indexes: --before and --after name the builds")
    unknown = set(wanted) - set(PARTS) - set(SWITCHES)
    if unknown:
        sys.exit(f"experiments.py: no such part: {', '.join(sorted(unknown))}")
    records = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    with lab.Lab() as network:
        for part in wanted:
            rows = list(PARTS[part](network, part, options) if part in PARTS else switch(network, part, SWITCHES[part], options))
            records = [r for r in records if r["part"] != part]
            records += [dict(type="machine", part=part, version=lab.version(options.prtip), **machine_facts()), *rows]
            for r in rows:
                print(json.dumps({key: value for key, value in r.items() if not key.endswith("_runs")}), flush=True)
            options.out.write_text("".join(json.dumps(r) + "\n" for r in records))


if __name__ == "__main__":
    main()
