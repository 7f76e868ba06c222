# SPDX-License-Identifier: GPL-2.0-or-later
"""A third host between the two of a lab: it forwards, and may translate addresses, track
connections and forget them, have a small MTU, and keep quiet about it.

Packets of the lab's connections take the way over the router as soon as it is there: each end has
a second link, with a route to the other end's address that is narrower than that of the wire.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
from types import TracebackType
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.observe import sampling
from netlab.testbed.host import NETLINK_ROUTE, Host
from netlab.testbed.lab import Lab
from netlab.testbed.namespace import Namespace, refused
from netlab.testbed.netlink import NLM_F_ACK, Request, Transport, attributes, encode
from netlab.testbed.wire import (
    IFA_F_NODAD,
    IFF_UP,
    IFINFOMSG_SIZE,
    IFLA_OPERSTATE,
    LINK_PATIENCE,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NUD_PERMANENT,
    OPER_UP,
    RT_TABLE_MAIN,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    RTM_SETLINK,
    RTN_UNICAST,
    RTPROT_STATIC,
)

OWN = 126  # the router's addresses, .253 and .254: far from further ones of the ends
LINK = "eth1"  # what its links are called at both ends
SECOND_LINK = 3  # its number at each end, after loopback and the wire
LINKS = {Side.CLIENT: 2, Side.SERVER: 3}  # the numbers of the router's own
#: nft is an administrator's program, and a user's path may lack its folder.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
FORGETTING = "net.netfilter.nf_conntrack_tcp_timeout_{}"


class Router:
    """The host between. A context manager; close it before its lab.

    Raises `LabError` where the kernel or the nft program cannot do what is asked.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._rules = 0
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
                if lab.recorder is not None:
                    lab.recorder.watch_also(host.side, host.namespace, LINK)
            lab.link = LINK
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
        """Let go of the namespace; the kernel takes its links from the ends."""
        self._closing.close()

    def address(self, side: Side, family: Family | None = None) -> str:
        """What the router is called on the link to that side."""
        return side.address(family or self._lab.family, self._lab.network, OWN)

    # --- what it can do

    def translate(self) -> None:
        """Source NAT: the server sees every connection as the router's own (masquerade)."""
        self._install(
            "chain translate { type nat hook postrouting priority 100; policy accept; "
            f'oifname "{Side.SERVER}" masquerade; }}'
        )
        client = self._lab.client.address
        self._lab.watch.translated[client] = self.address(Side.SERVER)

    def track(self, drop_invalid: bool = True) -> None:
        """Forward only what belongs to a connection that was seen to open: a stateful firewall.

        With `drop_invalid=False` it only looks, as a NAT does.
        """
        self.namespace.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
        verdict = "drop" if drop_invalid else "accept"
        self._install(
            "chain track { type filter hook forward priority 0; policy accept; "
            f"ct state invalid counter {verdict}; }}"
        )

    def forget_after(self, seconds: int, state: str = "established") -> None:
        """How long a connection may be silent before it is forgotten: ``established``,
        ``fin_wait``, ``close_wait`` and so on, as conntrack names what it has seen.
        """
        self.namespace.sysctl(FORGETTING.format(state), seconds)

    def narrow(self, side: Side, mtu: int) -> None:
        """Give the link to one side a small MTU; that end is not told."""
        message = ifinfmsg()
        message["index"] = LINKS[side]
        message["attrs"] = [("IFLA_MTU", mtu)]
        self.route.send([encode(message, RTM_SETLINK, NLM_F_ACK, f"an MTU of {mtu}")])

    def hide_errors(self) -> None:
        """Send no ICMP errors, as those who filter "all ICMP" do."""
        self._install(
            "chain hide { type filter hook output priority 0; policy accept; "
            "icmp type destination-unreachable counter drop; "
            "icmpv6 type { destination-unreachable, packet-too-big } counter drop; }"
        )

    def forget(self) -> None:
        """Take all rules out of force. What was translated stays so while it is remembered."""
        self._lab.watch.translated.clear()
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
                done = subprocess.run(
                    [shutil.which("nft", path=PATH) or "nft", "-f", "-"],
                    input=text,
                    capture_output=True,
                    text=True,
                    check=False,
                )
        except FileNotFoundError:
            raise LabError("a router's rules need the nft program: install nftables") from None
        if done.returncode:
            raise LabError(f"nft refused the router's rules: {done.stderr.strip()}")

    # --- building

    def _join(self, host: Host) -> None:
        """A link from one end, and the way over it to the other end and to the router."""
        side, network = host.side, self._lab.network
        link = LINKS[side]
        host.route.send([_cable(side, self.namespace.fd)])
        inside: list[Request] = [_up(SECOND_LINK)]
        router: list[Request] = [_up(link)]
        for family in Family:
            address = side.address(family, network)
            own = side.address(family, network, OWN)
            router += [
                _address(family, own, link),
                _neighbour(family, address, link, side.hardware),
                _way(family, address, link),
            ]
            others = (side.peer.address(family, network), own)
            for other in others:
                inside += [
                    _neighbour(family, other, SECOND_LINK, _hardware(side)),
                    _way(family, other, SECOND_LINK),
                ]
        self.route.send(router)
        host.route.send(inside)
        for transport, index in ((self.route, link), (host.route, SECOND_LINK)):
            carries = functools.partial(_carries, transport, index)
            if not sampling.wait(carries, sampling.now() + LINK_PATIENCE):
                raise LabError(f"the link of the router did not come up in {LINK_PATIENCE:g} s")


