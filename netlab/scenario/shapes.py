# SPDX-License-Identifier: GPL-2.0-or-later
"""The shapes of values in a scenario file: scalars, lists, mappings, tables of known keys.

The loader, the JSON Schema and the writer are all driven by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netlab.scenario.kinds import Kind


@dataclass(frozen=True, slots=True)
class ListOf:
    """One value of a kind, or a list of them; read as a tuple."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with keys of one kind and values of another."""

    key: Kind
    value: Kind | ListOf | Either
    what: str = "a mapping"


@dataclass(frozen=True, slots=True)
class Either:
    """A scalar, or a mapping that gives it for each of several."""

    scalar: Kind
    mapping: MapOf | Struct


@dataclass(frozen=True, slots=True)
class Steps:
    """A list of steps."""


@dataclass(frozen=True, slots=True)
class Hops:
    """A list of hops."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a mapping: the value it takes, and its name in Python."""

    takes: Takes
    name: str = ""
    required: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Struct:
    """A mapping with known keys. `short`: the key that a lone scalar stands for. `doc`: what it
    does, where its name alone does not say so.
    """

    what: str
    fields: Mapping[str, Field]
    short: str = ""
    doc: str = ""

    @property
    def says(self) -> str:
        """What it does, or what it is."""
        return self.doc or self.what


Takes = Kind | ListOf | MapOf | Struct | Either | Steps | Hops
