# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule may ask about a connection or a destination: one function for each word."""

from netlab.diagnosis.facts import application, destination, handshake, sending, timing
from netlab.diagnosis.facts.registry import DESTINATION_FACTS, FACTS, DestinationFact, Fact, Value

__all__ = [
    "DESTINATION_FACTS",
    "FACTS",
    "DestinationFact",
    "Fact",
    "Value",
    "application",
    "destination",
    "handshake",
    "sending",
    "timing",
]
