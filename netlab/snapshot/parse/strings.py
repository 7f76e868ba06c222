# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that programs print as strings: in one string, in a list of them, in records of a log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

#: A string of several lines, as Python or another program shows it, and its other bytes.
STRING = re.compile(
    r"(?P<before>(?:[^\"'\\]{0,200}(?<=[\s:|>\]]))?)b?(?P<mark>[\"'])(?P<text>.*\\n.*?)(?P=mark)?,?$"
)
#: A line as a string of a list, as YAML, JSON and Python have it, but none of several.
QUOTED = re.compile(
    r"\s*(?:- )?(?P<mark>[\"'])"
    r"(?P<line>(?:(?!(?P=mark)(?::|,\s*(?P=mark)|\s+(?P=mark))).)*)(?P=mark),?$"
)
#: A list of strings, as Python or a program in JSON prints it, and what stands between two of them.
LIST = re.compile(r"\[u?(?=[\"'])")
BETWEEN = {mark: re.compile(rf"{mark},\s?u?[\"']") for mark in "\"'"}
COMMAND = re.compile(r"[\"'](?:cmd|command|args|argv|entrypoint)[\"']:\s?\Z", re.IGNORECASE)
ENDS = re.compile(r"[\"']\\?\](?!\w|[\"'](?!,?\s*$))")
#: The text of a record of a log in JSON: of Docker, fluentd, journald, asciinema.
RECORD = re.compile(r"[{\[](?=[\s\d\"])")
LOGGED = re.compile(
    r"(?:\{(?:[^{}]{0,4000},)?\s*\"(?:log|message|msg|MESSAGE|textPayload)\":"
    r"|\[[\d.]+,\s?\"o\",)\s?"
    r"(?P<text>\"(?:[^\"\\]|\\.)*+\")"
    r"|\[[\d.]+,\s?'o',\s?(?P<pythons>'.*')\]"
)
#: The end of a record and the beginning of the next one, in one string.
RECORDS = re.compile(r"[}\]]\\+(?:r\\+)?n\s*[{\[]")
#: What stands before a string and belongs to it: its name in an object, or the mark of another one.
OWN = re.compile(
    r"\W*(?:std(?:out|err)(?:_lines)?|output|msg|message|log|result|content|text)\W*$"
    r"|\s*(?:- )?b?[\"']$"
)
WORD = re.compile(r"\w")
#: What stands for another character in a string, as Python and JSON show one.
ESCAPE = re.compile(r"\\[\\ntr\"']|(?:\\x[\da-fA-F]{2})+|(?:\\u[\da-fA-F]{4})+")
CHARACTERS = re.compile(r"(?:\\u(?!001[bB])[\da-fA-F]{4})+")  # colours are known as they are
ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r"}
MARKS = frozenset("\"',")  # with which a string on a line of its own ends
BEFORE = 200  # characters that may stand before a list or a record
KEY = 20  # characters of a key in JSON, with what stands around it


def spread(line: str) -> Sequence[str]:
    """The lines of a string, as a program prints one; a line that is none as it is."""
    if line.rstrip()[-1:] in MARKS and (one := QUOTED.match(line)) and one["line"]:
        inner = one["line"]
        raw = one["mark"] == "'" and _logged(inner) is not None
        return (inner,) if raw else _unescaped(inner).removesuffix("\n").split("\n")
    if ("[" in line or "{" in line) and ('"' in line or "'" in line):
        logged, (begin, end) = _logged(line), _list(line)
        if end and not (logged and logged.start("text") < begin < logged.end("text")):
            return _of_a_list(line, begin, end)
        if logged and not RECORDS.search(line):
            return _of_a_record(line, logged)
    if "\\n" not in line:
        return (line,)
    string = STRING.match(line)
    text = _unescaped(string["text"] if string else line)
    if "\n" not in text:
        return spread(text)  # a string in a string
    return _each(_before(string["before"]) if string else "", text)


def _each(before: str, text: str, after: str = "") -> list[str]:
    """The lines of a text, each with what stands before and behind it."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return [f"{before}{line}{after}" for line in lines]


def _list(line: str) -> tuple[int, int]:
    """Where the longest list of several strings begins and ends, or one that is a whole line."""
    begin, end = max(_lists(line), key=lambda ends: ends[1] - ends[0], default=(0, 0))
    several = any(between.search(line, begin, end) for between in BETWEEN.values())
    return (begin, end) if several or end == len(line.rstrip()) > 0 == begin else (0, 0)


def _of_a_list(line: str, begin: int, end: int) -> list[str]:
    """The lines of a list, each with what stands before it, and with the bar behind."""
    before, after = _before(line[:begin]), line[end:]
    after = "" if WORD.search(after) or not before else after
    strings = _parts(line[begin:end].lstrip("[u").rstrip("\\]"))
    return [one for string in strings for one in _each(before, _unescaped(string), after)]


def _parts(text: str) -> Iterator[str]:
    """The strings of a list: each ends with the mark that it begins with."""
    mark, at = text[0], 1
    while between := BETWEEN[mark].search(text, at):
        yield text[at : between.start()]
        mark, at = between[0][-1], between.end()
    yield text[at:-1]


def _lists(line: str) -> Iterator[tuple[int, int]]:
    """Where lists of strings begin and end, but for commands; one in another is a part of it."""
    end = 0
    while begin := LIST.search(line, end):
        ends = ENDS.search(line, begin.end())
        if ends is None:
            return
        end = ends.end()
        if not COMMAND.search(line, max(0, begin.start() - KEY), begin.start()):
            yield begin.start(), end


def is_record(line: str) -> bool:
    """Whether a line is one of a log in JSON."""
    return _logged(line) is not None


def _logged(line: str) -> re.Match[str] | None:
    """A record in JSON, and its text."""
    begins = (begin.start() for begin in RECORD.finditer(line, 0, BEFORE))
    return next(filter(None, (LOGGED.match(line, begin) for begin in begins)), None)


def _of_a_record(line: str, logged: re.Match[str]) -> list[str]:
    """The lines of a record, each with what stands before it."""
    string = logged["text"] or logged["pythons"]
    try:
        text = json.loads(string, strict=False)
    except json.JSONDecodeError:  # Python has written it, or Markdown has escaped something in it
        text = _unescaped(string[1:-1])
    text = text.encode(errors="replace").decode()  # half of a character is none
    return _each(_before(line[: logged.start()]), text)


def _before(text: str) -> str:
    """What stands before strings, unless it is a part of the same object."""
    return "" if "{" in text or OWN.match(text) else text.removesuffix("\\")


def _unescaped(text: str) -> str:
    """With the characters that stand for others, as Python shows them, for themselves."""
    return ESCAPE.sub(lambda found: _character(found[0]), text) if "\\" in text else text


def characters(text: str) -> str:
    """With the characters that stand for others in a string, outside of one, for themselves."""
    return CHARACTERS.sub(lambda found: _character(found[0]), text) if "\\u" in text else text


def _character(escape: str) -> str:
    """Of UTF-8, as in a string of bytes, or of text, where one of them is one character."""
    if escape[1] not in "xu":
        return ESCAPES.get(escape, escape[1])
    if escape[1] == "u":
        return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", errors="replace")
    data = bytes.fromhex(escape.replace("\\x", ""))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
