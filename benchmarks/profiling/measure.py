# SPDX-License-Identifier: GPL-3.0-or-later
"""One scenario, one kind of profile (profile-scenario.sh calls this): numbers to NAME-TYPE.json, what tools wrote beside it.

cpu     perf at a fixed rate with kernel stacks; short scans are repeated until there are samples enough -> flamegraphs/
memory  heap peaks by massif, leaks by memcheck, calls of malloc by a preloaded counter -> massif/
io      system calls by strace, packets a call, bytes a write -> strace/
Every count is taken in each of the runs; what differs by 10 % or more between them is said so in the result.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import calls
import flamegraph
import lab
from machine import machine_facts

SPREAD_MAX = 0.10
BY_TIME = ("waits",)  # counts that a slow machine changes: recorded, not held to the limit
SAMPLES = 500
REPEATS_MAX = 3000
SENDS = "tx_batch"  # a frame is built below it; the same files read answers elsewhere
TIMEOUT_S = 600
VALGRIND = ["valgrind", "--vgdb=no"]
MASSIF = [*VALGRIND, "--tool=massif", "--max-snapshots=30", "--detailed-freq=10", "--depth=10", "--threshold=2.0"]
MEMCHECK = [*VALGRIND, "--leak-check=full", "--show-leak-kinds=definite,indirect,possible", "--num-callers=12"]


def spread(values):
    """Largest difference as a part of the median."""
    middle = statistics.median(values)
    return 0.0 if max(values) == min(values) else (max(values) - min(values)) / middle if middle else 1.0


def counts(runs):
    """{name: {runs, median, spread, is_steady}} of the numbers that each run has."""
    found = {}
    for key in runs[0]:
        values = [run[key] for run in runs]
        found[key] = dict(runs=values, median=statistics.median(values), spread=round(spread(values), 4),
                          is_steady=spread(values) < SPREAD_MAX)
    return found


def run(network, command, environment=None):
    """To the end in the scanner's namespace; (CPU seconds, text). A scan that fails is an error."""
    with network.scanner.entered(), tempfile.TemporaryFile("w+") as text:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=text,
                                   env=dict(os.environ, **environment or {}))
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        text.seek(0)
        said = text.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}: {said[-2000:]}")
    return usage.ru_utime + usage.ru_stime, said


def plain(text):
    """Without the names of this machine's directories."""
    return text.replace(lab.PRTIP, "prtip").replace(str(lab.ROOT.resolve()), ".")


# CPU

def is_kernel(library):
    return library.startswith(("[", "bpf_prog_")) and library not in ("[unknown]", "[vdso]")


def suffix(library):
    """Whose function it is, where it is not ours."""
    if is_kernel(library):
        return "_[k]"
    return "" if library == os.path.realpath(lab.PRTIP) else f" [{os.path.basename(library).strip('[]')}]"


def descendants(text, root):
    """Processes that perf script --show-task-events tells of as @root's children and their children, in order of birth."""
    found = {root}
    for pid, parent in re.findall(r"PERF_RECORD_FORK\((\d+):\d+\):\((\d+):\d+\)", text):
        if int(parent) in found:
            found.add(int(pid))
    return found - {root}


def perf_stacks(text, pids):
    """{frames from the root, the thread's name first: samples} of what perf script says of the processes @pids."""
    stacks = {}
    for block in text.split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if "PERF_RECORD_" not in line]
        head = re.match(r"\s*(\S+).*?\s(\d+)\s*$", lines[0]) if lines else None
        if not head or int(head.group(2)) not in pids:
            continue
        frames = []
        for line in lines[1:]:
            match = re.match(r"\s*[0-9a-f]+ (.*) \((.*)\)$", line)
            if match:
                name = re.sub(r"\.(constprop|part|isra|cold|lto_priv)\b.*", "", match.group(1)).replace(";", ":")
                frames.append(name + suffix(match.group(2)))
        if not frames or head.group(1) in ("sh", "mkdir", "rm", "perf-exec"):
            continue
        key = (head.group(1), *reversed(frames))
        stacks[key] = stacks.get(key, 0) + 1
    return stacks


