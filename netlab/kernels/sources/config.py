# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab needs of a kernel's configuration, as a fragment of one, and what a tree's lacks."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlab.model import outside
from netlab.model.text import some

HOME = Path(__file__).parent / "config.yaml"
LARGEST = 4 * outside.MIB  # bytes of a .config; with everything, 300 KiB
SET = re.compile(r"^CONFIG_(\w+)=([ym])$", re.MULTILINE)
HEAD = """\
# What netlab plays on, for a kernel of yours; nothing is left to modules:
#
#     scripts/kconfig/merge_config.sh .config netlab.config && make bzImage
"""
ADVICE = "'netlab kernel-config' prints what scripts/kconfig/merge_config.sh adds to it"


@dataclass(frozen=True, slots=True)
class Need:
    """Some options, and what they are for."""

    purpose: str
    options: Mapping[str, tuple[str, ...]]  # each with those that set it, mostly itself
    menus: tuple[str, ...] = ()  # what they are below; no matter where they are set already
    required: bool = False  # nothing can be played without


@functools.cache
def needs() -> tuple[Need, ...]:
    """The needs of ``config.yaml``, the required ones first."""
    import yaml

    return tuple(map(_need, yaml.safe_load(HOME.read_text())))


def _need(entry: Mapping[str, Any]) -> Need:
    options: dict[str, tuple[str, ...]] = {}
    for each in entry["options"]:
        if isinstance(each, dict):
            options |= {name: tuple(setting) for name, setting in each.items()}
        else:
            options[str(each)] = (str(each),)
    return Need(
        entry["for"], options, tuple(entry.get("menus", ())), bool(entry.get("required", False))
    )


def fragment() -> str:
    """All options, as a fragment for ``merge_config.sh``."""
    return f"{HEAD}\n" + "\n".join(map(_lines, needs()))


def _lines(need: Need) -> str:
    settings = [*need.menus, *(name for setting in need.options.values() for name in setting)]
    about = f"# {need.purpose}{' (required)' if need.required else ''}"
    return "\n".join([about, *(f"CONFIG_{name}=y" for name in settings), ""])


def lacking(config: str, modules: bool) -> Iterator[tuple[Need, tuple[str, ...]]]:
    """Each need that a ``.config`` does not meet, with the options that it lacks.

    `modules`: whether those are there that were built apart, so that such an option counts.
    """
    there = {name for name, value in SET.findall(config) if value == "y" or modules}
    for need in needs():
        absent = tuple(name for name in need.options if name not in there)
        if absent:
            yield need, absent


def problem(config: str, modules: bool) -> str:
    """Why nothing can be played with a ``.config``, in words; "" where something can."""
    absent = [name for need, names in lacking(config, modules) if need.required for name in names]
    if not absent:
        return ""
    apart = [name for name, value in SET.findall(config) if value == "m" and name in absent]
    why = f"; no modules are built (make modules), and {some(apart)} would be one" if apart else ""
    return f"lacks {some([f'CONFIG_{name}' for name in absent])}{why}; {ADVICE}"


def remarks(config: str, modules: bool) -> Iterator[str]:
    """What cannot be played with a ``.config``, a sentence for each purpose."""
    for need, absent in lacking(config, modules):
        if not need.required:
            yield f"lacks {some([f'CONFIG_{name}' for name in absent])}: {need.purpose}"
