# SPDX-License-Identifier: GPL-2.0-or-later
"""What a wire can do to packets: a class for each, with its quantities, its words and its doing.

Quantities are kept as they were written, for the sentences; `numbers` reads them. The process that
carries packets (`netlab.programs.pump`) does what `act` returns to each packet.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from netlab.model import units
from netlab.programs.naming import ETHERNET

if TYPE_CHECKING:
    from netlab.programs.exchange import Sent

Time = Annotated[float | str, units.seconds]  # seconds, or "40ms"
Share = Annotated[float | str, units.share]  # 0.02, or "2%"
Speed = Annotated[str, units.bits]  # "2mbit"
Size = Annotated[str, units.size]  # "64kB"
Seed = Annotated[int, units.whole]


class Crossing:
    """A packet on its way over a wire."""

    __slots__ = ("back", "copies", "due", "frame", "held", "lost", "name", "sent")

    def __init__(
        self, frame: bytes, name: tuple[int, ...], due: float, sent: Sent | None = None
    ) -> None:
        self.frame = frame
        self.name = name  # what it is
        self.sent = sent  # and exactly which one, where that is asked
        self.due = due  # when it arrives, on the monotonic clock
        self.back = 0.0  # seconds that it is held back, while others pass
        self.copies = 1
        self.lost = False
        self.held = False  # until the next one has passed


Numbers = Mapping[str, float]  # of seconds, bits a second, bytes; shares are 0 to 1
Act = Callable[[Crossing], bool]  # does it to a packet; True if it did
Chance = Callable[[Crossing], float]  # 0 to 1, and always the same for the same packet


class Quantity(NamedTuple):
    """One quantity of an effect."""

    name: str
    read: Callable[[Any], float]  # raises ValueError, with what is expected
    default: object  # or dataclasses.MISSING
    doc: str

    @property
    def required(self) -> bool:
        """True if it must be given."""
        return self.default is dataclasses.MISSING


@dataclasses.dataclass(frozen=True)
class WireEffect(ABC):
    """One thing that a wire does to packets."""

    word: ClassVar[str]
    counts: ClassVar[bool] = False  # where it met nothing, it is no cause of anything
    exact: ClassVar[bool] = False  # it has to know which packet it is (`netlab.programs.exchange`)
    spans: ClassVar[bool] = False  # what it does in one direction hangs on the other one, too

    @classmethod
    @functools.cache
    def quantities(cls) -> tuple[Quantity, ...]:
        """Its quantities, in order."""
        hints = typing.get_type_hints(cls, include_extras=True)
        return tuple(
            Quantity(field.name, read, field.default, *(doc or [""]))
            for field in dataclasses.fields(cls)
            for read, *doc in [hints[field.name].__metadata__]
        )

    @property
    def numbers(self) -> dict[str, float]:
        """Its quantities as numbers. Raises ValueError, with what was expected and found."""
        first, *others = self.quantities()
        found = {first.name: self._number(first, self.word)}
        return found | {each.name: self._number(each, each.name) for each in others}

    def _number(self, quantity: Quantity, called: str) -> float:
        given = getattr(self, quantity.name)
        try:
            return 0.0 if given == quantity.default == "" else quantity.read(given)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{called}: expected {error}; found {given!r}") from None

    @property
    def chooses(self) -> bool:
        """True if what becomes of a packet hangs on what it is."""
        return True

    @property
    def loses(self) -> bool:
        """True if the packets that it meets are lost."""
        return False

    @property
    @abstractmethod
    def does(self) -> str:
        """It in words, after its name: delays packets by 40ms."""

    @abstractmethod
    def told(self, place: str) -> str:
        """What becomes of packets, as a sentence; the place is " to the server", or nothing."""

    @property
    @abstractmethod
    def netem(self) -> str:
        """How a person asks netem for it, by tc."""

    @staticmethod
    @abstractmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """What is done to each packet of one direction."""


@dataclasses.dataclass(frozen=True)
class Delay(WireEffect):
    """Every packet arrives later."""

    word = "delay"
    time: Time
    jitter: Annotated[Time, "give or take up to that"] = 0.0
    seed: Annotated[Seed, "another one, other times (0)"] = 0

    @property
    def numbers(self) -> dict[str, float]:
        """As of any effect. Raises ValueError for a jitter that is more than the delay, too."""
        found = super().numbers
        if found["jitter"] > found["time"]:
            raise ValueError(f"jitter: at most the delay ({self.time}); found {self.jitter}")
        return found

    @property
    def chooses(self) -> bool:
        """Its jitter does."""
        return bool(self.numbers["jitter"])

    @property
    def _vague(self) -> str:
        return f", give or take {self.jitter}" if self.chooses else ""

    @property
    def does(self) -> str:
        """It in words."""
        return f"delays packets by {self.time}{self._vague}"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"every packet{place} arrives {self.time} later{self._vague}"

    @property
    def netem(self) -> str:
        """As tc writes it."""
        return f"delay {self.time} {self.jitter}" if self.chooses else f"delay {self.time}"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """Each comes later by its own time."""
        time, jitter = numbers["time"], numbers["jitter"]

        def delay(crossing: Crossing) -> bool:
            crossing.due += time
            if jitter:
                crossing.due += jitter * (2 * chance(crossing) - 1)
            return True

        return delay


@dataclasses.dataclass(frozen=True)
class Rate(WireEffect):
    """So many bits a second, and what does not fit waits in a queue."""

    word = "rate"
    speed: Speed
    queue: Annotated[Size, "loses what finds so many bytes waiting"] = ""

    @property
    def chooses(self) -> bool:
        """It takes all packets alike."""
        return False

    @property
    def loses(self) -> bool:
        """Its queue does: it meets only what finds that full."""
        return bool(self.queue)

    @property
    def does(self) -> str:
        """It in words."""
        return f"carries {self.speed}" + (f", with a queue of {self.queue}" if self.queue else "")

    def told(self, place: str) -> str:
        """It as a sentence."""
        full = f"; what finds {self.queue} waiting is lost" if self.queue else ""
        return f"the wire carries {self.speed}{place}{full}"

    @property
    def netem(self) -> str:
        """As tc writes it; its queue has so many packets, and not bytes."""
        return f"rate {self.speed}"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """Each goes when those before it have gone."""
        speed, queue = numbers["speed"] / 8, numbers["queue"]
        free = 0.0  # when the next one can go

        def rate(crossing: Crossing) -> bool:
            nonlocal free
            began = max(crossing.due, free)
            if queue and (began - crossing.due) * speed > queue:
                crossing.lost = True
                return True
            free = crossing.due = began + len(crossing.frame) / speed
            return False

        return rate


@dataclasses.dataclass(frozen=True)
class OfSome(WireEffect):
    """What is done to a share of all packets: which ones, hangs on what they are."""

    share: Share
    seed: Annotated[Seed, "another one, others (0)"] = 0

    @property
    def netem(self) -> str:
        """As tc writes it."""
        return f"{self.word} {self.share}"


@dataclasses.dataclass(frozen=True)
class Loss(OfSome):
    """They do not arrive."""

    word = "loss"
    counts = True

    @property
    def loses(self) -> bool:
        """All that it meets."""
        return True

    @property
    def does(self) -> str:
        """It in words."""
        return f"loses {self.share} of all packets"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"{self.share} of all packets{place} are lost on the wire"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """Some are lost."""
        share = numbers["share"]

        def lose(crossing: Crossing) -> bool:
            crossing.lost = chance(crossing) < share
            return crossing.lost

        return lose


@dataclasses.dataclass(frozen=True)
class Duplicate(OfSome):
    """They arrive twice."""

    word = "duplicate"

    @property
    def does(self) -> str:
        """It in words."""
        return f"delivers {self.share} of all packets twice"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"{self.share} of all packets{place} arrive twice"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """Some are one more."""
        share = numbers["share"]

        def duplicate(crossing: Crossing) -> bool:
            chosen = chance(crossing) < share
            crossing.copies += chosen
            return chosen

        return duplicate


@dataclasses.dataclass(frozen=True)
class Reorder(OfSome):
    """They are held back, and others overtake them."""

    word = "reorder"
    by: Annotated[Time, "how long they are held back (5ms)"] = "5ms"

    @property
    def does(self) -> str:
        """It in words."""
        return f"holds {self.share} of all packets back for {self.by}"

    def told(self, place: str) -> str:
        """It as a sentence."""
        held = f"{self.share} of all packets{place} are held back for {self.by}"
        return f"{held}, and others overtake them"

    @property
    def netem(self) -> str:
        """As tc writes it: of netem, those that are chosen are the early ones."""
        return f"delay {self.by} reorder {self.share}"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """Some lose their place."""
        share, by = numbers["share"], numbers["by"]

        def hold(crossing: Crossing) -> bool:
            chosen = chance(crossing) < share
            if chosen:
                crossing.back = by
            return chosen

        return hold


@dataclasses.dataclass(frozen=True)
class Corrupt(OfSome):
    """They arrive with one wrong bit, which checksums find."""

    word = "corrupt"

    @property
    def does(self) -> str:
        """It in words."""
        return f"changes a bit in {self.share} of all packets"

    def told(self, place: str) -> str:
        """It as a sentence."""
        return f"{self.share} of all packets{place} arrive with one wrong bit"

    @staticmethod
    def act(chance: Chance, numbers: Numbers) -> Act:
        """The same number chooses the packet and, stretched, the byte behind its first header."""
        share = numbers["share"]

        def corrupt(crossing: Crossing) -> bool:
            drawn = chance(crossing)
            if drawn >= share:
                return False
            frame = crossing.frame
            at = ETHERNET + int(drawn / share * (len(frame) - ETHERNET))
            crossing.frame = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
            return True

        return corrupt


#: By their words, which are the names of `netlab.testbed.carrier.Carrier`'s methods.
EFFECTS: dict[str, type[WireEffect]] = {
    each.word: each for each in (Delay, Loss, Duplicate, Reorder, Corrupt, Rate)
}
