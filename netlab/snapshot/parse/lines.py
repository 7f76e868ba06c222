# SPDX-License-Identifier: GPL-2.0-or-later
"""A text as lines: decoded, and without what terminals, mail programs and web pages add to them."""

from __future__ import annotations

import html
import json
import quopri
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from netlab.model import outside
from netlab.model.text import printable

#: Of a line, in characters: a listener of 1,000 processes has 30 KiB with ss -p.
LONGEST = 64 * outside.KIB
CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]|\x1b[0-Z\\^-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f]"
)
#: A string of several lines, as Python or another program shows it, and its other bytes.
STRING = re.compile(r"\s*b?(?P<mark>[\"'])(?P<text>.*\\n.*?)(?P=mark)?,?$")
#: A list of strings, as Python or a program in JSON prints it, and what stands between two of them.
LIST = re.compile(r"\[u?(?=[\"'])")
BETWEEN = re.compile(r"[\"'], ?u?[\"']")
COMMAND = re.compile(r"[\"'](?:cmd|command|args|argv|entrypoint)[\"']: ?\Z", re.IGNORECASE)
ENDS = re.compile(r"[\"']\](?![\w\"'])")
#: The text of a record of a log in JSON: of Docker, fluentd, journald, asciinema.
RECORD = re.compile(r"[{\[](?=[\s\d\"])")
LOGGED = re.compile(
    r"(?:\{(?:[^{}]{0,200},)?\s*\"(?:log|message|msg|MESSAGE|textPayload)\":"
    r"|\[[\d.]+, ?\"o\",)\s?"
    r"(?P<text>\"(?:[^\"\\]|\\.)*+\")"
)
WORD = re.compile(r"\w")
BYTES = re.compile(r"(?:\\x[\da-f]{2})+|(?:\\u[\da-f]{4})+")
#: What only looks like a blank, a hyphen or a quotation mark, or like nothing.
LOOKALIKES: dict[int, str | None] = (
    dict.fromkeys((0xA0, 0x2002, 0x2003, 0x2007, 0x2009, 0x202F, 0x3000), " ")
    | dict.fromkeys((0xAD, 0xFE0F, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)))
    | dict.fromkeys(range(0x2060, 0x2070))
    | dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), "-")
    | dict.fromkeys((0x201C, 0x201D, 0x201E), '"')
    | {0xFF00 + code: chr(0x20 + code) for code in range(1, 0x5F)}  # of full width
)
#: A blank that does not break, in UTF-8 that was read as Latin-1.
READ_TWICE = "\u00c2 "
#: Colours whose escape character is shown, or was lost.
COLOUR = re.compile(
    r"(?:\^\[|\u241b|\\{1,4}(?:u001[bB]|x1[bB]|033|e))\[[\d;]{0,20}[mK]"
    r"|(?<!\x1b)\[(?:\d{1,3}(?:;\d{1,3}){1,4}m|\d{1,3}m(?![a-z\]])|m(?![\w\]]))(?:\[K)?"
)
#: A mark that would mean something in Markdown or in a string of JSON.
ESCAPED = re.compile(r"\\{1,4}([*_\[\]\"'])")
#: A whole line as Markdown sets it. ``**web1**`` names a host.
SET_OFF = re.compile(
    r"\s*(?P<mark>\*\*|__|`)(?!(?!State|[A-Z_]{1,15}\d?[*`])[\w.-]{0,60}[a-zA-Z][\w.-]{0,60}:?(?P=mark))"
    r"(?P<line>.+)(?P=mark)$"
)
#: The end of a line as ``cat -A`` shows it, whatever was put behind it later.
SHOWN_END = re.compile(rb"(?:\^M)?\$(?=(?:[ |*`'\",\r\\]|\xe2\x94\x82|\x1b\[K)*(?:\n|\Z))")
SHOWN_ENDS = 3  # one of so many lines has it, at least
#: What mail programs, Slack and Markdown make of what they take for a link.
LINK = re.compile(
    r"(?<=\w)<(?:https?://|mailto:|tel:)[^<>|\s]*>|\[(?P<text>[^\[\]()\s]+)\]\(\w+:[^()\s]*\)"
    r"|<(?:https?://|mailto:|tel:)[^<>|\s]*\|(?P<label>[^<>|\s]+)>"
)
#: Of mails. ``>> web1 <<`` is a heading.
QUOTE = re.compile(r"(?!.{0,80}<<$)(?:\s?>)+ ?")
#: Of HTML, Jira and Markdown. ``<client>`` is a masked address, and no tag.
TAG = re.compile(
    r"</?(?:pre|code|p|div|span|t[adhrt]|table|tbody|samp|font|b|i|li|ul|ol|blockquote)(?:\s[^<>]*+)?>"
    r"|\{(?:noformat|code|quote|panel)(?::[^{}]*+)?\}|```[\w-]*$",
    re.IGNORECASE,
)
LINKED = re.compile(r"<(?:https?://|mailto:|tel:)")  # what a link has, if not as Markdown
BREAK = re.compile(r"<br\s*+/?>|</tr>", re.IGNORECASE)
#: A mask of several words: ``<our ip>:80`` becomes ``<our_ip>:80``.
MASK = re.compile(
    r"<[^<>\s]{1,20}(?: [^<>\s]{1,20}){1,3}>|\[[A-Za-z]{1,20}(?: [A-Za-z]{1,20}){1,3}\](?=:)"
)
NESTED = 3  # pages or strings, one shown in the other
BEFORE = 200  # characters that may stand before a list or a record
KEY = 20  # characters of a key in JSON, with what stands around it
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d{1,5}|#x[\da-f]{1,4});", re.IGNORECASE)


