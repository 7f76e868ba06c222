# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire that is slow, narrow or lossy, as told, on any kernel: a process in between carries every
frame (`netlab.programs.pump`), and loses it on the wire and never in the sender's own queue.

The ends' packets go over it from its first impairment on: each end has a second link, whose route
to the other end's address is more specific than that of the cable. Those links carry whole packets
with their checksums, so that what is lost is one packet.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from netlab.linux import ethtool, rtnetlink
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_ROUTE, NLM_F_ACK
from netlab.linux.privileges import refused
from netlab.linux.transport import Request, Transport
from netlab.model import evidence, units
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.programs import pump
from netlab.testbed import coerce, wire
from netlab.testbed.faults.base import Fault
from netlab.testbed.host import Host

LINK, NUMBER = "eth2", wire.VETH + 2  # at each end
INNER = {Side.CLIENT: wire.VETH, Side.SERVER: wire.VETH + 1}  # their peers' numbers
ALL_FRAMES = 0x0003  # ETH_P_ALL
SO_RCVBUFFORCE = 33
BUFFER = 4 << 20  # bytes that may wait for the process
WAYS = {Side.SERVER: 0, Side.CLIENT: 1, None: 2}
PATIENCE = 10.0  # seconds

V = TypeVar("V")
To = coerce.HasSide | Side | str | None  # a host, or None: both directions
Time = float | str  # seconds, or "40ms"
Share = float | str  # 0.02, or "2%"


class Impairment(Fault):
    """What the wire does to packets from now on, until it is removed."""

    kind = "wire"  # of any word
    counts = False  # what it does shows in time, or now and then

    def __init__(
        self,
        carrier: Carrier,
        word: str,
        name: str,
        does: str,
        sides: tuple[Side, ...],
        loses: bool,
    ) -> None:
        self.word, self.name = word, name
        self._carrier, self._does, self._sides, self._loses = carrier, does, sides, loses
        self._installed = carrier.clock()
        self._removed: float | None = None
        self._met = 0

    @property
    def met(self) -> int:
        """The number of packets that it was done to so far."""
        if self._removed is None:
            self._met = self._carrier.met(self)
        return self._met

    @property
    def packets(self) -> int:
        """The number of packets that it has lost so far."""
        return self.met if self._loses else 0

    @property
    def in_force(self) -> bool:
        """True until it is removed."""
        return self._removed is None

    def remove(self) -> None:
        """Have the wire no longer do it; what is under way stays so."""
        if self._removed is None:
            self._met = self._carrier.met(self)
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
        )


class Loss(Impairment):
    """Loses packets; where nothing was lost it is no cause of anything."""

    counts = True


