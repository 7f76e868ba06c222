# SPDX-License-Identifier: GPL-2.0-or-later
"""The states of TCP in all the spellings in which tools print them, and people write them."""

from __future__ import annotations

from netlab.model.tcp import State, ss_name

#: By the names of ss.
OF_SS = {ss_name(state): state for state in State}
#: By those of netstat.
OF_NETSTAT = {state.name: state for state in State if state is not State.CLOSED} | {
    "CLOSE": State.CLOSED
}
#: By those of the filter ``ss state NAME``, with which the column is left out; in capitals.
FILTERS = OF_SS | {
    "ESTABLISHED": State.ESTABLISHED,
    "LISTENING": State.LISTEN,
    "SYN-RECV": State.SYN_RECV,
}
#: netstat's in other languages.
TRANSLATED = {
    "VERBUNDEN": State.ESTABLISHED,
    "ESTABELECIDA": State.ESTABLISHED,
    "ESTABLECIDO": State.ESTABLISHED,
    "ESCUCHAR": State.LISTEN,
}
#: All of them, and what is typed after grep.
STATES = FILTERS | OF_NETSTAT | TRANSLATED | {
    "SYN_REC": State.SYN_RECV,
    "FIN_WAIT_1": State.FIN_WAIT1,
    "FIN_WAIT_2": State.FIN_WAIT2,
}  # fmt: skip
#: Sockets of other protocols, which ss lists unless it is run with only -t.
OTHERS = (
    "udp|raw|icmp6?|u_str|u_dgr|u_seq|p_raw|p_dgr|nl|sctp|dccp|mptcp|v_str|v_dgr|ti_\\w\\w|xdp|unix"
)