Line: TypeAlias = tuple[int, str]  # its number, and its text, which is not empty


def numbered(data: bytes, long: bool = True) -> Iterator[Line]:
    """The lines that are not empty; `long`: also those of more than `LONGEST` characters."""
    for number, raw in enumerate(_lines(_decoded(data)), 1):
        for text in _shown(raw.decode(errors="replace"), NESTED):
            if not long and len(text) > LONGEST:
                continue
            if line := clean(text):
                yield number, line


def _shown(text: str, depth: int) -> Iterator[str]:
    """The lines of a string or of a page, and of what is shown in these in turn."""
    for line in spread(text):
        marked = "<" in line or "{" in line or "&" in line or "`" in line
        for part in _without_markup(line) if marked else (line,):
            if part == text or not depth:
                yield part
            else:
                yield from _shown(part, depth - 1)


def spread(line: str) -> Sequence[str]:
    """The lines of a string, as a program prints one; a line that is none as it is."""
    if '"' in line or "'" in line:
        if (listed := _of_a_list(line)) is not None:
            return listed
        if (logged := _of_a_record(line)) is not None:
            return logged
    if "\\n" not in line:
        return (line,)
    string = STRING.match(line)
    text = string["text"] if string else line
    while "\\\\n" in text:  # a string in a string
        text = text.replace("\\\\", "\\")
    text = _unescaped(text)
    return text.replace("\\t", "\t").replace("\\r", "").replace("\\'", "'").split("\\n")


def _of_a_list(line: str) -> list[str] | None:
    """The strings of the longest list, each with what stands before it, and with the bar behind."""
    begin, end = max(_lists(line), key=lambda ends: ends[1] - ends[0], default=(0, 0))
    if not BETWEEN.search(line, begin, end):
        return None
    before, after = _before(line[:begin]), line[end:]
    after = "" if WORD.search(after) else after
    strings = BETWEEN.split(_unescaped(line[begin:end].lstrip("[u")[1:-2]))
    return [f"{before}{one}{after}" for one in strings]


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
    return BYTES.sub(lambda found: _character(found[0]), text) if "\\" in text else text


def _character(escape: str) -> str:
    """Of UTF-8, as in a string of bytes, or of text, where one of them is one character."""
    if escape[1] == "u":
        return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", errors="replace")
    data = bytes.fromhex(escape.replace("\\x", ""))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _decoded(data: bytes) -> bytes:
    """UTF-16, as PowerShell writes files, and the quoted-printable of mails as plain bytes."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data = data.decode("utf-16", errors="replace").encode()
    if b"=3D" in data and re.search(rb"=(?:20|09)?[ \t]*(?:\r\n?|\n)", data):
        data = quopri.decodestring(data)
    if _shown_ends(data):
        data = SHOWN_END.sub(b"", data).replace(b"^I", b"\t")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _shown_ends(data: bytes) -> bool:
    enough = data.count(b"\n") / SHOWN_ENDS
    return data.count(b"$") > enough and len(SHOWN_END.findall(data)) > enough


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines of a text, of which none is copied before it is asked for."""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at:end]
        at = end + 1
    yield data[at:]


def _without_markup(text: str) -> Iterator[str]:
    """The lines that a page would show. It may have been put into another one, twice at most."""
    for _ in range(NESTED):
        if not ENTITY.search(text):
            break
        text = html.unescape(_untagged(text))
    for part in BREAK.split(text):
        yield _untagged(part)


def _untagged(text: str) -> str:
    return "" if text.startswith("```") else TAG.sub(" ", text.rstrip())


def clean(line: str) -> str:
    """A line without what mail programs, terminals and pages add."""
    if "\\" in line:
        line = ESCAPED.sub(r"\1", line)
        if "\\t" in line and '"' in line:  # a string of JSON
            line = line.replace("\\t", "\t")
        if (shell := line.rstrip()).endswith("\\"):  # it would be joined with the next one
            line = shell.rstrip("\\ \t")
    if not (line.isascii() and line.isprintable()):
        if not line.isascii():
            line = line.translate(LOOKALIKES).replace(READ_TWICE, " ")
        line = CONTROL.sub("", line)
        if not line.isascii():
            line = printable(line)
    if "[" in line or "<" in line:
        line = _plain(line)
    if ">" in line[:2]:
        match = QUOTE.match(line)
        line = line[match.end() :] if match else line
    line = line.rstrip().removeprefix("--More--")
    while line[-1:] in {"*", "_", "`"} and (whole := SET_OFF.match(line)):
        line = whole["line"].rstrip()
    return line


def _plain(text: str) -> str:
    """Without colours that are shown and what links add, and with each mask as one word."""
    if "m" in text or "K" in text:  # with which each of them ends
        text = COLOUR.sub("", text)
    if "](" in text or LINKED.search(text):
        text = LINK.sub(lambda found: found["text"] or found["label"] or "", text)
    if "<" in text or "]:" in text:
        text = MASK.sub(lambda found: found[0].replace(" ", "_"), text)
    return text
