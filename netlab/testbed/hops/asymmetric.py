# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers that take another way than what they answer."""

from __future__ import annotations

from netlab.testbed.hops.base import Hop, HopHost


class Asymmetric(Hop):
    """What the server sends goes to the client over the cable between them, and over no hop."""

    kind = "asymmetric"
    hosted = False

    @property
    def does(self) -> str:
        """What it does, in words."""
        return "brings answers back over another way"

    def begin(self, box: HopHost) -> None:
        """Have answers take the cable."""
        box.divert(True)

    def end(self, box: HopHost) -> None:
        """Have them come back over every hop."""
        box.divert(False)
