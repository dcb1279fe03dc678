# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates read of C: text without comments and literals (lines kept), top-level pieces, exceptions.

Not a parser: it counts braces and keywords, which is enough for this tree's own style.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent

_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M | re.S)
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")


def blank(text):
    """Same length in lines, nothing else."""
    return re.sub(r"[^\n]", " ", text)


def strip(text, keeps_directives=False):
    """Comments become blanks, literals become empty literals, directives vanish."""
    def replace(match):
        token = match.group(0)
        return token[0] + blank(token[1:-1]) + token[-1] if token[0] in "\"'" else blank(token)

    text = _TOKENS.sub(replace, text)
    return text if keeps_directives else _DIRECTIVE.sub(lambda m: blank(m.group(0)), text)


def files(*patterns):
    """Paths below the root that match, sorted."""
    found = set()
    for pattern in patterns:
        found.update(ROOT.glob(pattern))
    return sorted(found)


def exceptions(gate):
    """Subjects excused from a gate; each line of exceptions.txt is: gate subject reason."""
    excused = {}
    for number, line in enumerate((ROOT / "tools/exceptions.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 2)
        if len(fields) < 3:
            raise SystemExit(f"tools/exceptions.txt:{number}: want GATE SUBJECT REASON")
        if fields[0] == gate:
            excused[fields[1]] = fields[2]
    return excused


def _body_end(text, start):
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if match.group(0) == "{" else -1
        if depth == 0:
            return match.end()
    return len(text)


def blocks(text):
    """Top-level brace blocks of stripped text as (head, head_line, body, body_line)."""
    position = 0
    while True:
        start = text.find("{", position)
        if start < 0:
            return
        end = _body_end(text, start)
        head_start = max(position, text.rfind(";", position, start) + 1)
        head = text[head_start:start]
        lead = len(head) - len(head.lstrip())
        yield (_ATTRIBUTE.sub(" ", head.strip()), text.count("\n", 0, head_start + lead) + 1, text[start:end],
               text.count("\n", 0, start) + 1)
        position = end


def _parameters(arguments):
    arguments = arguments.strip()
    if arguments in ("", "void"):
        return 0
    depth, count = 0, 1
    for char in arguments:
        depth += (char in "([") - (char in ")]")
        count += char == "," and depth == 0
    return count


def functions(text):
    """(name, line, n_lines, n_parameters, complexity) of each function in stripped text."""
    for head, line, body, _ in blocks(text):
        match = re.search(r"\b([A-Za-z_]\w*)\s*\(", head)
        if not match or "=" in head.split("(")[0] or re.match(r"(struct|union|enum)\s+\w*\s*$", head):
            continue
        depth, i = 1, match.end()
        while i < len(head) and depth:
            depth += (head[i] == "(") - (head[i] == ")")
            i += 1
        yield match.group(1), line, body.count("\n") + 1, _parameters(head[match.end():i - 1]), complexity(body)


def complexity(body):
    """1 + decisions; labels that share one case body count once, as does each ternary and && or ||."""
    body = re.sub(r"(?:\bcase\b[^:;{}]*:\s*)+", " case ", body)
    return 1 + len(re.findall(r"\b(?:if|for|while|case)\b|&&|\|\||\?", body))


def table_lines(text):
    """Lines inside top-level const initialisers: data, exempt from the size of a file."""
    return sum(body.count("\n") for head, _, body, _ in blocks(text) if head.endswith("=") and "const" in head)
