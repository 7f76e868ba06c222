# SPDX-License-Identifier: GPL-2.0-or-later
"""What one feature needs and the others do without: the extras of the distribution.

pyproject.toml has the same table with versions, and a test holds the two together.
"""

from __future__ import annotations

import importlib.util

from netlab.model.errors import MissingExtra

DISTRIBUTION = "netlab-tcp"  # "netlab" on the package index is somebody else's
#: The extra, and the modules that it brings.
EXTRAS = {
    "completion": ("argcomplete",),
    "kernels": ("debian", "rpmfile", "zstandard"),
    "live": ("textual",),
    "report": ("jinja2", "markupsafe"),
}


def require(extra: str, what: str) -> None:
    """Ask for an extra before work begins that would end without it.

    `what` needs it, as the sentence names it: ``--report``. Raises `MissingExtra`.
    """
    for module in EXTRAS[extra]:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(what, module, command(extra))


def lacking(error: ModuleNotFoundError) -> MissingExtra | None:
    """The complaint about a module of an extra that could not be imported; None for any other."""
    module = (error.name or "").split(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return MissingExtra("this", module, command(extra))
    return None


def command(extra: str) -> str:
    """What a person types to have it."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
