# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of two kernels is the newer one, where their releases say so.

The series decides: 6.12 is newer than 6.8. Within one series, stable releases are in the order of
their numbers, and builds of one distribution in the order of theirs. The 6.1.0-56 of a distribution
is named for the release that it began with and has fixes of later ones, so that nothing is known of
it beside a 6.1.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from netlab.model.kernel_run import Machine

RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-rc(\d+))?(.*)")
#: Debian's kernels tell the stable release that they are in uname -v.
DEBIAN = re.compile(r"\bDebian (\d+\.\d+\.\d+)\b")
COMMIT = re.compile(r"-g[0-9a-f]{7,}\b")  # as scripts/setlocalversion writes it: no number
NUMBER = re.compile(r"\d+")
CANDIDATE = "~"
FINAL = 1 << 16  # a release comes after all its candidates


@dataclass(frozen=True, slots=True)
class _Release:
    series: tuple[int, int]
    candidate: int  # FINAL: none
    stable: int  # 0: the first of its series, or a distribution's that is named for it
    build: tuple[int, ...]  # the numbers in what follows
    scheme: str  # and the words: builds are numbered alike where these are the same


def newer(before: Machine, after: Machine) -> bool | None:
    """Whether `after` is the newer kernel; None where the releases do not say."""
    ours, theirs = _release(before), _release(after)
    if ours is None or theirs is None:
        return None
    for one, other in _keys(ours, theirs):
        if one != other:
            return other > one
    return None


def _keys(ours: _Release, theirs: _Release) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """What orders the two, the first that differs."""
    yield ours.series, theirs.series
    yield (ours.candidate,), (theirs.candidate,)
    if ours.scheme == theirs.scheme:
        yield (ours.stable, *ours.build), (theirs.stable, *theirs.build)
    elif ours.stable and theirs.stable:
        yield (ours.stable,), (theirs.stable,)


def _release(machine: Machine) -> _Release | None:
    found = RELEASE.fullmatch(machine.release)
    if found is None:
        return None
    major, minor, stable, candidate, rest = found.groups()
    debian = DEBIAN.search(machine.version)
    told = RELEASE.fullmatch(debian[1]) if debian else None
    if told and (told[1], told[2]) == (major, minor):
        stable = told[3]
    rest = COMMIT.sub("", rest)
    return _Release(
        (int(major), int(minor)),
        FINAL if candidate is None else int(candidate),
        int(stable or 0),
        tuple(map(int, NUMBER.findall(rest))),
        NUMBER.sub("", rest),
    )


def display(release: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts releases as a person would: for tables, where each must have a place."""
    words = re.findall(r"\d+|[^\d.]+", release.replace("-rc", CANDIDATE))
    before = {CANDIDATE: (-2, "")}  # a candidate comes before what its release is followed by
    key = [(int(word), "") if word.isdecimal() else before.get(word, (-1, word)) for word in words]
    return [*key, (-1, "")], release
