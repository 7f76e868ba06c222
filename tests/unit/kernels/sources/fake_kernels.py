# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that no machine boots, in packages that every apt takes, in archives that are signed."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import zstandard

from netlab.kernels.vm.archive import Archive

RELEASE = "6.1.0-9-cloud-amd64"


def image(release: str = RELEASE, size: int = 4096) -> bytes:
    """As much of a bzImage as says which release it is; what follows is not compressible."""
    text = f"{release} (somebody@somewhere) #1 SMP".encode() + b"\0"
    head = bytearray(0x600)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x210).to_bytes(2, "little")
    head[0x410 : 0x410 + len(text)] = text
    noise = b"".join(hashlib.sha512(b"%d" % i).digest() for i in range(size // 64))
    return bytes(head) + noise


def files(release: str = RELEASE, modules: str = "lib/modules") -> dict[str, bytes]:
    """An image and modules as a package has them, one of which no lab needs."""
    there = f"{modules}/{release}"
    return {
        f"boot/vmlinuz-{release}": image(release),
        f"{there}/modules.builtin": b"kernel/net/core/failover.ko\n",
        f"{there}/kernel/net/sched/sch_netem.ko.xz": b"netem",
        f"{there}/kernel/drivers/net/veth.ko.xz": b"veth",
        f"{there}/kernel/drivers/gpu/drm/drm.ko.xz": b"drm",
        "usr/share/doc/copyright": b"GPL",
    }


def deb(path: Path, content: Mapping[str, bytes], control: str = "", packing: str = "xz") -> None:
    """Write a .deb."""
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": lzma.compress(_tar({"control": control.encode()})),
        f"data.tar.{packing}".removesuffix("."): _packed(_tar(content), packing),
    }
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, data in parts.items():
            file.write(b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name.encode(), 0, 0, 0, b"100644",
                                                            len(data)))  # fmt: skip
            file.write(data + b"\n" * (len(data) % 2))


def rpm(path: Path, content: Mapping[str, bytes], packing: str = "zst") -> None:
    """Write an .rpm: its lead, two empty headers, and a cpio archive."""
    file = io.BytesIO()
    archive = Archive(file)
    for name, data in content.items():
        archive.file(f"./{name}", data)
    archive.close()
    path.write_bytes(rpm_of(_packed(file.getvalue(), packing)))


def rpm_of(payload: bytes) -> bytes:
    """An .rpm with this behind its headers."""
    header = (
        b"\x8e\xad\xe8\x01" + bytes(4) + (0).to_bytes(4, "big") + (8).to_bytes(4, "big") + bytes(8)
    )
    return b"\xed\xab\xee\xdb" + bytes(92) + header + header + payload


def deb_of(data: bytes, name: bytes = b"data.tar") -> bytes:
    """A .deb with this as its data."""
    head = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(data))
    return b"!<arch>\n" + head + data


def _tar(content: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _packed(data: bytes, packing: str) -> bytes:
    match packing:
        case "xz":
            return lzma.compress(data)
        case "gz":
            return gzip.compress(data)
        case "zst":
            return zstandard.compress(data)
    return data


@dataclass(frozen=True)
class Package:
    """What an archive lists."""

    name: str
    version: str
    content: Mapping[str, bytes] = field(default_factory=dict)
    depends: str = ""


def publish(root: Path, suite: str, origin: str, packages: list[Package], home: Path) -> None:
    """Make a suite of an archive, signed by the key that is in a home of gpg's."""
    listed = []
    pool = root / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    for package in packages:
        path = pool / f"{package.name}_{package.version}_amd64.deb"
        control = f"Package: {package.name}\nVersion: {package.version}\nArchitecture: amd64\n"
        control += f"Maintainer: nobody\nDescription: none\nDepends: {package.depends}\n"
        control = control.replace("Depends: \n", "")
        deb(path, package.content, control)
        data = path.read_bytes()
        listed.append(
            f"{control}Filename: pool/{path.name}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
    inner = Path("main/binary-amd64/Packages")
    folder = root / "dists" / suite
    (folder / inner).parent.mkdir(parents=True, exist_ok=True)
    (folder / inner).write_text("\n".join(listed))
    data = (folder / inner).read_bytes()
    release = folder / "Release"
    release.write_text(
        f"Origin: {origin}\nLabel: {origin}\nSuite: {suite}\nCodename: {suite}\n"
        "Date: Sat, 01 Jan 2022 00:00:00 UTC\nArchitectures: amd64\nComponents: main\n"
        f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} {inner}\n"
    )
    gpg(home, "--clearsign", "--yes", "-o", str(folder / "InRelease"), str(release))
    release.unlink()


def gpg(home: Path, *words: str) -> bytes:
    """Run gpg with a home of its own."""
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *words]
    return subprocess.run(command, check=True, capture_output=True).stdout


class Handler(SimpleHTTPRequestHandler):
    """Serves files and parts of files, and hangs up early where it is told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file, or its rest."""
        mirror: Mirror = self.server.mirror  # type: ignore[attr-defined]
        path = Path(self.translate_path(self.path))
        begin = int(self.headers.get("Range", "bytes=0-").split("=")[1].rstrip("-") or 0)
        mirror.asked.append((path.name, begin))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        whole = len(data)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(whole - begin))
        self.send_header("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")
        self.end_headers()
        sent = data[begin:]
        if mirror.hang_up is not None and path.suffix == ".deb":
            sent = sent[: mirror.hang_up]
            self.close_connection = True
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: it is all in `Mirror.asked`."""


@dataclass
class Mirror:
    """A mirror on this machine."""

    url: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)  # file, and from which byte on
    hang_up: int | None = None  # after so many bytes of a package

    @property
    def packages(self) -> list[tuple[str, int]]:
        """What was asked for of packages."""
        return [each for each in self.asked if each[0].endswith(".deb")]


@contextmanager
def serve(root: Path) -> Iterator[Mirror]:
    """Serve a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    mirror = Mirror(f"http://127.0.0.1:{server.server_port}")
    server.mirror = mirror  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
