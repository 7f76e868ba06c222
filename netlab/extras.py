# SPDX-License-Identifier: GPL-2.0-or-later
"""The extras of the distribution: what one feature needs and the others do without.

pyproject.toml has the same table with versions, and a test keeps the two the same.
"""

from __future__ import annotations

import importlib.util

from netlab.model.errors import MissingExtra

DISTRIBUTION = "netlab-tcp"  # "netlab" on the package index is another project
#: The extra, and the modules that it brings.
EXTRAS = {
    "completion": ("argcomplete",),
    "kernels": ("debian", "elftools", "zstandard"),
    "live": ("textual",),
    "report": ("jinja2", "markupsafe"),
    "watch": ("prometheus_client",),
}


def require(extra: str, what: str) -> None:
    """Check for an extra before starting work that would fail without it.

    `what` is the feature that needs it, for the message: ``--report``. Raises `MissingExtra`.
    """
    for module in EXTRAS[extra]:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(what, module, command(extra))


def lacking(error: ModuleNotFoundError) -> MissingExtra | None:
    """The error for a module of an extra that could not be imported; None for any other."""
    module = (error.name or "").split(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return MissingExtra("this", module, command(extra))
    return None


def command(extra: str) -> str:
    """The command that installs it."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
