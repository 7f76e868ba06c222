# SPDX-License-Identifier: GPL-2.0-or-later
"""What not every kernel and machine has: looks for it on this one, by its name in `needs:`.

A need is a sysctl (``tcp_rto_max_ms``), a counter (``counter:TCPTimeoutRehash``), a program
(``program:nginx``), a package of this Python (``python:redis``), a behaviour
(``behaviour:shutdown-waits-in-syn-recv``) or something that the hops on the way must be able to do
(``path:tracking``). The last two are tried out.
Versions are never checked.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib.machinery import PathFinder

from netlab.linux import sysctl
from netlab.linux.confinement import SEARCHED, packages
from netlab.linux.nstat import Counters
from netlab.model.errors import LabError
from netlab.model.vocabulary import BEHAVIOURS, Side
from netlab.scenario.model import ByKernel, Expectation, Range


def missing(need: str) -> str:
    """The reason this kernel or machine lacks the need, or ''.

    Raises `LabError` where a behaviour cannot be tried.
    """
    kind, _, name = need.rpartition(":")
    if kind == "counter":
        return "" if name in _counters() else f"this kernel has no counter {name}"
    if kind == "program":
        found = shutil.which(name, path=SEARCHED)
        return "" if found else f"this machine has no {name}, which it needs: install it"
    if kind == "python":
        package = PathFinder.find_spec(name, [*map(str, packages())])
        return "" if package else f"this Python has no {name}, which it needs: install it with pip"
    if kind == "behaviour":
        from netlab.testbed import behaviours

        return "" if behaviours.has(name) else BEHAVIOURS[name].lacks
    if kind == "path":
        from netlab.testbed import hops

        return hops.lacking(name)
    return "" if sysctl.exists(name) else f"this kernel has no sysctl {sysctl.full_name(name)}"


def is_tried(need: str) -> bool:
    """True if it takes a lab to find out."""
    return need.startswith(("behaviour:", "path:"))


def try_out(needs: Iterable[str]) -> None:
    """Try out the needs that take a lab before any other is open, since open labs would wait."""
    for need in filter(is_tried, needs):
        with contextlib.suppress(LabError):  # the scenario that needs it reports it
            missing(need)


def told(need: str) -> str:
    """Describe a need in words, for a person."""
    kind, _, name = need.rpartition(":")
    if kind == "behaviour":
        return f"a kernel where {BEHAVIOURS[name].does}"
    if kind == "path":
        kernels = {"tracking": "tracks connections", "proxy": "hands packets to a proxy"}
        tracks = f", and a kernel that {kernels[name]}" if name in kernels else ""
        return f"the nft program{tracks}"
    if kind == "python":
        return f"the Python package {name}"
    return f"the {kind or 'sysctl'} {name}"


@cache
def _counters() -> frozenset[str]:
    with contextlib.closing(Counters()) as counters:
        return frozenset(counters.read())


def settled(expect: Expectation) -> Expectation:
    """Replace the numbers that depend on the kernel by those of this one."""
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
