# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire that is slow, narrow or lossy, as told, on any kernel: a process in between carries every
frame (`netlab.programs.pump`), and loses it on the wire and never in the sender's own queue.

The ends' packets go over it from its first impairment on: each end has a second link, whose route
to the other end's address is more specific than that of the cable. Those links carry whole packets
with their checksums, so that what is lost is one packet.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from netlab.linux import ethtool, rtnetlink
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_ROUTE, NLM_F_ACK
from netlab.linux.privileges import refused
from netlab.linux.transport import Request, Transport
from netlab.model import evidence
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.programs import effects, fates, pump
from netlab.programs.effects import Share, Time, WireEffect
from netlab.programs.exchange import Sent
from netlab.programs.fates import PacketName
from netlab.testbed import coerce, wire
from netlab.testbed.faults.base import Fault
from netlab.testbed.host import Host
from netlab.testbed.profiles import PROFILES, Profile
from netlab.testbed.pumps import Carried

LINK, NUMBER = "eth2", wire.VETH + 2  # at each end
INNER = {Side.CLIENT: wire.VETH, Side.SERVER: wire.VETH + 1}  # their peers' numbers
ALL_FRAMES = 0x0003  # ETH_P_ALL
SO_RCVBUFFORCE = 33
BUFFER = 4 << 20  # bytes that may wait for the process
WAYS = {Side.SERVER: 0, Side.CLIENT: 1, None: 2}
#: Which wire it is, for the evidence. It is the same one on every kernel: what becomes of a packet
#: hangs on what it is, and netem does not ask that.
WHICH = "netlab's own, in user space"

End = coerce.HasSide | Side | str  # a host
To = End | None  # None: both directions


class Component(NamedTuple):
    """One effect on packets to one side, or to both (None), and its number on this wire."""

    number: int
    side: Side | None
    effect: WireEffect

    @property
    def condition(self) -> dict[str, object]:
        """It, as the process in between is told."""
        return {
            "id": self.number,
            "word": self.effect.word,
            "way": WAYS[self.side],
            "chooses": self.effect.chooses,
            "exact": self.effect.exact,
            "spans": self.effect.spans,
            "numbers": self.effect.numbers,
        }


class Impairment(Fault):
    """What the wire does to packets from now on, until it is removed: one effect, or several under
    one name.
    """

    kind = "wire"  # of any word
    counts = False  # what it does shows in time, or now and then

    def __init__(
        self, carrier: Carrier, word: str, name: str, does: str, parts: tuple[Component, ...]
    ) -> None:
        self.word, self.name, self.parts = word, name, parts
        self._carrier, self._does = carrier, does
        self._sides = tuple(s for s in Side if any(part.side in (None, s) for part in parts))
        self._installed = carrier.clock()
        self._removed: float | None = None
        self._counts = dict.fromkeys(parts, 0)

    def _counted(self) -> dict[Component, int]:
        if self._removed is None:
            self._counts = self._carrier.met(self)
        return self._counts

    @property
    def met(self) -> int:
        """The number of packets that it was done to so far."""
        counted = self._counted()
        sides = {part.side for part in counted}
        return sum(max(n for part, n in counted.items() if part.side is side) for side in sides)

    @property
    def packets(self) -> int:
        """The number of packets that it has lost so far."""
        return sum(number for part, number in self._counted().items() if part.effect.loses)

    @property
    def in_force(self) -> bool:
        """True until it is removed."""
        return self._removed is None

    def remove(self) -> None:
        """Have the wire no longer do it; what is under way stays so."""
        if self._removed is None:
            self._counted()
            self._removed = self._carrier.clock()
            self._carrier.end(self)

    @property
    def record(self) -> evidence.FaultRecord:
        """Its description, and what it has lost."""
        return evidence.FaultRecord(
            name=self.name,
            kind=self.word,
            does=self._does,
            sides=self._sides,
            hook=None,
            rules="",
            packets=self.packets,
            bytes=0,
            installed=self._installed,
            removed=self._removed,
            counts=self.counts,
            by=WHICH,
        )


class Losing(Impairment):
    """Loses packets; where nothing was lost it is no cause of anything."""

    counts = True


class Fated(Impairment):
    """Meets one packet; where that has not come it is no cause of anything."""

    counts = True

    @property
    def packets(self) -> int:
        """The number of packets that it has met so far: one, or what came after the wire was
        cut.
        """
        return sum(self._counted().values())

    @property
    def ends_by_itself(self) -> bool:
        """True if it meets only one."""
        return not any(part.effect.spans for part in self.parts)


#: The kinds of impairments, by a part that makes one of that kind.
KINDS: tuple[tuple[type[Impairment], Callable[[Component], bool]], ...] = (
    (Fated, lambda part: part.effect.exact),
    (Losing, lambda part: part.effect.counts),
)


