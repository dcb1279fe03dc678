# SPDX-License-Identifier: GPL-3.0-or-later
"""JARM once more, from its published description, so that prtip's values have something to be compared with:
ten hellos, each on its own connection, and a hash over what the server picks. Nothing here is shared with src/."""
import hashlib
import os
import socket
import struct

SUITES = """0016 0033 0067 c09e c0a2 009e 0039 006b c09f c0a3 009f 0045 00be 0088 00c4 009a c008 c009 c023 c0ac c0ae c02b
c00a c024 c0ad c0af c02c c072 c073 cca9 1302 1301 cc14 c007 c012 c013 c027 c02f c014 c028 c030 c060 c061 c076 c077 cca8
1305 1304 1303 cc13 c011 000a 002f 003c c09c c0a0 009c 0035 003d c09d c0a1 009d 0041 00ba 0084 00c0 0007 0004
0005""".split()
#: names that stand together are moved together
NAMES = ["http/0.9", "http/1.0", "http/1.1", "spdy/1", "spdy/2", "spdy/3 h2", "h2c", "hq"]
RARE_NAMES = ["http/0.9", "http/1.0", "spdy/1", "spdy/2", "spdy/3", "h2c", "hq"]
GREASE = bytes.fromhex("3a3a")
#: record and hello version, order of suites, grease, names, versions offered, order of names and versions
HELLOS = [
    ("0303", "0303", "forward", False, NAMES, "0301 0302 0303", "reverse"),
    ("0303", "0303", "reverse", False, NAMES, "0301 0302 0303", "forward"),
    ("0303", "0303", "top half", False, NAMES, "", "forward"),
    ("0303", "0303", "bottom half", False, RARE_NAMES, "", "forward"),
    ("0303", "0303", "middle out", True, RARE_NAMES, "", "reverse"),
    ("0302", "0302", "forward", False, NAMES, "", "forward"),
    ("0301", "0303", "forward", False, NAMES, "0301 0302 0303 0304", "reverse"),
    ("0301", "0303", "reverse", False, NAMES, "0301 0302 0303 0304", "forward"),
    ("0301", "0303", "without 1.3", False, NAMES, "0301 0302 0303 0304", "forward"),
    ("0301", "0303", "middle out", True, NAMES, "0301 0302 0303 0304", "reverse"),
]


def arranged(items, order):
    half = len(items) // 2
    if order == "reverse":
        return items[::-1]
    if order == "bottom half":
        return items[half + len(items) % 2:]
    if order == "top half":
        return items[:half + len(items) % 2][::-1]
    if order == "middle out":
        middle = items[half:half + 1] if len(items) % 2 else []
        upper = items[half + len(middle):]
        return middle + [item for pair in zip(upper, items[:half][::-1]) for item in pair]
    return [item for item in items if order != "without 1.3" or not item.startswith("13")]


def counted(body, size):
    return len(body).to_bytes(size, "big") + body


def extension(number, body=b""):
    return struct.pack(">H", number) + counted(body, 2)


def hello(row, name):
    record, version, order, has_grease, names, versions, list_order = row
    grease = GREASE if has_grease else b""
    suites = grease + b"".join(bytes.fromhex(s) for s in arranged(SUITES, order))
    alpn = b"".join(counted(n.encode(), 1) for group in arranged(names, list_order) for n in group.split())
    share = (grease + b"\0\1\0" if has_grease else b"") + b"\0\x1d" + counted(os.urandom(32), 2)
    extensions = (grease + b"\0\0" if has_grease else b"") + extension(0, counted(b"\0" + counted(name.encode(), 2), 2))
    extensions += extension(23) + extension(1, b"\1") + extension(0xff01, b"\0")
    extensions += extension(10, counted(bytes.fromhex("001d001700180019"), 2)) + extension(11, b"\1\0") + extension(35)
    extensions += extension(16, counted(alpn, 2))
    extensions += extension(13, counted(bytes.fromhex("040308040401050308050501080606010201"), 2))
    extensions += extension(51, counted(share, 2)) + extension(45, b"\1\1")
    if versions:
        offered = grease + b"".join(bytes.fromhex(v) for v in arranged(versions.split(), list_order))
        extensions += extension(43, counted(offered, 1))
    body = bytes.fromhex(version) + os.urandom(32) + counted(os.urandom(32), 1) + counted(suites, 2) + b"\1\0"
    return b"\x16" + bytes.fromhex(record) + counted(b"\1" + counted(body + counted(extensions, 2), 3), 2)


def first_record(address, port, request):
    """What the server says first, up to the end of one record; b"" when it says nothing."""
    data = b""
    with socket.create_connection((address, port), 10) as connection:
        connection.sendall(request)
        try:
            while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
                more = connection.recv(4096)
                if not more:
                    break
                data += more
        except ConnectionResetError:
            pass
    return data


def answer(data):
    """(suite, version, protocol name, extension types) of a ServerHello; None for anything else."""
    if len(data) < 44 or data[0] != 22 or data[5] != 2:
        return None
    at = 44 + data[43]
    suite, version = data[at:at + 2].hex(), data[9:11].hex()
    message_end = 9 + int.from_bytes(data[6:9], "big")
    at, alpn, types = at + 5, "", []  # the suite, one byte of compression, the length of all extensions
    while at + 4 <= message_end:
        number, length = struct.unpack(">HH", data[at:at + 4])
        types.append(f"{number:04x}")
        if number == 16:
            alpn = data[at + 7:at + 4 + length].decode("latin-1")
        at += 4 + length
    return suite, version, alpn, "-".join(types)


def fingerprint(address, port, name=None):
    """@param name server name; the address when there is none, as its inventors do it."""
    answers = [answer(first_record(address, port, hello(row, name or address))) for row in HELLOS]
    if not any(answers):
        return "0" * 62
    places = sorted(SUITES, key=lambda s: (s.startswith("13"), s))
    text = tail = ""
    for a in answers:
        if a is None:
            text += "000"
            continue
        suite, version, alpn, types = a
        place = places.index(suite) + 1 if suite in places else len(places) + 1
        text += f"{place:02x}" + "abcdef"[int(version[3])]
        tail += alpn + types
    return text + hashlib.sha256(tail.encode()).hexdigest()[:32]
