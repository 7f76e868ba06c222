# SPDX-License-Identifier: GPL-2.0-or-later
"""What can happen to a program: one class for each, found by its name, in the order of a
connection's life.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache

from netlab.audit.faults.base import AuditFault
from netlab.model.errors import ScenarioError

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


def chosen(names: Sequence[str]) -> list[AuditFault]:
    """The faults of these names or patterns, in order; all, if none is given. Raises
    `ScenarioError` for a name that there is not.
    """
    for name in names:
        if not any(fnmatchcase(each, name) for each in faults()):
            close = difflib.get_close_matches(name, faults(), n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ScenarioError(
                f"no fault is called {name!r}: {meant}'netlab audit --list' has them all"
            )
    return [
        fault
        for name, fault in faults().items()
        if not names or any(fnmatchcase(name, wanted) for wanted in names)
    ]
