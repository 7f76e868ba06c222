# SPDX-License-Identifier: GPL-2.0-or-later
"""What a clock may decide of an output, and what it may not.

On a busy machine a state is seen a packet later, something is sent once more, an acknowledgment
travels alone: rows of a ladder and of a table of packets come and go. Which kinds of packets there
are, what becomes of them, through which states each end goes, and all other lines are the same each
time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

ANY = "..."
#: A row of a ladder: the client's state, what crosses, the server's state.
LADDER = re.compile(r"^ *(?:\d+\.\d{3} \d{3})? +(\w*) *([│├◀].*[│┤]) ?(\w*)$")
#: A row of a table of packets: where it goes, its number, what it is, what became of the program.
PACKETS = re.compile(r"^ +(client|server) +\d+ +(\S.*?) {2,}(\S.*)$")
#: What is said of a machine that did not come to its work.
BUSY = re.compile(r"too busy|nobody looked for")


@dataclass(frozen=True)
class Lasting:
    """What is the same each time: the kinds of rows, the states of each end, the other lines."""

    kinds: frozenset[str]
    states: tuple[tuple[str, ...], tuple[str, ...]]
    lines: tuple[str, ...]
    whole: bool  # nothing is left out


def only(wanted: Sequence[str], got: Sequence[str], same: Callable[[str, str], bool]) -> bool:
    """True if `got` has nothing but what a clock decides otherwise than `wanted`; `same` compares
    the lines that it does not decide.
    """
    if any(BUSY.search(line) for line in got):
        return True
    want, have = lasting(wanted), lasting(got)
    if not same(_text(want.lines), _text(have.lines)):
        return False
    if want.whole:
        return (want.kinds, want.states) == (have.kinds, have.states)
    return want.kinds <= have.kinds


def lasting(lines: Iterable[str]) -> Lasting:
    """An output without its clock."""
    kinds: set[str] = set()
    client: list[str] = []
    server: list[str] = []
    rest: list[str] = []
    for line in lines:
        if row := LADDER.match(line):
            kinds.add(_kind(row[2]))
            client += [row[1]] if row[1] else []
            server += [row[3]] if row[3] else []
        elif row := PACKETS.match(line):
            kinds.add(_kind(f"{row[1]}: {row[2]} {row[3]}"))
        else:
            rest.append(_counted(line))
    kinds = {kind for kind in kinds if kind and not _is_an_acknowledgment(kind)}
    whole = not any(line.strip() == ANY for line in rest)
    return Lasting(frozenset(kinds), (tuple(client), tuple(server)), tuple(rest), whole)


def _kind(row: str) -> str:
    """A row without its place in the sequence, its repetitions and the lines that are drawn."""
    row = re.sub(r"again \d+|\b(?:seq|ack)=[\d:]+", "", row)
    return " ".join(re.sub(r"[│├┤╴╶─┄]", " ", row).split())


def _is_an_acknowledgment(kind: str) -> bool:
    """True for an ACK without anything else, wherever it goes."""
    return bool(re.fullmatch(r"(◀ )?ACK( ▶)?|\w+: ACK .*", kind))


def _counted(line: str) -> str:
    """A line that counts rows of a table, without their number."""
    return re.sub(r"\d+ trials: \d+ fine|, \d+ not met", "", line)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
