# SPDX-License-Identifier: GPL-2.0-or-later
"""Breaks data: bytes of any file, values of what is structured, and what is inside packages."""

from __future__ import annotations

import copy
import gzip
import io
import json
import lzma
import struct
import tarfile
from random import Random
from typing import Any

import yaml
import zstandard

#: What programs stumble over, put in anywhere.
TOKENS = (
    b"\0", b"\x1b]0;x\x07", b"\x9b2J", b"\xed\xa0\x80", b"\xff\xfe", "\u202e".encode(), b"9" * 400,
    b"9" * 5000, b"-1", b"1e999", b"NaN", b"0x7f", b"1_0", b"1:59:59", b"2026-99-99", b"[" * 300,
    b"{a: " * 60, b"(" * 200, b"- " * 200, b"&a [*a, *a]", b"<<: ", b"!!python/name:os.system ",
    b"*", b"%", b"'", b'"', b"\\", b"\\ud800", b"\n", b"\r", b"\t", b" " * 4000, b"=== web1 ===\n",
    b"users:((", b"timer:(on,", b"ino:", b"root@a:~# ss -tan\n", b"> ", b"TcpExt: ", b"*:*",
)  # fmt: skip
#: Values that are of the wrong kind in most places.
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1 << 31, 1 << 64, 10**400, 0.5, float("nan"), float("inf"),
    "", "x", "1", "\x1b[2J", "\ud800", "\0", "a\nb", "9" * 5000, "x" * 70_000,
    [], {}, [[]], [None], {"": None}, [1] * 1000, {"u16": "AAAA"}, {"u32": "A" * 1000},
    "2026-01-01", "ESTABLISHED", "client",
)  # fmt: skip

LONG = 500  # characters of a text, or items of a list


