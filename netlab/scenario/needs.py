# SPDX-License-Identifier: GPL-2.0-or-later
"""What not every kernel has: looked for on this one, by its name in `needs:`.

A sysctl (``tcp_rto_max_ms``), a counter (``counter:TCPTimeoutRehash``), a behaviour
(``behaviour:shutdown-waits-in-syn-recv``), which is tried, or, of a story, what its router must be
able to do (``router:tracking``), which is tried, too. Versions are never asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from netlab.linux import sysctl
from netlab.linux.nstat import Counters
from netlab.model.errors import LabError
from netlab.model.vocabulary import BEHAVIOURS, Side
from netlab.scenario.model import ByKernel, Expectation, Range


def missing(need: str) -> str:
    """Why this kernel does not do for what has that need, or nothing.

    Raises `LabError` where a behaviour cannot be tried.
    """
    kind, _, name = need.rpartition(":")
    if kind == "counter":
        return "" if name in _counters() else f"this kernel has no counter {name}"
    if kind == "behaviour":
        from netlab.testbed import behaviours

        return "" if behaviours.has(name) else BEHAVIOURS[name].lacks
    if kind == "router":
        from netlab.testbed import router

        return router.lacking(name)
    return "" if sysctl.exists(name) else f"this kernel has no sysctl {sysctl.full_name(name)}"


def is_tried(need: str) -> bool:
    """Whether it takes a lab to know."""
    return need.startswith(("behaviour:", "router:"))


def try_out(needs: Iterable[str]) -> None:
    """Try what has to be tried, before labs are open that would have to wait meanwhile."""
    for need in filter(is_tried, needs):
        with contextlib.suppress(LabError):  # whoever needs it will say so
            missing(need)


def told(need: str) -> str:
    """A need in words, for a person."""
    kind, _, name = need.rpartition(":")
    if kind == "behaviour":
        return f"a kernel where {BEHAVIOURS[name].does}"
    if kind == "router":
        tracks = ", and a kernel that tracks connections" if name == "tracking" else ""
        return f"the nft program{tracks}"
    return f"the {kind or 'sysctl'} {name}"


@cache
def _counters() -> frozenset[str]:
    with contextlib.closing(Counters()) as counters:
        return frozenset(counters.read())


def settled(expect: Expectation) -> Expectation:
    """What is expected of this kernel, where that depends on what it has."""
    healed, ends = expect.healed, expect.ends
    return replace(
        expect,
        counters=_of_both(expect.counters),
        healed=healed and replace(healed, counters=_of_both(healed.counters)),
        ends=ends and replace(ends, after=_here(ends.after), counters=_of_both(ends.counters)),
    )


def _of_both(counters: Mapping[Side, Mapping[str, Range]]) -> dict[Side, dict[str, Range]]:
    return {
        side: {name: _here(asked) for name, asked in of_side.items()}
        for side, of_side in counters.items()
    }


def _here(asked: Range) -> Range:
    if not isinstance(asked, ByKernel):
        return asked
    return next(number for need, number in asked.cases if not need or not missing(need))
