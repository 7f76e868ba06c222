# SPDX-License-Identifier: GPL-2.0-or-later
"""The contents of a guest's disk: archives that the kernel unpacks one after the other.

The first holds the Python that runs here, its library, the packages netlab needs and the shared
objects of all these: the same for all kernels, made once and kept. The second holds one kernel's
modules, the third netlab itself, its scenarios and the job.

Source code stays here: a guest gets only byte code, under the names that Python looks for where
there is no source. It is half the size, and compiling is especially slow in an emulator.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import marshal
import os
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.vm import bare, modules
from netlab.kernels.vm.archive import Archive
from netlab.kernels.vm.bare import (
    INIT,
    JOB,
    LIBRARY,
    LOADER,
    MODULES,
    PACKAGES,
    PYTHON,
    REQUIRED,
    ROOT,
    SCENARIOS,
    SHARED,
    SIGNATURE,
)
from netlab.model.errors import LabError
from netlab.model.kernel_run import Clock

if TYPE_CHECKING:
    from netlab.kernels.suite import Job

#: The first program. The kernel appends options that it does not know, which are ignored.
START = f"#!{PYTHON} -SB\nfrom netlab.kernels.vm import init\ninit.main()\n"

#: The packages that netlab imports while it plays, by the names of the imports.
NEEDED = (
    *("attr", "attrs", "cattrs", "greenlet", "pyroute2", "scapy", "tabulate"),
    *("typing_extensions", "yaml", "_yaml"),
)
#: Folders at any place, and parts of the library and of packages, that no guest imports.
IDLE = {"__pycache__", "site-packages", "dist-packages", "test", "tests"}
IDLE_PARTS = re.compile(
    r"(idlelib|tkinter|turtledemo|turtle|ensurepip|lib2to3|distutils|pydoc|pydoc_data|venv|config-"
    r"|_pydecimal|_pyio|msilib|curses|dbm|wsgiref|xmlrpc"
    r"|lib-dynload/(_test|_ctypes_test|_xx|xx|_tkinter|_dbm|_gdbm|_curses|readline|nis|ossaudiodev"
    r"|_codecs_)"
    r"|scapy/(contrib|tools|modules|libs/manuf|layers/(tls|dcerpc|smb|msrpce|kerberos)))"
)
#: The vendors of network cards, 40,000 lines that scapy reads whenever it is imported.
STAND_INS = {f"{PACKAGES}/scapy/libs/manuf.pyc": "DATA = ''"}
#: Parts of netlab that the first program of a guest imports, besides single modules.
FIRST_NEEDS = ("kernels/vm", "kernels/warp", "linux", "model")
NO_CODE = (".a", ".pyi", ".pyx", ".pxd", ".c", ".cpp", ".h", ".hpp", ".typed")
FILES = ("/etc/protocols", "/etc/services")
NFT = f"{ROOT}/bin/nft"
PROGRAMS = (PYTHON, NFT)
INTERPRETER = 3  # PT_INTERP (elf(5))
BYTE_CODE = struct.Struct("<4sIII")  # magic, flags, and of the source: its time and size
#: Seconds: userlands that were not used for this long are removed when a new one is made.
KEPT_S = 24 * 3600.0


def userland(cache: Path, labs: bool = True) -> Path:
    """The archive of Python and the packages that `labs` need, from the cache or made now (once, in
    seconds). Raises `LabError` where this Python cannot be packed, or the cache cannot be written.
    """
    files = dict(_userland(labs))
    seen = hashlib.sha256(Path(__file__).read_bytes() + Path(bare.__file__).read_bytes())
    for path, source in files.items():
        status = source.stat()
        seen.update(f"{path} {source} {status.st_size} {status.st_mtime_ns}\n".encode())
    kept = cache / "userland" / f"{seen.hexdigest()[:16]}.cpio"
    try:
        if kept.exists():
            os.utime(kept)
            return kept
        kept.parent.mkdir(parents=True, exist_ok=True)
        _clear(kept.parent)
        draft = kept.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}.part")
        with draft.open("wb") as file:
            _pack_userland(Archive(file), files)
        draft.replace(kept)
    except OSError as error:
        raise LabError(f"{kept.parent} cannot be written: {error.strerror}") from None
    return kept


def kernel(which: Kernel, wanted: modules.WantedModules = modules.OF_LABS) -> bytes:
    """The archive of one kernel's modules. Raises `LabError` where a required one is missing."""
    with io.BytesIO() as file:
        archive = Archive(file)
        files = modules.plan(which.modules, wanted)
        for name, data in files.items():
            module, signature = modules.parted(data)
            archive.file(f"{MODULES}/{name}.ko", module)
            if signature:
                archive.file(f"{MODULES}/{name}{SIGNATURE}", signature)
        marks = dict.fromkeys(wanted.required, REQUIRED)
        order = "".join(f"{name}{marks.get(name, '')}\n" for name in files)
        archive.file(f"{MODULES}/order", order.encode())
        archive.close()
        return file.getvalue()


