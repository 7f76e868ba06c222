# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts between the two of a lab, one file a kind."""

from __future__ import annotations

import functools

from netlab.linux import conntrack, nftables
from netlab.linux.namespace import READ_ONLY
from netlab.model.errors import LabError, is_out_of_something


@functools.cache
def lacking(what: str) -> str:
    """The reason why a hop cannot have rules here (``rules``), or cannot track connections and
    translate their addresses as well (``tracking``), or answer for others (``proxy``); '' where it
    can. Tried in a lab. Raises `LabError` where this machine is out of something, or a container
    may set no sysctl, so that nobody can tell.
    """
    from netlab.testbed.hops.nat import Nat
    from netlab.testbed.hops.proxy import Proxy
    from netlab.testbed.lab import Lab

    problem = nftables.lacking("a rule of a hop")
    if problem or what == "rules":
        return problem
    if what == "tracking" and not conntrack.is_there():
        return "this kernel tracks no connections (nf_conntrack)"
    tried, otherwise = {
        "tracking": (Nat, "this kernel translates no addresses (nf_nat, nft_masq, nft_chain_nat)"),
        "proxy": (Proxy, "this kernel hands no packets to a proxy (nft_tproxy)"),
    }[what]
    with Lab() as lab:
        try:
            lab.path(tried())
        except LabError as error:
            if is_out_of_something(str(error)) or READ_ONLY in str(error):
                raise
            return otherwise
    return ""
