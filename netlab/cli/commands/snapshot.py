# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab snapshot``: the TCP sockets of a host or a namespace, as one small JSON file.

It must not take longer than ``ss -tan``, so what costs milliseconds is imported when needed.
"""

from __future__ import annotations

import argparse
import gc
import sys
from functools import partial
from typing import TYPE_CHECKING

from netlab.cli.shared import places

if TYPE_CHECKING:
    from netlab.cli.shared.options import Commands

EPILOG = """\
examples:
  netlab snapshot > web1.json              this host, to mail to the person who runs diagnose
  netlab snapshot --twice 5 > web1.json    two looks, so that counters and timers have a direction
  netlab snapshot --port 5432              only connections with this port at either end
  netlab snapshot --container web          a container's: nothing needs to be installed in it
  netlab snapshot --netns blue --pid 4711  a name of 'ip netns', the namespace of a process
  netlab snapshot --all-namespaces         every one of this machine; one JSON object each
  netlab snapshot --mask                   with pseudonyms of addresses and processes
  netlab snapshot --mask=WORD              the same ones on every host that is given this word

It holds every TCP socket with its queues, timers and the kernel's figures, the names and
numbers of the processes that hold them, the counters of nstat, and some sysctls.

exit codes: 0 printed, 2 bad usage or no such namespace or container, 3 only root may look there
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "snapshot",
        help="the TCP sockets of this host as one file, for netlab diagnose",
        description="Print all TCP sockets of a host or a network namespace as JSON.",
        epilog=EPILOG,
    )
    places.add(command)
    command.add_argument("--port", type=_port, metavar="N", help="only with this port")
    command.add_argument("--address", type=_address, metavar="A", help="only with this address")
    command.add_argument(
        "--twice", type=_seconds, metavar="SECONDS", help="look a second time, this much later"
    )
    command.add_argument(
        "--mask",
        nargs="?",
        const="",
        metavar="WORD",
        help="pseudonyms of addresses and processes; says what stays",
    )
    command.add_argument(
        "--owners",
        action="store_true",
        help="look up processes even with more than 5000 sockets, which is slow",
    )
    command.set_defaults(main=main)


def _seconds(text: str) -> float:
    from netlab.cli.shared.options import seconds

    return seconds(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535; found {text!r}")
    return int(text)


def _address(text: str) -> str:
    import ipaddress

    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an IP address; found {text!r}") from None
    return str(getattr(found, "ipv4_mapped", None) or found)


def main(options: argparse.Namespace) -> int:
    """Collect the samples and print them."""
    from netlab.snapshot import store
    from netlab.snapshot.collect import Filter, collect
    from netlab.snapshot.places import here

    if options.mask is not None:
        from netlab.cli.shared.options import note
        from netlab.snapshot import mask

        note(mask.TOLD)
    gc.disable()  # no reference cycles are made here, and 100,000 sockets are many objects
    keep = Filter(options.port, options.address)
    look = partial(collect, keep=keep, twice=options.twice, owners=options.owners)
    own = here()
    for place, samples in places.each(options, look, [own]):
        name = f"{own.name} {place.name}" if place.path else own.name
        text = (
            store.to_json(name, samples)
            if options.mask is None
            else store.to_json("", mask.masked(samples, options.mask))
        )
        sys.stdout.write(text + "\n")
    return 0
