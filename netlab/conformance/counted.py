# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that an event moves by a number of its own, however busy the machine is."""

from __future__ import annotations

#: What TCP decides once for a connection or a segment. In a row, where one event is all that there
#: is, each of them that moves must be named with its number, and what is not named must not move.
#: That something was sent again, or skipped by a limit in time, tells of the machine, too.
EXACT = frozenset(
    (
        "EmbryonicRsts", "ListenDrops", "ListenOverflows", "PAWSActive", "PAWSEstab", "PAWSPassive",
        "PAWSTimewait", "SyncookiesRecv", "SyncookiesSent", "TCPAbortFailed", "TCPAbortOnClose",
        "TCPAbortOnData", "TCPAbortOnLinger", "TCPAbortOnMemory", "TCPChallengeACK",
        "TCPDSACKOfoSent", "TCPDSACKOldSent", "TCPDeferAcceptDrop", "TCPFastOpenCookieReqd",
        "TCPFastOpenPassive", "TCPFastOpenPassiveFail", "TCPFastRetrans", "TCPOFOQueue",
        "TCPRenoRecovery", "TCPReqQFullDoCookies", "TCPReqQFullDrop", "TCPSYNChallenge",
        "TCPSackRecovery", "TWRecycled", "TcpActiveOpens", "TcpAttemptFails", "TcpEstabResets",
        "TcpInCsumErrors", "TcpOutRsts", "TcpPassiveOpens",
    )
)  # fmt: skip
