#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flame graphs as SVG from folded stacks ("frame;frame;frame COUNT" a line), one or two files.

    flamegraph.py [--title TEXT] FOLDED > graph.svg
    flamegraph.py [--title TEXT] --before FOLDED AFTER > difference.svg

A box is a function, as wide as its share of the samples, standing on its caller; the pointer shows name, samples, share.
Colour: red above 10 % of all samples, yellow from 5 to 10 %, green below. Of two files the second is drawn; then red
means that the share has grown, blue that it has shrunk, white that it has not changed, each file's samples being 100 %.
"""
import argparse
import sys
from xml.sax.saxutils import escape, quoteattr

WIDTH, ROW, TOP, SIDE, CHAR = 1200, 17, 56, 10, 6.7
MIN_SHARE = 0.001
HOT, WARM = 0.10, 0.05
RED, YELLOW, GREEN = "#e8604c", "#f2c94c", "#7bc67e"


class Node:
    def __init__(self):
        self.count, self.children = 0, {}

    def child(self, name):
        return self.children.setdefault(name, Node())


def read_folded(lines):
    """{(frame, ...): samples}"""
    stacks = {}
    for line in lines:
        frames, _, count = line.rstrip("\n").rpartition(" ")
        if frames:
            key = tuple(frames.split(";"))
            stacks[key] = stacks.get(key, 0) + int(count)
    return stacks


def tree(stacks):
    root = Node()
    for frames, count in stacks.items():
        root.count += count
        node = root
        for frame in frames:
            node = node.child(frame)
            node.count += count
    return root


def colour(share):
    return RED if share > HOT else YELLOW if share >= WARM else GREEN


def change_colour(change):
    """White at no change, full colour at ten points of share."""
    strength = min(abs(change) / 0.10, 1)
    fade = round(255 - 150 * strength)
    return f"#ff{fade:02x}{fade:02x}" if change > 0 else f"#{fade:02x}{fade:02x}ff"


def boxes(name, node, before, depth, start, totals):
    """(depth, start, node share, name, samples, change or None) of every box wide enough to see."""
    share = node.count / totals[0]
    if share < MIN_SHARE:
        return
    change = None if totals[1] is None else share - (before.count / totals[1] if before else 0)
    yield depth, start, share, name, node.count, change
    for child_name in sorted(node.children):
        child = node.children[child_name]
        yield from boxes(child_name, child, before.children.get(child_name) if before else None, depth + 1, start, totals)
        start += child.count / totals[0]


def box_svg(box, height):
    depth, start, share, name, count, change = box
    x, width = SIDE + start * (WIDTH - 2 * SIDE), share * (WIDTH - 2 * SIDE)
    y = height - 24 - (depth + 1) * ROW
    about = f"{name}: {count} samples, {share:.2%}" + ("" if change is None else f", {change * 100:+.2f} points")
    fill = colour(share) if change is None else change_colour(change)
    letters = int((width - 4) / CHAR)
    text = ""
    if letters >= 3:
        shown = name if len(name) <= letters else name[:letters - 2] + ".."
        text = f'<text x="{x + 2:.1f}" y="{y + 12.5:.1f}">{escape(shown)}</text>'
    return (f'<g><title>{escape(about)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
            f'fill="{fill}"/>{text}</g>')


def render(title, after, before=None):
    """The SVG text of folded stacks, or of their difference."""
    root, old = tree(after), tree(before) if before is not None else None
    if not root.count or (old and not old.count):
        raise ValueError("no samples")
    totals = (root.count, old.count if old else None)
    found = list(boxes("all", root, old, 0, 0.0, totals))
    height = TOP + 24 + (1 + max(box[0] for box in found)) * ROW
    key = ([(RED, "above 10 % of samples"), (YELLOW, "5 to 10 %"), (GREEN, "below 5 %")] if old is None else
           [(change_colour(1), "share grew (10 points or more)"), ("#ffffff", "same"), (change_colour(-1), "share shrank")])
    legend = "".join(f'<rect x="{SIDE + 230 * i}" y="32" width="12" height="12" fill="{fill}" stroke="#999"/>'
                     f'<text x="{SIDE + 230 * i + 17}" y="42">{escape(text)}</text>' for i, (fill, text) in enumerate(key))
    counts = f"{root.count} samples" + (f", before {old.count}" if old else "")
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label={quoteattr(title)}>\n'
            "<style>text{font:11px monospace;pointer-events:none}rect{stroke:#fff;stroke-width:.5}"
            "g:hover rect{stroke:#000;stroke-width:1}</style>\n"
            f'<rect width="{WIDTH}" height="{height}" fill="#fdfdfb"/>\n'
            f'<text x="{SIDE}" y="20" style="font-size:15px">{escape(title)} ({counts})</text>\n{legend}\n'
            + "\n".join(box_svg(box, height) for box in found) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--title", default="flame graph")
    parser.add_argument("--before", type=argparse.FileType())
    parser.add_argument("folded", type=argparse.FileType())
    args = parser.parse_args()
    sys.stdout.write(render(args.title, read_folded(args.folded), read_folded(args.before) if args.before else None))


if __name__ == "__main__":
    main()
