# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands before the rows of a listing: time stamps, line numbers, names of pods, bars.

Nothing is taken off a line that does not stand before a row or a heading somewhere in the same
text: data is never eaten. What was seen once is known by its shape, since numbers in it change from
line to line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netlab.snapshot.parse.lines import clean
from netlab.snapshot.parse.nstat import SENTENCES
from netlab.snapshot.parse.words import OF_SS, OTHERS, STATES

_NAMES = "|".join(OF_SS)
_ANY = "|".join(sorted(map(re.escape, STATES), key=len, reverse=True))
_SENTENCES = "|".join(map(re.escape, SENTENCES))
#: Where a row or a heading of one of the tools begins, whatever stands before it.
ANCHOR = re.compile(
    rf"(?<![\w.-])(?=[A-Zst\d])(?:(?:tcp\s{{1,9}})?(?:{_NAMES})\s{{0,99}}\d{{1,15}}\s{{1,99}}\d{{1,15}}\s{{1,99}}"
    r"[^\s:]*+:\S++\s++[^\s:]*+:\S"
    r"|tcp6?\s{1,9}\d{1,15}\s{1,99}\d{1,15}\s{1,99}[^\s:]*+:\S++\s++[^\s:]*+:\S++\s++[A-Z]"
    r"|\d{1,9}:\s[0-9A-F]{8,32}:[0-9A-F]{4}\s[0-9A-F]{8,32}:[0-9A-F]{4}\s[0-9A-F]{2}\s"
    r"|(?:Netid\s++)?(?:State\s++)?Recv-Q\s++Send-Q\s++Local(?!\S)"
    r"|Proto\s++Recv-Q\s++Send-Q\s++Local(?!\S)"
    r"|sl\s++local_address\s)"
)
#: The same for lines that hold no row, but counts and counters, and for commands at a plain prompt.
OTHER_ANCHOR = re.compile(
    rf"(?<![\w.-])(?:(?:tcp\s{{1,99}})?(?:{_ANY})\s{{1,99}}\d{{1,12}}\W*+$|\d{{1,12}}\s{{1,9}}(?:{_ANY})\W*+$"
    rf"|\d{{1,20}}\s(?:{_SENTENCES})\W*+$|(?:Tcp|TcpExt):\W*+$"
    r"|(?:Tcp|Ip|Udp|Icmp)\w{2,50}\s++\d{1,20}\s++\d{1,9}\.\d\W*+$|TCP:\s++\d{1,9}\s\(estab"
    r"|(?<![^\s\"'|>:+\u2500-\u257f])[$#]\s(?:sudo\s)?(?:ss|netstat|nstat)(?!\S))"
)
#: Where a row begins whose end is on the next line.
BEGUN = re.compile(
    rf"(?<![\w.-])(?:(?:tcp\s{{1,9}})?(?:{_NAMES})\s{{1,99}}\d{{1,15}}(?:\s{{1,99}}\d{{1,15}}|\W*$)"
    r"|tcp6?\s{1,9}\d{1,15}\s{1,99}\d{1,15}|(?:State|Proto)\s{1,99}Recv-Q)(?=\s|$)"
)
#: What loggers, pages, mails and people put before any line. Data may look so, too: it is taken
#: off only where nothing in a text can be read as it is.
USUAL = re.compile(
    r"\s*(?:[IWEF]\d{4} [\d:.]+\s+\d+ [\w.]+:\d+\]"  # klog
    r"|(?:<\d+>)?(?:\d{4}-\d\d-\d\d[T ]|(?:[A-Z][a-z]{2}\s+){1,2}\d{1,2} )?\d\d:\d\d:\d\d[\d.,]*+"
    r"(?:Z|[+-]\d\d:?\d\d|\s\d{4})?(?:\s[\w.-]{1,99} [\w./@-]{1,99}(?:\[\d+\])?:)?(?=\s)"
    r"|#*\[[^\]]{1,99}\](?=\s)|(?:DEBUG|INFO|WARN(?:ING)?|ERROR)\b(?:\s+[\w.]+ -)?(?=\s)"
    r"|(?!\d+(?:\.\d+){3}:)[\w./-]{1,99}\s*[|:]|\d{1,9}\t|\w{0,3}[=>|\u2500-\u257f*#+-]{1,3}(?=\s|>)|//(?=\s)"
    r"|<[\w.-]{1,99}>(?=\s)|#\d+ \d+\.\d+(?=\s)|\+(?=[\w\s])|\s+\d{1,9}\s+[|\u2502])"
)
STRING = re.compile(r"\s*(?:- )?([\"'])(.{2,}?)\1,?\s*$")  # one of a list of JSON or YAML
AT_MOST = 4  # of them, one after the other
MOST_PARTS = 24  # of what lines begin with
MOST_LINES = 0.8  # of a text, before which the same stands: they, too, are not data
MANY_LINES = 0.5  # of a text in which nothing can be read as it is
LONGEST = 200  # characters of what stands before a row
SEEN = 2000  # characters of a line in which it is looked for
MOST = 20  # shapes in one text
MARK = re.compile(r"(?<=\S)(?P<blank>\s+)[#>|*/-]{1,2}$")
PROTOCOL = re.compile(rf"(?<!\S)(?:{OTHERS})\s+$")
USER = re.compile(r"\w@\w")
EMPHASIS = re.compile(r"(?<=\S)\s*(?:\*\*|__)$")  # of the row alone, and not of the whole line
ENDPOINT = re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d{1,3}[.:][\d*]|\]:[\d*]")
#: The parts of what stands before a row: words with a digit change, and so do months and days.
PART = re.compile(
    r"(?P<varies>[A-Za-z_]*\d\w*)|(?P<blank>\s+)|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|"
    r"Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b"
)
#: Where one part of it ends, of which the next one may be missing.
ENDS = re.compile(r"(?<=\S)(?=\s)|(?<=[\"'`:|>\])+])(?=\S)")
DIGIT, MARK_OR_DIGIT = re.compile(r"\d"), re.compile(r"\d|[^\w\s]")
WORD = re.compile(r"\w")
MARKS = re.compile(r"\s*[^\w\s]")
BARS = re.compile(r"[|\u2500-\u257f\u258f]")  # of drawn boxes
QUOTES, EMPHASES = "\"'`", ("**", "__")
#: The host that stands before each row: of journald, kubectl, pdsh, docker compose, grep -H.
HOST = re.compile(
    r"\[?pod/([\w.-]+)|\d\d:\d\d:\d\d\S*\s+([\w.-]+)\s+[\w./@-]+\[\d+\]:\s*$"
    r"|^\s*\[?([\w.-]*[A-Za-z][\w.-]*)\]?\s*[:|]\s*$"
)


