# SPDX-License-Identifier: GPL-2.0-or-later
"""What is packed for a guest: this machine's programs with their needs, or a sentence on why not.

The loader of this machine is asked what it would load (``ld.so --list``), and must agree.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from netlab.audit.plan import AuditPlan
from netlab.kernels.vm.accelerator import tiny_program
from netlab.kernels.warp import audition, elf, interpreters, order, parcel, surroundings
from netlab.kernels.warp.interpreters import imported
from netlab.kernels.warp.libraries import Libraries
from netlab.kernels.warp.packing import Packing
from netlab.kernels.warp.parcel import Parcel, WarpRequest
from netlab.kernels.warp.tree import Tree
from netlab.model.errors import ScenarioError

from .... import programs
from ....programs import need
from ..vm.test_archive import unpacked

ARM = 183  # EM_AARCH64


def packed(*line: str, folder: Path | None = None, **more: object) -> Parcel:
    """A parcel of a command, as this process would run it."""
    request = WarpRequest(line, dict(os.environ), str(folder or Path.cwd()), **more)  # type: ignore[arg-type]
    return parcel.packed(request)


def refusal(*line: str, folder: Path | None = None, **more: object) -> str:
    with pytest.raises(ScenarioError) as raised:
        packed(*line, folder=folder, **more)
    return str(raised.value)


def program(path: Path, data: bytes = b"", mode: int = 0o755) -> str:
    """A file that can be executed: a complete program of 200 bytes, if nothing else is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data or tiny_program())
    path.chmod(mode)
    return str(path)