class Carrier:
    """The wire of one lab, as far as it misbehaves. Times are in seconds, or texts such as
    ``"40ms"``; a share is a number from 0 to 1, or a text such as ``"2%"``. Each call raises
    `LabError` for what it cannot be given, and where the kernel refuses the links.

    Everything is done in both directions, or to what is on its way `to` one host. It is built with
    the first impairment: `detour` is asked then whether it may be, and `joined` told of each side's
    new link. `free_name` gives an impairment its name, and `impose` is told of it.
    """

    def __init__(
        self,
        hosts: Mapping[Side, Host],
        network: int,
        clock: Callable[[], float],
        free_name: Callable[[str], str],
        impose: Callable[[Impairment], Impairment],
        detour: Callable[[str], None],
        joined: Callable[[Host, str], None],
    ) -> None:
        self._hosts, self._network, self.clock = hosts, network, clock
        self._free_name, self._impose = free_name, impose
        self._detour, self._joined = detour, joined
        self._numbers = itertools.count()
        self._impairments: dict[Impairment, tuple[int, dict[str, object]]] = {}
        self._control: socket.socket | None = None
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
        late, vague = _read("delay", units.seconds, time), _read("jitter", units.seconds, jitter)
        if vague > late:
            raise LabError(f"jitter: at most the delay ({time}); found {jitter}")
        does = f"delays packets by {time}" + (f", give or take {jitter}" if vague else "")
        return self._begin("delay", does, to, name, delay=late, jitter=vague, seed=seed)

    def loss(self, share: Share, to: To = None, seed: int = 0, name: str = "") -> Impairment:
        """Lose a share of all packets: which ones, hangs on what they are and on the `seed`."""
        part = _read("loss", units.share, share)
        does = f"loses {share} of all packets"
        return self._begin("loss", does, to, name, loses=True, share=part, seed=seed)

    def duplicate(self, share: Share, to: To = None, seed: int = 0, name: str = "") -> Impairment:
        """Deliver a share of all packets twice."""
        part = _read("duplicate", units.share, share)
        does = f"delivers {share} of all packets twice"
        return self._begin("duplicate", does, to, name, share=part, seed=seed)

    def reorder(
        self, share: Share, by: Time = "5ms", to: To = None, seed: int = 0, name: str = ""
    ) -> Impairment:
        """Hold a share of all packets back for so many seconds, while those behind them pass."""
        part, late = _read("reorder", units.share, share), _read("by", units.seconds, by)
        does = f"holds {share} of all packets back for {by}"
        return self._begin("reorder", does, to, name, share=part, seed=seed, by=late)

    def corrupt(self, share: Share, to: To = None, seed: int = 0, name: str = "") -> Impairment:
        """Change one bit in a share of all packets; checksums find it."""
        part = _read("corrupt", units.share, share)
        does = f"changes a bit in {share} of all packets"
        return self._begin("corrupt", does, to, name, share=part, seed=seed)

    def rate(self, speed: str, queue: str = "", to: To = None, name: str = "") -> Impairment:
        """Carry no more than so many bits a second (``2mbit``), which wait in a queue of so many
        bytes (``64kB``), or in an endless one. It loses what finds the queue full.
        """
        bits = _read("rate", units.bits, speed)
        room = _read("queue", units.size, queue) if queue else 0.0
        does = f"carries {speed}" + (f", with a queue of {queue}" if queue else "")
        return self._begin("rate", does, to, name, bool(queue), rate=bits / 8, queue=room)

    def _begin(
        self, word: str, does: str, to: To, name: str, loses: bool = False, **what: float
    ) -> Impairment:
        side = None if to is None else coerce.side(to)
        if self._control is None:
            self._build()
        sides = (side,) if side is not None else tuple(Side)
        place = f" to the {side}" if side is not None else ""
        kind = Loss if word == "loss" else Impairment
        impairment = kind(self, word, name or self._free_name(word), f"{does}{place}", sides, loses)
        number = next(self._numbers)
        about = {"id": number, "kind": word, "way": WAYS[side], "salt": number, **what}
        self._impairments[impairment] = number, about
        self._tell()
        return self._impose(impairment)

    def met(self, impairment: Impairment) -> int:
        """How many packets an impairment that is in force has met so far."""
        number, _ = self._impairments[impairment]
        return self._tell()[str(number)]

    def end(self, impairment: Impairment) -> None:
        """Have an impairment no longer be in force."""
        del self._impairments[impairment]
        self._tell()

    def _tell(self) -> dict[str, int]:
        """Have exactly these impairments be in force; returns what each has met."""
        assert self._control is not None
        try:
            self._control.send(
                json.dumps([what for _, what in self._impairments.values()]).encode()
            )
            answer = self._control.recv(1 << 20)
        except OSError as error:
            answer = b""
            why = f": {error.strerror}"
        else:
            why = ""
        if not answer:
            raise LabError(f"the process that carries packets has ended{why}")
        found: dict[str, int] = json.loads(answer)
        return found

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
            mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            opened.enter_context(mine)
            mine.settimeout(PATIENCE)
            with its:
                numbers = [each.fileno() for each in (*ends, its)]
                try:
                    process = subprocess.Popen(
                        [sys.executable, "-IS", pump.__file__, *map(str, numbers)],
                        stdin=subprocess.DEVNULL,
                        pass_fds=numbers,
                        start_new_session=True,  # Ctrl-C is not for it
                    )
                except OSError as error:
                    raise refused(error) from None
            opened.callback(_ended, process, mine)
            for end in ends:
                end.close()
            self._control = mine
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
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_FRAMES))
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


def _ended(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()  # it ends by itself then
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read(what: str, read: Callable[[V], float], given: V) -> float:
    try:
        return read(given)
    except (ValueError, TypeError, AttributeError) as error:
        raise LabError(f"{what}: expected {error}; found {given!r}") from None
