# SPDX-License-Identifier: GPL-2.0-or-later
"""The links of a hop: one towards each end."""

from __future__ import annotations

from netlab.model.vocabulary import Side
from netlab.testbed import wire

#: The number of each in the hop's namespace.
LINKS = {Side.CLIENT: wire.VETH, Side.SERVER: wire.VETH + 1}
