# SPDX-License-Identifier: GPL-2.0-or-later
"""A watch as lines: one for each thing that began, grew or ended.

::

    2026-11-26 21:04:10  began  not-closed  12 connections, port 8080, of app. Fix: ...
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from netlab.model.watching import Happened, Standing, Turn
from netlab.render.style import Style

COLOURS = {Turn.BEGAN: "red", Turn.GREW: "yellow", Turn.ENDED: "green"}
DAY, MOMENT = "%Y-%m-%d", "%H:%M:%S"
#: Seconds between what the sockets say and the look that shows it, from which it is worth telling.
EARLIER = 2.0
UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def heading(host: str, sockets: int, every: float, style: Style) -> str:
    """What is being done, as the first line; `every`: seconds."""
    watched = style(f"watching {host}", "bold")
    return (
        f"{watched}: {_many(sockets, 'socket')}, a look every {lasting(every)}. What is stuck is "
        "told from the second look on, when it begins, grows and ends."
    )


def change(change: Happened, style: Style) -> str:
    """One line."""
    standing, turn = change.standing, change.turn
    at = style(_when(change.at), "dim")
    word = style(f"{turn:<5}", COLOURS[turn], "bold")
    cause = style(standing.key.cause, "bold")
    return f"{at}  {word}  {cause}  {_TEXTS[turn](change)}{_where(standing)}{_more(change)}"


def summary(seconds: float, looks: int, counts: tuple[int, int], standing: Sequence[Standing],
            style: Style) -> str:  # fmt: skip
    """What the whole watch saw in so many seconds; `counts`: the findings that began and ended."""
    began, ended = counts
    lines = [
        f"watched for {lasting(seconds)}, {_many(looks, 'look')}: "
        f"{began} began, {ended} ended, {len(standing)} still there"
    ]
    lines += [
        f"  {style(each.key.cause, 'bold')}  {_many(each.number, 'connection')}{_where(each)}, "
        f"since {_when(each.since)}"
        for each in standing
    ]
    return "\n".join(lines)


def lasting(seconds: float) -> str:
    """A duration in its two largest units: ``10 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    left, parts = round(seconds), []
    for size, unit in UNITS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    if left:
        parts.append(f"{left} s")
    return " ".join(parts[:2])


def _began(change: Happened) -> str:
    return _many(change.standing.number, "connection")


def _grew(change: Happened) -> str:
    return f"to {_many(change.standing.number, 'connection')}"


def _ended(change: Happened) -> str:
    standing = change.standing
    lasted = lasting(max(0.0, change.at - standing.since))
    return f"after {lasted}; at most {_many(standing.most, 'connection')}"


_TEXTS = {Turn.BEGAN: _began, Turn.GREW: _grew, Turn.ENDED: _ended}


def _where(standing: Standing) -> str:
    service = f", {standing.finding.service}" if standing.finding.service else ""
    process = f", of {standing.key.process}" if standing.key.process else ""
    return service + process


def _more(change: Happened) -> str:
    standing = change.standing
    since = ""
    if change.turn is not Turn.ENDED and change.at - standing.since >= EARLIER:
        since = f", since {_when(standing.since, change.at)}"
    fix, *_ = standing.finding.fix.splitlines() or [""]
    return f"{since}. Fix: {fix}" if change.turn is Turn.BEGAN else since


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _when(at: float, beside: float | None = None) -> str:
    """A moment in local time; without its day where that is the one of `beside`."""
    day, moment = (time.strftime(form, time.localtime(at)) for form in (DAY, MOMENT))
    if beside is not None and time.strftime(DAY, time.localtime(beside)) == day:
        return moment
    return f"{day} {moment}"
