# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot as a file: one JSON object that can be mailed, and that later versions can read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.model.text import UNPRINTABLE, printable
from netlab.snapshot import columns
from netlab.snapshot.columns import SOURCE, RawSample

if TYPE_CHECKING:  # writing a snapshot does not need them, and they cost 6 ms
    from netlab.snapshot.records import Snapshot

KIND, VERSION = "snapshot", 1
END_OF_TIME = 1 << 40  # in seconds since 1970: the year 36812


def to_json(name: str, samples: Sequence[RawSample]) -> str:
    """A snapshot as one line of JSON."""
    stored = [
        {
            "at": sample.at,
            "source": sample.source,
            "counters": sample.counters,
            "sysctls": sample.sysctls,
            "whole": sample.whole,
            "counts": {state.name: count for state, count in sample.counts.items()},
            **columns.to_json(sample.table),
        }
        for sample in samples
    ]
    document = {"netlab": KIND, "version": VERSION, "name": name, "looks": stored}
    return json.dumps(document, separators=(",", ":"))


def from_json(text: str, name: str, most: int = columns.MOST) -> Snapshot:
    """The inverse of `to_json`; `name` is the file's, for messages. Raises `ScenarioError`, also
    where it has more sockets than `most`.
    """
    try:
        document = json.loads(text)
        if "\\" in text or UNPRINTABLE.search(text):
            document = _printable(document)
        return _snapshot(document, name, most)
    except json.JSONDecodeError as error:
        raise ScenarioError(
            f"this begins like JSON but is not valid: {error.msg}. "
            "A file of 'netlab snapshot' is one whole JSON object: was it cut short?",
            Path(name),
            error.lineno,
        ) from None
    except RecursionError:
        raise _refused("it is nested too deeply", name) from None
    except ValueError as error:  # of this file, or a number of more than 4300 digits
        raise _refused(str(error), name) from None


def _printable(data: Any) -> Any:
    if isinstance(data, str):
        return printable(data).replace("\n", r"\n")
    if isinstance(data, list):
        return [_printable(one) for one in data]
    if isinstance(data, dict):
        return {_printable(key): _printable(value) for key, value in data.items()}
    return data


def _refused(why: str, name: str) -> ScenarioError:
    return ScenarioError(
        f"this JSON is not a netlab snapshot: {why}. Take one with 'netlab snapshot'", Path(name)
    )


def _snapshot(document: Any, name: str, most: int) -> Snapshot:
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

    raw = []
    for data in samples:
        raw.append(_raw(data, most))
        most -= sum(block.size for block in raw[-1].table.blocks)
    return rows.snapshot(host if isinstance(host, str) and host else name, raw)


def _raw(data: Any, most: int) -> RawSample:
    if not isinstance(data, dict):
        raise ValueError("one of its looks is not an object")
    at = data.get("at")
    if at is not None and (type(at) not in {int, float} or not 0 <= at < END_OF_TIME):
        raise ValueError("'at' is not a number of seconds since 1970")
    return RawSample(
        columns.from_json(data, most),
        _named(data, "counters", int),
        _named(data, "sysctls", str),
        at,
        str(data.get("source") or SOURCE),
        _flag(data, "whole"),
        _counts(data),
    )


def _flag(data: dict[str, Any], key: str) -> bool:
    """True where an older netlab did not write it: it left nothing out unless it was told to."""
    value = data.get(key, True)
    if type(value) is not bool:
        raise ValueError(f"{key!r} is neither true nor false")
    return value


def _counts(data: dict[str, Any]) -> dict[State, int]:
    counts = _named(data, "counts", int)
    if unknown := counts.keys() - State.__members__.keys():
        raise ValueError(f"'counts' has {min(unknown)!r}, which is no state")
    return {State[name]: count for name, count in counts.items()}


def _named(data: dict[str, Any], key: str, kind: type) -> dict[str, Any]:
    values = data.get(key, {})
    if not isinstance(values, dict) or not all(type(value) is kind for value in values.values()):
        raise ValueError(f"{key!r} is not an object of {kind.__name__} values")
    if kind is int and not all(
        -columns.LARGEST <= value < columns.LARGEST for value in values.values()
    ):
        raise ValueError(f"{key!r} holds a number that no counter reaches")
    return values
