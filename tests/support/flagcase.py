# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cases of tests/integ/flags.py share: their register, and ways to run prtip and read what it did."""
import os
import pathlib
import subprocess

import packet
import suite

CASES = {}
BOTH4 = ["198.18.0.1", "10.99.0.2"]


def flag(*spellings):
    """The decorated function gets (bed, directory, spelling) and returns whether the flag had its effect."""
    def register(function):
        for spelling in spellings:
            CASES[spelling] = function
        return function
    return register


def filter_usual(bed):
    bed.target.filter_input("tcp dport 9000-9019 drop", "udp dport 9000-9019 drop", "ip daddr 198.18.99.0/24 drop",
                            "ip daddr 198.18.0.77 numgen random mod 100 < 30 drop")


def run(bed, *options, code=0, namespace=None):
    done = (namespace or bed.scanner).run([suite.PRTIP, *options], 120)
    if code is not None and done.returncode != code:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}, want {code}: {done.stderr}")
    return done


def listed(bed, *options):
    return set(r["address"] for r in suite.json_records(run(bed, "-sL", "-n", *options, "-oJ", "-").stdout, "host"))


def ports(bed, *options):
    return suite.json_ports(run(bed, "-n", "-Pn", *options, "-oJ", "-").stdout)


def numbers(bed, *options):
    return {port for _, port in ports(bed, "-sS", *options, "10.99.0.2")}


def hosts(bed, *options):
    return {r["address"]: r for r in suite.json_records(run(bed, *options, "-oJ", "-").stdout, "host")}


def probes(bed, *options):
    with bed.target.capture("vb") as capture:
        run(bed, "-n", *options)
        return packet.syns(packet.parse(capture.stop()))


def summary(bed, *options):
    return suite.json_summary(run(bed, "-n", *options, "-oJ", "-").stdout)


def spellings():
    for directory in (pathlib.Path(suite.PRTIP).parent, pathlib.Path(os.environ.get("BUILD", "."))):
        if os.access(directory / "optgen", os.X_OK):
            return subprocess.run([directory / "optgen", "list"], capture_output=True, text=True,
                                  check=True).stdout.split()
    raise RuntimeError("optgen is neither beside the program nor in BUILD")
