# SPDX-License-Identifier: GPL-2.0-or-later
"""A third host between the two of a lab: it forwards, and may translate addresses, track
connections and forget them, have a small MTU, and suppress the ICMP errors about it.

Packets of the lab's connections go over the router as soon as it exists: each end has a second
link, whose route to the other end's address is more specific than that of the wire.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from types import TracebackType

from netlab.linux import netlink, nftables, rtnetlink
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_NETFILTER, NETLINK_ROUTE, NLM_F_ACK
from netlab.linux.privileges import refused
from netlab.linux.transport import Request, Transport
from netlab.model.errors import Absent, LabError, is_out_of_something
from netlab.model.vocabulary import Family, Side
from netlab.testbed import wire
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

OWN = 126  # the router's addresses, .253 and .254: far from the ends' additional ones
LINK = "eth1"  # the name of its link at each end
SECOND_LINK = wire.VETH + 1  # its number at each end
LINKS = {Side.CLIENT: wire.VETH, Side.SERVER: wire.VETH + 1}  # their numbers at the router
#: IPCTNL_MSG_CT_DELETE of NFNL_SUBSYS_CTNETLINK, of no entry in particular: of all.
FLUSH = Request(
    netlink.message(0x102, NLM_F_ACK, bytes(4)), "to forget all connections that are tracked"
)
FORGETTING = "net.netfilter.nf_conntrack_tcp_timeout_{}"


class Router:
    """The host in between. A context manager; close it before its lab.

    Raises `LabError` where the kernel or the nft program cannot do what is asked.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._rules = 0
        lab.detour(LINK)
        with contextlib.ExitStack() as opened:
            self.namespace = Namespace.create()
            opened.callback(self.namespace.close)
            try:
                with self.namespace:
                    self.route = opened.enter_context(contextlib.closing(Transport(NETLINK_ROUTE)))
            except OSError as error:
                raise refused(error) from None
            self.namespace.sysctl("net.ipv4.ip_forward", 1)
            self.namespace.sysctl("net.ipv6.conf.all.forwarding", 1)
            for host in lab.hosts:
                self._join(host)
                lab.joined(host, LINK)
            self._closing = opened.pop_all()

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the namespace; the kernel removes its links from the ends."""
        self._closing.close()

    def address(self, side: Side, family: Family | None = None) -> str:
        """The router's address on the link to that side."""
        return side.address(family or self._lab.family, self._lab.network, OWN)

    # --- what it can do

    def translate(self) -> None:
        """Source NAT: the server sees every connection as the router's own (masquerade)."""
        self._install(
            "chain translate { type nat hook postrouting priority 100; policy accept; "
            f'oifname "{Side.SERVER}" masquerade; }}'
        )
        client = self._lab.client.address
        self._lab.context.flows.translated[client] = self.address(Side.SERVER)

    def track(self, drop_invalid: bool = True) -> None:
        """Forward only what belongs to a connection whose opening was seen: a stateful firewall.

        With `drop_invalid=False` it drops nothing and only tracks, as a NAT does.
        """
        self.namespace.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
        verdict = "drop" if drop_invalid else "accept"
        self._install(
            "chain track { type filter hook forward priority 0; policy accept; "
            f"ct state invalid counter {verdict}; }}"
        )

    def forget_after(self, seconds: int, state: str = "established") -> None:
        """Forget a connection after `seconds` of silence in a `state`: ``established``,
        ``fin_wait``, ``close_wait`` and so on, as conntrack names them.
        """
        self.namespace.sysctl(FORGETTING.format(state), seconds)

    def narrow(self, side: Side, mtu: int) -> None:
        """Give the link to one side a small MTU, in bytes, unknown to its end."""
        self.route.send([rtnetlink.mtu(LINKS[side], mtu)])

    def hide_errors(self) -> None:
        """Send no ICMP errors, as a firewall does that filters "all ICMP"."""
        self._install(
            "chain hide { type filter hook output priority 0; policy accept; "
            "icmp type destination-unreachable counter drop; "
            "icmpv6 type { destination-unreachable, packet-too-big } counter drop; }"
        )

    def forget_connections(self) -> None:
        """Forget every connection that is tracked, as a hop does that is replaced (conntrack -F).

        Raises `LabError` where the kernel cannot (nf_conntrack_netlink).
        """
        with self.namespace, contextlib.closing(Transport(NETLINK_NETFILTER)) as firewall:
            firewall.send([FLUSH])

    def forget(self) -> None:
        """Remove all rules. Translated connections stay so while conntrack remembers them."""
        self._lab.context.flows.translated.clear()
        while self._rules:
            self._nft(f"delete table inet router-{self._rules}\n")
            self._rules -= 1

    def _install(self, chain: str) -> None:
        number = self._rules + 1
        lines = chain.replace("{ type", "{\n type").replace("; ", ";\n").replace(";}", ";\n}")
        self._nft(f"table inet router-{number} {{\n{lines}\n}}\n")
        self._rules = number

    def _nft(self, text: str) -> None:
        try:
            with self.namespace:
                complaint = nftables.execute(text)
        except FileNotFoundError:
            raise LabError(nftables.lacking("a rule of a router")) from None
        if complaint:
            raise LabError(f"nft refused the router's rules: {complaint}")

    # --- building

    def _join(self, host: Host) -> None:
        """Add a link from one end, and the routes over it to the other end and to the router."""
        side, network = host.side, self._lab.network
        link = LINKS[side]
        near = rtnetlink.VethEnd(SECOND_LINK, LINK, side.hardware)
        far = rtnetlink.VethEnd(link, str(side), _hardware(side))
        purpose = f"the {side}'s link to the router"
        host.route.send([rtnetlink.cable(near, far, self.namespace.fd, purpose, NLM_F_ACK)])
        inside: list[Request] = [rtnetlink.up(SECOND_LINK)]
        router: list[Request] = [rtnetlink.up(link)]
        for family in Family:
            address = side.address(family, network)
            own = side.address(family, network, OWN)
            router += [
                rtnetlink.address(family, own, link, rtnetlink.bits(family)),
                *_reached(family, address, link, side.hardware),
            ]
            for other in (side.peer.address(family, network), own):
                inside += _reached(family, other, SECOND_LINK, _hardware(side))
        self.route.send(router)
        host.route.send(inside)
        wire.wait_until_it_carries(self.route, link)
        wire.wait_until_it_carries(host.route, SECOND_LINK)


