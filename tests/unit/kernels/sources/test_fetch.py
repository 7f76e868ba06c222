# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels from archives, by a real apt from a mirror on this machine, signed with real keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import extras
from netlab.kernels.sources import apt, distributions, fetch, mirrors
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.select import NoSuite
from netlab.kernels.sources.spec import parse
from netlab.linux.privileges import in_user_namespace
from netlab.model.errors import LabError, ScenarioError
from tests.unit.kernels.sources.fake_kernels import (
    Mirror,
    Package,
    files,
    gpg,
    image,
    publish,
    serve,
)

pytestmark = [
    pytest.mark.needs("apt-get", "gpg"),
    pytest.mark.skipif(
        distributions.architecture(complain=False) != "amd64", reason="its packages are for amd64"
    ),
]

OLD, NEW, RC = "6.1.0-8-cloud-amd64", "6.1.0-9-cloud-amd64", "7.3.4-cloud-amd64"
DEB = f"linux-image-{NEW}_6.1.9-1_amd64.deb"
DAYS = 24 * 3600


@pytest.fixture(scope="module", autouse=True)
def network() -> None:
    """Without root, tests in several processes live in a network namespace without a way out."""
    if in_user_namespace():
        pytest.skip("needs the machine's own network namespace")


@pytest.fixture(scope="module")
def homes() -> Iterator[dict[str, Path]]:
    """Homes of gpg, each with a key; short, because the sockets in them may not have long names."""
    with tempfile.TemporaryDirectory(prefix="netlab-") as folder:
        found = {name: Path(folder) / name for name in ("debian", "ubuntu", "other")}
        for name, home in found.items():
            home.mkdir(mode=0o700)
            gpg(home, "--quick-gen-key", f"{name}@example.org", "ed25519", "sign")
            (home / "key.gpg").write_bytes(gpg(home, "--export"))
        yield found
        for home in found.values():
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, homes: dict[str, Path]) -> Path:
    """Archives of two distributions."""
    root = tmp_path_factory.mktemp("archive")
    parts = {"image": "", "modules": "lib/modules/", "binary": "boot/"}
    new = Package(f"linux-image-{NEW}", "6.1.9-1", files(NEW))
    split = files(RC)
    meta = "linux-image-cloud-amd64"
    debian, home = root / "debian", homes["debian"]
    publish(debian, "bookworm", "Debian", [
        Package(meta, "6.1.8-1", depends=f"linux-image-{OLD} (= 6.1.8-1)"),
        Package(f"linux-image-{OLD}", "6.1.8-1", files(OLD)),
    ], home)  # fmt: skip
    publish(root / "security", "bookworm-security", "Debian", [
        Package(meta, "6.1.9-1", depends=f"linux-image-{NEW} (= 6.1.9-1)"), new,
    ], home)  # fmt: skip
    publish(debian, "sid", "Debian", [
        Package(meta, "7.3.4-1", depends=f"linux-image-{RC}"),
        *(Package(
            f"linux-{part}-{RC}", "7.3.4-1",
            {name: data for name, data in split.items() if there and name.startswith(there)},
            f"linux-binary-{RC}, linux-modules-{RC}" if part == "image" else "",
        ) for part, there in parts.items()),
    ], home)  # fmt: skip
    keys = {"usr/share/keyrings/ubuntu-archive-keyring.gpg":
            (homes["ubuntu"] / "key.gpg").read_bytes()}  # fmt: skip
    publish(debian, "trixie", "Debian", [Package("ubuntu-keyring", "2023-1", keys)], home)
    ubuntu = "6.8.0-9-generic"
    publish(root / "ubuntu", "noble", "Ubuntu", [
        Package("linux-image-virtual", "6.8.9", depends=f"linux-image-{ubuntu}"),
        Package(f"linux-image-{ubuntu}", "6.8.9", files(ubuntu)),
    ], homes["ubuntu"])  # fmt: skip
    return root


