#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order and shards as the wire sees them: a seed repeats the order, shards cut the work without gap or overlap."""
import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite


def sent(bed, *options):
    """(address, port) of every SYN in order; each endpoint answers, so none is asked again."""
    with bed.target.capture("vb") as capture:
        done = bed.scanner.run([suite.PRTIP, "-sS", "-n", *options, "-oJ", "-"])
        probes = packet.syns(packet.parse(capture.stop()))
    if done.returncode != 0:
        raise RuntimeError(f"{options}: exit {done.returncode}: {done.stderr}")
    return [(p.dst, p.dport) for p in probes], done.stdout


def test_order(cases, bed):
    for what, options in (("one host", ["-p1-2000", "198.18.0.1"]), ("many hosts", ["-p1-20", "198.18.1.0/24"])):
        options = [*options, "-Pn", "--threads", "1", "--max-rate", "20000"]
        first, second, other = (sent(bed, *options, "--seed", seed)[0] for seed in ("7", "7", "8"))
        cases.check(f"{what}: the same seed sends in the same order", first == second, first[:5])
        cases.check(f"{what}: another seed in another", first != other and set(first) == set(other))
    several = ["-p1-20", "198.18.1.0/24", "-Pn", "--threads", "3", "--seed", "7", "-g", "7777"]
    a, b = (sent(bed, *several)[0] for _ in range(2))
    cases.equal("three threads: the same set, each once", collections.Counter(a), collections.Counter(b))


def test_union(cases, bed):
    wholes = {"few hosts": (["-p1-101", "198.18.0.1-3"], 303), "many hosts": (["-p1-7", "198.18.2.0/24"], 1792)}
    for what, (targets, n_all) in wholes.items():
        for n in (2, 3, 5):
            shares = [sent(bed, *targets, "-Pn", "--shard", f"{i}/{n}", "--threads", str(1 + i % 3))[0]
                      for i in range(1, n + 1)]
            counts = collections.Counter(sum(shares, []))
            cases.check(f"{what}, {n} shards: every endpoint once", len(counts) == n_all and
                        set(counts.values()) == {1}, (len(counts), counts.most_common(2)))
            sizes = [len(share) for share in shares]
            cases.check(f"{what}, {n} shards: even", max(sizes) - min(sizes) <= 7, sizes)


def test_discovery(cases, bed):
    """Shards of whole hosts look for their own hosts only."""
    seen = []
    for i in (1, 2, 3):
        with bed.target.capture("vb") as capture:
            done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-p80", "198.18.3.0/24", "--shard", f"{i}/3", "-oJ", "-"])
            probes = [p for p in packet.parse(capture.stop()) if p.is_incoming and p.kind in ("tcp", "icmp")]
        seen.append({p.dst for p in probes})
        cases.equal(f"shard {i}/3: the hosts asked are those reported", seen[-1],
                    {r["address"] for r in suite.json_records(done.stdout, "host")})
    cases.equal("each host is some shard's", len(set.union(*seen)), 256)
    cases.equal("and no other's", sum(map(len, seen)), 256)


def test_empty(cases, bed):
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p80", "198.18.0.1", "--shard", "2/3", "-oX", "-"])
    cases.equal("a shard without a part is a scan of nothing", (done.returncode, suite.xml_hosts(done.stdout)), (0, {}))
    cases.check("and says so", "shard 2/3 of these targets is empty" in done.stderr, done.stderr)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip")
    with netns.Bed() as bed:
        code = suite.run([test_order, test_union, test_discovery, test_empty], bed)
    sys.exit(code)
