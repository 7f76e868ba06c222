# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that programs print as strings: in one string, in a list of them, in records of a log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

#: A string of several lines, as Python or another program shows it, and its other bytes.
STRING = re.compile(r"\s*b?(?P<mark>[\"'])(?P<text>.*\\n.*?)(?P=mark)?,?$")
#: A list of strings, as Python or a program in JSON prints it, and what stands between two of them.
LIST = re.compile(r"\[u?(?=[\"'])")
BETWEEN = re.compile(r"[\"'],\s?u?[\"']")
COMMAND = re.compile(r"[\"'](?:cmd|command|args|argv|entrypoint)[\"']:\s?\Z", re.IGNORECASE)
ENDS = re.compile(r"[\"']\\?\](?!\w|[\"'](?!,?\s*$))")
#: The text of a record of a log in JSON: of Docker, fluentd, journald, asciinema.
RECORD = re.compile(r"[{\[](?=[\s\d\"])")
LOGGED = re.compile(
    r"(?:\{(?:[^{}]{0,200},)?\s*\"(?:log|message|msg|MESSAGE|textPayload)\":"
    r"|\[[\d.]+,\s?\"o\",)\s?"
    r"(?P<text>\"(?:[^\"\\]|\\.)*+\")"
)
WORD = re.compile(r"\w")
#: What stands for another character in a string, as Python and JSON show one.
ESCAPE = re.compile(r"\\[\\ntr\"']|(?:\\x[\da-fA-F]{2})+|(?:\\u[\da-fA-F]{4})+")
ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": ""}
BEFORE = 200  # characters that may stand before a list or a record
KEY = 20  # characters of a key in JSON, with what stands around it


def spread(line: str) -> Sequence[str]:
    """The lines of a string, as a program prints one; a line that is none as it is."""
    quoted = '"' in line or "'" in line
    if quoted and (listed := _of_a_list(line)) is not None:
        return listed
    string = STRING.match(line) if "\\n" in line else None
    if quoted and string is None and (logged := _of_a_record(line)) is not None:
        return logged
    if "\\n" not in line:
        return (line,)
    text = _unescaped(string["text"] if string else line)
    return text.split("\n") if "\n" in text else spread(text)  # a string in a string


def _of_a_list(line: str) -> list[str] | None:
    """The lines of the longest list, each with what stands before it, and with the bar behind."""
    begin, end = max(_lists(line), key=lambda ends: ends[1] - ends[0], default=(0, 0))
    if not BETWEEN.search(line, begin, end):
        return None
    before, after = _before(line[:begin].removesuffix("\\")), line[end:]
    after = "" if WORD.search(after) else after
    strings = _parts(line[begin:end].lstrip("[u").rstrip("\\]"))
    return [
        f"{before}{one}{after}"
        for string in strings
        for one in _unescaped(string).removesuffix("\n").split("\n")
    ]


def _parts(text: str) -> Iterator[str]:
    """The strings of a list: each ends with the mark that it begins with."""
    mark, at = text[0], 1
    for between in BETWEEN.finditer(text):
        if between[0][0] == mark:
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


def _of_a_record(line: str) -> list[str] | None:
    """The lines of a record in JSON, each with what stands before the record."""
    for begin in RECORD.finditer(line, 0, BEFORE):
        if logged := LOGGED.match(line, begin.start()):
            try:
                text = json.loads(logged["text"], strict=False)
            except json.JSONDecodeError:
                return None
            before = _before(line[: begin.start()])
            text = text.encode(errors="replace").decode()  # half of a character is none
            return [f"{before}{one}" for one in text.removesuffix("\n").split("\n")]
    return None


def _before(text: str) -> str:
    """What stands before a list or a record, unless it is a part of the same object."""
    return "" if "{" in text else text


def _unescaped(text: str) -> str:
    """With the characters that stand for others, as Python shows them, for themselves."""
    return ESCAPE.sub(lambda found: _character(found[0]), text) if "\\" in text else text


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
