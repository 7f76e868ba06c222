# SPDX-License-Identifier: GPL-2.0-or-later
"""What is broken: good files of each kind, how they are broken, and what netlab does with them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from netlab.cli.shared import explanation
from netlab.diagnosis.rank import diagnose
from netlab.kernels import bzimage
from netlab.kernels.compare import baseline, overview, page
from netlab.kernels.compare.behaviour import behaviour
from netlab.kernels.sources import release, unpack
from netlab.kernels.vm import boot, modules
from netlab.model import kernel_run
from netlab.model.errors import NetlabError
from netlab.model.vocabulary import Family
from netlab.render.findings import findings
from netlab.render.style import Style
from netlab.scenario import catalogue, writer
from netlab.snapshot import mask, rows, store
from netlab.snapshot.columns import RawSample
from netlab.snapshot.parse import read
from tests.unit.kernels.sources import fake_kernels
from tests.unit.model.test_kernel_run import RUN

from . import mutate

HOME = Path(__file__).parents[1]
PLAIN = Style(False)
Mutation = Callable[[bytes, Random], bytes]

LARGEST = 8 << 20  # bytes of a file: there are thousands


@dataclass(frozen=True)
class Kind:
    """One kind of file. `read` raises NetlabError where it refuses the file, and nothing else."""

    suffix: str
    seeds: Callable[[], Sequence[bytes]]
    mutations: tuple[Mutation, ...]
    read: Callable[[Path], None]

    def broken(self, number: int) -> bytes:
        """The file of a number: always the same one."""
        random = Random(number)
        seed = random.choice(self.seeds())
        try:
            return random.choice(self.mutations)(seed, random)[:LARGEST]
        except RecursionError:  # it became too deep even to be written
            return mutate.of_bytes(seed, random)


# --- scenarios


@cache
def scenario_files(suffix: str) -> list[bytes]:
    """Those that netlab has."""
    paths = sorted(catalogue.home().rglob(f"*{suffix}"))
    return [path.read_bytes() for path in paths if path.stem != "__init__"]


def read_scenario(path: Path) -> None:
    """As `netlab show` does, and as a file of one's own is written."""
    for scenario in catalogue.in_file(path):
        explanation.explanation(scenario, Family.IPV4, PLAIN)
        if scenario.code is None:
            writer.scenario(scenario)


# --- sockets


@cache
def texts() -> list[bytes]:
    """Outputs of all tools and their versions, and files of the collector."""
    folder = HOME / "unit" / "snapshot"
    paths = [*(folder / "outputs").iterdir(), *(folder / "collected").iterdir()]
    return [path.read_bytes() for path in sorted(paths)]


@cache
def snapshots() -> list[bytes]:
    """The same as netlab's own files."""
    stored = []
    for text in texts():
        try:
            found = read(text, "a")
        except NetlabError:
            continue
        for snapshot in found:
            raw = [
                RawSample(rows.table(s.sockets), s.counters, s.sysctls, 1.0, s.source)
                for s in snapshot.samples
            ]
            stored.append(store.to_json(snapshot.name, raw).encode())
    return stored


def read_sockets(path: Path) -> None:
    """As `netlab diagnose` does, and as it is masked."""
    found = read(path.read_bytes(), path.name)
    diagnosis = diagnose(found)
    findings(diagnosis, PLAIN, explain=True)
    diagnosis.to_json()
    for snapshot in found:
        samples = [RawSample(rows.table(s.sockets), s.counters) for s in snapshot.samples]
        store.to_json("", mask.masked(samples, "word"))


# --- runs and baselines


@cache
def run_files() -> list[bytes]:
    """A stored run."""
    return ["".join(f"{line}\n" for line in RUN.lines()).encode()]


@cache
def baseline_files() -> list[bytes]:
    """Its baseline."""
    return [baseline.text(behaviour(RUN)).encode()]


def read_run(path: Path) -> None:
    """As `netlab compare`, `matrix --report` and `baseline record` do."""
    run = kernel_run.read(path)
    baseline.text(behaviour(run))
    baseline.check(behaviour(RUN), behaviour(run))
    page.page(overview.overview([RUN, run]), "0")


def read_baseline(path: Path) -> None:
    """As `netlab baseline check` does."""
    recorded = baseline.read(path)
    baseline.check(recorded, behaviour(RUN))
    baseline.text(recorded)


# --- packages and kernels


def made(write: Callable[..., None], **how: str) -> bytes:
    """A package as its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        write(path, fake_kernels.files(), **how)
        return path.read_bytes()


@cache
def debs() -> list[bytes]:
    """A .deb."""
    return [made(fake_kernels.deb, packing="zst")]


@cache
def rpms() -> list[bytes]:
    """An .rpm."""
    return [made(fake_kernels.rpm, packing="zst")]


@cache
def images() -> list[bytes]:
    """A bzImage, and an image for another architecture."""
    arm = bytes(0x38) + b"ARMd" + bytes(4) + b"...Linux version 6.1.0-9-cloud-arm64 (x@y) ..."
    x86 = bytearray(fake_kernels.image())
    x86[0x236] = 1  # 64 bits (boot.rst, xloadflags)
    return [bytes(x86), arm]


@cache
def module_files() -> list[bytes]:
    """Modules, as distributions compress them."""
    plain = b"\x7fELF...\0license=GPL\0depends=nfnetlink,libcrc32c\0softdep=pre: crc32c post: x\0"
    return [fake_kernels._packed(plain * 1000, how) for how in ("xz", "gz", "zst")]


def read_package(path: Path) -> None:
    """As `netlab matrix --kernel` does."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unpack.unpack([path], Path(folder))


def read_image(path: Path) -> None:
    """As `netlab matrix --kernel` does with an image."""
    release.of(path)
    if bzimage.is_one(bzimage.head(path)):
        boot.check(path)


def read_module(path: Path) -> None:
    """As a guest's modules are chosen."""
    list(modules.needs(modules.read(path)))


def many_times(data: bytes, random: Random) -> bytes:
    """A bomb: whatever was there, it becomes gigabytes."""
    return mutate.bomb(random)


BYTES = (mutate.of_bytes, mutate.of_lines)
#: By name, and how many of each are a whole run.
KINDS: dict[str, tuple[int, Kind]] = {
    "scenarios": (9000, Kind(
        ".yaml", lambda: scenario_files(".yaml"), (*BYTES, mutate.of_yaml), read_scenario)),
    "stories": (1000, Kind(".py", lambda: scenario_files(".py"), BYTES, read_scenario)),
    "texts": (10_000, Kind(".txt", texts, BYTES, read_sockets)),
    "snapshots": (5000, Kind(
        ".json", snapshots, (mutate.of_json, mutate.of_json, mutate.of_bytes), read_sockets)),
    "runs": (3000, Kind(
        ".jsonl", run_files, (mutate.of_json, mutate.of_json, *BYTES), read_run)),
    "baselines": (2000, Kind(
        ".yaml", baseline_files, (mutate.of_yaml, mutate.of_yaml, *BYTES), read_baseline)),
    "debs": (700, Kind(".deb", debs, (mutate.of_deb,) * 19 + (many_times,), read_package)),
    "rpms": (700, Kind(".rpm", rpms, (mutate.of_rpm,), read_package)),
    "images": (300, Kind("", images, (mutate.image,), read_image)),
    "modules": (300, Kind(".ko.xz", module_files, (mutate.of_bytes,), read_module)),
}  # fmt: skip
