# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot as a file: one JSON object that can be mailed, and read by later versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from netlab.diagnosis import columns
from netlab.errors import ScenarioError
from netlab.observe.diag import Table

if TYPE_CHECKING:
    from netlab.diagnosis.records import Look, Snapshot

KIND, VERSION = "snapshot", 1
SOURCE = "netlab snapshot"


class Taken(NamedTuple):
    """One look as it is stored."""

    table: Table
    counters: Mapping[str, int] = {}
    sysctls: Mapping[str, str] = {}
    at: float | None = None  # seconds since the epoch
    source: str = SOURCE


def to_json(name: str, looks: Sequence[Taken]) -> str:
    """One line of JSON."""
    stored = [
        {
            "at": look.at,
            "source": look.source,
            "counters": look.counters,
            "sysctls": look.sysctls,
            **columns.to_json(look.table),
        }
        for look in looks
    ]
    document = {"netlab": KIND, "version": VERSION, "name": name, "looks": stored}
    return json.dumps(document, separators=(",", ":"))


def taken(snapshot: Snapshot) -> list[Taken]:
    """The looks of a snapshot that was read from something else, ready to be stored."""
    return [
        Taken(columns.table(look.sockets), look.counters, look.sysctls, look.at, look.source)
        for look in snapshot.looks
    ]


def snapshot(name: str, looks: Sequence[Taken]) -> Snapshot:
    """What was taken, as records."""
    from netlab.diagnosis.records import Snapshot

    return Snapshot(tuple(map(_look, looks)), name)


def _look(taken: Taken) -> Look:
    from netlab.diagnosis.records import Look

    found = columns.sockets(taken.table)
    return Look(found, taken.counters, taken.sysctls, taken.at, taken.source)


def from_json(text: str, name: str) -> Snapshot:
    """The inverse of `to_json`. Raises `ScenarioError`; `name` is the file's, for its message."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScenarioError(
            f"this begins as JSON does and is none: {error.msg}. "
            "A file of 'netlab snapshot' is one whole JSON object: was it cut short?",
            Path(name),
            error.lineno,
        ) from None
    except RecursionError:
        raise _refused("it is nested too deep", name) from None
    try:
        return _snapshot(document, name)
    except ValueError as error:
        raise _refused(str(error), name) from None


def _refused(why: str, name: str) -> ScenarioError:
    return ScenarioError(
        f"this JSON is no snapshot of netlab's: {why}. Take one with 'netlab snapshot'", Path(name)
    )


def _snapshot(document: Any, name: str) -> Snapshot:
    if not isinstance(document, dict) or document.get("netlab") != KIND:
        raise ValueError('it has no {"netlab": "snapshot"}')
    version = document.get("version")
    if version != VERSION:
        raise ValueError(f"it has version {version!r}, and this netlab reads version {VERSION}")
    looks = document.get("looks")
    if not isinstance(looks, list) or not looks:
        raise ValueError("it has no looks")
    whose = document.get("name")
    return snapshot(whose if isinstance(whose, str) and whose else name, list(map(_taken, looks)))


def _taken(data: Any) -> Taken:
    if not isinstance(data, dict):
        raise ValueError("one of its looks is no object")
    at = data.get("at")
    if at is not None and type(at) not in {int, float}:
        raise ValueError("'at' is no number of seconds")
    return Taken(
        columns.from_json(data),
        _named(data, "counters", int),
        _named(data, "sysctls", str),
        at,
        str(data.get("source") or SOURCE),
    )


def _named(data: dict[str, Any], key: str, kind: type) -> dict[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict) or not all(type(value) is kind for value in found.values()):
        raise ValueError(f"{key!r} is no object of {kind.__name__} values")
    return found
