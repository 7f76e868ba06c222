# SPDX-License-Identifier: GPL-2.0-or-later
"""Which kernel people mean, and which of a suite's packages make it up."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.kernels.sources import distributions
from netlab.kernels.sources.select import NoSuite, Package, choose
from netlab.kernels.sources.spec import parse
from netlab.model.errors import ScenarioError

DEBIAN = distributions.known()["debian"]
UBUNTU = distributions.known()["ubuntu"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("debian:bookworm", ("debian", "bookworm", "")),
        ("debian:trixie-backports", ("debian", "trixie-backports", "")),
        ("debian:trixie-backports=6.16", ("debian", "trixie-backports", "6.16")),
        ("debian:sid=7.2.13+deb14", ("debian", "sid", "7.2.13+deb14")),
        ("ubuntu:noble", ("ubuntu", "noble", "")),
    ],
)
def test_a_distribution(text: str, meant: tuple[str, str, str]) -> None:
    spec = parse(text)
    assert spec.kind == "distribution"
    assert (spec.distribution, spec.suite, spec.version) == meant
    assert spec.text == text


def test_this_kernel() -> None:
    assert parse("host").kind == "host"


def test_what_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vmlinuz").touch()
    (tmp_path / "modules").mkdir()
    one, other = (tmp_path / f"linux-{part}-6.12+deb13.deb" for part in ("image", "modules"))
    one.touch()
    other.touch()
    assert parse(".").kind == "folder"
    assert parse("./vmlinuz").paths == (tmp_path / "vmlinuz",)
    assert parse("vmlinuz:modules").modules == tmp_path / "modules"
    assert parse(one.name).paths == (one,)
    assert parse(f"{one.name}+{other.name}").paths == (one, other)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no kernel that netlab can get"),
        ("6.1", "'6.1' is no kernel that netlab can get"),
        ("fedora:41", "'fedora' is neither a distribution that netlab can fetch (debian, ubuntu)"),
        ("debian:", "'' is no name of a suite"),
        ("debian:../x", "'../x' is no name of a suite"),
        ("debian:Bookworm", "expected debian:bookworm"),
        ("debian:sid=", "'' is no beginning of a version"),
        ("debian:sid=six", "'six' is no beginning of a version"),
        ("./not-there.deb", "there is no package"),
        ("./not-there/vmlinuz", "there is no ./not-there/vmlinuz"),
        ("a" * 5000, "File name too long"),
    ],
)
def test_what_is_no_kernel(text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_what_cannot_be_joined(tmp_path: Path) -> None:
    one, other = tmp_path / "a.deb", tmp_path / "b.rpm"
    one.touch()
    other.touch()
    with pytest.raises(ScenarioError, match=r"joins \.deb and \.rpm"):
        parse(f"{one}+{other}")
    with pytest.raises(ScenarioError, match="there is no folder '/not/there' with modules"):
        parse(f"{one.with_suffix('.deb').rename(tmp_path / 'vmlinuz')}:/not/there")


@given(st.text(alphabet=st.sampled_from("debianubuntu:=./+-~ 6x\0\n")))
def test_whatever_is_written_is_a_kernel_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(ScenarioError):
        assert parse(text).text == text


# --- which packages


def package(name: str, version: str, depends: str = "") -> Package:
    return Package(name, version, depends, 1)


BOOKWORM = (
    package("linux-image-cloud-amd64", "6.1.140-1", "linux-image-6.1.0-37-cloud-amd64 (= 6.1.140)"),
    package("linux-image-cloud-amd64", "6.1.99-1", "linux-image-6.1.0-22-cloud-amd64 (= 6.1.99)"),
    package("linux-image-6.12-cloud-amd64", "6.12.9-1", "linux-image-6.12.9+deb12-cloud-amd64"),
    package("linux-image-6.1.0-37-cloud-amd64", "6.1.140-1"),
    package("linux-image-6.1.0-22-cloud-amd64", "6.1.99-1"),
    package("linux-image-6.1.0-37-amd64", "6.1.140-1"),
    package("linux-image-6.12.9+deb12-cloud-amd64", "6.12.9-1", "linux-base (>= 4.3)"),
    package("linux-image-6.13.0-rt-amd64", "6.13-1"),
)
AMD64 = pytest.mark.skipif(distributions.architecture(complain=False) != "amd64", reason="amd64")


@AMD64
@pytest.mark.parametrize(
    ("prefix", "release"),
    [
        ("", "6.1.0-37-cloud-amd64"),  # what the metapackage says, not the newest
        ("6.1", "6.1.0-37-cloud-amd64"),  # not 6.12
        ("6.1.0-22", "6.1.0-22-cloud-amd64"),
        ("6.12", "6.12.9+deb12-cloud-amd64"),  # not the metapackage of that name
        ("6", "6.12.9+deb12-cloud-amd64"),
    ],
)
def test_the_newest_that_starts_so(prefix: str, release: str) -> None:
    found = choose(BOOKWORM, DEBIAN, "bookworm", prefix)
    assert found.release == release
    assert [part.name for part in found.packages] == [f"linux-image-{release}"]


@AMD64
def test_what_a_suite_does_not_have() -> None:
    with pytest.raises(NoSuite, match=r"debian:bookworm has no kernel 5\.10.*it has 6\.1, 6\.12$"):
        choose(BOOKWORM, DEBIAN, "bookworm", "5.10")
    with pytest.raises(NoSuite, match="it has none at all"):
        choose((), DEBIAN, "bookworm", "")


@AMD64
def test_a_split_kernel_needs_all_its_parts() -> None:
    parts = ("binary", "modules", "base")
    seven = "7.3.4+deb13-cloud-amd64"
    image = package(
        f"linux-image-{seven}",
        "7.3.4-1",
        ", ".join(f"linux-{part}-{seven} (= 1)" for part in parts),
    )
    pieces = [package(f"linux-{part}-{seven}", "7.3.4-1") for part in parts]
    whole = choose((*BOOKWORM, image, *pieces), DEBIAN, "x", "7")
    assert whole.packages == (image, *pieces)
    with pytest.raises(NoSuite, match="or not all of its packages"):
        choose((*BOOKWORM, image, *pieces[1:]), DEBIAN, "x", "7")
    without_base = choose((*BOOKWORM, image, *pieces[:2]), DEBIAN, "x", "7")
    assert without_base.packages == (image, *pieces[:2])


def test_an_image_that_is_only_there_unsigned() -> None:
    there = (
        package("linux-image-virtual", "6.8.0-9", "linux-image-6.8.0-9-generic"),
        package("linux-image-unsigned-6.8.0-9-generic", "1", "linux-modules-6.8.0-9-generic"),
        package("linux-modules-6.8.0-9-generic", "1"),
    )
    found = choose(there, UBUNTU, "noble", "")
    assert found.release == "6.8.0-9-generic"
    assert [part.name for part in found.packages] == [each.name for each in there[1:]]
