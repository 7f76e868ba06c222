# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot as a file: one JSON object that can be mailed, and that later versions can read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.model.errors import ScenarioError
from netlab.model.text import printable
from netlab.snapshot import columns
from netlab.snapshot.columns import SOURCE, RawSample

if TYPE_CHECKING:  # writing a snapshot does not need them, and they cost 6 ms
    from netlab.snapshot.records import Snapshot

KIND, VERSION = "snapshot", 1


def to_json(name: str, samples: Sequence[RawSample]) -> str:
    """A snapshot as one line of JSON."""
    stored = [
        {
            "at": sample.at,
            "source": sample.source,
            "counters": sample.counters,
            "sysctls": sample.sysctls,
            **columns.to_json(sample.table),
        }
        for sample in samples
    ]
    document = {"netlab": KIND, "version": VERSION, "name": name, "looks": stored}
    return json.dumps(document, separators=(",", ":"))


def from_json(text: str, name: str) -> Snapshot:
    """The inverse of `to_json`; `name` is the file's, for messages. Raises `ScenarioError`."""
    try:
        document = json.loads(text)
        if "\\u" in text:  # as JSON writes what a terminal would obey
            document = _printable(document)
    except json.JSONDecodeError as error:
        raise ScenarioError(
            f"this begins like JSON but is not valid: {error.msg}. "
            "A file of 'netlab snapshot' is one whole JSON object: was it cut short?",
            Path(name),
            error.lineno,
        ) from None
    except RecursionError:
        raise _refused("it is nested too deeply", name) from None
    try:
        return _snapshot(document, name)
    except ValueError as error:
        raise _refused(str(error), name) from None


def _printable(data: Any) -> Any:
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, list):
        return [_printable(one) for one in data]
    if isinstance(data, dict):
        return {printable(key): _printable(value) for key, value in data.items()}
    return data


def _refused(why: str, name: str) -> ScenarioError:
    return ScenarioError(
        f"this JSON is not a netlab snapshot: {why}. Take one with 'netlab snapshot'", Path(name)
    )


def _snapshot(document: Any, name: str) -> Snapshot:
    if not isinstance(document, dict) or document.get("netlab") != KIND:
        raise ValueError('it has no {"netlab": "snapshot"}')
    version = document.get("version")
    if version != VERSION:
        raise ValueError(f"it has version {version!r}, and this netlab reads version {VERSION}")
    samples = document.get("looks")
    if not isinstance(samples, list) or not samples:
        raise ValueError("it has no looks")
    host = document.get("name")
    from netlab.snapshot import rows

    return rows.snapshot(host if isinstance(host, str) and host else name, [*map(_raw, samples)])


def _raw(data: Any) -> RawSample:
    if not isinstance(data, dict):
        raise ValueError("one of its looks is not an object")
    at = data.get("at")
    if at is not None and type(at) not in {int, float}:
        raise ValueError("'at' is not a number of seconds")
    return RawSample(
        columns.from_json(data),
        _named(data, "counters", int),
        _named(data, "sysctls", str),
        at,
        str(data.get("source") or SOURCE),
    )


def _named(data: dict[str, Any], key: str, kind: type) -> dict[str, Any]:
    values = data.get(key, {})
    if not isinstance(values, dict) or not all(type(value) is kind for value in values.values()):
        raise ValueError(f"{key!r} is not an object of {kind.__name__} values")
    return values
