# SPDX-License-Identifier: GPL-2.0-or-later
"""What the short names of sources stand for: authors and titles."""

from __future__ import annotations

import re
from collections.abc import Iterable

_STATES = (
    'R. P. Rustagi and V. Kumar, "Experiential Learning of Networking Technologies: '
    'Understanding TCP States", part {}, in the journal of the ACCS'
)

#: By the names that scenarios, lessons and causes use.
SOURCES = {
    "Part 1": _STATES.format(1),
    "Part 2": _STATES.format(2),
    "Blog": 'woodstok, "Tracking and Understanding TCP States", an article in a blog',
    "Kurose": (
        'J. F. Kurose and K. W. Ross, "Computer Networking: A Top-Down Approach", the section '
        '"TCP Connection Management"'
    ),
    "Cloudflare": (
        'M. Majkowski, "This is strictly a violation of the TCP specification", an article in '
        "Cloudflare's blog"
    ),
    "Kubernetes": "the documentation and the blog of Kubernetes, kubernetes.io",
    "pfSense": 'the manual of pfSense, "Troubleshooting Asymmetric Routing"',
    "RFC 1191": "Path MTU Discovery",
    "RFC 1337": "TIME-WAIT Assassination Hazards in TCP",
    "RFC 2018": "TCP Selective Acknowledgment Options",
    "RFC 2883": "An Extension to the Selective Acknowledgement (SACK) Option for TCP",
    "RFC 2923": "TCP Problems with Path MTU Discovery",
    "RFC 4443": "Internet Control Message Protocol (ICMPv6) for IPv6",
    "RFC 4821": "Packetization Layer Path MTU Discovery",
    "RFC 5382": "NAT Behavioral Requirements for TCP",
    "RFC 5461": "TCP's Reaction to Soft Errors",
    "RFC 5482": "TCP User Timeout Option",
    "RFC 5681": "TCP Congestion Control",
    "RFC 5961": "Improving TCP's Robustness to Blind In-Window Attacks",
    "RFC 6191": "Reducing the TIME-WAIT State Using TCP Timestamps",
    "RFC 7323": "TCP Extensions for High Performance",
    "RFC 8201": "Path MTU Discovery for IP version 6",
    "RFC 8985": "The RACK-TLP Loss Detection Algorithm for TCP",
    "RFC 9293": "Transmission Control Protocol (TCP), the standard",
}


def named(texts: Iterable[str]) -> dict[str, str]:
    """The `SOURCES` that these texts mention by name, in the table's order."""
    said = "\n".join(texts)
    return {
        name: what for name, what in SOURCES.items() if re.search(rf"\b{re.escape(name)}\b", said)
    }