class Carrier:
    """The wire of one lab, as far as it misbehaves. Times are in seconds, or texts such as
    ``"40ms"``; a share is a number from 0 to 1, or a text such as ``"2%"``. Each call raises
    `LabError` for what it cannot be given, and where the kernel refuses the links.

    Everything is done in both directions, or to what is on its way `to` one host. It is built with
    the first impairment: `detour` is asked then whether it may be, and `joined` told of each side's
    new link. `name_of` gives an impairment its name, and `impose` is told of it.
    """

    def __init__(
        self,
        hosts: Mapping[Side, Host],
        network: int,
        clock: Callable[[], float],
        name_of: Callable[[str, str], str],
        impose: Callable[[Impairment], Impairment],
        detour: Callable[[str], None],
        joined: Callable[[Host, str], None],
    ) -> None:
        self._hosts, self._network, self.clock = hosts, network, clock
        self._name_of, self._impose = name_of, impose
        self._detour, self._joined = detour, joined
        self._numbers = itertools.count()
        self._impairments: list[Impairment] = []
        self._carried: Carried | None = None
        self._closing = contextlib.ExitStack()

    def close(self) -> None:
        """End the process in between, and its links."""
        self._closing.close()

    # --- what it can do

    def delay(
        self, time: Time, jitter: Time = 0.0, to: To = None, seed: int = 0, name: str = ""
    ) -> Impairment:
        """Deliver every packet so many seconds later, give or take up to `jitter`. The order stays.

        Raises `LabError`, as all of these do.
        """
        return self._begin(effects.Delay(time, jitter, seed), to, name)

    def loss(self, share: Share, to: To = None, seed: int = 0, name: str = "") -> Impairment:
        """Lose a share of all packets: which ones, hangs on what they are and on the `seed`."""
        return self._begin(effects.Loss(share, seed), to, name)

    def duplicate(self, share: Share, to: To = None, seed: int = 0, name: str = "") -> Impairment:
        """Deliver a share of all packets twice."""
        return self._begin(effects.Duplicate(share, seed), to, name)

    def reorder(
        self, share: Share, by: Time = "5ms", to: To = None, seed: int = 0, name: str = ""
    ) -> Impairment:
        """Hold a share of all packets back for so many seconds, while those behind them pass."""
        return self._begin(effects.Reorder(share, seed, by), to, name)

    def corrupt(self, share: Share, to: To = None, seed: int = 0, name: str = "") -> Impairment:
        """Change one bit in a share of all packets; checksums find it."""
        return self._begin(effects.Corrupt(share, seed), to, name)

    def rate(self, speed: str, queue: str = "", to: To = None, name: str = "") -> Impairment:
        """Carry no more than so many bits a second (``2mbit``), which wait in a queue of so many
        bytes (``64kB``), or in an endless one. It loses what finds the queue full.
        """
        return self._begin(effects.Rate(speed, queue), to, name)

    def drop(
        self, packet: PacketName, to: End, connection: int = 1, again: int = 0, name: str = ""
    ) -> Impairment:
        """Lose one packet on its way `to` a host, and no other. It is the n-th that is sent there,
        counted from now on, where what is sent again does not count; or exactly ``"seq=1"`` (its
        data begin there), ``"ack=146"`` (it acknowledges that and says nothing else), ``"SYN"``,
        ``"FIN"``, ``"RST"``. `connection` counts those that are opened; `again` loses what is sent
        again instead: for the first time (1), the second.
        """
        return self._begin(fates.LostPacket(packet, connection, again), to, name)

    def cut(
        self, packet: PacketName, to: End, connection: int = 1, again: int = 0, name: str = ""
    ) -> Impairment:
        """Lose that packet, named as in `drop`, and all that either end sends after it."""
        return self._begin(fates.Cut(packet, connection, again), to, name)

    def double(
        self, packet: PacketName, to: End, connection: int = 1, again: int = 0, name: str = ""
    ) -> Impairment:
        """Deliver that packet, named as in `drop`, twice."""
        return self._begin(fates.Doubled(packet, connection, again), to, name)

    def overtake(
        self, packet: PacketName, to: End, connection: int = 1, again: int = 0, name: str = ""
    ) -> Impairment:
        """Hold that packet, named as in `drop`, until the next one has gone there, or for 100 ms
        if none comes.
        """
        return self._begin(fates.Overtaken(packet, connection, again), to, name)

    def watch(self) -> None:
        """Note each packet that crosses from now on, for `seen`. Raises `LabError`."""
        self.seen()

    def seen(self) -> list[Sent]:
        """The packets that have crossed since the last call, in their order; at most 10,000.

        Raises `LabError` where the process that carries them has ended.
        """
        found: list[Sent] = []
        while some := self._ask(pump.WATCH):
            found += itertools.starmap(Sent, some)
        return found

    def profile(self, which: str, name: str = "") -> Impairment:
        """Be like a network that many people have: several effects under one name. `which` is one
        of `PROFILES`: lte, 3g, wifi, satellite, bufferbloat. The client is the one who has it.
        """
        profile = _known(which)
        each = [(side, effect) for side, done in profile.ways.items() for effect in done]
        does = f"is like {profile.like} ({which})"
        return self._impose_all("profile", name, does, each)

    def _begin(self, effect: WireEffect, to: To, name: str) -> Impairment:
        side = None if to is None else coerce.side(to)
        place = f" to the {side}" if side is not None else ""
        try:
            _ = effect.numbers
        except ValueError as error:
            raise LabError(str(error)) from None
        return self._impose_all(effect.word, name, f"{effect.does}{place}", [(side, effect)])

    def _impose_all(
        self, word: str, name: str, does: str, each: Sequence[tuple[Side | None, WireEffect]]
    ) -> Impairment:
        name = self._name_of(name, word)
        if self._carried is None:
            self._build()
        parts = tuple(Component(next(self._numbers), side, effect) for side, effect in each)
        kind = next((kind for kind, is_it in KINDS if any(map(is_it, parts))), Impairment)
        impairment = kind(self, word, name, does, parts)
        self._impairments.append(impairment)
        self._tell()
        return self._impose(impairment)

    def met(self, impairment: Impairment) -> dict[Component, int]:
        """How many packets each part of an impairment that is in force has met so far."""
        counted = self._tell()
        return {part: counted[str(part.number)] for part in impairment.parts}

    def end(self, impairment: Impairment) -> None:
        """Have an impairment no longer be in force."""
        self._impairments.remove(impairment)
        self._tell()

    def _tell(self) -> dict[str, int]:
        """Have exactly these impairments be in force; returns what each part has met."""
        conditions = [part.condition for each in self._impairments for part in each.parts]
        found: dict[str, int] = self._ask(json.dumps(conditions).encode())
        return found

    def _ask(self, what: bytes) -> Any:
        """What the process in between answers. Raises `LabError` where it is gone."""
        if self._carried is None:
            self._build()
        assert self._carried is not None
        try:
            answer = self._carried.ask(what)
        except OSError as error:
            answer, why = b"", f": {error.strerror or error}"
        else:
            why = ""
        if not answer:
            raise LabError(f"the process that carries packets has ended{why}")
        return json.loads(answer)

    # --- building

    def _build(self) -> None:
        self._detour(LINK)
        with contextlib.ExitStack() as opened:
            middle = Namespace.create()
            opened.callback(middle.close)
            try:
                with middle:
                    route = opened.enter_context(contextlib.closing(Transport(NETLINK_ROUTE)))
                for host in self._hosts.values():
                    self._join(host, middle, route)
                ends = [self._end(middle, side, opened) for side in Side]
            except OSError as error:
                raise refused(error) from None
            self._carried = opened.enter_context(contextlib.closing(Carried(ends)))
            for end in ends:
                end.close()
            self._tell()
            for host in self._hosts.values():
                host.route.send(_detour(host, self._network))
                self._joined(host, LINK)
            self._closing = opened.pop_all()

    def _join(self, host: Host, middle: Namespace, route: Transport) -> None:
        side = host.side
        near = rtnetlink.VethEnd(NUMBER, LINK, side.hardware)
        far = rtnetlink.VethEnd(INNER[side], str(side), _inner(side))
        purpose = f"the {side}'s link to the wire"
        host.route.send([rtnetlink.cable(near, far, middle.fd, purpose, NLM_F_ACK)])
        with host.namespace:
            ethtool.no_offloads(LINK)
        with middle:
            ethtool.no_offloads(str(side))
        for transport, number in ((route, INNER[side]), (host.route, NUMBER)):
            up = rtnetlink.up(number).asking()
            transport.send([rtnetlink.without_link_local(number), up])
        wire.wait_until_it_carries(host.route, NUMBER)

    def _end(self, middle: Namespace, side: Side, opened: contextlib.ExitStack) -> socket.socket:
        """A packet socket of one of the links inside."""
        with middle:
            # Without a protocol: one that hears already waits for the whole machine to be bound.
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            opened.callback(end.close)
            end.bind((str(side), ALL_FRAMES))
        try:
            end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        except PermissionError:  # root of a user namespace has the machine's limit
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        return end


def _detour(host: Host, network: int) -> list[Request]:
    """The requests that send what is for the other end over the new link."""
    found: list[Request] = []
    for family in Family:
        address = host.peer.side.address(family, network)
        hardware = host.peer.side.hardware
        found += [
            rtnetlink.neighbour(family, address, NUMBER, hardware),
            rtnetlink.route(family, address, rtnetlink.bits(family), NUMBER),
        ]
    return found


def _inner(side: Side) -> str:
    """The hardware address of a link's end at the process; nothing is sent to it."""
    return f"02:00:00:00:02:0{side.number}"


def _known(which: str) -> Profile:
    """A profile by its name. Raises `LabError` for another one."""
    if which in PROFILES:
        return PROFILES[which]
    near = difflib.get_close_matches(str(which), PROFILES, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise LabError(f"profile: expected one of {', '.join(PROFILES)}; found {which!r}.{meant}")