def share_table(stacks, places, n_max=200):
    """Functions by inclusive samples: name, self and inclusive shares, file."""
    total = sum(stacks.values())
    inclusive, own, where = {}, {}, {}
    for frames, count in stacks.items():
        for name in set(frames[1:]):
            inclusive[name] = inclusive.get(name, 0) + count
            where[name] = where.get(name) or lab.place(frames, frames.index(name), places)
        own[frames[-1]] = own.get(frames[-1], 0) + count
    ranked = sorted(inclusive, key=lambda name: (-inclusive[name], name))[:n_max]
    ranked += [name for name in sorted(own, key=lambda name: (-own[name], name))[:25] if name not in ranked]
    return [dict(function=name, inclusive=round(inclusive[name] / total, 5), own=round(own.get(name, 0) / total, 5),
                 place=where[name]) for name in ranked if inclusive[name] / total >= 0.004]


def files_of(user, places, below=None):
    """Share of user-space samples whose leaf is in a file of src/, else in 'libraries'; with @below those alone that this
    function has called."""
    total, found = sum(user.values()), {}
    for frames, count in user.items():
        if below and below not in frames[:-1]:
            continue
        place = lab.place(frames, len(frames) - 1, places) or "libraries"
        found[place] = found.get(place, 0) + count
    return {place: round(found[place] / total, 5) for place in sorted(found, key=found.get, reverse=True)} if total else {}


def shares(stacks):
    """Samples, those whose innermost function is in user space, and whose they are."""
    user, places = {frames: count for frames, count in stacks.items() if not frames[-1].endswith("_[k]")}, lab.places()
    return dict(samples=sum(stacks.values()), user_samples=sum(user.values()), functions=share_table(stacks, places),
                user_functions=share_table(user, places), user_files=files_of(user, places),
                user_files_sending=files_of(user, places, SENDS))


def repeats_for(network, name, out, rate, wanted):
    run(network, lab.argv(name, out))
    cpu_s = max(run(network, lab.argv(name, out))[0], 1e-4)
    return max(1, min(REPEATS_MAX, round(1.2 * wanted / (cpu_s * rate))))


def perf_once(network, name, repeats, rate, directory):
    """
    All processors are sampled, and the scans' samples taken out. A clock of the scans' own begins anew with each process, so
    that one of a few milliseconds would be looked at after the same times again and again, or never.
    """
    data, out = directory / "perf.data", directory / "out"
    root = out.with_name("out.pid")
    loop = ('echo $$ >"$2".pid; n=$1; out=$2; shift 2; '
            'while [ $n -gt 0 ]; do rm -rf "$out"; mkdir "$out"; "$@" || exit 1; n=$((n-1)); done')
    before = network.packets(lab.iface(name))
    run(network, ["perf", "record", "-q", "-N", "-B", "-a", "-F", str(rate), "--call-graph", "fp", "-o", str(data), "sh", "-c",
                  loop, "sh", str(repeats), str(out), *lab.argv(name, out)])
    packets = network.packets(lab.iface(name)) - before
    text = subprocess.run(["perf", "script", "-i", str(data), "--show-task-events", "-F", "comm,pid,ip,sym,dso"],
                          capture_output=True, text=True, check=True).stdout
    return perf_stacks(text, descendants(text, int(root.read_text()))), packets / repeats


def differences(graphs, name):
    """The differential graphs that @name is a side of, once both sides are there."""
    for graph, (after, before, what) in lab.DIFFERENCES.items():
        sides = [graphs / f"{side}.folded" for side in (after, before)]
        if name in (after, before) and all(side.exists() for side in sides):
            stacks = [flamegraph.read_folded(side.read_text().splitlines()) for side in sides]
            (graphs / f"{graph}.svg").write_text(flamegraph.render(what, *stacks))