def needing(*libraries: str, rpath: str = "") -> bytes:
    """A shared object of nothing but the list of what it needs (elf(5))."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*libraries, rpath))
    base = 0x400000
    head = 64 + 2 * 56
    tags = [(1, names.index(b"\0" + name.encode() + b"\0") + 1) for name in libraries]
    tags += [(29, names.index(b"\0" + rpath.encode() + b"\0") + 1)] if rpath else []
    tags += [(5, base + head), (10, len(names)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    size = head + len(names) + len(dynamic)
    kinds = ((1, 0, size), (2, head + len(names), len(dynamic)))
    segments = b"".join(
        struct.pack("<IIQQQQQQ", kind, 4, at, base + at, base + at, length, length, 8)
        for kind, at, length in kinds
    )
    start = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0,
    )  # fmt: skip
    return start + segments + names + dynamic


# --- trees


def test_links_are_followed_inside_another_systems_root(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/real").write_text("x")
    (tmp_path / "bin").symlink_to("/usr/bin")
    (tmp_path / "usr/bin/name").symlink_to("../../bin/real")
    way = Tree(tmp_path).way("/bin/name")
    assert way.end == "/usr/bin/real"
    assert way.links == {"/bin": "/usr/bin", "/usr/bin/name": "../../bin/real"}


def test_no_link_leads_out_of_a_root(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("../../../../../etc/passwd")
    assert Tree(tmp_path).way("/out").end == "/etc/passwd"
    assert Tree(tmp_path).file("/out") is None


def test_links_that_never_end_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert Tree(tmp_path).file("/a") is None
    assert not Tree(tmp_path).is_program("/a")


# --- libraries


@pytest.mark.parametrize("name", ["sh", "ls", "curl", "git", "node"])
def test_the_shared_objects_are_those_that_the_loader_takes(name: str) -> None:
    path = programs.found(name) or pytest.skip(f"{name} is not installed")
    about = elf.read(path, Path(path))
    if about is None or not about.loader:
        pytest.skip(f"{path} is no program with shared objects")
    told = subprocess.run(
        [about.loader, "--list", path], capture_output=True, text=True, check=True
    )
    taken = {os.path.realpath(each) for each in re.findall(r"(/\S+) \(0x", told.stdout)}
    files = {os.path.realpath(file) for file in packed(name).packing.files}
    assert taken
    assert taken <= files


def test_a_library_is_looked_for_where_the_object_says_and_then_where_its_system_does(
    tmp_path: Path,
) -> None:
    for folder in ("own", "configured", "lib64"):
        program(tmp_path / folder / "libz.so.1", needing())
    program(tmp_path / "app/prog", needing("libz.so.1", rpath="$ORIGIN/../own"))
    (tmp_path / "etc/ld.so.conf.d").mkdir(parents=True)
    (tmp_path / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
    (tmp_path / "etc/ld.so.conf.d/x.conf").write_text("# where they are\n/configured\n")
    tree = Tree(tmp_path)

    def found() -> list[str]:
        about = elf.read("/app/prog", tmp_path / "app/prog")
        assert about is not None
        return Libraries(tree).find("libz.so.1", about)

    assert found() == ["/own/libz.so.1"]
    (tmp_path / "own/libz.so.1").unlink()
    assert found() == ["/configured/libz.so.1"]
    arm = bytearray(needing())
    arm[18:20] = struct.pack("<H", ARM)
    (tmp_path / "configured/libz.so.1").write_bytes(arm)
    assert found() == ["/lib64/libz.so.1"]


def test_a_damaged_file_says_nothing(tmp_path: Path) -> None:
    data = needing("libc.so.6")
    for length in range(4, len(data), 7):
        (tmp_path / "cut").write_bytes(data[:length])
        about = elf.read("/cut", tmp_path / "cut")
        assert about is None or about.needed in ((), ("libc.so.6",))


# --- what cannot be packed


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no program 'no-such-thing' in any folder of PATH" in refusal("no-such-thing")
    assert refusal("./x", folder=tmp_path) == "there is no program ./x"
    assert "is a folder" in refusal("./", folder=tmp_path)


def test_a_file_that_is_not_executable(tmp_path: Path) -> None:
    program(tmp_path / "x", mode=0o644)
    assert refusal("./x", folder=tmp_path) == "./x is not executable: chmod +x ./x"


def test_a_program_for_another_machine(tmp_path: Path) -> None:
    data = bytearray(tiny_program())
    data[18:20] = struct.pack("<H", ARM)
    path = program(tmp_path / "x", bytes(data))
    assert refusal(path) == (
        f"{path} is a program for 64-bit ARM, and guests are 64-bit x86: build it for x86-64"
    )


def test_a_library_that_is_missing(tmp_path: Path) -> None:
    path = program(tmp_path / "x", needing("libnobody.so.7"))
    assert f"{path} needs the shared object libnobody.so.7, which is in no folder" in refusal(path)


def test_a_library_of_a_library_that_is_missing(tmp_path: Path) -> None:
    program(tmp_path / "liba.so", needing("libnobody.so.7"))
    path = program(tmp_path / "x", needing("liba.so", rpath="$ORIGIN"))
    assert f"{tmp_path}/liba.so needs the shared object libnobody.so.7" in refusal(path)


@pytest.mark.parametrize(
    ("text", "interpreter"),
    [
        ("#!/no/such/thing -x\n", "/no/such/thing"),
        ("#!/usr/bin/env no-such\n", "no-such"),
    ],
)
def test_a_script_whose_interpreter_is_missing(text: str, interpreter: str, tmp_path: Path) -> None:
    path = program(tmp_path / "x", text.encode())
    assert f"{path}: its interpreter {interpreter}" in refusal(path)


def test_a_text_is_no_program(tmp_path: Path) -> None:
    path = program(tmp_path / "x", b"echo hello\n")
    assert f"{path} is no program: expected an ELF file, or a script" in refusal(path)


def test_something_more_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("nowhere")
    said = refusal("true", folder=tmp_path, more=["x"])
    assert said == "--with x: it may not be read, or leads nowhere"
    said = refusal("true", more=["no-such-thing"])
    assert said == (
        "--with no-such-thing: there is no such file or folder, and no program of that name"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    program(tmp_path / "x", mode=0o311)
    assert refusal("./x", folder=tmp_path) == "./x may not be read, and has to be, to be packed"
    said = refusal("true", folder=tmp_path, more=["x"])
    assert said == "--with x: it may not be read, or leads nowhere"


def test_a_server_whose_command_has_an_open_quote() -> None:
    assert refusal("true", serve=["sh -c 'true"]) == '--serve "sh -c \'true": no closing quotation'


def test_a_server_that_is_no_command() -> None:
    assert refusal("true", serve=["true", " "]) == "--serve ' ': expected a command"


# --- what is packed


def test_files_and_programs_that_the_command_names_are_packed(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    found = packed("env", "cat", "data.txt", "folder", folder=tmp_path)
    assert str(tmp_path / "data.txt") in found.packing.files
    assert os.path.realpath(programs.found("cat") or "") in found.packing.files
    assert found.remarks == ("the folder folder is not packed: --with folder packs it",)
    more = packed("cat", "folder", folder=tmp_path, more=["folder"])
    assert (str(tmp_path / "folder") in more.packing.folders, more.remarks) == (True, ())


def test_programs_that_a_shell_script_names_are_packed(tmp_path: Path) -> None:
    program(tmp_path / "inner", b"#!/bin/sh\nsleep 1 # and no uname\n")
    path = program(tmp_path / "x", b"#!/bin/sh\nif true; then ./inner $(date); fi\n")
    files = packed(path, folder=tmp_path).packing.files

    def has(name: str) -> bool:
        return os.path.realpath(programs.found(name) or "") in files

    assert (has("sh"), has("date"), has("sleep"), has("uname")) == (True, True, True, False)
    assert str(tmp_path / "inner") in files


def test_a_shells_own_words_are_read_too() -> None:
    files = packed("sh", "-c", "true && sleep 3").packing.files
    assert os.path.realpath(programs.found("sleep") or "") in files


def test_a_python_comes_with_its_library_and_the_modules_beside_a_script(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text("import near.deep, json\n")
    (tmp_path / "near").mkdir()
    (tmp_path / "near/__init__.py").write_text("")
    (tmp_path / "near/deep.py").write_text("import further\n")
    (tmp_path / "further.py").write_text("")
    (tmp_path / "stranger.py").write_text("")
    found = packed(sys.executable, "client.py", folder=tmp_path)
    names = {os.path.relpath(path, tmp_path) for path in found.packing.files
             if path.startswith(str(tmp_path))}  # fmt: skip
    assert names == {"client.py", "near/__init__.py", "near/deep.py", "further.py"}
    assert any(path.endswith("/json/decoder.py") for path in found.packing.files)
    assert any("/_socket." in path or "/socket.py" in path for path in found.packing.files)
    assert not any("/test/" in path for path in found.packing.files)


def test_of_too_many_packages_those_that_are_imported_are_packed_with_what_they_require(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(interpreters, "MOST", 0)
    (tmp_path / "beside.py").write_text("import requests, json\n")
    program(tmp_path / "tool", f"#!{sys.executable}\nimport beside\n".encode())
    found = packed("./tool", folder=tmp_path)
    packages = {match[1] for path in found.packing.files
                if (match := re.search(r"/site-packages/(\w+)/__init__\.py", path))}  # fmt: skip
    assert {"requests", "urllib3", "certifi"} <= packages
    assert not {"pytest", "scapy", "redis"} & packages
    (remark,) = found.remarks
    assert "those that the program imports (beside, requests) and what they require" in remark
    more = packed(sys.executable, "-c", "import requests", packages=["redis"])
    assert any("/site-packages/redis/__init__.py" in path for path in more.packing.files)


def test_a_shim_leads_to_what_it_starts(tmp_path: Path) -> None:
    shim = program(tmp_path / "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode())
    found = packed(shim, "-c", "pass")
    assert found.told.client.program == sys.executable
    assert list(found.told.client.line) == [sys.executable, "-c", "pass"]
    assert found.packing.links[shim] == sys.executable


def test_an_interpreter_that_does_not_answer_is_named(tmp_path: Path) -> None:
    path = program(tmp_path / "python3", b"#!/bin/sh\necho broken >&2; exit 1\n")
    assert refusal(path) == f"{path} does not say what it comes with: broken"


def test_imports_are_found_wherever_they_are() -> None:
    code = "import a.b\ndef f():\n    from c import d\n    from . import e\n"
    assert imported(code) == {"a", "c"}
    assert imported("no python at all") == set()


def test_an_audit_comes_with_what_its_server_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talk.yaml").touch()
    found = parcel.packed(audition.request(AuditPlan(("true",), talks="talk.yaml"), ["refused"]))
    assert f"{tmp_path}/talk.yaml" in found.packing.files
    plan = AuditPlan(("true",), talks="tls-http")
    (tmp_path / "openssl").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert f"{tmp_path}/openssl" in parcel.packed(audition.request(plan, [])).packing.links


def test_the_surroundings_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "own.pem"
    bundle.write_text("x")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    files = packed("true").packing.files
    assert {"/etc/passwd", "/etc/hosts", str(bundle)} <= files.keys()


def test_what_runs_on_this_machine_stays_on_it(tmp_path: Path) -> None:
    secret = tmp_path / "run/container/config.json"
    secret.parent.mkdir(parents=True)
    secret.touch()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    packing = Packing(Tree(tmp_path))
    surroundings.add(packing, {})
    assert packing.links == {"/var/run": "/run"}
    assert packing.files == {}


def test_all_of_another_system_is_packed_and_nothing_of_this_one(tmp_path: Path) -> None:
    program(tmp_path / "usr/bin/app")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("nobody")
    found = packed("app", folder=Path("/"), root=tmp_path)
    assert {*found.packing.files} == {"/usr/bin/app", "/etc/passwd"}
    assert found.packing.links == {"/bin": "usr/bin"}


def test_a_program_of_another_system_is_checked_there(tmp_path: Path) -> None:
    program(tmp_path / "app", b"#!/bin/sh\n")
    assert "its interpreter /bin/sh is not here" in refusal("/app", folder=Path("/"), root=tmp_path)
    assert f"there is no program '{Path(sys.executable).name}' in {tmp_path}" in refusal(
        Path(sys.executable).name, folder=Path("/"), root=tmp_path
    )


# --- the archive


def test_the_archive_has_each_file_at_its_path_with_its_mode_and_time(tmp_path: Path) -> None:
    path = program(tmp_path / "x", mode=0o4711)
    os.utime(path, (1, 1234567890))
    file = io.BytesIO()
    packed(path, folder=tmp_path, input=b"given").write(file)
    found = dict(unpacked(file.getvalue()))
    entry = found[path.strip("/")]
    assert (stat.S_IMODE(entry.mode), entry.data) == (0o4711, tiny_program())
    assert found["tmp"].mode == stat.S_IFDIR | 0o1777
    assert found[order.INPUT.strip("/")].data == b"given"
    assert b"%08X" % 1234567890 in file.getvalue()


def test_what_is_said_to_a_guest_is_what_it_hears() -> None:
    serve = ("sleep 1", "sh -c 'sleep 2'")
    told = packed(
        *("sh", "-c", "true"), until=3.0, user=(1, 2, (2, 3)), terminal=(24, 80), serve=serve
    ).told
    heard = order.WarpOrder.of(told.json())
    assert (heard.client.program, [*heard.client.line]) == (
        told.client.program,
        ["sh", "-c", "true"],
    )
    assert (heard.until, heard.environment) == (3.0, told.environment)
    assert [[*each.line] for each in heard.servers] == [["sleep", "1"], ["sh", "-c", "sleep 2"]]
    assert (tuple(heard.user or ()), tuple(heard.terminal or ())) == ((1, 2, [2, 3]), (24, 80))


def test_a_folder_that_is_packed_brings_what_its_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/file").write_text("x")
    (tmp_path / "a/link").symlink_to("../b/file")
    (tmp_path / "a/round").symlink_to("..")
    packing = Packing(Tree())
    packing.add(str(tmp_path / "a"))
    assert {*packing.files} == {str(tmp_path / "b/file")}
    assert packing.links[str(tmp_path / "a/link")] == "../b/file"


def test_a_static_program_needs_nothing(tmp_path: Path) -> None:
    path = need("busybox")
    assert elf.read(path, Path(path)) == elf.ElfFile(os.path.abspath(path), "x64", 64)
