# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines as people paste them: with prompts, mail quotes, colours, and other programs' output."""

from __future__ import annotations

import re
from typing import NamedTuple

from netlab.model.text import printable

CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f\ufeff]")
QUOTE = re.compile(r"(?:\s?>)+ ?")
#: Prompts of shells: root@web1:~#, [root@web1 ~]$, web1:~ $, bash-4.2#, / #, (venv) me@web1 %.
PROMPT = re.compile(
    r"(?:\([\w.-]+\)\s*)?(?P<who>[\w.@:~/+\[\] -]{0,80}?)[#$%❯](?:\s+(?P<command>\S.*)?)?$"
)
HOST = re.compile(r"[\w.-]+@([\w.-]+)")
TOOL = r"(?:[\w./]*/)?(?:ss|netstat|nstat|busybox\s+netstat|cat\s+/proc/\S*net/\S+)"
#: A command without a prompt, as in a script's log, after the program that runs it elsewhere.
COMMAND = re.compile(
    rf"(?:\++\s)?(?:[\w./-]*(?:sudo|nsenter|ip|ssh|docker|kubectl)\s.*?\s)?{TOOL}(?:\s+[-'|a-z/].*)?$"
)
TOOLS = re.compile(rf"(?:^|[\s;&|(])({TOOL})(?=\s|$)([^|;&>]*)")
#: A line between two listings: === web1 ===, ==> /proc/net/tcp <==, ----.
RULE = re.compile(r"(?:==> (?P<file>\S+) <==|[=*#~-]{2,}\s*(?P<label>[\w.:@/ -]*?)\s*[=*#~:-]*)$")
#: Lines to skip: of watch, date and time, notices of nstat, the end of a long heading.
HARMLESS = re.compile(
    r"Every [\d.,]+s: |(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? |\d{4}-\d\d-\d\d[T ]\d\d:\d\d|"
    r"(?:real|user|sys)\s+\d+m|\[?\.{3}\]?$|…$|```|logout$|exit$|"
    r"(?:Peer\s+)?Address\s*:\s*Port\b|Process$|nstat: |history is |Cannot open netlink socket"
)
LABELLED = re.compile(r"[\w.-]+:?$")


class TypedCommand(NamedTuple):
    """A command that was typed at a prompt."""

    host: str  # the prompt's, or ""
    tool: str  # ss, netstat, nstat, cat; "" for all others
    text: str  # the tool and its options


def clean(line: str) -> str:
    """A line without what mail programs and terminals add."""
    line = CONTROL.sub("", line)
    match = QUOTE.match(line)
    line = (line[match.end() :] if match else line).rstrip()
    return line if line.isascii() else printable(line)


def command(line: str) -> TypedCommand | None:
    """The command on a line that is a prompt or a command; None for other lines."""
    match = PROMPT.match(line)
    if match is None:
        if COMMAND.match(line) is None:
            return None
        host, typed = "", line
    else:
        named = HOST.search(match["who"])
        host, typed = named[1] if named else "", match["command"] or ""
    tools = TOOLS.search(typed)
    if tools is None:
        return TypedCommand(host, "", "")
    tool = tools[1].split()[0].rpartition("/")[2]
    tool = "netstat" if tool == "busybox" else tool
    text = " ".join(f"{tool} {tools[2]}".split())
    return TypedCommand(host, tool, " ".join(tools[1].split()) if tool == "cat" else text)


def prints_statistics(command: TypedCommand) -> bool:
    """Whether a command is ``netstat -s``, whatever other options it has."""
    options = [word for word in command.text.split()[1:] if word.startswith("-")]
    return command.tool == "netstat" and any("s" in word for word in options)
