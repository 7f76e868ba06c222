# SPDX-License-Identifier: GPL-2.0-or-later
"""Which modules are loaded, in which order, read out of folders as distributions make them."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from netlab.kernels import packed
from netlab.kernels.vm import modules
from netlab.model.errors import LabError

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}


def module(*info: str) -> bytes:
    return b"\x7fELF...\0" + b"".join(f"{each}\0".encode() for each in ("license=GPL", *info))


ALONE = {name: module("depends=") for name in modules.REQUIRED}


def folder(tmp_path: Path, files: dict[str, bytes], built_in: tuple[str, ...] | None = ()) -> Path:
    for name, data in files.items():
        path = tmp_path / "kernel" / (name if ".ko" in name else f"{name}.ko")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if built_in is not None:
        lines = "".join(f"kernel/net/{name}.ko\n" for name in ("something", *built_in))
        (tmp_path / "modules.builtin").write_text(lines)
    return tmp_path


def test_a_module_comes_after_all_it_depends_on(tmp_path: Path) -> None:
    files = ALONE | {
        "nf_tables": module("depends=nfnetlink,libcrc32c"),
        "nfnetlink": module("depends="),
        "libcrc32c": module("depends="),
        "nft_ct": module("depends=nf_tables,nf_conntrack"),
        "nf_conntrack": module("depends=nf-defrag-ipv4"),
        "nf_defrag_ipv4": module("depends="),
        "floppy": module("depends="),
    }
    order = [*modules.plan(folder(tmp_path, files))]
    assert "floppy" not in order
    assert len(order) == len(files) - 1
    for first, later in (
        ("nfnetlink", "nf_tables"), ("libcrc32c", "nf_tables"), ("nf_tables", "nft_ct"),
        ("nf_defrag_ipv4", "nf_conntrack"), ("nf_conntrack", "nft_ct"),
    ):  # fmt: skip
        assert order.index(first) < order.index(later)


def test_what_a_module_asks_for_by_an_alias_comes_first(tmp_path: Path) -> None:
    files = ALONE | {"crc32c_generic": module("depends=")}
    assert next(iter(modules.plan(folder(tmp_path, files)))) == "crc32c_generic"


def test_soft_dependencies_before_a_module_count() -> None:
    data = module("softdep=pre: crc32c nf-log-syslog post: late", "depends=nfnetlink")
    assert [*modules.needs(data)] == ["crc32c", "nf_log_syslog", "nfnetlink"]


def test_what_is_built_in_need_not_be_there(tmp_path: Path) -> None:
    path = folder(tmp_path, {"veth": module()}, ("virtio_pci", "virtio_console", "nf_tables"))
    assert [*modules.plan(path)] == ["veth"]


def test_what_is_built_in_may_be_told_in_the_other_file(tmp_path: Path) -> None:
    path = folder(tmp_path, {"veth": module()}, None)
    told = b"".join(f"{n}.license=GPL\0".encode() for n in modules.REQUIRED if n != "veth")
    (path / "modules.builtin.modinfo").write_bytes(told)
    assert [*modules.plan(path)] == ["veth"]


def test_a_kernel_without_veth_is_refused_with_its_name(tmp_path: Path) -> None:
    path = folder(tmp_path, {name: data for name, data in ALONE.items() if name != "veth"})
    with pytest.raises(LabError, match=r"this kernel has no veth: neither built in nor below "):
        modules.plan(path)


def test_a_kernel_that_does_not_list_what_is_built_in_is_tried(tmp_path: Path) -> None:
    assert [*modules.plan(folder(tmp_path, {"veth": module()}, None))] == ["veth"]
    assert modules.plan(None) == {}


@pytest.mark.parametrize(("ending", "pack"), PACKINGS.items())
def test_compressed_modules_are_unpacked(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    data = module("depends=")
    files = {f"{name.replace('_', '-')}.ko{ending}": pack(data) for name in modules.REQUIRED}
    assert modules.plan(folder(tmp_path, files)) == dict.fromkeys(modules.REQUIRED, data)


@pytest.mark.parametrize("ending", [*PACKINGS][1:])
def test_a_broken_module_is_named(tmp_path: Path, ending: str) -> None:
    path, pack = tmp_path / f"veth.ko{ending}", PACKINGS[ending]
    for data in (b"cut", pack(module())[:-5], pack(module())[:20]):
        path.write_bytes(data)
        with pytest.raises(LabError, match=rf"veth\.ko\{ending} cannot be read: "):
            modules.read(path)


def test_a_module_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "veth.ko.xz"
    path.write_bytes(lzma.compress(bytes(packed.FEW + 1)))
    with pytest.raises(LabError, match="it unpacks to more than 64 MiB, as no kernel's does"):
        modules.read(path)


def test_a_signature_is_parted_from_its_module() -> None:
    module, parts = b"code" * 9, b"a signer, a key and what is signed"
    lengths = modules.LENGTHS.pack(8, 3, len(parts) - 11)
    signature = parts + lengths + modules.SIGNED
    assert modules.parted(module + signature) == (module, signature)


@pytest.mark.parametrize("module", [b"code", modules.SIGNED, b"code" + modules.SIGNED])
def test_what_is_not_signed_stays_whole(module: bytes) -> None:
    assert modules.parted(module) == (module, b"")
