# SPDX-License-Identifier: GPL-2.0-or-later
"""A text as lines: decoded, and without what terminals, mail programs and web pages add to them."""

from __future__ import annotations

import html
import quopri
import re
from collections.abc import Iterator
from typing import NamedTuple

from netlab.model import outside
from netlab.model.text import printable

#: Of a line, in bytes: a listener of 1,000 processes has 30 KiB with ss -p.
LONGEST = 64 * outside.KIB
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")
#: What only looks like a blank, a hyphen or a quotation mark, or like nothing.
LOOKALIKES = str.maketrans(
    dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
)
#: Of mails. ``>> web1 <<`` is a heading.
QUOTE = re.compile(r"(?!.{0,80}<<$)(?:\s?>)+ ?")
#: Of HTML, Jira and Markdown. ``<client>`` is a masked address, and no tag.
TAG = re.compile(
    r"</?(?:pre|code|p|div|span|t[adhrt]|table|tbody|samp|font|b|i|li|ul|ol|blockquote)(?:\s[^<>]*+)?>"
    r"|\{(?:noformat|code|quote|panel)(?::[^{}]*+)?\}|```[\w-]*$",
    re.IGNORECASE,
)
BREAK = re.compile(r"<br\s*+/?>|</tr>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d{1,5}|#x[\da-f]{1,4});", re.IGNORECASE)


class Line(NamedTuple):
    """A line that is not empty, and its number."""

    number: int
    text: str


def numbered(data: bytes) -> Iterator[Line]:
    """The lines that are not empty. One that is longer than `LONGEST` comes as it is."""
    for number, raw in enumerate(_lines(_decoded(data)), 1):
        text = raw.decode(errors="replace")
        if "<" in text or "{" in text or "&" in text or "`" in text:
            for part in _without_markup(text):
                if line := clean(part):
                    yield Line(number, line)
        elif line := clean(text):
            yield Line(number, line)


def _decoded(data: bytes) -> bytes:
    """UTF-16, as PowerShell writes files, and the quoted-printable of mails as plain bytes."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data = data.decode("utf-16", errors="replace").encode()
    if b"=3D" in data and re.search(rb"=\r?\n", data):
        data = quopri.decodestring(data)
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines of a text, of which none is copied before it is asked for."""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at:end]
        at = end + 1
    yield data[at:]


def _without_markup(text: str) -> Iterator[str]:
    for part in BREAK.split(text) if "<" in text else [text]:
        plain = TAG.sub(" ", part.rstrip()) if not part.startswith("```") else ""
        yield html.unescape(plain) if ENTITY.search(plain) else plain


def clean(line: str) -> str:
    """A line without what mail programs and terminals add."""
    if not (line.isascii() and line.isprintable()):
        if not line.isascii():
            line = line.translate(LOOKALIKES)
        line = CONTROL.sub("", line)
        if not line.isascii():
            line = printable(line)
    if ">" in line[:2]:
        match = QUOTE.match(line)
        line = line[match.end() :] if match else line
    return line.rstrip()
