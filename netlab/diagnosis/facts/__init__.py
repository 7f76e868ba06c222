# SPDX-License-Identifier: GPL-2.0-or-later
"""The facts about a connection or a destination that rules may use: one function each."""

from netlab.diagnosis.facts import (
    application,
    destination,
    handshake,
    passing,
    sending,
    timing,
    tracking,
)
from netlab.diagnosis.facts.registry import (
    DESTINATION_FACTS,
    FACTS,
    OF_FIGURES,
    DestinationFact,
    Fact,
    Value,
)

__all__ = [
    "DESTINATION_FACTS",
    "FACTS",
    "OF_FIGURES",
    "DestinationFact",
    "Fact",
    "Value",
    "application",
    "destination",
    "handshake",
    "passing",
    "sending",
    "timing",
    "tracking",
]
