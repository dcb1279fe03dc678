#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--profile DIR: its numbers are the scan's, add up, and the page is one file that fetches nothing."""
import html.parser
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

PARTS = ["starting", "publishing", "building", "sending", "waiting", "receiving", "matching", "timers", "closing"]
STAGES = ["initializing", "resolving_targets", "discovering_hosts", "scanning_ports", "detecting_services", "finalizing"]
VOID = {"meta", "rect", "path", "br"}


class Page(html.parser.HTMLParser):
    """Which elements there are, whether they nest, what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.faults, self.links = [], [], [], []
        self.feed(text)
        self.faults += self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "data", "srcset", "action")]
        if tag not in VOID or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"/{tag}")


def profiled(bed, directory, *options):
    """(profile, page, summary, ports) of a scan."""
    out = directory / "profile"
    done = bed.scanner.run([suite.PRTIP, "-n", "-oJ", "-", "--profile", str(out), *options], 60)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    told = json.loads((out / "profile.json").read_text())
    return told, (out / "profile.html").read_text(), suite.json_summary(done.stdout), suite.json_records(done.stdout, "port")


def check_hist(cases, name, hist):
    cases.equal(f"{name}: buckets hold all", sum(n for _, _, n in hist["buckets"]), hist["n"])
    ends = [end for lo, hi, _ in hist["buckets"] for end in (lo, hi)]
    cases.check(f"{name}: buckets rise, quantiles too", ends == sorted(ends) and
                hist["p50"] <= hist["p90"] <= hist["p99"] <= hist["max"], hist)


def check_sums(cases, name, told, summary):
    """Times are parts of the whole; packets are the summary's."""
    stages = {s["stage"]: s["wall_s"] for s in told["stages"]}
    cases.equal(f"{name}: stages", list(stages), STAGES)
    cases.check(f"{name}: stages add up to the scan", abs(sum(stages.values()) - told["elapsed_s"]) < 1e-6, told["stages"])
    cases.check(f"{name}: processor time of stages too", abs(sum(s["cpu_s"] for s in told["stages"]) - told["cpu_s"]) < 1e-6, told)
    cases.equal(f"{name}: packets are the summary's", [(told[key], sum(w[key]["packets"] for w in told["workers"]))
                for key in ("sent", "received")], [(summary[key],) * 2 for key in ("sent", "received")])
    for worker in told["workers"]:
        spent = worker["spent_s"]
        cases.equal(f"{name}: parts", list(spent), PARTS)
        cases.check(f"{name}: a worker's parts are within the scan", 0 < sum(spent.values()) <= told["elapsed_s"] * 1.001, spent)
        cases.check(f"{name}: its processor time is within its parts, but for the clock's tick",
                    worker["user_s"] + worker["system_s"] <= sum(spent.values()) + 0.02, worker)
        ring = worker["event_ring"]
        cases.check(f"{name}: the ring is not fuller than it can be", ring["used"]["max"] <= ring["capacity"], ring)
        for hist in (worker["sent"]["at_once"], worker["received"]["at_once"], ring["used"]):
            check_hist(cases, name, hist)
    cases.check(f"{name}: threads are within the process", 0 < sum(t["cpu_s"] for t in told["threads"]) <= told["cpu_s"] + 0.02, told)


def check_page(cases, name, page, told):
    read = Page(page)
    cases.equal(f"{name}: the page nests, fetches nothing, runs nothing", (read.faults, read.links, "script" in read.tags), ([], [], False))
    cases.check(f"{name}: nothing is referred to by style", not re.search(r"url\(|@import", page), page[:500])
    cases.check(f"{name}: charts of stages, threads, workers, rings, round trips",
                read.tags.count("svg") >= 4 + len(told["workers"]) and read.tags.count("rect") > 20, read.tags.count("svg"))