def cpu(network, name, options, directory):
    repeats = repeats_for(network, name, directory, options.sampling_rate, options.samples / options.runs)
    stacks, runs = {}, []
    for _ in range(options.runs):
        more, packets = perf_once(network, name, repeats, options.sampling_rate, directory)
        for key, count in more.items():
            stacks[key] = stacks.get(key, 0) + count
        runs.append(dict(packets=round(packets, 1)))
    graphs = options.output_dir / "flamegraphs"
    graphs.mkdir(parents=True, exist_ok=True)
    folded = "".join(f"{';'.join(key)} {count}\n" for key, count in sorted(stacks.items()))
    (graphs / f"{name}.folded").write_text(folded)
    (graphs / f"{name}.svg").write_text(flamegraph.render(f"{name}: {lab.command_text(name)}", stacks))
    differences(graphs, name)
    return dict(sampling_hz=options.sampling_rate, scans_per_run=repeats, counts=counts(runs), **shares(stacks))


# Memory

def counter_library(directory):
    library = directory / "alloc_count.so"
    subprocess.run(["cc", "-std=gnu17", "-O2", "-fPIC", "-shared", "-fno-builtin", "-o", str(library),
                    str(lab.ROOT / "tests" / "support" / "alloc_count.c")], check=True)
    return library


def massif_peak(text):
    """Bytes of heap, and of them what malloc itself needs, in the largest snapshot."""
    sizes = [(int(a), int(b)) for a, b in re.findall(r"^mem_heap_B=(\d+)\nmem_heap_extra_B=(\d+)", text, re.M)]
    return max(sizes, key=sum)


def peak_sites(text, n_max=8):
    """[bytes, function, file] of what the peak consists of: the first function above the allocator, largest first; the file
    is "in " where there are no symbols."""
    base = {path.name for path in (lab.ROOT / "src" / "base").glob("*.c")}
    peak, found, inside = text.split("heap_tree=peak", 1)[-1].split("#-----------", 1)[0], {}, {}
    for indent, size, function, file in re.findall(r"^( +)n\d+: (\d+) 0x[0-9A-F]+: (\w+) \((\w+\.[ch]|in )", peak, re.M):
        inside = {depth: name for depth, name in inside.items() if depth < len(indent)}
        if file not in base and not inside:
            found[function, file] = found.get((function, file), 0) + int(size)
            inside[len(indent)] = function
    return sorted(([size, *site] for site, size in found.items()), reverse=True)[:n_max]


def leaks(text):
    """Bytes by kind, errors; memcheck leaves the summary out where nothing is left."""
    found = {kind: 0 for kind in ("definitely", "indirectly", "possibly")}
    for kind in found:
        match = re.search(rf"{kind} lost: ([\d,]+) bytes", text)
        found[kind] = int(match.group(1).replace(",", "")) if match else 0
    reachable = re.search(r"still reachable: ([\d,]+) bytes", text)
    errors = re.search(r"ERROR SUMMARY: (\d+) errors", text)
    return dict(found, reachable=int(reachable.group(1).replace(",", "")) if reachable else 0, errors=int(errors.group(1)))


def fresh(directory):
    out = pathlib.Path(tempfile.mkdtemp(dir=directory))
    os.chmod(out, 0o777)
    return out


def memory(network, name, options, directory):
    library, kept = counter_library(directory), options.output_dir / "massif"
    kept.mkdir(parents=True, exist_ok=True)
    runs, texts = [], []
    for n in range(options.runs):
        counted, massif = directory / f"counted{n}", directory / f"massif{n}"
        # the counter is preloaded in the scan alone: nothing between
        run(network, lab.argv(name, fresh(directory)), dict(LD_PRELOAD=str(library), ALLOC_COUNT_FILE=str(counted)))
        allocations, peak, _ = map(int, counted.read_text().split())
        run(network, [*MASSIF, f"--massif-out-file={massif}", *lab.argv(name, fresh(directory))])
        texts.append(plain(massif.read_text()).replace(str(directory), "DIR"))
        runs.append(dict(allocations=allocations, heap_peak_bytes=sum(massif_peak(texts[-1])), native_peak_bytes=peak))
    (kept / f"{name}.out").write_text(texts[0])
    log = directory / "memcheck"
    run(network, [*MEMCHECK, f"--log-file={log}", *lab.argv(name, fresh(directory))])
    text = plain(log.read_text())
    (kept / f"{name}.memcheck.txt").write_text(re.sub(r"^==\d+==", "==", text, flags=re.M))
    return dict(counts=counts(runs), peak_sites=peak_sites(texts[0]), leaks=leaks(text))