@functools.cache
def lacking(what: str) -> str:
    """Why a router cannot have rules here (``rules``), or track connections and translate their
    addresses as well (``tracking``); nothing where it can. Tried in a lab.
    """
    if shutil.which("nft", path=PATH) is None:
        return "a router's rules need the nft program: install nftables"
    if what == "rules":
        return ""
    if not has_conntrack():
        return "this kernel tracks no connections (nf_conntrack)"
    with Lab() as lab, Router(lab) as router:
        try:
            router.translate()
            router.track()
        except LabError:
            return "this kernel translates no addresses (nf_nat, nft_masq, nft_chain_nat)"
    return ""


def has_conntrack() -> bool:
    """Whether this kernel tracks connections (nf_conntrack)."""
    namespace = Namespace.create()
    try:
        namespace.sysctl("net.netfilter.nf_conntrack_tcp_loose")
    except LabError:
        return False
    finally:
        namespace.close()
    return True


def _hardware(side: Side) -> str:
    return f"02:00:00:00:01:0{side.number}"


def _cable(side: Side, namespace: int) -> Request:
    peer: dict[str, Any] = {
        "index": LINKS[side],
        "attrs": [
            ("IFLA_IFNAME", str(side)),
            ("IFLA_ADDRESS", _hardware(side)),
            ("IFLA_NET_NS_FD", namespace),
        ],
    }
    information = [
        ("IFLA_INFO_KIND", "veth"),
        ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]}),
    ]
    message = ifinfmsg()
    message["index"] = SECOND_LINK
    message["attrs"] = [
        ("IFLA_IFNAME", LINK),
        ("IFLA_ADDRESS", side.hardware),
        ("IFLA_LINKINFO", {"attrs": information}),
    ]
    flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK
    return encode(message, RTM_NEWLINK, flags, f"the {side}'s link to the router")


def _up(index: int) -> Request:
    message = ifinfmsg()
    message["index"] = index
    message["flags"] = message["change"] = IFF_UP
    return encode(message, RTM_SETLINK, 0, f"interface {index} up")


def _carries(transport: Transport, index: int) -> bool | None:
    message = ifinfmsg()
    message["index"] = index
    answer = transport.ask(encode(message, RTM_GETLINK, 0, "the state of a link"))
    state = dict(attributes(answer[IFINFOMSG_SIZE:])).get(IFLA_OPERSTATE)
    return (state is not None and state[0] == OPER_UP) or None


def _address(family: Family, address: str, link: int) -> Request:
    message = ifaddrmsg()
    message["family"], message["index"] = family, link
    message["prefixlen"] = 32 if family is Family.IPV4 else 128
    message["flags"] = IFA_F_NODAD
    message["attrs"] = [("IFA_LOCAL", address), ("IFA_ADDRESS", address)]
    return encode(message, RTM_NEWADDR, NLM_F_CREATE, f"address {address}")


def _neighbour(family: Family, address: str, link: int, hardware: str) -> Request:
    message = ndmsg()
    message["family"], message["ifindex"], message["state"] = family, link, NUD_PERMANENT
    message["attrs"] = [("NDA_DST", address), ("NDA_LLADDR", hardware)]
    return encode(message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, f"neighbour {address}")


def _way(family: Family, address: str, link: int) -> Request:
    """A route to one address. Acknowledged: the last of each end's requests is one."""
    message = rtmsg()
    message["family"] = family
    message["dst_len"] = 32 if family is Family.IPV4 else 128
    message["table"], message["proto"], message["type"] = RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST
    message["scope"] = 253 if family is Family.IPV4 else 0  # RT_SCOPE_LINK
    message["attrs"] = [("RTA_DST", address), ("RTA_OIF", link)]
    flags = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK
    return encode(message, RTM_NEWROUTE, flags, f"the way to {address}")
