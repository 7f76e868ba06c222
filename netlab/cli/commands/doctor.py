# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab doctor``: what this machine can and cannot do, and the fix for each."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import extras
from netlab.cli.shared.options import Commands, room
from netlab.model.errors import LabError
from netlab.render.fitting import Cell, Columns, Giving
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.testbed.lab import Lab

EPILOG = """\
examples:
  netlab doctor            what is there, and the fix for what is not
  sudo netlab doctor       what root could do
  netlab doctor --json     one object a line

exit codes: 0 labs can be built here, 2 bad usage, 3 they cannot
"""
#: Columns for each check's mark and name; the rest of a line is for the detail.
NATURAL = {"mark": 7, "what": 31}
GIVING: tuple[Giving, ...] = ((("what",), 12),)
BEFORE_FIX = " " * 11
ENTRY = "netlab.__main__"  # what the command imports, as pip installs it (pyproject.toml)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was examined: whether it is there, and the fix if it is not."""

    what: str
    good: bool
    detail: str
    fix: str = ""
    needed: bool = False  # no lab without it


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "doctor",
        help="what this machine can do, and what to do about the rest",
        description="Try what netlab needs on this machine; name what is missing and the fix.",
        epilog=EPILOG,
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Examine, print, and return 3 if no lab can be built."""
    findings = list(examine())
    style = Style.of(sys.stdout)
    for finding in findings:
        if options.json:
            print(json.dumps(asdict(finding)))
            continue
        print("\n".join(_lines(finding, room(), style)))
    return LabError.exit_code if any(f.needed and not f.good for f in findings) else 0


def _lines(finding: Check, columns: int | None, style: Style) -> Iterator[str]:
    """One line, and below it the fix if there is one, for a terminal `columns` wide."""
    table = Columns.of(NATURAL, GIVING, style, columns)
    yield table.row([_mark(finding), (finding.what,)], (finding.detail, "dim"))
    if not finding.good and finding.fix:
        width = max(20, (columns or sys.maxsize) - len(BEFORE_FIX))
        first, *more = textwrap.wrap(finding.fix, width, break_on_hyphens=False)
        yield f"        {style('->', 'yellow')} {first}"
        yield from (BEFORE_FIX + line for line in more)


def _mark(finding: Check) -> Cell:
    if finding.good:
        return "ok", "green"
    return ("MISSING", "red") if finding.needed else ("absent", "yellow")


def examine() -> Iterator[Check]:
    """Try everything, the necessary things first."""
    from netlab.linux import privileges, tracefs
    from netlab.testbed.lab import Lab

    yield Check("kernel", True, f"{os.uname().release} on {os.uname().machine}")
    root = privileges.privileged()
    yield Check("privileges", True, "root" if root else "a user namespace of its own")
    for name in tracefs.removed_orphans():
        yield Check("what a killed netlab left", True, f"removed: {name}, an instance of tracefs")
    yield from _namesakes()
    yield from _extras()
    try:
        privileges.prepare()
        lab = Lab()
    except LabError as error:
        fix = str(error).removeprefix("the kernel refused ")
        yield Check("namespaces and veth", False, "refused", fix, needed=True)
        yield from _programs()
        return
    with lab:
        yield Check("namespaces and veth", True, "two hosts and a wire were built")
        yield from _kernel(lab)
    yield from _descriptors()
    yield from _programs()


def _namesakes() -> Iterator[Check]:
    """Other programs called netlab: `networklab` on the package index installs one, too."""
    own = Path(sys.argv[0]).absolute()
    found = [Path(folder, "netlab") for folder in os.get_exec_path()]
    # (Path.is_file raises PermissionError in a folder of root's, which PATH has after `sudo -u`.)
    there = dict.fromkeys(
        path for path in found if os.path.isfile(path) and os.access(path, os.X_OK)
    )
    others = {path: module for path in there if (module := _module(path)) != ENTRY}
    if not others:
        yield Check("only command called netlab", True, "")
    for path, module in others.items():
        of = f", of the package {module.split('.')[0]}" if module else ""
        first = path == next(iter(there))
        yield Check(
            "only command called netlab", False,
            f"{path} is another program{of}" + (", and first in PATH" if first else ""),
            f"call this one by its path: {own}" if own.name == "netlab"
            else f"call this one by {sys.executable} -m netlab",
        )  # fmt: skip


def _module(script: Path) -> str:
    """The module that a command installed by pip imports; '' for any other program."""
    try:
        with script.open("rb") as opened:
            beginning = opened.read(4096)
    except PermissionError:  # it may be executed all the same
        return ""
    imported = re.search(rb"^\s*from (\S+) import", beginning, re.MULTILINE)
    return imported[1].decode(errors="replace") if imported else ""


def _extras() -> Iterator[Check]:
    for extra, modules in extras.EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        detail = f"without {', '.join(missing)}" if missing else ""
        yield Check(f"extra {extra}", not missing, detail, extras.command(extra))


def _kernel(lab: Lab) -> Iterator[Check]:
    from netlab.model.tcp import ACK, SYN
    from netlab.observe.tracing import Tracer
    from netlab.testbed.lab import Lab

    modules = "load the kernel module {}: modprobe {}"
    yield _tried(
        "drop by segment",
        lambda: lab.drop(SYN, to=lab.server),
        modules.format("nf_tables", "nf_tables"),
        True,
    )
    yield _tried(
        "tell data from a bare ACK",
        lambda: lab.drop(ACK, to=lab.server),
        "this kernel's nf_tables has no sets: it needs CONFIG_NF_TABLES=m or y",
        True,
    )
    yield _tried(
        "count packets (first:, after:)",
        lambda: lab.drop(SYN, to=lab.server, first=1),
        modules.format("nft_numgen", "nft_numgen"),
    )
    yield _tried(
        "answer instead of dropping",
        lambda: lab.reject(SYN, to=lab.server, with_="tcp-reset"),
        modules.format("nft_reject_inet", "nft_reject_inet"),
    )
    yield _tried(
        "record packets (--report)",
        lambda: Lab(record=True).close(),
        modules.format("nfnetlink_log", "nfnetlink_log"),
    )
    yield _tried(
        "trace states to the microsecond",
        lambda: Tracer().close(),
        "run as root on a kernel with tracefs; until then states are sampled every 20 ms",
    )
    yield from _confinement(lab)
    yield from _tracepoints()
    yield _tried(
        "set a lab's sysctls",
        lambda: lab.client.sysctl("tcp_sack", lab.client.sysctl("tcp_sack")),
        "until then a scenario that sets one is an error, and so is each with a path",
    )
    yield _tables(lab)
    there = Path("/proc/net/tcp6").exists()
    yield Check("IPv6", there, "", "boot without ipv6.disable=1; until then leave --ipv6 out")


def _tables(lab: Lab) -> Check:
    """Whether a lab's connection tables are small, which a sample reads as a whole."""
    from netlab.linux.namespace import CHILD_TABLES

    small = lab.client.namespace.has_small_tables()
    there = lab.client.has_sysctl(CHILD_TABLES)
    why = "netlab may not set" if there else "only Linux 6.1 and later have"
    return Check(
        "small connection tables",
        small,
        "a state sample costs 15 us" if small else "a state sample costs 1 ms and more",
        f"{why} net.ipv4.{CHILD_TABLES}; it works without, slower",
    )