def test_syn(cases, bed, directory):
    told, page, summary, ports = profiled(bed, directory, "-sS", "-Pn", "-p1-1000", "--batch-size", "100", "10.99.0.2")
    check_sums(cases, "syn", told, summary)
    check_page(cases, "syn", page, told)
    check_hist(cases, "syn: round trips", told["rtt_us"])
    timed = [p["rtt_us"] for p in ports if p.get("rtt_us")]
    # all have answered, and the host to ARP
    cases.check("syn: round trips of the ports", len(timed) <= told["rtt_us"]["n"] and 900 < told["rtt_us"]["n"] <= 1001,
                (len(timed), told["rtt_us"]["n"]))
    sent = [w["sent"] for w in told["workers"]]
    cases.check("syn: 100 packets a call at most, and nearly so", all(s["at_once"]["max"] <= 100 for s in sent) and
                sum(s["calls"] for s in sent) in range(10, 25), sent)
    cases.check("syn: time went into sending", all(w["spent_s"]["sending"] > 0 < w["spent_s"]["building"] for w in told["workers"]), told)


def test_waiting(cases, bed, directory):
    """Behind a cap the time goes into waiting."""
    told, _, summary, _ = profiled(bed, directory, "-sS", "-Pn", "-p1-100", "--max-rate", "200", "10.99.0.2")
    check_sums(cases, "cap", told, summary)
    worker = told["workers"][0]["spent_s"]
    cases.check("cap: nine tenths are waiting", worker["waiting"] > 0.9 * sum(worker.values()), worker)
    scanning = next(s for s in told["stages"] if s["stage"] == "scanning_ports")
    cases.check("cap: the stage is as long as the cap makes it", 0.4 < scanning["wall_s"] <= told["elapsed_s"], scanning)


def test_connect(cases, bed, directory):
    told, page, summary, _ = profiled(bed, directory, "-sT", "-Pn", "-p1-600", "10.99.0.2", "198.18.0.1")
    check_sums(cases, "connect", told, summary)
    check_page(cases, "connect", page, told)
    cases.check("connect: no calls are claimed", all("calls" not in w["sent"] for w in told["workers"]), told["workers"])


def test_detection(cases, bed, directory):
    """Discovery and services have their stages, and threads their names."""
    told, _, _, _ = profiled(bed, directory, "-sS", "-sV", "-p22,80", "10.99.0.2", "198.18.0.1-8")
    stages = {s["stage"]: s["wall_s"] for s in told["stages"]}
    cases.check("services: stages have times", all(stages[s] > 0 for s in STAGES if s != "discovering_hosts"), stages)
    cases.check("services: the thread that asks has a name", "prtip-services" in [t["name"] for t in told["threads"]], told["threads"])


def test_hostile_words(cases, bed, directory):
    """What the user typed is text in the page."""
    out = directory / "<b>&\"x"
    bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p22", "10.99.0.2", "--profile", str(out)], 60)
    page = (out / "profile.html").read_text()
    cases.equal("words: escaped", (Page(page).faults, "b" in Page(page).tags, "&lt;b&gt;" in page), ([], False, True))
    cases.equal("words: in JSON too", str(out) in json.loads((out / "profile.json").read_text())["args"].replace("\\", ""), True)


def test_refused(cases, bed, directory):
    (directory / "file").write_text("")
    full = directory / "full"
    full.mkdir()
    (full / "profile.json").symlink_to("/dev/full")
    for path, code in ((directory / "file", 1), (pathlib.Path("/nowhere/deep"), 1), (full, 3)):
        done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p22", "10.99.0.2", "--profile", str(path)], 60)
        cases.equal(f"{path.name}: exit code", done.returncode, code)
        cases.check(f"{path.name}: named", str(path) in done.stderr, done.stderr)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed, suite.scratch() as directory:
        listeners = [bed.target.listen(port) for port in (22, 80)]
        code = suite.run([test_syn, test_waiting, test_connect, test_detection, test_hostile_words, test_refused], bed, directory)
    sys.exit(code)
