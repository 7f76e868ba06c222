# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the same seed and the same program lose the same packets, every time. Run it by hand:

    .venv/bin/python scripts/same_fate.py            100 runs of each program, a fifth lost, seed 7
    .venv/bin/python scripts/same_fate.py 20 5% 3    20 runs, 5% lost, seed 3

What was sent at one end and did not arrive at the other is lost: that is read from the packets that
were seen at both ends, and not from what the wire says. One line a program: of how many runs the
lost packets are the same, acknowledgments included. Those that another run does not send (where
data are cut otherwise, or acknowledged later) cannot be the same: the download of 200 kB shows it.
"""

from __future__ import annotations

import collections
import sys
import tempfile
from pathlib import Path

from netlab import Lab, Side
from netlab.programs.naming import Naming

PATIENCE = 120.0
QUIET = 0.3  # seconds: what is still under way arrives
KINDS = {4: b"\x08\x00", 6: b"\x86\xdd"}
WEB = f"{sys.executable} -m http.server --bind :: -d {{folder}} 8000"
GET = "import urllib.request; urllib.request.urlopen('http://server:8000/', timeout=100).read()"
PROGRAMS = {  # what serves, its port, and what is run
    "curl": (WEB, 8000, "curl -s -m 100 -o /dev/null http://server:8000/"),
    "urllib": (WEB, 8000, f'{sys.executable} -c "{GET}"'),
    "redis-cli": (
        "redis-server --bind * -::* --protected-mode no --save '' --dir {folder}",
        6379,
        "redis-cli -h server -r 5 set a b",
    ),
    "curl, 200 kB": (WEB, 8000, "curl -s -m 100 -o /dev/null http://server:8000/big"),
}

Name = tuple[int, ...]


def lost(serving: str, port: int, running: str, share: str, seed: int) -> tuple[Name, ...]:
    """The packets that one run has lost, by name."""
    with Lab(record=True) as lab:
        lab.server.start(serving, ready=port)
        lab.wire.loss(share, seed=seed)
        lab.client.run(running).wait(PATIENCE)
        lab.wait(lambda: None, QUIET)
        recording = lab.recorder.recording(lab.flow())  # type: ignore[union-attr] # it has one
    arrived = collections.Counter(each.data for each in recording.frames if each.seen == "in")
    naming, names = Naming(), []
    for frame in recording.frames:
        if frame.seen == "out":
            header = bytes(12) + KINDS[frame.data[0] >> 4]
            name = naming.name(header + frame.data, int(frame.side is Side.SERVER))
            if not arrived[frame.data]:
                names.append(name)
            arrived[frame.data] -= arrived[frame.data] > 0
    return tuple(sorted(names))


def main(runs: int = 100, share: str = "20%", seed: int = 7) -> None:
    """Print a line for each program."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "big").write_bytes(bytes(200_000))
        Path(folder).chmod(0o755)
        for name, (serving, port, running) in PROGRAMS.items():
            asked = serving.format(folder=folder), port, running
            seen = collections.Counter(lost(*asked, share, seed) for _ in range(runs))
            names, most = seen.most_common(1)[0]
            print(f"{name}: {most} of {runs} lost the same, {len(names)} packets", flush=True)


if __name__ == "__main__":
    number, *rest = sys.argv[1:] or ["100"]
    main(int(number), *(kind(word) for kind, word in zip((str, int), rest, strict=False)))