@pytest.fixture
def mirror(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """The archives served, a cache that is empty, and a machine that knows neither."""
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\n'
        f'Dir::Etc::sourceparts "{tmp_path}/sources.list.d";\n'
        f'Dir::State::lists "{tmp_path}/lists";\n'
    )
    (tmp_path / "sources.list.d").mkdir()
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mirrors, "KEYS", (tmp_path / "keys",))
    monkeypatch.setattr(apt, "_old_today", set())
    with serve(archive) as mirror:
        yield mirror


class Asker:
    """Asks for kernels of a mirror, with the key of Debian, and keeps what is said."""

    def __init__(self, mirror: Mirror, homes: dict[str, Path]) -> None:
        self.mirrors = {
            "debian": f"{mirror.url}/debian",
            "debian-security": f"{mirror.url}/security",
        }
        self.keyrings = [homes["debian"] / "key.gpg"]
        self.said: list[tuple[str, int, int]] = []

    def __call__(self, text: str, refresh: bool = False) -> Kernel:
        """Obtain one."""

        def progress(what: str, done: int, total: int) -> None:
            self.said.append((what, done, total))

        self.said.clear()
        return fetch.obtain(parse(text), self.mirrors, self.keyrings, progress, refresh)

    @property
    def remarks(self) -> str:
        """What was said that is no progress."""
        return "\n".join(what for what, _, total in self.said if not total)


@pytest.fixture
def ask(mirror: Mirror, homes: dict[str, Path]) -> Asker:
    return Asker(mirror, homes)


def test_a_kernel_is_fetched_once(ask: Asker, mirror: Mirror) -> None:
    kernel = ask("debian:bookworm")
    assert kernel.release == NEW  # of the security suite, which a user of bookworm has
    assert kernel.image.read_bytes() == image(NEW)
    assert kernel.modules is not None
    assert [path.name for path in kernel.modules.rglob("*veth*")] == ["veth.ko.xz"]
    assert mirror.packages == [(DEB, 0)]
    assert any(total for _, _, total in ask.said)
    assert "without bookworm-updates: its mirror has no such suite" in ask.remarks

    asked = len(mirror.asked)
    assert ask("debian:bookworm") == kernel
    assert ask("debian:bookworm=6.1").image == kernel.image
    assert len(mirror.asked) == asked  # not a byte of network
    assert ask("debian:bookworm=6.1.0-8").release == OLD