def _confinement(lab: Lab) -> Iterator[Check]:
    """Whether a scenario's programs can be kept from the machine, and by what."""
    from netlab.linux import seccomp

    yield _tried(
        "confine a scenario's programs",
        lambda: lab.client.run(["true"], confined=True),
        "until then a scenario with 'run' is an error",
    )
    yield Check(
        "filter their system calls", seccomp.library() is not None, "",
        "install libseccomp (libseccomp2); until then namespaces alone confine them",
    )  # fmt: skip


def _tracepoints() -> Iterator[Check]:
    """The tracepoints that recordings lack on this kernel, if it is traced at all."""
    from netlab.observe.tracing import tracer

    traced = tracer()
    for name in traced.absent if traced else ():
        yield Check(
            f"tracepoint {name}", False, "left out of recordings",
            "none: this kernel lacks it, or it does not identify the socket",
        )  # fmt: skip


def _tried(what: str, attempt: Callable[[], object], fix: str, needed: bool = False) -> Check:
    try:
        attempt()
    except LabError as error:
        return Check(what, False, str(error), fix, needed)
    return Check(what, True, "")


def _descriptors() -> Iterator[Check]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    labs = hard // 20
    yield Check(
        "open files", labs >= 100, f"{hard}, enough for {labs} labs at once",
        "raise the limit (ulimit -Hn 8192), or use netlab run --jobs 20",
    )  # fmt: skip


def _qemu() -> Check:
    """QEMU, as `netlab matrix` finds it."""
    from netlab.kernels.vm import qemu

    what = "QEMU, to play on other kernels"
    try:
        return Check(what, True, qemu.program())
    except LabError as error:
        return Check(what, False, "absent", str(error))


def _programs() -> Iterator[Check]:
    for program, package, purpose in (
        ("nft", "nftables", "rules in nft's own language, and to look at rules"),
        ("ss", "iproute2 (Fedora: iproute)", "to look at frozen connections"),
        ("nsenter", "util-linux", "to look into a lab from another terminal"),
        ("tcpdump", "tcpdump", "to watch packets"),
    ):
        found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        yield Check(f"program {program}", found is not None, purpose, f"install {package}")
    yield _qemu()
