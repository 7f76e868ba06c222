# SPDX-License-Identifier: GPL-2.0-or-later
"""A text as lines: decoded, and without what terminals, mail programs and web pages add to them."""

from __future__ import annotations

import html
import itertools
import quopri
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from netlab.model import outside
from netlab.model.text import printable
from netlab.snapshot.parse.strings import QUOTED, characters, spread

#: Of a line, in characters: a listener of 1,000 processes has 30 KiB with ss -p.
LONGEST = 64 * outside.KIB
CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]|\x1b[0-Z\\^-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f]"
)
#: What a terminal does at its cursor: goes back, erases what follows, shows a letter, or others.
STROKE = re.compile(rf"(?P<back>\x08)|(?P<erase>\x1b\[0?K)|{CONTROL.pattern}|(?P<letter>.)")
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
#: A row of a table of Markdown or Jira, whatever stands before it, and what is between its cells.
TABLE = re.compile(r"(?P<before>[^|]*)\|[^|]*\|[^|]*\|.*\|$")
CELL_ENDS = re.compile(r"\s*\|+\s*")
SETS_OFF = {**dict.fromkeys("*_`", SET_OFF), **dict.fromkeys("\"',", QUOTED)}  # by its last mark
#: The end of a line as ``cat -A`` shows it, whatever was put behind it later; a prompt is none.
SHOWN_END = re.compile(r"(?:(?:\^M)?\$)+(?=[ |\u2502]*$)")
WORD = re.compile(r"\w")
EMPTY_PROMPT = re.compile(r"\S*@\S+(?: \S+)?$")
FIRST = 500  # lines, which show whether the ends of all are shown
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
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d{1,5}|#x[\da-f]{1,4});", re.IGNORECASE)
#: Quotation marks of a page: what they enclose is no string yet.
QUOTES = re.compile(r"&(?:quot|apos|#34|#39|#x2[27]);", re.IGNORECASE)


Line: TypeAlias = tuple[int, str]  # its number, and its text, which is not empty


def numbered(data: bytes, long: bool = True) -> Iterator[Line]:
    """The lines that are not empty; `long`: also those of more than `LONGEST` characters."""
    return without_ends(_cleaned(data, long))


def without_ends(numbered: Iterator[Line]) -> Iterator[Line]:
    """The lines without the ends that ``cat -A`` shows, if it has shown them."""
    first = [*itertools.islice(numbered, FIRST)]
    numbered = itertools.chain(first, numbered)
    return _without_ends(numbered) if _shows_ends([text for _, text in first]) else numbered


def _shows_ends(lines: Sequence[str]) -> bool:
    """Whether most lines of a part of the text have their ends shown."""
    shown = [
        at
        for at, line in enumerate(lines)
        if "$" in line and SHOWN_END.search(line) and not EMPTY_PROMPT.match(line)
    ]
    if not shown or len(shown) == 1 < len(lines):
        return False
    return 2 * len(shown) > shown[-1] - shown[0] + 1


def _without_ends(lines: Iterable[Line]) -> Iterator[Line]:
    for number, text in lines:
        if line := clean(SHOWN_END.sub("", text)):
            yield number, line


def _cleaned(data: bytes, long: bool) -> Iterator[Line]:
    for number, raw in enumerate(_lines(_decoded(data)), 1):
        whole = raw.decode(errors="replace")
        if not whole.isascii():  # strings and pages are known by their blanks and quotation marks
            whole = _usual(whole)
        for text in _shown(whole, NESTED):
            if not long and len(text) > LONGEST:
                continue
            if line := clean(text):
                yield number, line


def _shown(text: str, depth: int) -> Iterator[str]:
    """The lines of a string or of a page, and of what is shown in these in turn."""
    in_page = "&" in text and '"' not in text and QUOTES.search(text) is not None
    for line in (text,) if in_page else spread(text):
        marked = "<" in line or "{" in line or "&" in line or "`" in line
        for part in _without_markup(line) if marked else (line,):
            if part == text or not depth:
                yield part
            else:
                yield from _shown(part, depth - 1)


def _decoded(data: bytes) -> bytes:
    """UTF-16, as PowerShell writes files, and the quoted-printable of mails as plain bytes."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data = data.decode("utf-16", errors="replace").encode()
    if b"=3D" in data and re.search(rb"=(?:20|09)?[ \t]*(?:\r\n?|\n)", data):
        data = quopri.decodestring(data)
    for mark in (b"**", b"__", b"`"):  # where each line is set off, a word alone is no host's name
        if 2 * data.count(b"\n" + mark) > data.count(b"\n"):
            data = re.sub(
                rb"(?m)^%b(.+)%b(\r?)$" % (re.escape(mark), re.escape(mark)), rb"\1\2", data
            )
    return data if b"\n" in data else data.replace(b"\r", b"\n")


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
    if text.startswith("```"):
        return ""
    while (first := TAG.match(text)) is not None:
        text = text[first.end() :]
    return TAG.sub(" ", text.rstrip())


def _usual(text: str) -> str:
    """With blanks, hyphens and quotation marks as terminals have them."""
    return text.translate(LOOKALIKES).replace(READ_TWICE, " ")


def clean(line: str) -> str:
    """A line without what mail programs, terminals and pages add."""
    line = line.replace("^I", "\t")  # as cat shows it
    if "\\" in line:
        line = ESCAPED.sub(r"\1", characters(line))
        if "\\t" in line and '"' in line:  # a string of JSON
            line = line.replace("\\t", "\t")
    if not (line.isascii() and line.isprintable()):
        if not line.isascii():
            line = _usual(line)
        line = CONTROL.sub("", _overwritten(line) if "\x08" in line else line)
        if not line.isascii():
            line = printable(line)
    if "\\" in line and line.rstrip().endswith("\\"):  # it would be joined with the next one
        line = line.rstrip("\\ \t")
    if "[" in line or "<" in line:
        line = _plain(line)
    if ">" in line[:2]:
        match = QUOTE.match(line)
        line = line[match.end() :] if match else line
    line = line.rstrip().removeprefix("--More--")
    if line[-1:] in SETS_OFF:
        line = _inner(line)
    return _cells(line) if line[-1:] == "|" else line


def _cells(line: str) -> str:
    """A row of a table as its cells, and what only divides it from its heading as nothing."""
    found = TABLE.match(line)
    if found is None:
        return line
    cells = CELL_ENDS.sub("  ", line[found.end("before") :]).strip()
    return f"{found['before']}{cells}".rstrip() if WORD.search(cells) else ""


def _overwritten(line: str) -> str:
    """What a terminal shows of a line in which the cursor went back, as of a typing error."""
    shown, at = list[str](), 0
    for stroke in STROKE.finditer(line):
        if stroke["back"]:
            at = max(0, at - 1)
        elif stroke["erase"]:
            del shown[at:]
        elif stroke["letter"]:
            shown[at : at + 1] = stroke["letter"]
            at += 1
    return "".join(shown)


def _inner(line: str) -> str:
    """What is in a line that is set off, or in quotation marks, or both."""
    for _ in range(NESTED):
        pattern = SETS_OFF.get(line[-1:])
        if pattern is None or (whole := pattern.match(line)) is None:
            break
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