def test_the_state_of_a_kernel_needs_no_network(
    ask: Asker, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, older = parse("debian:bookworm"), parse("debian:bookworm=6.1.0-8")
    assert fetch.state(spec) == "not looked for yet"
    ask(spec.text)
    asked = len(mirror.asked)
    assert fetch.state(spec) == f"{NEW}, fetched"
    assert fetch.state(older) == f"{OLD}, not fetched yet"
    assert "debian:bookworm has no kernel 5.4" in fetch.state(parse("debian:bookworm=5.4"))
    assert len(mirror.asked) == asked
    monkeypatch.setitem(extras.EXTRAS, "kernels", ("no_such_module",))
    assert fetch.state(spec).startswith("debian:bookworm needs no_such_module")


def test_a_kernel_in_several_packages(ask: Asker, mirror: Mirror) -> None:
    kernel = ask("debian:sid")
    assert kernel.release == RC
    assert len(mirror.packages) == 3


def test_a_download_that_is_cut_goes_on_where_it_was(
    ask: Asker, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.hang_up = 1000
    with pytest.raises(
        LabError, match=r"was cut at 0\.0 of .* MB \(.*\); run it again, and it goes"
    ):
        ask("debian:bookworm")
    assert not list((tmp_path / "cache" / "kernels").rglob("vmlinuz*"))
    (part,) = (tmp_path / "cache" / "downloads").rglob("*.deb*")
    there = part.stat().st_size
    assert there >= 1000
    mirror.hang_up = None
    mirror.asked.clear()
    assert ask("debian:bookworm").image.read_bytes() == image(NEW)
    assert mirror.packages == [(DEB, there)]
    assert not list((tmp_path / "cache" / "downloads").iterdir())


def test_what_was_left_behind_may_be_rubbish(ask: Asker, mirror: Mirror, tmp_path: Path) -> None:
    mirror.hang_up = 1000
    with pytest.raises(LabError, match="was cut"):
        ask("debian:bookworm")
    mirror.hang_up = None
    (part,) = (tmp_path / "cache" / "downloads").rglob("*.deb*")
    part.write_bytes(b"x" * 1500)
    try:
        kernel = ask("debian:bookworm")
    except LabError:
        kernel = ask("debian:bookworm")
    assert kernel.image.read_bytes() == image(NEW)


def test_without_a_network_yesterdays_list_does(ask: Asker, mirror: Mirror, tmp_path: Path) -> None:
    kernel = ask("debian:bookworm")
    (listed,) = (tmp_path / "cache" / "apt").rglob("packages.json")
    long_ago = listed.stat().st_mtime - 2 * DAYS
    os.utime(listed, (long_ago, long_ago))
    asked = len(mirror.asked)
    assert ask("debian:bookworm") == kernel
    assert len(mirror.asked) > asked  # it is asked for again after a day
    os.utime(listed, (long_ago, long_ago))
    for archive in ask.mirrors:  # nobody listens there
        ask.mirrors[archive] = ask.mirrors[archive].replace(mirror.url, "http://127.0.0.1:9")
    with pytest.raises(LabError, match="the list of debian:bookworm cannot be fetched"):
        ask("debian:bookworm")  # another mirror is another list
    ask.mirrors.clear()
    assert ask("debian:bookworm") == kernel
    assert "no mirror of it is known" in ask.remarks


def test_a_list_that_is_too_old_is_fetched_again(
    ask: Asker, mirror: Mirror, tmp_path: Path, archive: Path
) -> None:
    ask("debian:bookworm")
    shutil.rmtree(tmp_path / "cache" / "kernels")
    there, away = archive / "security" / "pool" / DEB, archive / "away.deb"
    there.rename(away)
    asked = mirror.asked.count(("InRelease", 0))
    try:
        with pytest.raises(LabError, match="is no longer there"):
            ask("debian:bookworm")
    finally:
        away.rename(there)
    assert mirror.asked.count(("InRelease", 0)) > asked


def test_what_is_not_signed_by_a_known_key(
    ask: Asker, homes: dict[str, Path], tmp_path: Path
) -> None:
    ask.keyrings = [homes["other"] / "key.gpg"]
    with pytest.raises(LabError, match=r"is not signed by a key of .*NO_PUBKEY.*--keyring FILE"):
        ask("debian:sid")
    assert not list((tmp_path / "cache").rglob("*.deb"))
    ask.keyrings = []
    with pytest.raises(ScenarioError, match="install its package debian-archive-keyring, or"):
        ask("debian:sid")
    ask.keyrings = [tmp_path / "missing.gpg"]
    with pytest.raises(ScenarioError, match=r"--keyring .*missing\.gpg: there is no such file"):
        ask("debian:sid")


def test_a_list_that_somebody_has_changed(
    ask: Asker, archive: Path, homes: dict[str, Path]
) -> None:
    signed = archive / "debian" / "dists" / "sid" / "InRelease"
    text = signed.read_text()
    try:
        signed.write_text(text.replace("Codename: sid", "Codename: mud"))
        with pytest.raises(LabError, match="is not signed by a key of"):
            ask("debian:sid")
    finally:
        signed.write_text(text)


def test_a_suite_that_is_not_there(ask: Asker) -> None:
    with pytest.raises(NoSuite, match=r"has no suite 'banana'.*URL\)$"):
        ask("debian:banana")
    with pytest.raises(NoSuite, match=r"has no suite 'bookwrm'.*Did you mean debian:bookworm\?$"):
        ask("debian:bookwrm")
    with pytest.raises(NoSuite, match=r"debian:bookworm has no kernel 5\.10.* it has 6\.1"):
        ask("debian:bookworm=5.10")


def test_the_keys_of_one_distribution_from_another(
    ask: Asker, mirror: Mirror, tmp_path: Path, homes: dict[str, Path]
) -> None:
    """Debian's key vouches for the package that has Ubuntu's."""
    (tmp_path / "keys").mkdir()
    shutil.copy(homes["debian"] / "key.gpg", tmp_path / "keys" / "debian-archive-keyring.gpg")
    ask.keyrings.clear()
    ask.mirrors["ubuntu"] = f"{mirror.url}/ubuntu"
    assert ask("ubuntu:noble").release == "6.8.0-9-generic"
    assert "keys of ubuntu are those of ubuntu-keyring in debian:trixie" in ask.remarks
    asked = len(mirror.asked)
    assert ask("ubuntu:noble").release == "6.8.0-9-generic"
    assert len(mirror.asked) == asked


def test_two_netlabs_fetch_it_once(
    mirror: Mirror, homes: dict[str, Path], ask: Asker, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from netlab.kernels.sources import fetch, spec\n"
        "url, key = sys.argv[1:]\n"
        "mirrors = {'debian': url + '/debian', 'debian-security': url + '/security'}\n"
        "print(fetch.obtain(spec.parse('debian:bookworm'), mirrors, [Path(key)]).image)\n"
    )
    command = [sys.executable, "-c", code, mirror.url, str(homes["debian"] / "key.gpg")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1] == f"{ask('debian:bookworm').image}\n"
    assert mirror.packages == [(DEB, 0)]


# --- what this machine is configured for


def test_mirrors_in_both_of_apts_formats(mirror: Mirror, tmp_path: Path) -> None:
    assert mirrors.machine() == {}
    (tmp_path / "sources.list").write_text(
        "# deb http://commented.invalid/debian bookworm main\n"
        "deb http://others.invalid/long/path/linux/debian bookworm stable\n"
        "deb [arch=amd64] http://one.invalid/debian/ bookworm main contrib\n"
        "deb http://one.invalid/debian-security bookworm-security main\n"
    )
    (tmp_path / "sources.list.d" / "ubuntu.sources").write_text(
        "Types: deb\nURIs: http://two.invalid/ubuntu\nSuites: noble noble-updates\n"
        "Components: main\n\nEnabled: no\nTypes: deb\nURIs: http://three.invalid/x\nSuites: y\n"
        "Components: main\n"
    )
    assert mirrors.machine() == {
        "debian": "http://one.invalid/debian",
        "debian-security": "http://one.invalid/debian-security",
        "ubuntu": "http://two.invalid/ubuntu",
    }


def test_a_mirror_whose_name_says_nothing(mirror: Mirror, tmp_path: Path) -> None:
    """Its list, where it has been fetched, says whose it is."""
    (tmp_path / "sources.list").write_text("deb http://one.invalid/mirror/7 bookworm main\n")
    assert mirrors.machine() == {}
    (tmp_path / "lists").mkdir()
    release = tmp_path / "lists" / "one.invalid_mirror_7_dists_bookworm_InRelease"
    release.write_text("-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Debian\nLabel: Debian\n")
    assert mirrors.machine() == {"debian": "http://one.invalid/mirror/7"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"banana": "http://x"}, "expected one of debian, debian-security, ubuntu"),
        ({"ubuntu": "archive"}, "expected a URL"),
        ({"ubuntu": "http://x y\nTrusted: yes"}, "expected a URL"),
    ],
)
def test_a_mirror_that_cannot_be_meant(mirror: Mirror, given: dict[str, str], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        fetch.obtain(parse("ubuntu:noble"), given)


def test_a_distribution_without_a_mirror(mirror: Mirror) -> None:
    with pytest.raises(ScenarioError, match="give one: --mirror ubuntu=URL"):
        fetch.obtain(parse("ubuntu:noble"))
    with pytest.raises(LabError, match=r"say which kernels to play \(--kernel\)"):
        fetch.defaults()


def test_a_machine_without_apt(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabError, match="this machine has none: give a file instead"):
        ask("debian:sid")


def test_what_is_played_by_default(mirror: Mirror) -> None:
    both = {"debian": mirror.url, "ubuntu": mirror.url}
    for given in ({"debian": mirror.url}, {"ubuntu": mirror.url}, both):
        specs = fetch.defaults(given)
        assert {spec.distribution for spec in specs} == {*given}
        assert len(specs) == len({spec.text for spec in specs}) >= 5
        assert all(spec.by_default for spec in specs)
        assert len(fetch.defaults(given, small=True)) == 3