class Peeled(NamedTuple):
    """A line without what stood before it, and the host that this names."""

    text: str
    host: str


class Peel:
    """The shapes of what stands before rows in one text."""

    def __init__(self) -> None:
        self._shapes: dict[str, re.Pattern[str]] = {}
        self._blanks: dict[str, str] = {}  # what is between it and the row, at least
        self._parts: set[str] = set()  # those that are the first part of another
        self._indent: str | None = None  # of all lines in which a row has something before it
        self.everywhere = False  # whether nearly every line has something before it

    def learn(self, line: str) -> None:
        """See what stands before a row in this line."""
        line = line[:SEEN]
        found = ANCHOR.search(line) or (len(line) < SEEN and OTHER_ANCHOR.search(line)) or None
        if found is None or found.start() > LONGEST:
            return
        before = EMPHASIS.sub("", line[: found.start()])
        text = before.rstrip()
        if not text or (found[0][0] in "$#" and USER.search(text)):
            return  # a prompt
        if ENDPOINT.search(line[: found.start() + 1]) or PROTOCOL.search(before):
            return  # a row of another kind, or a part of one
        self._add(text, before[len(text) :])
        self._indent = (
            _blank(text) if self._indent is None else min(self._indent, _blank(text), key=len)
        )
        if (mark := MARK.search(text)) and mark.start():  # which some lines may lack
            self._add(text[: mark.start()], mark["blank"])

    def learn_all(self, lines: Sequence[str]) -> None:
        """See what stands before the rows of these lines, and before the pieces of broken ones.

        A piece is known by what stands before it: the same as before the row that it belongs to, or
        the first part of that, where a row was broken before something was put before each line.
        """
        for line in lines:
            self.learn(line)
        known = {*self._shapes}
        for line in lines:
            found = ANCHOR.search(line[:SEEN]) or BEGUN.search(line[:SEEN])
            if found is None or not (before := EMPHASIS.sub("", line[: found.start()])).strip():
                continue
            if found.start() > LONGEST or ENDPOINT.search(before):
                continue
            if len(known) >= 2 * MOST:
                break
            self._learn_parts(before, lines, known)
        for pattern in [*self._shapes.values()]:
            self._learn_part(pattern, lines, MOST_LINES)
        if self._shapes:  # before all lines but the borders of boxes
            bare = [self.off(line) is None for line in lines if WORD.search(line)]
            self.everywhere = sum(bare) <= (1 - MOST_LINES) * len(bare)

    def learn_head(self, shape: str, lines: Sequence[str], share: float) -> None:
        """See what so large a share of these lines (0 to 1) begin with, whatever comes after it."""
        self._learn_part(re.compile(shape), lines, share)

    @property
    def knows(self) -> bool:
        """Whether anything has been learned."""
        return bool(self._shapes)

    def _learn_parts(self, before: str, lines: Sequence[str], known: set[str]) -> None:
        """Learn what stands before a row, whole or only its first parts, if others have it, too."""
        whole = before.rstrip()
        marks = MARKS.match(whole)
        ends = [marks.end()] if marks else []
        for end in [*ends, *(part.start() for part in ENDS.finditer(whole)), len(whole)]:
            text, shape = whole[:end], _shape(whole[:end])
            if not text.strip() or shape in known:
                continue
            known.add(shape)
            ordinary = end == len(whole) and not usual(f"{text} .").strip(" .")
            learned = self._learn_part(re.compile(shape), lines, 0 if ordinary else MOST_LINES)
            if learned and end < len(whole):
                self._parts.add(shape)

    def _learn_part(self, shape: re.Pattern[str], lines: Sequence[str], share: float) -> bool:
        """Learn what so large a share of these lines begin with; True if so many do."""
        found = {at: one for at, line in enumerate(lines) if (one := shape.match(line))}
        if len(found) < (max(2, share * _span(found, len(lines))) if share else 1):
            return False
        rests = [lines[at][one.end() :] for at, one in found.items()]
        self._put(shape, min((_blank(rest) for rest in rests if rest.strip()), key=len, default=""))
        return True

    def _add(self, text: str, blank: str) -> None:
        self._put(re.compile(_shape(text)), "" if text[-1] in QUOTES else blank)

    def _put(self, shape: re.Pattern[str], blank: str) -> None:
        known = self._shapes.get(shape.pattern)
        if known is not None:
            self._blanks[shape.pattern] = min(self._blanks[shape.pattern], blank, key=len)
        elif len(self._shapes) < MOST:
            self._shapes[shape.pattern], self._blanks[shape.pattern] = shape, blank

    def off(self, line: str) -> Peeled | None:
        """The line without what stands before it; None if that is nothing."""
        found, part = None, False
        for shape, pattern in self._shapes.items():
            match, blank = pattern.match(line), self._blanks[shape]
            if match is None or (found is not None and match.end() <= found.end()):
                continue
            if not blank or line[match.end() : match.end() + 1].strip() == "":
                found, least, part = match, blank, shape in self._parts
        if found is None:
            return None
        rest, name = line[found.end() :], "" if part else _host(found[0])
        rest = rest.removeprefix(least) if rest.startswith(least) else rest.lstrip()
        return Peeled(_without_end(rest, found[0]), name)

    def bare(self, line: str) -> str:
        """The line as it would be if nothing stood before it."""
        off = self.off(line)
        return line.removeprefix(self._indent or "") if off is None else clean(off.text)


