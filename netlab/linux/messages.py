# SPDX-License-Identifier: GPL-2.0-or-later
"""pyroute2's message classes, without the rest of it.

Its package imports all that it has, which takes 85 ms of every command that builds a lab, and what
encodes links, addresses and routes needs a fourth of that. So modules are imported here below a
package that has not run, and forgotten afterwards: whoever imports pyroute2 gets it as it is.

Its sockets are not imported at all: they need asyncio, which takes as long as all messages.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.util import find_spec, module_from_spec
from types import ModuleType

PACKAGE = "pyroute2"
SOCKETS = f"{PACKAGE}.netlink.nlsocket"
_lock = threading.Lock()


class _Unused(ModuleType):
    """A module of classes that modules of messages derive others from, which nobody uses."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):  # what the import system asks for
            raise AttributeError(name)
        return type(name, (), {})


def encoders(*names: str) -> list[ModuleType]:
    """The modules of these names below ``pyroute2.netlink``. Raises ImportError where pyroute2 is
    not installed.
    """
    whole = [f"{PACKAGE}.netlink.{name}" for name in names]
    with _lock:
        if PACKAGE in sys.modules:
            return [*map(importlib.import_module, whole)]
        spec = find_spec(PACKAGE)
        if spec is None:
            raise ImportError(f"netlab needs {PACKAGE}: install netlab with its dependencies")
        sys.modules[PACKAGE] = module_from_spec(spec)
        sys.modules[SOCKETS] = _Unused(SOCKETS)
        try:
            return [*map(importlib.import_module, whole)]
        finally:
            for each in [each for each in sys.modules if each.partition(".")[0] == PACKAGE]:
                del sys.modules[each]
