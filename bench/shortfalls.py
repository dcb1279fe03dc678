# SPDX-License-Identifier: GPL-3.0-or-later
"""Goals that a result file says are missed, and why: bench/shortfalls.tsv has a cause for each, and the file that shows it.

A missed goal without a cause, a cause whose goal is met or no longer measured, and evidence that does not exist are findings;
so a goal cannot be missed silently, nor an excuse outlive its reason.
"""
import csv
import fnmatch

import frame

CAUSES = frame.HERE / "shortfalls.tsv"  # result file, row (a pattern), cause, evidence
NAMES = ("row", "name", "part", "bed", "backend", "tool", "rate_pps")


def name_of(record):
    return " ".join(str(record[key]) for key in NAMES if key in record)


def missed():
    """(result file, row, record) of each goal that was not met."""
    for path in sorted(frame.RESULTS.glob("*.jsonl")):
        for record in frame.read(path)[1]:
            if record.get("is_met") is False:
                yield path.stem, name_of(record), record


def causes():
    with open(CAUSES, newline="") as lines:
        return [row for row in csv.reader(lines, delimiter="\t") if row and not row[0].startswith("#")]


def explained():
    """(rows of the table: result file, row, record, cause, evidence; findings)."""
    rows, findings, used = [], [], set()
    known = causes()
    for stem, name, record in missed():
        found = [i for i, (file, pattern, _, _) in enumerate(known) if file == stem and fnmatch.fnmatchcase(name, pattern)]
        used.update(found)
        if not found:
            findings.append(f"bench/shortfalls.tsv has no cause for the missed goal: {stem}, {name}")
            continue
        rows.append((stem, name, record, *known[found[0]][2:]))
    for i, (file, pattern, _, evidence) in enumerate(known):
        if i not in used:
            findings.append(f"bench/shortfalls.tsv: no goal of {file} is missed by {pattern}")
        if not (frame.ROOT / evidence).exists():
            findings.append(f"bench/shortfalls.tsv: {evidence} does not exist")
    return rows, findings