# Input and output

def io(network, name, options, directory):
    kept = options.output_dir / "strace"
    kept.mkdir(parents=True, exist_ok=True)
    runs, every, summary, detail = [], [], "", ""
    for n in range(options.runs):
        table, log = directory / f"table{n}", directory / f"detail{n}"
        run(network, ["strace", "-f", "-c", "-o", str(table), *lab.argv(name, fresh(directory))])
        before = network.packets(lab.iface(name))
        run(network, ["strace", "-f", "-yy", "-o", str(log), *lab.argv(name, fresh(directory))])
        packets = network.packets(lab.iface(name)) - before
        detail_text = plain(log.read_text(errors="replace")).replace(str(directory), "DIR")
        every.append(calls.parse(detail_text))
        runs.append(dict(packets=packets, **calls.by_way(every[-1])))
        summary, detail = summary or plain(table.read_text()), detail or detail_text
    (kept / f"{name}.summary.txt").write_text(summary)
    (kept / f"{name}.detail.txt").write_text(calls.trimmed(detail))
    keys = set().union(*runs)
    runs = [{key: r.get(key, 0) for key in sorted(keys)} for r in runs]
    return dict(counts=counts(runs), batches=calls.batches(every), writes=calls.writes(every), names=calls.names(every))


KINDS = dict(cpu=cpu, memory=memory, io=io)


def measured(network, name, kind, options):
    network.profile(lab.SCENARIOS[name].get("profile", "plain"))
    with tempfile.TemporaryDirectory(prefix="prtip-lab-") as directory:
        os.chmod(directory, 0o777)
        numbers = KINDS[kind](network, name, options, pathlib.Path(directory))
    result = dict(scenario=name, type=kind, what=lab.SCENARIOS[name]["what"], command=lab.command_text(name),
                  version=lab.version(), runs=options.runs, machine=machine_facts(), **numbers)
    path = options.output_dir / f"{name}-{kind}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    unsteady = [key for key, count in result["counts"].items() if not count["is_steady"] and key not in BY_TIME]
    medians = ", ".join(f"{key} {count['median']}" for key, count in result["counts"].items())
    print(f"{name} {kind}: {medians}" + (f"; spread of 10 % or more: {', '.join(unsteady)}" if unsteady else ""), flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="profile-scenario.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", help="a name of --list; several with commas between")
    parser.add_argument("--type", choices=KINDS)
    parser.add_argument("--output-dir", type=pathlib.Path, default=lab.RESULTS)
    parser.add_argument("--sampling-rate", type=int, default=99, metavar="HZ")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="cpu: samples wanted in all runs together")
    parser.add_argument("--list", action="store_true", help="the scenarios and their commands")
    options = parser.parse_args()
    if options.list:
        for name, row in lab.SCENARIOS.items():
            print(f"{name:18} {row['what']}\n{'':18} {lab.command_text(name)}")
        sys.exit(0)
    if not options.scenario or not options.type:
        parser.error("--scenario and --type are needed")
    if options.runs < 1 or options.samples < 1 or not 1 <= options.sampling_rate <= 20000:
        parser.error("--runs and --samples are at least 1, --sampling-rate 1 to 20000")
    options.scenarios = options.scenario.split(",")
    unknown = set(options.scenarios) - set(lab.SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))} (see --list)")
    return options


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("profile-scenario.sh: needs root, for network namespaces and kernel stacks")
    options.output_dir.mkdir(parents=True, exist_ok=True)
    with lab.Lab() as network:
        for name in options.scenarios:
            measured(network, name, options.type, options)


if __name__ == "__main__":
    main()
