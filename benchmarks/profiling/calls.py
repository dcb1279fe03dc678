# SPDX-License-Identifier: GPL-3.0-or-later
"""What strace -f -yy wrote, as calls: name, thread, object, result; and their statistics. Packets a call are the result of
sendmmsg, recvmmsg, io_uring_enter, and one for calls that move one packet."""
import re
import statistics

LINE = re.compile(r"^(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$", re.S)
RESULT = re.compile(r" = (-?\d+)")
MANY = {"sendmmsg": "sent", "recvmmsg": "received", "io_uring_enter": "submitted"}
ONE = {"sendto": "sent", "sendmsg": "sent", "recvfrom": "received", "recvmsg": "received"}
WRITES = ("write", "writev", "pwrite64", "pwritev")
#: how often these are called depends on how long things took
WAITS = ("clock_nanosleep", "ppoll", "poll", "futex", "epoll_wait", "epoll_pwait", "epoll_pwait2", "sched_yield", "restart_syscall")
TRIM_LINES = 400


def parse(text):
    """[dict(name, thread, object, result)] in the order in which they began; unfinished ones without a result."""
    found, pending = [], {}
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        thread, name, rest, resumed, tail = match.groups()
        if name:
            call = dict(name=name, thread=thread, object="", result=None)
            place = re.match(r"\d+<(.*?)>(?:,|\)| <)", rest)
            call["object"] = place.group(1) if place else ""
            found.append(call)
            if rest.rstrip().endswith("<unfinished ...>"):
                pending[thread, name] = call
                continue
        else:
            call, rest = pending.pop((thread, resumed), None), tail
            if call is None:
                continue
        result = RESULT.findall(rest)
        call["result"] = int(result[-1]) if result else None
    return found


def is_network(call):
    return not call["object"].startswith(("NETLINK", "UNIX"))


def is_file(call):
    return call["name"] in WRITES and call["object"].startswith("DIR")


def packets(call):
    """(way, packets) of a call that moved some, else None."""
    if call["result"] is None or not is_network(call):
        return None
    if call["name"] == "connect":  # begun, whatever the outcome
        return ("connects", 1)
    if call["result"] < 0:
        return None
    if call["name"] in MANY:
        return (MANY[call["name"]], call["result"]) if call["result"] else None
    return (ONE[call["name"]], 1) if call["name"] in ONE else None


def by_way(calls):
    """Calls that moved packets, writes to files, waits, and all but waits: {"calls_sent": n, ...}"""
    waits = sum(call["name"] in WAITS for call in calls)
    found = dict(calls=len(calls) - waits, waits=waits)
    for call in calls:
        moved = packets(call)
        key = f"calls_{moved[0]}" if moved else "calls_file_write" if is_file(call) else None
        if key:
            found[key] = found.get(key, 0) + 1
    return found


def numbers(values):
    return dict(calls=len(values), sum=sum(values), mean=round(statistics.mean(values), 2), median=statistics.median(values),
                min=min(values), max=max(values))


def batches(every):
    """{way by call: statistics of packets a call} over all runs."""
    found = {}
    for calls in every:
        for call in calls:
            moved = packets(call)
            if moved:
                found.setdefault(f"{moved[0]} by {call['name']}", []).append(moved[1])
    return {key: numbers(found[key]) for key in sorted(found)}


def writes(every):
    """Writes to the scan's files: bytes a call, and how many were made by the thread that also sends."""
    sizes, by_sender, senders = [], 0, 0
    for calls in every:
        sending = {call["thread"] for call in calls if (packets(call) or ("", 0))[0] in ("sent", "submitted", "connects")}
        senders += len(sending)
        for call in calls:
            if is_file(call) and call["result"] is not None and call["result"] >= 0:
                sizes.append(call["result"])
                by_sender += call["thread"] in sending
    return dict(numbers(sizes), by_sending_thread=by_sender) if sizes else None


def names(every):
    """{system call: calls in a run, the median over runs}, most frequent first."""
    tables = []
    for calls in every:
        table = {}
        for call in calls:
            table[call["name"]] = table.get(call["name"], 0) + 1
        tables.append(table)
    every_name = set().union(*tables)
    medians = {name: statistics.median(table.get(name, 0) for table in tables) for name in every_name}
    return {name: medians[name] for name in sorted(medians, key=lambda name: (-medians[name], name))}


def trimmed(text):
    """The first and last lines where there are many, lines cut at 300 characters."""
    lines = [line if len(line) <= 300 else line[:297] + "..." for line in text.splitlines()]
    if len(lines) > TRIM_LINES:
        half = TRIM_LINES // 2
        lines[half:-half] = [f"... {len(lines) - 2 * half} lines left out ..."]
    return "\n".join(lines) + "\n"