def job(what: Job, spec: str, clock: Clock) -> bytes:
    """The archive of netlab itself and of the job to play."""
    from netlab.model.evidence import converter

    asked = {"spec": spec, "clock": clock, "job": converter().unstructure(what)}
    with io.BytesIO() as file:
        archive = Archive(file)
        archive.file(JOB, json.dumps(asked).encode())
        archive.close()
        return netlab() + file.getvalue()


def asked(text: str) -> tuple[Job, str, Clock]:
    """The job, spec and clock that `job` wrote, read in the guest."""
    from netlab.kernels.suite import Job
    from netlab.model.evidence import converter

    said: dict[str, Any] = json.loads(text)
    return converter().structure(said["job"], Job), said["spec"], said["clock"]


def beginning() -> bytes:
    """The archive of those parts of netlab that its first program in a guest needs."""
    package = Path(__file__).resolve().parents[2]
    with io.BytesIO() as file:
        archive = Archive(file)
        for part in FIRST_NEEDS:
            for path, source in _tree(package / part, f"{PACKAGES}/netlab/{part}"):
                _add(archive, path, source)
        for source in [*package.glob("*.py"), *(package / "kernels").glob("*.py")]:
            _add(archive, f"{PACKAGES}/netlab/{source.relative_to(package)}", source)
        archive.close()
        return file.getvalue()


@functools.cache
def netlab() -> bytes:
    """The archive of netlab itself and the scenarios that come with it."""
    from netlab.scenario import catalogue

    package = Path(__file__).resolve().parents[2]
    with io.BytesIO() as file:
        archive = Archive(file)
        for path, source in _tree(package, f"{PACKAGES}/netlab"):
            _add(archive, path, source)
        archive.file(INIT, START.encode(), 0o755)
        scenarios = catalogue.home()
        if not scenarios.is_relative_to(package):  # a checkout; a wheel has them inside
            for path, source in _tree(scenarios, SCENARIOS):
                _add(archive, path, source)
        archive.close()
        return file.getvalue()


# --- the userland


def _userland(labs: bool) -> Iterator[tuple[str, Path]]:
    """Each path in the guest with the file here, without the shared libraries."""
    yield PYTHON, Path(sys.executable).resolve()
    places = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    for place in sorted(places):
        yield from _tree(place, LIBRARY)
    yield from _of_labs() if labs else ()


def _of_labs() -> Iterator[tuple[str, Path]]:
    for name in NEEDED:
        found = importlib.util.find_spec(name)
        if found is None:
            continue  # _yaml is optional; any other that is missing fails when it is imported
        if found.submodule_search_locations:
            for folder in found.submodule_search_locations:
                yield from _tree(Path(folder), f"{PACKAGES}/{name}")
        elif found.origin:
            yield f"{PACKAGES}/{Path(found.origin).name}", Path(found.origin)
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if nft:
        yield NFT, Path(nft).resolve()
    yield from ((name, Path(name)) for name in FILES if os.path.exists(name))


def _tree(root: Path, to: str) -> Iterator[tuple[str, Path]]:
    """The files below a folder that a guest may import, each after its path in the guest."""
    for folder, inner, names in os.walk(root):
        place = os.path.normpath(f"{to}/{os.path.relpath(folder, root)}")
        inner[:] = [name for name in sorted(inner) if name not in IDLE and _used(f"{place}/{name}")]
        for name in sorted(names):
            if _used(f"{place}/{name}") and not name.endswith(NO_CODE):
                yield f"{place}/{name}", Path(folder, name)


def _used(path: str) -> bool:
    return IDLE_PARTS.match(path.removeprefix(f"{LIBRARY}/").removeprefix(f"{PACKAGES}/")) is None


