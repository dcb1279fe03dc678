# SPDX-License-Identifier: GPL-3.0-or-later
"""What an OS test found, read from nmap's or our XML, and where two of them differ."""
import re
import xml.etree.ElementTree as ElementTree

SIGHTED = {"OT", "CT", "PV", "DS", "DC", "DG", "G"}  # of the SCAN line: what is not version, time or machine


class Result:
    """One host: matches as (name, accuracy), tests as {name: {attribute: value}}, the SCAN line apart."""

    def __init__(self, fingerprint, host=()):
        self.host = host
        self.matches = [(m.get("name"), int(m.get("accuracy"))) for m in host.iter("osmatch")] if host else []
        self.tests = {name: dict(a.split("=", 1) for a in body.split("%") if a) for name, body in
                      re.findall(r"([A-Z0-9]+)\(([^)]*)\)", fingerprint.replace("OS:", "").replace("\n", ""))}
        self.scan = {k: v for k, v in self.tests.pop("SCAN", {}).items() if k in SIGHTED}

    def best(self):
        """Names of the highest accuracy."""
        return {name for name, accuracy in self.matches if accuracy == self.matches[0][1]}

    def is_perfect(self):
        return bool(self.matches) and self.matches[0][1] == 100


def read(text):
    """{address: Result} of XML."""
    found = {}
    for host in ElementTree.fromstring(text).iter("host"):
        element = host.find("os/osfingerprint")
        found[host.find("address").get("addr")] = Result("" if element is None else element.get("fingerprint"), host)
    return found


def read_lines(text):
    """The one fingerprint among what is printed for people: lines that begin with OS:."""
    return Result("\n".join(line for line in text.splitlines() if line.startswith("OS:")))


def is_near(attribute, ours, theirs, isr):
    """Values that no two tests of a host share: close by what each means. GCD of random numbers is small; ISR and SP are
    logarithms in eighths, and a spread far below the rate is the scanner's own timing."""
    a, b = int(ours, 16), int(theirs, 16)
    if attribute == "GCD":
        return a == b or max(a, b) < 10
    return abs(a - b) <= 24 or attribute == "SP" and max(a, b) < isr - 20


def differences(ours, theirs, ignored=()):
    """[(test, attribute, ours, theirs)] of two results; None: it has none."""
    found = []
    isr = int(theirs.tests.get("SEQ", {}).get("ISR", "0"), 16)
    for test in sorted({*ours.tests, *theirs.tests}):
        a, b = ours.tests.get(test, {}), theirs.tests.get(test, {})
        for attribute in sorted({*a, *b}):
            x, y = a.get(attribute), b.get(attribute)
            if x == y or (test, attribute) in ignored:
                continue
            if test == "SEQ" and attribute in ("SP", "GCD", "ISR") and x and y and is_near(attribute, x, y, isr):
                continue
            found.append((test, attribute, x, y))
    return found
