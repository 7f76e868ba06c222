# SPDX-License-Identifier: GPL-2.0-or-later
"""A stateful firewall: what belongs to no connection it has seen open does not pass."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.model.errors import LabError
from netlab.testbed.hops.base import Remembering


class Firewall(Remembering):
    """Forwards what belongs to a connection that it knows. With `holds`, it knows no more than so
    many at once, and drops what would open another. Otherwise as `Remembering`.
    """

    kind = "firewall"

    def __init__(
        self,
        name: str = "",
        forgets: int | str | None = None,
        invalid: str = "drop",
        liberal: bool = False,
        strict: bool = True,
        holds: int | None = None,
    ) -> None:
        if holds is not None and not (isinstance(holds, int) and holds >= 1):
            raise LabError(f"holds: expected at least 1; found {holds}")
        self.holds = holds
        super().__init__(name, forgets, invalid, liberal, strict)

    @property
    def does(self) -> str:
        """What it does, in words."""
        most = f", no more than {self.holds} at once" if self.holds else ""
        memory = f", {self.manner}" if self.manner else ""
        return f"lets known connections pass{most}{memory}"

    def losses(self) -> Sequence[tuple[str, str]]:
        """What is INVALID, and what would open one connection too many.

        The kernel's own limit (nf_conntrack_max) is one for the whole machine: a rule counts here.
        """
        full = (("forward", f"ct state new ct count over {self.holds}"),) if self.holds else ()
        return (*super().losses(), *full)
