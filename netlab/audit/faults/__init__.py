# SPDX-License-Identifier: GPL-2.0-or-later
"""What can happen to a program: one class for each, found by its name, in the order of a
connection's life.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import TypeVar

from netlab.audit.faults import clients
from netlab.audit.faults.base import AuditFault
from netlab.audit.faults.clients import ServerFault
from netlab.model.errors import ScenarioError

F = TypeVar("F")
#: The files that have them, from the first SYN on.
MODULES = ("opening", "asking", "idle", "wire")


@cache
def faults() -> dict[str, AuditFault]:
    """All faults of clients, by name, in order."""
    found: dict[str, AuditFault] = {}
    for name in MODULES:
        module = importlib.import_module(f"{__name__}.{name}")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, AuditFault) and each.name:
                found[each.name] = each()
    return found


@cache
def of_servers() -> dict[str, ServerFault]:
    """All faults of servers, by name, in order."""
    return {
        each.name: each()
        for each in vars(clients).values()
        if isinstance(each, type) and issubclass(each, ServerFault) and each.name
    }


def chosen(names: Sequence[str]) -> list[AuditFault]:
    """The faults of clients of these names or patterns, in order; all, if none is given. Raises
    `ScenarioError` for a name that there is not.
    """
    return _chosen(names, faults(), of_servers(), "of servers: --as-server")


def chosen_of_servers(names: Sequence[str]) -> list[ServerFault]:
    """The same of the faults of servers. Raises `ScenarioError`."""
    return _chosen(names, of_servers(), faults(), "of clients: leave out --as-server")


def _chosen(
    names: Sequence[str], known: Mapping[str, F], others: Iterable[str], whose: str
) -> list[F]:
    for name in names:
        if not any(fnmatchcase(each, name) for each in known):
            if any(fnmatchcase(each, name) for each in others):
                raise ScenarioError(f"the fault {name!r} is one {whose}")
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ScenarioError(
                f"no fault is called {name!r}: {meant}'netlab audit --list' has them all"
            )
    return [
        fault
        for name, fault in known.items()
        if not names or any(fnmatchcase(name, wanted) for wanted in names)
    ]
