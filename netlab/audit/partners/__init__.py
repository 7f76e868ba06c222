# SPDX-License-Identifier: GPL-2.0-or-later
"""Protocols that netlab has a small server of: one file each, found by the name that it gives."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from netlab.audit.partners.base import Protocol


@cache
def protocols() -> dict[str, type[Protocol]]:
    """The classes of all protocols, by name."""
    found: dict[str, type[Protocol]] = {}
    for module in pkgutil.iter_modules(__path__):
        for each in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(each, type) and issubclass(each, Protocol) and hasattr(each, "name"):
                found[each.name] = each
    return dict(sorted(found.items()))
