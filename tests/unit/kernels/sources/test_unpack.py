# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels out of packages and out of folders; what is damaged is said to be."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from netlab.kernels import cache
from netlab.kernels.sources import fetch, release
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.spec import parse
from netlab.model.errors import LabError, ScenarioError
from tests import programs
from tests.unit.kernels.sources.fake_kernels import RELEASE, deb, files, image


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path / "cache"))


def obtain(text: object, remarks: list[str] | None = None) -> Kernel:
    def progress(what: str, done: int, total: int) -> None:
        if remarks is not None:
            remarks.append(what)

    return fetch.obtain(parse(str(text)), progress=progress)


def modules(kernel: Kernel) -> list[str]:
    assert kernel.modules is not None
    return sorted(path.name for path in kernel.modules.rglob("*.ko*"))


def write(root: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


# --- packages


@pytest.mark.parametrize("packing", ["xz", "gz", "zst", ""])
@pytest.mark.parametrize("place", ["lib/modules", "usr/lib/modules"])
def test_a_deb(tmp_path: Path, packing: str, place: str) -> None:
    path = tmp_path / "linux.deb"
    deb(path, files(modules=place), packing=packing)
    kernel = obtain(path)
    assert kernel.release == RELEASE
    assert kernel.spec == str(path)
    assert kernel.image.read_bytes() == image()
    assert modules(kernel) == ["sch_netem.ko.xz", "veth.ko.xz"]  # and no graphics
    assert (kernel.modules or path).name == RELEASE
    assert (kernel.modules or path).joinpath("modules.builtin").is_file()


def test_a_package_is_unpacked_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "linux.deb"
    deb(path, files())
    first, remarks = obtain(path), list[str]()
    assert obtain(path, remarks) == first
    assert not remarks
    deb(path, files("6.2.0-cloud-amd64"))
    assert obtain(path).release == "6.2.0-cloud-amd64"


def test_image_and_modules_in_two_packages(tmp_path: Path) -> None:
    content = files(modules="usr/lib/modules")
    boot = {name: data for name, data in content.items() if name.startswith("boot")}
    rest = {name: data for name, data in content.items() if not name.startswith("boot")}
    one, other = (tmp_path / f"linux-{part}-{RELEASE}_1_amd64.deb" for part in ("image", "modules"))
    deb(one, boot)
    with pytest.raises(ScenarioError, match=f"no modules of {RELEASE} in it"):
        obtain(one)
    deb(other, rest)
    deb(tmp_path / "linux-modules-6.2.0_1_amd64.deb", files("6.2.0"))
    remarks: list[str] = []
    assert modules(obtain(one, remarks)) == ["sch_netem.ko.xz", "veth.ko.xz"]
    assert remarks[0] == f"{one.name} with {other.name}, found beside it"
    assert modules(obtain(other)) == modules(obtain(f"{one}+{other}"))


@pytest.mark.parametrize("packing", ["xz", "gz", "zst", ""])
@pytest.mark.parametrize("tenths", range(10))
def test_a_deb_that_is_cut_short(tmp_path: Path, packing: str, tenths: int) -> None:
    whole, path = tmp_path / "whole.deb", tmp_path / "cut.deb"
    deb(whole, files(), packing=packing)
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) * tenths // 10])
    with pytest.raises(ScenarioError, match=r"cut\.deb: cannot be unpacked, it may be cut short"):
        obtain(path)
    assert not list((tmp_path / "cache" / "kernels" / "packages").glob("cut-*/*"))