def of_bytes(data: bytes, random: Random) -> bytes:
    """Some bytes changed, taken out, put in, moved, or said many times."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randrange(len(changed) + 1)
        end = min(len(changed), at + random.choice((1, 1, 4, 40, 400)))
        match random.randrange(8):
            case 0:
                changed[at:end] = random.randbytes(end - at)
            case 1:
                del changed[at:end]
            case 2 | 3:
                changed[at:at] = random.choice(TOKENS)
            case 4:
                other = random.randrange(len(changed) + 1)
                changed[at:at] = changed[other : other + 200]
            case 5:
                changed[at:end] = changed[at:end] * random.choice((2, 10, 1000))
            case 6:
                del changed[at:]
            case 7 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
    return bytes(changed[: 8 << 20])


def of_lines(data: bytes, random: Random) -> bytes:
    """Lines taken out, doubled, mixed, joined, or said thousands of times."""
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 2, 5))):
        at = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                lines[at:at] = [lines[random.randrange(len(lines))]]
            case 1:
                del lines[at : at + random.choice((1, 3))]
            case 2:
                random.shuffle(lines)
            case 3:
                lines[at] = lines[at] + lines[at - 1]
            case 4:
                lines[at : at + 1] = [lines[at]] * random.choice((2, 100, 5000))
            case 5:
                lines[at] = lines[at] * random.choice((2, 50))
        lines = lines or [b""]
    return b"\n".join(lines)[: 1 << 20]


def of_values(data: Any, random: Random) -> Any:
    """Values replaced by strange ones, moved, taken out, doubled, or buried deep."""
    whole = copy.deepcopy([data])
    for _ in range(random.choice((1, 1, 2, 6))):
        place, key = _somewhere(whole, random)
        match random.randrange(6):
            case 0 | 1:
                place[key] = random.choice(STRANGE)
            case 2:
                other, its = _somewhere(whole, random)
                place[key] = copy.deepcopy(other[its])
            case 3:
                for _ in range(random.choice((1, 30, 300, 900))):
                    place[key] = [place[key]] if random.random() < 0.5 else {"a": place[key]}
            case 4 if isinstance(place, dict):
                del place[key]
                place[random.choice(("x", "", "kind", "size", key))] = random.choice(STRANGE)
            case _:
                if isinstance(place[key], list):
                    place[key] = place[key] * _times(place[key], 300, random)
                elif isinstance(place[key], (int, float)):
                    place[key] = place[key] * random.choice((-1, 1000, 10**12))
                elif isinstance(place[key], str):
                    place[key] = place[key] * _times(place[key], 5000, random)
    return whole[0]


def _times(what: list[Any] | str, many: int, random: Random) -> int:
    """How often it is said: what is long by now is not said many times more."""
    return random.choice((0, 2, many if len(what) < LONG else 2))


def _somewhere(data: Any, random: Random) -> tuple[Any, Any]:
    place, key = data, 0
    while True:
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or random.random() < 0.15:
            return place, key
        place = inner
        key = random.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))


def of_json(data: bytes, random: Random) -> bytes:
    """JSON, one object or one a line, with values changed."""
    lines = data.splitlines()
    at = random.randrange(len(lines))
    with_limit = of_values(json.loads(lines[at]), random)
    try:
        lines[at] = json.dumps(with_limit).encode()
    except (ValueError, RecursionError, MemoryError):  # such a file nobody could write
        return of_bytes(data, random)
    return b"\n".join(lines)


def of_yaml(data: bytes, random: Random) -> bytes:
    """YAML with values changed."""
    try:
        changed = of_values(yaml.load(data, yaml.CSafeLoader), random)
        return yaml.dump(changed, Dumper=yaml.CSafeDumper, allow_unicode=True).encode(
            errors="surrogatepass"
        )
    except (ValueError, RecursionError, yaml.YAMLError):
        return of_bytes(data, random)


# --- packages


def of_tar(data: bytes, random: Random) -> bytes:
    """A tar archive with one header changed and its sum right again."""
    begin = random.randrange(len(data) // 512) * 512
    header = bytearray(data[begin : begin + 512])
    match random.randrange(4):
        case 0:
            header[124:136] = random.choice(
                (b"77777777777\0", b"\x80" + b"\xff" * 11, b"-0000000001\0")
            )
        case 1:
            header[156:157] = random.choice((*b"0123467LKxgSV",)).to_bytes(1, "big")
        case 2:
            header[:100] = random.randbytes(100)
        case 3:
            header[random.randrange(512)] ^= 255
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return data[:begin] + header + data[begin + 512 :]


def of_deb(data: bytes, random: Random) -> bytes:
    """A .deb whose archive is changed inside its compression, or as it is."""
    at = data.find(b"data.tar")
    if random.random() < 0.3 or at < 0:
        return of_bytes(data, random)
    inside = _plain(data[at + 60 :])
    inside = of_tar(inside, random) if random.random() < 0.6 else of_bytes(inside, random)
    packed = _packed(inside, random)
    head = bytearray(data[at : at + 60])
    head[48:58] = b"%-10d" % len(packed)
    return data[:at] + bytes(head) + packed


def of_rpm(data: bytes, random: Random) -> bytes:
    """An .rpm whose archive is changed inside its compression, or whose headers are."""
    begin = 96 + 2 * 24
    if random.random() < 0.3:
        return of_bytes(data[:begin], random) + data[begin:]
    inside = bytearray(of_bytes(_plain(data[begin:]), random))
    if random.random() < 0.5 and len(inside) > 200:
        at = inside.find(b"070701", random.randrange(len(inside)))
        if at >= 0:
            field = at + 6 + 8 * random.randrange(13)
            inside[field : field + 8] = random.choice(
                (b"FFFFFFFF", b"00000000", b"7FFFFFFF", b"+0000001")
            )
    return data[:begin] + _packed(bytes(inside), random)


def _plain(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def _packed(data: bytes, random: Random) -> bytes:
    made: Any = random.choice((zstandard.compress, lzma.compress, gzip.compress, bytes))
    packed: bytes = made(data)
    return packed if random.random() < 0.8 else of_bytes(packed, random)


def bomb(random: Random) -> bytes:
    """A .deb of some kilobytes that unpacks to gigabytes."""
    header = tarfile.TarInfo(
        random.choice(("boot/vmlinuz-6.1", "x", "lib/modules/6.1/kernel/net/x.ko"))
    )
    header.size = 3 << 30
    header.type = random.choice((b"0", b"L", b"x", b"S", b"2", b"5"))
    zeros = random.choice((zstandard.compress, gzip.compress))(bytes(1 << 22))
    first = zstandard.compress if zeros.startswith(b"\x28") else gzip.compress
    data = first(header.tobuf(tarfile.GNU_FORMAT)) + zeros * 768
    part = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"data.tar", 0, 0, 0, b"100644", len(data))
    return b"!<arch>\n" + part + data


def image(data: bytes, random: Random) -> bytes:
    """The image of a kernel, changed in its header, or compressed."""
    changed = bytearray(data)
    if random.random() < 0.5 and len(changed) > 0x210:
        struct.pack_into("<H", changed, 0x20E, random.randrange(1 << 16))
    broken = of_bytes(bytes(changed), random)
    return gzip.compress(broken) if random.random() < 0.2 else broken


def tar(content: dict[str, bytes]) -> bytes:
    """A tar archive of files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()
