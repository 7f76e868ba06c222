# SPDX-License-Identifier: GPL-2.0-or-later
"""An audit as a table of one screen, and one fault of it in all detail."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from netlab.model.auditing import NOT_PLAYED, NOT_REACHED, AuditCell, AuditPlay, HeldSocket, Visited
from netlab.model.tcp import SS_TIMERS, Timer
from netlab.model.text import printable
from netlab.render.fitting import Columns
from netlab.render.program import ended, last_lines
from netlab.render.style import Style

#: The worst last, as the closing line counts them.
ORDER = ("fine", "error", NOT_REACHED, "late", "hangs", "leaks", "short", "sent twice", "spins",
         "dies", NOT_PLAYED)  # fmt: skip
CALM = {"fine": "green", "error": "green", NOT_REACHED: "dim", NOT_PLAYED: "yellow"}
WORD, AFTER = 11, 8  # columns
INDENT, WIDTH = 11, 80
#: Of a fault that was never met, although the ladder shows packets which it has lost.
GOODBYE = "only a goodbye (FIN, RST), when all had been asked and answered: that is no finding"


class AuditTable:
    """The table of one audit; `faults`: the names of all its rows."""

    def __init__(self, faults: Sequence[str], style: Style, room: int | None) -> None:
        natural = {
            "fault": max(map(len, faults)),
            "verdict": WORD,
            "after": AFTER,
        }
        self._columns = Columns.of(natural, (), style, room, ("after",))

    def head(self) -> Iterator[str]:
        """The heading, and a line below it."""
        heading, line = self._columns.head()
        yield f"{heading}  why"
        yield f"{line}  ---"

    def row(self, cell: AuditCell) -> str:
        """One fault."""
        colour = CALM.get(cell.word, "red")
        if cell.sound and colour == "red":
            colour = "yellow"
        why = f"meant: {cell.why}" if cell.allowed else cell.why
        cells = [(cell.fault,), (cell.word, colour), (lasted(cell.play),)]
        return self._columns.row(cells, (printable(" ".join(why.split())),))


def lasted(play: AuditPlay) -> str:
    """How long it took from when the fault met it: ``0.3 s``, ``> 40 s``."""
    if play.visit is not None:
        return "" if play.visit.served is None else f"{play.visit.served:.1f} s"
    if play.problem or not (play.reached or not play.ended):
        return ""
    return f"{play.after:.1f} s" if play.ended else f"> {play.after:.0f} s"


def closing_line(cells: Sequence[AuditCell], seconds: float, style: Style, kernel: str) -> str:
    """``12 fine, 6 error, 10 hangs in 42.1 s (kernel 6.18.44)``."""
    counts = Counter(cell.word for cell in cells)
    told = [
        style(f"{counts[word]} {word}", CALM.get(word, "red")) for word in ORDER if counts[word]
    ]
    return f"{', '.join(told)} in {seconds:.1f} s (kernel {kernel})"


def explained(cell: AuditCell, style: Style) -> str:
    """One fault in all detail, but for its packets."""
    colour = CALM.get(cell.word, "red")
    lines = [f"{style(cell.fault, 'bold')}: {cell.does}", ""]
    for name, text in facts(cell):
        first, *more = textwrap.wrap(printable(text), WIDTH - INDENT) or [""]
        painted = style(first, colour) if name == "verdict" else first
        lines.append(style(name.ljust(INDENT), "dim") + painted)
        lines += [" " * INDENT + line for line in more]
    return "\n".join(lines)


def facts(cell: AuditCell) -> Iterator[tuple[str, str]]:
    """What was seen of one fault, each with a word before it."""
    play = cell.play
    yield "verdict", cell.word + (" (meant)" if cell.allowed else "")
    yield "why", cell.why
    if play.problem:
        return
    yield "program", _ended(play)
    if play.visit is not None:
        yield from _visited(play.visit)
    if play.reached_at is not None:
        yield "reached", f"{play.reached_at:.2f} s after the program's start"
    elif play.evidence is not None and any(fault.packets for fault in play.evidence.faults):
        yield "lost", GOODBYE
    if play.visit is None:
        yield "opened", _counted(play.connections, "connection")
    for asked in play.asked:
        reply = "its reply arrived whole" if asked.answered else "its reply did not arrive whole"
        yield "asked", f"{asked.at:.2f} s, connection {asked.connection}: {asked.key}; {reply}"
    for asked in play.queued:
        yield (
            "queued",
            f"connection {asked.connection}: {asked.key}; the server does it once it goes on",
        )
    for sock in play.sockets:
        yield "client" if play.visit is None else "server", socket_line(sock)
    for sock in play.peers:
        yield "server" if play.visit is None else "client", socket_line(sock)
    for blocked in play.blocked:
        where = f", {blocked.where}" if blocked.where else ""
        limit = "" if blocked.time_out is None else f", for {blocked.time_out:.3g} s more"
        yield "waits", f"{blocked.name} (thread {blocked.thread}) in {blocked}{where}{limit}"
    for line in last_lines(play.errors or play.output):
        yield "wrote", line.strip()
    for helped in cell.helped:
        told = f"{helped.word} after {helped.seconds:.1f} s" if helped.changed else "no help"
        yield "with", f"{helped.cure}: {told} ({helped.why})"
    yield "again", cell.command


def _visited(visit: Visited) -> Iterator[tuple[str, str]]:
    yield "usually", f"its answer takes {visit.usual:.2f} s"
    served = "not at all" if visit.served is None else f"after {visit.served:.2f} s"
    yield "others", f"are served {served}" + (f": {visit.refusal}" if visit.refusal else "")
    for line in visit.held:
        yield "it holds", line


def _ended(play: AuditPlay) -> str:
    if not play.ended:
        return f"still running after {play.seconds:.1f} s, {play.cpu:.1f} s of them computing"
    return f"{ended(play.exit_code)} after {play.seconds:.2f} s"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def socket_line(sock: HeldSocket) -> str:
    """A socket, nearly as ss has it: ``ESTABLISHED 0 145 10.0.0.1:4 -> 10.0.0.2:80 ...``."""
    ends = " -> ".join(f"{address}:{port}" for address, port in (sock.local, sock.remote))
    timer = ""
    if sock.timer is not Timer.NONE:
        name = SS_TIMERS.get(sock.timer, str(sock.timer))
        timer = f" timer:({name},{sock.remaining:.1f}sec,{sock.retransmits})"
    held = "" if sock.held else ", held by no process"
    return f"{sock.state} {sock.unread} {sock.unsent} {ends}{timer}{held}"
