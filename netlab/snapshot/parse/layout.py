# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows that were cut to some columns, or put into another order: known by what is in them.

A row is a state, two ends, and perhaps two queues before them. Any other word may come after those
only: a sentence is no row.
"""

from __future__ import annotations

import re

from netlab.linux import procnet
from netlab.model.tcp import State, ss_name
from netlab.snapshot.parse.broken import NAMES
from netlab.snapshot.parse.words import OF_NETSTAT, OF_SS, STATES

LONGEST = 4096  # characters of a line that is looked at
END = re.compile(
    r"(?:\[[\w:.*%-]{2,60}\]|[^\s:,;()\"]{1,80}(?::[\w:.%-]{1,60})?|:{2,3}|\*|::1|):[\w*<>.+-]{1,60}"
)
PORT = re.compile(r"\d{1,5}$|\*$|[a-z][\w.+-]{1,40}$|[xX*?]{1,6}$|<[^<>]{1,40}>$")
HEXADECIMAL = re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}")
#: What may be an address and a port, whatever it was made into.
FAR_END = re.compile(r"[\d*\]]:(?:\d|\*)")
SEVERAL = 3
TIME = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?$")
QUEUE = re.compile(r"\d{1,15}$")
PROTOCOL = re.compile(r"tcp[46]?$")
CELLS = re.compile(r"\s*[|\u2502\u2503]+\s*|\s*[,;\t]\s*")


def as_ss_prints(line: str) -> str | None:
    """The row in the order and the spelling of ss; None if it is none."""
    if len(line) > LONGEST or ":" not in line:
        return None
    words = _words(line)
    if len(words) >= 3 and all(map(HEXADECIMAL.fullmatch, words[:2])):
        return _of_proc(words)
    state: State | None = None
    ends: list[str] = []
    numbers: list[str] = []
    at = 0
    for word in words:
        if len(ends) == 2 and state is not None:
            break
        at += 1
        if word.upper() in STATES and (word.isupper() or len(ends) == 2):
            if state is not None:
                return None
            state = STATES[word.upper()]
        elif _is_end(word):
            ends.append(word)
        elif QUEUE.match(word) and not ends:
            numbers.append(word)
        elif not PROTOCOL.match(word):
            return None
    if state is None or len(ends) != 2:
        return None
    rx, tx = numbers[-2:] if len(numbers) >= 2 else [*(numbers or ["0"])[-1:], "0"]
    return " ".join([ss_name(state), rx, tx, *ends, *_more(words[at:])])


def _of_proc(words: list[str]) -> str | None:
    """Columns of /proc/net/tcp: both ends and the state, in hexadecimal digits."""
    state = procnet.STATES.get(words[2])
    if state is None:
        return None
    ends = []
    for word in words[:2]:
        address, _, port = word.partition(":")
        ends.append(f"[{procnet.address(address)}]:{int(port, 16) or '*'}")
    return " ".join([ss_name(state), "0", "0", *ends, ""])


def without_state(line: str) -> bool:
    """Whether this is a row of ``ss -H state NAME``: two queues, two ends, and no state."""
    words = line[:LONGEST].split()
    return len(words) >= 4 and all(map(QUEUE.match, words[:2])) and all(map(_is_end, words[2:4]))


def looks_like_a_socket(line: str) -> bool:
    """Whether a line has two ends and a state, or several figures: it is not prose, though it is no
    row that can be read.
    """
    words = line[:LONGEST].split()
    figures = sum(word.partition(":")[0] in NAMES for word in words if ":" in word)
    return figures >= SEVERAL or (
        sum(FAR_END.search(word) is not None for word in words) >= 2
        and any(state in line for state in STATES)
    )


def spelled_by_netstat(line: str) -> bool:
    """Whether a row has its state in netstat's spelling."""
    return any(word in OF_NETSTAT and word not in OF_SS for word in line.split())


def as_netstat_prints(row: str) -> str:
    """A row of `as_ss_prints` in the order and the spelling of netstat."""
    state, rx, tx, local, remote, more = row.split(" ", 5)
    name = STATES[state].name
    return f"tcp {rx} {tx} {local} {remote} {'CLOSE' if name == 'CLOSED' else name} {more}"


def _words(line: str) -> list[str]:
    words = line.split()
    if len(CELLS.findall(line)) >= 3 and not (
        len(words) > 3 and "," not in line and "|" not in line
    ):
        cells = CELLS.sub(" ", line).replace('"', " ").split()
        if sum(map(_is_end, cells)) >= 2:
            return cells
    return words


def _is_end(word: str) -> bool:
    if ":" not in word or not END.fullmatch(word) or TIME.match(word):
        return False
    name, _, port = word.rpartition(":")
    return name.rstrip("(") not in NAMES and PORT.match(port) is not None


def _more(words: list[str]) -> list[str]:
    """The rest, with netstat's timer as ss writes it."""
    text = " ".join(words)
    text = re.sub(
        r"(?<!\S)(on|keepalive|timewait|probe) ?\((\d+\.\d+)/(\d+)/(\d+)\)",
        lambda found: (
            f"timer:({'persist' if found[1] == 'probe' else found[1]},{found[2]}sec,"
            f"{max(int(found[3]), int(found[4]))})"
        ),
        text,
    )
    return [re.sub(r"(?<!\S)(\d{1,9})/([^\s\"/(]\S*)", r'users:(("\2",pid=\1,fd=0))', text)]