def test_a_deb_that_writes_where_it_should_not(tmp_path: Path) -> None:
    path = tmp_path / "linux.deb"
    evil = f"lib/modules/{RELEASE}/kernel/net/../../../../../../../evil.ko"
    deb(path, {**files(), evil: b"x", f"../../lib/modules/{RELEASE}/kernel/net/evil.ko": b"x"})
    obtain(path)
    assert not list(tmp_path.rglob("evil.ko"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "no kernel's image in it"),
        ({"boot/vmlinuz-6.1": b"MZ"}, "is no kernel that can be booted"),
        ({**files("6.1.0"), **files("6.2.0")}, r"several kernels \(6\.1\.0, 6\.2\.0\)"),
        ({"boot/vmlinuz-6.1.0": image("6.1.0")}, "no modules of 6.1.0 in it"),
    ],
)
def test_a_deb_that_has_no_kernel(tmp_path: Path, content: dict[str, bytes], said: str) -> None:
    path = tmp_path / "linux.deb"
    deb(path, content)
    if said == "is no kernel that can be booted":
        path.unlink()
        deb(path, {"boot/vmlinuz-rescue": b"MZ"})
    with pytest.raises(ScenarioError, match=said):
        obtain(path)


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "linux.deb"
    deb(path, files())
    monkeypatch.setenv("NETLAB_CACHE", "/dev/null/cache")
    with pytest.raises(LabError, match=r"cannot be written.*NETLAB_CACHE=FOLDER"):
        obtain(path)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.root().name == "cache"
    monkeypatch.delenv("NETLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache.root() == Path("/x/netlab")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.root() == Path.home() / ".cache" / "netlab"


# --- rpm


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that a Fedora kernel is split into, in small."""
    programs.need("rpmbuild")
    top = tmp_path_factory.mktemp("rpm")
    there = f"lib/modules/{RELEASE}"
    write(top / "content", {**files(), f"{there}/vmlinuz": image()})
    (top / "kernel.spec").write_text(
        "Name: kernel\nVersion: 6.1.0\nRelease: 1\nSummary: x\nLicense: GPL-2.0\n"
        "BuildArch: noarch\n%define __os_install_post %{nil}\n"
        "%description\nx\n%package core\nSummary: x\n%description core\nx\n"
        "%package modules-core\nSummary: x\n%description modules-core\nx\n"
        f"%install\nmkdir -p %{{buildroot}}\ncp -a {top}/content/lib %{{buildroot}}/\n"
        f"%files core\n/{there}/vmlinuz\n%files modules-core\n/{there}/kernel\n"
        f"/{there}/modules.builtin\n"
    )
    for packing in ("w3.zstdio", "w1.xzdio", "w1.gzdio"):
        command = ["rpmbuild", "--quiet", "-bb", "--define", f"_topdir {top / packing}"]
        command += ["--define", f"_binary_payload {packing}", str(top / "kernel.spec")]
        subprocess.run(command, check=True, capture_output=True)
    return top


@pytest.mark.parametrize("packing", ["w3.zstdio", "w1.xzdio", "w1.gzdio"])
def test_an_rpm_and_its_modules_beside_it(rpms: Path, packing: str, tmp_path: Path) -> None:
    path = rpms / packing / "RPMS" / "noarch" / "kernel-core-6.1.0-1.noarch.rpm"
    kernel = obtain(path)
    assert kernel.release == RELEASE
    assert kernel.image.read_bytes() == image()
    assert modules(kernel) == ["sch_netem.ko.xz", "veth.ko.xz"]
    for tenths in range(10):
        cut = tmp_path / f"cut-{tenths}.rpm"
        cut.write_bytes(path.read_bytes()[: path.stat().st_size * tenths // 10])
        with pytest.raises(ScenarioError, match="cannot be unpacked, it may be cut short"):
            obtain(cut)


# --- what is on disk


@pytest.mark.parametrize("place", ["lib/modules", "usr/lib/modules"])
def test_a_folder(tmp_path: Path, place: str) -> None:
    write(tmp_path / "root", files(modules=place))
    kernel = obtain(tmp_path / "root")
    assert kernel.image == tmp_path / "root" / "boot" / f"vmlinuz-{RELEASE}"
    assert kernel.modules == tmp_path / "root" / place / RELEASE
    assert obtain(tmp_path / "root" / "boot").modules == kernel.modules
    assert obtain(kernel.image).modules == kernel.modules


def test_an_image_among_its_modules(tmp_path: Path) -> None:
    there = tmp_path / "usr" / "lib" / "modules" / RELEASE
    write(there, {"vmlinuz": image(), "kernel/net/veth.ko": b"x"})
    for text in (tmp_path, there, there / "vmlinuz"):
        assert obtain(text) == Kernel(str(text), RELEASE, there / "vmlinuz", there)


def test_a_folder_with_several_kernels_and_one_with_none(tmp_path: Path) -> None:
    write(tmp_path, {**files("6.1.0"), **files("6.2.0")})
    with pytest.raises(
        ScenarioError, match=r"2 kernels are in it; give one: .*-6\.1\.0 or .*-6\.2"
    ):
        obtain(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError, match=r"no kernel in .*/empty: expected boot/vmlinuz-\*"):
        obtain(tmp_path / "empty")


def test_an_image_and_where_its_modules_are(tmp_path: Path) -> None:
    places = (f"x/lib/modules/{RELEASE}", "lib/modules/6.2.0")
    write(tmp_path, {f"{place}/kernel/veth.ko": b"x" for place in places})
    write(tmp_path, {"a/b/c/vmlinuz": image()})
    bare, there = tmp_path / "a/b/c/vmlinuz", tmp_path / f"x/lib/modules/{RELEASE}"
    remarks: list[str] = []
    assert obtain(bare, remarks).modules is None
    assert "no modules of" in remarks[0]
    assert obtain(f"{bare}:{there}").modules == there
    assert obtain(f"{bare}:{tmp_path / 'x'}").modules == there
    for wrong in (tmp_path, tmp_path / "lib/modules/6.2.0"):
        with pytest.raises(ScenarioError, match=f"no modules of {RELEASE} in"):
            obtain(f"{bare}:{wrong}")


@pytest.mark.parametrize("style", ["kernel/{}.ko", "{}.ko", "{}.o"])  # up to 5.17, then, from 6.2
def test_a_kernel_that_one_has_just_built(tmp_path: Path, style: str) -> None:
    names = ("drivers/net/veth", "net/sched/sch_netem")
    order = "".join(f"{style.format(name)}\n" for name in names)
    write(tmp_path, {"arch/x86/boot/bzImage": image("6.19.0-rc1-me+"), "modules.builtin": b"",
                     "modules.order": order.encode(), "include/config/auto.conf": b""})  # fmt: skip
    with pytest.raises(ScenarioError, match=r"2 of 2 modules are not built .*make modules"):
        obtain(tmp_path)
    write(tmp_path, {f"{name}.ko": name.encode() for name in names})
    for text in (tmp_path, tmp_path / "arch/x86/boot/bzImage"):
        kernel = obtain(text)
        assert kernel.release == "6.19.0-rc1-me+"
        assert modules(kernel) == ["sch_netem.ko", "veth.ko"]
        assert kernel.modules is not None
        assert (kernel.modules / "kernel/drivers/net/veth.ko").read_bytes() == b"drivers/net/veth"
    (tmp_path / "modules.order").unlink()
    assert obtain(tmp_path).modules is None  # CONFIG_MODULES=n, or make bzImage alone


def test_which_release_an_image_is(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz-named"
    path.write_bytes(image("5.4.0-216-generic"))
    assert release.of(path) == "5.4.0-216-generic"
    arm = bytearray(64)
    arm[0x38:0x3C] = b"ARMd"
    arm += b"...Linux version 6.1.0-9-cloud-arm64 (x@y) ..."
    for data in (bytes(arm), gzip.compress(bytes(arm))):
        path.write_bytes(data)
        assert release.of(path) == "6.1.0-9-cloud-arm64"
    stub = tmp_path / "vmlinuz-6.8.0-9-generic"
    stub.write_bytes(b"MZ\0\0zimg")
    assert release.of(stub) == "6.8.0-9-generic"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "found an empty file"),
        (b"\x7fELF" + bytes(2000), "give the bzImage that was made of it"),
        (b"hello", "found something that starts with b'hell'"),
        (image()[:0x208], "whose header does not say its version"),
        (b"\x1f\x8bgarbage", "is no kernel that can be booted"),
    ],
)
def test_what_is_no_image(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        obtain(path)
    assert said in str(caught.value)
