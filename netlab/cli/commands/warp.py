# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab warp``: runs any program in a guest in virtual time, on any kernel."""

from __future__ import annotations

import argparse
import os
import select
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.guest_kernel import one_kernel
from netlab.cli.shared.kernel_options import LIMIT, SPECS, add_archives
from netlab.cli.shared.lab_options import add_lab, servers
from netlab.cli.shared.options import Commands, note, positive, seconds
from netlab.model.errors import LabError, ScenarioError
from netlab.render.watching import lasting

if TYPE_CHECKING:
    from netlab.kernels.vm.qemu import Guest
    from netlab.kernels.warp.parcel import WarpRequest
    from netlab.kernels.warp.play import Warped

EPILOG = f"""\
{SPECS}
examples:
  netlab warp -- sleep 3600                 an hour, in seconds
  netlab warp -- python3 client.py          with the modules and packages it imports
  netlab warp --kernel debian:bullseye -- curl --version    on another kernel
  netlab warp --lab --step 'drop: {{segment: SYN, to: server}}' -- curl -sS server
  netlab warp --serve 'python3 -m http.server 80' --ready 80 -- curl -sS server
  netlab warp --with tests -- pytest tests  with what no word of it names
  netlab warp --root ./image -- /bin/app    of another system, or an OCI image's folder

Time jumps while all in the guest waits, and goes on as usual while it works. The
guest has no network but its own: with --lab, the two hosts of 'netlab exec'.

exit codes: 0 or the command's own, 128 and the number of the signal that ended it,
2 bad usage, or the command could not be packed, 3 a kernel could not be fetched or
booted, or the command's time was up
"""
STDOUT, STDERR = 1, 2
SIGNALLED = 128  # added to a signal's number, as shells do
#: The guest's time after which a command is ended: nothing in TCP waits longer.
UNTIL = 86400.0


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "warp",
        help="run any program in virtual time, where hours take seconds",
        description="Run a program, unmodified, in a virtual machine whose time jumps while "
        "nothing happens.",
        epilog=EPILOG,
    )
    command.add_argument(
        "words", nargs="*", metavar="COMMAND", help="the command and its arguments, after --"
    )
    _add_packed(command.add_argument_group("what is packed"))
    _add_lab(command.add_argument_group("a lab"))
    guest = command.add_argument_group("the guest")
    guest.add_argument("--kernel", metavar="SPEC", help="see below (default: a stable one)")
    guest.add_argument(
        "--until", type=_span, metavar="TIME", default=UNTIL,
        help="end the command after so much of the guest's time: 30s, 10min, 2h (1d)",
    )  # fmt: skip
    guest.add_argument(
        "--date", type=_date, metavar="DATE",
        help="the guest's date when it boots, such as 2026-01-01T12:00 in UTC (now)",
    )  # fmt: skip
    guest.add_argument(
        "--memory", type=positive, metavar="MB", help="its memory (as the files need, from 512)"
    )
    guest.add_argument(
        "--module", nargs="+", action="extend", metavar="NAME", default=[],
        help="load these modules of the kernel, too",
    )  # fmt: skip
    guest.add_argument(
        "--append", metavar="OPTIONS", default="", help="more for the kernel's command line"
    )
    guest.add_argument(
        "--clock", choices=("virtual", "real"), default="virtual",
        help="real: time goes by as it does here, with KVM if that works",
    )  # fmt: skip
    guest.add_argument(
        "--limit", type=seconds, metavar="S", default=LIMIT,
        help=f"time limit here ({LIMIT:g} s)",
    )  # fmt: skip
    add_archives(command.add_argument_group("where kernels come from"))
    command.set_defaults(main=main)


def _add_packed(packed: argparse._ArgumentGroup) -> None:
    packed.add_argument(
        "--with", dest="more", nargs="+", action="extend", metavar="FILE", default=[],
        help="pack these files, folders or programs, too",
    )  # fmt: skip
    packed.add_argument(
        "--package", nargs="+", action="extend", metavar="NAME", default=[],
        help="packages that a Python imports unseen, where it has too many to pack all",
    )  # fmt: skip
    packed.add_argument(
        "--root", type=Path, metavar="DIR",
        help="take the program from the system in this folder, and pack all of it",
    )  # fmt: skip
    packed.add_argument(
        "--input", metavar="FILE", help="what the command reads, - for all of standard input"
    )
    packed.add_argument(
        "--terminal", action="store_true", help="give it a terminal, at which nobody types"
    )
    packed.add_argument("--user", metavar="NAME", help="run it as this user, not as root")
    packed.add_argument(
        "--quiet", action="store_true", help="say nothing at the end but what went wrong"
    )


def _add_lab(lab: argparse._ArgumentGroup) -> None:
    lab.add_argument(
        "--lab", action="store_true", help="on the client's host of a lab, as 'netlab exec' does"
    )
    add_lab(lab)


