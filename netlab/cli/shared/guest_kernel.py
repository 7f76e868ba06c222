# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel of a command that boots one guest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.options import note
from netlab.model.errors import ScenarioError

if TYPE_CHECKING:
    from netlab.kernels.sources.kernel import Kernel


def one_kernel(
    text: str | None,
    mirror: Iterable[tuple[str, str]] = (),
    keyrings: Sequence[Path] = (),
    refresh: bool = False,
) -> Kernel:
    """The kernel that a spec names, or a stable one, on disk; what is done for it is said. Raises
    as `fetch.obtain`, and `ScenarioError` for the one that runs here.
    """
    from netlab.kernels.sources import fetch, spec

    mirrors = dict(mirror)
    asked = spec.parse(text) if text else fetch.defaults(mirrors, small=True)[1]
    if asked.kind == "host":
        raise ScenarioError(
            "--kernel host: this kernel runs already, and its time cannot be bent: name one that "
            "can be booted, such as debian:trixie or an image"
        )
    kernel = fetch.obtain(
        asked, mirrors=mirrors, keyrings=keyrings, refresh=refresh, progress=_progress(asked.text)
    )
    for remark in kernel.remarks:
        note(f"{asked.text}: {remark}")
    return kernel


def _progress(spec: str) -> Callable[[str, int, int], None]:
    """Says once what is being done: kernels are large."""
    said: set[str] = set()

    def tell(what: str, done: int, total: int) -> None:
        if what not in said:
            said.add(what)
            note(f"{spec}: {what.removeprefix(f'{spec}: ')}")

    return tell
