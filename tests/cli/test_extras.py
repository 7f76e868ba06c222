# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab does where only a part of what it can use is installed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from netlab import extras

from .shell import PATIENCE, Done, environment

#: `netlab` in a Python that finds none of the modules named first.
BARE = """
import sys
names, sys.argv[1:] = set(sys.argv[1].split(",")), sys.argv[2:]
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from netlab.cli import main
sys.exit(main())
"""
EXTRAS = {module for modules in extras.EXTRAS.values() for module in modules}
SS = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"


def netlab_without(modules: set[str], *arguments: str | Path, stdin: str = "") -> Done:
    """One command where these modules are not installed."""
    done = subprocess.run(
        [sys.executable, "-c", BARE, ",".join(sorted(modules)), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def of_others(*keep: str) -> set[str]:
    """Every module of another project that is installed here, but for those to keep."""
    own = {"netlab", "tests", "_netlab", "pip", "setuptools", "_distutils_hack", "pkg_resources"}
    return metadata.packages_distributions().keys() - {*sys.stdlib_module_names, *own, *keep}


def test_a_snapshot_needs_nothing_but_python() -> None:
    done = netlab_without(of_others(), "snapshot")
    assert done.code == 0, done.err
    assert done.out.startswith('{"netlab":"snapshot"')


def test_diagnose_needs_yaml_and_nothing_else() -> None:
    done = netlab_without(of_others("yaml", "_yaml"), "diagnose", "-", stdin=SS)
    assert (done.code, done.err) == (0, "")
    assert "Nothing is stuck" in done.out
    with pytest.raises(AssertionError, match="No module named 'yaml'"):  # it is really kept away
        netlab_without({"yaml"}, "diagnose", "-", stdin=SS)


def test_the_base_alone_plays(tmp_path: Path) -> None:
    base = _modules_of_the_base()
    assert not base & EXTRAS
    assert netlab_without(EXTRAS, "list").code == 0
    done = netlab_without(EXTRAS, "run", "port-closed", "--ladder", "--pcap", tmp_path)
    assert (done.code, "1 passed" in done.out) == (0, True), done.err
    assert netlab_without(EXTRAS, "show", "port-closed").code == 0


def _modules_of_the_base() -> set[str]:
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    names = {Requirement(line).name for line in project["project"]["dependencies"]}
    return {module for module, of in metadata.packages_distributions().items() if names & {*of}}


def test_a_watch_needs_no_library_but_for_prometheus() -> None:
    done = netlab_without(EXTRAS, "watch", "--for", "10ms")
    assert (done.code, done.err) == (0, "")
    assert "1 look: " in done.out


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("report", ("run", "port-closed", "--report", "{folder}")),
        ("report", ("matrix", "port-closed", "--kernel", "host", "--report", "{folder}")),
        ("report", ("compare", "{run}", "{run}", "--page", "{folder}/page.html")),
        ("report", ("atlas", "--recorded", "--report", "{folder}")),
        ("kernels", ("matrix", "port-closed", "--kernel", "{folder}/linux.deb")),
        ("completion", ("completion", "bash")),
        ("watch", ("watch", "--prometheus", "127.0.0.1:9123")),
        ("watch", ("watch", "--textfile", "{folder}")),
    ],
)  # fmt: skip
def test_what_needs_an_extra_names_it(
    extra: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    zstd = b"\x28\xb5\x2f\xfd" + bytes(60)
    head = f"{'data.tar.zst':16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(zstd):<10}`\n".encode()
    (tmp_path / "linux.deb").write_bytes(b"!<arch>\n" + head + zstd)
    if "{run}" in arguments:
        netlab_without(set(), "matrix", "port-closed", "--kernel", "host", "--output", tmp_path)
    run = next(iter(tmp_path.glob("*.jsonl")), "")
    words = [word.format(folder=tmp_path, run=run) for word in arguments]
    done = netlab_without(EXTRAS, *words)
    assert done.code == 3, done
    assert f"Install it: pip install '{extras.DISTRIBUTION}[{extra}]'" in done.err + done.out


def test_a_module_that_is_no_extra_of_ours_is_not_explained_away() -> None:
    assert extras.lacking(ModuleNotFoundError("no", name="textual.app")) is not None
    assert extras.lacking(ModuleNotFoundError("no", name="netlab.banana")) is None
    assert extras.lacking(ModuleNotFoundError("no")) is None