def _reached(family: Family, address: str, link: int, hardware: str) -> Iterator[Request]:
    """The requests that make one address reachable; the last one is acknowledged."""
    yield rtnetlink.neighbour(family, address, link, hardware)
    yield rtnetlink.route(family, address, rtnetlink.bits(family), link)


@functools.cache
def lacking(what: str) -> str:
    """The reason why a router cannot have rules here (``rules``), or cannot track connections and
    translate their addresses as well (``tracking``); '' where it can. Tried in a lab. Raises
    `LabError` where this machine is out of something, so that nobody can tell.
    """
    problem = nftables.lacking("a rule of a router")
    if problem or what == "rules":
        return problem
    if not has_conntrack():
        return "this kernel tracks no connections (nf_conntrack)"
    with Lab() as lab, Router(lab) as router:
        try:
            router.translate()
            router.track()
        except LabError as error:
            if is_out_of_something(str(error)):
                raise
            return "this kernel translates no addresses (nf_nat, nft_masq, nft_chain_nat)"
    return ""


def has_conntrack() -> bool:
    """True if this kernel tracks connections (nf_conntrack)."""
    namespace = Namespace.create()
    try:
        namespace.sysctl("net.netfilter.nf_conntrack_tcp_loose")
    except Absent:
        return False
    finally:
        namespace.close()
    return True


def _hardware(side: Side) -> str:
    return f"02:00:00:00:01:0{side.number}"