def _span(found: Iterable[int], number: int) -> int:
    """The lines from the first to the last of some, but half of all at least: what is around them
    has no part in this.
    """
    places = [*found]
    return max(places[-1] - places[0] + 1, round(number * MANY_LINES)) if places else number


def heads(
    lines: Sequence[str], mark: re.Pattern[str] = MARK_OR_DIGIT, least: int = 2
) -> Iterator[Peel]:
    """What many of the lines begin with: its first part, the first two, ... What has such a mark in
    it, as people and loggers put before lines, need only be before `least` of them.
    """
    found, marked = Counter[str](), set[str]()
    for line in lines:
        marks = MARKS.match(line)
        ends = [marks.end()] if marks else []
        parts = ENDS.finditer(line, 0, LONGEST)
        for end in [*ends, *(part.start() for part in parts)][:MOST_PARTS]:
            shape = _shape(line[:end])
            found[shape] += 1
            if mark.search(line, 0, end):
                marked.add(shape)
    for shape, count in found.most_common(MOST_PARTS):
        peel = Peel()
        peel.learn_head(shape, lines, 0 if count >= least and shape in marked else MANY_LINES)
        if peel.knows:
            yield peel


def usual(line: str) -> str:
    """The line without what is often put before lines."""
    if string := STRING.match(line):
        line = string[2]
    at = 0
    for _ in range(AT_MOST):
        found = USUAL.match(line, at)
        if found is None:
            break
        at = found.end()
    return line[at:].lstrip() if at or string else line


def _shape(before: str) -> str:
    """A regular expression for what stands before a row, and for the like of it."""
    shape, at = [r"\s*"], len(before) - len(before.lstrip())
    for part in PART.finditer(before, at):
        shape.append(re.escape(before[at : part.start()]))
        if part["varies"]:
            shape.append(r"\d+" if part["varies"].isdecimal() else r"(?=\w*\d)\w+")
        else:
            shape.append(r"\s+" if part["blank"] else r"[A-Z][a-z]{2}")
        at = part.end()
    return "".join([*shape, re.escape(before[at:])])


def _blank(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _host(before: str) -> str:
    """The host that this names, also where a mark of a quotation comes after it."""
    host = HOST.search(f"{before} ")
    if host is None and (mark := MARK.search(before)):
        host = HOST.search(f"{before[: mark.start()]} ")
    return next((text for text in host.groups() if text), "") if host else ""


def _without_end(line: str, before: str) -> str:
    """Without the bar or the quotation mark that answers to the one before the row."""
    line = line.rstrip()
    if BARS.search(before):
        end = len(line)
        while end and (line[end - 1].isspace() or BARS.match(line[end - 1])):
            end -= 1
        line = line[:end]
    for mark in EMPHASES:
        line = line.removesuffix(mark) if mark in before else line
    for mark in filter(QUOTES.__contains__, before):
        line = re.sub(rf"(?:\\n)?{re.escape(mark)}[,\]}})]*$", "", line)
    return line
