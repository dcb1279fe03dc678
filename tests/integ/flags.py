#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A case for every spelling of the option table, which fails when the flag is ignored; none may be without one.
The cases are in flagcases/.

Arguments are spellings to try, such as --max-rate; without any, all."""
import contextlib
import importlib
import pathlib
import queue
import sys
from concurrent import futures

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE / "flagcases")]
import flagcase
import netns
import suite
from flagcase import CASES

for path in sorted((HERE / "flagcases").glob("*.py")):
    importlib.import_module(path.stem)
ONLY = set()
BEDS = 4


def test_complete(cases, beds, directory):
    cases.equal("every option of the table has a case, and no case is left over", set(CASES), set(flagcase.spellings()))


def verdict(bed, directory, spelling):
    """(had its effect, why not): one broken flag must not hide the others."""
    own = directory / ("case" + spelling)
    own.mkdir(mode=0o755)
    try:
        return CASES[spelling](bed, own, spelling), "no effect, or another one than documented"
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def test_effects(cases, beds, directory):
    """Cases mostly wait for time-outs: each bed that is free takes the next one."""
    free = queue.SimpleQueue()
    for bed in beds:
        free.put(bed)

    def turn(spelling):
        bed = free.get()
        try:
            return verdict(bed, directory, spelling)
        finally:
            free.put(bed)
    wanted = [spelling for spelling in CASES if spelling in ONLY or not ONLY]
    with futures.ThreadPoolExecutor(len(beds)) as pool:
        for spelling, (is_ok, why) in zip(wanted, pool.map(turn, wanted)):
            cases.check(spelling, is_ok, why)


def set_up(bed):
    for namespace in (bed.scanner, bed.target):
        namespace.hosts("127.0.0.1 localhost\n198.18.0.1 both.test\nfd98::1 both.test\n198.18.99.1 silent.test\n")
    bed.scanner.sh("ip addr add 10.99.0.88/24 dev va")
    bed.scanner.sh("ip -6 addr add fd99::88/64 dev va nodad")
    bed.scanner.sh("ip link add vx type veth peer name vy")
    bed.scanner.sh("ip link set vx up")
    bed.scanner.sh("ip link set vy up")
    bed.scanner.sh("ip addr add 10.97.0.1/24 dev vx")
    flagcase.filter_usual(bed)
    return [bed.target.listen(port) for port in (22, 80)]


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "setpriv", "strace")
    ONLY = set(sys.argv[1:]) & set(CASES)
    sys.argv = [sys.argv[0]] + ["effects"] * bool(ONLY) + [word for word in sys.argv[1:] if word not in ONLY]
    with contextlib.ExitStack() as stack, suite.scratch() as directory:
        beds = [stack.enter_context(netns.Bed()) for _ in range(BEDS)]
        listeners = [set_up(bed) for bed in beds]
        code = suite.run([test_complete, test_effects], beds, directory)
    sys.exit(code)