def main(options: argparse.Namespace) -> int:
    """Pack the command, boot a kernel with it, and return its exit code.

    Raises `ScenarioError` for bad usage and what cannot be packed, and `LabError` where the guest
    does not come to the command's end.
    """
    from netlab.kernels.vm import qemu
    from netlab.kernels.warp import order, parcel, play

    qemu.program()
    packed = parcel.packed(_request(options))
    for remark in packed.remarks:
        note(remark)
    kernel = one_kernel(options.kernel, options.mirror, options.keyring, options.refresh)
    streams = {
        order.OUTPUT: _writer(STDOUT),
        order.ERRORS: _writer(STDERR),
    }
    warped = play.play(
        kernel, packed, _guest(options), options.memory, streams, tuple(options.module)
    )
    return _told(warped, options)


def _request(options: argparse.Namespace) -> WarpRequest:
    from netlab.kernels.warp.parcel import WarpRequest

    root, environment, folder, usual = _system(options)
    line = options.words or usual
    if not line:
        raise ScenarioError("no command to run: netlab warp [OPTIONS] -- COMMAND ...")
    return WarpRequest(
        line=line,
        environment=environment,
        folder=folder,
        root=root,
        more=options.more,
        packages=options.package,
        input=_input(options.input),
        terminal=_terminal() if options.terminal else None,
        joined=os.path.samestat(os.fstat(STDOUT), os.fstat(STDERR)),
        until=options.until,
        user=_user(options.user) if options.user else None,
        lab=_lab(options),
        serve=options.serve,
    )


def _system(options: argparse.Namespace) -> tuple[Path, dict[str, str], str, tuple[str, ...]]:
    """Where the program is taken from, its environment, where it starts, and what is run if
    nothing is asked for: of this machine, or of another system, which gets only what suits any.
    """
    if options.root is None:
        return Path("/"), dict(os.environ), os.getcwd(), ()
    from netlab.kernels.warp import oci

    if not options.root.is_dir():
        raise ScenarioError(f"--root {options.root}: there is no such folder")
    if options.user:
        raise ScenarioError("--user is one of this machine: with --root, give it or the other")
    suits = {name: os.environ[name] for name in ("TERM", "LANG", "TZ") if name in os.environ}
    environment = {"HOME": "/root", **suits}
    if not oci.is_one(options.root):
        return options.root.resolve(), environment, "/", ()
    image = oci.unpacked(options.root)
    return image.root, {**environment, **image.environment}, image.folder, image.command


def _lab(options: argparse.Namespace) -> list[str] | None:
    """What netlab exec is told in the guest; None where there is no lab."""
    serving = servers(options)
    if not (options.lab or options.step or serving or options.ipv6):
        return None
    from netlab.kernels.warp import order

    words = [word for step in options.step for word in ("--step", step)]
    words += ["--ipv6"] if options.ipv6 else []
    for number, (_, ready) in enumerate(serving):
        words += ["--serve", shlex.join([order.INTO, "server", str(number)]), "--ready", ready]
    return words


def _guest(options: argparse.Namespace) -> Guest:
    from netlab.kernels.vm.qemu import Guest

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return Guest(
        clock=options.clock,
        limit=options.limit,
        silence=options.limit,  # a program may be silent while it works
        date=options.date or now,
        options=options.append,
    )


def _told(warped: Warped, options: argparse.Namespace) -> int:
    """Say how the command ended, and return the exit code."""
    end, name = warped.end, warped.name
    here = f"of the guest's time, {lasting(warped.wall_s)} here, on Linux {warped.release}"
    if end.crowded:
        raise LabError(
            f"{name} was ended: after {lasting(end.lasted)} {here} it had {end.crowded} processes, "
            "the most that a guest has, and went on to start others"
        )
    if end.late:
        raise LabError(
            f"{name} had not ended after {lasting(end.lasted)} {here}; it was at {end.late}; "
            "--until TIME gives it more"
        )
    if warped.out_of_memory:
        note(f"the guest ran out of its {warped.memory} MiB: --memory MB gives it more")
    if not options.quiet:
        how = f"signal {-end.code}" if end.code < 0 else f"exit code {end.code}"
        note(f"{name} ended with {how} after {lasting(end.lasted)} {here}")
        if end.left:
            note(f"still running then, and ended with the guest: {', '.join(end.left[:5])}")
    return end.code if end.code >= 0 else SIGNALLED - end.code


def _writer(descriptor: int) -> Callable[[bytes], None]:
    """Writes at once, however long its reader takes. Raises BrokenPipeError where that has gone."""

    def write(data: bytes) -> None:
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:  # somebody has set it so who shares it
                select.select([], [descriptor], [])

    return write


def _input(name: str | None) -> bytes:
    if name is None:
        return b""
    if name == "-":
        return sys.stdin.buffer.read()
    from netlab.model import outside

    return outside.contents(Path(name), 256 * outside.MIB, "what a program reads")


def _terminal() -> tuple[int, int]:
    import shutil

    size = shutil.get_terminal_size()
    return size.lines, size.columns


def _user(name: str) -> tuple[int, int, Sequence[int]]:
    from netlab.testbed.launch import User

    user = User.named(name)
    return user.uid, user.gid, user.groups


def _span(text: str) -> float:
    if found := seconds(text):
        return found
    raise argparse.ArgumentTypeError(f"a program needs some time: 30s, 10min or 2h; found {text!r}")


def _date(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a date such as 2026-01-01 or 2026-01-01T12:00; found {text!r}"
        ) from None