def _pack_userland(archive: Archive, files: dict[str, Path]) -> None:
    for folder in ("proc", "sys", "dev", "tmp", "run", "root"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)  # the kernel opens it for the first program
    archive.device("dev/null", 1, 3)
    archive.device("dev/urandom", 1, 9)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    for path, source in files.items():
        _add(archive, path, source)
    for path, text in STAND_INS.items():
        archive.file(path, _compiled(text, path))
    programs = [source for path, source in files.items() if path in PROGRAMS]
    objects = [source for source in files.values() if ".so" in source.suffixes]
    for library in _libraries([*programs, *objects]):
        path = LOADER if library.name.startswith("ld-") else f"{SHARED}/{library.name}"
        archive.file(path, stripped(library.read_bytes()), 0o755)
    archive.close()


def _libraries(files: Iterable[Path]) -> list[Path]:
    """The shared libraries that programs and objects need, directly or indirectly."""
    names = [str(file) for file in files]
    try:
        told = subprocess.run(["ldd", *names], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabError(
            "packing Python for a guest needs the ldd program: install libc-bin"
        ) from None
    found = re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", told.stdout, re.MULTILINE)
    if not found:
        raise LabError(f"ldd does not understand {names[0]}: {told.stderr.strip()}")
    return [Path(name) for name in dict.fromkeys(found)]


def _add(archive: Archive, path: str, source: Path) -> None:
    """Add a file; Python code as byte code, except stories, whose source is read first."""
    if source.suffix != ".py" or path.startswith(SCENARIOS):
        data = stripped(source.read_bytes())
        data = with_own_loader(data) if path in PROGRAMS else data
        archive.file(path, data, 0o755 if os.access(source, os.X_OK) else 0o644)
        return
    # Some packages contain templates, and code for other Pythons; nothing imports those.
    with contextlib.suppress(SyntaxError, ValueError):
        archive.file(f"{path}c", byte_code(source))


def byte_code(source: Path) -> bytes:
    """A module compiled, for use without its source: Python's own copy, if that is current."""
    status = source.stat()
    compiled = Path(importlib.util.cache_from_source(str(source)))
    magic, flags, seconds, size = BYTE_CODE.unpack(bytes(BYTE_CODE.size))
    if compiled.is_file():
        data = compiled.read_bytes()
        if len(data) > BYTE_CODE.size:
            magic, flags, seconds, size = BYTE_CODE.unpack_from(data)
        same = int(status.st_mtime) & 0xFFFFFFFF == seconds and status.st_size & 0xFFFFFFFF == size
        if magic == importlib.util.MAGIC_NUMBER and flags == 0 and same:
            return data
    return _compiled(source.read_bytes(), str(source))


def _compiled(text: str | bytes, name: str) -> bytes:
    code = compile(text, name, "exec", dont_inherit=True)
    return BYTE_CODE.pack(importlib.util.MAGIC_NUMBER, 0, 0, 0) + marshal.dumps(code)


def stripped(data: bytes) -> bytes:
    """A program or shared object without what only debuggers read: half of some Pythons.

    The program headers name what is loaded (elf(5)). The section header table and everything after
    the last loaded byte are removed.
    """
    if data[:6] != b"\x7fELF\x02\x01":  # 64 bits, little endian
        return data
    ends = (offset + length for _, _, offset, _, _, length in _segments(data))
    end = max(ends, default=len(data))
    return data[:40] + bytes(8) + data[48:58] + bytes(6) + data[64:end]


def with_own_loader(program: bytes) -> bytes:
    """A program that is started by the loader at `LOADER`: its own is named by a full path, where
    somebody else's files may be. Raises `LabError` where that path is too short to be replaced.
    """
    for kind, _, offset, _, _, length in _segments(program):
        if kind == INTERPRETER:
            name = LOADER.encode()
            if len(name) >= length:
                raise LabError(f"a program's loader has a name shorter than {LOADER}")
            return program[:offset] + name.ljust(length, b"\0") + program[offset + length :]
    return program


def _segments(elf: bytes) -> list[tuple[int, ...]]:
    """Of each segment: type, flags, offset, two addresses, size in the file."""
    start, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    return [struct.unpack_from("<IIQQQQ", elf, start + size * n) for n in range(count)]


def _clear(folder: Path) -> None:
    """Remove userlands that are no longer used, and drafts that were abandoned."""
    for path in folder.iterdir():
        age = time.time() - path.stat().st_mtime
        if age > (3600 if path.suffix == ".part" else KEPT_S):
            path.unlink(missing_ok=True)
