# SPDX-License-Identifier: GPL-2.0-or-later
"""What was seen at both ends, and what is true of it, as one JSON file a lab."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netlab.model.errors import ScenarioError

SIDES = ("client", "server")
Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one connection, for whoever sees both ends or one. Empty: it looks healthy.

    `healthy` says that nothing is wrong with it, so that any finding accuses an innocent.
    """

    what: str  # the injection, or the kind of a healthy one
    client: Endpoint
    server: Endpoint
    pair: tuple[str, str]
    healthy: bool
    both: tuple[str, ...] = ()
    ends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Views:
    """What one end's owner could see: `ss -tanoei` and `nstat -az`, twice, and netlab's own."""

    ss: tuple[str, ...]
    nstat: tuple[str, ...]
    netlab: tuple[str, ...]  # one look; two looks


@dataclass(frozen=True, slots=True)
class Case:
    """One lab."""

    name: str
    family: str
    truths: tuple[Truth, ...]
    views: Mapping[str, Views]


def keep(cases: Sequence[Case], folder: Path) -> None:
    """Write each case to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(cases):
        text = json.dumps(asdict(case), indent=1)
        (folder / f"case-{number:04}.json").write_text(text + "\n")


def load(folder: Path) -> list[Case]:
    """Read what `keep` wrote. Raises `ScenarioError` where there is nothing."""
    paths = sorted(folder.glob("case-*.json"))
    if not paths:
        raise ScenarioError("has no case-*.json: expected what --keep wrote", folder)
    return [_case(json.loads(path.read_text())) for path in paths]


def _case(said: dict[str, Any]) -> Case:
    return Case(
        said["name"],
        said["family"],
        tuple(_truth(each) for each in said["truths"]),
        {
            side: Views(**{name: tuple(texts) for name, texts in views.items()})
            for side, views in said["views"].items()
        },
    )


def _truth(said: dict[str, Any]) -> Truth:
    return Truth(
        what=said["what"],
        client=(said["client"][0], said["client"][1]),
        server=(said["server"][0], said["server"][1]),
        pair=(said["pair"][0], said["pair"][1]),
        healthy=said["healthy"],
        both=tuple(said["both"]),
        ends={side: tuple(causes) for side, causes in said["ends"].items()},
    )
