# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines between listings: names of hosts, rules, times, and words for what was left out."""

from __future__ import annotations

import re
from typing import NamedTuple

from netlab.snapshot.parse.words import OF_SS

LONGEST = 160  # characters of a line that names a host, or says what was left out
#: === web1 ===, ==> /proc/net/tcp <==, ----, >> node web1 <<, ### web1
RULE = re.compile(
    r"(?:==> (?P<file>\S+) <==|(?:[=*#~<>_\u2500\u2501\u2550-]){2,}\s*"
    r"(?P<label>[\w.:@/ -]*?)\s*[=*#~<>:_\u2500\u2501\u2550-]*)$"
)
#: What grep prints between rows that do not follow each other, and mails before a name.
BETWEEN_GROUPS = "--"
#: A heading of Markdown that says more than a name, as may stand between rows, too.
PROSE = re.compile(r"#+(?:\s+\S+){3,}$")
#: web1:   * web1   - web1:   # web1   [web1]   **web1**   web1 | CHANGED | rc=0 >>
_NAME = r"((?=[\w.-]*[a-zA-Z])\w[\w.-]{0,80})"
_KIND = r"(?:host|node|server|pod|container|vm|machine)\s*[:=]?\s+"
DECORATED = re.compile(
    rf"(?:(?:[-*+\u2022\u25e6]\s+|#{{1,6}}\s+|\d{{1,2}}[.)]\s+)(?:\*\*|`|__)?{_NAME}(?:\*\*|`|__)?:?"
    rf"|(?:\*\*|__|`){_NAME}:?(?:\*\*|__|`):?|\[{_NAME}\]:?|(?:{_KIND})?{_NAME}\s*:|{_KIND}{_NAME}"
    rf"|{_NAME}\s*\|\s*(?:CHANGED|SUCCESS|FAILED)\s*\|\s*rc=\d+\s*>>)\s*$",
    re.IGNORECASE,
)
#: What is a host's name whatever it is.
SAID = re.compile(rf"^{_KIND}|rc=\d+\s*>>", re.IGNORECASE)
#: Words that are names of hosts though they have neither a digit nor a dot.
HOSTS = frozenset({
    "client", "server", "caller", "callee", "sender", "receiver", "reader", "writer", "proxy",
    "backend", "frontend", "upstream", "gateway", "balancer", "web", "db", "app", "lb", "master",
    "slave", "primary", "replica", "standby", "leader", "follower", "worker", "router", "nat",
    "source", "destination", "local", "remote", "peer", "laptop", "localhost", "database",
})  # fmt: skip
#: Names of looks, and of parts of a report.
LOOK = re.compile(
    r"(?:step|case|test|run|try|look|part|fig|figure|v|take|sample|attempt|time|t|round|no|note|"
    r"case|iteration|terminal|shell|tab|window|edit|update)?[\W_]*\d+(?:\.\d+)?",
    re.IGNORECASE,
)
LABELLED = re.compile(
    r"(?:(?:host|node|server|pod|container|on)\s*[:=]?\s+)?([\w.-]+):?$", re.IGNORECASE
)
_ROLES = (
    "client|server|caller|callee|sender|receiver|reader|writer|proxy|backend|frontend|upstream|"
    "gateway|balancer|initiator|responder|source|destination|local|remote|peer"
)
#: on the server, client side, what the reader has
ROLE = re.compile(
    rf"\b(?:on|at|from|in)\s+(?:(?:the|my|our|a)\s+)?(?P<one>{_ROLES})\b"
    rf"|\b(?P<two>{_ROLES})(?:\s|-|'s\s)(?:side|end|host|machine|node|box|vm)\b"
    rf"|\bwhat\s+the\s+(?P<three>{_ROLES})\b|^\W*(?P<four>{_ROLES})\W*$"
    r"|(?P<five>\u670d\u52a1\u5668|\u670d\u52a1\u7aef|\u5ba2\u6237\u673a|\u5ba2\u6237\u7aef)",
    re.IGNORECASE,
)
#: What somebody left out.
ELISION = re.compile(
    r"\W*(?:\.{2,}|\u2026|\[\W*(?:snip|cut|truncated|omitted|elided|\.\.\.).{0,60}\]|<\W*snip.{0,40}>|"
    r"-+\s*(?:8<|>8|\u2702|snip).{0,40}|\(?\.*\s*(?:and\s+)?(?:more\s+than\s+|about\s+|over\s+)?\d+\s+(?:more|others?|similar|lines?)\b.{0,60}|"
    r"(?:etc|snip|truncated|omitted|and so on|many more|same for .{1,40})\b.{0,20})\W*$",
    re.IGNORECASE,
)
#: Lines that say nothing: of watch, date and time, notices of nstat, the end of a long heading.
HARMLESS = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .{0,60}\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d|"
    r"\d\d:\d\d:\d\d$|(?:real|user|sys)\s+\d+m|logout$|exit$|[{}()\[\],;|`'\"_*#>-]{1,3}$|"
    r"(?:Peer\s+)?Address\s*:\s*Port\b|Process$|State\s*$|(?:Foreign|Peer) Address|nstat: |"
    r"history is |Cannot open netlink socket"
)


class Label(NamedTuple):
    """A line between two listings, and the host that it names, if it does."""

    host: str
    sentence: bool = False  # which may also stand between two rows


def begins_a_row(line: str) -> bool:
    """Whether a line may be the first letters of a row, the rest of which was cut off."""
    word = line.strip()
    return any(name.startswith(word) for name in (*OF_SS, "tcp", "tcp6"))


def elided(line: str) -> bool:
    """Whether a line says that others were left out."""
    return len(line) <= LONGEST and ELISION.match(line) is not None


def _host(name: str) -> str:
    """The name if it may be a host's; ``before:`` and ``step 2:`` begin another look at one."""
    if LOOK.fullmatch(name):
        return ""
    return name if re.search(r"[\d._-]", name) or name.lower() in HOSTS else ""


def label(line: str) -> Label | None:
    """What a line between two listings says; None if it is no such line."""
    line = line.strip()
    if len(line) > LONGEST:
        return None
    if line != BETWEEN_GROUPS and (match := RULE.match(line)):
        if match["file"]:
            return Label("" if match["file"].startswith("/proc/") else match["file"])
        named = LABELLED.match((match["label"] or "").strip())
        if named is None and PROSE.match(line):
            return None
        return Label(_host(named[1]) if named else "")
    if match := DECORATED.match(line):
        name = next(text for text in match.groups() if text)
        return Label(name if SAID.search(line) else _host(name.rstrip(".")))
    roles = {next(text for text in found.groups() if text).lower() for found in ROLE.finditer(line)}
    return Label(roles.pop(), sentence=True) if len(roles) == 1 else None
