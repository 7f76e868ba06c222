# SPDX-License-Identifier: GPL-2.0-or-later
"""The hosts between the two of a lab, in a row, and what they remember of its connections.

Packets go over them as soon as they stand: each end has a second link, whose routes to what is
beyond are more specific than that of the cable. Every hop knows its neighbours' hardware addresses
from the start, as the ends do.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from netlab.linux import conntrack, rtnetlink
from netlab.linux.conntrack import NOTHING, Ends, TrackedConnection
from netlab.linux.netlink import NLM_F_ACK
from netlab.linux.transport import Request, Transport
from netlab.model import evidence, way
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.testbed import wire
from netlab.testbed.context import LabContext
from netlab.testbed.hops.base import Hop, HopHost, HopPlan, Place
from netlab.testbed.hops.links import LINKS
from netlab.testbed.host import Host

LINK = "eth1"  # the name of its link at each end
SECOND_LINK = wire.VETH + 1  # its number at each end
#: Numbers of additional addresses of the server: of services, and of the servers behind them.
SERVICES, SERVERS = 100, 40


class _Post(NamedTuple):
    """One end of one link of the path."""

    route: Transport
    namespace: int  # a descriptor
    link: rtnetlink.VethEnd
    box: HopHost | None  # None: an end of the lab


class Path:
    """The hops of one lab, from the client's end to the server's. Raises `LabError` where the
    kernel cannot build them, or they do not go together.
    """

    def __init__(self, context: LabContext, hosts: Sequence[Host], hops: Sequence[Hop]) -> None:
        if wrong := [each for each in hops if not isinstance(each, Hop)]:
            raise LabError(f"path: expected hops, such as Nat(); found {wrong[0]!r}")
        why_not = way.problem(
            [way.OnTheWay(hop.name, hop.hosted, *hop.services.values()) for hop in hops]
        )
        if why_not:
            raise LabError(why_not)
        self.hops = tuple(hops)
        self._context, self._hosts = context, {host.side: host for host in hosts}
        self._known = places(hops)
        #: What each hop makes of a connection's ends, as far as was ever seen: a table forgets.
        self._made: list[dict[Ends, Ends]] = []
        self._translations: list[evidence.Translation] = []
        self._held: list[dict[Ends, TrackedConnection | None]] = []
        self._hosted = [hop for hop in hops if hop.hosted]
        self._remembers = [hop.tracks for hop in self._hosted]
        with contextlib.ExitStack() as opened:
            self.boxes: list[HopHost] = []
            logs = bool(context.recorder or context.tape)
            for number, _ in enumerate(self._hosted, start=1):
                plan = HopPlan(number, context.network, self._known)
                box = HopHost(plan, context.elapsed, logs, self._divert)
                opened.callback(box.close)
                self.boxes.append(box)
                self._made.append({})
                self._held.append({})
            self._lay()
            self._serve()
            boxes = iter(self.boxes)
            for hop in hops:
                opened.callback(hop.close)
                hop.stand(next(boxes) if hop.hosted else self.boxes[-1])
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of the hops; the kernel removes their links from the ends."""
        self._opened.close()

    @property
    def names(self) -> Mapping[str, str]:
        """The addresses, in the lab's family, of services and of the servers behind them."""
        return {
            name: side.address(self._context.family, self._context.network, extra)
            for name, (side, extra) in self._known.items()
        }

    @property
    def addresses(self) -> Iterator[str]:
        """Every address on the way, in the lab's family."""
        yield from self.names.values()
        family = self._context.family
        yield from (box.plan.address(side, family) for box in self.boxes for side in Side)

    def hop(self, name: str) -> Hop:
        """The hop of that name. Raises `LabError` if there is none."""
        for hop in self.hops:
            if hop.name == name:
                return hop
        known = ", ".join(hop.name for hop in self.hops)
        raise LabError(f"no hop is called {name!r}. Known: {known}")

    # --- connections

    def look(self, client: tuple[str, int], server: tuple[str, int]) -> list[Ends]:
        """Ask every hop for a connection, now, given its ends as the client has them. Returns both
        ends as they are known on each link, from the client's own to the server's.
        """
        now = client, server
        found = [now]
        for number, box in enumerate(self.boxes):
            if self._remembers[number]:
                entry = conntrack.find(box.firewall, now)
                self._held[number][now] = entry
                if entry is not None and entry.original == now:
                    self._learn(number, entry)
            now = self._made[number].get(now, now)
            found.append(now)
        return found

    def origin(self, client: tuple[str, int], server: tuple[str, int]) -> Ends:
        """Both ends as the client has them, from those that the server has."""
        now = client, server
        for number, box in reversed([*enumerate(self.boxes)]):
            if self._remembers[number]:
                entry = conntrack.find(box.firewall, (now[1], now[0]))
                if entry is not None and entry.beyond == now:
                    self._learn(number, entry)
                    now = entry.original
                    continue
            made = self._made[number]
            now = next((own for own, beyond in made.items() if beyond == now), now)
        return now

    def tracked(self, links: Sequence[Ends]) -> dict[str, str]:
        """The state of a connection in each hop's table, by the hop's name, as it was last seen;
        `links` are its ends on each link.
        """
        found = {}
        for number, hop in enumerate(self._hosted):
            if self._remembers[number]:
                entry = self._held[number].get(links[number])
                found[hop.name] = entry.state if entry is not None else NOTHING
        return found

    def translations(self) -> list[evidence.Translation]:
        """Every translation on the way that was ever seen, in order."""
        return self._translations

    def _learn(self, number: int, entry: TrackedConnection) -> None:
        own, beyond = entry.original, entry.beyond
        if self._made[number].get(own) == beyond:
            return
        self._made[number][own] = beyond
        if own != beyond:
            at = self._context.elapsed()
            if entry.since is not None:
                at = round((entry.since - self._context.began_realtime) / 1e9, 9)
            self._translations.append(evidence.Translation(at, number + 1, *own, *beyond))

    # --- building

    def _lay(self) -> None:
        """Lay a cable between each two neighbours, and the routes to what is beyond them."""
        links = [*itertools.pairwise(self._posts())][::2]
        for number, (near, far) in enumerate(links, start=1):
            purpose = f"link {number} of the path"
            cable = rtnetlink.cable(near.link, far.link, far.namespace, purpose, NLM_F_ACK)
            near.route.send([cable])
            for post in (near, far):
                index = post.link.number
                up = rtnetlink.up(index).asking()
                post.route.send([rtnetlink.without_link_local(index), up])
        for number, (near, far) in enumerate(links):
            near.route.send([*self._routes(near, far, Side.SERVER, number)])
            far.route.send([*self._routes(far, near, Side.CLIENT, number)])
            for post in (near, far):
                wire.wait_until_it_carries(post.route, post.link.number)

    def _posts(self) -> Iterator[_Post]:
        """Every end of every link, from the client to the server."""
        client, server = (self._hosts[side] for side in Side)
        yield _Post(client.route, client.namespace.fd, _second_link(Side.CLIENT), None)
        for box in self.boxes:
            for side in Side:
                hardware = f"02:00:00:00:{box.plan.number:02x}:0{side.number}"
                link = rtnetlink.VethEnd(LINKS[side], str(side), hardware)
                yield _Post(box.route, box.namespace.fd, link, box)
        yield _Post(server.route, server.namespace.fd, _second_link(Side.SERVER), None)

    def _routes(self, post: _Post, next_: _Post, towards: Side, number: int) -> Iterator[Request]:
        """The address of a hop at this end of link `number`, and the routes over the link to all
        that is beyond it on one side.
        """
        index = post.link.number
        for family in Family:
            bits = rtnetlink.bits(family)
            if post.box is not None:
                own = post.box.plan.address(towards, family)
                yield rtnetlink.address(family, own, index, bits)
                if family is Family.IPV6:
                    yield rtnetlink.local_route(own, index)
            for address in self._beyond(towards, number, family):
                yield rtnetlink.neighbour(family, address, index, next_.link.hardware)
                yield rtnetlink.route(family, address, bits, index)

    def _beyond(self, towards: Side, number: int, family: Family) -> Iterator[str]:
        """The addresses that are beyond link `number` on one side."""
        network = self._context.network
        yield towards.address(family, network)
        if towards is Side.SERVER:
            for side, extra in self._known.values():
                if side is Side.SERVER and extra:
                    yield side.address(family, network, extra)
            boxes = self.boxes[number:]
        else:
            boxes = self.boxes[:number]
        for box in boxes:
            yield box.plan.address(towards.peer, family)

    def _serve(self) -> None:
        """Give the server the addresses of all that stand behind a service."""
        server = self._hosts[Side.SERVER]
        for name, (side, extra) in self._known.items():
            if side is Side.SERVER and SERVERS <= extra < SERVICES:
                server.take_address(name, extra)

    def _divert(self, apart: bool) -> None:
        """Have what the server sends to the client take the cable, or the path again."""
        client, server = (self._hosts[side] for side in Side)
        for host, link in itertools.product((client, server), ("all", wire.NAME, LINK)):
            host.sysctl(f"net.ipv4.conf.{link}.rp_filter", 0)
        index = wire.VETH if apart else SECOND_LINK
        for family in Family:
            address = Side.CLIENT.address(family, self._context.network)
            server.route.send([rtnetlink.route(family, address, rtnetlink.bits(family), index)])


def places(hops: Sequence[Hop]) -> dict[str, Place]:
    """The address of each name on the way."""
    found: dict[str, Place] = {str(side): (side, 0) for side in Side}
    services, servers = itertools.count(SERVICES), itertools.count(SERVERS)
    for hop in hops:
        for name, behind in hop.services.items():
            found[name] = (Side.SERVER, 0 if hop.idle else next(services))
            for each in behind:
                if each not in found:
                    found[each] = Side.SERVER, next(servers)
    return found


def _second_link(side: Side) -> rtnetlink.VethEnd:
    return rtnetlink.VethEnd(SECOND_LINK, LINK, side.hardware)
