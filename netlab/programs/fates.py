# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of one packet of an exchange, wherever it is met: each fate is one class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from netlab.model import units
from netlab.programs import exchange
from netlab.programs.effects import Act, Chance, Crossing, Numbers, WireEffect
from netlab.programs.exchange import WORDS, PacketAddress

#: A number, ``"seq=1"``, ``"ack=146"``, ``"SYN"``, ``"FIN"`` or ``"RST"``.
PacketName = Annotated[int | str, exchange.address]


@dataclass(frozen=True)
class Fate(WireEffect):
    """What is done to one packet that is on its way to one side."""

    packet: PacketName
    connection: Annotated[int, units.count, "that was opened first (1), second, ..."] = 1
    again: Annotated[int, units.whole, "not the packet, but what comes when it is sent again"] = 0

    exact: ClassVar[bool] = True  # it takes a packet by what it is, and not by chance
    counts: ClassVar[bool] = True

    @property
    def numbers(self) -> dict[str, float]:
        """As of any effect; the address is two of them. Raises ValueError."""
        first, *others = self.quantities()
        self._number(first, self.word)
        found = exchange.address(self.packet)
        numbers = {"by": float(WORDS.index(found.word)), "place": float(found.place)}
        return numbers | {each.name: self._number(each, each.name) for each in others}

    @property
    def chooses(self) -> bool:
        """Not by its name."""
        return False

    @property
    def what(self) -> str:
        """The packet in words: ``packet 7``, ``packet seq=1 of connection 2, again 1``."""
        named = f"packet {exchange.address(self.packet)}"
        of = f" of connection {self.connection}" if self.connection > 1 else ""
        return f"{named}{of}" + (f", again {self.again}" if self.again else "")

    @property
    def netem(self) -> str:
        """No tool does that by hand."""
        return ""


def _meets(numbers: Numbers) -> Callable[[Crossing], bool]:
    """Whether a packet is the one that is meant."""
    address = PacketAddress(WORDS[int(numbers["by"])], int(numbers["place"]))
    connection, again = int(numbers["connection"]), int(numbers["again"])

    def meets(crossing: Crossing) -> bool:
        sent = crossing.sent
        return sent is not None and sent.connection == connection and sent.times(address) == again

    return meets


@dataclass(frozen=True)
class LostPacket(Fate):
    """It does not arrive."""

    word = "drop"

    @property
    def loses(self) -> bool:
        """It is lost."""
        return True

    @property
    def does(self) -> str:
        """It in words."""
        return f"loses {self.what}"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"{self.what}{place} is lost on the wire, and no other"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """It alone is lost."""
        meets = _meets(numbers)

        def lose(crossing: Crossing) -> bool:
            crossing.lost = meets(crossing)
            return crossing.lost

        return lose


@dataclass(frozen=True)
class Cut(Fate):
    """From that packet on nothing arrives, at either end."""

    word = "cut"
    spans: ClassVar[bool] = True

    @property
    def loses(self) -> bool:
        """All that comes."""
        return True

    @property
    def does(self) -> str:
        """It in words."""
        return f"cuts the wire from {self.what} on"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"the wire is cut: {self.what}{place} is lost, and all that either end sends then"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """It is lost, and whatever comes after it."""
        meets, way = _meets(numbers), int(numbers["way"])
        is_cut = False

        def cut(crossing: Crossing) -> bool:
            nonlocal is_cut
            sent = crossing.sent
            is_cut = is_cut or (sent is not None and sent.way == way and meets(crossing))
            crossing.lost = is_cut
            return is_cut

        return cut


@dataclass(frozen=True)
class Doubled(Fate):
    """It arrives twice."""

    word = "double"

    @property
    def does(self) -> str:
        """It in words."""
        return f"delivers {self.what} twice"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"{self.what}{place} arrives twice"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """There is one more of it."""
        meets = _meets(numbers)

        def double(crossing: Crossing) -> bool:
            met = meets(crossing)
            crossing.copies += met
            return met

        return double


@dataclass(frozen=True)
class Overtaken(Fate):
    """The next packet of its direction arrives before it."""

    word = "overtake"

    @property
    def does(self) -> str:
        """It in words."""
        return f"lets {self.what} be overtaken by the next"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"{self.what}{place} is overtaken by the next one that goes there"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """It waits for the next."""
        meets = _meets(numbers)

        def hold(crossing: Crossing) -> bool:
            crossing.held = meets(crossing)
            return crossing.held

        return hold


#: By their words, which are the names of `netlab.testbed.carrier.Carrier`'s methods, too.
FATES: dict[str, type[Fate]] = {each.word: each for each in (LostPacket, Cut, Doubled, Overtaken)}
