# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel of one's own must be configured with, and what a tree lacks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netlab import cli
from netlab.kernels.sources import config, fetch
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.spec import parse
from netlab.kernels.vm.modules import OPTIONAL, REQUIRED
from netlab.model.errors import ScenarioError

from .fake_kernels import image

#: Modules whose option has another name, or that no option of recent kernels builds.
NAMES = {
    "af_packet": "PACKET",
    "nf_conntrack_netlink": "NF_CT_NETLINK",
    "nfnetlink_log": "NETFILTER_NETLINK_LOG",
    "tcp_diag": "INET_TCP_DIAG",
}
BY_OTHERS = {
    *("nf_tables_set", "nft_counter", "nf_log_common", "nft_chain_nat"),
    *("nft_reject_ipv4", "nft_reject_ipv6"),  # NFT_REJECT_INET selects them
    "sch_netem",  # for programs of the user's
}


def all_of(value: str = "y", without: str = "") -> str:
    """A .config that has all that is looked for."""
    names = [name for need in config.needs() for name in need.options if name != without]
    return "".join(f"CONFIG_{name}={value}\n" for name in names)


def test_every_module_that_a_guest_loads_has_its_option() -> None:
    options = {name: need for need in config.needs() for name in need.options}
    for module in (*REQUIRED, *OPTIONAL):
        if module not in BY_OTHERS:
            assert NAMES.get(module, module.upper()) in options, module
    for module in REQUIRED:
        assert options[NAMES.get(module, module.upper())].required, module


def test_no_option_is_named_twice() -> None:
    lines = [line for line in config.fragment().splitlines() if line.startswith("CONFIG_")]
    assert len(lines) == len({*lines}) > 60


def test_a_fragment_sets_what_is_looked_for() -> None:
    fragment = config.fragment()
    assert config.problem(fragment, modules=False) == ""
    options = [one for need in config.needs() for one in need.options.items()]
    shown_by_others = {name for name, setting in options if name not in setting}
    absent = {name for _, names in config.lacking(fragment, False) for name in names}
    assert absent == shown_by_others != set()


def test_what_is_missing_is_named_and_what_it_is_for() -> None:
    assert config.problem(all_of(), False) == ""
    assert not [*config.remarks(all_of(), False)]
    problem = config.problem(all_of(without="VETH"), False)
    assert problem.startswith("lacks CONFIG_VETH; 'netlab kernel-config' prints")
    assert [*config.remarks(all_of(without="IPV6"), False)] == ["lacks CONFIG_IPV6: IPv6 (--ipv6)"]
    assert not [*config.remarks(all_of(without="VETH"), False)]


def test_an_option_is_what_is_set_and_not_what_is_spoken_of() -> None:
    for line in ("# CONFIG_VETH is not set", "CONFIG_VETH=n", "CONFIG_VETHER=y", " CONFIG_VETH=y"):
        assert config.problem(f"{all_of(without='VETH')}{line}\n", False), line


def test_a_module_is_enough_where_modules_are_built() -> None:
    assert config.problem(all_of("m"), modules=True) == ""
    problem = config.problem(all_of(without="VETH") + "CONFIG_VETH=m\n", modules=False)
    assert problem.startswith(
        "lacks CONFIG_VETH; no modules are built (make modules), and VETH would be"
    )


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel's tree, as far as it is looked at, which is built."""
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path / "cache"))
    tree = tmp_path / "linux"
    (tree / "arch/x86/boot").mkdir(parents=True)
    (tree / "include/config").mkdir(parents=True)
    (tree / "Kbuild").touch()
    (tree / ".config").write_text(all_of())
    (tree / "arch/x86/boot/bzImage").write_bytes(image("6.12.1-mine"))
    return tree


def obtained(tree: Path) -> Kernel:
    return fetch.obtain(parse(str(tree)))


def test_a_tree_is_checked_before_anything_is_booted(tree: Path) -> None:
    assert obtained(tree).remarks == ()
    (tree / ".config").write_text(all_of(without="NF_TABLES"))
    with pytest.raises(ScenarioError, match=r"linux: its .config lacks CONFIG_NF_TABLES; "):
        obtained(tree)
    (tree / ".config").write_text(all_of(without="IPV6"))
    os.utime(tree / ".config", (0, 0))
    assert obtained(tree).remarks == ("its .config lacks CONFIG_IPV6: IPv6 (--ipv6)",)
    (tree / ".config").unlink()  # not everybody keeps it
    assert obtained(tree).remarks == ()


def test_a_configuration_that_is_newer_than_the_image_is_not_in_it(tree: Path) -> None:
    os.utime(tree / "arch/x86/boot/bzImage", (0, 0))
    assert obtained(tree).remarks == ("its .config is newer than bzImage: make bzImage",)


def test_a_tree_that_is_not_built_says_how_to_build_it(tree: Path) -> None:
    (tree / "arch/x86/boot/bzImage").unlink()
    built = r"is a kernel's tree that is not built: no arch/x86/boot/bzImage; 'netlab kernel-con"
    with pytest.raises(ScenarioError, match=built):
        obtained(tree)
    (tree / ".config").write_text(all_of("m"))
    with pytest.raises(ScenarioError, match=built):
        obtained(tree)
    (tree / ".config").unlink()
    with pytest.raises(ScenarioError, match=built):
        obtained(tree)


def test_what_the_configuration_lacks_is_named_before_anything_is_built(tree: Path) -> None:
    (tree / "arch/x86/boot/bzImage").unlink()
    (tree / ".config").write_text(all_of(without="VETH"))
    lacks = r"not built: no arch/x86/boot/bzImage; its \.config lacks CONFIG_VETH; 'netlab kernel-"
    with pytest.raises(ScenarioError, match=lacks):
        obtained(tree)


def test_the_list_says_the_release_and_whether_it_is_built(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tree)
    words = ["matrix", "--list", "--kernel", ".", "arch/x86/boot/bzImage", "host", "debian:sid"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        ".                      6.12.1-mine, built",
        "arch/x86/boot/bzImage  6.12.1-mine, built",
        f"host                   {os.uname().release}, which runs here",
        "debian:sid             not looked for yet",
    ]
    Path("arch/x86/boot/bzImage").unlink()
    assert cli.main(["matrix", "--list", "--kernel", "."]) == 0
    assert capsys.readouterr().out.startswith(".  is a kernel's tree that is not built: no arch/")
