# SPDX-License-Identifier: GPL-2.0-or-later
r"""Make a release of main, in a clone, and bring it home when all of it is made and checked.

    ./scripts/release VERSION [--dry-run] [--deb] [--quick]

The clone gets the version (netlab/_version.py), the date (CHANGELOG.md), a commit and a tag; sdist
and wheel are built of that by ./scripts/wheel, which tries them. Then commit and tag come to main
here, the files into dist/, and the commands that publish are printed: nothing is pushed. A release
that fails changes nothing here.

Exit codes: 0 released, or a dry run that could be; 2 nothing that can be released; 3 a build or a
check of what was built failed.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

HOME = Path(__file__).resolve().parents[1]
BRANCH = "main"
VERSION_FILE = Path("netlab", "_version.py")
CHANGES_FILE = Path("CHANGELOG.md")
#: The topmost heading of the changes, until they are released.
UNRELEASED = "## Unreleased\n"
NO_CHANGES = "write a line for what users see below '## Unreleased' in CHANGELOG.md"


class Refused(Exception):
    """What stands in the way of a release, and what to do."""


class Failed(Exception):
    """A build, or a check of what was built, that did not end well."""


def main(words: Sequence[str] | None = None) -> int:
    """Check, make, and bring home."""
    options = _options(words)
    try:
        version = checked(options.version)
        with tempfile.TemporaryDirectory(prefix="netlab-release-") as folder:
            clone, made = Path(folder, "netlab"), Path(folder, "dist")
            commit(clone, version)
            build(clone, made, options)
            check(made, version)
            if options.dry_run:
                print(f"netlab {version} could be released; nothing was changed")
            else:
                bring_home(clone, made, version)
                print(to_publish(version))
    except Refused as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    except Failed as error:
        print(f"release: {error}", file=sys.stderr)
        return 3
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("version", metavar="VERSION", help="as PEP 440 has it, such as 1.2.0")
    parser.add_argument("--dry-run", action="store_true", help="all of it, and change nothing here")
    parser.add_argument("--deb", action="store_true", help="a package for Debian, too")
    parser.add_argument(
        "--quick", action="store_true", help="build once, and try nothing (with --dry-run)"
    )
    options = parser.parse_args(words)
    if options.quick and not options.dry_run:
        parser.error("--quick is for --dry-run: what is released is tried")
    return options


# --- whether it may be


def checked(said: str) -> Version:
    """The version. Raises Refused with the first thing that stands in the way of a release."""
    version = newer(said, git(HOME, "tag").split())
    branch = git(HOME, "branch", "--show-current").strip()
    if branch != BRANCH:
        here = branch or "no branch"
        raise Refused(f"releases are made of {BRANCH}, and this is {here}: git switch {BRANCH}")
    if left := git(HOME, "status", "--porcelain"):
        raise Refused(f"the tree is not clean: commit or remove what git status shows\n{left}")
    dated(HOME.joinpath(CHANGES_FILE).read_text(), version)
    return version


def newer(said: str, tags: Sequence[str]) -> Version:
    """The version that was said. Raises Refused where it is none, or there is one like it."""
    try:
        version = Version(said)
    except InvalidVersion:
        wanted = "write one as PEP 440 has it, such as 1.2.0 or 1.2.0rc1"
        raise Refused(f"{said!r} is no version: {wanted}") from None
    if said != str(version) or version.local:
        raise Refused(f"write {said!r} as the package index does: {version.public}")
    if tag(version) in tags:
        raise Refused(f"the tag {tag(version)} is there already: take a later version")
    last = max(map(Version, filter(None, map(_tagged, tags))), default=None)
    if last and version < last:
        raise Refused(f"{version} comes before {last}, which is released: take a later version")
    return version


def _tagged(name: str) -> str:
    found = re.fullmatch(r"v(\d\S*)", name)
    return found[1] if found else ""


def tag(version: Version) -> str:
    """The name of a version's tag."""
    return f"v{version}"


def dated(changes: str, version: Version) -> str:
    """The changes, with a heading for the version. Raises Refused where none is unreleased."""
    head, heading, rest = changes.partition(UNRELEASED)
    entries = rest.partition("\n## ")[0]
    if not heading or "\n- " not in entries:
        raise Refused(f"no change is to be released: {NO_CHANGES}")
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{head}{UNRELEASED}\n## {version} ({today})\n{rest}"


# --- made in a clone


def commit(clone: Path, version: Version) -> None:
    """Clone main, and commit and tag the version there."""
    git(HOME, "clone", "--quiet", "--branch", BRANCH, str(HOME), str(clone))
    for key, value in zip(("user.name", "user.email"), person(), strict=True):
        git(clone, "config", key, value)
    path = clone / VERSION_FILE
    before, _, after = re.split(r'(?<=__version__ = )"(.*)"', path.read_text())
    path.write_text(f'{before}"{version}"{after}')
    path = clone / CHANGES_FILE
    path.write_text(dated(path.read_text(), version))
    git(clone, "commit", "--quiet", "--all", "--message", f"Version {version}")
    git(clone, "tag", "--annotate", "--message", f"netlab {version}", tag(version))


def person() -> tuple[str, str]:
    """Who commits here: name and address. Raises Refused where git does not know."""
    name, _, rest = git(HOME, "var", "GIT_COMMITTER_IDENT").partition(" <")
    return name, rest.partition("> ")[0]


def build(clone: Path, made: Path, options: argparse.Namespace) -> None:
    """Build of the clone what is to be published, into `made`."""
    if options.quick:
        run(clone, sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made))
    else:
        run(clone, "./scripts/wheel", str(made))
    if options.deb:
        run(clone, "./scripts/deb", str(made))


def run(clone: Path, *words: str) -> None:
    """Run a command there, with the packages of here. Raises Failed where it fails."""
    where = {**os.environ, "NETLAB_VENV": sys.prefix}
    done = subprocess.run(
        words, cwd=clone, env=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Failed(f"{shlex.join(words)} failed:\n{done.stdout}")


def check(made: Path, version: Version) -> None:
    """Raise Failed where what was built is not of this version, through and through."""
    stem = f"netlab_tcp-{version}"
    wheel, sdist = made / f"{stem}-py3-none-any.whl", made / f"{stem}.tar.gz"
    if missing := [file.name for file in (wheel, sdist) if not file.is_file()]:
        raise Failed(f"there is no {' and no '.join(missing)} among what was built")
    with zipfile.ZipFile(wheel) as files:
        inside = files.read(str(VERSION_FILE)).decode()
        metadata = files.read(f"{stem}.dist-info/METADATA").decode()
    if f'"{version}"' not in inside or f"\nVersion: {version}\n" not in metadata:
        raise Failed(f"{wheel.name} does not say that it is {version}")


# --- brought home


def bring_home(clone: Path, made: Path, version: Version) -> None:
    """Take the commit, the tag and the files."""
    git(HOME, "fetch", "--quiet", str(clone), BRANCH, "tag", tag(version))
    git(HOME, "merge", "--quiet", "--ff-only", tag(version))
    shutil.copytree(made, HOME / "dist", dirs_exist_ok=True)


def to_publish(version: Version) -> str:
    """What a person does next."""
    return (
        f"netlab {version} is made, and nothing is published. What publishes it:\n"
        f"  git push --atomic origin {BRANCH} {tag(version)}\n"
        f"  pipx run twine upload dist/netlab_tcp-{version}*"
    )


def git(folder: Path, *words: str) -> str:
    """What git says. Raises Refused with what it complains about."""
    command = ["git", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{shlex.join(command)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
