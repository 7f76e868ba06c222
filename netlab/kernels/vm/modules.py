# SPDX-License-Identifier: GPL-2.0-or-later
"""The modules of a kernel that a lab needs, in an order in which they can be loaded.

A guest has no modprobe: the kernel's own requests for a module go unanswered, so everything that
netlab may ever need is loaded at the start, each module after those that it depends on.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netlab.kernels import packed
from netlab.model import outside
from netlab.model.errors import LabError, ScenarioError

#: Without one of these there is no lab, or no way to report its results.
REQUIRED = ("virtio_pci", "virtio_console", "veth", "nf_tables")
#: Loaded first, if they are there: code that others request by an alias, which `depends` omits.
FIRST = ("crc32c_generic", "ipv6")
#: Modules that some scenarios need, or that only some versions of Linux build separately.
OPTIONAL = (
    *("nf_tables_set", "nft_counter", "nft_numgen", "nft_ct", "nft_limit", "nft_quota"),
    *("nft_reject", "nft_reject_inet", "nft_reject_ipv4", "nft_reject_ipv6"),
    *("nfnetlink_log", "nf_log_syslog", "nf_log_common", "nf_log_ipv4", "nf_log_ipv6", "nft_log"),
    *("nft_nat", "nft_chain_nat", "nft_masq", "nft_redir", "nf_conntrack_netlink"),
    *("nft_connlimit", "nft_tproxy"),
    *("inet_diag", "tcp_diag", "netlink_diag", "af_packet", "sch_netem"),
)

#: Of a module or a list of them, in bytes: with all that is known about it, 40 MiB.
LARGEST = 128 * outside.MIB
#: What stands behind a signature, and before that the lengths of its parts: three numbers, two
#: lengths of a byte, three bytes of nothing, and one length (struct module_signature).
SIGNED = b"~Module signature appended~\n"
LENGTHS = struct.Struct(">3xBB3xI")
MODINFO = re.compile(rb"(?:^|\0)(depends|softdep)=([^\0]*)")


@dataclass(frozen=True, slots=True)
class WantedModules:
    """Modules that are loaded where they are there."""

    required: tuple[str, ...]  # a kernel that says what is built in has to have these
    optional: tuple[str, ...] = ()
    why: str = "a lab cannot be built without"


OF_LABS = WantedModules(REQUIRED, OPTIONAL)


def plan(folder: Path | None, wanted: WantedModules = OF_LABS) -> dict[str, bytes]:
    """The modules in a folder ``lib/modules/<release>`` that netlab may need: name to content, not
    compressed, in an order in which they can be loaded.

    Without a folder everything must be built in; the same is assumed of a missing module where the
    kernel does not list what is built in. Raises `LabError` where one that is required is certainly
    missing, or cannot be read.
    """
    if folder is None:
        return {}
    there = {_name(path.name): path for path in sorted(folder.rglob("*.ko*"))}
    inside = built_in(folder)
    absent = (
        [name for name in wanted.required if name not in there and name not in inside]
        if inside
        else []
    )
    if absent:
        raise LabError(
            f"this kernel has no {' and no '.join(absent)}: neither built in nor below {folder}; "
            f"{wanted.why}"
        )
    files: dict[str, bytes] = {}
    for name in (*FIRST, *wanted.required, *wanted.optional):
        _collect(name, there, files)
    return files


def built_in(folder: Path) -> frozenset[str]:
    """The modules that are built into the image; empty where the package does not list them."""
    listed = folder / "modules.builtin"
    told = folder / "modules.builtin.modinfo"
    if listed.is_file():
        return frozenset(_name(Path(line).name) for line in _text(listed).split())
    if told.is_file():  # NAME.KEY=VALUE
        return frozenset(_name(part.split(".", 1)[0]) for part in _text(told).split("\0") if part)
    return frozenset()


def _text(path: Path) -> str:
    try:
        return outside.contents(path, LARGEST, "a list of modules").decode(errors="replace")
    except ScenarioError as error:
        raise LabError(str(error)) from None


def _collect(name: str, there: dict[str, Path], files: dict[str, bytes]) -> None:
    """Add a module to `files` after all that it needs. A missing one may be built in."""
    if name in files or name not in there:
        return
    data = read(there[name])
    for other in needs(data):
        _collect(other, there, files)
    files[name] = data


def needs(module: bytes) -> Iterator[str]:
    """The names of the modules that must be loaded before this one."""
    for key, value in MODINFO.findall(module):
        text = value.decode(errors="replace")
        if key == b"depends":
            yield from (_name(part) for part in text.split(",") if part)
        else:  # "pre: one two post: three"
            before = re.search(r"pre:([^:]*)(?:\s\w+:|$)", text)
            yield from (_name(part) for part in (before[1].split() if before else ()))


def parted(module: bytes) -> tuple[bytes, bytes]:
    """A module and the signature that is appended to it, b"" where there is none: an emulated
    processor takes a while to check one.
    """
    end = len(module) - len(SIGNED)
    if not module.endswith(SIGNED) or end < LENGTHS.size:
        return module, b""
    start = end - LENGTHS.size - sum(LENGTHS.unpack_from(module, end - LENGTHS.size))
    return module[: max(0, start)], module[max(0, start) :]


def read(path: Path) -> bytes:
    """A module, decompressed for the kernel. Raises `LabError` if it cannot be read or unpacked."""
    try:
        data = outside.contents(path, LARGEST, "a module")
        if path.suffix != ".ko" and not packed.is_packed(data):
            raise ValueError(f"it is not compressed as {path.suffix}")
        return packed.unpacked(data)
    except ScenarioError as error:
        raise LabError(str(error)) from None
    except packed.DAMAGED as error:
        raise LabError(f"{path} cannot be read: {error}") from None


def _name(file: str) -> str:
    """A module as the kernel names it: nf-log-syslog.ko.xz is nf_log_syslog."""
    return file.split(".ko", maxsplit=1)[0].replace("-", "_")
