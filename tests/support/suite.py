# SPDX-License-Identifier: GPL-3.0-or-later
"""What every integration test shares: case lines, exit codes 0, 1 and 77, the binary, readers of its output."""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import traceback
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PRTIP = os.environ.get("PRTIP", str(ROOT / "build" / "prtip"))
SKIPPED = 77


class Skip(Exception):
    """Raised by a case that this machine cannot run; names what is missing."""


class Cases:
    def __init__(self):
        self.counts = collections.Counter()

    def line(self, verdict, name, why=""):
        self.counts[verdict] += 1
        print(f"{verdict} {name}" + (f": {why}" if why else ""), flush=True)

    def check(self, name, is_true, why=""):
        self.line("ok" if is_true else "not ok", name, "" if is_true else str(why)[:1500])
        return bool(is_true)

    def equal(self, name, got, want):
        return self.check(name, got == want, difference(got, want))

    def skip(self, name, why):
        self.line("skipped", name, why)


def difference(got, want):
    if isinstance(got, (set, dict)) and isinstance(want, type(got)):
        items = (lambda x: set(x.items())) if isinstance(got, dict) else set
        with_errors = [f"only got {sorted(items(got) - items(want), key=repr)[:20]}",
                       f"only wanted {sorted(items(want) - items(got), key=repr)[:20]}"]
        return "; ".join(with_errors)
    return f"got {got!r}, want {want!r}"


def need_root():
    if os.geteuid() != 0:
        print("skipped: needs root for network namespaces")
        sys.exit(SKIPPED)


def need_tools(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        print(f"skipped: not installed: {' '.join(missing)}")
        sys.exit(SKIPPED)


def run(tests, *arguments):
    """Call every test with (cases, *arguments); an exception fails that test only. Returns the exit code."""
    cases = Cases()
    wanted = sys.argv[1:]
    for test in tests:
        name = test.__name__.removeprefix("test_")
        if wanted and name not in wanted:
            continue
        try:
            test(cases, *arguments)
        except Skip as skip:
            cases.skip(name, str(skip))
        except Exception:
            traceback.print_exc(file=sys.stdout)
            cases.line("not ok", name, "exception above")
    print(f"cases: {cases.counts['ok']} ok, {cases.counts['not ok']} not ok, {cases.counts['skipped']} skipped")
    return 1 if cases.counts["not ok"] else SKIPPED if not cases.counts["ok"] else 0


def worst(*codes):
    """One exit code for several runs: failed before passed before skipped."""
    return min(codes, key=(1, 0, SKIPPED).index)


@contextlib.contextmanager
def scratch():
    """A directory that anyone may read."""
    with tempfile.TemporaryDirectory(prefix="prtip-integ-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


# Readers

def port_list(text):
    """The numbers of "22,80-82"."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def xml_ports(text):
    """{(address, port): (state, reason)} of nmap's or our XML, ports that were summed up included."""
    found = {}
    for host in ElementTree.fromstring(text).iter("host"):
        address = host.find("address").get("addr")
        for port in host.iter("port"):
            state = port.find("state")
            found[address, int(port.get("portid"))] = (state.get("state"), state.get("reason"))
        for extra in host.iter("extraports"):
            for reason in extra.iter("extrareasons"):
                for number in port_list(reason.get("ports", "0")):
                    found[address, number] = (extra.get("state"), reason.get("reason"))
    return found


def xml_hosts(text):
    """{address: (state, reason)}."""
    return {host.find("address").get("addr"): (host.find("status").get("state"), host.find("status").get("reason"))
            for host in ElementTree.fromstring(text).iter("host")}


def json_records(text, kind=None):
    records = [json.loads(line) for line in text.splitlines()]
    return [record for record in records if kind in (None, record["type"])]


def json_ports(text):
    return {(r["address"], r["port"]): (r["state"], r["reason"]) for r in json_records(text, "port")}


def json_summary(text):
    return json_records(text, "summary")[-1]
